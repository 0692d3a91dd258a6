#!/usr/bin/env bash
# make demo: set-up, build, the original document's five suites against a real model server.
set -euo pipefail
cd "$(dirname "$0")/.."
start=$SECONDS
say() { printf '[%3d s] %s\n' $((SECONDS - start)) "$*"; }

say "set-up (what is there already is left alone)"
tools/setup/setup.sh demo
say "building build/mmsperf-bpf"
make -s -j"$(nproc)"
say "running the five suites of tests/ (not tests/scenarios) against a real Multi Model Server; artifacts in out/"
# exec'd as a plain child in our process group: Ctrl-C reaches it, and it cleans up after itself.
rc=0
build/mmsperf-bpf --suite tests/ --exclude-pattern 'scenarios/*' --artifacts-dir out || rc=$?
say "finished with exit code $rc"
exit "$rc"

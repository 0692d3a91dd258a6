#!/usr/bin/env bash
# Runs the tests: tests/run.sh [unit] [san] [bpf] [e2e]; without arguments set-up first, then all.
# Each program's output goes to build/test-logs/ and is shown when it fails. The last line is
# "N passed, N failed[, N skipped]"; exit 1 when anything failed.
set -euo pipefail
cd "$(dirname "$0")/.."
logs=build/test-logs
passed=0 failed=0 skipped=0
start=$SECONDS
current=

say() { printf '[%3d s] %s\n' $((SECONDS - start)) "$*"; }

# A program that is still running when we are told to stop goes with us, with all it started.
stop() {
	trap - INT TERM
	[ -z "$current" ] || kill -TERM -- "-$current" 2>/dev/null || true
	[ -z "$current" ] || wait "$current" 2>/dev/null || true
	exit $((128 + $1))
}
trap 'stop 2' INT
trap 'stop 15' TERM

# run_logged LOG LIMIT CMD...: in a session of its own, with a time limit; status in $status.
run_logged() {
	local log=$1 limit=$2
	shift 2
	setsid timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null &
	current=$!
	status=0
	wait "$current" || status=$?
	current=
}

# cmocka_program PATH: counts its TAP lines.
cmocka_program() {
	local name=${1#build/} log ok bad skip
	log=$logs/$(tr / - <<<"$name").log
	CMOCKA_MESSAGE_OUTPUT=TAP run_logged "$log" 300 "$1"
	ok=$(grep -cE '^ok [0-9]+' "$log" || true)
	skip=$(grep -cE '^not ok [0-9]+ # SKIP' "$log" || true) # as cmocka 1.1 writes it
	bad=$(($(grep -cE '^not ok [0-9]+' "$log" || true) - skip))
	if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi # it crashed, or a set-up function failed
	if [ $((ok + bad + skip)) = 0 ]; then bad=1; echo "$1 ran no test" >>"$log"; fi
	account "$name" "$log" "$ok" "$bad" "$skip"
}

# script_program NAME LIMIT CMD...: counts the "N passed, N failed, N skipped" of its last line.
script_program() {
	local name=$1 limit=$2 log ok bad skip line
	shift 2
	log=$logs/$(tr / - <<<"$name").log
	run_logged "$log" "$limit" "$@"
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 || true)
	ok=$(sed -nE 's/^([0-9]+) passed.*/\1/p' <<<"$line")
	bad=$(sed -nE 's/.* ([0-9]+) failed.*/\1/p' <<<"$line")
	skip=$(sed -nE 's/.* ([0-9]+) skipped.*/\1/p' <<<"$line")
	ok=${ok:-0} bad=${bad:-0} skip=${skip:-0}
	if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
	if [ $((ok + bad + skip)) = 0 ]; then bad=1; echo "$name ran no test" >>"$log"; fi
	account "$name" "$log" "$ok" "$bad" "$skip"
}

account() {
	passed=$((passed + $3)) failed=$((failed + $4)) skipped=$((skipped + $5))
	if [ "$4" != 0 ]; then
		say "FAILED $1 (exit $status): $4 failed, $3 passed; its output:"
		sed 's/^/    /' "$2" | tail -n 200
	else
		say "ok     $1: $3 passed$([ "$5" = 0 ] || echo ", $5 skipped")"
	fi
	if [ "$5" != 0 ]; then grep -iE '^skipped' "$2" | sed 's/^/         /' || true; fi
}

unit() {
	local t
	make -s -j2 build-tests
	for t in $(find build/unit -type f -name 'test_*' ! -name '*.d' | sort); do cmocka_program "$t"; done
}

san() {
	local t
	make -s -j2 build-san
	export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
	for t in $(find build/san/unit -type f -name 'test_*' ! -name '*.d' | sort); do cmocka_program "$t"; done
}

bpf() {
	local t
	make -s -j2 build-tests
	for t in $(find build/bpftest -type f -name 'test_*' ! -name '*.d' | sort); do cmocka_program "$t"; done
}

e2e() {
	local t
	make -s -j2
	for t in tests/e2e/test_*.py; do script_program "${t#tests/}" 900 python3 "$t"; done
}

mkdir -p "$logs"
if [ $# = 0 ]; then
	say "set-up"
	tools/setup/setup.sh all
	export MMSPERF_TEST_WHOLE=1 # a browser that is not there is a failure, not a reason to skip
	set -- unit san bpf e2e
fi
for group in "$@"; do
	case $group in
	unit | san | bpf | e2e) say "== $group"; "$group" ;;
	*) echo "tests/run.sh: unknown group '$group' (unit, san, bpf, e2e)" >&2; exit 2 ;;
	esac
done
say "finished"
if [ "$skipped" = 0 ]; then
	printf '%d passed, %d failed\n' "$passed" "$failed"
else
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
fi
[ "$failed" = 0 ]

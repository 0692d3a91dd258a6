#!/usr/bin/env bash
# Runs the project's Multi Model Server in the foreground until it is told to end: tools/mms/start.sh [option of multi-model-server…]
# Environment: MMS_CONFIG (default tests/common/mms.properties), MMS_MODEL_STORE (default build/models), MMS_RUN (folder for its logs
# and temporary files, default build/run/mms; two servers need two). Works from any folder. Called by tests/common/mms.yaml.
#
# Owns: the server's surroundings. Its pid file and its workers' sockets lie in the temporary folder, so a shared one lets two servers
# collide; a pid file that a killed server left makes the next one refuse to start as soon as the number is in use again.
# Does not own: ending. The frontend leaves its Python processes running when it alone is ended: signal the whole process group.
set -euo pipefail
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
server=$root/build/venv-mms/bin/multi-model-server
config=$(realpath -- "${MMS_CONFIG:-$root/tests/common/mms.properties}")
models=$(realpath -- "${MMS_MODEL_STORE:-$root/build/models}")
die() { echo "tools/mms/start.sh: $*" >&2; exit 1; }
[ -x "$server" ] || die "no server in build/venv-mms: run 'make setup' first"
[ -d "$models" ] || die "no models in $models: run 'make setup' first"

run=${MMS_RUN:-$root/build/run/mms}
mkdir -p "$run/logs" "$run/tmp"
run=$(cd -P -- "$run" && pwd)
tmp=$run/tmp
pidfile=$tmp/.model_server.pid
if [ -e "$pidfile" ]; then
	pid=$(cat "$pidfile")
	if grep -qzF com.amazonaws.ml.mms.ModelServer "/proc/$pid/cmdline" 2>/dev/null; then
		die "a server with this folder is running already: process $pid ($pidfile)"
	fi
fi
find "$tmp" -mindepth 1 -delete # what a server that was killed left: its pid file, sockets and pipes

# A Unix socket's path has at most 107 bytes, and the sockets lie in Java's temporary folder: use a short way to it where ours is long.
temp=$tmp
if [ ${#tmp} -gt 80 ]; then
	temp=/tmp/mms-$(printf %s "$tmp" | sha256sum | cut -c1-16)
	ln -sfn -- "$tmp" "$temp"
fi

export TMPDIR=$tmp TEMP=$temp LOG_LOCATION=$run/logs METRICS_LOCATION=$run/logs
# One request keeps one core busy: a pool of threads in every worker would only fight over them.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}
export PYTHONUNBUFFERED=1
cd -- "$run" # Java writes its crash files where it runs, and puts that folder on its class path
exec "$server" --start --foreground --mms-config "$config" --model-store "$models" "$@"

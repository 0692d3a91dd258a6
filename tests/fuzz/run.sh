#!/usr/bin/env bash
# Runs fuzz targets one after another: tests/fuzz/run.sh SECONDS PROGRAM…   (called by `make fuzz`)
# Seeds are tests/fuzz/seeds/NAME and, for suites, the malformed ones of tests/golden. What is found grows in build/fuzz/corpus/NAME and
# is used the next time. The last line is "N passed, N failed"; an input that breaks something is left in build/fuzz/NAME-crash-… (or -timeout-, -oom-, -leak-).
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
passed=0 failed=0
for program in "$@"; do
	name=${program##*/fuzz_}
	corpus=build/fuzz/corpus/$name
	log=build/fuzz/$name.log
	mkdir -p "$corpus"
	seeds=("tests/fuzz/seeds/$name")
	case $name in yaml | simple) seeds+=(tests/golden/bad-suites) ;; esac
	if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix="build/fuzz/$name-" "$corpus" "${seeds[@]}" >"$log" 2>&1 </dev/null; then
		passed=$((passed + 1))
		printf 'ok     fuzz_%s: %s runs\n' "$name" "$(sed -nE 's/^stat::number_of_executed_units: *//p' "$log")"
	else
		failed=$((failed + 1))
		printf 'FAILED fuzz_%s; its output (%s):\n' "$name" "$log"
		tail -n 40 "$log" | sed 's/^/    /'
	fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]

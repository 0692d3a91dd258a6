#!/usr/bin/env bash
# make bench: what a sample costs, ours beside its rivals; see bench.py --help for the parts and options.
# Compiles the rivals into build/bench/bin, unpacks those that are Debian packages into build/bench/packages (nothing is installed in the
# system, and no service of theirs is started), then measures. A short look: tools/bench/bench.sh --quick.
set -euo pipefail
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
cd -- "$root"
bin=build/bench/bin packages=build/bench/packages
mkdir -p "$bin"

for source in tools/bench/*.c; do
	program=$bin/$(basename "$source" .c)
	if [ ! -e "$program" ] || [ "$source" -nt "$program" ] || [ tools/bench/common.h -nt "$program" ]; then
		"${CC:-gcc}" -O2 -g -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
			"$source" -o "$program" -lm -lpthread
	fi
done

# Rivals from Debian: taken from PATH when they are there, else unpacked here. Without a network the benchmark goes on without them.
package() { # NAME PROGRAM
	if command -v "$2" >/dev/null || [ -x "$packages/usr/bin/$2" ] || ! command -v apt-get >/dev/null; then return 0; fi
	echo "bench: fetching Debian's $1 (the rival $2) into $packages"
	local tmp
	tmp=$(mktemp -d "$root/build/bench/deb.XXXXXX")
	if (cd "$tmp" && apt-get -q download "$1" >apt.log 2>&1 && dpkg -x ./*.deb "$root/$packages"); then :; else
		echo "bench: $1 is not to be had: $(grep -m1 '^E:' "$tmp/apt.log" || tail -n 1 "$tmp/apt.log")"
	fi
	rm -rf -- "$tmp"
}
package sysstat pidstat
package prometheus-process-exporter prometheus-process-exporter
package prometheus-node-exporter prometheus-node-exporter

exec python3 -B tools/bench/bench.py "$@"

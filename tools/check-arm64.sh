#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Compiles and links the whole program for arm64 (called by `make check-arm64`, as root): BPF objects for that architecture's
# registers, every C file with Debian's cross compiler, and headers and libraries of Debian's arm64 packages, which are unpacked below
# build/arm64 and installed nowhere. The result is not run: there is no such machine here. Downloads on first use.
# Exit status: 0 linked; 1 something does not compile; 3 packages are not to be had.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=build/arm64 root=$PWD/build/arm64/root aptdir=$PWD/build/arm64/apt
mkdir -p "$aptdir/lists/partial" "$aptdir/archives/partial" "$dir/debs" "$root"
say() { printf 'check-arm64: %s\n' "$*"; }
die() { printf 'check-arm64: %s\n' "$2" >&2; exit "$1"; }

# --- the compiler, and the packages' files ----------------------------------------
if ! command -v aarch64-linux-gnu-gcc >/dev/null; then
	[ "$(id -u)" = 0 ] || die 3 "aarch64-linux-gnu-gcc is missing; as root this installs gcc-aarch64-linux-gnu"
	say "installing gcc-aarch64-linux-gnu"
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		gcc-aarch64-linux-gnu libc6-dev-arm64-cross; } >"$dir/apt.log" 2>&1 ||
		die 3 "gcc-aarch64-linux-gnu cannot be installed; see $dir/apt.log"
fi
packages="libbpf-dev libelf-dev zlib1g-dev libyaml-dev libyaml-0-2 libxml2-dev libxml2 libcurl4-openssl-dev libcurl4
	libjansson-dev libjansson4 libsqlite3-dev libsqlite3-0 libexpat1-dev libexpat1 libcap-dev libcap2 libmd-dev libmd0 libelf1
	zlib1g libicu-dev liblzma-dev"
apt() {
	"$@" -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State::lists="$aptdir/lists" \
		-o Dir::State::status=/dev/null -o Dir::Cache="$aptdir" -o APT::Sandbox::User=root -o Acquire::Languages=none
}
if [ ! -e "$dir/unpacked" ]; then
	say "fetching arm64 packages"
	rm -f "$dir/missing"
	apt apt-get -qq update >"$dir/apt.log" 2>&1 || die 3 "the lists of arm64 packages cannot be read; see $dir/apt.log"
	# shellcheck disable=SC2086
	(cd "$dir/debs" && for p in $packages; do
		apt apt-get -qq download "$p" >>../apt.log 2>&1 || echo "$p" >>../missing
	done)
	[ ! -s "$dir/missing" ] || die 3 "not to be had for arm64: $(tr '\n' ' ' <"$dir/missing"); see $dir/apt.log"
	for d in "$dir"/debs/*.deb; do dpkg -x "$d" "$root"; done
	touch "$dir/unpacked"
fi

# --- the program -------------------------------------------------------------------
lib=$root/usr/lib/aarch64-linux-gnu
# Libraries that ours need are not linked with: they are no part of what is checked.
make -j2 B="$dir/out" BPF_ARCH=arm64 CC=aarch64-linux-gnu-gcc CFLAGS="-O2 -g -isystem $root/usr/include -isystem $root/usr/include/aarch64-linux-gnu" \
	LDFLAGS="-L$lib -L$root/lib/aarch64-linux-gnu -Wl,--unresolved-symbols=ignore-in-shared-libs" \
	PKG_CONFIG="env PKG_CONFIG_LIBDIR=$lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root pkg-config" "$dir/out/mmsperf-bpf" ||
	die 1 "it does not compile"
[[ $(od -An -tx1 -j18 -N2 "$dir/out/mmsperf-bpf") = " b7 00" ]] || die 1 "the result is no program for arm64"
say "linked for arm64: $(find "$dir/out/obj" -name '*.o' | wc -l) C files, $(find "$dir/out/bpf" -name '*.o' | wc -l) BPF files; not run"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Puts axe-core (finds what keeps people from using a page; for tests/e2e/test_page.py) into build/axe: npm's file, byte for byte,
# from a wheel that carries it, since pip is there anyway. Repeatable; does nothing once it is there and right.
set -eu
cd "$(dirname "$0")/../.."

version=4.14.0
sum=20c09fe157a8a34a30e241aaa1fcdade657734f08ab379ecfbeb7d45cc46e878 # axe.min.js of npm's axe-core of that version
dir=build/axe

right() {
	printf '%s  %s\n' "$sum" "$1/axe.min.js" | sha256sum --check --status 2>/dev/null
}

if right "$dir"; then
	exit 0
fi
for pip in build/venv-bzt/bin/pip build/venv-mms/bin/pip pip3; do
	if command -v "$pip" >/dev/null; then
		break
	fi
	pip=
done
if [ -z "$pip" ]; then
	echo "axe: no pip here: the pages cannot be searched for what keeps people from using them" >&2
	exit 1
fi
mkdir -p build
tmp=$(mktemp -d build/axe.XXXXXX)
trap 'rm -rf "$tmp"' EXIT INT TERM
# the wheel asks for a newer Python than it needs to be unpacked
"$pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.12 -d "$tmp" "pytest-playwright-axe==$version"
python3 -m zipfile -e "$tmp/pytest_playwright_axe-$version-py3-none-any.whl" "$tmp"
mkdir "$tmp/out"
cp "$tmp/pytest_playwright_axe/resources/axe.min.js" "$tmp/out/"
if ! right "$tmp/out"; then
	echo "axe: axe.min.js of version $version is not the one this project was tested with" >&2
	exit 1
fi
rm -rf "$dir"
mv "$tmp/out" "$dir"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Puts the Jenkins XSD (junit-10.xsd), which the unit test validates junit.xml against, into build/.
# It is part of pytest's source package only. Repeatable; does nothing once it is there.
set -eu
cd "$(dirname "$0")/../.."

version=8.3.4
sum=a1a816f58d1bf95ebabf371994df0b9246dee66ea9572fbec4f9296f1b2c0ff6

right() {
	printf '%s  %s\n' "$sum" "$1" | sha256sum --check --status 2>/dev/null
}

if right build/junit-10.xsd; then
	exit 0
fi
for pip in build/venv-bzt/bin/pip build/venv-mms/bin/pip pip3; do
	if command -v "$pip" >/dev/null; then
		break
	fi
	pip=
done
if [ -z "$pip" ]; then
	echo "xsd: no pip here: the test of junit.xml against its schema cannot run" >&2
	exit 1
fi
mkdir -p build
tmp=$(mktemp -d build/xsd.XXXXXX)
trap 'rm -rf "$tmp"' EXIT INT TERM
"$pip" download --quiet --disable-pip-version-check --no-deps --no-binary pytest -d "$tmp" "pytest==$version"
tar -xzf "$tmp/pytest-$version.tar.gz" -C "$tmp" "pytest-$version/testing/example_scripts/junit-10.xsd"
found=$tmp/pytest-$version/testing/example_scripts/junit-10.xsd
if ! right "$found"; then
	echo "xsd: junit-10.xsd of pytest $version is not the one this project was tested with" >&2
	exit 1
fi
mv "$found" build/junit-10.xsd

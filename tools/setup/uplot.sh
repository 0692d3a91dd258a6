#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Puts uPlot (the run page's charts) into build/uplot, from Maven Central's packaging of the npm
# package: Maven is there anyway (JMeter comes by it), npm would bring 300 packages. Repeatable;
# does nothing once the files are there and right.
set -eu
cd "$(dirname "$0")/../.."

version=1.6.30
js_sum=7f29cd14e36d84141ab49c5e0a806d88e4d855596a9bc0e10799bc2c114b4c4f
css_sum=df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04
plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
dir=build/uplot

right() {
	printf '%s  %s\n%s  %s\n' "$js_sum" "$1/uPlot.iife.min.js" "$css_sum" "$1/uPlot.min.css" |
		sha256sum --check --status 2>/dev/null
}

if right "$dir"; then
	exit 0
fi
if ! command -v mvn >/dev/null; then
	echo "uplot: Maven is missing: the pages will have tables but no charts" >&2
	exit 1
fi
mkdir -p build
tmp=$(mktemp -d build/uplot.XXXXXX)
trap 'rm -rf "$tmp"' EXIT INT TERM
mvn -q -B ${M2_REPO:+-Dmaven.repo.local="$M2_REPO"} "$plugin:copy" -Dartifact="org.webjars.npm:uplot:$version" -DoutputDirectory="$PWD/$tmp/jar"
python3 -m zipfile -e "$tmp/jar/uplot-$version.jar" "$tmp" # Java's own jar tool is not part of a runtime
from=$tmp/META-INF/resources/webjars/uplot/$version
mkdir "$tmp/out"
cp "$from/dist/uPlot.iife.min.js" "$from/dist/uPlot.min.css" "$from/LICENSE" "$tmp/out/"
if ! right "$tmp/out"; then
	echo "uplot: the files of version $version are not those this project was tested with" >&2
	exit 1
fi
rm -rf "$dir"
mv "$tmp/out" "$dir"

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Fills README.md's generated parts: between `<!-- NAME -->` and `<!-- /NAME -->`.

metrics  what `mmsperf-bpf metrics --markdown` prints
kernels  build/kernels.md, the table of the last `make test-kernels` here; left alone where there was none, and by --check
With --check nothing is written; exit status 1 says that README.md is not what would be written.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
KERNELS = ROOT / "build/kernels.md"


def metrics():
    return subprocess.run([ROOT / "build/mmsperf-bpf", "metrics", "--markdown"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def fill(text, name, content):
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
    if not pattern.search(text):
        sys.exit(f"README.md has no part '{name}'")
    return pattern.sub(lambda m: m.group(1) + content.rstrip("\n") + "\n" + m.group(2), text)


def main():
    old = README.read_text()
    new = fill(old, "metrics", metrics())
    check = "--check" in sys.argv[1:]
    if KERNELS.exists() and not check:
        new = fill(new, "kernels", KERNELS.read_text())
    if check:
        sys.exit(0 if new == old else "README.md is not up to date: run tools/readme/update.py")
    README.write_text(new)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Fills README.md's generated parts: between `<!-- NAME -->` and `<!-- /NAME -->`.

metrics  what `mmsperf-bpf metrics --markdown` prints
kernels  build/kernels.md, the table of the last `make test-kernels` here; left alone where there was none, and by --check
cost     figures of build/bench.json, the last whole `make bench` here; as kernels
With --check nothing is written; exit status 1 says that README.md is not what would be written.
"""
import json
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
KERNELS = ROOT / "build/kernels.md"
BENCH = ROOT / "build/bench.json"
RIVALS = [("floor", "a process that only wakes and sends a line"), ("ours", "**this collector**"), ("reader", "as lean a reader of /proc as we can write in C"),
          ("pidstat", "pidstat"), ("psutil-lean", "a lean loop with psutil"), ("node-exporter", "node-exporter, processes only"),
          ("process-exporter", "process-exporter"), ("psutil-as_dict", "the original suite's way: psutil's `as_dict()` per process")]


def metrics():
    return subprocess.run([ROOT / "build/mmsperf-bpf", "metrics", "--markdown"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def ratio(x):
    return f"{x:,.0f}" if x >= 10 else f"{x:.1f}"


def is_whole(bench):
    return (not bench.get("quick", True) and not bench.get("failed") and bench.get("server", {}).get("seconds") == 60
            and len(bench.get("trees", {})) == 3 and "per_request" in bench.get("load", {})
            and "hook_ns" in bench.get("hooks", {}).get("member thread", {}))


def cost(bench):
    server, trees, load, hooks = bench["server"], bench["trees"], bench["load"], bench["hooks"]
    columns = [server] + list(trees.values())
    names = ["the real server, 4 workers"] + [size.rsplit("x", 1)[0].replace("x", "×") for size in trees]
    rows = ["| CPU of a sample, collector = 1 | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for rival, title in RIVALS:
        if all(rival in c["rivals"] for c in columns):
            of = [c["rivals"][rival]["ns_per_sample"] / c["rivals"]["ours"]["ns_per_sample"] for c in columns]
            rows.append(f"| {title} | " + " | ".join(map(ratio, of)) + " |")
    own = {name: r["agent_pct"] + r["hooks_pct"] for name, r in load.items() if name != "per_request"}
    per, ready = load["per_request"], sorted(bench["ready_ms"])
    text = (f"While the real server answers {round(load['basic at 1 s']['requests'] / 20)} requests a second, the collector and its BPF programs use "
            f"{own['basic at 1 s']:.2f} % of the server's own CPU time for basic metrics once a second, {own['basic at 10 ms']:.1f} % every 10 ms, and "
            f"{own['every group at 1 s']:.1f} % with every probe group once a second. The workers' CPU per 1,000 requests with it and without, in "
            f"{len(per['off_ns'])} alternating pairs: {per['ratio']:.3f} (95 %: {per['low']:.3f} to {per['high']:.3f}). A watched thread's start and end "
            f"take {hooks['member thread']['hook_ns'] / 1e3:.2f} µs in BPF programs. The collector is ready {ready[len(ready) // 2]:.0f} ms after it was "
            f"started (median of {len(ready)}; the slowest {ready[-1]:.0f} ms).")
    return "\n".join(rows) + "\n\n" + "\n".join(textwrap.wrap(text, 120)) + "\n"


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
    bench = json.loads(BENCH.read_text()) if BENCH.exists() and not check else {}
    if is_whole(bench):
        new = fill(new, "cost", cost(bench))
    if check:
        sys.exit(0 if new == old else "README.md is not up to date: run tools/readme/update.py")
    README.write_text(new)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-2.0-only
"""make bench: what our agent costs, beside its rivals. Prints every figure with the bar it is held to; the same in build/bench.json.

Parts: server    a sample over the real model server beside psutil, and the time until the agent is ready
       load      own cost while the real server answers requests, and the workers' CPU per 1,000 requests with and without
       trees     a sample over synthetic trees of three sizes beside all rivals
       crowd     the same sample with 50 and with 1,000 processes outside the tree
       hooks     what a thread's and a process's life costs the watched and strangers
       storm     forks as fast as they go beside 2,000 threads: what is lost, what grows
       resolution  cpu_percent against the load's own clock, at 1 s and 10 ms
       report    the page of 1,000,000 requests and 4 h of metrics beside JMeter's own, in Chromium, and against numpy
       store     10,000 runs: their index made, `runs` and `compare` asked, beside reading the folders
"""
import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time

import burden
import cost
import report_bench
import resolution
import server
import storm
import underload
import store_bench
from harness import AGENT, BUILD, ROOT, Agent, BenchError, Child, Tree, kernel_can_count
from stats import median

SIZES = [  # processes, threads, fds, background; bars: x floor, part of the reader's above-floor cost, x cheaper than upstream's, hot us
    ((4, 4, 32, 50), 1.4, 1 / 2.5, 150, 1),
    ((16, 8, 128, 200), 2.0, 1 / 2, 400, 4),
    ((64, 16, 256, 1000), 3.5, 1 / 4, 1200, 20),
]
PARTS = ["server", "load", "trees", "crowd", "hooks", "storm", "resolution", "report", "store"]
begin = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - begin:4.0f} s] {text}", flush=True)


class Bars:
    """Figures held to a bar."""

    def __init__(self):
        self.all = []

    def add(self, name, value, op, bar, unit=""):
        met = None if value is None else value <= bar if op == "<=" else value >= bar  # None: cannot be told from this run
        self.all.append({"name": name, "value": value, "op": op, "bar": bar, "unit": unit, "met": met})
        shown = "-" if value is None else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        print(f"    {name:<62} {shown:>10} {unit:<3} {op} {bar:<7,.4g} { {True: 'met', False: 'NOT MET', None: 'NOT TOLD'}[met]}", flush=True)


def rivals_table(result):
    rivals = result["rivals"]
    floor, ours = rivals["floor"]["ns_per_sample"], rivals["ours"]["ns_per_sample"]
    print(f"    {'':<18}{'us a sample':>12}{'x floor':>10}{'above it':>10}{'x ours':>10}{'samples':>10}")
    for name, r in sorted(rivals.items(), key=lambda i: i[1]["ns_per_sample"]):
        ns = r["ns_per_sample"]
        print(f"    {name:<18}{ns / 1e3:>12,.1f}{ns / floor:>10,.2f}{(ns - floor) / 1e3:>10,.1f}{ns / ours:>10,.1f}{r['samples']:>10}")
    if "hooks_ns_per_sample" in result:
        print(f"    ours contains the hooks' run time: {result['hooks_ns_per_sample'] / 1e3:.2f} us a sample ("
              + (", ".join(f"{n} {h['runs']} x {h['ns'] / h['runs']:.0f} ns" for n, h in result["hooks"].items()) or "no run") + ")")
    if "snapshot" in result:
        s = result["snapshot"]
        print(f"    snapshot at 1 Hz, cold: {s['cold_ns'] / 1e3:.1f} us"
              + (f"; hot loop: {s['hot_ns'] / 1e3:.2f} us" if s["hot_ns"] else ""))


def ratios(result):
    r = {n: v["ns_per_sample"] for n, v in result["rivals"].items()}
    return r, r["floor"], r["ours"]


def part_server(args, bars, data):
    with server.model_server(args.workers) as frontend:
        say(f"sample over the real server (frontend {frontend}, {args.workers} workers, idle), {args.seconds} s at 1 Hz, side by side")
        result = cost.measure(frontend, args.seconds, say)
        rivals_table(result)
        data["server"] = result
        r, _, ours = ratios(result)
        for name, bar in ("psutil-lean", 6), ("psutil-as_dict", 60):
            bars.add(f"server: {'lean psutil loop' if bar == 6 else 'psutil as_dict per process'} / ours",
                     r[name] / ours if name in r else None, ">=", bar, "x")
        starts = 3 if args.quick else 9
        say(f"agent: {starts} starts until it answers")
        times = []
        for _ in range(starts):
            with Agent(frontend, name="agent-ready") as agent:
                times.append(agent.ready_s * 1000)
        data["ready_ms"] = times
        bars.add(f"agent ready, slowest of {starts} starts (median {median(times):.0f})", max(times), "<=", 300, "ms")


def part_load(args, bars, data):
    pairs, slice_s, seconds = (6, 1, 5) if args.quick else (max(args.pairs, 40), 2, 20)
    with server.model_server(args.workers) as frontend:
        say(f"the real server under {underload.RATE} requests/s: own cost in windows of {seconds} s, then {pairs} pairs of {slice_s} s slices")
        result = data["load"] = underload.run(frontend, seconds, pairs, slice_s, say)
    for name, bar in ("basic at 1 s", 0.1), ("every group at 1 s", 1), ("basic at 10 ms", 1.5):
        r = result.get(name)
        if r:
            print(f"    {name}: agent {r['agent_pct']:.3f} %, hooks {r['hooks_pct']:.4f} % of the tree's {r['tree_cpu_s']:.1f} s; "
                  f"{r['requests']} requests; " + ", ".join(f"{n} {h['runs']}" for n, h in r["hooks"].items()))
        bars.add(f"under load, {name}: own CPU and hooks / the tree's CPU", r and r["agent_pct"] + r["hooks_pct"], "<=", bar, "%")
    r = result["per_request"]
    print(f"    workers' CPU per 1,000 requests with / without: {r['ratio']:.4f} [{r['low']:.4f}, {r['high']:.4f}]")
    # No bar of its own: what cannot be told from 1 is what is claimed.
    bars.add("under load: workers' CPU with / without the collector, low end of 95 %", r["low"], "<=", 1, "x")


def part_storm(args, bars, data):
    seconds = 3 if args.quick else 30
    say(f"forks as fast as they go for {seconds} s, beside {storm.THREADS} threads")
    r = data["storm"] = storm.run(seconds)
    print(f"    {r['forks']:,} forks, {r['counted']:,.0f} exits counted, {r['drops']:.0f} drops"
          + "".join(f", {c} {n:.0f}" for c, n in r["causes"].items() if n) + f"; {r['threads']:.0f} threads")
    bars.add("storm: forks a second", r["forks_per_s"], ">=", 5000, "")
    bars.add("storm: exits neither counted nor among the drops", r["unaccounted"], "<=", 0, "")
    # A drop is an exit that is known to be lost, and lost all the same.
    bars.add("storm: drops / forks", 100 * r["drops"] / r["forks"], "<=", 0.1, "%")
    bars.add("storm: growth of the collector's memory", (r["rss_after"] - r["rss_before"]) / 1e6, "<=", 0.5, "MB")


def part_trees(args, bars, data):
    for (p, t, f, b), x_floor, above, upstream, hot in SIZES:
        size = f"{p}x{t}x{f}x{b}"
        say(f"sample over a tree of {size} (processes x threads x fds x background), {args.seconds} s at 1 Hz, side by side")
        with Tree(p, t, f, b) as tree:
            result = cost.measure(tree.root, args.seconds, say, expect={
                "sum_all_file_descriptors": p * f, "sum_all_threads": p * t, "total_workers": p - 2, "total_processes": p})
        rivals_table(result)
        data.setdefault("trees", {})[size] = result
        r, floor, ours = ratios(result)
        bars.add(f"{size}: ours / floor", ours / floor, "<=", x_floor, "x")
        bars.add(f"{size}: ours above floor / lean C reader above floor", (ours - floor) / (r["reader"] - floor), "<=", above, "x")
        bars.add(f"{size}: upstream's logic / ours", r["psutil-as_dict"] / ours if "psutil-as_dict" in r else None, ">=", upstream, "x")
        snapshot = result.get("snapshot", {})
        bars.add(f"{size}: snapshot, hot loop", snapshot["hot_ns"] / 1e3 if snapshot.get("hot_ns") else None, "<=", hot, "us")


def part_crowd(args, bars, data):
    seconds, rounds = (3, 2) if args.quick else (6, 10)
    say(f"sample over 16x8x128 with 50 and 1,000 background processes in turn, {rounds} x {seconds} s each")

    def extra():
        return Child("crowd", [cost.BIN / "tree", 2, 1, 4, 950])

    with Tree(16, 8, 128, 50) as tree:
        few, many, floors = cost.background(extra, tree.root, seconds, rounds, say)
    data["crowd"] = {"few_ns": few, "many_ns": many, "floor_ns": floors}
    change = (median(many) / median(few) - 1) * 100
    print(f"    {median(few) / 1e3:.1f} us and {median(many) / 1e3:.1f} us a sample")
    bars.add("change of a sample's cost from 50 to 1,000 background processes", abs(change), "<=", 5, "%")


def part_hooks(args, bars, data):
    pairs = 6 if args.quick else 3 * args.pairs  # a tenth of a microsecond is to be told
    say(f"lifecycle hooks: {pairs} rounds of no agent, agent, agent without hooks (control), and hooks that return at once (hollow)")
    result = data["hooks"] = burden.run(pairs, say)
    print(f"    {'':<18}{'off us':>9}{'hooks: difference us, 95 %':>32}{'control: difference us, 95 %':>32}"
          f"{'hollow: difference us, 95 %':>32}{'hooks ns':>10}")
    for kind, r in result.items():
        both = "".join(f"{d['diff_ns'] / 1e3:+.3f} [{d['low_ns'] / 1e3:+.3f}, {d['high_ns'] / 1e3:+.3f}]".rjust(32)
                       for d in (r["on"], r["control"], r.get("hollow")) if d)
        hooks = ", ".join(f"{n} {ns:.0f}" for n, ns in r.get("hooks_ns", {}).items())
        print(f"    {kind:<18}{r['off_ns'] / 1e3:>9.2f}{both}{r.get('hook_ns', float('nan')):>10.0f}  {hooks}")
    for kind, bar in ("member thread", 0.5), ("member fork", 1.5), ("stranger thread", 0.1), ("stranger fork", 0.1):
        d, control = result[kind]["on"], result[kind]["control"]
        biased = control["low_ns"] > 0 or control["high_ns"] < 0 or d["high_ns"] < 0
        if biased:
            print(f"    {kind}: the control, which has no hooks, differs from nothing or the cost is below 0: no figure to quote")
        # Judged only where the interval lies on one side of the bar.
        resolved = not biased and (d["high_ns"] <= bar * 1e3 or d["low_ns"] > bar * 1e3)
        bars.add(f"{kind} made and ended: all-in" + ("" if resolved else f" ({'biased' if biased else 'interval has the bar'})"),
                 d["diff_ns"] / 1e3 if resolved else None, "<=", bar, "us")
    if "hook_ns" in result["member thread"]:
        bars.add("member thread made and ended: hooks' BPF run time", result["member thread"]["hook_ns"] / 1e3, "<=", 0.15, "us")


def part_resolution(args, bars, data):
    say("resolution of cpu_percent against the load's own clock")
    data["resolution"] = resolution.run(2 if args.quick else 15, lambda text: None)
    print(f"    {'':<26}{'interval':>9}{'true %':>10}{'readings':>20}{'median':>9}{'p99':>9}{'max':>9}  points off, of lines (unsure)")
    for r in data["resolution"]:
        print(f"    {r['load']:<26}{r['interval_s']:>7} s{r['true']:>10.3f}{r['low']:>10.3f}{r['high']:>10.3f}"
              f"{r['median']:>9.4f}{r['p99']:>9.4f}{r['max']:>9.4f}  {r['lines']} ({r['unsure']})")
    for r in data["resolution"]:
        bars.add(f"resolution: {r['load']} at {r['interval_s']} s, p99 error", r["p99"] if r["lines"] > r["unsure"] else None, "<=", r["bar"], "pt")


def part_report(args, bars, data):
    folder = tempfile.mkdtemp(prefix="report-", dir=BUILD)
    try:
        result = data["report"] = report_bench.measure(folder, say, 1 if args.quick else 3)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report_bench.table(result)
    rows, load = result["rows"], result.get("load_s")
    jmeter = rows.get("jmeter -g")
    bars.add("report: jmeter -g / our page of the same requests, CPU", jmeter and jmeter["cpu_s"] / rows["page of requests"]["cpu_s"],
             ">=", 60, "x")
    bars.add("report: peak memory, requests and metrics", rows["page"]["rss"] / 1e6, "<=", 150, "MB")
    bars.add("report: size of the page", result["page_bytes"] / 1e6, "<=", 5, "MB")
    bars.add(f"report: usable in Chromium after{f', slowest of {len(load)} (median {median(load):.2f})' if load else ''}",
             load and max(load), "<=", 1.5, "s")
    error = result.get("percentile_error")
    bars.add(f"report: {result.get('percentiles', 0)} percentiles, largest difference to numpy", error if error is None else error * 100, "<=",
             0.1, "%")


def part_store(args, bars, data):
    folder = tempfile.mkdtemp(prefix="store-", dir=BUILD)
    try:
        result = data["store"] = store_bench.measure(folder, say, rounds=3 if args.quick else 9)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    store_bench.table(result)
    bars.add(f"store: index of {result['runs']:,} runs made", result["index_s"], "<=", 10, "s")
    for command in "runs", "compare":
        slowest = max(s for title, s in result["asked_s"].items() if title.split()[0] == command)
        bars.add(f"store: `{command}` on it, slowest question", slowest * 1e3, "<=", 200, "ms")
        result[command + "_of_reading"] = slowest / result["reading_s"]


def main():
    p = argparse.ArgumentParser(prog="tools/bench/bench.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--quick", action="store_true", help="a short look: 10 s windows, few pairs; no figure to quote")
    p.add_argument("--seconds", type=int, help="length of a window (default 60, quick 10)")
    p.add_argument("--pairs", type=int, default=60, help="pairs of slices under load, and a third of the hooks' rounds (default 60; at least 40 for a figure to quote)")
    p.add_argument("--workers", type=int, default=4, help="workers of the real server (default 4)")
    p.add_argument("--strict", action="store_true", help="exit 1 when a bar is not met")
    p.add_argument("--output", default=str(ROOT / "build/bench.json"), help="default build/bench.json")
    p.add_argument("part", nargs="*", help="parts to run (default all): " + " ".join(PARTS))
    args = p.parse_args()
    for part in args.part:
        if part not in PARTS:
            p.error(f"unknown part '{part}' (there are {', '.join(PARTS)})")
    args.seconds = args.seconds or (10 if args.quick else 60)
    if not AGENT.exists():
        sys.exit("bench: no build/mmsperf-bpf: run 'make' first")
    if not kernel_can_count():
        say("not root: the agent stands on /proc, and the hooks' run time is not to be had")
    bars = Bars()
    data = {"version": 1, "started": int(time.time()), "quick": args.quick, "kernel": platform.release(), "cpus": cost.cpu_count(),
            "load_at_start": os.getloadavg()[0]}
    if data["load_at_start"] > 0.5:
        say(f"the machine is busy (load {data['load_at_start']:.2f}): ratios within a run still hold, small differences do not")
    failed = False
    for part in args.part or PARTS:
        try:
            globals()["part_" + part](args, bars, data)
        except BenchError as e:
            failed = True
            say(f"{part}: not measured: {e}")
            data.setdefault("failed", {})[part] = str(e)
    data["bars"] = bars.all
    data["seconds"] = time.monotonic() - begin
    tmp = args.output + ".tmp"
    with open(tmp, "w") as f:
        json.dump(data, f, indent=1)
        f.write("\n")
    os.replace(tmp, args.output)
    met = sum(b["met"] is True for b in bars.all)
    untold = sum(b["met"] is None for b in bars.all)
    say(f"{met} of {len(bars.all)} bars met, {untold} cannot be told from this run; all figures in {os.path.relpath(args.output)}")
    sys.exit(1 if failed or (args.strict and met < len(bars.all)) else 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)

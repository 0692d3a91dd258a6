#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A folder of many runs: how long the index takes to be made, and `runs` to answer.

usage: store_bench.py [--runs N] [--keep FOLDER]
Figures beside the ratio to reading the folders themselves (every run.json and aggregates.csv, opened and read whole
by a loop that keeps nothing), since those ratios hold between machines. Exit 1 when a figure misses the issue's bars:
10,000 runs indexed in 10 s, `runs` in 200 ms.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "build" / "mmsperf-bpf"
SUITES = ("inference_single_worker", "register_unregister")
# as many as a recording of this program has: every role, aggregate and process metric
METRICS = [f"{agg}_{who}_{what}" for agg in ("sum", "avg", "min", "max") for who in ("workers", "all")
           for what in ("cpu_percent", "cpu_user_time", "cpu_system_time", "cpu_iowait_time", "memory_percent", "memory_rss",
                        "memory_vms", "io_read_count", "io_write_count", "io_read_bytes", "io_write_bytes",
                        "file_descriptors", "threads")] + [f"frontend_{i}" for i in range(22)]
LABELS = ("(all)", "Inference Request", "Register")
NUMBERS = ("samples", "failed", "throughput", "avg", "p50", "p90", "p95", "p99", "max", "stdev")
INDEX_BAR_S, ANSWER_BAR_S = 10.0, 0.2


def run_json(i, epoch, commit):
    cases = [{"name": f"criterion {k}", "verdict": "passed", "message": None, "time": 20.0, "metric": f"m{k}", "label": "L",
              "op": ">", "threshold": 1.0, "observed": 0.5, "from": 0.0, "to": 0.0} for k in range(4)]
    suites = [{"name": name, "path": f"tests/{name}.yaml", "dir": name, "verdict": "passed", "reason": None,
               "incomplete": False, "started": epoch, "duration": 21.0, "bzt_seconds": 20.0, "bzt_code": 0,
               "rung": "BPF snapshot", "rung_why": None, "cases": cases} for name in SUITES]
    return json.dumps({"schema": 1, "program": "mmsperf-bpf", "state": "finished", "env": f"env{i % 3}", "commit": commit,
                       "started": epoch, "duration": 48.0, "verdict": "passed", "exit_code": 0, "stopped": False,
                       "server": "http://127.0.0.1:8080/ping", "fingerprint": {"id": "0123456789ab", "cpu": "synthetic"},
                       "tags": [], "suites": suites}, indent=2)


def aggregates(rng):
    lines = ["suite,label,metric,n,mean,max,min"]
    for suite in SUITES:
        for metric in METRICS:
            v = rng.random() * 1e6
            lines.append(f'"{suite}","","{metric}",20,{v:.9g},{v * 1.1:.9g},{v * 0.9:.9g}')
        for label in LABELS:
            for number in NUMBERS:
                v = rng.random()
                lines.append(f'"{suite}","{label}","{number}",1,{v:.9g},{v:.9g},{v:.9g}')
    return "\n".join(lines) + "\n"


def make_runs(out, n):
    rng = random.Random(1)
    texts = [aggregates(rng) for _ in range(50)]
    for i in range(n):
        epoch, commit = 1700000000 + i * 600, f"{i // 5:07x}"
        folder = out / f"env{i % 3}__{commit}__{epoch}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(run_json(i, epoch, commit))
        (folder / "aggregates.csv").write_text(texts[i % len(texts)])


def read_folders(out):
    began = time.perf_counter()
    for entry in os.scandir(out):
        if entry.is_dir(follow_symlinks=False):
            for name in ("run.json", "aggregates.csv"):
                with open(f"{entry.path}/{name}", "rb") as f:
                    f.read()
    return time.perf_counter() - began


def timed(*args):
    began = time.perf_counter()
    done = subprocess.run([str(BINARY), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    took = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(args)}: exit {done.returncode}: {done.stderr}")
    return took, done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10000)
    parser.add_argument("--keep")
    args = parser.parse_args()
    folder = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="mmsperf-store-bench-"))
    out = folder / "out"
    try:
        if not out.is_dir():
            make_runs(out, args.runs)
        read_folders(out)  # all of it in the page cache, for both sides
        reading = statistics.median(read_folders(out) for _ in range(3))
        rebuild = statistics.median(timed("runs", "-a", str(out), "--rebuild")[0] for _ in range(3))
        rows = [("index made from the folders", rebuild, INDEX_BAR_S)]
        questions = {"runs": (), "runs --commit": ("--commit", "0000010"), "runs --suite --verdict": ("--suite", "reg*", "--verdict", "passed"),
                     "runs RUN (a name)": (f"env1__0000000__{1700000000 + 600}",), "runs COMMIT": ("00000a0",)}
        for title, more in questions.items():
            rows.append((title, statistics.median(timed("runs", "-a", str(out), *more)[0] for _ in range(9)), ANSWER_BAR_S))
        shutil.rmtree(next(out.glob("env1__*")))
        rows.append(("runs, one run deleted since", timed("runs", "-a", str(out))[0], None))
        size = (out / "index.sqlite").stat().st_size
        print(f"{args.runs} runs, {len(SUITES)} suites of {len(METRICS) + len(LABELS) * len(NUMBERS)} numbers each; reading every "
              f"run.json and aggregates.csv: {reading:.2f} s; index {size / 1e6:.0f} MB")
        bad = 0
        for title, took, bar in rows:
            verdict = "" if bar is None else "ok" if took <= bar * max(1, args.runs / 10000) else "TOO SLOW"
            bad += verdict == "TOO SLOW"
            print(f"{title:<32} {took * 1000:9.1f} ms  {took / reading:7.3f} x reading  {verdict}")
        return 1 if bad else 0
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

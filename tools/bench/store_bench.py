# SPDX-License-Identifier: GPL-2.0-only
"""A folder of 10,000 runs: how long the index takes to be made from it, and how long `runs` and `compare` take to answer.

Beside the ratio to reading the folders themselves (every run.json and aggregates.csv, opened and read whole by a loop that keeps
nothing), since such ratios hold between machines.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import time

from harness import AGENT, BenchError, Child
from stats import median

SUITES = ("inference_single_worker", "register_unregister")
LABELS = ("(all)", "Inference Request", "Register")
NUMBERS = ("samples", "failed", "throughput", "avg", "p50", "p90", "p95", "p99", "max", "stdev")
REQUESTS, SECONDS = 5000, 60  # of each suite of the runs that are compared


def recorded(folder):
    """The columns of a recording as the collector makes it today."""
    path = folder / "metrics.csv"
    with Child("store-recorder", [AGENT, "agent", "--pid", str(os.getpid()), "--record", str(folder), "--no-socket", "--no-unix"], pipes=False):
        until = time.monotonic() + 20
        while not path.exists() or b"\n" not in path.read_bytes():
            if time.monotonic() > until:
                raise BenchError("the collector recorded nothing in 20 s")
            time.sleep(0.05)
    return path.read_text().splitlines()[0].split(",")[1:]


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


def aggregates(rng, metrics):
    lines = ["suite,label,metric,n,mean,max,min"]
    for suite in SUITES:
        for metric in metrics:
            v = rng.random() * 1e6
            lines.append(f'"{suite}","","{metric}",20,{v:.9g},{v * 1.1:.9g},{v * 0.9:.9g}')
        for label in LABELS:
            for number in NUMBERS:
                v = rng.random()
                lines.append(f'"{suite}","{label}","{number}",1,{v:.9g},{v:.9g},{v:.9g}')
    return "\n".join(lines) + "\n"


def write_series(folder, epoch, seed, metrics):
    """What a suite leaves that `compare` reads: requests, and a row of all metrics a second."""
    rng = random.Random(seed)
    folder.mkdir()
    with open(folder / "kpi.jtl", "w") as f:
        f.write("timeStamp,elapsed,label,responseCode,responseMessage,threadName,success,bytes,grpThreads,allThreads,Latency,Connect\n")
        for i in range(REQUESTS):
            ms = int(rng.lognormvariate(3, 0.5)) + 1
            f.write(f"{(epoch + 2) * 1000 + i * SECONDS * 1000 // REQUESTS},{ms},{LABELS[1 + i % 2]},200,OK,t 1-1,true,389,4,4,{ms},0\n")
    with open(folder / "metrics.csv", "w") as f:
        f.write("ts," + ",".join(metrics) + "\n")
        for s in range(SECONDS + 4):
            f.write(f"{epoch + s}.000," + ",".join(f"{rng.random() * 1e6 + s:.9g}" for _ in metrics) + "\n")


def name_of(i):
    return f"env{i % 3}__{i // 5:07x}__{1700000000 + i * 600}"


def make_runs(out, n, metrics):
    """The last two runs of the first environment have series as well."""
    rng = random.Random(1)
    texts = [aggregates(rng, metrics) for _ in range(50)]
    compared = [i for i in range(n) if i % 3 == 0][-2:]
    for i in range(n):
        folder = out / name_of(i)
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(run_json(i, 1700000000 + i * 600, f"{i // 5:07x}"))
        (folder / "aggregates.csv").write_text(texts[i % len(texts)])
        if i in compared:
            for k, suite in enumerate(SUITES):
                write_series(folder / suite, 1700000000 + i * 600, i * 10 + k, metrics)
    os.symlink(name_of(n - 1), out / "latest")
    return [name_of(i) for i in compared]


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
    done = subprocess.run([str(AGENT), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    took = time.perf_counter() - began
    if done.returncode:
        raise BenchError(f"{' '.join(args)}: exit {done.returncode}: {done.stderr.strip()[-300:]}")
    return took


def measure(folder, say, n=10000, rounds=9):
    out = pathlib.Path(folder) / "out"
    metrics = recorded(pathlib.Path(folder))
    numbers = len(metrics) + len(LABELS) * len(NUMBERS)
    say(f"writing {n:,} runs of {len(SUITES)} suites, {numbers} numbers each")
    a, b = make_runs(out, n, metrics)
    read_folders(out)  # all of it in the page cache, for both sides
    say(f"reading the folders, the index from them, and {rounds} times each question")
    result = {"runs": n, "numbers_a_suite": numbers, "reading_s": median([read_folders(out) for _ in range(3)]), "asked_s": {}}
    result["index_s"] = median([timed("runs", "-a", str(out), "--rebuild") for _ in range(3)])
    result["index_bytes"] = (out / "index.sqlite").stat().st_size
    at = ("-a", str(out))
    for title, question in {
        "runs": ("runs", *at), "runs --commit": ("runs", *at, "--commit", "0000010"),
        "runs --suite --verdict": ("runs", *at, "--suite", "reg*", "--verdict", "passed"), "runs --tag": ("runs", *at, "--tag", "v1"),
        "runs RUN": ("runs", *at, name_of(1)), "runs COMMIT": ("runs", *at, "00000a0"),
        "compare A B": ("compare", *at, a, b), "compare COMMIT COMMIT": ("compare", *at, a.split("__")[1], b.split("__")[1]),
    }.items():
        result["asked_s"][title] = median([timed(*question) for _ in range(rounds)])
    shutil.rmtree(out / name_of(1))
    result["changed_s"] = timed("runs", *at)
    return result


def table(result):
    rows = {"index made from the folders": result["index_s"], **result["asked_s"], "runs, a run deleted since": result["changed_s"]}
    print(f"    {'':<30}{'ms':>9}{'x reading':>11}   (reading {result['runs']:,} run.json and aggregates.csv: {result['reading_s']:.2f} s; "
          f"index {result['index_bytes'] / 1e6:.0f} MB)")
    for title, took in rows.items():
        print(f"    {title:<30}{took * 1e3:>9.0f}{took / result['reading_s']:>11.3f}")

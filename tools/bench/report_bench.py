#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The page of a large run: 1,000,000 requests in kpi.jtl beside 4 h of 130 metrics at 1 s.

usage: report_bench.py [--keep FOLDER]
What writing it takes (memory, CPU), how large it is, how long Chromium takes until it can be used; the same kpi.jtl through JMeter's own
dashboard generator (`jmeter -g`), in turn with ours; and all percentiles against numpy's. `make bench` holds the figures to their bars.
"""
import argparse
import contextlib
import json
import math
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

from harness import AGENT, BUILD, ROOT, BenchError
from stats import median

sys.path.insert(0, str(ROOT / "tests/e2e"))
import browser  # noqa: E402

REQUESTS, SECONDS, METRICS = 1_000_000, 4 * 3600, 130
BEGIN = 1_700_000_000
LABELS = ("Inference Request", "Register Model", "Scale Up Workers")
JMETER = ROOT / "build/jmeter/bin/jmeter"
NUMPY = ROOT / "build/venv-mms/bin/python"  # the server's Python has numpy
QUANTILES = {"p50": 50, "p90": 90, "p99": 99}

# Reads the same file with nothing of ours, and prints {label: {p50: ms, ...}} ("": all requests).
EXPECTED = """
import csv, json, sys
import numpy
times, names, labels = numpy.empty(int(sys.argv[2])), [], {}
with open(sys.argv[1], newline="") as f:
    rows = csv.reader(f)
    next(rows)
    of = numpy.empty(len(times), int)
    for i, row in enumerate(rows):
        times[i], of[i] = int(row[1]), labels.setdefault(row[2], len(labels))
groups = {"": times, **{name: times[of == k] for name, k in labels.items()}}
print(json.dumps({name: {q: float(numpy.percentile(v, p)) for q, p in json.loads(sys.argv[3]).items()} for name, v in groups.items()}))
"""


def names():
    """130 names that the collector records."""
    each = ("cpu_percent", "cpu_user_time", "cpu_system_time", "memory_percent", "memory_rss", "memory_vms", "io_read_count",
            "io_write_count", "io_read_bytes", "io_write_bytes", "file_descriptors", "threads")
    roles = ["frontend"] + [f"{a}_{who}" for who in ("workers", "all") for a in ("sum", "avg", "min", "max")]
    system = ("system_disk_used", "system_memory_percent", "system_read_count", "system_write_count", "total_processes", "total_workers",
              "orphans", "system_cpu_percent", "jvm_gc_count", "jvm_gc_seconds", "jvm_heap_used", "frontend_runq_wait_seconds",
              "sum_workers_runq_wait_seconds", "worker_restarts", "cgroup_oom_kills", "monitor_cpu_percent", "monitor_bpf_seconds",
              "monitor_late_seconds", "monitor_missed_ticks", "monitor_drops", "monitor_dropped_lines", "monitor_memory_rss")
    out = [f"{role}_{metric}" for role in roles for metric in each] + list(system)
    assert len(out) == METRICS, len(out)
    return out


def write_requests(path):
    """As JMeter writes it: in the order in which requests end; a long tail, a slow stretch, one in a hundred failed."""
    rng = random.Random(7)
    with open(path, "w") as f:
        f.write("timeStamp,elapsed,label,responseCode,responseMessage,threadName,success,bytes,grpThreads,allThreads,Latency,"
                "Hostname,Connect\n")
        for i in range(REQUESTS):
            at = SECONDS * 1000 * i // REQUESTS
            slow = 3 if 7_000_000 < at < 7_600_000 else 1
            ms = int(rng.lognormvariate(math.log(24), 0.7) * slow) + 1
            bad = rng.random() < 0.01
            label = LABELS[0] if i % 50 else LABELS[1 + i // 50 % 2]
            f.write(f"{BEGIN * 1000 + at},{ms},{label},{'503,Service Unavailable' if bad else '200,OK'},Inference 1-{i % 16 + 1},"
                    f"{'false' if bad else 'true'},389,16,16,{ms},bench,0\n")


def write_metrics(path):
    rng = random.Random(8)
    columns = names()
    counters = [n.endswith(("_time", "_count", "_bytes", "_seconds")) and "late" not in n for n in columns]
    level = [rng.uniform(10, 90) for _ in columns]
    value = list(level)
    with open(path, "w") as f:
        f.write("ts," + ",".join(columns) + "\n")
        for s in range(SECONDS):
            for i, counter in enumerate(counters):
                value[i] = value[i] + rng.random() * level[i] if counter else level[i] * (0.9 + 0.2 * rng.random())
            f.write(f"{BEGIN + s}.000," + ",".join([f"{v:.9g}" for v in value]) + "\n")


def make_run(folder):
    """A stored run as the runner leaves it, with criteria on all requests, on a label's, and on a metric."""
    suite = folder / "large"
    suite.mkdir(parents=True)
    write_requests(suite / "kpi.jtl")
    write_metrics(suite / "metrics.csv")
    cases = [{"name": f"{metric} of {label or 'all'} at most {limit}", "verdict": "failed" if k == 0 else "passed", "message": None,
              "time": 20.0, "metric": metric, "label": label, "op": ">", "threshold": limit, "observed": None, "from": 0.0, "to": 0.0}
             for k, (metric, label, limit) in enumerate((("p90", None, 0.2), ("p99", LABELS[0], 1.0), ("fail%", LABELS[1], 5.0),
                                                         ("sum_all_cpu_percent", None, 300.0)))]
    (folder / "run.json").write_text(json.dumps({
        "schema": 1, "program": "mmsperf-bpf", "state": "finished", "env": "bench", "commit": "0000000", "started": BEGIN,
        "duration": SECONDS, "verdict": "failed", "exit_code": 1, "stopped": False, "server": "none: synthetic", "tags": [],
        "fingerprint": {"id": "0123456789ab", "cpu": "synthetic"}, "suites": [
            {"name": "large", "path": "tests/large.yaml", "dir": "large", "verdict": "failed", "reason": "1 of 4 criteria failed",
             "incomplete": False, "started": BEGIN, "duration": SECONDS, "bzt_seconds": SECONDS, "bzt_code": 3, "rung": "BPF snapshot",
             "rung_why": None, "cases": cases}]}, indent=2))


def spend(argv, log):
    """Runs a program; CPU seconds, peak RSS in bytes, seconds. (The peak is at least ours when it was forked: we stay small.)"""
    began = time.monotonic()
    with open(log, "wb") as f:
        p = subprocess.Popen(list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=f, stderr=f)
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode not in (0, 1):
        raise BenchError(f"{argv[0]} ended with {p.returncode}: {pathlib.Path(log).read_text(errors='replace').strip()[-300:]}")
    return {"cpu_s": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss * 1024, "wall_s": time.monotonic() - began}


def dashboard(jtl, folder):
    """JMeter's own report of the same file."""
    out = folder / "dashboard"
    shutil.rmtree(out, ignore_errors=True)
    used = spend([JMETER, "-g", jtl, "-o", out, "-j", folder / "jmeter.log", "-Jjmeter.reportgenerator.temp_dir=" + str(folder / "tmp")],
                 folder / "jmeter.out")
    if not (out / "index.html").is_file():
        raise BenchError("jmeter -g made no page: " + (folder / "jmeter.out").read_text(errors="replace").strip()[-300:])
    return used


def load_page(page):
    """Seconds until the page can be used: its scripts have run, charts are drawn, and the frame after that is on the screen."""
    with browser.Browser() as b:
        times = []
        for _ in range(5):
            with b.open(page.as_uri()) as p:
                if p.console:
                    raise BenchError(f"the page complains: {p.console[0]}")
                times.append(p.js("new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))") / 1000)
                charts = p.js("document.querySelectorAll('.chart canvas').length")
                if not charts:
                    raise BenchError("the page has no chart (built without uPlot?)")
        return times, charts


def percentiles(page, jtl):
    """Largest relative difference to numpy over all that the page says of the whole run, and how many numbers that are."""
    text = page.read_text()
    begin = text.index('id="data">') + len('id="data">')
    suite = json.loads(text[begin:text.index("</script>", begin)])["suites"][0]
    ours = {"": suite["load"]["whole"], **{l["label"]: l["whole"] for l in suite["labels"]}}
    done = subprocess.run([NUMPY, "-c", EXPECTED, jtl, str(REQUESTS), json.dumps(QUANTILES)], stdout=subprocess.PIPE, text=True, check=True)
    theirs = json.loads(done.stdout)
    return max(abs(ours[l][q] / theirs[l][q] - 1) for l in ours for q in QUANTILES), len(ours) * len(QUANTILES)


def measure(folder, say=print, rounds=3):
    run = pathlib.Path(folder)
    if not (run / "run.json").is_file():
        say(f"writing a run of {REQUESTS:,} requests and {SECONDS // 3600} h of {METRICS} metrics")
        make_run(run)
    jtl, page = run / "large/kpi.jtl", run / "junit.html"
    result = {"requests": REQUESTS, "jtl_bytes": jtl.stat().st_size, "metrics_bytes": (run / "large/metrics.csv").stat().st_size}
    only = run / "requests_only"  # what JMeter reads, and nothing else: the comparison
    only.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.link(jtl, only / "kpi.jtl")
    with open(jtl, "rb") as f:  # both sides find it in the page cache
        while f.read(1 << 20):
            pass
    rows = {"page": [], "page of requests": [], "jmeter -g": []}
    for i in range(rounds):
        say(f"round {i + 1} of {rounds}: our page, our page of the requests alone" + (", jmeter -g" if JMETER.exists() else ""))
        rows["page"].append(spend([AGENT, "report", "-q", run], run / "report.out"))
        rows["page of requests"].append(spend([AGENT, "report", "-q", only], run / "report.out"))
        if JMETER.exists():
            rows["jmeter -g"].append(dashboard(jtl, run))
    result["rows"] = {name: {k: (max if k == "rss" else median)([m[k] for m in v]) for k in v[0]} for name, v in rows.items() if v}
    result["page_bytes"] = page.stat().st_size
    if NUMPY.exists():
        say("percentiles against numpy")
        result["percentile_error"], result["percentiles"] = percentiles(page, jtl)
    if browser.find():
        say("the page in Chromium, 5 times")
        result["load_s"], result["charts"] = load_page(page)
    return result


def table(result):
    print(f"    {'':<18}{'CPU s':>9}{'peak MB':>10}{'s':>8}")
    for name, r in result["rows"].items():
        print(f"    {name:<18}{r['cpu_s']:>9.2f}{r['rss'] / 1e6:>10.0f}{r['wall_s']:>8.2f}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--keep", help="folder of the synthetic run, left there and used again")
    args = p.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = args.keep or tempfile.mkdtemp(prefix="report-", dir=BUILD)
    try:
        result = measure(folder, lambda text: print(text, flush=True))
        table(result)
        print(json.dumps({k: v for k, v in result.items() if k != "rows"}, indent=1))
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-2.0-only
"""Stored runs made here for the tests of the pages, in the runner's own format: quiet ones, and one whose every name is hostile."""
import json
import math
import random

T0 = 1_795_500_000
SECONDS = 60
SLOW = range(25, 37)  # of the load: the stretch in which a criterion breaks
RESTART = 30  # of the load: the second worker is replaced
LONG = "name" * 2500

# What a label, a model, a metric or a message may be; each tries another way out of the place it is put in.
HOSTILE = {
    "script": "</script><script>alert(1)</script>",
    "comment": "<!--<script>alert(2)//",
    "attribute": "\"><img src=http://192.0.2.1/x onerror=alert(3)>",
    "quote": "' onmouseover='alert(4)' x='",
    "separators": "line\u2028separator\u2029end",
    "bidi": "\u202egnirts\u202c \u05d0\u05d1\u05d2 \u202dover\u202c",
    "entity": "&lt;b&gt;&amp;&#39;&quot;</textarea></style></title>",
    "template": "${7*7} {{7*7}} `x` \\u003cscript\\u003e",
    "prototype": "__proto__",
    "constructor": "constructor",
    "markup": "<iframe src=javascript:alert(5)></iframe><svg onload=alert(6)>",
    "long": LONG,
}
QUIET = {key: key.capitalize() for key in HOSTILE}


def requests(labels, scale, rng):
    """Rows of kpi.jtl: one registration before the load, then a steady load with a slow stretch."""
    yield (T0 - 2) * 1000, 400, labels[0], True
    for i in range(SECONDS * 20):
        second = i // 20
        ms = int(rng.lognormvariate(math.log(20), .5) * scale * (4 if second in SLOW else 1)) + 1
        yield T0 * 1000 + i * 50, ms, labels[1 + (i % 10 == 0)], i % 97 != 0


def cell(text):
    return '"' + text.replace('"', '""') + '"'


def write_suite(folder, names, scale=1.0):
    rng = random.Random(3)
    folder.mkdir(parents=True)
    labels = [names["comment"], names["script"], names["attribute"]]
    rows = "".join(f"{at},{ms},{cell(label)},{200 if ok else 503},OK,t 1-1,{str(ok).lower()},10,4,4,{ms},1\n"
                   for at, ms, label, ok in requests(labels, scale, rng))
    (folder / "kpi.jtl").write_text("timeStamp,elapsed,label,responseCode,responseMessage,threadName,success,bytes,grpThreads,"
                                    "allThreads,Latency,Connect\n" + rows, newline="")
    columns = {
        "frontend_cpu_percent": lambda s: 20 + s % 7, "sum_workers_cpu_percent": lambda s: 60 * scale + s % 11,
        "sum_all_cpu_percent": lambda s: 80 * scale + s % 13, "frontend_memory_rss": lambda s: 1.5e8 + 1e5 * s,
        "sum_workers_memory_rss": lambda s: 9e7 + 1e6 * max(0, s), "frontend_file_descriptors": lambda s: 55,
        "sum_workers_file_descriptors": lambda s: 14, "total_workers": lambda s: 2, "total_processes": lambda s: 4, "orphans": lambda s: 0,
        "jvm_gc_count": lambda s: max(0, s) // 9, "jvm_gc_seconds": lambda s: max(0, s) // 9 * .004, "jvm_heap_used": lambda s: 2e7 + s % 9 * 1e6,
        "worker_exits": lambda s: int(s >= RESTART), "worker_exits_signal": lambda s: int(s >= RESTART),
        "worker_restarts": lambda s: int(s > RESTART), "cgroup_oom_kills": lambda s: int(s >= RESTART),
        "frontend_io_write_bytes": lambda s: 2e5 * (s + 5), "monitor_cpu_percent": lambda s: .04, "monitor_cpu_time": lambda s: .0004 * (s + 5),
        "monitor_memory_rss": lambda s: 1.8e7, "monitor_bpf_seconds": lambda s: .0002 * (s + 5), "monitor_late_seconds": lambda s: .001,
        "monitor_missed_ticks": lambda s: 0, "monitor_drops": lambda s: 0, "monitor_dropped_lines": lambda s: 0,
        names["markup"] + "/" + names["quote"]: lambda s: s % 5, names["prototype"]: lambda s: s % 3, names["long"]: lambda s: s % 4,
    }
    (folder / "metrics.csv").write_text("ts," + ",".join(map(cell, columns)) + "\n" + "".join(
        f"{T0 + s}.000," + ",".join(f"{f(s):.9g}" for f in columns.values()) + "\n" for s in range(-4, SECONDS + 2)), newline="")
    (folder / "workers.csv").write_text("ts,model,slot,pid,metric,value\n" + "".join(
        f"{T0 + s}.000,{cell(names['bidi'])},{slot},{400 + slot + 10 * (slot == 1 and s >= RESTART)},{metric},{value:.9g}\n"
        for s in range(-4, SECONDS + 2) for slot in (0, 1)
        for metric, value in (("cpu_percent", 30 + slot * 5 + s % 6), ("memory_rss", 4.5e7 + slot * 1e6), ("file_descriptors", 7 + slot))),
        newline="")
    (folder / "effective.json").write_text(json.dumps({"execution": [{"ramp-up": "5s", "hold-for": "55s"}],
                                                       "reporting": [{"module": "passfail", "criteria": ["p90>1s"]}]}))
    (folder / "bzt.log").write_text("as bzt writes it\n")


def case(name, verdict="passed", message=None, **more):
    return {"name": name, "verdict": verdict, "message": message, "time": 60.0, "metric": None, "label": None, "op": None,
            "threshold": None, "observed": None, "from": 0.0, "to": 0.0, **more}


def make(out, names=QUIET, name="vm__abc1234__1795500000", scale=1.0):
    """A run of three suites below `out`: one that failed, one that passed, one without criteria."""
    run = out / name
    env, commit, epoch = name.split("__")
    hostile = names is not QUIET
    label = names["script"]
    broken = [case(f"p90 of {label}>50ms for 5s", "failed", f"p90 is 120 ms: {names['entity']}", metric="p90", label=label, op=">",
                   threshold=.05, observed=.12, **{"from": float(T0 + SLOW[0]), "to": float(T0 + SLOW[-1] + 1)}),
              case(f"{names['template']} < 290MB", metric="sum_workers_memory_rss", label=names["quote"], op=">=", threshold=2.9e8, observed=1.5e8),
              case(names["separators"], "error", names["attribute"]), case(names["long"], "failed", names["bidi"] + " " + names["long"]),
              case(names["constructor"], "skipped", names["quote"], metric=names["prototype"], op=">", threshold=9.0)]
    good = [case("p90 of all at most 1s", metric="p90", op=">", threshold=1.0, observed=.06)]
    suites = [("Broken", broken, "failed"), ("Good", good, "passed"), ("Recorded", [], "skipped")]
    stored = []
    for i, (title, cases, verdict) in enumerate(suites):
        folder = f"suite-{i}"
        write_suite(run / folder, names, scale)
        stored.append({"name": f"{title} {names['comment']}" if hostile else title, "path": f"tests/{names['quote']}.yaml", "dir": folder,
                       "verdict": verdict, "reason": None if verdict == "passed" else f"{title}: {names['script']}", "incomplete": False,
                       "started": T0 - 4.0, "duration": 66.0, "bzt_seconds": 64.0, "bzt_code": 3 if verdict == "failed" else 0,
                       "rung": "BPF snapshot", "rung_why": names["markup"] if hostile else None, "cases": cases})
    if hostile:
        (run / "suite-0" / "a\"><img src=x onerror=alert(7)>'&.log").write_text("a file of that name\n")
    (run / "run.json").write_text(json.dumps({
        "schema": 1, "program": "mmsperf-bpf", "state": "finished", "env": env, "commit": names["comment"] if hostile else commit,
        "started": float(epoch), "duration": 200.0, "verdict": "failed", "exit_code": 3, "stopped": False,
        "server": f"http://127.0.0.1:8080/ping {names['attribute']}" if hostile else "http://127.0.0.1:8080/ping, started by tests/common/mms.yaml",
        "fingerprint": {"id": "0123456789ab", "cpu": names["script"] if hostile else "AMD EPYC", "kernel": "6.18"},
        "tags": [names["entity"]], "suites": stored}))
    return run

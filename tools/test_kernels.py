#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the BPF tests under every kernel that can be had, each in a virtual machine (tools/kernel-run.sh), one after
the other, and on a machine without type information. Writes build/kernels.json and build/kernels.md (README.md shows
the latter: tools/readme/update.py) and a log a machine into build/kernels/. Kernels are downloaded on first use.

    tools/test_kernels.py [--only 6.1,7.3] [--table]      --table: only print the table of the last run

Exit status: 0 all passed, 1 something failed or a machine did not start.
"""
import argparse
import json
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
RESULT = BUILD / "kernels.json"
LOGS = BUILD / "kernels"
RUNGS = ("BPF snapshot", "BPF iterator", "procfs")
OTHER = "any rung"
LIMIT_S = 1800  # a machine; 150-250 s are usual on a calm host
MEMORY_MB = 4096  # the largest test has three processes of 300 MB, and / is written to memory

# name, kernel, what is done in the machine before the tests
MACHINES = [
    ("5.10", "5.10", ""),
    ("6.1", "6.1", ""),
    ("6.12", "6.12", ""),
    ("6.16", "6.16", ""),
    ("6.18", "6.18", ""),
    ("7.3", "7.3", ""),
    ("6.12 without BTF", "6.12", "mount -t tmpfs none /sys/kernel/btf || exit 9"),
]

GUEST = """{prepare}
ulimit -n 100000
uname -r | sed 's/^/KERNEL /'
for t in build/bpftest/test_*; do
  case $t in *.d) continue ;; esac
  echo "PROGRAM ${{t##*/}}"
  CMOCKA_MESSAGE_OUTPUT=TAP timeout 600 $t 2>&1
  echo "EXIT $?"
done
"""


def run(name, kernel, prepare):
    log = LOGS / (name.replace(" ", "-") + ".log")
    command = [ROOT / "tools/kernel-run.sh", "--kernel", kernel, "--timeout", str(LIMIT_S), "--memory", str(MEMORY_MB),
               "--share", BUILD, "--", "bash", "-c", GUEST.format(prepare=prepare)]
    with log.open("wb") as out, subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
                                                 stdin=subprocess.DEVNULL) as machine:
        try:
            status = machine.wait()
        finally:
            machine.terminate()  # told to stop: it ends its machine
    return status, log.read_text(errors="replace")


def parse(text):
    """Tests by rung: {rung: {passed, failed, skipped}}, names of those that failed, reasons of those skipped."""
    counts = {rung: {"passed": 0, "failed": 0, "skipped": 0} for rung in (*RUNGS, OTHER)}
    release, program, failures, reasons = "", "", [], {}
    reason, ended = "", True
    for line in text.splitlines():
        if m := re.match(r"KERNEL (\S+)", line):
            release = m[1]
        elif m := re.match(r"PROGRAM (\S+)", line):
            program, ended, before = m[1], False, len(failures)
        elif m := re.match(r"EXIT (\d+)", line):
            ended = True
            if int(m[1]) and len(failures) == before:
                counts[OTHER]["failed"] += 1
                failures.append(f"{program} (exit status {m[1]})")
        elif m := re.search(r"is not possible: (this kernel has no .*)", line):
            reason = m[1]
        elif m := re.match(r"skipped: (.*)", line):
            # the line above says which thing the kernel lacks
            reason = reason if "see the line above" in m[1] and reason else m[1]
        elif m := re.match(r"(not ok|ok) \d+( # SKIP)?(?: -)? (\w+)(?: \((.*)\))?$", line):
            rung = m[4] if m[4] in RUNGS else OTHER
            verdict = "skipped" if m[2] else "passed" if m[1] == "ok" else "failed"
            counts[rung][verdict] += 1
            if verdict == "failed":
                failures.append(m[3] + (f" ({m[4]})" if m[4] else ""))
            if verdict == "skipped":
                reasons.setdefault(rung, {}).setdefault(reason, 0)
                reasons[rung][reason] += 1
            reason = ""
    if not ended:
        counts[OTHER]["failed"] += 1
        failures.append(f"{program} (did not end)")
    return {"release": release, "rungs": counts, "failures": failures, "skips": reasons}


def cell(result, rung):
    c, skips = result["rungs"][rung], result["skips"].get(rung, {})
    if not sum(c.values()):
        return "-"
    if not c["passed"] and not c["failed"]:
        why = max(skips, key=skips.get).replace("this kernel has no ", "no ")
        return "absent: " + why
    parts = [f"{c['passed']} passed"]
    parts += [f"**{c['failed']} failed**"] if c["failed"] else []
    parts += [f"{c['skipped']} skipped"] if c["skipped"] else []
    return ", ".join(parts)


def table(results):
    rows = ["| Machine | Kernel | " + " | ".join((*RUNGS, OTHER)) + " |", "|---|---|" + "---|" * (len(RUNGS) + 1)]
    for r in results:
        if r.get("error"):
            rows.append(f"| {r['machine']} | {r['release'] or '?'} | **{r['error']}** |" + " |" * len(RUNGS))
            continue
        rows.append(f"| {r['machine']} | {r['release']} | " + " | ".join(cell(r, g) for g in (*RUNGS, OTHER)) + " |")
    return "\n".join(rows) + "\n"


def store(results):
    order = {name: i for i, (name, _, _) in enumerate(MACHINES)}
    results.sort(key=lambda r: order.get(r["machine"], len(order)))
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    (BUILD / "kernels.md").write_text(table(results))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--only", default="", help="machines, comma-separated")
    p.add_argument("--table", action="store_true", help="print the table of the last run")
    o = p.parse_args()
    old = json.loads(RESULT.read_text()) if RESULT.exists() else []
    if o.table:
        print(table(old), end="")
        return 0
    only = [n for n in o.only.split(",") if n]
    if unknown := set(only) - {m[0] for m in MACHINES}:
        p.error(f"no such machine: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    LOGS.mkdir(parents=True, exist_ok=True)
    results = [r for r in old if only and r["machine"] not in only]
    bad = False
    for name, kernel, prepare in MACHINES:
        if only and name not in only:
            continue
        begin = time.monotonic()
        status, text = run(name, kernel, prepare)
        result = {"machine": name, "seconds": round(time.monotonic() - begin), **parse(text)}
        if not result["release"] or status >= 124:
            tail = text.strip().splitlines()
            result["error"] = f"the machine failed ({status}): {tail[-1] if tail else 'no output'}"
        results.append(result)
        store(results)
        bad |= bool(result["failures"] or result.get("error"))
        print(f"{name}: {result['release']}, {result['seconds']} s: "
              + (result.get("error") or ", ".join(f"{g}: {cell(result, g)}" for g in (*RUNGS, OTHER))), flush=True)
        for failure in result["failures"]:
            print(f"    failed: {failure}; see {LOGS.relative_to(ROOT)}/", flush=True)
    print(table(results), end="")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

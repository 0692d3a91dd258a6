# SPDX-License-Identifier: GPL-2.0-only
"""How finely cpu_percent resolves: loads of a known share against their own process clock, at the moments of the agent's own samples, at 1 s
and 10 ms."""
import json
import os
import subprocess

from harness import AGENT_PORT, BIN, BUILD, Agent, BenchError, Child

# share in %, period in us, what the slices are
LOADS = [(100, 1000000, "100 %"), (50, 20000, "50 % (10 ms in 20)"), (1, 10000, "1 % (100 us in 10 ms)"),
         (1, 1000000, "1 % (10 ms in 1 s)")]
INTERVALS = [(1, 0.05), (0.01, 0.5)]  # seconds; bar in points


def run(seconds, say):
    """[{load, interval_s, bar, true, low, high, median, p99, max, unsure}, …]: errors in percentage points; unsure: lines left out because the
    load's own clock was not known well enough at their moments."""
    cpus = sorted(os.sched_getaffinity(0))
    ours, theirs = cpus[0], cpus[-1]
    out = []
    trace = BUILD / "load.trace"
    for percent, period, name in LOADS:
        with Child("load", [BIN / "load", percent, period, theirs, trace], pipes=False) as load, \
                Agent(load.pid, name="agent-resolution") as agent:
            os.sched_setaffinity(agent.pid, {ours})  # away from the load: its waiting for the CPU is no error of the reading
            for interval, bar in INTERVALS:
                lines = max(int(seconds / interval), 5)
                p = subprocess.run([BIN / "load", "check", str(AGENT_PORT), str(load.pid), str(interval), str(lines), str(trace), str(bar)],
                                   capture_output=True, text=True, timeout=seconds * 4 + 20)
                if p.returncode:
                    raise BenchError(f"resolution of {name}: {p.stderr.strip()}")
                out.append({"load": name, "interval_s": interval, "bar": bar, **json.loads(p.stdout)})
                say(f"  {name} at {interval} s: done")
    return out

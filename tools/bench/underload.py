# SPDX-License-Identifier: GPL-2.0-only
"""What the collector costs while the real server answers requests: its own CPU and its hooks' run time as a share of the tree's CPU, and
the workers' CPU per 1,000 requests with and without it, in alternating slices of one server."""
import contextlib
import json
import math
import random
import socket
import subprocess
import time

import server
from cost import PYTHON
from harness import AGENT, AGENT_PORT, METRICS, ROOT, SYSCALL, Agent, BenchError, BpfStat, Child, cpu_ns, kernel_can_count, tree_cpu_ns
from stats import paired_interval

RATE = 150  # requests a second: about half of what two cores answer
SETTLE_S = 0.5


class Load(Child):
    def __init__(self):
        super().__init__("requester", [PYTHON, "-B", ROOT / "tools/bench/requester.py", server.INFERENCE + "/predictions/digits",
                                       ROOT / "tests/inputs/digit-3.png", 4, RATE])

    def done(self):
        good, failed = map(int, self.ask().split())
        if failed:
            raise BenchError(f"{failed} requests failed")
        return good


def group_metrics():
    """One metric of every optional group that works here."""
    rows = json.loads(subprocess.run([AGENT, "metrics", "--json"], capture_output=True, text=True, check=True, timeout=60).stdout)
    return [m["example"] for m in rows["metrics"] if "group)" in m["source"] and m["works"]]


@contextlib.contextmanager
def subscribed(frontend, metrics, interval):
    """An agent with a client that reads what it sends."""
    with Agent(frontend, name="agent-load") as agent, socket.create_connection(("127.0.0.1", AGENT_PORT), 10) as s:
        s.sendall(f"interval:{interval}\nmetrics:{chr(9).join(metrics)}\n".encode())
        reader = Child("reader-load", ["cat"], pipes=False, stdin=s)
        with reader:
            yield agent


def own_cost(frontend, load, metrics, interval, seconds):
    """Shares of the tree's CPU, in percent: agent with its readings, hooks."""
    with subscribed(frontend, metrics, interval) as agent, BpfStat(agent.pid) as bpf:
        time.sleep(2)
        before, requests = bpf.read(), load.done()
        own, tree = cpu_ns(agent.pid), tree_cpu_ns(frontend)
        time.sleep(seconds)
        own, tree = cpu_ns(agent.pid) - own, tree_cpu_ns(frontend) - tree
        delta = BpfStat.delta(before, bpf.read())
        hooks = {n: d for n, d in delta.items() if d[2] != SYSCALL}
        return {"interval_s": interval, "metrics": len(metrics), "requests": load.done() - requests, "tree_cpu_s": tree / 1e9,
                "agent_pct": 100 * own / tree, "hooks_pct": 100 * sum(d[1] for d in hooks.values()) / tree,
                "hooks": {n: {"runs": d[0], "ns": d[1]} for n, d in hooks.items()}}


def per_request(frontend, load, pairs, slice_s, say):
    """Workers' CPU per 1,000 requests: (ratio on/off, low, high) of paired slices, and both lists."""
    order, cost = random.Random(2), {"off": [], "on": []}
    workers = server.worker_scripts(frontend)

    def one():
        time.sleep(SETTLE_S)
        requests, cpu = load.done(), sum(map(cpu_ns, workers))
        time.sleep(slice_s)
        cpu, requests = sum(map(cpu_ns, workers)) - cpu, load.done() - requests
        return cpu / requests * 1000

    for i in range(pairs):
        for phase in order.sample(["off", "on"], 2):
            with subscribed(frontend, METRICS, 1) if phase == "on" else contextlib.nullcontext():
                cost[phase].append(one())
        if i % 10 == 9:
            say(f"  {i + 1} of {pairs} pairs")
    centre, low, high = paired_interval([math.log(b / a) for a, b in zip(cost["off"], cost["on"])])
    return {"ratio": math.exp(centre), "low": math.exp(low), "high": math.exp(high), "off_ns": cost["off"], "on_ns": cost["on"]}


def run(frontend, seconds, pairs, slice_s, say):
    with Load() as load:
        deadline = time.monotonic() + 20
        while load.done() < RATE:
            if time.monotonic() > deadline:
                raise BenchError(f"the server answered {load.done()} requests in 20 s")
            time.sleep(0.2)
        result = {}
        if kernel_can_count():
            for name, metrics, interval in (("basic at 1 s", METRICS, 1), ("every group at 1 s", METRICS + group_metrics(), 1),
                                            ("basic at 10 ms", METRICS, 0.01)):
                result[name] = own_cost(frontend, load, metrics, interval, seconds)
        result["per_request"] = per_request(frontend, load, pairs, slice_s, say)
        return result

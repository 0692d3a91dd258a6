# SPDX-License-Identifier: GPL-2.0-only
"""What the lifecycle hooks cost the watched and strangers: loops of threads and forks on the loops' own CPU time, in rounds of three
phases: no agent, the agent with its hooks, and as a control the agent without BPF, which has no hooks and so must differ by nothing.
(A first design without a control said that hooks make threads cheaper: whatever ran first after an agent had come or gone was slowed.)
The hooks' run time an event comes from the kernel's statistics, in a pass of its own: they cost time themselves."""
import contextlib
import os
import random
import time

from harness import BIN, SYSCALL, Agent, BpfStat, Child, kernel_can_count
from stats import median, paired_interval

OPS = {"thread": 1500, "fork": 300}
PHASES = ["off", "on", "control"]
SETTLE_S = 0.3  # what an agent's coming or going leaves to the kernel's own threads is done by then


def loops(stack):
    cpu = 1 if _cpus() > 1 else 0
    out = {}
    for name in "member", "stranger":
        out[name] = stack.enter_context(Child(f"burden-{name}", [BIN / "burden", cpu]))
        out[name].ask(None)
    return out


def _cpus():
    return len(os.sched_getaffinity(0))


def run(rounds, say):
    """{'member thread': {...}, …}: ns an operation without agent, and the paired differences of both phases with it, centre and 95 %
    interval; hooks' ns an event."""
    cost = {phase: {} for phase in PHASES}
    order = random.Random(1)
    with contextlib.ExitStack() as stack:
        procs = loops(stack)
        kinds = [(who, what) for who in procs for what in OPS]

        def measure(store):
            time.sleep(SETTLE_S)
            for who, what in kinds:
                procs[who].ask(f"{what} {OPS[what] // 3}")
            for who, what in order.sample(kinds, len(kinds)):
                store.setdefault(f"{who} {what}", []).append(float(procs[who].ask(f"{what} {OPS[what]}")))

        for i in range(rounds):
            for phase in order.sample(PHASES, len(PHASES)):
                if phase == "off":
                    measure(cost[phase])
                    continue
                with Agent(procs["member"].pid, name="agent-burden", extra=["--no-bpf"] if phase == "control" else []):
                    measure(cost[phase])
            if i % 20 == 19:
                say(f"  {i + 1} of {rounds} rounds")
        result = {}
        for who, what in kinds:
            kind = f"{who} {what}"
            off = cost["off"][kind]
            result[kind] = {"pairs": rounds, "off_ns": median(off)}
            for phase in "on", "control":
                centre, low, high = paired_interval([b - a for a, b in zip(off, cost[phase][kind])])
                result[kind][phase] = {"diff_ns": centre, "low_ns": low, "high_ns": high}
        if kernel_can_count():
            with Agent(procs["member"].pid, name="agent-burden") as agent, BpfStat(agent.pid) as bpf:
                for who, what in kinds:
                    n = OPS[what] * 4
                    before = bpf.read()
                    procs[who].ask(f"{what} {n}")
                    delta = BpfStat.delta(before, bpf.read())
                    hooks = {p: ns / runs for p, (runs, ns, kind) in delta.items() if kind != SYSCALL and runs >= n}
                    result[f"{who} {what}"].update(hooks_ns=hooks, hook_ns=sum(hooks.values()))
    return result

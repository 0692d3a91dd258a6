# SPDX-License-Identifier: GPL-2.0-only
"""What the lifecycle hooks cost the watched and strangers: loops of threads and forks on the loops' own CPU time, in rounds of four
phases: no agent, the agent with its hooks, as a control the agent without BPF, which has no hooks and so must differ by nothing, and
as a floor two hooks that return at once.
(A first design without a control said that hooks make threads cheaper: whatever ran first after an agent had come or gone was slowed.)
The hooks' run time an event comes from the kernel's statistics, in a pass of its own: they cost time themselves."""
import contextlib
import os
import random
import time

from harness import BIN, SYSCALL, Agent, BpfStat, Child, kernel_can_count
from stats import median, paired_interval

OPS = {"thread": 1500, "fork": 300}
PHASES = ["off", "on", "control", "hollow"]
PASSES = 9
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


def begin(phase, pid):
    if phase != "hollow":
        return Agent(pid, name="agent-burden", extra=["--no-bpf"] if phase == "control" else [])
    hooks = Child("hollow", [BIN / "hollow"])
    hooks.ask(None)
    return hooks


def _hooks_ns(bpf, proc, what):
    """program -> ns a run, while such operations are made. An interrupt that comes in a hook is in it: one of several passes counts."""
    n = OPS[what] * 4
    before = bpf.read()
    proc.ask(f"{what} {n}")
    return {p: ns / runs for p, (runs, ns, kind) in BpfStat.delta(before, bpf.read()).items() if kind != SYSCALL and runs >= n}


def run(rounds, say):
    """{'member thread': {...}, …}: ns an operation without agent, and the paired differences of the other phases to it, centre and 95 %
    interval; hooks' ns an event."""
    phases = [p for p in PHASES if p != "hollow" or kernel_can_count()]
    cost = {phase: {} for phase in phases}
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
            for phase in order.sample(phases, len(phases)):
                if phase == "off":
                    measure(cost[phase])
                    continue
                with begin(phase, procs["member"].pid):
                    measure(cost[phase])
            if i % 20 == 19:
                say(f"  {i + 1} of {rounds} rounds")
        result = {}
        for who, what in kinds:
            kind = f"{who} {what}"
            off = cost["off"][kind]
            result[kind] = {"pairs": rounds, "off_ns": median(off)}
            for phase in phases[1:]:
                centre, low, high = paired_interval([b - a for a, b in zip(off, cost[phase][kind])])
                result[kind][phase] = {"diff_ns": centre, "low_ns": low, "high_ns": high}
        if kernel_can_count():
            with Agent(procs["member"].pid, name="agent-burden") as agent, BpfStat(agent.pid) as bpf:
                for who, what in kinds:
                    passes = sorted((_hooks_ns(bpf, procs[who], what) for _ in range(PASSES)), key=lambda hooks: sum(hooks.values()))
                    hooks = passes[PASSES // 2]
                    result[f"{who} {what}"].update(hooks_ns=hooks, hook_ns=sum(hooks.values()))
    return result

# SPDX-License-Identifier: GPL-2.0-only
"""What the lifecycle hooks cost the watched and strangers: loops of threads and forks, the agent off/on/on/off, in pairs, on the loops'
own CPU time; and the hooks' run time an event, from the kernel's statistics (in a pass of its own: they cost time themselves)."""
import contextlib

from harness import BIN, SYSCALL, Agent, BpfStat, Child, kernel_can_count
from stats import median, paired_interval

OPS = {"thread": 1500, "fork": 300}


def loops(stack):
    cpu = 1 if _cpus() > 1 else 0
    out = {}
    for name in "member", "stranger":
        out[name] = stack.enter_context(Child(f"burden-{name}", [BIN / "burden", cpu]))
        out[name].ask(None)
    return out


def _cpus():
    import os
    return len(os.sched_getaffinity(0))


def run(pairs, say):
    """{'member thread': {...}, …}: off and on in ns an operation, the paired difference with its 95 % interval, hooks' ns an event."""
    off, on = {}, {}
    with contextlib.ExitStack() as stack:
        procs = loops(stack)
        kinds = [(who, what) for who in procs for what in OPS]

        def phase(store):
            for who, what in kinds:
                store.setdefault(f"{who} {what}", []).append(float(procs[who].ask(f"{what} {OPS[what]}")))

        phase({})  # warm
        for i in range(pairs):
            for with_agent in (False, True) if i % 2 == 0 else (True, False):
                if with_agent:
                    with Agent(procs["member"].pid, name="agent-burden"):
                        phase(on)
                else:
                    phase(off)
            if i % 10 == 9:
                say(f"  {i + 1} of {pairs} pairs")
        result = {}
        for kind in off:
            centre, low, high = paired_interval([b - a for a, b in zip(off[kind], on[kind])])
            result[kind] = {"pairs": pairs, "off_ns": median(off[kind]), "on_ns": median(on[kind]), "diff_ns": centre, "low_ns": low,
                            "high_ns": high}
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

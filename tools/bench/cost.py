# SPDX-License-Identifier: GPL-2.0-only
"""Cost of a sample: all rivals side by side, each once a second, over one window. Figures are CPU ns per sample delivered."""
import contextlib
import json
import os
import socket

from harness import (AGENT_PORT, BIN, BUILD, METRICS, NODE_EXPORTER_PORT, PROCESS_EXPORTER_PORT, ROOT, SINK_PORT, SYSCALL, Agent,
                     BenchError, BpfStat, Child, descendants, find_program, kernel_can_count, tree_cpu_ns, wait_for_phase)

PYTHON = ROOT / "build/venv-bzt/bin/python"
ALL = ["floor", "ours", "reader", "psutil-lean", "psutil-as_dict", "pidstat", "process-exporter", "node-exporter"]
# Milliseconds into the second: far apart, and the three that are compared to the microsecond come first, when all others are done.
PHASE = {"floor": 100, "ours": 250, "reader": 400, "psutil-lean": 500, "pidstat": 600, "process-exporter": 650, "node-exporter": 720,
         "psutil-as_dict": 780}
READ_AT = 50


def start_rivals(stack, names, root_pid, say):
    """Starts the sink and every rival that is to be had; returns the sink and name -> Child."""
    sink_args, children = [SINK_PORT], {}

    def add(name, argv, **kw):
        children[name] = stack.enter_context(Child(name, argv, pipes=False, **kw))

    if "ours" in names:
        children["ours"] = stack.enter_context(Agent(root_pid))
        sink_args += ["agent", "ours", AGENT_PORT, PHASE["ours"], 1, ",".join(METRICS)]
    program = find_program("prometheus-process-exporter")
    if "process-exporter" in names and program:
        config = BUILD / "process-exporter.yml"
        config.write_text('process_names:\n- name: "{{.Comm}}"\n  cmdline: ["bench-tree|ModelServer|model_service_worker"]\n')
        add("process-exporter", [program, "-config.path", config, "-web.listen-address", f"127.0.0.1:{PROCESS_EXPORTER_PORT}",
                                 "-gather-smaps=false", "-threads=false"])
        sink_args += ["scrape", "process-exporter", PROCESS_EXPORTER_PORT, "/metrics", PHASE["process-exporter"]]
    program = find_program("prometheus-node-exporter")
    if "node-exporter" in names and program:
        add("node-exporter", [program, f"--web.listen-address=127.0.0.1:{NODE_EXPORTER_PORT}", "--collector.disable-defaults",
                              "--collector.processes"])
        sink_args += ["scrape", "node-exporter", NODE_EXPORTER_PORT, "/metrics", PHASE["node-exporter"]]
    sink = stack.enter_context(Child("sink", [BIN / "sink", *sink_args]))
    if sink.ask(None) != "ready":
        raise BenchError(f"no sink: {sink.why()}")

    for name in "floor", "reader":
        if name in names:
            add(name, [BIN / name, SINK_PORT, PHASE[name], *([root_pid] if name == "reader" else [])])
    for name, script in ("psutil-lean", "rival_lean.py"), ("psutil-as_dict", "rival_upstream.py"):
        if name in names and PYTHON.exists():
            add(name, [PYTHON, "-B", ROOT / "tools/bench" / script, SINK_PORT, PHASE[name], root_pid])
    program = find_program("pidstat")
    if "pidstat" in names and program:
        with socket.create_connection(("127.0.0.1", SINK_PORT)) as out:
            out.sendall(b"#pidstat text\n")
            wait_for_phase(PHASE["pidstat"])
            add("pidstat", [program, "-h", "-u", "-r", "-d", "-v", "-p", ",".join(map(str, descendants(root_pid))), 1], stdout=out)
    for name in names:
        if name not in children:
            say(f"left out: {name} " + ("(no build/venv-bzt: run 'make setup')" if name.startswith("psutil") else "(not installed)"))
    return sink, children


def measure(root_pid, seconds, say, names=ALL, expect=None, warm_up=4):
    """One window. expect: {column of METRICS: value} that every rival that sends numbers must agree with."""
    with contextlib.ExitStack() as stack:
        sink, children = start_rivals(stack, names, root_pid, say)
        bpf = stack.enter_context(BpfStat(children["ours"].pid)) if "ours" in children and kernel_can_count() else None
        for _ in range(warm_up):
            wait_for_phase(READ_AT)
        ends = []
        for seconds_to_go in seconds, 0:
            ends.append({"cpu": {n: tree_cpu_ns(c.pid) for n, c in children.items()}, "sink": json.loads(sink.ask()),
                         "bpf": bpf.read() if bpf else {}})
            for _ in range(seconds_to_go):
                wait_for_phase(READ_AT)
        a, b = ends
        result = {"seconds": seconds, "rivals": {}}
        for name, child in children.items():
            if not child.alive():
                raise BenchError(f"{name} ended while it was measured: {child.why()}")
            last = b["sink"].get(name, {"lines": 0, "bad": 0, "last": ""})
            samples = last["lines"] - a["sink"].get(name, {"lines": 0})["lines"]
            if samples < 1 or last["bad"]:
                raise BenchError(f"{name} delivered {samples} samples, {last['bad']} of them malformed: {child.why()}")
            cpu = b["cpu"][name] - a["cpu"][name]
            result["rivals"][name] = {"samples": samples, "cpu_ns": cpu, "ns_per_sample": cpu / samples, "last": last["last"]}
            for column, value in (expect or {}).items():
                fields = last["last"].split("\t")
                if name != "floor" and len(fields) > len(METRICS) and float(fields[METRICS.index(column)]) != value:
                    raise BenchError(f"{name} says {column} = {fields[METRICS.index(column)]}, the tree has {value}")
        if bpf:
            add_bpf(result, bpf, BpfStat.delta(a["bpf"], b["bpf"]))
        return result


def add_bpf(result, bpf, delta):
    """Hooks' run time is added to ours; the snapshot's is in the agent's own CPU already (it runs in its system call)."""
    ours = result["rivals"]["ours"]
    hooks = {n: d for n, d in delta.items() if d[2] != SYSCALL}
    snapshots = {n: d for n, d in delta.items() if d[2] == SYSCALL}
    result["hooks"] = {n: {"runs": r, "ns": ns} for n, (r, ns, _) in hooks.items()}
    result["hooks_ns_per_sample"] = sum(ns for _, ns, _ in hooks.values()) / ours["samples"]
    ours["agent_ns_per_sample"] = ours["ns_per_sample"]
    ours["ns_per_sample"] += result["hooks_ns_per_sample"]
    if snapshots:
        name, (runs, ns, _) = max(snapshots.items(), key=lambda i: i[1][1])
        result["snapshot"] = {"program": name, "cold_ns": ns / runs, "runs_per_sample": runs / ours["samples"]}
        hot = bpf.hot(bpf.read()[name]["id"], 2000)
        result["snapshot"]["hot_ns"] = hot.get("ns")


def background(make_extra, root_pid, seconds, rounds, say):
    """Agent's CPU per sample with and without 950 more processes outside the tree, alternating; returns the two lists."""
    few, many, floors = [], [], []
    with contextlib.ExitStack() as stack:
        sink, children = start_rivals(stack, ["floor", "ours"], root_pid, say)
        for _ in range(3):
            wait_for_phase(READ_AT)

        def window():
            wait_for_phase(READ_AT)
            wait_for_phase(READ_AT)
            begin = {n: tree_cpu_ns(c.pid) for n, c in children.items()}
            lines = json.loads(sink.ask())
            for _ in range(seconds):
                wait_for_phase(READ_AT)
            after = json.loads(sink.ask())
            return [(tree_cpu_ns(children[n].pid) - begin[n]) / (after[n]["lines"] - lines[n]["lines"]) for n in ("ours", "floor")]

        for i in range(rounds):
            for crowded in (False, True) if i % 2 == 0 else (True, False):
                with make_extra() if crowded else contextlib.nullcontext():
                    ours, floor = window()
                (many if crowded else few).append(ours)
                floors.append(floor)
    return few, many, floors


def cpu_count():
    return len(os.sched_getaffinity(0))

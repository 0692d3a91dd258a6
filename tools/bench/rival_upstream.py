# SPDX-License-Identifier: GPL-2.0-only
"""The collector logic of the suite this project started from: rival_upstream.py SINK_PORT PHASE_MS ROOT_PID

Written anew from the contract: at every tick the children of the server are looked for, every
process gives all psutil knows of it (as_dict() without a list of names), and from that all 126
names are computed; the 12 asked for are sent.
"""
import socket
import sys
import time

import psutil

PROCESS = {
    "cpu_percent": lambda p: p.get("cpu_percent") or 0,
    "cpu_user_time": lambda p: getattr(p.get("cpu_times"), "user", 0),
    "cpu_system_time": lambda p: getattr(p.get("cpu_times"), "system", 0),
    "cpu_iowait_time": lambda p: getattr(p.get("cpu_times"), "iowait", 0),
    "memory_percent": lambda p: p.get("memory_percent") or 0,
    "memory_rss": lambda p: getattr(p.get("memory_info"), "rss", 0),
    "memory_vms": lambda p: getattr(p.get("memory_info"), "vms", 0),
    "io_read_count": lambda p: getattr(p.get("io_counters"), "read_count", 0),
    "io_write_count": lambda p: getattr(p.get("io_counters"), "write_count", 0),
    "io_read_bytes": lambda p: getattr(p.get("io_counters"), "read_bytes", 0),
    "io_write_bytes": lambda p: getattr(p.get("io_counters"), "write_bytes", 0),
    "file_descriptors": lambda p: p.get("num_fds") or 0,
    "threads": lambda p: p.get("num_threads") or 0,
}
SYSTEM = {
    "system_disk_used": lambda: psutil.disk_usage("/").used,
    "system_memory_percent": lambda: psutil.virtual_memory().percent,
    "system_read_count": lambda: psutil.disk_io_counters().read_count,
    "system_write_count": lambda: psutil.disk_io_counters().write_count,
    "system_read_bytes": lambda: psutil.disk_io_counters().read_bytes,
    "system_write_bytes": lambda: psutil.disk_io_counters().write_bytes,
}
OPS = {"sum": sum, "avg": lambda v: sum(v) / len(v), "min": min, "max": max}
ASKED = ["frontend_cpu_percent", "sum_workers_cpu_percent", "sum_all_cpu_user_time", "sum_all_cpu_system_time",
         "frontend_memory_rss", "sum_workers_memory_rss", "sum_all_file_descriptors", "sum_all_threads",
         "sum_all_io_read_bytes", "sum_all_io_write_bytes", "total_workers", "total_processes"]


def is_worker(process):
    return any("model_service_worker.py" in a for a in process.cmdline())


def collect(server, children):
    children.update(server.children(recursive=True))
    front, workers, gone = [server.as_dict()], [], []
    for child in children:
        try:
            if psutil.pid_exists(child.pid) and is_worker(child):
                workers.append(child.as_dict())
            else:
                gone.append(child)
        except psutil.Error:
            gone.append(child)
    children.difference_update(gone)
    result = {}
    for name, read in PROCESS.items():
        result["frontend_" + name] = read(front[0])
        for group, stats in ("workers", workers), ("all", front + workers):
            values = [read(p) for p in stats] or [0]
            for op, fold in OPS.items():
                result["%s_%s_%s" % (op, group, name)] = fold(values)
    result["total_processes"] = len(workers) + 1
    result["total_workers"] = max(len(workers) - 1, 0)
    result["orphans"] = sum(p["ppid"] == 1 for p in workers)
    for name, read in SYSTEM.items():
        result[name] = read()
    return result


def main():
    port, phase = int(sys.argv[1]), int(sys.argv[2]) / 1000
    sink = socket.create_connection(("127.0.0.1", port))
    sink.sendall(b"#psutil-as_dict\n")
    server, children = psutil.Process(int(sys.argv[3])), set()
    due = int(time.monotonic()) + 1 + phase
    while True:
        delay = due - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        due = max(due + 1, int(time.monotonic()) + phase)
        sample = collect(server, children)
        sink.sendall(("\t".join("%.9g" % sample[name] for name in ASKED) + "\t\n").encode())


try:
    main()
except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt, psutil.NoSuchProcess):
    pass

# SPDX-License-Identifier: GPL-2.0-only
"""A lean psutil loop: rival_lean.py SINK_PORT PHASE_MS ROOT_PID

Process objects are kept, each is read in one oneshot() and asked only what the 12 numbers need;
children are looked for only when the list of pids has changed.
"""
import socket
import sys
import time

import psutil


def main():
    port, phase, root_pid = int(sys.argv[1]), int(sys.argv[2]) / 1000, int(sys.argv[3])
    sink = socket.create_connection(("127.0.0.1", port))
    sink.sendall(b"#psutil-lean\n")
    root = psutil.Process(root_pid)
    procs, workers, parents, pids = {root_pid: root}, set(), set(), None
    prev_front = prev_work = prev_t = 0.0
    due = int(time.monotonic()) + 1 + phase
    while True:
        delay = due - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        due = max(due + 1, int(time.monotonic()) + phase)
        now_pids = psutil.pids()
        if now_pids != pids:
            pids = now_pids
            for p in root.children(recursive=True):
                if p.pid not in procs:
                    procs[p.pid] = p
                    if any("model_service_worker.py" in a for a in p.cmdline()):
                        workers.add(p.pid)
                        parents.add(p.ppid())
        front = work = user = system = 0.0
        front_rss = work_rss = fds = threads = rbytes = wbytes = 0
        now = time.monotonic()
        for pid, p in list(procs.items()):
            try:
                with p.oneshot():
                    cpu = p.cpu_times()
                    rss = p.memory_info().rss
                    n_threads = p.num_threads()
                    io = p.io_counters()
                    n_fds = p.num_fds()
            except psutil.Error:
                del procs[pid]
                workers.discard(pid)
                continue
            user += cpu.user
            system += cpu.system
            threads += n_threads
            fds += n_fds
            rbytes += io.read_bytes
            wbytes += io.write_bytes
            if pid == root_pid:
                front, front_rss = cpu.user + cpu.system, rss
            elif pid in workers:
                work += cpu.user + cpu.system
                work_rss += rss
        dt = now - prev_t
        line = "%.6g\t%.6g\t%.9g\t%.9g\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n" % (
            (front - prev_front) / dt * 100, (work - prev_work) / dt * 100, user, system,
            front_rss, work_rss, fds, threads, rbytes, wbytes,
            len(workers - parents), len(workers) + 1)
        prev_front, prev_work, prev_t = front, work, now
        sink.sendall(line.encode())


try:
    main()
except (BrokenPipeError, ConnectionResetError, KeyboardInterrupt, psutil.NoSuchProcess):
    pass

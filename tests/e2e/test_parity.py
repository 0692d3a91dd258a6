#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Values equal psutil's where the contract says so: a frozen process tree read by both.

psutil lives in the Taurus venv, so this program runs itself again with that interpreter. The tree
is stopped with SIGSTOP while both read it, so nothing may differ but what psutil rounds.
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import e2e

VENV_PYTHON = e2e.BUILD / "venv-bzt" / "bin" / "python"
if __name__ == "__main__" and "MMSPERF_PARITY" not in os.environ:
    os.execve(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv], dict(os.environ, MMSPERF_PARITY="1"))

import psutil  # noqa: E402

FRONTEND = """
import subprocess, sys, threading, time
workers = [subprocess.Popen([sys.executable, sys.argv[1], str(i)]) for i in range(3)]
decoy = subprocess.Popen(["sleep", "600"])
for _ in range(5):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print("up", flush=True)
time.sleep(600)
"""

# Workers differ in CPU, memory, open files, threads and IO; the last one forks (a listener and its worker).
WORKER = """
import os, sys, threading, time
n = int(sys.argv[1])
end = time.process_time() + 0.2 * (n + 1)
while time.process_time() < end:
    sum(range(1000))
    os.getppid()
ballast = bytearray(os.urandom(1)) * (20_000_000 * (n + 1))
files = [open("/dev/null") for _ in range(7 * n)]
for _ in range(n):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
with open(os.path.join(sys.argv[2] if len(sys.argv) > 2 else "/var/tmp", f"parity-{os.getpid()}"), "wb") as out:
    for _ in range(50):
        out.write(b"x" * 40960)
        out.flush()
    os.fsync(out.fileno())
os.unlink(out.name)
if n == 2:
    os.fork()
time.sleep(600)
"""

FIELDS = {  # metric: (psutil's value of one process, relative tolerance, absolute tolerance)
    # A per-CPU counter (batches of 32 pages) for each of three kinds of page: what two CPUs may hold back.
    "memory_rss": (lambda p: p.memory_info().rss, 0.0, 3 * 32 * os.cpu_count() * 4096),
    "memory_vms": (lambda p: p.memory_info().vms, 0.0, 0.0),
    "memory_percent": (lambda p: p.memory_percent(), 0.0, 0.02),
    "cpu_user_time": (lambda p: p.cpu_times().user, 0.0, 0.03),  # psutil has ticks of 10 ms
    "cpu_system_time": (lambda p: p.cpu_times().system, 0.0, 0.03),
    "io_read_count": (lambda p: p.io_counters().read_count, 0.0, 0.0),
    "io_write_count": (lambda p: p.io_counters().write_count, 0.0, 0.0),
    "io_read_bytes": (lambda p: p.io_counters().read_bytes, 0.0, 0.0),
    "io_write_bytes": (lambda p: p.io_counters().write_bytes, 0.0, 0.0),
    "file_descriptors": (lambda p: p.num_fds(), 0.0, 0.0),
    "threads": (lambda p: p.num_threads(), 0.0, 0.0),
}
AGGREGATES = {"sum": sum, "avg": lambda v: sum(v) / len(v), "min": min, "max": max}


class Tree:
    def __init__(self, folder):
        self.worker = pathlib.Path(folder) / "model_service_worker.py"
        self.worker.write_text(WORKER)
        self.process = subprocess.Popen([sys.executable, "-c", FRONTEND, str(self.worker)], stdout=subprocess.PIPE,
                                        text=True)
        self.process.stdout.readline()
        e2e.wait_for("six processes at rest", self.at_rest, 60)

    def members(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def at_rest(self):
        """All processes there, asleep, and using no CPU any more."""
        before = [(p.pid, p.cpu_times()[:2]) for p in self.members()]
        time.sleep(0.3)
        after = [(p.pid, p.cpu_times()[:2]) for p in self.members()]
        return len(after) == 5 and before == after and all(p.status() == "sleeping" for p in self.members())

    def signal(self, number):
        for p in [*self.members(), psutil.Process(self.process.pid)]:
            p.send_signal(number)

    def end(self):
        for p in [*self.members(), psutil.Process(self.process.pid)]:
            p.kill()
        self.process.communicate()


class Parity(unittest.TestCase):
    rung = "snapshot"

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.tree = Tree(cls.folder.name)
        cls.tree.signal(signal.SIGSTOP)
        frontend = psutil.Process(cls.tree.process.pid)
        workers = [p for p in cls.tree.members() if any("model_service_worker.py" in a for a in p.cmdline())]
        cls.want = {"frontend": [frontend], "workers": workers, "all": [frontend, *workers]}

    @classmethod
    def tearDownClass(cls):
        cls.tree.end()
        cls.folder.cleanup()

    def read(self, names, rung):
        port = e2e.free_port()
        with e2e.Agent("--listen", f"127.0.0.1:{port}", "--no-unix", "--pid", str(self.tree.process.pid),
                       env=dict(os.environ, MMSPERF_RUNG=rung)) as agent:
            client = e2e.Client(port)
            client.subscribe(names)
            client.read()
            values = client.read()
            client.close()
        return agent.rung, values

    def check(self, rung):
        names = [f"frontend_{f}" for f in FIELDS]
        names += [f"{a}_{role}_{f}" for a in AGGREGATES for role in ("workers", "all") for f in FIELDS]
        names += ["total_processes", "total_workers", "orphans"]
        used, values = self.read(names, rung)
        print(f"rung in use: {used}")
        for name in names[:-3]:
            aggregate, _, rest = name.partition("_")
            role, field = ("frontend", rest) if aggregate == "frontend" else rest.split("_", 1)
            value_of, relative, absolute = FIELDS[field]
            series = [value_of(p) for p in self.want[role]]
            want = series[0] if role == "frontend" else AGGREGATES[aggregate](series)
            slack = (absolute + relative * want) * (len(series) if aggregate == "sum" else 1)
            with self.subTest(name=name):
                self.assertAlmostEqual(values[name], want, delta=slack + 1e-6 * abs(want))
        self.assertEqual(values["total_processes"], 5)  # frontend + 4 worker-script processes; `sleep` is in no total
        self.assertEqual(values["total_workers"], 3)    # the one that forked is a listener
        self.assertEqual(values["orphans"], 0)
        return used

    def test_highest_rung(self):
        usable, why = e2e.bpf_usable()
        used = self.check("snapshot" if usable else "procfs")
        if usable:
            self.assertEqual(used, "BPF snapshot", why)

    def test_procfs_rung(self):
        self.assertEqual(self.check("procfs"), "procfs")


if __name__ == "__main__":
    e2e.main()

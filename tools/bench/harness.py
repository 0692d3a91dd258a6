# SPDX-License-Identifier: GPL-2.0-only
"""What all parts of the benchmark stand on: children that never outlive us, CPU clocks to the nanosecond, the agent, the sink,
the kernel's BPF statistics. Owns no figures. Used by cost.py, burden.py, resolution.py, bench.py."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
BIN = BUILD / "bin"
AGENT = ROOT / "build" / "mmsperf-bpf"
SINK_PORT, AGENT_PORT, PROCESS_EXPORTER_PORT, NODE_EXPORTER_PORT, MMS_PORT = 19300, 19301, 19310, 19311, 19320

METRICS = ["frontend_cpu_percent", "sum_workers_cpu_percent", "sum_all_cpu_user_time", "sum_all_cpu_system_time",
           "frontend_memory_rss", "sum_workers_memory_rss", "sum_all_file_descriptors", "sum_all_threads",
           "sum_all_io_read_bytes", "sum_all_io_write_bytes", "total_workers", "total_processes"]


class BenchError(Exception):
    """Something that makes a measurement impossible; its text is for the user."""


def cpu_ns(pid):
    """CPU time of a living process (all its threads, ended ones too), to the nanosecond: the clock of clock_getcpuclockid(3)."""
    return time.clock_gettime_ns(((~pid) << 3) | 2)


def descendants(pid):
    found = [pid]
    for p in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{p}/task"):
                found += [int(c) for c in pathlib.Path(f"/proc/{p}/task/{task}/children").read_text().split()]
    return found


def tree_cpu_ns(pid):
    """Of a process and its living descendants. (None of the rivals makes and ends children while it is measured.)"""
    total = 0
    for p in descendants(pid):
        with contextlib.suppress(OSError):
            total += cpu_ns(p)
    return total


class Child(contextlib.AbstractContextManager):
    """A process that is ended, reaped and named in errors; its stderr goes to build/bench/logs/NAME.log."""

    def __init__(self, name, argv, env=None, pipes=True, stdout=None, group=False, stdin=subprocess.DEVNULL):
        logs = BUILD / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.name, self.log = name, logs / f"{name}.log"
        with open(self.log, "wb") as err:
            self.proc = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *map(str, argv)], stderr=err, cwd=ROOT, env={**os.environ, **(env or {})},
                stdin=subprocess.PIPE if pipes else stdin, start_new_session=group,
                stdout=subprocess.PIPE if pipes else (stdout or subprocess.DEVNULL), text=True)
        self.pid, self.group = self.proc.pid, group

    def ask(self, line=""):
        """One line in, one line out; no line in when `line` is None."""
        try:
            if line is not None:
                self.proc.stdin.write(line + "\n")
                self.proc.stdin.flush()
            answer = self.proc.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise BenchError(f"{self.name} ended: {self.why()}")
        return answer.strip()

    def why(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self.proc.poll()}, no message"

    def alive(self):
        return self.proc.poll() is None

    def stop(self, sig=signal.SIGTERM, grace=5):
        if self.proc.poll() is None or self.group:
            with contextlib.suppress(ProcessLookupError):
                (os.killpg if self.group else os.kill)(self.pid, sig)
        if self.proc.stdin:
            with contextlib.suppress(OSError):
                self.proc.stdin.close()
        try:
            self.proc.wait(grace)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        if self.group:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def __exit__(self, *exc):
        self.stop()


class Agent(Child):
    """The agent, watching pid, from its start on the clock; ready_s is the time until it answered a client."""

    def __init__(self, pid, port=AGENT_PORT, name="agent", extra=()):
        begin = time.monotonic()
        self.port = port
        super().__init__(name, [AGENT, "agent", "--pid", pid, "--listen", f"127.0.0.1:{port}", *extra],
                         env={"MMSPERF_SOCKET": str(BUILD / f"{name}-{port}.sock")}, pipes=False)
        deadline = begin + 10
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as s:
                    s.sendall(b"test\n")
                    if s.recv(16) == b"Yep\n":
                        break
                    raise BenchError(f"the agent at port {port} does not answer 'test'")
            except ConnectionRefusedError:
                if not self.alive():
                    raise BenchError(f"the agent ended: {self.why()}") from None
                if time.monotonic() > deadline:
                    self.stop()
                    raise BenchError("the agent did not listen within 10 s") from None
                time.sleep(0.001)
        self.ready_s = time.monotonic() - begin


class BpfStat(Child):
    """The kernel's account of the agent's BPF programs; needs root."""

    def __init__(self, pid):
        super().__init__(f"bpfstat-{pid}", [BIN / "bpfstat", pid])
        self.ask(None)

    def read(self):
        return json.loads(self.ask())

    def hot(self, prog_id, times):
        return json.loads(self.ask(f"run {prog_id} {times}"))

    @staticmethod
    def delta(before, after):
        """name -> (runs, ns, type) between two readings; programs that did not run are left out."""
        out = {}
        for name, p in after.items():
            b = before.get(name, {"runs": 0, "ns": 0})
            if p["runs"] > b["runs"]:
                out[name] = (p["runs"] - b["runs"], p["ns"] - b["ns"], p["type"])
        return out


TRACING, SYSCALL = 26, 31  # enum bpf_prog_type


class Tree(Child):
    """The synthetic tree; root is its frontend's pid."""

    def __init__(self, procs, threads, fds, background):
        super().__init__("tree", [BIN / "tree", procs, threads, fds, background])
        self.root = int(self.ask(None).split()[1])
        self.procs, self.threads, self.fds = procs, threads, fds


def wait_for_phase(ms):
    """Sleeps until the monotonic clock's second has this fraction."""
    now = time.monotonic()
    due = int(now) + ms / 1000
    time.sleep(due - now if due > now else due + 1 - now)


def find_program(name):
    for d in os.environ.get("PATH", "").split(":") + ["/usr/sbin", str(BUILD / "packages/usr/bin")]:
        if os.access(os.path.join(d, name), os.X_OK):
            return os.path.join(d, name)
    return None


def kernel_can_count():
    return os.geteuid() == 0

# SPDX-License-Identifier: GPL-2.0-only
"""What the end-to-end tests share: where things are, waiting with a deadline, and the closing line.

Every test program ends with `e2e.main()`, which prints "N passed, N failed[, N skipped]" and the
reason of each skip, and exits 1 when something failed.
"""
import itertools
import os
import pathlib
import socket
import subprocess
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
BINARY = BUILD / "mmsperf-bpf"
BZT = BUILD / "venv-bzt" / "bin" / "bzt"


def wait_for(what, predicate, seconds=10.0, step=0.02):
    """Returns predicate()'s first true value, or fails with `what` when the time is over."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(step)


def bpf_usable():
    """(usable, why not): what the collector itself finds when it may use its highest rung."""
    with Agent("--no-socket", "--no-unix", "--pid", str(os.getpid())) as agent:
        return agent.rung.startswith("BPF"), agent.why


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ports(first, last):
    """A function that gives the next free port of these. Not the kernel's own range: what the kernel chooses for somebody
    else's connection may be the port that was just found free."""
    numbers = itertools.cycle(range(first, last + 1))

    def next_port():
        for port in itertools.islice(numbers, last + 1 - first):
            try:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is no obstacle
                    probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
        raise AssertionError(f"ports {first}-{last} are all in use")
    return next_port


class Agent:
    """A collector in the foreground, ready when the constructor returns; stopped on exit."""

    def __init__(self, *args, **popen):
        read, write = os.pipe()
        command = [str(BINARY), "agent", "--ready-fd", str(write), *args]
        self.process = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, **popen)
        os.close(write)
        with os.fdopen(read) as ready:
            line = ready.readline().rstrip("\n")
        if not line.startswith("READY "):
            output = self.process.communicate(timeout=10)[0]
            raise AssertionError(f"the agent did not become ready: {output}")
        self.rung, _, self.why = line[len("READY "):].partition("\t")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.output = self.process.communicate(timeout=10)[0]
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Client:
    """One connection to an agent's TCP port."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.lines = self.socket.makefile("r", newline="\n")

    def send(self, text):
        self.socket.sendall(text.encode())

    def subscribe(self, names, interval=0.2):
        self.names = names
        self.send(f"interval:{interval}\nmetrics:" + "\t".join(names) + "\n")

    def read(self):
        """The next data line as {name: float}."""
        line = self.lines.readline()
        fields = line.rstrip("\n").split("\t")
        if not line.endswith("\t\n") or len(fields) != len(self.names) + 1:
            raise AssertionError(f"malformed data line {line!r} for {len(self.names)} metrics")
        return dict(zip(self.names, map(float, fields)))

    def close(self):
        self.lines.close()
        self.socket.close()


def main():
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    for test, reason in result.skipped:
        print(f"skipped {test}: {reason}")
    failed = [test for test, _ in result.failures + result.errors] + result.unexpectedSuccesses
    bad = len({getattr(test, "test_case", test).id() for test in failed})  # a test once, whatever of its parts failed
    good = result.testsRun - bad - len(result.skipped)
    print(f"{good} passed, {bad} failed" + (f", {len(result.skipped)} skipped" if result.skipped else ""))
    sys.stdout.flush()
    sys.exit(1 if bad else 0)

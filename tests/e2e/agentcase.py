# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the agent share: an agent with clients and a place of its own, and the watched "server", a small process
tree of this file's own (`agentcase.py tree N`)."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import e2e

next_port = e2e.ports(19009, 19050)


def tree(workers):
    """A server with `workers` forked workers; runs until it is killed, its workers then go too."""
    import ctypes
    libc = ctypes.CDLL(None)
    parent = os.getpid()
    for _ in range(workers):
        if os.fork() == 0:
            libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(0)
            while True:
                signal.pause()
    print("up", flush=True)
    end = time.monotonic() + 600
    while time.monotonic() < end:
        for _ in range(2000):  # some CPU, so that percentages are not zero
            pass
        time.sleep(0.005)


class Server:
    """The watched tree; mark makes its command line recognisable."""

    def __init__(self, workers, mark="plain"):
        self.process = subprocess.Popen([sys.executable, __file__, "tree", str(workers), mark],
                                        stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "up\n"

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-agent-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.port = next_port()
        self.sock = self.folder / "agent.sock"

    def agent(self, *args, **popen):
        agent = e2e.Agent("--listen", f"127.0.0.1:{self.port}", "--unix", str(self.sock), *args, **popen)
        self.addCleanup(agent.stop)
        return agent

    def server(self, workers=2, mark="plain"):
        server = Server(workers, mark)
        self.addCleanup(server.stop)
        return server

    def client(self, port=None):
        client = e2e.Client(port or self.port)
        self.addCleanup(client.close)
        return client

    def run_agent(self, *args):
        """One that is expected to end by itself; (exit code, output)."""
        done = subprocess.run([e2e.BINARY, "agent", *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=30)
        return done.returncode, done.stdout

    def assert_one_line(self, output):
        self.assertEqual(len(output.splitlines()), 1, output)


if __name__ == "__main__":
    tree(int(sys.argv[2]))

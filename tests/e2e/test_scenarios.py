#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The regression scenarios (tests/scenarios) on the real server: all of them pass, and none leaves anything there."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.request

import e2e
import scenarios

MANAGEMENT = "http://127.0.0.1:8081"


class Scenarios(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-scenarios-"))
        self.out = self.folder / "out"
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def server_started_by_hand(self):
        with open(self.folder / "server.log", "wb") as log:
            server = subprocess.Popen([e2e.ROOT / "tools/mms/start.sh"], cwd=e2e.ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      start_new_session=True, env=dict(os.environ, MMS_RUN=str(self.folder / "mms")))
        self.addCleanup(server.wait)
        self.addCleanup(os.killpg, server.pid, signal.SIGKILL)
        e2e.wait_for("the server", lambda: self.get("http://127.0.0.1:8080/ping"), 60, 0.2)
        return server.pid

    @staticmethod
    def get(url):
        try:
            return urllib.request.urlopen(url, timeout=2).read().decode()
        except OSError:
            return None

    def census(self, group):
        """What the server is made of: its models, its processes (no zombies), the frontend's descriptors."""
        processes = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            except OSError:
                continue
            fields = rest.split()
            if int(fields[2]) == group and fields[0] != "Z":
                processes.append((name, int(stat.parent.name)))
        java = next(pid for name, pid in processes if name == "java")
        return (json.loads(self.get(MANAGEMENT + "/models"))["models"], sorted(name for name, _ in processes),
                len(os.listdir(f"/proc/{java}/fd")))

    def test_all_pass_and_leave_nothing(self):
        group = self.server_started_by_hand()
        before = self.census(group)
        code, output, run = scenarios.run(self.out, "--suite", "tests/", "--pattern", "scenarios/*", "--quick", timeout=840)
        self.assertEqual(code, 0, output)
        verdicts = {s["name"]: s["verdict"] for s in run["suites"]}
        self.assertEqual(verdicts, {n: "skipped" if n in scenarios.WITHOUT_CRITERIA else "passed" for n in scenarios.NAMES})
        self.assertEqual(len(verdicts), 19)
        e2e.wait_for(f"the server to be as it was: {before}", lambda: self.census(group) == before, 30, 0.5)


if __name__ == "__main__":
    e2e.main()

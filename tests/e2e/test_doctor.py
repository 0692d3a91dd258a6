#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`mmsperf-bpf doctor` as root, as nobody, with CAP_BPF and CAP_PERFMON alone, and built without BPF; and what a
collector that was started in each of these ways keeps of its privileges."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import e2e

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]
TWO_CAPABILITIES = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+bpf,+perfmon",
                    "--ambient-caps=-all,+bpf,+perfmon", "--bounding-set=-all,+bpf,+perfmon"]
SECTIONS = {"collector", "probes", "server", "kernel", "capability", "limit", "tools", "libraries"}


def doctor(*prefix, binary=e2e.BINARY, **options):
    """Exit status and the findings by (section, name)."""
    done = subprocess.run([*prefix, str(binary), "doctor", "--json"], cwd=e2e.ROOT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, **options)
    return done.returncode, {(c["section"], c["name"]): c for c in json.loads(done.stdout)}


def status_of(pid):
    lines = open(f"/proc/{pid}/status").read().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


@unittest.skipIf(os.geteuid() != 0, "not root: other users cannot be tried")
class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bpf, cls.why = e2e.bpf_usable()
        # a copy that every user may reach, wherever the project lies
        cls.folder = tempfile.TemporaryDirectory()
        os.chmod(cls.folder.name, 0o755)
        cls.copy = pathlib.Path(cls.folder.name) / "mmsperf-bpf"
        shutil.copy(e2e.BINARY, cls.copy)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def need_bpf(self):
        if not self.bpf:
            self.skipTest(f"no BPF here: {self.why}")

    def assert_sensible(self, findings):
        self.assertEqual({section for section, _ in findings}, SECTIONS)
        for key, finding in findings.items():
            with self.subTest(check=key):
                self.assertIn(finding["status"], ("ok", "note", "missing"))
                self.assertTrue(finding["seen"])
                if finding["status"] == "missing":
                    self.assertTrue(finding["to_do"])
                if finding["status"] == "ok":
                    self.assertFalse(finding["to_do"])

    def test_as_root(self):
        self.need_bpf()
        status, found = doctor()
        self.assert_sensible(found)
        self.assertEqual(status, 0)
        self.assertEqual(found["capability", "CAP_BPF"]["status"], "ok")
        self.assertEqual(found["collector", "opener"]["status"], "ok")
        self.assertRegex(found["collector", "drop of privileges"]["seen"], "no capability is kept|CAP_BPF is kept")
        for name, version in (("bzt", r"^\d+\.\d+"), ("python", r"^3\."), ("java", r"\d+\.\d+"), ("JMeter", r"^\d+\.\d+")):
            self.assertRegex(found["tools", name]["seen"], version)
        self.assertRegex(found["libraries", "libbpf"]["seen"], r"\d+\.\d+")
        self.assertRegex(found["limit", "open files"]["seen"], r"^\d+")
        self.assertIn(os.uname().release, found["kernel", "release"]["seen"])

    def test_as_nobody(self):
        _, found = doctor(*NOBODY, binary=self.copy)
        self.assert_sensible(found)
        for rung in ("BPF snapshot", "BPF iterator"):
            self.assertEqual(found["collector", rung]["status"], "missing")
            self.assertTrue(found["collector", rung]["to_do"])
        self.assertEqual(found["collector", "procfs"]["status"], "ok")
        self.assertEqual(found["capability", "CAP_BPF"]["seen"], "not held")

    def test_with_two_capabilities(self):
        self.need_bpf()
        _, found = doctor(*TWO_CAPABILITIES, binary=self.copy)
        self.assert_sensible(found)
        self.assertIn("ok", (found["collector", rung]["status"] for rung in ("BPF snapshot", "BPF iterator")))
        self.assertEqual(found["collector", "scheduler group"]["status"], "ok")
        self.assertEqual(found["capability", "CAP_PERFMON"]["status"], "ok")
        self.assertEqual(found["collector", "opener"]["status"], "note")

    def test_what_a_collector_with_two_capabilities_keeps(self):
        self.need_bpf()
        read, write = os.pipe()
        command = [*TWO_CAPABILITIES, str(self.copy), "agent", "--no-socket", "--no-unix", "--pid", str(os.getpid()),
                   "--ready-fd", str(write)]
        with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.PIPE, text=True) as agent:
            try:
                os.close(write)
                with os.fdopen(read) as ready:
                    line = ready.readline()
                self.assertRegex(line, "^READY BPF", agent.stderr.read() if not line else line)
                status = status_of(agent.pid)
            finally:
                agent.terminate()
                agent.communicate(timeout=10)
        self.assertEqual(set(status["Uid"].split()), {"65534"})
        self.assertEqual(int(status["CapInh"], 16), 0)
        self.assertEqual(int(status["CapAmb"], 16), 0)
        self.assertIn(int(status["CapPrm"], 16), (0, 1 << 39))  # CAP_BPF: kernels before 6.1
        self.assertEqual(status["NoNewPrivs"], "1")

    def test_server_is_found_and_read(self):
        # a command line is what counts: the main class of a Multi Model Server
        with subprocess.Popen(["java", "-c", "import time; print('up', flush=True); time.sleep(60)",
                               "com.amazonaws.ml.mms.ModelServer"], executable="/usr/bin/python3",
                              stdout=subprocess.PIPE, text=True) as server:
            try:
                self.assertEqual(server.stdout.readline(), "up\n")
                _, found = doctor()
                self.assertRegex(found["server", "running"]["seen"], r"a model server runs as process \d+")
                self.assertEqual(found["server", "readable"]["status"], "ok")
                _, found = doctor(*NOBODY, binary=self.copy)
                self.assertEqual(found["server", "readable"]["status"], "missing")
                self.assertIn("environ", found["server", "readable"]["seen"])
            finally:
                server.kill()

    def test_missing_tools_are_exit_status_1(self):
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run([str(self.copy), "doctor"], cwd=empty, env={"PATH": "/nonexistent"}, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stdout, r"missing\s+java\s+not found\n\s+-> apt-get install")

    def test_built_without_bpf(self):
        with tempfile.TemporaryDirectory(dir=e2e.BUILD) as folder:
            relative = pathlib.Path(folder).relative_to(e2e.ROOT)
            made = subprocess.run(["make", "-s", "-j2", "NO_BPF=1", "CFLAGS=-O0", f"B={relative}"], cwd=e2e.ROOT,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
            self.assertEqual(made.returncode, 0, made.stdout)
            _, found = doctor(binary=pathlib.Path(folder) / "mmsperf-bpf")
        self.assert_sensible(found)
        for rung in ("BPF snapshot", "BPF iterator"):
            self.assertRegex(found["collector", rung]["seen"], "built without BPF")
        self.assertEqual(found["collector", "procfs"]["status"], "ok")
        self.assertEqual(found["libraries", "libbpf"]["status"], "missing")
        self.assertRegex(found["probes", "task_newtask"]["seen"], "built without BPF")

    def test_text_names_every_check_of_the_json(self):
        _, found = doctor()
        text = subprocess.run([str(e2e.BINARY), "doctor"], cwd=e2e.ROOT, stdout=subprocess.PIPE, text=True, timeout=120,
                              check=False).stdout
        for section, name in found:
            self.assertRegex(text, rf"(?m)^{section}$")
            self.assertRegex(text, rf"(?m)^  (ok|note|missing) +{re.escape(name)} ")


if __name__ == "__main__":
    e2e.main()

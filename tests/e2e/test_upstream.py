#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Suites in the form of the upstream suite (tests/e2e/upstream) run to a verdict: their own steps start the server, wait by sleeping,
register with curl and stop the server; thresholds come from environments/; the plugin has its later name."""
import os
import pathlib
import shutil
import tempfile
import unittest
import urllib.request

import e2e
import scenarios

UPSTREAM = "tests/e2e/upstream"


def marked(marker):
    """Living processes with the marker in their environment."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (entry / "environ").read_bytes():
                found.append(f"{entry.name} {(entry / 'cmdline').read_bytes().replace(bytes(1), b' ').decode(errors='replace')}")
        except OSError:
            continue
    return found


class Upstream(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-up-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        # the server writes its pid file to TMPDIR and its logs to where it is started
        self.marker = f"MMSPERF_E2E_MARK={self.folder.name}"
        self.environment = {"MMSPERF_E2E_MARK": self.folder.name, "TMPDIR": str(self.folder), "LOG_LOCATION": str(self.folder / "logs"),
                            "METRICS_LOCATION": str(self.folder / "logs")}

    def run_suites(self, *args):
        return scenarios.run(self.folder / "out", "--suite", UPSTREAM, *args, timeout=300, env=self.environment)

    def cases(self, suite):
        return {c["name"]: c for c in suite["cases"]}

    def test_to_a_verdict(self):
        if not shutil.which("curl"):
            self.skipTest("curl is not installed, which the suites' steps call")
        code, output, run = self.run_suites("--env-name", "xlarge")
        self.assertEqual(code, 3, output)
        suites = {s["name"]: s for s in run["suites"]}
        self.assertEqual({n: s["verdict"] for n, s in suites.items()},
                         {"inference_single_worker": "passed", "examples_remote_criteria": "failed"}, output)
        single = self.cases(suites["inference_single_worker"])
        self.assertEqual(len(single), 4)
        processes = next(c for n, c in single.items() if n.startswith("total_processes"))
        self.assertEqual(processes["observed"], 3)  # frontend, listener, worker: the collector found the server that a step started
        failed = [n for n, c in self.cases(suites["examples_remote_criteria"]).items() if c["verdict"] == "failed"]
        self.assertEqual(len(failed), 1, failed)
        self.assertTrue(failed[0].startswith("sum_workers_file_descriptors"), failed)
        self.assertEqual(marked(self.marker), [], "processes left behind")  # what `multi-model-server --stop` leaves as well
        with self.assertRaises(OSError):
            urllib.request.urlopen("http://127.0.0.1:8080/ping", timeout=2)
        self.assertFalse((e2e.ROOT / "kitten.jpg").exists())

    def test_without_its_environment(self):
        code, output, _ = self.run_suites("--env-name", "elsewhere", "--pattern", "inference_single_worker")
        self.assertEqual(code, 1, output)
        self.assertIn("environments/elsewhere.yaml", output)  # another environment's thresholds judge nothing
        self.assertEqual(marked(self.marker), [])


if __name__ == "__main__":
    e2e.main()

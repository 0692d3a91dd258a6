#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The main job with the real bzt, JMeter and Multi Model Server: verdicts, artifacts, by-hand commands."""
import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import xml.etree.ElementTree as ET

import e2e

GLOBAL_CONFIG = "tests/common/global_config.yaml"


def tools_processes(marker):
    """Processes of this machine whose command line or environment carries the marker: none may be left behind."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (entry / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if marker in command or marker in environment:
            found.append(f"{entry.name} {command}")
    return found


class Suites(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-suites-"))
        self.out = self.folder / "out"
        self.marker = f"MMSPERF_E2E_MARK={self.folder.name}"
        self.environment = dict(os.environ, MMSPERF_E2E_MARK=self.folder.name)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def tearDown(self):
        left = tools_processes(self.marker)
        self.assertEqual(left, [], "processes left behind")

    def command(self, *args):
        return [str(e2e.BINARY), *args, "--artifacts-dir", str(self.out)]

    def run_suites(self, *args, code, timeout=300):
        done = subprocess.run(self.command(*args), cwd=e2e.ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
        print(done.stdout)
        self.assertEqual(done.returncode, code, done.stdout)
        self.output = done.stdout
        return done.stdout

    def junit(self):
        return ET.parse(self.out / "junit.xml").getroot()

    def result(self):
        return json.loads((self.out / "latest" / "run.json").read_text())

    def check_rung(self):
        usable, why = e2e.bpf_usable()
        for suite in self.result()["suites"]:
            if usable:
                self.assertEqual(suite["rung"], "BPF snapshot", why)
            else:
                self.assertTrue(suite["rung_why"])

    def suite_copy(self, **replacements):
        """tests/ in small: the plan, the config and one suite whose text is changed."""
        tests = self.folder / "tests"
        (tests / "common").mkdir(parents=True)
        shutil.copy(e2e.ROOT / GLOBAL_CONFIG, tests / "common")
        shutil.copy(e2e.ROOT / "tests/register_and_inference.jmx", tests)
        text = (e2e.ROOT / "tests/inference_server_monitoring_criteria.yaml").read_text()
        text = text.replace("hold-for: 15s", "hold-for: 4s")
        for old, new in replacements.items():
            self.assertIn(old, text)
            text = text.replace(old, new)
        (tests / "one.yaml").write_text(text)
        return str(tests)

    def test_criteria_suites_pass(self):
        self.run_suites("--suite", "tests/", "--pattern", "*criteria*.yaml", "--exclude-pattern", "scenarios/*", code=0)
        suites = self.junit().findall("testsuite")
        self.assertEqual(len(suites), 2)
        for suite in suites:
            self.assertGreaterEqual(int(suite.get("tests")), 2)
            self.assertEqual((suite.get("failures"), suite.get("errors")), ("0", "0"))
        for suite in self.result()["suites"]:
            folder = self.out / "latest" / pathlib.Path(suite["dir"]).name
            for name in ("metrics.csv", "workers.csv", "metrics_bzt.csv", "final_stats.csv", "effective.yml", "kpi.jtl"):
                self.assertTrue((folder / name).is_file(), f"{folder / name} is missing")
            with open(folder / "metrics.csv", newline="") as file:
                rows = list(csv.DictReader(file))
            self.assertGreater(len(rows), 10)
            self.assertGreater(max(float(r["sum_workers_cpu_percent"] or 0) for r in rows), 1)
            self.assertGreater(max(float(r["sum_all_memory_rss"] or 0) for r in rows), 10e6)
            self.assertEqual(max(float(r["total_workers"] or 0) for r in rows), 1)
            # what the runner adds to bzt's own time
            self.assertLess(suite["duration"] - suite["bzt_seconds"], 3)
        for page in ("junit.html", "latest/performance_results.html", "latest/performance_results.xml"):
            self.assertGreater((self.out / page).stat().st_size, 1000)
        self.check_rung()

    def test_without_criteria_is_skipped(self):
        self.run_suites("--suite", "tests/inference_server_monitoring.yaml", code=0)
        suite = self.junit().find("testsuite")
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("errors")), ("0", "0", "0"))
        self.assertEqual(self.result()["suites"][0]["verdict"], "skipped")
        self.check_rung()

    def test_breached_criterion_fails(self):
        # stop: false and fail: true: bzt itself exits 0 here, only the evaluation shows it
        tests = self.suite_copy(**{"threshold: 400": "threshold: 3", "stop: true": "stop: false"})
        self.run_suites("--suite", tests, code=3)
        suite = self.junit().find("testsuite")
        self.assertEqual(suite.get("failures"), "1")
        failure = suite.find("testcase/failure")
        self.assertIn("sum_num_handles", failure.get("message") + (failure.text or ""))

    def test_unknown_metric_in_a_criterion(self):
        tests = self.suite_copy(**{"mms-inference-server/sum_num_handles": "mms-inference-server/sum_num_handels"})
        output = self.run_suites("--suite", tests, code=1)
        self.assertIn("sum_num_handels", output)
        self.assertRegex(output, r"one\.yaml:\d+:\d+")

    def test_stopped_by_hand(self):
        tests = self.suite_copy(**{"hold-for: 4s": "hold-for: 60s"})
        process = subprocess.Popen(self.command("--suite", tests), cwd=e2e.ROOT, env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            e2e.wait_for("the load", lambda: any(f.stat().st_size > 2000 for f in self.out.glob("*/one/kpi.jtl")), 90, 0.2)
            process.send_signal(signal.SIGINT)
            output = process.communicate(timeout=60)[0]
        finally:
            process.kill()
            process.wait()
        print(output)
        self.assertEqual(process.returncode, 2)
        suite = self.result()["suites"][0]
        self.assertTrue(suite["incomplete"])
        folder = pathlib.Path(suite["dir"])
        self.assertGreater((self.out / "latest" / folder.name / "metrics.csv").stat().st_size, 500)
        self.assertTrue((self.out / "junit.xml").is_file())


class ByHand(unittest.TestCase):
    """The five `bzt …` commands of the original document, with the server and the agent started by hand."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-byhand-"))
        cls.environment = dict(os.environ, MMSPERF_SOCKET=str(cls.folder / "agent.sock"),
                               PYTHONPATH=str(e2e.ROOT / "tools/taurus"), MMSPERF_BPF=str(e2e.BINARY))
        with open(cls.folder / "server.log", "wb") as log:
            cls.server = subprocess.Popen([e2e.ROOT / "tools/mms/start.sh"], cwd=e2e.ROOT, stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True,
                                          env=dict(cls.environment, MMS_RUN=str(cls.folder / "mms")))
        e2e.wait_for("the server", cls.answers, 90, 0.2)
        # by its pid file: another model server of this machine is none of ours
        subprocess.run([e2e.BINARY, "agent", "--start", "--pidfile", cls.folder / "mms/tmp/.model_server.pid"],
                       env=cls.environment, check=True, timeout=20)

    @classmethod
    def tearDownClass(cls):
        subprocess.run([e2e.BINARY, "agent", "--stop"], env=cls.environment, check=True, timeout=20)
        os.killpg(cls.server.pid, signal.SIGKILL)
        cls.server.wait()
        shutil.rmtree(cls.folder)

    @staticmethod
    def answers():
        try:
            return urllib.request.urlopen("http://127.0.0.1:8080/ping", timeout=1).status == 200
        except OSError:
            return False

    def bzt(self, suite, log=None, criteria=0):
        artifacts = self.folder / pathlib.Path(suite).stem
        done = subprocess.run([e2e.BZT, suite, GLOBAL_CONFIG, "-o", f"settings.artifacts-dir={artifacts}",
                               "-o", f"settings.env.BASEDIR={artifacts}"], cwd=e2e.ROOT, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=180)
        self.assertEqual(done.returncode, 0, done.stdout)
        with open(artifacts / "final_stats.csv", newline="") as file:
            total = next(r for r in csv.DictReader(file) if r["label"] == "")
        self.assertGreater(int(total["succ"]), 50)
        self.assertEqual(total["fail"], "0")
        if log:
            written = list(artifacts.glob(log))
            self.assertEqual(len(written), 1, f"{log} in {sorted(p.name for p in artifacts.iterdir())}")
            rows = written[0].read_text().splitlines()
            self.assertGreater(len(rows), 5)
            self.assertNotIn("NaN", rows[-1])
        return done.stdout

    def test_1_call_jmx(self):
        self.bzt("tests/call_jmx.yaml")

    def test_2_server_monitoring(self):
        self.bzt("tests/inference_server_monitoring.yaml", "SAlogs_*.csv")

    def test_3_taurus_local_monitoring(self):
        self.bzt("tests/inference_taurus_local_monitoring.yaml")

    def test_4_server_monitoring_criteria(self):
        self.bzt("tests/inference_server_monitoring_criteria.yaml", "SAlogs_*.csv")

    def test_5_taurus_local_monitoring_criteria(self):
        self.bzt("tests/inference_taurus_local_monitoring_criteria.yaml")

    def test_9_report_of_what_bzt_left(self):
        """Artifacts of Taurus alone become pages: one folder, and a folder of such folders; --open hands the page to the desktop."""
        folder = self.folder / "inference_server_monitoring_criteria"
        self.assertFalse((folder / "junit.html").exists())
        tools = self.folder / "tools"
        tools.mkdir()
        (tools / "xdg-open").write_text(f'#!/bin/sh\nprintf %s "$1" >{self.folder}/opened\n')
        (tools / "xdg-open").chmod(0o755)
        done = subprocess.run([e2e.BINARY, "report", "--open", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30,
                              env=dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}"))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("passed: 1 suite, 1 passed; 4 cases", done.stdout)
        self.assertEqual((self.folder / "opened").read_text(), str(folder / "junit.html"))
        page = (folder / "junit.html").read_text()
        for words in ("All 4 criteria hold", "Inference Request", "Latency distribution", "SAlogs_localhost_9009.csv", '"sum_num_handles"'):
            self.assertIn(words, page)
        names = {case.get("name") for case in ET.parse(folder / "junit.xml").getroot().iter("testcase")}
        self.assertIn("p90 of Inference Request > 1s", names)
        done = subprocess.run([e2e.BINARY, "report", "--open", self.folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=30, env=dict(os.environ, PATH=str(self.folder / "mms")))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("suites, ", done.stdout)
        self.assertIn(f"no viewer could be started (xdg-open is missing or knows none): open '{self.folder}/junit.html'", done.stdout)


if __name__ == "__main__":
    e2e.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The Taurus plugin against the real agent, inside the real bzt's monitoring service: values and
their labels, its log, starting an agent when none runs, an agent that goes away; and the drop-ins."""
import os
import sys

import e2e

PYTHON = e2e.BZT.parent / "python"
if os.path.realpath(sys.prefix) != os.path.realpath(PYTHON.parents[1]) and PYTHON.exists():
    os.execv(PYTHON, [str(PYTHON), *sys.argv])  # bzt lives in a venv of its own

import csv
import importlib
import logging
import math
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

TAURUS = e2e.ROOT / "tools" / "taurus"
sys.path.insert(0, str(TAURUS))

from bzt import TaurusConfigError, TaurusNetworkError
from bzt.modules.monitoring import Monitoring, MonitoringCriteria, MonitoringListener
from bzt.utils import BetterDict

import metrics_monitoring_inproc
import metrics_monitoring_taurus
import mmsperf_client


class Engine:
    """What monitoring clients use of bzt's engine."""
    check_interval = 1
    engine_loop_utilization = 0.25

    def __init__(self, folder):
        self.artifacts_dir = str(folder)
        self.services = []

    def create_artifact(self, prefix, suffix):
        return os.path.join(self.artifacts_dir, prefix + suffix)


class Collect(MonitoringListener):
    def __init__(self):
        self.items = []

    def monitoring_data(self, data):
        self.items.extend(data)

    def values(self, name, source="ServerLocalClient"):
        return [i[name] for i in self.items if i["source"] == source and name in i]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-plugin-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.sock = self.folder / "agent.sock"
        self.environment = {"MMSPERF_SOCKET": str(self.sock), "MMSPERF_BPF": str(e2e.BINARY)}
        before = {k: os.environ.get(k) for k in self.environment}
        os.environ.update(self.environment)
        self.addCleanup(self.restore, before)
        # should a test fail before its plugin has ended the agent it started
        self.addCleanup(subprocess.run, [e2e.BINARY, "agent", "--stop", "--unix", str(self.sock)],
                        stderr=subprocess.DEVNULL)
        self.engine = Engine(self.folder)

    @staticmethod
    def restore(before):
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value

    def agent(self):
        agent = e2e.Agent("--no-socket", "--unix", str(self.sock), "--pid", str(os.getpid()))
        self.addCleanup(agent.stop)
        return agent

    def monitor(self, *clients, start=True):
        """The service as bzt would have it, prepared and started."""
        monitor = metrics_monitoring_taurus.Monitor()
        monitor.engine = self.engine
        monitor.log = logging.getLogger("bzt")
        monitor.parameters = BetterDict.from_dict({"module": "m", "ServerLocalClient": list(clients)})
        self.engine.services = [monitor]
        self.collect = Collect()
        monitor.add_listener(self.collect)
        self.addCleanup(monitor.post_process)
        monitor.prepare()
        if start:
            monitor.startup()
        return monitor

    def check_until(self, monitor, what, predicate, seconds=10):
        def step():
            monitor.check()
            return predicate()
        return e2e.wait_for(what, step, seconds, 0.05)

    def running(self):
        return subprocess.run([e2e.BINARY, "agent", "--stop", "--unix", str(self.sock)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True).stdout


class Plugin(Case):
    def test_values_have_the_label_that_criteria_name(self):
        self.agent()
        monitor = self.monitor({"interval": 0.1, "metrics": ["total_processes", "sum_all_memory_rss", "cpu", "mem"]})
        self.check_until(monitor, "three samples", lambda: len(self.collect.values("total_processes")) >= 3)
        self.assertGreaterEqual(self.collect.values("total_processes")[0], 1)
        self.assertGreater(self.collect.values("sum_all_memory_rss")[0], 1e6)
        self.assertTrue(0 < self.collect.values("mem")[0] < 100)
        self.assertTrue(0 <= self.collect.values("cpu")[0] <= 100)
        self.assertAlmostEqual(self.collect.items[-1]["ts"], time.time(), delta=5)

    def test_a_label_of_its_own(self):
        self.agent()
        monitor = self.monitor({"interval": "100ms", "label": "mms-here", "metrics": ["total_processes"]})
        self.check_until(monitor, "a sample", lambda: self.collect.values("total_processes", "mms-here"))
        self.assertEqual(self.collect.values("total_processes"), [])

    def test_a_criterion_of_bzt_triggers(self):
        self.agent()
        monitor = self.monitor({"interval": 0.1, "metrics": ["sum_all_memory_rss", "no_such_metric"]}, start=False)
        owner = type("Owner", (), {"engine": self.engine, "log": logging.getLogger("bzt")})()
        criteria = [MonitoringCriteria(BetterDict.from_dict(
            {"subject": f"ServerLocalClient/{metric}", "condition": ">", "threshold": 1000, "timeframe": "1s",
             "stop": False}), owner) for metric in ("sum_all_memory_rss", "no_such_metric")]
        monitor.startup()
        self.check_until(monitor, "the criterion", lambda: criteria[0].is_triggered)
        self.assertFalse(criteria[1].is_triggered, "NaN triggers nothing")

    def test_the_log_has_its_header_in_the_order_of_its_rows(self):
        self.agent()
        names = ["total_processes", "engine-loop", "cpu", "disk-space", "no_such_metric", "mem"]
        monitor = self.monitor({"interval": 0.1, "logging": True, "metrics": names})
        path = self.folder / "local_monitoring_logs.csv"
        self.check_until(monitor, "rows", lambda: len(path.read_text().splitlines()) > 4)
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(rows[0]), ["ts", *names])
        for row in rows:
            self.assertAlmostEqual(float(row["ts"]), time.time(), delta=30)
            self.assertGreaterEqual(float(row["total_processes"]), 1)
            self.assertEqual(float(row["engine-loop"]), 0.25)
            self.assertTrue(0 <= float(row["disk-space"]) <= 100)  # 0.0: a filesystem that is all but empty
            self.assertTrue(math.isnan(float(row["no_such_metric"])))
            self.assertTrue(0 < float(row["mem"]) < 100)

    def test_only_metrics_of_taurus_itself(self):
        self.agent()
        monitor = self.monitor({"interval": 0.1, "metrics": ["engine-loop", "disk-space"]})
        self.check_until(monitor, "two samples", lambda: len(self.collect.values("engine-loop")) >= 2)

    def test_an_agent_is_started_and_ended_when_none_runs(self):
        monitor = self.monitor({"interval": 0.1, "metrics": ["mem"]}, {"interval": 0.1, "label": "two", "metrics": ["cpu"]})
        self.check_until(monitor, "data", lambda: self.collect.values("mem") and self.collect.values("cpu", "two"))
        self.assertTrue(self.sock.exists())
        monitor.shutdown()
        monitor.post_process()
        self.assertFalse(self.sock.exists(), "it was ours, so it ends with us")
        self.assertIn("no agent runs", self.running())

    def test_an_agent_of_somebody_else_is_left_alone(self):
        agent = self.agent()
        monitor = self.monitor({"interval": 0.1, "metrics": ["mem"]})
        self.check_until(monitor, "data", lambda: self.collect.values("mem"))
        monitor.shutdown()
        monitor.post_process()
        self.assertIsNone(agent.process.poll())

    def test_an_agent_that_dies_is_replaced(self):
        agent = self.agent()
        monitor = self.monitor({"interval": 0.1, "metrics": ["mem"]})
        self.check_until(monitor, "data", lambda: self.collect.values("mem"))
        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait()
        self.check_until(monitor, "its end to be noticed", lambda: monitor.clients[0]._lost)
        n = len(self.collect.items)
        self.check_until(monitor, "data again", lambda: len(self.collect.items) > n, 20)
        monitor.shutdown()
        monitor.post_process()
        self.assertFalse(self.sock.exists())

    def test_errors_say_what_to_do(self):
        with self.assertRaises(TaurusConfigError):
            self.monitor({"interval": 1})
        with self.assertRaises(TaurusConfigError):
            self.monitor({"metrics": []})
        os.environ["MMSPERF_BPF"] = "/nonexistent/mmsperf-bpf"
        with self.assertRaisesRegex(TaurusNetworkError, "/nonexistent/mmsperf-bpf"):
            self.monitor({"metrics": ["mem"]})
        os.environ["MMSPERF_BPF"] = str(e2e.BINARY)
        os.environ["MMSPERF_SOCKET"] = str(self.folder / ("x" * 120))
        with self.assertRaisesRegex(TaurusNetworkError, "too long"):
            self.monitor({"metrics": ["mem"]})

    def test_the_later_name_of_the_class(self):
        self.assertIs(metrics_monitoring_inproc.Monitor, metrics_monitoring_taurus.Monitor)
        self.assertTrue(issubclass(metrics_monitoring_inproc.Monitor, Monitoring))


class Finding(Case):
    def test_order(self):
        other = self.folder / "mmsperf-bpf"
        other.write_text("#!/bin/sh\n")
        other.chmod(0o755)
        self.assertEqual(mmsperf_client.find_binary(), str(e2e.BINARY))
        os.environ["MMSPERF_BPF"] = str(other)
        self.assertEqual(mmsperf_client.find_binary(), str(other))
        del os.environ["MMSPERF_BPF"]
        self.assertEqual(mmsperf_client.find_binary(), str(e2e.BINARY), "the tree's own build")
        # installed: PREFIX/share/mmsperf-bpf/taurus and PREFIX/bin
        share = self.folder / "share" / "mmsperf-bpf" / "taurus"
        share.mkdir(parents=True)
        (self.folder / "bin").mkdir()
        shutil.copy(other, self.folder / "bin" / "mmsperf-bpf")
        shutil.copy(TAURUS / "mmsperf_client.py", share)
        found = subprocess.run([sys.executable, "-c", "import mmsperf_client; print(mmsperf_client.find_binary())"],
                               cwd=share, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        self.assertEqual(found, str(self.folder / "bin" / "mmsperf-bpf"))
        (self.folder / "bin" / "mmsperf-bpf").unlink()
        path = f"{self.folder}:{os.environ['PATH']}"
        found = subprocess.run([sys.executable, "-c", "import mmsperf_client; print(mmsperf_client.find_binary())"],
                               cwd=share, stdout=subprocess.PIPE, text=True, check=True,
                               env=dict(os.environ, PATH=path)).stdout.strip()
        self.assertEqual(found, str(other))

    def test_socket_path_is_the_programs(self):
        del os.environ["MMSPERF_SOCKET"]
        told = subprocess.run([e2e.BINARY, "agent", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
        if os.geteuid() == 0:
            self.assertEqual(mmsperf_client.socket_path(), "/run/mmsperf/agent.sock")
            self.assertIn("/run/mmsperf/agent.sock", told)
        else:
            os.environ["XDG_RUNTIME_DIR"] = "/x"
            self.assertEqual(mmsperf_client.socket_path(), "/x/mmsperf/agent.sock")


class DropIns(Case):
    def script(self, *args, **kwargs):
        environment = dict(os.environ, PYTHONPATH=str(TAURUS), PYTHONDONTWRITEBYTECODE="1")
        environment.update(kwargs.pop("env", {}))
        return subprocess.run([sys.executable, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=environment, timeout=60, **kwargs)

    def arguments(self, *args, cwd=None):
        """What the program would be called with."""
        echo = self.folder / "echo"
        echo.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
        echo.chmod(0o755)
        done = self.script(*args, env={"MMSPERF_BPF": str(echo)}, cwd=cwd or self.folder)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout.splitlines()

    def test_runner(self):
        self.assertEqual(self.arguments("-m", "run_performance_suite", "--artifacts-dir=out", "--pattern=*criteria*.yaml",
                                        cwd=e2e.ROOT),
                         ["run", "--artifacts-dir=out", "--pattern=*criteria*.yaml"])
        script = str(TAURUS / "run_performance_suite.py")
        tests = str(e2e.ROOT / "tests")
        self.assertEqual(self.arguments(script, "-a", "o", "--no-monit"), ["run", "--test-dir", tests, "-a", "o", "--no-monit"])
        for given in (["-t", "x"], ["-tx"], ["--test-dir=x"], ["--suite", "x"]):
            self.assertEqual(self.arguments(script, *given), ["run", *given])

    def test_monitoring_server(self):
        script = str(TAURUS / "metrics_monitoring_server.py")
        self.assertEqual(self.arguments(script, "--start"), ["agent", "--start"])
        self.assertEqual(self.arguments(script, "--stop", "--unix", "/x/y"), ["agent", "--stop", "--unix", "/x/y"])
        self.assertEqual(self.script(script).returncode, 2)
        self.assertEqual(self.script(script, "--start", "--stop").returncode, 2)
        done = self.script(script, "--start", "--no-socket")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue(self.sock.exists())
        done = self.script(script, "--stop")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertFalse(self.sock.exists())

    def test_no_program_is_one_clear_line(self):
        done = self.script(str(TAURUS / "metrics_monitoring_server.py"), "--start", env={"MMSPERF_BPF": "/nonexistent"})
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stdout.splitlines()), 1, done.stdout)


if __name__ == "__main__":
    e2e.main()

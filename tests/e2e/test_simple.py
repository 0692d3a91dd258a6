#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Simple suites on the real server, JMeter and bzt: steps, moments, baselines, engines, several hosts; and `init`, `check`, run flags.

The server has ports and folders of its own here, so that nothing else is in the way.
"""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import xml.etree.ElementTree as ET

import e2e

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

JMETER = e2e.BUILD / "jmeter" / "bin" / "jmeter"
BODY = e2e.ROOT / "tests" / "inputs" / "digit-3.png"
REQUEST = f"Inference: {{path: POST /predictions/digits, body-file: {BODY}, answer: probabilities}}"


def low_port():
    """A free one; MMS 1.1 takes none above 32767."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def setUpModule():
    global MMS
    MMS = Server()


def tearDownModule():
    MMS.close()


class Server:
    """Multi Model Server with its own ports; started when first asked for."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-simple-"))
        self.port, self.management = low_port(), low_port()
        properties = (e2e.ROOT / "tests" / "common" / "mms.properties").read_text()
        properties = properties.replace(":8080", f":{self.port}").replace(":8081", f":{self.management}")
        (self.dir / "mms.properties").write_text(properties)
        self.env = {"MMS_RUN": str(self.dir / "run"), "MMS_CONFIG": str(self.dir / "mms.properties"),
                    "MMS_MODEL_STORE": str(e2e.BUILD / "models")}
        self.process = None

    @property
    def yaml(self):
        """What a suite says of it."""
        return (f"address: http://127.0.0.1:{self.port}\nmanagement: http://127.0.0.1:{self.management}\n"
                f"server:\n  command: [{e2e.ROOT}/tools/mms/start.sh]\n  env: {json.dumps(self.env)}\n"
                f"  pidfile: {self.dir}/run/tmp/.model_server.pid\n")

    @property
    def address(self):
        return f"address: http://127.0.0.1:{self.port}\nmanagement: http://127.0.0.1:{self.management}\n"

    def start(self):
        if not self.process:
            with open(self.dir / "server.log", "w", encoding="utf-8") as log:
                self.process = subprocess.Popen([e2e.ROOT / "tools" / "mms" / "start.sh"], stdout=log, stderr=log,
                                                env={**os.environ, **self.env}, start_new_session=True)
            e2e.wait_for("the server", lambda: self.call("GET", "/ping", self.port), 60)

    def call(self, method, path, port=None):
        """The answer's text, or None when nobody answers or the answer is a refusal."""
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.management}{path}", method=method)
        try:
            with DIRECT.open(request, timeout=60) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def stop(self):
        if self.process:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)
            e2e.wait_for("the end of the server", lambda: not self.call("GET", "/ping", self.port), 20)
            self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-simple-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.out = self.dir / "out"
        self.suites = self.dir / "suites"
        self.suites.mkdir()

    def suite(self, name, text):
        path = self.suites / f"{name}.yaml"
        path.write_text(text)
        return path

    def command(self, *args, limit=180):
        p = subprocess.run([str(e2e.BINARY), *map(str, args)], capture_output=True, text=True, timeout=limit, cwd=self.dir)
        self.stdout, self.stderr = p.stdout, p.stderr
        return p.returncode

    def run_suites(self, *args, **kw):
        return self.command("--suite", self.suites, "--artifacts-dir", self.out, "-e", "ci", "--no-monit", *args, **kw)

    def expect(self, got, code, *words):
        self.assertEqual(got, code, f"stdout:\n{self.stdout}\nstderr:\n{self.stderr}")
        for w in words:
            self.assertIn(w, self.stdout + self.stderr)

    def cases(self, suite):
        """Case -> verdict of the newest run."""
        result = {}
        for s in ET.parse(self.out / "junit.xml").getroot().iter("testsuite"):
            if s.get("name") == suite:
                for c in s.iter("testcase"):
                    kinds = [k for k in ("failure", "error", "skipped") if c.find(k) is not None]
                    result[c.get("name")] = kinds[0] if kinds else "passed"
        return result


class Real(Case):
    def test_a_whole_suite_with_a_server_of_its_own(self):
        MMS.stop()
        self.suite("digits", f"suite: digits\nmodel: digits\nworkers: 2\n{MMS.yaml}"
                   f"load:\n  concurrency: 2\n  duration: 5s\n  requests:\n    {REQUEST}\n"
                   "setup: [start-server, register, {scale: 1, model: digits}, wait-ready,\n"
                   "        {command: [echo, 'hello from a step'], name: hello}]\n"
                   "expect:\n- errors == 0\n- p99 of Inference < 5s\n- throughput of Inference > 1/s\n"
                   "- total_workers after register <= 2\n- total_workers after scale == 1\n"
                   "- total_workers after unregister == 0\n- threads after unregister <= before + 100%\n"
                   "- sum_workers_memory_rss < 2GB for 2s\n- mean of sum_all_cpu_percent > 1\n"
                   "- throughput within 95% of baseline\n- p99 < 1ms\n")
        self.expect(self.run_suites(), 3, "started by", "p99 < 1ms")
        got = self.cases("digits")
        self.assertEqual(got.pop("p99 < 1ms"), "failure")
        self.assertEqual(got.pop("throughput within 95% of baseline"), "skipped")
        self.assertEqual(set(got.values()), {"passed"}, got)
        self.assertEqual(len(got), 9)
        folder = self.out / "latest" / "digits"
        self.assertIn("hello from a step", (folder / "steps.log").read_text())
        self.assertRegex((folder / "points.csv").read_text(), r"(?m)^[0-9.]+,[0-9.]+,hello$")
        self.assertIn("Made by mmsperf-bpf", (folder / "taurus.yaml").read_text())
        self.assertIsNone(MMS.call("GET", "/ping", MMS.port), "the server was ours to stop")

    def test_baseline_is_the_newest_passing_run(self):
        MMS.start()
        text = (f"model: digits\n{MMS.address}load: {{duration: 4s, requests: {{{REQUEST}}}}}\n"
                "expect:\n- errors == 0\n- throughput within 90% of baseline\n")
        self.suite("a", text)
        self.expect(self.run_suites(), 0)
        self.assertEqual(self.cases("a")["throughput within 90% of baseline"], "skipped")
        self.assertIn("1 criterion met, 1 skipped (no baseline: no earlier run of this suite passed in this environment)", self.stderr)
        self.suite("a", text + "- avg <= baseline\n- samples >= baseline\n- throughput >= baseline\n- p50 > baseline\n"
                               "- p50 <= baseline\n")
        self.expect(self.run_suites(), 3)
        got = self.cases("a")
        self.assertEqual(got["throughput within 90% of baseline"], "passed")
        self.assertEqual({got["p50 > baseline"], got["p50 <= baseline"]}, {"passed", "failure"})
        # the failed one is no baseline: judged again, the first one still is
        self.expect(self.command("rejudge", "latest", self.suites / "a.yaml", "--artifacts-dir", self.out), 3)

    def test_open_loop(self):
        MMS.start()
        self.suite("rate", f"model: digits\n{MMS.address}load:\n  rate: 30/s\n  duration: 6s\n  requests:\n    {REQUEST}\n"
                           "    Ping: {path: GET /ping, headers: {X-Test: 'a<b'}}\n"
                           "expect:\n- throughput within 35% of 30/s\n- errors == 0\n- rc200 of Ping > 20\n")
        self.expect(self.run_suites(), 0)
        self.assertTrue((self.out / "latest" / "rate" / "open-loop.jmx").exists())

    def test_matrix_flags_and_json(self):
        MMS.start()
        self.suite("m", f"model: digits\n{MMS.address}matrix: {{workers: [1, 2]}}\n"
                        f"load: {{duration: 3s, requests: {{{REQUEST}}}}}\nexpect: [total_workers after wait-ready >= 1]\n")
        self.suite("z", f"{MMS.address}load: {{duration: 1h, requests: {{A: GET /nowhere}}}}\nexpect: [errors == 0]\n")
        self.expect(self.run_suites("--dry-run", "--quick", "--shuffle", "--seed", "4"), 0, "--seed 4", "3 suites, about")
        self.assertFalse(self.out.exists())
        self.assertEqual(sorted(re.findall(r"^ +\d+  (\S+)", self.stdout, re.M)), ["m[workers=1]", "m[workers=2]", "z"])
        self.assertEqual(self.run_suites("--quick", "--json", "--fail-fast", "-x", "m"), 3)
        result = json.loads(self.stdout)
        self.assertEqual(result["exit_code"], 3)
        self.assertEqual(result["runs"][0]["suites"][0]["verdict"], "failed")
        self.assertLess(result["runs"][0]["suites"][0]["duration"], 40)  # an hour was asked for
        self.assertEqual(self.run_suites("-p", "m*", "--repeat", "2", "--json"), 0)
        result = json.loads(self.stdout)
        self.assertEqual(len(result["runs"]), 2)
        self.assertEqual([s["name"] for s in result["runs"][1]["suites"]], ["m[workers=1]", "m[workers=2]"])
        self.assertEqual(result["changed"], [])

    def test_live_view(self):
        MMS.start()
        self.suite("a", f"model: digits\n{MMS.address}load: {{duration: 14s, requests: {{{REQUEST}}}}}\n"
                        "expect: [sum_workers_memory_rss < 9GB]\n")
        self.expect(self.run_suites("-v"), 0)
        self.assertRegex(self.stderr, r"\[1/1\] a: 0:[12]\d of about 0:29, till \d\d:\d\d:\d\d  [0-9.e+]+ req/s  [0-9.]+ ms  "
                                      r"0 errors  sum_workers_memory_rss [0-9.]+ MB")

    def test_interrupt_cleans_up(self):
        MMS.start()
        self.suite("a", f"model: digits\n{MMS.address}load: {{duration: 1h, requests: {{{REQUEST}}}}}\nexpect: [errors == 0]\n")
        p = subprocess.Popen([str(e2e.BINARY), "--suite", self.suites, "-a", self.out, "-e", "ci", "--no-monit"], cwd=self.dir,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        e2e.wait_for("requests", lambda: any(f.stat().st_size > 2000 for f in self.out.glob("ci__*/a/kpi.jtl")), 60)
        p.send_signal(signal.SIGINT)
        self.stdout, self.stderr = p.communicate(timeout=60)
        self.expect(p.returncode, 2, "stopped by hand")
        self.assertIsNone(MMS.call("GET", "/models/digits"), "the model was taken away again")

    def test_engine_of_the_same_venv(self):
        MMS.start()
        (self.suites / "m.py").write_text("from molotov import scenario\n\n\n@scenario(weight=1)\nasync def ping(session):\n"
                                          f"    async with session.get('http://127.0.0.1:{MMS.port}/ping') as r:\n"
                                          "        assert r.status == 200\n")
        self.suite("molo", f"{MMS.address}load: {{engine: molotov, script: m.py, concurrency: 2, duration: 4s}}\n"
                           "expect: [errors == 0, samples > 10, throughput > 1/s, mean of sum_all_cpu_percent >= 0]\n")
        self.expect(self.run_suites(), 0)

    def test_two_jmeter_servers(self):
        MMS.start()
        ports = [e2e.free_port(), e2e.free_port()]
        servers = []
        try:
            for port in ports:
                folder = self.dir / str(port)
                folder.mkdir()
                servers.append(subprocess.Popen(
                    [JMETER, "-s", f"-Dserver_port={port}", "-Jserver.rmi.ssl.disable=true",
                     "-Djava.rmi.server.hostname=127.0.0.1", "-j", "server.log"], cwd=folder, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True, start_new_session=True))
            for s in servers:  # each says so when it is ready
                for line in s.stdout:
                    if "Created remote object" in line:
                        break
            self.suite("dist", f"{MMS.address}load:\n  hosts: ['127.0.0.1:{ports[0]}', '127.0.0.1:{ports[1]}']\n"
                               "  concurrency: 1\n  duration: 5s\n  requests: {Ping: GET /ping}\n"
                               "expect: [errors == 0, samples > 20]\n")
            self.expect(self.run_suites(), 0)
            threads = (self.out / "latest" / "dist" / "kpi.jtl").read_text()
            for port in ports:
                self.assertIn(f"127.0.0.1:{port}-", threads)
        finally:
            for s in servers:
                os.killpg(s.pid, signal.SIGTERM)
                s.wait(20)
                s.stdout.close()

    def test_two_agents(self):
        MMS.start()
        port = e2e.free_port()
        other = subprocess.Popen([sys.executable, "-c", "import time; a = bytearray(50_000_000); time.sleep(300)"])
        try:
            with e2e.Agent("--listen", f"127.0.0.1:{port}", "--no-unix", "--pid", str(other.pid)):
                self.suite("two", f"model: digits\n{MMS.address}monitor: {{other: '127.0.0.1:{port}'}}\n"
                                  f"load: {{duration: 5s, requests: {{{REQUEST}}}}}\n"
                                  "expect:\n- other/sum_all_memory_rss > 40MB\n- other/sum_all_memory_rss < 90MB\n"
                                  "- mean of other/total_processes == 1\n- mean of total_processes >= 3\n"
                                  "- sum_all_memory_rss > 90MB\n- max of other/sum_all_memory_rss < 1MB\n")
                self.expect(self.run_suites(), 3)
            got = self.cases("two")
            self.assertEqual(got.pop("max of other/sum_all_memory_rss < 1MB"), "failure")
            self.assertEqual(set(got.values()), {"passed"}, got)
            header = (self.out / "latest" / "two" / "metrics_bzt.csv").read_text().splitlines()[0]
            self.assertIn("other/sum_all_memory_rss", header)
            self.assertIn("server/sum_all_memory_rss", header)
        finally:
            other.kill()
            other.wait()

    def test_two_agents_of_a_taurus_suite(self):
        """The first address is the runner's own collector's, the second another agent's, as on another host."""
        MMS.start()
        first, second = e2e.free_port(), e2e.free_port()
        other = subprocess.Popen([sys.executable, "-c", "import time; a = bytearray(50_000_000); time.sleep(300)"])

        def criterion(subject, condition, threshold):
            return ("  - class: bzt.modules.monitoring.MonitoringCriteria\n"
                    f"    subject: {subject}\n    condition: '{condition}'\n    threshold: {threshold}\n    timeframe: 2s\n"
                    "    stop: false\n")
        try:
            with e2e.Agent("--listen", f"127.0.0.1:{second}", "--no-unix", "--pid", str(other.pid)):
                self.suite("two", "execution:\n- {concurrency: 1, hold-for: 6s, scenario: s}\n"
                           f"scenarios: {{s: {{requests: [{{url: 'http://127.0.0.1:{MMS.port}/ping', label: ping}}]}}}}\n"
                           f"modules: {{jmeter: {{properties: {{hostname: 127.0.0.1, port: {MMS.port}}}}}}}\n"
                           "services:\n- module: monitoring\n  server-agent:\n"
                           f"  - {{address: '127.0.0.1:{first}', label: here, interval: 1s, logging: true,\n"
                           "     metrics: [total_processes, sum_all_memory_rss]}\n"
                           f"  - {{address: '127.0.0.1:{second}', label: there, interval: 1s, logging: true,\n"
                           "     metrics: [sum_all_memory_rss, total_processes]}\n"
                           "reporting:\n- module: passfail\n  criteria:\n"
                           + criterion("here/sum_all_memory_rss", "<", "90MB") + criterion("there/sum_all_memory_rss", ">", "90MB")
                           + criterion("there/sum_all_memory_rss", ">", "1MB"))
                r = self.command("--suite", self.suites, "-a", self.out, "-e", "ci")
                self.expect(r, 3)
            got = self.cases("two")
            self.assertEqual(sorted(got.values()), ["failure", "passed", "passed"], got)
            self.assertEqual([v for k, v in got.items() if "there" in k and "1000000" in k or "at most 1MB" in k], ["failure"], got)
            header, *rows = (self.out / "latest" / "two" / "metrics_bzt.csv").read_text().splitlines()
            columns = header.split(",")
            here, there = columns.index("here/sum_all_memory_rss"), columns.index("there/sum_all_memory_rss")
            values = [[float(r.split(",")[i]) for r in rows if r.split(",")[i]] for i in (here, there)]
            self.assertGreater(min(values[0]), 90e6)
            self.assertLess(max(values[1]), 90e6)
        finally:
            other.kill()
            other.wait()

    def test_setup_that_fails(self):
        MMS.start()
        self.suite("a", f"model: nothing\n{MMS.address}load: {{requests: {{A: GET /ping}}}}\nexpect: [errors == 0]\n")
        self.suite("b", f"{MMS.address}setup:\n- {{command: [sh, -c, 'echo no luck; exit 4'], name: warm}}\n"
                        "load: {requests: {A: GET /ping}}\ncleanup:\n- {command: [echo, cleaned], name: after}\n")
        self.suite("c", f"{MMS.address}setup:\n- {{command: [sleep, '60'], timeout: 1s}}\nload: {{requests: {{A: GET /ping}}}}\n")
        self.suite("d", f"model: digits\n{MMS.address}setup: [wait-ready]\nload: {{requests: {{A: GET /ping}}}}\n")
        started = time.monotonic()
        self.expect(self.run_suites(), 1, "a.yaml:1:8: step 'register': model 'nothing' cannot be registered: 4",
                    "b.yaml:4:3: step 'warm': 'sh' ended with code 4: no luck", "c.yaml:4:3: step 'sleep': 'sleep' has not ended",
                    "d.yaml:4:9: step 'wait-ready': the server has no model 'digits'")
        self.assertLess(time.monotonic() - started, 60)
        self.assertIn("cleaned", (self.out / "latest" / "b" / "steps.log").read_text())

    def test_init(self):
        MMS.start()
        urls = ["--address", f"http://127.0.0.1:{MMS.port}", "--management", f"http://127.0.0.1:{MMS.management}"]
        file = self.suites / "first.yaml"
        self.expect(self.command("init", *urls, file), 1, "serves no model")
        self.assertFalse(file.exists())
        self.assertIsNotNone(MMS.call("POST", "/models?url=digits&model_name=digits&initial_workers=1&synchronous=true"))
        try:
            self.expect(self.command("init", *urls, "--body", BODY, file), 0, "1 model")
            before = file.read_text()
            self.expect(self.command("init", *urls, file), 2, "not overwritten")
            self.assertEqual(file.read_text(), before)
            self.expect(self.command("check", file), 0, "4 criteria")
            self.expect(self.run_suites("--quick"), 0)
            self.assertIsNotNone(MMS.call("GET", "/models/digits"), "what was served stays")
        finally:
            MMS.call("DELETE", "/models/digits")


class Check(Case):
    def test_check(self):
        good = self.suite("good", "load: {requests: {A: GET /a}}\n")
        self.expect(self.command("check", good), 0, "0 criteria")
        bad = self.suite("bad", "load: {requests: {A: GET /a}}\nexpcet: []\n")
        self.expect(self.command("check", good, bad), 1, f"{bad}:2:1: unknown key 'expcet' of a simple suite, did you mean")
        self.expect(self.command("check", self.suites), 1)
        self.expect(self.command("check", self.dir / "none"), 2, "no such file")
        self.expect(self.command("check", "--wrong"), 2)
        self.expect(self.command("check", self.suites, "-p", "nothing"), 1, "no suite")
        server = self.suite("server", "load: {requests: {A: GET /a}}\nserver: {comand: [x]}\n")
        self.expect(self.command("check", server), 1, f"{server}:2:10: unknown key 'comand', did you mean 'command'?")
        self.expect(self.command("check", e2e.ROOT / "tests"), 0)

    def test_no_server(self):
        self.expect(self.command("init", "--management", f"http://127.0.0.1:{e2e.free_port()}", "x.yaml"), 1, "no server answers")
        self.expect(self.command("init", "a", "b"), 2)


if __name__ == "__main__":
    e2e.main()

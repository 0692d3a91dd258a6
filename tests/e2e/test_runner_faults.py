#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The runner when things go wrong: the real program, a bzt and a server that misbehave on demand.

Each test looks at the exit code, at the one line that says what is wrong, at what was kept, and at
the processes that are left: none.
"""
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ET

import e2e

FAKE = pathlib.Path(__file__).resolve().parent / "fake"
CRITERION = "reporting:\n- module: passfail\n  criteria:\n  - p90 of ping>1s\n"


def processes(token):
    """Command lines that hold the token, zombies left out."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if token in line and int(pid) != os.getpid():
            found.append(f"{pid}: {line}")
    return found


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-faults-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.token = "token-" + self.dir.name
        self.port = e2e.free_port()
        self.agent_port = e2e.free_port()
        self.out = self.dir / "out"
        self.suites = self.dir / "suites"
        (self.suites / "common").mkdir(parents=True)
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        (self.bin / "bzt").symlink_to(FAKE / "bzt")
        self.config()

    def tearDown(self):
        left = processes(self.token) + processes(str(self.suites)) + processes(str(self.out))
        self.assertEqual(left, [], "processes left behind")

    def config(self, *server, extra="", **kw):
        """global_config.yaml; server: arguments of the fake server, or none when not given."""
        text = (f"modules: {{jmeter: {{properties: {{protocol: http, hostname: 127.0.0.1, port: {self.port}, "
                f"management_port: {e2e.free_port()}}}}}}}\n{extra}")
        if kw.get("server", True):
            args = [sys.executable, str(FAKE / "server.py"), str(self.port), "--child", self.token, *server]
            text += f"server:\n  command: {json.dumps(args)}\n  ready: {{timeout: {kw.get('ready', '20s')}}}\n"
        (self.suites / "common" / "global_config.yaml").write_text(text)

    def suite(self, name, mode, criteria=CRITERION, extra=""):
        (self.suites / f"{name}.yaml").write_text(
            f"fake-bzt: {mode} {self.token if ' ' not in mode else ''}\n"
            f"execution:\n- {{hold-for: 1s, scenario: x, executor: none}}\n{criteria}{extra}")

    def start(self, *args, **popen):
        env = dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}")
        command = [str(e2e.BINARY), "--suite", str(self.suites), "--artifacts-dir", str(self.out), "-e", "ci",
                   "--no-monit", *args]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=self.dir, **popen)

    def run_suites(self, *args, limit=60, **popen):
        p = self.start(*args, **popen)
        try:
            self.stdout, self.stderr = p.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            p.kill()
            self.fail(f"not finished after {limit} s: {p.communicate()}")
        return p.returncode

    def verdicts(self):
        root = ET.parse(self.out / "junit.xml").getroot()
        result = {}
        for s in root.iter("testsuite"):
            result[s.get("name")] = {p.get("name"): p.get("value") for p in s.iter("property")}
        return result

    def expect(self, code, *words, got):
        self.assertEqual(got, code, f"stdout:\n{self.stdout}\nstderr:\n{self.stderr}")
        for w in words:
            self.assertIn(w, self.stdout + self.stderr)


class Verdicts(Case):
    def test_all_well(self):
        self.suite("a", "criteria-ok")
        self.suite("b", "ok", criteria="")
        self.expect(0, got=self.run_suites())
        v = self.verdicts()
        self.assertEqual(v["a"]["verdict"], "passed")
        self.assertEqual(v["b"]["verdict"], "skipped")
        for name in ("latest", "junit.xml", "junit.html"):
            self.assertTrue((self.out / name).is_symlink(), name)
        self.assertTrue((self.out / "latest" / "a" / "metrics.csv").stat().st_size > 0)

    def test_what_bzt_is_given(self):
        self.suite("a", "ok", criteria="")
        self.expect(0, got=self.run_suites())
        lines = (self.out / "latest" / "a" / "fake-bzt.txt").read_text().splitlines()
        given = [line[5:] for line in lines if line.startswith("argv ")]
        folder = str((self.out / "latest" / "a").resolve())
        for option in (f"settings.artifacts-dir={folder}", f"settings.env.BASEDIR={folder}",
                       "modules.console.disable=true", "settings.check-updates=false"):
            self.assertIn(option, given)
        self.assertNotIn("-n", given)
        self.assertEqual([pathlib.Path(f).name for f in given if f.endswith(".yaml")], ["a.yaml", "global_config.yaml"])
        home = next(line for line in lines if line.startswith("env HOME="))[9:]
        self.assertNotEqual(home, os.environ.get("HOME"))
        self.assertFalse(os.path.exists(home), "bzt's HOME is gone after the run")
        self.assertIn(f"cwd {self.dir}", lines)
        self.assertTrue(any("tools/taurus" in line for line in lines if line.startswith("env PYTHONPATH=")))

    def test_hidden_failure_and_stop(self):
        self.suite("hidden", "hidden-failure")
        self.suite("stopped", "automated-stop")
        self.suite("unseen", "slow")
        self.expect(3, got=self.run_suites())
        self.assertEqual({k: v["verdict"] for k, v in self.verdicts().items()},
                         {"hidden": "failed", "stopped": "failed", "unseen": "failed"})

    def test_overhead(self):
        self.suite("a", "wait 2", criteria="")
        self.expect(0, got=self.run_suites())
        run = json.loads((self.out / "latest" / "run.json").read_text())
        suite = run["suites"][0]
        more = suite["duration"] - suite["bzt_seconds"]
        print(f"runner adds {more:.2f} s to bzt's {suite['bzt_seconds']:.2f} s")
        self.assertLess(more, 3)


class Input(Case):
    def test_no_suite(self):
        shutil.rmtree(self.bin)  # collecting comes before bzt is looked for
        self.expect(3, "no suite in", got=self.run_suites("--pattern", "nothing*"))
        self.assertFalse(self.out.exists())

    def test_no_folder(self):
        self.suite("a", "ok")
        self.expect(2, "no such file or folder", got=self.run_suites("--suite", str(self.dir / "missing")))

    def test_usage(self):
        for args, words in ((["--suit", "x"], "did you mean '--suite'"), (["-e", "a__b"], "__"),
                            (["--timeout", "soon"], "soon"), (["tests"], "tests")):
            self.expect(2, words, got=self.run_suites(*args))
            self.assertEqual(len(self.stderr.splitlines()), 1, self.stderr)

    def test_quiet_says_faults_and_nothing_else(self):
        self.suite("a", "error")
        self.suite("b", "criteria-ok")
        self.expect(1, "a: bzt ended with code 1", got=self.run_suites("-q"))
        self.assertEqual((self.stdout, len(self.stderr.splitlines())), ("", 1), self.stderr)

    def test_unknown_metric_that_is_only_monitored(self):
        self.suite("a", "ok", criteria="", extra=(
            "services:\n- module: monitoring\n  server-agent:\n"
            f"  - {{address: '127.0.0.1:{self.agent_port}', metrics: [totl_workers, total_workers]}}\n"))
        self.expect(0, "metric 'totl_workers' is not known, did you mean 'total_workers'?", got=self.run_suites())
        header = (self.out / "latest" / "a" / "metrics.csv").read_text().splitlines()[0].split(",")
        self.assertIn("totl_workers", header)

    def test_malformed_suite_does_not_stop_the_others(self):
        (self.suites / "bad.yaml").write_text("execution:\n- {hold-for: 1s}\n- ]\n")
        self.suite("metric", "ok", criteria="", extra=(
            "services:\n- module: monitoring\n  server-agent:\n"
            f"  - {{address: '127.0.0.1:{self.agent_port}', label: srv, metrics: [total_workers]}}\n"
            "reporting:\n- module: passfail\n  criteria:\n  - class: bzt.modules.monitoring.MonitoringCriteria\n"
            "    subject: srv/totl_workers\n    condition: '>'\n    threshold: 1\n"))
        self.suite("good", "criteria-ok")
        self.expect(1, "bad.yaml:3:3: ", "metric.yaml:12:18: unknown metric 'totl_workers', did you mean 'total_workers'?",
                    got=self.run_suites())
        self.assertEqual({k: v["verdict"] for k, v in self.verdicts().items()},
                         {"bad": "error", "good": "passed", "metric": "error"})

    def test_bzt_missing(self):
        self.suite("a", "ok")
        shutil.rmtree(self.bin)
        copy = self.dir / "elsewhere" / "mmsperf-bpf"  # far from the project's own environment
        copy.parent.mkdir()
        shutil.copy(e2e.BINARY, copy)
        p = subprocess.run([copy, "--suite", self.suites, "--artifacts-dir", self.out], env={"PATH": "/usr/bin:/bin"},
                           cwd=self.dir, capture_output=True, text=True, timeout=60)
        if shutil.which("bzt", path="/usr/bin:/bin"):
            self.skipTest("bzt is installed system-wide")
        self.assertEqual(p.returncode, 1, p.stderr)
        self.assertIn("bzt (Taurus) is neither in PATH nor", p.stderr)
        self.assertEqual(len(p.stderr.splitlines()), 1, p.stderr)

    def test_jmeter_missing(self):
        self.suite("a", "ok")
        text = (self.suites / "a.yaml").read_text().replace(", executor: none", "")
        (self.suites / "a.yaml").write_text(text)
        self.expect(1, "--jmeter-path '/nonexistent/jmeter': no JMeter",
                    got=self.run_suites("--jmeter-path", "/nonexistent/jmeter"))

    def test_artifacts_not_writable(self):
        self.suite("a", "ok")
        (self.dir / "file").write_text("")
        self.expect(1, "--artifacts-dir", got=self.run_suites("--artifacts-dir", str(self.dir / "file" / "out")))
        self.assertEqual(len(self.stderr.splitlines()), 1, self.stderr)


class Faults(Case):
    def test_bzt_crashes(self):
        self.suite("a", "crash")
        self.suite("b", "criteria-ok")
        self.expect(1, "bzt crashed (signal 11", got=self.run_suites())
        v = self.verdicts()
        self.assertEqual((v["a"]["verdict"], v["b"]["verdict"]), ("error", "passed"))
        self.assertIn("incomplete", v["a"])

    def test_bzt_fails(self):
        self.suite("a", "error")
        self.expect(1, "bzt ended with code 1: Child Process Error: JMeter exited with code 1", got=self.run_suites())

    def test_orphans_of_bzt_are_ended(self):
        self.suite("a", "orphans", criteria="")
        self.expect(0, got=self.run_suites())

    def test_deadline(self):
        self.suite("a", "hang")
        self.suite("b", "criteria-ok")
        started = time.monotonic()
        self.expect(1, "deadline of 2 s", got=self.run_suites("--timeout", "2s"))
        self.assertLess(time.monotonic() - started, 30)
        self.assertTrue((self.out / "latest" / "a" / "stopped.txt").exists(), "bzt was asked to finish")
        v = self.verdicts()
        self.assertIn("incomplete", v["a"])
        self.assertEqual(v["b"]["verdict"], "passed")

    def test_interrupt(self):
        for sig in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(sig=sig):
                shutil.rmtree(self.out, ignore_errors=True)
                self.suite("a", "hang")
                self.suite("b", "criteria-ok")
                p = self.start()
                e2e.wait_for("bzt", lambda: list(self.out.glob("ci__*/a/started.txt")), 30)
                p.send_signal(sig)
                self.stdout, self.stderr = p.communicate(timeout=45)
                self.expect(2, "stopped by hand", got=p.returncode)
                v = self.verdicts()
                self.assertIn("incomplete", v["a"])
                self.assertNotIn("b", v)
                self.assertTrue((self.out / "latest" / "a" / "stopped.txt").exists())
                self.assertTrue((self.out / "latest" / "a" / "metrics.csv").exists())

    def test_interrupt_twice_ends_a_stubborn_bzt_at_once(self):
        self.suite("a", "stubborn")
        p = self.start()
        e2e.wait_for("bzt", lambda: list(self.out.glob("ci__*/a/started.txt")), 30)
        p.send_signal(signal.SIGINT)
        time.sleep(0.5)  # a person's second Ctrl-C, not one signal that merges with the first
        started = time.monotonic()
        p.send_signal(signal.SIGINT)
        self.stdout, self.stderr = p.communicate(timeout=30)
        self.expect(2, "stopped by hand", got=p.returncode)
        self.assertLess(time.monotonic() - started, 15)

    def test_killed_runner_leaves_a_readable_run(self):
        self.suite("a", "hang")
        p = self.start()
        e2e.wait_for("bzt", lambda: list(self.out.glob("ci__*/a/started.txt")), 30)
        p.kill()
        p.communicate(timeout=10)
        run = json.loads(next(self.out.glob("ci__*/run.json")).read_text())
        self.assertEqual(run["state"], "running")
        self.assertFalse((self.out / "latest").exists())
        # its direct children are told by the kernel; what they started is theirs to end
        e2e.wait_for("bzt's end", lambda: not processes(str(self.out)), 15)

        def end_rest():
            left = processes(self.token)
            for line in left:
                os.kill(int(line.split(":")[0]), signal.SIGKILL)
            return not left
        e2e.wait_for("the end of the rest", end_rest, 15)
        home = (next(self.out.glob("ci__*/a/fake-bzt.txt"))).read_text().partition("env HOME=")[2].split("\n")[0]
        shutil.rmtree(pathlib.Path(home).parent)


class Server(Case):
    def test_no_server(self):
        self.config(server=False)
        self.suite("a", "ok")
        self.suite("b", "ok")
        self.expect(1, "no server answers at", got=self.run_suites())

    def test_one_that_answers_is_used_and_kept(self):
        self.config("--exit", "5")  # the description would fail
        self.suite("a", "criteria-ok")
        server = subprocess.Popen([sys.executable, FAKE / "server.py", str(self.port)], stdout=subprocess.DEVNULL)
        try:
            e2e.wait_for("the server", lambda: subprocess.run(
                [sys.executable, "-c", f"import socket; socket.create_connection(('127.0.0.1', {self.port}))"],
                stderr=subprocess.DEVNULL).returncode == 0)
            self.expect(0, "already running", got=self.run_suites())
            self.assertIsNone(server.poll())
        finally:
            server.kill()
            server.wait()

    def test_option_names_a_description(self):
        self.config(server=False)
        (self.dir / "srv.yaml").write_text(
            f"command: {json.dumps([sys.executable, str(FAKE / 'server.py'), str(self.port), '--child', self.token])}\n"
            f"ready: {{url: 'http://127.0.0.1:{self.port}/ping', timeout: 20s}}\nstop: {{signal: INT, timeout: 5s}}\n")
        self.suite("a", "criteria-ok")
        self.expect(0, "started by", got=self.run_suites("--server", str(self.dir / "srv.yaml")))
        self.assertIn("hello", (self.out / "latest" / "server.log").read_text())

    def test_description_is_checked(self):
        self.config(server=False)
        (self.dir / "srv.yaml").write_text("comand: [x]\n")
        self.suite("a", "ok")
        self.expect(1, "srv.yaml:1:1: unknown key 'comand', did you mean 'command'?",
                    got=self.run_suites("--server", str(self.dir / "srv.yaml")))

    def test_server_dies_at_its_start(self):
        self.config("--exit", "5")
        self.suite("a", "ok")
        started = time.monotonic()
        self.expect(1, "the server ended before it was ready (code 5)", "cannot find my model", got=self.run_suites())
        self.assertLess(time.monotonic() - started, 15)

    def test_server_never_ready(self):
        self.config("--refuse", ready="1s")
        self.suite("a", "ok")
        self.expect(1, "did not answer at", "within 1 s", got=self.run_suites())

    def test_server_dies_during_a_suite(self):
        self.config("--die", "1.5", "--once", str(self.dir / "died"))  # however long b takes on a busy machine
        self.suite("a", "wait 4", criteria="")
        self.suite("b", "criteria-ok")
        self.expect(1, "the server ended by itself (code 9)", "out of luck", got=self.run_suites())
        v = self.verdicts()
        self.assertEqual((v["a"]["verdict"], v["b"]["verdict"]), ("error", "passed"))  # restarted for b

    def test_suite_that_starts_its_own(self):
        self.config(server=False)
        self.suite("a", "criteria-ok", extra=(
            "services:\n- module: shellexec\n  prepare: ['multi-model-server --start > /dev/null']\n"))
        self.expect(0, got=self.run_suites())


class Socket(Case):
    SERVICES = ("services:\n- module: monitoring\n  server-agent:\n"
                "  - {{address: '127.0.0.1:{port}', label: srv, metrics: [total_workers]}}\n")

    def run_with_socket(self):
        e = dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}")
        p = subprocess.run([e2e.BINARY, "--suite", self.suites, "--artifacts-dir", self.out, "-e", "ci"], env=e,
                           cwd=self.dir, capture_output=True, text=True, timeout=60)
        self.stdout, self.stderr = p.stdout, p.stderr
        return p.returncode

    def test_port_of_another_program(self):
        self.suite("a", "ok", criteria="", extra=self.SERVICES.format(port=self.agent_port))
        web = subprocess.Popen([sys.executable, FAKE / "server.py", str(self.agent_port)], stdout=subprocess.DEVNULL)
        try:
            e2e.wait_for("the other program", lambda: subprocess.run(
                [sys.executable, "-c", f"import socket; socket.create_connection(('127.0.0.1', {self.agent_port}))"],
                stderr=subprocess.DEVNULL).returncode == 0)
            self.expect(1, f"port {self.agent_port}, which the suite asks for metrics, is in use",
                        got=self.run_with_socket())
        finally:
            web.kill()
            web.wait()

    def test_port_of_another_agent(self):
        self.suite("a", "ok", criteria="", extra=self.SERVICES.format(port=self.agent_port))
        with e2e.Agent("--listen", f"127.0.0.1:{self.agent_port}", "--no-unix"):
            self.expect(0, f"another agent answers on 127.0.0.1:{self.agent_port}", got=self.run_with_socket())
        self.assertTrue((self.out / "latest" / "a" / "metrics.csv").stat().st_size > 0)

    def test_suite_gets_the_socket_it_asks_for(self):
        self.suite("a", "wait 2", criteria="", extra=self.SERVICES.format(port=self.agent_port))
        e = dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}")
        p = subprocess.Popen([e2e.BINARY, "--suite", self.suites, "--artifacts-dir", self.out, "-e", "ci"], env=e,
                             cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            def connect():
                try:
                    return e2e.Client(self.agent_port)
                except OSError:
                    return None
            client = e2e.wait_for("the agent", connect, 30)
            client.send("test\n")
            self.assertEqual(client.lines.readline(), "Yep\n")
            client.close()
        finally:
            self.stdout, self.stderr = p.communicate(timeout=60)
        self.expect(0, got=p.returncode)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the crashes here are meant
    e2e.main()

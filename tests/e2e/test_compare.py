#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""compare, the comparison after each run, and rejudge: on run folders made here, in the real format.

The comparisons after a run use the real runner with a bzt that misbehaves on demand.
"""
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

import e2e

FAKE = pathlib.Path(__file__).resolve().parent / "fake"
COLUMNS = ["run_name1", "run_name2", "test_suite", "metric", "run1", "run2", "percentage_diff", "expected_diff",
           "result", "message"]
MONITORING = "bzt.modules.monitoring.MonitoringCriteria"
RULES = [{"class": MONITORING, "subject": "mms/sum_workers_memory_rss", "condition": ">", "threshold": 1,
          "diff_percent": 30},
         {"subject": "p90", "label": "Inference", "condition": ">", "threshold": "1s", "diff_percent": "20"}]
T0 = 1795500000


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-compare-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.out = self.dir / "out"
        self.out.mkdir()

    def make_run(self, name, cpu=4.0, rss=100e6, ms=20, rules=RULES, suite="inference", verdict="passed"):
        """A run of one suite: 100 requests in 10 s, of which the workers' CPU total grows by cpu seconds."""
        env, commit, epoch = name.split("__")
        folder = self.out / name / suite
        folder.mkdir(parents=True)
        rows = "".join(f"{(T0 + i // 10) * 1000 + i % 10 * 100},{ms + i % 5},{'Register' if i == 0 else 'Inference'},200,"
                       f"OK,t 1-1,true,10,1,1,{ms},1\n" for i in range(100))
        (folder / "kpi.jtl").write_text("timeStamp,elapsed,label,responseCode,responseMessage,threadName,success,bytes,"
                                        "grpThreads,allThreads,Latency,Connect\n" + rows)
        (folder / "metrics.csv").write_text(
            "ts,sum_workers_cpu_user_time,sum_workers_cpu_system_time,sum_workers_memory_rss,total_workers\n" +
            "".join(f"{T0 - 2 + i},{10 + cpu * min(1, max(0, i - 2) / 10):.6f},1,{rss:.0f},2\n" for i in range(15)))
        (folder / "metrics_bzt.csv").write_text("ts,sum_workers_memory_rss\n" +
                                                "".join(f"{T0 + i},{rss:.0f}\n" for i in range(10)))
        (folder / "effective.json").write_text(json.dumps(
            {"execution": [{"ramp-up": "2s", "hold-for": "8s"}],
             "reporting": [{"module": "passfail", "criteria": ["p90>1s", *rules]}]}))
        (self.out / name / "run.json").write_text(json.dumps(
            {"schema": 1, "state": "finished", "env": env, "commit": commit, "started": int(epoch), "duration": 20,
             "verdict": verdict, "exit_code": 0 if verdict == "passed" else 3, "suites": [
                 {"name": suite, "path": f"{suite}.yaml", "dir": suite, "verdict": verdict, "started": T0 - 2,
                  "duration": 15, "bzt_code": 0, "cases": [{"name": "p90 at most 1s", "verdict": verdict}]}]}))
        return self.out / name

    def call(self, *args, limit=30, **popen):
        p = subprocess.run([str(e2e.BINARY), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           timeout=limit, cwd=self.dir, **popen)
        self.stdout, self.stderr = p.stdout, p.stderr
        return p.returncode

    def expect(self, code, *words, got):
        self.assertEqual(got, code, f"stdout:\n{self.stdout}\nstderr:\n{self.stderr}")
        for w in words:
            self.assertIn(w, self.stdout + self.stderr)

    def rows(self, folder):
        with open(folder / "comparison_result.csv", newline="", encoding="utf-8") as f:
            reader = csv.DictReader(f)
            self.assertEqual(reader.fieldnames, COLUMNS)
            return {r["metric"]: r for r in reader}


class Compare(Case):
    def test_rules_hold(self):
        self.make_run("vm__aaaaaaa__1")
        b = self.make_run("vm__bbbbbbb__2", cpu=4.4, rss=110e6, ms=22)
        self.expect(0, "CPU per 1,000 requests, workers", "+10.0 %", "one run each", "passed: 4 of 4",
                    got=self.call("compare", "vm__aaaaaaa__1", "vm__bbbbbbb__2"))
        self.assertLessEqual(max(map(len, self.stdout.splitlines()[:-1])), 80, self.stdout)
        rows = self.rows(b)
        r = rows["mean_sum_workers_memory_rss"]
        self.assertEqual([r["run_name1"], r["run_name2"], r["test_suite"], r["result"], r["expected_diff"]],
                         ["vm__aaaaaaa__1", "vm__bbbbbbb__2", "inference", "pass", "30"])
        self.assertAlmostEqual(float(r["percentage_diff"]), 10 / 105 * 100, 5)
        self.assertEqual({"mean", "max", "min"}, {m.split("_")[0] for m in rows if m.endswith("_sum_workers_memory_rss")})
        r = rows["sum_workers_cpu_time_per_1000_requests"]
        self.assertAlmostEqual(float(r["run1"]), 40, 4)
        self.assertAlmostEqual(float(r["run2"]), 44, 4)
        self.assertEqual(r["result"], "unknown")
        # a second comparison is another question; both runs' own files stay as they were
        self.assertFalse((self.out / "vm__aaaaaaa__1" / "comparison_result.csv").exists())
        page = (b / "comparison_results.html").read_text()
        self.assertGreater(len(page), 20000)
        self.assertIn('<a href="junit.html">', page)  # B's own page, beside it
        self.assertNotIn("vm__aaaaaaa__1/junit.html", page)  # A has none
        (self.out / "vm__aaaaaaa__1" / "junit.html").write_text("a page")
        self.call("compare", "aaaaaaa", "latest")
        self.assertIn('<a href="../vm__aaaaaaa__1/junit.html">', (b / "comparison_results.html").read_text())

    def test_rules_break(self):
        self.make_run("vm__aaaaaaa__1")
        b = self.make_run("vm__bbbbbbb__2", rss=140e6, ms=30)
        self.expect(3, "failed: 0 of 4", "fail (< 30 %)", got=self.call("compare", "aaaaaaa", "bbbbbbb"))
        root = ET.parse(b / "comparison_results.xml").getroot()
        self.assertEqual([root.get(k) for k in ("tests", "failures", "errors")], ["4", "4", "0"])
        names = {c.get("name") for c in root.iter("testcase")}
        self.assertIn("max_sum_workers_memory_rss: diff_percent < 30", names)
        self.assertIn("p90 of Inference: diff_percent < 20", names)

    def test_an_improvement_breaks_the_symmetric_rule(self):
        self.make_run("vm__aaaaaaa__1")
        self.make_run("vm__bbbbbbb__2", rss=60e6)
        self.expect(3, got=self.call("compare", "aaaaaaa", "bbbbbbb"))
        self.assertIn("an improvement", self.rows(self.out / "vm__bbbbbbb__2")["mean_sum_workers_memory_rss"]["message"])

    def test_missing_values_are_errors(self):
        self.make_run("vm__aaaaaaa__1")
        b = self.make_run("vm__bbbbbbb__2")
        for f in ("metrics.csv", "metrics_bzt.csv"):
            (b / "inference" / f).unlink()
        self.expect(1, "no value in B", "could not be asked", got=self.call("compare", "aaaaaaa", "bbbbbbb"))
        self.assertEqual(self.rows(b)["max_sum_workers_memory_rss"]["result"], "error")
        self.assertEqual(self.rows(b)["mean_total_workers"]["result"], "missing")

    def test_broken_files_are_errors(self):
        self.make_run("vm__aaaaaaa__1")
        b = self.make_run("vm__bbbbbbb__2")
        (b / "inference" / "effective.json").write_text("{")
        self.expect(1, "effective configuration", got=self.call("compare", "aaaaaaa", "bbbbbbb"))
        (b / "inference" / "effective.json").write_text("{}")
        (b / "inference" / "kpi.jtl").write_bytes(b"\0" * 100 + b"no,csv\n1,2\n")
        self.expect(1, "kpi.jtl", got=self.call("compare", "aaaaaaa", "bbbbbbb"))

    def test_sets_have_intervals(self):
        for i, cpu in enumerate((3.86, 3.90, 3.82)):
            self.make_run(f"vm__aaaaaaa__{i + 1}", cpu=cpu)
        for i, cpu in enumerate((4.13, 4.20)):
            self.make_run(f"vm__bbbbbbb__{i + 11}", cpu=cpu)
        a = ",".join(f"vm__aaaaaaa__{i}" for i in (1, 2, 3))
        self.expect(0, got=self.call("compare", "--json", a, "vm__bbbbbbb__11,vm__bbbbbbb__12", "-o", "files"))
        data = json.loads(self.stdout)
        self.assertEqual(data["a"]["name"], "3 runs of aaaaaaa")
        row = next(r for r in data["suites"][0]["rows"] if r["metric"].startswith("sum_workers_cpu_time_per"))
        self.assertEqual(row["result"], "worse")
        self.assertAlmostEqual(row["effect"], 0.079016070147, 5)  # scipy's ttest_ind on logarithms
        self.assertAlmostEqual(row["interval"][0], 0.032436737691, 5)
        self.assertAlmostEqual(row["interval"][1], 0.127696872003, 5)
        self.assertTrue((self.dir / "files" / "comparison_results.xml").exists())
        self.expect(0, "worse +3.2..+12.8", got=self.call("compare", a, "vm__bbbbbbb__11,vm__bbbbbbb__12"))

    def test_other_environments_are_not_judged(self):
        self.make_run("vm__aaaaaaa__1")
        b = self.make_run("ci__aaaaaaa__2", cpu=40, rss=900e6, ms=400)
        self.expect(0, "not judged: the environments differ (vm and ci)", "+900 %",
                    got=self.call("compare", "vm__aaaaaaa__1", "ci__aaaaaaa__2"))
        self.assertEqual({r["result"] for r in self.rows(b).values()}, {"skip", "unknown"})

    def test_names_of_runs(self):
        self.make_run("vm__aaaaaaa__100")
        self.make_run("vm__bbbbbbb__200")
        folder = self.make_run("vm__bbbbbbb__300")
        (self.out / "latest").symlink_to("vm__bbbbbbb__300")
        for name in ("bbbbbbb", "latest", "vm__bbbbbbb__300", folder):
            self.expect(0, "B  vm__bbbbbbb__300", got=self.call("compare", "vm__aaaaaaa__100", name))
        self.expect(1, "nothing-like-it", got=self.call("compare", "nothing-like-it", "latest"))
        self.expect(2, "two runs", got=self.call("compare", "latest"))
        self.expect(2, got=self.call("compare", "--nope", "a", "b"))

    def test_suites_in_one_run_only(self):
        self.make_run("vm__aaaaaaa__1", suite="old")
        b = self.make_run("vm__bbbbbbb__2", suite="new")
        self.expect(0, "only in A", "only in B", "no diff_percent rule was judged",
                    got=self.call("compare", "aaaaaaa", "bbbbbbb"))
        with open(b / "comparison_result.csv", newline="", encoding="utf-8") as f:
            self.assertEqual([(r["test_suite"], r["metric"], r["result"]) for r in csv.DictReader(f)],
                             [("new", "suite", "skip"), ("old", "suite", "skip")])

    def test_page_draws_without_an_error(self):
        chromium = shutil.which("chromium")
        if not chromium:
            self.skipTest("chromium is not installed")
        self.make_run("vm__aaaaaaa__1")
        b = self.make_run("vm__bbbbbbb__2", cpu=5, rss=150e6)
        self.call("compare", "aaaaaaa", "bbbbbbb")
        p = subprocess.run(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
             "--virtual-time-budget=3000", f"--user-data-dir={self.dir / 'profile'}", "--dump-dom",
             f"file://{b}/comparison_results.html"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertNotIn("CONSOLE", p.stderr)
        self.assertIn('class="chip r-fail"', p.stdout)
        self.assertIn(">rules 4</button>", p.stdout)
        if not (e2e.BUILD / "uplot" / "uPlot.iife.min.js").exists():
            self.skipTest("built without uPlot: tables only")
        self.assertGreaterEqual(p.stdout.count("<canvas"), 4)
        self.assertIn("p90 A", p.stdout)
        self.assertIn("p90 B", p.stdout)


class AfterARun(Case):
    """The real runner; bzt is a fake that is told how much memory it saw."""

    def run_suite(self, *args, memory, env="ci", code=0):
        suites, binaries = self.dir / "suites", self.dir / "bin"
        if not suites.exists():
            (suites / "common").mkdir(parents=True)
            binaries.mkdir()
            (binaries / "bzt").symlink_to(FAKE / "bzt")
            port = e2e.free_port()
            server = json.dumps([sys.executable, str(FAKE / "server.py"), str(port), "--child", self.dir.name])
            (suites / "common" / "global_config.yaml").write_text(
                f"modules: {{jmeter: {{properties: {{protocol: http, hostname: 127.0.0.1, port: {port}, "
                f"management_port: {e2e.free_port()}}}}}}}\nserver:\n  command: {server}\n  ready: {{timeout: 20s}}\n")
        (suites / "a.yaml").write_text(
            f"fake-bzt: memory {memory}\nexecution:\n- {{hold-for: 1s, scenario: x, executor: none}}\n"
            f"services:\n- module: monitoring\n  local:\n  - metrics: [mem]\n"
            f"reporting:\n- module: passfail\n  criteria:\n  - {{class: {MONITORING}, subject: local/mem, condition: '>', "
            f"threshold: 99, timeframe: 1s, diff_percent: 10}}\n")
        environ = dict(os.environ, PATH=f"{binaries}:{os.environ['PATH']}")
        got = self.call("--suite", suites, "--artifacts-dir", self.out, "-e", env, "--no-monit", *args, limit=90,
                        env=environ)
        self.expect(code, got=got)
        return (self.out / "latest").resolve()

    def test_newest_passing_run_of_the_environment(self):
        first = self.run_suite("-v", memory=50)
        self.assertIn("nothing to compare with", self.stderr)
        self.assertFalse((first / "comparison_result.csv").exists())
        second = self.run_suite(memory=52)
        self.assertIn(f"compared with {first.name}: 3 diff_percent rules hold", self.stdout.replace("\n", " "))
        row = self.rows(second)["mean_mem"]
        self.assertEqual([row["run_name1"], row["run_name2"], row["run1"], row["run2"], row["result"]],
                         [second.name, first.name, "52", "50", "pass"])  # upstream's order: the new run first
        self.assertIn("comparison_results.html", (second / "junit.html").read_text())
        third = self.run_suite(memory=60, code=3)
        self.assertIn("3 of 3 diff_percent rules broken", self.stdout.replace("\n", " "))
        run = json.loads((third / "run.json").read_text())
        self.assertEqual([run["exit_code"], run["verdict"], run["comparison"]["verdict"]], [3, "failed", "failed"])
        self.assertEqual(run["suites"][0]["verdict"], "passed")
        fourth = self.run_suite(memory=53)  # against the second: the third did not pass
        self.assertEqual(self.rows(fourth)["mean_mem"]["run_name2"], second.name)
        self.run_suite("--no-compare-local", memory=90)
        self.assertNotIn("compared with", self.stdout)
        self.assertFalse((self.out / "latest" / "comparison_result.csv").exists())
        self.run_suite("-v", memory=10, env="other")
        self.assertIn("nothing to compare with", self.stderr)

    def test_quick_runs_are_among_themselves(self):
        full = self.run_suite(memory=50)
        quick = self.run_suite("-v", "--quick", memory=90)  # against the full one a rule would break
        self.assertIn("nothing to compare with: no passing --quick run", self.stderr)
        self.assertIn("--quick: loads were held for 8 s at most", self.stdout)
        self.assertIn("<small>--quick</small>", (quick / "junit.html").read_text())
        again = self.run_suite("--quick", memory=91)
        self.assertEqual(self.rows(again)["mean_mem"]["run_name2"], quick.name)
        last = self.run_suite(memory=51)
        self.assertEqual(self.rows(last)["mean_mem"]["run_name2"], full.name)
        caps = {r.name: json.loads((r / "run.json").read_text()).get("hold_cap") for r in (full, quick, again, last)}
        self.assertEqual(list(caps.values()), [None, 8, 8, None])
        self.expect(0, "not judged: their loads were held for other times (--quick: 8 s at most)",
                    got=self.call("compare", again.name, "latest"))
        listed = json.loads(subprocess.run([str(e2e.BINARY), "runs", "-a", str(self.out), "--json"], check=True, text=True,
                                           stdout=subprocess.PIPE).stdout)["runs"]
        self.assertEqual({r["id"]: r["quick"] for r in listed}, {name: cap == 8 for name, cap in caps.items()})
        self.call("runs")
        self.assertEqual(self.stdout.count(" (quick)"), 2)
        # pruning keeps the newest of either kind: each is what the next one of its kind is compared with
        self.expect(0, "2 runs deleted", got=self.call("runs", "--prune", "--keep", "0", "--yes"))
        self.assertEqual({p.name for p in self.out.glob("ci__*")}, {again.name, last.name})

    def test_quiet(self):
        self.run_suite("-q", memory=50)
        self.assertEqual(self.stdout + self.stderr, "")
        self.run_suite("-q", memory=70, code=3)
        self.assertEqual(self.stdout, "")
        self.assertIn("diff_percent rules broken", self.stderr)


class Rejudge(Case):
    SUITE = ("execution:\n- {hold-for: 8s, scenario: x, executor: none}\n"
             "services:\n- module: monitoring\n  server-agent:\n"
             "  - {address: 'localhost:9009', label: mms, metrics: [sum_workers_memory_rss]}\n"
             "reporting:\n- module: passfail\n  criteria:\n")

    def rejudge(self, *criteria, args=(), name="inference.yaml"):
        path = self.dir / name
        path.write_text(self.SUITE + "".join(f"  - {c}\n" for c in criteria))
        return self.call("rejudge", *args, "vm__aaaaaaa__1", path)

    def setUp(self):
        super().setUp()
        self.run = self.make_run("vm__aaaaaaa__1")
        self.before = {f: (self.run / f).read_bytes() for f in ("run.json", "inference/kpi.jtl")}

    def tearDown(self):
        for f, text in self.before.items():
            self.assertEqual((self.run / f).read_bytes(), text, f"{f} was changed")
        self.assertFalse((self.run / "junit.xml").exists())

    def monitoring(self, threshold):
        return (f"{{class: {MONITORING}, subject: mms/sum_workers_memory_rss, condition: '>', threshold: {threshold}, "
                f"timeframe: 3s}}")

    def test_passes(self):
        self.expect(0, "Judged again", "5 cases",
                    got=self.rejudge("p90 of Inference>100ms", "p90 of Inference>100ms for 3s", "fail>0%",
                                     "avg-rt of Register>1s for 1s", self.monitoring("290MB")))
        root = ET.parse(self.run / "junit-rejudged.xml").getroot()
        self.assertEqual([root.get(k) for k in ("tests", "failures", "errors")], ["5", "0", "0"])
        self.assertTrue((self.run / "junit-rejudged.html").exists())

    def test_fails(self):
        self.expect(3, "p90 is", "sum_workers_memory_rss is 100 MB",
                    got=self.rejudge("p90 of Inference>10ms for 3s", "p90>1s", self.monitoring("90MB")))
        root = ET.parse(self.run / "junit-rejudged.xml").getroot()
        self.assertEqual(root.get("failures"), "2")

    def test_window_logic(self):
        # 100 requests in 10 s: the load lasts 10 s, so no stretch of 30 s can be broken
        self.expect(0, got=self.rejudge("p90 of Inference>10ms for 30s"))
        self.expect(3, got=self.rejudge("hits of Inference<100 for 5s"))
        self.expect(0, got=self.rejudge("hits of Inference<5 for 5s", "success<100% for 1s", "fail>0 for 1s"))

    def test_what_cannot_be_judged_is_an_error(self):
        self.expect(1, "not judged", got=self.rejudge("rc5??>0 for 5s"))
        self.expect(1, "no data", got=self.rejudge("p90 of Nobody>1s"))

    def test_bad_input(self):
        self.expect(1, "inference.yaml:", got=self.rejudge("p90 of Inference>>>"))
        self.expect(1, "is no file", got=self.call("rejudge", "vm__aaaaaaa__1", "nowhere.yaml"))
        self.expect(2, "at least one suite", got=self.call("rejudge", "vm__aaaaaaa__1"))
        self.expect(1, got=self.call("rejudge", "nope", self.dir / "inference.yaml"))

    def test_every_case_of_a_matrix(self):
        stored = json.loads((self.run / "run.json").read_text())
        for workers in 1, 2:
            name = f"m[workers={workers}]"
            shutil.copytree(self.run / "inference", self.run / name)
            stored["suites"].append(dict(stored["suites"][0], name=name, dir=name))
        (self.run / "run.json").write_text(json.dumps(stored))
        self.before["run.json"] = (self.run / "run.json").read_bytes()
        suite = self.dir / "m.yaml"
        text = ("model: digits\nload: {concurrency: 1, duration: 8s, requests: {Inference: GET /ping}}\n"
                "expect: ['max of Inference < 23ms']\nmatrix: {workers: [1, 2]}\n")
        suite.write_text(text)
        self.expect(3, "m[workers=1]", "m[workers=2]", "2 suites, 2 failed", got=self.call("rejudge", "vm__aaaaaaa__1", suite))
        suite.write_text(text.replace("23ms", "2s"))
        self.expect(0, "2 suites, 2 passed", got=self.call("rejudge", "vm__aaaaaaa__1", suite))
        suite.write_text(text.replace("[1, 2]", "[1, 3]"))
        self.expect(1, "has no suite 'm[workers=3]'", got=self.call("rejudge", "vm__aaaaaaa__1", suite))

    def test_other_folder(self):
        self.expect(0, got=self.rejudge("p90>1s", args=("-o", "elsewhere", "-q")))
        self.assertEqual(self.stdout, "")
        self.assertTrue((self.dir / "elsewhere" / "junit-rejudged.xml").exists())
        self.assertFalse((self.run / "junit-rejudged.xml").exists())


if __name__ == "__main__":
    e2e.main()

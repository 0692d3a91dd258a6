#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What is made of stored runs: the history page, Markdown, annotations for GitHub and charts as SVG.

The runs are made here, in the real format; the pages are looked at in a browser.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

import browser
import e2e
import s3
import test_page

FAKE = pathlib.Path(__file__).resolve().parent / "fake"
T0 = 1795500000
HOSTILE = "</script><script>alert(1)</script>\"'<img src=x onerror=alert(2)>&|`*_[x](http://h.example/)@user\n::error::x%0A"


def make_run(out, env="vm", commit="aaaaaaa", epoch=1, verdict="passed", suites=("inference",), ms=20.0, rss=100e6, cpu=4.0,
             label="Inference", bad=(), machine="0123456789ab", metric="sum_workers_memory_rss", hold_cap=None, state="finished",
             yaml=None, line=None):
    """A run of small suites: 100 requests in 10 s, workers that use cpu seconds and rss bytes. bad: the suites that failed."""
    name = f"{env}__{commit}__{epoch}".replace("/", "_")
    listed = []
    for i, suite in enumerate(suites):
        folder = out / name / f"suite{i}"
        folder.mkdir(parents=True)
        rows = "".join(f"{(T0 + k // 10) * 1000 + k % 10 * 100},{ms + k % 5:.0f},{json.dumps(label) if k else 'Register'},200,OK,t 1-1,"
                       f"{'false' if suite in bad and k % 20 == 7 else 'true'},10,1,1,{ms:.0f},1\n" for k in range(100))
        (folder / "kpi.jtl").write_text("timeStamp,elapsed,label,responseCode,responseMessage,threadName,success,bytes,grpThreads,"
                                        "allThreads,Latency,Connect\n" + rows)
        (folder / "metrics.csv").write_text(
            f"ts,sum_workers_cpu_user_time,sum_workers_cpu_system_time,{json.dumps(metric)},frontend_memory_rss,total_workers\n" +
            "".join(f"{T0 - 2 + k},{10 + cpu * min(1, max(0, k - 2) / 10):.6f},1,{rss + k % 3 * 1e5:.0f},{rss * 2:.0f},2\n" for k in range(15)))
        failed = suite in bad
        case = {"name": f"{metric} < 90MB", "verdict": "failed" if failed else "passed", "metric": metric, "label": None, "op": ">",
                "threshold": 90e6, "observed": rss}
        if failed:
            case |= {"message": f"{metric} is {rss / 1e6:.0f} MB, fails when > 90 MB, from second 2 to 6 of the load",
                     "from": T0 + 2, "to": T0 + 6, "time": 2}
        if line:
            case["line"] = line
        listed.append({"name": suite, "path": yaml or f"tests/{suite}.yaml", "dir": f"suite{i}", "verdict": case["verdict"], "started": T0 - 2,
                       "reason": "1 of 2 criteria failed" if failed else None, "duration": 15, "bzt_code": 0,
                       "cases": [case, {"name": "p90 of Inference < 1s", "verdict": "passed", "metric": "p90", "label": label, "op": ">",
                                        "threshold": 1, "observed": ms / 1000}]})
    fingerprint = {"id": machine, "cpu": "Test CPU <b>&", "cpus": "2", "memory": "24 GiB", "kernel": "6.18"} if machine else {}
    run = {"schema": 1, "state": state, "env": env, "commit": commit, "started": epoch, "duration": 20, "verdict": verdict,
           "exit_code": 0 if verdict == "passed" else 3, "fingerprint": fingerprint, "suites": listed}
    if hold_cap:
        run["hold_cap"] = hold_cap
    (out / name / "run.json").write_text(json.dumps(run))
    return out / name


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-reports-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.out = self.dir / "out"
        self.out.mkdir()

    def call(self, *args, code=0, limit=60, **popen):
        p = subprocess.run([str(e2e.BINARY), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           timeout=limit, cwd=self.dir, **popen)
        self.assertEqual(p.returncode, code, f"{args}\nstdout:\n{p.stdout}\nstderr:\n{p.stderr}")
        self.stdout, self.stderr = p.stdout, p.stderr
        return p.stdout

    def store(self):
        """12 runs of 6 commits on vm, of which one failed, and two on another environment, a --quick one among them."""
        for i in range(12):
            bad = ("scale_up",) if i == 7 else ()
            run = make_run(self.out, commit=f"{i // 2:07x}", epoch=1795000000 + i * 40000, verdict="failed" if bad else "passed", bad=bad,
                           suites=("inference", "scale_up"), ms=20 + i % 4 + (10 if i == 11 else 0), rss=80e6 + i * 1e6, cpu=4 + i % 3 * .1)
        make_run(self.out, env="ci", commit="fffffff", epoch=1795000500, ms=900, rss=900e6)
        make_run(self.out, env="ci", commit="fffffff", epoch=1795000900, ms=700, rss=900e6, hold_cap=8)
        return run


def data_of(page):
    text = page.read_text()
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S).group(1))


class History(Case):
    def test_values_and_groups(self):
        self.store()
        self.assertIn(f"history: {self.out}/history.html", self.call("report", "--history", 50, self.out))
        groups = data_of(self.out / "history.html")["groups"]
        self.assertEqual([[r["id"].split("__")[0] for r in g["runs"]] for g in groups], [["vm"] * 12, ["ci"], ["ci"]])
        g = groups[0]
        self.assertEqual([r["t"] for r in g["runs"]], sorted(r["t"] for r in g["runs"]))
        self.assertEqual([s["v"] for s in g["suites"]], ["p" * 12, "ppppppp" + "f" + "pppp"])
        p90 = next(t for t in g["suites"][0]["trends"] if t["n"] == "p90" and t["of"] == "(all)")
        expected = [(20 + i % 4 + (10 if i == 11 else 0) + 4) / 1000 for i in range(12)]
        self.assertEqual(p90["v"], [round(v, 5) for v in expected])
        passing = sorted(v for i, v in enumerate(expected) if i != 7)  # run 7 failed
        self.assertAlmostEqual(p90["m"], passing[5], 6)
        rss = next(t for t in g["suites"][0]["trends"] if t["n"] == "sum_workers_memory_rss")
        self.assertEqual(rss["hi"][3], 83.2e6)
        text = (self.out / "history.html").read_text()
        self.assertIn("higher than all 10", text)  # p90 of the newest run; 10 passing runs came before
        self.assertNotIn("junit.html\"", text)  # no run page is there yet
        cpu = next(t for t in g["suites"][0]["trends"] if t["n"] == "sum_workers_cpu_time_per_1000_requests")
        self.assertAlmostEqual(cpu["v"][0], 40, 3)

    def test_newest_n_of_each_environment(self):
        self.store()
        self.call("report", "--history", 3, "-a", self.out, "-o", self.dir / "h.html")
        self.assertEqual([len(g["runs"]) for g in data_of(self.dir / "h.html")["groups"]], [3, 1, 1])
        self.assertEqual(data_of(self.dir / "h.html")["groups"][0]["runs"][2]["commit"], "0000005")
        self.call("report", "--history", 3, self.out, "--env", "c*", "--suite", "inf*")
        groups = data_of(self.out / "history.html")["groups"]
        self.assertEqual([[s["name"] for s in g["suites"]] for g in groups], [["inference"], ["inference"]])

    def test_links_lead_to_run_pages(self):
        run = self.store()
        self.call("report", "-q", run)
        self.call("report", "--history", 20, self.out)
        self.assertIn(f'href="./{run.name}/junit.html"', (self.out / "history.html").read_text())
        (self.dir / "a" / "b").mkdir(parents=True)
        self.call("report", "--history", 20, self.out, "-o", self.dir / "a" / "b" / "h.html")
        page = self.dir / "a" / "b" / "h.html"
        link = re.search(r'href="([^"]*junit\.html)"', page.read_text()).group(1)
        self.assertEqual((page.parent / link).resolve(), (run / "junit.html").resolve())

    def test_faults_have_one_line(self):
        for args, code, word in ((["--history", "0", self.out], 2, "--history"), (["--history", "x", self.out], 2, "--history"),
                                 (["--history", "-3", self.out], 2, "--history"), (["--history", "5", self.out], 1, "no run in"),
                                 (["--history", "5", self.dir / "nothing"], 1, "is not a folder"), ([], 2, "one folder"),
                                 (["--history", "5", self.out, "--store", "x"], 2, "s3://"), (["--env", "x", self.out], 2, "--history")):
            with self.subTest(args=args):
                self.call("report", *args, code=code)
                self.assertEqual(self.stdout, "")
                self.assertEqual(self.stderr.count("\n"), 1, self.stderr)
                self.assertIn(word, self.stderr)
        self.store()
        self.call("report", "--history", 5, self.out, "--env", "zzz", code=1)
        self.assertIn("no run in", self.stderr)
        self.call("report", "--history", 5, self.out, "-o", "/nonexistent/x.html", code=1)
        self.assertEqual(self.stderr.count("\n"), 1, self.stderr)

    def test_unfinished_and_old_runs(self):
        make_run(self.out, epoch=5, state="running")
        run = make_run(self.out, epoch=6, machine=None)
        self.call("report", "--history", 5, self.out)
        groups = data_of(self.out / "history.html")["groups"]
        self.assertEqual([g["runs"][0]["v"] for g in groups], ["passed", "unfinished"])
        (run / "run.json").write_text("{")
        self.call("report", "--history", 5, self.out)
        self.assertEqual(len(data_of(self.out / "history.html")["groups"]), 1)


class HistoryOfAStore(Case):
    def test_only_two_files_of_a_run_are_fetched(self):
        why = s3.missing()
        if why:
            self.skipTest(why)
        moto = s3.Moto("perf-history")
        self.addCleanup(moto.stop)
        proxy = s3.Proxy(moto.port)
        self.addCleanup(proxy.stop)
        environment = moto.environment(proxy.url)
        url = "s3://perf-history/team"
        for i in range(4):
            make_run(self.out, commit=f"{i:07x}", epoch=1000 + i, ms=20 + i)
        self.call("runs", "-a", self.out)  # makes aggregates.csv, which the runner makes of a real run
        for run in sorted(self.out.glob("*__*")):
            self.call("runs", "-a", self.out, "--store", url, "--push", run.name, env=environment)
            shutil.rmtree(run)
        proxy.seen.clear()
        self.call("report", "--history", 3, "--store", url, "-a", self.out, env=environment)
        groups = data_of(self.out / "history.html")["groups"]
        self.assertEqual([r["commit"] for r in groups[0]["runs"]], ["0000001", "0000002", "0000003"])
        self.assertEqual(groups[0]["suites"][0]["trends"][1]["v"], [.025, .026, .027])
        self.assertEqual(sum("/runs/" in path for method, path, _ in proxy.seen if method == "GET"), 6)
        self.assertEqual(sorted(p.name for p in self.out.iterdir() if p.is_dir()), [])
        self.call("report", "--history", 3, "--store", url + "/none", env=environment, code=1)
        self.assertIn(f"no run in '{url}/none'", self.stderr)


class Text(Case):
    def failed_pair(self):
        make_run(self.out, commit="aaaaaaa", epoch=1000, suites=("inference", "scale_up"))
        return make_run(self.out, commit="bbbbbbb", epoch=2000, suites=("inference", "scale_up"), bad=("scale_up",), verdict="failed", ms=30,
                        rss=130e6, line=12)

    def test_markdown(self):
        run = self.failed_pair()
        text = self.call("report", run, "--markdown", "-")
        self.assertEqual(text.splitlines()[0], "## ❌ Performance: failed")
        self.assertIn("**1 of 2 suites failed**, 1 of 4 criteria not met", text)
        self.assertIn("| `scale_up` | sum\\_workers\\_memory\\_rss &lt; 90MB |", text)
        self.assertIn("`tests/scale_up.yaml:12`", text)
        self.assertIn("### Against `vm__aaaaaaa__1000`", text)
        self.assertRegex(text, r"\| `inference` \| Latency p90 \| 24 ms \| 34 ms \| \+41.7 % \| unknown \| not judged \|")
        self.assertRegex(text, "[▁▂▃▄▅▆▇█]{8}")
        self.assertEqual(text.count("<details>"), text.count("</details>"))
        self.assertFalse((run / "junit.html").exists())  # nothing else is written
        self.call("report", "bbbbbbb", "--markdown", self.dir / "x.md", "-a", self.out)
        self.assertEqual(self.stdout, "")
        self.assertEqual((self.dir / "x.md").read_text(), text)
        self.assertEqual(self.call("report", "latest", "--markdown", "-", "-a", self.out), text)
        self.call("report", "nothing", "-a", self.out, code=1)
        self.assertEqual(self.stderr.count("\n"), 1)
        self.call("report", run, "--markdown", "/nonexistent/x", code=1)
        self.assertEqual(self.stderr.count("\n"), 1)

    def test_markdown_of_many_suites_and_of_hostile_names(self):
        names = tuple(f"suite {i} {HOSTILE}" for i in range(120))
        run = make_run(self.out, suites=names, bad=names[::2], verdict="failed")
        text = self.call("report", run, "--markdown", "-", limit=120)
        self.assertLessEqual(len(text.encode()), 65536)
        self.assertIn("do not fit here", text)
        outside = re.sub("`[^`\n]*`", "", text)
        for what in ("<script", "<img", "@user", "](", "\n::"):
            self.assertNotIn(what, outside)

    def test_markdown_of_a_comparison(self):
        self.failed_pair()
        text = self.call("compare", "-a", self.out, "aaaaaaa", "bbbbbbb", "--markdown", "-")
        self.assertIn("### Against `vm__aaaaaaa__1000`", text)
        self.assertNotIn("report:", text)
        self.assertTrue((self.out / "vm__bbbbbbb__2000" / "comparison_results.html").exists())
        self.call("compare", "-a", self.out, "aaaaaaa", "bbbbbbb", "--markdown", "-", "--json", code=2)

    def test_chart(self):
        run = self.failed_pair()
        for spec, words in (("sum_workers_memory_rss", ["90MB", "150 MB", "scale_up"]), ("memory_rss:frontend", ["MB"]),
                            ("p90:Inference", ["ms", "Response time p90 of Inference"]), ("throughput", ["/s"])):
            with self.subTest(spec=spec):
                self.call("report", run, "--chart", spec, "-o", self.dir / "x.svg")
                self.assertEqual(self.stdout + self.stderr, "")
                root = ET.parse(self.dir / "x.svg").getroot()
                self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
                text = " ".join(root.itertext())
                for w in words:
                    self.assertIn(w, text)
                self.assertTrue(any(len(p.get("d")) > 40 for p in root.iter("{http://www.w3.org/2000/svg}path")))
        self.assertIn("<svg", self.call("report", run, "--chart", "p50", "--suite", "inf*"))
        self.assertIn("inference", self.stdout)
        for args, code, word in ((["--chart", "memory_rs"], 1, "did you mean 'memory_rss'"), (["--chart", "p90:Nobody"], 1, "Nobody"),
                                 (["--chart", "p90", "--suite", "zzz"], 1, "zzz"), (["--chart", "p90", "--markdown", "-"], 2, "at a time"),
                                 (["--chart", "p90", "--github"], 2, "--github"),
                                 (["--output", "x"], 2, "belongs to")):
            with self.subTest(args=args):
                self.call("report", run, *args, code=code)
                self.assertIn(word, self.stderr)
                self.assertEqual(self.stderr.count("\n"), 1, self.stderr)

    def test_chart_of_hostile_names(self):
        name = HOSTILE.replace("\n", " ").replace('"', "")
        run = make_run(self.out, suites=(HOSTILE,), bad=(HOSTILE,), label=HOSTILE.replace("\n", " ").replace('"', ""), metric=name, verdict="failed")
        for spec in (name, f"p90:{name}"):
            text = self.call("report", run, "--chart", spec)
            self.assertIn("alert(1)", " ".join(ET.fromstring(text).itertext()))
            self.assertNotIn("<script", text)

    def test_github_of_a_stored_run(self):
        run = self.failed_pair()
        summary = self.dir / "summary.md"
        environment = {**os.environ, "GITHUB_STEP_SUMMARY": str(summary)}
        self.call("report", "-q", self.out / "vm__aaaaaaa__1000", "--github", env=environment)
        self.assertNotIn("::", self.stdout)
        self.assertFalse(summary.exists())
        self.call("report", "-q", run, "--github", env=environment)
        errors = [line for line in self.stdout.splitlines() if line.startswith("::error ")]
        self.assertEqual(len(errors), 1)
        self.assertTrue(errors[0].startswith("::error file=tests/scale_up.yaml,line=12,title=scale_up::sum_workers_memory_rss < 90MB: "))
        self.assertIn("❌ Performance: failed", summary.read_text())
        self.assertIn("### Against", self.call("report", run, "--markdown", "-"))


class GithubAfterARun(Case):
    """The real runner with a bzt that is told how much memory it saw."""

    def run_suite(self, *args, memory, code, **environment):
        suites, binaries = self.dir / "a b,c" / "suites", self.dir / "bin"
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
            "services:\n- module: monitoring\n  local:\n  - metrics: [mem]\n"
            "reporting:\n- module: passfail\n  criteria:\n"
            "  - {class: bzt.modules.monitoring.MonitoringCriteria, subject: local/mem, condition: '>', threshold: 40, timeframe: 1s}\n")
        env = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
        env |= {"PATH": f"{binaries}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(self.dir / "summary.md"),
                "GITHUB_WORKSPACE": str(self.dir / "a b,c"), **environment}
        self.call("--suite", suites, "--artifacts-dir", self.out, "-e", "ci", "--no-monit", *args, limit=90, env=env, code=code)
        return [line for line in (self.stdout + self.stderr).splitlines() if line.startswith("::")]

    def test_annotations_and_summary(self):
        summary = self.dir / "summary.md"
        self.assertEqual(self.run_suite(memory=39, code=0, GITHUB_ACTIONS="true"), [])
        self.assertFalse(summary.exists())  # silent while nothing is wrong
        self.assertEqual(self.run_suite(memory=41, code=3), [])  # not there
        self.assertFalse(summary.exists())
        lines = self.run_suite(memory=41, code=3, GITHUB_ACTIONS="true")
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith("::error file=suites/a.yaml,line=11,title=a::"), lines)
        text = summary.read_text()
        self.assertIn("## ❌ Performance: failed", text)
        self.assertIn("suites/a.yaml:11`", text)
        self.assertIn("### Against `ci__", text)
        self.assertEqual(len(self.run_suite("--json", memory=41, code=3, GITHUB_ACTIONS="true")), 1)
        json.loads(self.stdout)  # the annotation is on stderr
        self.assertGreater(len(summary.read_text()), 1.5 * len(text))
        self.assertEqual(self.run_suite("--no-github", memory=41, code=3, GITHUB_ACTIONS="true"), [])
        self.assertEqual(len(self.run_suite("--github", "-q", memory=41, code=3)), 1)

    def test_lines_of_malformed_and_simple_suites(self):
        self.run_suite(memory=39, code=0)
        suites = self.dir / "a b,c" / "suites"
        (suites / "a.yaml").write_text("execution:\n- {hold-for: 1s, scenario: x}\nreporting:\n- module: passfail\n  criteria:\n  - p90>>1s\n")
        self.call("--suite", suites, "--artifacts-dir", self.out, "-e", "ci", "--github", code=1, limit=90)
        self.assertIn("suites/a.yaml,line=6,title=a::", self.stdout)
        # an expectation is found where it is written, not where it is in the Taurus YAML made of it
        (suites / "a.yaml").write_text("setup: []\ncleanup: []\nload:\n  concurrency: 1\n  duration: 1s\n  requests:\n    Ping: {path: GET /ping}\n"
                                       "expect:\n- p99 of Ping < 250ms\n- samples > 100000\n- sum_workers_memory_rss < 1 for 1s\n")
        self.call("--suite", suites, "--artifacts-dir", self.out, "-e", "ci", "--no-monit", code=1, limit=90,
                  env=dict(os.environ, PATH=f"{self.dir / 'bin'}:{os.environ['PATH']}"))  # the fake bzt cannot run it
        run = json.loads((self.out / "latest" / "run.json").read_text())
        self.assertEqual({c["name"]: c.get("line") for c in run["suites"][0]["cases"]},
                         {"p99 of Ping < 250ms": 9, "samples > 100000": 10, "sum_workers_memory_rss < 1 for 1s": 11})


@contextlib.contextmanager
def window(case):
    if not browser.find():
        case.skipTest("no Chromium is installed")
    with browser.Browser() as b:
        yield b


class HistoryInABrowser(Case):
    def check_quiet(self, p, page):
        self.assertEqual(p.console, [])
        self.assertEqual([r for r in p.requests if not r.startswith("data:")], [page.as_uri()])

    def test_draws_filters_and_opens_runs(self):
        run = self.store()
        for r in sorted(self.out.glob("*__*")):
            self.call("report", "-q", r)
        self.call("report", "--history", 20, self.out)
        page = self.out / "history.html"
        with window(self) as b, b.open(page.as_uri()) as p:
            self.check_quiet(p, page)
            visible = "[...document.querySelectorAll('%s')].filter((e) => e.getClientRects().length).length"
            self.assertEqual(p.js(visible % ".group"), 1)  # never two environments at once
            if not (e2e.BUILD / "uplot" / "uPlot.iife.min.js").exists():
                self.skipTest("built without uPlot: tables only")
            self.assertGreaterEqual(p.js(visible % "canvas"), 3)
            # points are drawn: a chart's pixels are not all of one colour
            self.assertGreater(p.js("""(() => { const c = document.querySelector("canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
                const seen = new Set(); for (let i = 0; i < d.length; i += 4) if (d[i + 3]) seen.add(d[i] + "," + d[i + 1] + "," + d[i + 2]); return seen.size; })()"""), 20)
            self.assertEqual(p.js("document.querySelectorAll('svg.spark').length"), p.js("document.querySelectorAll('details[open] tr[data-trend]').length"))
            rows = p.js(visible % "details[open] tr[data-trend]")
            p.js("document.querySelector('.more').click()")
            self.assertGreater(p.js(visible % "details[open] tr[data-trend]"), rows)
            # keyboard: the newest run, its values, and its page
            p.js("document.querySelector('.plot').focus()")
            p.key("End")
            self.assertIn("0000005", p.js("document.querySelector('.readout .when').textContent"))
            self.assertIn("37 ms", p.js("document.querySelector('.legend').textContent"))
            self.assertTrue(p.js("document.querySelector('.readout a').href").endswith(f"{run.name}/junit.html"))
            # filters
            p.js("""(() => { const f = document.querySelectorAll("#filter input"); f[1].value = "memory"; f[1].dispatchEvent(new Event("input")); })()""")
            self.assertEqual(p.js(visible % "details.suite"), 2)
            self.assertEqual(p.js("document.querySelectorAll('details[open] tr[data-trend]:not([hidden])').length"), 2)
            self.assertEqual(p.js(visible % "canvas"), 1)
            p.js("""(() => { const f = document.querySelectorAll("#filter input"); f[1].value = ""; f[0].value = "scale"; f[0].dispatchEvent(new Event("input")); })()""")
            self.assertEqual(p.js(visible % "details.suite"), 1)
            p.js("document.querySelectorAll('#filter button')[1].click()")
            self.assertIn("ci", p.js("[...document.querySelectorAll('.group h1')].find((e) => e.offsetParent).textContent"))
            self.check_quiet(p, page)
            # a row's button makes a chart
            p.js("""(() => { document.querySelectorAll("#filter button")[0].click(); const f = document.querySelectorAll("#filter input");
                f[0].value = ""; f[0].dispatchEvent(new Event("input")); document.querySelector(".trend button").click(); })()""")
            self.assertEqual(p.js("document.activeElement.className"), "plot")
            p.key("Home")
            p.key("Enter")
            b.until(lambda: any("/junit.html" in r for r in p.requests), "the run's page")

    def test_hostile_names(self):
        make_run(self.out, env="vm", commit="aaaaaaa", epoch=1, suites=(HOSTILE,), label=HOSTILE.replace("\n", " "), metric=HOSTILE.replace("\n", " ").replace('"', ""))
        make_run(self.out, env="v'\"<b>&", commit="<i>\"'", epoch=2, verdict="failed", suites=(HOSTILE,), bad=(HOSTILE,))
        self.call("report", "--history", 20, self.out)
        page = self.out / "history.html"
        with window(self) as b:
            for scripts in (True, False):
                with b.open(page.as_uri(), scripts=scripts) as p:
                    self.check_quiet(p, page)
                    if scripts:
                        p.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
                        p.js("document.querySelectorAll('.trend button').forEach((x) => x.click())")
                        p.frame()
                        self.assertEqual(p.js("document.querySelectorAll('img, i:not([class]):not(.strip i), main b:not(.legend b)').length"), 0)
                        self.check_quiet(p, page)

    def test_axe_finds_nothing_serious(self):
        if not test_page.AXE.is_file():
            if test_page.WHOLE:
                self.fail("build/axe is missing: tools/setup/axe.sh fetches it")
            self.skipTest("build/axe is missing (tools/setup/axe.sh fetches it)")
        self.store()
        self.call("report", "--history", 20, self.out)
        with window(self) as b:
            for look in ({}, {"dark": True}, {"width": 400}):
                with self.subTest(**look), b.open((self.out / "history.html").as_uri(), **look) as p:
                    p.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
                    p.frame()
                    p.js(test_page.AXE.read_text() + "; 0")
                    self.assertEqual(json.loads(p.js(test_page.FOUND)), [])

    def test_mouse_pins_zooms_and_paper_has_everything(self):
        self.store()
        self.call("report", "-q", max(self.out.glob("vm__*")))
        self.call("report", "--history", 20, self.out)
        if not (e2e.BUILD / "uplot" / "uPlot.iife.min.js").exists():
            self.skipTest("built without uPlot: tables only")
        with window(self) as b, b.open((self.out / "history.html").as_uri()) as p:
            x, y, width, height = p.box(".u-over")
            p.click(x + width - 4, y + height / 2)
            p.mouse("mouseMoved", 1, 1)
            p.frame()
            self.assertIn("0000005", p.js("document.querySelector('.readout .when').textContent"))
            p.drag(x + width * .3, x + width * .7, y + height / 2)
            self.assertFalse(p.js("document.querySelector('.readout button').hidden"))
            p.js("document.querySelector('.readout button').click()")
            self.assertTrue(p.js("document.querySelector('.readout button').hidden"))
            self.assertGreater(len(p.send("Page.printToPDF")["data"]), 20000)
            self.assertEqual(p.console, [])

    def test_without_scripts_the_tables_are_there(self):
        self.store()
        self.call("report", "--history", 20, self.out)
        with window(self) as b, b.open((self.out / "history.html").as_uri(), scripts=False) as p:
            self.assertEqual(p.console, [])
        self.assertEqual((self.out / "history.html").read_text().count("<tr data-run="), 14)


if __name__ == "__main__":
    e2e.main()

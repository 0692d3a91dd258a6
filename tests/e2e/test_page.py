#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The pages in a real browser: a stored run's, one whose every name is hostile, the comparison of two runs, and their history.

What a person does with them is done here: search, filter, toggle a series, zoom by dragging, read values with the mouse and the keyboard,
print; and axe-core looks for what would keep somebody from it.
"""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import browser
import e2e
import pages

AXE = e2e.BUILD / "axe" / "axe.min.js"
WHOLE = os.environ.get("MMSPERF_TEST_WHOLE")
# Every chart the page makes, in the order they were made: the page keeps them to itself.
SPY = """(() => { let made; window.plots = []; Object.defineProperty(window, "uPlot", { configurable: true, get: () => made, set(real) {
    made = new Proxy(real, { construct(target, args) { const u = new target(...args); window.plots.push(u); return u; } }); } });
    window.live = () => window.plots.filter((u) => u.root.isConnected); })()"""
SCALES = "JSON.stringify(live().map((u) => [u.scales.x.min, u.scales.x.max]))"
FOUND = """axe.run(document).then((r) => JSON.stringify(r.passes.length < 20 ? ["axe checked " + r.passes.length + " rules only"] : r.violations.filter((v) =>
    v.impact === "serious" || v.impact === "critical").map((v) => v.id + " (" + v.impact + "): " + v.help + ": " +
    v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " " + (n.any[0]?.message ?? "")).join(" | "))))"""


def run_program(*args, code=0):
    p = subprocess.run([str(e2e.BINARY), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    if p.returncode != code:
        raise AssertionError(f"{args} ended with {p.returncode}: {p.stdout}")
    return p.stdout


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not browser.find():
            if WHOLE:
                raise AssertionError("no Chromium in PATH: tools/setup/setup.sh installs it (as root)")
            raise unittest.SkipTest("no Chromium in PATH (tools/setup/setup.sh installs it)")
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-page-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.page, cls.comparison, cls.history = {}, {}, {}
        for kind, names in (("quiet", pages.QUIET), ("hostile", pages.HOSTILE)):
            a = pages.make(cls.dir / kind, names)
            b = pages.make(cls.dir / kind, names, "vm__def5678__1795600000", 1.3)
            run_program("report", "-q", a)
            run_program("compare", a, b)
            run_program("report", "--history", 20, cls.dir / kind)
            cls.history[kind] = cls.dir / kind / "history.html"
            cls.page[kind], cls.comparison[kind] = a / "junit.html", b / "comparison_results.html"
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.__exit__)

    def open(self, path, **look):
        page = self.enterContext(self.browser.open(path.as_uri(), before=None if look.get("scripts") is False else SPY, **look))
        self.addCleanup(self.check, page)  # runs before the page is closed
        self.all_drawn(page)
        return page

    @staticmethod
    def all_drawn(page):
        """Charts out of sight are drawn one after the other."""
        e2e.wait_for("all charts", lambda: page.js("!document.querySelector('[aria-busy]')"), 20)

    def check(self, page):
        """Whatever was done: nothing complained, nothing was fetched, nothing was smuggled in."""
        self.assertEqual(page.console, [])
        self.assertEqual([r for r in page.requests if not r.startswith(("file://", "data:"))], [])
        self.assertEqual(len([r for r in page.requests if r.startswith("file://")]), 1, page.requests)

    def scales(self, page):
        return [tuple(s) for s in json.loads(page.js(SCALES))]

    def visible(self, page, selector):
        return page.js(f"[...document.querySelectorAll({json.dumps(selector)})].filter((e) => e.offsetParent).length")


class RunPage(Pages):
    def test_what_failed_by_how_much_and_when_is_on_top(self):
        page = self.open(self.page["quiet"])
        hero = page.js("document.querySelector('.hero').innerText")
        for words in ("FAILED", "1 of 3 suites failed", "p90 of Script>50ms for 5s was 120 ms, allowed ≤ 50 ms, from 0:27 to 0:39",
                      "0123456789ab", "abc1234"):
            self.assertIn(words, hero)
        section = page.js("document.querySelector('#suite-0').innerText")
        for words in ("150 MB", "< 290 MB", "The collector used 0.04 % of one CPU", "18 MB of memory", "Slowest requests",
                      "hold", "ramp-up"):
            self.assertIn(words, section)
        events = page.js("[...document.querySelectorAll('#suite-0 .events td:last-child')].map((e) => e.textContent).join('; ')")
        for words in ("out of memory: a process of the server was killed", "garbage collection", "Bidi#1 replaced"):
            self.assertIn(words, events)
        marks = page.js("document.querySelector('#suite-0 .marks').innerText")
        for words in ("worker", "fault", "garbage collections", "criterion broken"):
            self.assertIn(words, marks)
        for file in ("kpi.jtl", "metrics.csv", "workers.csv", "bzt.log"):
            link = page.js(f"document.querySelector('#suite-0 .files a[href$=\"{file}\"]').href")
            self.assertTrue(pathlib.Path(link.removeprefix("file://")).is_file(), link)

    def test_search_and_filter(self):
        page = self.open(self.page["quiet"])
        self.assertEqual(self.visible(page, "#suite-table tbody tr"), 3)
        page.js("[...document.querySelectorAll('#filter button')].find((b) => b.textContent.startsWith('failed')).click()")
        self.assertEqual(page.js("[...document.querySelectorAll('#suite-table tbody tr')].filter((r) => r.offsetParent).map((r) => r.dataset.suite)"), ["0"])
        self.assertEqual(self.visible(page, "details.suite"), 1)
        page.js("document.querySelector('#filter button').click()")
        page.js("document.querySelector('#filter input').focus()")
        for key in "290mb":
            page.key(key)
        self.assertEqual(self.visible(page, "#suite-table tbody tr"), 1)
        self.assertEqual(page.js("[...document.querySelectorAll('#suite-0 tr[data-case]')].filter((r) => r.offsetParent).map((r) => r.dataset.case)"), ["1"])
        page.key("x")
        self.assertEqual(self.visible(page, "#suite-table tbody tr"), 0)
        self.assertEqual(self.visible(page, "#no-match"), 1)
        for _ in range(6):
            page.key("Backspace", code=8)
        self.assertEqual(self.visible(page, "#suite-table tbody tr"), 3)

    def test_every_recorded_metric_can_be_found_and_gets_a_chart(self):
        page = self.open(self.page["quiet"])
        before = len(self.scales(page))
        page.js("document.querySelector('#suite-0 details.all:not(#environment):not(:has(.events))').open = true")
        page.frame()  # the table is made when it is opened
        x, y, w, h = page.box("#suite-0 details.all input")
        page.click(x + w / 2, y + h / 2)
        for key in "worker_restarts":
            page.key(key)
        rows = "[...document.querySelectorAll('#suite-0 details.all:not(#environment):not(:has(.events)) tbody tr')].filter((r) => r.offsetParent)"
        self.assertEqual(page.js(rows + ".map((r) => r.cells[0].textContent)"), ["worker_restarts"])
        page.js(rows + "[0].querySelector('button').click()")
        self.assertEqual(len(self.scales(page)), before + 1)
        names = page.js("[...document.querySelectorAll('#suite-0 details.all:not(#environment):not(:has(.events)) tbody th')].map((e) => e.textContent)")
        for name in ("cpu_percent@Bidi#0", "memory_rss@Bidi#1", "frontend_cpu_percent", "sum_workers_memory_rss", "monitor_drops"):
            self.assertIn(name, names)

    def test_a_series_is_toggled(self):
        page = self.open(self.page["quiet"])
        button = "document.querySelector('#suite-0 .chart .legend button[aria-pressed=true]')"
        picture = "document.querySelector('#suite-0 .chart canvas').toDataURL()"
        before = page.js(picture)
        x, y, w, h = page.js(f"(() => {{ const b = {button}; b.id = 'pressed'; b.scrollIntoView({{block: 'center'}}); "
                             "const r = b.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()")
        shown = page.js("live()[0].series.filter((s) => s.show).length")
        page.click(x + w / 2, y + h / 2)
        self.assertEqual(page.js("document.getElementById('pressed').getAttribute('aria-pressed')"), "false")
        self.assertEqual(page.js("live()[0].series.filter((s) => s.show).length"), shown - 1)
        self.assertNotEqual(page.js(picture), before)
        page.js("document.getElementById('pressed').focus()")
        page.key("Enter", code=13)
        self.assertEqual(page.js("document.getElementById('pressed').getAttribute('aria-pressed')"), "true")

    def test_dragging_zooms_all_charts(self):
        page = self.open(self.page["quiet"])
        whole = self.scales(page)
        self.assertGreater(len(whole), 12)
        self.assertEqual(len(set(whole)), 1, "all charts of a suite have one time axis")
        x, y, w, h = page.box("#suite-0 .chart .u-over")
        page.drag(x + w * .4, x + w * .6, y + h / 2)
        zoomed = self.scales(page)
        self.assertEqual(len(set(zoomed)), 1)
        length = whole[0][1] - whole[0][0]
        self.assertAlmostEqual((zoomed[0][0] - whole[0][0]) / length, .4, 1)
        self.assertAlmostEqual((zoomed[0][1] - whole[0][0]) / length, .6, 1)
        page.js("[...document.querySelectorAll('#suite-0 .readout button')].find((b) => b.offsetParent).click()")
        self.assertEqual(self.scales(page), whole)
        # from a criterion to the moment it broke
        page.mouse("mouseMoved", 1, 1)  # what lies under the mouse after the page moved would be read
        page.js("document.querySelector('#suite-0 tr[data-case] button').click()")
        page.frame()
        at, low, high = page.js("live()[0].cursor.idx == null ? null : [live()[0].data[0][live()[0].cursor.idx], live()[0].scales.x.min, live()[0].scales.x.max]")
        self.assertLess(high - low, length / 2)
        self.assertAlmostEqual(at, 29, delta=1.5)  # the axis begins with the first sample, 4 s before the load

    def test_values_are_read_by_mouse(self):
        page = self.open(self.page["quiet"])
        x, y, w, h = page.box("#suite-0 .chart .u-over")
        page.mouse("mouseMoved", x + w * .3, y + h / 2)
        page.mouse("mouseMoved", x + w * .5, y + h / 2)
        page.frame()
        when = page.js("[document.querySelector('#suite-0 .readout .when').textContent, document.querySelector('#suite-0 .readout .when').title]")
        self.assertRegex(when[0], r"^0:\d\d · \d+:\d\d:\d\d")
        self.assertIn("hold", when[0])
        self.assertRegex(when[1], r"^2026-11-24 \d\d:\d\d:\d\d UTC$")
        # one cursor: every chart of the suite stands at the same time
        self.assertEqual(page.js("new Set(live().filter((u) => u.cursor.idx != null).map((u) => Math.round(u.data[0][u.cursor.idx]))).size"), 1)
        self.assertGreater(page.js("live().filter((u) => u.cursor.idx != null).length"), 12)
        x, y, w, h = page.box("#suite-0 .bins i:nth-child(5)")
        page.mouse("mouseMoved", x + w / 2, y + h - 1)
        page.frame()
        self.assertRegex(page.js("document.querySelector('#suite-0 .bin').textContent"), r"\d+ ms: \d+ request")

    def test_values_are_read_by_keyboard(self):
        page = self.open(self.page["quiet"])
        page.js("document.querySelector('#suite-0 .plot').focus()")
        page.key("Home", code=36)
        first = page.js("document.querySelector('#suite-0 [aria-live]').textContent")
        page.key("ArrowRight", code=39)
        second = page.js("document.querySelector('#suite-0 [aria-live]').textContent")
        self.assertNotEqual(first, second)
        self.assertRegex(second, r"^-?\d+:\d\d: p50 .*p90 .*p99 ")
        whole = self.scales(page)
        page.key("+")
        self.assertLess(self.scales(page)[0][1] - self.scales(page)[0][0], whole[0][1] - whole[0][0])
        self.assertEqual(len(set(self.scales(page))), 1)
        page.key("Escape", code=27)
        self.assertEqual(self.scales(page), whole)
        page.js("document.querySelector('#suite-0 .bins').focus()")
        page.key("ArrowRight", code=39)
        self.assertRegex(page.js("document.querySelector('#suite-0 .bin').textContent"), r"\d+ ms: \d+ request")

    def test_limits_and_breaches_are_drawn(self):
        page = self.open(self.page["quiet"])
        # the shaded stretch has another background than the rest of the chart, right above its foot
        page.js("""window.copy = document.createElement("canvas").getContext("2d", {willReadFrequently: true}); copy.canvas.width = 2000;
            copy.canvas.height = 800; copy.drawImage(live()[0].ctx.canvas, 0, 0); 0""")
        colours = page.js("""(() => { const u = live()[0], c = copy, y = u.bbox.top + 3; const at = (t) => [...c.getImageData(
            Math.round(u.valToPos(t, "x", true)), y, 1, 1).data].join(); return [at(20), at(33), at(50)]; })()""")
        self.assertEqual(colours[0], colours[2])
        self.assertNotEqual(colours[0], colours[1])
        line = page.js("""(() => { const u = live()[0], c = copy, y = Math.round(u.valToPos(50, "y", true)); let red = 0;
            for (let dy = -1; dy <= 1; dy++) { const d = c.getImageData(u.bbox.left, y + dy, u.bbox.width, 1).data;
                for (let i = 0; i < d.length; i += 4) red += d[i] > 140 && d[i + 1] < 90 && d[i + 2] < 90; } return red / u.bbox.width; })()""")
        self.assertGreater(line, .3, "the limit is a dashed line across the chart")

    def test_times_are_local_and_tell_utc(self):
        page = self.open(self.page["quiet"])
        text, title = page.js("(() => { const t = document.querySelector('time'); return [t.textContent, t.title]; })()")
        self.assertEqual(title, "2026-11-24 06:00:00 UTC")
        self.assertEqual(text, page.js("new Date(1795500000000).toLocaleString(undefined, {dateStyle: 'medium', timeStyle: 'medium'})"))

    def test_tables_are_complete_without_scripts(self):
        page = self.open(self.page["quiet"], scripts=False)
        text = page.send("DOM.getOuterHTML", nodeId=page.send("DOM.getDocument", depth=0)["root"]["nodeId"])["outerHTML"]
        for words in ("1 of 3 suites failed", "p90 of Script", "Slowest requests", "2026-11-24 06:00:00 UTC", "Scripts are off"):
            self.assertIn(words, text)

    def test_paper(self):
        page = self.open(self.page["quiet"], dark=True)
        pdf = base64.b64decode(page.send("Page.printToPDF", printBackground=True)["data"])
        self.assertEqual(pdf[:5], b"%PDF-")
        self.assertGreater(len(pdf), 50000, "with the charts of every suite")
        page.send("Emulation.setEmulatedMedia", media="print")
        self.assertEqual(self.visible(page, "#tools, #filter, .readout, .cases button"), 0)

    def test_narrow(self):
        for path in (*self.page.values(), *self.comparison.values(), *self.history.values()):
            with self.subTest(str(path.relative_to(self.dir))):
                page = self.open(path, width=400)
                self.assertEqual(page.js("document.documentElement.scrollWidth"), 400)
                self.assertGreater(page.js("live().length"), 4)
                self.assertTrue(page.js("live().every((u) => u.width > 200 && u.width <= 400)"))


class Hostile(Pages):
    FOREIGN = "document.querySelectorAll('img, iframe, [onerror], [onload], [onmouseover], [x]').length"

    def shape(self, path):
        page = self.open(path)
        page.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        page.frame()
        self.all_drawn(page)
        self.assertEqual(page.js(self.FOREIGN), 0)
        return page, page.js("[document.scripts.length, document.styleSheets.length, document.querySelectorAll('svg').length, document.title.includes('mmsperf-bpf')]")

    def test_names_stay_text(self):
        for kind in (self.page, self.comparison, self.history):
            with self.subTest(kind["hostile"].name):
                page, shape = self.shape(kind["hostile"])
                self.assertEqual(shape, self.shape(kind["quiet"])[1])
                text = page.js("document.querySelector('main').textContent")
                for key in ("script", "comment", "attribute"):
                    self.assertIn(pages.HOSTILE[key], text)
                self.assertEqual(page.js("document.documentElement.scrollWidth"), 1280)

    def test_every_name_is_shown_as_it_is(self):
        page, _ = self.shape(self.page["hostile"])
        text = page.js("document.querySelector('main').textContent")
        for key in set(pages.HOSTILE) - {"long"}:
            self.assertIn(pages.HOSTILE[key], text, key)
        self.assertIn("name" * 70, text)
        self.assertNotIn("name" * 600, text)  # nobody reads 10,000 characters
        # a name's direction of writing ends with the name
        self.assertTrue(page.js("[...document.querySelectorAll('q, a, .why, .chip, .legend button')].every((e) => getComputedStyle(e).unicodeBidi === 'isolate')"))
        link = page.js("document.querySelector('#suite-0 .files a[href*=\"%22%3E%3Cimg\"]').href")
        self.assertTrue(link.startswith("file://"), link)

    def test_charts_and_search_take_them(self):
        page, _ = self.shape(self.page["hostile"])
        self.assertGreater(len(self.scales(page)), 12)
        page.js("document.querySelector('#suite-0 .plot').focus()")
        for key, code in (("Home", 36), ("ArrowRight", 39), ("End", 35)):
            page.key(key, code=code)
        self.assertRegex(page.js("document.querySelector('#suite-0 [aria-live]').textContent"), r"p90 ")
        page.js("document.querySelector('#filter input').focus()")
        for key in "alert(2)":
            page.key(key)
        self.assertEqual(self.visible(page, "#suite-table tbody tr"), 3)


class Comparison(Pages):
    def test_filter_and_search(self):
        page = self.open(self.comparison["quiet"])
        rows = "#suite-0 table.rows tbody tr"
        few = self.visible(page, rows)
        page.js("[...document.querySelectorAll('#suite-0 .filters button')].find((b) => b.textContent.startsWith('all')).click()")
        self.assertGreater(self.visible(page, rows), few)
        page.js("document.querySelector('#suite-0 .filters input').focus()")
        for key in "p90 of script":
            page.key(key)
        self.assertEqual(page.js(f"[...document.querySelectorAll('{rows}')].filter((r) => r.offsetParent).map((r) => r.cells[1].textContent)"),
                         ["Latency p90 of Script"])
        row = page.js(f"[...document.querySelectorAll('{rows}')].find((r) => r.offsetParent).innerText")
        self.assertRegex(row, r"\+\d+(\.\d)? %")
        self.assertIn("unknown", row)  # one run a side

    def test_both_runs_are_on_one_axis(self):
        page = self.open(self.comparison["quiet"])
        whole = self.scales(page)
        self.assertGreater(len(whole), 6)
        self.assertEqual(len(set(whole)), 1)
        legend = page.js("[...document.querySelectorAll('#suite-0 .chart .legend button')].map((b) => b.firstChild.textContent)")
        self.assertIn("p90 A", legend)
        self.assertIn("p90 B", legend)
        x, y, w, h = page.box("#suite-0 .chart .u-over")
        page.drag(x + w * .25, x + w * .5, y + h / 2)
        self.assertEqual(len(set(self.scales(page))), 1)
        self.assertNotEqual(self.scales(page), whole)


class Accessible(Pages):
    def test_axe_finds_nothing_serious(self):
        if not AXE.is_file():
            if WHOLE:
                self.fail("build/axe is missing: tools/setup/axe.sh fetches it")
            self.skipTest("build/axe is missing (tools/setup/axe.sh fetches it)")
        axe = AXE.read_text()
        looks = [(path, look) for path in (self.page["quiet"], self.comparison["quiet"], self.history["quiet"]) for look in ({}, {"dark": True}, {"width": 400})]
        looks += [(path, {}) for path in (self.page["hostile"], self.comparison["hostile"], self.history["hostile"])]
        for path, look in looks:
            with self.subTest(path=str(path.relative_to(self.dir)), **look):
                page = self.open(path, **look)
                page.js("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
                page.frame()
                self.all_drawn(page)
                page.js(axe + "; 0")
                self.assertEqual(json.loads(page.js(FOUND)), [])


if __name__ == "__main__":
    e2e.main()

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run page around the charts: links, filter, and a suite's charts once its section is opened. Everything here is an addition: the tables are complete without it.
 */
"use strict";

(function () {
	const data = JSON.parse(document.getElementById("data").textContent);
	const groups = new Map();
	const { $ } = Shell;

	/*
	 * The page lies in the run's folder, and a link in the folder above points at it; a browser
	 * resolves links against the address it was given. So: opened from above, links need the
	 * run's folder in front.
	 */
	function fixLinks() {
		if (!data.folder) return;
		const parts = decodeURIComponent(location.pathname).split("/"), here = parts[parts.length - 2];
		if (here === data.folder || here === "latest" || /__.*__\d+$/.test(here)) return;
		for (const a of document.querySelectorAll("a[data-file]"))
			if (!a.getAttribute("href").startsWith("/")) a.setAttribute("href", encodeURIComponent(data.folder) + "/" + a.getAttribute("href"));
	}

	function filter() {
		const rows = [...document.querySelectorAll("#suite-table tbody tr")], box = document.getElementById("filter");
		const criteria = [...document.querySelectorAll("tr[data-case]")];
		if (rows.length < 2 && criteria.length < 8) return;
		const verdicts = [...new Set(rows.map((r) => r.dataset.verdict))];
		const search = $("input", { type: "search", placeholder: "Find a suite or criterion" });
		search.setAttribute("aria-label", "Find a suite or criterion");
		let want = "";
		const haystack = rows.map((r) => {
			const s = data.suites[r.dataset.suite];
			return (s.name + " " + s.cases.map((c) => c.name).join(" ")).toLowerCase();
		});
		const apply = () => {
			const text = search.value.trim().toLowerCase();
			let shown = 0;
			rows.forEach((r, i) => {
				const ok = (!want || r.dataset.verdict === want) && (!text || haystack[i].includes(text));
				r.hidden = !ok;
				document.getElementById("suite-" + r.dataset.suite).hidden = !ok;
				shown += ok;
			});
			/* within a suite that was found by its criteria: those; by its name: all */
			for (const tr of criteria) {
				const s = data.suites[tr.closest("[data-suite]").dataset.suite];
				tr.hidden = text && !s.name.toLowerCase().includes(text) && !s.cases[tr.dataset.case].name.toLowerCase().includes(text);
			}
			document.getElementById("no-match").hidden = shown > 0;
		};
		const buttons = verdicts.length > 1 ? ["", ...verdicts].map((v) => {
			const n = v ? rows.filter((r) => r.dataset.verdict === v).length : rows.length;
			const b = $("button", { type: "button", textContent: (v || "all") + " " + n });
			b.setAttribute("aria-pressed", String(v === want));
			b.addEventListener("click", () => {
				want = v;
				buttons.forEach((x) => x.setAttribute("aria-pressed", String(x === b)));
				apply();
			});
			return b;
		}) : [];
		search.addEventListener("input", apply);
		box.append(...buttons, search);
		box.hidden = false;
	}

	/* Every recorded metric, in a table that is made once somebody opens it. */
	function allMetrics(suite, group, host) {
		const cols = [suite.metrics, suite.workers].filter(Boolean).flatMap((m) => m.cols.map((c) => ({ ...c, t: m.t })));
		if (!cols.length) return;
		const box = $("details", { className: "all" }, $("summary", { textContent: `All ${cols.length} recorded metrics` }));
		box.addEventListener("toggle", () => box.append(...metricsTable(cols, group)), { once: true });
		host.append(box);
	}

	/* Minimum, mean, maximum and last value; a click makes a chart. */
	function metricsTable(cols, group) {
		const body = $("tbody"), find = $("input", { type: "search", placeholder: "Find a metric" });
		find.setAttribute("aria-label", "Find a metric");
		const rows = cols.map((c) => {
			const v = (Array.isArray(c.v) ? c.v : [c.v]).filter((x) => x != null);
			const lo = Array.isArray(c.lo) ? c.lo.filter((x) => x != null) : v, hi = Array.isArray(c.hi) ? c.hi.filter((x) => x != null) : v;
			const unit = unitOf(c), f = (x) => $("td", { className: "n", textContent: Format.value(x, unit) });
			const min = lo.reduce((a, b) => Math.min(a, b), Infinity), max = hi.reduce((a, b) => Math.max(a, b), -Infinity);
			const show = $("button", { type: "button", textContent: "chart" });
			show.setAttribute("aria-label", "Chart of " + shortened(c.n, 300));
			show.addEventListener("click", () => group.add({
				title: isolated(c.n), unit, added: true,
				series: [{ ...c, key: c.n, label: c.r ? "rate" : "value", color: 1 + group.plots.length % 7 }],
			}, true));
			const tr = $("tr", {}, $("th", { scope: "row", textContent: shortened(c.n, 300) }), f(min), f(v.reduce((a, b) => a + b, 0) / v.length), f(max),
				f(v[v.length - 1]), $("td", { className: "n" }, show));
			body.append(tr);
			return [c.n.toLowerCase(), tr];
		});
		find.addEventListener("input", () => {
			const text = find.value.trim().toLowerCase();
			rows.forEach(([n, tr]) => { tr.hidden = !n.includes(text); });
		});
		const head = $("tr", {}, ...["Metric", "Min", "Mean", "Max", "Last", ""].map((h, i) => $("th", { scope: "col", textContent: h, className: i ? "n" : "" })));
		head.lastChild.append($("span", { className: "sr", textContent: "Chart" }));
		return [find, $("div", { className: "tall", tabIndex: 0 }, $("table", { className: "grid" }, $("thead", {}, head), body))];
	}

	/* From a broken criterion to the moment it broke. */
	function linkCases(section, suite, group) {
		for (const tr of section.querySelectorAll("tr[data-case]")) {
			const c = suite.cases[tr.dataset.case], plot = group.plots.find((p) => p.lines.includes(c));
			if (!plot || c.from == null) continue;
			const b = $("button", { type: "button", textContent: "show" });
			b.setAttribute("aria-label", "Show in the chart when it broke: " + c.name);
			b.addEventListener("click", () => {
				const pad = Math.max(5, (c.to - c.from) * .6);
				group.zoom(c.from - pad, c.to + pad);
				plot.figure.scrollIntoView({ block: "center" });
				plot.frame.focus({ preventScroll: true });
				group.plots.forEach((p) => p.cursorTo(c.from));
			});
			tr.lastElementChild.append(b);
		}
	}

	/* The distribution's bars, one at a time: by mouse or by arrow keys. */
	function bars(section) {
		const box = section.querySelector(".bins");
		if (!box) return;
		const all = [...box.children], text = $("p", { className: "bin" });
		let at = -1;
		const show = (i) => {
			all[at]?.classList.remove("on");
			at = i;
			all[at]?.classList.add("on");
			text.textContent = all[at]?.dataset.text ?? "";
		};
		all.forEach((bar, i) => {
			bar.dataset.text = bar.title;
			bar.removeAttribute("title"); /* two words for one bar are one too many */
			bar.addEventListener("mouseenter", () => show(i));
		});
		box.addEventListener("mouseleave", () => show(-1));
		box.addEventListener("blur", () => show(-1));
		box.addEventListener("keydown", (e) => {
			const last = all.length - 1, to = { ArrowRight: Math.min(at + 1, last), ArrowLeft: at < 0 ? last : Math.max(at - 1, 0), Home: 0, End: last }[e.key];
			if (to == null) return;
			e.preventDefault();
			show(to);
		});
		box.tabIndex = 0;
		box.setAttribute("role", "application");
		box.setAttribute("aria-label", box.getAttribute("aria-label") + " Arrow keys read the bars.");
		text.setAttribute("aria-live", "polite");
		box.parentElement.append(text);
	}

	function draw(section) {
		const index = +section.dataset.suite, suite = data.suites[index], host = section.querySelector(".charts");
		if (groups.has(index) || !section.open || typeof uPlot !== "function") return;
		if (!suite.load && !suite.metrics && !suite.workers) {
			host.append($("p", { className: "note", textContent: "Nothing was recorded over time." }));
			groups.set(index, { redraw() {}, resize() {} });
			return;
		}
		const group = new Group(suite, host);
		groups.set(index, group);
		allMetrics(suite, group, host);
		linkCases(section, suite, group);
	}

	fixLinks();
	Shell.localTimes();
	Shell.tools(groups, draw);
	filter();
	document.querySelectorAll("details.suite").forEach(bars);
	Shell.sections(draw);
})();

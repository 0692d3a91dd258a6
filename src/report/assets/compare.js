// SPDX-License-Identifier: GPL-2.0-only
/*
 * The comparison page around the charts: filters of the tables, and both runs' series laid over
 * each other on one axis that begins with each run's load. The tables are complete without it.
 */
"use strict";

(function () {
	const { $ } = Shell;
	const data = JSON.parse(document.getElementById("data").textContent);
	const groups = new Map();
	const MAX_POINTS = 1500;

	/* Runs tick at different moments: a value between two samples lies on the line between them. */
	function resample(s, shift, grid) {
		const t = s.t, v = expand(s.v, t.length), gaps = [];
		for (let i = 1; i < t.length; i++) gaps.push(t[i] - t[i - 1]);
		const usual = gaps.sort((a, b) => a - b)[gaps.length >> 1] || 1;
		let i = 0;
		return grid.map((g) => {
			const x = g + shift;
			while (i + 1 < t.length && t[i + 1] < x) i++;
			if (x < t[0] - usual / 2 || x > t[t.length - 1] + usual / 2) return null;
			if (x <= t[0]) return v[0];
			if (i + 1 >= t.length) return v[t.length - 1];
			if (t[i + 1] - t[i] > 2.5 * usual || v[i] == null || v[i + 1] == null) return Math.abs(t[i] - x) < usual / 2 ? v[i] : Math.abs(t[i + 1] - x) < usual / 2 ? v[i + 1] : null;
			const f = Math.max(0, (x - t[i]) / (t[i + 1] - t[i]));
			return s.step ? v[f < 1 ? i : i + 1] : v[i] + (v[i + 1] - v[i]) * f;
		});
	}

	const zero = (suite) => suite.load_at ?? 0;
	const times = (suite) => [suite.load?.t, suite.metrics?.t].filter((t) => t?.length);

	function axis(a, b) {
		let min = Infinity, max = -Infinity;
		for (const s of [a, b])
			for (const t of times(s)) {
				min = Math.min(min, t[0] - zero(s));
				max = Math.max(max, t[t.length - 1] - zero(s));
			}
		if (!(max > min)) return null;
		const step = Math.max(1, Math.ceil((max - min) / MAX_POINTS)), grid = [];
		for (let x = Math.floor(min); x <= Math.ceil(max); x += step) grid.push(x);
		return grid;
	}

	/* The charts that the run page would have, each series once for A (dashed) and once for B. */
	function overlay(pair) {
		const grid = axis(pair.a, pair.b), charts = new Map();
		if (!grid) return null;
		for (const [side, suite] of [["A", pair.a], ["B", pair.b]])
			for (const c of plan({ ...suite, workers: null })) {
				if (!charts.has(c.title)) charts.set(c.title, { title: c.title, unit: c.unit, wide: c.wide, series: [] });
				const into = charts.get(c.title);
				for (const s of c.series) {
					const v = resample(s, zero(suite), grid), order = into.series.findIndex((x) => x.key === s.key);
					const one = { t: grid, v, key: s.key, label: s.label + " " + side, color: s.color, step: s.step, whole: s.whole, watch: s.watch, also: s.also,
						off: s.off || s.key === "p50", dash: side === "A" ? [5, 4] : undefined };
					if (order < 0) into.series.push(one);
					else into.series.splice(order + 1, 0, one);
				}
			}
		const shift = (x) => (x == null ? null : x - zero(pair.b));
		return {
			name: pair.name, charts: [...charts.values()], load_at: 0, t0: null, events: [], labels: pair.b.labels,
			phases: pair.b.phases.map(([n, from, to]) => [n, shift(from), shift(to)]),
			cases: pair.b.cases.map((c) => ({ ...c, verdict: "limit", from: null, to: null })),
		};
	}

	function filters(section) {
		const table = section.querySelector("table.rows"), box = section.querySelector(".filters");
		if (!table || !box) return;
		const rows = [...table.tBodies[0].rows], none = section.querySelector(".no-match");
		const kinds = [...new Set(rows.map((r) => r.dataset.result))];
		const search = $("input", { type: "search", placeholder: "Find a metric" });
		search.setAttribute("aria-label", "Find a metric");
		const minor = rows.filter((r) => r.classList.contains("minor")).length;
		const choices = [["", "important", rows.length - minor], ["*", "all", rows.length]];
		const rules = rows.filter((r) => ["pass", "fail", "error", "skip"].includes(r.dataset.result)).length;
		if (rules) choices.push(["rules", "rules", rules]);
		for (const k of ["fail", "error", "worse", "better", "changed", "missing"])
			if (kinds.includes(k)) choices.push([k, k, rows.filter((r) => r.dataset.result === k).length]);
		let want = "";
		const apply = () => {
			const text = search.value.trim().toLowerCase();
			let shown = 0;
			table.classList.toggle("whole", want !== "" || text !== "");
			for (const r of rows) {
				const kind = r.dataset.result;
				const ok = (want === "" || want === "*" || (want === "rules" ? ["pass", "fail", "error", "skip"].includes(kind) : kind === want)) &&
					(!text || r.cells[1].textContent.toLowerCase().includes(text));
				r.hidden = !ok;
				shown += ok;
			}
			none.hidden = shown > 0;
		};
		const buttons = choices.map(([k, name, n]) => {
			const b = $("button", { type: "button", textContent: name + " " + n });
			b.setAttribute("aria-pressed", String(k === want));
			b.addEventListener("click", () => {
				want = k;
				buttons.forEach((x) => x.setAttribute("aria-pressed", String(x === b)));
				apply();
			});
			return b;
		});
		search.addEventListener("input", apply);
		box.append(...buttons, search);
		box.hidden = false;
	}

	function draw(section) {
		const index = +section.dataset.suite, pair = data.suites[index], host = section.querySelector(".charts");
		if (groups.has(index) || !section.open || typeof uPlot !== "function" || !host || !pair.a) return;
		const suite = overlay(pair);
		if (!suite?.charts.length) {
			groups.set(index, { redraw() {}, resize() {} });
			return;
		}
		host.append($("h3", { textContent: "Over time since the load began (A dashed, B solid)" }));
		groups.set(index, new Group(suite, host));
	}

	document.documentElement.classList.add("scripted");
	Shell.localTimes();
	Shell.tools(groups, draw);
	document.querySelectorAll("details.suite").forEach(filters);
	Shell.sections(draw);
})();

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The history page around its tables: which environment, suites and metrics are shown, small lines
 * in the tables, and charts of metrics over runs. A point is a run; runs stand at equal distances,
 * commits are the bands behind them. The tables are complete without it.
 */
"use strict";

(function () {
	const { $ } = Shell;
	const data = JSON.parse(document.getElementById("data").textContent);
	const drawn = new Map(); /* section -> Trends */
	let current = 0, metric = "";

	/* [title, unit, [[metric, legend, colour], ...]]: what a suite shows without being asked */
	const CHARTS = [
		["Response time", [["p50", "p50", 1, "(all)"], ["p90", "p90", 2, "(all)"], ["p99", "p99", 4, "(all)"]]],
		["Throughput", [["throughput", "requests", 1, "(all)"]]],
		["CPU per 1,000 requests, workers", [["sum_workers_cpu_time_per_1000_requests", "workers", 2]]],
		["Memory (resident)", [["frontend_memory_rss", "frontend", 1], ["sum_workers_memory_rss", "workers", 2]]],
		["CPU", [["frontend_cpu_percent", "frontend", 1], ["sum_workers_cpu_percent", "workers", 2]]],
		["Open files", [["frontend_file_descriptors", "frontend", 1], ["sum_workers_file_descriptors", "workers", 2]]],
		["Failed requests", [["failed", "failed", "bad", "(all)"]]],
	];

	const known = (v) => v.filter((x) => x != null);

	function plan(suite) {
		const charts = [];
		for (const [title, wanted] of CHARTS) {
			const series = wanted.map(([n, label, color, of = ""]) => {
				const t = suite.trends.find((x) => x.n === n && x.of === of);
				return t && known(t.v).length ? { ...t, label, color } : null;
			}).filter(Boolean);
			/* a failure that never came needs no chart */
			if (series.length && (title !== "Failed requests" || known(series[0].v).some((v) => v))) charts.push({ title, series });
		}
		if (!charts.length)
			for (const t of suite.trends.slice(0, 4)) charts.push({ title: t.title, series: [{ ...t, label: "mean", color: 1 }] });
		if (charts.length) charts[0].wide = true;
		return charts;
	}

	/* Runs of one commit that follow each other: [commit, first, last]. */
	function commitsOf(runs) {
		const out = [];
		runs.forEach((r, i) => {
			const last = out[out.length - 1];
			if (last && last[0] === r.commit) last[2] = i;
			else out.push([r.commit, i, i]);
		});
		return out;
	}

	const shortCommit = (c) => c.replace(/^([0-9a-f]{7})[0-9a-f]*/, "$1").replace(/-dirty$/, "*") || "no commit";
	const dateOf = (r, style) => new Date(r.t * 1000).toLocaleString(undefined, style);

	/* All charts of one suite: they share cursor, zoom and keyboard. */
	class Trends {
		constructor(group, suite, host) {
			this.group = group;
			this.suite = suite;
			this.n = group.runs.length;
			this.range = [-.6, this.n - .4];
			this.commits = commitsOf(group.runs);
			this.charts = [];
			this.pinned = null;
			this.key = "trends-" + Math.random().toString(36).slice(2);
			const bar = $("div", { className: "readout" });
			this.when = $("span", { className: "when" });
			this.link = $("a", { hidden: true });
			this.reset = $("button", { type: "button", textContent: "All runs", hidden: true });
			this.reset.addEventListener("click", () => this.zoom(-.6, this.n - .4));
			this.live = $("span", { className: "sr" });
			this.live.setAttribute("aria-live", "polite");
			const hint = $("span", { className: "hint",
				textContent: "Click a run for its page, drag to zoom. On a focused chart: ← → runs, Enter opens." });
			bar.append(this.when, this.link, this.reset, hint, this.live);
			this.grid = $("div", { className: "chart-grid" });
			host.append(bar, this.key2(), this.grid);
			for (const c of plan(suite)) this.add(c);
			this.show(null);
			new ResizeObserver(() => this.resize()).observe(this.grid);
		}

		/* What the marks mean; only those that occur. */
		key2() {
			const states = new Set(this.group.runs.map((_, i) => this.state(i)));
			const words = { passed: "● run passed", own: "✗ this suite failed", other: "○ another suite of the run failed", none: "○ not judged" };
			const p = $("p", { className: "trend-marks" });
			for (const s of ["passed", "own", "other", "none"]) if (states.has(s)) p.append($("span", { className: "mark-" + s, textContent: words[s] }));
			p.append($("span", { textContent: "┄ median of passing runs" }));
			return p;
		}

		state(i) {
			const own = this.suite.v[i], run = this.group.runs[i].v;
			return own === "f" || own === "e" ? "own" : run === "passed" ? "passed" : run === "failed" || run === "error" ? "other" : "none";
		}

		add(chart, focus) {
			const c = new Trend(this, chart);
			this.charts.push(c);
			if (focus) c.frame.focus();
		}

		remove(chart) {
			this.charts = this.charts.filter((c) => c !== chart);
			chart.u.destroy();
			chart.figure.remove();
		}

		zoom(min, max) {
			if (max - min < 2) [min, max] = [(min + max) / 2 - 1, (min + max) / 2 + 1];
			min = Math.max(-.6, min);
			max = Math.min(this.n - .4, max);
			this.range = [min, max];
			this.reset.hidden = min <= -.6 && max >= this.n - .4;
			for (const c of this.charts) c.u.setScale("x", { min, max });
		}

		show(i) {
			const at = i ?? this.pinned, r = at == null ? null : this.group.runs[at];
			this.when.textContent = r ? `${shortCommit(r.commit)} · ${dateOf(r, { dateStyle: "medium", timeStyle: "short" })} · ${r.v}` : `Newest of ${this.n} runs`;
			this.when.title = r ? new Date(r.t * 1000).toISOString().replace("T", " ").slice(0, 19) + " UTC" : "";
			this.link.hidden = !r;
			if (!r) return;
			this.link.textContent = r.id;
			if (r.page) this.link.href = r.page;
			else this.link.removeAttribute("href");
			this.link.title = r.page ? "The run's page" : "The run's page is not there";
		}

		keydown(chart, e) {
			let i = chart.u.cursor.idx ?? this.pinned;
			const last = this.n - 1;
			switch (e.key) {
			case "ArrowRight": i = i == null ? 0 : Math.min(last, i + 1); break;
			case "ArrowLeft": i = i == null ? last : Math.max(0, i - 1); break;
			case "Home": i = 0; break;
			case "End": i = last; break;
			case "Escape":
				this.pinned = null;
				this.zoom(-.6, this.n - .4);
				for (const c of this.charts) c.u.setCursor({ left: -10, top: -10 }, true, false);
				return;
			case "Enter":
				if (i != null && this.group.runs[i].page) location.href = this.group.runs[i].page;
				return;
			default: return;
			}
			e.preventDefault();
			const [min, max] = this.range;
			if (i < min || i > max) this.zoom(i < min ? i - .6 : i + .6 - (max - min), i < min ? i - .6 + max - min : i + .6);
			for (const c of this.charts) c.u.setCursor({ left: c.u.valToPos(i, "x"), top: 10 }, true, false);
			const r = this.group.runs[i];
			this.live.textContent = `${shortCommit(r.commit)}, ${r.v}: ${chart.read(i)}`;
		}

		resize() { for (const c of this.charts) c.resize(); }
		redraw() { for (const c of this.charts) c.rebuild(); }
		filter(text) { for (const c of this.charts) c.figure.hidden = text !== "" && !c.words.includes(text); }
	}

	class Trend {
		constructor(owner, chart) {
			this.owner = owner;
			this.chart = chart;
			this.unit = chart.series[0].u;
			this.words = (chart.title + " " + chart.series.map((s) => s.n + " " + s.title).join(" ")).toLowerCase();
			this.data = [owner.group.runs.map((_, i) => i), ...chart.series.map((s) => s.v)];
			this.shown = chart.series.map(() => true);
			this.frameUp();
			this.rebuild();
		}

		frameUp() {
			const { chart, owner } = this;
			this.figure = $("figure", { className: "chart" + (chart.wide ? " wide" : "") + (chart.added ? " added" : "") });
			const legend = $("div", { className: "legend" });
			this.values = chart.series.map((s, i) => {
				const v = $("b"), b = $("button", { type: "button" }, s.label, v);
				b.style.setProperty("--c", typeof s.color === "number" ? `var(--s${s.color})` : `var(--${s.color})`);
				b.setAttribute("aria-pressed", "true");
				b.title = s.title + ": show or hide";
				if (s.dash) b.className = "dashed";
				b.addEventListener("click", () => {
					this.shown[i] = !this.shown[i];
					b.setAttribute("aria-pressed", String(this.shown[i]));
					this.u.setSeries(i + 1, { show: this.shown[i] });
				});
				legend.append(b);
				return v;
			});
			this.frame = $("div", { className: "plot", tabIndex: 0 });
			this.frame.setAttribute("role", "application");
			this.frame.setAttribute("aria-label", `${chart.title} over ${owner.n} runs. Newest: ${this.read(owner.n - 1)}. Arrow keys read runs, Enter opens a run's page.`);
			this.frame.addEventListener("keydown", (e) => owner.keydown(this, e));
			this.figure.append($("figcaption", { className: "chart-head" }, $("h3", { textContent: chart.title }), legend), this.frame);
			if (chart.added) {
				const x = $("button", { type: "button", className: "close", textContent: "×" });
				x.setAttribute("aria-label", "Remove the chart " + chart.title);
				x.addEventListener("click", () => owner.remove(this));
				this.figure.append(x);
			}
			owner.grid.append(this.figure);
		}

		stroke(s) { return css(typeof s.color === "number" ? "--s" + s.color : "--" + s.color); }

		read(i) {
			return this.chart.series.map((s, k) => this.shown[k] ? `${s.label} ${Format.value(s.v[i], this.unit)}` : "").filter(Boolean).join(", ");
		}

		narrow() { return (this.figure.clientWidth || 600) < 480; }
		height() { return this.chart.wide ? 250 : 180; }

		resize() {
			const width = this.figure.clientWidth;
			if (!width || width === this.u.width) return;
			if (this.narrow() !== this.short) this.rebuild(); /* another margin */
			else this.u.setSize({ width, height: this.height() });
		}

		rebuild() {
			if (this.u) this.u.destroy();
			this.short = this.narrow();
			this.u = new uPlot(this.options(), this.data, this.frame);
			const [min, max] = this.owner.range;
			this.u.setScale("x", { min, max });
			this.u.over.addEventListener("click", () => {
				this.owner.pinned = this.u.cursor.idx ?? null;
				this.owner.show(this.owner.pinned);
			});
			this.showValues(null);
		}

		showValues(i) {
			const at = i ?? this.owner.pinned ?? this.owner.n - 1;
			this.values.forEach((el, k) => {
				const s = this.chart.series[k], v = s.v[at], d = v != null && s.m > 0 ? (v / s.m - 1) * 100 : null;
				el.textContent = Format.value(v, this.unit) + (d == null ? "" : ` (${d > 0 ? "+" : ""}${Math.abs(d) < .05 ? 0 : d.toFixed(Math.abs(d) < 100 ? 1 : 0)} %)`);
				el.title = s.m == null ? "" : "median of passing runs " + Format.value(s.m, this.unit);
			});
		}

		options() {
			const axis = css("--axis"), grid = css("--grid"), { owner } = this;
			const font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
			return {
				width: this.figure.clientWidth || 600, height: this.height(), legend: { show: false }, pxAlign: 0, padding: [12, this.short ? 58 : 98, 0, 0],
				series: [{}, ...this.chart.series.map((s, i) => ({
					label: s.label, stroke: this.stroke(s), width: s.dash ? 1 : 1.4, dash: s.dash, show: this.shown[i], spanGaps: true, points: { show: false },
				}))],
				scales: { x: { time: false, range: (u, min, max) => [min, max] }, y: { range: (u, min, max) => this.yRange(min, max) } },
				axes: [
					{ stroke: axis, font, size: 46, gap: 8, grid: { show: false }, ticks: { show: false }, splits: (u) => this.splits(u),
						values: (u, at) => at.map((i) => shortCommit(owner.group.runs[i].commit) + "\n" + dateOf(owner.group.runs[i], { month: "short", day: "numeric" })) },
					{ stroke: axis, font, size: 62, grid: { stroke: grid, width: 1 }, ticks: { show: false }, space: 34,
						values: (u, at) => at.map((v) => Format.value(v, this.unit.replace("/s", ""))) },
				],
				cursor: {
					y: false, points: { size: 8, width: 2 }, drag: { x: true, y: false, setScale: false },
					sync: { key: owner.key, scales: ["x", null], setSeries: false, filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
					bind: { dblclick: () => () => { owner.zoom(-.6, owner.n - .4); return null; } },
				},
				hooks: {
					drawClear: [(u) => this.drawCommits(u)],
					draw: [(u) => this.drawMedians(u), (u) => this.drawPoints(u)],
					setCursor: [(u) => { const i = u.cursor.idx ?? null; this.showValues(i); owner.show(i); }],
					setSelect: [(u) => {
						const { left, width } = u.select;
						if (width < 6) return;
						owner.zoom(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
						u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
					}],
				},
			};
		}

		/* A tick where a commit begins; where there are few of them, at other runs as well. */
		splits(u) {
			const { owner } = this, [min, max] = owner.range, gap = 78 / (u.bbox.width / devicePixelRatio) * (max - min), out = [];
			const visible = owner.commits.map((c) => Math.max(c[1], Math.ceil(min))).filter((i, k) => i <= Math.min(max, owner.commits[k][2]));
			const take = (i) => { if (out.every((j) => Math.abs(i - j) >= gap) && i - min >= gap * .3 && max - i >= gap * .3) out.push(i); };
			visible.forEach(take);
			if (visible.length < 3) for (let i = Math.max(0, Math.ceil(min)); i <= Math.min(max, owner.n - 1); i++) take(i);
			return out.sort((a, b) => a - b);
		}

		/* From zero, where that costs little: a line that moves by 1 % has to look like 1 %. */
		yRange(min, max) {
			this.chart.series.forEach((s, k) => {
				if (s.m == null || !this.shown[k]) return;
				min = min == null ? s.m : Math.min(min, s.m);
				max = max == null ? s.m : Math.max(max, s.m);
			});
			if (min == null || !isFinite(min) || !isFinite(max)) return [0, 1];
			if (min >= 0 && min < max * .6) return max === 0 ? [0, 1] : [0, max * 1.1];
			const span = Math.max(max - min, Math.abs(max) * .15), middle = (min + max) / 2, low = middle - span * .6;
			return [min >= 0 ? Math.max(0, low) : low, middle + span * .6];
		}

		drawCommits(u) {
			const { ctx, bbox } = u, { owner } = this;
			const x = (i) => Math.max(bbox.left, Math.min(bbox.left + bbox.width, u.valToPos(i, "x", true)));
			ctx.save();
			ctx.fillStyle = css("--ramp");
			owner.commits.forEach(([, from, to], k) => {
				if (k % 2) ctx.fillRect(x(from - .5), bbox.top, x(to + .5) - x(from - .5), bbox.height);
			});
			if (owner.pinned != null) {
				ctx.fillStyle = css("--accent") + "33";
				ctx.fillRect(x(owner.pinned - .5), bbox.top, x(owner.pinned + .5) - x(owner.pinned - .5), bbox.height);
			}
			ctx.restore();
		}

		drawMedians(u) {
			const { ctx, bbox } = u, dpr = devicePixelRatio, words = [];
			ctx.save();
			ctx.font = `${11 * dpr}px system-ui, sans-serif`;
			ctx.lineWidth = 1.2 * dpr;
			ctx.setLineDash([2 * dpr, 3 * dpr]);
			this.chart.series.forEach((s, k) => {
				if (s.m == null || !this.shown[k] || s.dash) return;
				const y = u.valToPos(s.m, "y", true);
				if (y < bbox.top || y > bbox.top + bbox.height) return;
				ctx.strokeStyle = this.stroke(s);
				ctx.beginPath();
				ctx.moveTo(bbox.left, y);
				ctx.lineTo(bbox.left + bbox.width, y);
				ctx.stroke();
				words.push([s, y]);
			});
			ctx.setLineDash([]);
			ctx.textAlign = "left";
			ctx.textBaseline = "middle";
			/* beside the chart, one below the other */
			let last = Infinity;
			for (const [s, y] of words.sort((a, b) => b[1] - a[1])) {
				last = Math.max(bbox.top + 6 * dpr, Math.min(y, last - 13 * dpr));
				ctx.fillStyle = this.stroke(s);
				ctx.fillText((this.short ? "" : "median ") + Format.value(s.m, this.unit), bbox.left + bbox.width + 6 * dpr, last);
			}
			ctx.restore();
		}

		drawPoints(u) {
			const { ctx, bbox } = u, { owner } = this, dpr = devicePixelRatio, [min, max] = owner.range;
			const r = Math.max(1.5, Math.min(3.6, bbox.width / dpr / (max - min) / 3)) * dpr;
			const bad = css("--bad"), none = css("--muted"), card = css("--card");
			ctx.save();
			ctx.lineWidth = 1.6 * dpr;
			this.chart.series.forEach((s, k) => {
				if (!this.shown[k] || s.dash) return;
				s.v.forEach((v, i) => {
					if (v == null || i < min || i > max) return;
					const x = u.valToPos(i, "x", true), y = u.valToPos(v, "y", true), state = owner.state(i);
					ctx.beginPath();
					if (state === "own") {
						const c = Math.max(r, 2.6 * dpr);
						ctx.moveTo(x - c, y - c);
						ctx.lineTo(x + c, y + c);
						ctx.moveTo(x - c, y + c);
						ctx.lineTo(x + c, y - c);
						ctx.strokeStyle = bad;
						ctx.stroke();
						return;
					}
					ctx.arc(x, y, r, 0, 2 * Math.PI);
					ctx.fillStyle = state === "passed" ? this.stroke(s) : card;
					ctx.fill();
					if (state === "passed") return;
					ctx.strokeStyle = state === "other" ? bad : none;
					ctx.stroke();
				});
			});
			ctx.restore();
		}
	}

	const SVG = "http://www.w3.org/2000/svg";
	const svg = (tag, attributes) => {
		const el = document.createElementNS(SVG, tag);
		for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, v);
		return el;
	};

	/* Decoration of the numbers beside it: scaled to its own range. */
	function sparkline(t, failed) {
		const w = 130, h = 24, v = known(t.v), low = Math.min(...v, t.m ?? Infinity), high = Math.max(...v, t.m ?? -Infinity);
		const x = (i) => 3 + (t.v.length > 1 ? i / (t.v.length - 1) : .5) * (w - 6), y = (a) => high > low ? h - 4 - (a - low) / (high - low) * (h - 8) : h / 2;
		const el = svg("svg", { width: w, height: h, viewBox: `0 0 ${w} ${h}`, "aria-hidden": "true", class: "spark" });
		if (!v.length) return el;
		if (t.m != null) el.append(svg("line", { x1: 0, x2: w, y1: y(t.m), y2: y(t.m), class: "median" }));
		el.append(svg("polyline", { points: t.v.map((a, i) => a == null ? "" : `${x(i).toFixed(1)},${y(a).toFixed(1)}`).filter(Boolean).join(" ") }));
		t.v.forEach((a, i) => { if (a != null && failed(i)) el.append(svg("circle", { cx: x(i).toFixed(1), cy: y(a).toFixed(1), r: 2.2 })); });
		return el;
	}

	function draw(section) {
		if (drawn.has(section) || !section.open || !section.offsetParent) return;
		const group = data.groups[section.dataset.group], suite = group.suites[section.dataset.suite], host = section.querySelector(".charts");
		const charts = typeof uPlot === "function" && suite.trends.length ? new Trends(group, suite, host) : null;
		drawn.set(section, charts ?? { redraw() {}, resize() {}, filter() {} });
		for (const tr of section.querySelectorAll("tr[data-trend]")) {
			const t = suite.trends[tr.dataset.trend], cell = tr.querySelector(".trend");
			cell.append(sparkline(t, (i) => suite.v[i] === "f" || suite.v[i] === "e"));
			if (!charts) continue;
			const b = $("button", { type: "button", textContent: "chart" });
			b.setAttribute("aria-label", "Chart of " + t.title);
			b.addEventListener("click", () => charts.add({
				title: t.title, added: true, series: [{ ...t, label: t.hi ? "mean" : "value", color: 1 + charts.charts.length % 7 },
					...(t.hi ? [{ ...t, v: t.hi, m: null, label: "highest", title: "highest of " + t.title, color: 8, dash: [3, 3] }] : [])],
			}, true));
			cell.append(b);
		}
		const table = section.querySelector(".trends"), minor = table ? table.querySelectorAll(".minor").length : 0;
		if (minor) {
			const more = $("button", { type: "button", className: "more", textContent: `All ${suite.trends.length} metrics` });
			more.addEventListener("click", () => { table.classList.add("all-rows"); more.remove(); whole(table); });
			table.parentElement.after(more);
		}
		if (metric) drawn.get(section).filter(metric);
	}

	/* A search finds what is not shown otherwise. */
	function whole(table) { table?.classList.toggle("whole", metric !== "" || table.classList.contains("all-rows")); }

	function apply(suiteText) {
		for (const g of document.querySelectorAll(".group")) {
			g.hidden = +g.dataset.group !== current;
			if (g.hidden) continue;
			let shown = 0;
			for (const d of g.querySelectorAll("details.suite")) {
				const suite = data.groups[current].suites[d.dataset.suite];
				let rows = 0;
				for (const tr of d.querySelectorAll("tr[data-trend]")) {
					const t = suite.trends[tr.dataset.trend];
					tr.hidden = metric !== "" && !(t.title + " " + t.n).toLowerCase().includes(metric);
					rows += !tr.hidden;
				}
				d.hidden = !suite.name.toLowerCase().includes(suiteText) || (metric !== "" && !rows);
				shown += !d.hidden;
				drawn.get(d)?.filter(metric);
				whole(d.querySelector(".trends"));
			}
			g.querySelector(".no-suite").hidden = shown > 0;
			g.querySelectorAll("details.suite[open]").forEach(draw);
		}
	}

	function filters() {
		const box = document.getElementById("filter");
		const field = (name) => {
			const el = $("input", { type: "search", placeholder: name });
			el.setAttribute("aria-label", name);
			return el;
		};
		const suites = field("Find a suite"), metrics = field("Find a metric");
		const update = () => {
			metric = metrics.value.trim().toLowerCase();
			apply(suites.value.trim().toLowerCase());
		};
		const names = data.groups.map((_, i) => document.getElementById("group-h-" + i).textContent);
		const buttons = names.length < 2 ? [] : names.map((name, i) => {
			/* machines of one environment: told apart by the fingerprint */
			const same = names.filter((x) => x === name).length > 1;
			const b = $("button", { type: "button", textContent: name + (same ? " " + (document.querySelector(`#group-${i} .note code`)?.textContent ?? "") : "") });
			b.setAttribute("aria-pressed", String(i === current));
			b.addEventListener("click", () => {
				current = i;
				buttons.forEach((x) => x.setAttribute("aria-pressed", String(x === b)));
				update();
			});
			return b;
		});
		suites.addEventListener("input", update);
		metrics.addEventListener("input", update);
		box.append(...buttons, suites, metrics);
		box.hidden = false;
		update();
	}

	/* The newest runs of a suite, a block each. */
	function strips() {
		const words = { p: "passed", f: "failed", e: "error", s: "skipped" };
		for (const d of document.querySelectorAll("details.suite"))
			for (const v of data.groups[d.dataset.group].suites[d.dataset.suite].v.slice(-40))
				d.querySelector(".strip").append($("i", { className: words[v] ? "v-" + words[v] : "" }));
	}

	document.documentElement.classList.add("scripted");
	Shell.localTimes();
	Shell.tools(drawn, draw);
	strips();
	filters();
	Shell.sections(draw);
})();

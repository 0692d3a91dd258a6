// SPDX-License-Identifier: GPL-2.0-only
/*
 * One suite's charts on one time axis. A Group owns the plots of a suite: cursor, zoom and
 * keyboard are the group's. Which series belong together is plan.js's; nothing here knows the page
 * around it. Needs uPlot; without it page.js shows no charts.
 */
"use strict";

const Format = {
	digits(v) {
		const a = Math.abs(v);
		if (a >= 1000) return Math.round(v).toLocaleString("en-US");
		if (a >= 100) return v.toFixed(0);
		if (a >= 10) return v.toFixed(1).replace(/\.0$/, "");
		return a >= 1 ? v.toFixed(2).replace(/\.?0+$/, "") : v.toPrecision(2).replace(/\.?0+$/, "");
	},
	value(v, unit) {
		if (v == null || !isFinite(v)) return "–";
		if (v === 0) return "0" + (unit === "%" ? " %" : "");
		if (unit === "s" && Math.abs(v) < 1) return Format.digits(v * 1000) + " ms";
		if (unit === "ms") return v >= 1000 ? Format.digits(v / 1000) + " s" : Format.digits(v) + " ms";
		if (unit.startsWith("bytes")) {
			const a = Math.abs(v), per = unit.slice(5);
			const [f, n] = a >= 1e9 ? [1e9, "GB"] : a >= 1e6 ? [1e6, "MB"] : a >= 1e3 ? [1e3, "kB"] : [1, "B"];
			return Format.digits(v / f) + " " + n + per;
		}
		return Format.digits(v) + (unit ? (unit.startsWith("/") ? unit : " " + unit) : "");
	},
	/* Seconds on the axis: 0:42, 1:02:03, -0:05; a tenth where the zoom shows it. */
	elapsed(s, fine) {
		const sign = s < 0 ? "-" : "", t = Math.abs(s), w = Math.floor(t + (fine ? 0 : .5));
		const p = (n) => String(n).padStart(2, "0");
		const h = Math.floor(w / 3600), m = Math.floor(w / 60) % 60, sec = w % 60;
		const frac = fine ? "." + Math.floor((t - w) * 10 + 1e-6) : "";
		return sign + (h ? h + ":" + p(m) : m) + ":" + p(sec) + frac;
	},
};

const { css } = Shell;

/* As many charts as a window shows at first. */
const FIRST = 5;

class Group {
	constructor(suite, host) {
		this.suite = suite;
		this.plots = [];
		this.load0 = suite.load_at ?? 0;
		/* several runs laid over each other come with charts of their own, on one axis */
		const ends = [suite.load?.t, suite.metrics?.t, suite.workers?.t, ...(suite.charts || []).map((c) => c.series[0].t)].filter((t) => t && t.length).map((t) => [t[0], t[t.length - 1]]);
		this.min = Math.min(...ends.map((e) => e[0]));
		this.max = Math.max(...ends.map((e) => e[1]));
		if (!(this.max > this.min)) this.max = this.min + 1;
		this.range = [this.min, this.max];
		this.key = "suite-" + Math.random().toString(36).slice(2);
		this.build(host);
	}

	build(host) {
		const bar = document.createElement("div");
		bar.className = "readout";
		this.when = Object.assign(document.createElement("span"), { className: "when" });
		this.reset = Object.assign(document.createElement("button"), { type: "button", textContent: "Whole run", hidden: true });
		this.reset.addEventListener("click", () => this.zoom(this.min, this.max));
		const hint = Object.assign(document.createElement("span"), { className: "hint",
			textContent: "Drag to zoom, double-click for the whole run. On a focused chart: ← → cursor, + − zoom." });
		this.live = Object.assign(document.createElement("span"), { className: "sr" });
		this.live.setAttribute("aria-live", "polite");
		bar.append(this.when, this.reset, hint, this.live);
		this.grid = Object.assign(document.createElement("div"), { className: "chart-grid" });
		host.append(bar, this.grid);
		this.showTime(null);
		this.marks();
		/* what broke comes first, and large */
		const charts = this.suite.charts || plan(this.suite), broken = new Set(charts.filter((c) => linesOf(this.suite, c).some((l) => l.verdict === "failed")));
		broken.forEach((c) => { c.wide = true; });
		this.rest = [...broken, ...charts.filter((c) => !broken.has(c))];
		this.rest.splice(0, Math.max(FIRST, broken.size)).forEach((c) => this.add(c));
		this.later(host);
		new ResizeObserver(() => this.resize()).observe(this.grid);
	}

	/* What the marks in the charts are; only those that this suite has. */
	marks() {
		const { events, phases } = this.suite, kinds = new Map();
		for (const [, , kind] of events) kinds.set(kind, (kinds.get(kind) || 0) + 1);
		const box = Object.assign(document.createElement("p"), { className: "marks" });
		const mark = (className, text) => box.append(Object.assign(document.createElement("span"), { className, textContent: text }));
		for (const [kind, one, many] of [["worker", "worker started or ended", "workers started or ended"], ["fault", "fault", "faults"],
			["gc", "garbage collection", "garbage collections"], ["lost", "loss of the collector", "losses of the collector"]]) {
			const n = kinds.get(kind);
			if (n) mark("mark-" + kind, n === 1 ? one : `${many} (${n})`);
		}
		if (phases.some(([name]) => name !== "hold")) mark("mark-phase", "outside of the full load");
		if (this.suite.cases.some((c) => c.verdict === "failed" && c.from != null)) mark("mark-breach", "criterion broken");
		if (box.childElementCount) this.grid.before(box);
	}

	/* The charts that nobody sees yet, one at a time: the page can be used meanwhile. */
	later(host) {
		if (!this.rest.length) {
			host.removeAttribute("aria-busy");
			return;
		}
		host.setAttribute("aria-busy", "true");
		setTimeout(() => {
			if (this.rest.length) this.add(this.rest.shift());
			this.later(host);
		});
	}

	/* All of them now, for paper. */
	finish() {
		this.rest.splice(0).forEach((c) => this.add(c));
	}

	add(chart, focus) {
		const p = new Plot(this, chart);
		this.plots.push(p);
		if (focus) p.frame.focus({ preventScroll: false });
		return p;
	}

	remove(plot) {
		this.plots = this.plots.filter((p) => p !== plot);
		plot.u.destroy();
		plot.figure.remove();
	}

	zoom(min, max) {
		const least = 2;
		if (max - min < least) [min, max] = [(min + max - least) / 2, (min + max + least) / 2];
		min = Math.max(min, this.min);
		max = Math.min(max, this.max);
		if (!(max > min)) return;
		this.range = [min, max];
		this.reset.hidden = min <= this.min && max >= this.max;
		/* at once: a cursor that is set next is placed by the new scale */
		for (const p of this.plots) p.u.batch(() => p.u.setScale("x", { min, max }));
	}

	resize() {
		for (const p of this.plots) p.resize();
	}

	redraw() {
		for (const p of this.plots) p.rebuild();
	}

	showTime(x) {
		if (x == null) {
			this.when.textContent = "Over the whole run";
			this.when.title = "";
			return;
		}
		const d = new Date((this.suite.t0 + x) * 1000), near = (this.range[1] - this.range[0]) / 150;
		const phases = this.suite.phases.filter(([, from, to]) => from - near <= x && x <= to + near).map((p) => isolated(p[0]));
		const events = this.suite.events.filter(([at]) => Math.abs(at - x) <= near).map((e) => isolated(e[1]));
		this.when.textContent = Format.elapsed(x - this.load0);
		if (this.suite.t0 == null) return; /* runs of different days: no time of day */
		this.when.textContent += " · " + d.toLocaleTimeString();
		if (phases.length) this.when.textContent += " · " + phases.join(", ");
		if (events.length) this.when.textContent += " · " + events.slice(0, 3).join("; ") + (events.length > 3 ? ` and ${events.length - 3} more` : "");
		this.when.title = d.toISOString().replace("T", " ").slice(0, 19) + " UTC";
	}

	keydown(plot, e) {
		const [min, max] = this.range, span = max - min, t = plot.data[0];
		let i = plot.u.cursor.idx;
		const step = e.shiftKey ? 10 : 1;
		const visible = (k) => Math.max(0, Math.min(t.length - 1, k));
		switch (e.key) {
		case "ArrowRight": i = i == null ? plot.first(min) : visible(i + step); break;
		case "ArrowLeft": i = i == null ? plot.last(max) : visible(i - step); break;
		case "Home": i = plot.first(min); break;
		case "End": i = plot.last(max); break;
		case "+": case "=": case "-": {
			const at = i == null ? (min + max) / 2 : t[i], f = e.key === "-" ? 2 : .5;
			this.zoom(at - (at - min) * f, at + (max - at) * f);
			e.preventDefault();
			return;
		}
		case "Escape":
			this.zoom(this.min, this.max);
			for (const p of this.plots) p.u.setCursor({ left: -10, top: -10 }, true, false);
			return;
		default: return;
		}
		e.preventDefault();
		if (t[i] < min || t[i] > max) {
			const shift = t[i] < min ? t[i] - min : t[i] - max;
			this.zoom(min + shift, max + shift);
		}
		for (const p of this.plots) p.cursorTo(t[i]);
		this.live.textContent = Format.elapsed(t[i] - this.load0) + ": " + plot.read(i);
	}
}

class Plot {
	constructor(group, chart) {
		this.group = group;
		this.chart = chart;
		this.n = chart.series[0].t.length;
		this.data = [chart.series[0].t];
		this.shown = chart.series.map((s) => !s.off);
		/* bands of min and max follow all lines, so that indices of lines stay simple */
		for (const s of chart.series) this.data.push(expand(s.v, this.n));
		for (const s of chart.series) if (s.hi) this.data.push(expand(s.lo, this.n), expand(s.hi, this.n));
		this.lines = linesOf(group.suite, chart);
		this.makeFrame();
		this.rebuild();
	}

	makeFrame() {
		const { chart, group } = this;
		this.figure = document.createElement("figure");
		this.figure.className = "chart" + (chart.wide ? " wide" : "") + (chart.added ? " added" : "");
		const head = Object.assign(document.createElement("figcaption"), { className: "chart-head" });
		const h = document.createElement("h3");
		h.textContent = chart.title;
		const unit = { "bytes/s": "per second", "/s": "per second", "ms/s": "milliseconds per second" }[chart.unit];
		if (unit) h.append(Object.assign(document.createElement("small"), { textContent: unit }));
		head.append(h);
		this.legend = Object.assign(document.createElement("div"), { className: "legend" });
		this.values = chart.series.map((s, i) => {
			const b = Object.assign(document.createElement("button"), { type: "button" }), v = document.createElement("b");
			b.style.setProperty("--c", this.color(s));
			b.setAttribute("aria-pressed", String(this.shown[i]));
			b.title = s.key + ": show or hide";
			if (s.dash) b.className = "dashed";
			b.append(s.label, v);
			b.addEventListener("click", () => this.toggle(i, b));
			this.legend.append(b);
			return v;
		});
		head.append(this.legend);
		this.frame = Object.assign(document.createElement("div"), { className: "plot", tabIndex: 0 });
		this.frame.setAttribute("role", "application");
		this.frame.setAttribute("aria-label", chart.title + " over time. " + this.summary() + " Arrow keys read values.");
		this.frame.addEventListener("keydown", (e) => group.keydown(this, e));
		this.figure.append(head, this.frame);
		if (chart.added) {
			const x = Object.assign(document.createElement("button"), { type: "button", className: "close", textContent: "×" });
			x.setAttribute("aria-label", "Remove the chart " + chart.title);
			x.addEventListener("click", () => group.remove(this));
			this.figure.append(x);
		}
		group.grid.append(this.figure);
	}

	color(s) {
		return typeof s.color === "number" ? `var(--s${s.color})` : `var(--${s.color})`;
	}

	stroke(s) {
		return css(typeof s.color === "number" ? "--s" + s.color : "--" + s.color);
	}

	mean(i) {
		if (this.chart.series[i].whole != null) return this.chart.series[i].whole;
		let sum = 0, n = 0;
		for (const v of this.data[i + 1]) if (v != null) { sum += v; n++; }
		return n ? sum / n : null;
	}

	summary() {
		return this.chart.series.map((s, i) => `${s.label} mean ${Format.value(this.mean(i), this.chart.unit)}`).join(", ") + ".";
	}

	read(i) {
		return this.chart.series.map((s, k) => this.shown[k] ? `${s.label} ${Format.value(this.data[k + 1][i], this.chart.unit)}` : "")
			.filter(Boolean).join(", ");
	}

	toggle(i, button) {
		this.shown[i] = !this.shown[i];
		button.setAttribute("aria-pressed", String(this.shown[i]));
		this.u.setSeries(i + 1, { show: this.shown[i] });
		this.bands.forEach((b) => { if (b.line === i) { this.u.setSeries(b.lo, { show: this.shown[i] }); this.u.setSeries(b.hi, { show: this.shown[i] }); } });
	}

	first(min) { return this.data[0].findIndex((t) => t >= min); }
	last(max) { let i = this.data[0].length - 1; while (i > 0 && this.data[0][i] > max) i--; return i; }

	cursorTo(x) {
		this.u.setCursor({ left: this.u.valToPos(x, "x"), top: this.u.bbox.height / devicePixelRatio / 2 }, true, false);
	}

	height() { return this.chart.wide ? 230 : 160; }

	resize() {
		const width = this.figure.clientWidth;
		if (width && width !== this.u.width) this.u.setSize({ width, height: this.height() });
	}

	/* Also after a change of theme: uPlot draws colours, it does not look them up again. */
	rebuild() {
		if (this.u) this.u.destroy();
		this.u = new uPlot(this.options(), this.data, this.frame);
		const [min, max] = this.group.range;
		this.u.setScale("x", { min, max });
		this.showValues(null);
	}

	showValues(idx) {
		this.values.forEach((el, i) => {
			el.textContent = Format.value(idx == null ? this.mean(i) : this.data[i + 1][idx], this.chart.unit);
		});
	}

	options() {
		const { chart, group } = this, axis = css("--axis"), grid = css("--grid");
		const font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
		const series = [{}], bands = [];
		this.bands = [];
		chart.series.forEach((s, i) => {
			const stroke = this.stroke(s), sparse = this.n < 3;
			series.push({
				label: s.label, stroke, width: 1.6, dash: s.dash, show: this.shown[i], spanGaps: false,
				points: sparse ? { show: true, size: 5 } : { show: false },
				fill: s.fill ? stroke + "22" : undefined,
				paths: s.step ? uPlot.paths.stepped({ align: 1 }) : undefined,
			});
		});
		chart.series.forEach((s, i) => {
			if (!s.hi) return;
			const lo = series.length, stroke = this.stroke(s);
			const edge = { stroke: "transparent", width: 0, show: this.shown[i], points: { show: false } };
			series.push({ ...edge }, { ...edge });
			bands.push({ series: [lo + 1, lo], fill: stroke + "2e" });
			this.bands.push({ line: i, lo, hi: lo + 1 });
		});
		return {
			width: this.figure.clientWidth || 600, height: this.height(), series, bands, legend: { show: false }, pxAlign: 0,
			padding: [10, 14, 0, 0],
			scales: { x: { time: false, range: (u, min, max) => [min, max] }, y: { range: (u, min, max) => this.yRange(min, max) } },
			axes: [
				{ stroke: axis, font, size: 30, grid: { stroke: grid, width: 1 }, ticks: { show: false }, space: 64,
					incrs: [.1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400],
					splits: (u, i, min, max, incr) => this.splits(min, max, incr),
					values: (u, vals, i, space, incr) => vals.map((v) => Format.elapsed(v - group.load0, incr < 1)) },
				{ stroke: axis, font, size: 62, grid: { stroke: grid, width: 1 }, ticks: { show: false }, space: 34,
					values: (u, vals) => vals.map((v) => Format.value(v, chart.unit.replace("/s", ""))) },
			],
			cursor: {
				y: false, points: { size: 7, width: 2 }, drag: { x: true, y: false, setScale: false },
				sync: { key: group.key, scales: ["x", null], setSeries: false,
					filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
				bind: { dblclick: () => () => { group.zoom(group.min, group.max); return null; } },
			},
			hooks: {
				drawClear: [(u) => this.drawBehind(u)],
				draw: [(u) => this.drawThresholds(u)],
				setCursor: [(u) => { this.showValues(u.cursor.idx ?? null); group.showTime(u.cursor.idx == null ? null : this.data[0][u.cursor.idx]); }],
				setSelect: [(u) => this.selected(u)],
			},
		};
	}

	selected(u) {
		const { left, width } = u.select;
		if (width < 4) return;
		this.group.zoom(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
		u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
	}

	/* Ticks at whole times since the load began, not since the first sample. */
	splits(min, max, incr) {
		const out = [], zero = this.group.load0;
		for (let k = Math.ceil((min - zero) / incr - 1e-9); zero + k * incr <= max + 1e-9; k++) out.push(zero + k * incr);
		return out;
	}

	/* From zero where that costs little, so that a line that moves by 1 % looks like 1 %. */
	yRange(min, max) {
		/* a limit far beyond the data would flatten it: then a word at the edge has to do */
		for (const l of this.lines) {
			if (max != null && l.verdict !== "failed" && (l.at > Math.max(max * 2.5, max + (max - min) * 3) || l.at < min - (max - min) * 3 - Math.abs(min) * .5)) continue;
			min = min == null ? l.at : Math.min(min, l.at);
			max = max == null ? l.at : Math.max(max, l.at);
		}
		if (min == null || !isFinite(min) || !isFinite(max)) return [0, 1];
		if (min >= 0 && min < max * .6) min = 0;
		if (max === min) return max === 0 ? [0, 1] : max > 0 ? [0, max * 1.25] : [max * 1.25, 0];
		/* noise of 1 % must not fill the chart */
		const span = Math.max(max - min, Math.abs(max) * .15), middle = (min + max) / 2;
		if (min === 0) return [0, max * 1.08];
		return [min >= 0 ? Math.max(0, middle - span * .58) : middle - span * .58,
			Math.min(middle + span * .58, this.chart.series[0].cap ?? Infinity)];
	}

	drawBehind(u) {
		const { ctx, bbox } = u, { suite } = this.group;
		const clip = (x) => Math.max(bbox.left, Math.min(bbox.left + bbox.width, u.valToPos(x, "x", true)));
		const band = (from, to, fill) => {
			const a = clip(from), b = clip(to);
			if (b <= a) return;
			ctx.fillStyle = fill;
			ctx.fillRect(a, bbox.top, Math.max(b - a, 2 * devicePixelRatio), bbox.height);
		};
		ctx.save();
		for (const [name, from, to] of suite.phases) {
			const text = isolated(name);
			if (name !== "hold") band(from, to, css("--ramp"));
			if (!this.chart.wide || this.group.plots[0] !== this) continue;
			const a = clip(from), b = clip(to);
			ctx.fillStyle = css("--axis");
			ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
			if (b - a < ctx.measureText(text).width + 8 * devicePixelRatio) continue;
			ctx.textAlign = "left";
			ctx.textBaseline = "top";
			ctx.fillText(text, a + 5 * devicePixelRatio, bbox.top + 2 * devicePixelRatio);
		}
		const kinds = { worker: css("--s6"), gc: css("--s5"), fault: css("--bad"), lost: css("--bad") };
		ctx.lineWidth = devicePixelRatio;
		ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
		for (const [at, , kind] of suite.events) {
			const x = u.valToPos(at, "x", true), r = 4 * devicePixelRatio;
			if (x < bbox.left || x > bbox.left + bbox.width) continue;
			ctx.strokeStyle = ctx.fillStyle = kinds[kind] ?? kinds.worker;
			if (kind === "gc") { /* many: a tick at the foot */
				ctx.fillRect(x - devicePixelRatio, bbox.top + bbox.height - 1.5 * r, 2 * devicePixelRatio, 1.5 * r);
				continue;
			}
			ctx.beginPath();
			ctx.moveTo(x, bbox.top);
			ctx.lineTo(x, bbox.top + bbox.height);
			ctx.stroke();
			ctx.beginPath();
			ctx.moveTo(x - r, bbox.top);
			ctx.lineTo(x + r, bbox.top);
			ctx.lineTo(x, bbox.top + 1.5 * r);
			ctx.fill();
		}
		ctx.setLineDash([]);
		for (const c of this.lines) if (c.verdict === "failed" && c.from != null) band(c.from, c.to ?? c.from, css("--breach"));
		ctx.restore();
	}

	/* The end of a threshold's line that is further from the data has room for its label. */
	quietSide(c) {
		const distance = (from, to) => {
			let least = Infinity;
			for (let k = 1; k <= this.chart.series.length; k++)
				for (let i = from; i < to; i++) if (this.shown[k - 1] && this.data[k][i] != null) least = Math.min(least, Math.abs(this.data[k][i] - c.at));
			return least;
		};
		const third = Math.ceil(this.n / 3);
		return distance(0, third) > distance(this.n - third, this.n) ? "left" : "right";
	}

	drawThresholds(u) {
		const { ctx, bbox } = u, dpr = devicePixelRatio;
		ctx.save();
		ctx.font = `${11 * dpr}px system-ui, sans-serif`;
		const where = this.lines.map((c) => u.valToPos(c.at, "y", true)), labels = [];
		const inside = (y) => y >= bbox.top && y <= bbox.top + bbox.height;
		/* all lines, and then all words: no line goes through a word */
		ctx.lineWidth = 1.2 * dpr;
		ctx.setLineDash([5 * dpr, 4 * dpr]);
		this.lines.forEach((c, i) => {
			if (!inside(where[i])) return;
			ctx.strokeStyle = css(c.verdict === "failed" ? "--bad" : "--muted");
			ctx.beginPath();
			ctx.moveTo(bbox.left, where[i]);
			ctx.lineTo(bbox.left + bbox.width, where[i]);
			ctx.stroke();
		});
		ctx.setLineDash([]);
		this.lines.forEach((c, i) => {
			const real = where[i], failed = c.verdict === "failed";
			const outside = real < bbox.top ? "↑" : real > bbox.top + bbox.height ? "↓" : "";
			const y = Math.max(bbox.top, Math.min(bbox.top + bbox.height, real));
			ctx.fillStyle = css(failed ? "--bad" : "--muted");
			const what = this.chart.series.length > 1 ? isolated(this.chart.series.find((s) => watches(this.group.suite, s, c)).label) + " " : "";
			const text = "fails if " + what + c.op + " " + Format.value(c.at, this.chart.unit) + (outside && " " + outside);
			const left = !outside && this.quietSide(c) === "left";
			ctx.textAlign = left ? "left" : "right";
			ctx.textBaseline = y - bbox.top > 18 * dpr ? "bottom" : "top";
			const x = left ? bbox.left + 6 * dpr : bbox.left + bbox.width - 4 * dpr;
			let ty = y + (ctx.textBaseline === "bottom" ? -3 : 4) * dpr;
			/* where the text is, whatever its baseline; not on another one */
			const middle = () => ty + (ctx.textBaseline === "bottom" ? -6 : 6) * dpr;
			while (labels.some((l) => l.left === left && Math.abs(l.y - middle()) < 13 * dpr)) ty += 13 * dpr;
			labels.push({ left, y: middle() });
			/* a halo keeps it legible on top of lines */
			ctx.strokeStyle = css("--card");
			ctx.lineWidth = 6 * dpr;
			ctx.lineJoin = "round";
			ctx.strokeText(text, x, ty);
			ctx.fillText(text, x, ty);
		});
		ctx.restore();
	}
}

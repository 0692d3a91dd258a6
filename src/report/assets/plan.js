// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which charts a suite gets, and which criteria are about which of their series: suite data in,
 * descriptions of charts out. Draws nothing. Used by charts.js.
 */
"use strict";

function shortened(name, max) {
	const begin = [...name.slice(0, 2 * (max + 1))];
	return begin.length > max ? begin.slice(0, max).join("") + "…" : name;
}

/* A foreign name as a part of our text: short, and with its own direction of writing. */
const isolated = (name) => "\u2068" + shortened(name, 60) + "\u2069";

/* A constant series came as one number. */
const expand = (v, n) => (Array.isArray(v) ? v : new Array(n).fill(v));

/* Which charts a suite gets: [{title, unit, series: [{name, label, color, ...}]}]. */
function plan(suite) {
	const charts = [], load = suite.load, metrics = suite.metrics;

	/* requests of all labels, or of one that criteria watch; `of` names it */
	const loadCharts = (l, of) => {
		/* of a label with a request or two a curve says nothing */
		const broken = suite.cases.some((c) => of && c.label === of && c.verdict === "failed");
		if (of && !broken && expand(l.p50.v, l.t.length).filter((v) => v != null).length < 3) return;
		const s = (key, label, color, more) => ({ ...l[key], key, label, color, t: l.t, of, whole: l.whole?.[key], ...more });
		const name = of ? " of " + isolated(of) : "";
		const own = (suite.labels || []).map((x) => x.label);
		const watched = (...m) => suite.cases.some((c) => m.includes(c.metric) && (of ? c.label === of : !own.includes(c.label)));
		charts.push({
			title: "Response time" + name, unit: "ms", wide: !of,
			series: [s("p50", "p50", 1, { watch: ["p50"] }), s("p90", "p90", 2, { watch: ["p90"] }), s("p99", "p99", 4, { watch: ["p99"] }),
				s("mean", "mean", 8, { off: !watched("avg-rt"), watch: ["avg-rt"] })],
		});
		if (!of || watched("hits", "fail", "failures"))
			charts.push({
				title: "Requests" + name, unit: "/s",
				series: [s("rate", "requests", 1, { fill: true, watch: ["hits"] }), s("errors", "errors", "bad", { fill: true, watch: ["fail", "failures"] })],
			});
		if (watched("fail%", "failures%"))
			charts.push({ title: "Failed requests" + name, unit: "%", series: [s("failed", "failed", "bad", { watch: ["fail%", "failures%"] })] });
		if (watched("succ%", "success%"))
			charts.push({ title: "Successful requests" + name, unit: "%", series: [s("succeeded", "successful", 3, { cap: 100, watch: ["succ%", "success%"] })] });
	};
	if (load) {
		loadCharts(load, null);
		(suite.labels || []).forEach((l) => loadCharts(l, l.label));
		/* all response times first: they are what the others explain */
		charts.sort((a, b) => (b.unit === "ms") - (a.unit === "ms"));
		charts.push({ title: "Users", unit: "", series: [{ ...load.users, key: "users", label: "at work", color: 5, t: load.t, step: true, watch: ["concurrency"] }] });
	}
	if (!metrics) return charts;

	const cols = new Map(metrics.cols.map((c) => [c.n, c])), used = new Set();
	const roles = [["frontend_", "frontend", 1], ["sum_workers_", "workers", 2], ["sum_all_", "all", 8]];
	const watched = new Set(suite.cases.map((c) => c.metric).filter(Boolean));
	/* the first of several spellings that was recorded; criteria may name any of them. A total that a criterion watches
	 * is no rate: it gets a chart of its own below */
	const col = (names, label, color, more) => {
		const all = [].concat(names), present = all.filter((n) => cols.has(n) && (!cols.get(n).total || more?.total));
		if (!present.length) return null;
		present.forEach((n) => used.add(n));
		return { ...cols.get(present[0]), key: present[0], also: all, label, color, t: metrics.t, ...more };
	};
	const add = (title, unit, series, more) => {
		const present = series.filter(Boolean);
		if (present.length) charts.push({ title, unit, series: present, ...more });
	};
	const moves = (s) => s && (Array.isArray(s.v) ? s.v.some((v) => v) : s.v);
	/* what is nothing in most runs has a chart in those in which it is something, or is judged */
	const addIfAny = (title, unit, series) => {
		if (series.some((s) => moves(s) || (s && watched.has(s.key)))) add(title, unit, series);
	};
	/* the sum over all is there, but shown only where somebody asked for it */
	const byRole = (x, ...aliases) => roles.map(([p, l, c]) => {
		const names = p === "sum_all_" ? [p + x, ...aliases] : [p + x];
		return col(names, l, c, { off: p === "sum_all_" && cols.has("frontend_" + x) && !names.some((n) => watched.has(n)) });
	});

	add("CPU", "%", [...byRole("cpu_percent", "sum_cpu_percent"), col("cpu", "machine", 6)]);
	add("Memory (resident)", "bytes", byRole("memory_rss"));
	add("Open files", "", byRole("file_descriptors", "sum_num_handles"));
	add("Threads", "", byRole("threads"));
	add("Processes", "", [col(["total_workers", "server_workers"], "workers", 2, { step: true }), col("total_processes", "all", 8, { step: true }),
		col("orphans", "orphans", "bad", { step: true })]);
	add("Storage", "bytes/s", [col("frontend_io_read_bytes", "frontend read", 1), col("frontend_io_write_bytes", "frontend write", 6),
		col("sum_workers_io_read_bytes", "workers read", 2), col("sum_workers_io_write_bytes", "workers write", 4)]);
	add("Read and write calls", "/s", [col("frontend_io_read_count", "frontend read", 1), col("frontend_io_write_count", "frontend write", 6),
		col("sum_workers_io_read_count", "workers read", 2), col("sum_workers_io_write_count", "workers write", 4)]);
	add("Machine memory", "%", [col(["system_memory_percent", "mem"], "used", 6)]);

	addIfAny("Machine: tasks waited", "%", [col("system_pressure_cpu_percent", "for a CPU", 1), col("system_pressure_io_percent", "for storage", 2),
		col("system_pressure_memory_percent", "for memory", 4)]);
	addIfAny("Waiting for a CPU", "ms/s", byRole("runq_wait_seconds"));
	addIfAny("Single waits for a CPU", "s", [["p50", 1], ["p90", 2], ["p99", 4], ["max", 8]].map(([p, c]) => (
		col(p + "_all_runq_latency_seconds", p, c))));
	addIfAny("Held back by the CPU limit", "ms/s", [col("cgroup_cpu_throttled_seconds", "stood still", "bad")]);
	addIfAny("JVM standing still", "ms/s", [col("jvm_gc_seconds", "garbage collection", 4), col("jvm_safepoint_seconds", "all stops", 5)]);
	addIfAny("Java heap", "bytes", [col("jvm_heap_used", "used", 1), col("jvm_heap_capacity", "taken", 8)]);
	addIfAny("Workers that ended", "", [col("worker_exits", "all", 2, { step: true }), col("worker_crashes", "by a signal or an error", "bad", { step: true }),
		col("worker_restarts", "restarted", 6, { step: true })]);
	addIfAny("Killed for lack of memory", "", [col("cgroup_oom_kills", "in the control group", "bad", { step: true }), ...byRole("oom_kills")]);
	addIfAny("Swapped out", "bytes", byRole("memory_swap"));
	addIfAny("Machine: network", "bytes/s", [col("system_network_recv_bytes", "received", 1), col("system_network_sent_bytes", "sent", 6)]);
	addIfAny("Answers by the server's log", "/s", [col("server_requests_2xx", "2xx", 3), col("server_requests_4xx", "4xx", 2), col("server_requests_5xx", "5xx", "bad")]);

	/* single workers, where there are several: the sum hides who does the work */
	const byWorker = (x, what) => {
		const cs = (suite.workers?.cols || []).filter((c) => c.n.startsWith(x + "@") && (x !== "runq_wait_seconds" || moves(c)));
		if (cs.length < 2) return;
		const title = what + " by worker" + (cs.length > 8 ? ` (8 of ${cs.length})` : "");
		charts.push({ title, unit: unitOf(cs[0]), series: cs.slice(0, 8).map((c, i) => (
			{ ...c, key: c.n, label: isolated(c.n.slice(x.length + 1)), color: 1 + i % 8, t: suite.workers.t })) });
	};
	byWorker("cpu_percent", "CPU");
	byWorker("memory_rss", "Memory");
	byWorker("file_descriptors", "Open files");
	byWorker("runq_wait_seconds", "Waiting for a CPU");

	/* the collector's own cost */
	addIfAny("Collector: CPU", "%", [col("monitor_cpu_percent", "CPU", 8)]);
	addIfAny("Collector: BPF programs", "ms/s", [col("monitor_bpf_seconds", "run time", 8)]);
	addIfAny("Collector: lateness", "s", [col("monitor_late_seconds", "behind the sample's time", 8)]);
	addIfAny("Collector: lost", "", [col("monitor_drops", "kernel events", "bad", { step: true }), col("monitor_missed_ticks", "samples", 2, { step: true }),
		col("monitor_dropped_lines", "lines to slow readers", 4, { step: true })]);

	/* what a criterion watches has a chart, and so has a log with names of its own */
	const alien = used.size === 0 || metrics.cols.some((c) => c.n.includes("/"));
	let extra = 0;
	for (const c of metrics.cols) {
		const short = c.n.slice(c.n.lastIndexOf("/") + 1);
		if (used.has(c.n) || !(watched.has(c.n) || watched.has(short) || (alien && extra++ < 8))) continue;
		add(isolated(c.n), unitOf(c), [col(c.n, isolated(short), 1, { total: c.total })]);
	}
	return charts;
}

function unitOf(c) {
	if (!c.r) return c.u === "bytes" || c.u === "%" || c.u === "s" ? c.u : "";
	return c.u === "bytes" ? "bytes/s" : c.u === "ms" ? "ms/s" : "/s";
}

/* Criteria that watch a series of a chart: their thresholds and breached stretches. */
function linesOf(suite, chart) {
	return suite.cases.filter((c) => c.at != null && c.metric && chart.series.some((s) => watches(suite, s, c)));
}

/* Whether criterion c is about series s. */
function watches(suite, s, c) {
	if (!s.watch) return s.key === c.metric || s.also?.includes(c.metric) || s.key === c.label + "/" + c.metric;
	const own = (suite.labels || []).some((l) => l.label === c.label);
	return s.watch.some((w) => c.metric === w || c.metric === w + ".0") && (s.of ? c.label === s.of : !own);
}

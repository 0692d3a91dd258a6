/* SPDX-License-Identifier: GPL-2.0-only */
/* One metric of a stored suite over time, as a picture that needs no browser. */
#pragma once

#include <mmsperf/results.h>
#include <mmsperf/str.h>

/* Values in the chart's unit; times in epoch seconds. Owned. */
struct mp_chart_line {
	char *name;
	double *ts, *v; /* NaN: no value */
	size_t n;
};

/* A criterion's limit, and where it was broken. Text owned. */
struct mp_chart_limit {
	char *text;
	double at;
	bool failed;
	double from_s, to_s; /* epoch; 0,0: not known */
};

struct mp_chart {
	char *title, *suite; /* owned */
	enum mp_unit unit;
	const char *per; /* "/s" or ""; static */
	double zero_s;   /* epoch: what the axis calls 0 */
	struct mp_chart_line *lines;
	size_t n_lines;
	struct mp_chart_limit *limits;
	size_t n_limits;
};

/*
 * spec of s, whose series are loaded: METRIC or METRIC:ROLE. METRIC is a recorded name, one without
 * its role (cpu_percent, memory_rss: every role a line), or of requests p50, p90, p99, avg,
 * throughput, errors, concurrency. ROLE: frontend, workers, all, MODEL#SLOT; of requests their
 * label. -ENOENT: s has no such thing, with a suggestion in d.
 */
int mp_chart_find(const struct mp_suite_result *s, const char *spec, struct mp_chart *ret,
		  struct mp_diag *d);
void mp_chart_done(struct mp_chart *c);
/* An SVG document with axes, limits and a title; light or dark as its reader is. ret needs
 * mp_buf_done(). 0 or -ENOMEM. */
int mp_report_svg(const struct mp_chart *c, struct mp_buf *ret);

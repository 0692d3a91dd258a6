// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page's data: series of each suite as one JSON object inside <script>. Times are seconds
 * from the suite's first sample, long series are reduced to min, mean and max of their buckets,
 * counters are given as rates. '<' never appears in it. Called by html.c.
 */
#include "report/html.h"

#include <mmsperf/cleanup.h>

#include "results/text.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define MAX_POINTS 1500 /* of one series: more than a screen has pixels for */
#define MAX_CELLS                                                                                  \
	(400 * 1000) /* of one suite's metrics: keeps a page of 130 metrics under 5 MB             \
		      */

void mp_json_string(struct mp_buf *b, const char *s)
{
	_cleanup_free_ char *clean = s ? mp_text_clean(s, true) : NULL;

	if (s && !clean)
		b->failed = true;
	if (!clean) {
		mp_buf_puts(b, "null");
		return;
	}
	mp_buf_puts(b, "\"");
	for (const char *p = clean; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\')
			mp_buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == '<' || c == '>' || c == '&' || c == '\'' || c == 0x7f)
			mp_buf_printf(b, "\\u%04x", c);
		else if (!strncmp(p, "\xe2\x80\xa8", 3) || !strncmp(p, "\xe2\x80\xa9", 3))
			mp_buf_printf(b, "\\u202%c", p[2] == '\xa8' ? '8' : '9'), p += 2;
		else
			mp_buf_append(b, p, 1);
	}
	mp_buf_puts(b, "\"");
}

/* Five digits are more than a chart can show. */
static void put_number(struct mp_buf *b, double v)
{
	if (!isfinite(v))
		mp_buf_puts(b, "null");
	else
		mp_buf_printf(b, "%.5g", v);
}

static void put_times(struct mp_buf *b, const struct mp_reduced *r, double t0)
{
	mp_buf_puts(b, "[");
	for (size_t i = 0; i < r->n; i++)
		mp_buf_printf(b, "%s%.10g", i ? "," : "", round((r->ts[i] - t0) * 1000) / 1000);
	mp_buf_puts(b, "]");
}

/* All the same value: one number instead of a thousand. */
static bool is_constant(const double *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (!(v[i] == v[0]))
			return false;
	return n > 1 && isfinite(v[0]);
}

static void put_values(struct mp_buf *b, const double *v, size_t n)
{
	if (is_constant(v, n)) {
		put_number(b, v[0]);
		return;
	}
	mp_buf_puts(b, "[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			mp_buf_puts(b, ",");
		put_number(b, v[i]);
	}
	mp_buf_puts(b, "]");
}

static int put_series(struct mp_buf *b, const double *ts, const double *v, size_t n, size_t max)
{
	_cleanup_(mp_reduced_done) struct mp_reduced r = {0};
	int k = mp_series_reduce(ts, v, n, max, &r);

	if (k < 0)
		return k;
	mp_buf_puts(b, "\"v\":");
	put_values(b, r.mean, r.n);
	if (r.n < n) {
		mp_buf_puts(b, ",\"lo\":");
		put_values(b, r.min, r.n);
		mp_buf_puts(b, ",\"hi\":");
		put_values(b, r.max, r.n);
	}
	return 0;
}

static int put_axis(struct mp_buf *b, const double *ts, size_t n, size_t max, double t0)
{
	_cleanup_(mp_reduced_done) struct mp_reduced r = {0};
	int k = mp_series_reduce(ts, ts, n, max, &r);

	if (!k)
		put_times(b, &r, t0);
	return k;
}

/* Numbers of the whole run beside the series, in ms: a mean of percentiles is no percentile. */
static void put_whole(struct mp_buf *b, const struct mp_label_stats *s)
{
	if (!s)
		return;
	mp_buf_puts(b, ",\"whole\":{\"p50\":");
	put_number(b, s->p50_s * 1000);
	mp_buf_puts(b, ",\"p90\":");
	put_number(b, s->p90_s * 1000);
	mp_buf_puts(b, ",\"p99\":");
	put_number(b, s->p99_s * 1000);
	mp_buf_puts(b, ",\"mean\":");
	put_number(b, s->avg_s * 1000);
	mp_buf_puts(b, "}");
}

static int put_load(struct mp_buf *b, const struct mp_load *l, double t0)
{
	const struct {
		const char *name;
		const double *v;
	} series[] = {
		{"failed", l->failed_pct}, {"succeeded", l->succeeded_pct},
		{"p50", l->p50_ms},        {"p90", l->p90_ms},
		{"p99", l->p99_ms},        {"mean", l->avg_ms},
		{"rate", l->throughput},   {"errors", l->errors},
		{"users", l->concurrency},
	};
	int k;

	mp_buf_puts(b, "\"t\":");
	k = put_axis(b, l->ts, l->n, MAX_POINTS, t0);
	for (size_t i = 0; i < ARRAY_SIZE(series) && !k; i++) {
		mp_buf_printf(b, ",\"%s\":{", series[i].name);
		k = put_series(b, l->ts, series[i].v, l->n, MAX_POINTS);
		mp_buf_puts(b, "}");
	}
	return k;
}

/* A criterion's limit is one of the total itself, not of its growth. */
static bool is_judged(const struct mp_suite_result *s, const struct mp_series *c)
{
	for (size_t i = 0; i < s->n_cases; i++)
		if (s->cases[i].metric && !strcmp(s->cases[i].metric, c->name))
			return true;
	return false;
}

/* "r": a rate, "total": a counter as it is. */
static int put_column(struct mp_buf *b, const struct mp_suite_result *s, const struct mp_table *t,
		      const struct mp_series *c, size_t max)
{
	_cleanup_free_ double *rate = NULL;
	bool counter = mp_series_is_counter(c), total = counter && is_judged(s, c);
	bool ms =
		counter && !total && c->unit == MP_UNIT_SECONDS; /* "3 ms/s" says more than 0.003 */
	int k = 0;

	mp_buf_puts(b, "{\"n\":");
	mp_json_string(b, c->name);
	mp_buf_printf(b, ",\"u\":\"%s\",", ms ? "ms" : mp_unit_name(c->unit));
	if (total) {
		mp_buf_puts(b, "\"total\":1,");
	} else if (counter) {
		mp_buf_puts(b, "\"r\":1,");
		k = mp_series_rate(t->ts, c->v, t->rows, &rate);
	}
	for (size_t i = 0; ms && !k && i < t->rows; i++)
		rate[i] *= 1000;
	if (!k)
		k = put_series(b, t->ts, rate ? rate : c->v, t->rows, max);
	mp_buf_puts(b, "}");
	return k;
}

static bool is_empty(const struct mp_series *c, size_t rows)
{
	for (size_t i = 0; i < rows; i++)
		if (isfinite(c->v[i]))
			return false;
	return true;
}

static int put_table(struct mp_buf *b, const struct mp_suite_result *s, const char *key,
		     const struct mp_table *t, double t0)
{
	size_t max = MAX_POINTS;
	bool first = true;
	int k;

	/* three numbers a bucket where buckets are needed at all */
	if (t->rows > max && t->cols * max * 3 > MAX_CELLS)
		max = MAX_CELLS / (t->cols * 3);
	if (max < 200)
		max = 200;
	mp_buf_printf(b, ",\"%s\":{\"t\":", key);
	k = put_axis(b, t->ts, t->rows, max, t0);
	mp_buf_puts(b, ",\"cols\":[");
	for (size_t i = 0; i < t->cols && !k; i++) {
		if (is_empty(&t->col[i], t->rows))
			continue;
		if (!first)
			mp_buf_puts(b, ",");
		first = false;
		k = put_column(b, s, t, &t->col[i], max);
	}
	mp_buf_puts(b, "]}");
	return k;
}

/* Offset of an epoch time on the suite's axis, null for "never". */
static void put_offset(struct mp_buf *b, double epoch_s, double t0)
{
	if (epoch_s > 0)
		mp_buf_printf(b, "%.10g", round((epoch_s - t0) * 1000) / 1000);
	else
		mp_buf_puts(b, "null");
}

static void put_case(struct mp_buf *b, const struct mp_suite_result *s, const struct mp_case *c,
		     double t0)
{
	double scale = 1;
	const double *ts;
	size_t n;

	mp_buf_puts(b, "{\"name\":");
	mp_json_string(b, c->name);
	mp_buf_printf(b, ",\"verdict\":\"%s\",\"metric\":", mp_verdict_name(c->verdict));
	mp_json_string(b, c->metric);
	mp_buf_puts(b, ",\"label\":");
	mp_json_string(b, c->label);
	mp_buf_puts(b, ",\"op\":");
	mp_json_string(b, c->op == '='   ? "="
			  : c->op == '<' ? c->or_equal ? "≤" : "<"
			  : c->or_equal  ? "≥"
					 : ">");
	mp_buf_puts(b, ",\"at\":");
	/* in the unit of the series: its scale turns the series into the threshold's unit */
	put_number(b, c->op && mp_case_series(s, c, &ts, &n, &scale) ? c->threshold / scale : NAN);
	mp_buf_puts(b, ",\"from\":");
	put_offset(b, c->from_s, t0);
	mp_buf_puts(b, ",\"to\":");
	put_offset(b, c->to_s, t0);
	mp_buf_puts(b, "}");
}

/* Where the suite's axis begins: its first sample of anything. */
static double axis_begin(const struct mp_suite_result *s)
{
	double t0 = INFINITY;

	if (s->load.n)
		t0 = s->load.ts[0];
	if (s->metrics.rows)
		t0 = fmin(t0, s->metrics.ts[0]);
	return isfinite(t0) ? t0 : s->started_s;
}

static void put_events(struct mp_buf *b, const struct mp_suite_result *s, double t0)
{
	mp_buf_puts(b, ",\"events\":[");
	for (size_t i = 0; i < s->n_events; i++) {
		mp_buf_puts(b, i ? ",[" : "[");
		put_offset(b, s->events[i].at_s, t0);
		mp_buf_puts(b, ",");
		mp_json_string(b, s->events[i].text);
		mp_buf_printf(b, ",\"%s\"]", mp_event_kind_name(s->events[i].kind));
	}
	mp_buf_puts(b, "]");
}

static const struct mp_label_stats *find_label(const struct mp_suite_result *s, const char *label)
{
	for (size_t i = 0; i < s->n_labels; i++)
		if (!strcmp(s->labels[i].label, label))
			return &s->labels[i];
	return NULL;
}

/* All requests, and those of each label that a criterion watches. */
static int put_loads(struct mp_buf *b, const struct mp_suite_result *s, double t0)
{
	int k;

	if (!s->load.n)
		return 0;
	mp_buf_puts(b, ",\"load\":{");
	k = put_load(b, &s->load, t0);
	put_whole(b, find_label(s, ""));
	mp_buf_puts(b, "},\"labels\":[");
	for (size_t i = 0, shown = 0; i < s->n_label_loads && !k; i++) {
		if (!s->label_loads[i].load.n)
			continue;
		mp_buf_puts(b, shown++ ? ",{\"label\":" : "{\"label\":");
		mp_json_string(b, s->label_loads[i].label);
		mp_buf_puts(b, ",");
		k = put_load(b, &s->label_loads[i].load, t0);
		put_whole(b, find_label(s, s->label_loads[i].label));
		mp_buf_puts(b, "}");
	}
	mp_buf_puts(b, "]");
	return k;
}

int mp_json_suite(struct mp_buf *b, const struct mp_suite_result *s)
{
	double t0 = axis_begin(s);
	int k = 0;

	mp_buf_puts(b, "{\"name\":");
	mp_json_string(b, s->name);
	mp_buf_printf(
		b, ",\"verdict\":\"%s\",\"t0\":%.3f,\"load_at\":", mp_verdict_name(s->verdict), t0);
	put_offset(b, s->load_s, t0);
	mp_buf_puts(b, ",\"phases\":[");
	for (size_t i = 0; i < s->n_phases; i++) {
		mp_buf_puts(b, i ? ",[" : "[");
		mp_json_string(b, s->phases[i].name);
		mp_buf_puts(b, ",");
		put_offset(b, s->phases[i].from_s, t0);
		mp_buf_puts(b, ",");
		put_offset(b, s->phases[i].to_s, t0);
		mp_buf_puts(b, "]");
	}
	mp_buf_puts(b, "],\"cases\":[");
	for (size_t i = 0; i < s->n_cases; i++) {
		if (i)
			mp_buf_puts(b, ",");
		put_case(b, s, &s->cases[i], t0);
	}
	mp_buf_puts(b, "]");
	put_events(b, s, t0);
	k = put_loads(b, s, t0);
	if (!k && s->metrics.rows)
		k = put_table(b, s, "metrics", &s->metrics, t0);
	if (!k && s->workers.rows)
		k = put_table(b, s, "workers", &s->workers, t0);
	mp_buf_puts(b, "}");
	return k;
}

int mp_json_page(struct mp_buf *b, const struct mp_run *r)
{
	const char *name = strrchr(r->dir, '/'), *out = strrchr(r->out, '/');
	int k = 0;

	mp_buf_puts(b, "{\"folder\":");
	mp_json_string(b, r->foreign ? NULL : name ? name + 1 : r->dir);
	mp_buf_puts(b, ",\"out\":");
	mp_json_string(b, out ? out + 1 : r->out);
	mp_buf_puts(b, ",\"suites\":[");
	for (size_t i = 0; i < r->n_suites && !k; i++) {
		mp_buf_puts(b, i ? ",\n" : "\n");
		k = mp_json_suite(b, &r->suites[i]);
	}
	mp_buf_puts(b, "\n]}");
	return k < 0 ? k : b->failed ? -ENOMEM : 0;
}

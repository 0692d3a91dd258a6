// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verdict on the expectations that Taurus knows nothing of. Pure: reads no file. An improvement
 * over the baseline passes; what is compared is named in the message. Called by one_suite.c.
 */
#include "suite/expect_eval.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
	enum mp_verdict verdict;
	double observed, limit;
	char *message; /* owned */
};

static const struct mp_label_stats *find_label(const struct mp_label_stats *v, size_t n,
					       const char *label)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i].label, label))
			return &v[i];
	return NULL;
}

/* NaN: not known. */
static double load_value(const struct mp_expect *e, const struct mp_label_stats *l)
{
	const struct {
		const char *subject;
		double v;
	} values[] = {
		{"avg", l ? l->avg_s : NAN},       {"p50", l ? l->p50_s : NAN},
		{"p90", l ? l->p90_s : NAN},       {"p95", l ? l->p95_s : NAN},
		{"p99", l ? l->p99_s : NAN},       {"max", l ? l->max_s : NAN},
		{"samples", l ? l->samples : NAN}, {"throughput", l ? l->throughput : NAN},
		{"errors", l ? l->failed : NAN},   {"successes", l ? l->samples - l->failed : NAN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (!strcmp(values[i].subject, e->subject))
			return e->percent && l ? 100 * values[i].v / l->samples : values[i].v;
	return NAN;
}

struct window {
	const double *ts, *v;
	size_t n;
};

/* Columns of other agents are LABEL/metric; without a label where only one source was logged. */
static const struct mp_series *find_metric(const struct mp_table *t, const struct mp_expect *e)
{
	_cleanup_free_ char *full = NULL;
	const struct mp_series *s;

	if (!t || !t->rows)
		return NULL;
	if (!e->label)
		return mp_table_find(t, e->subject);
	full = mp_asprintf("%s/%s", e->label, e->subject);
	s = full ? mp_table_find(t, full) : NULL;
	for (size_t i = 0; !s && i < t->cols; i++)
		if (strchr(t->col[i].name, '/'))
			return NULL;
	return s ? s : mp_table_find(t, e->subject);
}

/* Rows of the load's time; n 0: none. */
static struct window window_of(const struct mp_table *t, const struct mp_expect *e, double from_s,
			       double to_s)
{
	const struct mp_series *s = find_metric(t, e);
	size_t from = 0, to;

	if (!s || from_s <= 0)
		return (struct window){0};
	while (from < t->rows && t->ts[from] < from_s)
		from++;
	for (to = t->rows; to > from && t->ts[to - 1] > to_s;)
		to--;
	return (struct window){.ts = t->ts + from, .v = s->v + from, .n = to - from};
}

static double aggregate(const struct window *w, enum mp_expect_agg agg)
{
	double sum = 0, low = NAN, high = NAN;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (isnan(w->v[i]))
			continue;
		n++;
		sum += w->v[i];
		low = fmin(low, w->v[i]);
		high = fmax(high, w->v[i]);
	}
	if (!n)
		return NAN;
	return agg == MP_MIN ? low : agg == MP_MAX ? high : sum / (double)n;
}

/* The value that is judged as a whole; the mean where every second was meant. */
static double value_in(const struct mp_expect *e, const struct mp_table *t,
		       const struct mp_label_stats *labels, size_t n_labels, double from_s,
		       double to_s)
{
	struct window w;

	if (e->kind == MP_EXPECT_LOAD) {
		const struct mp_label_stats *l = find_label(labels, n_labels, e->label);

		/* engines other than JMeter leave no rate */
		if (l && !strcmp(e->subject, "throughput") && isnan(l->throughput))
			return to_s > from_s ? l->samples / (to_s - from_s) : NAN;
		return load_value(e, l);
	}
	w = window_of(t, e, from_s, to_s);
	return aggregate(&w, e->agg);
}

static enum mp_better better_of(const struct mp_expect *e)
{
	static const char *const higher[] = {"samples", "throughput", "successes"};

	if (e->kind != MP_EXPECT_LOAD)
		return mp_metric_better(e->subject);
	for (size_t i = 0; i < ARRAY_SIZE(higher); i++)
		if (!strcmp(higher[i], e->subject))
			return MP_BETTER_HIGHER;
	return MP_BETTER_LOWER;
}

/* An operator against the limit; `within` of a baseline looks at the worse side alone. */
static bool holds(const struct mp_expect *e, double v, double limit)
{
	double slack = e->slack / 100 * fabs(limit);

	if (e->op != MP_OP_WITHIN || e->ref != MP_REF_BASELINE)
		return mp_op_holds(e, v, limit);
	switch (better_of(e)) {
	case MP_BETTER_HIGHER:
		return v >= limit - slack;
	case MP_BETTER_LOWER:
		return v <= limit + slack;
	default:
		return fabs(v - limit) <= slack;
	}
}

static int set_text(struct outcome *o, enum mp_verdict v, char *text)
{
	o->verdict = v;
	o->message = text;
	return text ? 0 : -ENOMEM;
}

static int no_data(const struct mp_expect *e, const struct mp_expect_evidence *ev,
		   struct outcome *o)
{
	if (ev->incomplete)
		return set_text(o, MP_SKIPPED, strdup("the suite ended before its load did"));
	if (e->kind == MP_EXPECT_LOAD)
		return set_text(o, MP_ERROR,
				mp_asprintf("no data: no request was labelled '%s'", e->label));
	if (e->kind == MP_EXPECT_POINT)
		return set_text(o, MP_ERROR,
				mp_asprintf("no data: %s had no value after '%s'%s%s%s", e->subject,
					    e->point, e->ref_point ? " or '" : "",
					    e->ref_point ? e->ref_point : "",
					    e->ref_point ? "'" : ""));
	return set_text(o, MP_ERROR,
			mp_asprintf("no data: %s had no value during the load", e->subject));
}

static int verdict_text(const struct mp_expect *e, const char *what, const char *reference,
			struct outcome *o)
{
	char seen[48], limit[48];
	double change = o->limit ? 100 * (o->observed - o->limit) / fabs(o->limit) : NAN;
	_cleanup_buf_ struct mp_buf b = {0};

	mp_expect_print(e, o->observed, seen, sizeof(seen));
	mp_expect_print(e, o->limit, limit, sizeof(limit));
	mp_buf_printf(&b, "%s is %s, expected %s ", what, seen, mp_op_text(e->op));
	if (e->op == MP_OP_WITHIN)
		mp_buf_printf(&b, "%g %% of ", e->slack);
	mp_buf_printf(&b, "%s%s", limit, reference);
	if (e->op == MP_OP_WITHIN && isfinite(change))
		mp_buf_printf(&b, " (%+.3g %%)", change);
	return set_text(o, MP_FAILED, b.failed ? NULL : TAKE_PTR(b.s));
}

static int judge_point(const struct mp_expect *e, const struct mp_expect_evidence *ev,
		       struct outcome *o)
{
	_cleanup_free_ char *what = NULL, *reference = NULL;
	struct mp_point_finding f = {.value = NAN};
	bool before = !strcmp(e->point, "before");

	if (ev->own && ev->points)
		f = mp_point_eval(e, ev->points, ev->own);
	o->observed = f.value;
	o->limit = f.limit;
	if (!f.known)
		return no_data(e, ev, o);
	if (f.holds)
		return 0;
	what = mp_asprintf("%s %s%s", e->subject, before ? "" : "after ", e->point);
	reference = e->ref_point ? mp_asprintf(" (%s%s%s)",
					       strcmp(e->ref_point, "before") != 0 ? "after " : "",
					       e->ref_point, e->slack ? ", with the slack" : "")
				 : strdup("");
	return what && reference ? verdict_text(e, what, reference, o) : -ENOMEM;
}

/* "metric == 3": in each second of the load. */
static int judge_each(const struct mp_expect *e, const struct mp_table *t,
		      const struct mp_expect_evidence *ev, struct outcome *o)
{
	struct window w = window_of(t, e, ev->load_from_s, ev->load_to_s);
	bool any = false;

	for (size_t i = 0; i < w.n; i++) {
		char when[64];

		if (isnan(w.v[i]))
			continue;
		any = true;
		o->observed = w.v[i];
		if (holds(e, w.v[i], o->limit))
			continue;
		(void)snprintf(when, sizeof(when), " (in second %.0f of the load)",
			       fmax(0, w.ts[i] - ev->load_from_s));
		return verdict_text(e, e->subject, when, o);
	}
	return any ? 0 : no_data(e, ev, o);
}

static double load_end_s(const struct mp_suite_result *s)
{
	return s->load.n ? s->load.ts[s->load.n - 1] + 1 : 0;
}

static int judge_whole(const struct mp_expect *e, const struct mp_expect_evidence *ev,
		       struct outcome *o)
{
	const struct mp_table *t = e->label && e->kind == MP_EXPECT_METRIC ? ev->bzt : ev->own;
	const struct mp_suite_result *b = ev->baseline;
	static const char *const aggs[] = {[MP_EACH] = "mean of ",
					   [MP_MIN] = "min of ",
					   [MP_MEAN] = "mean of ",
					   [MP_MAX] = "max of "};
	_cleanup_free_ char *what = NULL;
	bool labelled = e->kind == MP_EXPECT_LOAD && *e->label;

	if (e->kind == MP_EXPECT_METRIC && e->agg == MP_EACH && e->ref == MP_REF_VALUE)
		return judge_each(e, t, ev, o);
	o->observed = value_in(e, t, ev->labels, ev->n_labels, ev->load_from_s, ev->load_to_s);
	if (isnan(o->observed))
		return no_data(e, ev, o);
	if (e->ref == MP_REF_BASELINE) {
		if (!b)
			return set_text(
				o, MP_SKIPPED,
				mp_asprintf("no baseline: %s",
					    ev->why_none ? ev->why_none : "none was sought"));
		o->limit =
			value_in(e, &b->metrics, b->labels, b->n_labels, b->load_s, load_end_s(b));
		if (isnan(o->limit))
			return set_text(o, MP_SKIPPED,
					strdup("no baseline: the newest passing run "
					       "has no value of it"));
	}
	if (holds(e, o->observed, o->limit))
		return 0;
	what = mp_asprintf("%s%s%s%s", e->kind == MP_EXPECT_METRIC ? aggs[e->agg] : "", e->subject,
			   labelled ? " of " : "", labelled ? e->label : "");
	if (!what)
		return -ENOMEM;
	return verdict_text(e, what, e->ref == MP_REF_BASELINE ? " of the baseline" : "", o);
}

bool mp_expects_need_baseline(const struct mp_simple *m)
{
	for (size_t i = 0; i < m->n_expects; i++)
		if (m->expects[i].ref == MP_REF_BASELINE)
			return true;
	return false;
}

static int add_case(const struct mp_expect *e, struct outcome *o, struct mp_suite_result *s)
{
	_cleanup_(mp_case_done) struct mp_case k = {
		.verdict = o->verdict,
		.observed = o->observed,
		.threshold = o->limit,
		.time_s = s->duration_s,
		.message = o->message,
	};
	int r;

	o->message = NULL;
	k.name = strdup(e->text);
	if (!k.name)
		return -ENOMEM;
	r = mp_suite_result_add_case(s, &k);
	if (!r)
		k = (struct mp_case){0};
	return r;
}

int mp_expects_judge(const struct mp_simple *m, const struct mp_expect_evidence *ev,
		     struct mp_suite_result *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < m->n_expects; i++) {
		const struct mp_expect *e = &m->expects[i];
		struct outcome o = {.verdict = MP_PASSED, .observed = NAN, .limit = e->value};

		if (mp_expect_is_criterion(e))
			continue;
		r = e->kind == MP_EXPECT_POINT ? judge_point(e, ev, &o) : judge_whole(e, ev, &o);
		/* requests that were cut off at the end count as failed in whole-run figures */
		if (!r && ev->incomplete && o.verdict == MP_FAILED && e->kind != MP_EXPECT_POINT) {
			free(o.message);
			o.message = NULL;
			r = set_text(&o, MP_SKIPPED, strdup("the suite ended before its load did"));
		}
		if (!r)
			r = add_case(e, &o, s);
		free(o.message);
	}
	return r;
}

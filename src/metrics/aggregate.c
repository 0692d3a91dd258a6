// SPDX-License-Identifier: GPL-2.0-only
/*
 * Values of processes and over processes (contract, section 4): avg, min, max and percentiles cover
 * the living; sums of counters keep what ended members used and never fall; with nobody there sums
 * are 0 and the others absent; a sum that lacks a member's value is absent rather than too small.
 */
#include "metrics/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define X(id, n, k, u, b, h, g, s, up, raw, gone, text)                                            \
	static uint64_t raw_##id(const struct mp_proc *p)                                          \
	{                                                                                          \
		(void)p;                                                                           \
		return raw;                                                                        \
	}                                                                                          \
	static uint64_t gone_##id(const struct mp_totals *t)                                       \
	{                                                                                          \
		(void)t;                                                                           \
		return gone;                                                                       \
	}
MP_PROC_METRICS(X)
#undef X

/* What a tick needs of a metric, two rows to a cache line. */
static const struct {
	uint64_t (*raw)(const struct mp_proc *p);
	uint64_t (*gone)(const struct mp_totals *t);
	unsigned has, groups;
	enum mp_scale scale;
} readers[_MP_PM_MAX] __attribute__((aligned(64))) = {
#define X(id, n, k, u, b, h, g, s, up, raw, gone, text)                                            \
	[MP_PM_##id] = {raw_##id, gone_##id, h, g, MP_SCALE_##s},
	MP_PROC_METRICS(X)
#undef X
};

int mp_model_find(const struct mp_tree *t, const char *model)
{
	/* clients that send lower-cased names must find their model, too */
	for (size_t i = 0; i < t->n_models; i++)
		if (!strcasecmp(t->models[i].name, model))
			return (int)i;
	return -1;
}

static double scaled(const struct mp_view *v, int metric, uint64_t raw)
{
	switch (readers[metric].scale) {
	case MP_SCALE_ONE:
		return (double)raw;
	case MP_SCALE_NS:
		return (double)raw / 1e9;
	case MP_SCALE_PAGES:
		return (double)raw * v->page_size;
	case MP_SCALE_MEM_PCT:
		return 100.0 * (double)raw * v->page_size / v->mem_total;
	case MP_SCALE_RATE:
		break;
	}
	return NAN;
}

static bool is_memory(int metric)
{
	return readers[metric].has & MP_HAS_MEM;
}

/* A vfork child's memory is its parent's. */
static bool skips(int metric, const struct mp_proc *p)
{
	return p->cur.flags & MP_REC_VFORK && is_memory(metric);
}

/* What groups count beside the record is known of everybody while the group is attached. */
static bool is_counted(const struct mp_view *v, int metric)
{
	unsigned groups = readers[metric].has ? 0 : readers[metric].groups;

	return (v->tree->groups & groups) == groups;
}

static bool is_known(int metric, const struct mp_proc *p)
{
	unsigned has = readers[metric].has, valid = p->cur.valid;

	if (metric == MP_PM_THREADS)
		return p->cur.threads > 0;
	if (valid & MP_HAS_SCHED)
		valid |= MP_HAS_FAULTS;
	return (valid & has) == has;
}

struct mp_value mp_proc_value(const struct mp_view *v, int metric, const struct mp_proc *p)
{
	size_t i = (size_t)(p - v->tree->procs);
	double x;

	if (readers[metric].scale == MP_SCALE_RATE) {
		/* asked after another interval's tick has changed the tree: not this sample's */
		if (i >= v->n_before || v->before[i].tgid != p->cur.tgid)
			return (struct mp_value){0};
		x = v->pct[i];
		return isnan(x) ? (struct mp_value){0} : (struct mp_value){.v = x, .valid = true};
	}
	if (metric >= MP_PM_AUX)
		return mp_aux_value(&v->aux, metric, p, i);
	if (!is_known(metric, p) || skips(metric, p) || !is_counted(v, metric))
		return (struct mp_value){0};
	x = scaled(v, metric, readers[metric].raw(p));
	return (struct mp_value){.v = x, .valid = true};
}

static bool in_scope(const struct mp_view *v, const struct mp_agg *a, int model,
		     const struct mp_proc *p)
{
	if (a->model)
		return p->role == MP_ROLE_WORKER && p->model == model &&
		       (a->slot < 0 || p->slot == a->slot);
	switch (a->scope) {
	case MP_SCOPE_FRONTEND:
		return v->tree->frontend && (pid_t)p->cur.tgid == v->tree->frontend;
	case MP_SCOPE_WORKERS:
		return p->role == MP_ROLE_WORKER;
	case MP_SCOPE_ALL:
		return p->role == MP_ROLE_WORKER || p->role == MP_ROLE_FRONTEND;
	case _MP_SCOPE_MAX:
		break;
	}
	return false;
}

/* What members that ended left to the sum: raw units, or for cpu_percent percent. */
static uint64_t gone_raw(const struct mp_view *v, const struct mp_agg *a, int model)
{
	const struct mp_tree *t = v->tree;
	uint64_t (*gone)(const struct mp_totals *) = readers[a->metric].gone;

	if (a->slot >= 0)
		return 0;
	if (a->model)
		return gone(&t->models[model].gone.t);
	return gone(&t->gone[MP_ROLE_WORKER].t) +
	       (a->scope == MP_SCOPE_ALL ? gone(&t->gone[MP_ROLE_FRONTEND].t) : 0);
}

static double gone_pct(const struct mp_view *v, const struct mp_agg *a, int model)
{
	if (a->slot >= 0)
		return 0;
	if (a->model)
		return v->model_extra_pct[model];
	return v->extra_pct[MP_ROLE_WORKER] +
	       (a->scope == MP_SCOPE_ALL ? v->extra_pct[MP_ROLE_FRONTEND] : 0);
}

static int keep_value(struct mp_agg *a, double x)
{
	if (!a->wants_values)
		return 0;
	if (a->n >= a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 32;
		double *more = realloc(a->v, cap * sizeof(*more));

		if (!more)
			return -1;
		a->v = more;
		a->cap = cap;
	}
	a->v[a->n] = x;
	return 0;
}

/* What ended members used is kept by role: a model's sum of a counter would fall, so it is absent.
 */
static struct mp_value aux_sum(const struct mp_view *v, const struct mp_agg *a)
{
	double gone = mp_aux_gone(&v->aux, a->metric, MP_ROLE_WORKER);

	if (a->model && mp_proc_info[a->metric].kind == MP_KIND_COUNTER)
		return (struct mp_value){0};
	if (a->scope == MP_SCOPE_ALL)
		gone += mp_aux_gone(&v->aux, a->metric, MP_ROLE_FRONTEND);
	return (struct mp_value){.v = a->total + (a->model ? 0 : gone), .valid = true};
}

/*
 * Raw integers of the members: all but the rate and what comes from other files. They are added up
 * and compared as they are and brought to the metric's unit once.
 */
static bool compute_raw(struct mp_view *v, struct mp_agg *a, int model, uint64_t *ret_sum)
{
	uint64_t (*read)(const struct mp_proc *) = readers[a->metric].raw;
	uint64_t sum = 0, less = 0, min = UINT64_MAX, max = 0;
	const struct mp_tree *t = v->tree;
	bool whole = true;

	for (size_t i = 0; i < t->n; i++) {
		const struct mp_proc *p = &t->procs[i];
		uint64_t x;

		if (!in_scope(v, a, model, p) || skips(a->metric, p))
			continue;
		x = is_known(a->metric, p) ? read(p) : 0;
		if (!is_known(a->metric, p) || keep_value(a, scaled(v, a->metric, x)) < 0) {
			whole = false;
			continue;
		}
		sum += x;
		if (p->base && a->slot < 0)
			less += readers[a->metric].gone(p->base);
		min = x < min ? x : min;
		max = x > max ? x : max;
		a->n++;
	}
	a->min = scaled(v, a->metric, min);
	a->max = scaled(v, a->metric, max);
	a->total = scaled(v, a->metric, sum);
	*ret_sum = sum - less;
	return whole;
}

/* The same of values that are no integers of the record. */
static bool compute_values(struct mp_view *v, struct mp_agg *a, int model, size_t *ret_members)
{
	const struct mp_tree *t = v->tree;
	bool whole = true;

	*ret_members = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct mp_proc *p = &t->procs[i];
		struct mp_value x;

		if (!in_scope(v, a, model, p))
			continue;
		++*ret_members;
		x = mp_proc_value(v, a->metric, p);
		if (!x.valid || keep_value(a, x.v) < 0) {
			whole = false;
			continue;
		}
		a->min = !a->n || x.v < a->min ? x.v : a->min;
		a->max = !a->n || x.v > a->max ? x.v : a->max;
		a->total += x.v;
		a->n++;
	}
	return whole;
}

static void compute(struct mp_view *v, struct mp_agg *a, int model)
{
	size_t members;
	uint64_t raw;

	if (readers[a->metric].scale == MP_SCALE_RATE) {
		(void)compute_values(v, a, model, &members);
		/* a member at its first sample has no rate yet; the others' sum is a value */
		if (v->has_before && v->updates > 1 && (a->n || !members)) {
			double sum = a->total + gone_pct(v, a, model);

			a->sum = (struct mp_value){.v = sum > 0 ? sum : 0, .valid = true};
		}
	} else if (a->metric >= MP_PM_AUX) {
		if (compute_values(v, a, model, &members))
			a->sum = aux_sum(v, a);
	} else if (is_counted(v, a->metric) && compute_raw(v, a, model, &raw)) {
		a->sum = (struct mp_value){.v = scaled(v, a->metric, raw + gone_raw(v, a, model)),
					   .valid = true};
	}
}

const struct mp_agg *mp_agg_compute(struct mp_view *v, struct mp_agg *a)
{
	int model = -1;

	if (a->at == v->updates)
		return a;
	a->at = v->updates;
	a->n = 0;
	a->total = 0;
	a->sorted = false;
	a->sum = (struct mp_value){0};
	if (a->model) {
		model = mp_model_find(v->tree, a->model);
		if (model < 0)
			return a; /* never seen: nothing is known, not even 0 */
	}
	compute(v, a, model);
	return a;
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

/* Linear between the two nearest ranks, as numpy and Prometheus's summaries have it. */
static double percentile(struct mp_agg *a, double q)
{
	double rank = q * (double)(a->n - 1), low = floor(rank);
	size_t i = (size_t)low;

	if (!a->sorted) {
		qsort(a->v, a->n, sizeof(*a->v), by_value);
		a->sorted = true;
	}
	if (i + 1 >= a->n)
		return a->v[a->n - 1];
	return a->v[i] + (rank - low) * (a->v[i + 1] - a->v[i]);
}

struct mp_value mp_agg_value(struct mp_agg *a, enum mp_op op)
{
	struct mp_value r = {.valid = a->n > 0};

	if (op == MP_OP_SUM)
		return a->sum;
	if (!r.valid)
		return r;
	switch (op) {
	case MP_OP_AVG:
		r.v = a->total / (double)a->n;
		break;
	case MP_OP_MIN:
	case MP_OP_ONE:
		r.v = a->min;
		break;
	case MP_OP_MAX:
		r.v = a->max;
		break;
	case MP_OP_P50:
		r.v = percentile(a, 0.50);
		break;
	case MP_OP_P90:
		r.v = percentile(a, 0.90);
		break;
	case MP_OP_P99:
		r.v = percentile(a, 0.99);
		break;
	case MP_OP_SUM:
		break;
	}
	return r;
}

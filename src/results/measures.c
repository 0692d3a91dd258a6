// SPDX-License-Identifier: GPL-2.0-only
/*
 * One suite of one run as numbers that can be compared: latency, throughput and errors by label,
 * CPU per 1,000 requests, the recording's gauges as mean, max and min while there was load, its
 * counters as growth per 1,000 requests. Pure: works on what mp_results_load_series() loaded.
 * Owns the names it returns. Called by compare.c.
 */
#include <mmsperf/compare.h>

#include <mmsperf/str.h>

#include "results/compare_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Importance. CPU per request varies least between runs (1.9 % against 5-26 % of latencies). */
enum rank {
	RANK_CPU_REQUEST = 0,
	RANK_LATENCY = 100,
	RANK_LABEL = 200,
	RANK_MEMORY = 300,
	RANK_HANDLES = 400,
	RANK_CPU = 500,
	RANK_GROWTH = 600,
	RANK_OTHER = 700,
	RANK_MACHINE = 800,
	RANK_PARTS = 900, /* avg_, min_, max_ of what a sum_ says already */
};

#define FEW_REQUESTS 20

static const char *const agg_names[] = {
	[MP_AGG_VALUE] = "",
	[MP_AGG_MEAN] = "mean",
	[MP_AGG_MAX] = "max",
	[MP_AGG_MIN] = "min",
};
_Static_assert(ARRAY_SIZE(agg_names) == _MP_AGG_MAX, "every aggregate has a name");

const char *mp_agg_name(enum mp_agg a)
{
	return a < _MP_AGG_MAX ? agg_names[a] : "";
}

void mp_measures_done(struct mp_measures *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].title);
	}
	free(m->v);
	*m = (struct mp_measures){0};
}

/* Takes name and title, also when it fails; m's strings are ignored. */
static int add(struct mp_measures *ms, char *name, char *title, const struct mp_measure *m)
{
	struct mp_measure *grown = name ? reallocarray(ms->v, ms->n + 1, sizeof(*grown)) : NULL;

	if (!grown) {
		free(name);
		free(title);
		return -ENOMEM;
	}
	ms->v = grown;
	grown[ms->n] = *m;
	grown[ms->n].name = name;
	grown[ms->n].title = title;
	if (!grown[ms->n].per)
		grown[ms->n].per = "";
	ms->n++;
	return 0;
}

/* Where the load was, as indices of t's rows; all rows where no load is known. */
static void load_window(const struct mp_suite_result *s, const struct mp_table *t, size_t *ret_from,
			size_t *ret_to)
{
	size_t from = 0, to = t->rows;

	if (s->load.n) {
		double begin = s->load.ts[0], end = s->load.ts[s->load.n - 1] + 1;

		while (from < to && t->ts[from] < begin)
			from++;
		while (to > from && t->ts[to - 1] > end)
			to--;
	}
	*ret_from = from;
	*ret_to = to;
}

double mp_measure_aggregate(const double *v, size_t n, enum mp_agg agg)
{
	double sum = 0, low = INFINITY, high = -INFINITY;
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isfinite(v[i]))
			continue;
		known++;
		sum += v[i];
		low = fmin(low, v[i]);
		high = fmax(high, v[i]);
	}
	if (!known)
		return NAN;
	return agg == MP_AGG_MAX ? high : agg == MP_AGG_MIN ? low : sum / (double)known;
}

double mp_measure_column(const struct mp_suite_result *s, const char *name, enum mp_agg agg)
{
	const struct mp_series *c = mp_table_find(&s->metrics, name);
	size_t from, to;

	if (!c)
		return NAN;
	load_window(s, &s->metrics, &from, &to);
	return mp_measure_aggregate(c->v + from, to - from, agg);
}

/*
 * What a total grew by from the last row before the load to the first one after it: a request's
 * cost may be booked up to a tick later. A total that fell began anew with another process.
 */
static double growth(const struct mp_suite_result *s, const struct mp_series *c)
{
	const struct mp_table *t = &s->metrics;
	double sum = 0, last = NAN;
	size_t from, to;

	load_window(s, t, &from, &to);
	if (from >= to)
		return NAN;
	from -= from > 0;
	to += to < t->rows;
	for (size_t i = from; i < to; i++) {
		if (!isfinite(c->v[i]))
			continue;
		if (isfinite(last))
			sum += c->v[i] >= last ? c->v[i] - last : c->v[i];
		last = c->v[i];
	}
	return isfinite(last) ? sum : NAN;
}

static double requests(const struct mp_suite_result *s)
{
	return s->load.samples > 0 ? s->load.samples : s->n_labels ? s->labels[0].samples : NAN;
}

static int add_cpu(const struct mp_suite_result *s, struct mp_measures *ms)
{
	static const struct {
		const char *prefix, *who;
	} roles[] = {{"sum_workers", "workers"}, {"frontend", "frontend"}, {"sum_all", "all"}};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(roles) && !r; i++) {
		_cleanup_free_ char *user = mp_asprintf("%s_cpu_user_time", roles[i].prefix),
				    *sys = mp_asprintf("%s_cpu_system_time", roles[i].prefix);
		const struct mp_series *u = user ? mp_table_find(&s->metrics, user) : NULL;
		const struct mp_series *k = sys ? mp_table_find(&s->metrics, sys) : NULL;

		if (!user || !sys)
			return -ENOMEM;
		if (!u || !k)
			continue;
		r = add(ms, mp_asprintf("%s_cpu_time_per_1000_requests", roles[i].prefix),
			mp_asprintf("CPU per 1,000 requests, %s", roles[i].who),
			&(struct mp_measure){.unit = MP_UNIT_SECONDS,
					     .better = MP_BETTER_LOWER,
					     .rank = RANK_CPU_REQUEST + (int)i,
					     .value = 1000 * (growth(s, u) + growth(s, k)) /
						      requests(s)});
	}
	return r;
}

static int add_label(const struct mp_label_stats *l, int rank, bool shown, struct mp_measures *ms)
{
	double good = l->samples - l->failed;
	const struct {
		const char *name, *title;
		double v;
		enum mp_unit unit;
		enum mp_better better;
		const char *per;
		bool only_for_rules; /* says what another row says, or nothing by itself */
	} figures[] = {
		{"p50", "Latency p50", l->p50_s, MP_UNIT_SECONDS, MP_BETTER_LOWER, "", false},
		{"p90", "Latency p90", l->p90_s, MP_UNIT_SECONDS, MP_BETTER_LOWER, "", false},
		{"avg-rt", "Latency mean", l->avg_s, MP_UNIT_SECONDS, MP_BETTER_LOWER, "", false},
		{"p99", "Latency p99", l->p99_s, MP_UNIT_SECONDS, MP_BETTER_LOWER, "", false},
		{"throughput", "Throughput", l->throughput, MP_UNIT_COUNT, MP_BETTER_HIGHER, "/s",
		 false},
		{"fail%", "Failed requests", 100 * l->failed / l->samples, MP_UNIT_PERCENT,
		 MP_BETTER_LOWER, "", false},
		{"p95", "Latency p95", l->p95_s, MP_UNIT_SECONDS, MP_BETTER_LOWER, "", false},
		{"p100", "Latency max", l->max_s, MP_UNIT_SECONDS, MP_BETTER_LOWER, "", false},
		{"hits", "Requests", l->samples, MP_UNIT_COUNT, MP_BETTER_NONE, "", true},
		{"stdev-rt", "Latency standard deviation", l->stdev_s, MP_UNIT_SECONDS,
		 MP_BETTER_LOWER, "", true},
		{"succ", "Successful requests", good, MP_UNIT_COUNT, MP_BETTER_NONE, "", true},
		{"succ%", "Successful requests", 100 * good / l->samples, MP_UNIT_PERCENT,
		 MP_BETTER_HIGHER, "", true},
		{"fail", "Failed requests", l->failed, MP_UNIT_COUNT, MP_BETTER_LOWER, "", true},
	};
	const char *of = *l->label ? " of " : "";
	int r = 0;

	/* of a handful of requests (register, scale) all percentiles are the same few numbers */
	if (*l->label && l->samples < FEW_REQUESTS)
		rank = RANK_OTHER;

	for (size_t i = 0; i < ARRAY_SIZE(figures) && !r; i++)
		r = add(ms, mp_asprintf("%s%s%s", figures[i].name, of, l->label),
			mp_asprintf("%s%s%s", figures[i].title, of, l->label),
			&(struct mp_measure){.unit = figures[i].unit,
					     .per = figures[i].per,
					     .better = figures[i].better,
					     .rank = shown && !figures[i].only_for_rules
							     ? rank + (int)i
							     : MP_RANK_HIDDEN,
					     .value = figures[i].v});
	return r;
}

static bool is_part(const char *name)
{
	static const char *const prefixes[] = {"avg_", "min_", "max_", "p50_", "p90_", "p99_"};

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (mp_starts_with(name, prefixes[i]))
			return true;
	return false;
}

int mp_measure_rank(const char *name)
{
	static const struct {
		const char *ending;
		int rank;
	} known[] = {
		{"memory_rss", RANK_MEMORY},
		{"file_descriptors", RANK_HANDLES},
		{"_threads", RANK_HANDLES + 10},
		{"total_workers", RANK_HANDLES + 20},
		{"total_processes", RANK_HANDLES + 30},
		{"orphans", RANK_HANDLES + 40},
		{"cpu_percent", RANK_CPU},
	};
	/* workers first: they are what a model or its handler changes */
	int role = mp_starts_with(name, "sum_workers") ? 0
		   : mp_starts_with(name, "frontend")  ? 3
						       : 6;

	if (is_part(name))
		return RANK_PARTS;
	if (mp_starts_with(name, "system_"))
		return RANK_MACHINE;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (mp_ends_with(name, known[i].ending))
			return known[i].rank + role;
	return RANK_OTHER + role;
}

static int add_gauge(const struct mp_suite_result *s, const struct mp_series *c,
		     struct mp_measures *ms)
{
	static const enum mp_agg aggs[] = {MP_AGG_MEAN, MP_AGG_MAX, MP_AGG_MIN};
	size_t from, to;
	int r = 0;

	load_window(s, &s->metrics, &from, &to);
	for (size_t i = 0; i < ARRAY_SIZE(aggs) && !r; i++)
		r = add(ms, strdup(c->name), NULL,
			&(struct mp_measure){
				.agg = aggs[i],
				.unit = c->unit,
				.better = mp_metric_better(c->name),
				.rank = mp_measure_rank(c->name) + (int)i,
				.value = mp_measure_aggregate(c->v + from, to - from, aggs[i])});
	return r;
}

static int add_counter(const struct mp_suite_result *s, const struct mp_series *c,
		       struct mp_measures *ms)
{
	if (is_part(c->name)) /* an average of totals falls when a process comes: no growth */
		return 0;
	return add(ms, mp_asprintf("%s_per_1000_requests", c->name),
		   mp_asprintf("%s per 1,000 requests", c->name),
		   &(struct mp_measure){.unit = c->unit,
					.better = mp_metric_better(c->name),
					.rank = mp_starts_with(c->name, "system_") ? RANK_MACHINE
										   : RANK_GROWTH,
					.value = 1000 * growth(s, c) / requests(s)});
}

int mp_measures_of(const struct mp_suite_result *s, struct mp_measures *ret)
{
	_cleanup_(mp_measures_done) struct mp_measures ms = {0};
	int r = add_cpu(s, &ms);

	for (size_t i = 0; i < s->n_labels && !r; i++) {
		bool total = !*s->labels[i].label;

		/* a single label is the total */
		r = add_label(&s->labels[i], total ? RANK_LATENCY : RANK_LABEL,
			      total || s->n_labels > 2, &ms);
	}
	for (size_t i = 0; i < s->metrics.cols && !r; i++) {
		const struct mp_series *c = &s->metrics.col[i];

		r = mp_metric_kind(c->name) == MP_KIND_COUNTER ? add_counter(s, c, &ms)
							       : add_gauge(s, c, &ms);
	}
	if (r < 0)
		return r;
	*ret = ms;
	ms = (struct mp_measures){0};
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs of a store as series over runs: grouped so that only comparable runs share a series, by
 * importance, with the median of the passing runs. Called by cli/report_history.c.
 */
#include <mmsperf/history.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/compare_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALL "(all)" /* label of the total, as aggregates.csv has it */

enum rank { RANK_REQUESTS = 0, RANK_CPU_REQUEST = 50, RANK_LABEL = 200, RANK_FEW = 1000 };

#define FEW_REQUESTS 20 /* fewer: all percentiles are the same few numbers */

/* --- life ------------------------------------------------------------------------------------ */

static void trend_done(struct mp_trend *t)
{
	free(t->m.name);
	free(t->m.title);
	free(t->label);
	free(t->v);
	free(t->peak);
}

static void group_done(struct mp_history_group *g)
{
	for (size_t i = 0; i < g->n_suites; i++) {
		struct mp_trend_suite *s = &g->suites[i];

		for (size_t k = 0; k < s->n; k++)
			trend_done(&s->v[k]);
		free(s->v);
		free(s->name);
		free(s->verdict);
	}
	free(g->suites);
	free(g->runs);
	free(g->machine);
}

void mp_history_done(struct mp_history *h)
{
	for (size_t i = 0; i < h->n; i++)
		group_done(&h->v[i]);
	free(h->v);
	mp_run_list_done(&h->list);
	*h = (struct mp_history){0};
}

/* --- groups ---------------------------------------------------------------------------------- */

/* Where a run of the list is: its group, and its place there. */
struct place {
	size_t group, at;
};

static bool same_group(const struct mp_run_row *a, const struct mp_run_row *b)
{
	return !strcmp(a->env, b->env) && !strcmp(a->fingerprint, b->fingerprint) &&
	       a->hold_cap_s == b->hold_cap_s;
}

static bool is_passing(const struct mp_run_row *r)
{
	return !r->unfinished && !strcmp(r->verdict, mp_verdict_name(MP_PASSED));
}

static struct mp_history_group *find_group(struct mp_history *h, const struct mp_run_row *r)
{
	struct mp_history_group *g;

	for (size_t i = 0; i < h->n; i++)
		if (same_group(h->v[i].runs[0], r))
			return &h->v[i];
	g = reallocarray(h->v, h->n + 1, sizeof(*g));
	if (!g)
		return NULL;
	h->v = g;
	g[h->n] = (struct mp_history_group){0};
	return &g[h->n++];
}

static int add_to_group(struct mp_history_group *g, const struct mp_run_row *r, size_t limit)
{
	const struct mp_run_row **grown;

	if (g->n_runs == limit)
		return 0;
	grown = reallocarray(g->runs, g->n_runs + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	g->runs = grown;
	g->runs[g->n_runs++] = r;
	g->n_passing += is_passing(r);
	return 0;
}

/* The list is newest first; the runs of a group are told as they happened. */
static int make_groups(struct mp_history *h, size_t limit, struct place *places)
{
	for (size_t i = 0; i < h->list.n; i++) {
		struct mp_history_group *g = find_group(h, &h->list.v[i]);

		if (!g || add_to_group(g, &h->list.v[i], limit) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < h->list.n; i++)
		places[i].group = SIZE_MAX; /* beyond the limit */
	for (size_t k = 0; k < h->n; k++) {
		struct mp_history_group *g = &h->v[k];

		for (size_t i = 0; i < g->n_runs / 2; i++) {
			const struct mp_run_row *r = g->runs[i];

			g->runs[i] = g->runs[g->n_runs - 1 - i];
			g->runs[g->n_runs - 1 - i] = r;
		}
		for (size_t i = 0; i < g->n_runs; i++)
			places[g->runs[i] - h->list.v] = (struct place){k, i};
	}
	return 0;
}

/* The processor and what else tells machines apart, from the newest run's own file. */
static int describe_machine(const char *out, struct mp_history_group *g)
{
	_cleanup_free_ char *dir = mp_path_join(out, g->runs[g->n_runs - 1]->id);
	_cleanup_run_ struct mp_run *run = NULL;
	_cleanup_buf_ struct mp_buf b = {0};
	const struct {
		enum mp_fp_field field;
		const char *before, *after;
	} parts[] = {{MP_FP_CPU, "", ""},
		     {MP_FP_CPUS, ", ", " CPUs"},
		     {MP_FP_MEMORY, ", ", ""},
		     {MP_FP_KERNEL, ", Linux ", ""}};

	mp_buf_puts(&b, "");
	if (dir && !mp_store_load(dir, &run, NULL))
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
			const char *v = run->fingerprint.v[parts[i].field];

			if (v && *v)
				mp_buf_printf(&b, "%s%s%s", b.len ? parts[i].before : "", v,
					      parts[i].after);
		}
	g->machine = b.failed ? NULL : TAKE_PTR(b.s);
	return g->machine && dir ? 0 : -ENOMEM;
}

/* --- values ---------------------------------------------------------------------------------- */

struct reading {
	struct mp_history *h;
	const struct place *places;
	const char *suites; /* glob; NULL: all */
};

static struct mp_trend_suite *find_suite(struct mp_history_group *g, const char *name)
{
	/* told by name: it is the last one, or new */
	for (size_t i = g->n_suites; i-- > 0;)
		if (!strcmp(g->suites[i].name, name))
			return &g->suites[i];
	return NULL;
}

static bool is_wanted(void *arg, size_t run)
{
	const struct reading *rd = arg;

	return rd->places[run].group != SIZE_MAX;
}

static int on_suite(void *arg, size_t run, const char *name, enum mp_verdict verdict)
{
	struct reading *rd = arg;
	const struct place *p = &rd->places[run];
	struct mp_history_group *g;
	struct mp_trend_suite *s;

	if (rd->suites && !mp_glob(rd->suites, name))
		return 0;
	g = &rd->h->v[p->group];
	s = find_suite(g, name);
	if (!s) {
		s = reallocarray(g->suites, g->n_suites + 1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		g->suites = s;
		s += g->n_suites++;
		*s = (struct mp_trend_suite){.name = strdup(name), .verdict = malloc(g->n_runs)};
		if (!s->name || !s->verdict)
			return -ENOMEM;
		memset(s->verdict, -1, g->n_runs);
	}
	s->verdict[p->at] = (signed char)verdict;
	return 0;
}

static double *new_values(size_t n)
{
	double *v = malloc((n + 1) * sizeof(*v));

	for (size_t i = 0; v && i < n; i++)
		v[i] = NAN;
	return v;
}

/* What is said of requests; the rest of aggregates.csv's metrics is of no use over runs. */
static const struct {
	const char *metric, *title, *per;
	enum mp_unit unit;
	enum mp_better better;
} of_requests[] = {
	{"p50", "Latency p50", "", MP_UNIT_SECONDS, MP_BETTER_LOWER},
	{"p90", "Latency p90", "", MP_UNIT_SECONDS, MP_BETTER_LOWER},
	{"p99", "Latency p99", "", MP_UNIT_SECONDS, MP_BETTER_LOWER},
	{"throughput", "Throughput", "/s", MP_UNIT_COUNT, MP_BETTER_HIGHER},
	{"failed", "Failed requests", "", MP_UNIT_COUNT, MP_BETTER_LOWER},
	{"avg", "Latency mean", "", MP_UNIT_SECONDS, MP_BETTER_LOWER},
	{"p95", "Latency p95", "", MP_UNIT_SECONDS, MP_BETTER_LOWER},
	{"max", "Latency max", "", MP_UNIT_SECONDS, MP_BETTER_LOWER},
	{"samples", "Requests", "", MP_UNIT_COUNT, MP_BETTER_NONE},
};

static bool measure_requests(const char *label, const char *metric, struct mp_measure *m)
{
	bool all = !strcmp(label, ALL);

	for (size_t i = 0; i < ARRAY_SIZE(of_requests); i++) {
		if (strcmp(of_requests[i].metric, metric) != 0)
			continue;
		*m = (struct mp_measure){
			.title = mp_asprintf("%s%s%s", of_requests[i].title, all ? "" : " of ",
					     all ? "" : label),
			.unit = of_requests[i].unit,
			.per = of_requests[i].per,
			.better = of_requests[i].better,
			.rank = (all ? RANK_REQUESTS : RANK_LABEL) + (int)i,
		};
		return true;
	}
	return false;
}

static void measure_recorded(const char *metric, struct mp_measure *m)
{
	bool counter = mp_metric_kind(metric) == MP_KIND_COUNTER;

	*m = (struct mp_measure){
		.title = counter ? mp_asprintf("%s, growth", metric) : strdup(metric),
		.unit = mp_metric_unit(metric),
		.per = "",
		.better = mp_metric_better(metric),
		.rank = mp_measure_rank(metric),
	};
}

/* NULL with 0: nothing that is shown. */
static int new_trend(struct mp_trend_suite *s, const struct mp_index_value *v, size_t n_runs,
		     struct mp_trend **ret)
{
	struct mp_measure m = {0};
	struct mp_trend *t;

	*ret = NULL;
	if (!*v->label)
		measure_recorded(v->metric, &m);
	else if (!measure_requests(v->label, v->metric, &m))
		return 0;
	t = reallocarray(s->v, s->n + 1, sizeof(*t));
	if (!t) {
		free(m.title);
		return -ENOMEM;
	}
	s->v = t;
	t += s->n++;
	*t = (struct mp_trend){.m = m, .label = strdup(v->label), .v = new_values(n_runs)};
	t->m.name = strdup(v->metric);
	if (!*v->label && mp_metric_kind(v->metric) != MP_KIND_COUNTER) {
		t->peak = new_values(n_runs);
		if (!t->peak)
			return -ENOMEM;
	}
	*ret = t;
	return t->m.name && t->m.title && t->label && t->v ? 0 : -ENOMEM;
}

static int on_value(void *arg, const struct mp_index_value *v)
{
	struct reading *rd = arg;
	const struct place *p = &rd->places[v->run];
	struct mp_history_group *g = &rd->h->v[p->group];
	struct mp_trend_suite *s = find_suite(g, v->suite);
	struct mp_trend *t = s && s->n ? &s->v[s->n - 1] : NULL;
	int r;

	if (!s) /* not asked for */
		return 0;
	if (!t || strcmp(t->m.name, v->metric) != 0 || strcmp(t->label, v->label) != 0) {
		r = new_trend(s, v, g->n_runs, &t);
		if (r < 0 || !t)
			return r;
	}
	if (!*v->label && !t->peak) {
		t->v[p->at] = v->max - v->min;
		return 0;
	}
	t->v[p->at] = v->mean;
	if (t->peak)
		t->peak[p->at] = v->max;
	return 0;
}

/* --- what follows from them ------------------------------------------------------------------ */

static const struct mp_trend *find_trend(const struct mp_trend_suite *s, const char *label,
					 const char *metric)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].m.name, metric) && !strcmp(s->v[i].label, label))
			return &s->v[i];
	return NULL;
}

/* The figure that differs least between runs of the same code: CPU per request. Over the whole
 * recording, set-up included: its level is not the comparison's, its changes are. */
static int add_cpu(struct mp_trend_suite *s, size_t n_runs)
{
	const struct mp_trend *user = find_trend(s, "", "sum_workers_cpu_user_time");
	const struct mp_trend *sys = find_trend(s, "", "sum_workers_cpu_system_time");
	const struct mp_trend *all = find_trend(s, ALL, "samples");
	struct mp_trend *t;

	if (!user || !sys || !all)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct mp_trend){
		.m = {.name = strdup("sum_workers_cpu_time_per_1000_requests"),
		      .title = strdup("CPU per 1,000 requests, workers"),
		      .unit = MP_UNIT_SECONDS,
		      .per = "",
		      .better = MP_BETTER_LOWER,
		      .rank = RANK_CPU_REQUEST},
		.label = strdup(""),
		.v = new_values(n_runs),
	};
	for (size_t i = 0; t->v && i < n_runs; i++)
		if (all->v[i] > 0)
			t->v[i] = 1000 * (user->v[i] + sys->v[i]) / all->v[i];
	if (t->m.name && t->m.title && t->label && t->v) {
		struct mp_trend *grown = reallocarray(s->v, s->n + 1, sizeof(*grown));

		if (grown) {
			s->v = grown;
			s->v[s->n++] = *t;
			free(t);
			return 0;
		}
	}
	trend_done(t);
	free(t);
	return -ENOMEM;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double mp_median(double *v, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++)
		if (isfinite(v[i]))
			v[known++] = v[i];
	if (!known)
		return NAN;
	qsort(v, known, sizeof(*v), by_value);
	return known % 2 ? v[known / 2] : (v[known / 2 - 1] + v[known / 2]) / 2;
}

static int by_importance(const void *a, const void *b)
{
	const struct mp_trend *x = a, *y = b;
	int r = (x->m.rank > y->m.rank) - (x->m.rank < y->m.rank);

	if (!r)
		r = strcmp(x->label, y->label);
	return r ? r : strcmp(x->m.name, y->m.name);
}

static int complete(struct mp_history_group *g)
{
	double *passing = new_values(g->n_runs);
	int r = passing ? 0 : -ENOMEM;

	for (size_t i = 0; i < g->n_suites && !r; i++) {
		struct mp_trend_suite *s = &g->suites[i];

		r = add_cpu(s, g->n_runs);
		for (size_t k = 0; k < s->n && !r; k++) {
			struct mp_trend *t = &s->v[k];
			const struct mp_trend *of =
				*t->label ? find_trend(s, t->label, "samples") : NULL;
			size_t n = 0, newest = g->n_runs - 1;

			for (size_t at = 0; at < newest; at++)
				if (is_passing(g->runs[at]) && isfinite(t->v[at]))
					passing[n++] = t->v[at];
			(void)mp_median(passing, n); /* in order now */
			t->n_before = n;
			t->low = n ? passing[0] : NAN;
			t->high = n ? passing[n - 1] : NAN;
			if (is_passing(g->runs[newest]))
				passing[n++] = t->v[newest];
			t->m.value = mp_median(passing, n);
			if (of && strcmp(t->label, ALL) != 0 &&
			    !(of->v[g->n_runs - 1] >= FEW_REQUESTS))
				t->m.rank += RANK_FEW;
		}
		if (s->n)
			qsort(s->v, s->n, sizeof(*s->v), by_importance);
	}
	free(passing);
	return r;
}

int mp_history_read(const char *out, const struct mp_run_filter *f, size_t limit,
		    struct mp_history *ret, struct mp_diag *d)
{
	_cleanup_(mp_history_done) struct mp_history h = {0};
	_cleanup_free_ struct place *places = NULL;
	_cleanup_index_ struct mp_index *ix = NULL;
	struct mp_run_filter all = *f;
	struct reading rd = {.h = &h, .suites = f->suite};
	int r = mp_index_open(out, false, &ix, d);

	if (r < 0)
		return r;
	all.limit = 0;
	r = mp_index_list(ix, &all, &h.list, d);
	if (r < 0)
		return r;
	places = calloc(h.list.n + 1, sizeof(*places));
	if (!places || make_groups(&h, limit, places) < 0)
		return mp_diag_set(d, -ENOMEM, out, 0, 0, "out of memory");
	rd.places = places;
	r = mp_index_values(ix, &h.list,
			    &(struct mp_index_reader){on_suite, on_value, is_wanted, &rd}, d);
	for (size_t i = 0; i < h.n && !r; i++) {
		r = describe_machine(out, &h.v[i]);
		if (!r)
			r = complete(&h.v[i]);
		if (r < 0)
			(void)mp_diag_set(d, r, out, 0, 0, "out of memory");
	}
	if (r < 0)
		return r;
	*ret = h;
	h = (struct mp_history){0};
	return 0;
}

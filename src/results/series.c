// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arithmetic on one series over time: buckets small enough to show, and the rate of a counter.
 * Owns nothing; called by report/json.c (renderers compute nothing themselves).
 */
#include <mmsperf/results.h>

#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Totals of what happens now and then: shown as they are, not as growth a second. */
static bool is_seldom(const char *name)
{
	static const char *const starts[] = {"worker_", "workers_", "processes_", "monitor_missed",
					     "monitor_drop"};
	static const char *const endings[] = {"_oom_kills", "threads_created", "threads_ended",
					      "_full_count"};

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (!strncmp(name, starts[i], strlen(starts[i])))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (mp_ends_with(name, endings[i]))
			return true;
	return false;
}

bool mp_series_is_counter(const struct mp_series *s)
{
	/* of logs that others wrote, under names of their own */
	static const char *const endings[] = {"_time",       "_read_count",  "_write_count",
					      "_read_bytes", "_write_bytes", "_write_byte"};
	const char *worker = strchr(s->name, '@');
	char name[256];

	/* the registry knows what workers.csv has by the sum over workers */
	(void)snprintf(name, sizeof(name), "%s%.*s", worker ? "sum_workers_" : "",
		       worker ? (int)(worker - s->name) : 200, s->name);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (mp_ends_with(name, endings[i]))
			return true;
	return mp_metric_kind(name) == MP_KIND_COUNTER && !is_seldom(name);
}

int mp_series_rate(const double *ts, const double *v, size_t n, double **ret_rate)
{
	double *rate = malloc((n ? n : 1) * sizeof(*rate));
	size_t last = SIZE_MAX;

	if (!rate)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		rate[i] = NAN;
		if (!isfinite(v[i]))
			continue;
		/* a counter that fell began anew (another process): unknown, not negative */
		if (last != SIZE_MAX && ts[i] > ts[last] && v[i] >= v[last])
			rate[i] = (v[i] - v[last]) / (ts[i] - ts[last]);
		last = i;
	}
	*ret_rate = rate;
	return 0;
}

void mp_reduced_done(struct mp_reduced *r)
{
	free(r->ts);
	free(r->min);
	free(r->mean);
	free(r->max);
	*r = (struct mp_reduced){0};
}

int mp_series_reduce(const double *ts, const double *v, size_t n, size_t max_rows,
		     struct mp_reduced *ret)
{
	_cleanup_(mp_reduced_done) struct mp_reduced r = {0};
	size_t group = n > max_rows ? (n + max_rows - 1) / max_rows : 1;

	r.n = (n + group - 1) / group;
	r.ts = calloc(r.n + 1, sizeof(double));
	r.min = calloc(r.n + 1, sizeof(double));
	r.mean = calloc(r.n + 1, sizeof(double));
	r.max = calloc(r.n + 1, sizeof(double));
	if (!r.ts || !r.min || !r.mean || !r.max)
		return -ENOMEM;
	for (size_t i = 0; i < r.n; i++) {
		size_t from = i * group, to = from + group < n ? from + group : n;
		double sum = 0, low = INFINITY, high = -INFINITY;
		size_t known = 0;

		for (size_t k = from; k < to; k++) {
			if (!isfinite(v[k]))
				continue;
			known++;
			sum += v[k];
			low = fmin(low, v[k]);
			high = fmax(high, v[k]);
		}
		r.ts[i] = (ts[from] + ts[to - 1]) / 2;
		r.min[i] = known ? low : NAN;
		r.mean[i] = known ? sum / (double)known : NAN;
		r.max[i] = known ? high : NAN;
	}
	*ret = r;
	r = (struct mp_reduced){0};
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs in memory with series that can be checked by hand, for the tests of comparisons. */
#pragma once

#include "unit/results/scratch.h"

#include <mmsperf/compare.h>

#include <stdlib.h>

#define T0 1700000000.0

static inline void set_column(struct mp_table *t, size_t i, const char *name, const double *v,
			      size_t n)
{
	t->col[i].name = strdup(name);
	t->col[i].v = malloc(n * sizeof(double));
	memcpy(t->col[i].v, v, n * sizeof(double));
	t->col[i].unit = mp_metric_unit(name);
}

static inline struct mp_label_stats label_stats(const char *label, double samples, double failed,
						double p90_s)
{
	return (struct mp_label_stats){.label = strdup(label),
				       .samples = samples,
				       .failed = failed,
				       .throughput = samples / 2,
				       .avg_s = p90_s / 2,
				       .p50_s = p90_s / 2,
				       .p90_s = p90_s,
				       .p95_s = p90_s,
				       .p99_s = p90_s * 2,
				       .max_s = p90_s * 3,
				       .stdev_s = 0.01};
}

/*
 * Five ticks, of which those at 1 to 3 s lie in the load; 200 requests. The workers' CPU total goes
 * 10, 10, 10 + cpu/2, 10 + cpu, 10 + cpu; memory while there is load rss - 1, rss, rss + 1.
 */
static inline void fill_suite(struct mp_suite_result *s, const char *name, const char *dir,
			      double cpu, double rss, double p90_s)
{
	const double user[] = {10, 10, 10 + cpu / 2, 10 + cpu, 10 + cpu};
	const double sys[] = {1, 1, 1, 1, 1};
	const double mem[] = {7 * rss, rss - 1, rss, rss + 1, 9 * rss};
	double **series[] = {&s->load.ts,           &s->load.throughput,  &s->load.errors,
			     &s->load.avg_ms,       &s->load.p50_ms,      &s->load.p90_ms,
			     &s->load.p99_ms,       &s->load.concurrency, &s->load.failed_pct,
			     &s->load.succeeded_pct};

	*s = (struct mp_suite_result){.name = strdup(name),
				      .dir = dir ? strdup(dir) : NULL,
				      .verdict = MP_PASSED,
				      .started_s = T0,
				      .duration_s = 5,
				      .load_s = T0 + 1,
				      .bzt_code = 0};
	s->load.n = 2;
	s->load.samples = 200;
	for (size_t i = 0; i < ARRAY_SIZE(series); i++)
		*series[i] = calloc(2, sizeof(double));
	s->load.ts[0] = T0 + 1;
	s->load.ts[1] = T0 + 2;
	s->metrics.rows = 5;
	s->metrics.cols = 3;
	s->metrics.ts = calloc(5, sizeof(double));
	for (int i = 0; i < 5; i++)
		s->metrics.ts[i] = T0 + i;
	s->metrics.col = calloc(3, sizeof(*s->metrics.col));
	set_column(&s->metrics, 0, "sum_workers_cpu_user_time", user, 5);
	set_column(&s->metrics, 1, "sum_workers_cpu_system_time", sys, 5);
	set_column(&s->metrics, 2, "sum_workers_memory_rss", mem, 5);
	s->labels = calloc(3, sizeof(*s->labels));
	s->n_labels = 3;
	s->labels[0] = label_stats("", 200, 2, p90_s);
	s->labels[1] = label_stats("Inference", 190, 2, p90_s);
	s->labels[2] = label_stats("Register", 10, 0, p90_s);
}

/* suite_dir: where its effective.json and metrics_bzt.csv lie; NULL: it has neither. */
static inline struct mp_run make_run(const char *folder, const char *env, const char *suite_dir,
				     double cpu, double rss, double p90_s)
{
	struct mp_run r = {.dir = strdup(folder),
			   .out = strdup("/out"),
			   .env = strdup(env),
			   .commit = strdup("abc1234"),
			   .started_s = T0,
			   .verdict = MP_PASSED,
			   .suites = calloc(1, sizeof(struct mp_suite_result)),
			   .n_suites = 1};

	fill_suite(&r.suites[0], "inference", suite_dir, cpu, rss, p90_s);
	return r;
}

static inline const struct mp_cmp_row *row_of(const struct mp_cmp_suite *s, const char *name,
					      enum mp_agg agg)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (!strcmp(s->rows[i].m.name, name) && s->rows[i].m.agg == agg)
			return &s->rows[i];
	return NULL;
}

#define RULES(...)                                                                                 \
	"{\"reporting\":[{\"module\":\"passfail\"},{\"module\":\"passfail\",\"criteria\":["        \
	"\"p90>1s\"," __VA_ARGS__ "]}]}"
#define RULE_RSS(percent)                                                                              \
	"{\"class\":\"bzt.modules.monitoring.MonitoringCriteria\",\"subject\":"                        \
	"\"mms/sum_workers_memory_rss\",\"condition\":\">\",\"threshold\":1,\"diff_percent\":" percent \
	"}"
#define RULE_P90(percent)                                                                          \
	"{\"subject\":\"p90\",\"label\":\"Inference\",\"condition\":\">\",\"threshold\":\"1s\","   \
	"\"diff_percent\":" percent "}"

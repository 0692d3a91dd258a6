/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a run left: verdicts of suites and cases, and the series behind them. The runner fills a
 * struct mp_run as it goes, results/ reads and writes the files of the run folder (contract,
 * section 5), report/ renders one struct mp_run and computes nothing.
 */
#pragma once

#include <mmsperf/diag.h>
#include <mmsperf/metrics.h>

#include <stdbool.h>
#include <stddef.h>

enum mp_verdict { MP_PASSED, MP_SKIPPED, MP_FAILED, MP_ERROR, _MP_VERDICT_MAX };
const char *mp_verdict_name(enum mp_verdict v); /* "passed", "skipped", "failed", "error" */

/* One criterion (or one infrastructure fault) of a suite. All strings owned. */
struct mp_case {
	char *name;    /* the criterion in a person's words; stable between runs */
	char *message; /* why it failed: value, threshold, when; NULL when passed */
	enum mp_verdict verdict;
	double time_s; /* when it triggered, seconds after the load began; suite's time if passed */
	/* for threshold lines in the chart; metric NULL when it is no single series */
	char *metric; /* metric name, or "p90", "avg-rt", ... of label */
	char *label;  /* sample label or agent label, may be NULL */
	char op;      /* '<', '>', '=' : the condition that FAILS the case */
	double threshold;
	double observed;     /* NaN: unknown */
	double from_s, to_s; /* breached stretch, epoch seconds; 0,0: none */
};

/* One column of a CSV over time. Values NaN where a cell is empty. */
struct mp_series {
	char *name;
	double *v;
	enum mp_unit unit;
};
struct mp_table {
	double *ts; /* epoch seconds */
	size_t rows, cols;
	struct mp_series *col;
};

/* One row of final_stats.csv (times in seconds). label "" is the total. */
struct mp_label_stats {
	char *label;
	double samples, failed, throughput;
	double avg_s, p50_s, p90_s, p95_s, p99_s, max_s, stdev_s;
};

/* Load over time from kpi.jtl, one bucket a second. */
struct mp_load {
	size_t n;
	double *ts; /* epoch seconds of the bucket's begin */
	double *throughput, *errors, *avg_ms, *p50_ms, *p90_ms, *p99_ms, *concurrency;
	double samples, failed;
};

struct mp_suite_result {
	char *name, *path; /* suite's name and YAML file */
	char *dir;         /* its artifacts folder (absolute) */
	enum mp_verdict verdict;
	char *reason;      /* one line; NULL when passed */
	bool incomplete;   /* ended before its load did: whatever was measured is kept */
	double started_s;  /* epoch */
	double duration_s; /* whole suite */
	double bzt_s;      /* of it, bzt's own run time */
	int bzt_code;      /* -1: not run */
	char *rung;        /* collector's rung, "BPF snapshot" ...; NULL: not recorded */
	char *rung_why;    /* why not a higher one; NULL */
	struct mp_case *cases;
	size_t n_cases;
	/* filled by mp_results_load_series() before a report is written */
	struct mp_table metrics; /* metrics.csv */
	struct mp_load load;
	struct mp_label_stats *labels;
	size_t n_labels;
};

struct mp_run {
	char *dir; /* OUT/ENV__COMMIT__EPOCH, absolute */
	char *out; /* --artifacts-dir, absolute */
	char *env, *commit;
	double started_s, duration_s;
	enum mp_verdict verdict;
	int exit_code;
	bool stopped; /* by hand */
	char *server; /* one line: what was measured */
	struct mp_suite_result *suites;
	size_t n_suites;
};

void mp_case_done(struct mp_case *c);
void mp_suite_result_done(struct mp_suite_result *s);
void mp_run_done(struct mp_run *r);
int mp_suite_result_add_case(struct mp_suite_result *s, const struct mp_case *c); /* moves *c in */

/* Creates OUT/ENV__COMMIT__EPOCH ("nogit", "-dirty") and sets r->dir. -EACCES etc. with d filled.
 */
int mp_store_create(struct mp_run *r, struct mp_diag *d);
/* Links OUT/latest, OUT/junit.xml and OUT/junit.html to the run; last step of a run. */
int mp_store_publish(const struct mp_run *r, struct mp_diag *d);
/* Writes run.json (schema version, verdicts, everything above but the series) into r->dir. */
int mp_store_save(const struct mp_run *r, struct mp_diag *d);
/* Reads it back: what `report` and comparisons start from. */
int mp_store_load(const char *dir, struct mp_run **ret_run, struct mp_diag *d);

/* xunit*.xml of a bzt folder: every triggered criterion and every failed label as a case. */
int mp_xunit_read(const char *suite_dir, struct mp_suite_result *s, struct mp_diag *d);
/* SAlogs_HOST_PORT.csv and bzt's other monitoring logs of suite_dir -> metrics_bzt.csv with the
 * columns in the order requested by effective.yml (contract, section 2). 0 also when none is there.
 */
int mp_bztlog_correct(const char *suite_dir, struct mp_diag *d);
int mp_table_read(const char *path, struct mp_table *ret_table, struct mp_diag *d);
void mp_table_done(struct mp_table *t);
const struct mp_series *mp_table_find(const struct mp_table *t, const char *name);
/* All kpi*.jtl of a folder in one pass each, memory bounded by seconds, not requests. */
int mp_load_read(const char *suite_dir, struct mp_load *ret_load, struct mp_diag *d);
void mp_load_done(struct mp_load *l);
int mp_final_stats_read(const char *path, struct mp_label_stats **ret, size_t *ret_n,
			struct mp_diag *d);
int mp_results_load_series(struct mp_suite_result *s, struct mp_diag *d);

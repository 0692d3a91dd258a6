/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two runs, or two sets of runs, metric by metric. Two questions that are kept apart: did a rule of
 * the suite (`diff_percent`, upstream's own) break, which is a verdict; and how far apart are the
 * sides, with which uncertainty, which is a statement. results/ computes, report/ renders.
 */
#pragma once

#include <mmsperf/results.h>

#include <stdio.h>

/* What one suite of one run amounts to: a number a metric and aggregate. */
enum mp_agg { MP_AGG_VALUE, MP_AGG_MEAN, MP_AGG_MAX, MP_AGG_MIN, _MP_AGG_MAX };
const char *mp_agg_name(enum mp_agg a); /* "", "mean", "max", "min" */

struct mp_measure {
	char *name;  /* metric, or bzt's subject with its label: "p90 of Inference"; owned */
	char *title; /* in a person's words; owned; NULL: the name says it */
	enum mp_agg agg;
	enum mp_unit unit;
	const char *per; /* "/s", "/1,000 requests" or ""; static */
	enum mp_better better;
	int rank;     /* importance: the smaller, the sooner it is shown */
	double value; /* NaN: unknown */
};

struct mp_measures {
	struct mp_measure *v;
	size_t n;
};

/* s after mp_results_load_series(). Monitoring metrics are taken while there was load. */
int mp_measures_of(const struct mp_suite_result *s, struct mp_measures *ret);
void mp_measures_done(struct mp_measures *m);

/* What a suite's configuration asks to be compared, from its effective.{json,yml}. */
struct mp_rule {
	char *name;     /* as in struct mp_measure */
	char *full;     /* LABEL/metric; NULL: about requests */
	double percent; /* 0: asks for nothing (upstream skips it as well); NaN: no number */
	bool monitored; /* else about requests */
};
struct mp_rules {
	struct mp_rule *v;
	size_t n;
};
/* 0 with none when the folder has no configuration; -errno with d filled when it is unreadable. */
int mp_rules_read(const char *suite_dir, struct mp_rules *ret, struct mp_diag *d);
void mp_rules_done(struct mp_rules *r);

enum mp_cmp_result {
	MP_CMP_PASS, /* a rule of the suite holds */
	MP_CMP_FAIL, /* it does not */
	MP_CMP_ERROR,
	MP_CMP_SKIP, /* the rule cannot be asked: nothing to compare with, another environment */
	MP_CMP_WORSE,
	MP_CMP_BETTER,
	MP_CMP_CHANGED, /* the interval excludes "no change", neither direction is better */
	MP_CMP_SAME,    /* several runs a side, no change shown */
	MP_CMP_UNKNOWN, /* one run a side: how much they differ, not whether it means anything */
	MP_CMP_MISSING, /* in one side only */
	_MP_CMP_MAX
};
const char *mp_cmp_name(enum mp_cmp_result r); /* "pass", "fail", ..., "unknown" */

struct mp_cmp_row {
	struct mp_measure m; /* value unused */
	double a, b;         /* the sides' values (geometric means of several runs); NaN: none */
	size_t n_a, n_b;     /* runs that have one */
	double effect;       /* b / a - 1; NaN: unknown */
	double low, high;    /* 95 % interval of the effect, runs as units; NaN: unknown */
	double diff_percent; /* upstream's |b - a| / ((a + b) / 2) * 100; NaN: unknown */
	double allowed;      /* the suite's diff_percent; NaN: no rule */
	enum mp_cmp_result result;
	char *message; /* one line; never NULL */
};

struct mp_cmp_suite {
	char *name;
	char *note;                          /* why it has no rows, or what else to know; NULL */
	const struct mp_suite_result *a, *b; /* of each side's newest run; NULL: not there */
	struct mp_cmp_row *rows;             /* by importance; those with a rule first */
	size_t n_rows;
	enum mp_cmp_result result; /* of its rules: fail, error, pass, or skip (none) */
	char *error;               /* what kept it from being compared; NULL */
};

struct mp_cmp_side {
	char *name;                       /* folder of its run, or "3 runs of COMMIT" */
	const struct mp_run *const *runs; /* borrowed; newest last */
	size_t n;
};

struct mp_comparison {
	struct mp_cmp_side a, b; /* a: the reference; b: what is looked at */
	char *not_judged;        /* why nothing here is a verdict (other environment); NULL */
	char *remark;            /* what else differs: "JMeter 5.6.3 / 5.5"; NULL: nothing known */
	bool upstream_order; /* run1 of the CSV is b, as upstream's automatic comparison has it */
	struct mp_cmp_suite *suites;
	size_t n_suites;
	size_t count[_MP_CMP_MAX]; /* rows by result */
	double started_s;
	enum mp_verdict verdict; /* of the rules: failed, error, passed, skipped (none judged) */
};

struct mp_compare_opts {
	/* The reference was not chosen by a person: what it lacks cannot be asked (skip, else
	 * error), and the order is upstream's. */
	bool automatic;
};

/*
 * a and b: runs whose suites' series are loaded; they and the arrays must outlive the result.
 * Reads effective.* and metrics_bzt.csv of their folders. -ENOMEM only: every other fault is a row
 * or a suite in error.
 */
int mp_compare(const struct mp_run *const *a, size_t n_a, const struct mp_run *const *b, size_t n_b,
	       const struct mp_compare_opts *o, struct mp_comparison *ret_c);
void mp_comparison_done(struct mp_comparison *c);
/* The rules as a run of suites and cases, for the JUnit writer; ret_run needs mp_run_done(). */
int mp_comparison_as_run(const struct mp_comparison *c, const char *dir, struct mp_run *ret_run);

/* Upstream's rule. NaN: one of the two is unknown, or their sum is 0 while they differ. */
double mp_diff_percent(double a, double b);
/*
 * 95 % interval of the ratio of means b / a by Welch's t on logarithms; each value is one run. With
 * one run on one side the other side's spread stands for both. False: unknown (one run a side, a
 * value that is not positive).
 */
bool mp_ratio_interval(const double *a, size_t n_a, const double *b, size_t n_b, double *ret_ratio,
		       double *ret_low, double *ret_high);

/* "2.31 s", "290 MB", "-": a value of m as tables and pages print it. Returns buf. */
const char *mp_cmp_value(char *buf, size_t size, const struct mp_measure *m, double v);
const char *mp_cmp_effect(char *buf, size_t size, double effect); /* "+4.8 %" */

/*
 * The newest passing run of head's environment and machine in out that has a suite of head's and
 * held its loads as long (--quick or not): what "baseline" means. For a stored head only older runs
 * count. Its series are not loaded. -ENOENT: there is none.
 */
int mp_baseline_find(const char *out, const struct mp_run *head, struct mp_run **ret_run);

/* A run beside its baseline. Not to be moved: c points into it. */
struct mp_against {
	struct mp_run *base;
	const struct mp_run *v[2]; /* base, head */
	struct mp_comparison c;
};
/* head's series are loaded and it outlives ret, which needs mp_against_done() in any case.
 * -ENOENT: there is no baseline. */
int mp_against_baseline(const char *out, const struct mp_run *head, struct mp_against *ret);
void mp_against_done(struct mp_against *a);

/* --- renderers (report/) --------------------------------------------------------------------- */

/* comparison_result.csv, comparison_results.xml and comparison_results.html into dir. */
int mp_report_comparison(const struct mp_comparison *c, const char *dir, struct mp_diag *d);
int mp_report_comparison_csv(const struct mp_comparison *c, const char *dir, struct mp_diag *d);
int mp_report_comparison_html(const struct mp_comparison *c, const char *dir, struct mp_diag *d);
/* At most 80 columns. all: every row, else the important ones. */
void mp_report_comparison_console(const struct mp_comparison *c, bool all, FILE *out);
int mp_report_comparison_json(const struct mp_comparison *c, FILE *out);

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verdict on a suite's criteria from three witnesses: bzt's xunit files, bzt's exit code and
 * our own evaluation of what was measured. Pure: reads no file, logs nothing.
 */
#pragma once

#include <mmsperf/results.h>

#include "suite/plan.h"

enum mp_find_state {
	MP_FIND_UNJUDGED, /* not to be told from what is there: the other witnesses decide */
	MP_FIND_OK,
	MP_FIND_TRIGGERED,
	MP_FIND_NO_DATA, /* the metric never had a value */
};

struct mp_finding {
	enum mp_find_state state;
	double observed;     /* at the trigger, else the worst seen; NaN: none */
	double from_s, to_s; /* the breached stretch, epoch seconds */
};

/* As bzt's MonitoringCriteria would: logic for, within, over on rows ts (seconds) and v. */
void mp_eval_series(const struct mp_criterion *c, const double *ts, const double *v, size_t n,
		    struct mp_finding *ret);
/* A criterion about samples without a timeframe, at the end of the run. */
void mp_eval_labels(const struct mp_criterion *c, const struct mp_label_stats *labels, size_t n,
		    struct mp_finding *ret);

struct mp_evidence {
	const struct mp_table *bzt;    /* metrics_bzt.csv; NULL or no rows: none */
	const struct mp_table *own;    /* metrics.csv */
	double load_from_s, load_to_s; /* epoch seconds of the first and last sample; 0: none */
	const struct mp_label_stats *labels; /* final_stats.csv */
	size_t n_labels;
	const struct mp_case *xunit; /* what mp_xunit_read() found */
	size_t n_xunit;
	int bzt_code;
	bool incomplete;
	/* requests second by second, where criteria with a timeframe are to be judged without bzt:
	 * of all, and of single labels */
	const struct mp_load *load;
	const struct mp_label_load *by_label;
	size_t n_by_label;
};

/*
 * One case a criterion into s->cases; s->verdict and s->reason from them where no fault of the
 * infrastructure was set before (s->verdict == MP_ERROR stays).
 */
int mp_eval_suite(const struct mp_plan *p, const struct mp_evidence *e, struct mp_suite_result *s);

/* What a run's suites and accidents make of the exit code: 2, then 1, then 3; 0 otherwise. */
struct mp_outcome {
	bool stopped; /* by hand */
	bool infra;   /* a fault outside of any suite */
	bool none;    /* no suite was collected */
	const struct mp_suite_result *suites;
	size_t n;
	enum mp_verdict comparison; /* with the baseline; MP_PASSED where there was none */
};
int mp_eval_exit_code(const struct mp_outcome *o);
/* Of a whole run: the worst of its suites, skipped only where all are. */
enum mp_verdict mp_eval_verdict(const struct mp_suite_result *suites, size_t n);

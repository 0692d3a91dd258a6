/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every metric over stored runs. Runs fall into groups that may be compared with each other: the
 * same environment, machine and length of the load. results/ reads and computes, report/ renders.
 */
#pragma once

#include <mmsperf/compare.h>
#include <mmsperf/store.h>

/* One metric of one suite, a value a run of the group. */
struct mp_trend {
	struct mp_measure m; /* value: the median of the group's passing runs; NaN: none */
	char *label;         /* "": recorded; else of requests, "(all)" the total; owned */
	double *v;           /* NaN: none. Gauges: mean, counters: growth over the recording */
	double *peak;        /* highest value within each run; NULL where v says it all */
	size_t n_before;     /* passing runs before the newest run that have a value, ... */
	double low, high;    /* ... and their range; NaN: there are none */
};

struct mp_trend_suite {
	char *name;
	signed char *verdict; /* enum mp_verdict a run; -1: the run has no such suite */
	struct mp_trend *v;   /* by importance */
	size_t n;
};

struct mp_history_group {
	const struct mp_run_row **runs; /* oldest first; of the history's list */
	size_t n_runs, n_passing;
	struct mp_trend_suite *suites; /* by name */
	size_t n_suites;
	char *machine; /* in words, "" where it is not known */
};

struct mp_history {
	struct mp_run_list list;
	struct mp_history_group *v; /* the one with the newest run first */
	size_t n;
};

/*
 * The newest `limit` runs of each group in out that match f (whose limit is not looked at; its
 * suite also says which suites are told of). Empty where no run matches. A passing run is a
 * finished one whose verdict is "passed". 0 or -errno with d filled.
 */
int mp_history_read(const char *out, const struct mp_run_filter *f, size_t limit,
		    struct mp_history *ret, struct mp_diag *d);
void mp_history_done(struct mp_history *h);
/* Middle one, or mean of the two middle ones, of what is finite; NaN: nothing is. Reorders v. */
double mp_median(double *v, size_t n);

/*
 * The page. out: the folder of the runs, to which the page links where a run's page is there; a
 * missing one has no link.
 */
int mp_report_history(const struct mp_history *h, const char *out, const char *path,
		      struct mp_diag *d);

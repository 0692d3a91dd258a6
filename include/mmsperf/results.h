/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a run left: verdicts of suites and cases, and the series behind them. The runner fills a
 * struct mp_run as it goes, results/ reads and writes the files of the run folder (contract,
 * section 5), report/ renders one struct mp_run and computes nothing.
 */
#pragma once

#include <mmsperf/cleanup.h>
#include <mmsperf/diag.h>
#include <mmsperf/fingerprint.h>
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
	char *metric;  /* metric name, or "p90", "avg-rt", ... of label */
	char *label;   /* sample label or agent label, may be NULL */
	char op;       /* '<', '>', '=' : the condition that FAILS the case */
	bool or_equal; /* the threshold itself fails it, too: ">=", "<=" */
	double threshold;
	double observed;     /* NaN: unknown */
	double from_s, to_s; /* breached stretch, epoch seconds; 0,0: none */
	char *file;          /* where it is written; NULL: in the suite's own file */
	int line;            /* of that file, from 1; 0: not known */
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

/* Statistics of one label, times in seconds, throughput in requests a second (NaN: unknown).
 * label "" is the total. */
struct mp_label_stats {
	char *label;
	double samples, failed, throughput;
	double avg_s, p50_s, p90_s, p95_s, p99_s, max_s, stdev_s;
	double from_s, to_s; /* first request's begin, last one's end, epoch; 0,0: not known */
};

/* Latency distribution over the whole run: [from_ms, to_ms) and how many requests fell there. */
struct mp_bin {
	double from_ms, to_ms, count;
};

/* One of the slowest requests. Strings owned. */
struct mp_slow {
	double ts; /* epoch seconds, as JMeter stamped it */
	double ms;
	char *label, *code;
	bool failed;
};
#define MP_SLOW_MAX 20

/*
 * Load over time from kpi.jtl, one bucket a second, every second from the first to the last
 * request. A second without a request: throughput and errors 0, latencies and concurrency NaN.
 * Percentiles interpolate between the two nearest ranks (numpy's default) and are exact, since
 * the file has whole milliseconds.
 */
struct mp_load {
	size_t n;
	double *ts;                  /* epoch seconds of the bucket's begin */
	double *throughput, *errors; /* requests a second */
	double *avg_ms, *p50_ms, *p90_ms, *p99_ms;
	double *concurrency;                /* users at work, summed over executions and hosts */
	double *failed_pct, *succeeded_pct; /* of the second's requests; NaN without one */
	double samples, failed;
	double unreadable;             /* lines that were no request: counted, not used */
	struct mp_label_stats *labels; /* total ("") first, then by name */
	size_t n_labels;
	struct mp_bin *bins;
	size_t n_bins;
	struct mp_slow *slow; /* slowest first, at most MP_SLOW_MAX */
	size_t n_slow;
};

/* The load of one label, read where a criterion watches that label alone. Label owned. */
struct mp_label_load {
	char *label;
	struct mp_load load;
};

/* Something that happened at a moment, in words: "worker digits#1 (pid 412) started". */
enum mp_event_kind {
	MP_EVENT_WORKER, /* of the server's life: a worker started, ended, was replaced */
	MP_EVENT_FAULT,  /* nobody wants it: out of memory, ended with an error */
	MP_EVENT_GC,     /* the frontend's JVM stood still: many of them */
	MP_EVENT_LOST,   /* of the collector: something was not seen */
	_MP_EVENT_MAX
};
const char *mp_event_kind_name(enum mp_event_kind k); /* "worker", "fault", "gc", "lost" */
struct mp_event {
	char *text;
	double at_s; /* epoch */
	enum mp_event_kind kind;
};
#define MP_EVENTS_MAX 500 /* of one suite */

/* What recording a suite took, and what it missed; from the collector's own columns. NaN: not
 * recorded. */
struct mp_monitor_cost {
	double seconds;       /* of the recording */
	double samples;       /* made; 0: nothing is known */
	double cpu_percent;   /* mean; 100 is one CPU */
	double share_percent; /* of the CPU that the watched server used meanwhile */
	double bpf_s;         /* run time of its BPF programs, hooks included */
	double rss;           /* highest, bytes */
	double late_s;        /* the latest sample, behind its time */
	double missed;        /* samples that were due and not made */
	double drops;         /* kernel events lost */
	double dropped_lines; /* not sent to clients that did not read */
};

/* A stretch of the suite by what it was for: a step, a label of requests before or after the load
 * ("Register Model"), "ramp-up", "hold". In time order. Name owned; epoch seconds. */
struct mp_phase {
	char *name;
	double from_s, to_s;
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
	struct mp_label_stats *labels; /* from kpi.jtl (exact), else final_stats.csv */
	size_t n_labels;
	struct mp_label_load *label_loads;
	size_t n_label_loads;
	struct mp_table workers; /* workers.csv: columns METRIC@MODEL#SLOT */
	struct mp_event *events; /* in time order */
	size_t n_events;
	struct mp_phase *phases;
	size_t n_phases;
	double load_s; /* epoch seconds of the first request; 0: no load seen */
	struct mp_monitor_cost monitor;
};

struct mp_run {
	char *dir; /* OUT/ENV__COMMIT__EPOCH, absolute */
	char *out; /* --artifacts-dir, absolute */
	char *env, *commit;
	double started_s, duration_s;
	double hold_cap_s; /* --quick: no load was held longer; 0: as long as the suites say */
	enum mp_verdict verdict;
	int exit_code;
	bool stopped;     /* by hand */
	bool unfinished;  /* read from a run that never reached mp_store_publish() */
	bool foreign;     /* made from a folder bzt left, without run.json */
	bool stored;      /* read from its folder: runs made later may lie beside it */
	char *server;     /* one line: what was measured */
	char *comparison; /* one line: how it compares with the baseline; NULL: it was not */
	enum mp_verdict comparison_verdict; /* of its rules; MP_SKIPPED: none was judged */
	char *note; /* what a reader of its report has to know first; not stored; NULL */
	struct mp_fingerprint fingerprint;
	char **tags; /* words people gave it; owned */
	size_t n_tags;
	struct mp_suite_result *suites;
	size_t n_suites;
};

void mp_case_done(struct mp_case *c);
void mp_suite_result_done(struct mp_suite_result *s);
void mp_run_done(struct mp_run *r);
int mp_suite_result_add_case(struct mp_suite_result *s, const struct mp_case *c); /* moves *c in */

/*
 * The life of a run on disk: create (run.json says "running"), save as often as wanted, publish
 * (run.json says "finished", then the links move). A run that was killed in between stays
 * readable and is never taken for a whole one.
 */
/* Creates OUT/ENV__COMMIT__EPOCH ("nogit", "-dirty") and sets r->dir. -EACCES etc. with d filled.
 */
int mp_store_create(struct mp_run *r, struct mp_diag *d);
/* Links OUT/latest, OUT/junit.xml and OUT/junit.html to the run; last step of a run. */
int mp_store_publish(const struct mp_run *r, struct mp_diag *d);
/* Writes run.json (schema version, verdicts, everything above but the series) into r->dir. */
int mp_store_save(const struct mp_run *r, struct mp_diag *d);
/* Reads it back: what `report` and comparisons start from. *ret_run is freed by mp_run_free(). */
int mp_store_load(const char *dir, struct mp_run **ret_run, struct mp_diag *d);
/* A run of one suite made from a folder bzt left (no run.json): verdict from its xunit files,
 * started and duration from the requests. -ENOENT when nothing of bzt's is there. */
int mp_store_load_foreign(const char *dir, struct mp_run **ret_run, struct mp_diag *d);
void mp_run_free(struct mp_run *r);
void mp_run_freep(struct mp_run **r);
#define _cleanup_run_ _cleanup_(mp_run_freep)

/*
 * Cases from the xunit*.xml of a bzt folder: every criterion (passed or triggered = failed) under
 * its own words, and every label that had errors (metric "errors", label set). 0 also when there
 * is no such file; cases of a name that s already has are merged, never doubled.
 */
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
/* The same for the requests of one label. */
int mp_load_read_label(const char *suite_dir, const char *label, struct mp_load *ret_load,
		       struct mp_diag *d);
void mp_load_done(struct mp_load *l);
/* workers.csv (long form) as columns, and from its pids which workers started, ended and were
 * replaced while it was recorded. */
int mp_workers_read(const char *path, struct mp_table *ret_table, struct mp_event **ret_events,
		    size_t *ret_n_events, struct mp_diag *d);
int mp_final_stats_read(const char *path, struct mp_label_stats **ret, size_t *ret_n,
			struct mp_diag *d);
/* "p90 of x>500ms for 2s", "LABEL/metric>180" -> metric, label, op, threshold (times in seconds,
 * sizes in bytes) and *ret_window_s. False: not a criterion's text; c is untouched then. */
bool mp_criterion_parse(const char *text, struct mp_case *c, double *ret_window_s);
/* The series a case watches: a column of s->metrics or a computed one of s->load (then *ret_scale
 * turns the series' unit into the threshold's: ms into s is 0.001). NULL: none is known. */
const double *mp_case_series(const struct mp_suite_result *s, const struct mp_case *c,
			     const double **ret_ts, size_t *ret_n, double *ret_scale);
/* Everything a page shows of one suite, from its folder; also the breached stretch, the observed
 * value and the moment of each failed case where they are not set. What cannot be read is left
 * empty and the first fault returned in d (the rest is loaded all the same). */
int mp_results_load_series(struct mp_suite_result *s, struct mp_diag *d);

/* min, mean, max of groups of rows, so that a page holds at most max_rows of any series. */
struct mp_reduced {
	size_t n;
	double *ts, *min, *mean, *max; /* ts: middle of the group; owned */
};
int mp_series_reduce(const double *ts, const double *v, size_t n, size_t max_rows,
		     struct mp_reduced *ret);
void mp_reduced_done(struct mp_reduced *r);

/* True for a total that only grows and whose growth is what tells (CPU seconds, bytes, operations).
 * What happens seldom (restarts, crashes, lost events) is not among them: its steps tell more. */
bool mp_series_is_counter(const struct mp_series *s);
/* Growth a second between neighbours; NaN where there is none (first row, restart). Caller frees.
 */
int mp_series_rate(const double *ts, const double *v, size_t n, double **ret_rate);

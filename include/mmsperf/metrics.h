/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registry: every metric name, its unit, meaning and source, and the evaluation of a name
 * against the tree. Only src/metrics spells a metric's name. Names are derived (aggregate x role x
 * metric), a name is parsed once, when it is subscribed.
 */
#pragma once

#include <mmsperf/diag.h>
#include <mmsperf/tree.h>

struct mp_value {
	double v;
	bool valid; /* absent is not zero: NaN on the socket, an empty cell in CSV */
};

enum mp_unit {
	MP_UNIT_NONE,
	MP_UNIT_PERCENT,
	MP_UNIT_SECONDS,
	MP_UNIT_BYTES,
	MP_UNIT_COUNT,
	_MP_UNIT_MAX
};
enum mp_better { MP_BETTER_NONE, MP_BETTER_LOWER, MP_BETTER_HIGHER };
enum mp_kind { MP_KIND_GAUGE, MP_KIND_COUNTER, MP_KIND_RATE };

/* A parsed name. `known` false: the column stays absent for ever (contract, section 3). */
struct mp_sel {
	bool known;
	int16_t family, metric, op; /* private to src/metrics */
	int16_t arg;                /* private: index into the view's tables, or -1 */
	unsigned groups; /* enum mp_group: the caller asks mp_meter_source()'s need_groups for it */
	unsigned fields; /* enum mp_rec_valid: likewise its `want` */
	enum mp_unit unit;
	enum mp_kind kind;
	enum mp_better better;
};

/*
 * What one interval needs to remember: previous totals. One view per distinct interval; clients on
 * the same interval share it. mp_view_update() after mp_meter_tick() makes the new sample.
 */
struct mp_view;
struct mp_context;
/* m must outlive the view. */
int mp_view_new(struct mp_meter *m, struct mp_view **ret_view);
/* c (NULL: none) is borrowed and must outlive the view; to be called before anything is selected.
 */
void mp_view_use(struct mp_view *v, struct mp_context *c);
void mp_view_free(struct mp_view *v);
int mp_view_update(struct mp_view *v);

/* For measuring: readers that pace themselves, as those that walk folders, read every time. */
void mp_view_unpaced(struct mp_view *v);

/*
 * Parses a name in any accepted spelling: upstream's 126, their aliases, NAME@MODEL[#SLOT],
 * p50_/p90_/p99_ aggregates, the ServerAgent grammar (cpu:idle, memory:used, trailing colon).
 * 0 and *ret_sel (known or not). *ret_note (may be NULL) gets a sentence to log when an alias or
 * something unsupported or unknown was used, else NULL; it is valid until the next call.
 */
int mp_view_select(struct mp_view *v, const char *name, struct mp_sel *ret_sel,
		   const char **ret_note);
/* Value at the last mp_view_update(); absent before the first. */
struct mp_value mp_view_get(struct mp_view *v, const struct mp_sel *sel);
/*
 * Why the value is absent, where that will not mend by itself at the next sample: a permission, a
 * missing file, a kernel without it. NULL: no such reason. Valid until the next update.
 */
const char *mp_view_why(struct mp_view *v, const struct mp_sel *sel);
/* The same metric of one process, p of the tree's present procs (workers.csv); absent when sel is
 * no process metric. */
struct mp_value mp_view_get_proc(struct mp_view *v, const struct mp_sel *sel,
				 const struct mp_proc *p);

/*
 * What all views of one collector share: ways to files of the server, its management address, and
 * the collector's own counts. Files are opened when the first metric that needs them is selected.
 */
struct mp_opener;
struct mp_monitor_stats {
	uint64_t ticks, missed;
	uint64_t late_ns; /* of the present sample */
	uint64_t dropped_lines;
};
struct mp_context_opts {
	struct mp_meter *meter;   /* borrowed */
	struct mp_opener *opener; /* borrowed; NULL: files are opened directly or not at all */
	const char *management;   /* URL; NULL: from the server's configuration, else its default */
	const char *server_logs;  /* folder of its metrics logs; NULL: to be found */
	const char *pidfile;      /* a hint where the server's folders are; NULL: none */
};
/* The opts' strings are copied. */
int mp_context_new(const struct mp_context_opts *opts, struct mp_context **ret_context);
void mp_context_free(struct mp_context *c);
/* Who counts samples; fn is called while a view is updated. */
void mp_context_monitor(struct mp_context *c, void (*fn)(void *arg, struct mp_monitor_stats *ret),
			void *arg);
/*
 * Looks at the server now, so that what only the present privileges can tell (its folders, by its
 * environment) is known when it restarts after they were dropped.
 */
void mp_context_learn(struct mp_context *c);

/* True if name is a metric this program can ever give; else *ret_near (may be NULL) suggests one.
 */
bool mp_metric_known(const char *name, const char **ret_near);
enum mp_better mp_metric_better(const char *name);
enum mp_unit mp_metric_unit(const char *name);
enum mp_kind mp_metric_kind(const char *name); /* a gauge where the name is not known */
const char *mp_unit_name(enum mp_unit u);      /* "%", "s", "bytes", "" */

/* All canonical names of the recording (metrics.csv), in table order; n of them. Static. */
const char *const *mp_metric_recorded(size_t *ret_n);

/* Rows for `mmsperf-bpf metrics` and README's table: one per family, not per derived name. */
struct mp_metric_row {
	const char *syntax; /* "{sum,avg,min,max,p50,p90,p99}_{workers,all}_cpu_percent" */
	const char *unit;
	const char *help;
	const char *source; /* "BPF", "/proc/diskstats", ... */
	const char *example;
	unsigned groups;  /* enum mp_group */
	unsigned has;     /* enum mp_rec_valid: a rung that never sets these bits cannot give it */
	const char *file; /* /proc file it is read from, NULL: none */
	bool tried;       /* whether it works depends on the server: try it with mp_view_why() */
	bool tracer;      /* of other users' processes it needs CAP_SYS_PTRACE */
};
const struct mp_metric_row *mp_metric_rows(size_t *ret_n);
/* All upstream names and ours, expanded; caller frees the array (not the strings). */
int mp_metric_expand(const char ***ret_names, size_t *ret_n);

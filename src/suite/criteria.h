/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pass/fail criteria of Taurus, both spellings, as structures. Pure: no file, no log; used by
 * plan.c (which finds them in a suite) and evaluate.c (which judges them).
 */
#pragma once

#include <mmsperf/diag.h>
#include <mmsperf/yaml.h>

#include <stdbool.h>
#include <stddef.h>

enum mp_crit_kind {
	MP_CRIT_DATA,    /* about samples: avg-rt of Inference>100ms */
	MP_CRIT_MONITOR, /* about a metric: LABEL/metric, class …MonitoringCriteria */
	MP_CRIT_OTHER,   /* a class of somebody else's: bzt alone judges it */
};

enum mp_crit_logic { MP_CRIT_FOR, MP_CRIT_WITHIN, MP_CRIT_OVER, _MP_CRIT_LOGIC_MAX };

enum mp_crit_cond { MP_COND_GT, MP_COND_GE, MP_COND_LT, MP_COND_LE, MP_COND_EQ, _MP_COND_MAX };

struct mp_criterion {
	enum mp_crit_kind kind;
	char *name;             /* in a person's words, unique in its suite */
	char *bzt_name;         /* as bzt's xunit names it */
	char *message;          /* the author's own words, or NULL */
	char *subject;          /* "p90", "succ", "rc5??"; the metric when kind is MONITOR */
	char *label;            /* sample label ("" = all) or the monitored source */
	enum mp_crit_cond cond; /* what FAILS it */
	char *threshold_text;   /* as written, variables replaced */
	double threshold;       /* seconds for times, plain otherwise; percent when `percent` */
	bool percent;
	enum mp_crit_logic logic;
	char *window_text; /* "5s" or NULL */
	double window_s;   /* 0: no timeframe */
	bool stop, fail;
	bool during_load;    /* judged by us, over the load's time; bzt looks from its start on */
	double diff_percent; /* NaN: none */
	const char *file;    /* borrowed from the YAML tree */
	int line, col;
	bool is_map;        /* written as a map (else as one string) */
	bool needs_rewrite; /* bzt would read it differently: it gets a plain copy */
};

const char *mp_cond_text(enum mp_crit_cond c);   /* ">" */
const char *mp_logic_text(enum mp_crit_logic l); /* "for" */
bool mp_cond_holds(enum mp_crit_cond c, double value, double threshold);

/* Replaces ${NAME}; returns an owned string or NULL (out of memory). Unknown names stay. */
typedef char *(*mp_expand_fn)(const char *text, void *data);

/*
 * y: one entry of a criteria list, or value of a criteria map with `key` its message (else NULL).
 * -EINVAL with d filled (file, line, column of the very part) when it is malformed.
 */
int mp_crit_parse(const struct mp_yaml *y, const char *key, mp_expand_fn expand, void *data,
		  struct mp_criterion *ret_c, struct mp_diag *d);
void mp_crit_done(struct mp_criterion *c);
/* The same as the map that bzt reads without surprises. */
int mp_crit_to_yaml(const struct mp_criterion *c, struct mp_yaml **ret_y);

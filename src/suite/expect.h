/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Expectations: lines people would write.
 *
 *   p99 of Inference < 250ms                        whole load; "of LABEL" may be left out
 *   p90 of Inference < 250ms for 5s                 may be broken for less than 5 s at a stretch
 *   errors < 1%      errors == 0      throughput of Inference >= 50/s
 *   sum_workers_memory_rss < 290MB for 5s           every second of the load
 *   mean of sum_all_cpu_percent < 150               min, mean, max of the load's seconds
 *   gpu-host/sum_workers_memory_rss < 2GB           of another agent (key `monitor`)
 *   file_descriptors after unregister == before     at a moment: before, after STEP
 *   memory_rss after cleanup <= before + 5%
 *   throughput within 5% of baseline                newest passing run of this environment
 *
 * Pure; called by simple.c. Judged by bzt (simple_emit.c) or expect_eval.c.
 */
#pragma once

#include <mmsperf/diag.h>

#include <stdbool.h>
#include <stddef.h>

enum mp_expect_kind {
	MP_EXPECT_LOAD,   /* about requests */
	MP_EXPECT_METRIC, /* about a metric's seconds during the load */
	MP_EXPECT_POINT,  /* about a metric's value at a moment */
};

enum mp_expect_op {
	MP_OP_LT,
	MP_OP_LE,
	MP_OP_GT,
	MP_OP_GE,
	MP_OP_EQ,
	MP_OP_NE,
	MP_OP_WITHIN, /* slack percent around the reference; of a baseline: not worse than that */
	_MP_OP_MAX
};

enum mp_expect_ref {
	MP_REF_VALUE,
	MP_REF_POINT,    /* the same metric at another moment */
	MP_REF_BASELINE, /* the same subject in the baseline run */
};

enum mp_expect_agg { MP_EACH, MP_MIN, MP_MEAN, MP_MAX };

enum mp_expect_unit { MP_IN_PLAIN, MP_IN_SECONDS, MP_IN_BYTES, MP_IN_PERCENT };

struct mp_expect {
	char *text; /* the line itself: the case's name */
	enum mp_expect_kind kind;
	char *subject; /* "p99", "avg", "max", "errors", "samples", "throughput", "rc5??"; a metric
			*/
	char *label;   /* of requests, "" all; for metrics the other agent's, NULL ours */
	enum mp_expect_agg agg;
	char *point; /* "before", "register", ...; POINT only */
	enum mp_expect_op op;
	enum mp_expect_ref ref;
	double value;             /* VALUE: seconds, bytes, percent or plain */
	bool percent;             /* errors and response codes: value is a share of the requests */
	char *ref_point;          /* MP_REF_POINT */
	double slack;             /* "+ 5%" of a point, "within 5%"; may be negative */
	bool slack_percent;       /* else in the metric's own unit */
	double window_s;          /* "for 5s"; 0: none */
	enum mp_expect_unit unit; /* of what is compared, to print it */
	const char *file;
	int line, col;
};

/* What an expectation can refer to; a NULL label list means that any label may come. */
struct mp_expect_scope {
	const char *const *labels; /* of requests */
	size_t n_labels;
	const char *const *points; /* names of steps */
	size_t n_points;
	const char *const *hosts; /* labels of other agents */
	size_t n_hosts;
};

/* col: of the line's first character. -EINVAL with d filled, pointing into the line. */
int mp_expect_parse(const char *line, const char *file, int row, int col,
		    const struct mp_expect_scope *scope, struct mp_expect *ret, struct mp_diag *d);
void mp_expect_done(struct mp_expect *e);

const char *mp_op_text(enum mp_expect_op op); /* "<", "within" */
/* v OP limit; for WITHIN: |v - limit| <= slack percent of limit. */
bool mp_op_holds(const struct mp_expect *e, double v, double limit);
/* A value as people read it: "12.3 ms", "290 MB", "5 %". */
void mp_expect_print(const struct mp_expect *e, double v, char *buf, size_t size);

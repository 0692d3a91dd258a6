/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moments of a simple suite's run: before its steps, after each of them. A moment is a stretch of
 * the recording, from the step's end until what is expected there had come true or had its time.
 * points.csv keeps them, so that a run can be judged again.
 */
#pragma once

#include "suite/expect.h"

#include <mmsperf/results.h>

struct mp_point {
	char *name;
	double from_s, to_s; /* epoch seconds; rows after from_s up to to_s belong to it */
};

struct mp_points {
	struct mp_point *v;
	size_t n;
};

/* Adds one, or gives the one of that name a new stretch. */
int mp_points_add(struct mp_points *p, const char *name, double from_s, double to_s);
const struct mp_point *mp_points_find(const struct mp_points *p, const char *name);
void mp_points_done(struct mp_points *p);
int mp_points_write(const struct mp_points *p, const char *suite_dir, struct mp_diag *d);
/* 0 with none where the suite has no such file. */
int mp_points_read(const char *suite_dir, struct mp_points *ret_p, struct mp_diag *d);

struct mp_point_finding {
	bool known;          /* there was a value, and one to compare it with */
	bool holds;          /* at one row of the moment at least */
	double value, limit; /* at that row, else at the last one */
	double at_s;
};
/* What e says of its moment in the recording. */
struct mp_point_finding mp_point_eval(const struct mp_expect *e, const struct mp_points *p,
				      const struct mp_table *recording);
/* True when the metric had the same value in the two last rows of the moment. */
bool mp_point_is_steady(const struct mp_expect *e, const struct mp_point *p,
			const struct mp_table *recording);

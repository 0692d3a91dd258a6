/* SPDX-License-Identifier: GPL-2.0-only */
/* What measures.c, compare.c and compare_row.c share; private to src/results. */
#pragma once

#include <mmsperf/compare.h>

/* Measures of this rank or above are there for rules to ask for, and no row of their own. */
#define MP_RANK_HIDDEN 10000

/* NaN where no value is known; MP_AGG_VALUE: the mean. */
double mp_measure_aggregate(const double *v, size_t n, enum mp_agg agg);
/* The same of a column of s's recording while there was load; NaN when there is none. */
double mp_measure_column(const struct mp_suite_result *s, const char *name, enum mp_agg agg);

/* Importance of a recorded metric by its name: the smaller, the sooner it is shown. */
int mp_measure_rank(const char *name);

void mp_cmp_row_done(struct mp_cmp_row *r);
/* Values, effect, interval and upstream's difference from the values of the sides' runs; a and b
 * get reordered. */
void mp_cmp_row_measure(struct mp_cmp_row *r, double *a, size_t n_a, double *b, size_t n_b);
/* result and message (NULL: out of memory) of a row without a rule, and of one with it. */
void mp_cmp_row_judge(const struct mp_comparison *c, struct mp_cmp_row *r);
void mp_cmp_row_judge_rule(const struct mp_comparison *c, const struct mp_rule *rule,
			   bool automatic, struct mp_cmp_row *r);

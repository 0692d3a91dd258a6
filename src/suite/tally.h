/* SPDX-License-Identifier: GPL-2.0-only */
/* Verdicts of the same cases over several runs (--repeat): which of them changed. */
#pragma once

#include <mmsperf/results.h>

#include <stdbool.h>
#include <stdio.h>

struct mp_tally_row {
	char *suite, *name; /* name NULL: the suite as a whole */
	size_t count[_MP_VERDICT_MAX];
};

struct mp_tally {
	struct mp_tally_row *v;
	size_t n, runs;
};

int mp_tally_add(struct mp_tally *t, const struct mp_run *r);
/* "5 runs, 12 suites, 40 cases: none changed its verdict", or which did. */
void mp_tally_print(const struct mp_tally *t, FILE *out);
/* Whether it had more than one verdict; being skipped is none. */
bool mp_tally_row_changed(const struct mp_tally_row *r);
size_t mp_tally_changed(const struct mp_tally *t);
void mp_tally_done(struct mp_tally *t);

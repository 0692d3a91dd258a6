/* SPDX-License-Identifier: GPL-2.0-only */
/* What a suite's folder holds to judge it by; used after bzt ran and by `rejudge`. */
#pragma once

#include "suite/evaluate.h"

struct mp_evidence_files {
	struct mp_table bzt, own;
	struct mp_load load;
	struct mp_label_stats *labels; /* final_stats.csv */
	size_t n_labels;
	struct mp_suite_result xunit;   /* its cases alone are used */
	struct mp_label_load *by_label; /* mp_evidence_loads() */
	size_t n_by_label;
};

/* A file that is missing is no evidence, one that is broken is a warning in the log. */
void mp_evidence_collect(const char *dir, struct mp_evidence_files *ret);
/* Also the requests second by second of each label that a criterion with a timeframe watches, so
 * that it can be judged without bzt; each costs a pass over kpi.jtl. */
void mp_evidence_loads(const char *dir, const struct mp_plan *p, struct mp_evidence_files *f);
/* f as evidence; f must outlive it. bzt_code and incomplete are the caller's. */
struct mp_evidence mp_evidence_of(const struct mp_evidence_files *f);
void mp_evidence_done(struct mp_evidence_files *f);

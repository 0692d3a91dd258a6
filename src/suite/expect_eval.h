/* SPDX-License-Identifier: GPL-2.0-only */
/* Judging what Taurus cannot: moments, aggregates, throughput, and anything against a baseline. */
#pragma once

#include "suite/points.h"
#include "suite/simple.h"

struct mp_expect_evidence {
	const struct mp_table *own;          /* metrics.csv */
	const struct mp_table *bzt;          /* metrics_bzt.csv: other agents' values */
	const struct mp_label_stats *labels; /* of requests, "" the total */
	size_t n_labels;
	double load_from_s, load_to_s; /* epoch; 0: no load seen */
	const struct mp_points *points;
	bool incomplete; /* what is not there is not held against the suite */
	/* the same suite in the baseline run, series loaded; NULL: none, and why_none says why */
	const struct mp_suite_result *baseline;
	const char *why_none;
};

/* True when an expectation of m looks at a baseline. */
bool mp_expects_need_baseline(const struct mp_simple *m);
/* One case into s for each expectation that is no criterion. */
int mp_expects_judge(const struct mp_simple *m, const struct mp_expect_evidence *e,
		     struct mp_suite_result *s);

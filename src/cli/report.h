/* SPDX-License-Identifier: GPL-2.0-only */
/* What `mmsperf-bpf report` was asked for; shared by report.c and report_history.c. */
#pragma once

#include <mmsperf/store.h>

#include <stdbool.h>

struct mp_report_args {
	const char *out, *store, *output; /* NULL: not given */
	const char *env, *suite;          /* globs */
	long history;                     /* 0: not asked for */
	double give_up_s;
	bool open, quiet;
};

/* history.html of the store in `folder` (or a->store). Exit code. */
int mp_report_history_page(const struct mp_report_args *a, const char *folder);
/* Shows a page in a browser; a failure is said, not returned. */
void mp_report_open(const char *page);

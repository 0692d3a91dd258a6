/* SPDX-License-Identifier: GPL-2.0-only */
/* What `mmsperf-bpf report` was asked for; shared by report.c, report_history.c and
 * report_text.c. */
#pragma once

#include <mmsperf/compare.h>
#include <mmsperf/store.h>

#include <stdbool.h>

struct mp_report_args {
	const char *out, *store, *output; /* NULL: not given */
	const char *env, *suite;          /* globs */
	const char *markdown, *chart;     /* file; METRIC[:ROLE]; NULL: not asked for */
	long history;                     /* 0: not asked for */
	double give_up_s;
	bool open, quiet, github;
};

/* history.html of the store in `folder` (or a->store). Exit code. */
int mp_report_history_page(const struct mp_report_args *a, const char *folder);
/* Shows a page in a browser; a failure is said, not returned. */
void mp_report_open(const char *page);

/* Of a run whose series are loaded, beside its baseline where there is one. Exit code. */
int mp_report_markdown_file(const struct mp_report_args *a, const struct mp_run *run);
int mp_report_chart_file(const struct mp_report_args *a, const struct mp_run *run);
int mp_report_github(const struct mp_run *run);
/* file: "-" is stdout. c may be NULL. -errno after a line on stderr. */
int mp_cli_markdown(const struct mp_run *run, const struct mp_comparison *c, const char *file);

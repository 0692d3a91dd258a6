/* SPDX-License-Identifier: GPL-2.0-only */
/* What `mmsperf-bpf runs` was asked for; shared by runs.c, runs_table.c and runs_prune.c. */
#pragma once

#include <mmsperf/store.h>

struct mp_runs_args {
	const char *out;
	struct mp_run_filter filter;
	bool json, yes;
	double keep;         /* -1: not given */
	double older_than_s; /* 0: not given */
};

/* Table of at most 80 columns (120 where the terminal has them), or JSON. where: in words. */
void mp_runs_print(const struct mp_run_list *l, const char *where, bool json);
/* Deletes, or says what it would delete. Exit code. */
int mp_runs_prune(const struct mp_runs_args *a);

/* SPDX-License-Identifier: GPL-2.0-only */
/* `mmsperf-bpf metrics`: trying metrics on the running server, and what they cost there. */
#pragma once

#include <mmsperf/metrics.h>

#include <stdbool.h>

/* A meter on the running server (pid 0) or on pid, with nothing dropped. */
struct mp_trial {
	struct mp_meter *meter;
	struct mp_context *context;
	bool self; /* no server runs: it watches this very process */
};

/* One line on stderr and -errno on failure. */
int mp_trial_begin(struct mp_trial *t, pid_t pid);
void mp_trial_end(struct mp_trial *t);
/*
 * Why row cannot be had on the server now; NULL: it can. v is a view of its own for this question;
 * text of the reason is valid until the view is freed.
 */
const char *mp_trial_why(struct mp_trial *t, struct mp_view *v, const struct mp_metric_row *row);

/* `metrics --cost`: measures and prints; an exit code. */
int mp_metrics_cost(pid_t pid, bool json);
/* cost_load.c: makes events of every group for so long, by this process and a child. -errno. */
int mp_cost_load(unsigned ms);

/* SPDX-License-Identifier: GPL-2.0-only */
/* State of one run, shared by runner.c (the run) and one_suite.c (a suite of it). */
#pragma once

#include "suite/bzt.h"
#include "suite/collector.h"
#include "suite/evaluate.h"
#include "suite/events.h"
#include "suite/progress.h"
#include "suite/server.h"
#include "suite/tally.h"
#include "suite/tools.h"

#include <mmsperf/clock.h>

#include <jansson.h>

struct mp_runner {
	const struct mp_run_opts *o;
	struct mp_suite_list list;
	struct mp_events ev;
	struct mp_tools tools;
	struct mp_server server;
	struct mp_run run;
	struct mp_progress progress;
	double began_s;               /* monotonic: when the run was begun */
	struct mp_moment suite_began; /* when the suite that runs was begun, its server up */
	char *tmp;                    /* private folder of this run, removed at its end */
	char *home;                   /* bzt's HOME in it */
	char *server_fault; /* why no server could be had at server_fault_url: not tried again */
	char *server_fault_url;
	char *noted;           /* last note of the collector, not to be repeated */
	char *remark;          /* said of the suite beside its verdict; owned */
	struct mp_tally tally; /* verdicts of all runs */
	json_t *json;          /* --json: the runs so far */
	bool infra;            /* a fault outside of any suite has been said */
};

/* Runs and judges one suite: fills res but for its duration. Every fault becomes its verdict. */
void mp_runner_suite(struct mp_runner *u, const struct mp_suite *s, struct mp_suite_result *res);

/* SPDX-License-Identifier: GPL-2.0-only */
/* One run of bzt: command line, environment, deadline, stop by hand, what it says at its end. */
#pragma once

#include "suite/events.h"
#include "suite/plan.h"
#include "suite/tools.h"

enum mp_bzt_end {
	MP_BZT_ENDED,    /* by itself: code says how */
	MP_BZT_DEADLINE, /* told to stop at its deadline */
	MP_BZT_STOPPED,  /* told to stop by the user */
};

struct mp_bzt_opts {
	const struct mp_tools *tools;
	const char *suite_dir; /* its artifacts folder, exists */
	const char *home;      /* an empty folder that becomes $HOME */
	const char *jmeter;    /* NULL: the suite uses none */
	bool offline_jmeter;
	const char *socket; /* becomes $MMSPERF_SOCKET */
	double deadline_s;
	const pid_t *keep; /* children of ours that are no strays of this bzt */
	size_t n_keep;
	void (*tick)(void *data, double elapsed_s); /* about once a second; NULL: none */
	void *data;
};

struct mp_bzt_result {
	enum mp_bzt_end end;
	int code;      /* bzt's; 128 + signal when it was killed */
	double bzt_s;  /* from its start to its end */
	size_t strays; /* processes it left behind, ended */
};

/* 0 when bzt was started and has ended; -errno with d filled when it could not be. */
int mp_bzt_run(const struct mp_suite *s, const struct mp_bzt_opts *o, struct mp_events *ev,
	       struct mp_bzt_result *ret_result, struct mp_diag *d);
/* The line of bzt's console that tells why it failed; else its last line or, without `any`, "". */
void mp_bzt_fault(const char *suite_dir, bool any, char *buf, size_t size);

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happens before and after a simple suite's load: its steps through the server's management
 * API and commands, each with a deadline, and the moments that expectations look at.
 */
#pragma once

#include "suite/events.h"
#include "suite/points.h"
#include "suite/simple.h"

struct mp_steps_run {
	const struct mp_simple *m;
	struct mp_events *ev;
	const char *dir; /* of the suite: metrics.csv grows there; steps.log, points.csv */
	int log;         /* steps.log */
	long *wanted;    /* workers a model should have by now, one a model */
	struct mp_points points;
};

#define MP_STEPS_INIT ((struct mp_steps_run){.log = -1})

/* Opens the log and waits for the values `before`. All of them: 0, -EINTR, or -errno with d. */
int mp_steps_begin(struct mp_steps_run *s, struct mp_diag *d);
int mp_steps_setup(struct mp_steps_run *s, struct mp_diag *d);
int mp_steps_after_load(struct mp_steps_run *s, struct mp_diag *d);
/* Every step, also after one failed: the first fault counts. settle: values after them count. */
int mp_steps_cleanup(struct mp_steps_run *s, bool settle, struct mp_diag *d);
/* Writes points.csv and frees. */
int mp_steps_end(struct mp_steps_run *s, struct mp_diag *d);
void mp_steps_done(struct mp_steps_run *s);

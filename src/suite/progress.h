/* SPDX-License-Identifier: GPL-2.0-only */
/* The line that says which suite runs and for how long: in place on a terminal, plain elsewhere. */
#pragma once

#include "suite/live.h"

struct mp_progress {
	bool quiet, terminal;
	bool drawn; /* a line stands on the terminal that has no newline yet */
	size_t i, n;
	const char *name;
	double expected_s; /* 0: unknown */
	double said_s;     /* when a plain line was last written */
	double every_s;    /* how often one may be */
	struct mp_live live;
	bool is_live; /* live is followed */
};

/* verbosity: -1 says nothing, 1 a plain line every 10 s where there is no terminal. */
void mp_progress_init(struct mp_progress *p, size_t n, int verbosity);
void mp_progress_begin(struct mp_progress *p, size_t i, const char *name, double expected_s);
/* elapsed_s < 0: only clear the line, something else will be printed. */
void mp_progress_tick(void *p, double elapsed_s);
/* What the suite's files say is shown from here to its end; dir as in mp_live_init(). */
void mp_progress_watch(struct mp_progress *p, const char *dir, const char *const *metrics,
		       size_t n);
void mp_progress_end(struct mp_progress *p, const char *verdict, double elapsed_s,
		     const char *reason);

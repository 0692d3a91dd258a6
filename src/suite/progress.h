/* SPDX-License-Identifier: GPL-2.0-only */
/* The line that says which suite runs and for how long: in place on a terminal, plain elsewhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct mp_progress {
	bool quiet, terminal;
	bool drawn; /* a line stands on the terminal that has no newline yet */
	size_t i, n;
	const char *name;
	double expected_s; /* 0: unknown */
	double said_s;     /* when a plain line was last written */
};

void mp_progress_init(struct mp_progress *p, size_t n, bool quiet);
void mp_progress_begin(struct mp_progress *p, size_t i, const char *name, double expected_s);
/* elapsed_s < 0: only clear the line, something else will be printed. */
void mp_progress_tick(void *p, double elapsed_s);
void mp_progress_end(struct mp_progress *p, const char *verdict, double elapsed_s,
		     const char *reason);

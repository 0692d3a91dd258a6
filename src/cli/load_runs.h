/* SPDX-License-Identifier: GPL-2.0-only */
/* Stored runs by the names people give them; shared by the commands that read runs. */
#pragma once

#include <mmsperf/results.h>

struct mp_run_set {
	struct mp_run **v; /* owned; oldest first */
	size_t n;
};

/*
 * The runs that spec names (several with commas between), their series loaded. out: artifacts
 * folder. Complaints are logged; *ret_faulty: something of a run could not be read, the rest is
 * there. 0 or -errno.
 */
int mp_cli_load_runs(const char *out, const char *spec, struct mp_run_set *ret_set,
		     bool *ret_faulty);
void mp_run_set_done(struct mp_run_set *s);

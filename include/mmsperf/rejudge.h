/* SPDX-License-Identifier: GPL-2.0-only */
/* Criteria applied to what a run stored, without running anything. */
#pragma once

#include <mmsperf/results.h>

/*
 * Judges the stored suites of run that suite_yaml names (its own name, or the run's only suite;
 * every case of a matrix) by the criteria of suite_yaml as environment env (NULL: the run's)
 * completes them. They are added to into->suites, each with the verdict and its series loaded. The
 * run is not changed. -ENOENT, -EINVAL with d filled: no such suite, a malformed file.
 */
int mp_suite_rejudge(const struct mp_run *run, const char *suite_yaml, const char *env,
		     struct mp_run *into, struct mp_diag *d);
/* Verdict and exit code of a run from its suites alone. */
void mp_run_conclude(struct mp_run *run);

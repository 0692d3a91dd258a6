/* SPDX-License-Identifier: GPL-2.0-only */
/* The comparison after each run. */
#pragma once

#include <mmsperf/results.h>

/*
 * Compares run, whose series are loaded, with the newest passing run of its environment in its
 * artifacts folder; writes the comparison's files into run's folder and sets run->comparison and
 * its verdict. 0; -ENOENT: there is nothing to compare with (d says so); another error with d
 * filled: it could not be made, which is no pass.
 */
int mp_autocompare(struct mp_run *run, struct mp_diag *d);

/* SPDX-License-Identifier: GPL-2.0-only */
/* What would be run: for --dry-run and `check`. */
#pragma once

#include <mmsperf/suite.h>

#include <stdio.h>

/* One line a suite, in the order they are run, and the sum. */
void mp_listing_print(const struct mp_suite_list *l, FILE *out);
/* The same as a JSON object {"suites": [...], "expected_s": ...}. 0, -ENOMEM or -EIO. */
int mp_listing_json(const struct mp_suite_list *l, FILE *out);
/* The faults of malformed suites, one line each, as errors in the log; how many there are. */
size_t mp_listing_faults(const struct mp_suite_list *l);

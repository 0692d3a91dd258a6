/* SPDX-License-Identifier: GPL-2.0-only */
/* A simple suite's own expectations from what its folder holds; after a run and by `rejudge`. */
#pragma once

#include "suite/evidence.h"

/*
 * Adds a case to res (which has name and dir) for each expectation that is no criterion; to be
 * called before mp_eval_suite(), which draws the verdict from all cases. run: its folder, out, env
 * and fingerprint say what a baseline is. 0 for suites that are not simple.
 */
int mp_simple_judge(const struct mp_suite *s, const struct mp_run *run,
		    const struct mp_evidence_files *f, bool incomplete, struct mp_suite_result *res,
		    struct mp_diag *d);

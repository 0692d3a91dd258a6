/* SPDX-License-Identifier: GPL-2.0-only */
/* --json: what the runs came to, for machines. */
#pragma once

#include "suite/tally.h"

#include <jansson.h>

/* Appends run.json of dir, with "dir" and "report" added, to the array runs. 0 or -errno. */
int mp_result_json_add(json_t *runs, const char *dir);
/*
 * {"schema": 1, "exit_code": ..., "runs": [...], "changed": [...]}; runs and t may be NULL: none
 * was made. Takes runs over. 0, -ENOMEM or -EIO.
 */
int mp_result_json_print(json_t *runs, const struct mp_tally *t, int exit_code, FILE *out);

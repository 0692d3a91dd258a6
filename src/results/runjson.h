/* SPDX-License-Identifier: GPL-2.0-only */
/* run.json: one run as a file, with a schema version; private to src/results. */
#pragma once

#include <mmsperf/results.h>

#define MP_RUN_SCHEMA 1

enum mp_run_state { MP_RUN_RUNNING, MP_RUN_FINISHED };

int mp_runjson_write(const struct mp_run *r, enum mp_run_state state, struct mp_diag *d);

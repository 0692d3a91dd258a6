/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which process is the server: by pid, pid file, command line, or the running model server.
 * Looks only at /proc; adopts nothing. Private to src/proc.
 */
#pragma once

#include <mmsperf/diag.h>
#include <mmsperf/tree.h>

#include "proc/pid.h"

#define MP_WORKER_PATTERN "model_service_worker\\.py"

struct mp_finder;

int mp_finder_new(const struct mp_target *t, struct mp_finder **ret_finder, struct mp_diag *d);
void mp_finder_free(struct mp_finder *f);

bool mp_finder_is_worker(const struct mp_finder *f, const char *cmd);

/* The server now, by looking at all of /proc; 0: none. orphans[max] get worker-script processes
 * under pid 1 that no frontend owns any more (only when looking for the running server). */
pid_t mp_finder_scan(struct mp_finder *f, pid_t *orphans, size_t max, size_t *ret_orphans);
/* The server that pid, which has just exec'd, is or belongs to; 0: none. */
pid_t mp_finder_check(struct mp_finder *f, pid_t pid);
/* A pid file may appear or change without any exec: to be looked at again at ticks as well. */
bool mp_finder_polls(const struct mp_finder *f);
/* The present server is gone: its pid, should it be named again, is somebody else's. */
void mp_finder_lost(struct mp_finder *f, pid_t pid);

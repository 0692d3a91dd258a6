/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that outlive the child that started them: JMeter after a crash of bzt, a server that a
 * suite's step left behind. They are found as descendants, or by a variable that everything we
 * start inherits; what others started has neither and is never touched.
 *
 * The runner is no subreaper on purpose: what is orphaned goes to pid 1 as it would without us, so
 * that the metric `orphans` (workers whose parent is pid 1) means the same, and whoever waits for
 * the end of a pid does not wait for a zombie of ours.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Sets the variable in this process's environment; before anything is started. 0 or -errno. */
int mp_strays_mark(void);
/*
 * Ends all of them but the `keep` processes, their subtrees and their process groups:
 * sig, grace_s to leave, KILL. Everything ended is reaped. Returns how many there were.
 */
size_t mp_strays_end(const pid_t *keep, size_t n_keep, int sig, double grace_s);
/* The same for the process group of `leader`, a child of ours that may have ended already. */
size_t mp_strays_end_group(pid_t leader, int sig, double grace_s);

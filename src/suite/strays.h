/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes that outlive the child that started them. The runner is their subreaper, so whatever
 * bzt or a server leaves behind becomes its child and is ended by it; what others started is never
 * among its descendants and never touched.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Makes this process the subreaper of its descendants. 0 or -errno. */
int mp_strays_adopt(void);
/*
 * Ends all descendants but those of the `keep` processes (their subtrees and their process groups):
 * sig, grace_s to leave, KILL. Everything ended is reaped. Returns how many there were.
 */
size_t mp_strays_end(const pid_t *keep, size_t n_keep, int sig, double grace_s);
/* The same for the process group of `leader`, a child of ours that may have ended already. */
size_t mp_strays_end_group(pid_t leader, int sig, double grace_s);

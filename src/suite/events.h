/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the runner waits for: a child's end, a signal to stop, a moment. Signals arrive by
 * signalfd, so none is lost between a check and a wait.
 */
#pragma once

#include <mmsperf/child.h>

#include <stdbool.h>

struct mp_events {
	int fd;         /* signalfd of INT, TERM, HUP; -1 before init */
	int interrupts; /* how many of them have come */
};

enum mp_wakeup { MP_WAKE_CHILD, MP_WAKE_SIGNAL, MP_WAKE_TIME, MP_WAKE_DATA };

/* Blocks the signals in this process (children get them unblocked). 0 or -errno. */
int mp_events_init(struct mp_events *e);
void mp_events_done(struct mp_events *e);
/*
 * Waits at most timeout_s for c (NULL: no child; it is not reaped), for extra_fd to become readable
 * (-1: none) or for a signal. Counts signals.
 */
enum mp_wakeup mp_events_wait(struct mp_events *e, const struct mp_child *c, int extra_fd,
			      double timeout_s);

/* SPDX-License-Identifier: GPL-2.0-only */
/* The recording of one suite: this program's own agent as a child. */
#pragma once

#include "suite/events.h"
#include "suite/plan.h"

struct mp_collector {
	struct mp_child child;
	char *socket;     /* Unix socket the plugin finds through $MMSPERF_SOCKET */
	char *log;        /* SUITE/collector.log */
	char *rung, *why; /* as the agent's READY line says; why may be NULL */
	char *note;       /* one line the user should know, or NULL */
};

#define MP_COLLECTOR_INIT ((struct mp_collector){.child = {.pid = 0, .pidfd = -1}})

struct mp_collector_opts {
	const char *self;            /* this program */
	const char *suite_dir;       /* gets metrics.csv, workers.csv, collector.log */
	const char *socket_dir;      /* private, short (a Unix socket's path has 107 bytes) */
	const char *match, *pidfile; /* which server; NULL and pid 0: the running MMS */
	pid_t pid;
	bool monit; /* also the TCP socket that suites ask for */
};

/* Starts it and waits for READY. 0; -EINTR: told to stop; -errno with d filled. */
int mp_collector_start(struct mp_collector *c, const struct mp_collector_opts *o,
		       const struct mp_plan *p, struct mp_events *ev, struct mp_diag *d);
/* Ends it, so that its files are whole. -EIO with d filled when it had ended by itself or had to
 * give up recording. */
int mp_collector_stop(struct mp_collector *c, struct mp_diag *d);
void mp_collector_done(struct mp_collector *c);

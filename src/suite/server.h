/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model server under test: one that answers is used and never stopped; else the described one
 * is started, waited for, and stopped with all it started.
 */
#pragma once

#include "suite/events.h"
#include "suite/plan.h"

struct mp_server {
	struct mp_child child;      /* of the server we started; pid 0: none */
	const struct mp_yaml *spec; /* its description, borrowed; NULL: none of ours runs */
	struct mp_yaml *file;       /* --server FILE or `server: FILE`, read once */
	char *file_path;            /* what `file` was read from */
	char *log;                  /* output of what we start: RUN/server.log */
	char *url;                  /* where the one in use answers; NULL: none asked for */
	bool ours;
};

#define MP_SERVER_INIT ((struct mp_server){.child = {.pid = 0, .pidfd = -1}})

/*
 * Sees to it that a server answers for this suite (contract, section 1). 0; -EINTR: told to stop;
 * else -errno with d filled: nothing answers and nothing can be started, or it did not get ready.
 */
int mp_server_ensure(struct mp_server *s, const struct mp_plan *p, const char *option,
		     struct mp_events *ev, struct mp_diag *d);
/* Whether what the plan says about starting one is well-formed; starts nothing. */
int mp_server_check(const struct mp_plan *p, struct mp_diag *d);
/* Whether the server we started has ended by itself; d then says how, with its last words. */
bool mp_server_has_died(struct mp_server *s, struct mp_diag *d);
/* Ends what we started, nothing else. */
void mp_server_stop(struct mp_server *s);
void mp_server_done(struct mp_server *s);

/* How a collector is told which processes are meant; NULL when the MMS that runs is. */
const char *mp_server_match(const struct mp_server *s);
const char *mp_server_pidfile(const struct mp_server *s);
/* The one that answers at the address, when it is not the one that would be watched without being
 * told; 0: nothing needs to be said. */
pid_t mp_server_pid(const struct mp_server *s);

/* The last non-empty lines of a text file, joined by " | ", at most size bytes. */
void mp_last_lines(const char *path, int lines, char *buf, size_t size);

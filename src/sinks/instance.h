/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One agent a place: the paths that belong to an agent (socket, pid file, log), the lock that says
 * it lives, ending it, and leaving nothing behind.
 *
 * The pid file holds a POSIX record lock for as long as the agent lives. The kernel names the
 * lock's owner, so a pid that was reused, or a file somebody forged, is never signalled.
 */
#pragma once

#include <mmsperf/diag.h>

#include <stdbool.h>
#include <sys/types.h>

struct mp_instance {
	char *dir;  /* absolute, owned, like the next three */
	char *sock; /* DIR/NAME.sock */
	char *pid;  /* DIR/NAME.pid */
	char *log;  /* DIR/NAME.log: of an agent in the background */
	int lock_fd;
	bool made_dir; /* by us, so we remove it if it is empty */
	pid_t tidier;  /* helper that removes the files when we no longer may; 0: not needed */
	int tidier_fd; /* closing it starts the helper's work */
};

#define MP_INSTANCE_INIT ((struct mp_instance){.lock_fd = -1, .tidier_fd = -1})

/* path NULL: $MMSPERF_SOCKET, else /run/mmsperf/agent.sock as root, else below $XDG_RUNTIME_DIR. */
int mp_instance_init(struct mp_instance *i, const char *path, struct mp_diag *d);

/*
 * Makes the directory (0755 as root, else 0700) for the user the agent will become, takes the lock
 * and writes the pid. -EEXIST with *ret_pid when another agent has it. argv is rewritten in the
 * helper process (if one is needed), so that no --match pattern on its command line matches it.
 */
int mp_instance_claim(struct mp_instance *i, uid_t uid, gid_t gid, int argc, char **argv,
		      pid_t *ret_pid, struct mp_diag *d);
/* The living agent of this place, or 0. */
pid_t mp_instance_pid(const struct mp_instance *i);
/* TERM, then KILL after grace_s; waits until it is gone. 0, -ESRCH (none runs), -EPERM, -ETIMEDOUT.
 */
int mp_instance_stop(struct mp_instance *i, double grace_s, pid_t *ret_pid);
/* Removes what claim and the listener made; NULL-safe, idempotent. */
void mp_instance_done(struct mp_instance *i);
/* Overwrites the command line ps shows (never longer than it was). */
void mp_instance_rename(int argc, char **argv, const char *name);

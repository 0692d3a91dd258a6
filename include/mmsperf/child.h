/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Child processes: argv lists, never shell strings; a process group each, so that a deadline ends
 * all of it; a pidfd each, so that waiting has a deadline. Nothing is inherited but 0, 1, 2.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct mp_child {
	pid_t pid;  /* also its process group; 0: not running */
	int pidfd;  /* readable when it ended; -1 after it was reaped */
	int status; /* wait status, valid once reaped */
};

#define MP_CHILD_INIT ((struct mp_child){.pid = 0, .pidfd = -1})

struct mp_child_opts {
	const char *cwd;        /* NULL: the same */
	const char *const *env; /* additional "NAME=VALUE", NULL-terminated; NULL: none */
	int stdin_fd;           /* 0 = /dev/null */
	int stdout_fd;          /* 0 = inherited */
	int stderr_fd;          /* 0 = inherited */
	int keep_fd;            /* > 0: this descriptor is inherited, under the same number */
	bool die_with_parent;   /* PR_SET_PDEATHSIG TERM: nothing survives a killed parent */
	bool same_group;        /* stay in the caller's process group */
};

/* argv[0] is searched in PATH. The child is exec'd or the errno of the failed exec returned. */
int mp_child_start(const char *const *argv, const struct mp_child_opts *opts,
		   struct mp_child *ret_child);
/* 0 and reaped; -ETIMEDOUT after timeout_s (< 0: no limit); -EINTR when a signal handler ran. */
int mp_child_wait(struct mp_child *c, double timeout_s);
/* Signal to the whole group; 0 or -errno (-ESRCH: none left). */
int mp_child_signal(struct mp_child *c, int sig);
/* Sends sig to the group, waits grace_s, then KILL to what is left of the group; always reaps. */
int mp_child_stop(struct mp_child *c, int sig, double grace_s);
/* Exit code of a reaped child; 128 + signal when it was killed. */
int mp_child_code(const struct mp_child *c);

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files that only the server's user may read, for a collector that has no capability: a process of
 * its own keeps CAP_DAC_READ_SEARCH and nothing else, opens what an allow-list names, for reading,
 * and passes the descriptor. Started before privileges are dropped; ends with its parent.
 *
 * Allowed are the JVM's performance data (.../hsperfdata_USER/PID, and it must begin as such), the
 * metrics logs of a model server by their names, and *.log below folders named before the seal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mp_opener;

struct mp_opener_opts {
	const char *user;            /* whom it becomes (NULL: nobody) when started by root */
	void (*in_child)(void *arg); /* called in the new process, may be NULL */
	void *arg;
};

/* -EPERM: this process has no CAP_DAC_READ_SEARCH to leave to it. Other failures: -errno. */
int mp_opener_start(const struct mp_opener_opts *opts, struct mp_opener **ret_opener);
/* One more folder whose *.log may be read; -EPERM after the seal, -ENOSPC: too many. */
int mp_opener_allow(struct mp_opener *o, const char *dir);
int mp_opener_seal(struct mp_opener *o);
/* -EPERM: not on the list; -EPIPE: it is gone; -ETIMEDOUT; else what open(2) said there. */
int mp_opener_open(struct mp_opener *o, const char *path, int *ret_fd);
pid_t mp_opener_pid(const struct mp_opener *o);
/* Ends and reaps it. NULL allowed. */
void mp_opener_free(struct mp_opener *o);

enum mp_opener_rule { MP_OPENER_NO, MP_OPENER_HSPERF, MP_OPENER_METRICS_LOG, MP_OPENER_LOG };
/* The rule that a path falls under, by its text alone. *ret_below: index into dirs for ..._LOG. */
enum mp_opener_rule mp_opener_rule(const char *path, char *const *dirs, size_t n_dirs,
				   size_t *ret_below);

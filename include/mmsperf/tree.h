/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The watched server as processes with roles, fed by a source's records. Owns identity, roles,
 * models and worker slots, and the totals of members that ended. Does no arithmetic on rates.
 */
#pragma once

#include <mmsperf/source.h>

#include <regex.h>

enum mp_role { MP_ROLE_FRONTEND, MP_ROLE_WORKER, MP_ROLE_OTHER, _MP_ROLE_MAX };

/* Which server to watch; exactly one way, or none of them: the running MMS. */
struct mp_target {
	pid_t pid;
	const char *pidfile;
	const char *match; /* POSIX extended regex on the whole command line, argv joined by ' ' */
	const char *workers; /* regex of a worker's command line; NULL: model_service_worker.py */
};

struct mp_proc {
	struct mp_rec cur; /* latest reading */
	enum mp_role role;
	bool is_parent;          /* a living worker-script child exists: a listener */
	bool fresh;              /* first seen at this tick */
	uint32_t execs_seen;     /* execs value the role was decided for; ~0: not yet */
	char *cmd;               /* argv joined by ' ' (owned) */
	char *model;             /* model it serves, or NULL (owned) */
	int slot;                /* worker slot within its model, stable, from 0; -1: none */
	double split_u, split_s; /* user/system split of run_ns, monotone, seconds */
};

/* Sums over members of a role that have ended: what "never falls". Field names as in mp_rec. */
struct mp_gone {
	double user_s, system_s;
	uint64_t run_ns, rchar, wchar, syscr, syscw, read_bytes, write_bytes, iowait_ns;
	uint64_t run_delay_ns, nvcsw, nivcsw, minflt, majflt;
	uint64_t threads_created, threads_ended;
	uint64_t processes; /* how many ended */
	uint64_t crashed;   /* of these, by a signal or with a non-zero code */
};

struct mp_tree {
	struct mp_proc *procs; /* living members */
	size_t n;
	struct mp_gone gone[_MP_ROLE_MAX];
	uint64_t processes_created[_MP_ROLE_MAX];
	pid_t root;          /* 0: no server now */
	uint64_t generation; /* changes when another server is adopted */
	uint64_t tick_ns;    /* CLOCK_MONOTONIC of the last tick */
	uint64_t ticks;
};

struct mp_meter; /* a source, a target and their tree */

struct mp_meter_opts {
	struct mp_target target;
	struct mp_source *source; /* taken over, also on failure */
};

int mp_meter_new(const struct mp_meter_opts *opts, struct mp_meter **ret_meter, struct mp_diag *d);
void mp_meter_free(struct mp_meter *m);
/* One sample now. A server that is not there yet (or any more) is no error: the tree is empty. */
int mp_meter_tick(struct mp_meter *m);
/* To be polled for reading; then call mp_meter_event(). -1 on rungs without events. */
int mp_meter_event_fd(const struct mp_meter *m);
int mp_meter_event(struct mp_meter *m);
const struct mp_tree *mp_meter_tree(const struct mp_meter *m);
struct mp_source *mp_meter_source(const struct mp_meter *m);

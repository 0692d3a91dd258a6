/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The watched server as processes with roles, fed by a source's records. Owns identity, roles,
 * models and worker slots, and the totals of members that ended. Does no arithmetic on rates.
 */
#pragma once

#include <mmsperf/source.h>

#include <regex.h>

enum mp_role { MP_ROLE_FRONTEND, MP_ROLE_WORKER, MP_ROLE_OTHER, _MP_ROLE_MAX };

/*
 * Roles (contract, section 4). The frontend is the root, or, where a wrapper was given as root, the
 * model server (MMS, TorchServe) it started. A process whose command line matches the worker
 * pattern is a worker; a fork without exec inherits its parent's role; whatever exec'd anything
 * else is "other" and counts in no total. In a tree that holds no model server frontend and in
 * which no worker-script process has been seen, every descendant of the root counts as a worker, so
 * that any prefork server can be watched.
 */

/* Which server to watch; at most one of pid, pidfile, match; none: the running MMS/TorchServe. */
struct mp_target {
	pid_t pid;
	const char *pidfile;
	const char *match; /* POSIX extended regex on the whole command line, argv joined by ' ' */
	const char *workers; /* regex of a worker's command line; NULL: model_service_worker.py */
};

/* Counters of processes, in the raw units of struct mp_rec: integers, so that a sum never falls. */
struct mp_totals {
	uint64_t user_ns, system_ns; /* split of run_ns as the kernel's cputime_adjust() makes it */
	uint64_t run_ns, rchar, wchar, syscr, syscw, read_bytes, write_bytes, iowait_ns;
	uint64_t run_delay_ns, nvcsw, nivcsw, minflt, majflt;
	uint64_t threads_created, threads_ended;
	uint64_t extra[_MP_EX_MAX];
};

struct mp_proc {
	struct mp_rec cur; /* latest reading; totals never fall from one tick to the next */
	uint64_t extra[_MP_EX_MAX]; /* what groups counted of it */
	enum mp_role role;
	bool is_parent; /* a living worker is its child: a listener */
	bool listener;  /* private: a worker script that has or had workers: never in a slot */
	bool script;    /* runs the worker script, itself or by inheritance */
	bool server;    /* private: exec'd a model server's frontend */
	bool fresh;     /* first seen at this tick */
	bool counted;   /* private: in processes_created */
	bool placed;    /* private: a worker for certain, counted as one's replacement if it is */
	uint32_t execs_seen;         /* private: execs value the role was decided for */
	uint32_t entry;              /* private: place in the tree's slot table */
	char *cmd;                   /* argv joined by ' ' (owned); "" when it cannot be known */
	int model;                   /* index into mp_tree.models, or -1 */
	int slot;                    /* worker slot within its model, stable, from 0; -1: none */
	uint64_t user_ns, system_ns; /* split of cur.run_ns, each monotone */
	/* What it had used when it took its role: NULL = nothing (it always had this role). Sums
	 * over a role count cur minus base; the rest was credited to the role it had before. */
	struct mp_totals *base;
};

#define MP_SIGNALS 65 /* 1 to 64 */

/* Members of a role that have ended: what "never falls". */
struct mp_gone {
	struct mp_totals t;
	uint64_t processes; /* how many ended */
	uint64_t crashed;   /* of these, by a signal or with a non-zero code */
	uint32_t by_code[256], by_signal[MP_SIGNALS];
	uint64_t lifetime_ns, shortest_ns; /* their lives, start to end: sum, and the shortest */
};

/* A model that a worker serves or served: --model-name of its listener's command line. */
struct mp_model {
	char *name;
	struct mp_gone gone;
	unsigned vacant;   /* places of workers that ended and were not replaced yet */
	uint64_t restarts; /* times a worker took such a place */
};

struct mp_tree {
	struct mp_proc *procs; /* living members; their order is kept from tick to tick */
	size_t n;
	struct mp_model *models; /* never shrinks */
	size_t n_models;
	pid_t root;     /* 0: no server now */
	pid_t frontend; /* the frontend: root, or the model server that root started; 0: none */
	uint64_t generation; /* changes when another server is adopted */
	unsigned groups;     /* enum mp_group that were attached at the last tick: extra counts */
	uint64_t tick_ns;    /* CLOCK_MONOTONIC of the last tick */
	uint64_t boot_ns;    /* CLOCK_BOOTTIME of the last tick: the base of start_ns */
	uint64_t ticks;
	struct mp_gone gone[_MP_ROLE_MAX];
	uint64_t processes_created[_MP_ROLE_MAX]; /* present ones at adoption included */
	unsigned vacant;   /* as in struct mp_model, of workers whose model is not known */
	uint64_t restarts; /* of all models and of none */
};

/*
 * Classes of latencies (struct mp_lat): the frontend, workers whose model is not known or has no
 * class of its own, and a class for each of the first models. 0: nobody whose latencies count.
 */
enum { MP_CLASS_NONE, MP_CLASS_FRONTEND, MP_CLASS_WORKER, MP_CLASS_MODEL };
unsigned mp_class_of(enum mp_role role, int model);

struct mp_meter; /* a source, a target and their tree */

struct mp_meter_opts {
	struct mp_target target;
	struct mp_source *source; /* taken over, also on failure */
};

/*
 * Strings of opts are copied. -EINVAL: bad regex or pid, more than one way to choose (d says what);
 * -ESRCH: target.pid does not exist.
 */
int mp_meter_new(const struct mp_meter_opts *opts, struct mp_meter **ret_meter, struct mp_diag *d);
void mp_meter_free(struct mp_meter *m);
/* One sample now. A server that is not there yet (or any more) is no error: the tree is empty. */
int mp_meter_tick(struct mp_meter *m);
/* To be polled for reading; then call mp_meter_event(). -1 on rungs without events. */
int mp_meter_event_fd(const struct mp_meter *m);
int mp_meter_event(struct mp_meter *m);
const struct mp_tree *mp_meter_tree(const struct mp_meter *m);
struct mp_source *mp_meter_source(const struct mp_meter *m);

/*
 * The kernel's cputime_adjust(): scales run_ns by utime/(utime+stime) into *user and *system, which
 * hold the previous result (0 at first) and never fall. Their sum is run_ns, unless run_ns fell.
 */
void mp_cputime_split(uint64_t run_ns, uint64_t utime, uint64_t stime, uint64_t *user,
		      uint64_t *system);

/* The process that listens on a TCP port of this machine; 0: none, or not to be told. */
pid_t mp_port_owner(unsigned port, bool v6);
/* The model server that listens there, if it is another one than a meter without a target would
 * watch; else 0. */
pid_t mp_port_server(unsigned port);

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The procfs rung's members, shared by procfs.c (the source's functions), procfs_read.c (one
 * member's reading) and procfs_scan.c (finding new members). Private to these three.
 */
#pragma once

#include <mmsperf/source.h>

#include "proc/pid.h"

#include <time.h>

/* What /proc has by thread only. */
struct mp_pf_sched {
	uint64_t delay_ns, nvcsw, nivcsw;
};

struct mp_pf_thread {
	pid_t tid;
	bool seen; /* at this reading */
	struct mp_pf_sched s;
};

/* One member beside its record. Descriptors are -1 when not kept. */
struct mp_pf_member {
	uint64_t start_ticks;
	int dir; /* O_PATH of /proc/PID: bound to this process, so a reused pid is never read */
	int stat, status, io, fd; /* kept files; fd is an O_PATH of the folder */
	bool mm_known; /* compared with its parent's once, and again while it was the same */
	bool kept;     /* holds a share of the descriptor budget */
	bool has_clock;
	clockid_t clock; /* CPU time of the process in ns; /proc/PID/stat has 10 ms */
	char *cmd;
	size_t cmd_len;
	char comm[64];
	uint64_t start_stack;
	struct mp_pf_thread *threads; /* procfs_sched.c */
	size_t n_threads, cap_threads;
	struct mp_pf_sched gone; /* of threads that ended */
};

struct mp_pf {
	struct mp_source s; /* first: a struct mp_source * is a struct mp_pf * */
	struct mp_pf_member *m;
	struct mp_rec *recs; /* parallel to m */
	size_t n, cap;       /* high-water mark of slots */
	size_t live;         /* slots that are not FREE */
	pid_t *seen;         /* pids of the last scan that are no members, sorted */
	size_t n_seen, cap_seen;
	pid_t *found; /* scratch of a scan */
	size_t cap_found;
	int proc;    /* /proc */
	int loadavg; /* its last number is the last pid given: unchanged = nothing new */
	long last_pid;
	unsigned scans;
	bool fd_size;   /* fstat of /proc/PID/fd gives the number of entries (Linux 6.2) */
	bool own_pids;  /* /proc shows this process's pid namespace */
	bool delayacct; /* field 42 of stat counts */
	unsigned want;  /* enum mp_rec_valid */
	unsigned kept, keep_max;
	uint64_t drops[_MP_DROP_MAX];
	char buf[MP_PID_BUF];
};

/* Adds pid as a member (not its descendants). 0, -EEXIST, -ESRCH, -ENOSPC, -ENOMEM. */
int mp_pf_add(struct mp_pf *p, pid_t pid, const struct mp_pid_stat *st, unsigned flags);
/* Slot of the living member pid, or -1. */
int mp_pf_slot(const struct mp_pf *p, pid_t pid);

/* Reads one member into its record: LIVE, ZOMBIE, or ENDED with the last totals known. */
void mp_pf_read(struct mp_pf *p, size_t slot);
int mp_pf_member_open(struct mp_pf *p, struct mp_pf_member *m, pid_t pid);
void mp_pf_member_done(struct mp_pf *p, struct mp_pf_member *m);
int mp_pf_stat(struct mp_pf *p, pid_t pid, struct mp_pid_stat *ret);

/* Adopts new children of members; `all` also looks at pids seen before. */
int mp_pf_scan(struct mp_pf *p, bool all);

/* procfs_sched.c: adds MP_HAS_SCHED to a record where /proc has it. */
void mp_pf_read_sched(struct mp_pf_member *m, struct mp_rec *r);
/* Of the texts of a thread's schedstat and status. Pure. */
bool mp_pf_sched_parse(const char *schedstat, const char *status, struct mp_pf_sched *ret);

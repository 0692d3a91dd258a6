/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What single processes say beyond the tree's records: limits, descriptors by kind, CPU by thread
 * name. Read for the members of a scope somebody asked about, each kind at its own pace. Private to
 * src/metrics.
 */
#pragma once

#include "metrics/table.h"

enum mp_fd_kind { MP_FD_FILE, MP_FD_SOCKET, MP_FD_PIPE, MP_FD_EVENT, _MP_FD_KINDS };
enum mp_thread_class {
	MP_THR_NETTY,
	MP_THR_BACKEND,
	MP_THR_GC,
	MP_THR_JIT,
	MP_THR_JVM,
	MP_THR_PYTHON,
	MP_THR_OTHER,
	_MP_THR_MAX
};

struct mp_thread {
	uint32_t tid, seen; /* seen: walk it was last found in */
	uint8_t class;
	uint8_t looks; /* times its name was read */
	uint64_t run_ns;
};

/* Of one process. */
struct mp_aux {
	uint64_t start_ns;
	uint32_t tgid, execs;
	enum mp_role role;
	bool refused;   /* its folder of descriptors is closed to this user */
	unsigned known; /* enum mp_aux_kind whose values are valid */
	double age_s;
	double nofile;
	uint32_t fds[_MP_FD_KINDS];
	double thread_ns[_MP_THR_MAX];
	uint64_t limits_at_ns, fds_at_ns, threads_at_ns; /* last reading; 0: never */
	struct mp_thread *thread;                        /* by tid */
	size_t n_threads, cap_threads;
	uint32_t walks;
};

struct mp_auxes {
	unsigned need[_MP_SCOPE_MAX]; /* enum mp_aux_kind */
	struct mp_aux *v;             /* parallel to the tree's procs */
	size_t n, cap;
	bool unpaced;                              /* for measuring */
	bool refused;                              /* /proc/PID/fd of some process */
	double gone_ns[_MP_ROLE_MAX][_MP_THR_MAX]; /* of members that ended */
};

int mp_auxes_update(struct mp_auxes *a, const struct mp_tree *t, uint64_t now_ns);
void mp_auxes_done(struct mp_auxes *a);
/* Value of a metric of MP_AUX_METRICS for the i-th process of the tree. */
struct mp_value mp_aux_value(const struct mp_auxes *a, int metric, const struct mp_proc *p,
			     size_t i);
/* What ended members of a role used, of the metric; 0 for gauges. */
double mp_aux_gone(const struct mp_auxes *a, int metric, enum mp_role role);

/* Pure: soft limit of a line of /proc/PID/limits; -EINVAL. INFINITY: unlimited. */
int mp_limits_parse(const char *text, double *ret_nofile);
enum mp_fd_kind mp_fd_kind_of(const char *target);
enum mp_thread_class mp_thread_class_of(const char *comm);

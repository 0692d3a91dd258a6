/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A source of process records: one of three rungs behind one table of functions. kernel/source.c
 * picks the highest that works (probing, never by version); proc/procfs.c is the lowest.
 * A source knows members, not roles: roles are proc/tree's.
 */
#pragma once

#include <mmsperf/abi.h>
#include <mmsperf/diag.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum mp_rung { MP_RUNG_SNAPSHOT, MP_RUNG_ITER, MP_RUNG_PROCFS, _MP_RUNG_MAX };
const char *mp_rung_name(enum mp_rung rung); /* "BPF snapshot", "BPF iterator", "procfs" */

/* "run-queue group": the first of a mask of enum mp_group. */
const char *mp_group_label(unsigned groups);

struct mp_source;

/* A user of the histograms: the longest latencies since it last asked. */
struct mp_lat_user {
	struct mp_lat_user *next;
	uint64_t ns[_MP_LAT_MAX][MP_CLASSES];
};

/* What attached groups write, mapped from the kernel. Owned by the source. */
struct mp_probes {
	unsigned on;              /* enum mp_group that are attached */
	struct mp_extra *extra;   /* by slot, which is the index of a record */
	const struct mp_lat *lat; /* [_MP_LAT_MAX][MP_CLASSES] */
	struct mp_lat_max *max;   /* by CPU */
	size_t n_cpus;
	const struct mp_off *off;  /* [MP_OFF_PLACES] */
	const uint8_t *off_used;   /* by 64 of them: 0: none was ever used */
	struct mp_lat_user *users; /* list, of who takes from max: see metrics/latency.c */
};

struct mp_source_ops {
	enum mp_rung rung;
	/*
	 * Makes pid and all its present descendants members. 0, -ESRCH, -ENOSPC. With pid 0 only
	 * descendants of members that are none yet (and -ESRCH): those whose fork went unseen.
	 */
	int (*adopt)(struct mp_source *s, pid_t pid);
	/* Forgets every member (their totals are gone). */
	int (*clear)(struct mp_source *s);
	/*
	 * Reads all members once. *ret_recs points at *ret_n records (slot order, those in state
	 * FREE are to be skipped), owned by the source, valid until the next call. Records that
	 * ended since the last tick come exactly once as MP_REC_ENDED with their final totals.
	 */
	int (*tick)(struct mp_source *s, const struct mp_rec **ret_recs, size_t *ret_n);
	/* Command line of a record: NUL-separated argv, valid until the next tick. */
	const char *(*cmd)(struct mp_source *s, const struct mp_rec *r, size_t *ret_len);
	/*
	 * A descriptor that becomes readable when any process of the machine exec'd while `watch`
	 * is on, and pids(): those that did. -1 on rungs without events (then poll /proc).
	 */
	int (*event_fd)(struct mp_source *s);
	int (*watch_execs)(struct mp_source *s, bool on);
	size_t (*exec_pids)(struct mp_source *s, pid_t *pids, size_t max);
	/* Attaches/detaches optional groups (mask of enum mp_group, 0: none). -EOPNOTSUPP with the
	 * reason of the first that cannot be had; the others are attached all the same. Works after
	 * privileges were dropped. */
	int (*need_groups)(struct mp_source *s, unsigned groups, struct mp_diag *d);
	/* Optional (NULL: this rung has none). What groups write. */
	struct mp_probes *(*probes)(struct mp_source *s);
	/* Optional (NULL: not to be had). BPF run time and count of one group's programs. */
	bool (*group_cost)(struct mp_source *s, unsigned group, uint64_t *ret_run_ns,
			   uint64_t *ret_runs);
	/* Drops counted so far, by enum mp_drop (MP_DROP_MISSED as of at most a second ago). */
	void (*drops)(struct mp_source *s, uint64_t drops[_MP_DROP_MAX]);
	/* BPF run time and run count of all programs since the first call, which makes the kernel
	 * count them (root alone may: to be called before privileges are dropped) and every run of
	 * a hook dearer. False: not to be had. A system call per program: not for every tick. */
	bool (*self_cost)(struct mp_source *s, uint64_t *ret_run_ns, uint64_t *ret_runs);
	/*
	 * Optional (NULL: everything always). Mask of enum mp_rec_valid that the next ticks are to
	 * fill; CPU always is. Fields nobody wants are not read: a cache miss less per thread each.
	 */
	void (*want)(struct mp_source *s, unsigned valid);
	/*
	 * Optional (NULL: never). True when half of the slots are in use: tick now, and once more,
	 * because a slot is free only at the tick after the one that reported its end.
	 * event_fd becomes readable when this turns true.
	 */
	bool (*urgent)(struct mp_source *s);
	/* Optional (NULL: always 0). 0 when everything a tick needs works with present privileges.
	 */
	int (*check)(struct mp_source *s);
	void (*free)(struct mp_source *s);
};

struct mp_source {
	const struct mp_source_ops *ops;
	char why[256]; /* why the rung above is not in use; empty on the highest */
};

struct mp_source_opts {
	bool no_bpf;       /* procfs even where BPF works (also $MMSPERF_RUNG=procfs) */
	enum mp_rung best; /* highest rung tried ($MMSPERF_RUNG=iter|snapshot|procfs) */
};

/* Opens the best rung there is; fails only when not even /proc can be read. */
int mp_source_open(const struct mp_source_opts *opts, struct mp_source **ret_source);
void mp_source_free(struct mp_source *s); /* NULL allowed */

/* The lowest rung, from proc/procfs.c. */
int mp_procfs_open(struct mp_source **ret_source);

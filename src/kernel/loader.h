/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loaded BPF object behind both BPF rungs: programs, maps mapped into this process, links.
 * loader.c makes and ends it, members.c has the operations common to both rungs, snapshot.c and
 * iter.c the readings. Private to src/kernel.
 */
#pragma once

#include "kernel/features.h"

#include <mmsperf/diag.h>

/* Says once, on the log, why a rung cannot be had and which one is tried instead. */
void mp_loader_report(enum mp_rung rung, const char *why, enum mp_rung instead);

#ifndef MP_NO_BPF

struct mmsperf_bpf;
struct bpf_link;
struct ring_buffer;

#define MP_MAX_LINKS 4

struct mp_bpf {
	/* what a tick needs, together */
	struct mp_source src; /* first: a source is one of these */
	struct mmsperf_bpf *skel;
	int tick_fd, adopt_fd; /* snapshot rung: programs */
	uint64_t calibrated_ns;
	struct mp_rec *recs; /* a mapped map, as those below */
	bool preemptible;    /* hooks may be left out: heal.c looks for what they missed */
	uint64_t heal_at_ns, healed[MP_MAX_LINKS]; /* next look; runs left out of each hook */
	struct mp_probes probes;

	struct bpf_link *links[MP_MAX_LINKS]; /* lifecycle hooks: newtask, exec, exit, free */
	int hook_fds[MP_MAX_LINKS];           /* their programs */
	size_t n_links;
	struct mp_group_state {
		struct bpf_program *prog[MP_GROUP_MAX_PROGS]; /* loaded ones, n of them */
		struct bpf_link *link[MP_GROUP_MAX_PROGS];    /* while it is attached */
		size_t n;
		char why[256]; /* why it is not loaded */
	} group[MP_N_GROUPS];
	struct bpf_link *tick_link, *adopt_link; /* iterator rung: made once, read many times */
	struct ring_buffer *ring;
	pid_t *notices; /* where exec_pids() wants them, while it runs */
	size_t n_notices, max_notices;
	int stats_fd; /* keeps the kernel's run time statistics on; -1: nobody asked yet */
	unsigned groups_loaded;
	uint32_t group_gen;            /* of the last attachment */
	uint64_t missed, missed_at_ns; /* runs that the kernel left out, as of then */

	/* mapped maps; valid until mp_loader_close() */
	struct mp_slot *slots;
	struct mp_cmd *cmds;
	struct mp_pids *pids;
	size_t n_pids; /* entries of 4 */
	int free_fd;   /* stack of free slots */

	struct mp_rec *out; /* iterator rung: what the last tick gave out */
	bool *over;      /* iterator rung: slots to free at the next tick: reported, or nobody\'s */
	uint8_t *unseen; /* iterator rung: passes in a row that a living member was not in */
	char *cmdline;   /* last answer of cmd() that came from /proc */
};

/*
 * Loads the programs of a rung, maps its maps and attaches the lifecycle hooks. On failure a
 * negative errno, with the cause and the remedy in d (nothing is logged above debug level).
 */
int mp_loader_open(enum mp_rung rung, const struct mp_source_ops *ops, struct mp_bpf **ret_bpf,
		   struct mp_diag *d);
void mp_loader_close(struct mp_bpf *b); /* NULL allowed */

static inline struct mp_bpf *mp_bpf_of(struct mp_source *s)
{
	return (struct mp_bpf *)s;
}

/* members.c */
void mp_members_ask(struct mp_bpf *b, pid_t pid); /* before the walk over all processes */
int mp_members_adopted(struct mp_bpf *b);         /* after it: command lines, and what came of it */
int mp_members_on_notice(void *bpf, void *data, size_t size);
int mp_members_cmdline(uint32_t tgid, char **ret, size_t *ret_len); /* from /proc; to be freed */
const char *mp_members_cmd(struct mp_source *s, const struct mp_rec *r, size_t *ret_len);
int mp_members_event_fd(struct mp_source *s);
int mp_members_watch_execs(struct mp_source *s, bool on);
size_t mp_members_exec_pids(struct mp_source *s, pid_t *pids, size_t max);
void mp_members_drops(struct mp_source *s, uint64_t drops[_MP_DROP_MAX]);
bool mp_members_self_cost(struct mp_source *s, uint64_t *ret_run_ns, uint64_t *ret_runs);
void mp_members_want(struct mp_source *s, unsigned valid);
bool mp_members_urgent(struct mp_source *s);
int mp_members_check(struct mp_source *s);
void mp_members_free(struct mp_source *s);
/* One past the highest slot that was ever used, rounded up to a group. */
uint32_t mp_members_top(const struct mp_bpf *b);
/* Lets the next reading learn the offset of the scheduler's clock, twice a second at most. */
void mp_members_calibrate(struct mp_bpf *b);

/*
 * heal.c: before a reading, a second apart at most, on kernels that may leave hooks out. mp_heal()
 * itself looks at once for what hooks missed: forks, and execs where `execs` says so.
 */
void mp_heal_if_due(struct mp_bpf *b);
void mp_heal(struct mp_bpf *b, bool execs);

/* groups.c */
int mp_groups_choose(struct mp_bpf *b, const struct mp_facts *f); /* before loading */
int mp_groups_need(struct mp_source *s, unsigned groups, struct mp_diag *d);
struct mp_probes *mp_groups_probes(struct mp_source *s);
bool mp_groups_cost(struct mp_source *s, unsigned group, uint64_t *ret_run_ns, uint64_t *ret_runs);
void mp_groups_close(struct mp_bpf *b);

/* snapshot.c, iter.c */
int mp_snapshot_open(struct mp_source **ret_source, struct mp_diag *d);
int mp_iter_open(struct mp_source **ret_source, struct mp_diag *d);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tree's working state behind the public struct mp_tree. Private to src/proc: meter.c feeds it
 * with a source's records, tests with scripted ones.
 */
#pragma once

#include <mmsperf/tree.h>

#include "proc/target.h"

/* What is remembered of a slot of the source, also after its process ended: children that were
 * forked before and are seen later inherit from it. */
struct mp_entry {
	uint64_t start_ns;
	uint32_t tgid;
	int idx;       /* of tree.procs; -1: ended (folded), or not decided yet */
	uint64_t tick; /* last tick at which the identity was seen */
	enum mp_role role;
	int model;
	bool used, script;
	bool pending; /* new in this tick, its role not decided yet */
	uint32_t rec; /* pending: index of its record */
};

struct mp_growing {
	struct mp_tree pub; /* first */
	struct mp_entry *entries;
	size_t n_entries, cap_entries;
	struct mp_probes *probes; /* of the present tick's source, NULL: it has none */
	const struct mp_finder *finder;
	size_t cap_procs;
	uint64_t (*waits)[_MP_OFF_MAX]; /* extra.c: scratch, parallel to pub.procs */
	size_t cap_waits;
	uint64_t root_start; /* identity of the root; 0: not seen yet */
	bool has_server;     /* a model server frontend was seen under this root */
	bool has_script;     /* a worker script was seen under this root */
};

void mp_growing_init(struct mp_growing *g, const struct mp_finder *f);
void mp_growing_done(struct mp_growing *g);
/* A new root was adopted (0: none now). Members stay until their records end. */
void mp_growing_set_root(struct mp_growing *g, pid_t root);
/* One tick's records. 0 or -ENOMEM. When the root has ended, pub.root is 0 afterwards. */
int mp_growing_update(struct mp_growing *g, struct mp_source *s, const struct mp_rec *recs,
		      size_t n);

/* roles.c: pure decisions over the state above. */
enum mp_role mp_role_decide(const struct mp_growing *g, const struct mp_rec *r, bool server,
			    bool own_script, const struct mp_entry *parent, bool *ret_script);
/* is_parent, worker slots and the frontend of the living. */
void mp_roles_relate(struct mp_growing *g);
/* extra.c: what groups have counted of the process in this slot of the source. */
void mp_extra_take(const struct mp_growing *g, struct mp_proc *p, size_t slot);
/* Adds waits that have not ended to what their processes have waited. 0, -ENOMEM. */
int mp_extra_add_waits(struct mp_growing *g);
/* Tells the kernel whose the latencies are that it measures; after each change of role. */
void mp_extra_classify(const struct mp_growing *g, const struct mp_proc *p);
/* ends.c: counts of p's role and model. */
void mp_end_note(struct mp_tree *t, const struct mp_proc *p);
/* A worker has left its place. */
void mp_role_vacated(struct mp_tree *t, const struct mp_proc *p);
/* A worker of the model came: if the place of one that ended is free, it is a restart. */
void mp_role_replaced(struct mp_tree *t, int model);
struct mp_entry *mp_entry_parent(struct mp_growing *g, const struct mp_rec *r);

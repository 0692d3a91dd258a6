// SPDX-License-Identifier: GPL-2.0-only
/*
 * Roles (include/mmsperf/tree.h states the rules), who is whose parent, and worker slots. Reads and
 * writes only the tree's state; called by tree.c.
 */
#include "proc/tree.h"

#include <mmsperf/clock.h>

#define LISTENER_NS (5 * MP_NSEC_PER_SEC) /* MMS starts the worker within 0.2 s */

struct mp_entry *mp_entry_parent(struct mp_growing *g, const struct mp_rec *r)
{
	if (r->parent_slot < g->n_entries) {
		struct mp_entry *e = &g->entries[r->parent_slot];

		/* a slot that was given to a younger process since is not the parent's any more */
		if (e->used && e->start_ns <= r->start_ns && e->tgid != r->tgid)
			return e;
	}
	if (r->ppid <= 1)
		return NULL;
	for (size_t i = 0; i < g->n_entries; i++) {
		struct mp_entry *e = &g->entries[i];

		if (e->used && e->tgid == r->ppid && e->start_ns <= r->start_ns &&
		    (e->idx >= 0 || e->pending))
			return e;
	}
	return NULL;
}

/* No model server and no worker script under this root: every descendant is a worker. */
static bool is_plain(const struct mp_growing *g)
{
	return !g->has_server && !g->has_script;
}

enum mp_role mp_role_decide(const struct mp_growing *g, const struct mp_rec *r, bool server,
			    bool own_script, const struct mp_entry *parent, bool *ret_script)
{
	bool forked = r->flags & MP_REC_FORKED;

	*ret_script = false;
	if (g->pub.root && (pid_t)r->tgid == g->pub.root &&
	    (!g->root_start || g->root_start == r->start_ns)) {
		/* a wrapper (shell, supervisor) of a model server is not its frontend */
		return g->has_server && !server ? MP_ROLE_OTHER : MP_ROLE_FRONTEND;
	}
	if (forked && parent) {
		*ret_script = parent->script;
		return parent->role == MP_ROLE_FRONTEND && is_plain(g) ? MP_ROLE_WORKER
								       : parent->role;
	}
	if (server)
		return MP_ROLE_FRONTEND;
	*ret_script = own_script;
	return own_script || is_plain(g) ? MP_ROLE_WORKER : MP_ROLE_OTHER;
}

/* Living process behind an entry that is the parent of p right now (not only once was). */
static struct mp_proc *present_parent(struct mp_growing *g, const struct mp_proc *p)
{
	struct mp_entry *e = mp_entry_parent(g, &p->cur);

	return e && e->idx >= 0 && e->tgid == p->cur.ppid ? &g->pub.procs[e->idx] : NULL;
}

static bool slot_is_taken(const struct mp_tree *t, int model, int slot)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->procs[i].slot == slot && t->procs[i].model == model)
			return true;
	return false;
}

/* A worker script that was exec'd may yet turn out to be a listener: its first worker comes soon.
 */
static bool is_no_listener(const struct mp_tree *t, const struct mp_proc *p)
{
	return !p->script || p->cur.flags & MP_REC_FORKED ||
	       t->boot_ns >= p->cur.start_ns + LISTENER_NS;
}

static bool in_no_slot(const struct mp_proc *p)
{
	return p->role != MP_ROLE_WORKER || p->is_parent || p->listener;
}

static void find_frontend(struct mp_growing *g)
{
	struct mp_tree *t = &g->pub;

	t->frontend = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct mp_proc *p = &t->procs[i];

		bool is_root = t->root && (pid_t)p->cur.tgid == t->root;

		/* a fork of the frontend that has not exec'd yet has its role, but is not it */
		if (p->role == MP_ROLE_FRONTEND && (is_root || !(p->cur.flags & MP_REC_FORKED)) &&
		    (is_root || !t->frontend))
			t->frontend = (pid_t)p->cur.tgid;
	}
}

void mp_roles_relate(struct mp_growing *g)
{
	struct mp_tree *t = &g->pub;

	find_frontend(g);
	for (size_t i = 0; i < t->n; i++)
		t->procs[i].is_parent = false;
	for (size_t i = 0; i < t->n; i++) {
		struct mp_proc *parent;

		if (t->procs[i].role != MP_ROLE_WORKER)
			continue;
		parent = present_parent(g, &t->procs[i]);
		if (parent && parent->role == MP_ROLE_WORKER) {
			parent->is_parent = true;
			parent->listener = parent->listener || parent->script;
		}
	}
	/* a listener that took a slot before its first worker came gives it back first */
	for (size_t i = 0; i < t->n; i++)
		if (in_no_slot(&t->procs[i]))
			t->procs[i].slot = -1;
	for (size_t i = 0; i < t->n; i++) {
		struct mp_proc *p = &t->procs[i];
		int slot = 0;

		if (in_no_slot(p))
			continue;
		if (!p->placed && is_no_listener(t, p)) {
			p->placed = true;
			mp_role_replaced(t, p->model);
		}
		if (p->slot >= 0)
			continue;
		while (slot_is_taken(t, p->model, slot))
			slot++;
		p->slot = slot;
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What attached groups of probes count beside a member's record, and the class by which the kernel
 * tells latencies apart. Called by tree.c.
 */
#include "proc/tree.h"

#include <mmsperf/clock.h>

#include <errno.h>
#include <stdlib.h>

#define LOAD_ONCE(x) (*(const volatile __typeof__(x) *)&(x))

void mp_extra_take(const struct mp_growing *g, struct mp_proc *p, size_t slot)
{
	const struct mp_extra *x;

	if (!g->pub.groups)
		return;
	x = &g->probes->extra[slot];
	for (size_t i = 0; i < _MP_EX_MAX && x->start_ns == p->cur.start_ns; i++)
		if (x->v[i] > p->extra[i])
			p->extra[i] = x->v[i];
}

static void add_wait(struct mp_growing *g, const struct mp_off *o, uint64_t now)
{
	uint64_t since = LOAD_ONCE(o->since_ns), start;
	uint32_t slot, reason;
	int idx;

	if (!since || !LOAD_ONCE(o->tid))
		return;
	slot = o->slot;
	reason = o->reason;
	start = o->start_ns;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* ended while it was looked at: counted already, or at the next tick */
	if (LOAD_ONCE(o->since_ns) != since || since > now || reason >= _MP_OFF_MAX ||
	    slot >= g->n_entries)
		return;
	idx = g->entries[slot].idx;
	if (idx >= 0 && (size_t)idx < g->pub.n && g->pub.procs[idx].cur.start_ns == start)
		g->waits[idx][reason] += now - since;
}

int mp_extra_add_waits(struct mp_growing *g)
{
	const struct mp_probes *probes = g->probes;
	uint64_t now;

	if (!(g->pub.groups & MP_GROUP_OFFCPU))
		return 0;
	if (g->cap_waits < g->pub.n) {
		void *more = realloc(g->waits, g->pub.n * 2 * sizeof(*g->waits));

		if (!more)
			return -ENOMEM;
		g->waits = more;
		g->cap_waits = g->pub.n * 2;
	}
	/* what ended first: a wait that ends in between is missed until the next tick, not counted
	 * twice */
	for (size_t i = 0; i < g->pub.n; i++) {
		const struct mp_proc *p = &g->pub.procs[i];
		const struct mp_extra *x =
			p->entry < MP_MAX_SLOTS ? &probes->extra[p->entry] : NULL;

		for (int k = 0; k < _MP_OFF_MAX; k++)
			g->waits[i][k] = x && x->start_ns == p->cur.start_ns
						 ? LOAD_ONCE(x->v[MP_EX_OFF_IO + k])
						 : 0;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	now = mp_now_ns();
	for (size_t i = 0; i < MP_OFF_PLACES; i++)
		if (probes->off_used[i / 64])
			add_wait(g, &probes->off[i], now);
		else
			i |= 63;
	for (size_t i = 0; i < g->pub.n; i++)
		for (int k = 0; k < _MP_OFF_MAX; k++)
			if (g->waits[i][k] > g->pub.procs[i].extra[MP_EX_OFF_IO + k])
				g->pub.procs[i].extra[MP_EX_OFF_IO + k] = g->waits[i][k];
	return 0;
}

unsigned mp_class_of(enum mp_role role, int model)
{
	if (role == MP_ROLE_WORKER)
		return model >= 0 && model < MP_CLASSES - MP_CLASS_MODEL
			       ? MP_CLASS_MODEL + (unsigned)model
			       : MP_CLASS_WORKER;
	return role == MP_ROLE_FRONTEND ? MP_CLASS_FRONTEND : MP_CLASS_NONE;
}

void mp_extra_classify(const struct mp_growing *g, const struct mp_proc *p)
{
	struct mp_extra *x;

	if (!g->probes || p->entry >= MP_MAX_SLOTS)
		return;
	x = &g->probes->extra[p->entry];
	if (x->start_ns != p->cur.start_ns)
		*x = (struct mp_extra){.start_ns = p->cur.start_ns};
	x->class_id = mp_class_of(p->role, p->model);
}

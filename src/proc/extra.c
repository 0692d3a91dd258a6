// SPDX-License-Identifier: GPL-2.0-only
/*
 * What attached groups of probes count beside a member's record, and the class by which the kernel
 * tells latencies apart. Called by tree.c.
 */
#include "proc/tree.h"

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

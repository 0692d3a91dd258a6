// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU since the view's last update. A member's own percent is the change of its run time; a sum is
 * exact also over members that ended, took another role, or began in between. A member that was
 * adopted with a past has no rate at its first sample, rather than all of its past at once.
 */
#include "metrics/view.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Slack of a start time: /proc has it in ticks of 10 ms. */
#define START_SLACK_NS 20000000ULL

static int grow(void **v, size_t n, size_t *cap, size_t size)
{
	void *more;
	size_t c = *cap ? *cap : 32;

	if (n <= *cap)
		return 0;
	while (c < n)
		c *= 2;
	more = realloc(*v, c * size);
	if (!more)
		return -ENOMEM;
	*v = more;
	*cap = c;
	return 0;
}

static int reserve(struct mp_view *v)
{
	size_t cap = v->cap_model_gone;
	int r;

	r = grow((void **)&v->pct, v->tree->n, &v->cap_pct, sizeof(*v->pct));
	if (r == 0)
		r = grow((void **)&v->before, v->tree->n, &v->cap_before, sizeof(*v->before));
	if (r == 0)
		r = grow((void **)&v->model_extra_pct, v->tree->n_models, &cap,
			 sizeof(*v->model_extra_pct));
	if (r == 0)
		r = grow((void **)&v->model_gone_ns, v->tree->n_models, &v->cap_model_gone,
			 sizeof(*v->model_gone_ns));
	return r;
}

static uint64_t counted(const struct mp_proc *p)
{
	return p->cur.run_ns - (p->base ? p->base->run_ns : 0);
}

/* Everything of an interval in ns; turned into percent at its end. */
struct interval {
	double dt_ns;
	double role[_MP_ROLE_MAX];
	double *model;
};

/* More than all CPUs can only be the past of something adopted and gone at once. */
static double percent(const struct interval *in, double ns, double most)
{
	double pct = 100.0 * ns / in->dt_ns;

	return pct < most ? pct : most;
}

static void add(struct interval *in, enum mp_role role, int model, double ns)
{
	in->role[role] += ns;
	if (model >= 0)
		in->model[model] += ns;
}

/* A member with a reading at the last update. */
static double member_rate(struct interval *in, const struct mp_proc *p, const struct mp_before *b)
{
	double dt = (double)p->cur.sampled_ns - (double)b->sampled_ns;

	if (b->role != p->role || b->model != p->model) {
		/* what it used before it changed was credited to its old role when it did */
		uint64_t base = p->base ? p->base->run_ns : b->run_ns;

		add(in, b->role, b->model, -(double)b->counted_ns);
		add(in, p->role, p->model, -((double)base - (double)b->run_ns));
	}
	if (!b->known || !(p->cur.valid & MP_HAS_CPU) || dt <= 0)
		return NAN;
	return 100.0 * ((double)p->cur.run_ns - (double)b->run_ns) / dt;
}

/* A member that was not there at the last update. */
static double newcomer_rate(struct mp_view *v, struct interval *in, const struct mp_proc *p)
{
	bool born = p->cur.start_ns + START_SLACK_NS >= v->before_boot_ns;

	if (!born || !(p->cur.valid & MP_HAS_CPU))
		return NAN;
	if (p->base)
		add(in, p->role, p->model, -(double)p->base->run_ns);
	return 100.0 * (double)p->cur.run_ns / in->dt_ns;
}

static void compare(struct mp_view *v, struct interval *in)
{
	const struct mp_tree *t = v->tree;
	size_t j = 0;

	/* both lists keep their order, so one pass finds who stayed, left and came */
	for (size_t i = 0; i < t->n; i++) {
		const struct mp_proc *p = &t->procs[i];
		size_t k = j;

		while (k < v->n_before && (v->before[k].tgid != p->cur.tgid ||
					   v->before[k].start_ns != p->cur.start_ns))
			k++;
		if (k == v->n_before) {
			v->pct[i] = newcomer_rate(v, in, p);
			continue;
		}
		for (; j < k; j++)
			add(in, v->before[j].role, v->before[j].model,
			    -(double)v->before[j].counted_ns);
		v->pct[i] = member_rate(in, p, &v->before[j++]);
	}
	for (; j < v->n_before; j++)
		add(in, v->before[j].role, v->before[j].model, -(double)v->before[j].counted_ns);
}

static void remember(struct mp_view *v)
{
	const struct mp_tree *t = v->tree;

	for (size_t i = 0; i < t->n; i++) {
		const struct mp_proc *p = &t->procs[i];

		v->before[i] = (struct mp_before){
			.start_ns = p->cur.start_ns,
			.tgid = p->cur.tgid,
			.run_ns = p->cur.run_ns,
			.sampled_ns = p->cur.sampled_ns,
			.counted_ns = counted(p),
			.role = p->role,
			.model = p->role == MP_ROLE_WORKER ? p->model : -1,
			.known = p->cur.valid & MP_HAS_CPU,
		};
	}
	v->n_before = t->n;
	for (int r = 0; r < _MP_ROLE_MAX; r++)
		v->gone_ns[r] = t->gone[r].t.run_ns;
	for (size_t m = 0; m < t->n_models; m++)
		v->model_gone_ns[m] = t->models[m].gone.t.run_ns;
	v->n_model_gone = t->n_models;
	v->has_before = true;
	v->before_tick_ns = t->tick_ns;
	v->before_boot_ns = t->boot_ns;
}

int mp_rate_update(struct mp_view *v)
{
	const struct mp_tree *t = v->tree;
	struct interval in = {0};
	int r = reserve(v);

	if (r < 0)
		return r;
	memset(v->extra_pct, 0, sizeof(v->extra_pct));
	for (size_t m = 0; m < t->n_models; m++)
		v->model_extra_pct[m] = 0;
	for (size_t i = 0; i < t->n; i++)
		v->pct[i] = NAN;
	in.model = v->model_extra_pct;
	in.dt_ns = (double)t->tick_ns - (double)v->before_tick_ns;
	if (v->has_before && in.dt_ns > 0) {
		double most = 100.0 * (double)v->n_cpus;

		for (int k = 0; k < _MP_ROLE_MAX; k++)
			in.role[k] = (double)(t->gone[k].t.run_ns - v->gone_ns[k]);
		for (size_t m = 0; m < t->n_models; m++)
			in.model[m] = (double)(t->models[m].gone.t.run_ns -
					       (m < v->n_model_gone ? v->model_gone_ns[m] : 0));
		compare(v, &in);
		for (int k = 0; k < _MP_ROLE_MAX; k++)
			v->extra_pct[k] = percent(&in, in.role[k], most);
		for (size_t m = 0; m < t->n_models; m++)
			v->model_extra_pct[m] = percent(&in, in.model[m], most);
	}
	remember(v);
	return 0;
}

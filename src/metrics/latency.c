// SPDX-License-Identifier: GPL-2.0-only
/*
 * Latencies of events, from histograms that attached groups of probes fill in the kernel. Owns what
 * one view remembers of them. The longest of an interval is kept by the kernel until somebody takes
 * it; whoever does gives it to all views, so that their intervals do not disturb each other.
 */
#include "metrics/latency.h"

#include "metrics/view.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ALL_CLASSES ((1U << MP_CLASSES) - 1)
#define MAX_SEL     4096

unsigned mp_latency_classes(enum mp_scope scope, int model)
{
	unsigned frontend = 1U << MP_CLASS_FRONTEND;

	if (model >= 0)
		return 1U << mp_class_of(MP_ROLE_WORKER, model);
	switch (scope) {
	case MP_SCOPE_FRONTEND:
		return frontend;
	case MP_SCOPE_WORKERS:
		return ALL_CLASSES & ~frontend & ~(1U << MP_CLASS_NONE);
	case MP_SCOPE_ALL:
		return ALL_CLASSES & ~(1U << MP_CLASS_NONE);
	case MP_SCOPE_SYSTEM:
		break;
	}
	return ALL_CLASSES;
}

double mp_latency_quantile(const uint64_t count[MP_LAT_BUCKETS], uint64_t total, double q,
			   uint64_t max_ns)
{
	double rank = q * (double)total, below = 0;
	uint32_t i = 0;

	while (i < MP_LAT_BUCKETS - 1 && below + (double)count[i] < rank)
		below += (double)count[i++];
	while (!count[i] && i < MP_LAT_BUCKETS - 1) /* rank 0: the first there is */
		i++;
	if (!count[i])
		return (double)max_ns;
	return fmin((double)mp_lat_edge(i) + (rank - below) / (double)count[i] *
						     (double)(mp_lat_edge(i + 1) - mp_lat_edge(i)),
		    (double)max_ns);
}

int mp_latencies_select(struct mp_latencies *l, struct mp_source *s, const struct mp_name *n)
{
	const char *model = n->model[0] ? n->model : NULL;
	struct mp_latency_sel *more;

	if (!l->part[n->metric]) {
		l->part[n->metric] = calloc(MP_CLASSES, sizeof(struct mp_lat_part));
		if (!l->part[n->metric])
			return -ENOMEM;
	}
	if (!l->probes && s->ops->probes) {
		l->probes = s->ops->probes(s);
		l->user.next = l->probes->users;
		l->probes->users = &l->user;
	}
	for (size_t i = 0; i < l->n_sel; i++)
		if (l->sel[i].metric == n->metric && l->sel[i].scope == n->scope &&
		    (model && l->sel[i].model ? !strcasecmp(model, l->sel[i].model)
					      : model == l->sel[i].model))
			return (int)i;
	if (l->n_sel >= MAX_SEL)
		return -ENOSPC;
	more = realloc(l->sel, (l->n_sel + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->sel = more;
	more[l->n_sel] = (struct mp_latency_sel){.metric = n->metric, .scope = n->scope};
	if (model) {
		more[l->n_sel].model = strdup(model);
		if (!more[l->n_sel].model)
			return -ENOMEM;
	}
	return (int)l->n_sel++;
}

/* Empties the kernel's and hands it to every user. */
static void take_max(struct mp_latencies *l, enum mp_lat_id lat)
{
	for (size_t cpu = 0; cpu < l->probes->n_cpus; cpu++)
		for (int c = 0; c < MP_CLASSES; c++) {
			uint64_t *place = (uint64_t *)&l->probes->max[cpu].ns[lat][c], ns;

			if (!__atomic_load_n(place, __ATOMIC_RELAXED))
				continue;
			ns = __atomic_exchange_n(place, 0, __ATOMIC_RELAXED);
			for (struct mp_lat_user *u = l->probes->users; u; u = u->next)
				if (ns > u->ns[lat][c])
					u->ns[lat][c] = ns;
		}
	memcpy(l->max[lat], l->user.ns[lat], sizeof(l->max[lat]));
	memset(l->user.ns[lat], 0, sizeof(l->user.ns[lat]));
}

static void compare(struct mp_lat_part *p, const struct mp_lat *now)
{
	uint64_t sum = now->sum_ns;

	p->since.sum_ns = sum - p->before.sum_ns;
	p->before.sum_ns = sum;
	for (uint32_t i = 0; i < MP_LAT_BUCKETS; i++) {
		uint64_t n = now->count[i];

		p->since.count[i] = n - p->before.count[i];
		p->before.count[i] = n;
	}
}

void mp_latencies_update(struct mp_latencies *l)
{
	for (int m = 0; m < _MP_LT_MAX && l->probes; m++) {
		enum mp_lat_id lat = mp_latency_info[m].lat;

		if (!l->part[m])
			continue;
		l->has_since[m] = l->has_before[m];
		l->has_before[m] = l->probes->on & mp_latency_info[m].groups;
		l->has_since[m] = l->has_since[m] && l->has_before[m];
		take_max(l, lat);
		for (int c = 0; c < MP_CLASSES; c++)
			compare(&l->part[m][c], &l->probes->lat[(int)lat * MP_CLASSES + c]);
	}
}

static uint64_t total_of(const struct mp_lat *h)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < MP_LAT_BUCKETS; i++)
		n += h->count[i];
	return n;
}

/* Since it was first asked for: the group of probes may have been attached before. */
static struct mp_value since_ever(const struct mp_latencies *l, int m, unsigned classes, bool sum)
{
	double x = 0;

	for (int c = 0; c < MP_CLASSES; c++)
		if (classes >> c & 1)
			x += sum ? (double)l->part[m][c].before.sum_ns / 1e9
				 : (double)total_of(&l->part[m][c].before);
	return (struct mp_value){.v = x, .valid = l->has_before[m]};
}

static struct mp_value of_interval(const struct mp_latencies *l, int m, unsigned classes,
				   enum mp_latency_op op)
{
	static const double q[_MP_LT_OP_MAX] = {
		[MP_LT_OP_P50] = 0.5, [MP_LT_OP_P90] = 0.9, [MP_LT_OP_P99] = 0.99};
	enum mp_lat_id lat = mp_latency_info[m].lat;
	uint64_t max = 0, total = 0;
	struct mp_lat all = {0};

	for (int c = 0; c < MP_CLASSES; c++) {
		const struct mp_lat *h = &l->part[m][c].since;

		if (!(classes >> c & 1))
			continue;
		all.sum_ns += h->sum_ns;
		for (uint32_t i = 0; i < MP_LAT_BUCKETS; i++)
			all.count[i] += h->count[i];
		if (l->max[lat][c] > max)
			max = l->max[lat][c];
	}
	total = total_of(&all);
	if (!total)
		return (struct mp_value){0};
	if (op == MP_LT_OP_AVG)
		return (struct mp_value){.v = (double)all.sum_ns / (double)total / 1e9,
					 .valid = true};
	if (op == MP_LT_OP_MAX)
		return (struct mp_value){.v = (double)max / 1e9, .valid = true};
	return (struct mp_value){.v = mp_latency_quantile((const uint64_t *)all.count, total, q[op],
							  max ? max : UINT64_MAX) /
				      1e9,
				 .valid = true};
}

struct mp_value mp_latencies_get(const struct mp_latencies *l, const struct mp_tree *t, int sel,
				 enum mp_latency_op op)
{
	const struct mp_latency_sel *s = &l->sel[sel];
	int model = s->model ? mp_model_find(t, s->model) : -1;
	unsigned classes = mp_latency_classes(s->scope, model);

	/* a model that was never seen, or one too many to be told apart */
	if (s->model && (model < 0 || classes == 1U << MP_CLASS_WORKER))
		return (struct mp_value){0};
	if (!l->probes)
		return (struct mp_value){0};
	if (op == MP_LT_OP_COUNT || op == MP_LT_OP_SUM)
		return since_ever(l, s->metric, classes, op == MP_LT_OP_SUM);
	return l->has_since[s->metric] ? of_interval(l, s->metric, classes, op)
				       : (struct mp_value){0};
}

void mp_latencies_done(struct mp_latencies *l)
{
	for (struct mp_lat_user **u = l->probes ? &l->probes->users : NULL; u && *u;
	     u = &(*u)->next)
		if (*u == &l->user) {
			*u = l->user.next;
			break;
		}
	for (int m = 0; m < _MP_LT_MAX; m++)
		free(l->part[m]);
	for (size_t i = 0; i < l->n_sel; i++)
		free(l->sel[i].model);
	free(l->sel);
}

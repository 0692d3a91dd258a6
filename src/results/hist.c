// SPDX-License-Identifier: GPL-2.0-only
/* Exact histogram of whole milliseconds. Owns its slots; called by results/jtl.c. */
#include "results/hist.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static uint32_t hash(uint32_t ms)
{
	return ms * 2654435761u >>
	       7; /* Knuth's multiplicative hash; the low bits are the poor ones */
}

static int rehash(struct mp_hist *h)
{
	uint32_t cap = h->cap ? h->cap * 2 : 8;
	struct mp_hist_slot *slot = calloc(cap, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->cap; i++) {
		uint32_t k;

		if (!h->slot[i].count)
			continue;
		for (k = hash(h->slot[i].ms) & (cap - 1); slot[k].count; k = (k + 1) & (cap - 1))
			;
		slot[k] = h->slot[i];
	}
	free(h->slot);
	h->slot = slot;
	h->cap = cap;
	return 0;
}

int mp_hist_add(struct mp_hist *h, uint32_t ms)
{
	uint32_t k;

	if (h->used * 4 >= h->cap * 3 && rehash(h) < 0)
		return -ENOMEM;
	for (k = hash(ms) & (h->cap - 1); h->slot[k].count && h->slot[k].ms != ms;
	     k = (k + 1) & (h->cap - 1))
		;
	if (!h->slot[k].count) {
		h->slot[k].ms = ms;
		h->used++;
	}
	h->slot[k].count++;
	h->total++;
	h->sum += ms;
	h->sum_sq += (double)ms * ms;
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const struct mp_hist_slot *x = a, *y = b;

	return x->ms < y->ms ? -1 : x->ms > y->ms;
}

void mp_hist_sort(struct mp_hist *h)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->cap; i++)
		if (h->slot[i].count)
			h->slot[n++] = h->slot[i];
	for (uint32_t i = n; i < h->cap; i++)
		h->slot[i].count = 0;
	if (n)
		qsort(h->slot, n, sizeof(*h->slot), by_value);
}

double mp_hist_quantile(const struct mp_hist *h, double q)
{
	double rank, below;
	uint64_t lower, seen = 0;

	if (!h->total)
		return NAN;
	rank = q * (double)(h->total - 1);
	lower = (uint64_t)rank;
	for (uint32_t i = 0; i < h->used; i++) {
		seen += h->slot[i].count;
		if (seen <= lower)
			continue;
		below = h->slot[i].ms;
		if (seen > lower + 1 || i + 1 == h->used)
			return below;
		return below + (rank - (double)lower) * (h->slot[i + 1].ms - below);
	}
	return NAN;
}

double mp_hist_mean(const struct mp_hist *h)
{
	return h->total ? h->sum / (double)h->total : NAN;
}

double mp_hist_stdev(const struct mp_hist *h)
{
	double mean = mp_hist_mean(h), var;

	if (!h->total)
		return NAN;
	var = h->sum_sq / (double)h->total - mean * mean;
	return var > 0 ? sqrt(var) : 0;
}

void mp_hist_done(struct mp_hist *h)
{
	free(h->slot);
	*h = (struct mp_hist){0};
}

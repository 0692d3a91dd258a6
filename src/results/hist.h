/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often each whole millisecond occurred: exact percentiles in memory that grows with the
 * number of different values, not of requests. Used by the reader of kpi.jtl.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct mp_hist_slot {
	uint32_t ms, count; /* count 0: free */
};

/* Open addressing, cap a power of two; all zero is an empty one. */
struct mp_hist {
	struct mp_hist_slot *slot;
	uint32_t cap, used;
	uint64_t total;
	double sum, sum_sq;
};

int mp_hist_add(struct mp_hist *h, uint32_t ms);
/* Sorts the slots by value; nothing may be added afterwards. */
void mp_hist_sort(struct mp_hist *h);
/* Of a sorted one: q in 0..1, linear between the two nearest ranks; NaN when it is empty. */
double mp_hist_quantile(const struct mp_hist *h, double q);
double mp_hist_mean(const struct mp_hist *h);
double mp_hist_stdev(const struct mp_hist *h); /* of the population, as Taurus states it */
void mp_hist_done(struct mp_hist *h);

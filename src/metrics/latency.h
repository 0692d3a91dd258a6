/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A view's latencies: what the kernel's histograms counted since the view's last update. Private to
 * src/metrics.
 */
#pragma once

#include "metrics/table.h"

/* One histogram of one class: as it was, and what came since. */
struct mp_lat_part {
	struct mp_lat before, since;
};

/* A name that was asked for: which latency, of whom. */
struct mp_latency_sel {
	int metric;
	enum mp_scope scope;
	char *model; /* NULL: all */
};

struct mp_latencies {
	struct mp_probes *probes;             /* of the view's source; NULL: none, all is absent */
	struct mp_lat_part *part[_MP_LT_MAX]; /* [MP_CLASSES]; NULL: nobody asks */
	bool has_before[_MP_LT_MAX];          /* part[].since is of a whole interval */
	bool has_since[_MP_LT_MAX];
	struct mp_lat_user user;
	uint64_t max[_MP_LAT_MAX][MP_CLASSES]; /* ns, of this interval */
	struct mp_latency_sel *sel;
	size_t n_sel;
};

/* Remembers a name; its index, -ENOSPC or -ENOMEM. */
int mp_latencies_select(struct mp_latencies *l, struct mp_source *s, const struct mp_name *n);
void mp_latencies_update(struct mp_latencies *l);
struct mp_value mp_latencies_get(const struct mp_latencies *l, const struct mp_tree *t, int sel,
				 enum mp_latency_op op);
void mp_latencies_done(struct mp_latencies *l);

/* --- pure ------------------------------------------------------------------------------------ */

/* Classes (a mask) of a scope, or of the model with that index (below 0: of all models). */
unsigned mp_latency_classes(enum mp_scope scope, int model);
/*
 * The value in ns below which the share q (0 to 1) of the events lie, linear within a bucket and
 * never above max_ns; count[] is a histogram's, total the sum of it, not 0.
 */
double mp_latency_quantile(const uint64_t count[MP_LAT_BUCKETS], uint64_t total, double q,
			   uint64_t max_ns);

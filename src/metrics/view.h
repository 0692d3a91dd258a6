/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A view's state: what one interval remembers. Private to view.c (life, selection), rate.c (CPU
 * since the last sample) and aggregate.c (values over processes).
 */
#pragma once

#include "metrics/aux.h"
#include "metrics/latency.h"
#include "metrics/plus.h"
#include "metrics/system.h"
#include "metrics/table.h"

/* One process metric over one scope: all its aggregates share one pass over the members. */
struct mp_agg {
	int metric;
	enum mp_scope scope;
	char *model; /* NULL: all */
	int slot;    /* -1: all */
	uint64_t at; /* update it was computed for */
	size_t n;    /* values: members that are known */
	struct mp_value sum;
	double min, max, total; /* total of the values, for avg */
	double *v;              /* n values, kept only for percentiles */
	size_t cap;
	bool wants_values, sorted;
};

/* A tree count, of one model or of all. */
struct mp_count {
	int metric;
	int arg; /* the N of worker_exits_code_N */
	char *model;
};

/* An agent metric with its own memory of the last sample. */
struct mp_agent_metric {
	struct mp_agent_name name;
	struct mp_agent_state state;
};

/* A member at the last update: identity, and what it had used. */
struct mp_before {
	uint64_t start_ns, run_ns, sampled_ns;
	uint64_t counted_ns; /* of run_ns, what counts for its role */
	uint32_t tgid;
	enum mp_role role;
	int model;
	bool known; /* its CPU could be read */
};

/* What every tick touches comes first, together: once a second all of it is out of the cache. */
struct mp_view {
	struct mp_meter *meter;
	const struct mp_tree *tree;
	uint64_t updates;
	uint64_t tree_ticks; /* of the last update */
	bool reads_more;     /* something is selected that is in no record */
	double mem_total, page_size;
	long n_cpus;

	struct mp_agg **agg; /* by sel.arg; elements never move */
	size_t n_agg;
	struct mp_count *count;
	size_t n_count;
	struct mp_agent_metric *agent;
	size_t n_agent;

	/* rate.c */
	bool has_before;
	uint64_t before_tick_ns, before_boot_ns;
	struct mp_before *before;
	size_t n_before, cap_before;
	double *pct; /* parallel to tree->procs; NaN: absent */
	size_t cap_pct;
	uint64_t gone_ns[_MP_ROLE_MAX];
	uint64_t *model_gone_ns;
	size_t n_model_gone, cap_model_gone;
	double extra_pct[_MP_ROLE_MAX]; /* what members that ended, or left the role, used */
	double *model_extra_pct;

	struct mp_sys *sys;
	struct mp_plus plus;
	struct mp_auxes aux;
	struct mp_latencies latency;
	char note[512];
};

int mp_rate_update(struct mp_view *v);
const struct mp_agg *mp_agg_compute(struct mp_view *v, struct mp_agg *a);
struct mp_value mp_agg_value(struct mp_agg *a, enum mp_op op);
/* Value of one process, by the metric alone. */
struct mp_value mp_proc_value(const struct mp_view *v, int metric, const struct mp_proc *p);
/* Index of the model in the tree, -1 when it was never seen. */
int mp_model_find(const struct mp_tree *t, const char *model);

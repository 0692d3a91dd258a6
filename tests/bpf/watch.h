/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Metrics of optional groups in tests: a child with known behaviour is watched through a meter and
 * a view, as the agent does it, on each rung. Numbers come by name; absent is NaN.
 */
#pragma once

#include "bpftest.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/metrics.h>

#include <math.h>
#include <sched.h>

#define MAX_WATCHED 32

struct watch {
	enum mp_rung rung;
	struct mp_source *s; /* the meter's */
	struct mp_meter *m;
	struct mp_view *v;
	struct {
		const char *name;
		struct mp_sel sel;
	} metric[MAX_WATCHED];
	size_t n;
};

#define WATCH_TEST(fn)                                                                             \
	{#fn " (BPF snapshot)", fn, NULL, watch_teardown,                                          \
	 &(struct watch){.rung = MP_RUNG_SNAPSHOT}},                                               \
	{                                                                                          \
		#fn " (BPF iterator)", fn, NULL, watch_teardown, &(struct watch)                   \
		{                                                                                  \
			.rung = MP_RUNG_ITER                                                       \
		}                                                                                  \
	}

static inline int watch_teardown(void **state)
{
	struct watch *w = *state;

	mp_view_free(w->v);
	mp_meter_free(w->m);
	w->v = NULL;
	w->m = NULL;
	return 0;
}

static inline void watch_sample(struct watch *w)
{
	assert_int_equal(mp_meter_tick(w->m), 0);
	assert_int_equal(mp_view_update(w->v), 0);
}

/*
 * Watches pid and its descendants for metrics, whose groups are attached. Skipped where this kernel
 * does not have the rung or a group.
 */
static inline struct watch *watch(void **state, pid_t pid, const char *const *names, size_t n)
{
	struct watch *w = *state;
	struct fixture f = {.rung = w->rung};
	void *fixture = &f;
	struct mp_meter_opts opts = {.target = {.pid = pid}, .source = source_or_skip(&fixture)};
	struct mp_diag d = {0};
	unsigned groups = 0;

	assert_true(n <= MAX_WATCHED);
	assert_int_equal(mp_meter_new(&opts, &w->m, &d), 0);
	w->s = mp_meter_source(w->m);
	assert_int_equal(mp_view_new(w->m, &w->v), 0);
	w->n = n;
	for (size_t i = 0; i < n; i++) {
		w->metric[i].name = names[i];
		assert_int_equal(mp_view_select(w->v, names[i], &w->metric[i].sel, NULL), 0);
		if (!w->metric[i].sel.known)
			fail_msg("metric '%s' is not known", names[i]);
		groups |= w->metric[i].sel.groups;
	}
	watch_sample(w);
	if (w->s->ops->need_groups(w->s, groups, &d) < 0) {
		print_message("skipped: %s\n", d.msg);
		skip();
	}
	watch_sample(w);
	return w;
}

static inline double watched(struct watch *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(w->metric[i].name, name)) {
			struct mp_value v = mp_view_get(w->v, &w->metric[i].sel);

			return v.valid ? v.v : NAN;
		}
	fail_msg("'%s' was not selected", name);
	return NAN;
}

static inline void watch_groups_off(struct watch *w)
{
	struct mp_diag d;

	assert_int_equal(w->s->ops->need_groups(w->s, 0, &d), 0);
}

/* A root that does nothing but have the child that is watched as its worker. */
static inline pid_t root_of(void (*child)(int ready, int go), int ready, int go, int told)
{
	pid_t root = spawn(), pid;
	ssize_t n;

	if (root)
		return root;
	pid = spawn();
	if (!pid)
		child(ready, go);
	n = write(told, &pid, sizeof(pid));
	if (n != (ssize_t)sizeof(pid))
		_exit(5);
	for (;;)
		pause();
}

/* The calling thread, on the first CPU that it may have. */
static inline void pin_to_first_cpu(void)
{
	cpu_set_t all, one;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(all), &all))
		_exit(2);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		_exit(3);
}

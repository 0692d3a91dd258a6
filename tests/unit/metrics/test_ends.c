// SPDX-License-Identifier: GPL-2.0-only
/* How workers end and are replaced, and metrics with readers of their own, through a view. */
#include "../proc/fake.h"

#include "metrics/view.h"

#include <math.h>

#define ROOT   ((int)getpid())
#define NOBODY (1 << 23) /* beyond every pid_max: no process of this machine */

static struct fake *f;
static struct mp_meter *m;
static struct mp_view *v;

static int setup(void **state)
{
	(void)state;
	f = fake_new();
	m = fake_meter(f, NULL);
	PUT(f, 0, ROOT, 1, -1, JAVA_CMD)->flags = MP_REC_ROOT;
	PUT(f, 1, NOBODY, ROOT, 0, WORKER_CMD("noop"));
	PUT(f, 2, NOBODY + 1, NOBODY, 1, "")->flags = MP_REC_FORKED;
	PUT(f, 3, NOBODY + 2, NOBODY, 1, "")->flags = MP_REC_FORKED;
	return mp_view_new(m, &v);
}

static int teardown(void **state)
{
	(void)state;
	mp_view_free(v);
	mp_meter_free(m);
	free(f);
	return 0;
}

static void step(void)
{
	assert_int_equal(mp_meter_tick(m), 0);
	assert_int_equal(mp_view_update(v), 0);
}

static struct mp_value get(const char *name)
{
	struct mp_sel sel;

	assert_int_equal(mp_view_select(v, name, &sel, NULL), 0);
	assert_true(sel.known);
	return mp_view_get(v, &sel);
}

#define assert_is(name, x, eps)                                                                    \
	do {                                                                                       \
		struct mp_value _v = get(name);                                                    \
		if (!_v.valid)                                                                     \
			print_error("%s is absent\n", name);                                       \
		assert_true(_v.valid);                                                             \
		assert_double_equal(_v.v, x, eps);                                                 \
	} while (0)

/* A worker ends now, as status says. */
static void end(size_t slot, int status)
{
	uint64_t now = mp_now_ns();

	f->r[slot].state = MP_REC_ENDED;
	f->r[slot].exit_code = (uint32_t)status;
	f->r[slot].exit_ns = now;
}

static void put_worker(size_t slot, pid_t pid, double age_s)
{
	struct mp_rec *r = PUT(f, slot, pid, NOBODY, 1, "");

	r->flags = MP_REC_FORKED;
	r->start_ns = mp_boot_ns() - (uint64_t)(age_s * 1e9);
}

static void by_code_and_signal(void **state)
{
	(void)state;
	step();
	assert_is("worker_exits_code_0", 0, 0);
	assert_false(get("worker_lifetime_avg_seconds").valid); /* of nobody */
	put_worker(4, 31, 5);
	put_worker(5, 32, 6);
	put_worker(6, 33, 7);
	step();
	end(4, 0);
	end(5, 3 << 8);
	end(6, 9 | 0x80); /* with a core dump */
	step();
	assert_is("worker_exits", 3, 0);
	assert_is("worker_crashes", 2, 0);
	assert_is("worker_exits_error", 1, 0);
	assert_is("worker_exits_signal", 1, 0);
	assert_is("worker_exits_code_0", 1, 0);
	assert_is("worker_exits_code_3", 1, 0);
	assert_is("worker_exits_code_3@noop", 1, 0);
	assert_is("worker_exits_signal_9", 1, 0);
	assert_is("worker_exits_signal_15", 0, 0);
	assert_is("worker_lifetime_avg_seconds", 6, 0.1);
	assert_is("worker_lifetime_min_seconds", 5, 0.1);
	assert_is("worker_lifetime_min_seconds@noop", 5, 0.1);
}

static void restarts(void **state)
{
	(void)state;
	step();
	assert_is("worker_restarts", 0, 0);
	end(3, 1 << 8);
	step();
	assert_is("worker_restarts", 0, 0);
	assert_is("total_workers", 1, 0);
	put_worker(4, 31, 0);
	step();
	assert_is("worker_restarts", 1, 0);
	assert_is("worker_restarts@noop", 1, 0);
	put_worker(5, 32, 0); /* one more than ever: scaled up, not replaced */
	step();
	assert_is("worker_restarts", 1, 0);
	assert_is("total_workers", 3, 0);
	/* one that came and went between two readings took the place, and left it again */
	end(5, 1 << 8);
	step();
	put_worker(6, 33, 0);
	end(6, 1 << 8);
	step();
	assert_is("worker_restarts", 2, 0);
	put_worker(7, 34, 0);
	step();
	assert_is("worker_restarts", 3, 0);
	assert_is("worker_restarts@noop", 3, 0);
}

/* A listener looks like a worker until its first worker comes: it replaces nobody. */
static void a_listener_restarts_nobody(void **state)
{
	struct mp_rec *r;

	(void)state;
	step();
	end(1, 0);
	end(2, 0);
	end(3, 0);
	step();
	r = PUT(f, 4, NOBODY + 9, ROOT, 0, WORKER_CMD("noop"));
	r->start_ns = mp_boot_ns();
	step();
	assert_is("worker_restarts", 0, 0);
	r = PUT(f, 5, NOBODY + 10, NOBODY + 9, 4, "");
	r->flags = MP_REC_FORKED;
	r->start_ns = mp_boot_ns();
	step();
	assert_is("worker_restarts", 1, 0);
	assert_is("total_workers", 1, 0);
	/* where workers are exec'd themselves (TorchServe), an old one is none */
	r = PUT(f, 6, NOBODY + 11, ROOT, 0, WORKER_CMD("noop"));
	r->start_ns = mp_boot_ns() - 6 * MP_NSEC_PER_SEC;
	step();
	assert_is("worker_restarts", 2, 0);
}

/* Nothing is opened before it is asked for; then only that. */
static void readers_on_demand(void **state)
{
	(void)state;
	step();
	for (int r = 0; r < _MP_RD_MAX; r++)
		assert_false(v->plus.on[r]);
	(void)get("monitor_memory_rss");
	for (int r = 0; r < _MP_RD_MAX; r++)
		assert_int_equal(v->plus.on[r], r == MP_RD_MONITOR);
	assert_false(get("monitor_memory_rss").valid); /* read at the next sample */
	step();
	assert_true(get("monitor_memory_rss").v > 1e5);
	for (int s = 0; s < _MP_SCOPE_MAX; s++)
		assert_int_equal(v->aux.need[s], 0);
	(void)get("frontend_file_descriptors_limit");
	assert_int_equal(v->aux.need[MP_SCOPE_FRONTEND], MP_AUX_LIMITS);
	assert_int_equal(v->aux.need[MP_SCOPE_WORKERS], 0);
	step();
	assert_true(get("frontend_file_descriptors_limit").v > 0); /* this very process */
	assert_is("frontend_file_descriptors_limit_ratio",
		  10 / get("frontend_file_descriptors_limit").v, 1e-12);
	assert_true(get("frontend_age_seconds").v > 0);
}

static void reasons(void **state)
{
	struct mp_sel jvm, log, cpu;

	(void)state;
	assert_int_equal(mp_view_select(v, "jvm_gc_count", &jvm, NULL), 0);
	assert_int_equal(mp_view_select(v, "p99_server_prediction_time@m", &log, NULL), 0);
	assert_int_equal(mp_view_select(v, "frontend_cpu_percent", &cpu, NULL), 0);
	assert_null(mp_view_why(v, &jvm)); /* no sample yet */
	step();
	assert_false(mp_view_get(v, &jvm).valid);
	assert_non_null(strstr(mp_view_why(v, &jvm), "hsperfdata"));
	assert_false(mp_view_get(v, &log).valid);
	assert_non_null(mp_view_why(v, &log));
	assert_null(mp_view_why(v, &cpu)); /* it will come by itself */
}

/* Sums of a counter over members that end do not fall, whatever reads it. */
static void sums_of_threads(void **state)
{
	double before;

	(void)state;
	(void)get("sum_all_thread_cpu_time_other");
	step();
	assert_false(get("sum_all_thread_cpu_time_other").valid); /* the workers are nobody's */
	(void)get("frontend_thread_cpu_time_other");
	step();
	before = get("frontend_thread_cpu_time_other").v;
	assert_true(before > 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(by_code_and_signal), T(restarts), T(a_listener_restarts_nobody),
		T(readers_on_demand),  T(reasons),  T(sums_of_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

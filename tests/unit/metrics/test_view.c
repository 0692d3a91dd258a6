// SPDX-License-Identifier: GPL-2.0-only
/* The contract's section 4, sentence by sentence, over scripted records. */
#include "../proc/fake.h"

#include "metrics/view.h"

#include <math.h>

#define ROOT ((int)getpid())
#define PAGE ((double)sysconf(_SC_PAGESIZE))

static struct fake *f;
static struct mp_meter *m;
static struct mp_view *v;

static int setup(void **state)
{
	(void)state;
	f = fake_new();
	m = fake_meter(f, NULL);
	assert_int_equal(mp_view_new(m, &v), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mp_view_free(v);
	mp_meter_free(m);
	free(f);
	return 0;
}

static struct mp_value get(const char *name)
{
	const char *note;
	struct mp_sel sel;

	assert_int_equal(mp_view_select(v, name, &sel, &note), 0);
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
#define assert_absent(name)                                                                        \
	do {                                                                                       \
		struct mp_value _v = get(name);                                                    \
		if (_v.valid)                                                                      \
			print_error("%s is %g\n", name, _v.v);                                     \
		assert_false(_v.valid);                                                            \
	} while (0)

/* One tick and the sample of it, dt seconds after the one before by the view's clocks. */
static void step(double dt)
{
	uint64_t ns = (uint64_t)(dt * 1e9);

	for (size_t i = 0; i < f->n; i++)
		f->r[i].sampled_ns += ns;
	assert_int_equal(mp_meter_tick(m), 0);
	v->before_tick_ns = v->tree->tick_ns - ns;
	v->before_boot_ns = v->tree->boot_ns - ns;
	assert_int_equal(mp_view_update(v), 0);
}

static void put_mms(void)
{
	PUT(f, 0, ROOT, 1, -1, JAVA_CMD)->flags = MP_REC_ROOT;
	PUT(f, 1, 20, ROOT, 0, WORKER_CMD("noop"));
	PUT(f, 2, 21, 20, 1, "")->flags = MP_REC_FORKED;
	PUT(f, 3, 22, 20, 1, "")->flags = MP_REC_FORKED;
	PUT(f, 4, 30, ROOT, 0, "sh\0-c\0hostname");
}

static void gauges(void **state)
{
	(void)state;
	put_mms();
	f->r[2].threads = 4;
	f->r[3].threads = 8;
	step(1);
	assert_is("frontend_threads", 2, 0);
	assert_is("sum_workers_threads", 14, 0);
	assert_is("avg_workers_threads", 14 / 3.0, 1e-9);
	assert_is("min_workers_threads", 2, 0);
	assert_is("max_workers_threads", 8, 0);
	assert_is("sum_all_threads", 16, 0); /* the shell counts in no total */
	assert_is("p50_workers_threads", 4, 0);
	assert_is("p90_workers_threads", 7.2, 1e-9);
	assert_is("p99_workers_threads", 7.92, 1e-9);
	assert_is("frontend_memory_rss", 100 * PAGE, 0);
	assert_is("frontend_memory_vms", 1000 * PAGE, 0);
	assert_is("frontend_memory_rss_anon", 60 * PAGE, 0);
	assert_is("sum_workers_file_descriptors", 30, 0);
	assert_is("frontend_memory_percent", 100.0 * 100 / (double)sysconf(_SC_PHYS_PAGES), 1e-9);
	assert_is("sum_num_handles", 40, 0);
}

static void counts(void **state)
{
	(void)state;
	put_mms();
	PUT(f, 5, 40, ROOT, 0, WORKER_CMD("other"));
	PUT(f, 6, 41, 40, 5, "")->flags = MP_REC_FORKED;
	step(1);
	assert_is("total_processes", 6, 0);
	assert_is("total_workers", 3, 0); /* two listeners are none */
	assert_is("server_workers", 3, 0);
	assert_is("total_workers@noop", 2, 0);
	assert_is("total_workers@other", 1, 0);
	assert_absent("total_workers@never");
	assert_is("orphans", 0, 0);
	assert_is("processes_created", 6, 0);
	assert_is("processes_ended", 0, 0);
	/* scaled to 0: the listener ends as well */
	f->r[5].state = f->r[6].state = MP_REC_ENDED;
	f->r[6].exit_code = 1 << 8;
	step(1);
	assert_is("total_workers", 2, 0);
	assert_is("total_workers@other", 0, 0);
	assert_is("worker_exits", 2, 0);
	assert_is("worker_crashes", 1, 0);
	assert_is("worker_exits@other", 2, 0);
	assert_is("processes_ended", 2, 0);
	assert_is("workers_created", 5, 0);
}

static void times_and_counters(void **state)
{
	(void)state;
	put_mms();
	step(1);
	assert_is("frontend_cpu_user_time", 0.75, 1e-9);
	assert_is("frontend_cpu_system_time", 0.25, 1e-9);
	assert_is("sum_workers_cpu_user_time", 2.25, 1e-9);
	assert_is("sum_all_io_read_count", 20, 0);
	assert_is("sum_all_io_read_bytes", 4 * 4096, 0);
}

static void first_sample_of_a_rate_is_absent(void **state)
{
	(void)state;
	put_mms();
	step(1);
	assert_absent("frontend_cpu_percent");
	assert_absent("sum_workers_cpu_percent");
	assert_absent("avg_all_cpu_percent");
	f->r[0].run_ns += SEC / 2;
	f->r[2].run_ns += SEC;
	f->r[3].run_ns += SEC / 4;
	f->r[4].run_ns += SEC;
	step(1);
	assert_is("frontend_cpu_percent", 50, 1e-6);
	assert_is("sum_workers_cpu_percent", 125, 1e-6);
	assert_is("max_workers_cpu_percent", 100, 1e-6);
	assert_is("min_workers_cpu_percent", 0, 1e-6);
	assert_is("sum_all_cpu_percent", 175, 1e-6);
	assert_is("sum_cpu_percent", 175, 1e-6);
	f->r[0].run_ns += SEC / 2;
	step(2);
	assert_is("frontend_cpu_percent", 25, 1e-6);
	assert_is("sum_workers_cpu_percent", 0, 1e-6);
}

static void a_sum_includes_members_that_ended(void **state)
{
	(void)state;
	put_mms();
	step(1);
	step(1);
	/* one ended after half a second of work, one came and went with 0.2 s */
	f->r[2].run_ns += SEC / 2;
	f->r[2].state = MP_REC_ENDED;
	f->r[3].run_ns += SEC / 10;
	PUT(f, 5, 50, 20, 1, "")->flags = MP_REC_FORKED;
	f->r[5].start_ns = mp_boot_ns();
	f->r[5].run_ns = SEC / 5;
	f->r[5].state = MP_REC_ENDED;
	step(1);
	assert_is("sum_workers_cpu_percent", 80, 1e-6);
	assert_is("sum_all_cpu_percent", 80, 1e-6);
	assert_is("sum_workers_cpu_percent@noop", 80, 1e-6);
	assert_is("max_workers_cpu_percent", 10, 1e-6); /* of the living */
	assert_is("sum_workers_cpu_user_time", 0.75 * 3.8, 1e-6);
	f->r[2].state = f->r[5].state = MP_REC_FREE;
	step(1);
	assert_is("sum_workers_cpu_percent", 0, 1e-6);
	assert_is("sum_workers_cpu_user_time", 0.75 * 3.8, 1e-6);
}

static void one_born_within_the_interval_counts_whole(void **state)
{
	(void)state;
	put_mms();
	step(1);
	step(1);
	PUT(f, 5, 50, 20, 1, "")->flags = MP_REC_FORKED;
	f->r[5].start_ns = mp_boot_ns();
	f->r[5].run_ns = SEC / 5;
	step(1);
	assert_is("sum_workers_cpu_percent", 20, 1e-6);
	assert_is("max_workers_cpu_percent", 20, 1e-6);
}

static void one_adopted_with_a_past_has_no_rate_yet(void **state)
{
	(void)state;
	put_mms();
	step(1);
	step(1);
	PUT(f, 5, 50, 20, 1, "")->flags = MP_REC_FORKED;
	f->r[5].run_ns = 3600 * SEC; /* began long ago */
	f->r[2].run_ns += SEC / 10;
	step(1);
	assert_is("sum_workers_cpu_percent", 10, 1e-6);
	f->r[5].run_ns += SEC / 10;
	step(1);
	assert_is("sum_workers_cpu_percent", 10, 1e-6);
}

static void a_worker_that_execs_counts_as_one_until_then(void **state)
{
	(void)state;
	put_mms();
	step(1);
	step(1);
	f->r[3].run_ns += SEC; /* since the exec, as far as is known */
	f->r[3].flags = 0;
	f->r[3].execs = 1;
	fake_set_cmd(f, 3, "sh", 2);
	step(1);
	assert_is("sum_workers_cpu_percent", 0, 1e-6);
	assert_is("sum_workers_cpu_user_time", 2.25, 1e-9);
	f->r[3].run_ns += SEC;
	f->r[3].state = MP_REC_ENDED;
	step(1);
	assert_is("sum_workers_cpu_percent", 0, 1e-6);
	assert_is("sum_workers_cpu_user_time", 2.25, 1e-9);
}

static void nobody_alive(void **state)
{
	(void)state;
	step(1);
	/* no server yet: sums and counts are 0, avg, min, max and the frontend's are absent */
	assert_is("sum_workers_threads", 0, 0);
	assert_is("sum_all_memory_rss", 0, 0);
	assert_is("sum_workers_cpu_user_time", 0, 0);
	assert_is("total_workers", 0, 0);
	assert_is("total_processes", 0, 0);
	assert_absent("avg_workers_threads");
	assert_absent("min_all_cpu_user_time");
	assert_absent("max_workers_memory_rss");
	assert_absent("p99_workers_threads");
	assert_absent("frontend_threads");
	assert_absent("sum_workers_cpu_percent");
	step(1);
	assert_is("sum_workers_cpu_percent", 0, 0);
	assert_absent("avg_workers_cpu_percent");
}

static void all_workers_gone(void **state)
{
	(void)state;
	put_mms();
	step(1);
	for (size_t i = 1; i < 4; i++)
		f->r[i].state = MP_REC_ENDED;
	step(1);
	assert_is("sum_workers_memory_rss", 0, 0);
	assert_is("sum_workers_io_read_count", 15, 0);
	assert_absent("avg_workers_memory_rss");
	assert_is("sum_all_threads", 2, 0);
}

static void zombies_count_in_no_total(void **state)
{
	(void)state;
	put_mms();
	step(1);
	f->r[2].state = MP_REC_ZOMBIE;
	step(1);
	assert_is("total_workers", 1, 0);
	assert_is("sum_workers_threads", 4, 0);
	assert_is("sum_workers_io_read_count", 15, 0);
}

static void absent_is_not_zero(void **state)
{
	(void)state;
	put_mms();
	f->r[3].valid &= ~(unsigned)(MP_HAS_IO | MP_HAS_FDS);
	step(1);
	/* a sum that lacks somebody is no sum; what is known of the others stays */
	assert_absent("sum_workers_io_read_bytes");
	assert_absent("sum_all_file_descriptors");
	assert_is("avg_workers_file_descriptors", 10, 0);
	assert_is("max_workers_io_read_bytes", 4096, 0);
	assert_is("frontend_io_read_bytes", 4096, 0);
	f->r[0].valid = MP_HAS_CPU;
	step(1);
	assert_absent("frontend_io_read_bytes");
	assert_absent("frontend_memory_rss");
	assert_absent("frontend_cpu_iowait_time");
	assert_absent("frontend_page_faults_minor");
	f->r[0].valid |= MP_HAS_FAULTS;
	f->r[0].minflt = 7;
	step(1);
	assert_is("frontend_page_faults_minor", 7, 0);
	assert_absent("frontend_context_switches_voluntary");
}

static void iowait_has_its_group(void **state)
{
	struct mp_sel sel;

	(void)state;
	put_mms();
	assert_int_equal(mp_view_select(v, "sum_workers_iowait_time", &sel, NULL), 0);
	assert_int_equal(sel.groups, MP_GROUP_SCHED);
	step(1);
	assert_false(mp_view_get(v, &sel).valid);
	for (size_t i = 0; i < f->n; i++) {
		f->r[i].valid |= MP_HAS_IOWAIT;
		f->r[i].iowait_ns = SEC / 10;
	}
	step(1);
	assert_double_equal(mp_view_get(v, &sel).v, 0.3, 1e-9);
	assert_int_equal(mp_view_select(v, "sum_workers_threads", &sel, NULL), 0);
	assert_int_equal(sel.groups, 0);
}

static void a_vfork_childs_memory_counts_once(void **state)
{
	(void)state;
	put_mms();
	PUT(f, 5, 60, 21, 2, "x")->flags = MP_REC_FORKED | MP_REC_VFORK;
	step(1);
	assert_is("sum_workers_memory_rss", 300 * PAGE, 0);
	assert_is("avg_workers_memory_rss", 100 * PAGE, 0);
	assert_is("sum_workers_threads", 8, 0);
}

static void models_and_slots(void **state)
{
	(void)state;
	put_mms();
	PUT(f, 5, 40, ROOT, 0, WORKER_CMD("Other"));
	PUT(f, 6, 41, 40, 5, "")->flags = MP_REC_FORKED;
	f->r[2].threads = 5;
	f->r[3].threads = 6;
	f->r[6].threads = 7;
	step(1);
	assert_is("sum_workers_threads@noop", 13, 0); /* its listener is one of the workers */
	assert_is("sum_all_threads@noop", 13, 0);
	assert_is("max_workers_threads@noop#0", 5, 0);
	assert_is("sum_workers_threads@noop#1", 6, 0);
	assert_absent("sum_workers_threads@noop#2");
	assert_is("sum_workers_threads@other#0", 7, 0);
	assert_absent("sum_workers_threads@never");
	f->r[6].state = MP_REC_ENDED;
	step(1);
	assert_absent("sum_workers_threads@other#0");
	assert_is("sum_workers_io_read_count@Other", 10, 0);
}

static void orphans(void **state)
{
	(void)state;
	put_mms();
	step(1);
	f->r[0].state = MP_REC_ENDED;
	f->r[1].ppid = 1;
	step(1);
	assert_is("orphans", 1, 0);
	assert_is("total_processes", 3, 0);
	assert_is("total_workers", 2, 0);
	assert_absent("frontend_cpu_user_time");
	assert_is("sum_all_cpu_user_time", 3.0, 1e-9);
}

static void sums_never_fall_across_restarts(void **state)
{
	double last_cpu = 0, last_io = 0;

	(void)state;
	for (int k = 0; k < 50; k++) {
		struct mp_value x;

		put_mms();
		for (size_t i = 0; i < f->n; i++) {
			f->r[i].start_ns += (uint64_t)k * 10;
			f->r[i].run_ns = SEC / 3 + (uint64_t)k * 7;
		}
		step(1);
		for (size_t i = 0; i < f->n; i++)
			f->r[i].state = MP_REC_ENDED;
		x = get("sum_all_cpu_system_time");
		assert_true(x.valid && x.v >= last_cpu);
		last_cpu = x.v;
		step(1);
		x = get("sum_all_cpu_system_time");
		assert_true(x.valid && x.v >= last_cpu);
		last_cpu = x.v;
		x = get("sum_workers_io_read_bytes");
		assert_true(x.valid && x.v >= last_io);
		last_io = x.v;
	}
	assert_double_equal(last_io, 50 * 3 * 4096, 0);
}

static void views_have_their_own_intervals(void **state)
{
	struct mp_view *fast = v, *slow;

	(void)state;
	assert_int_equal(mp_view_new(m, &slow), 0);
	put_mms();
	step(1);
	assert_int_equal(mp_view_update(slow), 0);
	for (int k = 0; k < 3; k++) {
		f->r[2].run_ns += SEC / 10;
		f->r[3].run_ns += SEC / 5;
		step(1);
		assert_is("sum_workers_cpu_percent", 30, 1e-6);
	}
	/* a worker ends between the slow view's samples, and is folded at a fast one's */
	f->r[2].state = MP_REC_ENDED;
	f->r[2].run_ns += SEC / 10;
	step(1);
	assert_is("sum_workers_cpu_percent", 10, 1e-6);
	f->r[2].state = MP_REC_FREE;
	v = slow;
	v->before_tick_ns = v->tree->tick_ns - 4 * SEC;
	assert_int_equal(mp_view_update(v), 0);
	assert_is("sum_workers_cpu_percent", (40 + 60) / 4.0, 1e-6);
	v = fast;
	mp_view_free(slow);
}

static void asked_after_another_tick(void **state)
{
	struct mp_sel sel;

	(void)state;
	put_mms();
	step(1);
	step(1);
	for (size_t i = 5; i < 20; i++)
		PUT(f, i, 100 + (int)i, 20, 1, "")->flags = MP_REC_FORKED;
	assert_int_equal(mp_meter_tick(m), 0); /* another interval's; this view is not updated */
	assert_int_equal(mp_view_select(v, "avg_workers_cpu_percent", &sel, NULL), 0);
	assert_true(mp_view_get(v, &sel).valid);
	for (size_t i = 0; i < v->tree->n; i++)
		(void)mp_view_get_proc(v, &sel, &v->tree->procs[i]);
}

static void one_process(void **state)
{
	struct mp_sel sel;

	(void)state;
	put_mms();
	step(1);
	assert_int_equal(mp_view_select(v, "sum_workers_memory_rss", &sel, NULL), 0);
	assert_double_equal(mp_view_get_proc(v, &sel, by_pid(m, 21)).v, 100 * PAGE, 0);
	assert_int_equal(mp_view_select(v, "system_disk_used", &sel, NULL), 0);
	assert_false(mp_view_get_proc(v, &sel, by_pid(m, 21)).valid);
}

static void unknown_columns_stay(void **state)
{
	const char *note = NULL;
	struct mp_sel sel;

	(void)state;
	put_mms();
	step(1);
	assert_int_equal(mp_view_select(v, "sum_worker_threads", &sel, &note), 0);
	assert_false(sel.known);
	assert_non_null(strstr(note, "sum_workers_threads"));
	assert_false(mp_view_get(v, &sel).valid);
	assert_int_equal(mp_view_select(v, "total_workers", &sel, &note), 0);
	assert_null(note);
}

static void selections_are_bounded_and_shared(void **state)
{
	struct mp_sel sel = {0};
	char name[64];
	int known = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		(void)get("sum_workers_threads@x");
	assert_int_equal(v->n_agg, 1);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "sum_workers_threads@m%d", i);
		assert_int_equal(mp_view_select(v, name, &sel, NULL), 0);
		known += sel.known;
	}
	assert_true(known > 4000 && known < 5000);
	assert_false(sel.known);
}

static void before_the_first_update(void **state)
{
	(void)state;
	assert_absent("total_workers");
	assert_absent("system_memory_percent");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(gauges),
		T(counts),
		T(times_and_counters),
		T(first_sample_of_a_rate_is_absent),
		T(a_sum_includes_members_that_ended),
		T(one_born_within_the_interval_counts_whole),
		T(one_adopted_with_a_past_has_no_rate_yet),
		T(a_worker_that_execs_counts_as_one_until_then),
		T(nobody_alive),
		T(all_workers_gone),
		T(zombies_count_in_no_total),
		T(absent_is_not_zero),
		T(iowait_has_its_group),
		T(a_vfork_childs_memory_counts_once),
		T(models_and_slots),
		T(orphans),
		T(sums_never_fall_across_restarts),
		T(views_have_their_own_intervals),
		T(asked_after_another_tick),
		T(one_process),
		T(unknown_columns_stay),
		T(selections_are_bounded_and_shared),
		T(before_the_first_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* What a recording says beside its numbers: phases, events, what the collector itself took. */
#include "unit/results/scratch.h"

#include <mmsperf/results.h>

#include <stdlib.h>

static struct mp_suite_result suite_in(const char *dir)
{
	return (struct mp_suite_result){
		.dir = strdup(dir), .started_s = 1700000000, .duration_s = 60, .bzt_code = -1};
}

static void expect_phase(const struct mp_suite_result *s, size_t i, const char *name, double from,
			 double to)
{
	assert_true(i < s->n_phases);
	assert_string_equal(s->phases[i].name, name);
	assert_double_equal(s->phases[i].from_s - 1700000000, from, 0.0015);
	assert_double_equal(s->phases[i].to_s - 1700000000, to, 0.0015);
}

/* Steps by their log, labels before and after the load, ramp-up and hold of the load itself. */
static void phases_from_three_sources(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("phases");
	_cleanup_(mp_suite_result_done) struct mp_suite_result s = suite_in(dir);

	(void)state;
	put_file(dir, "steps.log",
		 "1700000002.000 register a\n"
		 "a command's own output: done in 5.000 s\n"
		 "1700000003.500 register a: done in 1.500 s\n"
		 "1700000004.000 odd: done in 1 s: done in 0.250 s\n"
		 "1700000005.000 fails: done in nan s\n"
		 "1700000005.000 half a line: done in 1.000 s");
	put_file(dir, "effective.json",
		 "{\"execution\": [{\"ramp-up\": \"2s\", \"hold-for\": \"8s\"}]}");
	put_file(dir, "kpi.jtl",
		 "timeStamp,elapsed,label,success\n"
		 "1700000008000,300,Register Model,true\n1700000008300,200,Scale,true\n"
		 "1700000010000,5,infer,true\n1700000011000,5,infer,true\n"
		 "1700000011000,9500,slow,true\n1700000012000,5,infer,true\n"
		 "1700000020400,5,infer,true\n1700000020500,100,Unregister,true\n");
	assert_int_equal(mp_results_load_series(&s, NULL), 0);
	assert_int_equal(s.n_phases, 7);
	expect_phase(&s, 0, "register a", 2, 3.5);
	expect_phase(&s, 1, "odd: done in 1 s", 3.75, 4);
	expect_phase(&s, 2, "Register Model", 8, 8.3);
	expect_phase(&s, 3, "Scale", 8.3, 8.5);
	expect_phase(&s, 4, "ramp-up", 10, 12);
	expect_phase(&s, 5, "hold", 12, 20);
	expect_phase(&s, 6, "Unregister", 20.5, 20.6);
}

static void expect_event(const struct mp_suite_result *s, size_t i, double at,
			 enum mp_event_kind kind, const char *text)
{
	assert_true(i < s->n_events);
	assert_string_equal(s->events[i].text, text);
	assert_double_equal(s->events[i].at_s, at, 0);
	assert_int_equal(s->events[i].kind, kind);
}

static void events_of_totals(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("events");
	_cleanup_(mp_suite_result_done) struct mp_suite_result s = suite_in(dir);

	(void)state;
	put_file(dir, "metrics.csv",
		 "ts,workers_created,worker_exits,worker_restarts,cgroup_oom_kills,jvm_gc_count,"
		 "jvm_gc_seconds,monitor_drops\n"
		 "100,3,0,0,7,4,0.5,0\n" /* what was before is no event */
		 "101,5,0,0,7,5,0.504,0\n"
		 "102,6,1,1,,5,0.504,0\n" /* workers.csv has seen it */
		 "103,6,1,1,9,7,0.524,\n"
		 "104,6,2,1,9,7,0.524,1\n");
	put_file(dir, "workers.csv",
		 "ts,model,slot,pid,metric,value\n101,m,0,10,threads,1\n102,m,0,11,threads,1\n"
		 "103,m,0,11,threads,1\n");
	assert_int_equal(mp_results_load_series(&s, NULL), 0);
	assert_int_equal(s.n_events, 7);
	expect_event(&s, 2, 102, MP_EVENT_WORKER, "worker m#0 replaced: pid 11, was 10");
	for (size_t i = 0; i < s.n_events; i++) {
		const struct mp_event *e = &s.events[i];

		assert_true(!i || s.events[i - 1].at_s <= e->at_s);
		if (e->at_s == 101 && e->kind == MP_EVENT_WORKER)
			assert_string_equal(e->text, "2 worker processes started");
		else if (e->at_s == 101)
			expect_event(&s, i, 101, MP_EVENT_GC,
				     "a garbage collection stopped the JVM for 4 ms");
		else if (e->at_s == 103 && e->kind == MP_EVENT_GC)
			assert_string_equal(e->text,
					    "2 garbage collections stopped the JVM for 20 ms");
		else if (e->at_s == 103)
			expect_event(&s, i, 103, MP_EVENT_FAULT,
				     "out of memory: 2 processes of the server were killed");
		else if (e->at_s == 104 && e->kind == MP_EVENT_WORKER)
			assert_string_equal(e->text, "a worker process ended");
		else if (e->at_s == 104)
			expect_event(&s, i, 104, MP_EVENT_LOST, "a kernel event was lost");
	}
}

/* A carpet of collections tells nothing: the longest ones remain. */
static void collections_are_limited(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("collections");
	_cleanup_(mp_suite_result_done) struct mp_suite_result s = suite_in(dir);
	_cleanup_buf_ struct mp_buf b = {0};
	double seconds = 0;

	(void)state;
	mp_buf_puts(&b, "ts,jvm_gc_count,jvm_gc_seconds\n");
	for (int i = 0; i < 3000; i++) {
		seconds += i % 100 == 50 ? 0.03 : 0.0015;
		mp_buf_printf(&b, "%d,%d,%.4f\n", 1700000000 + i, i, seconds);
	}
	put_file(dir, "metrics.csv", b.s);
	assert_int_equal(mp_results_load_series(&s, NULL), 0);
	assert_int_equal(s.n_events, 30);
	assert_string_equal(s.events[0].text, "a garbage collection stopped the JVM for 30 ms");
}

/* Numbers that no JVM writes: the search for what is long enough ends all the same. */
static void absurd_collections(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("absurd");
	_cleanup_(mp_suite_result_done) struct mp_suite_result s = suite_in(dir);
	_cleanup_buf_ struct mp_buf b = {0};

	(void)state;
	mp_buf_puts(&b, "ts,jvm_gc_count,jvm_gc_seconds\n");
	for (int i = 0; i < 1000; i++)
		mp_buf_printf(&b, "%d,%d,%s\n", 1700000000 + i, i, i % 2 ? "1.7e308" : "-1.7e308");
	put_file(dir, "metrics.csv", b.s);
	assert_int_equal(mp_results_load_series(&s, NULL), 0);
	assert_true(s.n_events <= 500);
}

static void cost_of_the_recording(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("cost"), *none = fresh_dir("no-cost");
	_cleanup_(mp_suite_result_done) struct mp_suite_result s = suite_in(dir),
							       t = suite_in(none);

	(void)state;
	put_file(
		dir, "metrics.csv",
		"ts,sum_all_cpu_percent,monitor_cpu_time,monitor_bpf_seconds,monitor_late_seconds,"
		"monitor_missed_ticks,monitor_drops,monitor_memory_rss\n"
		"100,,5,1,0.001,2,0,10\n105,40,5.005,1.5,0.004,2,1,30\n110,60,5.01,2,0.002,3,1,20\n");
	assert_int_equal(mp_results_load_series(&s, NULL), 0);
	assert_double_equal(s.monitor.samples, 3, 0);
	assert_double_equal(s.monitor.cpu_percent, 0.1, 1e-9);   /* 10 ms in 10 s */
	assert_double_equal(s.monitor.share_percent, 0.2, 1e-9); /* of the 50 % of the server */
	assert_double_equal(s.monitor.bpf_s, 1, 0);
	assert_double_equal(s.monitor.late_s, 0.004, 0);
	assert_double_equal(s.monitor.missed, 3, 0);
	assert_double_equal(s.monitor.drops, 1, 0);
	assert_double_equal(s.monitor.rss, 30, 0);
	assert_true(isnan(s.monitor.dropped_lines));
	put_file(none, "metrics.csv", "ts,sum_all_cpu_percent\n100,1\n101,2\n");
	assert_int_equal(mp_results_load_series(&t, NULL), 0);
	assert_double_equal(t.monitor.samples, 0, 0);
}

static void which_totals_are_rates(void **state)
{
	static const struct {
		const char *name;
		bool counter;
	} names[] = {
		{"sum_all_cpu_user_time", true},
		{"cpu_user_time@digits#0", true},
		{"runq_wait_seconds@a,b#3", true},
		{"jvm_gc_seconds", true},
		{"frontend_io_read_bytes", true},
		{"system_network_recv_bytes", true},
		{"sum_num_handles", false},
		{"jvm_gc_max_seconds", false},
		{"worker_restarts", false},
		{"cgroup_oom_kills", false},
		{"monitor_drops", false},
		{"monitor_bpf_seconds", true},
		{"worker_lifetime_avg_seconds", false},
		{"memory_rss@digits#0", false},
		{"their_own_read_bytes", true},
		{"no such metric", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%s", names[i].name);
		if (mp_series_is_counter(&(struct mp_series){.name = name}) != names[i].counter)
			fail_msg("%s is %sa rate", name, names[i].counter ? "" : "not ");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phases_from_three_sources),
		cmocka_unit_test(events_of_totals),
		cmocka_unit_test(collections_are_limited),
		cmocka_unit_test(absurd_collections),
		cmocka_unit_test(cost_of_the_recording),
		cmocka_unit_test(which_totals_are_rates),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

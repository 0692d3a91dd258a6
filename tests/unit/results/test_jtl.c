// SPDX-License-Identifier: GPL-2.0-only
/* Percentiles are compared with what numpy.percentile (linear) gave for the same numbers. */
#include "unit/results/scratch.h"

#include <mmsperf/results.h>

#define HEADER                                                                                     \
	"timeStamp,elapsed,label,responseCode,responseMessage,threadName,success,bytes,"           \
	"grpThreads,allThreads,Latency,Hostname,Connect\n"

static void a_small_file(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("small");
	_cleanup_(mp_load_done) struct mp_load l = {0};

	(void)state;
	put_file(dir, "kpi.jtl",
		 HEADER
		 "1700000001964,30,\"Inference, \"\"digits\"\"\",200,OK,t,true,1,1,1,27,vm,14\n"
		 "1700000001996,49,ping,200,OK,t,true,1,2,2,49,vm,0\n"
		 "1700000003100,7,ping,503,no,t,false,1,2,2,7,vm,0\n"
		 "1700000003200,12,ping,200,OK,t,true,1,4,4,1,vm,0\n"
		 "1700000003300,100,ping,200,OK,t,true,1,4,4,1,vm,0\n"
		 "1700000003400,55,ping,200,OK,t,true,1,3,3,1,vm,0\n"
		 "1700000003500,31,ping,200,OK,t,true,1,3,3,1,vm,0\n");
	assert_int_equal(mp_load_read(dir, &l, NULL), 0);
	assert_int_equal(l.n, 3);
	assert_double_equal(l.ts[0], 1700000001, 0);
	assert_double_equal(l.throughput[0], 2, 0);
	assert_double_equal(l.throughput[1], 0, 0);
	assert_double_equal(l.throughput[2], 5, 0);
	assert_true(isnan(l.p90_ms[1]) && isnan(l.avg_ms[1]) && isnan(l.concurrency[1]));
	assert_double_equal(l.errors[2], 1, 0);
	assert_double_equal(l.concurrency[0], 2, 0);
	assert_double_equal(l.concurrency[2], 4, 0);
	assert_double_equal(l.p50_ms[2], 31, 1e-9);
	assert_double_equal(l.samples, 7, 0);
	assert_double_equal(l.failed, 1, 0);
	assert_int_equal(l.n_labels, 3);
	assert_string_equal(l.labels[0].label, "");
	assert_string_equal(l.labels[1].label, "Inference, \"digits\"");
	assert_string_equal(l.labels[2].label, "ping");
	assert_double_equal(l.labels[0].p50_s, .031, 1e-9);
	assert_double_equal(l.labels[0].p90_s, .073, 1e-9);
	assert_double_equal(l.labels[0].p95_s, .0865, 1e-9);
	assert_double_equal(l.labels[0].p99_s, .0973, 1e-9);
	assert_double_equal(l.labels[0].stdev_s, .029173653196271573, 1e-9);
	assert_double_equal(l.labels[0].avg_s, .04057142857142857, 1e-9);
	assert_double_equal(l.labels[0].max_s, .1, 1e-9);
	assert_double_equal(l.labels[2].failed, 1, 0);
	assert_int_equal(l.n_slow, 7);
	assert_double_equal(l.slow[0].ms, 100, 0);
	assert_string_equal(l.slow[0].label, "ping");
}

/* 2,000 requests whose times are (i * 7919) % 997 + 1. */
static void percentiles_of_many(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("many");
	_cleanup_(mp_load_done) struct mp_load l = {0};
	_cleanup_buf_ struct mp_buf b = {0};
	double counted = 0;

	(void)state;
	mp_buf_puts(&b, HEADER);
	for (int i = 0; i < 2000; i++)
		mp_buf_printf(&b, "%lld,%d,a,200,OK,t,true,1,1,1,1,vm,0\n", 1700000000000LL + i,
			      (i * 7919) % 997 + 1);
	put_file(dir, "kpi.jtl", b.s);
	assert_int_equal(mp_load_read(dir, &l, NULL), 0);
	assert_double_equal(l.labels[0].p50_s, .5, 1e-9);
	assert_double_equal(l.labels[0].p90_s, .898, 1e-9);
	assert_double_equal(l.labels[0].p95_s, .94705, 1e-9);
	assert_double_equal(l.labels[0].p99_s, .98701, 1e-9);
	assert_double_equal(l.labels[0].stdev_s, .2880874501935133, 1e-9);
	assert_double_equal(l.labels[0].throughput, 1000, 1e-9);
	for (size_t i = 0; i < l.n_bins; i++) {
		assert_true(l.bins[i].to_ms > l.bins[i].from_ms);
		assert_true(!i || l.bins[i].from_ms == l.bins[i - 1].to_ms);
		counted += l.bins[i].count;
	}
	assert_double_equal(counted, 2000, 0);
}

/* Executions add up; so do the hosts of a distributed run; within one of them the maximum counts.
 */
static void users_of_several_sources(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("sources");
	_cleanup_(mp_load_done) struct mp_load l = {0};

	(void)state;
	put_file(dir, "kpi.jtl",
		 HEADER "1700000000100,5,a,200,OK,t,true,1,3,3,1,h1,0\n"
			"1700000000200,5,a,200,OK,t,true,1,4,4,1,h1,0\n"
			"1700000000300,5,a,200,OK,t,true,1,2,2,1,h2,0\n");
	put_file(dir, "kpi-1.jtl", HEADER "1700000000100,5,b,200,OK,t,true,1,7,7,1,h1,0\n");
	assert_int_equal(mp_load_read(dir, &l, NULL), 0);
	assert_int_equal(l.n, 1);
	assert_double_equal(l.concurrency[0], 4 + 2 + 7, 0);
	assert_double_equal(l.samples, 4, 0);
}

static void broken_lines_are_counted(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("broken");
	_cleanup_(mp_load_done) struct mp_load l = {0};

	(void)state;
	put_file(dir, "kpi.jtl",
		 HEADER "1700000000100,5,a,200,OK,t,true,1,3,3,1,h1,0\n"
			"x,5,a,200,OK,t,true,1,3,3,1,h1,0\n"
			"1700000000100,-5,a,200,OK,t,true,1,3,3,1,h1,0\n"
			"1700000000100\n"
			"99,5,a,200,OK,t,true,1,3,3,1,h1,0\n" /* 1970: not part of this run */
			"1700000000050,6,early,200,OK,t,true,1,3,3,1,h1,0\n"
			"1699999999050,6,early,200,OK,t,true,1,3,3,1,h1,0\n"
			"1700000000100,7,a,200"); /* the writer died here */
	assert_int_equal(mp_load_read(dir, &l, NULL), 0);
	assert_double_equal(l.samples, 3, 0);
	assert_double_equal(l.unreadable, 4, 0);
	assert_int_equal(l.n, 2);
	assert_double_equal(l.ts[0], 1699999999, 0);
}

static void no_load(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("none");
	_cleanup_(mp_load_done) struct mp_load l = {0};
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_load_read(dir, &l, NULL), 0);
	assert_int_equal(l.n, 0);
	put_file(dir, "kpi.jtl", "");
	assert_int_equal(mp_load_read(dir, &l, NULL), 0);
	put_file(dir, "kpi.jtl", HEADER);
	assert_int_equal(mp_load_read(dir, &l, NULL), 0);
	assert_int_equal(l.n, 0);
	put_file(dir, "kpi.jtl", "a,b\n1,2\n");
	assert_int_equal(mp_load_read(dir, &l, &d), -EINVAL);
	assert_non_null(strstr(d.msg, "timeStamp"));
}

static void more_labels_than_rows(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("labels");
	_cleanup_(mp_load_done) struct mp_load l = {0};
	_cleanup_buf_ struct mp_buf b = {0};
	double counted = 0;

	(void)state;
	mp_buf_puts(&b, HEADER);
	for (int i = 0; i < 3000; i++)
		mp_buf_printf(&b, "1700000000100,5,id %d,200,OK,t,true,1,1,1,1,vm,0\n", i);
	put_file(dir, "kpi.jtl", b.s);
	assert_int_equal(mp_load_read(dir, &l, NULL), 0);
	assert_int_equal(l.n_labels, 1001);
	for (size_t i = 1; i < l.n_labels; i++)
		counted += l.labels[i].samples;
	assert_double_equal(counted, 3000, 0);
	assert_string_equal(l.labels[1].label, "(other labels)");
	assert_double_equal(l.labels[1].samples, 2001, 0);
}

/* A file full of holes, as a crashed machine leaves it. */
static void zero_bytes_in_a_label(void **state)
{
	static const char text[] =
		HEADER "1700000000100,5,a\0bcdefghijklmnop,200,OK,t,true,1,1,1,1,vm,0\n"
		       "1700000000100,5,b,200,OK,t,true,1,1,1,1,vm,0\n"
		       "1700000000100,5,a\0bcdefghijklmnop,200,OK,t,true,1,1,1,1,vm,0\n";
	_cleanup_free_ char *dir = fresh_dir("zero"), *path = mp_path_join(dir, "kpi.jtl");
	_cleanup_(mp_load_done) struct mp_load l = {0};

	(void)state;
	assert_int_equal(mp_write_file(path, text, sizeof(text) - 1, 0644), 0);
	assert_int_equal(mp_load_read(dir, &l, NULL), 0);
	assert_int_equal(l.n_labels, 3);
	assert_double_equal(l.labels[1].samples, 2, 0);
}

static void one_label_alone(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("alone");
	_cleanup_(mp_load_done) struct mp_load l = {0}, none = {0};

	(void)state;
	put_file(dir, "kpi.jtl",
		 HEADER "1700000000100,5,a,200,OK,t,true,1,3,3,1,h1,0\n"
			"1700000000200,50,b,200,OK,t,false,1,4,4,1,h1,0\n"
			"1700000000300,70,b,200,OK,t,true,1,4,4,1,h1,0\n"
			"1700000002300,5,a,200,OK,t,true,1,2,2,1,h2,0\n");
	assert_int_equal(mp_load_read_label(dir, "b", &l, NULL), 0);
	assert_int_equal(l.n, 1);
	assert_double_equal(l.samples, 2, 0);
	assert_double_equal(l.avg_ms[0], 60, 0);
	assert_double_equal(l.failed_pct[0], 50, 0);
	assert_double_equal(l.succeeded_pct[0], 50, 0);
	assert_int_equal(mp_load_read_label(dir, "c", &none, NULL), 0);
	assert_int_equal(none.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_file),
		cmocka_unit_test(percentiles_of_many),
		cmocka_unit_test(users_of_several_sources),
		cmocka_unit_test(broken_lines_are_counted),
		cmocka_unit_test(no_load),
		cmocka_unit_test(more_labels_than_rows),
		cmocka_unit_test(zero_bytes_in_a_label),
		cmocka_unit_test(one_label_alone),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "unit/results/scratch.h"

#include <mmsperf/results.h>

static void cells_and_gaps(void **state)
{
	_cleanup_free_ char *path = mp_path_join(scratch, "metrics.csv");
	_cleanup_(mp_table_done) struct mp_table t = {0};
	const struct mp_series *s;

	(void)state;
	put_file(
		scratch, "metrics.csv",
		"ts,total_workers,sum_workers_memory_rss\n1.5,2,\nbroken,1,1\n2.5,nan,1e6\n3.5,3\n4.5,9");
	assert_int_equal(mp_table_read(path, &t, NULL), 0);
	assert_int_equal(t.cols, 2);
	assert_int_equal(t.rows, 3); /* a row without a time and the one cut short are left out */
	assert_double_equal(t.ts[2], 3.5, 0);
	s = mp_table_find(&t, "sum_workers_memory_rss");
	assert_non_null(s);
	assert_int_equal(s->unit, MP_UNIT_BYTES);
	assert_true(isnan(s->v[0]));
	assert_double_equal(s->v[1], 1e6, 0);
	assert_true(isnan(s->v[2]));
	assert_null(mp_table_find(&t, "other"));
}

static void what_is_no_table(void **state)
{
	_cleanup_free_ char *path = mp_path_join(scratch, "no.csv");
	_cleanup_(mp_table_done) struct mp_table t = {0};
	struct mp_diag d = {0};

	(void)state;
	put_file(scratch, "no.csv", "time,a\n1,2\n");
	assert_int_equal(mp_table_read(path, &t, &d), -EINVAL);
	assert_non_null(strstr(d.msg, "'ts'"));
	put_file(scratch, "no.csv", "");
	assert_int_equal(mp_table_read(path, &t, &d), -EINVAL);
}

static void reduced_series_keep_extremes(void **state)
{
	const double ts[] = {0, 1, 2, 3, 4}, v[] = {1, 5, NAN, -2, 7};
	_cleanup_(mp_reduced_done) struct mp_reduced r = {0}, whole = {0};

	(void)state;
	assert_int_equal(mp_series_reduce(ts, v, 5, 3, &r), 0);
	assert_int_equal(r.n, 3);
	assert_double_equal(r.ts[0], .5, 0);
	assert_double_equal(r.min[0], 1, 0);
	assert_double_equal(r.mean[0], 3, 0);
	assert_double_equal(r.max[0], 5, 0);
	assert_double_equal(r.mean[1], -2, 0);
	assert_double_equal(r.max[2], 7, 0);
	assert_int_equal(mp_series_reduce(ts, v, 5, 5, &whole), 0);
	assert_int_equal(whole.n, 5);
	assert_true(isnan(whole.mean[2]));
}

static void rate_of_a_counter(void **state)
{
	const double ts[] = {0, 2, 3, 4, 5}, v[] = {10, 30, NAN, 50, 5};
	_cleanup_free_ double *rate = NULL;

	(void)state;
	assert_int_equal(mp_series_rate(ts, v, 5, &rate), 0);
	assert_true(isnan(rate[0]));
	assert_double_equal(rate[1], 10, 0);
	assert_true(isnan(rate[2]));
	assert_double_equal(rate[3], 10, 0); /* over the gap */
	assert_true(isnan(rate[4]));         /* it began anew */
}

static void final_stats_of_taurus(void **state)
{
	_cleanup_free_ char *path = mp_path_join(scratch, "final_stats.csv");
	struct mp_label_stats *v = NULL;
	struct mp_diag d = {0};
	size_t n = 0;

	(void)state;
	put_file(
		scratch, "final_stats.csv",
		"label,avg_ct,avg_lt,avg_rt,bytes,concurrency,fail,stdev_rt,succ,throughput,perc_0.0,perc_50.0,"
		"perc_90.0,perc_95.0,perc_99.0,perc_99.9,perc_100.0,rc_200,rc_503\n"
		"\"a, \"\"b\"\"\",0.00041,0.01428,0.01431,117611,4,12,0.00681,1027,1039,0.00300,0.01300,0.02300,"
		"0.02800,0.03600,0.04600,0.05600,1027,12\n"
		",0.00021,0.03541,0.03542,234792,4,12,0.02219,2064,2076,0.00300,0.04500,0.06100,0.06500,0.07500,"
		"0.09400,0.10000,2064,12\n");
	assert_int_equal(mp_final_stats_read(path, &v, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_string_equal(v[0].label, "");
	assert_double_equal(v[0].samples, 2076, 0);
	assert_double_equal(v[0].failed, 12, 0);
	assert_double_equal(v[0].p90_s, .061, 1e-9);
	assert_double_equal(v[0].max_s, .1, 1e-9);
	assert_true(isnan(v[0].throughput)); /* Taurus' column of that name is a count */
	assert_string_equal(v[1].label, "a, \"b\"");
	for (size_t i = 0; i < n; i++)
		free(v[i].label);
	free(v);
	put_file(scratch, "final_stats.csv", "label,x\n,1\n");
	assert_int_equal(mp_final_stats_read(path, &v, &n, &d), -EINVAL);
}

static void workers_as_columns_and_events(void **state)
{
	static const char *const said[] = {
		"worker digits#1 replaced: pid 13, was 11",
		"worker a,b#0 started (pid 20)",
		"worker digits#0 ended (pid 10)",
	};
	static const double when[] = {102, 102, 103};
	_cleanup_free_ char *path = mp_path_join(scratch, "workers.csv");
	_cleanup_(mp_table_done) struct mp_table t = {0};
	const struct mp_series *cpu, *rss;
	struct mp_event *e = NULL;
	struct mp_diag d = {0};
	size_t n = 0;

	(void)state;
	put_file(
		scratch, "workers.csv",
		"ts,model,slot,pid,metric,value\n"
		"101,digits,0,10,cpu_percent,5\n101,digits,0,10,memory_rss,1e6\n101,digits,1,11,cpu_percent,6\n"
		"102,digits,0,10,cpu_percent,7\n102,digits,0,10,memory_rss,2e6\n102,digits,1,13,cpu_percent,8\n"
		"102,\"a,b\",0,20,cpu_percent,1\n"
		"103,digits,1,13,cpu_percent,9\n103,\"a,b\",0,20,cpu_percent,2\n103,digits,1,1");
	assert_int_equal(mp_workers_read(path, &t, &e, &n, NULL), 0);
	assert_int_equal(t.rows, 3);
	assert_int_equal(t.cols, 4);
	cpu = mp_table_find(&t, "cpu_percent@digits#0");
	rss = mp_table_find(&t, "memory_rss@digits#0");
	assert_true(cpu && rss && mp_table_find(&t, "cpu_percent@a,b#0"));
	assert_double_equal(cpu->v[1], 7, 0);
	assert_true(isnan(cpu->v[2]));
	assert_int_equal(rss->unit, MP_UNIT_BYTES);
	assert_double_equal(rss->v[1], 2e6, 0);
	assert_true(isnan(mp_table_find(&t, "cpu_percent@a,b#0")->v[0]));
	assert_int_equal(n, ARRAY_SIZE(said));
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(e[i].text, said[i]);
		assert_double_equal(e[i].at_s, when[i], 0);
		free(e[i].text);
	}
	free(e);
	put_file(scratch, "workers.csv", "ts,model\n1,2\n");
	assert_int_equal(mp_workers_read(path, &t, &e, &n, &d), -EINVAL);
	assert_non_null(strstr(d.msg, "'slot'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_and_gaps),
		cmocka_unit_test(what_is_no_table),
		cmocka_unit_test(reduced_series_keep_extremes),
		cmocka_unit_test(rate_of_a_counter),
		cmocka_unit_test(final_stats_of_taurus),
		cmocka_unit_test(workers_as_columns_and_events),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

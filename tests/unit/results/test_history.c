// SPDX-License-Identifier: GPL-2.0-only
/* Runs as series: what shares a series, medians, ranges, and what a folder that is no store says.
 */
#include "unit/results/scratch.h"

#include <mmsperf/history.h>

static void put_run(const char *out, const char *id, const char *env, const char *machine,
		    const char *verdict, double hold_cap, double memory, const char *extra)
{
	_cleanup_free_ char *dir = mp_path_join(out, id), *json = NULL, *csv = NULL;
	double started;

	assert_int_equal(mp_mkdir_p(dir, 0755), 0);
	assert_int_equal(mp_parse_double(strrchr(id, '_') + 1, &started), 0);
	json = mp_asprintf(
		"{\"schema\":1,\"state\":\"finished\",\"env\":\"%s\",\"commit\":\"c\","
		"\"started\":%g,\"verdict\":\"%s\",\"hold_cap\":%g,"
		"\"fingerprint\":{\"id\":\"%s\",\"cpu\":\"Some CPU\",\"kernel\":\"6.18\"},"
		"\"suites\":[{\"name\":\"s\",\"verdict\":\"%s\"}]}",
		env, started, verdict, hold_cap, machine, verdict);
	csv = mp_asprintf(
		"suite,label,metric,n,mean,max,min\ns,,sum_workers_memory_rss,9,%g,%g,1\n%s",
		memory, memory + 5, extra);
	put_file(dir, "run.json", json);
	put_file(dir, "aggregates.csv", csv);
}

static void medians(void **state)
{
	double odd[] = {3, NAN, 1, 2}, even[] = {4, 1, 3, INFINITY, 2}, none[] = {NAN};

	(void)state;
	assert_double_equal(mp_median(odd, 4), 2, 0);
	assert_double_equal(mp_median(even, 5), 2.5, 0);
	assert_true(isnan(mp_median(none, 1)));
	assert_true(isnan(mp_median(NULL, 0)));
}

#define CPU                                                                                        \
	"s,,sum_workers_cpu_user_time,9,5,14,10\ns,,sum_workers_cpu_system_time,9,5,1,0\n"         \
	"s,(all),samples,1,500,500,500\ns,(all),p90,1,0.2,0.2,0.2\ns,(all),stdev,1,9,9,9\n"

static void groups_and_trends(void **state)
{
	_cleanup_free_ char *out = fresh_dir("groups");
	_cleanup_(mp_history_done) struct mp_history h = {0};
	const struct mp_run_filter none = {0};
	const struct mp_history_group *g;
	const struct mp_trend *t;

	(void)state;
	put_run(out, "e__c__1", "e", "m1", "passed", 0, 10, "");
	put_run(out, "e__c__2", "e", "m1", "failed", 0, 99, "");
	put_run(out, "e__c__3", "e", "m1", "passed", 0, 20, "");
	put_run(out, "e__c__4", "e", "m2", "passed", 0, 1000, "");
	put_run(out, "e__c__5", "e", "m1", "passed", 8, 1000, "");
	put_run(out, "f__c__6", "f", "m1", "passed", 0, 1000, "");
	put_run(out, "e__c__7", "e", "m1", "passed", 0, 40, CPU);
	assert_int_equal(mp_history_read(out, &none, 9, &h, NULL), 0);
	assert_int_equal(h.n, 4);
	g = &h.v[0];
	assert_string_equal(g->runs[0]->id, "e__c__1");
	assert_string_equal(g->machine, "Some CPU, Linux 6.18");
	assert_int_equal(g->n_runs, 4);
	assert_int_equal(g->n_passing, 3);
	assert_int_equal(g->suites[0].verdict[1], MP_FAILED);
	assert_int_equal(g->suites[0].n,
			 6); /* a standard deviation over runs tells nobody anything */
	t = &g->suites[0].v[0];
	assert_string_equal(t->m.name, "p90");
	assert_true(isnan(t->v[0]));
	assert_double_equal(t->v[3], 0.2, 0);
	t = &g->suites[0].v[2];
	assert_string_equal(t->m.title, "CPU per 1,000 requests, workers");
	assert_double_equal(t->v[3], 10, 1e-9);
	t = &g->suites[0].v[3];
	assert_string_equal(t->m.name, "sum_workers_memory_rss");
	assert_double_equal(t->m.value, 20, 0);
	assert_double_equal(t->peak[3], 45, 0);
	assert_int_equal(t->n_before, 2);
	assert_double_equal(t->low, 10, 0);
	assert_double_equal(t->high, 20, 0);
	mp_history_done(&h);
	assert_int_equal(mp_history_read(out, &none, 2, &h, NULL), 0);
	assert_int_equal(h.n, 4);
	assert_int_equal(h.v[0].n_runs, 2);
	assert_string_equal(h.v[0].runs[0]->id, "e__c__3");
}

static void without_runs(void **state)
{
	_cleanup_free_ char *out = fresh_dir("empty");
	const struct mp_run_filter none = {0};
	struct mp_history h = {0};
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_history_read(out, &none, 5, &h, NULL), 0);
	assert_int_equal(h.n, 0);
	mp_history_done(&h);
	assert_int_equal(mp_history_read("/nonexistent/out", &none, 5, &h, &d), -ENOENT);
	assert_non_null(strstr(d.msg, "no run was made"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(medians),
		cmocka_unit_test(groups_and_trends),
		cmocka_unit_test(without_runs),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

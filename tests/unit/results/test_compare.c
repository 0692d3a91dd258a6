// SPDX-License-Identifier: GPL-2.0-only
/* Comparisons: the interval against scipy, upstream's rule by hand, measures of known series. */
#include "unit/results/compare_fixture.h"

#include <unistd.h>

/* scipy 1.17: ttest_ind(log b, log a, equal_var=False).confidence_interval(0.95), exp'ed */
static void test_interval_is_scipys(void **state)
{
	static const struct {
		double a[8];
		size_t n_a;
		double b[8];
		size_t n_b;
		double ratio, low, high;
	} cases[] = {
		{{3.86, 3.90, 3.82},
		 3,
		 {4.13, 4.20},
		 2,
		 1.079016070147,
		 1.032436737691,
		 1.127696872003},
		{{10, 11, 9.5, 10.4, 10.1},
		 5,
		 {10.2, 10.9, 12.0, 11.3, 10.8},
		 5,
		 1.082051227993,
		 0.995546056074,
		 1.176073023301},
		{{100, 104, 98, 97, 103, 101, 99, 110},
		 8,
		 {90, 130, 75},
		 3,
		 0.943909096892,
		 0.474147664002,
		 1.879086307578},
		{{1, 2}, 2, {3, 5}, 2, 2.738612787526, 0.364369612944, 20.583494708599},
		/* one run on one side: the other side's spread, as a pooled t */
		{{10, 11, 9.5, 10.4, 10.1},
		 5,
		 {12},
		 1,
		 1.177842023925,
		 0.999787818054,
		 1.387606258318},
		{{12}, 1, {10, 11, 9.5}, 3, 0.845650384692, 0.584345046084, 1.223805314895},
		/* no spread at all counts as 0.2 % */
		{{32, 32, 32}, 3, {33, 33, 33}, 3, 1.03125, 1.026584982647, 1.035936216169},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		double ratio, low, high;

		assert_true(mp_ratio_interval(cases[i].a, cases[i].n_a, cases[i].b, cases[i].n_b,
					      &ratio, &low, &high));
		assert_double_equal(ratio, cases[i].ratio, 1e-9);
		assert_double_equal(low, cases[i].low, 1e-8);
		assert_double_equal(high, cases[i].high, 1e-8 * cases[i].high);
	}
}

static void test_interval_that_is_unknown(void **state)
{
	double ratio = 7, low = 7, high = 7;

	(void)state;
	assert_false(mp_ratio_interval((double[]){1}, 1, (double[]){2}, 1, &ratio, &low, &high));
	assert_false(
		mp_ratio_interval((double[]){1, 0}, 2, (double[]){2, 3}, 2, &ratio, &low, &high));
	assert_false(
		mp_ratio_interval((double[]){1, 2}, 2, (double[]){-2, 3}, 2, &ratio, &low, &high));
	assert_false(mp_ratio_interval(NULL, 0, (double[]){2, 3, 4}, 3, &ratio, &low, &high));
	assert_double_equal(ratio + low + high, 21, 0); /* outputs untouched */
}

static void test_upstreams_difference(void **state)
{
	(void)state;
	assert_double_equal(mp_diff_percent(100, 110), 10 / 105.0 * 100, 1e-12);
	assert_double_equal(mp_diff_percent(110, 100), 10 / 105.0 * 100, 1e-12); /* symmetric */
	assert_double_equal(mp_diff_percent(0, 5), 200, 0);
	assert_double_equal(mp_diff_percent(0, 0), 0, 0);
	assert_double_equal(mp_diff_percent(3, 3), 0, 0);
	assert_true(isnan(mp_diff_percent(NAN, 3)));
	assert_true(isnan(mp_diff_percent(3, NAN)));
	assert_true(isnan(mp_diff_percent(-3, 3)));
}

static const struct mp_measure *measure(const struct mp_measures *m, const char *name,
					enum mp_agg agg)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->v[i].name, name) && m->v[i].agg == agg)
			return &m->v[i];
	return NULL;
}

static void test_measures(void **state)
{
	struct mp_suite_result s;
	struct mp_measures m;
	const struct mp_measure *x;

	(void)state;
	fill_suite(&s, "x", NULL, 4, 100, 0.05);
	assert_int_equal(mp_measures_of(&s, &m), 0);
	/* 4 s of CPU for 200 requests */
	x = measure(&m, "sum_workers_cpu_time_per_1000_requests", MP_AGG_VALUE);
	assert_non_null(x);
	assert_double_equal(x->value, 20, 1e-9);
	assert_int_equal(x->rank, 0);
	assert_int_equal(x->better, MP_BETTER_LOWER);
	/* what was before and after the load is left out */
	assert_double_equal(measure(&m, "sum_workers_memory_rss", MP_AGG_MEAN)->value, 100, 1e-9);
	assert_double_equal(measure(&m, "sum_workers_memory_rss", MP_AGG_MAX)->value, 101, 1e-9);
	assert_double_equal(measure(&m, "sum_workers_memory_rss", MP_AGG_MIN)->value, 99, 1e-9);
	assert_double_equal(measure(&m, "p90", MP_AGG_VALUE)->value, 0.05, 1e-12);
	assert_double_equal(measure(&m, "p90 of Inference", MP_AGG_VALUE)->value, 0.05, 1e-12);
	assert_double_equal(measure(&m, "fail%", MP_AGG_VALUE)->value, 1, 1e-12);
	x = measure(&m, "throughput of Inference", MP_AGG_VALUE);
	assert_int_equal(x->better, MP_BETTER_HIGHER);
	assert_string_equal(x->per, "/s");
	/* a counter has a growth, no mean */
	assert_null(measure(&m, "sum_workers_cpu_user_time", MP_AGG_MEAN));
	x = measure(&m, "sum_workers_cpu_user_time_per_1000_requests", MP_AGG_VALUE);
	assert_double_equal(x->value, 20, 1e-9);
	mp_measures_done(&m);
	/* a total that fell began anew with another process: 4 s + 3 s, not less than nothing */
	s.metrics.col[0].v[3] = s.metrics.col[0].v[4] = 3;
	s.metrics.col[0].v[2] = 14;
	assert_int_equal(mp_measures_of(&s, &m), 0);
	x = measure(&m, "sum_workers_cpu_user_time_per_1000_requests", MP_AGG_VALUE);
	assert_double_equal(x->value, 35, 1e-9);
	mp_measures_done(&m);
	mp_suite_result_done(&s);
}

static void test_rules(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("rules"), *none = fresh_dir("no-rules"),
			    *bad = fresh_dir("bad-rules");
	struct mp_rules r;
	struct mp_diag d = {0};

	(void)state;
	put_file(
		dir, "effective.json",
		RULES(RULE_RSS("30") "," RULE_RSS("40") "," RULE_P90(
			"\"20\"") ","
				  "{\"subject\":\"success\",\"threshold\":\"5%\",\"diff_percent\":0},"
				  "{\"subject\":\"p99.0\",\"label\":\"\",\"threshold\":\"5s\",\"diff_percent\":"
				  "\"many\"},{\"subject\":\"p50\",\"threshold\":\"5s\"}"));
	assert_int_equal(mp_rules_read(dir, &r, &d), 0);
	assert_int_equal(r.n, 4); /* the second threshold of one metric asks for nothing new */
	assert_string_equal(r.v[0].name, "sum_workers_memory_rss");
	assert_string_equal(r.v[0].full, "mms/sum_workers_memory_rss");
	assert_true(r.v[0].monitored);
	assert_double_equal(r.v[0].percent, 30, 0);
	assert_string_equal(r.v[1].name, "p90 of Inference");
	assert_double_equal(r.v[1].percent, 20, 0);
	assert_string_equal(r.v[2].name, "succ%");
	assert_double_equal(r.v[2].percent, 0, 0);
	assert_string_equal(r.v[3].name, "p99");
	assert_true(isnan(r.v[3].percent));
	mp_rules_done(&r);
	assert_int_equal(mp_rules_read(none, &r, &d), 0);
	assert_int_equal(r.n, 0);
	put_file(bad, "effective.json", "{\"reporting\": [");
	assert_int_equal(mp_rules_read(bad, &r, &d), -EINVAL);
	assert_non_null(strstr(d.msg, "effective configuration"));
	/* YAML as bzt writes it, where that is all that was kept */
	put_file(
		none, "effective.yml",
		"reporting:\n- module: passfail\n  criteria:\n  - class: "
		"bzt.modules.monitoring.MonitoringCriteria\n    subject: a/b\n    diff_percent: 7\n");
	assert_int_equal(mp_rules_read(none, &r, &d), 0);
	assert_int_equal(r.n, 1);
	assert_double_equal(r.v[0].percent, 7, 0);
	mp_rules_done(&r);
}

/* One run a side; automatic as given. The caller frees all three. */
static void compare_two(const struct mp_run *a, const struct mp_run *b, bool automatic,
			struct mp_comparison *c)
{
	static const struct mp_run *va[1], *vb[1];

	va[0] = a;
	vb[0] = b;
	assert_int_equal(mp_compare(va, 1, vb, 1, &(struct mp_compare_opts){automatic}, c), 0);
}

static void test_one_run_a_side(void **state)
{
	_cleanup_(mp_run_done) struct mp_run a = make_run("/o/vm__a__1", "vm", NULL, 4, 100, 0.05);
	_cleanup_(mp_run_done) struct mp_run b = make_run("/o/vm__b__2", "vm", NULL, 5, 100, 0.05);
	_cleanup_(mp_comparison_done) struct mp_comparison c;
	const struct mp_cmp_row *r;

	(void)state;
	compare_two(&a, &b, false, &c);
	assert_int_equal(c.n_suites, 1);
	assert_int_equal(c.verdict, MP_SKIPPED);
	assert_string_equal(c.a.name, "vm__a__1");
	/* by importance: CPU per 1,000 requests of the workers is the first row */
	r = &c.suites[0].rows[0];
	assert_string_equal(r->m.name, "sum_workers_cpu_time_per_1000_requests");
	assert_double_equal(r->a, 20, 1e-9);
	assert_double_equal(r->b, 25, 1e-9);
	assert_double_equal(r->effect, 0.25, 1e-9);
	assert_true(isnan(r->low) && isnan(r->high));
	assert_int_equal(r->result, MP_CMP_UNKNOWN);
	assert_string_equal(r->message, "larger by 25 %; uncertainty unknown: one run a side");
	for (size_t i = 1; i < c.suites[0].n_rows; i++)
		assert_true(c.suites[0].rows[i - 1].m.rank <= c.suites[0].rows[i].m.rank);
	assert_int_equal(c.count[MP_CMP_WORSE] + c.count[MP_CMP_PASS] + c.count[MP_CMP_FAIL], 0);
}

static void test_sets(void **state)
{
	_cleanup_(mp_run_done) struct mp_run a1 = make_run("/o/1", "vm", NULL, 3.86, 100, 0.05);
	_cleanup_(mp_run_done) struct mp_run a2 = make_run("/o/2", "vm", NULL, 3.90, 100, 0.04);
	_cleanup_(mp_run_done) struct mp_run a3 = make_run("/o/3", "vm", NULL, 3.82, 100, 0.06);
	_cleanup_(mp_run_done) struct mp_run b1 = make_run("/o/4", "vm", NULL, 4.13, 50, 0.05);
	_cleanup_(mp_run_done) struct mp_run b2 = make_run("/o/5", "vm", NULL, 4.20, 50, 0.05);
	const struct mp_run *a[] = {&a1, &a2, &a3}, *b[] = {&b1, &b2};
	_cleanup_(mp_comparison_done) struct mp_comparison c;
	const struct mp_cmp_row *r;

	(void)state;
	assert_int_equal(mp_compare(a, 3, b, 2, &(struct mp_compare_opts){0}, &c), 0);
	assert_string_equal(c.a.name, "3 runs of abc1234");
	r = row_of(&c.suites[0], "sum_workers_cpu_time_per_1000_requests", MP_AGG_VALUE);
	assert_double_equal(r->effect, 0.079016070147, 1e-9);
	assert_double_equal(r->low, 0.032436737691, 1e-8);
	assert_double_equal(r->high, 0.127696872003, 1e-8);
	assert_int_equal(r->result, MP_CMP_WORSE);
	assert_int_equal(r->n_a, 3);
	assert_int_equal(r->n_b, 2);
	/* the better direction is the registry's */
	r = row_of(&c.suites[0], "sum_workers_memory_rss", MP_AGG_MEAN);
	assert_int_equal(r->result, MP_CMP_BETTER);
	r = row_of(&c.suites[0], "p90", MP_AGG_VALUE);
	assert_int_equal(r->result, MP_CMP_SAME);
	assert_true(r->low < 0 && r->high > 0);
	r = row_of(&c.suites[0], "fail%", MP_AGG_VALUE);
	assert_int_equal(r->result, MP_CMP_SAME);
	/* none of it is a verdict */
	assert_int_equal(c.verdict, MP_SKIPPED);
}

static void test_rule_holds_and_breaks(void **state)
{
	static const struct {
		const char *percent;
		double rss_b;
		enum mp_cmp_result result;
		enum mp_verdict verdict;
		const char *says;
	} cases[] = {
		{"30", 110, MP_CMP_PASS, MP_PASSED, "differs by 9.52 %, allowed is less than 30 %"},
		{"9", 110, MP_CMP_FAIL, MP_FAILED, "differs by 9.52 %"},
		/* the rule is symmetric: an improvement breaks it as well, and that is said */
		{"9", 90, MP_CMP_FAIL, MP_FAILED, "an improvement"},
		{"\"9\"", 110, MP_CMP_FAIL, MP_FAILED, "allowed is less than 9 %"},
		{"0", 110, MP_CMP_SKIP, MP_SKIPPED, "asks for no comparison"},
		{"\"x\"", 110, MP_CMP_ERROR, MP_ERROR, "no number"},
		{"-5", 110, MP_CMP_ERROR, MP_ERROR, "no number"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *dir = fresh_dir("rule");
		_cleanup_free_ char *text = mp_asprintf(RULES(RULE_RSS("%s")), cases[i].percent);
		_cleanup_(mp_run_done) struct mp_run a = make_run("/a", "vm", NULL, 4, 100, 1);
		_cleanup_(mp_run_done) struct mp_run b =
			make_run("/b", "vm", dir, 4, cases[i].rss_b, 1);
		_cleanup_(mp_comparison_done) struct mp_comparison c;
		const struct mp_cmp_row *r;

		put_file(dir, "effective.json", text);
		compare_two(&a, &b, false, &c);
		assert_int_equal(c.verdict, cases[i].verdict);
		r = row_of(&c.suites[0], "sum_workers_memory_rss", MP_AGG_MEAN);
		assert_int_equal(r->result, cases[i].result);
		if (!strstr(r->message, cases[i].says))
			fail_msg("'%s' lacks '%s'", r->message, cases[i].says);
		/* rules stand first, and take the place of the plain rows of their metric */
		assert_true(c.suites[0].rows[0].result <= MP_CMP_SKIP);
		assert_int_equal(c.count[MP_CMP_PASS] + c.count[MP_CMP_FAIL] +
					 c.count[MP_CMP_ERROR] + c.count[MP_CMP_SKIP],
				 3);
	}
}

/* What upstream compares is bzt's own log, over all its rows. */
static void test_rule_reads_bzts_log(void **state)
{
	_cleanup_free_ char *da = fresh_dir("bzt-a"), *db = fresh_dir("bzt-b");
	_cleanup_(mp_run_done) struct mp_run a = make_run("/a", "vm", da, 4, 100, 1);
	_cleanup_(mp_run_done) struct mp_run b = make_run("/b", "vm", db, 4, 100, 1);
	_cleanup_(mp_comparison_done) struct mp_comparison c;
	const struct mp_cmp_row *r;

	(void)state;
	put_file(da, "metrics_bzt.csv", "ts,mms/sum_workers_memory_rss\n1,10\n2,20\n3,\n4,60\n");
	put_file(db, "metrics_bzt.csv", "ts,sum_workers_memory_rss\n1,10\n2,20\n3,90\n");
	put_file(db, "effective.json", RULES(RULE_RSS("25")));
	compare_two(&a, &b, false, &c);
	r = row_of(&c.suites[0], "sum_workers_memory_rss", MP_AGG_MEAN);
	assert_double_equal(r->a, 30, 1e-9); /* the empty cell is left out, as pandas does */
	assert_double_equal(r->b, 40, 1e-9);
	assert_double_equal(r->diff_percent, 1000.0 / 35, 1e-9);
	assert_int_equal(r->result, MP_CMP_FAIL);
	r = row_of(&c.suites[0], "sum_workers_memory_rss", MP_AGG_MAX);
	assert_double_equal(r->diff_percent, 40, 1e-9);
	r = row_of(&c.suites[0], "sum_workers_memory_rss", MP_AGG_MIN);
	assert_int_equal(r->result, MP_CMP_PASS);
	assert_double_equal(r->diff_percent, 0, 0);
}

static void test_rule_about_requests(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("latency");
	_cleanup_(mp_run_done) struct mp_run a = make_run("/a", "vm", NULL, 4, 100, 0.100);
	_cleanup_(mp_run_done) struct mp_run b = make_run("/b", "vm", dir, 4, 100, 0.130);
	_cleanup_(mp_comparison_done) struct mp_comparison c;
	const struct mp_cmp_row *r;

	(void)state;
	put_file(dir, "effective.json", RULES(RULE_P90("26")));
	compare_two(&a, &b, false, &c);
	r = row_of(&c.suites[0], "p90 of Inference", MP_AGG_VALUE);
	assert_double_equal(r->diff_percent, 100 * 0.03 / 0.115, 1e-9);
	assert_int_equal(r->result, MP_CMP_FAIL);
	assert_string_equal(r->message,
			    "differs by 26.1 %, allowed is less than 26 %: 130 ms, was 100 ms");
}

/* A rule that cannot be asked is an error, never a pass; of a reference nobody chose, a skip. */
static void test_missing_values(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("missing");
	_cleanup_(mp_run_done) struct mp_run a = make_run("/a", "vm", NULL, 4, 100, 1);
	_cleanup_(mp_run_done) struct mp_run b = make_run("/b", "vm", dir, 4, 100, 1);
	struct mp_comparison c;

	(void)state;
	put_file(dir, "effective.json", RULES(RULE_RSS("30")));
	free(a.suites[0].metrics.col[2].name);
	a.suites[0].metrics.col[2].name = strdup("something_else");
	compare_two(&a, &b, false, &c);
	assert_int_equal(c.count[MP_CMP_ERROR], 3);
	assert_int_equal(c.verdict, MP_ERROR);
	assert_non_null(strstr(c.suites[0].rows[0].message, "no value in A"));
	assert_int_equal(row_of(&c.suites[0], "something_else", MP_AGG_MAX)->result,
			 MP_CMP_MISSING);
	mp_comparison_done(&c);
	compare_two(&a, &b, true, &c);
	assert_int_equal(c.count[MP_CMP_ERROR], 0);
	assert_int_equal(c.count[MP_CMP_SKIP], 3);
	assert_int_equal(c.verdict, MP_SKIPPED);
	mp_comparison_done(&c);
	/* what the run itself lacks is an error either way */
	free(b.suites[0].metrics.col[2].name);
	b.suites[0].metrics.col[2].name = strdup("something_else");
	free(a.suites[0].metrics.col[2].name);
	a.suites[0].metrics.col[2].name = strdup("sum_workers_memory_rss");
	compare_two(&a, &b, true, &c);
	assert_int_equal(c.count[MP_CMP_ERROR], 3);
	assert_int_equal(c.verdict, MP_ERROR);
	mp_comparison_done(&c);
}

static void test_broken_files_are_errors(void **state)
{
	_cleanup_free_ char *da = fresh_dir("broken-a"), *db = fresh_dir("broken-b");
	_cleanup_(mp_run_done) struct mp_run a = make_run("/a", "vm", da, 4, 100, 1);
	_cleanup_(mp_run_done) struct mp_run b = make_run("/b", "vm", db, 4, 100, 1);
	struct mp_comparison c;

	(void)state;
	put_file(db, "effective.json", "[1, 2");
	compare_two(&a, &b, false, &c);
	assert_int_equal(c.verdict, MP_ERROR);
	assert_non_null(strstr(c.suites[0].error, "effective configuration"));
	assert_true(c.suites[0].n_rows > 10); /* the rest is compared all the same */
	mp_comparison_done(&c);
	put_file(db, "effective.json", "{}");
	put_file(da, "metrics_bzt.csv", "no,table\n1,2\n");
	compare_two(&a, &b, false, &c);
	assert_int_equal(c.verdict, MP_ERROR);
	assert_non_null(strstr(c.suites[0].error, "metrics_bzt.csv"));
	mp_comparison_done(&c);
}

static void test_other_environments_are_not_judged(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("elsewhere");
	_cleanup_(mp_run_done) struct mp_run a = make_run("/a", "vm", NULL, 4, 100, 1);
	_cleanup_(mp_run_done) struct mp_run b = make_run("/b", "ci", dir, 40, 1000, 10);
	struct mp_comparison c;

	(void)state;
	put_file(dir, "effective.json", RULES(RULE_RSS("30")));
	compare_two(&a, &b, false, &c);
	assert_string_equal(c.not_judged, "the environments differ (vm and ci)");
	assert_int_equal(c.verdict, MP_SKIPPED);
	assert_int_equal(c.count[MP_CMP_SKIP], 3);
	assert_int_equal(c.count[MP_CMP_FAIL] + c.count[MP_CMP_WORSE] + c.count[MP_CMP_BETTER], 0);
	assert_double_equal(
		row_of(&c.suites[0], "sum_workers_cpu_time_per_1000_requests", MP_AGG_VALUE)
			->effect,
		9, 1e-9);
	mp_comparison_done(&c);
	/* the same name on another machine */
	free(b.env);
	b.env = strdup("vm");
	(void)strcpy(a.fingerprint.id, "aaaaaaaaaaaa");
	(void)strcpy(b.fingerprint.id, "bbbbbbbbbbbb");
	a.fingerprint.v[MP_FP_CPUS] = strdup("2");
	b.fingerprint.v[MP_FP_CPUS] = strdup("64");
	compare_two(&a, &b, false, &c);
	assert_non_null(strstr(c.not_judged, "the machines differ"));
	assert_int_equal(c.verdict, MP_SKIPPED);
	mp_comparison_done(&c);
	/* a run of a version that knew no machines is still judged by its environment's name */
	a.fingerprint.id[0] = '\0';
	compare_two(&a, &b, false, &c);
	assert_null(c.not_judged);
	assert_int_equal(c.verdict, MP_FAILED);
	mp_comparison_done(&c);
}

static void test_suites_in_one_run_only(void **state)
{
	_cleanup_(mp_run_done) struct mp_run a = make_run("/a", "vm", NULL, 4, 100, 1);
	_cleanup_(mp_run_done) struct mp_run b = make_run("/b", "vm", NULL, 4, 100, 1);
	struct mp_comparison c;

	(void)state;
	free(b.suites[0].name);
	b.suites[0].name = strdup("new");
	compare_two(&a, &b, false, &c);
	assert_int_equal(c.n_suites, 2);
	assert_string_equal(c.suites[0].name, "new");
	assert_string_equal(c.suites[0].note, "only in B: nothing to compare with");
	assert_string_equal(c.suites[1].note, "only in A: nothing to compare with");
	assert_int_equal(c.verdict, MP_SKIPPED);
	mp_comparison_done(&c);
	compare_two(&a, &b, true, &c);
	assert_int_equal(c.n_suites, 1); /* the reference's other suites were not asked for */
	mp_comparison_done(&c);
}

static void test_values_as_people_write_them(void **state)
{
	static const struct {
		enum mp_unit unit;
		const char *per;
		double v;
		const char *text;
	} values[] = {
		{MP_UNIT_SECONDS, "", 0.0231, "23.1 ms"},
		{MP_UNIT_SECONDS, "", 3.864, "3.86 s"},
		{MP_UNIT_SECONDS, "", 0, "0 s"},
		{MP_UNIT_BYTES, "", 56717598, "56.7 MB"},
		{MP_UNIT_BYTES, "", 512, "512 B"},
		{MP_UNIT_BYTES, "", 2.5e9, "2.5 GB"},
		{MP_UNIT_PERCENT, "", 97.4, "97.4 %"},
		{MP_UNIT_COUNT, "/s", 107.2, "107/s"},
		{MP_UNIT_COUNT, "", 71, "71"},
		{MP_UNIT_COUNT, "", NAN, "-"},
	};
	static const struct {
		double effect;
		const char *text;
	} effects[] = {{0.048, "+4.8 %"}, {-0.5, "-50.0 %"}, {0, "0 %"},
		       {2.07, "+207 %"},  {199, "x 200"},    {NAN, "-"}};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct mp_measure m = {.unit = values[i].unit, .per = values[i].per};

		assert_string_equal(mp_cmp_value(buf, sizeof(buf), &m, values[i].v),
				    values[i].text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(effects); i++)
		assert_string_equal(mp_cmp_effect(buf, sizeof(buf), effects[i].effect),
				    effects[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interval_is_scipys),
		cmocka_unit_test(test_interval_that_is_unknown),
		cmocka_unit_test(test_upstreams_difference),
		cmocka_unit_test(test_measures),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_one_run_a_side),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_rule_holds_and_breaks),
		cmocka_unit_test(test_rule_reads_bzts_log),
		cmocka_unit_test(test_rule_about_requests),
		cmocka_unit_test(test_missing_values),
		cmocka_unit_test(test_broken_files_are_errors),
		cmocka_unit_test(test_other_environments_are_not_judged),
		cmocka_unit_test(test_suites_in_one_run_only),
		cmocka_unit_test(test_values_as_people_write_them),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

// SPDX-License-Identifier: GPL-2.0-only
/* expect.c, points.c, expect_eval.c: lines people write, moments, and what is judged by them. */
#include "unit.h"

#include "suite/expect_eval.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <math.h>
#include <string.h>

static const char *const labels[] = {"Inference", "List models"};
static const char *const points[] = {"register", "load", "unregister"};
static const char *const hosts[] = {"gpu"};
static const struct mp_expect_scope scope = {
	.labels = labels,
	.n_labels = 2,
	.points = points,
	.n_points = 3,
	.hosts = hosts,
	.n_hosts = 1,
};

static struct mp_expect parse(const char *line)
{
	struct mp_expect e = {0};
	struct mp_diag d = {0};

	if (mp_expect_parse(line, "f", 1, 1, &scope, &e, &d) < 0) {
		print_error("'%s': %d: %s\n", line, d.col, d.msg);
		fail();
	}
	assert_string_equal(e.text, line);
	return e;
}

static void test_requests(void **state)
{
	struct mp_expect e = parse("p99 of Inference < 250ms");

	(void)state;
	assert_int_equal(e.kind, MP_EXPECT_LOAD);
	assert_string_equal(e.subject, "p99");
	assert_string_equal(e.label, "Inference");
	assert_int_equal(e.op, MP_OP_LT);
	assert_double_equal(e.value, 0.25, 0);
	assert_true(mp_expect_is_criterion(&e));
	mp_expect_done(&e);
	e = parse("p90 of List models<=1s for 5s");
	assert_string_equal(e.label, "List models");
	assert_int_equal(e.op, MP_OP_LE);
	assert_double_equal(e.window_s, 5, 0);
	mp_expect_done(&e);
	e = parse("errors = 0");
	assert_string_equal(e.label, "");
	assert_int_equal(e.op, MP_OP_EQ);
	assert_true(mp_expect_is_criterion(&e));
	mp_expect_done(&e);
	e = parse("errors of Inference < 1 %");
	assert_true(e.percent);
	assert_double_equal(e.value, 1, 0);
	mp_expect_done(&e);
	e = parse("throughput >= 50/s");
	assert_double_equal(e.value, 50, 0);
	assert_false(mp_expect_is_criterion(&e));
	mp_expect_done(&e);
	e = parse("rc5xx of Inference < 3");
	assert_string_equal(e.subject, "rc5?\?");
	assert_true(mp_expect_is_criterion(&e));
	mp_expect_done(&e);
	e = parse("max of Inference < 2s");
	assert_int_equal(e.kind, MP_EXPECT_LOAD);
	mp_expect_done(&e);
}

static void test_metrics(void **state)
{
	struct mp_expect e = parse("sum_workers_memory_rss < 290MB for 5s");

	(void)state;
	assert_int_equal(e.kind, MP_EXPECT_METRIC);
	assert_double_equal(e.value, 290e6, 0);
	assert_null(e.label);
	assert_true(mp_expect_is_criterion(&e));
	mp_expect_done(&e);
	e = parse("mean of sum_all_cpu_percent < 150%");
	assert_int_equal(e.agg, MP_MEAN);
	assert_double_equal(e.value, 150, 0);
	assert_false(e.percent);
	mp_expect_done(&e);
	e = parse("gpu/total_workers == 2");
	assert_string_equal(e.label, "gpu");
	assert_string_equal(e.subject, "total_workers");
	mp_expect_done(&e);
	e = parse("max of gpu/memory_rss < 1GiB");
	assert_string_equal(e.subject, "sum_all_memory_rss");
	assert_double_equal(e.value, 1073741824, 0);
	mp_expect_done(&e);
}

static void test_moments_and_baseline(void **state)
{
	struct mp_expect e = parse("file_descriptors after unregister == before");

	(void)state;
	assert_int_equal(e.kind, MP_EXPECT_POINT);
	assert_string_equal(e.subject, "sum_all_file_descriptors");
	assert_string_equal(e.point, "unregister");
	assert_int_equal(e.ref, MP_REF_POINT);
	assert_string_equal(e.ref_point, "before");
	mp_expect_done(&e);
	e = parse("memory_rss after load <= after register + 5%");
	assert_string_equal(e.ref_point, "register");
	assert_true(e.slack_percent);
	assert_double_equal(e.slack, 5, 0);
	mp_expect_done(&e);
	e = parse("threads before < 100");
	assert_string_equal(e.point, "before");
	assert_double_equal(e.value, 100, 0);
	mp_expect_done(&e);
	e = parse("threads after load >= before - 3");
	assert_double_equal(e.slack, -3, 0);
	assert_false(e.slack_percent);
	mp_expect_done(&e);
	e = parse("throughput of Inference within 5% of baseline");
	assert_int_equal(e.op, MP_OP_WITHIN);
	assert_int_equal(e.ref, MP_REF_BASELINE);
	assert_double_equal(e.slack, 5, 0);
	mp_expect_done(&e);
	e = parse("p99 <= baseline");
	assert_int_equal(e.ref, MP_REF_BASELINE);
	mp_expect_done(&e);
	e = parse("threads after load within 10% of before");
	assert_string_equal(e.ref_point, "before");
	mp_expect_done(&e);
}

/* A recording of one metric at 1 s, ts 100, 101, ... */
static struct mp_table recording(double *ts, double *v, size_t n, struct mp_series *col)
{
	for (size_t i = 0; i < n; i++)
		ts[i] = 100 + (double)i;
	*col = (struct mp_series){.name = (char *)"sum_all_threads", .v = v};
	return (struct mp_table){.ts = ts, .rows = n, .cols = 1, .col = col};
}

static void test_values_at_moments(void **state)
{
	double v[] = {40, 40, 55, 70, 52, 41, 40, 40}, ts[ARRAY_SIZE(v)];
	struct mp_series col;
	struct mp_table t = recording(ts, v, ARRAY_SIZE(v), &col);
	struct mp_expect same = parse("threads after unregister == before"),
			 slack = parse("threads after load <= before + 20%"),
			 unknown = parse("threads after register < 5");
	struct mp_points p = {0};
	struct mp_point_finding f;

	(void)state;
	assert_int_equal(mp_points_add(&p, "before", 99.5, 101.2), 0);
	assert_int_equal(mp_points_add(&p, "load", 102.5, 103.5), 0);
	assert_int_equal(mp_points_add(&p, "unregister", 103.5, 107.5), 0);
	f = mp_point_eval(&same, &p, &t);
	assert_true(f.known && f.holds); /* it came back to 40 within its time */
	assert_double_equal(f.at_s, 106, 0);
	f = mp_point_eval(&slack, &p, &t);
	assert_true(f.known && !f.holds);
	assert_double_equal(f.value, 70, 0);
	assert_double_equal(f.limit, 48, 1e-9);
	f = mp_point_eval(&unknown, &p, &t);
	assert_false(f.known);
	assert_true(mp_point_is_steady(&same, mp_points_find(&p, "before"), &t));
	assert_false(mp_point_is_steady(&same, mp_points_find(&p, "load"), &t));
	v[6] = v[7] = 41; /* a leak: it never comes back */
	f = mp_point_eval(&same, &p, &t);
	assert_true(f.known && !f.holds);
	mp_points_done(&p);
	mp_expect_done(&same);
	mp_expect_done(&slack);
	mp_expect_done(&unknown);
}

static void test_points_file(void **state)
{
	char root[] = "/tmp/mmsperf-points.XXXXXX";
	struct mp_points p = {0}, back = {0};
	struct mp_diag d = {0};
	_cleanup_free_ char *path = NULL;

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(mp_points_read(root, &back, &d), 0);
	assert_int_equal(back.n, 0);
	assert_int_equal(mp_points_add(&p, "before", 1.25, 2), 0);
	assert_int_equal(mp_points_add(&p, "copy a, b", 3, 4), 0);
	assert_int_equal(mp_points_write(&p, root, &d), 0);
	assert_int_equal(mp_points_read(root, &back, &d), 0);
	assert_int_equal(back.n, 2);
	assert_string_equal(back.v[1].name, "copy a, b");
	assert_double_equal(back.v[0].from_s, 1.25, 0);
	mp_points_done(&back);
	path = mp_path_join(root, "points.csv");
	assert_int_equal(mp_write_file(path, "from,to,name\nx,y\n", 17, 0644), 0);
	assert_true(mp_points_read(root, &back, &d) < 0);
	assert_int_equal(d.line, 2);
	mp_points_done(&p);
	assert_int_equal(mp_rm_rf(root), 0);
}

static struct mp_label_stats stats(const char *label, double n, double failed, double throughput)
{
	return (struct mp_label_stats){
		.label = (char *)label,
		.samples = n,
		.failed = failed,
		.throughput = throughput,
		.avg_s = 0.01,
		.p50_s = 0.01,
		.p90_s = 0.02,
		.p95_s = 0.02,
		.p99_s = 0.03,
		.max_s = 0.05,
	};
}

/* The one case that a line gives. */
static struct mp_suite_result judge(const char *line, const struct mp_expect_evidence *ev)
{
	struct mp_expect e = parse(line);
	struct mp_simple m = {.expects = &e, .n_expects = 1};
	struct mp_suite_result s = {0};

	assert_int_equal(mp_expects_judge(&m, ev, &s), 0);
	assert_int_equal(s.n_cases, 1);
	assert_string_equal(s.cases[0].name, line);
	mp_expect_done(&e);
	return s;
}

static void expect_verdict(const char *line, const struct mp_expect_evidence *ev,
			   enum mp_verdict verdict, const char *words)
{
	struct mp_suite_result s = judge(line, ev);
	const struct mp_case *c = &s.cases[0];

	if (c->verdict != verdict || (words && (!c->message || !strstr(c->message, words)))) {
		print_error("%s: %s: %s\n", line, mp_verdict_name(c->verdict),
			    c->message ? c->message : "-");
		fail();
	}
	mp_suite_result_done(&s);
}

static void test_judging(void **state)
{
	double v[] = {10, 10, 12, 14, 12, 10, 10, 10}, ts[ARRAY_SIZE(v)];
	struct mp_series col;
	struct mp_table t = recording(ts, v, ARRAY_SIZE(v), &col);
	struct mp_label_stats now[] = {stats("", 1000, 5, 100), stats("Inference", 900, 5, 90)},
			      then[] = {stats("", 1000, 0, 120), stats("Inference", 900, 0, 80)};
	struct mp_suite_result base = {.labels = then, .n_labels = 2, .metrics = t, .load_s = 100};
	struct mp_expect_evidence ev = {
		.own = &t,
		.labels = now,
		.n_labels = 2,
		.load_from_s = 102,
		.load_to_s = 104,
		.why_none = "because",
	};

	(void)state;
	expect_verdict("throughput > 99/s", &ev, MP_PASSED, NULL);
	expect_verdict("throughput of Inference > 99/s", &ev, MP_FAILED,
		       "throughput of Inference is 90/s, expected > 99/s");
	expect_verdict("throughput of List models > 1", &ev, MP_ERROR, "'List models'");
	expect_verdict("mean of threads < 13", &ev, MP_PASSED, NULL); /* 12.67: the load's rows */
	expect_verdict("max of threads < 14", &ev, MP_FAILED, "max of sum_all_threads is 14");
	expect_verdict("threads == 12", &ev, MP_FAILED, "in second 1 of the load");
	expect_verdict("throughput within 5% of baseline", &ev, MP_SKIPPED, "no baseline: because");
	ev.baseline = &base;
	expect_verdict("throughput within 5% of baseline", &ev, MP_FAILED, "-16.7 %");
	expect_verdict("throughput within 20% of baseline", &ev, MP_PASSED, NULL);
	/* better than the baseline is not "outside of it" */
	expect_verdict("throughput of Inference within 5% of baseline", &ev, MP_PASSED, NULL);
	expect_verdict("p99 within 1% of baseline", &ev, MP_PASSED, NULL);
	expect_verdict("errors <= baseline", &ev, MP_FAILED, "expected <= 0 of the baseline");
	/* another agent's: under its label, or bare where it is the only one that was logged */
	expect_verdict("max of gpu/threads < 14", &ev, MP_ERROR, "no value during the load");
	ev.bzt = &t;
	expect_verdict("max of gpu/threads < 15", &ev, MP_PASSED, NULL);
	col.name = (char *)"disk/sum_all_threads";
	expect_verdict("max of gpu/threads < 15", &ev, MP_ERROR, "no value");
	col.name = (char *)"gpu/sum_all_threads";
	expect_verdict("max of gpu/threads < 14", &ev, MP_FAILED, "is 14");
	ev.incomplete = true;
	expect_verdict("throughput > 1000/s", &ev, MP_SKIPPED, "ended before");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_moments_and_baseline),
		cmocka_unit_test(test_values_at_moments),
		cmocka_unit_test(test_points_file),
		cmocka_unit_test(test_judging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

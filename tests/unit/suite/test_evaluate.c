// SPDX-License-Identifier: GPL-2.0-only
/* evaluate.c: windows as bzt counts them, the three witnesses, precedence of exit codes. */
#include "unit.h"

#include "suite/evaluate.h"

#include <math.h>
#include <string.h>

static struct mp_criterion crit(enum mp_crit_cond cond, double threshold, enum mp_crit_logic logic,
				double window_s)
{
	return (struct mp_criterion){.kind = MP_CRIT_MONITOR,
				     .subject = (char *)"total_workers",
				     .label = (char *)"srv",
				     .cond = cond,
				     .threshold = threshold,
				     .logic = logic,
				     .window_s = window_s,
				     .fail = true,
				     .stop = true};
}

static struct mp_finding eval(struct mp_criterion c, const double *v, size_t n)
{
	double ts[32];
	struct mp_finding f;

	assert_true(n <= 32);
	for (size_t i = 0; i < n; i++)
		ts[i] = 1000 + (double)i;
	mp_eval_series(&c, ts, v, n, &f);
	return f;
}

#define EVAL(c, ...)                                                                               \
	eval(c, (const double[]){__VA_ARGS__},                                                     \
	     sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

static void test_for(void **state)
{
	struct mp_finding f;

	(void)state;
	/* no timeframe, and 1s: the first breach is enough */
	assert_int_equal(EVAL(crit(MP_COND_GT, 2, MP_CRIT_FOR, 0), 1, 2, 3).state,
			 MP_FIND_TRIGGERED);
	assert_int_equal(EVAL(crit(MP_COND_GT, 2, MP_CRIT_FOR, 1), 1, 3, 1).state,
			 MP_FIND_TRIGGERED);
	assert_int_equal(EVAL(crit(MP_COND_GT, 2, MP_CRIT_FOR, 1), 1, 2, 2).state, MP_FIND_OK);
	/* 3s: three samples in a row; an interruption begins anew */
	assert_int_equal(EVAL(crit(MP_COND_GT, 2, MP_CRIT_FOR, 3), 3, 3, 1, 3, 3).state,
			 MP_FIND_OK);
	f = EVAL(crit(MP_COND_GT, 2, MP_CRIT_FOR, 3), 1, 3, 3, 4, 9, 1, 3);
	assert_int_equal(f.state, MP_FIND_TRIGGERED);
	assert_double_equal(f.from_s, 1001, 0);
	assert_double_equal(f.to_s, 1004, 0);
	assert_double_equal(f.observed, 9, 0);
	/* NaN breaks no criterion and ends a stretch */
	assert_int_equal(EVAL(crit(MP_COND_GT, 2, MP_CRIT_FOR, 3), 3, 3, NAN, 3).state, MP_FIND_OK);
}

static void test_within(void **state)
{
	(void)state;
	/* the mean of the last 2 s, without waiting for 2 s to pass */
	assert_int_equal(EVAL(crit(MP_COND_GT, 4, MP_CRIT_WITHIN, 2), 5).state, MP_FIND_TRIGGERED);
	assert_int_equal(EVAL(crit(MP_COND_GT, 4, MP_CRIT_WITHIN, 2), 1, 6, 1).state, MP_FIND_OK);
	assert_int_equal(EVAL(crit(MP_COND_GT, 4, MP_CRIT_WITHIN, 2), 1, 5, 4).state,
			 MP_FIND_TRIGGERED);
}

static void test_over(void **state)
{
	struct mp_finding f;

	(void)state;
	/* like within, but the window has to be full */
	assert_int_equal(EVAL(crit(MP_COND_GT, 4, MP_CRIT_OVER, 3), 9, 9).state, MP_FIND_OK);
	f = EVAL(crit(MP_COND_GT, 4, MP_CRIT_OVER, 3), 9, 9, 9);
	assert_int_equal(f.state, MP_FIND_TRIGGERED);
	assert_double_equal(f.from_s, 1000, 0);
	assert_int_equal(EVAL(crit(MP_COND_LT, 4, MP_CRIT_OVER, 2), 5, 5, 1, 1).state,
			 MP_FIND_TRIGGERED);
}

static void test_no_data(void **state)
{
	(void)state;
	assert_int_equal(EVAL(crit(MP_COND_GT, 2, MP_CRIT_FOR, 0), NAN, NAN).state,
			 MP_FIND_NO_DATA);
	assert_int_equal(eval(crit(MP_COND_GT, 2, MP_CRIT_FOR, 0), NULL, 0).state, MP_FIND_NO_DATA);
	/* bzt would have been silent as well for a comparison with NaN: no trigger, and said so */
	assert_int_equal(EVAL(crit(MP_COND_LT, 2, MP_CRIT_OVER, 2), NAN, NAN, NAN).state,
			 MP_FIND_NO_DATA);
}

static struct mp_finding labels(const char *subject, const char *label, enum mp_crit_cond cond,
				double threshold, bool percent, double window_s)
{
	struct mp_label_stats v[] = {
		{.label = (char *)"",
		 .samples = 100,
		 .failed = 10,
		 .avg_s = 0.2,
		 .p50_s = 0.1,
		 .p90_s = 0.3,
		 .p95_s = 0.4,
		 .p99_s = 0.5,
		 .max_s = 0.6,
		 .stdev_s = 0.05},
		{.label = (char *)"A", .samples = 50, .failed = 0, .avg_s = 0.1, .p90_s = 0.2},
	};
	struct mp_criterion c = {.kind = MP_CRIT_DATA,
				 .subject = (char *)subject,
				 .label = (char *)label,
				 .cond = cond,
				 .threshold = threshold,
				 .percent = percent,
				 .window_s = window_s};
	struct mp_finding f;

	mp_eval_labels(&c, v, ARRAY_SIZE(v), &f);
	return f;
}

static void test_labels(void **state)
{
	(void)state;
	assert_int_equal(labels("p90", NULL, MP_COND_GT, 0.29, false, 0).state, MP_FIND_TRIGGERED);
	assert_int_equal(labels("p90", "A", MP_COND_GT, 0.29, false, 0).state, MP_FIND_OK);
	assert_double_equal(labels("p100", "", MP_COND_GT, 1, false, 0).observed, 0.6, 0);
	assert_double_equal(labels("succ", "", MP_COND_LT, 95, true, 0).observed, 90, 1e-9);
	assert_int_equal(labels("success", "", MP_COND_LT, 95, true, 0).state, MP_FIND_TRIGGERED);
	assert_double_equal(labels("fail", "", MP_COND_GT, 5, false, 0).observed, 10, 0);
	assert_double_equal(labels("hits", "A", MP_COND_GT, 5, false, 0).observed, 50, 0);
	assert_int_equal(labels("avg-rt", "Typo", MP_COND_GT, 1, false, 0).state, MP_FIND_NO_DATA);
	/* a timeframe needs every second, which final_stats.csv has not */
	assert_int_equal(labels("p90", "", MP_COND_GT, 0.1, false, 5).state, MP_FIND_UNJUDGED);
	assert_int_equal(labels("avg-lt", "", MP_COND_GT, 0.1, false, 0).state, MP_FIND_UNJUDGED);
	assert_int_equal(labels("p93", "", MP_COND_GT, 0.1, false, 0).state, MP_FIND_UNJUDGED);
}

/* A suite of one criterion about a metric of this machine, with everything a verdict sees. */
struct bench {
	struct mp_criterion c;
	struct mp_source_spec src;
	struct mp_plan plan;
	double ts[4], v[4];
	struct mp_series col;
	struct mp_table own;
	struct mp_case xunit;
	struct mp_evidence e;
	struct mp_suite_result res;
};

static void bench_init(struct bench *b)
{
	static const double v[] = {1, 2, 3, 2};

	*b = (struct bench){.c = crit(MP_COND_GT, 5, MP_CRIT_FOR, 1)};
	b->c.name = (char *)"few workers";
	b->c.bzt_name = (char *)"srv/total_workers>5 for 1s";
	b->c.window_text = (char *)"1s";
	b->src = (struct mp_source_spec){.label = (char *)"srv", .ours = true};
	b->plan = (struct mp_plan){.crit = &b->c, .n_crit = 1, .src = &b->src, .n_src = 1};
	for (size_t i = 0; i < 4; i++) {
		b->ts[i] = 1000 + (double)i;
		b->v[i] = v[i];
	}
	b->col = (struct mp_series){.name = (char *)"total_workers", .v = b->v};
	b->own = (struct mp_table){.ts = b->ts, .rows = 4, .cols = 1, .col = &b->col};
	b->xunit = (struct mp_case){.name = (char *)"srv/total_workers > 5 for 1s"};
	b->e = (struct mp_evidence){.own = &b->own,
				    .load_from_s = 1000,
				    .load_to_s = 1010,
				    .xunit = &b->xunit,
				    .n_xunit = 1};
	b->res = (struct mp_suite_result){.duration_s = 12};
}

static enum mp_verdict judge(struct bench *b)
{
	enum mp_verdict v;

	assert_int_equal(mp_eval_suite(&b->plan, &b->e, &b->res), 0);
	v = b->res.verdict;
	mp_suite_result_done(&b->res);
	return v;
}

static void test_witnesses(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(judge(&b), MP_PASSED);
	bench_init(&b); /* ours alone: bzt never looked */
	b.v[2] = 6;
	assert_int_equal(judge(&b), MP_FAILED);
	bench_init(&b); /* xunit alone, with exit code 0: the trap */
	b.xunit.verdict = MP_FAILED;
	assert_int_equal(judge(&b), MP_FAILED);
	bench_init(&b); /* exit code alone */
	b.e.bzt_code = 3;
	assert_int_equal(judge(&b), MP_FAILED);
	bench_init(&b); /* "as non-failed" fails nothing */
	b.v[2] = 6;
	b.c.fail = false;
	assert_int_equal(judge(&b), MP_PASSED);
	bench_init(&b); /* outside of the load nobody judges */
	b.v[3] = 6;
	b.e.load_to_s = 1002.5;
	assert_int_equal(judge(&b), MP_PASSED);
}

/* bzt, which looks from its own start on, said that it failed, and its log has the values. */
static void test_during_load(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.e.bzt = &b.own;
	b.v[0] = b.v[1] = 6;
	b.xunit.verdict = MP_FAILED;
	assert_int_equal(judge(&b), MP_FAILED);
	bench_init(&b);
	b.e.bzt = &b.own;
	b.v[0] = b.v[1] = 6;
	b.xunit.verdict = MP_FAILED;
	b.c.during_load = true;
	b.e.load_from_s = 1002;
	assert_int_equal(judge(&b), MP_PASSED);
	bench_init(&b);
	b.e.bzt = &b.own;
	b.c.during_load = true;
	b.e.load_from_s = 1002;
	b.v[2] = 6;
	assert_int_equal(judge(&b), MP_FAILED);
}

static void test_no_value_is_an_error(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	for (size_t i = 0; i < 4; i++)
		b.v[i] = NAN;
	assert_int_equal(judge(&b), MP_ERROR);
	bench_init(&b); /* nothing says anything */
	b.e.n_xunit = 0;
	b.e.own = NULL;
	assert_int_equal(judge(&b), MP_ERROR);
	bench_init(&b); /* bzt alone judged it */
	b.e.own = NULL;
	assert_int_equal(judge(&b), MP_PASSED);
}

/* What another criterion cut short fails by that one; it is no error of the infrastructure. */
static void test_no_value_after_a_stop(void **state)
{
	struct mp_label_stats total = {.label = (char *)"", .samples = 100};
	struct mp_criterion two[2];
	struct bench b;

	(void)state;
	bench_init(&b);
	b.v[2] = 6;
	two[0] = b.c;
	two[1] = crit(MP_COND_GT, 1, MP_CRIT_FOR, 0);
	two[1].kind = MP_CRIT_DATA;
	two[1].name = (char *)"p90 of a label that was never reached";
	two[1].bzt_name = (char *)"p90 of Later>1s";
	two[1].subject = (char *)"p90";
	two[1].label = (char *)"Later";
	b.plan.crit = two;
	b.plan.n_crit = 2;
	b.e.labels = &total;
	b.e.n_labels = 1;
	b.e.bzt_code = 3;
	assert_int_equal(mp_eval_suite(&b.plan, &b.e, &b.res), 0);
	assert_int_equal(b.res.verdict, MP_FAILED);
	assert_int_equal(b.res.cases[0].verdict, MP_FAILED);
	assert_int_equal(b.res.cases[1].verdict, MP_SKIPPED);
	mp_suite_result_done(&b.res);
	b.res = (struct mp_suite_result){.duration_s = 12};
	b.e.bzt_code = 0; /* the load was whole: a typo in the label */
	assert_int_equal(mp_eval_suite(&b.plan, &b.e, &b.res), 0);
	assert_int_equal(b.res.verdict, MP_ERROR);
	assert_int_equal(b.res.cases[1].verdict, MP_ERROR);
	mp_suite_result_done(&b.res);
}

static void test_infra_stays(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.res.verdict = MP_ERROR;
	b.res.reason = strdup("the server died");
	b.v[2] = 6;
	b.e.incomplete = true;
	assert_int_equal(mp_eval_suite(&b.plan, &b.e, &b.res), 0);
	assert_int_equal(b.res.verdict, MP_ERROR);
	assert_string_equal(b.res.reason, "the server died");
	assert_int_equal(b.res.cases[0].verdict, MP_FAILED);
	mp_suite_result_done(&b.res);
	bench_init(&b);
	b.e.incomplete = true;
	b.res.verdict = MP_ERROR;
	assert_int_equal(mp_eval_suite(&b.plan, &b.e, &b.res), 0);
	assert_int_equal(b.res.cases[0].verdict, MP_SKIPPED);
	mp_suite_result_done(&b.res);
}

static void test_message_says_when(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.v[2] = 6;
	assert_int_equal(mp_eval_suite(&b.plan, &b.e, &b.res), 0);
	assert_int_equal(b.res.n_cases, 1);
	assert_string_equal(
		b.res.cases[0].message,
		"total_workers is 6, fails when > 5 for 1s, from second 2 to 2 of the load");
	assert_double_equal(b.res.cases[0].observed, 6, 0);
	assert_double_equal(b.res.cases[0].time_s, 2, 0);
	assert_double_equal(b.res.cases[0].from_s, 1002, 0);
	mp_suite_result_done(&b.res);
}

static void test_several_sources_in_bzt_log(void **state)
{
	struct mp_source_spec src[] = {{.label = (char *)"srv", .local_host = true},
				       {.label = (char *)"other"}};
	struct mp_series col;
	struct mp_table bzt;
	struct bench b;

	(void)state;
	bench_init(&b);
	b.plan.src = src;
	b.plan.n_src = 2;
	/* every second row is the other source's: 2 s on the wrong side */
	b.v[0] = 6, b.v[1] = NAN, b.v[2] = 6, b.v[3] = NAN;
	b.c.window_s = 3;
	col = (struct mp_series){.name = (char *)"srv/total_workers", .v = b.v};
	bzt = (struct mp_table){.ts = b.ts, .rows = 4, .cols = 1, .col = &col};
	b.e.bzt = &bzt;
	b.e.n_xunit = 0;
	assert_int_equal(judge(&b), MP_FAILED);
}

static void test_criterionless(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.plan.n_crit = 0;
	assert_int_equal(mp_eval_suite(&b.plan, &b.e, &b.res), 0);
	assert_int_equal(b.res.verdict, MP_SKIPPED);
	assert_int_equal(b.res.n_cases, 0);
	mp_suite_result_done(&b.res);
}

static int code(bool stopped, bool infra, bool none, enum mp_verdict a, enum mp_verdict b)
{
	struct mp_suite_result s[] = {{.verdict = a}, {.verdict = b}};
	struct mp_outcome o = {
		.stopped = stopped, .infra = infra, .none = none, .suites = s, .n = 2};

	return mp_eval_exit_code(&o);
}

static void test_exit_code_precedence(void **state)
{
	(void)state;
	assert_int_equal(code(false, false, false, MP_PASSED, MP_SKIPPED), 0);
	assert_int_equal(code(false, false, false, MP_PASSED, MP_FAILED), 3);
	assert_int_equal(code(false, false, false, MP_ERROR, MP_FAILED), 1);
	assert_int_equal(code(false, true, false, MP_PASSED, MP_FAILED), 1);
	assert_int_equal(code(true, true, false, MP_ERROR, MP_FAILED), 2);
	assert_int_equal(code(false, false, true, MP_SKIPPED, MP_SKIPPED), 3);
	assert_int_equal(code(true, false, true, MP_PASSED, MP_PASSED), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_for),
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_over),
		cmocka_unit_test(test_no_data),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_witnesses),
		cmocka_unit_test(test_during_load),
		cmocka_unit_test(test_no_value_is_an_error),
		cmocka_unit_test(test_no_value_after_a_stop),
		cmocka_unit_test(test_infra_stays),
		cmocka_unit_test(test_message_says_when),
		cmocka_unit_test(test_several_sources_in_bzt_log),
		cmocka_unit_test(test_criterionless),
		cmocka_unit_test(test_exit_code_precedence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Criteria with a timeframe judged without bzt, by the requests of each second. */
#include "unit.h"

#include "suite/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 6

static const double ts[N] = {1000, 1001, 1002, 1003, 1004, 1005};
static const double rate[N] = {10, 20, 20, 0, 20, 20}, errors[N] = {0, 2, 2, 0, 0, 0};
static const double avg[N] = {5, 50, 60, NAN, 70, 5}, p90[N] = {9, 90, 95, NAN, 99, 9};
static const double users[N] = {1, 4, 4, 4, 4, 2}, failed[N] = {0, 10, 10, NAN, 0, 0};
static const double good[N] = {100, 90, 90, NAN, 100, 100};

static struct mp_load make_load(void)
{
	return (struct mp_load){
		.n = N,
		.ts = (double *)ts,
		.throughput = (double *)rate,
		.errors = (double *)errors,
		.avg_ms = (double *)avg,
		.p50_ms = (double *)avg,
		.p90_ms = (double *)p90,
		.p99_ms = (double *)p90,
		.concurrency = (double *)users,
		.failed_pct = (double *)failed,
		.succeeded_pct = (double *)good,
		.samples = 90,
	};
}

struct expectation {
	const char *subject, *label;
	bool percent;
	enum mp_crit_cond cond;
	double threshold, window_s;
	enum mp_verdict verdict;
};

/* The verdict on one criterion; xunit may hold bzt's own. */
static enum mp_verdict judge(const struct expectation *x, const struct mp_evidence *e)
{
	struct mp_criterion c = {.kind = MP_CRIT_DATA,
				 .name = (char *)"n",
				 .bzt_name = (char *)"p90 of L>0.08 for 2s",
				 .subject = (char *)x->subject,
				 .label = (char *)x->label,
				 .cond = x->cond,
				 .threshold_text = (char *)"t",
				 .threshold = x->threshold,
				 .percent = x->percent,
				 .window_text = (char *)"w",
				 .window_s = x->window_s,
				 .fail = true,
				 .diff_percent = NAN};
	struct mp_plan plan = {.crit = &c, .n_crit = 1};
	struct mp_suite_result s = {0};
	enum mp_verdict v;

	assert_int_equal(mp_eval_suite(&plan, e, &s), 0);
	v = s.verdict;
	mp_suite_result_done(&s);
	return v;
}

static void test_subjects(void **state)
{
	static const struct expectation all[] = {
		{"p90", "", false, MP_COND_GT, 0.080, 2, MP_FAILED},
		{"p90.0", "", false, MP_COND_GT, 0.080, 2, MP_FAILED},
		{"p90", "", false, MP_COND_GT, 0.080, 3, MP_PASSED}, /* a second without requests */
		{"p99", "", false, MP_COND_GT, 0.098, 1, MP_FAILED},
		{"p50", "", false, MP_COND_LT, 0.006, 1, MP_FAILED},
		{"avg-rt", "", false, MP_COND_GE, 0.050, 2, MP_FAILED},
		{"avg-rt", "", false, MP_COND_GT, 0.070, 1, MP_PASSED},
		{"hits", "", false, MP_COND_GE, 20, 2, MP_FAILED},
		{"hits", "", false, MP_COND_GT, 20, 1, MP_PASSED},
		{"concurrency", "", false, MP_COND_GE, 4, 4, MP_FAILED},
		{"concurrency", "", false, MP_COND_GE, 4, 5, MP_PASSED},
		{"fail", "", false, MP_COND_GT, 1, 2, MP_FAILED},
		{"failures", "", true, MP_COND_GE, 10, 2, MP_FAILED},
		{"failures", "", true, MP_COND_GT, 10, 1, MP_PASSED},
		{"success", "", true, MP_COND_LT, 100, 2, MP_FAILED},
		{"succ", "", false, MP_COND_LT, 10, 1, MP_FAILED}, /* 0 of 0 in the fourth second */
		{"p90", "L", false, MP_COND_GT, 0.080, 2, MP_FAILED},
		/* what nobody recorded by second is not passed */
		{"p95", "", false, MP_COND_GT, 9, 2, MP_ERROR},
		{"p999", "", false, MP_COND_GT, 9, 2, MP_ERROR},
		{"rc500", "", false, MP_COND_GT, 0, 2, MP_ERROR},
		{"p90", "nobody", false, MP_COND_GT, 9, 2, MP_ERROR},
	};
	struct mp_load load = make_load();
	struct mp_label_load by_label[] = {{.label = (char *)"L", .load = make_load()}};
	struct mp_evidence e = {.load = &load, .by_label = by_label, .n_by_label = 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (judge(&all[i], &e) != all[i].verdict)
			fail_msg("%zu: %s of '%s' is %s", i, all[i].subject, all[i].label,
				 mp_verdict_name(judge(&all[i], &e)));
}

/* bzt judged this very criterion while it ran: that stands, whatever seconds look like after. */
static void test_bzts_own_verdict_stands(void **state)
{
	const struct expectation x = {"p90", "L", false, MP_COND_GT, 0.08, 2, MP_FAILED};
	struct mp_load load = make_load();
	struct mp_label_load by_label[] = {{.label = (char *)"L", .load = make_load()}};
	struct mp_case own = {.name = (char *)"p90 of L>80ms for 2s", .verdict = MP_PASSED};
	struct mp_evidence e = {.load = &load, .by_label = by_label, .n_by_label = 1};

	(void)state;
	assert_int_equal(judge(&x, &e), MP_FAILED);
	e.xunit = &own;
	e.n_xunit = 1;
	assert_int_equal(judge(&x, &e), MP_PASSED);
	own.verdict = MP_FAILED;
	e.n_by_label = 0;
	assert_int_equal(judge(&x, &e), MP_FAILED);
	/* after a run there are no such loads: bzt alone decides, as before */
	assert_int_equal(judge(&x, &(struct mp_evidence){0}), MP_ERROR);
}

static void test_worst_verdict(void **state)
{
	static const struct {
		enum mp_verdict v[3], want;
	} all[] = {
		{{MP_SKIPPED, MP_SKIPPED, MP_SKIPPED}, MP_SKIPPED},
		{{MP_PASSED, MP_SKIPPED, MP_SKIPPED}, MP_PASSED},
		{{MP_SKIPPED, MP_PASSED, MP_FAILED}, MP_FAILED},
		{{MP_ERROR, MP_PASSED, MP_FAILED}, MP_ERROR},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct mp_suite_result s[3] = {{0}};

		for (int k = 0; k < 3; k++)
			s[k].verdict = all[i].v[k];
		assert_int_equal(mp_eval_verdict(s, 3), all[i].want);
	}
	assert_int_equal(mp_eval_verdict(NULL, 0), MP_SKIPPED);
}

static void test_a_comparison_decides_the_exit_code(void **state)
{
	struct mp_suite_result ok = {.verdict = MP_PASSED};
	struct mp_outcome o = {.suites = &ok, .n = 1, .comparison = MP_PASSED};

	(void)state;
	assert_int_equal(mp_eval_exit_code(&o), 0);
	o.comparison = MP_SKIPPED;
	assert_int_equal(mp_eval_exit_code(&o), 0);
	o.comparison = MP_FAILED;
	assert_int_equal(mp_eval_exit_code(&o), 3);
	o.comparison = MP_ERROR;
	assert_int_equal(mp_eval_exit_code(&o), 1);
	o.stopped = true;
	assert_int_equal(mp_eval_exit_code(&o), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_bzts_own_verdict_stands),
		cmocka_unit_test(test_worst_verdict),
		cmocka_unit_test(test_a_comparison_decides_the_exit_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

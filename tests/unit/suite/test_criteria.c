// SPDX-License-Identifier: GPL-2.0-only
/* criteria.c: Taurus' grammar in both spellings, and what is wrong with it, to the column. */
#include "unit.h"

#include "suite/criteria.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static char *same(const char *text, void *data)
{
	(void)data;
	return strdup(text);
}

/* ${X} becomes data. */
static char *put(const char *text, void *data)
{
	const char *at = strstr(text, "${X}");
	char *s;

	if (!at)
		return strdup(text);
	assert_true(asprintf(&s, "%.*s%s%s", (int)(at - text), text, (char *)data, at + 4) >= 0);
	return s;
}

static void parse(const char *yaml, mp_expand_fn fn, void *data, struct mp_criterion *ret)
{
	_cleanup_yaml_ struct mp_yaml *y = NULL;
	struct mp_diag d = {0};

	assert_int_equal(mp_yaml_parse(yaml, strlen(yaml), "c.yaml", &y, &d), 0);
	if (mp_crit_parse(y, NULL, fn, data, ret, &d) < 0) {
		print_error("%s: %d:%d %s\n", yaml, d.line, d.col, d.msg);
		fail();
	}
	ret->file = NULL; /* belongs to the tree, which is gone now */
}

static void expect_fault(const char *yaml, int line, int col, const char *words)
{
	_cleanup_yaml_ struct mp_yaml *y = NULL;
	struct mp_criterion c;
	struct mp_diag d = {0};

	assert_int_equal(mp_yaml_parse(yaml, strlen(yaml), "c.yaml", &y, &d), 0);
	assert_int_equal(mp_crit_parse(y, NULL, same, NULL, &c, &d), -EINVAL);
	if (d.line != line || d.col != col || !strstr(d.msg, words)) {
		print_error("%s: %d:%d %s\n", yaml, d.line, d.col, d.msg);
		fail();
	}
	assert_string_equal(d.file, "c.yaml");
}

static void test_whole_sentence(void **state)
{
	struct mp_criterion c;

	(void)state;
	parse("'too slow: p95.5 of My Label (1)>150ms within 5s, continue as non-failed'", same,
	      NULL, &c);
	assert_int_equal(c.kind, MP_CRIT_DATA);
	assert_string_equal(c.message, "too slow");
	assert_string_equal(c.name, "too slow");
	assert_string_equal(c.subject, "p95.5");
	assert_string_equal(c.label, "My Label (1)");
	assert_int_equal(c.cond, MP_COND_GT);
	assert_double_equal(c.threshold, 0.15, 1e-12);
	assert_int_equal(c.logic, MP_CRIT_WITHIN);
	assert_double_equal(c.window_s, 5, 0);
	assert_false(c.stop);
	assert_false(c.fail);
	assert_false(c.needs_rewrite);
	mp_crit_done(&c);
}

static void test_short_forms(void **state)
{
	static const struct {
		const char *text, *name;
		enum mp_crit_cond cond;
		double threshold;
		bool percent;
	} rows[] = {
		{"avg-rt>1s", "avg-rt at most 1s", MP_COND_GT, 1, false},
		{"hits <= 10 for 1m", "hits above 10 for 1m", MP_COND_LE, 10, false},
		{"fail >50%  , stop as failed", "fail at most 50%", MP_COND_GT, 50, true},
		{"success of X<100%, stop as failed", "success of X at least 100%", MP_COND_LT, 100,
		 true},
		{"rc5?\?==3", "rc5?\? not 3", MP_COND_EQ, 3, false},
		{"bytes>2kb", "bytes at most 2kb", MP_COND_GT, 2000, false},
		{"concurrency>=4", "concurrency below 4", MP_COND_GE, 4, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct mp_criterion c;

		parse(rows[i].text, same, NULL, &c);
		assert_string_equal(c.name, rows[i].name);
		assert_int_equal(c.cond, rows[i].cond);
		assert_double_equal(c.threshold, rows[i].threshold, 1e-12);
		assert_int_equal(c.percent, rows[i].percent);
		assert_true(c.stop);
		assert_true(c.fail);
		mp_crit_done(&c);
	}
}

static void test_greedy_label_is_rewritten(void **state)
{
	_cleanup_yaml_ struct mp_yaml *plain = NULL;
	struct mp_criterion c;

	(void)state;
	/* bzt makes of this the label "X>" and the condition "=" */
	parse("avg-rt of X>=100ms for 2s", same, NULL, &c);
	assert_string_equal(c.label, "X");
	assert_int_equal(c.cond, MP_COND_GE);
	assert_true(c.needs_rewrite);
	assert_int_equal(mp_crit_to_yaml(&c, &plain), 0);
	assert_string_equal(mp_yaml_str(mp_yaml_get(plain, "label")), "X");
	assert_string_equal(mp_yaml_str(mp_yaml_get(plain, "condition")), ">=");
	assert_string_equal(mp_yaml_str(mp_yaml_get(plain, "threshold")), "0.1");
	assert_string_equal(mp_yaml_str(mp_yaml_get(plain, "timeframe")), "2s");
	mp_crit_done(&c);
}

#define MON "{class: bzt.modules.monitoring.MonitoringCriteria, subject: srv/"

static void test_monitoring(void **state)
{
	struct mp_criterion c;

	(void)state;
	parse(MON
	      "sum_workers_memory_rss, condition: '>', threshold: 290MB, timeframe: 1s, stop: no, "
	      "fail: true, diff_percent: 30}",
	      same, NULL, &c);
	assert_int_equal(c.kind, MP_CRIT_MONITOR);
	assert_string_equal(c.label, "srv");
	assert_string_equal(c.subject, "sum_workers_memory_rss");
	assert_double_equal(c.threshold, 290e6, 0);
	assert_double_equal(c.diff_percent, 30, 0);
	assert_true(c.needs_rewrite);
	assert_false(c.stop);
	assert_true(c.fail);
	assert_string_equal(c.name, "sum_workers_memory_rss of srv at most 290MB for 1s");
	assert_string_equal(c.bzt_name, "srv/sum_workers_memory_rss>290000000 for 1s");
	mp_crit_done(&c);
}

static void test_sizes_and_times(void **state)
{
	struct mp_criterion c;

	(void)state;
	/* bytes: 500m is a size, and 30000 is what bzt would have made of it */
	parse(MON "sum_workers_memory_rss, condition: '>', threshold: 500m}", same, NULL, &c);
	assert_double_equal(c.threshold, 500e6, 0);
	assert_true(c.needs_rewrite);
	mp_crit_done(&c);
	/* seconds: a duration, as bzt takes it */
	parse(MON "frontend_cpu_user_time, condition: '>', threshold: 2m}", same, NULL, &c);
	assert_double_equal(c.threshold, 120, 0);
	assert_false(c.needs_rewrite);
	mp_crit_done(&c);
	parse(MON "total_workers, condition: '>', threshold: 2}", same, NULL, &c);
	assert_double_equal(c.threshold, 2, 0);
	assert_false(c.needs_rewrite);
	assert_double_equal(c.window_s, 0, 0);
	assert_true(isnan(c.diff_percent));
	mp_crit_done(&c);
}

static void test_variables(void **state)
{
	struct mp_criterion c;

	(void)state;
	parse("success of A<${X}, stop as failed", put, (void *)"99.5%", &c);
	assert_double_equal(c.threshold, 99.5, 0);
	assert_true(c.percent);
	mp_crit_done(&c);
	/* a variable reaches bzt as text: empty is false, everything else true */
	parse(MON "total_workers, condition: '>', threshold: 1, stop: '${X}'}", put, (void *)"",
	      &c);
	assert_false(c.stop);
	mp_crit_done(&c);
	parse(MON "total_workers, condition: '>', threshold: 1, stop: '${X}'}", put,
	      (void *)"false", &c);
	assert_true(c.stop);
	mp_crit_done(&c);
}

static void test_faults(void **state)
{
	(void)state;
	expect_fault("avgg-rt>1s", 1, 1, "did you mean 'avg-rt'?");
	expect_fault("\n\nmessage: x\nsubject: avg-rt\n", 3, 1, "no condition");
	expect_fault("p90 x>1s", 1, 5, "only 'of LABEL'");
	expect_fault("p90 of X", 1, 9, "no condition");
	expect_fault("p90>", 1, 5, "no threshold");
	expect_fault("p90>12parsecs", 1, 5, "12parsecs");
	expect_fault("p90><1s", 1, 4, "condition '><'");
	expect_fault("avg-rt>10%", 1, 8, "only for succ, fail, rc");
	expect_fault("p90>1s during 5s", 1, 8, "'during' is none of for, within, over");
	expect_fault("p90>1s for", 1, 11, "duration is missing");
	expect_fault("p90>1s for ever", 1, 12, "no duration");
	expect_fault("p90>1s for 5s more", 1, 15, "'more'");
	expect_fault("p90>1s, halt", 1, 8, "not 'halt'");
	expect_fault("p90>1s, stop as dead", 1, 8, "as non-failed");
	expect_fault("p90>${LIMIT}", 1, 5, "settings.env");
	expect_fault("hits>1 over 0s", 1, 1, "needs a timeframe");
	expect_fault("[p90>1s]", 1, 1, "one line of text or a map");
	expect_fault("{subject: p90, condition: '>'}", 1, 1, "no threshold");
	expect_fault("{subject: p90, condition: '!', threshold: 1}", 1, 27, "condition '!'");
	expect_fault("{subject: [p90], condition: '>', threshold: 1}", 1, 11, "one value");
	expect_fault(MON "total_worker, condition: '>', threshold: 1}", 1, (int)strlen(MON) + 1,
		     "did you mean 'total_workers'?");
	expect_fault(
		"{class: x.MonitoringCriteria, subject: workers, condition: '>', threshold: 1}", 1,
		40, "LABEL/metric");
	expect_fault(MON "total_workers, condition: '>', threshold: lots}", 1, 107, "size (290MB)");
}

static void test_message_from_key(void **state)
{
	_cleanup_yaml_ struct mp_yaml *y = NULL;
	struct mp_criterion c;
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_yaml_parse("p90>1s", 6, "c", &y, &d), 0);
	assert_int_equal(mp_crit_parse(y, "too slow", same, NULL, &c, &d), 0);
	assert_string_equal(c.name, "too slow");
	mp_crit_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_sentence),
		cmocka_unit_test(test_short_forms),
		cmocka_unit_test(test_greedy_label_is_rewritten),
		cmocka_unit_test(test_monitoring),
		cmocka_unit_test(test_sizes_and_times),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_message_from_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

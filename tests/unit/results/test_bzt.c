// SPDX-License-Identifier: GPL-2.0-only
/* Readers of what bzt 1.17.2 leaves; the texts were copied from a real run. */
#include "unit/results/scratch.h"

#include <mmsperf/results.h>

#include "results/text.h"

static const char xunit[] =
	"<?xml version='1.0' encoding='UTF-8'?>\n<testsuites>\n"
	"  <testsuite name=\"bzt_pass_fail\" package_name=\"bzt\">\n"
	"    <testcase classname=\"bzt-8773323801593\" name=\"mms/sum_num_handles&gt;180 for 3s\">\n"
	"      <error message=\"Failed: mms/sum_num_handles&gt;180 for 9 sec\" "
	"type=\"pass/fail criteria triggered\"/>\n    </testcase>\n"
	"    <testcase classname=\"bzt-8773323801593\" name=\"p90 of ping&gt;500ms for 5s\"/>\n"
	"    <testcase classname=\"bzt-8773323801593\" name=\"avg-rt of &gt;2s\"/>\n"
	"    <testcase classname=\"bzt-8773323801593\" name=\"fail of &gt;50% for 3s\"/>\n"
	"  </testsuite>\n</testsuites>\n";
static const char xunit_labels[] =
	"<?xml version='1.0' encoding='UTF-8'?>\n<testsuites>\n"
	"  <testsuite name=\"sample_labels\" package_name=\"bzt\">\n"
	"    <testcase classname=\"bzt-1\" name=\"Inference, &quot;digits&quot;\">\n"
	"      <error message=\"Service Unavailable\" type=\"Error\">Service Unavailable</error>\n"
	"      <failure message=\"too small\" type=\"Assertion Failure\">x</failure>\n    </testcase>\n"
	"    <testcase classname=\"bzt-1\" name=\"ping\"/>\n  </testsuite>\n</testsuites>\n";

static void both_xunit_files(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("xunit");
	_cleanup_(mp_suite_result_done) struct mp_suite_result s = {0};

	(void)state;
	put_file(dir, "xunit.xml", xunit);
	put_file(dir, "xunit-1.xml", xunit_labels);
	assert_int_equal(mp_xunit_read(dir, &s, NULL), 0);
	assert_int_equal(mp_xunit_read(dir, &s, NULL), 0); /* a second reading adds nothing */
	assert_int_equal(s.n_cases, 5);
	assert_string_equal(s.cases[0].name, "no errors of Inference, \"digits\"");
	assert_int_equal(s.cases[0].verdict, MP_FAILED);
	assert_string_equal(s.cases[0].message, "Service Unavailable\ntoo small");
	assert_string_equal(s.cases[0].metric, "errors");
	assert_string_equal(s.cases[1].name, "mms/sum_num_handles > 180 for 3s");
	assert_int_equal(s.cases[1].verdict, MP_FAILED);
	assert_string_equal(s.cases[1].message, "mms/sum_num_handles>180 for 9 sec");
	assert_string_equal(s.cases[1].metric, "sum_num_handles");
	assert_string_equal(s.cases[1].label, "mms");
	assert_double_equal(s.cases[1].threshold, 180, 0);
	assert_int_equal(s.cases[1].op, '>');
	assert_string_equal(s.cases[2].name, "p90 of ping > 500ms for 5s");
	assert_int_equal(s.cases[2].verdict, MP_PASSED);
	assert_null(s.cases[2].message);
	assert_string_equal(s.cases[3].name, "avg-rt > 2s");
	assert_null(s.cases[3].label);
	assert_string_equal(s.cases[4].metric, "fail%");
}

static void xunit_that_is_none(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("noxunit"), *hosts = NULL;
	_cleanup_(mp_suite_result_done) struct mp_suite_result s = {0};
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_xunit_read(dir, &s, NULL), 0);
	assert_int_equal(s.n_cases, 0);
	put_file(dir, "xunit.xml", "<testsuites><testsuite>");
	assert_int_equal(mp_xunit_read(dir, &s, &d), -EINVAL);
	assert_non_null(strstr(d.file, "xunit.xml"));
	put_file(dir, "xunit.xml", "");
	assert_int_equal(mp_xunit_read(dir, &s, &d), -EINVAL);
	/* an external entity is not followed */
	put_file(dir, "secret", "SECRET");
	hosts = mp_asprintf(
		"<!DOCTYPE x [<!ENTITY e SYSTEM \"file://%s/secret\">]><testsuites><testsuite "
		"name=\"bzt_pass_fail\"><testcase name=\"a&gt;1\"><error>&e;</error></testcase>"
		"</testsuite></testsuites>",
		dir);
	put_file(dir, "xunit.xml", hosts);
	(void)mp_xunit_read(dir, &s, &d);
	for (size_t i = 0; i < s.n_cases; i++)
		assert_null(strstr(s.cases[i].message, "SECRET"));
}

static void criteria_texts(void **state)
{
	const struct {
		const char *text, *metric, *label;
		char op;
		double threshold, window;
	} good[] = {
		{"avg-rt of IndexPage>150ms for 10s, stop as failed", "avg-rt", "IndexPage", '>',
		 .15, 10},
		{"p99.9>1m", "p99.9", NULL, '>', 60, 0},
		{"success of a<b of c<${X}0", NULL, NULL, 0, 0, 0},
		{"succ of a label with spaces<99%", "succ%", "a label with spaces", '<', 99, 0},
		{"my message: fail>=5 within 3s", "fail", NULL, '>', 5, 3},
		{"host:9009/sum_all_memory_rss>290000000 for 5s", "sum_all_memory_rss", "host:9009",
		 '>', 290000000, 5},
		{"p90 of http://x/y>2s over 1m30s", "p90", "http://x/y", '>', 2, 90},
		{"bytes>10MB", "bytes", NULL, '>', 10e6, 0},
		{"rc5?? = 0", "rc5??", NULL, '=', 0, 0},
		{"mms/x<=1", "x", "mms", '<', 1, 0},
	};
	const char *const bad[] = {"",     ">",       "no operator", ">5",
				   "p90>", "p90>abc", "p90>1s for",  "p90>1s for x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_(mp_case_done) struct mp_case c = {0};
		double window = -1;

		if (!good[i].metric) {
			assert_false(mp_criterion_parse(good[i].text, &c, &window));
			continue;
		}
		if (!mp_criterion_parse(good[i].text, &c, &window))
			fail_msg("not understood: %s", good[i].text);
		assert_string_equal(c.metric, good[i].metric);
		if (good[i].label)
			assert_string_equal(c.label, good[i].label);
		else
			assert_null(c.label);
		assert_int_equal(c.op, good[i].op);
		assert_double_equal(c.threshold, good[i].threshold, 1e-12);
		assert_double_equal(window, good[i].window, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(mp_case_done) struct mp_case c = {0};
		double window;

		if (mp_criterion_parse(bad[i], &c, &window))
			fail_msg("understood: %s", bad[i]);
		assert_null(c.metric);
	}
}

static const char effective[] =
	"{\"services\": [{\"module\": \"monitoring\", \"server-agent\": [{\"address\": \"127.0.0.1:9009\", "
	"\"label\": \"mms\", \"logging\": true, \"metrics\": [\"sum_cpu_percent\", \"sum_num_handles\", "
	"\"a,b\", \"nope\"]}]}], \"execution\": [{\"ramp-up\": \"2s\", \"hold-for\": 6}]}";

static void log_gets_its_true_header(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("log"), *out = NULL;
	struct mp_diag d = {0};

	(void)state;
	put_file(dir, "effective.json", effective);
	put_file(
		dir, "SAlogs_127.0.0.1_9009.csv",
		"ts,\"a,b\",nope,sum_cpu_percent,sum_num_handles\n100,90.5,180,1,nan\n101,91,181,2,nan\n102,9");
	assert_int_equal(mp_bztlog_correct(dir, &d), 0);
	out = get_file(dir, "metrics_bzt.csv");
	assert_string_equal(out, "ts,sum_cpu_percent,sum_num_handles,\"a,b\",nope\n"
				 "100,90.5,180,1,\n101,91,181,2,\n");
}

static void logs_of_two_kinds_become_one_table(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("logs"), *out = NULL;

	(void)state;
	put_file(dir, "effective.json", effective);
	put_file(dir, "SAlogs_127.0.0.1_9009.csv",
		 "ts,\"a,b\",nope,sum_cpu_percent,sum_num_handles\n101,90.5,180,1,nan\n");
	put_file(dir, "local_monitoring_logs.csv", "ts,cpu,mem\n100,7,8\n");
	assert_int_equal(mp_bztlog_correct(dir, NULL), 0);
	out = get_file(dir, "metrics_bzt.csv");
	assert_string_equal(out, "ts,mms/sum_cpu_percent,mms/sum_num_handles,\"mms/a,b\",mms/nope,"
				 "local/cpu,local/mem\n100,,,,,7,8\n101,90.5,180,1,,,\n");
}

static void log_without_its_order(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("noorder"), *one = fresh_dir("one"), *out = NULL;
	struct mp_diag d = {0};

	(void)state;
	put_file(dir, "SAlogs_127.0.0.1_9009.csv", "ts,a,b\n100,1,2\n");
	assert_int_equal(mp_bztlog_correct(dir, &d), -ENODATA);
	assert_non_null(strstr(d.msg, "not corrected"));
	/* another client's names are no answer */
	put_file(dir, "effective.json", effective);
	assert_int_equal(mp_bztlog_correct(dir, &d), -ENODATA);
	put_file(one, "SAlogs_127.0.0.1_9009.csv", "ts,a\n100,1\n");
	assert_int_equal(mp_bztlog_correct(one, NULL), 0);
	out = get_file(one, "metrics_bzt.csv");
	assert_string_equal(out, "ts,a\n100,1\n");
}

static void order_from_yaml_where_json_is_missing(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("yaml"), *out = NULL;

	(void)state;
	put_file(
		dir, "effective.yml",
		"services:\n- module: monitoring\n  server-agent:\n  - address: h:1\n    metrics:\n    - z\n    - a\n");
	put_file(dir, "SAlogs_h_1.csv", "ts,a,z\n5,1,2\n");
	assert_int_equal(mp_bztlog_correct(dir, NULL), 0);
	out = get_file(dir, "metrics_bzt.csv");
	assert_string_equal(out, "ts,z,a\n5,1,2\n");
}

static void breach_is_found(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("breach");
	_cleanup_(mp_suite_result_done) struct mp_suite_result s = {.dir = strdup(dir)};
	struct mp_case c = {.name = strdup("mms/sum_num_handles > 180 for 3s"),
			    .verdict = MP_FAILED,
			    .metric = strdup("sum_num_handles"),
			    .label = strdup("mms"),
			    .op = '>',
			    .threshold = 180,
			    .observed = NAN};

	(void)state;
	put_file(dir, "effective.json", effective);
	put_file(dir, "kpi.jtl",
		 "timeStamp,elapsed,label,success\n100000,5,a,true\n112000,7,a,true\n");
	/* a spike too short, then the breach, then a longer but later one */
	put_file(dir, "metrics.csv",
		 "ts,sum_num_handles\n100,170\n101,190\n102,170\n103,181\n104,185\n105,183\n"
		 "106,181\n107,170\n108,190\n109,190\n110,190\n111,190\n112,190\n");
	assert_int_equal(mp_suite_result_add_case(&s, &c), 0);
	assert_int_equal(mp_results_load_series(&s, NULL), 0);
	assert_double_equal(s.cases[0].from_s, 103, 0);
	assert_double_equal(s.cases[0].to_s, 107, 0);
	assert_double_equal(s.cases[0].observed, 185, 0);
	assert_double_equal(s.cases[0].time_s, 3, 0);
	assert_int_equal(s.n_phases, 2);
	assert_string_equal(s.phases[0].name, "ramp-up");
	assert_double_equal(s.phases[0].to_s, 102, 0);
	assert_double_equal(s.phases[1].to_s, 108, 0);
	assert_int_equal(s.n_labels, 2);
}

/* A criterion of one label among several is held against that label's requests. */
static void breach_of_one_label(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("label");
	_cleanup_(mp_suite_result_done) struct mp_suite_result s = {.dir = strdup(dir)};
	const char *const names[] = {"avg-rt of slow > 500ms for 2s", "fail of slow > 50% for 1s"};

	(void)state;
	put_file(
		dir, "kpi.jtl",
		"timeStamp,elapsed,label,success\n100000,5,fast,true\n100000,100,slow,true\n101000,5,fast,true\n"
		"101000,600,slow,true\n102000,800,slow,false\n102000,5,fast,true\n103000,5,slow,true\n");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct mp_case c = {
			.name = strdup(names[i]), .verdict = MP_FAILED, .observed = NAN};
		double window;

		assert_true(mp_criterion_parse(names[i], &c, &window));
		assert_int_equal(mp_suite_result_add_case(&s, &c), 0);
	}
	assert_int_equal(mp_results_load_series(&s, NULL), 0);
	assert_int_equal(s.n_label_loads, 1);
	assert_double_equal(s.cases[0].from_s, 101, 0);
	assert_double_equal(s.cases[0].to_s, 103, 0);
	assert_double_equal(s.cases[0].observed, .8, 1e-9);
	assert_double_equal(s.cases[1].from_s, 102, 0);
	assert_double_equal(s.cases[1].observed, 100, 0);
}

static void foreign_folder(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("foreign"), *none = fresh_dir("nothing"), *sub = NULL;
	_cleanup_run_ struct mp_run *r = NULL, *parent = NULL;
	struct mp_diag d = {0};

	(void)state;
	sub = mp_path_join(dir, "my suite");
	assert_int_equal(mp_mkdir_p(sub, 0755), 0);
	put_file(sub, "xunit.xml", xunit);
	put_file(
		sub, "kpi.jtl",
		"timeStamp,elapsed,label,success\n1700000000000,5,a,true\n1700000009000,7,a,true\n");
	assert_int_equal(mp_store_load_foreign(sub, &r, &d), 0);
	assert_int_equal(r->n_suites, 1);
	assert_string_equal(r->suites[0].name, "my suite");
	assert_int_equal(r->verdict, MP_FAILED);
	assert_int_equal(r->exit_code, 3);
	assert_double_equal(r->started_s, 1700000000, 0);
	assert_double_equal(r->duration_s, 10, 0);
	assert_int_equal(mp_store_load_foreign(dir, &parent, &d), 0);
	assert_int_equal(parent->n_suites, 1);
	assert_int_equal(mp_store_load_foreign(none, &parent, &d), -ENOENT);
	assert_int_equal(mp_store_load_foreign("/nonexistent", &parent, &d), -ENOENT);
}

static void cleaned_text(void **state)
{
	_cleanup_free_ char *plain = mp_text_clean("a\x1b[0m\t\xc3\xa9\xff\xed\xa0\x80\n", true);
	_cleanup_free_ char *kept = mp_text_clean("a\x1b\xc0\x80", false);

	(void)state;
	assert_string_equal(
		plain, "a\\x1b[0m\t\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n");
	assert_string_equal(kept, "a\x1b\xef\xbf\xbd\xef\xbf\xbd");
}

/* A wide character takes two columns, one that combines takes none and goes with its base. */
static void text_that_is_cut(void **state)
{
	static const char *const wide = "\u65e5\u672c", *const marked = "ae\u0301i\u0301";
	int columns;

	(void)state;
	assert_int_equal(mp_text_fitting(wide, 3, &columns), 3);
	assert_int_equal(columns, 2);
	assert_int_equal(mp_text_fitting(marked, 2, &columns), 4);
	assert_int_equal(columns, 2);
	assert_string_equal(mp_text_end(wide, 3, &columns), "\u672c");
	assert_int_equal(columns, 2);
	assert_string_equal(mp_text_end(marked, 1, &columns), "i\u0301");
	assert_string_equal(mp_text_end(marked, 0, &columns), "");
	assert_string_equal(mp_text_end("\u0301x", 1, &columns), "\u0301x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_xunit_files),
		cmocka_unit_test(xunit_that_is_none),
		cmocka_unit_test(criteria_texts),
		cmocka_unit_test(log_gets_its_true_header),
		cmocka_unit_test(logs_of_two_kinds_become_one_table),
		cmocka_unit_test(log_without_its_order),
		cmocka_unit_test(order_from_yaml_where_json_is_missing),
		cmocka_unit_test(breach_is_found),
		cmocka_unit_test(breach_of_one_label),
		cmocka_unit_test(foreign_folder),
		cmocka_unit_test(cleaned_text),
		cmocka_unit_test(text_that_is_cut),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

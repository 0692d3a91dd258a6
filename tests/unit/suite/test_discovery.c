// SPDX-License-Identifier: GPL-2.0-only
/* discovery.c, plan.c: which files are suites, what belongs to them, what they say together. */
#include "unit.h"

#include "suite/plan.h"
#include "suite/rewrite.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define MINIMAL "execution:\n- {hold-for: 10s, ramp-up: 5s, scenario: s}\n"

static char root[64];

static int set_up(void **state)
{
	(void)state;
	(void)strcpy(root, "/tmp/mmsperf-suites.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return mp_rm_rf(root);
}

/* Writes below root, folders included; returns nothing worth keeping. */
static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = mp_path_join(root, name), *dir = strdup(path);

	*strrchr(dir, '/') = '\0';
	assert_int_equal(mp_mkdir_p(dir, 0755), 0);
	assert_int_equal(mp_write_file(path, text, strlen(text), 0644), 0);
}

static struct mp_suite_list find(const char *dir, const char *pattern, const char *exclude)
{
	_cleanup_free_ char *path = mp_path_join(root, dir);
	struct mp_run_opts o = {.test_dir = *dir ? path : root,
				.pattern = pattern,
				.exclude = exclude,
				.env_name = "dev"};
	struct mp_suite_list l = {0};
	struct mp_diag d = {0};

	if (mp_suites_find(&o, &l, &d) < 0) {
		print_error("%s\n", d.msg);
		fail();
	}
	return l;
}

static void expect_names(const struct mp_suite_list *l, const char *names)
{
	struct mp_buf b = {0};

	mp_buf_puts(&b, "");
	for (size_t i = 0; i < l->n; i++)
		mp_buf_printf(&b, "%s%s", i ? " " : "", l->v[i].name);
	assert_string_equal(b.s, names);
	mp_buf_done(&b);
}

static void test_both_layouts(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("b.yaml", MINIMAL);
	put("a.yaml", MINIMAL);
	put("global_config.yaml", "{}");
	put("common/global_config.yaml", "{}");
	put("common/helper.yaml", MINIMAL);
	put("environments/dev.yaml", "{}");
	put("unit/x.yaml", MINIMAL);
	put("unit/unit.yaml", MINIMAL);
	put("e2e/deep/deep.yaml", MINIMAL);
	put("scenarios/c/c.yaml", MINIMAL);
	put("scenarios/c/other.yaml", MINIMAL);
	put("scenarios/c/environments/environments.yaml", MINIMAL);
	put("scenarios/unit/unit.yaml", MINIMAL); /* only directly under DIR is it excluded */
	put(".hidden/.hidden.yaml", MINIMAL);
	put(".hidden.yaml", MINIMAL);
	put("notes.txt", "no suite");
	put("data.yml", MINIMAL);
	l = find("", "*.yaml", NULL);
	expect_names(&l, "a b c unit");
	mp_suites_done(&l);
}

static void test_companions(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("a.yaml", MINIMAL);
	put("x/n/n.yaml", MINIMAL);
	put("x/n/environments/dev.yaml", "settings: {env: {A: 1}}\n");
	put("x/n/environments/other.yaml", "settings: {env: {A: 2}}\n");
	put("x/m/m.yaml", MINIMAL);
	put("x/m/global_config.yaml", "{}");
	put("common/global_config.yaml", "{}");
	l = find("", "*.yaml", NULL);
	expect_names(&l, "a m n");
	assert_null(l.v[0].env_path);
	assert_true(mp_ends_with(l.v[0].global_path, "/common/global_config.yaml"));
	assert_true(mp_ends_with(l.v[1].global_path, "/x/m/global_config.yaml"));
	assert_true(mp_ends_with(l.v[2].env_path, "/x/n/environments/dev.yaml"));
	assert_non_null(l.v[2].env_doc);
	mp_suites_done(&l);
	put("global_config.yaml", "{}"); /* DIR comes before DIR/common */
	l = find("", "a", NULL);
	assert_true(mp_ends_with(l.v[0].global_path, "/global_config.yaml"));
	assert_null(strstr(l.v[0].global_path, "common"));
	mp_suites_done(&l);
}

static void test_default_environment(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("own/own.yaml", MINIMAL);
	put("own/environments/dev.yaml", "{}");
	put("own/environments/default.yaml", "{}");
	put("any/any.yaml", "execution:\n- hold-for: ${HOLD}\n");
	put("any/environments/default.yaml", "settings: {env: {HOLD: 7s}}\n");
	put("any/environments/other.yaml", "settings: {env: {HOLD: 9s}}\n");
	put("none/none.yaml", MINIMAL);
	put("none/environments/other.yaml", "{}");
	l = find("", "*.yaml", NULL);
	expect_names(&l, "any none own");
	assert_true(mp_ends_with(l.v[0].env_path, "/any/environments/default.yaml"));
	assert_double_equal(l.v[0].expected_s, 7 + MP_STARTUP_ALLOWANCE_S, 1e-9);
	assert_null(l.v[1].env_path); /* another environment's limits judge nobody else */
	assert_true(mp_ends_with(l.v[2].env_path, "/own/environments/dev.yaml"));
	mp_suites_done(&l);
}

static void test_patterns_with_folders(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("one.yaml", MINIMAL);
	put("scenarios/two/two.yaml", MINIMAL);
	put("scenarios/scenarios.yaml", MINIMAL);
	put("x/one/one.yaml", MINIMAL);
	l = find("", "*.yaml", "scenarios/*");
	expect_names(&l, "one x.one");
	mp_suites_done(&l);
	l = find("", "scenarios/*", NULL);
	expect_names(&l, "scenarios two");
	mp_suites_done(&l);
	l = find("", "x/*/one.yaml", NULL);
	expect_names(&l, "one");
	mp_suites_done(&l);
	l = find("", "scenarios*", NULL); /* without a slash: names only */
	expect_names(&l, "scenarios");
	mp_suites_done(&l);
}

static void test_patterns(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("one_criteria.yaml", MINIMAL);
	put("two.yaml", MINIMAL);
	put("three_criteria_x.yaml", MINIMAL);
	l = find("", "*criteria*.yaml", NULL);
	expect_names(&l, "one_criteria three_criteria_x");
	mp_suites_done(&l);
	l = find("", "two", NULL);
	expect_names(&l, "two");
	mp_suites_done(&l);
	l = find("", "*.yaml", "*_x");
	expect_names(&l, "one_criteria two");
	mp_suites_done(&l);
	l = find("", "nothing*", NULL);
	assert_int_equal(l.n, 0);
	mp_suites_done(&l);
	l = find("two.yaml", "*.yaml", NULL);
	expect_names(&l, "two");
	mp_suites_done(&l);
}

static void test_same_name_twice(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("a.yaml", MINIMAL);
	put("x/a/a.yaml", MINIMAL);
	put("y/a/a.yaml", MINIMAL);
	l = find("", "*.yaml", NULL);
	assert_int_equal(l.n, 3);
	assert_string_not_equal(l.v[0].name, l.v[1].name);
	assert_string_not_equal(l.v[0].name, l.v[2].name);
	assert_string_not_equal(l.v[1].name, l.v[2].name);
	mp_suites_done(&l);
}

static void test_missing_folder(void **state)
{
	struct mp_run_opts o = {
		.test_dir = "/nonexistent/suites", .pattern = "*.yaml", .env_name = "dev"};
	struct mp_suite_list l = {0};
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_suites_find(&o, &l, &d), -ENOENT);
	assert_non_null(strstr(d.msg, "/nonexistent/suites"));
}

static void test_malformed_stays_in_the_list(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("bad.yaml", "execution:\n- {hold-for: 5s}\n- }\n");
	put("good.yaml", MINIMAL);
	put("hollow.yaml", "settings: {}\n");
	put("metric.yaml",
	    MINIMAL "services:\n- module: monitoring\n  server-agent:\n"
		    "  - {address: localhost, label: srv, metrics: [total_workers]}\n"
		    "reporting:\n- module: passfail\n  criteria:\n"
		    "  - class: bzt.modules.monitoring.MonitoringCriteria\n"
		    "    subject: srv/total_worker\n    condition: '>'\n    threshold: 1\n");
	put("label.yaml",
	    MINIMAL "services:\n- module: monitoring\n  server-agent:\n"
		    "  - {address: localhost, label: server, metrics: [total_workers]}\n"
		    "reporting:\n- module: passfail\n  criteria:\n"
		    "  - class: bzt.modules.monitoring.MonitoringCriteria\n"
		    "    subject: serve/total_workers\n    condition: '>'\n"
		    "    threshold: 1\n");
	put("wait.yaml", "execution:\n- hold-for: ${HOLD}\n");
	l = find("", "*.yaml", NULL);
	expect_names(&l, "bad good hollow label metric wait");
	assert_true(l.v[0].bad);
	assert_int_equal(l.v[0].diag.line, 3);
	assert_int_equal(l.v[0].diag.col, 3);
	assert_false(l.v[1].bad);
	assert_true(l.v[2].bad);
	assert_non_null(strstr(l.v[2].diag.msg, "no 'execution'"));
	assert_true(l.v[3].bad);
	assert_int_equal(l.v[3].diag.line, 10);
	assert_non_null(strstr(l.v[3].diag.msg, "did you mean 'server'?"));
	assert_true(l.v[4].bad);
	assert_int_equal(l.v[4].diag.line, 11);
	assert_int_equal(l.v[4].diag.col, 18);
	assert_non_null(strstr(l.v[4].diag.msg, "did you mean 'total_workers'?"));
	assert_true(l.v[5].bad);
	assert_int_equal(l.v[5].diag.line, 2);
	assert_int_equal(l.v[5].diag.col, 13);
	assert_non_null(strstr(l.v[5].diag.msg, "${HOLD}"));
	mp_suites_done(&l);
}

static void test_links_that_lead_nowhere(void **state)
{
	_cleanup_free_ char *dir = mp_path_join(root, "links"),
			    *gone = mp_path_join(dir, "gone.yaml"),
			    *ring = mp_path_join(dir, "ring.yaml");
	struct mp_suite_list l;

	(void)state;
	put("links/a.yaml", MINIMAL);
	assert_int_equal(symlink("nowhere", gone), 0);
	assert_int_equal(symlink("ring.yaml", ring), 0);
	l = find("links", "*.yaml", NULL);
	expect_names(&l, "a gone ring");
	assert_false(l.v[0].bad);
	assert_true(l.v[1].bad && l.v[2].bad);
	assert_non_null(strstr(l.v[1].diag.msg, "No such file"));
	mp_suites_done(&l);
}

static void test_merged_plan(void **state)
{
	struct mp_suite_list l;
	const struct mp_plan *p;

	(void)state;
	put("n/n.yaml",
	    "execution:\n- {hold-for: '${HOLD}', ramp-up: 1s, scenario: s}\n- {hold-for: 3s}\n"
	    "scenarios:\n  s: {criteria: ['hits<1 for 2s']}\n"
	    "services:\n- module: shellexec\n  prepare: ['multi-model-server --start > /dev/null']\n"
	    "- module: monitoring\n  server-agent:\n"
	    "  - {address: 'localhost:19009', metrics: [cpu, total_workers]}\n"
	    "  - {address: '10.0.0.9', metrics: [cpu]}\n"
	    "reporting:\n- module: passfail\n  criteria:\n  - success of ${L}<${S}, stop as failed\n");
	put("n/environments/dev.yaml",
	    "settings: {env: {HOLD: 20s, S: '99%', L: 'A${N}', N: 1}}\n");
	put("global_config.yaml",
	    "settings: {env: {S: '100%'}}\n"
	    "reporting:\n- module: passfail\n  criteria: {too slow: p90>1s}\n"
	    "modules: {jmeter: {path: /x/jmeter, properties: {protocol: https, hostname: h, port: 81,"
	    " management_port: 82}}}\n");
	l = find("", "*.yaml", NULL);
	if (l.v[0].bad) {
		print_error("%d:%d %s\n", l.v[0].diag.line, l.v[0].diag.col, l.v[0].diag.msg);
		fail();
	}
	p = l.v[0].plan;
	assert_double_equal(p->expected_s, 21 + MP_STARTUP_ALLOWANCE_S, 1e-9);
	assert_true(p->needs_jmeter);
	assert_true(p->starts_server);
	assert_string_equal(p->host, "h");
	assert_string_equal(p->protocol, "https");
	assert_int_equal(p->port, 81);
	assert_int_equal(p->management_port, 82);
	assert_string_equal(p->jmeter_path, "/x/jmeter");
	assert_int_equal(p->n_crit, 3);
	assert_string_equal(p->crit[0].name,
			    "success of A1 at least 100%"); /* the later file wins */
	assert_string_equal(p->crit[1].name, "too slow");
	assert_string_equal(p->crit[2].subject, "hits");
	assert_int_equal(p->n_src, 2);
	assert_string_equal(p->src[0].label, "localhost:19009");
	assert_true(p->src[0].local_host);
	assert_string_equal(p->src[1].label, "10.0.0.9:4444");
	assert_false(p->src[1].local_host);
	assert_int_equal(mp_plan_agent_port(p), 19009);
	assert_int_equal(p->n_metrics, 2);
	mp_suites_done(&l);
}

static void test_expected_time(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("iterations.yaml", "execution:\n- {iterations: 100, scenario: s}\n");
	put("one.yaml", "execution: {hold-for: 1m30s}\n");
	put("other.yaml", "execution:\n- {hold-for: 1s, executor: ab}\n");
	put("sequence.yaml", "execution:\n- {hold-for: 5s}\n- {hold-for: 7s, delay: 1s}\n"
			     "modules: {local: {sequential: true}}\n");
	l = find("", "*.yaml", NULL);
	expect_names(&l, "iterations one other sequence");
	assert_double_equal(l.v[0].expected_s, 0, 0);
	assert_double_equal(l.v[1].expected_s, 90 + MP_STARTUP_ALLOWANCE_S, 1e-9);
	assert_false(l.v[2].plan->needs_jmeter);
	assert_double_equal(l.v[3].expected_s, 13 + MP_STARTUP_ALLOWANCE_S, 1e-9);
	mp_suites_done(&l);
	assert_double_equal(mp_plan_deadline_s(10, 0), 150, 0);
	assert_double_equal(mp_plan_deadline_s(10, 7), 7, 0);
	assert_double_equal(mp_plan_deadline_s(0, 0), 3600, 0);
}

static void test_case_names_are_unique(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("a.yaml",
	    MINIMAL "reporting:\n- module: passfail\n  criteria:\n  - p90>1s\n  - p90>1s\n"
		    "  - 'x: p90>2s'\n  - 'x: p90>3s'\n");
	l = find("", "*.yaml", NULL);
	assert_int_equal(l.v[0].n_criteria, 4);
	assert_string_equal(l.v[0].plan->crit[1].name, "p90 at most 1s (2)");
	assert_string_equal(l.v[0].plan->crit[3].name, "x (2)");
	mp_suites_done(&l);
}

static void test_rewritten_copy(void **state)
{
	_cleanup_free_ char *out = mp_path_join(root, "out"), *script = NULL;
	_cleanup_yaml_ struct mp_yaml *copy = NULL;
	const struct mp_yaml *crit;
	char *files[4] = {NULL};
	struct mp_suite_list l;
	struct mp_diag d = {0};

	(void)state;
	put("load.jmx", "<jmeterTestPlan/>");
	put("plain.yaml", MINIMAL "reporting:\n- module: passfail\n  criteria: [p90>1s]\n");
	put("size.yaml",
	    MINIMAL "scenarios: {s: {script: load.jmx, note: load.jmx}}\n"
		    "services:\n- module: monitoring\n  server-agent:\n"
		    "  - {address: localhost, label: srv, metrics: [sum_workers_memory_rss]}\n"
		    "reporting:\n- module: passfail\n  criteria:\n  - p90>1s\n"
		    "  - class: bzt.modules.monitoring.MonitoringCriteria\n"
		    "    subject: srv/sum_workers_memory_rss\n    condition: '>'\n"
		    "    threshold: ${MEM}\n    diff_percent: 30\n    timeframe: 2s\n");
	put("global_config.yaml", "settings: {env: {MEM: 290MB}}\n");
	assert_int_equal(mp_mkdir_p(out, 0755), 0);
	l = find("", "*.yaml", "out");
	expect_names(&l, "plain size");
	assert_int_equal(mp_rewrite_files(&l.v[0], out, files, &d), 0);
	assert_string_equal(files[0], l.v[0].path); /* nothing to rewrite: the original */
	assert_string_equal(files[1], l.v[0].global_path);
	assert_null(files[2]);
	free(files[0]);
	free(files[1]);
	assert_int_equal(mp_rewrite_files(&l.v[1], out, files, &d), 0);
	assert_true(mp_ends_with(files[0], "/out/size.yaml"));
	assert_int_equal(mp_yaml_read(files[0], &copy, &d), 0);
	crit = mp_yaml_get(mp_yaml_get(copy, "reporting")->val[0], "criteria");
	assert_string_equal(crit->val[0]->scalar, "p90>1s");
	assert_string_equal(mp_yaml_str(mp_yaml_get(crit->val[1], "threshold")), "290000000");
	assert_string_equal(mp_yaml_str(mp_yaml_get(crit->val[1], "diff_percent")), "30");
	assert_string_equal(mp_yaml_str(mp_yaml_get(crit->val[1], "timeframe")), "2s");
	script = mp_path_join(root, "load.jmx");
	assert_string_equal(mp_yaml_str(mp_yaml_path(copy, "scenarios.s.script")), script);
	assert_string_equal(mp_yaml_str(mp_yaml_path(copy, "scenarios.s.note")), "load.jmx");
	free(files[0]);
	free(files[1]);
	mp_suites_done(&l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_both_layouts),
		TEST(test_companions),
		TEST(test_default_environment),
		TEST(test_patterns),
		TEST(test_patterns_with_folders),
		TEST(test_same_name_twice),
		TEST(test_missing_folder),
		TEST(test_malformed_stays_in_the_list),
		TEST(test_links_that_lead_nowhere),
		TEST(test_merged_plan),
		TEST(test_expected_time),
		TEST(test_case_names_are_unique),
		TEST(test_rewritten_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* simple*.c, matrix.c, plan_check.c: what a simple suite becomes, and what Taurus suites may say.
 */
#include "unit.h"

#include "suite/simple.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <math.h>
#include <string.h>

static char root[64];

static int set_up(void **state)
{
	(void)state;
	(void)strcpy(root, "/tmp/mmsperf-simple.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return mp_rm_rf(root);
}

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = mp_path_join(root, name), *dir = strdup(path);

	*strrchr(dir, '/') = '\0';
	assert_int_equal(mp_mkdir_p(dir, 0755), 0);
	assert_int_equal(mp_write_file(path, text, strlen(text), 0644), 0);
}

static struct mp_suite_list find(double cap)
{
	const struct mp_run_opts o = {
		.test_dir = root, .pattern = "*", .env_name = "dev", .hold_cap_s = cap};
	struct mp_suite_list l = {0};
	struct mp_diag d = {0};

	assert_int_equal(mp_suites_find(&o, &l, &d), 0);
	for (size_t i = 0; i < l.n; i++)
		if (l.v[i].bad) {
			print_error("%s:%d: %s\n", l.v[i].diag.file, l.v[i].diag.line,
				    l.v[i].diag.msg);
			fail();
		}
	return l;
}

static const char *text_at(const struct mp_suite *s, const char *path)
{
	const char *t = mp_yaml_str(mp_yaml_path(s->doc, path));

	return t ? t : "";
}

static void test_becomes_taurus(void **state)
{
	struct mp_suite_list l;
	const struct mp_suite *s;
	const struct mp_yaml *e, *q;

	(void)state;
	put("body.bin", "x");
	put("a.yaml",
	    "model: {name: m, url: m.mar, batch: 4}\n"
	    "load:\n  concurrency: 3\n  duration: 40s\n  ramp: 2s\n  think-time: 100ms\n"
	    "  requests:\n"
	    "    In \"quotes\": {path: POST /predictions/m, body-file: body.bin, answer: ok}\n"
	    "    Ping: GET /ping\n"
	    "expect:\n- p99 of Ping < 1s\n- errors == 0\n- throughput > 3/s\n"
	    "- sum_workers_memory_rss < 1GB\n");
	l = find(0);
	assert_int_equal(l.n, 1);
	s = &l.v[0];
	assert_non_null(s->simple);
	assert_int_equal(s->n_criteria, 4);
	assert_int_equal(s->plan->n_crit, 3);
	assert_string_equal(s->plan->crit[0].name, "p99 of Ping < 1s");
	assert_double_equal(s->expected_s, 42 + MP_STARTUP_ALLOWANCE_S, 0);
	assert_string_equal(s->plan->host, "127.0.0.1");
	assert_int_equal(s->plan->port, 8080);
	assert_string_equal(s->simple->management, "http://127.0.0.1:8081");
	e = mp_yaml_get(s->doc, "execution")->val[0];
	assert_string_equal(mp_yaml_str(mp_yaml_get(e, "hold-for")), "40s");
	assert_string_equal(mp_yaml_str(mp_yaml_get(e, "concurrency")), "3");
	q = mp_yaml_path(s->doc, "scenarios.load.requests")->val[0];
	assert_string_equal(mp_yaml_str(mp_yaml_get(q, "label")), "In \"quotes\"");
	assert_string_equal(mp_yaml_str(mp_yaml_get(q, "method")), "POST");
	assert_int_equal(*mp_yaml_str(mp_yaml_get(q, "body-file")), '/');
	assert_string_equal(text_at(s, "scenarios.load.think-time"), "0.1s");
	/* default steps */
	assert_int_equal(s->simple->setup.n, 2);
	assert_int_equal(s->simple->setup.v[0].kind, MP_STEP_REGISTER);
	assert_int_equal(s->simple->setup.v[1].kind, MP_STEP_WAIT_READY);
	assert_int_equal(s->simple->cleanup.n, 1);
	assert_int_equal(s->simple->models[0].batch, 4);
	assert_int_equal(s->simple->models[0].workers, 1);
	mp_suites_done(&l);
	l = find(8); /* --quick */
	assert_double_equal(l.v[0].expected_s, 10 + MP_STARTUP_ALLOWANCE_S, 0);
	mp_suites_done(&l);
}

static void test_open_loop(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("a.yaml", "load: {rate: 600/min, duration: 5s, requests: {\"a<b\": GET /x?a=1&b=2}}\n");
	l = find(0);
	assert_non_null(l.v[0].taurus_jmx);
	assert_non_null(strstr(l.v[0].taurus_jmx, "rate(10/s) random_arrivals(5 s)"));
	assert_non_null(strstr(l.v[0].taurus_jmx, "testname=\"a&lt;b\""));
	assert_non_null(strstr(l.v[0].taurus_jmx, "/x?a=1&amp;b=2"));
	assert_string_equal(text_at(&l.v[0], "scenarios.load.script"), MP_OPEN_LOOP_JMX);
	/* told how long, bzt would make a closed loop of it */
	assert_null(strstr(l.v[0].taurus, "hold-for"));
	assert_double_equal(l.v[0].expected_s, 5 + MP_STARTUP_ALLOWANCE_S, 0);
	mp_suites_done(&l);
}

static void test_matrix(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("a.yaml", "model: m\nmatrix: {workers: [1, 2], concurrency: [3, 5]}\n"
		      "load: {requests: {A: GET /a}}\n");
	l = find(0);
	assert_int_equal(l.n, 4);
	assert_string_equal(l.v[0].name, "a[workers=1,concurrency=3]");
	assert_string_equal(l.v[3].name, "a[workers=2,concurrency=5]");
	assert_int_equal(l.v[2].simple->models[0].workers, 2);
	assert_int_equal(l.v[2].simple->load.concurrency, 3);
	mp_suites_done(&l);
}

static void test_environment(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("global_config.yaml",
	    "modules: {jmeter: {properties: {hostname: 127.0.0.9, port: 1234, "
	    "management_port: 1235}}}\n");
	put("environments/dev.yaml", "settings: {env: {P99: 70ms, USERS: 6}}\n");
	put("a.yaml", "load: {concurrency: '${USERS}', requests: {A: GET /a}}\n"
		      "expect: ['p99 < ${P99}']\n");
	put("b.yaml", "address: http://127.0.0.1:99\nload: {requests: {A: GET /a}}\n");
	l = find(0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.v[0].simple->load.concurrency, 6);
	assert_double_equal(l.v[0].simple->expects[0].value, 0.07, 1e-12);
	assert_int_equal(l.v[0].plan->port, 1234);
	assert_string_equal(l.v[0].simple->management, "http://127.0.0.9:1235");
	/* what the suite itself says wins over the global config */
	assert_string_equal(l.v[1].plan->host, "127.0.0.1");
	assert_int_equal(l.v[1].plan->port, 99);
	assert_string_equal(text_at(&l.v[1], "scenarios.load.default-address"),
			    "http://127.0.0.1:99");
	mp_suites_done(&l);
}

static void test_hosts(void **state)
{
	struct mp_suite_list l;
	const struct mp_yaml *e;

	(void)state;
	put("a.yaml", "monitor: {gpu: '10.0.0.2:9009', disk: '10.0.0.3:4444'}\n"
		      "load: {hosts: ['127.0.0.1:1', '127.0.0.1:2'], requests: {A: GET /a}}\n"
		      "expect: [gpu/total_workers == 2, gpu/sum_all_memory_rss < 1GB, "
		      "sum_all_cpu_percent < 90]\n");
	l = find(0);
	e = mp_yaml_get(l.v[0].doc, "execution")->val[0];
	assert_int_equal(mp_yaml_get(e, "distributed")->n, 2);
	assert_int_equal(l.v[0].plan->n_src, 3);
	assert_non_null(mp_plan_source(l.v[0].plan, "server"));
	assert_non_null(mp_plan_source(l.v[0].plan, "gpu"));
	assert_string_equal(mp_plan_source(l.v[0].plan, "disk")->host, "10.0.0.3");
	assert_int_equal(mp_plan_source(l.v[0].plan, "disk")->port, 4444);
	/* of ours alone are recorded here */
	assert_int_equal(l.v[0].plan->n_metrics, 1);
	mp_suites_done(&l);
}

static void test_quick_and_includes_of_taurus(void **state)
{
	struct mp_suite_list l;

	(void)state;
	put("a.yaml", "execution:\n- {hold-for: 5s, scenario: s}\n- {hold-for: 1m, scenario: s}\n"
		      "included-configs: [more.inc]\n");
	/* a ring of includes ends */
	put("more.inc", "included-configs: [more.inc, last.inc]\n"
			"reporting:\n- module: passfail\n  criteria: [p90>1s]\n");
	put("last.inc", "included-configs: [more.inc]\n");
	l = find(8);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.v[0].plan->capped, 2);
	assert_double_equal(l.v[0].expected_s, 8 + MP_STARTUP_ALLOWANCE_S, 0);
	assert_int_equal(l.v[0].plan->n_crit, 1);
	assert_int_equal(l.v[0].plan->n_included, 2);
	mp_suites_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_becomes_taurus, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open_loop, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_matrix, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_environment, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hosts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_quick_and_includes_of_taurus, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

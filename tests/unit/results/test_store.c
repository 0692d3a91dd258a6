// SPDX-License-Identifier: GPL-2.0-only
#include "unit/results/scratch.h"

#include <mmsperf/results.h>

#include <sys/stat.h>

/* A run of one failed suite with texts that a careless writer would choke on. */
static struct mp_run sample_run(const char *out)
{
	struct mp_run r = {.out = strdup(out),
			   .env = strdup("host"),
			   .commit = strdup("abc1234-dirty"),
			   .started_s = 1700000000,
			   .duration_s = 12.5,
			   .verdict = MP_FAILED,
			   .exit_code = 3,
			   .server = strdup("mms \"1.1\"")};
	struct mp_case c = {.name = strdup("</script> & \x01 \xff"),
			    .message = strdup("line\nline"),
			    .verdict = MP_FAILED,
			    .metric = strdup("m"),
			    .op = '>',
			    .threshold = 1.5,
			    .observed = NAN,
			    .time_s = 2,
			    .from_s = 1700000002.25,
			    .to_s = 1700000003};

	r.suites = calloc(1, sizeof(*r.suites));
	r.n_suites = 1;
	r.suites[0] = (struct mp_suite_result){.name = strdup("s"),
					       .verdict = MP_FAILED,
					       .reason = strdup("1 of 1"),
					       .bzt_code = 3,
					       .incomplete = true,
					       .rung = strdup("procfs")};
	assert_int_equal(mp_suite_result_add_case(&r.suites[0], &c), 0);
	return r;
}

static char *read_link(const char *dir, const char *name)
{
	_cleanup_free_ char *path = mp_path_join(dir, name);
	char text[512] = "";

	assert_true(readlink(path, text, sizeof(text) - 1) > 0);
	return strdup(text);
}

static void life_of_a_run(void **state)
{
	_cleanup_free_ char *out = mp_path_join(scratch, "life/out"), *latest = NULL, *junit = NULL,
			    *html = NULL;
	_cleanup_(mp_run_done) struct mp_run r = sample_run(out);
	_cleanup_run_ struct mp_run *back = NULL;
	_cleanup_free_ char *suite_dir = NULL;

	(void)state;
	assert_int_equal(mp_store_create(&r, NULL), 0);
	assert_true(mp_ends_with(r.dir, "/host__abc1234-dirty__1700000000"));
	suite_dir = mp_path_join(r.dir, "s");
	r.suites[0].dir = strdup(suite_dir);
	assert_int_equal(mp_store_save(&r, NULL), 0);
	assert_int_equal(mp_store_load(r.dir, &back, NULL), 0);
	assert_true(back->unfinished); /* killed here, it would not pass for a whole run */
	mp_run_free(TAKE_PTR(back));
	put_file(r.out, "junit.html", "of an older run");
	put_file(r.dir, "junit.xml", "<testsuites/>");
	assert_int_equal(mp_store_publish(&r, NULL), 0);
	html = mp_path_join(r.out, "junit.html");
	assert_int_equal(access(html, F_OK), -1); /* this one has none: an older one is no answer */
	latest = read_link(r.out, "latest");
	assert_string_equal(latest, "host__abc1234-dirty__1700000000");
	junit = read_link(r.out, "junit.xml");
	assert_string_equal(junit, "host__abc1234-dirty__1700000000/junit.xml");
	assert_int_equal(mp_store_load(r.dir, &back, NULL), 0);
	assert_false(back->unfinished);
	assert_string_equal(back->env, "host");
	assert_string_equal(back->server, "mms \"1.1\"");
	assert_int_equal(back->verdict, MP_FAILED);
	assert_int_equal(back->exit_code, 3);
	assert_double_equal(back->duration_s, 12.5, 0);
	assert_int_equal(back->n_suites, 1);
	assert_string_equal(back->suites[0].dir, suite_dir);
	assert_true(back->suites[0].incomplete);
	assert_int_equal(back->suites[0].n_cases, 1);
	assert_string_equal(back->suites[0].cases[0].name, "</script> & \x01 \xef\xbf\xbd");
	assert_true(isnan(back->suites[0].cases[0].observed));
	assert_double_equal(back->suites[0].cases[0].from_s, 1700000002.25, 0);
	assert_int_equal(back->suites[0].cases[0].op, '>');
}

static void a_moved_run_is_still_whole(void **state)
{
	_cleanup_free_ char *out = mp_path_join(scratch, "moved/out"), *to = NULL, *want = NULL;
	_cleanup_(mp_run_done) struct mp_run r = sample_run(out);
	_cleanup_run_ struct mp_run *back = NULL;

	(void)state;
	assert_int_equal(mp_store_create(&r, NULL), 0);
	r.suites[0].dir = mp_path_join(r.dir, "s");
	assert_int_equal(mp_store_publish(&r, NULL), 0);
	to = mp_path_join(scratch, "elsewhere");
	assert_int_equal(rename(r.dir, to), 0);
	assert_int_equal(mp_store_load(to, &back, NULL), 0);
	want = mp_path_join(to, "s");
	assert_string_equal(back->suites[0].dir, want);
}

static void two_runs_in_one_second(void **state)
{
	_cleanup_free_ char *out = mp_path_join(scratch, "two");
	_cleanup_(mp_run_done) struct mp_run a = sample_run(out), b = sample_run(out);

	(void)state;
	assert_int_equal(mp_store_create(&a, NULL), 0);
	assert_int_equal(mp_store_create(&b, NULL), 0);
	assert_string_not_equal(a.dir, b.dir);
	assert_true(mp_ends_with(b.dir, "__1700000001"));
}

static void names_that_do_not_fit(void **state)
{
	const char *const bad[] = {"a__b", "a/b", "", "..", ".hidden"};
	struct mp_diag d = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(mp_run_done) struct mp_run r = {
			.out = strdup(scratch), .env = strdup(bad[i]), .commit = strdup("nogit")};

		assert_int_equal(mp_store_create(&r, &d), -EINVAL);
		assert_null(r.dir);
	}
}

/* The name has the commit of the work tree: this one, or "nogit" outside. */
static void commit_of_the_work_tree(void **state)
{
	_cleanup_free_ char *out = fresh_dir("commit"), *here = getcwd(NULL, 0);
	_cleanup_(mp_run_done) struct mp_run r = {.out = strdup(out), .env = strdup("e")};

	(void)state;
	assert_int_equal(chdir(scratch), 0);
	assert_int_equal(mp_store_create(&r, NULL), 0);
	assert_int_equal(chdir(here), 0);
	assert_string_equal(r.commit, "nogit");
	assert_true(r.started_s > 1.6e9);
}

static void files_that_are_no_runs(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("norun"), *file = mp_path_join(scratch, "plain");
	_cleanup_run_ struct mp_run *r = NULL;
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_store_load(dir, &r, &d), -ENOENT);
	put_file(dir, "run.json", "{\n broken");
	assert_int_equal(mp_store_load(dir, &r, &d), -EINVAL);
	assert_int_equal(d.line, 2);
	put_file(dir, "run.json", "{\"schema\": 99}");
	assert_int_equal(mp_store_load(dir, &r, &d), -EPROTO);
	put_file(dir, "run.json", "[]");
	assert_int_equal(mp_store_load(dir, &r, &d), -EPROTO);
	put_file(dir, "run.json", "{\"schema\": 1, \"suites\": [{}, 7, {\"cases\": [{}, null]}]}");
	assert_int_equal(mp_store_load(dir, &r, &d), 0); /* sparse, but a run */
	assert_int_equal(r->n_suites, 3);
	assert_string_equal(r->suites[2].cases[0].name, "(no name)");
	put_file(scratch, "plain", "x");
	assert_int_equal(mp_store_load(file, &r, &d), -ENOTDIR);
}

static void a_folder_that_cannot_be_made(void **state)
{
	_cleanup_free_ char *file = mp_path_join(scratch, "file"),
			    *below = mp_path_join(file, "out");
	_cleanup_(mp_run_done) struct mp_run r = sample_run(below);
	struct mp_diag d = {0};

	(void)state;
	put_file(scratch, "file", "x");
	assert_int_equal(mp_store_create(&r, &d), -ENOTDIR);
	assert_non_null(strstr(d.msg, "cannot be created"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life_of_a_run),
		cmocka_unit_test(a_moved_run_is_still_whole),
		cmocka_unit_test(two_runs_in_one_second),
		cmocka_unit_test(names_that_do_not_fit),
		cmocka_unit_test(commit_of_the_work_tree),
		cmocka_unit_test(files_that_are_no_runs),
		cmocka_unit_test(a_folder_that_cannot_be_made),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

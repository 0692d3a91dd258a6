// SPDX-License-Identifier: GPL-2.0-only
/*
 * tests/golden/bad-suites: malformed suites, each with the one line it has to be refused with
 * (expected.txt). Lines are compared whole: a changed message is a changed test.
 */
#include "unit.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>
#include <mmsperf/suite.h>

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CORPUS MP_TEST_DATA "/golden/bad-suites"

/* What the runner says of a suite; the caller frees. NULL: it found nothing wrong. */
static char *fault_of(const char *file)
{
	const struct mp_run_opts o = {.test_dir = file, .pattern = "*", .env_name = "dev"};
	struct mp_suite_list list = {0};
	struct mp_diag d = {0};
	char text[1000] = "";
	int r = mp_suites_find(&o, &list, &d);

	if (r < 0) {
		print_error("%s: not collected: %s\n", file, d.msg);
		fail();
	}
	for (size_t i = 0; i < list.n && !*text; i++) /* a matrix has several */
		if (list.v[i].bad)
			(void)mp_diag_str(&list.v[i].diag, text, sizeof(text));
	mp_suites_done(&list);
	return *text ? strdup(text) : NULL;
}

static void test_each_is_refused_with_its_line(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t len, n = 0, wrong = 0, files = 0;
	char *line, *save = NULL;
	struct dirent *e;
	DIR *dir;

	(void)state;
	assert_int_equal(chdir(CORPUS), 0);
	assert_int_equal(mp_read_file("expected.txt", 1 << 20, &text, &len), 0);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *said = strstr(line, "\t");
		_cleanup_free_ char *got = NULL;

		assert_non_null(said);
		*said++ = '\0';
		n++;
		got = fault_of(line);
		if (got && !strcmp(got, said))
			continue;
		wrong++;
		print_error("%s\n  is      %s\n  has to be %s\n", line, got ? got : "(accepted)",
			    said);
	}
	assert_int_equal(wrong, 0);
	assert_true(n >= 60);
	/* none that nobody looks at */
	dir = opendir(".");
	assert_non_null(dir);
	while ((e = readdir(dir)))
		files += mp_ends_with(e->d_name, ".yaml");
	(void)closedir(dir);
	assert_int_equal(files, n);
}

/* Where the fault is in what belongs to a suite, and what cannot lie in a repository. */
static void test_companions_and_huge_files(void **state)
{
	char root[] = "/tmp/mmsperf-corpus.XXXXXX";
	_cleanup_free_ char *suite = NULL, *global = NULL, *envs = NULL, *env = NULL, *huge = NULL,
			    *said = NULL, *text = NULL;
	static const char good[] = "load: {requests: {A: GET /a}}\n";
	size_t len = (4u << 20) + 1;

	(void)state;
	assert_non_null(mkdtemp(root));
	suite = mp_path_join(root, "a.yaml");
	global = mp_path_join(root, "global_config.yaml");
	envs = mp_path_join(root, "environments");
	env = mp_path_join(envs, "dev.yaml");
	huge = mp_path_join(root, "huge.yaml");
	assert_int_equal(mp_write_file(suite, good, strlen(good), 0644), 0);
	assert_null(fault_of(suite));
	assert_int_equal(mp_write_file(global, "a: [\n", 5, 0644), 0);
	said = fault_of(suite);
	assert_non_null(said);
	assert_true(mp_starts_with(said, global));
	assert_int_equal(unlink(global), 0);
	free(said);
	assert_int_equal(mp_mkdir_p(envs, 0755), 0);
	assert_int_equal(mp_write_file(env, "- a\n", 4, 0644), 0);
	said = fault_of(suite);
	assert_non_null(said);
	assert_true(mp_starts_with(said, env));
	assert_non_null(strstr(said, ":1:1: a configuration is a map"));
	free(said);
	text = malloc(len);
	assert_non_null(text);
	memset(text, '#', len);
	assert_int_equal(mp_write_file(huge, text, len, 0644), 0);
	said = fault_of(huge);
	assert_non_null(said);
	assert_non_null(strstr(said, "larger than 4 MiB"));
	assert_int_equal(mp_rm_rf(root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_is_refused_with_its_line),
		cmocka_unit_test(test_companions_and_huge_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

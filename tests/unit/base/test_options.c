// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include <mmsperf/log.h>
#include <mmsperf/options.h>

#include <errno.h>
#include <string.h>

static struct {
	const char *dir;
	bool monit, flag;
	long n;
	double timeout;
	int verbose;
	struct mp_strv allow;
} got;

static const struct mp_opt table[] = {
	{'a', "artifacts-dir", NULL, MP_OPT_STRING, &got.dir, "DIR", "where", 0, 0},
	{'t', "test-dir", "suite", MP_OPT_STRING, &got.dir, "DIR", "what", 0, 0},
	{0, "monit", NULL, MP_OPT_NEGATE, &got.monit, NULL, "monitor", 0, 0},
	{'f', "flag", NULL, MP_OPT_FLAG, &got.flag, NULL, "flag", 0, 0},
	{'n', "count", NULL, MP_OPT_INT, &got.n, "N", "number", 1, 10},
	{0, "timeout", NULL, MP_OPT_SECONDS, &got.timeout, "T", "time", 0, 0},
	{'v', "verbose", NULL, MP_OPT_COUNT, &got.verbose, NULL, "more", 0, 1},
	{0, "allow", NULL, MP_OPT_LIST, &got.allow, "CIDR", "who", 0, 0},
};
static const struct mp_usage usage = {"prog", "[OPTIONS]", "Text.", NULL, table, ARRAY_SIZE(table)};

/* Splits a copy of line at blanks and parses it. */
static int parse(const char *line, int *ret_operands)
{
	static char copy[256];
	static char *argv[32];
	int argc = 0;

	(void)snprintf(copy, sizeof(copy), "prog %s", line);
	for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	free(got.allow.v);
	memset(&got, 0, sizeof(got));
	got.monit = true;
	return mp_options_parse(&usage, argc, argv, ret_operands);
}

static void all_forms(void **state)
{
	int n = 0;

	(void)state;
	assert_int_equal(parse("-aout --count=3 file1 --no-monit -vfv --timeout 2m -- -x", &n), 0);
	assert_string_equal(got.dir, "out");
	assert_int_equal(got.n, 3);
	assert_false(got.monit);
	assert_true(got.flag);
	assert_int_equal(got.verbose, 2);
	assert_double_equal(got.timeout, 120, 0);
	assert_int_equal(n, 2);
	assert_int_equal(parse("--suite tests --monit --allow 10.0.0.0/8 --allow ::1/128", &n), 0);
	assert_string_equal(got.dir, "tests");
	assert_true(got.monit);
	assert_int_equal(got.allow.n, 2);
	assert_string_equal(got.allow.v[1], "::1/128");
}

static void bad_lines_are_refused(void **state)
{
	static const char *const bad[] = {
		"--artifact-dir x", "-z",      "--count 11", "--count x", "--timeout soon",
		"--monit=1",        "--count", "-a",         "--no-flag", "--no-suite x"};
	int n = 42;

	(void)state;
	mp_log_set_level(MP_LOG_ERROR);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse(bad[i], &n), -EINVAL);
	assert_int_equal(n, 42);
	free(got.allow.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_forms),
		cmocka_unit_test(bad_lines_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

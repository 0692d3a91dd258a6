// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

static void durations(void **state)
{
	static const struct {
		const char *text;
		double s;
	} good[] = {{"40", 40},   {"40s", 40},   {"1m30s", 90}, {"1m 30s", 90}, {"500ms", 0.5},
		    {"2h", 7200}, {"1d", 86400}, {"0", 0},      {"0.25", 0.25}, {"1.5m", 90}};
	static const char *const bad[] = {"",    "s",    "4x",  "40 s x", "1m-3s",
					  "nan", "0x10", "inf", " 4"};
	double v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(mp_parse_duration(good[i].text, &v), 0);
		assert_double_equal(v, good[i].s, 1e-12);
	}
	v = 77;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(mp_parse_duration(bad[i], &v) < 0);
	assert_double_equal(v, 77, 0); /* untouched on failure */
	assert_int_equal(mp_parse_duration("-3", &v), -ERANGE);
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		double bytes;
	} good[] = {{"290MB", 290e6}, {"290 MB", 290e6},      {"1MiB", 1048576}, {"4k", 4000},
		    {"7", 7},         {"2GiB", 2147483648.0}, {"1.5kib", 1536}};
	double v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(mp_parse_size(good[i].text, &v), 0);
		assert_double_equal(v, good[i].bytes, 0);
	}
	assert_int_equal(mp_parse_size("3 apples", &v), -EINVAL);
	assert_int_equal(mp_parse_size("MB", &v), -EINVAL);
}

static void integers(void **state)
{
	long v = 5;

	(void)state;
	assert_int_equal(mp_parse_int("42", 0, 100, &v), 0);
	assert_int_equal(v, 42);
	assert_int_equal(mp_parse_int("101", 0, 100, &v), -ERANGE);
	assert_int_equal(mp_parse_int("99999999999999999999", 0, 100, &v), -ERANGE);
	assert_int_equal(mp_parse_int("4 ", 0, 100, &v), -EINVAL);
	assert_int_equal(mp_parse_int("", 0, 100, &v), -EINVAL);
	assert_int_equal(v, 42);
}

static void doubles_are_compact(void **state)
{
	static const struct {
		double v;
		const char *text;
	} t[] = {{0, "0"},
		 {-0.0, "0"},
		 {1, "1"},
		 {0.1, "0.1"},
		 {12.5, "12.5"},
		 {123456789012.0, "123456789012"},
		 {NAN, "NaN"},
		 {99.999999999, "100"},
		 {0.000001234, "0.000001234"},
		 {-2.25, "-2.25"},
		 {1e9 + 0.5, "1000000000"}};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(mp_format_double(buf, t[i].v), (int)strlen(t[i].text));
		assert_string_equal(buf, t[i].text);
	}
	assert_true(mp_format_double(buf, DBL_MAX) < 32);
	assert_true(mp_format_double(buf, -DBL_MAX) < 32);
	assert_true(mp_format_double(buf, DBL_MIN) < 32);
}

static void nearest_name(void **state)
{
	static const char *const names[] = {"artifacts-dir", "test-dir", "pattern", "timeout"};

	(void)state;
	assert_string_equal(mp_nearest("artifact-dir", names, 4), "artifacts-dir");
	assert_string_equal(mp_nearest("patern", names, 4), "pattern");
	assert_null(mp_nearest("zzz", names, 4));
	assert_null(mp_nearest("", names, 4));
}

static void growing_buffer(void **state)
{
	struct mp_buf b = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		mp_buf_printf(&b, "%03d,", i);
	mp_buf_puts(&b, "end");
	assert_false(b.failed);
	assert_int_equal(b.len, 4003);
	assert_memory_equal(b.s + 3996, "999,end", 8);
	mp_buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.s, "");
	mp_buf_done(&b);
	assert_null(b.s);
}

static void globs_and_affixes(void **state)
{
	char buf[16];

	(void)state;
	assert_true(mp_glob("*criteria*.yaml", "inference_criteria.yaml"));
	assert_false(mp_glob("*.yaml", "a.yml"));
	assert_true(mp_starts_with("abc", "ab") && !mp_starts_with("a", "ab"));
	assert_true(mp_ends_with("abc", "bc") && !mp_ends_with("c", "bc"));
	assert_string_equal(mp_format_elapsed(buf, sizeof(buf), 42.9), "0:42");
	assert_string_equal(mp_format_elapsed(buf, sizeof(buf), 3723), "1:02:03");
	assert_string_equal(mp_format_elapsed(buf, sizeof(buf), -1), "0:00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),         cmocka_unit_test(sizes),
		cmocka_unit_test(integers),          cmocka_unit_test(doubles_are_compact),
		cmocka_unit_test(nearest_name),      cmocka_unit_test(growing_buffer),
		cmocka_unit_test(globs_and_affixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

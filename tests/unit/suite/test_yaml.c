// SPDX-License-Identifier: GPL-2.0-only
/* yaml.c, yaml_tree.c: trees, places of faults, bounds, bzt's merge rules, writing. */
#include "unit.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>
#include <mmsperf/yaml.h>

#include <errno.h>
#include <string.h>

static struct mp_yaml *parse(const char *text)
{
	struct mp_yaml *y = NULL;
	struct mp_diag d = {0};

	if (mp_yaml_parse(text, strlen(text), "t.yaml", &y, &d) < 0) {
		print_error("%s:%d:%d: %s\n", d.file, d.line, d.col, d.msg);
		fail();
	}
	return y;
}

static void expect_fault(const char *text, size_t len, int line, int col, const char *words)
{
	struct mp_yaml *y = (void *)1;
	struct mp_diag d = {0};

	assert_true(mp_yaml_parse(text, len, "dir/t.yaml", &y, &d) < 0);
	assert_ptr_equal(y, (void *)1); /* untouched */
	assert_string_equal(d.file, "dir/t.yaml");
	if (d.line != line || d.col != col || !strstr(d.msg, words)) {
		print_error("%d:%d: %s\n", d.line, d.col, d.msg);
		fail();
	}
}

#define FAULT(text, line, col, words) expect_fault(text, strlen(text), line, col, words)

static void test_tree(void **state)
{
	_cleanup_yaml_ struct mp_yaml *y = parse("a: 1\nb:\n- x\n- 'y z'\nc: {d: {e: 5s}}\nf:\n");
	const struct mp_yaml *b = mp_yaml_get(y, "b"), *e = mp_yaml_path(y, "c.d.e");

	(void)state;
	assert_int_equal(y->kind, MP_YAML_MAP);
	assert_int_equal(y->n, 4);
	assert_string_equal(mp_yaml_str(mp_yaml_get(y, "a")), "1");
	assert_int_equal(b->kind, MP_YAML_SEQ);
	assert_int_equal(b->n, 2);
	assert_false(b->val[0]->quoted);
	assert_true(b->val[1]->quoted);
	assert_string_equal(e->scalar, "5s");
	assert_int_equal(e->line, 5);
	assert_int_equal(e->col, 12);
	assert_string_equal(e->file, "t.yaml");
	assert_string_equal(mp_yaml_str(mp_yaml_get(y, "f")), "");
	assert_null(mp_yaml_path(y, "c.d.nothing"));
	assert_null(mp_yaml_path(y, "a.b"));
	assert_null(mp_yaml_str(b));
	assert_null(mp_yaml_get(NULL, "a"));
}

static void test_empty_is_a_map(void **state)
{
	static const char *const texts[] = {"", "---\n", "# only a comment\n", "---\n...\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_yaml_ struct mp_yaml *y = parse(texts[i]);

		assert_int_equal(y->kind, MP_YAML_MAP);
		assert_int_equal(y->n, 0);
	}
}

static void test_faults_say_where(void **state)
{
	(void)state;
	FAULT("a: 1\nb: 2\na: 3\n", 3, 1, "a second time (first in line 1)");
	FAULT("a:\n\tb: 1\n", 2, 1, "tab");
	FAULT("a: [1, 2\nb: 3\n", 2, 2, "");
	FAULT("a: 'open\n", 2, 1, "quoted");
	FAULT("x: *nothing\n", 1, 4, "no anchor is called 'nothing'");
	FAULT("x: &a [*a]\n", 1, 8, "inside its own anchor 'a'");
	FAULT("? [a, b]\n: 1\n", 1, 3, "a key must be plain text");
	FAULT("a: 1\n---\n- 2\n", 3, 1, "only documents that are maps");
	expect_fault("a: \xff\xfe\n", 6, 1, 4, "UTF-8");
	expect_fault("a: \"x\\0y\"\n", 10, 1, 4, "NUL");
}

static void test_depth_is_bounded(void **state)
{
	char text[400];
	struct mp_yaml *y = NULL;
	struct mp_diag d = {0};

	(void)state;
	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	text[200] = '\0';
	assert_int_equal(mp_yaml_parse(text, 200, "deep", &y, &d), -EINVAL);
	assert_non_null(strstr(d.msg, "64 levels"));
	assert_int_equal(d.line, 1);
}

static void test_alias_bomb_is_bounded(void **state)
{
	struct mp_buf b = {0};
	struct mp_yaml *y = NULL;
	struct mp_diag d = {0};

	(void)state;
	mp_buf_puts(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 10; i++) {
		mp_buf_printf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			mp_buf_printf(&b, "%s*a%d", k ? "," : "", i - 1);
		mp_buf_puts(&b, "]\n");
	}
	assert_int_equal(mp_yaml_parse(b.s, b.len, "bomb", &y, &d), -EINVAL);
	assert_non_null(strstr(d.msg, "200,000"));
	mp_buf_done(&b);
}

static void test_size_is_bounded(void **state)
{
	size_t len = (4u << 20) + 1;
	_cleanup_free_ char *text = malloc(len);
	struct mp_yaml *y = NULL;
	struct mp_diag d = {0};

	(void)state;
	assert_non_null(text);
	memset(text, '#', len);
	assert_int_equal(mp_yaml_parse(text, len, "big", &y, &d), -EFBIG);
	assert_non_null(strstr(d.msg, "4 MiB"));
}

static void test_aliases_and_merge_keys(void **state)
{
	_cleanup_yaml_ struct mp_yaml *y = parse("base: &b {x: 1, y: 2}\n"
						 "copy: *b\n"
						 "more:\n  <<: *b\n  y: 3\n");

	(void)state;
	assert_string_equal(mp_yaml_str(mp_yaml_path(y, "copy.y")), "2");
	assert_string_equal(mp_yaml_str(mp_yaml_path(y, "more.x")), "1");
	assert_string_equal(mp_yaml_str(mp_yaml_path(y, "more.y")), "3");
	assert_null(mp_yaml_path(y, "more.<<"));
}

static void test_merge_as_bzt(void **state)
{
	_cleanup_yaml_ struct mp_yaml *y = parse(
		"m: {a: 1, b: 2}\nl: [x]\ns: old\nr: [1, 2]\ngone: 1\np: [{k: 1, z: 0}, 2]\n");
	_cleanup_yaml_ struct mp_yaml *later =
		parse("m: {b: 3, c: {^d: 1, e: 4}}\nl: [y]\ns: new\n~r: [9]\n^gone: 0\n"
		      "$p: [{k: 5}, 6, 7]\n");

	(void)state;
	assert_int_equal(mp_yaml_merge(y, later), 0);
	assert_string_equal(mp_yaml_str(mp_yaml_path(y, "m.a")), "1");
	assert_string_equal(mp_yaml_str(mp_yaml_path(y, "m.b")), "3");
	assert_string_equal(mp_yaml_str(mp_yaml_path(y, "m.c.e")), "4");
	assert_null(mp_yaml_path(y, "m.c.d"));
	assert_int_equal(mp_yaml_get(y, "l")->n, 2);
	assert_string_equal(mp_yaml_get(y, "l")->val[1]->scalar, "y");
	assert_string_equal(mp_yaml_str(mp_yaml_get(y, "s")), "new");
	assert_int_equal(mp_yaml_get(y, "r")->n, 1);
	assert_null(mp_yaml_get(y, "gone"));
	assert_int_equal(mp_yaml_get(y, "p")->n, 3);
	assert_string_equal(mp_yaml_str(mp_yaml_get(mp_yaml_get(y, "p")->val[0], "k")), "5");
	assert_string_equal(mp_yaml_str(mp_yaml_get(mp_yaml_get(y, "p")->val[0], "z")), "0");
	assert_string_equal(mp_yaml_get(y, "p")->val[1]->scalar, "6");
	/* places survive */
	assert_int_equal(mp_yaml_get(y, "r")->line, 4);
}

static void test_documents_merge(void **state)
{
	_cleanup_yaml_ struct mp_yaml *y = parse("---\na: 1\nl: [1]\n---\na: 2\nl: [2]\n");

	(void)state;
	assert_string_equal(mp_yaml_str(mp_yaml_get(y, "a")), "2");
	assert_int_equal(mp_yaml_get(y, "l")->n, 2);
}

static void test_truth(void **state)
{
	_cleanup_yaml_ struct mp_yaml *y =
		parse("[true, yes, 'no', False, off, 0, '', ~, 1, text, {a: 1}, []]");
	static const bool want[] = {true,  true,  true, false, false, false,
				    false, false, true, true,  true,  false};

	(void)state;
	assert_int_equal(y->n, ARRAY_SIZE(want));
	for (size_t i = 0; i < y->n; i++)
		assert_int_equal(mp_yaml_truth(y->val[i], !want[i]), want[i]);
	assert_true(mp_yaml_truth(NULL, true));
	assert_false(mp_yaml_truth(NULL, false));
}

static void test_dump_reads_back(void **state)
{
	_cleanup_yaml_ struct mp_yaml *y =
		parse("a: 1\nb: 'true'\nc: true\nd: |\n  two\n  lines\n"
		      "e: [x, {y: 'z: w'}]\n~f: []\ng:\nh: \"\\u00e9\"\n");
	_cleanup_yaml_ struct mp_yaml *again = NULL;
	_cleanup_free_ char *text = NULL, *text2 = NULL;
	struct mp_diag d = {0};
	size_t len, len2;

	(void)state;
	assert_int_equal(mp_yaml_dump(y, &text, &len), 0);
	assert_int_equal(mp_yaml_parse(text, len, "again", &again, &d), 0);
	assert_int_equal(mp_yaml_dump(again, &text2, &len2), 0);
	assert_string_equal(text, text2);
	assert_true(mp_yaml_get(again, "b")->quoted);
	assert_false(mp_yaml_get(again, "c")->quoted);
	assert_string_equal(mp_yaml_str(mp_yaml_get(again, "d")), "two\nlines\n");
	assert_string_equal(mp_yaml_str(mp_yaml_get(again, "h")), "\xc3\xa9");
	assert_int_equal(mp_yaml_get(again, "~f")->n, 0);
}

static void test_missing_file(void **state)
{
	struct mp_yaml *y = NULL;
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_yaml_read("/nonexistent/x.yaml", &y, &d), -ENOENT);
	assert_string_equal(d.file, "/nonexistent/x.yaml");
	assert_non_null(strstr(d.msg, "cannot be read"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_empty_is_a_map),
		cmocka_unit_test(test_faults_say_where),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_alias_bomb_is_bounded),
		cmocka_unit_test(test_size_is_bounded),
		cmocka_unit_test(test_aliases_and_merge_keys),
		cmocka_unit_test(test_merge_as_bzt),
		cmocka_unit_test(test_documents_merge),
		cmocka_unit_test(test_truth),
		cmocka_unit_test(test_dump_reads_back),
		cmocka_unit_test(test_missing_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

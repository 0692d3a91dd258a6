// SPDX-License-Identifier: GPL-2.0-only
#include "unit/results/scratch.h"

#include "results/csv.h"

/* Opens a file with that content. */
static struct mp_csv open_text(const char *text)
{
	_cleanup_free_ char *path = mp_path_join(scratch, "t.csv");
	struct mp_csv csv = MP_CSV_INIT;

	put_file(scratch, "t.csv", text);
	assert_int_equal(mp_csv_open(path, &csv, NULL), 0);
	return csv;
}

static void assert_record(struct mp_csv *csv, size_t n, const char *const *want)
{
	assert_int_equal(mp_csv_next(csv, NULL), 1);
	assert_int_equal(csv->n, n);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(csv->cell[i].s, want[i]);
		assert_int_equal(csv->cell[i].len, strlen(want[i]));
	}
}

static void quoting(void **state)
{
	_cleanup_csv_ struct mp_csv csv =
		open_text("a,b\r\n\"x, \"\"y\"\"\n2nd\",\n\n,\"\"\nplain\"quote,z\n");

	(void)state;
	assert_record(&csv, 2, (const char *const[]){"a", "b"});
	assert_record(&csv, 2, (const char *const[]){"x, \"y\"\n2nd", ""});
	assert_int_equal(csv.line, 2);
	assert_record(&csv, 2, (const char *const[]){"", ""});
	assert_int_equal(csv.line, 5); /* a quoted line end and an empty line were counted */
	assert_record(&csv, 2, (const char *const[]){"plain\"quote", "z"});
	assert_int_equal(mp_csv_next(&csv, NULL), 0);
	assert_int_equal(mp_csv_next(&csv, NULL), 0);
}

static void byte_order_mark_and_separators(void **state)
{
	_cleanup_csv_ struct mp_csv tabs = open_text("\xef\xbb\xbf"
						     "a\tb\n1\t2\n");
	_cleanup_csv_ struct mp_csv semi = MP_CSV_INIT;

	(void)state;
	assert_record(&tabs, 2, (const char *const[]){"a", "b"});
	assert_record(&tabs, 2, (const char *const[]){"1", "2"});
	semi = open_text("a;b\n1;2,5\n");
	assert_record(&semi, 2, (const char *const[]){"a", "b"});
	assert_record(&semi, 2, (const char *const[]){"1", "2,5"});
}

static void a_dying_writer(void **state)
{
	_cleanup_csv_ struct mp_csv cut = open_text("a,b\n1,2\n3");
	_cleanup_csv_ struct mp_csv quote = MP_CSV_INIT, empty = MP_CSV_INIT;

	(void)state;
	assert_int_equal(mp_csv_next(&cut, NULL), 1);
	assert_int_equal(mp_csv_next(&cut, NULL), 1);
	assert_false(cut.unterminated);
	assert_int_equal(mp_csv_next(&cut, NULL), 1);
	assert_true(cut.unterminated);
	quote = open_text("a\n\"never closed\n\n");
	assert_int_equal(mp_csv_next(&quote, NULL), 1);
	assert_int_equal(mp_csv_next(&quote, NULL), 0);
	assert_true(quote.broken_quote);
	empty = open_text("");
	assert_int_equal(mp_csv_next(&empty, NULL), 0);
}

/* Records across the reader's block of 256 KiB, quoted and not, at every offset of a record. */
static void records_across_blocks(void **state)
{
	_cleanup_buf_ struct mp_buf b = {0};
	_cleanup_csv_ struct mp_csv csv = MP_CSV_INIT;
	char want[32];

	(void)state;
	mp_buf_puts(&b, "n,text\n");
	for (int i = 0; i < 40000; i++)
		mp_buf_printf(&b, "%d,\"a \"\"%d\"\", b\"\n", i, i * 7);
	csv = open_text(b.s);
	assert_int_equal(mp_csv_next(&csv, NULL), 1);
	for (int i = 0; i < 40000; i++) {
		assert_int_equal(mp_csv_next(&csv, NULL), 1);
		assert_int_equal(csv.n, 2);
		assert_double_equal(mp_cell_number(&csv.cell[0]), i, 0);
		(void)snprintf(want, sizeof(want), "a \"%d\", b", i * 7);
		assert_string_equal(csv.cell[1].s, want);
	}
	assert_int_equal(mp_csv_next(&csv, NULL), 0);
}

static void what_is_no_table(void **state)
{
	_cleanup_csv_ struct mp_csv csv = MP_CSV_INIT;
	_cleanup_free_ char *line = malloc(5 << 20);
	struct mp_diag d = {0};

	(void)state;
	assert_non_null(line);
	memset(line, 'x', (5 << 20) - 1);
	line[(5 << 20) - 1] = '\0';
	csv = open_text(line);
	assert_int_equal(mp_csv_next(&csv, &d), -EFBIG);
	assert_int_equal(d.line, 1);
	mp_csv_close(&csv);
	memset(line, ',', 100000);
	line[100000] = '\0';
	csv = open_text(line);
	assert_int_equal(mp_csv_next(&csv, &d), -E2BIG);
	assert_int_equal(mp_csv_open("/nonexistent/x.csv", &csv, &d), -ENOENT);
	assert_string_equal(d.file, "/nonexistent/x.csv");
}

static void numbers(void **state)
{
	const struct {
		const char *s;
		double v;
	} good[] = {{"1", 1}, {"-2.5", -2.5}, {"1e3", 1000}, {" 7", 7}, {"7 ", 7}};
	const char *const bad[] = {"", "x", "1x", "nan", "NaN", "inf", "-", " "};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct mp_cell c = {.s = (char *)good[i].s, .len = strlen(good[i].s)};

		assert_double_equal(mp_cell_number(&c), good[i].v, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mp_cell c = {.s = (char *)bad[i], .len = strlen(bad[i])};

		assert_true(isnan(mp_cell_number(&c)));
	}
}

/* Short ones are read without strtod(): to the last bit as it reads them. */
static void short_numbers_are_strtods(void **state)
{
	static const char *const fixed[] = {"0",  "-0",  "0.0", "00012", "1.", ".5",    "-.5",
					    "-1", "1e3", "0.1", "0.3",   "7",  "1.5e-7"};
	unsigned int seed = 7;
	char text[40];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		double whole = rand_r(&seed) % 1000000, part = rand_r(&seed) / (RAND_MAX + 1.0), v,
		       w;
		struct mp_cell c = {.s = text};

		if ((size_t)i < ARRAY_SIZE(fixed))
			(void)snprintf(text, sizeof(text), "%s", fixed[i]);
		else
			(void)snprintf(text, sizeof(text), "%s%.*f", i % 3 ? "" : "-", i % 17,
				       i % 2 ? whole + part : part / 1000);
		c.len = strlen(text);
		v = mp_cell_number(&c);
		w = strtod(text, NULL);
		if (memcmp(&v, &w, sizeof(v)) != 0)
			fail_msg("'%s' was read as %.17g, not %.17g", text, v, w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quoting),
		cmocka_unit_test(byte_order_mark_and_separators),
		cmocka_unit_test(a_dying_writer),
		cmocka_unit_test(records_across_blocks),
		cmocka_unit_test(what_is_no_table),
		cmocka_unit_test(numbers),
		cmocka_unit_test(short_numbers_are_strtods),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

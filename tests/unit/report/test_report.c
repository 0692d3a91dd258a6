// SPDX-License-Identifier: GPL-2.0-only
/* JUnit XML against its schema, the page against hostile text, the table against its width. */
#include "unit/results/scratch.h"

#include <mmsperf/report.h>

#include "results/text.h"

#include <jansson.h>
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <libxml/xpath.h>
#include <stdlib.h>

#define SCHEMA MP_TEST_DATA "/../build/junit-10.xsd" /* tools/setup/xsd.sh */

static const char *const hostile[] = {
	"</script><script>alert(1)</script>",
	"<!--<script>",
	"\"><img src=x onerror=alert(1)>",
	"' onmouseover='alert(1)",
	"]]></failure>&amp;&lt;\x01\x1b[31m\x7f",
	"\xff\xfe\xc0\x80 \xed\xa0\x80 \xe2\x80\xa8 \xef\xbf\xbf",
	"a\tb\r\nc\\u003c",
	"${jndi:ldap://x} {{x}} %s%n",
};

static struct mp_suite_result suite(const char *name, enum mp_verdict v, const char *reason)
{
	return (struct mp_suite_result){.name = strdup(name),
					.path = strdup("tests/x.yaml"),
					.verdict = v,
					.reason = reason ? strdup(reason) : NULL,
					.started_s = 1700000000,
					.duration_s = 12.34567,
					.bzt_code = -1};
}

static void add_case(struct mp_suite_result *s, const char *name, enum mp_verdict v,
		     const char *message)
{
	struct mp_case c = {.name = strdup(name),
			    .message = message ? strdup(message) : NULL,
			    .verdict = v,
			    .metric = strdup(name),
			    .label = strdup(name),
			    .op = '>',
			    .threshold = 5,
			    .observed = NAN,
			    .time_s = 1.23456};

	assert_int_equal(mp_suite_result_add_case(s, &c), 0);
}

static struct mp_run make_run(const char *dir, size_t n)
{
	struct mp_run r = {.dir = strdup(dir),
			   .out = strdup(scratch),
			   .env = strdup("env"),
			   .commit = strdup("abc"),
			   .started_s = 1700000000,
			   .duration_s = 100.5,
			   .verdict = MP_FAILED,
			   .suites = calloc(n, sizeof(struct mp_suite_result)),
			   .n_suites = n};

	return r;
}

/* One suite of each kind, one of hostile texts. */
static struct mp_run sample_run(const char *dir)
{
	struct mp_run r = make_run(dir, 5);

	r.suites[0] = suite("passed_suite", MP_PASSED, NULL);
	add_case(&r.suites[0], "p90 > 1s", MP_PASSED, NULL);
	add_case(&r.suites[0], "p99 > 1s", MP_PASSED, NULL);
	r.suites[1] = suite("criterion-less", MP_SKIPPED, "no criteria");
	r.suites[2] = suite("failed_suite", MP_FAILED, "1 of 2 criteria failed");
	add_case(&r.suites[2], "a > 5", MP_FAILED, "observed 7");
	add_case(&r.suites[2], "b > 5", MP_PASSED, NULL);
	r.suites[3] = suite("broken_suite", MP_ERROR, "bzt could not be started");
	r.suites[4] = suite(hostile[0], MP_FAILED, hostile[1]);
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++)
		add_case(&r.suites[4], hostile[i], MP_FAILED, hostile[ARRAY_SIZE(hostile) - 1 - i]);
	return r;
}

static double number_at(xmlDoc *doc, const char *xpath)
{
	xmlXPathContext *c = xmlXPathNewContext(doc);
	xmlXPathObject *o = xmlXPathEval((const xmlChar *)xpath, c);
	double v = xmlXPathCastToNumber(o);

	xmlXPathFreeObject(o);
	xmlXPathFreeContext(c);
	return v;
}

static void quiet(void *ctx, const char *fmt, ...)
{
	(void)ctx;
	(void)fmt;
}

/* The schema's verdict; its complaints go to the test's log. */
static int validate(xmlDoc *doc, bool loud)
{
	xmlSchemaParserCtxt *p = xmlSchemaNewParserCtxt(SCHEMA);
	xmlSchema *schema = xmlSchemaParse(p);
	xmlSchemaValidCtxt *v = schema ? xmlSchemaNewValidCtxt(schema) : NULL;
	int r;

	if (v && !loud)
		xmlSchemaSetValidErrors(v, quiet, quiet, NULL);
	r = v ? xmlSchemaValidateDoc(v, doc) : -1;
	xmlSchemaFreeValidCtxt(v);
	xmlSchemaFree(schema);
	xmlSchemaFreeParserCtxt(p);
	return r;
}

static void junit_is_valid(void **state)
{
	static const char wrong[] =
		"<testsuites skipped=\"1\"><testsuite name=\"a\"/></testsuites>";
	_cleanup_free_ char *dir = fresh_dir("junit"), *text = NULL, *copy = NULL;
	_cleanup_(mp_run_done) struct mp_run r = sample_run(dir);
	xmlDoc *doc;

	(void)state;
	assert_int_equal(mp_report_junit(&r, NULL), 0);
	text = get_file(dir, "junit.xml");
	copy = get_file(dir, "performance_results.xml");
	assert_string_equal(text, copy);
	doc = xmlReadMemory(text, (int)strlen(text), "junit.xml", NULL, XML_PARSE_NONET);
	assert_non_null(doc);
	if (!mp_is_file(SCHEMA)) {
		print_message(
			"skipped: build/junit-10.xsd is missing (tools/setup/xsd.sh fetches it)\n");
		xmlFreeDoc(doc);
		skip();
	}
	assert_int_equal(validate(doc, true), 0);
	xmlFreeDoc(doc);
	doc = xmlReadMemory(wrong, sizeof(wrong) - 1, "wrong.xml", NULL, XML_PARSE_NONET);
	assert_true(validate(doc, false) != 0); /* the schema does refuse something */
	xmlFreeDoc(doc);
}

static void junit_counts(void **state)
{
	static const struct {
		const char *xpath;
		double want;
	} counts[] = {
		{"number(/testsuites/@tests)", 13},
		{"number(/testsuites/@failures)", 9},
		{"number(/testsuites/@errors)", 1},
		{"count(/testsuites/testsuite)", 5},
		{"number(/testsuites/testsuite[1]/@tests)", 2},
		{"count(/testsuites/testsuite[1]/testcase/*)", 0},
		{"number(/testsuites/testsuite[2]/@tests)", 0},
		{"number(/testsuites/testsuite[2]/@skipped)", 1},
		{"count(/testsuites/testsuite[2]/testcase)", 0},
		{"number(/testsuites/testsuite[3]/@failures)", 1},
		{"count(/testsuites/testsuite[3]/testcase/failure[@message='observed 7'])", 1},
		{"number(/testsuites/testsuite[4]/@errors)", 1},
		{"count(/testsuites/testsuite[4]/testcase[@name='suite runs to its end']/error)",
		 1},
		{"count(//testsuite[@timestamp='2023-11-14T22:13:20'])", 5},
		{"count(//testsuite[@hostname='env'])", 5},
		{"count(//testsuite[@time='12.346'])", 5},
		{"count(//testcase[@classname=../@name])", 13},
		{"count(//failure | //error)", 10},
		/* what GitLab shows of a test: its classname, its name and the text of its fault */
		{"count((//failure | //error)[@message != '' and normalize-space() = ''])", 0},
		{"count(//testcase[not(@classname) or not(@name) or not(@time)])", 0},
		{"count(/testsuites/testsuite[3]/testcase/failure[text()='observed 7'])", 1},
		{"sum(//testsuite/@tests) - count(//testcase)", 0},
	};
	_cleanup_free_ char *dir = fresh_dir("counts"), *text = NULL;
	_cleanup_(mp_run_done) struct mp_run r = sample_run(dir);
	xmlDoc *doc;

	(void)state;
	assert_int_equal(mp_report_junit(&r, NULL), 0);
	text = get_file(dir, "junit.xml");
	doc = xmlReadMemory(text, (int)strlen(text), "junit.xml", NULL, XML_PARSE_NONET);
	assert_non_null(doc);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		if (number_at(doc, counts[i].xpath) != counts[i].want)
			fail_msg("%s = %g, not %g", counts[i].xpath,
				 number_at(doc, counts[i].xpath), counts[i].want);
	xmlFreeDoc(doc);
}

/* The page's data between its tags. */
static json_t *page_data(const char *page)
{
	static const char begin[] = "<script type=\"application/json\" id=\"data\">";
	const char *from = strstr(page, begin), *to;
	json_error_t e;
	json_t *j;

	assert_non_null(from);
	from += sizeof(begin) - 1;
	to = strstr(from, "</script>");
	assert_non_null(to);
	assert_null(memchr(from, '<', (size_t)(to - from)));
	j = json_loadb(from, (size_t)(to - from), 0, &e);
	if (!j)
		fail_msg("data of the page: %s at %d", e.text, e.position);
	return j;
}

/* How often needle is in text. */
static size_t count(const char *text, const char *needle)
{
	size_t n = 0;

	for (; (text = strstr(text, needle)); text++)
		n++;
	return n;
}

static void page_is_safe(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("page"), *text = NULL, *sub = fresh_dir("page/s");
	_cleanup_(mp_run_done) struct mp_run r = sample_run(dir);
	_cleanup_(mp_run_done) struct mp_run plain = make_run(dir, 0);
	size_t scripts, images;
	json_t *data;

	(void)state;
	assert_int_equal(mp_report_html(&plain, NULL), 0);
	text = get_file(dir, "junit.html");
	scripts = count(text, "<script");
	images = count(text, "<img");
	free(TAKE_PTR(text));
	/* names from everywhere a name can come from */
	for (size_t i = 0; i < 2; i++) {
		free(r.suites[i].dir);
		r.suites[i].dir = strdup(sub);
	}
	put_file(sub, "a<b>'\"&.txt", "x");
	put_file(sub, "kpi.jtl",
		 "timeStamp,elapsed,label,success,responseCode\n"
		 "1700000000000,5,</script><script>x,false,<img src=x>\n1700000001000,9,b,true,\n");
	put_file(sub, "metrics.csv",
		 "ts,</script><img src=y>,total_workers\n1700000000,1,2\n1700000001,3,2\n");
	assert_int_equal(mp_results_load_series(&r.suites[0], NULL), 0);
	free(r.server);
	r.server = strdup(hostile[2]);
	free(r.commit);
	r.commit = strdup(hostile[0]);
	assert_int_equal(mp_report_html(&r, NULL), 0);
	text = get_file(dir, "junit.html");
	assert_int_equal(count(text, "<script"), scripts);
	assert_int_equal(count(text, "<img"), images);
	assert_int_equal(count(text, " onerror=alert(1)>"), 0);
	assert_int_equal(count(text, "' onmouseover"), 0);
	assert_int_equal(count(text, "\x1b"), 0);
	assert_int_equal(count(text, "href=\"s/a%3Cb%3E%27%22%26.txt\""), 2);
	data = page_data(text);
	assert_int_equal(json_array_size(json_object_get(data, "suites")), 5);
	json_decref(data);
}

static void page_makes_no_request(void **state)
{
	static const char *const outside[] = {" src=",      "@import", "url(http",
					      "url(\"http", "fetch(",  "XMLHttpRequest",
					      "WebSocket(", "import("};
	_cleanup_free_ char *dir = fresh_dir("offline"), *text = NULL, *copy = NULL;
	_cleanup_(mp_run_done) struct mp_run r = make_run(dir, 0);

	(void)state;
	assert_int_equal(mp_report_html(&r, NULL), 0);
	text = get_file(dir, "junit.html");
	copy = get_file(dir, "performance_results.html");
	assert_string_equal(text, copy);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
		assert_int_equal(count(text, outside[i]), 0);
	assert_int_equal(count(text, "default-src 'none'"), 1);
}

static void page_holds_the_series(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("series"), *text = NULL;
	_cleanup_(mp_run_done) struct mp_run r = make_run(dir, 1);
	_cleanup_buf_ struct mp_buf b = {0};
	const json_t *s, *cols, *rss;
	json_t *data;

	(void)state;
	r.suites[0] = suite("long", MP_PASSED, NULL);
	r.suites[0].dir = strdup(dir);
	mp_buf_puts(&b,
		    "ts,max_workers_memory_rss,total_workers,sum_workers_io_read_bytes,orphans\n");
	for (int i = 0; i < 6000; i++)
		mp_buf_printf(&b, "%d,%d,2,%d,\n", 1700000000 + i, i == 3000 ? 999 : 100, i * 50);
	put_file(dir, "metrics.csv", b.s);
	assert_int_equal(mp_results_load_series(&r.suites[0], NULL), 0);
	assert_int_equal(mp_report_html(&r, NULL), 0);
	text = get_file(dir, "junit.html");
	data = page_data(text);
	s = json_array_get(json_object_get(data, "suites"), 0);
	cols = json_object_get(json_object_get(s, "metrics"), "cols");
	assert_int_equal(json_array_size(cols), 3); /* a column without any value is left out */
	rss = json_array_get(cols, 0);
	assert_int_equal(json_array_size(json_object_get(rss, "v")), 1500);
	assert_double_equal(json_number_value(json_array_get(json_object_get(rss, "hi"), 750)), 999,
			    0);
	assert_double_equal(json_number_value(json_object_get(rss, "lo")), 100, 0);
	assert_double_equal(json_number_value(json_object_get(json_array_get(cols, 1), "v")), 2, 0);
	assert_true(json_is_integer(
		json_object_get(json_array_get(cols, 2), "r"))); /* bytes a second */
	assert_double_equal(json_number_value(json_object_get(json_array_get(cols, 2), "v")), 50,
			    1e-9);
	json_decref(data);
}

/* A judged total is shown as it is, its limit is none of a rate; losses are told on top. */
static void totals_and_losses(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("losses"), *text = NULL;
	_cleanup_(mp_run_done) struct mp_run r = make_run(dir, 1);
	const json_t *cols;
	const char *told;
	json_t *data;

	(void)state;
	r.suites[0] = suite("lossy", MP_PASSED, NULL);
	r.suites[0].dir = strdup(dir);
	add_case(&r.suites[0], "jvm_gc_seconds", MP_PASSED, NULL);
	put_file(dir, "metrics.csv",
		 "ts,jvm_gc_seconds,frontend_cpu_user_time,monitor_cpu_time,monitor_drops,"
		 "monitor_dropped_lines\n1700000000,1,1,1,0,0\n1700000001,3,3,1.01,4,1\n");
	assert_int_equal(mp_results_load_series(&r.suites[0], NULL), 0);
	assert_int_equal(mp_report_html(&r, NULL), 0);
	text = get_file(dir, "junit.html");
	told = strstr(text, "is not whole: 4 kernel events lost, 1 line not sent");
	assert_true(told && told < strstr(text, "id=\"suites\""));
	data = page_data(text);
	cols = json_object_get(
		json_object_get(json_array_get(json_object_get(data, "suites"), 0), "metrics"),
		"cols");
	assert_true(json_is_integer(json_object_get(json_array_get(cols, 0), "total")));
	assert_double_equal(
		json_number_value(json_array_get(json_object_get(json_array_get(cols, 0), "v"), 1)),
		3, 0);
	/* 2 s of CPU in one second, in ms */
	assert_string_equal(json_string_value(json_object_get(json_array_get(cols, 1), "u")), "ms");
	assert_double_equal(
		json_number_value(json_array_get(json_object_get(json_array_get(cols, 1), "v"), 1)),
		2000, 0);
	json_decref(data);
}

/* The table of r, which is checked to fit; the caller frees it. */
static char *table_of(const struct mp_run *r)
{
	char *text = NULL, *copy, *save = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	mp_report_console(r, out);
	assert_int_equal(fclose(out), 0);
	copy = strdup(text);
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (mp_text_columns(line) > 80)
			fail_msg("more than 80 columns: %s", line);
	free(copy);
	return text;
}

static void table_fits_its_width(void **state)
{
	_cleanup_(mp_run_done) struct mp_run r = sample_run("/tmp/x");
	_cleanup_free_ char *text = table_of(&r);

	(void)state;
	assert_null(strchr(text, '\x1b')); /* no terminal: no colours, and none from a name */
	assert_non_null(strstr(text, "observed 7"));
	assert_non_null(strstr(text, "bzt could not be started"));
	assert_non_null(strstr(text, "5 suites, 1 passed, 1 skipped, 2 failed, 1 in error"));
}

#define WIDE10 "推理服务器性能回归测"

static void long_names_and_numbers_fit(void **state)
{
	static const struct {
		double duration_s, p90_s, throughput, failed;
		const char *name, *row;
	} rows[] = {
		{35999, 0.9994, 99.94, 1, WIDE10 WIDE10 WIDE10,
		 WIDE10 "~" WIDE10 "     1 9:59:59 999ms  99.9 0.1%\n"},
		{36000, 0.9996, 99.96, 0.1, "short", "   1  10h00m  1.0s   100 <.1%\n"},
		{359999, 99.96, 9999.4, 99.6, "short", "   1  99h59m  100s  9999  10%\n"},
		{8640000, 123456, 123456, 1000, "short", "   1 100d00h   34h  123k 100%\n"},
		{86300000, 1e12, 1e12, 10, "short", "   1 998d20h 9999h  999M 1.0%\n"},
		{0.5, NAN, NAN, 996,
		 "a/very/long/path/to/a/suite/of/a/matrix[workers=16,concurrency=128]",
		 "a/very/long/path/to/a~=16,concurrency=128]    1    0:00     -     - 100%\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mp_run_done) struct mp_run r = make_run("/tmp/x", 1);
		_cleanup_free_ char *text = NULL;
		struct mp_suite_result *s = &r.suites[0];

		*s = suite(rows[i].name, MP_FAILED, WIDE10 WIDE10 WIDE10 WIDE10 WIDE10 WIDE10);
		add_case(
			s, WIDE10 "/" WIDE10 WIDE10 WIDE10 WIDE10 WIDE10, MP_FAILED,
			"a_very_long_metric_name_that_has_no_blank_in_it_and_goes_on_and_on_until_the_line_is_full_and_more");
		s->duration_s = r.duration_s = rows[i].duration_s;
		s->labels = calloc(1, sizeof(*s->labels));
		s->n_labels = 1;
		s->labels[0] = (struct mp_label_stats){.label = strdup(""),
						       .samples = 1000,
						       .failed = rows[i].failed,
						       .throughput = rows[i].throughput,
						       .p90_s = rows[i].p90_s};
		text = table_of(&r);
		if (!strstr(text, rows[i].row))
			fail_msg("row %zu: no '%s' in\n%s", i, rows[i].row, text);
	}
}

static void folder_that_cannot_be_written(void **state)
{
	_cleanup_(mp_run_done) struct mp_run r = make_run("/nonexistent/run", 0);
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_report_junit(&r, &d), -ENOENT);
	assert_string_equal(d.file, "/nonexistent/run/junit.xml");
	assert_int_equal(mp_report_html(&r, &d), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(junit_is_valid),
		cmocka_unit_test(junit_counts),
		cmocka_unit_test(page_is_safe),
		cmocka_unit_test(page_makes_no_request),
		cmocka_unit_test(page_holds_the_series),
		cmocka_unit_test(totals_and_losses),
		cmocka_unit_test(table_fits_its_width),
		cmocka_unit_test(long_names_and_numbers_fit),
		cmocka_unit_test(folder_that_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

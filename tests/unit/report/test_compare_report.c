// SPDX-License-Identifier: GPL-2.0-only
/* A comparison's files: upstream's columns, the JUnit schema, hostile names, the table's width. */
#include "unit/results/compare_fixture.h"

#include <mmsperf/report.h>

#include <jansson.h>
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <libxml/xpath.h>

#define SCHEMA MP_TEST_DATA "/../build/junit-10.xsd" /* tools/setup/xsd.sh */

#define HOSTILE "</script><script>alert(1)</script>\"'<img src=x onerror=alert(1)>,\n\x1b[31m\xff"

/* Two runs whose rules break, hold, and cannot be asked; b's names as given. */
struct pair {
	struct mp_run a, b;
	const struct mp_run *va[1], *vb[1];
	struct mp_comparison c;
};

static void pair_init(struct pair *p, const char *dir, const char *suite, const char *label,
		      bool automatic)
{
	put_file(dir, "effective.json",
		 RULES(RULE_RSS("9") "," RULE_P90("20") "," RULE_P90(
			 "1") ","
			      "{\"class\":\"x.MonitoringCriteria\",\"subject\":\"m/not_there\","
			      "\"diff_percent\":5}"));
	p->a = make_run("/out/vm__aaaaaaa__1", "vm", NULL, 4, 100, 0.1);
	p->b = make_run("/out/vm__bbbbbbb__2", "vm", dir, 5, 110, 0.11);
	for (int i = 0; i < 2; i++) {
		struct mp_suite_result *s = i ? &p->b.suites[0] : &p->a.suites[0];

		free(s->name);
		s->name = strdup(suite);
		free(s->labels[2].label);
		s->labels[2].label = strdup(label);
		s->labels[2].samples = 1000;
	}
	p->va[0] = &p->a;
	p->vb[0] = &p->b;
	assert_int_equal(
		mp_compare(p->va, 1, p->vb, 1, &(struct mp_compare_opts){automatic}, &p->c), 0);
}

static void pair_done(struct pair *p)
{
	mp_comparison_done(&p->c);
	mp_run_done(&p->a);
	mp_run_done(&p->b);
}

static size_t count(const char *text, const char *needle)
{
	size_t n = 0;

	for (; (text = strstr(text, needle)); text++)
		n++;
	return n;
}

static void csv_is_upstreams(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("csv"), *text = NULL;
	struct pair p;

	(void)state;
	pair_init(&p, dir, "inference", "a \"b\", c", false);
	assert_int_equal(mp_report_comparison(&p.c, dir, NULL), 0);
	text = get_file(dir, "comparison_result.csv");
	assert_true(mp_starts_with(
		text, "run_name1,run_name2,test_suite,metric,run1,run2,percentage_diff,"
		      "expected_diff,result,message\n"));
	assert_int_equal(count(text, "\nvm__aaaaaaa__1,vm__bbbbbbb__2,inference,"
				     "mean_sum_workers_memory_rss,100,110,9.52380952,9,fail,"),
			 1);
	assert_int_equal(count(text, ",p90 of Inference,0.1,0.11,9.52380952,20,pass,"), 1);
	assert_int_equal(count(text, ",max_not_there,NA,NA,NA,5,error,"), 1);
	assert_int_equal(count(text, ",sum_workers_cpu_time_per_1000_requests,20,25,22.2222222,NA,"
				     "unknown,"),
			 1);
	assert_int_equal(count(text, ",\"p90 of a \"\"b\"\", c\","), 1);
	pair_done(&p);
	free(TAKE_PTR(text));
	/* after a run upstream puts the new run first */
	pair_init(&p, dir, "inference", "x", true);
	assert_int_equal(mp_report_comparison_csv(&p.c, dir, NULL), 0);
	text = get_file(dir, "comparison_result.csv");
	assert_int_equal(count(text, "\nvm__bbbbbbb__2,vm__aaaaaaa__1,inference,"
				     "mean_sum_workers_memory_rss,110,100,9.52380952,9,fail,"),
			 1);
	pair_done(&p);
}

static double number_at(xmlDoc *doc, const char *xpath)
{
	xmlXPathContext *ctx = xmlXPathNewContext(doc);
	xmlXPathObject *o = xmlXPathEvalExpression((const xmlChar *)xpath, ctx);
	double v = o ? xmlXPathCastToNumber(o) : NAN;

	xmlXPathFreeObject(o);
	xmlXPathFreeContext(ctx);
	return v;
}

static void xml_is_valid(void **state)
{
	static const struct {
		const char *xpath;
		double want;
	} counts[] = {
		{"number(/testsuites/@tests)", 8},
		{"number(/testsuites/@failures)", 4},
		{"number(/testsuites/@errors)", 3},
		{"count(//testsuite[@hostname='vm__aaaaaaa__1 and vm__bbbbbbb__2'])", 1},
		{"count(//testcase[@name='max_sum_workers_memory_rss: diff_percent < 9'])", 1},
		{"count(//testcase[@name='p90 of Inference: diff_percent < 20'][not(*)])", 1},
		{"count(//failure[contains(@message, 'differs by')])", 4},
		{"count(//error[contains(@message, 'no value in either side')])", 3},
	};
	_cleanup_free_ char *dir = fresh_dir("xml"), *text = NULL;
	xmlSchemaParserCtxt *parser;
	xmlSchemaValidCtxt *valid;
	xmlSchema *schema;
	struct pair p;
	xmlDoc *doc;

	(void)state;
	pair_init(&p, dir, "in<fer>ence\x01", HOSTILE, false);
	assert_int_equal(mp_report_comparison(&p.c, dir, NULL), 0);
	pair_done(&p);
	text = get_file(dir, "comparison_results.xml");
	doc = xmlReadMemory(text, (int)strlen(text), "x.xml", NULL, XML_PARSE_NONET);
	assert_non_null(doc);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		if (number_at(doc, counts[i].xpath) != counts[i].want)
			fail_msg("%s = %g, not %g:\n%s", counts[i].xpath,
				 number_at(doc, counts[i].xpath), counts[i].want, text);
	if (!mp_is_file(SCHEMA)) {
		print_message(
			"skipped: build/junit-10.xsd is missing (tools/setup/xsd.sh fetches it)\n");
		xmlFreeDoc(doc);
		skip();
	}
	parser = xmlSchemaNewParserCtxt(SCHEMA);
	schema = xmlSchemaParse(parser);
	valid = xmlSchemaNewValidCtxt(schema);
	assert_int_equal(xmlSchemaValidateDoc(valid, doc), 0);
	xmlSchemaFreeValidCtxt(valid);
	xmlSchemaFree(schema);
	xmlSchemaFreeParserCtxt(parser);
	xmlFreeDoc(doc);
}

/* The page's data between its tags, where no '<' may be. */
static json_t *page_data(const char *page)
{
	static const char begin[] = "<script type=\"application/json\" id=\"data\">";
	const char *from = strstr(page, begin), *to;
	json_t *data;

	assert_non_null(from);
	from += sizeof(begin) - 1;
	to = strstr(from, "</script>");
	assert_non_null(to);
	assert_null(memchr(from, '<', (size_t)(to - from)));
	data = json_loadb(from, (size_t)(to - from), 0, NULL);
	assert_non_null(data);
	return data;
}

static void page_is_safe_and_whole(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("page"), *plain = NULL, *text = NULL;
	size_t scripts, images;
	const json_t *suite;
	struct pair p;
	json_t *data;

	(void)state;
	pair_init(&p, dir, "inference", "plain", false);
	assert_int_equal(mp_report_comparison_html(&p.c, dir, NULL), 0);
	pair_done(&p);
	plain = get_file(dir, "comparison_results.html");
	scripts = count(plain, "<script");
	images = count(plain, "<img");
	assert_int_equal(count(plain, "<span class=\"chip r-fail\">"), 4);
	assert_int_equal(count(plain, "<span class=\"chip r-error\">"), 3);
	assert_non_null(strstr(plain, "CPU per 1,000 requests, workers"));
	assert_non_null(strstr(plain, "the uncertainty is unknown"));
	pair_init(&p, dir, HOSTILE, HOSTILE, false);
	free(p.b.commit);
	p.b.commit = strdup(HOSTILE);
	free(p.b.suites[0].metrics.col[2].name);
	p.b.suites[0].metrics.col[2].name = strdup(HOSTILE);
	assert_int_equal(mp_report_comparison(&p.c, dir, NULL), 0);
	text = get_file(dir, "comparison_results.html");
	assert_int_equal(count(text, "<script"), scripts);
	assert_int_equal(count(text, "<img"), images);
	assert_int_equal(count(text, "\x1b"), 0);
	data = page_data(text);
	suite = json_array_get(json_object_get(data, "suites"), 0);
	assert_true(json_is_object(json_object_get(suite, "a")));
	assert_true(json_is_object(json_object_get(suite, "b")));
	json_decref(data);
	pair_done(&p);
}

static void table_fits(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("table"), *text = NULL;
	struct pair p;
	size_t len = 0;
	int column = 0;
	FILE *out;

	(void)state;
	pair_init(&p, dir, HOSTILE, "a label that is much longer than any column of a table is",
		  false);
	free(p.c.a.name);
	p.c.a.name = strdup("an-environment-with-a-name__that-nobody-would-choose-but-everybody-"
			    "may__1795509563");
	for (int all = 0; all < 2; all++) {
		out = open_memstream(&text, &len);
		mp_report_comparison_console(&p.c, all, out);
		assert_int_equal(fclose(out), 0);
		for (const char *s = text; *s; s++) {
			column = *s == '\n' ? 0 : column + (((unsigned char)*s & 0xc0) != 0x80);
			if (column > 80)
				fail_msg("a line of more than 80 columns:\n%s", text);
		}
		assert_null(strchr(text, '\x1b'));
		assert_non_null(strstr(text, "one run each"));
		assert_non_null(strstr(text, "error: 1 of 8 diff_percent rules hold; 3 could not"));
		free(TAKE_PTR(text));
	}
	pair_done(&p);
}

static void json_has_all(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("json"), *text = NULL;
	const json_t *suite, *row;
	struct pair p;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	json_t *j;

	(void)state;
	pair_init(&p, dir, "inference", HOSTILE, false);
	assert_int_equal(mp_report_comparison_json(&p.c, out), 0);
	assert_int_equal(fclose(out), 0);
	j = json_loadb(text, len, 0, NULL);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "verdict")), "error");
	suite = json_array_get(json_object_get(j, "suites"), 0);
	assert_int_equal(json_array_size(json_object_get(suite, "rows")), p.c.suites[0].n_rows);
	row = json_array_get(json_object_get(suite, "rows"), 0);
	assert_true(json_is_null(json_object_get(row, "interval")));
	assert_string_equal(json_string_value(json_object_get(row, "result")), "fail");
	json_decref(j);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_is_upstreams),       cmocka_unit_test(xml_is_valid),
		cmocka_unit_test(page_is_safe_and_whole), cmocka_unit_test(table_fits),
		cmocka_unit_test(json_has_all),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

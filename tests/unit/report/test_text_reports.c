// SPDX-License-Identifier: GPL-2.0-only
/* Reports without a browser: Markdown within its limit, workflow commands, charts as text and SVG.
 */
#include "unit/results/scratch.h"

#include <mmsperf/chart.h>
#include <mmsperf/compare.h>
#include <mmsperf/report.h>

#include "report/text_parts.h"

#include <libxml/parser.h>
#include <stdlib.h>

#define HOSTILE                                                                                    \
	"</script><b>|`*_[x](http://h.example/)@user #12 www.h.example\r\n::error::x%0A\x01\xff$x$"

static void check(void (*fn)(struct mp_buf *, const char *), const char *in, const char *want)
{
	_cleanup_buf_ struct mp_buf b = {0};

	fn(&b, in);
	assert_string_equal(b.s ? b.s : "", want);
}

static void check_md(void (*fn)(struct mp_buf *, const char *, size_t), const char *in, size_t max,
		     const char *want)
{
	_cleanup_buf_ struct mp_buf b = {0};

	fn(&b, in, max);
	assert_string_equal(b.s ? b.s : "", want);
}

static void sparklines(void **state)
{
	static const double rise[] = {0, 1, 2, 3, 4, 5, 6, 7}, flat[] = {5, 5, 5},
			    gap[] = {1, NAN, 2}, none[] = {NAN, INFINITY};
	static const struct {
		const double *v;
		size_t n, columns;
		const char *want;
	} rows[] = {
		{rise, 8, 8, "▁▂▃▄▅▆▇█"}, {rise, 8, 100, "▁▂▃▄▅▆▇█"}, {rise, 8, 2, "▁█"},
		{flat, 3, 8, "▁▁▁"},      {gap, 3, 8, "▁ █"},         {none, 2, 8, ""},
		{NULL, 0, 8, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct mp_buf b = {0};

		mp_spark(&b, rows[i].v, rows[i].n, rows[i].columns);
		assert_string_equal(b.s ? b.s : "", rows[i].want);
	}
}

static void markdown_is_escaped(void **state)
{
	(void)state;
	check_md(mp_md_text, "a_b*c|d", 99, "a\\_b\\*c\\|d");
	check_md(mp_md_text, "<b>&@user #12 # x\ny", 99,
		 "&lt;b&gt;&amp;@&#8203;user #&#8203;12 \\# x y");
	check_md(mp_md_text, "[x](http://h.example) www.h", 99,
		 "\\[x\\]\\(http\\://h.example\\) www\\.h");
	check_md(mp_md_text, "\\`$1~!", 99, "\\\\\\`\\$1\\~\\!");
	check_md(mp_md_text, "ää", 3, "ä…"); /* never half a character */
	check_md(mp_md_text, "abc", 3, "abc");
	check_md(mp_md_code, "abcd", 3, "`abc…`");
	check_md(mp_md_text, NULL, 9, "");
	check_md(mp_md_code, "a_b|<c>", 99, "`a_b\\|<c>`");
	check_md(mp_md_code, "a`b", 99, "a\\`b");
	check_md(mp_md_code, "", 99, "");
	check(mp_github_data, "100%\r\na:b,c", "100%25%0D%0Aa:b,c");
	check(mp_github_property, "C:\\a,b%\n", "C%3A\\a%2Cb%25%0A");
}

static void add_suite(struct mp_run *r, const char *name, enum mp_verdict v, size_t cases)
{
	struct mp_suite_result *s = &r->suites[r->n_suites++];

	*s = (struct mp_suite_result){.name = strdup(name),
				      .path = strdup("tests/a,b.yaml"),
				      .verdict = v,
				      .reason = strdup("tests/a,b.yaml:7:3: wrong"),
				      .duration_s = 12};
	for (size_t i = 0; i < cases; i++) {
		struct mp_case c = {.name = mp_asprintf("%s %zu", HOSTILE, i),
				    .message = strdup(HOSTILE),
				    .verdict = v,
				    .line = (int)i + 3};

		assert_int_equal(mp_suite_result_add_case(s, &c), 0);
	}
}

static struct mp_run make_run(size_t suites)
{
	return (struct mp_run){.dir = strdup("/out/x"),
			       .out = strdup("/nonexistent/out"),
			       .env = strdup(HOSTILE),
			       .commit = strdup("abc"),
			       .verdict = MP_FAILED,
			       .suites = calloc(suites, sizeof(struct mp_suite_result))};
}

static void markdown_keeps_its_limit(void **state)
{
	static const size_t limits[] = {MP_MARKDOWN_MIN, MP_MARKDOWN_COMMENT, 1 << 20};
	_cleanup_(mp_run_done) struct mp_run r = make_run(300);
	_cleanup_buf_ struct mp_buf none = {0};

	(void)state;
	for (int i = 0; i < 300; i++) {
		_cleanup_free_ char *name = mp_asprintf("%s%d", i % 2 ? HOSTILE : "suite", i);

		add_suite(&r, name, i % 3 ? MP_PASSED : MP_FAILED, 20);
	}
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		_cleanup_buf_ struct mp_buf b = {0};
		size_t opened = 0, closed = 0;

		assert_int_equal(mp_report_markdown(&r, NULL, limits[i], &b), 0);
		assert_true(b.len <= limits[i]);
		assert_true(
			mp_starts_with(b.s, "## ❌ Performance: failed\n\n**100 of 300 suites"));
		if (limits[i] < 1 << 20)
			assert_non_null(strstr(b.s, "do not fit here"));
		for (const char *p = b.s; (p = strstr(p, "<details>")); p++)
			opened++;
		for (const char *p = b.s; (p = strstr(p, "</details>")); p++)
			closed++;
		assert_int_equal(opened, closed);
		assert_null(
			strstr(b.s, "<b>|")); /* what is code needs no entity, and no cell's end */
		assert_null(strstr(b.s, "\n::error"));
	}
	assert_int_equal(mp_report_markdown(&r, NULL, 100, &none), -ENOSPC);
}

static char *told(const struct mp_run *r, int want)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct mp_diag d = {0};

	assert_non_null(out);
	assert_int_equal(mp_github_tell(r, out, &d), want);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void annotations(void **state)
{
	_cleanup_(mp_run_done) struct mp_run r = make_run(3);
	_cleanup_free_ char *text = NULL, *quiet = NULL, *many = NULL;
	size_t lines = 0;

	(void)state;
	(void)unsetenv("GITHUB_STEP_SUMMARY");
	(void)unsetenv("GITHUB_WORKSPACE");
	r.verdict = MP_PASSED;
	add_suite(&r, "fine", MP_PASSED, 2);
	quiet = told(&r, 0);
	assert_string_equal(quiet, "");
	add_suite(&r, "broken", MP_ERROR, 0);
	add_suite(&r, HOSTILE, MP_FAILED, 1);
	r.verdict = MP_FAILED;
	text = told(&r, 0);
	assert_true(mp_starts_with(
		text,
		"::error file=tests/a%2Cb.yaml,line=7,title=broken::tests/a,b.yaml:7:3: wrong\n"
		"::error file=tests/a%2Cb.yaml,line=3,title=</script>"));
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 2); /* whatever newlines and commands are in a message */
	mp_suite_result_done(&r.suites[2]);
	r.n_suites = 2;
	add_suite(&r, "many", MP_FAILED, 40);
	many = told(&r, 0);
	lines = 0;
	for (const char *p = many; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 10);
	assert_non_null(strstr(many, "::32 further failures"));
}

static void summary_has_a_limit(void **state)
{
	_cleanup_(mp_run_done) struct mp_run r = make_run(1);
	_cleanup_free_ char *dir = fresh_dir("summary"), *path = mp_path_join(dir, "summary.md"),
			    *full = calloc(1, 1 << 20), *a = NULL, *b = NULL, *c = NULL, *d = NULL;

	(void)state;
	assert_int_equal(setenv("GITHUB_STEP_SUMMARY", path, 1), 0);
	r.verdict = MP_PASSED;
	add_suite(&r, "fine", MP_PASSED, 1);
	free(told(&r, 0));
	assert_false(mp_is_file(path));
	r.verdict = r.suites[0].verdict = MP_FAILED;
	put_file(dir, "summary.md", "before");
	free(told(&r, 0));
	a = get_file(dir, "summary.md");
	assert_true(mp_starts_with(a, "before\n## ❌ Performance"));
	memset(full, 'x', (1 << 20) - 1);
	put_file(dir, "summary.md", full);
	free(told(&r, -ENOSPC));
	b = get_file(dir, "summary.md");
	assert_int_equal(strlen(b), (1 << 20) - 1);
	full[(1 << 20) - 20000] = '\0';
	put_file(dir, "summary.md", full);
	free(told(&r, 0));
	c = get_file(dir, "summary.md");
	assert_true(strlen(c) > (1 << 20) - 20000 && strlen(c) <= 1 << 20);
	assert_int_equal(setenv("GITHUB_STEP_SUMMARY", "/nonexistent/x", 1), 0);
	free(told(&r, -ENOENT));
	(void)unsetenv("GITHUB_STEP_SUMMARY");
}

static void fill_suite(const char *dir, struct mp_suite_result *s)
{
	put_file(
		dir, "metrics.csv",
		"ts,frontend_memory_rss,sum_workers_memory_rss,sum_workers_cpu_user_time,cpu:idle\n"
		"100,5e6,1e6,1,50\n101,5e6,2e6,3,\n102,5e6,,5,52\n103,5e6,4e6,7,52\n");
	put_file(dir, "workers.csv",
		 "ts,model,slot,pid,metric,value\n100,m,0,9,memory_rss,7\n"
		 "101,m,0,9,memory_rss,8\n100,m,1,8,memory_rss,6\n");
	put_file(
		dir, "kpi.jtl",
		"timeStamp,elapsed,label,responseCode,responseMessage,threadName,success,bytes,"
		"grpThreads,allThreads,Latency,Connect\n100000,10,\"a \"\"<\",200,OK,t,true,1,1,1,1,1\n"
		"101000,30,other,200,OK,t,true,1,1,1,1,1\n");
	*s = (struct mp_suite_result){.name = strdup(HOSTILE), .dir = strdup(dir)};
	assert_int_equal(mp_suite_result_add_case(
				 s, &(struct mp_case){.name = strdup(HOSTILE),
						      .verdict = MP_FAILED,
						      .metric = strdup("sum_workers_memory_rss"),
						      .op = '>',
						      .threshold = 3e6,
						      .from_s = 102,
						      .to_s = 103}),
			 0);
	assert_int_equal(mp_results_load_series(s, NULL), 0);
}

static void charts(void **state)
{
	static const struct {
		const char *spec, *title;
		size_t lines, limits;
		enum mp_unit unit;
		double first;
	} rows[] = {
		{"sum_workers_memory_rss", "sum_workers_memory_rss", 1, 1, MP_UNIT_BYTES, 1e6},
		{"memory_rss", "memory_rss", 2, 1, MP_UNIT_BYTES, 5e6},
		{"memory_rss:workers", "memory_rss:workers", 1, 1, MP_UNIT_BYTES, 1e6},
		{"memory_rss:m#0", "memory_rss:m#0", 1, 0, MP_UNIT_BYTES, 7},
		{"memory_rss:m", "memory_rss:m", 2, 0, MP_UNIT_BYTES, 7},
		{"cpu:idle", "cpu:idle", 1, 0, MP_UNIT_PERCENT, 50},
		{"p90", "Response time p90", 1, 0, MP_UNIT_SECONDS, 0.01},
		{"p50:other", "Response time p50 of other", 1, 0, MP_UNIT_SECONDS, 0.03},
		{"p50:a \"<", "Response time p50 of a \"<", 1, 0, MP_UNIT_SECONDS, 0.01},
	};
	_cleanup_free_ char *dir = fresh_dir("charts");
	struct mp_suite_result s = {0};
	struct mp_diag d = {0};
	struct mp_chart none = {0};

	(void)state;
	fill_suite(dir, &s);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(mp_chart_done) struct mp_chart c = {0};
		_cleanup_buf_ struct mp_buf b = {0};
		xmlDoc *doc;

		if (mp_chart_find(&s, rows[i].spec, &c, &d) < 0)
			fail_msg("%s: %s", rows[i].spec, d.msg);
		assert_string_equal(c.title, rows[i].title);
		assert_int_equal(c.n_lines, rows[i].lines);
		assert_int_equal(c.n_limits, rows[i].limits);
		assert_int_equal(c.unit, rows[i].unit);
		assert_double_equal(c.lines[0].v[0], rows[i].first, 1e-9);
		assert_int_equal(mp_report_svg(&c, &b), 0);
		doc = xmlReadMemory(b.s, (int)b.len, "x.svg", NULL, XML_PARSE_NONET);
		if (!doc)
			fail_msg("%s", b.s);
		xmlFreeDoc(doc);
		assert_null(strstr(b.s, "<b>"));
		assert_non_null(strstr(b.s, "class=\"line l0\""));
	}
	assert_int_equal(mp_chart_find(&s, "memory_rs", &none, &d), -ENOENT);
	assert_non_null(strstr(d.msg, "did you mean 'memory_rss'"));
	assert_int_equal(mp_chart_find(&s, "p90:nobody", &none, &d), -ENOENT);
	mp_suite_result_done(&s);
}

/* A total is drawn as its growth a second; nothing but unknown values is a picture all the same. */
static void odd_charts(void **state)
{
	static double ts[] = {1, 2}, v[] = {NAN, NAN}, big[] = {-1e300, 1e300};
	static double far[] = {1e17, 1e17}, endless[] = {-1.5e308, 1.5e308}; /* no time at all */
	struct mp_chart_line line = {.name = (char[]){"x"}, .ts = ts, .v = v, .n = 2};
	struct mp_chart c = {.title = (char[]){"t"},
			     .suite = (char[]){"s"},
			     .per = "",
			     .lines = &line,
			     .n_lines = 1};
	_cleanup_(mp_chart_done) struct mp_chart rate = {0};
	_cleanup_free_ char *dir = fresh_dir("odd");
	struct mp_suite_result s = {0};

	(void)state;
	for (int i = 0; i < 5; i++) {
		_cleanup_buf_ struct mp_buf b = {0};

		line.v = i == 1 ? big : v;
		line.n = i == 2 ? 0 : 2;
		line.ts = i == 3 ? far : i == 4 ? endless : ts;
		assert_int_equal(mp_report_svg(&c, &b), 0);
		assert_true(b.len < 20000);
		assert_null(strstr(b.s, "nan"));
	}
	fill_suite(dir, &s);
	assert_int_equal(mp_chart_find(&s, "cpu_user_time:workers", &rate, NULL), 0);
	assert_string_equal(rate.per, "/s");
	assert_double_equal(rate.lines[0].v[2], 2, 1e-9);
	mp_suite_result_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sparklines),
		cmocka_unit_test(markdown_is_escaped),
		cmocka_unit_test(markdown_keeps_its_limit),
		cmocka_unit_test(annotations),
		cmocka_unit_test(summary_has_a_limit),
		cmocka_unit_test(charts),
		cmocka_unit_test(odd_charts),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

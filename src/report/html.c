// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run page: one self-contained file. Everything in words and tables is plain HTML written
 * here, so the page reads without a script (Jenkins forbids them), in print and by a screen
 * reader; the script adds charts, filters and local times. Links are relative to the run folder;
 * the script corrects them where the page was opened through a link in the folder above it.
 */
#include <mmsperf/report.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "report/assets.h"
#include "report/html.h"
#include "results/text.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#define MAX_TEXT 2000 /* characters: of a message */
#define MAX_NAME 300  /* of a suite, criterion or label */

static const char *entity(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '_':
		return "_<wbr>";
	default:
		return "/<wbr>";
	}
}

/* Cuts valid UTF-8 to at most max characters. True: something was cut off. */
static bool cut(char *s, size_t max)
{
	for (; *s; s++) {
		if (((unsigned char)*s & 0xc0) == 0x80)
			continue;
		if (!max--) {
			*s = '\0';
			return true;
		}
	}
	return false;
}

static void put_escaped(struct mp_buf *b, const char *s, const char *special, size_t max)
{
	_cleanup_free_ char *clean = s ? mp_text_clean(s, true) : NULL;
	bool shortened = clean && cut(clean, max);

	if (s && !clean)
		b->failed = true;
	for (const char *p = clean; p && *p;) {
		size_t n = strcspn(p, special);

		mp_buf_append(b, p, n);
		p += n;
		if (*p)
			mp_buf_puts(b, entity(*p++));
	}
	if (shortened)
		mp_buf_puts(b, "…");
}

void mp_html_text(struct mp_buf *b, const char *s)
{
	put_escaped(b, s, "&<>\"'", MAX_TEXT);
}

void mp_html_name(struct mp_buf *b, const char *s)
{
	put_escaped(b, s, "&<>\"'_/", MAX_NAME);
}

void mp_html_seconds(struct mp_buf *b, double s)
{
	char text[32];

	if (!isfinite(s))
		mp_buf_puts(b, "–");
	else if (s < 0.001 && s > 0)
		mp_buf_printf(b, "%.2f ms", s * 1000);
	else if (s < 0.0995)
		mp_buf_printf(b, "%.3g ms", s * 1000);
	else if (s < 0.9995)
		mp_buf_printf(b, "%.0f ms", s * 1000);
	else if (s < 99.5)
		mp_buf_printf(b, "%.3g s", s);
	else
		mp_buf_printf(b, "%s", mp_format_elapsed(text, sizeof(text), s));
}

void mp_html_number(struct mp_buf *b, double v)
{
	char digits[64];
	size_t n;

	if (!isfinite(v)) {
		mp_buf_puts(b, "–");
		return;
	}
	if (fabs(v) < 1000) {
		mp_buf_printf(b, fabs(v - round(v)) < 1e-9 ? "%.0f" : "%.3g", v);
		return;
	}
	n = (size_t)snprintf(digits, sizeof(digits), "%.0f", fabs(v));
	if (v < 0)
		mp_buf_puts(b, "-");
	for (size_t i = 0; i < n && n < sizeof(digits); i++) {
		mp_buf_append(b, &digits[i], 1);
		if ((n - i - 1) % 3 == 0 && i + 1 < n)
			mp_buf_puts(b, ",");
	}
}

void mp_html_moment(struct mp_buf *b, double at_s, double zero_s, bool fine)
{
	const double t = at_s - zero_s;
	const time_t at = (time_t)at_s;
	char text[32];
	struct tm tm;

	if (!isfinite(t) || at_s <= 0 || zero_s <= 0 || !gmtime_r(&at, &tm)) {
		mp_buf_puts(b, "–");
		return;
	}
	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	mp_buf_printf(b, "<span title=\"%s\">", text);
	if (fine && fabs(t) < 99.95)
		mp_buf_printf(b, "%.1f s", t);
	else
		mp_buf_printf(b, "%s%s", t < 0 ? "-" : "",
			      mp_format_elapsed(text, sizeof(text), fabs(t)));
	mp_buf_puts(b, "</span>");
}

void mp_html_time(struct mp_buf *b, double epoch_s)
{
	time_t t = (time_t)epoch_s;
	char text[48], iso[48];
	struct tm tm;

	if (epoch_s <= 0 || !gmtime_r(&t, &tm)) {
		mp_buf_puts(b, "–");
		return;
	}
	(void)strftime(iso, sizeof(iso), "%Y-%m-%dT%H:%M:%SZ", &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	mp_buf_printf(b, "<time datetime=\"%s\" title=\"%s\">%s</time>", iso, text, text);
}

/* Signs beside colours: a verdict must read in black and white, too. */
static const char *const signs[_MP_VERDICT_MAX] = {
	[MP_PASSED] = "✓",
	[MP_SKIPPED] = "–",
	[MP_FAILED] = "✗",
	[MP_ERROR] = "!",
};

const char *mp_html_sign(enum mp_verdict v)
{
	return signs[v];
}

void mp_html_chip(struct mp_buf *b, enum mp_verdict v)
{
	mp_buf_printf(b,
		      "<span class=\"chip v-%s\"><span aria-hidden=\"true\">%s</span> "
		      "<span class=\"word\">%s</span></span>",
		      mp_verdict_name(v), signs[v], mp_verdict_name(v));
}

const char *mp_html_suite_dir(const struct mp_run *r, const struct mp_suite_result *s, char *buf,
			      size_t size)
{
	size_t n = strlen(r->dir);

	buf[0] = '\0';
	if (!s->dir)
		return buf;
	if (!strncmp(s->dir, r->dir, n) && (s->dir[n] == '/' || !s->dir[n]))
		(void)snprintf(buf, size, "%s%s", s->dir[n] ? s->dir + n + 1 : "",
			       s->dir[n] ? "/" : "");
	else
		(void)snprintf(buf, size, "%s/", s->dir);
	return buf;
}

static const struct mp_label_stats *total_of(const struct mp_suite_result *s)
{
	return s->n_labels && !*s->labels[0].label ? &s->labels[0] : NULL;
}

static void cell_number(struct mp_buf *b, double v)
{
	mp_buf_puts(b, "<td class=\"n\">");
	mp_html_number(b, v);
	mp_buf_puts(b, "</td>");
}

static void cell_seconds(struct mp_buf *b, double v)
{
	mp_buf_puts(b, "<td class=\"n\">");
	mp_html_seconds(b, v);
	mp_buf_puts(b, "</td>");
}

static void write_suite_row(struct mp_buf *b, const struct mp_run *r, size_t i)
{
	const struct mp_suite_result *s = &r->suites[i];
	const struct mp_label_stats *t = total_of(s);
	size_t failed = 0;
	char text[32];

	for (size_t k = 0; k < s->n_cases; k++)
		failed += s->cases[k].verdict >= MP_FAILED;
	mp_buf_printf(b, "<tr data-suite=\"%zu\" data-verdict=\"%s\"><td>", i,
		      mp_verdict_name(s->verdict));
	mp_html_chip(b, s->verdict);
	mp_buf_printf(b, "</td><th scope=\"row\"><a href=\"#suite-%zu\">", i);
	mp_html_name(b, s->name);
	mp_buf_puts(b, "</a>");
	if (s->incomplete)
		mp_buf_puts(b, " <small class=\"note\">incomplete</small>");
	mp_buf_puts(b, "</th><td class=\"n\">");
	if (failed)
		mp_buf_printf(b, "%zu of %zu failed", failed, s->n_cases);
	else
		mp_buf_printf(b, s->n_cases ? "%zu" : "none", s->n_cases);
	mp_buf_printf(b, "</td><td class=\"n\">%s</td>",
		      mp_format_elapsed(text, sizeof(text), s->duration_s));
	cell_number(b, t ? t->samples : NAN);
	cell_number(b, t ? t->throughput : NAN);
	cell_seconds(b, t ? t->p50_s : NAN);
	cell_seconds(b, t ? t->p90_s : NAN);
	cell_seconds(b, t ? t->p99_s : NAN);
	mp_buf_printf(b, "<td class=\"n%s\">",
		      t && t->failed >= 0.01 * t->samples && t->failed > 0 ? " bad" : "");
	if (t && t->samples > 0)
		mp_buf_printf(b, t->failed > 0 ? "%.2f %%" : "%.0f", 100 * t->failed / t->samples);
	else
		mp_buf_puts(b, "–");
	mp_buf_puts(b, "</td></tr>\n");
}

static void write_suites(struct mp_buf *b, const struct mp_run *r)
{
	mp_buf_puts(
		b,
		"<section class=\"card\" id=\"suites\" aria-labelledby=\"suites-h\">\n"
		"<div class=\"bar\"><h2 id=\"suites-h\">Suites</h2>"
		"<div id=\"filter\" hidden></div></div>\n"
		"<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table of suites\">"
		"<table class=\"grid\" id=\"suite-table\"><thead><tr><th scope=\"col\">Verdict</th>"
		"<th scope=\"col\">Suite</th><th scope=\"col\" class=\"n\">Criteria</th>"
		"<th scope=\"col\" class=\"n\">Duration</th><th scope=\"col\" class=\"n\">Requests</th>"
		"<th scope=\"col\" class=\"n\">Per second</th><th scope=\"col\" class=\"n\">p50</th>"
		"<th scope=\"col\" class=\"n\">p90</th><th scope=\"col\" class=\"n\">p99</th>"
		"<th scope=\"col\" class=\"n\">Errors</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < r->n_suites; i++)
		write_suite_row(b, r, i);
	mp_buf_puts(
		b,
		"</tbody></table></div>\n<p id=\"no-match\" hidden>No suite matches.</p></section>\n");
}

static bool has_charts(const struct mp_suite_result *s)
{
	return s->load.n || s->metrics.rows;
}

/* Open at the start: the first that needs a look, else the first that was judged, else the first
 * that has something to show. */
static size_t first_of_interest(const struct mp_run *r)
{
	for (size_t i = 0; i < r->n_suites; i++)
		if (r->suites[i].verdict >= MP_FAILED)
			return i;
	for (size_t i = 0; i < r->n_suites; i++)
		if (r->suites[i].n_cases && has_charts(&r->suites[i]))
			return i;
	for (size_t i = 0; i < r->n_suites; i++)
		if (has_charts(&r->suites[i]))
			return i;
	return 0;
}

static void put_asset(struct mp_buf *b, enum mp_asset_id id)
{
	struct mp_asset a = mp_asset_get(id);

	mp_buf_append(b, a.data, a.len);
}

void mp_html_head(struct mp_buf *b, const char *title)
{
	mp_buf_puts(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		       "<meta name=\"color-scheme\" content=\"light dark\">\n"
		       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		       "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
		       "<link rel=\"icon\" href=\"data:,\">\n<title>");
	mp_html_text(b, title);
	mp_buf_puts(b, " · mmsperf-bpf</title>\n<style>\n");
	put_asset(b, MP_ASSET_UPLOT_CSS);
	mp_buf_puts(b, "\n");
	put_asset(b, MP_ASSET_CSS);
	mp_buf_puts(b, "</style>\n</head>\n");
}

void mp_html_chart_notes(struct mp_buf *b)
{
	if (!mp_asset_get(MP_ASSET_UPLOT_JS).len)
		mp_buf_puts(
			b, "<p class=\"note card\">No charts: this program was built without uPlot "
			   "(tools/setup/uplot.sh). The tables are complete.</p>\n");
	mp_buf_puts(b, "<noscript><p class=\"note card\">Scripts are off: the tables are complete, "
		       "charts need a script.</p></noscript>\n");
}

void mp_html_scripts(struct mp_buf *b, enum mp_asset_id page)
{
	const enum mp_asset_id scripts[] = {MP_ASSET_UPLOT_JS, MP_ASSET_SHELL_JS, MP_ASSET_PLAN_JS,
					    MP_ASSET_CHARTS_JS, page};

	mp_buf_puts(b, "<script>\n");
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		put_asset(b, scripts[i]);
		mp_buf_puts(b, "\n");
	}
	mp_buf_puts(b, "</script>\n</body>\n</html>\n");
}

static void write_head(struct mp_buf *b, const struct mp_run *r)
{
	_cleanup_buf_ struct mp_buf title = {0};

	mp_buf_printf(&title, "%s %s", signs[r->verdict], mp_verdict_name(r->verdict));
	if (r->env && *r->env)
		mp_buf_printf(&title, " · %s · %s", r->env, r->commit ? r->commit : "");
	mp_html_head(b, title.s ? title.s : "");
}

static void write_body(struct mp_buf *b, const struct mp_run *r)
{
	size_t open = first_of_interest(r);

	mp_buf_puts(
		b,
		"<body>\n<a class=\"skip\" href=\"#suites\">Skip to the suites</a>\n"
		"<header class=\"top\"><span class=\"brand\">mmsperf-bpf</span>"
		"<span class=\"sub\">performance run</span><span class=\"tools\" id=\"tools\"></span>"
		"</header>\n<main>\n");
	mp_html_hero(b, r);
	mp_html_chart_notes(b);
	write_suites(b, r);
	for (size_t i = 0; i < r->n_suites; i++)
		mp_html_suite(b, r, i, i == open);
	mp_buf_puts(b, "</main>\n<footer class=\"foot\">\n");
	/* a folder of bzt's own is a suite's folder as well: listed there */
	if (!r->foreign)
		mp_html_files(b, r->dir, "");
	mp_buf_puts(b, "<p>Written by mmsperf-bpf " MP_VERSION "</p></footer>\n");
}

static int write_page(struct mp_buf *b, const struct mp_run *r)
{
	int k;

	write_head(b, r);
	write_body(b, r);
	mp_buf_puts(b, "<script type=\"application/json\" id=\"data\">");
	k = mp_json_page(b, r);
	mp_buf_puts(b, "</script>\n");
	mp_html_scripts(b, MP_ASSET_PAGE_JS);
	return k < 0 ? k : b->failed ? -ENOMEM : 0;
}

int mp_report_html_as(const struct mp_run *r, const char *const *files, size_t n, struct mp_diag *d)
{
	_cleanup_buf_ struct mp_buf b = {0};
	int k = write_page(&b, r);

	if (k < 0)
		return mp_diag_set(d, k, r->dir, 0, 0, "the page cannot be made: %s", strerror(-k));
	for (size_t i = 0; i < n && !k; i++) {
		_cleanup_free_ char *path = mp_path_join(r->dir, files[i]);

		k = path ? mp_write_file(path, b.s, b.len, 0644) : -ENOMEM;
		if (k < 0)
			(void)mp_diag_set(d, k, path, 0, 0, "cannot be written: %s", strerror(-k));
	}
	return k;
}

int mp_report_html(const struct mp_run *r, struct mp_diag *d)
{
	static const char *const files[] = {"junit.html", "performance_results.html"};

	return mp_report_html_as(r, files, ARRAY_SIZE(files), d);
}

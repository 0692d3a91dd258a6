// SPDX-License-Identifier: GPL-2.0-only
/*
 * The history page: for each environment its runs, and for each suite every metric's median of
 * passing runs, its newest value and what that means. The tables are plain HTML; the script draws
 * the metrics over runs and filters. Environments are never mixed: each has a section of its own.
 * Renders; computes nothing.
 */
#include <mmsperf/history.h>

#include <mmsperf/fs.h>

#include "report/html.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CELLS  (300 * 1000) /* values on a page: keeps it under 5 MB */
#define MIN_TRENDS 24           /* of a suite, however many runs and suites there are */
#define PEAKS      40           /* trends of a suite whose highest values are there, too */
#define IMPORTANT  12           /* rows of a suite that are shown before "all" is asked for */
#define ENOUGH     5            /* passing runs before a range of them means anything */

struct page {
	struct mp_buf b;
	const struct mp_history *h;
	const char *out;
	char *to_runs;     /* from the page's folder to out, "" or with a '/' at its end */
	size_t max_trends; /* of a suite */
};

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static enum mp_verdict verdict_of(const struct mp_run_row *r)
{
	for (int v = 0; v < _MP_VERDICT_MAX; v++)
		if (!strcmp(r->verdict, mp_verdict_name(v)))
			return v;
	return MP_ERROR;
}

static bool has_page(const struct page *p, const struct mp_run_row *r)
{
	_cleanup_free_ char *dir = mp_path_join(p->out, r->id);
	_cleanup_free_ char *file = dir ? mp_path_join(dir, "junit.html") : NULL;

	return file && mp_is_file(file);
}

static void put_link(struct mp_buf *b, const struct page *p, const struct mp_run_row *r)
{
	/* "./": a name with a ':' is no scheme then */
	mp_buf_puts(b, *p->to_runs ? "" : "./");
	mp_html_href(b, p->to_runs);
	mp_html_href(b, r->id);
	mp_buf_puts(b, "/junit.html");
}

static const struct mp_run_row *newest(const struct mp_history_group *g)
{
	return g->runs[g->n_runs - 1];
}

static size_t count_commits(const struct mp_history_group *g)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n_runs; i++) {
		size_t k = 0;

		while (k < i && strcmp(g->runs[i]->commit, g->runs[k]->commit))
			k++;
		n += k == i;
	}
	return n;
}

/* --- one environment ------------------------------------------------------------------------- */

static void write_run(struct page *p, const struct mp_run_row *r, size_t at)
{
	struct mp_buf *b = &p->b;
	char text[32];

	mp_buf_printf(b, "<tr data-run=\"%zu\"><td>", at);
	if (r->unfinished)
		mp_buf_puts(b, "<span class=\"chip\">unfinished</span>");
	else
		mp_html_chip(b, verdict_of(r));
	mp_buf_puts(b, "</td><th scope=\"row\">");
	if (has_page(p, r)) {
		mp_buf_puts(b, "<a href=\"");
		put_link(b, p, r);
		mp_buf_puts(b, "\">");
		mp_html_name(b, r->id);
		mp_buf_puts(b, "</a>");
	} else {
		mp_html_name(b, r->id);
	}
	for (const char *t = r->tags; *t; t += strcspn(t, " "), t += *t == ' ') {
		_cleanup_free_ char *tag = strndup(t, strcspn(t, " "));

		mp_buf_puts(b, " <small>#");
		mp_html_text(b, tag);
		mp_buf_puts(b, "</small>");
	}
	mp_buf_puts(b, "</th><td>");
	mp_html_text(b, r->commit);
	mp_buf_puts(b, "</td><td>");
	mp_html_time(b, r->started_s);
	mp_buf_printf(b, "</td><td class=\"n\">%d of %d</td><td class=\"n\">", r->suites_passed,
		      r->suites);
	mp_buf_printf(b, r->cases_bad ? "%d of %d failed" : "%d",
		      r->cases_bad ? r->cases_bad : r->cases, r->cases);
	mp_buf_printf(b, "</td><td class=\"n\">%s</td></tr>\n",
		      r->duration_s > 0 ? mp_format_elapsed(text, sizeof(text), r->duration_s)
					: "–");
}

static void write_runs(struct page *p, const struct mp_history_group *g)
{
	mp_buf_puts(&p->b,
		    "<details class=\"all runs\" open><summary>Runs, newest first</summary>\n"
		    "<div class=\"tall scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Runs\">"
		    "<table class=\"grid\"><thead><tr><th scope=\"col\">Verdict</th>"
		    "<th scope=\"col\">Run</th><th scope=\"col\">Commit</th>"
		    "<th scope=\"col\">Started</th><th scope=\"col\" class=\"n\">Suites passed</th>"
		    "<th scope=\"col\" class=\"n\">Criteria</th>"
		    "<th scope=\"col\" class=\"n\">Duration</th></tr></thead><tbody>\n");
	for (size_t i = g->n_runs; i-- > 0;)
		write_run(p, g->runs[i], i);
	mp_buf_puts(&p->b, "</tbody></table></div></details>\n");
}

/* Outside of what all passing runs before had: once in n + 1 runs that happens by chance to each
 * end, which the page says. */
static const char *standing(const struct mp_trend *t, double v)
{
	bool above = v > t->high, below = v < t->low;

	if (t->n_before < ENOUGH || !isfinite(v) || (!above && !below))
		return NULL;
	if (t->m.better == MP_BETTER_NONE)
		return "changed";
	return above == (t->m.better == MP_BETTER_HIGHER) ? "better" : "worse";
}

static void write_trend(struct page *p, const struct mp_history_group *g, const struct mp_trend *t,
			size_t index)
{
	struct mp_buf *b = &p->b;
	double v = t->v[g->n_runs - 1];
	const char *state = standing(t, v);
	char median[48], last[48], change[32];

	mp_buf_printf(b, "<tr data-trend=\"%zu\"%s><th scope=\"row\">", index,
		      index >= IMPORTANT ? " class=\"minor\"" : "");
	mp_html_name(b, t->m.title);
	mp_buf_printf(
		b, "</th><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td>",
		mp_cmp_value(median, sizeof(median), &t->m, t->m.value),
		mp_cmp_value(last, sizeof(last), &t->m, v),
		mp_cmp_effect(change, sizeof(change), t->m.value > 0 ? v / t->m.value - 1 : NAN));
	if (state)
		mp_buf_printf(b, "<span class=\"chip r-%s\">%s than all %zu</span>", state,
			      v > t->high ? "higher" : "lower", t->n_before);
	mp_buf_puts(b, "</td><td class=\"trend\"></td></tr>\n");
}

static void write_suite(struct page *p, size_t group, size_t index)
{
	const struct mp_history_group *g = &p->h->v[group];
	const struct mp_trend_suite *s = &g->suites[index];
	size_t shown = min_size(s->n, p->max_trends), count[_MP_VERDICT_MAX] = {0}, runs = 0;
	struct mp_buf *b = &p->b;
	int last = -1;

	for (size_t i = 0; i < g->n_runs; i++)
		if (s->verdict[i] >= 0) {
			last = s->verdict[i];
			count[last]++;
			runs++;
		}
	mp_buf_printf(b,
		      "<details class=\"card suite\" id=\"suite-%zu-%zu\" data-group=\"%zu\" "
		      "data-suite=\"%zu\"%s>\n<summary><h2>",
		      group, index, group, index, group + index ? "" : " open");
	mp_html_name(b, s->name);
	mp_buf_puts(b, "</h2> ");
	if (last >= 0)
		mp_html_chip(b, (enum mp_verdict)last);
	mp_buf_puts(b, "<span class=\"strip\" aria-hidden=\"true\"></span><span class=\"why\">");
	for (int v = MP_PASSED; v < _MP_VERDICT_MAX; v++)
		if (count[v])
			mp_buf_printf(b, "%zu %s, ", count[v],
				      v == MP_ERROR ? "in error" : mp_verdict_name(v));
	mp_buf_printf(b, "%zu run%s</span></summary>\n<div class=\"body\">\n", runs,
		      runs == 1 ? "" : "s");
	mp_buf_puts(b, "<div class=\"charts\"></div>\n");
	if (s->n) {
		mp_buf_puts(
			b,
			"<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Metrics\">"
			"<table class=\"grid rows trends\"><thead><tr><th scope=\"col\">Metric</th>"
			"<th scope=\"col\" class=\"n\">Median of passing runs</th>"
			"<th scope=\"col\" class=\"n\">Newest run</th>"
			"<th scope=\"col\" class=\"n\">Against the median</th>"
			"<th scope=\"col\">Against passing runs before</th>"
			"<th scope=\"col\">Over runs</th></tr></thead><tbody>\n");
		for (size_t i = 0; i < shown; i++)
			write_trend(p, g, &s->v[i], i);
		mp_buf_puts(b, "</tbody></table></div>\n<p class=\"no-match note\" hidden>"
			       "No metric matches.</p>\n");
	} else {
		mp_buf_puts(b, "<p class=\"note\">None of these runs has a number of it.</p>\n");
	}
	if (shown < s->n)
		mp_buf_printf(b,
			      "<p class=\"note\">%zu further metrics are left out of this page: "
			      "fewer runs (--history N) or one suite (--suite NAME) leave room for "
			      "them.</p>\n",
			      s->n - shown);
	mp_buf_puts(b, "</div></details>\n");
}

static void fact(struct mp_buf *b, const char *term, size_t n)
{
	mp_buf_printf(b, "<div><dt>%s</dt><dd>%zu</dd></div>\n", term, n);
}

static void write_group_name(struct mp_buf *b, const struct mp_history_group *g)
{
	const struct mp_run_row *r = newest(g);

	mp_html_name(b, *r->env ? r->env : "no environment");
	if (r->hold_cap_s > 0)
		mp_buf_printf(b, ", --quick %g s", r->hold_cap_s);
}

static void write_group(struct page *p, size_t index)
{
	const struct mp_history_group *g = &p->h->v[index];
	const struct mp_run_row *last = newest(g);
	struct mp_buf *b = &p->b;

	mp_buf_printf(b,
		      "<div class=\"group\" id=\"group-%zu\" data-group=\"%zu\">\n"
		      "<section class=\"hero v-%s\" aria-labelledby=\"group-h-%zu\">\n"
		      "<div class=\"verdict\"><h1 id=\"group-h-%zu\">",
		      index, index,
		      last->unfinished ? "skipped" : mp_verdict_name(verdict_of(last)), index,
		      index);
	write_group_name(b, g);
	mp_buf_puts(b, "</h1><span>newest run: ");
	if (last->unfinished)
		mp_buf_puts(b, "<span class=\"chip\">unfinished</span>");
	else
		mp_html_chip(b, verdict_of(last));
	mp_buf_puts(b, "</span></div>\n");
	if (*g->machine || *last->fingerprint) {
		mp_buf_puts(b, "<p class=\"note\">");
		mp_html_text(b, g->machine);
		mp_buf_puts(b, " <code>");
		mp_html_text(b, last->fingerprint);
		mp_buf_puts(b, "</code></p>\n");
	}
	mp_buf_puts(b, "<dl class=\"facts\">\n");
	fact(b, "Runs", g->n_runs);
	fact(b, "Passing", g->n_passing);
	fact(b, "Commits", count_commits(g));
	fact(b, "Suites", g->n_suites);
	mp_buf_puts(b, "<div><dt>From</dt><dd>");
	mp_html_time(b, g->runs[0]->started_s);
	mp_buf_puts(b, "</dd></div>\n<div><dt>To</dt><dd>");
	mp_html_time(b, last->started_s);
	mp_buf_puts(b, "</dd></div>\n</dl>\n");
	write_runs(p, g);
	mp_buf_puts(b, "</section>\n");
	for (size_t i = 0; i < g->n_suites; i++)
		write_suite(p, index, i);
	mp_buf_puts(b, "<p class=\"no-suite note\" hidden>No suite matches.</p>\n</div>\n");
}

/* --- the data of the charts ------------------------------------------------------------------ */

static void put_values(struct mp_buf *b, const double *v, size_t n)
{
	mp_buf_puts(b, "[");
	for (size_t i = 0; i < n; i++) {
		mp_buf_puts(b, i ? "," : "");
		if (isfinite(v[i]))
			mp_buf_printf(b, "%.5g", v[i]);
		else
			mp_buf_puts(b, "null");
	}
	mp_buf_puts(b, "]");
}

static void put_run(struct page *p, const struct mp_run_row *r)
{
	struct mp_buf *b = &p->b;

	mp_buf_puts(b, "{\"id\":");
	mp_json_string(b, r->id);
	mp_buf_puts(b, ",\"commit\":");
	mp_json_string(b, r->commit);
	mp_buf_printf(b, ",\"t\":%.0f,\"v\":\"%s\"", r->started_s,
		      r->unfinished ? "unfinished" : mp_verdict_name(verdict_of(r)));
	if (has_page(p, r)) {
		mp_buf_puts(b, ",\"page\":\"");
		put_link(b, p, r); /* escaped for any context */
		mp_buf_puts(b, "\"");
	}
	mp_buf_puts(b, "}");
}

static void put_trend(struct mp_buf *b, const struct mp_trend *t, size_t n_runs, bool peak)
{
	static const char *const units[_MP_UNIT_MAX] = {
		[MP_UNIT_PERCENT] = "%", [MP_UNIT_SECONDS] = "s", [MP_UNIT_BYTES] = "bytes"};

	mp_buf_puts(b, "{\"n\":");
	mp_json_string(b, t->m.name);
	mp_buf_puts(b, ",\"of\":");
	mp_json_string(b, t->label);
	mp_buf_puts(b, ",\"title\":");
	mp_json_string(b, t->m.title);
	mp_buf_printf(b, ",\"u\":\"%s%s\",\"v\":", units[t->m.unit] ? units[t->m.unit] : "",
		      t->m.per);
	put_values(b, t->v, n_runs);
	if (isfinite(t->m.value))
		mp_buf_printf(b, ",\"m\":%.6g", t->m.value);
	if (peak && t->peak) {
		mp_buf_puts(b, ",\"hi\":");
		put_values(b, t->peak, n_runs);
	}
	mp_buf_puts(b, "}");
}

static void put_group(struct page *p, const struct mp_history_group *g)
{
	static const char signs[_MP_VERDICT_MAX] = {
		[MP_PASSED] = 'p', [MP_SKIPPED] = 's', [MP_FAILED] = 'f', [MP_ERROR] = 'e'};
	struct mp_buf *b = &p->b;

	mp_buf_puts(b, "\n{\"runs\":[");
	for (size_t i = 0; i < g->n_runs; i++) {
		mp_buf_puts(b, i ? ",\n" : "\n");
		put_run(p, g->runs[i]);
	}
	mp_buf_puts(b, "],\n\"suites\":[");
	for (size_t i = 0; i < g->n_suites; i++) {
		const struct mp_trend_suite *s = &g->suites[i];

		mp_buf_puts(b, i ? ",\n{\"name\":" : "\n{\"name\":");
		mp_json_string(b, s->name);
		mp_buf_puts(b, ",\"v\":\"");
		for (size_t k = 0; k < g->n_runs; k++)
			mp_buf_append(b, s->verdict[k] < 0 ? "-" : &signs[s->verdict[k]], 1);
		mp_buf_puts(b, "\",\"trends\":[");
		for (size_t k = 0; k < min_size(s->n, p->max_trends); k++) {
			mp_buf_puts(b, k ? ",\n" : "\n");
			put_trend(b, &s->v[k], g->n_runs, k < PEAKS);
		}
		mp_buf_puts(b, "]}");
	}
	mp_buf_puts(b, "]}");
}

/* --- the page -------------------------------------------------------------------------------- */

static void write_page(struct page *p)
{
	const struct mp_history *h = p->h;
	struct mp_buf *b = &p->b;
	size_t runs = 0;

	for (size_t i = 0; i < h->n; i++)
		runs += h->v[i].n_runs;
	mp_html_head(b, "History");
	mp_buf_puts(b, "<body>\n<a class=\"skip\" href=\"#group-0\">Skip to the runs</a>\n"
		       "<header class=\"top\"><span class=\"brand\">mmsperf-bpf</span>"
		       "<span class=\"sub\">history of runs</span>"
		       "<span class=\"tools\" id=\"tools\"></span></header>\n<main>\n");
	mp_html_chart_notes(b);
	mp_buf_printf(b,
		      "<nav class=\"card find\" aria-label=\"What is shown\"><p>%zu run%s in %zu "
		      "environment%s.</p><div id=\"filter\" hidden></div></nav>\n",
		      runs, runs == 1 ? "" : "s", h->n, h->n == 1 ? "" : "s");
	for (size_t i = 0; i < h->n; i++)
		write_group(p, i);
	mp_buf_puts(
		b,
		"</main>\n<footer class=\"foot\"><p>Environments are never mixed: runs share a "
		"chart where environment, machine and --quick are the same. A value is the mean over "
		"the recording, of totals the growth; medians are those of runs that passed as a "
		"whole. \"Than all n\" means outside of what the n passing runs before had: without any change "
		"that happens to each end once in n + 1 runs.</p>"
		"<p>Written by mmsperf-bpf " MP_VERSION "</p></footer>\n"
		"<script type=\"application/json\" id=\"data\">{\"groups\":[");
	for (size_t i = 0; i < h->n; i++) {
		mp_buf_puts(b, i ? "," : "");
		put_group(p, &h->v[i]);
	}
	mp_buf_puts(b, "]}</script>\n");
	mp_html_scripts(b, MP_ASSET_HISTORY_JS);
}

static int to_runs(const char *path, const char *out, char **ret)
{
	_cleanup_free_ char *dir = strdup(path);
	char *slash;

	if (!dir)
		return -ENOMEM;
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	return mp_path_relative(slash ? dir : ".", out, ret);
}

int mp_report_history(const struct mp_history *h, const char *out, const char *path,
		      struct mp_diag *d)
{
	struct page p = {.h = h, .out = out};
	size_t columns = 1;
	int r = to_runs(path, out, &p.to_runs);

	for (size_t i = 0; i < h->n; i++)
		columns += h->v[i].n_runs * h->v[i].n_suites;
	p.max_trends = MAX_CELLS / columns < MIN_TRENDS ? MIN_TRENDS : MAX_CELLS / columns;
	if (!r) {
		write_page(&p);
		r = p.b.failed ? -ENOMEM : mp_write_file(path, p.b.s, p.b.len, 0644);
	}
	mp_buf_done(&p.b);
	free(p.to_runs);
	return r < 0 ? mp_diag_set(d, r, path, 0, 0, "cannot be written: %s", strerror(-r)) : 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The comparison page: verdict on top, then suite by suite every metric with its effect, its
 * uncertainty and what that means, sorted by importance, and both runs' charts on one axis. The
 * tables are plain HTML; the script filters them and draws. Renders; computes nothing.
 */
#include <mmsperf/compare.h>

#include <mmsperf/fs.h>

#include "report/html.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FULL_SCALE     0.25 /* an effect that fills half of the small bar */
#define IMPORTANT_ROWS 14   /* of a suite, shown before "all" is asked for */
#define NOTABLE_ROWS   20   /* further ones that changed: many say the same in other words */

static const char *badge_text(const struct mp_comparison *c)
{
	return c->verdict == MP_SKIPPED ? "not judged" : mp_verdict_name(c->verdict);
}

static size_t asked(const struct mp_comparison *c)
{
	return c->count[MP_CMP_PASS] + c->count[MP_CMP_FAIL] + c->count[MP_CMP_ERROR];
}

static bool has_intervals(const struct mp_comparison *c)
{
	const size_t *n = c->count;

	return n[MP_CMP_WORSE] + n[MP_CMP_BETTER] + n[MP_CMP_CHANGED] + n[MP_CMP_SAME] > 0;
}

static void write_headline(struct mp_buf *b, const struct mp_comparison *c)
{
	const size_t *n = c->count;
	size_t rules = asked(c);

	if (c->not_judged) {
		mp_buf_puts(b, "Side by side, not judged: ");
		mp_html_text(b, c->not_judged);
	} else if (c->verdict == MP_ERROR) {
		mp_buf_puts(b, "Not everything could be compared");
	} else if (c->verdict == MP_FAILED) {
		mp_buf_printf(b, "%zu of %zu rules broken: the runs differ more than allowed",
			      n[MP_CMP_FAIL], rules);
	} else if (c->verdict == MP_PASSED) {
		mp_buf_printf(b, rules == 1 ? "The rule holds" : "All %zu rules hold", rules);
	} else if (has_intervals(c)) {
		mp_buf_printf(b, "%zu metrics worse, %zu better, %zu changed", n[MP_CMP_WORSE],
			      n[MP_CMP_BETTER], n[MP_CMP_CHANGED]);
	} else {
		mp_buf_puts(b, "Side by side: no suite has a rule for comparisons");
	}
}

static void write_name(struct mp_buf *b, const struct mp_measure *m)
{
	if (m->agg) {
		mp_buf_puts(b, mp_agg_name(m->agg));
		mp_buf_puts(b, " ");
	}
	mp_html_name(b, m->title ? m->title : m->name);
}

static void write_reasons(struct mp_buf *b, const struct mp_comparison *c)
{
	size_t shown = 0, more = c->count[MP_CMP_FAIL] + c->count[MP_CMP_ERROR];

	mp_buf_puts(b, "<ul class=\"reasons\">\n");
	for (size_t i = 0; i < c->n_suites; i++) {
		const struct mp_cmp_suite *s = &c->suites[i];

		if (s->error) {
			mp_buf_printf(b, "<li><a href=\"#suite-%zu\">", i);
			mp_html_name(b, s->name);
			mp_buf_puts(b, "</a> ");
			mp_html_text(b, s->error);
			mp_buf_puts(b, "</li>\n");
		}
		for (size_t k = 0; k < s->n_rows && shown < 8; k++) {
			const struct mp_cmp_row *r = &s->rows[k];

			if (r->result != MP_CMP_FAIL && r->result != MP_CMP_ERROR)
				continue;
			shown++;
			more--;
			mp_buf_printf(b, "<li><a href=\"#suite-%zu\">", i);
			mp_html_name(b, s->name);
			mp_buf_puts(b, "</a> <q>");
			write_name(b, &r->m);
			mp_buf_puts(b, "</q> ");
			mp_html_text(b, r->message);
			mp_buf_puts(b, "</li>\n");
		}
	}
	if (more)
		mp_buf_printf(b, "<li>and %zu more</li>\n", more);
	mp_buf_puts(b, "</ul>\n");
}

/* Its name, as a link to its page where that is: seen from dir, where this page goes. */
static void write_run(struct mp_buf *b, const struct mp_run *r, const char *dir)
{
	_cleanup_free_ char *page = mp_path_join(r->dir, "junit.html"), *way = NULL;
	const char *slash = strrchr(r->dir, '/');
	/* a run that is just being finished gets its own page after this one */
	bool linked = page && !mp_path_relative(dir, r->dir, &way) && (!*way || mp_is_file(page));

	if (linked) {
		mp_buf_puts(b, "<a href=\"");
		mp_html_href(b, way);
		mp_buf_puts(b, "junit.html\">");
	}
	mp_html_name(b, slash ? slash + 1 : r->dir);
	mp_buf_puts(b, linked ? "</a>" : "");
}

static void write_side(struct mp_buf *b, const char *which, const struct mp_cmp_side *side,
		       const char *dir)
{
	mp_buf_printf(b, "<dt>%s</dt><dd>", which);
	if (side->n > 1) {
		mp_buf_puts(b, "<b>");
		mp_html_text(b, side->name);
		mp_buf_puts(b, "</b>: ");
	}
	for (size_t i = 0; i < side->n; i++) {
		const struct mp_run *r = side->runs[i];

		mp_buf_puts(b, i ? ", " : "");
		write_run(b, r, dir);
		mp_buf_puts(b, " <small>");
		if (side->n == 1) {
			mp_html_text(b, r->env);
			mp_buf_puts(b, r->commit ? ", commit " : "");
			mp_html_text(b, r->commit);
			mp_buf_puts(b, ", ");
			mp_html_time(b, r->started_s);
			mp_buf_puts(b, ", ");
		}
		mp_buf_puts(b, mp_verdict_name(r->verdict));
		mp_buf_puts(b, "</small>");
	}
	mp_buf_puts(b, "</dd>\n");
}

static void write_hero(struct mp_buf *b, const struct mp_comparison *c, const char *dir)
{
	const size_t *n = c->count;

	mp_buf_printf(
		b,
		"<section class=\"hero v-%s\" aria-labelledby=\"headline\">\n<div class=\"verdict\">"
		"<span class=\"badge\"><span aria-hidden=\"true\">%s</span> %s</span>"
		"<h1 id=\"headline\">",
		mp_verdict_name(c->verdict), mp_html_sign(c->verdict), badge_text(c));
	write_headline(b, c);
	mp_buf_puts(b, "</h1></div>\n");
	if (c->verdict == MP_FAILED || c->verdict == MP_ERROR)
		write_reasons(b, c);
	mp_buf_puts(b, "<dl class=\"sides\">\n");
	write_side(b, "A", &c->a, dir);
	write_side(b, "B", &c->b, dir);
	mp_buf_puts(b, "</dl>\n<p class=\"note\">Changes are B against A. ");
	if (c->remark) {
		mp_buf_puts(b, "Also different: ");
		mp_html_text(b, c->remark);
		mp_buf_puts(b, ". ");
	}
	if (has_intervals(c))
		mp_buf_printf(
			b,
			"%zu metrics worse, %zu better, %zu changed, %zu without a change shown. "
			"Intervals hold the true change in 95 of 100 cases, runs being the units: "
			"of 100 unchanged metrics about 5 look changed.",
			n[MP_CMP_WORSE], n[MP_CMP_BETTER], n[MP_CMP_CHANGED], n[MP_CMP_SAME]);
	else
		mp_buf_puts(b,
			    "With one run a side nobody knows how much runs of the same code would "
			    "have differed: the uncertainty is unknown.");
	mp_buf_puts(b, "</p>\n</section>\n");
}

/* The effect as a bar from the middle, its interval as a line; decoration of the number beside. */
static void write_bar(struct mp_buf *b, const struct mp_cmp_row *r)
{
	double at = fmax(-1, fmin(1, r->effect / FULL_SCALE)) * 50;

	if (!isfinite(r->effect))
		return;
	mp_buf_printf(b,
		      "<span class=\"effect r-%s\" aria-hidden=\"true\"><i style=\"left:%.1f%%;"
		      "width:%.1f%%\"></i>",
		      mp_cmp_name(r->result), at < 0 ? 50 + at : 50, fabs(at));
	if (isfinite(r->low)) {
		double low = 50 + fmax(-1, fmin(1, r->low / FULL_SCALE)) * 50;
		double high = 50 + fmax(-1, fmin(1, r->high / FULL_SCALE)) * 50;

		mp_buf_printf(b, "<b style=\"left:%.1f%%;width:%.1f%%\"></b>", low,
			      fmax(high - low, 1));
	}
	mp_buf_puts(b, "</span>");
}

static void write_uncertainty(struct mp_buf *b, const struct mp_cmp_row *r)
{
	char low[32], high[32];

	if (isfinite(r->low))
		mp_buf_printf(b, "%s to %s", mp_cmp_effect(low, sizeof(low), r->low),
			      mp_cmp_effect(high, sizeof(high), r->high));
	else
		mp_buf_puts(b, r->n_a && r->n_b ? "unknown" : "–");
}

static const char *result_text(const struct mp_comparison *c, const struct mp_cmp_row *r)
{
	if (r->result == MP_CMP_SAME)
		return "no change shown";
	if (r->result == MP_CMP_SKIP || (r->result == MP_CMP_UNKNOWN && c->not_judged))
		return "not judged";
	if (r->result == MP_CMP_UNKNOWN && r->effect == 0)
		return "equal";
	if (r->result == MP_CMP_UNKNOWN)
		return r->effect > 0 ? "larger" : r->effect < 0 ? "smaller" : "unknown";
	return mp_cmp_name(r->result);
}

static void write_row(struct mp_buf *b, const struct mp_comparison *c, const struct mp_cmp_row *r,
		      bool minor)
{
	char a[48], v[48], e[32];

	mp_buf_printf(b,
		      "<tr data-result=\"%s\"%s><td><span class=\"chip r-%s\">%s</span></td>"
		      "<th scope=\"row\">",
		      mp_cmp_name(r->result), minor ? " class=\"minor\"" : "",
		      mp_cmp_name(r->result), result_text(c, r));
	write_name(b, &r->m);
	if ((r->result <= MP_CMP_SKIP && r->result != MP_CMP_PASS) || r->result == MP_CMP_MISSING) {
		mp_buf_puts(b, "<div class=\"msg\">");
		mp_html_text(b, r->message);
		mp_buf_puts(b, "</div>");
	}
	mp_buf_printf(b, "</th><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s",
		      mp_cmp_value(a, sizeof(a), &r->m, r->a),
		      mp_cmp_value(v, sizeof(v), &r->m, r->b),
		      mp_cmp_effect(e, sizeof(e), r->effect));
	write_bar(b, r);
	mp_buf_puts(b, "</td><td class=\"n\">");
	write_uncertainty(b, r);
	mp_buf_puts(b, "</td><td class=\"n\">");
	if (isfinite(r->allowed))
		mp_buf_printf(b, "&lt; %.6g %%", r->allowed);
	else
		mp_buf_puts(b, "–");
	mp_buf_puts(b, "</td></tr>\n");
}

static void write_table(struct mp_buf *b, const struct mp_comparison *c,
			const struct mp_cmp_suite *s)
{
	size_t shown = 0, notables = 0;

	mp_buf_puts(b,
		    "<div class=\"filters\" hidden></div>\n"
		    "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Metrics\">"
		    "<table class=\"grid rows\"><thead><tr><th scope=\"col\">Verdict</th>"
		    "<th scope=\"col\">Metric</th><th scope=\"col\" class=\"n\">A</th>"
		    "<th scope=\"col\" class=\"n\">B</th><th scope=\"col\" class=\"n\">Change</th>"
		    "<th scope=\"col\" class=\"n\">95 % interval</th>"
		    "<th scope=\"col\" class=\"n\">Allowed</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct mp_cmp_row *r = &s->rows[i];
		bool plain = r->result > MP_CMP_SKIP;
		bool notable = r->result >= MP_CMP_WORSE && r->result <= MP_CMP_CHANGED;

		write_row(b, c, r,
			  plain && shown >= IMPORTANT_ROWS &&
				  !(notable && notables++ < NOTABLE_ROWS));
		shown += plain;
	}
	mp_buf_puts(
		b,
		"</tbody></table></div>\n<p class=\"note no-match\" hidden>No metric matches.</p>\n");
}

static enum mp_verdict suite_verdict(const struct mp_cmp_suite *s)
{
	return s->result == MP_CMP_PASS    ? MP_PASSED
	       : s->result == MP_CMP_FAIL  ? MP_FAILED
	       : s->result == MP_CMP_ERROR ? MP_ERROR
					   : MP_SKIPPED;
}

static void write_suite(struct mp_buf *b, const struct mp_comparison *c, size_t i, bool open)
{
	const struct mp_cmp_suite *s = &c->suites[i];
	const char *verdict = mp_verdict_name(suite_verdict(s));

	mp_buf_printf(b,
		      "<details class=\"card suite\" id=\"suite-%zu\" data-suite=\"%zu\"%s>\n"
		      "<summary><h2>",
		      i, i, open ? " open" : "");
	mp_html_name(b, s->name);
	mp_buf_printf(b, "</h2> <span class=\"chip v-%s\">%s</span><span class=\"why\">", verdict,
		      s->result == MP_CMP_SKIP ? "no rule judged" : verdict);
	mp_html_text(b, s->error ? s->error : s->note);
	mp_buf_puts(b, "</span></summary>\n<div class=\"body\">\n");
	if (s->n_rows)
		write_table(b, c, s);
	if (s->a && s->b)
		mp_buf_puts(b, "<div class=\"charts\"></div>\n");
	mp_buf_puts(b, "</div></details>\n");
}

static size_t first_of_interest(const struct mp_comparison *c)
{
	size_t first = 0;
	bool found = false;

	for (size_t i = 0; i < c->n_suites; i++) {
		if (c->suites[i].result == MP_CMP_FAIL || c->suites[i].result == MP_CMP_ERROR)
			return i;
		if (!found && c->suites[i].n_rows) {
			first = i;
			found = true;
		}
	}
	return first;
}

static int write_data(struct mp_buf *b, const struct mp_comparison *c)
{
	int k = 0;

	mp_buf_puts(b, "{\"suites\":[");
	for (size_t i = 0; i < c->n_suites && !k; i++) {
		const struct mp_cmp_suite *s = &c->suites[i];

		mp_buf_puts(b, i ? ",\n{\"name\":" : "\n{\"name\":");
		mp_json_string(b, s->name);
		if (s->a && s->b) {
			mp_buf_puts(b, ",\"a\":");
			k = mp_json_suite(b, s->a);
			mp_buf_puts(b, ",\"b\":");
			if (!k)
				k = mp_json_suite(b, s->b);
		}
		mp_buf_puts(b, "}");
	}
	mp_buf_puts(b, "\n]}");
	return k;
}

static int write_page(struct mp_buf *b, const struct mp_comparison *c, const char *dir)
{
	_cleanup_buf_ struct mp_buf title = {0};
	size_t open = first_of_interest(c);
	int k;

	mp_buf_printf(&title, "%s · %s and %s", badge_text(c), c->a.name, c->b.name);
	mp_html_head(b, title.s ? title.s : "comparison");
	mp_buf_puts(b, "<body>\n<a class=\"skip\" href=\"#suite-0\">Skip to the suites</a>\n"
		       "<header class=\"top\"><span class=\"brand\">mmsperf-bpf</span>"
		       "<span class=\"sub\">comparison of runs</span>"
		       "<span class=\"tools\" id=\"tools\"></span></header>\n<main>\n");
	write_hero(b, c, dir);
	mp_html_chart_notes(b);
	for (size_t i = 0; i < c->n_suites; i++)
		write_suite(b, c, i, i == open);
	mp_buf_puts(b, "</main>\n<footer class=\"foot\"><p>Written by mmsperf-bpf " MP_VERSION
		       "</p></footer>\n<script type=\"application/json\" id=\"data\">");
	k = write_data(b, c);
	mp_buf_puts(b, "</script>\n");
	mp_html_scripts(b, MP_ASSET_COMPARE_JS);
	return k < 0 ? k : b->failed || title.failed ? -ENOMEM : 0;
}

int mp_report_comparison_html(const struct mp_comparison *c, const char *dir, struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(dir, "comparison_results.html");
	_cleanup_buf_ struct mp_buf b = {0};
	int k = path ? write_page(&b, c, dir) : -ENOMEM;

	if (!k)
		k = mp_write_file(path, b.s, b.len, 0644);
	return k < 0 ? mp_diag_set(d, k, path, 0, 0, "cannot be written: %s", strerror(-k)) : 0;
}

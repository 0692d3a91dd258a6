// SPDX-License-Identifier: GPL-2.0-only
/*
 * The top of the run page: what passed, what failed, by how much and when, how far the numbers can
 * be trusted, and where they come from. Renders; computes sums only. Called by html.c.
 */
#include "report/html.h"

#include <math.h>
#include <string.h>

#define MAX_REASONS 3 /* criteria of one suite; its section has them all */

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

struct totals {
	size_t verdict[_MP_VERDICT_MAX], cases, failed_cases;
	double samples, failed;
	const char *rung, *rung_why;
	bool rungs_differ, incomplete;
};

static struct totals sum_up(const struct mp_run *r)
{
	struct totals t = {0};

	for (size_t i = 0; i < r->n_suites; i++) {
		const struct mp_suite_result *s = &r->suites[i];

		t.verdict[s->verdict]++;
		t.cases += s->n_cases;
		for (size_t k = 0; k < s->n_cases; k++)
			t.failed_cases += s->cases[k].verdict >= MP_FAILED;
		t.samples += s->load.samples;
		t.failed += s->load.failed;
		t.incomplete |= s->incomplete;
		if (s->rung && t.rung && strcmp(s->rung, t.rung))
			t.rungs_differ = true;
		if (s->rung && !t.rung) {
			t.rung = s->rung;
			t.rung_why = s->rung_why;
		}
	}
	return t;
}

/* The verdict as a sentence: what a person would say who was asked "how did it go?". */
static void write_headline(struct mp_buf *b, const struct mp_run *r, const struct totals *t)
{
	size_t bad = t->verdict[MP_FAILED] + t->verdict[MP_ERROR];

	if (r->unfinished)
		mp_buf_puts(b, "This run did not finish: what was measured until then is shown");
	else if (r->stopped)
		mp_buf_puts(b, "Stopped by hand");
	else if (!r->n_suites)
		mp_buf_puts(b, "No suite was run");
	else if (bad && r->n_suites == 1) {
		mp_html_name(b, r->suites[0].name);
		mp_buf_puts(b, t->verdict[MP_FAILED] ? " failed" : " could not be judged");
	} else if (bad && t->verdict[MP_FAILED] == 0)
		mp_buf_printf(b, "%zu of %zu suite%s could not be judged", bad, r->n_suites,
			      plural(r->n_suites));
	else if (bad)
		mp_buf_printf(b, "%zu of %zu suites failed", bad, r->n_suites);
	else if (r->comparison && r->comparison_verdict >= MP_FAILED)
		mp_buf_puts(
			b,
			r->comparison_verdict == MP_FAILED
				? "Criteria hold, but the run differs from an earlier one more than allowed"
				: "The comparison with an earlier run could not be made");
	else if (t->cases && r->n_suites == 1)
		mp_buf_printf(b, t->cases == 1 ? "The criterion holds" : "All %zu criteria hold",
			      t->cases);
	else if (t->cases)
		mp_buf_printf(b, "Nothing failed: all %zu criteri%s of %zu suite%s hold", t->cases,
			      t->cases == 1 ? "on" : "a", t->verdict[MP_PASSED],
			      plural(t->verdict[MP_PASSED]));
	else
		mp_buf_puts(b, "Recorded, nothing to judge: no suite has criteria");
}

/* The criteria that were not met, by how much and when; where none says it, the suite's reason. */
static void write_broken(struct mp_buf *b, const struct mp_suite_result *s)
{
	size_t shown = 0, more = 0;

	for (size_t i = 0; i < s->n_cases; i++)
		more += s->cases[i].verdict >= MP_FAILED;
	if (s->verdict == MP_ERROR || !more)
		mp_html_text(b, s->reason ? s->reason : mp_verdict_name(s->verdict));
	for (size_t i = 0; i < s->n_cases && shown < MAX_REASONS; i++) {
		if (s->cases[i].verdict < MP_FAILED)
			continue;
		mp_buf_puts(b, shown++ ? "; <q>" : s->verdict == MP_ERROR ? ": <q>" : "<q>");
		mp_html_name(b, s->cases[i].name);
		mp_buf_puts(b, "</q>");
		mp_html_outcome(b, s, &s->cases[i]);
		more--;
	}
	if (shown && more)
		mp_buf_printf(b, "; and %zu more", more);
}

static void write_reasons(struct mp_buf *b, const struct mp_run *r)
{
	bool any = false;

	for (size_t i = 0; i < r->n_suites; i++) {
		const struct mp_suite_result *s = &r->suites[i];

		if (s->verdict != MP_FAILED && s->verdict != MP_ERROR)
			continue;
		if (!any)
			mp_buf_puts(b, "<ul class=\"reasons\">\n");
		any = true;
		mp_buf_printf(b, "<li><a href=\"#suite-%zu\">", i);
		mp_html_name(b, s->name);
		mp_buf_puts(b, "</a> ");
		write_broken(b, s);
		mp_buf_puts(b, "</li>\n");
	}
	if (any)
		mp_buf_puts(b, "</ul>\n");
}

/* Whoever trusts the numbers has to know where they have holes. */
static void write_losses(struct mp_buf *b, const struct mp_run *r)
{
	for (size_t i = 0; i < r->n_suites; i++) {
		const struct mp_suite_result *s = &r->suites[i];
		_cleanup_buf_ struct mp_buf text = {0};

		/* lines that a client did not take are in the recording all the same */
		if (!(s->monitor.drops > 0 || s->monitor.missed > 0) ||
		    !mp_html_losses(&text, &s->monitor))
			continue;
		mp_buf_printf(b, "<p class=\"bad\">The recording of <a href=\"#suite-%zu\">", i);
		mp_html_name(b, s->name);
		mp_buf_printf(b, "</a> is not whole: %s.</p>\n", text.s ? text.s : "");
	}
}

static void fact(struct mp_buf *b, const char *term)
{
	mp_buf_printf(b, "<div><dt>%s</dt><dd>", term);
}

static void fact_text(struct mp_buf *b, const char *term, const char *value)
{
	if (!value || !*value)
		return;
	fact(b, term);
	mp_html_text(b, value);
	mp_buf_puts(b, "</dd></div>\n");
}

static void write_facts(struct mp_buf *b, const struct mp_run *r, const struct totals *t)
{
	char text[32];

	mp_buf_puts(b, "<dl class=\"facts\">\n");
	fact(b, "Suites");
	mp_buf_printf(b, "%zu", r->n_suites);
	for (int v = MP_PASSED; v < _MP_VERDICT_MAX; v++)
		if (t->verdict[v] && t->verdict[v] < r->n_suites)
			mp_buf_printf(b, " <small class=\"v-%s\">%zu %s</small>",
				      mp_verdict_name(v), t->verdict[v], mp_verdict_name(v));
	mp_buf_puts(b, "</dd></div>\n");
	fact(b, "Criteria");
	mp_buf_printf(b, "%zu", t->cases);
	if (t->failed_cases)
		mp_buf_printf(b, " <small class=\"v-failed\">%zu failed</small>", t->failed_cases);
	mp_buf_puts(b, "</dd></div>\n");
	fact(b, "Requests");
	mp_html_number(b, t->samples);
	if (t->failed > 0) {
		mp_buf_puts(b, " <small class=\"v-failed\">");
		mp_html_number(b, t->failed);
		mp_buf_puts(b, " failed</small>");
	}
	mp_buf_puts(b, "</dd></div>\n");
	fact(b, "Duration");
	mp_buf_puts(b, mp_format_elapsed(text, sizeof(text), r->duration_s));
	mp_buf_puts(b, "</dd></div>\n");
	fact(b, "Started");
	mp_html_time(b, r->started_s);
	mp_buf_puts(b, "</dd></div>\n");
	if (r->hold_cap_s > 0) {
		fact(b, "Loads held");
		mp_buf_printf(b, "%g s at most <small>--quick</small></dd></div>\n", r->hold_cap_s);
	}
	fact_text(b, "Environment", r->env);
	fact_text(b, "Commit", r->commit);
	fact_text(b, "Server", r->server);
	if (t->rung) {
		fact(b, "Measured by");
		mp_html_text(b, t->rungs_differ ? "different ways, see each suite" : t->rung);
		if (t->rung_why && *t->rung_why && !t->rungs_differ) {
			mp_buf_puts(b, " <small>");
			mp_html_text(b, t->rung_why);
			mp_buf_puts(b, "</small>");
		}
		mp_buf_puts(b, "</dd></div>\n");
	}
	mp_buf_puts(b, "</dl>\n");
}

void mp_html_hero(struct mp_buf *b, const struct mp_run *r)
{
	const struct totals t = sum_up(r);

	mp_buf_printf(
		b,
		"<section class=\"hero v-%s\" aria-labelledby=\"headline\">\n<div class=\"verdict\">"
		"<span class=\"badge\"><span aria-hidden=\"true\">%s</span> %s</span>"
		"<h1 id=\"headline\">",
		mp_verdict_name(r->verdict), mp_html_sign(r->verdict), mp_verdict_name(r->verdict));
	write_headline(b, r, &t);
	mp_buf_puts(b, "</h1></div>\n");
	write_reasons(b, r);
	if (t.incomplete)
		mp_buf_puts(b, "<p class=\"note\">At least one suite ended before its load did; "
			       "whatever was measured is shown.</p>\n");
	write_losses(b, r);
	if (r->note) {
		mp_buf_puts(b, "<p class=\"note\">");
		mp_html_text(b, r->note);
		mp_buf_puts(b, "</p>\n");
	}
	if (r->comparison) {
		mp_buf_printf(b,
			      "<p class=\"%s\"><a data-file href=\"comparison_results.html\">"
			      "Comparison</a>: ",
			      r->comparison_verdict >= MP_FAILED ? "bad" : "note");
		mp_html_name(b, r->comparison);
		mp_buf_puts(b, "</p>\n");
	}
	write_facts(b, r, &t);
	mp_html_environment(b, &r->fingerprint);
	mp_buf_puts(b, "</section>\n");
}

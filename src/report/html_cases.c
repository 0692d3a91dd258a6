// SPDX-License-Identifier: GPL-2.0-only
/*
 * A suite's criteria as a table, and one criterion's outcome as words: what was seen, what was
 * allowed, and when. Renders; computes nothing. Called by html_suite.c and html_hero.c.
 */
#include "report/html.h"

#include <math.h>
#include <string.h>

static bool is_duration(const char *metric)
{
	return metric && (!strncmp(metric, "avg-", 4) || !strncmp(metric, "stdev-", 6) ||
			  (metric[0] == 'p' && metric[1] >= '0' && metric[1] <= '9'));
}

/* A threshold or an observed value in the unit of what the case watches. */
static void case_value(struct mp_buf *b, const struct mp_case *c, double v)
{
	enum mp_unit unit = c->metric ? mp_metric_unit(c->metric) : MP_UNIT_NONE;
	size_t n = c->metric ? strlen(c->metric) : 0;

	if (!isfinite(v)) {
		mp_buf_puts(b, "–");
	} else if (is_duration(c->metric)) {
		mp_html_seconds(b, v);
	} else if (unit == MP_UNIT_BYTES && fabs(v) >= 1e6) {
		mp_buf_printf(b, "%.4g MB", v / 1e6);
	} else {
		mp_html_number(b, v);
		if (unit == MP_UNIT_PERCENT || (n && c->metric[n - 1] == '%'))
			mp_buf_puts(b, " %");
		else if (unit == MP_UNIT_SECONDS)
			mp_buf_puts(b, " s");
	}
}

/* What fails the case, turned round: what the value had to be. */
static const char *allowed(const struct mp_case *c)
{
	if (c->op == '>')
		return c->or_equal ? "&lt;" : "≤";
	if (c->op == '<')
		return c->or_equal ? "&gt;" : "≥";
	return "≠";
}

/* Two moments of the load, as the charts' axis has them. */
static void put_stretch(struct mp_buf *b, const struct mp_suite_result *s, const struct mp_case *c,
			const char *between)
{
	const double zero = s->load_s > 0 ? s->load_s : s->started_s;

	mp_html_moment(b, c->from_s, zero, false);
	if (c->to_s > c->from_s) {
		mp_buf_puts(b, between);
		mp_html_moment(b, c->to_s, zero, false);
	}
}

void mp_html_outcome(struct mp_buf *b, const struct mp_suite_result *s, const struct mp_case *c)
{
	if (!c->op || !isfinite(c->threshold) || !isfinite(c->observed)) {
		if (c->message) {
			mp_buf_puts(b, " ");
			mp_html_name(b, c->message); /* its section has all of it */
		}
		return;
	}
	mp_buf_puts(b, " was ");
	case_value(b, c, c->observed);
	mp_buf_printf(b, ", allowed %s ", allowed(c));
	case_value(b, c, c->threshold);
	if (c->from_s > 0) {
		mp_buf_puts(b, c->to_s > c->from_s ? ", from " : ", at ");
		put_stretch(b, s, c, " to ");
	}
}

static void write_case(struct mp_buf *b, const struct mp_suite_result *s, size_t index)
{
	const struct mp_case *c = &s->cases[index];

	mp_buf_printf(b, "<tr data-verdict=\"%s\" data-case=\"%zu\"><td>",
		      mp_verdict_name(c->verdict), index);
	mp_html_chip(b, c->verdict);
	mp_buf_puts(b, "</td><th scope=\"row\">");
	mp_html_name(b, c->name);
	if (c->message) {
		mp_buf_puts(b, "<div class=\"msg\">");
		mp_html_text(b, c->message);
		mp_buf_puts(b, "</div>");
	}
	mp_buf_puts(b, "</th><td class=\"n\">");
	if (c->verdict == MP_FAILED || isfinite(c->observed))
		case_value(b, c, c->observed);
	else
		mp_buf_puts(b, "–");
	mp_buf_puts(b, "</td><td class=\"n\">");
	if (c->op && isfinite(c->threshold)) {
		mp_buf_printf(b, "%s ", allowed(c));
		case_value(b, c, c->threshold);
	} else {
		mp_buf_puts(b, "–");
	}
	mp_buf_puts(b, "</td><td class=\"n\">");
	if (c->verdict == MP_FAILED && c->from_s > 0) {
		put_stretch(b, s, c, " to ");
	} else if (c->verdict == MP_FAILED && c->time_s > 0) {
		mp_buf_puts(b, "after ");
		mp_html_seconds(b, c->time_s);
	} else {
		mp_buf_puts(b, "–");
	}
	mp_buf_puts(b, "</td></tr>\n");
}

void mp_html_cases(struct mp_buf *b, const struct mp_suite_result *s)
{
	if (!s->n_cases) {
		mp_buf_puts(
			b,
			"<p class=\"note\">No criteria: this suite is recorded, not judged.</p>\n");
		return;
	}
	mp_buf_puts(
		b,
		"<h3>Criteria</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
		"aria-label=\"Criteria\"><table class=\"grid cases\"><thead><tr><th scope=\"col\">"
		"Verdict</th><th scope=\"col\">Criterion</th><th scope=\"col\" class=\"n\">Observed"
		"</th><th scope=\"col\" class=\"n\">Allowed</th><th scope=\"col\" class=\"n\">Broken"
		"</th></tr></thead><tbody>\n");
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < s->n_cases; i++)
			if ((s->cases[i].verdict >= MP_FAILED) == (pass == 0))
				write_case(b, s, i);
	mp_buf_puts(b, "</tbody></table></div>\n");
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The final table of a run, at most 80 columns: what passed, what failed and why, where the
 * report is. Colours only on a terminal that has them and does not refuse them (NO_COLOR, dumb).
 * Renders; computes nothing. Called by suite/ and cli/report.c.
 */
#include "report/console.h"

#include <mmsperf/report.h>

#include <mmsperf/str.h>

#include "results/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDTH        MP_CONSOLE_WIDTH
#define NAME_COLUMNS 42

static const char *const colours[_MP_VERDICT_MAX] = {
	[MP_PASSED] = "\033[32m",
	[MP_SKIPPED] = "\033[2m",
	[MP_FAILED] = "\033[31m",
	[MP_ERROR] = "\033[35m",
};

bool mp_console_colour(FILE *out)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	if (no && *no)
		return false;
	return isatty(fileno(out)) && term && strcmp(term, "dumb");
}

void mp_console_cell(const char *s, int n, bool right, FILE *out)
{
	_cleanup_free_ char *clean = mp_text_clean(s ? s : "", true);
	char *p = clean ? clean : (char[]){""};
	int len = mp_text_columns(p), head, rest;
	const char *end;
	size_t bytes;

	for (char *c = p; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	if (len <= n) {
		fprintf(out, "%*s%s%*s", right ? n - len : 0, "", p, right ? 0 : n - len, "");
		return;
	}
	bytes = mp_text_fitting(p, n / 2, &head);
	end = mp_text_end(p + bytes, n - head - 1, &rest);
	fprintf(out, "%.*s~%s%*s", (int)bytes, p, end, n - head - 1 - rest, "");
}

/* The columns of numbers are narrow: what is large is said in larger units, never cut. */
static void put_seconds(char *buf, size_t size, double s)
{
	if (!isfinite(s))
		(void)snprintf(buf, size, "-");
	else if (s < 0.9995)
		(void)snprintf(buf, size, "%.0fms", s * 1000);
	else if (s < 99.95)
		(void)snprintf(buf, size, "%.1fs", s);
	else if (s < 9999.5)
		(void)snprintf(buf, size, "%.0fs", s);
	else
		(void)snprintf(buf, size, "%.0fh", fmin(s / 3600, 9999));
}

static void put_duration(char *buf, size_t size, double s)
{
	if (s < 36000)
		(void)mp_format_elapsed(buf, size, s);
	else if (s < 360000)
		(void)snprintf(buf, size, "%dh%02dm", (int)(s / 3600), (int)(s / 60) % 60);
	else
		(void)snprintf(buf, size, "%.0fd%02dh", floor(fmin(s / 86400, 999)),
			       (int)(fmod(s, 86400) / 3600));
}

static void put_number(char *buf, size_t size, double v, bool fraction)
{
	if (!isfinite(v))
		(void)snprintf(buf, size, "-");
	else if (v < 99.95)
		(void)snprintf(buf, size, fraction ? "%.1f" : "%.0f", v);
	else if (v < 9999.5)
		(void)snprintf(buf, size, "%.0f", v);
	else if (v < 999500)
		(void)snprintf(buf, size, "%.0fk", v / 1e3);
	else
		(void)snprintf(buf, size, "%.0fM", fmin(v / 1e6, 999));
}

static void put_share(char *buf, size_t size, const struct mp_label_stats *t)
{
	double percent = t && t->samples > 0 ? 100 * t->failed / t->samples : NAN;

	if (!isfinite(percent))
		(void)snprintf(buf, size, "-");
	else if (percent > 0 && percent < 0.05)
		(void)snprintf(buf, size, "<.1%%");
	else
		(void)snprintf(buf, size, percent > 0 && percent < 9.95 ? "%.1f%%" : "%.0f%%",
			       percent);
}

static void put_row(const struct mp_suite_result *s, bool colour, FILE *out)
{
	const struct mp_label_stats *t = s->n_labels && !*s->labels[0].label ? s->labels : NULL;
	char elapsed[32], p90[32], rate[32], errors[32], cases[32];

	put_number(cases, sizeof(cases), (double)s->n_cases, false);
	put_duration(elapsed, sizeof(elapsed), s->duration_s);
	put_seconds(p90, sizeof(p90), t ? t->p90_s : NAN);
	put_number(rate, sizeof(rate), t ? t->throughput : NAN, true);
	put_share(errors, sizeof(errors), t);
	fprintf(out, "%s%-7s%s ", colour ? colours[s->verdict] : "", mp_verdict_name(s->verdict),
		colour ? "\033[0m" : "");
	mp_console_cell(s->name, NAME_COLUMNS, false, out);
	fprintf(out, " %4s %7s %5s %5s %4s\n", cases, elapsed, p90, rate, errors);
}

void mp_console_wrapped(const char *lead, const char *s, FILE *out)
{
	_cleanup_free_ char *clean = mp_text_clean(s ? s : "", true);
	int indent = (int)strlen(lead), left = WIDTH - indent, column = 0, used;

	fputs(lead, out);
	for (char *save = NULL, *w = strtok_r(clean ? clean : (char[]){""}, " \n\t", &save); w;
	     w = strtok_r(NULL, " \n\t", &save)) {
		int len = mp_text_columns(w);

		if (column && column + 1 + len > left) {
			fprintf(out, "\n%*s", indent, "");
			column = 0;
		}
		if (column)
			column += fprintf(out, " ");
		/* a word longer than a line is a path or a label: cut by columns, not hidden */
		for (; len > left; len -= used) {
			size_t n = mp_text_fitting(w, left, &used);

			fprintf(out, "%.*s\n%*s", (int)n, w, indent, "");
			w += n;
		}
		fputs(w, out);
		column += len;
	}
	fputs("\n", out);
}

static void put_faults(const struct mp_suite_result *s, FILE *out)
{
	bool any = false;

	if (s->verdict != MP_FAILED && s->verdict != MP_ERROR)
		return;
	fputs("\n", out);
	mp_console_wrapped("", s->name, out);
	/* why a suite failed is what its cases say */
	for (size_t i = 0; i < s->n_cases; i++)
		any |= s->cases[i].verdict >= MP_FAILED;
	if (s->reason && (s->verdict == MP_ERROR || !any))
		mp_console_wrapped("  ", s->reason, out);
	for (size_t i = 0; i < s->n_cases; i++) {
		const struct mp_case *c = &s->cases[i];

		if (c->verdict < MP_FAILED)
			continue;
		mp_console_wrapped("  - ", c->name, out);
		if (c->message)
			mp_console_wrapped("    ", c->message, out);
	}
}

void mp_report_console(const struct mp_run *r, FILE *out)
{
	size_t n[_MP_VERDICT_MAX] = {0}, cases = 0;
	bool colour = mp_console_colour(out);
	char elapsed[32];

	if (r->n_suites)
		fprintf(out, "%-7s %-*s %4s %7s %5s %5s %4s\n", "verdict", NAME_COLUMNS, "suite",
			"case", "time", "p90", "req/s", "err");
	for (size_t i = 0; i < r->n_suites; i++) {
		put_row(&r->suites[i], colour, out);
		n[r->suites[i].verdict]++;
		cases += r->suites[i].n_cases;
	}
	for (size_t i = 0; i < r->n_suites; i++)
		put_faults(&r->suites[i], out);
	fprintf(out, "\n%s%s%s: ", colour ? colours[r->verdict] : "", mp_verdict_name(r->verdict),
		colour ? "\033[0m" : "");
	fprintf(out, "%zu suite%s", r->n_suites, r->n_suites == 1 ? "" : "s");
	for (int v = MP_PASSED; v < _MP_VERDICT_MAX; v++)
		if (n[v])
			fprintf(out, ", %zu %s", n[v],
				v == MP_ERROR ? "in error" : mp_verdict_name(v));
	fprintf(out, "; %zu case%s; %s\n", cases, cases == 1 ? "" : "s",
		mp_format_elapsed(elapsed, sizeof(elapsed), r->duration_s));
	if (r->hold_cap_s > 0)
		fprintf(out,
			"--quick: loads were held for %g s at most; compared with such runs "
			"only\n",
			r->hold_cap_s);
	if (r->note)
		mp_console_wrapped("", r->note, out);
	if (r->comparison)
		mp_console_wrapped("", r->comparison, out);
	if (r->stopped)
		fputs("stopped by hand: what was measured until then is kept\n", out);
}

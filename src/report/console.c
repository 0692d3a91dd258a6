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
#include <wchar.h>

#define WIDTH MP_CONSOLE_WIDTH

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

/* s cut to n columns, with a final '~' where something is missing. One byte is one column but for
 * the rest of a UTF-8 sequence, which has none. */
static void cut(char *buf, size_t size, const char *s, int n)
{
	_cleanup_free_ char *clean = mp_text_clean(s ? s : "", true);
	size_t len = 0;
	int columns = 0;

	for (const char *p = clean ? clean : ""; *p && len + 8 < size; p++) {
		bool first = ((unsigned char)*p & 0xc0) != 0x80;

		if (first && columns == n) {
			while (len > 0 && ((unsigned char)buf[len - 1] & 0xc0) == 0x80)
				len--;
			buf[len - 1] = '~';
			break;
		}
		columns += first;
		buf[len++] = *p == '\n' || *p == '\t' ? ' ' : *p;
	}
	for (; columns < n && len + 1 < size; columns++)
		buf[len++] = ' ';
	buf[len] = '\0';
}

static void put_ms(char *buf, size_t size, double s)
{
	if (!isfinite(s))
		(void)snprintf(buf, size, "-");
	else if (s < 0.9995)
		(void)snprintf(buf, size, "%.0fms", s * 1000);
	else
		(void)snprintf(buf, size, "%.1fs", s);
}

static void put_row(const struct mp_suite_result *s, bool colour, FILE *out)
{
	const struct mp_label_stats *t = s->n_labels && !*s->labels[0].label ? s->labels : NULL;
	char name[160], elapsed[16], p90[16], rate[16] = "-", errors[16] = "-";

	cut(name, sizeof(name), s->name, 42);
	put_ms(p90, sizeof(p90), t ? t->p90_s : NAN);
	if (t && isfinite(t->throughput))
		(void)snprintf(rate, sizeof(rate), t->throughput < 100 ? "%.1f" : "%.0f",
			       t->throughput);
	if (t && t->samples > 0)
		(void)snprintf(errors, sizeof(errors), t->failed > 0 ? "%.1f%%" : "%.0f%%",
			       100 * t->failed / t->samples);
	fprintf(out, "%s%-7s%s %s %4zu %7.7s %5.5s %5.5s %4.4s\n",
		colour ? colours[s->verdict] : "", mp_verdict_name(s->verdict),
		colour ? "\033[0m" : "", name, s->n_cases,
		mp_format_elapsed(elapsed, sizeof(elapsed), s->duration_s), p90, rate, errors);
}

void mp_console_wrapped(const char *lead, const char *s, FILE *out)
{
	_cleanup_free_ char *clean = mp_text_clean(s ? s : "", true);
	int indent = (int)strlen(lead), left = WIDTH - indent, column = 0;

	fputs(lead, out);
	for (char *save = NULL, *w = strtok_r(clean ? clean : (char[]){""}, " \n\t", &save); w;
	     w = strtok_r(NULL, " \n\t", &save)) {
		int len = (int)strlen(w);

		if (column && column + 1 + len > left) {
			fprintf(out, "\n%*s", indent, "");
			column = 0;
		}
		if (column)
			column += fprintf(out, " ");
		/* a word longer than a line is a path or a label: cut by columns, not hidden */
		while (len > left) {
			fprintf(out, "%.*s\n%*s", left, w, indent, "");
			w += left;
			len -= left;
		}
		column += fprintf(out, "%s", w);
	}
	fputs("\n", out);
}

static void put_faults(const struct mp_suite_result *s, FILE *out)
{
	if (s->verdict != MP_FAILED && s->verdict != MP_ERROR)
		return;
	fputs("\n", out);
	mp_console_wrapped("", s->name, out);
	if (s->reason)
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
		fprintf(out, "%-7s %-42s %4s %7s %5s %5s %4s\n", "verdict", "suite", "case", "time",
			"p90", "req/s", "err");
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
	if (r->note)
		mp_console_wrapped("", r->note, out);
	if (r->comparison)
		mp_console_wrapped("", r->comparison, out);
	if (r->stopped)
		fputs("stopped by hand: what was measured until then is kept\n", out);
}

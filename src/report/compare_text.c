// SPDX-License-Identifier: GPL-2.0-only
/*
 * A comparison as text: the CSV that upstream writes (same columns, same order), JSON for machines,
 * a table of at most 80 columns for people, and the three files of a run's folder together.
 * Renders; computes nothing. Called by cli/compare.c and suite/baseline.c.
 */
#include <mmsperf/compare.h>

#include <mmsperf/fs.h>
#include <mmsperf/report.h>
#include <mmsperf/str.h>

#include "report/console.h"
#include "results/jsonvalue.h"
#include "results/text.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define IMPORTANT_ROWS 12 /* of a suite, beside its rules: a screen holds two suites of it */
#define NOTABLE_ROWS   8  /* further ones that changed, of the many that say the same */

/* --- CSV ------------------------------------------------------------------------------------- */

static void csv_text(struct mp_buf *b, const char *s, const char *end)
{
	_cleanup_free_ char *clean = mp_text_clean(s ? s : "", true);
	const char *text = clean ? clean : "";

	if (!clean)
		b->failed = true;
	if (!text[strcspn(text, "\",\r\n")]) {
		mp_buf_puts(b, text);
	} else {
		mp_buf_puts(b, "\"");
		for (const char *p = text; *p; p++) {
			if (*p == '"')
				mp_buf_puts(b, "\"");
			mp_buf_append(b, p, 1);
		}
		mp_buf_puts(b, "\"");
	}
	mp_buf_puts(b, end);
}

/* Upstream writes NA where there is no number. */
static void csv_number(struct mp_buf *b, double v)
{
	char text[32];

	if (!isfinite(v)) {
		mp_buf_puts(b, "NA,");
		return;
	}
	(void)mp_format_double(text, v);
	mp_buf_puts(b, text);
	mp_buf_puts(b, ",");
}

static void csv_row(struct mp_buf *b, const struct mp_comparison *c, const char *suite,
		    const struct mp_cmp_row *r)
{
	_cleanup_free_ char *metric =
		mp_asprintf("%s%s%s", mp_agg_name(r->m.agg), r->m.agg ? "_" : "", r->m.name);
	bool flip = c->upstream_order;

	if (!metric)
		b->failed = true;
	csv_text(b, flip ? c->b.name : c->a.name, ",");
	csv_text(b, flip ? c->a.name : c->b.name, ",");
	csv_text(b, suite, ",");
	csv_text(b, metric, ",");
	csv_number(b, flip ? r->b : r->a);
	csv_number(b, flip ? r->a : r->b);
	csv_number(b, r->diff_percent);
	csv_number(b, r->allowed);
	csv_text(b, mp_cmp_name(r->result), ",");
	csv_text(b, r->message, "\n");
}

int mp_report_comparison_csv(const struct mp_comparison *c, const char *dir, struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(dir, "comparison_result.csv");
	_cleanup_buf_ struct mp_buf b = {0};
	int r;

	mp_buf_puts(&b, "run_name1,run_name2,test_suite,metric,run1,run2,percentage_diff,"
			"expected_diff,result,message\n");
	for (size_t i = 0; i < c->n_suites; i++) {
		const struct mp_cmp_suite *s = &c->suites[i];
		const struct mp_cmp_row whole = {
			.m = {.name = (char *)"suite"},
			.a = NAN,
			.b = NAN,
			.diff_percent = NAN,
			.allowed = NAN,
			.result = s->error ? MP_CMP_ERROR : MP_CMP_SKIP,
			.message = s->error ? s->error : s->note,
		};

		if (whole.message)
			csv_row(&b, c, s->name, &whole);
		for (size_t k = 0; k < s->n_rows; k++)
			csv_row(&b, c, s->name, &s->rows[k]);
	}
	r = path && !b.failed ? mp_write_file(path, b.s, b.len, 0644) : -ENOMEM;
	return r < 0 ? mp_diag_set(d, r, path, 0, 0, "cannot be written: %s", strerror(-r)) : 0;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static const char *better_name(enum mp_better b)
{
	return b == MP_BETTER_LOWER ? "lower" : b == MP_BETTER_HIGHER ? "higher" : "none";
}

static json_t *row_to_json(const struct mp_cmp_row *r)
{
	return json_pack(
		"{s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:s, s:o}",
		"metric", mp_json_text(r->m.name), "aggregate", mp_agg_name(r->m.agg), "unit",
		mp_unit_name(r->m.unit), "per", r->m.per ? r->m.per : "", "better",
		better_name(r->m.better), "a", mp_json_number(r->a), "b", mp_json_number(r->b),
		"runs_a", (int)r->n_a, "runs_b", (int)r->n_b, "effect", mp_json_number(r->effect),
		"interval", isfinite(r->low) ? json_pack("[f, f]", r->low, r->high) : json_null(),
		"percentage_diff", mp_json_number(r->diff_percent), "expected_diff",
		mp_json_number(r->allowed), "result", mp_cmp_name(r->result), "message",
		mp_json_text(r->message));
}

static json_t *side_to_json(const struct mp_cmp_side *s)
{
	json_t *runs = json_array();

	for (size_t i = 0; i < s->n; i++)
		(void)json_array_append_new(
			runs, json_pack("{s:o, s:o, s:o, s:o, s:s}", "folder",
					mp_json_text(s->runs[i]->dir), "env",
					mp_json_text(s->runs[i]->env), "commit",
					mp_json_text(s->runs[i]->commit), "started",
					mp_json_number(s->runs[i]->started_s), "verdict",
					mp_verdict_name(s->runs[i]->verdict)));
	return json_pack("{s:o, s:o}", "name", mp_json_text(s->name), "runs", runs);
}

int mp_report_comparison_json(const struct mp_comparison *c, FILE *out)
{
	json_t *suites = json_array(), *root;
	int r;

	for (size_t i = 0; i < c->n_suites; i++) {
		const struct mp_cmp_suite *s = &c->suites[i];
		json_t *rows = json_array();

		for (size_t k = 0; k < s->n_rows; k++)
			(void)json_array_append_new(rows, row_to_json(&s->rows[k]));
		(void)json_array_append_new(
			suites,
			json_pack("{s:o, s:s, s:o, s:o, s:o}", "name", mp_json_text(s->name),
				  "result", mp_cmp_name(s->result), "note", mp_json_text(s->note),
				  "error", mp_json_text(s->error), "rows", rows));
	}
	root = json_pack("{s:i, s:o, s:o, s:s, s:o, s:o, s:o}", "schema", 1, "a",
			 side_to_json(&c->a), "b", side_to_json(&c->b), "verdict",
			 mp_verdict_name(c->verdict), "not_judged", mp_json_text(c->not_judged),
			 "also_different", mp_json_text(c->remark), "suites", suites);
	if (!root)
		return -ENOMEM;
	r = json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) < 0 ? -EIO : 0;
	json_decref(root);
	if (fputc('\n', out) == EOF)
		r = -EIO;
	return r;
}

/* --- table ----------------------------------------------------------------------------------- */

static const char *colour_of(enum mp_cmp_result r)
{
	switch (r) {
	case MP_CMP_PASS:
	case MP_CMP_BETTER:
		return "\033[32m";
	case MP_CMP_FAIL:
	case MP_CMP_WORSE:
		return "\033[31m";
	case MP_CMP_ERROR:
		return "\033[35m";
	default:
		return "";
	}
}

/* "worse +2.1..+7.6 %": what the interval says, in the 19 columns that are left. */
static void put_interval(const struct mp_cmp_row *r, const char *colour, const char *end, FILE *out)
{
	fprintf(out, "%s%s%s", colour, mp_cmp_name(r->result), end);
	if (isfinite(r->low) && r->low < r->high && r->high < 9.99)
		fprintf(out,
			r->high - r->low < 0.1 && fabs(r->low) < 0.0995 ? " %+.1f..%+.1f"
									: " %+.0f..%+.0f",
			100 * r->low, 100 * r->high);
}

/* The last column: a rule's verdict and limit, an interval, or that there is none. */
static void put_outcome(const struct mp_cmp_row *r, bool judged, bool colour, FILE *out)
{
	const char *c = colour ? colour_of(r->result) : "", *end = *c ? "\033[0m" : "";

	if (r->result <= MP_CMP_SKIP && isfinite(r->allowed))
		fprintf(out, "%s%s%s (< %.4g %%)", c, mp_cmp_name(r->result), end, r->allowed);
	else if (r->result == MP_CMP_UNKNOWN && judged)
		fputs(isfinite(r->effect) && r->n_a + r->n_b == 2 ? "one run each" : "unknown",
		      out);
	else if (r->result == MP_CMP_UNKNOWN)
		fputs("not judged", out);
	else
		put_interval(r, c, end, out);
	fputs("\n", out);
}

static void put_row(const struct mp_cmp_row *r, bool judged, bool colour, FILE *out)
{
	_cleanup_free_ char *name =
		mp_asprintf("%s%s%s", mp_agg_name(r->m.agg), r->m.agg ? " " : "",
			    r->m.title ? r->m.title : r->m.name);
	char a[48], b[48], e[32];

	fputs("  ", out);
	mp_console_cell(name, 31, false, out);
	fputs(" ", out);
	mp_console_cell(mp_cmp_value(a, sizeof(a), &r->m, r->a), 8, true, out);
	fputs(" ", out);
	mp_console_cell(mp_cmp_value(b, sizeof(b), &r->m, r->b), 8, true, out);
	fputs(" ", out);
	mp_console_cell(mp_cmp_effect(e, sizeof(e), r->effect), 8, true, out);
	fputs(" ", out);
	put_outcome(r, judged, colour, out);
}

static void put_suite(const struct mp_comparison *c, const struct mp_cmp_suite *s, bool all,
		      bool colour, FILE *out)
{
	size_t shown = 0, notable = 0, hidden = 0;

	fputs("\n", out);
	mp_console_wrapped("", s->name, out);
	if (s->error)
		mp_console_wrapped("  error: ", s->error, out);
	if (s->note)
		mp_console_wrapped("  ", s->note, out);
	if (s->n_rows)
		fprintf(out, "  %-31s %8s %8s %8s%s\n", "", "A", "B", "change",
			c->count[MP_CMP_SAME] + c->count[MP_CMP_WORSE] ? " 95 % interval" : "");
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct mp_cmp_row *r = &s->rows[i];
		bool rule = r->result <= MP_CMP_SKIP;
		bool changed = r->result >= MP_CMP_WORSE && r->result <= MP_CMP_CHANGED;

		/* what several runs show to have changed is worth its line wherever it stands */
		if (!rule && !all && shown >= IMPORTANT_ROWS &&
		    !(changed && notable++ < NOTABLE_ROWS)) {
			hidden++;
			continue;
		}
		shown += !rule;
		put_row(r, !c->not_judged, colour, out);
		if (r->result == MP_CMP_ERROR)
			mp_console_wrapped("    ", r->message, out);
	}
	if (hidden)
		fprintf(out, "  and %zu more rows in comparison_results.html and .csv\n", hidden);
}

void mp_report_comparison_console(const struct mp_comparison *c, bool all, FILE *out)
{
	const size_t *n = c->count;
	size_t rules = n[MP_CMP_PASS] + n[MP_CMP_FAIL] + n[MP_CMP_ERROR];
	bool colour = mp_console_colour(out);

	mp_console_wrapped("A  ", c->a.name, out);
	mp_console_wrapped("B  ", c->b.name, out);
	if (c->not_judged)
		mp_console_wrapped("not judged: ", c->not_judged, out);
	else if (c->remark)
		mp_console_wrapped("also different: ", c->remark, out);
	for (size_t i = 0; i < c->n_suites; i++)
		put_suite(c, &c->suites[i], all, colour, out);
	fputs("\n", out);
	if (rules)
		fprintf(out, "%s: %zu of %zu diff_percent rules hold%s",
			mp_verdict_name(c->verdict), n[MP_CMP_PASS], rules,
			n[MP_CMP_ERROR] ? "" : "\n");
	else if (c->verdict == MP_ERROR)
		fputs("error: see above\n", out);
	else
		fputs("no diff_percent rule was judged\n", out);
	if (rules && n[MP_CMP_ERROR])
		fprintf(out, "; %zu could not be asked\n", n[MP_CMP_ERROR]);
	if (n[MP_CMP_WORSE] + n[MP_CMP_BETTER] + n[MP_CMP_CHANGED] + n[MP_CMP_SAME])
		fprintf(out,
			"%zu worse, %zu better, %zu changed, %zu without a change shown; of 100 "
			"unchanged\nmetrics about 5 look changed at 95 %%\n",
			n[MP_CMP_WORSE], n[MP_CMP_BETTER], n[MP_CMP_CHANGED], n[MP_CMP_SAME]);
}

int mp_report_comparison(const struct mp_comparison *c, const char *dir, struct mp_diag *d)
{
	static const char *const xml[] = {"comparison_results.xml"};
	_cleanup_(mp_run_done) struct mp_run run = {0};
	int r = mp_comparison_as_run(c, dir, &run);

	if (r < 0)
		return mp_diag_set(d, r, dir, 0, 0, "out of memory");
	r = mp_report_comparison_csv(c, dir, d);
	if (!r)
		r = mp_report_junit_as(&run, xml, ARRAY_SIZE(xml), d);
	if (!r)
		r = mp_report_comparison_html(c, dir, d);
	return r;
}

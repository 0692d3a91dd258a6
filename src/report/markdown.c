// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run as Markdown, for a pull request or a job's summary: verdict first, what failed and when,
 * what changed since the baseline, and the rest folded. Never longer than it may be: rows that do
 * not fit are counted, not cut. Renders; computes nothing. Called by github.c and
 * cli/report_text.c.
 */
#include <mmsperf/report.h>

#include <mmsperf/compare.h>

#include "report/text_parts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CELL         300  /* bytes of a name or message */
#define ESCAPED      8    /* bytes that one of them becomes at most: "@&#8203;" */
#define CLOSING      400  /* kept free for what ends tables, folds and the whole */
#define ROOM         1000 /* that a table or fold has to have before it is begun */
#define SPARK        24
#define SMALL_CHANGE 0.05 /* less is not worth a row where nobody knows what runs differ by */
#define UNKNOWN_ROWS 10   /* of a suite, of changes whose uncertainty is not known */

struct md {
	struct mp_buf b, row;
	size_t max;
	size_t left_out; /* rows of the present table */
};

static const char *const signs[_MP_VERDICT_MAX] = {
	[MP_PASSED] = "✅",
	[MP_SKIPPED] = "➖",
	[MP_FAILED] = "❌",
	[MP_ERROR] = "⚠️",
};

static bool fits(const struct md *m, size_t n)
{
	return m->b.len + n + CLOSING <= m->max;
}

/* Moves the row that was written to m->row into the text, where it fits. */
static bool put_row(struct md *m)
{
	bool ok = !m->left_out && fits(m, m->row.len);

	m->b.failed |= m->row.failed;
	if (ok)
		mp_buf_append(&m->b, m->row.s ? m->row.s : "", m->row.len);
	else
		m->left_out++;
	mp_buf_reset(&m->row);
	return ok;
}

static void end_table(struct md *m, const char *what)
{
	if (m->left_out)
		mp_buf_printf(&m->b, "\n%zu further %s do not fit here.\n", m->left_out, what);
	m->left_out = 0;
	mp_buf_puts(&m->b, "\n");
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* --- verdict --------------------------------------------------------------------------------- */

static void put_headline(struct md *m, const struct mp_run *r, const struct mp_comparison *c)
{
	size_t count[_MP_VERDICT_MAX] = {0}, cases = 0, bad = 0;
	bool by_comparison = c && c->verdict >= MP_FAILED && r->verdict < MP_FAILED;
	enum mp_verdict verdict = by_comparison ? c->verdict : r->verdict;
	char elapsed[32];

	for (size_t i = 0; i < r->n_suites; i++) {
		count[r->suites[i].verdict]++;
		cases += r->suites[i].n_cases;
		for (size_t k = 0; k < r->suites[i].n_cases; k++)
			bad += r->suites[i].cases[k].verdict >= MP_FAILED;
	}
	mp_buf_printf(&m->b, "## %s Performance: %s\n\n", signs[verdict],
		      r->unfinished ? "the run did not finish"
		      : r->stopped  ? "stopped by hand"
				    : mp_verdict_name(verdict));
	if (count[MP_FAILED] + count[MP_ERROR])
		mp_buf_printf(&m->b, "**%zu of %zu suite%s failed**, %zu of %zu criteria not met",
			      count[MP_FAILED] + count[MP_ERROR], r->n_suites, plural(r->n_suites),
			      bad, cases);
	else
		mp_buf_printf(&m->b, "%zu suite%s, %zu criteria, none broken", r->n_suites,
			      plural(r->n_suites), cases);
	if (c && c->count[MP_CMP_FAIL])
		mp_buf_printf(&m->b, ", **%zu of %zu rules of the comparison broken**",
			      c->count[MP_CMP_FAIL],
			      c->count[MP_CMP_FAIL] + c->count[MP_CMP_PASS] +
				      c->count[MP_CMP_ERROR]);
	mp_buf_printf(&m->b, "; %s", mp_format_elapsed(elapsed, sizeof(elapsed), r->duration_s));
	if (r->env && *r->env) {
		mp_buf_puts(&m->b, " on ");
		mp_md_code(&m->b, r->env, CELL);
	}
	if (r->commit && *r->commit) {
		mp_buf_puts(&m->b, ", commit ");
		mp_md_code(&m->b, r->commit, CELL);
	}
	if (r->hold_cap_s > 0)
		mp_buf_printf(&m->b, ", --quick (loads held for %g s at most)", r->hold_cap_s);
	mp_buf_puts(&m->b, ".\n\n");
	if (r->comparison && !c) { /* what is told of it where its table is not */
		mp_md_text(&m->b, r->comparison, 2 * CELL);
		mp_buf_puts(&m->b, "\n\n");
	}
}

static void put_failed_row(struct md *m, const struct mp_suite_result *s, const struct mp_case *c)
{
	const char *file = c && c->file ? c->file : s->path;

	mp_buf_puts(&m->row, "| ");
	mp_md_code(&m->row, s->name, CELL);
	mp_buf_puts(&m->row, " | ");
	mp_md_text(&m->row, c ? c->name : "(the suite itself)", CELL);
	mp_buf_puts(&m->row, " | ");
	mp_md_text(&m->row, c ? c->message : s->reason, 2 * CELL);
	mp_buf_puts(&m->row, " | ");
	if (file) {
		_cleanup_free_ char *place =
			c && c->line > 0 ? mp_asprintf("%s:%d", file, c->line) : strdup(file);

		mp_md_code(&m->row, place, CELL);
	}
	mp_buf_puts(&m->row, " |\n");
	(void)put_row(m);
}

static void put_failures(struct md *m, const struct mp_run *r)
{
	bool any = false;

	for (size_t i = 0; i < r->n_suites; i++) {
		const struct mp_suite_result *s = &r->suites[i];
		bool own = s->verdict >= MP_FAILED;

		if (s->verdict >= MP_FAILED && !any) {
			any = true;
			mp_buf_puts(&m->b, "| Suite | Criterion | What happened | Where |\n"
					   "| --- | --- | --- | --- |\n");
		}
		for (size_t k = 0; k < s->n_cases; k++) {
			if (s->cases[k].verdict < MP_FAILED)
				continue;
			own = false;
			put_failed_row(m, s, &s->cases[k]);
		}
		if (own) /* no case says why */
			put_failed_row(m, s, NULL);
	}
	if (any)
		end_table(m, "failures");
}

/* --- comparison ------------------------------------------------------------------------------ */

/* Of one run a side, where nobody knows what a change means: what stands for the rest. Single
 * labels, extremes and further percentiles say the same in other words. */
static bool stands_for_others(const struct mp_measure *m)
{
	static const char *const same[] = {"avg-rt", "p95", "p100"};
	bool label = !m->agg && strstr(m->name, " of ");

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		if (!strcmp(m->name, same[i]))
			return false;
	return !label && (m->agg == MP_AGG_VALUE || m->agg == MP_AGG_MEAN);
}

/* Worth a row in the open: a rule that broke, what several runs show to have changed, and a large
 * change of which nobody knows more. */
static bool is_notable(const struct mp_cmp_row *r, size_t *unknown)
{
	switch (r->result) {
	case MP_CMP_FAIL:
	case MP_CMP_ERROR:
	case MP_CMP_WORSE:
	case MP_CMP_BETTER:
	case MP_CMP_CHANGED:
		return true;
	case MP_CMP_UNKNOWN:
		return isfinite(r->effect) && fabs(r->effect) >= SMALL_CHANGE &&
		       stands_for_others(&r->m) && (*unknown)++ < UNKNOWN_ROWS;
	default:
		return false;
	}
}

static void put_compared_row(struct md *m, const struct mp_cmp_suite *s, const struct mp_cmp_row *r)
{
	_cleanup_free_ char *name =
		mp_asprintf("%s%s%s", mp_agg_name(r->m.agg), r->m.agg ? " " : "",
			    r->m.title ? r->m.title : r->m.name);
	char a[48], b[48], e[32];

	mp_buf_puts(&m->row, "| ");
	mp_md_code(&m->row, s->name, CELL);
	mp_buf_puts(&m->row, " | ");
	mp_md_text(&m->row, name, CELL);
	mp_buf_printf(&m->row, " | %s | %s | %s | ", mp_cmp_value(a, sizeof(a), &r->m, r->a),
		      mp_cmp_value(b, sizeof(b), &r->m, r->b),
		      mp_cmp_effect(e, sizeof(e), r->effect));
	if (isfinite(r->low))
		mp_buf_printf(&m->row, "%s to ", mp_cmp_effect(e, sizeof(e), r->low));
	mp_buf_puts(&m->row, isfinite(r->low) ? mp_cmp_effect(e, sizeof(e), r->high) : "unknown");
	mp_buf_puts(&m->row, " | ");
	if (isfinite(r->allowed))
		mp_buf_printf(&m->row, "%s (< %.6g %%) |\n",
			      r->result == MP_CMP_FAIL ? "**fail**" : mp_cmp_name(r->result),
			      r->allowed);
	else
		mp_buf_printf(&m->row, "%s |\n",
			      r->result == MP_CMP_UNKNOWN ? "not judged" : mp_cmp_name(r->result));
	(void)put_row(m);
}

static const char compared_head[] =
	"| Suite | Metric | Before | Now | Change | 95 % interval | Verdict |\n"
	"| --- | --- | ---: | ---: | ---: | --- | --- |\n";

static void put_compared_rows(struct md *m, const struct mp_comparison *c, bool notable)
{
	bool any = false;

	for (size_t i = 0; i < c->n_suites; i++) {
		size_t unknown = 0;

		for (size_t k = 0; k < c->suites[i].n_rows; k++) {
			const struct mp_cmp_row *r = &c->suites[i].rows[k];

			if (is_notable(r, &unknown) != notable)
				continue;
			if (!any)
				mp_buf_puts(&m->b, compared_head);
			any = true;
			put_compared_row(m, &c->suites[i], r);
		}
	}
	if (any)
		end_table(m, "metrics");
	else if (notable)
		mp_buf_puts(&m->b, "No metric changed enough to be shown here.\n\n");
}

static void put_comparison(struct md *m, const struct mp_comparison *c)
{
	const size_t *n = c->count;
	size_t rules = n[MP_CMP_PASS] + n[MP_CMP_FAIL] + n[MP_CMP_ERROR];

	mp_buf_puts(&m->b, "### Against ");
	mp_md_code(&m->b, c->a.name, CELL);
	mp_buf_puts(&m->b, "\n\n");
	if (c->not_judged) {
		mp_buf_puts(&m->b, "Side by side, not judged: ");
		mp_md_text(&m->b, c->not_judged, CELL);
		mp_buf_puts(&m->b, ".\n\n");
	} else if (rules) {
		mp_buf_printf(&m->b, "%zu of %zu `diff_percent` rules hold.\n\n", n[MP_CMP_PASS],
			      rules);
	}
	if (c->a.n == 1 && c->b.n == 1)
		mp_buf_puts(&m->b, "One run a side: nobody knows how much runs of the same code "
				   "would have differed.\n\n");
	put_compared_rows(m, c, true);
	for (size_t i = 0; i < c->n_suites; i++)
		if (c->suites[i].error && fits(m, 2 * CELL * ESCAPED)) {
			mp_md_code(&m->b, c->suites[i].name, CELL);
			mp_buf_puts(&m->b, ": ");
			mp_md_text(&m->b, c->suites[i].error, CELL);
			mp_buf_puts(&m->b, "\n\n");
		}
}

/* --- folded ---------------------------------------------------------------------------------- */

static bool open_fold(struct md *m, const char *title)
{
	if (!fits(m, ROOM)) /* a fold of nothing helps nobody */
		return false;
	mp_buf_printf(&m->b, "<details><summary>%s</summary>\n\n", title);
	return true;
}

static void close_fold(struct md *m)
{
	mp_buf_puts(&m->b, "</details>\n\n");
}

static void put_spark_cell(struct md *m, const double *v, size_t n, const struct mp_measure *unit,
			   double scale)
{
	double low = INFINITY, high = -INFINITY;
	char a[48], b[48];

	mp_buf_puts(&m->row, " | ");
	for (size_t i = 0; i < n; i++)
		if (isfinite(v[i])) {
			low = fmin(low, v[i]);
			high = fmax(high, v[i]);
		}
	if (!isfinite(low))
		return;
	mp_spark(&m->row, v, n, SPARK);
	(void)mp_cmp_value(a, sizeof(a), unit, low * scale);
	(void)mp_cmp_value(b, sizeof(b), unit, high * scale);
	mp_buf_printf(&m->row, " %s%s%s", a, strcmp(a, b) ? " to " : "", strcmp(a, b) ? b : "");
}

static void put_suite_row(struct md *m, const struct mp_suite_result *s)
{
	static const struct mp_measure seconds = {.unit = MP_UNIT_SECONDS, .per = ""},
				       rate = {.unit = MP_UNIT_COUNT, .per = "/s"},
				       bytes = {.unit = MP_UNIT_BYTES, .per = ""};
	const struct mp_series *rss = mp_table_find(&s->metrics, "sum_workers_memory_rss");
	char text[32];

	mp_buf_printf(&m->row, "| %s %s | ", signs[s->verdict], mp_verdict_name(s->verdict));
	mp_md_code(&m->row, s->name, CELL);
	mp_buf_printf(&m->row, " | %zu | %s", s->n_cases,
		      mp_format_elapsed(text, sizeof(text), s->duration_s));
	put_spark_cell(m, s->load.throughput, s->load.n, &rate, 1);
	put_spark_cell(m, s->load.p90_ms, s->load.n, &seconds, 0.001);
	put_spark_cell(m, rss ? rss->v : NULL, rss ? s->metrics.rows : 0, &bytes, 1);
	mp_buf_puts(&m->row, " |\n");
	(void)put_row(m);
}

static void put_suite_rows(struct md *m, const struct mp_run *r, bool failed_only)
{
	mp_buf_puts(&m->b,
		    "| Verdict | Suite | Criteria | Duration | Requests | p90 | Workers' memory |\n"
		    "| --- | --- | ---: | ---: | --- | --- | --- |\n");
	for (size_t i = 0; i < r->n_suites; i++)
		if (!failed_only || r->suites[i].verdict >= MP_FAILED)
			put_suite_row(m, &r->suites[i]);
	end_table(m, "suites");
}

static size_t failed_suites(const struct mp_run *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_suites; i++)
		n += r->suites[i].verdict >= MP_FAILED;
	return n;
}

static void put_criteria(struct md *m, const struct mp_run *r)
{
	bool any = false;

	for (size_t i = 0; i < r->n_suites && !any; i++)
		any = r->suites[i].n_cases > 0;
	if (!any || !open_fold(m, "All criteria"))
		return;
	mp_buf_puts(&m->b, "| Verdict | Suite | Criterion |\n| --- | --- | --- |\n");
	for (size_t i = 0; i < r->n_suites; i++)
		for (size_t k = 0; k < r->suites[i].n_cases; k++) {
			const struct mp_case *c = &r->suites[i].cases[k];

			mp_buf_printf(&m->row, "| %s %s | ", signs[c->verdict],
				      mp_verdict_name(c->verdict));
			mp_md_code(&m->row, r->suites[i].name, CELL);
			mp_buf_puts(&m->row, " | ");
			mp_md_text(&m->row, c->name, CELL);
			mp_buf_puts(&m->row, " |\n");
			(void)put_row(m);
		}
	end_table(m, "criteria");
	close_fold(m);
}

static void put_environment(struct md *m, const struct mp_run *r)
{
	const struct mp_fingerprint *fp = &r->fingerprint;

	if (!*fp->id || !open_fold(m, "Environment"))
		return;
	mp_buf_puts(&m->b, "| | |\n| --- | --- |\n");
	for (int f = 0; f < _MP_FP_MAX; f++) {
		if (!fp->v[f])
			continue;
		mp_buf_printf(&m->row, "| %s | ", mp_fp_title(f));
		mp_md_text(&m->row, fp->v[f], CELL);
		mp_buf_puts(&m->row, " |\n");
		(void)put_row(m);
	}
	end_table(m, "lines");
	close_fold(m);
}

int mp_report_markdown(const struct mp_run *r, const struct mp_comparison *c, size_t max,
		       struct mp_buf *ret)
{
	struct md m = {.max = max};

	if (max < MP_MARKDOWN_MIN)
		return -ENOSPC;
	put_headline(&m, r, c);
	put_failures(&m, r);
	if (failed_suites(r) && fits(&m, ROOM))
		put_suite_rows(&m, r, true);
	if (c && fits(&m, 6 * ROOM))
		put_comparison(&m, c);
	if (r->n_suites > failed_suites(r) && open_fold(&m, "All suites over time")) {
		put_suite_rows(&m, r, false);
		close_fold(&m);
	}
	if (c && open_fold(&m, "All further metrics")) {
		put_compared_rows(&m, c, false);
		close_fold(&m);
	}
	put_criteria(&m, r);
	put_environment(&m, r);
	mp_buf_done(&m.row);
	if (m.b.failed || m.b.len > max) {
		mp_buf_done(&m.b);
		return -ENOMEM;
	}
	*ret = m.b;
	return 0;
}

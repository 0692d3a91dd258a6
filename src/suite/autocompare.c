// SPDX-License-Identifier: GPL-2.0-only
/*
 * After each run: what changed since the newest passing run of the same environment, in three files
 * and one line. Owns the baseline while it is looked at; called by runner.c.
 */
#include "suite/autocompare.h"

#include <mmsperf/compare.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The figure that says most about a change of the code, where both runs have it. */
static const struct mp_cmp_row *headline_row(const struct mp_comparison *c,
					     const struct mp_cmp_suite **ret_suite)
{
	for (size_t i = 0; i < c->n_suites; i++)
		for (size_t k = 0; k < c->suites[i].n_rows; k++) {
			const struct mp_cmp_row *r = &c->suites[i].rows[k];

			if (r->m.rank != 0 || !isfinite(r->effect))
				continue;
			*ret_suite = &c->suites[i];
			return r;
		}
	return NULL;
}

static char *sum_up(const struct mp_comparison *c)
{
	const size_t *n = c->count;
	size_t rules = n[MP_CMP_PASS] + n[MP_CMP_FAIL] + n[MP_CMP_ERROR];
	const struct mp_cmp_suite *suite = NULL;
	const struct mp_cmp_row *r = headline_row(c, &suite);
	_cleanup_buf_ struct mp_buf b = {0};
	char effect[32];

	mp_buf_printf(&b, "compared with %s: ", c->a.name);
	if (c->not_judged)
		mp_buf_printf(&b, "not judged, %s", c->not_judged);
	else if (n[MP_CMP_FAIL])
		mp_buf_printf(&b, "%zu of %zu diff_percent rules broken", n[MP_CMP_FAIL], rules);
	else if (c->verdict == MP_ERROR && rules)
		mp_buf_printf(&b, "%zu of %zu diff_percent rules cannot be asked", n[MP_CMP_ERROR],
			      rules);
	else if (c->verdict == MP_ERROR)
		mp_buf_puts(&b, "files of a run cannot be read");
	else if (rules)
		mp_buf_printf(&b, "%zu diff_percent rule%s hold%s", rules, rules == 1 ? "" : "s",
			      rules == 1 ? "s" : "");
	else
		mp_buf_puts(&b, "no diff_percent rules");
	if (r)
		mp_buf_printf(&b, "; CPU per 1,000 requests, workers, %s with one run each (%s)",
			      mp_cmp_effect(effect, sizeof(effect), r->effect), suite->name);
	return b.failed ? NULL : TAKE_PTR(b.s);
}

/* The first thing that is wrong, for those who see the line alone. */
static void name_first(const struct mp_comparison *c, struct mp_buf *b)
{
	for (size_t i = 0; i < c->n_suites; i++) {
		const struct mp_cmp_suite *s = &c->suites[i];

		if (s->error) {
			mp_buf_printf(b, "; first: %s: %s", s->name, s->error);
			return;
		}
		for (size_t k = 0; k < s->n_rows; k++) {
			const struct mp_cmp_row *r = &s->rows[k];

			if (r->result != MP_CMP_FAIL && r->result != MP_CMP_ERROR)
				continue;
			mp_buf_printf(b, "; first: %s%s%s of %s %s", mp_agg_name(r->m.agg),
				      r->m.agg ? " " : "", r->m.title ? r->m.title : r->m.name,
				      s->name, r->message);
			return;
		}
	}
}

static char *one_line(const struct mp_comparison *c)
{
	_cleanup_free_ char *line = sum_up(c);
	_cleanup_buf_ struct mp_buf b = {0};

	if (!line)
		return NULL;
	mp_buf_puts(&b, line);
	if (c->verdict >= MP_FAILED)
		name_first(c, &b);
	return b.failed ? NULL : TAKE_PTR(b.s);
}

int mp_autocompare(struct mp_run *run, struct mp_diag *d)
{
	_cleanup_(mp_against_done) struct mp_against a = {0};
	int r = mp_against_baseline(run->out, run, &a);

	if (r == -ENOENT)
		return mp_diag_set(d, r, NULL, 0, 0,
				   "nothing to compare with: no passing %srun of environment '%s' "
				   "in '%s' has one of these suites",
				   run->hold_cap_s > 0 ? "--quick " : "", run->env, run->out);
	if (r < 0)
		return mp_diag_set(d, r, run->out, 0, 0, "no run to compare with: %s",
				   strerror(-r));
	r = mp_report_comparison(&a.c, run->dir, d);
	if (r < 0)
		return *d->msg ? r : mp_diag_set(d, r, run->dir, 0, 0, "%s", strerror(-r));
	free(run->comparison);
	run->comparison = one_line(&a.c);
	run->comparison_verdict = a.c.verdict;
	return run->comparison ? 0 : mp_diag_set(d, -ENOMEM, run->dir, 0, 0, "out of memory");
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A comparison in the shape of a run, so that the one JUnit writer serves both: a suite a suite, a
 * case a rule, named as upstream names them. Owns the run it makes; called by report/.
 */
#include <mmsperf/compare.h>

#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int add_case(const struct mp_cmp_row *row, struct mp_suite_result *s)
{
	_cleanup_(mp_case_done) struct mp_case k = {.threshold = row->allowed,
						    .observed = row->diff_percent};
	char limit[32] = "?";
	int r;

	if (isfinite(row->allowed))
		(void)mp_format_double(limit, row->allowed);
	k.verdict = row->result == MP_CMP_PASS   ? MP_PASSED
		    : row->result == MP_CMP_FAIL ? MP_FAILED
		    : row->result == MP_CMP_SKIP ? MP_SKIPPED
						 : MP_ERROR;
	k.name = mp_asprintf("%s%s%s: diff_percent < %s", mp_agg_name(row->m.agg),
			     row->m.agg ? "_" : "", row->m.name, limit);
	k.message = k.verdict == MP_PASSED ? NULL : strdup(row->message);
	if (!k.name || (k.verdict != MP_PASSED && !k.message))
		return -ENOMEM;
	r = mp_suite_result_add_case(s, &k);
	if (!r)
		k = (struct mp_case){0};
	return r;
}

static int fill(const struct mp_cmp_suite *from, double started_s, struct mp_suite_result *s)
{
	static const enum mp_verdict verdicts[] = {
		[MP_CMP_PASS] = MP_PASSED,
		[MP_CMP_FAIL] = MP_FAILED,
		[MP_CMP_ERROR] = MP_ERROR,
		[MP_CMP_SKIP] = MP_SKIPPED,
	};
	const char *why = from->error                   ? from->error
			  : from->note                  ? from->note
			  : from->result == MP_CMP_SKIP ? "no rule of this suite was judged"
							: NULL;
	int r = 0;

	s->name = strdup(from->name);
	s->reason = why ? strdup(why) : NULL;
	if (!s->name || (why && !s->reason))
		return -ENOMEM;
	s->verdict = verdicts[from->result];
	s->started_s = started_s;
	s->bzt_code = -1;
	for (size_t i = 0; i < from->n_rows && !r; i++)
		if (from->rows[i].result <= MP_CMP_SKIP)
			r = add_case(&from->rows[i], s);
	return r;
}

int mp_comparison_as_run(const struct mp_comparison *c, const char *dir, struct mp_run *ret_run)
{
	_cleanup_(mp_run_done) struct mp_run run = {.started_s = c->started_s,
						    .verdict = c->verdict};
	const struct mp_run *newest = c->b.runs[c->b.n - 1];
	int r = 0;

	run.dir = strdup(dir);
	run.env = mp_asprintf("%s and %s", c->a.name, c->b.name);
	run.commit = newest->commit ? strdup(newest->commit) : NULL;
	run.suites = calloc(c->n_suites + 1, sizeof(*run.suites));
	if (!run.dir || !run.env || !run.suites || (newest->commit && !run.commit))
		return -ENOMEM;
	for (size_t i = 0; i < c->n_suites && !r; i++) {
		run.n_suites++;
		r = fill(&c->suites[i], c->started_s, &run.suites[i]);
	}
	if (r < 0)
		return r;
	*ret_run = run;
	run = (struct mp_run){0};
	return 0;
}

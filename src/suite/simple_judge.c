// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gathers what expect_eval.c judges by: the suite's files, its moments, and the same suite in the
 * newest passing run of the environment where an expectation asks for it. Called by one_suite.c and
 * cli/rejudge.c.
 */
#include "suite/simple_judge.h"

#include "suite/expect_eval.h"

#include <mmsperf/compare.h>

#include <errno.h>
#include <string.h>

/* The suite in the baseline run, its series loaded; NULL when there is none. */
static int find_baseline(const struct mp_run *run, const struct mp_suite_result *res,
			 struct mp_run **ret_run, const struct mp_suite_result **ret_suite,
			 const char **ret_why)
{
	struct mp_suite_result self = {.name = res->name};
	struct mp_run head = *run; /* a run of this suite alone: the baseline has to have it */
	struct mp_diag d = {0};
	int r;

	head.suites = &self;
	head.n_suites = 1;
	r = run->out ? mp_baseline_find(run->out, &head, ret_run) : -ENOENT;
	if (r == -ENOMEM)
		return r;
	*ret_why = run->hold_cap_s > 0
			   ? "no earlier --quick run of this suite passed in this environment"
			   : "no earlier run of this suite passed in this environment";
	for (size_t i = 0; !r && i < (*ret_run)->n_suites; i++) {
		struct mp_suite_result *s = &(*ret_run)->suites[i];

		if (strcmp(s->name, res->name) != 0 || s->verdict >= MP_FAILED || s->incomplete)
			continue;
		if (mp_results_load_series(s, &d) < 0)
			*ret_why = "the newest passing run cannot be read whole";
		else
			*ret_suite = s;
	}
	return 0;
}

/* Of engines that leave no requests: from the set-up's end to the load's, bzt's own time with it.
 */
static void set_load_time(const struct mp_points *p, struct mp_expect_evidence *e)
{
	const struct mp_point *setup = mp_points_find(p, "setup"),
			      *load = mp_points_find(p, "load");

	if (!setup || !load)
		return;
	e->load_from_s = setup->to_s;
	e->load_to_s = load->from_s;
}

int mp_simple_judge(const struct mp_suite *s, const struct mp_run *run,
		    const struct mp_evidence_files *f, bool incomplete, struct mp_suite_result *res,
		    struct mp_diag *d)
{
	_cleanup_(mp_points_done) struct mp_points points = {0};
	_cleanup_run_ struct mp_run *base = NULL;
	struct mp_expect_evidence e = {
		.own = &f->own,
		.bzt = &f->bzt,
		/* every request is in kpi.jtl; other engines leave only their summary */
		.labels = f->load.n_labels ? f->load.labels : f->labels,
		.n_labels = f->load.n_labels ? f->load.n_labels : f->n_labels,
		.load_from_s = f->load.n ? f->load.ts[0] : 0,
		.load_to_s = f->load.n ? f->load.ts[f->load.n - 1] + 1 : 0,
		.points = &points,
		.incomplete = incomplete,
	};
	int r;

	if (!s->simple)
		return 0;
	r = mp_points_read(res->dir, &points, d);
	if (!r && !f->load.n)
		set_load_time(&points, &e);
	if (!r && mp_expects_need_baseline(s->simple))
		r = find_baseline(run, res, &base, &e.baseline, &e.why_none);
	return r ? r : mp_expects_judge(s->simple, &e, res);
}

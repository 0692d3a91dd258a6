// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judging a stored run again: the evidence is what lies in its folder, the criteria are somebody's
 * new ones. Where a criterion is still the old one, bzt's own verdict on it counts as before; a
 * changed one is judged by what was recorded. Called by cli/rejudge.c.
 */
#include <mmsperf/rejudge.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>
#include <mmsperf/suite.h>

#include "suite/simple_judge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A file may have been renamed since: where there is one of each, it is meant. */
static const struct mp_suite_result *find_stored(const struct mp_run *run, const char *name,
						 bool only)
{
	for (size_t i = 0; i < run->n_suites; i++)
		if (!strcmp(run->suites[i].name, name))
			return &run->suites[i];
	return only && run->n_suites == 1 ? &run->suites[0] : NULL;
}

static char *copy(const char *s, int *r)
{
	char *c = s ? strdup(s) : NULL;

	if (s && !c)
		*r = -ENOMEM;
	return c;
}

/* Everything of the stored result but its verdict and cases. */
static int begin(const struct mp_suite_result *from, const char *path, struct mp_suite_result *s)
{
	int r = 0;

	*s = (struct mp_suite_result){
		.incomplete = from->incomplete,
		.started_s = from->started_s,
		.duration_s = from->duration_s,
		.bzt_s = from->bzt_s,
		.bzt_code = from->bzt_code,
	};
	s->name = copy(from->name, &r);
	s->path = copy(path, &r);
	s->dir = copy(from->dir, &r);
	s->rung = copy(from->rung, &r);
	s->rung_why = copy(from->rung_why, &r);
	/* a load that did not end as it should is no better for new criteria */
	if (from->incomplete || (from->bzt_code > 0 && from->bzt_code != 3)) {
		s->verdict = MP_ERROR;
		s->reason =
			copy(from->reason ? from->reason : "the suite did not run to its end", &r);
	}
	return r;
}

static int judge(const struct mp_suite *suite, const struct mp_run *run, struct mp_suite_result *s,
		 struct mp_diag *d)
{
	_cleanup_(mp_evidence_done) struct mp_evidence_files f = {0};
	const struct mp_plan *plan = suite->plan;
	struct mp_evidence e;
	int r;

	mp_evidence_collect(s->dir, &f);
	mp_evidence_loads(s->dir, plan, &f);
	e = mp_evidence_of(&f);
	/* that the old criteria stopped it says nothing about the new ones */
	e.bzt_code = s->bzt_code == 3 ? 0 : s->bzt_code;
	e.incomplete = s->verdict == MP_ERROR;
	e.load = &f.load;
	e.by_label = f.by_label;
	e.n_by_label = f.n_by_label;
	if (!e.n_labels) {
		e.labels = f.load.labels;
		e.n_labels = f.load.n_labels;
	}
	r = mp_simple_judge(suite, run, &f, e.incomplete, s, d);
	return r ? r : mp_eval_suite(plan, &e, s);
}

static int rejudge_one(const struct mp_run *run, const struct mp_suite *suite, bool only,
		       struct mp_suite_result *ret_s, struct mp_diag *d)
{
	_cleanup_(mp_suite_result_done) struct mp_suite_result s = {0};
	const struct mp_suite_result *stored = find_stored(run, suite->name, only);
	struct mp_diag later = {0};
	int r;

	if (!stored || !stored->dir)
		return mp_diag_set(d, -ENOENT, NULL, 0, 0, "the run '%s' has no suite '%s'",
				   run->dir, suite->name);
	r = begin(stored, suite->path, &s);
	if (!r)
		r = judge(suite, run, &s, d);
	if (r < 0 && *d->msg)
		return r;
	if (r < 0)
		return mp_diag_set(d, r, suite->path, 0, 0, "%s", strerror(-r));
	/* for the page; what of it cannot be read was said when the evidence was collected */
	(void)mp_results_load_series(&s, &later);
	*ret_s = s;
	s = (struct mp_suite_result){0};
	return 0;
}

int mp_suite_rejudge(const struct mp_run *run, const char *suite_yaml, const char *env,
		     struct mp_run *into, struct mp_diag *d)
{
	const struct mp_run_opts o = {
		.test_dir = suite_yaml,
		.pattern = "*",
		.env_name = env        ? env
			    : run->env ? run->env
				       : "",
	};
	_cleanup_(mp_suites_done) struct mp_suite_list list = {0};
	struct mp_suite_result *grown;
	int r;

	if (!mp_is_file(suite_yaml))
		return mp_diag_set(d, -ENOENT, NULL, 0, 0, "'%s' is no file", suite_yaml);
	r = mp_suites_find(&o, &list, d);
	if (r < 0)
		return r;
	if (!list.n)
		return mp_diag_set(d, -EINVAL, NULL, 0, 0, "'%s' holds no suite", suite_yaml);
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].bad) {
			*d = list.v[i].diag;
			return -EINVAL;
		}
	grown = reallocarray(into->suites, into->n_suites + list.n, sizeof(*grown));
	if (!grown)
		return mp_diag_set(d, -ENOMEM, suite_yaml, 0, 0, "out of memory");
	into->suites = grown;
	for (size_t i = 0; i < list.n && !r; i++) {
		r = rejudge_one(run, &list.v[i], list.n == 1, &grown[into->n_suites], d);
		into->n_suites += !r;
	}
	return r;
}

void mp_run_conclude(struct mp_run *run)
{
	const struct mp_outcome o = {
		.suites = run->suites,
		.n = run->n_suites,
		.comparison = MP_PASSED,
	};

	run->exit_code = mp_eval_exit_code(&o);
	run->verdict = mp_eval_verdict(run->suites, run->n_suites);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two sides, each one run or several, joined suite by suite and metric by metric. A verdict comes
 * from a suite's own `diff_percent` rules alone; everything else is an effect with its uncertainty.
 * What cannot be compared is an error or said to be missing, never a pass. Owns rows and texts,
 * borrows the runs. Called by cli/compare.c and suite/baseline.c.
 */
#include <mmsperf/compare.h>

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/compare_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void suite_done(struct mp_cmp_suite *s)
{
	for (size_t i = 0; i < s->n_rows; i++)
		mp_cmp_row_done(&s->rows[i]);
	free(s->rows);
	free(s->name);
	free(s->note);
	free(s->error);
}

void mp_comparison_done(struct mp_comparison *c)
{
	for (size_t i = 0; i < c->n_suites; i++)
		suite_done(&c->suites[i]);
	free(c->suites);
	free(c->a.name);
	free(c->b.name);
	free(c->not_judged);
	free(c->remark);
	*c = (struct mp_comparison){0};
}

/* --- what the runs hold ---------------------------------------------------------------------- */

/* One suite as one run has it. */
struct source {
	const struct mp_suite_result *s;
	struct mp_measures m;
	struct mp_table bzt; /* metrics_bzt.csv: the values upstream compares */
};

struct sources {
	struct source *v;
	size_t n;
};

static void sources_done(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		mp_measures_done(&s->v[i].m);
		mp_table_done(&s->v[i].bzt);
	}
	free(s->v);
}

static const struct mp_suite_result *find_suite(const struct mp_run *r, const char *name)
{
	for (size_t i = 0; i < r->n_suites; i++)
		if (!strcmp(r->suites[i].name, name))
			return &r->suites[i];
	return NULL;
}

static int read_bzt(const struct mp_suite_result *s, struct mp_table *ret, struct mp_diag *d)
{
	_cleanup_free_ char *path = s->dir ? mp_path_join(s->dir, "metrics_bzt.csv") : NULL;

	if (!s->dir)
		return 0;
	if (!path)
		return mp_diag_set(d, -ENOMEM, s->dir, 0, 0, "out of memory");
	return mp_is_file(path) ? mp_table_read(path, ret, d) : 0;
}

/* d is filled, and the source left without that table, where metrics_bzt.csv cannot be read. */
static int collect(const struct mp_cmp_side *side, const char *name, struct sources *ret,
		   struct mp_diag *d)
{
	ret->v = calloc(side->n, sizeof(*ret->v));
	if (!ret->v)
		return -ENOMEM;
	for (size_t i = 0; i < side->n; i++) {
		const struct mp_suite_result *s = find_suite(side->runs[i], name);
		struct source *src = &ret->v[ret->n];

		if (!s)
			continue;
		ret->n++;
		src->s = s;
		if (mp_measures_of(s, &src->m) < 0)
			return -ENOMEM;
		(void)read_bzt(s, &src->bzt, d);
	}
	return 0;
}

static const struct mp_measure *find_measure(const struct source *src, const char *name,
					     enum mp_agg agg)
{
	for (size_t i = 0; i < src->m.n; i++)
		if (src->m.v[i].agg == agg && !strcmp(src->m.v[i].name, name))
			return &src->m.v[i];
	return NULL;
}

static const struct mp_series *bzt_column(const struct source *src, const struct mp_rule *rule)
{
	const struct mp_series *c = mp_table_find(&src->bzt, rule->full);

	return c ? c : mp_table_find(&src->bzt, rule->name);
}

/* What bzt itself saw, as upstream compares it; our own recording unless every run has that. */
static bool all_have_bzt(const struct sources *a, const struct sources *b,
			 const struct mp_rule *rule)
{
	for (size_t i = 0; i < a->n; i++)
		if (!bzt_column(&a->v[i], rule))
			return false;
	for (size_t i = 0; i < b->n; i++)
		if (!bzt_column(&b->v[i], rule))
			return false;
	return true;
}

static double rule_value(const struct source *src, const struct mp_rule *rule, enum mp_agg agg,
			 bool bzt)
{
	const struct mp_measure *m;

	if (!rule->monitored) {
		m = find_measure(src, rule->name, MP_AGG_VALUE);
		return m ? m->value : NAN;
	}
	if (bzt)
		return mp_measure_aggregate(bzt_column(src, rule)->v, src->bzt.rows, agg);
	return mp_measure_column(src->s, rule->name, agg);
}

/* --- one suite ------------------------------------------------------------------------------- */

static int append(struct mp_cmp_suite *s, struct mp_cmp_row *r)
{
	struct mp_cmp_row *grown = r->m.name && r->message
					   ? reallocarray(s->rows, s->n_rows + 1, sizeof(*grown))
					   : NULL;

	if (!grown) {
		mp_cmp_row_done(r);
		return -ENOMEM;
	}
	s->rows = grown;
	s->rows[s->n_rows++] = *r;
	return 0;
}

/* What a measure is called and how it is shown, from whichever run knows. */
static int describe(const struct sources *a, const struct sources *b, const char *name,
		    enum mp_agg agg, struct mp_measure *ret)
{
	const struct sources *sides[] = {b, a};
	const struct mp_measure *m = NULL;

	for (size_t k = 0; k < ARRAY_SIZE(sides) && !m; k++)
		for (size_t i = 0; i < sides[k]->n && !m; i++)
			m = find_measure(&sides[k]->v[i], name, agg);
	*ret = m ? *m
		 : (struct mp_measure){.agg = agg,
				       .unit = mp_metric_unit(name),
				       .better = mp_metric_better(name),
				       .rank = MP_RANK_HIDDEN,
				       .per = ""};
	ret->name = strdup(name);
	ret->title = m && m->title ? strdup(m->title) : NULL;
	return ret->name && (!m || !m->title || ret->title) ? 0 : -ENOMEM;
}

static int add_rule_row(const struct mp_comparison *c, struct mp_cmp_suite *s,
			const struct sources *a, const struct sources *b,
			const struct mp_rule *rule, enum mp_agg agg, bool automatic)
{
	_cleanup_free_ double *va = calloc(a->n + 1, sizeof(*va)),
			      *vb = calloc(b->n + 1, sizeof(*vb));
	bool bzt = rule->monitored && all_have_bzt(a, b, rule);
	struct mp_cmp_row r = {.allowed = NAN};

	if (!va || !vb || describe(a, b, rule->name, agg, &r.m) < 0) {
		mp_cmp_row_done(&r);
		return -ENOMEM;
	}
	for (size_t i = 0; i < a->n; i++)
		va[i] = rule_value(&a->v[i], rule, agg, bzt);
	for (size_t i = 0; i < b->n; i++)
		vb[i] = rule_value(&b->v[i], rule, agg, bzt);
	mp_cmp_row_measure(&r, va, a->n, vb, b->n);
	mp_cmp_row_judge_rule(c, rule, automatic, &r);
	return append(s, &r);
}

static int add_rules(const struct mp_comparison *c, struct mp_cmp_suite *s, const struct sources *a,
		     const struct sources *b, const struct mp_rules *rules, bool automatic)
{
	static const enum mp_agg aggs[] = {MP_AGG_MEAN, MP_AGG_MAX, MP_AGG_MIN};
	int r = 0;

	for (size_t i = 0; i < rules->n && !r; i++) {
		if (!rules->v[i].monitored) {
			r = add_rule_row(c, s, a, b, &rules->v[i], MP_AGG_VALUE, automatic);
			continue;
		}
		for (size_t k = 0; k < ARRAY_SIZE(aggs) && !r; k++)
			r = add_rule_row(c, s, a, b, &rules->v[i], aggs[k], automatic);
	}
	return r;
}

static bool has_row(const struct mp_cmp_suite *s, const struct mp_measure *m)
{
	for (size_t i = 0; i < s->n_rows; i++)
		if (s->rows[i].m.agg == m->agg && !strcmp(s->rows[i].m.name, m->name))
			return true;
	return false;
}

static int add_plain_row(const struct mp_comparison *c, struct mp_cmp_suite *s,
			 const struct sources *a, const struct sources *b,
			 const struct mp_measure *m)
{
	_cleanup_free_ double *va = calloc(a->n + 1, sizeof(*va)),
			      *vb = calloc(b->n + 1, sizeof(*vb));
	struct mp_cmp_row r = {.allowed = NAN};

	if (!va || !vb || describe(a, b, m->name, m->agg, &r.m) < 0) {
		mp_cmp_row_done(&r);
		return -ENOMEM;
	}
	for (size_t i = 0; i < a->n; i++) {
		const struct mp_measure *x = find_measure(&a->v[i], m->name, m->agg);

		va[i] = x ? x->value : NAN;
	}
	for (size_t i = 0; i < b->n; i++) {
		const struct mp_measure *x = find_measure(&b->v[i], m->name, m->agg);

		vb[i] = x ? x->value : NAN;
	}
	mp_cmp_row_measure(&r, va, a->n, vb, b->n);
	if (!r.n_a && !r.n_b) { /* a column that was empty on both sides says nothing */
		mp_cmp_row_done(&r);
		return 0;
	}
	mp_cmp_row_judge(c, &r);
	return append(s, &r);
}

static int add_plain_rows(const struct mp_comparison *c, struct mp_cmp_suite *s,
			  const struct sources *a, const struct sources *b)
{
	const struct sources *sides[] = {b, a};
	int r = 0;

	for (size_t k = 0; k < ARRAY_SIZE(sides); k++)
		for (size_t i = 0; i < sides[k]->n; i++)
			for (size_t j = 0; j < sides[k]->v[i].m.n && !r; j++) {
				const struct mp_measure *m = &sides[k]->v[i].m.v[j];

				if (m->rank < MP_RANK_HIDDEN && !has_row(s, m))
					r = add_plain_row(c, s, a, b, m);
			}
	return r;
}

/* Broken rules, then the other rules, then what has none. */
static int class_of(enum mp_cmp_result r)
{
	return r == MP_CMP_FAIL || r == MP_CMP_ERROR ? 0 : r <= MP_CMP_SKIP ? 1 : 2;
}

static int by_importance(const void *x, const void *y)
{
	const struct mp_cmp_row *a = x, *b = y;
	int order = class_of(a->result) - class_of(b->result);

	if (!order)
		order = a->m.rank - b->m.rank;
	if (!order)
		order = strcmp(a->m.name, b->m.name);
	return order ? order : (int)a->m.agg - (int)b->m.agg;
}

static void sum_up(struct mp_comparison *c, struct mp_cmp_suite *s)
{
	size_t n[_MP_CMP_MAX] = {0};

	for (size_t i = 0; i < s->n_rows; i++)
		n[s->rows[i].result]++;
	for (int i = 0; i < _MP_CMP_MAX; i++)
		c->count[i] += n[i];
	s->result = s->error || n[MP_CMP_ERROR] ? MP_CMP_ERROR
		    : n[MP_CMP_FAIL]            ? MP_CMP_FAIL
		    : n[MP_CMP_PASS]            ? MP_CMP_PASS
						: MP_CMP_SKIP;
	if (s->result == MP_CMP_ERROR)
		c->verdict = MP_ERROR;
	else if (s->result == MP_CMP_FAIL && c->verdict != MP_ERROR)
		c->verdict = MP_FAILED;
	else if (s->result == MP_CMP_PASS && c->verdict == MP_SKIPPED)
		c->verdict = MP_PASSED;
}

static int set_error(struct mp_cmp_suite *s, const struct mp_diag *d)
{
	char text[900];

	if (!*d->msg || s->error)
		return 0;
	s->error = strdup(mp_diag_str(d, text, sizeof(text)));
	return s->error ? 0 : -ENOMEM;
}

static int fill_suite(struct mp_comparison *c, struct mp_cmp_suite *s, bool automatic)
{
	_cleanup_(sources_done) struct sources a = {0}, b = {0};
	_cleanup_(mp_rules_done) struct mp_rules rules = {0};
	struct mp_diag d = {0};
	int r = collect(&c->a, s->name, &a, &d);

	if (!r)
		r = collect(&c->b, s->name, &b, &d);
	if (!r)
		r = set_error(s, &d);
	if (r < 0)
		return r;
	s->a = a.n ? a.v[a.n - 1].s : NULL;
	s->b = b.n ? b.v[b.n - 1].s : NULL;
	if (!s->a || !s->b) {
		s->note = mp_asprintf("only in %s: nothing to compare with", s->a ? "A" : "B");
		return s->note ? 0 : -ENOMEM;
	}
	/* the rules the newer side was run with */
	if (s->b->dir && mp_rules_read(s->b->dir, &rules, &d) < 0 && set_error(s, &d) < 0)
		return -ENOMEM;
	r = add_rules(c, s, &a, &b, &rules, automatic);
	if (!r)
		r = add_plain_rows(c, s, &a, &b);
	if (r < 0)
		return r;
	if (s->n_rows)
		qsort(s->rows, s->n_rows, sizeof(*s->rows), by_importance);
	else if (!s->error)
		s->note = strdup("nothing was recorded in either");
	return s->n_rows || s->error || s->note ? 0 : -ENOMEM;
}

/* --- the whole ------------------------------------------------------------------------------- */

static int name_side(struct mp_cmp_side *side)
{
	const struct mp_run *r = side->runs[0];
	const char *slash = strrchr(r->dir, '/');
	bool same = true;

	for (size_t i = 1; i < side->n; i++)
		same &= r->commit && side->runs[i]->commit &&
			!strcmp(r->commit, side->runs[i]->commit);
	if (side->n == 1)
		side->name = strdup(slash && slash[1] ? slash + 1 : r->dir);
	else if (same && r->commit)
		side->name = mp_asprintf("%zu runs of %s", side->n, r->commit);
	else
		side->name = mp_asprintf("%zu runs", side->n);
	return side->name ? 0 : -ENOMEM;
}

static const char *env_of(const struct mp_run *r)
{
	return r->env ? r->env : "";
}

/* Numbers of two machines side by side are no regression of either. */
static int check_environment(struct mp_comparison *c, const struct mp_run *first,
			     const struct mp_run *r)
{
	const char *env = env_of(r), *env0 = env_of(first);
	const char *id = r->fingerprint.id, *id0 = first->fingerprint.id;
	char diff[300];

	if (c->not_judged)
		return 0;
	(void)mp_fingerprint_diff(&first->fingerprint, &r->fingerprint, diff, sizeof(diff));
	if (strcmp(env, env0) != 0)
		c->not_judged = mp_asprintf("the environments differ (%s and %s)",
					    *env0 ? env0 : "unknown", *env ? env : "unknown");
	else if (*id && *id0 && strcmp(id, id0) != 0)
		c->not_judged = mp_asprintf("the machines differ (%s)", diff);
	else if (first->hold_cap_s != r->hold_cap_s)
		c->not_judged = mp_asprintf("their loads were held for other times (--quick: %g s "
					    "at most)",
					    fmax(first->hold_cap_s, r->hold_cap_s));
	else if (*diff && !c->remark)
		c->remark = strdup(diff);
	else
		return 0;
	return c->not_judged || c->remark ? 0 : -ENOMEM;
}

static int check_environments(struct mp_comparison *c)
{
	const struct mp_cmp_side *sides[] = {&c->a, &c->b};
	int r = 0;

	for (size_t k = 0; k < ARRAY_SIZE(sides); k++)
		for (size_t i = 0; i < sides[k]->n && !r; i++)
			r = check_environment(c, c->a.runs[0], sides[k]->runs[i]);
	return r;
}

static int add_suites(struct mp_comparison *c, const struct mp_cmp_side *side, bool automatic)
{
	for (size_t i = 0; i < side->n; i++)
		for (size_t k = 0; k < side->runs[i]->n_suites; k++) {
			const char *name = side->runs[i]->suites[k].name;
			struct mp_cmp_suite *grown, *s;
			bool there = false;
			int r;

			for (size_t j = 0; j < c->n_suites; j++)
				there |= !strcmp(c->suites[j].name, name);
			if (there)
				continue;
			grown = reallocarray(c->suites, c->n_suites + 1, sizeof(*grown));
			if (!grown)
				return -ENOMEM;
			c->suites = grown;
			s = &grown[c->n_suites++];
			*s = (struct mp_cmp_suite){.name = strdup(name)};
			r = s->name ? fill_suite(c, s, automatic) : -ENOMEM;
			if (r < 0)
				return r;
			sum_up(c, s);
		}
	return 0;
}

int mp_compare(const struct mp_run *const *a, size_t n_a, const struct mp_run *const *b, size_t n_b,
	       const struct mp_compare_opts *o, struct mp_comparison *ret_c)
{
	_cleanup_(mp_comparison_done) struct mp_comparison c = {
		.a = {.runs = a, .n = n_a},
		.b = {.runs = b, .n = n_b},
		.upstream_order = o->automatic,
		.started_s = mp_wall_s(),
		.verdict = MP_SKIPPED,
	};
	int r = name_side(&c.a);

	if (!r)
		r = name_side(&c.b);
	if (!r)
		r = check_environments(&c);
	if (!r)
		r = add_suites(&c, &c.b, o->automatic);
	/* an automatic reference may well hold suites that this run was not asked for */
	if (!r && !o->automatic)
		r = add_suites(&c, &c.a, false);
	if (r < 0)
		return r;
	*ret_c = c;
	c = (struct mp_comparison){0};
	return 0;
}

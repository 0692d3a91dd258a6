// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judging. bzt's exit code alone hides criteria with `stop: false` (they exit 0), its xunit alone
 * hides what it never evaluated, our own evaluation alone cannot see every second of every label:
 * a criterion fails when any of the three says so. Called by runner.c after each suite.
 */
#include "suite/evaluate.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BZT_AUTOMATED_STOP 3 /* bzt's exit code when a criterion failed and ended the load */

static bool is_worse(enum mp_crit_cond c, double a, double b)
{
	if (isnan(b))
		return true;
	return c == MP_COND_LT || c == MP_COND_LE ? a < b : a > b;
}

/* The stretch around a trigger goes on as long as the values stay on the wrong side. */
static void extend(const struct mp_criterion *c, const double *ts, const double *v, size_t n,
		   size_t at, struct mp_finding *f)
{
	for (size_t i = at; i < n && mp_cond_holds(c->cond, v[i], c->threshold); i++) {
		f->to_s = ts[i];
		if (is_worse(c->cond, v[i], f->observed))
			f->observed = v[i];
	}
}

void mp_eval_series(const struct mp_criterion *c, const double *ts, const double *v, size_t n,
		    struct mp_finding *ret)
{
	struct mp_finding f = {.state = MP_FIND_NO_DATA, .observed = NAN};
	double start = INFINITY;
	size_t first = 0;

	for (size_t i = 0; i < n; i++) {
		double value = v[i];
		bool state;

		if (!isnan(value)) {
			if (f.state == MP_FIND_NO_DATA)
				f.state = MP_FIND_OK;
			if (is_worse(c->cond, value, f.observed))
				f.observed = value;
		}
		if (c->logic != MP_CRIT_FOR) { /* the mean of the window that ends here */
			double sum = 0;

			while (first <= i && ts[first] <= ts[i] - c->window_s)
				first++;
			first = first > i ? i : first;
			for (size_t k = first; k <= i; k++)
				sum += v[k];
			value = sum / (double)(i - first + 1);
		}
		state = !isnan(value) && mp_cond_holds(c->cond, value, c->threshold);
		if (!state) {
			start = INFINITY;
			continue;
		}
		if (c->logic == MP_CRIT_FOR)
			start = fmin(start, ts[i]);
		else
			start = c->logic == MP_CRIT_OVER ? ts[first] : ts[i] - c->window_s + 1;
		if (c->logic != MP_CRIT_WITHIN && ts[i] - start + 1 < c->window_s)
			continue;
		f.state = MP_FIND_TRIGGERED;
		f.observed = value;
		f.from_s = start;
		f.to_s = ts[i];
		extend(c, ts, v, n, i, &f);
		break;
	}
	*ret = f;
}

/* NaN when final_stats.csv does not hold the subject. */
static double label_value(const struct mp_criterion *c, const struct mp_label_stats *l)
{
	const char *s = c->subject;
	double level;

	if (!strcmp(s, "avg-rt"))
		return l->avg_s;
	if (!strcmp(s, "stdev-rt"))
		return l->stdev_s;
	if (!strcmp(s, "hits"))
		return l->samples;
	if (mp_starts_with(s, "succ"))
		return c->percent ? 100 * (l->samples - l->failed) / l->samples
				  : l->samples - l->failed;
	if (mp_starts_with(s, "fail"))
		return c->percent ? 100 * l->failed / l->samples : l->failed;
	if (*s != 'p' || mp_parse_double(s + 1, &level) < 0)
		return NAN;
	return level == 50    ? l->p50_s
	       : level == 90  ? l->p90_s
	       : level == 95  ? l->p95_s
	       : level == 99  ? l->p99_s
	       : level == 100 ? l->max_s
			      : NAN;
}

void mp_eval_labels(const struct mp_criterion *c, const struct mp_label_stats *labels, size_t n,
		    struct mp_finding *ret)
{
	struct mp_finding f = {.state = n ? MP_FIND_NO_DATA : MP_FIND_UNJUDGED, .observed = NAN};
	const char *wanted = c->label ? c->label : "";

	for (size_t i = 0; i < n; i++) {
		double v;

		if (strcmp(labels[i].label, wanted) != 0)
			continue;
		v = c->window_s > 0 ? NAN : label_value(c, &labels[i]);
		if (isnan(v)) {
			f.state = MP_FIND_UNJUDGED;
			break;
		}
		f.observed = v;
		f.state = mp_cond_holds(c->cond, v, c->threshold) ? MP_FIND_TRIGGERED : MP_FIND_OK;
		break;
	}
	*ret = f;
}

/* Columns of metrics_bzt.csv bear no label where only one source was logged. */
static bool is_only_logged(const struct mp_plan *p, const struct mp_source_spec *src)
{
	for (size_t i = 0; i < p->n_src; i++)
		if (&p->src[i] != src && p->src[i].logging)
			return false;
	return true;
}

static const struct mp_series *find_column(const struct mp_table *t, const struct mp_criterion *c,
					   bool bare)
{
	_cleanup_free_ char *full = NULL;
	const struct mp_series *s;

	if (!t || !t->rows)
		return NULL;
	full = mp_asprintf("%s/%s", c->label, c->subject);
	s = full ? mp_table_find(t, full) : NULL;
	return s || !bare ? s : mp_table_find(t, c->subject);
}

/*
 * metrics_bzt.csv has a row wherever any source has one: with several sources an empty cell means
 * "not this one's row" and must not end a stretch.
 */
static void eval_rows_with_value(const struct mp_plan *p, const struct mp_criterion *c,
				 const struct mp_table *t, const struct mp_series *col,
				 struct mp_finding *ret)
{
	_cleanup_free_ double *ts = calloc(t->rows * 2, sizeof(*ts));
	double *v = ts + t->rows;
	size_t n = 0;

	if (!ts || p->n_src < 2) {
		mp_eval_series(c, t->ts, col->v, t->rows, ret);
		return;
	}
	for (size_t i = 0; i < t->rows; i++) {
		if (isnan(col->v[i]))
			continue;
		ts[n] = t->ts[i];
		v[n++] = col->v[i];
	}
	mp_eval_series(c, ts, v, n, ret);
}

/* Rows of the load's time as a table of its own that borrows them; false: none. */
static bool rows_of_load(const struct mp_table *t, const struct mp_series *col,
			 const struct mp_evidence *e, struct mp_table *ret_t,
			 struct mp_series *ret_col)
{
	size_t from = 0, to = t->rows;

	if (e->load_from_s <= 0)
		return false;
	while (from < to && t->ts[from] < e->load_from_s)
		from++;
	while (to > from && t->ts[to - 1] > e->load_to_s)
		to--;
	*ret_t = (struct mp_table){.ts = t->ts + from, .rows = to - from};
	*ret_col = (struct mp_series){.name = col->name, .v = col->v + from, .unit = col->unit};
	return from < to;
}

static struct mp_finding eval_monitor(const struct mp_plan *p, const struct mp_criterion *c,
				      const struct mp_evidence *e)
{
	const struct mp_source_spec *src = mp_plan_source(p, c->label);
	struct mp_finding f = {.state = MP_FIND_UNJUDGED, .observed = NAN};
	/* another source's values are not to be taken for this one's */
	const struct mp_series *col = find_column(e->bzt, c, is_only_logged(p, src));
	struct mp_table rows;
	struct mp_series part;

	/* the very values that bzt judged */
	if (col && !c->during_load) {
		eval_rows_with_value(p, c, e->bzt, col, &f);
		return f;
	}
	if (col) {
		if (rows_of_load(e->bzt, col, e, &rows, &part))
			eval_rows_with_value(p, c, &rows, &part, &f);
		return f;
	}
	/* else our own recording of this machine, while there was load as bzt watches it */
	if (!src || !(src->ours || src->local_host))
		return f;
	col = find_column(e->own, c, true);
	if (col && rows_of_load(e->own, col, e, &rows, &part))
		mp_eval_series(c, rows.ts, part.v, rows.rows, &f);
	return f;
}

/* What bzt would have looked at each second, in the threshold's unit; v has room for l->n. */
static bool by_second(const struct mp_criterion *c, const struct mp_load *l, double *v)
{
	bool percent = c->percent;
	const struct {
		const char *subject;
		const double *v, *less;
		double scale;
	} known[] = {
		{"avg-rt", l->avg_ms, NULL, 0.001},
		{"p50", l->p50_ms, NULL, 0.001},
		{"p90", l->p90_ms, NULL, 0.001},
		{"p99", l->p99_ms, NULL, 0.001},
		{"hits", l->throughput, NULL, 1},
		{"concurr", l->concurrency, NULL, 1},
		{"fail", percent ? l->failed_pct : l->errors, NULL, 1},
		{"succ", percent ? l->succeeded_pct : l->throughput, percent ? NULL : l->errors, 1},
	};

	for (size_t k = 0; k < ARRAY_SIZE(known); k++) {
		size_t n = strlen(known[k].subject);

		/* "success" is succ, "p90.0" is p90, and p999 is neither */
		if (strncmp(c->subject, known[k].subject, n) != 0 ||
		    (*c->subject == 'p' && c->subject[n] && strcmp(c->subject + n, ".0") != 0))
			continue;
		for (size_t i = 0; i < l->n; i++)
			v[i] = known[k].scale *
			       (known[k].v[i] - (known[k].less ? known[k].less[i] : 0));
		return true;
	}
	return false;
}

static struct mp_finding eval_seconds(const struct mp_criterion *c, const struct mp_evidence *e)
{
	struct mp_finding f = {.state = MP_FIND_UNJUDGED, .observed = NAN};
	const struct mp_load *l = c->label && *c->label ? NULL : e->load;
	_cleanup_free_ double *v = NULL;

	for (size_t i = 0; i < e->n_by_label && !l; i++)
		if (!strcmp(e->by_label[i].label, c->label))
			l = &e->by_label[i].load;
	if (!l)
		return f;
	v = calloc(l->n + 1, sizeof(*v));
	if (v && by_second(c, l, v))
		mp_eval_series(c, l->ts, v, l->n, &f);
	return f;
}

static struct mp_finding eval_criterion(const struct mp_plan *p, const struct mp_criterion *c,
					const struct mp_evidence *e)
{
	struct mp_finding f = {.state = MP_FIND_UNJUDGED, .observed = NAN};

	if (c->kind == MP_CRIT_MONITOR)
		f = eval_monitor(p, c, e);
	else if (c->kind == MP_CRIT_DATA)
		mp_eval_labels(c, e->labels, e->n_labels, &f);
	return f;
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/* bzt's xunit case of a criterion, by what it says rather than by how it is spelled. */
static const struct mp_case *find_xunit(const struct mp_criterion *c, const struct mp_evidence *e)
{
	const struct mp_case *found = NULL;
	struct mp_case mine = {0};
	double window, other_window;

	if (!mp_criterion_parse(c->bzt_name, &mine, &window))
		return NULL;
	for (size_t i = 0; i < e->n_xunit && !found; i++) {
		struct mp_case other = {0};

		if (!e->xunit[i].name ||
		    !mp_criterion_parse(e->xunit[i].name, &other, &other_window))
			continue;
		if (same_text(mine.metric, other.metric) && same_text(mine.label, other.label) &&
		    mine.op == other.op && window == other_window &&
		    fabs(mine.threshold - other.threshold) <= 1e-9 * fabs(mine.threshold))
			found = &e->xunit[i];
		mp_case_done(&other);
	}
	mp_case_done(&mine);
	return found;
}

/* A value the way people read it: times in ms or s, sizes in MB, the rest plain. */
static void describe(const struct mp_criterion *c, double v, char *buf, size_t size)
{
	bool time = c->kind == MP_CRIT_DATA && !c->percent &&
		    (mp_ends_with(c->subject, "-rt") || mp_ends_with(c->subject, "-lt") ||
		     mp_ends_with(c->subject, "-ct") || *c->subject == 'p');
	bool bytes = c->kind == MP_CRIT_MONITOR && mp_metric_unit(c->subject) == MP_UNIT_BYTES;
	char num[32];

	if (time)
		(void)snprintf(buf, size, v < 10 ? "%.4g ms" : "%.4g s", v < 10 ? v * 1000 : v);
	else if (bytes && fabs(v) >= 1e6)
		(void)snprintf(buf, size, "%.4g MB", v / 1e6);
	else if (c->percent)
		(void)snprintf(buf, size, "%.4g %%", v);
	else
		(void)snprintf(buf, size, "%.*s", mp_format_double(num, v), num);
}

static char *failure_message(const struct mp_criterion *c, const struct mp_finding *f,
			     const struct mp_case *x, double load_from_s)
{
	_cleanup_buf_ struct mp_buf b = {0};
	char seen[48], limit[48];

	describe(c, c->threshold, limit, sizeof(limit));
	if (f->state == MP_FIND_TRIGGERED) {
		describe(c, f->observed, seen, sizeof(seen));
		mp_buf_printf(&b, "%s is %s, fails when %s %s", c->subject, seen,
			      mp_cond_text(c->cond), limit);
		if (c->window_text)
			mp_buf_printf(&b, " %s %s", mp_logic_text(c->logic), c->window_text);
		if (f->to_s > 0 && f->to_s < load_from_s)
			mp_buf_puts(&b, ", before the first request");
		else if (f->from_s > 0 && load_from_s > 0)
			mp_buf_printf(&b, ", from second %.0f to %.0f of the load",
				      fmax(0, f->from_s - load_from_s),
				      fmax(0, f->to_s - load_from_s));
	} else {
		mp_buf_printf(&b, "bzt: %s (fails when %s %s %s)",
			      x && x->message ? x->message : "criterion triggered", c->subject,
			      mp_cond_text(c->cond), limit);
	}
	return b.failed ? NULL : TAKE_PTR(b.s);
}

/* Verdict and message of one criterion; the case is otherwise filled. */
static int judge(const struct mp_criterion *c, const struct mp_finding *f, const struct mp_case *x,
		 const struct mp_evidence *e, struct mp_case *k)
{
	bool by_bzt = x && x->verdict >= MP_FAILED && !c->during_load,
	     by_us = f->state == MP_FIND_TRIGGERED;
	/* requests that were cut off at the end count as failed in whole-run figures */
	bool too_early = e->incomplete && c->kind == MP_CRIT_DATA && c->window_s <= 0;

	if (c->fail && (by_bzt || by_us) && !too_early) {
		k->verdict = MP_FAILED;
		k->message = failure_message(c, f, x, e->load_from_s);
	} else if (e->incomplete) {
		k->verdict = MP_SKIPPED;
		k->message = strdup("the suite ended before its load did");
	} else if (f->state == MP_FIND_NO_DATA && e->bzt_code == BZT_AUTOMATED_STOP) {
		/* not its own fault: what it judges may have come later */
		k->verdict = MP_SKIPPED;
		k->message = strdup("another criterion ended the load before there was any data");
	} else if (f->state == MP_FIND_NO_DATA) {
		k->verdict = MP_ERROR;
		k->message =
			c->kind == MP_CRIT_MONITOR
				? mp_asprintf("no data: %s of %s never had a value in this run",
					      c->subject, c->label)
				: mp_asprintf("no data: no sample was labelled '%s'", c->label);
	} else if (f->state == MP_FIND_UNJUDGED && !x) {
		k->verdict = MP_ERROR;
		k->message = strdup("not judged: neither bzt's xunit files nor the recording say "
				    "anything about it");
	} else {
		k->verdict = MP_PASSED;
		return 0;
	}
	return k->message ? 0 : -ENOMEM;
}

static int add_criterion_case(const struct mp_plan *p, const struct mp_criterion *c,
			      const struct mp_evidence *e, struct mp_suite_result *s)
{
	const struct mp_case *x = find_xunit(c, e);
	struct mp_finding f = eval_criterion(p, c, e);
	_cleanup_(mp_case_done) struct mp_case k = {.observed = NAN};
	const char *cond = mp_cond_text(c->cond);
	double window;
	int r;

	(void)mp_criterion_parse(c->bzt_name, &k, &window);
	k.threshold = c->threshold;
	k.op = *cond;
	k.or_equal = *cond != '=' && cond[1] == '=';
	k.name = strdup(c->name);
	if (!k.name)
		return -ENOMEM;
	/* bzt saw every request as it came: where it judged this very criterion, ours is no better
	 */
	if (!x && c->kind == MP_CRIT_DATA && f.state == MP_FIND_UNJUDGED && e->load &&
	    c->window_s > 0)
		f = eval_seconds(c, e);
	k.observed = f.observed;
	r = judge(c, &f, x, e, &k);
	if (r < 0)
		return r;
	k.time_s = s->duration_s;
	if (k.verdict == MP_FAILED) {
		k.from_s = f.from_s;
		k.to_s = f.to_s;
		if (f.from_s > 0 && e->load_from_s > 0)
			k.time_s = fmax(0, f.from_s - e->load_from_s);
	}
	r = mp_suite_result_add_case(s, &k);
	if (!r)
		k = (struct mp_case){0};
	return r;
}

/* bzt says that something failed which is none of the criteria we found. */
static int add_unknown(const struct mp_evidence *e, struct mp_suite_result *s)
{
	_cleanup_(mp_case_done) struct mp_case k = {.observed = NAN, .threshold = NAN};
	int r;

	k.verdict = MP_FAILED;
	k.time_s = s->duration_s;
	k.name = strdup("bzt: no criterion stopped the run");
	k.message =
		mp_asprintf("bzt ended with code %d (automated stop): see bzt.log", e->bzt_code);
	if (!k.name || !k.message)
		return -ENOMEM;
	r = mp_suite_result_add_case(s, &k);
	if (!r)
		k = (struct mp_case){0};
	return r;
}

static int set_reason(struct mp_suite_result *s, size_t failed, size_t errors)
{
	const struct mp_case *first = NULL;
	char *text;

	for (size_t i = 0; i < s->n_cases && !first; i++)
		if (s->cases[i].verdict == s->verdict)
			first = &s->cases[i];
	if (failed + errors > 1)
		text = mp_asprintf("%zu of %zu criteria not met; first: %s (%s)", failed + errors,
				   s->n_cases, first->name, first->message);
	else
		text = mp_asprintf("%s: %s", first->name, first->message);
	if (!text)
		return -ENOMEM;
	free(s->reason);
	s->reason = text;
	return 0;
}

int mp_eval_suite(const struct mp_plan *p, const struct mp_evidence *e, struct mp_suite_result *s)
{
	size_t failed = 0, errors = 0;
	bool infra = s->verdict == MP_ERROR;
	int r = 0;

	for (size_t i = 0; !r && i < p->n_crit; i++)
		r = add_criterion_case(p, &p->crit[i], e, s);
	for (size_t i = 0; i < s->n_cases; i++) {
		failed += s->cases[i].verdict == MP_FAILED;
		errors += s->cases[i].verdict == MP_ERROR;
	}
	if (!r && !failed && e->bzt_code == BZT_AUTOMATED_STOP) {
		r = add_unknown(e, s);
		failed++;
	}
	if (r < 0 || infra)
		return r;
	if (!s->n_cases) {
		s->verdict = MP_SKIPPED;
		free(s->reason);
		s->reason = strdup("no criteria: run and recorded, not judged");
		return s->reason ? 0 : -ENOMEM;
	}
	s->verdict = errors ? MP_ERROR : failed ? MP_FAILED : MP_PASSED;
	return s->verdict == MP_PASSED ? 0 : set_reason(s, failed, errors);
}

int mp_eval_exit_code(const struct mp_outcome *o)
{
	bool error = o->infra || o->comparison == MP_ERROR;
	bool failed = o->none || o->comparison == MP_FAILED;

	for (size_t i = 0; i < o->n; i++) {
		error |= o->suites[i].verdict == MP_ERROR;
		failed |= o->suites[i].verdict == MP_FAILED;
	}
	return o->stopped ? 2 : error ? 1 : failed ? 3 : 0;
}

enum mp_verdict mp_eval_verdict(const struct mp_suite_result *suites, size_t n)
{
	enum mp_verdict worst = MP_SKIPPED;

	for (size_t i = 0; i < n; i++) {
		enum mp_verdict v = suites[i].verdict;

		if (v == MP_PASSED && worst == MP_SKIPPED)
			worst = MP_PASSED;
		else if (v > worst && v != MP_SKIPPED)
			worst = v;
	}
	return worst;
}

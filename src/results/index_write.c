// SPDX-License-Identifier: GPL-2.0-only
/*
 * One run's folder -> rows of the index, and out again. Runs inside the caller's transaction.
 * Called by index_sync.c.
 */
#include "results/index.h"

#include "results/index_sql.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SERIES 1000000 /* remembered; beyond, SQLite is asked */

static const char *const writers[] = {
	[MP_STMT_RUN] = sql_add_run,
	[MP_STMT_ENVIRONMENT] = sql_add_environment,
	[MP_STMT_SUITE] = sql_add_suite,
	[MP_STMT_CASE] = sql_add_case,
	[MP_STMT_FIND_SERIES] = sql_find_series,
	[MP_STMT_SERIES] = sql_add_series,
	[MP_STMT_AGGREGATE] = sql_add_aggregate,
	[MP_STMT_AGGREGATES] = sql_add_aggregates,
	[MP_STMT_FAULT] = sql_add_fault,
};
_Static_assert(ARRAY_SIZE(writers) == _MP_STMT_MAX, "every writer has its statement");

void mp_index_writers_done(struct mp_index *ix)
{
	for (int i = 0; i < _MP_STMT_MAX; i++)
		mp_index_stmt_done(&ix->stmt[i]);
	mp_aggregates_free(ix->series, ix->n_series);
	ix->series = NULL;
	ix->n_series = ix->next_series = 0;
}

static int writer(struct mp_index *ix, enum mp_index_stmt which, sqlite3_stmt **ret_stmt,
		  struct mp_diag *d)
{
	if (!ix->stmt[which]) {
		int r = mp_index_prepare(ix, writers[which], &ix->stmt[which], d);

		if (r < 0)
			return r;
	}
	*ret_stmt = ix->stmt[which];
	return 0;
}

/* Texts outlive the step they are bound for: SQLite need not copy them. */
static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	(void)sqlite3_bind_text(s, at, text ? text : "", -1, SQLITE_STATIC);
}

/* NaN is NULL: SQLite binds it as that by itself. */
static void bind_number(sqlite3_stmt *s, int at, double v)
{
	(void)sqlite3_bind_double(s, at, v);
}

/* Runs a writer that returns no row. */
static int step(struct mp_index *ix, sqlite3_stmt *s, struct mp_diag *d)
{
	int k = sqlite3_step(s);
	int r = k == SQLITE_DONE ? 0 : mp_index_fault(ix, k, d);

	(void)sqlite3_reset(s);
	return r;
}

int mp_index_forget(struct mp_index *ix, const char *id, struct mp_diag *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(sql_forget); i++) {
		_cleanup_stmt_ sqlite3_stmt *s = NULL;
		int r = mp_index_prepare(ix, sql_forget[i], &s, d);

		if (r < 0)
			return r;
		bind_text(s, 1, id);
		r = step(ix, s, d);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_fault(struct mp_index *ix, const char *id, const struct mp_index_stamp *stamp,
		     const struct mp_diag *why, struct mp_diag *d)
{
	sqlite3_stmt *s = NULL;
	char text[1024];
	int r = writer(ix, MP_STMT_FAULT, &s, d);

	if (r < 0)
		return r;
	bind_text(s, 1, id);
	bind_text(s, 2, mp_diag_str(why, text, sizeof(text)));
	(void)sqlite3_bind_int64(s, 3, stamp->mtime_ns);
	(void)sqlite3_bind_int64(s, 4, stamp->size);
	(void)sqlite3_bind_int64(s, 5, stamp->inode);
	return step(ix, s, d);
}

static int add_run(struct mp_index *ix, const char *id, const struct mp_index_stamp *stamp,
		   const struct mp_run *r, struct mp_diag *d)
{
	int passed = 0, bad = 0, cases = 0, cases_bad = 0, k, at = 0;
	_cleanup_buf_ struct mp_buf tags = {0};
	sqlite3_stmt *s = NULL;

	k = writer(ix, MP_STMT_RUN, &s, d);
	if (k < 0)
		return k;
	for (size_t i = 0; i < r->n_suites; i++) {
		passed += r->suites[i].verdict == MP_PASSED;
		bad += r->suites[i].verdict >= MP_FAILED;
		cases += (int)r->suites[i].n_cases;
		for (size_t c = 0; c < r->suites[i].n_cases; c++)
			cases_bad += r->suites[i].cases[c].verdict >= MP_FAILED;
	}
	for (size_t i = 0; i < r->n_tags; i++)
		mp_buf_printf(&tags, "%s%s", i ? " " : "", r->tags[i]);
	bind_text(s, ++at, id);
	bind_text(s, ++at, r->env);
	bind_text(s, ++at, r->commit);
	bind_number(s, ++at, r->started_s);
	bind_number(s, ++at, r->duration_s);
	bind_text(s, ++at, mp_verdict_name(r->verdict));
	bind_number(s, ++at, r->hold_cap_s);
	(void)sqlite3_bind_int(s, ++at, r->exit_code);
	(void)sqlite3_bind_int(s, ++at, r->stopped);
	(void)sqlite3_bind_int(s, ++at, r->unfinished);
	bind_text(s, ++at, r->server);
	bind_text(s, ++at, r->fingerprint.id);
	bind_text(s, ++at, tags.s);
	(void)sqlite3_bind_int(s, ++at, (int)r->n_suites);
	(void)sqlite3_bind_int(s, ++at, passed);
	(void)sqlite3_bind_int(s, ++at, bad);
	(void)sqlite3_bind_int(s, ++at, cases);
	(void)sqlite3_bind_int(s, ++at, cases_bad);
	(void)sqlite3_bind_int64(s, ++at, stamp->mtime_ns);
	(void)sqlite3_bind_int64(s, ++at, stamp->size);
	(void)sqlite3_bind_int64(s, ++at, stamp->inode);
	return step(ix, s, d);
}

static int add_environment(struct mp_index *ix, sqlite3_int64 run, const struct mp_fingerprint *fp,
			   struct mp_diag *d)
{
	sqlite3_stmt *s = NULL;
	int r = writer(ix, MP_STMT_ENVIRONMENT, &s, d);

	for (int f = 0; f < _MP_FP_MAX && !r; f++) {
		if (!fp->v[f])
			continue;
		(void)sqlite3_bind_int64(s, 1, run);
		bind_text(s, 2, mp_fp_key(f));
		bind_text(s, 3, fp->v[f]);
		r = step(ix, s, d);
	}
	return r;
}

static int add_case(struct mp_index *ix, sqlite3_int64 run, int suite, int no,
		    const struct mp_case *c, struct mp_diag *d)
{
	char op[2] = {c->op, '\0'};
	sqlite3_stmt *s = NULL;
	int r = writer(ix, MP_STMT_CASE, &s, d);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(s, 1, run);
	(void)sqlite3_bind_int(s, 2, suite);
	(void)sqlite3_bind_int(s, 3, no);
	bind_text(s, 4, c->name);
	bind_text(s, 5, mp_verdict_name(c->verdict));
	bind_text(s, 6, c->message);
	bind_text(s, 7, c->metric);
	bind_text(s, 8, c->label);
	bind_text(s, 9, op);
	bind_number(s, 10, c->threshold);
	bind_number(s, 11, c->observed);
	return step(ix, s, d);
}

static int add_suite(struct mp_index *ix, sqlite3_int64 run, int no,
		     const struct mp_suite_result *res, struct mp_diag *d)
{
	sqlite3_stmt *s = NULL;
	int r = writer(ix, MP_STMT_SUITE, &s, d);

	if (r < 0)
		return r;
	(void)sqlite3_bind_int64(s, 1, run);
	(void)sqlite3_bind_int(s, 2, no);
	bind_text(s, 3, res->name);
	bind_text(s, 4, mp_verdict_name(res->verdict));
	bind_text(s, 5, res->reason);
	bind_number(s, 6, res->started_s);
	bind_number(s, 7, res->duration_s);
	r = step(ix, s, d);
	for (size_t i = 0; i < res->n_cases && !r; i++)
		r = add_case(ix, run, no, (int)i, &res->cases[i], d);
	return r;
}

static int ask_series(struct mp_index *ix, const struct mp_aggregate *a, sqlite3_int64 *ret_no,
		      struct mp_diag *d)
{
	static const enum mp_index_stmt which[] = {MP_STMT_FIND_SERIES, MP_STMT_SERIES};

	for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
		sqlite3_stmt *s = NULL;
		int r = writer(ix, which[i], &s, d), k;

		if (r < 0)
			return r;
		bind_text(s, 1, a->suite);
		bind_text(s, 2, a->label);
		bind_text(s, 3, a->metric);
		k = sqlite3_step(s);
		if (k == SQLITE_ROW)
			*ret_no = sqlite3_column_int64(s, 0);
		(void)sqlite3_reset(s);
		if (k == SQLITE_ROW)
			return 0;
		if (k != SQLITE_DONE)
			return mp_index_fault(ix, k, d);
	}
	*ret_no = sqlite3_last_insert_rowid(ix->db);
	return 0;
}

static bool is_series(const struct mp_aggregate *s, const struct mp_aggregate *a)
{
	return s->metric && !strcmp(s->metric, a->metric) && !strcmp(s->label, a->label) &&
	       !strcmp(s->suite, a->suite);
}

static int remember_series(struct mp_index *ix, size_t no, const struct mp_aggregate *a)
{
	struct mp_aggregate *s;

	if (no >= ix->n_series) {
		size_t n = no + 256;

		s = reallocarray(ix->series, n, sizeof(*s));
		if (!s)
			return -ENOMEM;
		memset(s + ix->n_series, 0, (n - ix->n_series) * sizeof(*s));
		ix->series = s;
		ix->n_series = n;
	}
	s = &ix->series[no];
	if (s->metric)
		return 0;
	s->suite = strdup(a->suite);
	s->label = strdup(a->label);
	s->metric = strdup(a->metric);
	return s->suite && s->label && s->metric ? 0 : -ENOMEM;
}

static int series_no(struct mp_index *ix, const struct mp_aggregate *a, sqlite3_int64 *ret_no,
		     struct mp_diag *d)
{
	size_t guess = ix->next_series;
	int r = 0;

	if (guess < ix->n_series && is_series(&ix->series[guess], a)) {
		*ret_no = (sqlite3_int64)guess;
	} else {
		r = ask_series(ix, a, ret_no, d);
		if (!r && *ret_no < MAX_SERIES)
			r = remember_series(ix, (size_t)*ret_no, a);
	}
	ix->next_series = (size_t)*ret_no + 1;
	return r;
}

static int add_aggregates(struct mp_index *ix, sqlite3_int64 run, const struct mp_aggregate *v,
			  size_t n, struct mp_diag *d)
{
	ix->next_series = 1;
	for (size_t i = 0; i < n;) {
		/* a statement costs as much as several of its rows */
		bool many = n - i >= SQL_ROWS_MANY;
		size_t end = i + (many ? SQL_ROWS_MANY : 1);
		sqlite3_stmt *s = NULL;
		int r = writer(ix, many ? MP_STMT_AGGREGATES : MP_STMT_AGGREGATE, &s, d);

		for (int at = 0; i < end && !r; i++) {
			sqlite3_int64 series = 0;

			r = series_no(ix, &v[i], &series, d);
			(void)sqlite3_bind_int64(s, ++at, series);
			(void)sqlite3_bind_int64(s, ++at, run);
			bind_number(s, ++at, v[i].n);
			bind_number(s, ++at, v[i].mean);
			bind_number(s, ++at, v[i].max);
			bind_number(s, ++at, v[i].min);
		}
		if (!r)
			r = step(ix, s, d);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A run of an older version has none: they are computed once, and kept if the folder lets us. */
static int aggregates_for(struct mp_run *r, struct mp_aggregate **ret, size_t *ret_n)
{
	int k = mp_aggregates_read(r->dir, ret, ret_n, NULL);

	if (k != -ENOENT)
		return k == -ENOMEM ? k : 0; /* a damaged file: the run without its numbers */
	for (size_t i = 0; i < r->n_suites; i++)
		(void)mp_results_load_series(&r->suites[i], NULL); /* what is there is taken */
	k = mp_aggregates_of(r, ret, ret_n);
	if (!k)
		(void)mp_aggregates_write(r->dir, *ret, *ret_n, NULL);
	return k;
}

int mp_index_add(struct mp_index *ix, const char *id, const struct mp_index_stamp *stamp,
		 struct mp_diag *d)
{
	_cleanup_free_ char *dir = mp_path_join(ix->out, id);
	_cleanup_run_ struct mp_run *run = NULL;
	struct mp_aggregate *v = NULL;
	struct mp_diag why = {0};
	sqlite3_int64 no;
	size_t n = 0;
	int r;

	if (!dir)
		return -ENOMEM;
	r = mp_store_load(dir, &run, &why);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return add_fault(ix, id, stamp, &why, d);
	r = add_run(ix, id, stamp, run, d);
	no = sqlite3_last_insert_rowid(ix->db);
	if (!r)
		r = add_environment(ix, no, &run->fingerprint, d);
	for (size_t i = 0; i < run->n_suites && !r; i++)
		r = add_suite(ix, no, (int)i, &run->suites[i], d);
	if (!r && !run->unfinished)
		r = aggregates_for(run, &v, &n);
	if (!r)
		r = add_aggregates(ix, no, v, n, d);
	mp_aggregates_free(v, n);
	return r;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is asked of the index: lists of runs, and one metric over runs. A damage that shows only
 * now is mended by making the index anew, once. Called by cli/runs.c and whoever draws a history.
 */
#include "results/index.h"

#include "results/index_sql.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void row_done(struct mp_run_row *r)
{
	free(r->id);
	free(r->env);
	free(r->commit);
	free(r->verdict);
	free(r->fingerprint);
	free(r->server);
	free(r->tags);
}

void mp_run_list_done(struct mp_run_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		row_done(&l->v[i]);
	free(l->v);
	*l = (struct mp_run_list){0};
}

static void bind_filter(sqlite3_stmt *s, const struct mp_run_filter *f)
{
	const char *const texts[] = {f->env,     f->commit, f->suite,
				     f->verdict, f->tag,    f->fingerprint};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (texts[i])
			(void)sqlite3_bind_text(s, (int)i + 1, texts[i], -1, SQLITE_STATIC);
	if (f->since_s > 0)
		(void)sqlite3_bind_double(s, 7, f->since_s);
	if (sqlite3_bind_parameter_count(s) >= 8)
		(void)sqlite3_bind_int64(s, 8, f->limit ? (sqlite3_int64)f->limit : -1);
}

static char *text(sqlite3_stmt *s, int at)
{
	const char *t = (const char *)sqlite3_column_text(s, at);

	return strdup(t ? t : "");
}

static int add_row(sqlite3_stmt *s, struct mp_run_list *l)
{
	struct mp_run_row *v = reallocarray(l->v, l->n + 1, sizeof(*v)), *r;

	if (!v)
		return -ENOMEM;
	l->v = v;
	r = &v[l->n++];
	*r = (struct mp_run_row){
		.id = text(s, 0),
		.env = text(s, 1),
		.commit = text(s, 2),
		.verdict = text(s, 3),
		.fingerprint = text(s, 4),
		.server = text(s, 5),
		.tags = text(s, 6),
		.started_s = sqlite3_column_double(s, 7),
		.duration_s = sqlite3_column_double(s, 8),
		.exit_code = sqlite3_column_int(s, 9),
		.unfinished = sqlite3_column_int(s, 10),
		.suites = sqlite3_column_int(s, 11),
		.suites_passed = sqlite3_column_int(s, 12),
		.suites_bad = sqlite3_column_int(s, 13),
		.cases = sqlite3_column_int(s, 14),
		.cases_bad = sqlite3_column_int(s, 15),
		.hold_cap_s = sqlite3_column_double(s, 16),
	};
	return r->id && r->env && r->commit && r->verdict && r->fingerprint && r->server && r->tags
		       ? 0
		       : -ENOMEM;
}

static int count_all(struct mp_index *ix, const struct mp_run_filter *f, size_t *ret_n,
		     struct mp_diag *d)
{
	_cleanup_stmt_ sqlite3_stmt *s = NULL;
	int r = mp_index_prepare(ix, sql_count, &s, d), k;

	if (r < 0)
		return r;
	bind_filter(s, f);
	k = sqlite3_step(s);
	if (k != SQLITE_ROW)
		return mp_index_fault(ix, k, d);
	*ret_n = (size_t)sqlite3_column_int64(s, 0);
	return 0;
}

static int list_once(struct mp_index *ix, const struct mp_run_filter *f,
		     struct mp_run_list *ret_list, struct mp_diag *d)
{
	_cleanup_(mp_run_list_done) struct mp_run_list l = {0};
	_cleanup_stmt_ sqlite3_stmt *s = NULL;
	size_t all = 0;
	int r, k;

	r = mp_index_prepare(ix, sql_list, &s, d);
	if (r < 0)
		return r;
	bind_filter(s, f);
	while ((k = sqlite3_step(s)) == SQLITE_ROW) {
		r = add_row(s, &l);
		if (r < 0)
			return mp_diag_set(d, r, NULL, 0, 0, "out of memory");
	}
	if (k != SQLITE_DONE)
		return mp_index_fault(ix, k, d);
	if (f->limit && l.n == f->limit) {
		r = count_all(ix, f, &all, d);
		if (r < 0)
			return r;
		l.more = all - l.n;
	}
	*ret_list = l;
	l = (struct mp_run_list){0};
	return 0;
}

int mp_index_list(struct mp_index *ix, const struct mp_run_filter *f, struct mp_run_list *ret_list,
		  struct mp_diag *d)
{
	struct mp_diag why = {0};
	int r = list_once(ix, f, ret_list, &why);

	if (r == -EUCLEAN) {
		r = mp_index_recover(ix, why.msg, d);
		return r < 0 ? r : list_once(ix, f, ret_list, d);
	}
	if (r < 0 && d)
		*d = why;
	return r;
}

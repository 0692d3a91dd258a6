// SPDX-License-Identifier: GPL-2.0-only
/* Suites and aggregates of many runs at once, out of the index. Called by history.c. */
#include "results/index.h"

#include "results/index_sql.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static enum mp_verdict verdict_of(const char *name)
{
	for (int v = 0; v < _MP_VERDICT_MAX; v++)
		if (!strcmp(name, mp_verdict_name(v)))
			return v;
	return MP_ERROR;
}

static const char *text(sqlite3_stmt *s, int at)
{
	const char *t = (const char *)sqlite3_column_text(s, at);

	return t ? t : "";
}

/* NULL is what the index keeps of a number that is not known. */
static double number(sqlite3_stmt *s, int at)
{
	return sqlite3_column_type(s, at) == SQLITE_NULL ? NAN : sqlite3_column_double(s, at);
}

static int want(struct mp_index *ix, const struct mp_run_list *runs,
		const struct mp_index_reader *reader, struct mp_diag *d)
{
	_cleanup_stmt_ sqlite3_stmt *s = NULL;
	int r = mp_index_exec(ix, sql_wanted, d);

	if (!r)
		r = mp_index_prepare(ix, sql_want, &s, d);
	for (size_t i = 0; i < runs->n && !r; i++) {
		int k;

		if (reader->wants && !reader->wants(reader->arg, i))
			continue;
		(void)sqlite3_bind_text(s, 1, runs->v[i].id, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(s, 2, (sqlite3_int64)i);
		k = sqlite3_step(s);
		if (k != SQLITE_DONE)
			r = mp_index_fault(ix, k, d);
		(void)sqlite3_reset(s);
	}
	return r;
}

static int tell_suite(sqlite3_stmt *s, const struct mp_index_reader *reader)
{
	return reader->suite(reader->arg, (size_t)sqlite3_column_int64(s, 0), text(s, 1),
			     verdict_of(text(s, 2)));
}

static int tell_value(sqlite3_stmt *s, const struct mp_index_reader *reader)
{
	return reader->value(reader->arg, &(struct mp_index_value){
						  .run = (size_t)sqlite3_column_int64(s, 0),
						  .suite = text(s, 1),
						  .label = text(s, 2),
						  .metric = text(s, 3),
						  .mean = number(s, 4),
						  .max = number(s, 5),
						  .min = number(s, 6),
					  });
}

static int read_all(struct mp_index *ix, const char *sql, const struct mp_index_reader *reader,
		    int (*tell)(sqlite3_stmt *s, const struct mp_index_reader *reader),
		    struct mp_diag *d)
{
	_cleanup_stmt_ sqlite3_stmt *s = NULL;
	int r = mp_index_prepare(ix, sql, &s, d), k = SQLITE_DONE;

	while (!r && (k = sqlite3_step(s)) == SQLITE_ROW) {
		r = tell(s, reader);
		if (r < 0)
			return mp_diag_set(d, r, NULL, 0, 0, "%s", strerror(-r));
	}
	return r || k == SQLITE_DONE ? r : mp_index_fault(ix, k, d);
}

int mp_index_values(struct mp_index *ix, const struct mp_run_list *runs,
		    const struct mp_index_reader *reader, struct mp_diag *d)
{
	int r = want(ix, runs, reader, d);

	if (!r)
		r = read_all(ix, sql_wanted_suites, reader, tell_suite, d);
	return r ? r : read_all(ix, sql_wanted_values, reader, tell_value, d);
}

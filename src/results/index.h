/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside the index; private to src/results/index*.c. */
#pragma once

#include <mmsperf/store.h>

#include <sqlite3.h>

enum mp_index_stmt {
	MP_STMT_RUN,
	MP_STMT_ENVIRONMENT,
	MP_STMT_SUITE,
	MP_STMT_CASE,
	MP_STMT_FIND_SERIES,
	MP_STMT_SERIES,
	MP_STMT_AGGREGATE,
	MP_STMT_AGGREGATES, /* SQL_ROWS_MANY of them */
	MP_STMT_FAULT,
	_MP_STMT_MAX
};

struct mp_index {
	char *out;  /* absolute */
	char *path; /* of index.sqlite */
	sqlite3 *db;
	int dir_fd; /* of out; locked shared while open, so that nobody puts another file there */
	bool in_memory;
	sqlite3_stmt *stmt[_MP_STMT_MAX]; /* writers, prepared when first needed */
	/* Series met by this writer, by their number. Runs name theirs in the same order, so that
	 * the next one is nearly always the one after the last. */
	struct mp_aggregate *series;
	size_t n_series, next_series;
	struct mp_index_news news;
	char *why, *rebuilt_why; /* what news point to */
};

/* run.json as it was when it was read: another one is read again. */
struct mp_index_stamp {
	int64_t mtime_ns, size, inode;
};

/* Fills d with what SQLite says; returns the -errno of code: -EUCLEAN damaged, -ENOSPC, -EBUSY,
 * -ENOMEM, -EACCES, -EIO. */
int mp_index_fault(const struct mp_index *ix, int code, struct mp_diag *d);
int mp_index_exec(struct mp_index *ix, const char *sql, struct mp_diag *d);
int mp_index_prepare(struct mp_index *ix, const char *sql, sqlite3_stmt **ret_stmt,
		     struct mp_diag *d);
void mp_index_stmt_done(sqlite3_stmt **s);
#define _cleanup_stmt_ _cleanup_(mp_index_stmt_done)

/* After -EUCLEAN of a question: the index is made anew, once. */
int mp_index_recover(struct mp_index *ix, const char *reason, struct mp_diag *d);

/* index_write.c: inside a transaction of the caller's. */
int mp_index_forget(struct mp_index *ix, const char *id, struct mp_diag *d);
/* Reads OUT/id and adds it; a folder that cannot be read is added as a fault. */
int mp_index_add(struct mp_index *ix, const char *id, const struct mp_index_stamp *stamp,
		 struct mp_diag *d);
void mp_index_writers_done(struct mp_index *ix);

/* index_sync.c: compares folders and tables, and applies the difference. */
int mp_index_sync(struct mp_index *ix, bool in_transaction, struct mp_diag *d);

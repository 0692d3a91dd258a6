// SPDX-License-Identifier: GPL-2.0-only
/*
 * The index's file: opening it, making it anew when it is missing, damaged or of another schema,
 * and never leaving a half one. Whoever has it open holds a shared lock on the folder of the runs;
 * who makes it anew holds it alone, since SQLite's files must not be exchanged under a reader. A
 * folder that cannot be written gets an index in memory. Tables are index_write.c's, what is asked
 * of them index_query.c's.
 */
#include "results/index.h"

#include "results/index_sql.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_NAME "index.sqlite"
#define LOCK_S    30.0  /* making an index of 10,000 runs takes some seconds */
#define BUSY_MS   10000 /* for another process's transaction */

static int errno_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* a table that is not as it should be */
	case SQLITE_SCHEMA:
		return -EUCLEAN;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	default:
		return -EIO;
	}
}

int mp_index_fault(const struct mp_index *ix, int code, struct mp_diag *d)
{
	return mp_diag_set(d, errno_of(code), ix->path, 0, 0, "%s",
			   ix->db ? sqlite3_errmsg(ix->db) : sqlite3_errstr(code));
}

int mp_index_exec(struct mp_index *ix, const char *sql, struct mp_diag *d)
{
	int k = sqlite3_exec(ix->db, sql, NULL, NULL, NULL);

	return k == SQLITE_OK ? 0 : mp_index_fault(ix, k, d);
}

int mp_index_prepare(struct mp_index *ix, const char *sql, sqlite3_stmt **ret_stmt,
		     struct mp_diag *d)
{
	int k = sqlite3_prepare_v2(ix->db, sql, -1, ret_stmt, NULL);

	return k == SQLITE_OK ? 0 : mp_index_fault(ix, k, d);
}

void mp_index_stmt_done(sqlite3_stmt **s)
{
	(void)sqlite3_finalize(*s);
	*s = NULL;
}

const struct mp_index_news *mp_index_news(const struct mp_index *ix)
{
	return &ix->news;
}

static void close_db(struct mp_index *ix)
{
	mp_index_writers_done(ix);
	(void)sqlite3_close(ix->db);
	ix->db = NULL;
}

void mp_index_close(struct mp_index *ix)
{
	if (!ix)
		return;
	close_db(ix);
	if (ix->dir_fd >= 0)
		(void)close(ix->dir_fd); /* with its lock */
	free(ix->out);
	free(ix->path);
	free(ix->why);
	free(ix->rebuilt_why);
	free(ix);
}

void mp_index_closep(struct mp_index **ix)
{
	mp_index_close(*ix);
}

/* flock() has no time limit of its own; an interval between two tries stands for it. A file system
 * without such locks (some network ones) goes without. */
static int lock_folder(const struct mp_index *ix, int how)
{
	double until = mp_now_s() + LOCK_S;

	while (flock(ix->dir_fd, how | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return 0;
		if (mp_now_s() > until)
			return -EBUSY;
		(void)poll(NULL, 0, 20);
	}
	return 0;
}

static int open_db(struct mp_index *ix, const char *path, int flags, struct mp_diag *d)
{
	int k = sqlite3_open_v2(path, &ix->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (k == SQLITE_OK)
		k = sqlite3_busy_timeout(ix->db, BUSY_MS);
	if (k != SQLITE_OK) {
		int r = mp_index_fault(ix, k, d);

		close_db(ix);
		return r;
	}
	return 0;
}

static int schema_of(struct mp_index *ix, int *ret_version, struct mp_diag *d)
{
	_cleanup_stmt_ sqlite3_stmt *s = NULL;
	int r = mp_index_prepare(ix, "PRAGMA user_version", &s, d), k;

	if (r < 0)
		return r;
	k = sqlite3_step(s);
	if (k != SQLITE_ROW)
		return mp_index_fault(ix, k, d);
	*ret_version = sqlite3_column_int(s, 0);
	return 0;
}

/* The file as it lies there. -EUCLEAN: it must be made anew, d says why. */
static int open_existing(struct mp_index *ix, struct mp_diag *d)
{
	int version = 0, r;

	if (access(ix->path, F_OK) < 0)
		return mp_diag_set(d, -EUCLEAN, NULL, 0, 0, "there was none");
	if (access(ix->path, W_OK) < 0 || access(ix->out, W_OK) < 0)
		return mp_diag_set(d, -EACCES, ix->path, 0, 0, "cannot be written");
	r = open_db(ix, ix->path, SQLITE_OPEN_READWRITE, d);
	if (!r)
		r = schema_of(ix, &version, d);
	if (!r && version != MP_INDEX_SCHEMA)
		r = mp_diag_set(d, -EUCLEAN, NULL, 0, 0,
				version ? "it was of schema %d" : "it was not complete (%d)",
				version);
	if (!r)
		r = mp_index_exec(ix, "PRAGMA synchronous = NORMAL", d);
	if (r < 0)
		close_db(ix);
	return r;
}

static int remove_files(const struct mp_index *ix)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_free_ char *path = mp_asprintf("%s%s", ix->path, suffixes[i]);

		if (!path)
			return -ENOMEM;
		if (unlink(path) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int fill(struct mp_index *ix, struct mp_diag *d)
{
	int r = mp_index_exec(ix, "BEGIN", d);

	if (!r)
		r = mp_index_exec(ix, sql_tables, d);
	if (!r)
		r = mp_index_sync(ix, true, d);
	if (!r)
		r = mp_index_exec(ix, sql_indexes, d);
	if (!r)
		r = mp_index_exec(ix, "COMMIT", d);
	return r;
}

static int sync_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/*
 * Without a journal, for speed; the schema's number is written after everything else has reached
 * the disk, so that whatever is left by a crash is taken for what it is.
 */
static int make_file(struct mp_index *ix, struct mp_diag *d)
{
	int r = remove_files(ix);

	if (r < 0)
		return mp_diag_set(d, r, ix->path, 0, 0, "cannot be replaced: %s", strerror(-r));
	r = open_db(ix, ix->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, d);
	if (!r)
		r = mp_index_exec(ix,
				  "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
				  "PRAGMA cache_size = -65536",
				  d);
	if (!r)
		r = fill(ix, d);
	if (!r) {
		r = sync_file(ix->path);
		if (r < 0)
			(void)mp_diag_set(d, r, ix->path, 0, 0, "%s", strerror(-r));
	}
	if (!r) {
		mp_index_writers_done(ix);
		r = mp_index_exec(ix, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", d);
	}
	if (!r) {
		char sql[64];

		(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", MP_INDEX_SCHEMA);
		r = mp_index_exec(ix, sql, d);
	}
	if (r < 0) {
		close_db(ix);
		(void)remove_files(ix);
	}
	return r;
}

static int make_in_memory(struct mp_index *ix, struct mp_diag *d)
{
	int r = open_db(ix, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, d);

	if (!r)
		r = fill(ix, d);
	ix->in_memory = !r;
	return r;
}

static void forget_news(struct mp_index *ix)
{
	free(ix->why);
	free(ix->rebuilt_why);
	ix->why = ix->rebuilt_why = NULL;
	ix->news = (struct mp_index_news){0};
}

static int use_memory(struct mp_index *ix, const char *reason, struct mp_diag *d)
{
	int r;

	close_db(ix);
	forget_news(ix);
	ix->rebuilt_why = mp_asprintf("in memory only: %s", reason);
	if (!ix->rebuilt_why)
		return -ENOMEM;
	r = make_in_memory(ix, d);
	ix->news.rebuilt = true;
	ix->news.rebuilt_why = ix->rebuilt_why;
	return r;
}

/* unless_done: somebody else may have made it while we waited. */
static int make_anew(struct mp_index *ix, bool unless_done, const char *reason, struct mp_diag *d)
{
	struct mp_diag why = {0};
	int r;

	close_db(ix);
	forget_news(ix);
	if (access(ix->out, W_OK) < 0)
		return use_memory(ix, "the folder cannot be written", d);
	(void)flock(ix->dir_fd, LOCK_UN);
	r = lock_folder(ix, LOCK_EX);
	if (r < 0)
		return use_memory(ix, "another process has it open", d);
	if (unless_done) {
		r = open_existing(ix, &why);
		if (!r)
			r = mp_index_sync(ix, false, &why);
		if (!r)
			return flock(ix->dir_fd, LOCK_SH) < 0 ? -errno : 0;
		close_db(ix);
		forget_news(ix);
	}
	r = make_file(ix, &why);
	(void)flock(ix->dir_fd, LOCK_SH); /* from alone to shared: cannot block */
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return use_memory(ix, *why.msg ? why.msg : strerror(-r), d);
	ix->rebuilt_why = strdup(reason);
	ix->news.rebuilt = true;
	ix->news.rebuilt_why = ix->rebuilt_why;
	return ix->rebuilt_why ? 0 : -ENOMEM;
}

int mp_index_recover(struct mp_index *ix, const char *reason, struct mp_diag *d)
{
	return ix->in_memory ? -EIO : make_anew(ix, true, reason, d);
}

static int open_or_make(struct mp_index *ix, struct mp_diag *d)
{
	struct mp_diag why = {0};
	int r = lock_folder(ix, LOCK_SH);

	if (!r)
		r = open_existing(ix, &why);
	if (!r)
		r = mp_index_sync(ix, false, &why);
	if (!r || r == -ENOMEM)
		return r;
	if (!*why.msg)
		(void)mp_diag_set(&why, r, NULL, 0, 0, "%s", strerror(-r));
	return r == -EUCLEAN ? make_anew(ix, true, why.msg, d) : use_memory(ix, why.msg, d);
}

int mp_index_open(const char *out, bool rebuild, struct mp_index **ret_index, struct mp_diag *d)
{
	_cleanup_index_ struct mp_index *ix = calloc(1, sizeof(*ix));
	int r;

	if (!ix)
		return -ENOMEM;
	ix->dir_fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ix->dir_fd < 0) {
		r = -errno;
		return mp_diag_set(d, r, out, 0, 0, "%s",
				   r == -ENOENT ? "no such folder: no run was made there yet"
						: strerror(-r));
	}
	ix->out = realpath(out, NULL);
	ix->path = ix->out ? mp_path_join(ix->out, FILE_NAME) : NULL;
	if (!ix->path)
		return mp_diag_set(d, -ENOMEM, out, 0, 0, "out of memory");
	r = rebuild ? make_anew(ix, false, "asked for", d) : open_or_make(ix, d);
	if (r < 0)
		return r;
	*ret_index = TAKE_PTR(ix);
	return 0;
}

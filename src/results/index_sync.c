// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the folders hold against what the index knows: both in the order of their names, one pass.
 * A run.json whose time, size and inode are the known ones is not opened. Called by index.c.
 */
#include "results/index.h"

#include "results/index_sql.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
	char *id;
	struct mp_index_stamp stamp;
	char *why; /* of the index: this one could not be read */
};

struct entries {
	struct entry *v;
	size_t n, cap;
};

static void entries_done(struct entries *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->v[i].id);
		free(e->v[i].why);
	}
	free(e->v);
}

static int add_entry(struct entries *e, const char *id, const struct mp_index_stamp *stamp)
{
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 1024;
		struct entry *v = reallocarray(e->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		e->v = v;
		e->cap = cap;
	}
	e->v[e->n] = (struct entry){.id = strdup(id), .stamp = *stamp};
	if (!e->v[e->n].id)
		return -ENOMEM;
	e->n++;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->id, y->id);
}

/* Every folder in OUT that holds a run.json; hidden ones are being made or deleted. */
static int read_folders(struct mp_index *ix, struct entries *e)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *de;
	int fd = openat(ix->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = -errno;
		if (fd >= 0)
			(void)close(fd);
		return r;
	}
	while (!r && (errno = 0, de = readdir(dir))) {
		char path[NAME_MAX + sizeof("/run.json")];
		struct mp_index_stamp stamp;
		struct stat st;

		if (*de->d_name == '.' || (de->d_type != DT_DIR && de->d_type != DT_UNKNOWN))
			continue; /* links such as "latest" are no runs of their own */
		(void)snprintf(path, sizeof(path), "%s/run.json", de->d_name);
		if (fstatat(ix->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		stamp = (struct mp_index_stamp){
			.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
			.size = st.st_size,
			.inode = (int64_t)st.st_ino,
		};
		r = add_entry(e, de->d_name, &stamp);
	}
	if (!r && errno)
		r = -errno;
	if (e->n)
		qsort(e->v, e->n, sizeof(*e->v), by_id);
	return r;
}

static int read_known(struct mp_index *ix, struct entries *e, struct mp_diag *d)
{
	_cleanup_stmt_ sqlite3_stmt *s = NULL;
	int r = mp_index_prepare(ix, sql_known, &s, d), k;

	if (r < 0)
		return r;
	while ((k = sqlite3_step(s)) == SQLITE_ROW) {
		const char *id = (const char *)sqlite3_column_text(s, 0);
		const char *why = (const char *)sqlite3_column_text(s, 4);
		struct mp_index_stamp stamp = {
			.mtime_ns = sqlite3_column_int64(s, 1),
			.size = sqlite3_column_int64(s, 2),
			.inode = sqlite3_column_int64(s, 3),
		};

		r = add_entry(e, id ? id : "", &stamp);
		if (!r && why) {
			e->v[e->n - 1].why = strdup(why);
			r = e->v[e->n - 1].why ? 0 : -ENOMEM;
		}
		if (r < 0)
			return r;
	}
	return k == SQLITE_DONE ? 0 : mp_index_fault(ix, k, d);
}

static bool same(const struct mp_index_stamp *a, const struct mp_index_stamp *b)
{
	return a->mtime_ns == b->mtime_ns && a->size == b->size && a->inode == b->inode;
}

static int note_unreadable(struct mp_index *ix, const char *why)
{
	ix->news.unreadable++;
	if (!ix->why)
		ix->why = strdup(why);
	ix->news.why = ix->why;
	return ix->why ? 0 : -ENOMEM;
}

/* Whatever add_fault() said of a folder just added. */
static int note_if_fault(struct mp_index *ix, const char *id, struct mp_diag *d)
{
	_cleanup_stmt_ sqlite3_stmt *s = NULL;
	int r = mp_index_prepare(ix, "SELECT why FROM faults WHERE id = ?", &s, d);

	if (r < 0)
		return r;
	(void)sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
	return sqlite3_step(s) == SQLITE_ROW
		       ? note_unreadable(ix, (const char *)sqlite3_column_text(s, 0))
		       : 0;
}

/* One pass over both lists. apply: the index is changed; else it is only told whether it must be.
 */
static int merge(struct mp_index *ix, const struct entries *have, const struct entries *known,
		 bool apply, bool *ret_differs, struct mp_diag *d)
{
	size_t h = 0, k = 0;
	int r = 0;

	while (!r && (h < have->n || k < known->n)) {
		int order = h >= have->n    ? 1
			    : k >= known->n ? -1
					    : strcmp(have->v[h].id, known->v[k].id);
		bool fresh = order <= 0, stale = order >= 0;

		if (!order && same(&have->v[h].stamp, &known->v[k].stamp)) {
			if (known->v[k].why)
				r = note_unreadable(ix, known->v[k].why);
			h++;
			k++;
			continue;
		}
		*ret_differs = true;
		if (!apply)
			return 0;
		if (stale) {
			r = mp_index_forget(ix, known->v[k++].id, d);
			ix->news.gone += order > 0;
		}
		if (!r && fresh) {
			r = mp_index_add(ix, have->v[h].id, &have->v[h].stamp, d);
			ix->news.read++;
			if (!r)
				r = note_if_fault(ix, have->v[h].id, d);
			h++;
		}
	}
	return r;
}

static int compare(struct mp_index *ix, bool apply, bool *ret_differs, struct mp_diag *d)
{
	_cleanup_(entries_done) struct entries have = {0}, known = {0};
	int r = read_known(ix, &known, d);

	if (r < 0)
		return r;
	r = read_folders(ix, &have);
	if (r < 0)
		return mp_diag_set(d, r, ix->out, 0, 0, "%s", strerror(-r));
	return merge(ix, &have, &known, apply, ret_differs, d);
}

int mp_index_sync(struct mp_index *ix, bool in_transaction, struct mp_diag *d)
{
	bool differs = false;
	int r;

	if (in_transaction)
		return compare(ix, true, &differs, d);
	r = compare(ix, false, &differs, d);
	if (r < 0 || !differs)
		return r; /* the usual case takes no writer's lock */
	r = mp_index_exec(ix, "BEGIN IMMEDIATE", d);
	if (r < 0)
		return r;
	/* from here on nobody else changes it: look again */
	ix->news.unreadable = 0;
	r = compare(ix, true, &differs, d);
	if (!r)
		r = mp_index_exec(ix, "COMMIT", d);
	if (r < 0)
		(void)sqlite3_exec(ix->db, "ROLLBACK", NULL, NULL, NULL);
	mp_index_writers_done(ix);
	return r;
}

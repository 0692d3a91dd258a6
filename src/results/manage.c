// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes to runs that are there: tags, which live in run.json so that they travel with the run,
 * and deletion. Called by cli/runs.c.
 */
#include <mmsperf/store.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/runjson.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_tag(const char *s)
{
	if (!*s || strlen(s) > 64)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f || strchr("/,'\"", *s))
			return false;
	return true;
}

static int change_tags(struct mp_run *r, const char *tag, bool remove)
{
	size_t at = 0;
	char **v;

	while (at < r->n_tags && strcmp(r->tags[at], tag))
		at++;
	if (remove) {
		if (at == r->n_tags)
			return 0;
		free(r->tags[at]);
		r->tags[at] = r->tags[--r->n_tags];
		return 1;
	}
	if (at < r->n_tags)
		return 0;
	v = reallocarray(r->tags, r->n_tags + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	r->tags = v;
	r->tags[r->n_tags] = strdup(tag);
	if (!r->tags[r->n_tags])
		return -ENOMEM;
	r->n_tags++;
	return 1;
}

int mp_store_tag(const char *dir, const char *tag, bool remove, struct mp_diag *d)
{
	_cleanup_run_ struct mp_run *run = NULL;
	int r;

	if (!is_tag(tag))
		return mp_diag_set(
			d, -EINVAL, NULL, 0, 0,
			"'%s' is no tag: up to 64 characters without blanks, quotes, ',' "
			"and '/'",
			tag);
	r = mp_store_load(dir, &run, d);
	if (r < 0)
		return r;
	/* the runner, which holds what is not written yet, would undo it */
	if (run->unfinished)
		return mp_diag_set(d, -EBUSY, dir, 0, 0, "the run is not finished");
	r = change_tags(run, tag, remove);
	if (r <= 0)
		return r < 0 ? mp_diag_set(d, r, dir, 0, 0, "out of memory") : 0;
	return mp_runjson_write(run, MP_RUN_FINISHED, d);
}

int mp_store_delete(const char *out, const char *id, struct mp_diag *d)
{
	_cleanup_free_ char *dir = mp_path_join(out, id),
			    *hidden = mp_asprintf("%s/.deleted-%s", out, id);
	int r;

	if (!dir || !hidden)
		return -ENOMEM;
	if (!*id || *id == '.' || strchr(id, '/'))
		return mp_diag_set(d, -EINVAL, NULL, 0, 0, "'%s' is no run's name", id);
	r = mp_rm_rf(hidden); /* of one that was cut short */
	if (!r && rename(dir, hidden) < 0)
		r = -errno;
	if (!r)
		r = mp_rm_rf(hidden);
	return r < 0 ? mp_diag_set(d, r, dir, 0, 0, "cannot be deleted: %s", strerror(-r)) : 0;
}

void mp_store_sweep(const char *out)
{
	_cleanup_closedir_ DIR *dir = opendir(out);
	const struct dirent *de;

	while (dir && (de = readdir(dir))) {
		_cleanup_free_ char *path = NULL;

		if (!mp_starts_with(de->d_name, ".deleted-"))
			continue;
		path = mp_path_join(out, de->d_name);
		if (path)
			(void)mp_rm_rf(path);
	}
}

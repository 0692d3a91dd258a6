// SPDX-License-Identifier: GPL-2.0-only
/*
 * From what a person types to a run's folder. Reads names, and run.json only of the runs that come
 * into question; the index is asked for tags alone. Called by cli/ and comparisons.
 */
#include <mmsperf/store.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/git.h"
#include "results/runname.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct names {
	char **v;
	size_t n, cap;
};

static void names_done(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static int read_names(const char *out, struct names *l)
{
	_cleanup_closedir_ DIR *dir = opendir(out);
	const struct dirent *de;

	if (!dir)
		return -errno;
	while ((de = readdir(dir))) {
		if (*de->d_name == '.' || (de->d_type != DT_DIR && de->d_type != DT_UNKNOWN))
			continue;
		if (l->n == l->cap) {
			size_t cap = l->cap ? l->cap * 2 : 256;
			char **v = reallocarray(l->v, cap, sizeof(*v));

			if (!v)
				return -ENOMEM;
			l->v = v;
			l->cap = cap;
		}
		l->v[l->n] = strdup(de->d_name);
		if (!l->v[l->n++])
			return -ENOMEM;
	}
	return 0;
}

static bool holds_run(const char *dir)
{
	_cleanup_free_ char *json = mp_path_join(dir, "run.json");

	return json && mp_is_file(json);
}

static bool is_finished(const char *dir)
{
	_cleanup_run_ struct mp_run *run = NULL;

	return !mp_store_load(dir, &run, NULL) && !run->unfinished;
}

static int take(const char *dir, char **ret_dir, struct mp_diag *d)
{
	char *absolute = realpath(dir, NULL);

	if (!absolute) {
		int r = -errno;

		return mp_diag_set(d, r, dir, 0, 0, "%s", strerror(-r));
	}
	*ret_dir = absolute;
	return 0;
}

/* The first finished run of those, else the first that is one at all. */
static int take_first(const char *out, const char *const *ids, const size_t *at, size_t n,
		      char **ret_dir, struct mp_diag *d)
{
	_cleanup_free_ char *any = NULL;

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *dir = mp_path_join(out, ids[at[i]]);

		if (!dir)
			return -ENOMEM;
		if (!holds_run(dir))
			continue;
		if (n == 1 || is_finished(dir))
			return take(dir, ret_dir, d);
		if (!any)
			any = TAKE_PTR(dir);
	}
	return any ? take(any, ret_dir, d) : -ENOENT;
}

/* The link tells which run was published last, even if the clock was set back since. */
static int take_latest(const char *out, struct names *l, char **ret_dir, struct mp_diag *d)
{
	_cleanup_free_ char *link = mp_path_join(out, "latest");

	if (!link)
		return -ENOMEM;
	if (holds_run(link))
		return take(link, ret_dir, d);
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), mp_runname_newer);
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *dir = mp_path_join(out, l->v[i]);

		if (dir && holds_run(dir) && is_finished(dir))
			return take(dir, ret_dir, d);
	}
	return mp_diag_set(d, -ENOENT, out, 0, 0, "no finished run is there");
}

static int take_tagged(const char *out, const char *tag, char **ret_dir, struct mp_diag *d)
{
	const struct mp_run_filter f = {.tag = tag, .limit = 1};
	_cleanup_(mp_run_list_done) struct mp_run_list l = {0};
	_cleanup_index_ struct mp_index *ix = NULL;
	_cleanup_free_ char *dir = NULL;
	int r = mp_index_open(out, false, &ix, d);

	if (!r)
		r = mp_index_list(ix, &f, &l, d);
	if (r < 0)
		return r;
	if (!l.n)
		return -ENOENT;
	dir = mp_path_join(out, l.v[0].id);
	return dir ? take(dir, ret_dir, d) : -ENOMEM;
}

/* HEAD~1, a branch, a tag of git's: to the commit it means. */
static int take_revision(const char *out, const struct names *l, const char *spec, size_t *at,
			 char **ret_dir, struct mp_diag *d)
{
	_cleanup_free_ char *rev = mp_asprintf("%s^{commit}", spec);
	const char *const argv[] = {"git", "rev-parse", "--verify", "--quiet", "--end-of-options",
				    rev,   NULL};
	char commit[80];
	size_t found = 0;
	int r;

	if (!rev)
		return -ENOMEM;
	if (*spec == '-' || mp_git_ask(argv, commit, sizeof(commit)) < 0)
		return -ENOENT;
	commit[strcspn(commit, "\r\n")] = '\0';
	r = mp_runname_find((const char *const *)l->v, l->n, commit, at, &found, d);
	if (r == -ENOENT)
		return mp_diag_set(d, r, out, 0, 0, "no run of '%s' (commit %.12s) is there", spec,
				   commit);
	return r < 0 ? r : take_first(out, (const char *const *)l->v, at, found, ret_dir, d);
}

static int resolve_name(const char *out, const char *spec, char **ret_dir, struct mp_diag *d)
{
	_cleanup_(names_done) struct names l = {0};
	_cleanup_free_ size_t *at = NULL;
	size_t found = 0;
	int r = out ? read_names(out, &l) : -ENOENT;

	if (r < 0)
		return mp_diag_set(d, r, out ? out : "", 0, 0, "%s",
				   r == -ENOENT ? "no folder of runs" : strerror(-r));
	if (!strcmp(spec, "latest"))
		return take_latest(out, &l, ret_dir, d);
	at = calloc(l.n + 2, sizeof(*at));
	if (!at)
		return -ENOMEM;
	r = mp_runname_find((const char *const *)l.v, l.n, spec, at, &found, d);
	if (!r)
		r = take_first(out, (const char *const *)l.v, at, found, ret_dir, d);
	if (r == -ENOENT && !strpbrk(spec, " \t\n"))
		r = take_tagged(out, spec, ret_dir, d);
	if (r == -ENOENT && (!d || !*d->msg))
		r = take_revision(out, &l, spec, at, ret_dir, d);
	return r;
}

static int resolve_s3(const char *out, const char *spec, char **ret_dir, struct mp_diag *d)
{
	const char *name = strrchr(spec, '/') + 1;
	_cleanup_free_ char *url = strndup(spec, (size_t)(name - 1 - spec)), *id = NULL;
	_cleanup_s3_ struct mp_s3 *s3 = NULL;
	struct mp_s3_count count = {0};
	int r;

	if (!url)
		return -ENOMEM;
	if (!mp_s3_is_url(url) || !*name)
		return mp_diag_set(
			d, -EINVAL, NULL, 0, 0,
			"'%s': s3://BUCKET/PREFIX/RUN is needed, where RUN may be 'latest'", spec);
	if (!out)
		return mp_diag_set(d, -EINVAL, NULL, 0, 0,
				   "'%s': there is no folder to fetch it into", spec);
	r = mp_s3_open(url, MP_S3_GIVE_UP_S, &s3, d);
	if (!r)
		r = mp_s3_resolve(s3, name, &id, d);
	if (!r)
		r = mp_s3_fetch(s3, id, out, ret_dir, &count, d);
	return r;
}

/* A folder of runs stands for its newest one; any other is taken as it is. */
static int resolve_folder(const char *folder, char **ret_dir, struct mp_diag *d)
{
	_cleanup_free_ char *latest = mp_path_join(folder, "latest");

	if (!latest)
		return -ENOMEM;
	return take(!holds_run(folder) && holds_run(latest) ? latest : folder, ret_dir, d);
}

int mp_run_newest_name(const char *out, double after_s, char **ret_id, double *ret_epoch)
{
	_cleanup_(names_done) struct names l = {0};
	struct mp_runname name;
	int r = read_names(out, &l);

	if (r < 0)
		return r;
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), mp_runname_newer);
	if (!l.n || !mp_runname_parse(l.v[0], &name) || name.epoch_s <= after_s)
		return -ENOENT;
	*ret_epoch = name.epoch_s;
	*ret_id = TAKE_PTR(l.v[0]);
	return 0;
}

int mp_run_resolve(const char *out, const char *spec, char **ret_dir, struct mp_diag *d)
{
	struct mp_diag why = {0};
	int r;

	if (!*spec)
		return mp_diag_set(d, -ENOENT, NULL, 0, 0, "a run without a name");
	if (mp_starts_with(spec, "s3://"))
		return resolve_s3(out, spec, ret_dir, d);
	if (strchr(spec, '/')) {
		if (!mp_is_dir(spec))
			return mp_diag_set(d, -ENOENT, NULL, 0, 0, "'%s' is not a folder", spec);
		return resolve_folder(spec, ret_dir, d);
	}
	r = resolve_name(out, spec, ret_dir, &why);
	if (r == -ENOENT && mp_is_dir(spec))
		return resolve_folder(spec, ret_dir, d);
	if (r < 0)
		return mp_diag_set(d, r, NULL, 0, 0, "run '%s': %s%s%s", spec, why.file,
				   *why.file ? ": " : "",
				   *why.msg       ? why.msg
				   : r == -ENOENT ? "no run of that name, commit or tag is there"
						  : strerror(-r));
	return 0;
}

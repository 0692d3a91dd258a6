// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run folder: its name (environment, commit, time), its life (running, finished) and the
 * links that point at the newest one. Owns the folder's creation and the links, not what lies in
 * it; run.json is runjson.c's. Called by suite/ (create, publish) and cli/report.c.
 */
#include <mmsperf/results.h>

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/git.h"
#include "results/runjson.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "a1b2c3d", "a1b2c3d-dirty" or "nogit"; caller frees; NULL: out of memory. */
static char *find_commit(void)
{
	static const char *const head[] = {"git", "rev-parse", "--short", "HEAD", NULL};
	static const char *const status[] = {"git", "status", "--porcelain", "--untracked-files=no",
					     NULL};
	char commit[80], changes[8];

	if (mp_git_ask(head, commit, sizeof(commit)) < 0)
		return strdup("nogit");
	commit[strcspn(commit, "\r\n")] = '\0';
	if (!*commit || commit[strspn(commit, "0123456789abcdef")])
		return strdup("nogit");
	if (!mp_git_ask(status, changes, sizeof(changes)) && *changes)
		return mp_asprintf("%s-dirty", commit);
	return strdup(commit);
}

static char *host_name(void)
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) < 0 || !*host)
		return strdup("localhost");
	return strdup(host);
}

/* A name that splits back into its three parts and stays in its folder. */
static bool fits_in_name(const char *s)
{
	return *s && *s != '.' && !strchr(s, '/') && !strstr(s, "__") && strlen(s) < 128;
}

static int make_folder(struct mp_run *r, struct mp_diag *d)
{
	long long epoch = (long long)r->started_s;

	/* two runs in one second: the later one takes the next free second */
	for (int tries = 0; tries < 60; tries++, epoch++) {
		_cleanup_free_ char *path =
			mp_asprintf("%s/%s__%s__%lld", r->out, r->env, r->commit, epoch);

		if (!path)
			return -ENOMEM;
		if (mkdir(path, 0755) == 0) {
			free(r->dir);
			r->dir = TAKE_PTR(path);
			return 0;
		}
		if (errno != EEXIST) {
			int k = -errno;

			return mp_diag_set(d, k, path, 0, 0, "cannot be created: %s", strerror(-k));
		}
	}
	return mp_diag_set(d, -EEXIST, r->out, 0, 0, "no free name for the run's folder");
}

int mp_store_create(struct mp_run *r, struct mp_diag *d)
{
	char *absolute;
	int k;

	if (!r->env)
		r->env = host_name();
	if (!r->commit)
		r->commit = find_commit();
	if (r->started_s <= 0)
		r->started_s = mp_wall_s();
	if (!r->env || !r->commit || !r->out)
		return mp_diag_set(d, r->out ? -ENOMEM : -EINVAL, NULL, 0, 0,
				   "no artifacts folder");
	if (!fits_in_name(r->env) || !fits_in_name(r->commit))
		return mp_diag_set(
			d, -EINVAL, NULL, 0, 0,
			"environment '%s' cannot be part of a folder's name: no '/', no '__', "
			"not empty, not longer than 127 characters",
			r->env);
	k = mp_mkdir_p(r->out, 0755);
	if (k < 0)
		return mp_diag_set(d, k, r->out, 0, 0, "artifacts folder cannot be created: %s",
				   strerror(-k));
	absolute = realpath(r->out, NULL);
	if (!absolute) {
		k = -errno;
		return mp_diag_set(d, k, r->out, 0, 0, "%s", strerror(-k));
	}
	free(r->out);
	r->out = absolute;
	k = make_folder(r, d);
	return k < 0 ? k : mp_runjson_write(r, MP_RUN_RUNNING, d);
}

int mp_store_save(const struct mp_run *r, struct mp_diag *d)
{
	return mp_runjson_write(r, MP_RUN_RUNNING, d);
}

/* OUT/FILE -> the run's; a report that could not be written (full disk) leaves no link, since an
 * older run's would pass for it. */
static int link_report(const struct mp_run *r, const char *name, const char *file)
{
	_cleanup_free_ char *link = mp_path_join(r->out, file);
	_cleanup_free_ char *target = mp_asprintf("%s/%s", name, file);
	_cleanup_free_ char *report = mp_path_join(r->dir, file);

	if (!link || !target || !report)
		return -ENOMEM;
	if (mp_is_file(report))
		return mp_symlink_atomic(target, link);
	return unlink(link) < 0 && errno != ENOENT ? -errno : 0;
}

int mp_store_publish(const struct mp_run *r, struct mp_diag *d)
{
	static const char *const files[] = {"junit.xml", "junit.html"};
	const char *name = strrchr(r->dir, '/');
	_cleanup_free_ char *latest = mp_path_join(r->out, "latest");
	int k;

	k = mp_runjson_write(r, MP_RUN_FINISHED, d);
	if (k < 0)
		return k;
	name = name ? name + 1 : r->dir;
	k = latest ? mp_symlink_atomic(name, latest) : -ENOMEM;
	for (size_t i = 0; !k && i < ARRAY_SIZE(files); i++)
		k = link_report(r, name, files[i]);
	return k < 0 ? mp_diag_set(d, k, r->out, 0, 0, "the links to this run cannot be made: %s",
				   strerror(-k))
		     : 0;
}

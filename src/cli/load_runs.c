// SPDX-License-Identifier: GPL-2.0-only
/*
 * From what a person types (a folder, a folder's name or its beginning, a commit, "latest") to runs
 * in memory with all that a report or a comparison needs. Logs what is wrong; called by compare.c
 * and rejudge.c.
 */
#include "cli/load_runs.h"

#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mp_run_set_done(struct mp_run_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		mp_run_free(s->v[i]);
	free(s->v);
	*s = (struct mp_run_set){0};
}

static bool has_run(const char *dir)
{
	_cleanup_free_ char *json = mp_path_join(dir, "run.json");

	return json && mp_is_file(json);
}

/* The third part of ENV__COMMIT__EPOCH; 0: no such name. */
static double epoch_of(const char *name)
{
	const char *a = strstr(name, "__"), *b = a ? strstr(a + 2, "__") : NULL;
	double epoch;

	return b && !mp_parse_double(b + 2, &epoch) ? epoch : 0;
}

static bool is_commit(const char *name, const char *spec)
{
	const char *a = strstr(name, "__");

	return a && strlen(spec) >= 4 && !strncmp(a + 2, spec, strlen(spec));
}

/* The newest folder of out that spec means; -ENOTUNIQ when it begins the names of several. */
static int search(const char *out, const char *spec, char **ret_name)
{
	_cleanup_free_ char *prefix = NULL, *commit = NULL;
	struct dirent **e = NULL;
	int n = scandir(out, &e, NULL, NULL), r = n < 0 ? -errno : 0;
	bool ambiguous = false;

	for (int i = 0; i < n; i++) {
		const char *name = e[i]->d_name;
		char **slot = !strncmp(name, spec, strlen(spec)) ? &prefix
			      : is_commit(name, spec)            ? &commit
								 : NULL;

		if (slot && epoch_of(name) > 0) {
			ambiguous |= slot == &prefix && prefix != NULL;
			if (!*slot || epoch_of(name) > epoch_of(*slot)) {
				free(*slot);
				*slot = strdup(name);
				r = *slot ? r : -ENOMEM;
			}
		}
		free(e[i]);
	}
	free(e);
	if (r < 0)
		return r;
	if (ambiguous)
		return -ENOTUNIQ;
	*ret_name = prefix ? TAKE_PTR(prefix) : TAKE_PTR(commit);
	return *ret_name ? 0 : -ENOENT;
}

static int resolve(const char *out, const char *spec, char **ret_dir, struct mp_diag *d)
{
	_cleanup_free_ char *below = mp_path_join(out, spec), *name = NULL;
	_cleanup_free_ char *latest = mp_path_join(spec, "latest");
	int r;

	if (!below || !latest)
		return mp_diag_set(d, -ENOMEM, spec, 0, 0, "out of memory");
	if (strcmp(spec, "latest") != 0 && mp_is_dir(spec)) {
		*ret_dir = !has_run(spec) && has_run(latest) ? TAKE_PTR(latest) : strdup(spec);
		return *ret_dir ? 0 : -ENOMEM;
	}
	if (has_run(below)) {
		*ret_dir = TAKE_PTR(below);
		return 0;
	}
	r = *spec ? search(out, spec, &name) : -ENOENT;
	if (r == -ENOTUNIQ)
		return mp_diag_set(d, r, NULL, 0, 0,
				   "'%s' is the beginning of several runs' names in '%s'", spec,
				   out);
	if (r < 0)
		return mp_diag_set(
			d, -ENOENT, NULL, 0, 0,
			"no run '%s': neither a folder nor a run's name, its beginning, a "
			"commit or 'latest' in '%s'",
			spec, out);
	*ret_dir = mp_path_join(out, name);
	return *ret_dir ? 0 : -ENOMEM;
}

static void complain(const struct mp_diag *d, int r)
{
	char text[1024];

	if (*d->msg)
		mp_error("%s", mp_diag_str(d, text, sizeof(text)));
	else
		(void)mp_error_r(r, "cannot be read");
}

static int load(const char *dir, struct mp_run **ret_run, bool *ret_faulty)
{
	struct mp_diag d = {0};
	char text[1024];
	int r;

	if (!has_run(dir)) {
		r = mp_store_load_foreign(dir, ret_run, &d);
		if (r < 0)
			complain(&d, r);
		else if (*d.msg)
			mp_warning("%s; the rest is used", mp_diag_str(&d, text, sizeof(text)));
		return r;
	}
	r = mp_store_load(dir, ret_run, &d);
	if (r < 0) {
		complain(&d, r);
		return r;
	}
	if ((*ret_run)->unfinished)
		mp_warning("run '%s' did not finish: what it has is used", dir);
	for (size_t i = 0; i < (*ret_run)->n_suites; i++) {
		d = (struct mp_diag){0};
		if (mp_results_load_series(&(*ret_run)->suites[i], &d) < 0) {
			mp_error("%s; the rest is used", mp_diag_str(&d, text, sizeof(text)));
			*ret_faulty = true;
		}
	}
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct mp_run *const *x = a, *const *y = b;

	return ((*x)->started_s > (*y)->started_s) - ((*x)->started_s < (*y)->started_s);
}

int mp_cli_load_runs(const char *out, const char *spec, struct mp_run_set *ret_set,
		     bool *ret_faulty)
{
	_cleanup_(mp_run_set_done) struct mp_run_set set = {0};
	_cleanup_free_ char *copy = strdup(spec);
	bool whole = mp_is_dir(spec); /* a comma may well be part of a folder's name */

	for (char *rest = copy, *word; rest && (word = whole ? rest : strsep(&rest, ","));) {
		_cleanup_free_ char *dir = NULL;
		struct mp_diag d = {0};
		struct mp_run **grown = reallocarray(set.v, set.n + 1, sizeof(*grown));
		int r = grown ? resolve(out, word, &dir, &d) : -ENOMEM;

		if (grown)
			set.v = grown;
		if (r < 0) {
			complain(&d, r);
			return r;
		}
		r = load(dir, &set.v[set.n], ret_faulty);
		if (r < 0)
			return r;
		set.n++;
		if (whole)
			break;
	}
	if (!set.n)
		return mp_error_r(-ENOMEM, "no run");
	qsort(set.v, set.n, sizeof(*set.v), by_start);
	*ret_set = set;
	set = (struct mp_run_set){0};
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * From what a person types (whatever mp_run_resolve() knows, several with commas between) to runs
 * in memory with all that a report or a comparison needs. Logs what is wrong; called by compare.c
 * and rejudge.c.
 */
#include "cli/load_runs.h"

#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/store.h>

#include <curl/curl.h>
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

	(void)curl_global_init(CURL_GLOBAL_DEFAULT); /* for s3:// */
	for (char *rest = copy, *word; rest && (word = whole ? rest : strsep(&rest, ","));) {
		_cleanup_free_ char *dir = NULL;
		struct mp_diag d = {0};
		struct mp_run **grown = reallocarray(set.v, set.n + 1, sizeof(*grown));
		int r = grown ? mp_run_resolve(out, word, &dir, &d) : -ENOMEM;

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

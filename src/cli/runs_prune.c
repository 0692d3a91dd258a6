// SPDX-License-Identifier: GPL-2.0-only
/*
 * `runs --prune`: which runs go. Without --yes nothing does. Kept in any case: what carries a tag,
 * the run that OUT/latest points to, the newest passing run of each environment (comparisons start
 * from it), and a run that may still be going on.
 */
#include "cli/runs.h"

#include "cli/commands.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define MAY_STILL_RUN_S (24 * 3600.0) /* saved after every suite; no suite is longer */

/* First passing run of this environment and length in a list that begins with the newest one. */
static bool is_reference(const struct mp_run_list *all, const struct mp_run_row *r)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct mp_run_row *o = &all->v[i];

		if (!o->unfinished && !strcmp(o->verdict, "passed") && !strcmp(o->env, r->env) &&
		    !strcmp(o->fingerprint, r->fingerprint) && o->hold_cap_s == r->hold_cap_s)
			return !strcmp(o->id, r->id);
	}
	return false;
}

/* Why a run stays whatever its age; NULL: it may go. */
static const char *protected_by(const struct mp_run_list *all, const struct mp_run_row *r,
				const char *latest, double now)
{
	if (*r->tags)
		return "tagged";
	if (!strcmp(r->id, latest))
		return "latest";
	if (r->unfinished && now - r->started_s < MAY_STILL_RUN_S)
		return "perhaps still running";
	if (is_reference(all, r))
		return "newest passing run of its environment";
	return NULL;
}

static void read_latest(const char *out, char *buf, size_t size)
{
	_cleanup_free_ char *link = mp_path_join(out, "latest");
	ssize_t n = link ? readlink(link, buf, size - 1) : -1;

	buf[n > 0 ? n : 0] = '\0';
}

/* Moves the rows that go to the front of l; the others are freed with it. */
static void choose(const struct mp_runs_args *a, const struct mp_run_list *all,
		   struct mp_run_list *l, size_t *ret_go, size_t *ret_kept)
{
	char latest[NAME_MAX + 1];
	double now = mp_wall_s();
	size_t go = 0;

	read_latest(a->out, latest, sizeof(latest));
	*ret_kept = 0;
	for (size_t i = 0; i < l->n; i++) {
		struct mp_run_row r = l->v[i];

		if ((a->keep >= 0 && (double)i < a->keep) ||
		    (a->older_than_s > 0 && now - r.started_s < a->older_than_s))
			continue;
		if (protected_by(all, &r, latest, now)) {
			++*ret_kept;
			continue;
		}
		l->v[i] = l->v[go];
		l->v[go++] = r;
	}
	*ret_go = go;
}

static int delete_all(const char *out, const struct mp_run_list *l, size_t n)
{
	struct mp_diag d = {0};
	char text[900];

	for (size_t i = 0; i < n; i++) {
		if (mp_store_delete(out, l->v[i].id, &d) < 0) {
			mp_error("%s", mp_diag_str(&d, text, sizeof(text)));
			return MP_EXIT_INFRA;
		}
	}
	return MP_EXIT_OK;
}

int mp_runs_prune(const struct mp_runs_args *a)
{
	_cleanup_(mp_run_list_done) struct mp_run_list all = {0}, l = {0};
	const struct mp_run_filter everything = {0};
	_cleanup_index_ struct mp_index *ix = NULL;
	struct mp_run_filter f = a->filter;
	struct mp_diag d = {0};
	size_t go, kept, n;
	char text[900];
	int r;

	f.limit = 0;
	r = mp_index_open(a->out, false, &ix, &d);
	if (!r)
		r = mp_index_list(ix, &everything, &all, &d);
	if (!r)
		r = mp_index_list(ix, &f, &l, &d);
	if (r < 0) {
		mp_error("%s", mp_diag_str(&d, text, sizeof(text)));
		return MP_EXIT_INFRA;
	}
	choose(a, &all, &l, &go, &kept);
	if (kept)
		printf("%zu kept all the same: tagged, latest, the newest passing run of an "
		       "environment,\nor perhaps still running\n",
		       kept);
	if (!go) {
		printf("nothing to delete\n");
		return MP_EXIT_OK;
	}
	n = l.n;
	l.n = go;
	mp_runs_print(&l, a->out, false);
	l.n = n;
	if (!a->yes) {
		printf("%zu run%s would be deleted: --yes deletes them\n", go, go == 1 ? "" : "s");
		return MP_EXIT_OK;
	}
	mp_store_sweep(a->out);
	r = delete_all(a->out, &l, go);
	mp_index_close(TAKE_PTR(ix));
	if (mp_index_open(a->out, false, &ix, &d) < 0)
		mp_warning("%s", mp_diag_str(&d, text, sizeof(text)));
	if (r == MP_EXIT_OK)
		printf("%zu run%s deleted\n", go, go == 1 ? "" : "s");
	return r;
}

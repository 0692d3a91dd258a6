// SPDX-License-Identifier: GPL-2.0-only
/* Names of runs as values: no file is touched. Called by resolve.c and s3_runs.c. */
#include "results/runname.h"

#include <mmsperf/str.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIN_COMMIT 4 /* as git has it for what people type */

bool mp_runname_parse(const char *id, struct mp_runname *ret_name)
{
	const char *end = id + strlen(id), *digits = end, *commit;

	while (digits > id && isdigit((unsigned char)digits[-1]))
		digits--;
	if (digits == end || end - digits > 15 || digits - id < 2 || digits[-1] != '_' ||
	    digits[-2] != '_')
		return false;
	commit = digits - 2;
	while (commit - id >= 2 && (commit[-1] != '_' || commit[-2] != '_'))
		commit--;
	if (commit - id < 2 || commit == digits - 2)
		return false;
	*ret_name = (struct mp_runname){
		.commit = commit,
		.env_len = (size_t)(commit - 2 - id),
		.commit_len = (size_t)(digits - 2 - commit),
		.epoch_s = strtod(digits, NULL),
	};
	return true;
}

int mp_runname_newer(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	struct mp_runname p = {0}, q = {0};

	(void)mp_runname_parse(x, &p);
	(void)mp_runname_parse(y, &q);
	return p.epoch_s > q.epoch_s ? -1 : p.epoch_s < q.epoch_s ? 1 : strcmp(x, y);
}

static bool is_hex(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isxdigit((unsigned char)s[i]) || isupper((unsigned char)s[i]))
			return false;
	return n > 0;
}

/* 0: another commit; 1: with changes that were not committed; 2: a clean tree. */
static int commit_match(const char *id, const char *spec)
{
	static const char dirty[] = "-dirty";
	size_t n = strlen(spec), len, bare;
	struct mp_runname name;
	bool is_dirty;

	if (!mp_runname_parse(id, &name))
		return 0;
	len = name.commit_len;
	is_dirty = len > strlen(dirty) &&
		   !strncmp(name.commit + len - strlen(dirty), dirty, strlen(dirty));
	if (n == len && !strncmp(name.commit, spec, n))
		return 2; /* "nogit", "a1b2c3d-dirty" */
	bare = len - (is_dirty ? strlen(dirty) : 0);
	if (n < MIN_COMMIT || !is_hex(spec, n) || !is_hex(name.commit, bare) ||
	    strncmp(name.commit, spec, n < bare ? n : bare) != 0)
		return 0;
	return is_dirty ? 1 : 2;
}

static int ambiguous(const char *const *ids, const size_t *at, size_t n, const char *spec,
		     const char *what, struct mp_diag *d)
{
	return mp_diag_set(d, -ENOTUNIQ, NULL, 0, 0, "'%s' fits %zu %s: %s, %s%s", spec, n, what,
			   ids[at[0]], ids[at[1]], n > 2 ? ", ..." : "");
}

struct found {
	const char *id;
	size_t at;
	int quality;
};

static int better(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->quality != y->quality ? y->quality - x->quality
					: mp_runname_newer(&x->id, &y->id);
}

/* One commit's runs; a prefix that several commits share means none of them. */
static int find_commit(const char *const *ids, size_t n, const char *spec, size_t *ret_at,
		       size_t *ret_found, struct mp_diag *d)
{
	struct found *f = calloc(n + 1, sizeof(*f));
	size_t found = 0;
	int r = 0;

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int q = commit_match(ids[i], spec);

		if (q)
			f[found++] = (struct found){ids[i], i, q};
	}
	if (found)
		qsort(f, found, sizeof(*f), better);
	for (size_t i = 0; i < found; i++) {
		struct mp_runname a, b;
		size_t shorter;

		ret_at[i] = f[i].at;
		(void)mp_runname_parse(f[0].id, &a);
		(void)mp_runname_parse(f[i].id, &b);
		shorter = a.commit_len < b.commit_len ? a.commit_len : b.commit_len;
		shorter = strcspn(a.commit, "-_") < shorter ? strcspn(a.commit, "-_") : shorter;
		if (!r && strncmp(a.commit, b.commit, shorter) != 0) {
			ret_at[1] = f[i].at;
			r = ambiguous(ids, ret_at, found, spec, "runs of several commits", d);
		}
	}
	free(f);
	*ret_found = found;
	return r < 0 ? r : found ? 0 : -ENOENT;
}

int mp_runname_find(const char *const *ids, size_t n, const char *spec, size_t *ret_at,
		    size_t *ret_found, struct mp_diag *d)
{
	size_t len = strlen(spec), prefixed = 0, epochs = 0, epoch_at = 0;
	int r;

	if (!len)
		return mp_diag_set(d, -ENOENT, NULL, 0, 0, "a run without a name");
	for (size_t i = 0; i < n; i++) {
		struct mp_runname name;

		if (!strcmp(ids[i], spec)) {
			ret_at[0] = i;
			*ret_found = 1;
			return 0;
		}
		if (mp_runname_parse(ids[i], &name) && mp_ends_with(ids[i], spec) &&
		    ids[i][strlen(ids[i]) - len - 1] == '_' && is_hex(spec, len) &&
		    strspn(spec, "0123456789") == len) {
			epochs++;
			epoch_at = i;
		}
	}
	if (epochs == 1) {
		ret_at[0] = epoch_at;
		*ret_found = 1;
		return 0;
	}
	r = find_commit(ids, n, spec, ret_at, ret_found, d);
	if (r != -ENOENT)
		return r;
	for (size_t i = 0; i < n; i++)
		if (!strncmp(ids[i], spec, len))
			ret_at[prefixed++] = i;
	if (prefixed > 1)
		return ambiguous(ids, ret_at, prefixed, spec, "runs", d);
	*ret_found = prefixed;
	return prefixed ? 0 : -ENOENT;
}

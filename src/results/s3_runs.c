// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs in a bucket: sent so that a half one is never seen, fetched so that a cut costs nothing that
 * had come, listed and found by name. Knows objects, not HTTP. Called by cli/runs.c, resolve.c and
 * suite/.
 */
#include "results/s3.h"

#include "results/runname.h"

#include <mmsperf/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMPLETE     "complete/"
#define RUNS         "runs/"
#define MAX_MANIFEST (64 << 20)

static char *marker_key(const char *id)
{
	return mp_asprintf(COMPLETE "%s.json", id);
}

/* --- push ------------------------------------------------------------------------------------ */

static const struct mp_s3_object *find(const struct mp_s3_objects *o, const char *key)
{
	size_t from = 0, to = o->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int k = strcmp(o->v[mid].key, key);

		if (!k)
			return &o->v[mid];
		if (k < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

static int push_file(struct mp_s3 *s, const char *dir, const char *key, const struct mp_s3_file *f,
		     struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(dir, f->path);
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	const struct mp_s3_body body = {.fd = fd, .size = (size_t)f->size, .sha256 = f->sha256};

	if (fd < 0)
		return mp_diag_set(d, path ? -errno : -ENOMEM, path, 0, 0, "cannot be read");
	if (f->size > (double)s->part_bytes)
		return mp_s3_put_parts(s, key, fd, f, d);
	return mp_s3_put(s, key, &body, d);
}

/* 1: the object is that file, sent by whatever way; 0: not; -errno with d filled. */
static int is_sent(const struct mp_s3 *s, const char *dir, const struct mp_s3_object *o,
		   const struct mp_s3_file *f, struct mp_diag *d)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (!o || o->size != f->size)
		return 0;
	if (!strchr(o->etag, '-'))
		return !strcmp(o->etag, f->md5);
	path = mp_path_join(dir, f->path);
	fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	r = !path    ? -ENOMEM
	    : fd < 0 ? -errno
		     : mp_s3_is_of_parts(o->etag, fd, f->size, s->part_bytes);
	return r < 0 ? mp_diag_set(d, r, path, 0, 0, "cannot be read: %s", strerror(-r)) : r;
}

static int push_files(struct mp_s3 *s, const char *dir, const struct mp_s3_manifest *m,
		      struct mp_s3_count *n, struct mp_diag *d)
{
	_cleanup_(mp_s3_objects_done) struct mp_s3_objects there = {0};
	_cleanup_free_ char *below = mp_asprintf(RUNS "%s/", m->row.id);
	int r = below ? mp_s3_objects(s, below, &there, d) : -ENOMEM;

	for (size_t i = 0; i < m->n && !r; i++) {
		_cleanup_free_ char *key = mp_asprintf("%s%s", below, m->v[i].path);
		const struct mp_s3_object *o = key ? find(&there, key) : NULL;

		if (!key)
			return -ENOMEM;
		r = is_sent(s, dir, o, &m->v[i], d);
		if (r < 0)
			return r;
		if (r) {
			n->skipped++;
			r = 0;
			continue;
		}
		r = push_file(s, dir, key, &m->v[i], d);
		n->files++;
		n->bytes += m->v[i].size;
	}
	return r;
}

int mp_s3_push(struct mp_s3 *s, const char *run_dir, struct mp_s3_count *ret, struct mp_diag *d)
{
	_cleanup_(mp_s3_manifest_done) struct mp_s3_manifest m = {0};
	_cleanup_free_ char *json = NULL, *key = NULL;
	char sha256[SHA256_DIGEST_STRING_LENGTH];
	struct mp_s3_count n = {0};
	size_t before = s->retries;
	int r = mp_s3_manifest_make(run_dir, &m, d);

	if (!r)
		r = push_files(s, run_dir, &m, &n, d);
	if (!r)
		r = mp_s3_manifest_write(&m, &json);
	if (r < 0)
		return r;
	key = marker_key(m.row.id);
	if (!key)
		return -ENOMEM;
	(void)SHA256Data((const uint8_t *)json, strlen(json), sha256);
	r = mp_s3_put(s, key,
		      &(struct mp_s3_body){
			      .fd = -1, .text = json, .size = strlen(json), .sha256 = sha256},
		      d);
	if (r < 0)
		return r;
	n.retries = s->retries - before;
	*ret = n;
	return 0;
}

/* --- fetch ----------------------------------------------------------------------------------- */

static int get_manifest(struct mp_s3 *s, const char *id, struct mp_s3_manifest *ret,
			struct mp_diag *d)
{
	_cleanup_free_ char *key = marker_key(id);
	_cleanup_buf_ struct mp_buf json = {0};
	struct mp_diag why = {0};
	int r = key ? mp_s3_get(s, key, MAX_MANIFEST, &json, d) : -ENOMEM;

	if (r == -ENOENT)
		return mp_diag_set(d, r, NULL, 0, 0, "%s: no whole run '%s' is there", s->url, id);
	if (r < 0)
		return r;
	r = mp_s3_manifest_read(json.s, json.len, ret, &why);
	return r < 0 ? mp_diag_set(d, r, NULL, 0, 0, "%s: run '%s': %s", s->url, id, why.msg) : 0;
}

static bool is_there(const char *path, const struct mp_s3_file *f)
{
	struct mp_s3_file have = {0};

	return !mp_s3_digest(path, &have) && have.size == f->size &&
	       !strcmp(have.sha256, f->sha256);
}

/* As NAME.part until its hash is right. A part that is wrong, say of an older upload, is fetched
 * once more from the begin. */
static int fetch_file(struct mp_s3 *s, const char *id, const char *dir, const struct mp_s3_file *f,
		      struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(dir, f->path), *part = NULL, *key = NULL,
			    *parent = NULL;
	int r;

	part = path ? mp_asprintf("%s.part", path) : NULL;
	key = mp_asprintf(RUNS "%s/%s", id, f->path);
	parent = path ? strdup(path) : NULL;
	if (!part || !key || !parent)
		return -ENOMEM;
	*strrchr(parent, '/') = '\0';
	r = mp_mkdir_p(parent, 0755);
	if (r < 0)
		return mp_diag_set(d, r, parent, 0, 0, "%s", strerror(-r));
	for (int tries = 0; tries < 2; tries++) {
		r = mp_s3_get_file(s, key, part, f->size, d);
		if (r < 0)
			return r;
		if (is_there(part, f)) {
			if (rename(part, path) == 0)
				return 0;
			r = -errno;
			return mp_diag_set(d, r, path, 0, 0, "%s", strerror(-r));
		}
		(void)unlink(part);
	}
	return mp_diag_set(d, -EBADMSG, NULL, 0, 0, "%s: '%s' is not what was uploaded (SHA-256)",
			   s->url, key);
}

static int fetch_files(struct mp_s3 *s, const char *id, const char *dir,
		       const struct mp_s3_manifest *m, struct mp_s3_count *n, struct mp_diag *d)
{
	for (size_t i = 0; i < m->n; i++) {
		_cleanup_free_ char *path = mp_path_join(dir, m->v[i].path);
		int r;

		if (!path)
			return -ENOMEM;
		if (is_there(path, &m->v[i])) {
			n->skipped++;
			continue;
		}
		r = fetch_file(s, id, dir, &m->v[i], d);
		if (r < 0)
			return r;
		n->files++;
		n->bytes += m->v[i].size;
	}
	return 0;
}

static int finish(const char *from, const char *to, char **ret_dir, struct mp_diag *d)
{
	int r = 0;

	if (rename(from, to) < 0) {
		r = -errno;
		return mp_diag_set(d, r, to, 0, 0, "%s", strerror(-r));
	}
	*ret_dir = realpath(to, NULL);
	return *ret_dir ? 0 : -ENOMEM;
}

int mp_s3_fetch(struct mp_s3 *s, const char *id, const char *out, char **ret_dir,
		struct mp_s3_count *ret, struct mp_diag *d)
{
	_cleanup_free_ char *to = mp_path_join(out, id), *from = NULL, *json = NULL;
	_cleanup_(mp_s3_manifest_done) struct mp_s3_manifest m = {0};
	struct mp_s3_count n = {0};
	size_t before = s->retries;
	int r;

	if (!*id || *id == '.' || strchr(id, '/'))
		return mp_diag_set(d, -EINVAL, NULL, 0, 0, "'%s' is no run's name", id);
	json = to ? mp_path_join(to, "run.json") : NULL;
	from = mp_asprintf("%s/.fetch-%s", out, id);
	if (!json || !from)
		return -ENOMEM;
	r = get_manifest(s, id, &m, d);
	if (r < 0)
		return r;
	if (mp_is_file(json)) {
		n.skipped = m.n;
		*ret_dir = realpath(to, NULL);
		*ret = n;
		return *ret_dir ? 0 : -ENOMEM;
	}
	r = mp_mkdir_p(from, 0755);
	if (r < 0)
		return mp_diag_set(d, r, from, 0, 0, "%s", strerror(-r));
	r = fetch_files(s, id, from, &m, &n, d);
	if (!r)
		r = finish(from, to, ret_dir, d);
	if (r < 0)
		return r;
	n.retries = s->retries - before;
	*ret = n;
	return 0;
}

int mp_s3_fetch_some(struct mp_s3 *s, const char *id, const char *out, const char *const *files,
		     size_t n, struct mp_diag *d)
{
	_cleanup_free_ char *dir = mp_path_join(out, id);
	_cleanup_(mp_s3_manifest_done) struct mp_s3_manifest m = {0};
	int r;

	if (!*id || *id == '.' || strchr(id, '/'))
		return mp_diag_set(d, -EINVAL, NULL, 0, 0, "'%s' is no run's name", id);
	r = dir ? get_manifest(s, id, &m, d) : -ENOMEM;
	for (size_t i = 0; i < m.n && !r; i++)
		for (size_t k = 0; k < n && !r; k++)
			if (!strcmp(m.v[i].path, files[k]))
				r = fetch_file(s, id, dir, &m.v[i], d);
	return r;
}

/* --- names ----------------------------------------------------------------------------------- */

struct ids {
	char **v;
	size_t n;
};

static void ids_done(struct ids *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

/* Names of all whole runs, newest first. */
static int read_ids(struct mp_s3 *s, struct ids *l, struct mp_diag *d)
{
	_cleanup_(mp_s3_objects_done) struct mp_s3_objects o = {0};
	int r = mp_s3_objects(s, COMPLETE, &o, d);

	if (r < 0)
		return r;
	l->v = calloc(o.n + 1, sizeof(*l->v));
	if (!l->v)
		return -ENOMEM;
	for (size_t i = 0; i < o.n; i++) {
		const char *name = o.v[i].key + strlen(COMPLETE);

		if (!mp_ends_with(name, ".json") || strchr(name, '/'))
			continue;
		l->v[l->n] = strndup(name, strlen(name) - strlen(".json"));
		if (!l->v[l->n++])
			return -ENOMEM;
	}
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), mp_runname_newer);
	return 0;
}

int mp_s3_resolve(struct mp_s3 *s, const char *spec, char **ret_id, struct mp_diag *d)
{
	_cleanup_(ids_done) struct ids l = {0};
	_cleanup_free_ size_t *at = NULL;
	struct mp_diag why = {0};
	size_t found = 0;
	int r = read_ids(s, &l, d);

	if (r < 0)
		return r;
	at = calloc(l.n + 2, sizeof(*at));
	if (!at)
		return -ENOMEM;
	if (!strcmp(spec, "latest"))
		r = l.n ? 0 : -ENOENT;
	else
		r = mp_runname_find((const char *const *)l.v, l.n, spec, at, &found, &why);
	if (r < 0)
		return mp_diag_set(d, r, NULL, 0, 0, "%s: run '%s': %s", s->url, spec,
				   *why.msg ? why.msg
					    : "no whole run of that name or commit is there");
	*ret_id = TAKE_PTR(l.v[at[0]]); /* "latest": at[0] is 0, the newest */
	if (!*ret_id)
		return -ENOMEM;
	return 0;
}

/* --- list ------------------------------------------------------------------------------------ */

static bool name_matches(const char *id, const struct mp_run_filter *f)
{
	_cleanup_free_ char *env = NULL;
	struct mp_runname name;

	if (!f->env && !f->commit && f->since_s <= 0)
		return true;
	if (!mp_runname_parse(id, &name))
		return false;
	env = strndup(id, name.env_len);
	if (f->env && (!env || !mp_glob(f->env, env)))
		return false;
	if (f->commit) {
		size_t n = strlen(f->commit);

		if (strncmp(name.commit, f->commit, n < name.commit_len ? n : name.commit_len) != 0)
			return false;
	}
	return name.epoch_s >= f->since_s;
}

static bool has_suite(const char *suites, const char *glob)
{
	_cleanup_free_ char *copy = strdup(suites);
	char *save = NULL;

	for (char *p = copy ? strtok_r(copy, "\n", &save) : NULL; p;
	     p = strtok_r(NULL, "\n", &save))
		if (mp_glob(glob, p))
			return true;
	return false;
}

static bool has_tag(const char *tags, const char *tag)
{
	size_t n = strlen(tag);

	for (const char *p = tags; *p; p += strcspn(p, " "), p += *p == ' ')
		if (strcspn(p, " ") == n && !strncmp(p, tag, n))
			return true;
	return false;
}

static bool row_matches(const struct mp_s3_manifest *m, const struct mp_run_filter *f)
{
	return (!f->verdict || !strcmp(f->verdict, m->row.verdict)) &&
	       (!f->fingerprint || mp_starts_with(m->row.fingerprint, f->fingerprint)) &&
	       (!f->tag || has_tag(m->row.tags, f->tag)) &&
	       (!f->suite || has_suite(m->suites, f->suite));
}

/* What the name alone tells. */
static int row_of_name(const char *id, struct mp_run_row *ret)
{
	struct mp_runname name = {.commit = ""};
	bool ours = mp_runname_parse(id, &name);

	*ret = (struct mp_run_row){
		.id = strdup(id),
		.env = strndup(id, name.env_len),
		.commit = strndup(name.commit, name.commit_len),
		.verdict = strdup(""),
		.fingerprint = strdup(""),
		.server = strdup(""),
		.tags = strdup(""),
		.started_s = ours ? name.epoch_s : 0,
	};
	return ret->id && ret->env && ret->commit && ret->verdict && ret->fingerprint &&
			       ret->server && ret->tags
		       ? 0
		       : -ENOMEM;
}

static int add_row(struct mp_run_list *l, const struct mp_run_row *row)
{
	struct mp_run_row *v = reallocarray(l->v, l->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	l->v = v;
	v[l->n++] = *row;
	return 0;
}

/* 1: added, 0: does not match. */
static int add_if_matches(struct mp_s3 *s, const char *id, const struct mp_run_filter *f,
			  bool details, struct mp_run_list *l, struct mp_diag *d)
{
	_cleanup_(mp_s3_manifest_done) struct mp_s3_manifest m = {0};
	int r;

	if (details || f->verdict || f->fingerprint || f->tag || f->suite) {
		r = get_manifest(s, id, &m, d);
		if (r == -ENOENT)
			return 0; /* deleted since it was listed */
		if (r < 0)
			return r;
		if (!row_matches(&m, f))
			return 0;
	} else {
		r = row_of_name(id, &m.row);
		if (r < 0)
			return r;
	}
	r = add_row(l, &m.row);
	if (r < 0)
		return r;
	m.row = (struct mp_run_row){0};
	return 1;
}

int mp_s3_list(struct mp_s3 *s, const struct mp_run_filter *f, bool details,
	       struct mp_run_list *ret_list, struct mp_diag *d)
{
	_cleanup_(mp_run_list_done) struct mp_run_list l = {0};
	_cleanup_(ids_done) struct ids ids = {0};
	int r = read_ids(s, &ids, d);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ids.n; i++) {
		if (!name_matches(ids.v[i], f))
			continue;
		if (f->limit && l.n >= f->limit) {
			l.more++;
			continue;
		}
		r = add_if_matches(s, ids.v[i], f, details, &l, d);
		if (r < 0)
			return r;
	}
	*ret_list = l;
	l = (struct mp_run_list){0};
	return 0;
}

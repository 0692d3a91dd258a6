// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a run in S3 consists of: PREFIX/complete/ID.json, made from the run's folder, written last
 * and read first. It holds the run's row, so that a list needs no run.json, and every file with its
 * size and SHA-256. What comes from a bucket is not trusted: a path that leaves the folder is
 * refused. Called by s3_runs.c.
 */
#include "results/s3.h"

#include <mmsperf/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <md5.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA    1
#define MAX_FILES 100000
#define MAX_PATH  512

void mp_s3_manifest_done(struct mp_s3_manifest *m)
{
	struct mp_run_list one = {.v = calloc(1, sizeof(*one.v)), .n = 1};

	if (one.v) {
		*one.v = m->row;
		mp_run_list_done(&one);
	}
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].path);
	free(m->v);
	free(m->suites);
	*m = (struct mp_s3_manifest){0};
}

int mp_s3_digest(const char *path, struct mp_s3_file *f)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_free_ uint8_t *buf = malloc(1 << 16);
	double size = 0;
	MD5_CTX md5;
	SHA2_CTX sha;
	ssize_t n;

	if (fd < 0 || !buf)
		return fd < 0 ? -errno : -ENOMEM;
	MD5Init(&md5);
	SHA256Init(&sha);
	while ((n = read(fd, buf, 1 << 16)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		MD5Update(&md5, buf, (size_t)n);
		SHA256Update(&sha, buf, (size_t)n);
		size += (double)n;
	}
	(void)MD5End(&md5, f->md5);
	(void)SHA256End(&sha, f->sha256);
	f->size = size;
	return 0;
}

/* Below the folder, in plain characters: what XML cannot hold no list of objects can either. */
static bool is_safe_path(const char *p)
{
	if (!*p || *p == '/' || strlen(p) > MAX_PATH)
		return false;
	for (const char *c = p; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '\\')
			return false;
	for (const char *part = p; part; part = strchr(part, '/'), part = part ? part + 1 : NULL) {
		size_t n = strcspn(part, "/");

		if (!n || (n == 1 && *part == '.') || (n == 2 && !strncmp(part, "..", 2)))
			return false;
	}
	return true;
}

static int add_file(struct mp_s3_manifest *m, const char *path)
{
	struct mp_s3_file *v;

	if (m->n >= MAX_FILES)
		return -EFBIG;
	v = reallocarray(m->v, m->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	m->v = v;
	v[m->n] = (struct mp_s3_file){.path = strdup(path)};
	return v[m->n++].path ? 0 : -ENOMEM;
}

/* nftw() carries no argument of the caller's: one walk at a time, which one thread does. */
static struct {
	struct mp_s3_manifest *m;
	size_t skip;
	const char *bad;
	char bad_path[MAX_PATH];
} walk;

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *below = path + walk.skip;

	(void)ftw;
	if (type == FTW_DNR || type == FTW_NS) {
		(void)snprintf(walk.bad_path, sizeof(walk.bad_path), "%s", below);
		walk.bad = "cannot be read";
		return -EACCES;
	}
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	if (!is_safe_path(below)) {
		(void)snprintf(walk.bad_path, sizeof(walk.bad_path), "%s", below);
		walk.bad = "has a name that cannot be stored";
		return -EILSEQ;
	}
	return add_file(walk.m, below);
}

static int by_path(const void *a, const void *b)
{
	const struct mp_s3_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static char *joined_tags(const struct mp_run *r)
{
	struct mp_buf b = {0};

	mp_buf_puts(&b, "");
	for (size_t i = 0; i < r->n_tags; i++)
		mp_buf_printf(&b, "%s%s", i ? " " : "", r->tags[i]);
	return b.s ? b.s : strdup("");
}

static char *joined_suites(const struct mp_run *r)
{
	struct mp_buf b = {0};

	for (size_t i = 0; i < r->n_suites; i++)
		mp_buf_printf(&b, "%s%s", i ? "\n" : "", r->suites[i].name);
	return b.s ? b.s : strdup("");
}

static int fill_row(const struct mp_run *r, struct mp_s3_manifest *m)
{
	const char *name = strrchr(r->dir, '/');
	struct mp_run_row *row = &m->row;

	*row = (struct mp_run_row){
		.id = strdup(name ? name + 1 : r->dir),
		.env = strdup(r->env ? r->env : ""),
		.commit = strdup(r->commit ? r->commit : ""),
		.verdict = strdup(mp_verdict_name(r->verdict)),
		.fingerprint = strdup(r->fingerprint.id),
		.server = strdup(r->server ? r->server : ""),
		.tags = joined_tags(r),
		.started_s = r->started_s,
		.duration_s = r->duration_s,
		.hold_cap_s = r->hold_cap_s,
		.exit_code = r->exit_code,
		.suites = (int)r->n_suites,
	};
	m->suites = joined_suites(r);
	for (size_t i = 0; i < r->n_suites; i++) {
		const struct mp_suite_result *s = &r->suites[i];

		row->suites_passed += s->verdict == MP_PASSED;
		row->suites_bad += s->verdict >= MP_FAILED;
		row->cases += (int)s->n_cases;
		for (size_t c = 0; c < s->n_cases; c++)
			row->cases_bad += s->cases[c].verdict >= MP_FAILED;
	}
	return row->id && row->env && row->commit && row->verdict && row->fingerprint &&
			       row->server && row->tags && m->suites
		       ? 0
		       : -ENOMEM;
}

int mp_s3_manifest_make(const char *dir, struct mp_s3_manifest *ret, struct mp_diag *d)
{
	_cleanup_(mp_s3_manifest_done) struct mp_s3_manifest m = {0};
	_cleanup_run_ struct mp_run *run = NULL;
	int r = mp_store_load(dir, &run, d);

	if (r < 0)
		return r;
	if (run->unfinished)
		return mp_diag_set(d, -EBUSY, dir, 0, 0,
				   "the run is not finished: only whole runs are uploaded");
	r = fill_row(run, &m);
	if (r < 0)
		return r;
	walk.m = &m;
	walk.skip = strlen(run->dir) + 1;
	walk.bad = NULL;
	r = nftw(run->dir, visit, 16, FTW_PHYS);
	if (r == -1)
		r = -errno;
	if (r < 0)
		return mp_diag_set(d, r, run->dir, 0, 0, "%s%s%s", walk.bad ? walk.bad_path : "",
				   walk.bad ? " " : "", walk.bad ? walk.bad : strerror(-r));
	if (m.n)
		qsort(m.v, m.n, sizeof(*m.v), by_path);
	for (size_t i = 0; i < m.n; i++) {
		_cleanup_free_ char *path = mp_path_join(run->dir, m.v[i].path);

		r = path ? mp_s3_digest(path, &m.v[i]) : -ENOMEM;
		if (r < 0)
			return mp_diag_set(d, r, path, 0, 0, "%s", strerror(-r));
	}
	*ret = m;
	m = (struct mp_s3_manifest){0};
	return 0;
}

int mp_s3_manifest_write(const struct mp_s3_manifest *m, char **ret_json)
{
	const struct mp_run_row *r = &m->row;
	json_t *files = json_array(), *root;
	char *text;

	for (size_t i = 0; i < m->n; i++)
		(void)json_array_append_new(files, json_pack("{s:s, s:f, s:s}", "path",
							     m->v[i].path, "size", m->v[i].size,
							     "sha256", m->v[i].sha256));
	root = json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f, s:f, s:i, s:i, s:i, "
		"s:i, s:i, s:i, s:o}",
		"schema", SCHEMA, "program", "mmsperf-bpf " MP_VERSION, "id", r->id, "env", r->env,
		"commit", r->commit, "verdict", r->verdict, "fingerprint", r->fingerprint, "server",
		r->server, "tags", r->tags, "suite_names", m->suites, "started", r->started_s,
		"duration", r->duration_s, "exit_code", r->exit_code, "suites", r->suites,
		"suites_passed", r->suites_passed, "suites_failed", r->suites_bad, "cases",
		r->cases, "cases_failed", r->cases_bad, "files", files);
	if (root && r->hold_cap_s > 0)
		(void)json_object_set_new(root, "hold_cap", json_real(r->hold_cap_s));
	text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) : NULL;
	json_decref(root);
	if (!text)
		return -ENOMEM;
	*ret_json = text;
	return 0;
}

static char *get_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return strdup(s ? s : "");
}

static int get_int(const json_t *o, const char *key)
{
	return (int)json_number_value(json_object_get(o, key));
}

static int read_files(const json_t *files, struct mp_s3_manifest *m)
{
	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *f = json_array_get(files, i);
		const char *path = json_string_value(json_object_get(f, "path"));
		const char *sha = json_string_value(json_object_get(f, "sha256"));
		int r;

		if (!path || !is_safe_path(path) || !sha || strlen(sha) != 64 ||
		    strspn(sha, "0123456789abcdef") != 64)
			return -EBADMSG;
		r = add_file(m, path);
		if (r < 0)
			return r;
		memcpy(m->v[m->n - 1].sha256, sha, 65);
		m->v[m->n - 1].size = json_number_value(json_object_get(f, "size"));
	}
	return m->n ? 0 : -EBADMSG;
}

int mp_s3_manifest_read(const char *json, size_t len, struct mp_s3_manifest *ret, struct mp_diag *d)
{
	_cleanup_(mp_s3_manifest_done) struct mp_s3_manifest m = {0};
	json_t *root = json_loadb(json, len, 0, NULL);
	int r = -EBADMSG;

	m.row = (struct mp_run_row){
		.id = get_text(root, "id"),
		.env = get_text(root, "env"),
		.commit = get_text(root, "commit"),
		.verdict = get_text(root, "verdict"),
		.fingerprint = get_text(root, "fingerprint"),
		.server = get_text(root, "server"),
		.tags = get_text(root, "tags"),
		.started_s = json_number_value(json_object_get(root, "started")),
		.duration_s = json_number_value(json_object_get(root, "duration")),
		.hold_cap_s = json_number_value(json_object_get(root, "hold_cap")),
		.exit_code = get_int(root, "exit_code"),
		.suites = get_int(root, "suites"),
		.suites_passed = get_int(root, "suites_passed"),
		.suites_bad = get_int(root, "suites_failed"),
		.cases = get_int(root, "cases"),
		.cases_bad = get_int(root, "cases_failed"),
	};
	m.suites = get_text(root, "suite_names");
	if (root && get_int(root, "schema") == SCHEMA)
		r = read_files(json_object_get(root, "files"), &m);
	json_decref(root);
	if (r < 0)
		return mp_diag_set(d, r, NULL, 0, 0, "%s",
				   r == -EBADMSG
					   ? "its list of files is damaged, or of another version"
					   : strerror(-r));
	*ret = m;
	m = (struct mp_s3_manifest){0};
	return 0;
}

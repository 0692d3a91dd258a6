// SPDX-License-Identifier: GPL-2.0-only
/*
 * bzt reads thresholds as times and a label before ">=" too far (contract, section 2). Files with
 * such criteria are given to it as copies with plain numbers; the criterion is found again by its
 * place. Because bzt looks for scripts beside the files it is given, the copy names those of the
 * original absolutely. Called by bzt.c.
 */
#include "suite/rewrite.h"

#include "suite/simple.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Keys under which Taurus takes paths; elsewhere a text that happens to be a file's name is text.
 */
static const char *const path_keys[] = {"script",  "path", "body-file", "data-sources",
					"files",   "cwd",  "file",      "included-configs",
					"keystore"};

static bool is_path_key(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(path_keys); i++)
		if (!strcmp(path_keys[i], key))
			return true;
	return false;
}

/* bzt takes a path as it is first, then beside its configuration: only the latter would be lost. */
static int anchor_path(struct mp_yaml *y, const char *dir)
{
	_cleanup_free_ char *there = NULL;
	char *full;

	if (!*y->scalar || *y->scalar == '/' || *y->scalar == '~' || strstr(y->scalar, "://") ||
	    strstr(y->scalar, "${"))
		return 0;
	there = mp_path_join(dir, y->scalar);
	if (!there)
		return -ENOMEM;
	if (mp_is_file(y->scalar) || mp_is_dir(y->scalar) ||
	    (!mp_is_file(there) && !mp_is_dir(there)))
		return 0;
	full = realpath(there, NULL);
	if (!full)
		return -ENOMEM;
	free(y->scalar);
	y->scalar = full;
	return 0;
}

static int anchor_paths(struct mp_yaml *y, const char *dir, bool under_path_key)
{
	int r = 0;

	if (y->kind == MP_YAML_SCALAR)
		return under_path_key ? anchor_path(y, dir) : 0;
	for (size_t i = 0; !r && i < y->n; i++) {
		bool paths = y->key ? is_path_key(y->key[i]->scalar) : under_path_key;

		r = anchor_paths(y->val[i], dir, paths);
	}
	return r;
}

static struct mp_yaml **find_place(struct mp_yaml **y, int line, int col, enum mp_yaml_kind kind)
{
	if ((*y)->line == line && (*y)->col == col && (*y)->kind == kind)
		return y;
	for (size_t i = 0; i < (*y)->n; i++) {
		struct mp_yaml **found = find_place(&(*y)->val[i], line, col, kind);

		if (found)
			return found;
	}
	return NULL;
}

static int replace_criterion(struct mp_yaml **root, const struct mp_criterion *c)
{
	struct mp_yaml **at =
		find_place(root, c->line, c->col, c->is_map ? MP_YAML_MAP : MP_YAML_SCALAR);
	_cleanup_yaml_ struct mp_yaml *plain = NULL;
	int r;

	if (!at)
		return 0;
	r = mp_crit_to_yaml(c, &plain);
	if (r < 0)
		return r;
	/* other keys (diff_percent, message) stay beside the plain ones */
	if (c->is_map)
		return mp_yaml_merge(*at, plain);
	mp_yaml_free(*at);
	*at = TAKE_PTR(plain);
	return 0;
}

static int write_copy(const struct mp_plan *p, const struct mp_yaml *doc, const char *dir,
		      char **ret_path, struct mp_diag *d)
{
	_cleanup_yaml_ struct mp_yaml *copy = NULL;
	_cleanup_free_ char *text = NULL, *from = strdup(doc->file), *path = NULL;
	_cleanup_buf_ struct mp_buf b = {0};
	char *slash = from ? strrchr(from, '/') : NULL;
	size_t len;
	int r = mp_yaml_copy(doc, &copy);

	for (size_t i = 0; !r && i < p->n_crit; i++)
		if (p->crit[i].needs_rewrite && !strcmp(p->crit[i].file, doc->file))
			r = replace_criterion(&copy, &p->crit[i]);
	if (slash)
		*slash = '\0';
	if (!r)
		r = anchor_paths(copy, !slash ? "." : slash == from ? "/" : from, false);
	if (!r)
		r = mp_yaml_dump(copy, &text, &len);
	if (r < 0)
		return r;
	mp_buf_printf(&b, "# Made by mmsperf-bpf from %s: thresholds as plain numbers for bzt.\n%s",
		      doc->file, text);
	path = mp_path_join(dir, strrchr(doc->file, '/') ? strrchr(doc->file, '/') + 1 : doc->file);
	if (b.failed || !path)
		return -ENOMEM;
	r = mp_write_file(path, b.s, b.len, 0644);
	if (r < 0)
		return mp_diag_set(d, r, path, 0, 0, "cannot be written: %s", strerror(-r));
	*ret_path = TAKE_PTR(path);
	return 0;
}

/* A simple suite reaches bzt as what it was compiled to, which the artifacts keep. */
static int write_compiled(const struct mp_suite *s, const char *dir, char **ret_path,
			  struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(dir, "taurus.yaml"),
			    *jmx = mp_path_join(dir, MP_OPEN_LOOP_JMX);
	int r;

	if (!path || !jmx)
		return -ENOMEM;
	r = mp_write_file(path, s->taurus, strlen(s->taurus), 0644);
	if (!r && s->taurus_jmx)
		r = mp_write_file(jmx, s->taurus_jmx, strlen(s->taurus_jmx), 0644);
	if (r < 0)
		return mp_diag_set(d, r, path, 0, 0, "cannot be written: %s", strerror(-r));
	*ret_path = TAKE_PTR(path);
	return 0;
}

int mp_rewrite_files(const struct mp_suite *s, const char *dir, char *ret_files[static 4],
		     struct mp_diag *d)
{
	const struct mp_yaml *docs[] = {s->doc, s->env_doc, s->global_doc};
	const char *paths[] = {s->path, s->env_path, s->global_path};
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(docs); i++) {
		bool rewrite = false;

		if (!docs[i])
			continue;
		for (size_t k = 0; k < s->plan->n_crit; k++)
			rewrite |= s->plan->crit[k].needs_rewrite &&
				   !strcmp(s->plan->crit[k].file, docs[i]->file);
		ret_files[n] = NULL;
		if (i == 0 && s->simple)
			r = write_compiled(s, dir, &ret_files[n], d);
		else if (rewrite)
			r = write_copy(s->plan, docs[i], dir, &ret_files[n], d);
		else if (!(ret_files[n] = strdup(paths[i])))
			r = -ENOMEM;
		n += !r;
	}
	ret_files[n] = NULL;
	for (size_t i = 0; r < 0 && i < n; i++) {
		free(ret_files[i]);
		ret_files[i] = NULL;
	}
	return r;
}

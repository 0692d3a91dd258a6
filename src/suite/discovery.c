// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which suites there are: DIR/NAME.yaml, and folders at any depth that hold a YAML file of their
 * own name; with each its environment and its global config, read and planned. A malformed suite
 * stays in the list with its fault. Starts nothing. Called by runner.c, first of all.
 */
#include <mmsperf/suite.h>

#include "suite/plan.h"
#include "suite/simple.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEPTH 16

/* Folders of tests that are not suites, directly under DIR; contract, section 1. */
static const char *const not_suites[] = {"unit", "bpf",    "e2e",     "fuzz",
					 "vm",   "models", "harness", "golden"};
static const char *const never[] = {"common", "environments"};

struct walk {
	const struct mp_run_opts *o;
	const char *root;
	struct mp_suite_list list;
};

static void suite_done(struct mp_suite *s)
{
	mp_plan_free(s->plan);
	mp_simple_free(s->simple);
	mp_yaml_free(s->source);
	free(s->taurus);
	free(s->taurus_jmx);
	mp_yaml_free(s->doc);
	mp_yaml_free(s->env_doc);
	mp_yaml_free(s->global_doc);
	free(s->name);
	free(s->path);
	free(s->env_path);
	free(s->global_path);
}

void mp_suites_done(struct mp_suite_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		suite_done(&l->v[i]);
	free(l->v);
	*l = (struct mp_suite_list){0};
}

static bool in(const char *const *names, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], s))
			return true;
	return false;
}

/*
 * The glob is tried on the file's name and on the suite's (the same without .yaml); one with a
 * slash on the path below DIR.
 */
static bool matches(const char *pattern, const char *below, const char *file, const char *name)
{
	if (strchr(pattern, '/'))
		return mp_glob(pattern, below);
	return mp_glob(pattern, file) || mp_glob(pattern, name);
}

static char *first_file(const char *const *dirs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		char *path = dirs[i] ? mp_path_join(dirs[i], name) : NULL;

		if (path && mp_is_file(path))
			return path;
		free(path);
	}
	return NULL;
}

static int find_companions(const struct walk *w, const char *dir, struct mp_suite *s)
{
	_cleanup_free_ char *envs = mp_path_join(dir, "environments"),
			    *common = mp_path_join(w->root, "common"),
			    *env_file = mp_asprintf("%s.yaml", w->o->env_name);
	const char *env_dirs[] = {envs}, *global_dirs[] = {dir, w->root, common};

	if (!envs || !common || !env_file)
		return -ENOMEM;
	s->env_path = first_file(env_dirs, ARRAY_SIZE(env_dirs), env_file);
	if (!s->env_path) /* limits for any machine, when there are none for this one */
		s->env_path = first_file(env_dirs, ARRAY_SIZE(env_dirs), "default.yaml");
	s->global_path = first_file(global_dirs, ARRAY_SIZE(global_dirs), "global_config.yaml");
	return 0;
}

/* A variable that nobody defines: most often the environment's name is the cause. */
static void hint_environment(const struct walk *w, struct mp_suite *s)
{
	size_t len = strlen(s->diag.msg);

	if (s->bad && !s->env_path && strstr(s->diag.msg, "settings.env"))
		(void)snprintf(s->diag.msg + len, sizeof(s->diag.msg) - len,
			       "; there is no environments/%s.yaml beside the suite (--env-name)",
			       w->o->env_name);
}

/* Case i of a simple suite's matrix; *ret_cases says how many there are. */
static int read_and_plan(struct mp_suite *s, size_t i, size_t *ret_cases)
{
	int r = mp_yaml_read(s->path, &s->doc, &s->diag);

	if (!r && s->env_path)
		r = mp_yaml_read(s->env_path, &s->env_doc, &s->diag);
	if (!r && s->global_path)
		r = mp_yaml_read(s->global_path, &s->global_doc, &s->diag);
	if (!r && mp_simple_is(s->doc))
		r = mp_simple_compile(s, i, ret_cases);
	if (!r)
		r = mp_plan_new(s, &s->plan, &s->diag);
	if (!r && s->simple)
		r = mp_simple_apply(s->simple, s->plan);
	if (r == -ENOMEM)
		return r;
	s->bad = r < 0;
	if (s->plan) {
		s->expected_s = s->plan->expected_s;
		s->n_criteria = s->plan->n_crit;
		for (size_t k = 0; s->simple && k < s->simple->n_expects; k++)
			s->n_criteria += !mp_expect_is_criterion(&s->simple->expects[k]);
	}
	return 0;
}

/* Case i of a file; a Taurus suite has one. */
static int add_case(struct walk *w, const char *dir, const char *path, const char *name, size_t i,
		    size_t *ret_cases)
{
	struct mp_suite *bigger = reallocarray(w->list.v, w->list.n + 1, sizeof(*bigger)),
			s = {.hold_cap_s = w->o->hold_cap_s};
	int r;

	if (!bigger)
		return -ENOMEM;
	w->list.v = bigger;
	s.name = strdup(name);
	s.path = strdup(path);
	r = s.name && s.path ? find_companions(w, dir, &s) : -ENOMEM;
	if (!r)
		r = read_and_plan(&s, i, ret_cases);
	hint_environment(w, &s);
	if (r < 0) {
		suite_done(&s);
		return r;
	}
	w->list.v[w->list.n++] = s;
	return 0;
}

static int add_suite(struct walk *w, const char *dir, const char *file)
{
	_cleanup_free_ char *name = strndup(file, strlen(file) - strlen(".yaml")),
			    *path = mp_path_join(dir, file);
	const char *below = path;
	size_t n = 1;
	int r = 0;

	if (!name || !path)
		return -ENOMEM;
	if (mp_starts_with(path, w->root) && path[strlen(w->root)] == '/')
		below += strlen(w->root) + 1;
	if (!matches(w->o->pattern, below, file, name) ||
	    (w->o->exclude && matches(w->o->exclude, below, file, name)))
		return 0;
	for (size_t i = 0; !r && i < n; i++)
		r = add_case(w, dir, path, name, i, &n);
	return r;
}

static bool is_suite_file(const char *file)
{
	return file[0] != '.' && mp_ends_with(file, ".yaml") && strlen(file) > strlen(".yaml") &&
	       strcmp(file, "global_config.yaml") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int walk_dir(struct walk *w, const char *dir, int depth);

static int visit(struct walk *w, const char *dir, const char *entry, int depth)
{
	_cleanup_free_ char *path = mp_path_join(dir, entry), *own = NULL;
	const char *base = strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir;

	if (!path)
		return -ENOMEM;
	if (entry[0] == '.')
		return 0;
	if (mp_is_dir(path)) {
		if (in(never, ARRAY_SIZE(never), entry) || depth >= MAX_DEPTH ||
		    (depth == 0 && in(not_suites, ARRAY_SIZE(not_suites), entry)))
			return 0;
		return walk_dir(w, path, depth + 1);
	}
	/* a link that leads nowhere is a suite that somebody misses */
	if (!is_suite_file(entry) || (!mp_is_file(path) && access(path, F_OK) == 0))
		return 0;
	own = mp_asprintf("%s.yaml", base);
	if (!own)
		return -ENOMEM;
	/* below DIR only the file that bears its folder's name is a suite */
	return depth == 0 || !strcmp(entry, own) ? add_suite(w, dir, entry) : 0;
}

static int walk_dir(struct walk *w, const char *dir, int depth)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, NULL, by_name), r = n < 0 ? -errno : 0;

	for (int i = 0; i < n; i++) {
		if (!r)
			r = visit(w, dir, entries[i]->d_name, depth);
		free(entries[i]);
	}
	free(entries);
	return r == -EACCES && depth > 0 ? 0 : r; /* an unreadable folder below holds no suite */
}

static int by_suite(const void *a, const void *b)
{
	const struct mp_suite *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->path, y->path);
}

static bool is_taken(const struct mp_suite_list *l, size_t before, const char *name)
{
	for (size_t i = 0; i < before; i++)
		if (!strcmp(l->v[i].name, name))
			return true;
	return false;
}

/*
 * Folder of the artifacts and class name of the report: two suites cannot share one. A later one
 * is called by its folders below DIR, x/a/a.yaml "x.a", or gets a number.
 */
static int make_unique(struct mp_suite_list *l, const char *root)
{
	for (size_t i = 1; i < l->n; i++) {
		struct mp_suite *s = &l->v[i];
		_cleanup_free_ char *plain = NULL;
		char *slash;

		if (!is_taken(l, i, s->name))
			continue;
		plain = TAKE_PTR(s->name);
		s->name = strdup(s->path + (mp_starts_with(s->path, root) ? strlen(root) + 1 : 0));
		slash = s->name ? strrchr(s->name, '/') : NULL;
		if (slash)
			*slash = '\0';
		for (char *c = s->name; c && *c; c++)
			if (*c == '/')
				*c = '.';
		for (size_t n = 2; s->name && (!slash || is_taken(l, i, s->name)); n++) {
			free(s->name);
			s->name = mp_asprintf("%s-%zu", plain, n);
			slash = s->name;
		}
		if (!s->name)
			return -ENOMEM;
	}
	return 0;
}

int mp_suites_find(const struct mp_run_opts *o, struct mp_suite_list *ret_list, struct mp_diag *d)
{
	_cleanup_free_ char *root = strdup(o->test_dir);
	struct walk w = {.o = o};
	char *slash;
	int r;

	if (!root)
		return -ENOMEM;
	for (size_t n = strlen(root); n > 1 && root[n - 1] == '/';)
		root[--n] = '\0';
	if (mp_is_dir(root)) {
		w.root = root;
		r = walk_dir(&w, root, 0);
	} else if (mp_is_file(root)) {
		slash = strrchr(root, '/');
		if (slash)
			*slash = '\0';
		w.root = !slash ? "." : slash == root ? "/" : root;
		/* a file that was named is a suite whatever its ending */
		r = add_suite(&w, slash ? w.root : "", slash ? slash + 1 : root);
	} else {
		return mp_diag_set(d, -ENOENT, NULL, 0, 0, "--suite '%s': no such file or folder",
				   o->test_dir);
	}
	if (w.list.n)
		qsort(w.list.v, w.list.n, sizeof(*w.list.v), by_suite);
	if (!r)
		r = make_unique(&w.list, w.root);
	if (r < 0) {
		mp_suites_done(&w.list);
		return mp_diag_set(d, r, NULL, 0, 0, "--suite '%s' cannot be read: %s", o->test_dir,
				   strerror(-r));
	}
	*ret_list = w.list;
	return 0;
}

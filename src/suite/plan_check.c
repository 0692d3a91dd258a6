// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a Taurus suite says that bzt would ignore or trip over: misspelt keys, scenarios and files
 * that are not there. Keys that merely are not known are left alone: bzt lets everybody add some.
 * Pure but for looking whether files are there. Called by plan.c.
 */
#include "suite/plan.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const top_keys[] = {
	"execution", "scenarios",    "services", "reporting",        "modules",    "settings",
	"server",    "provisioning", "cli",      "included-configs", "cli-aliases"};
static const char *const execution_keys[] = {
	"concurrency", "ramp-up", "hold-for", "iterations", "throughput",  "scenario", "executor",
	"criteria",    "delay",   "start-at", "steps",      "distributed", "files",    "env"};
static const char *const criterion_keys[] = {"class",     "subject",   "label",        "condition",
					     "threshold", "timeframe", "logic",        "stop",
					     "fail",      "message",   "diff_percent", "during"};

/* A key that is nearly one of those, where that one is missing: a slip. */
static int check_keys(const struct mp_yaml *map, const char *const *keys, size_t n,
		      const char *what, struct mp_diag *d)
{
	for (size_t i = 0; map->kind == MP_YAML_MAP && i < map->n; i++) {
		const char *name = map->key[i]->scalar, *near;
		bool known = false;

		name += strspn(name, "~^$");
		for (size_t k = 0; k < n; k++)
			known |= !strcmp(keys[k], name);
		near = known ? NULL : mp_nearest(name, keys, n);
		if (near && !mp_yaml_get(map, near))
			return mp_diag_set(
				d, -EINVAL, map->key[i]->file, map->key[i]->line, map->key[i]->col,
				"unknown key '%.60s' of %s, did you mean '%s'?", name, what, near);
	}
	return 0;
}

static bool is_file_or_dir(const char *path)
{
	return mp_is_file(path) || mp_is_dir(path);
}

/*
 * Where bzt would find name: in the current folder or beside one of the suite's files. A path that
 * the caller frees; NULL: nowhere.
 */
static char *find_beside(const struct mp_suite *s, const char *name, bool (*fits)(const char *path))
{
	const char *files[] = {s->path, s->env_path, s->global_path};

	if (fits(name))
		return strdup(name);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *dir = files[i] ? strdup(files[i]) : NULL, *path = NULL;
		char *slash = dir ? strrchr(dir, '/') : NULL;

		if (!slash)
			continue;
		slash[slash == dir] = '\0';
		path = mp_path_join(dir, name);
		if (path && fits(path))
			return TAKE_PTR(path);
	}
	return NULL;
}

static bool is_there(const struct mp_suite *s, const char *name)
{
	_cleanup_free_ char *path = find_beside(s, name, is_file_or_dir);

	return path != NULL;
}

static int check_script(const struct mp_suite *s, const struct mp_plan *p,
			const struct mp_yaml *scenario, struct mp_diag *d)
{
	const struct mp_yaml *y = mp_yaml_get(scenario, "script");
	_cleanup_free_ char *name = NULL;

	if (!mp_yaml_str(y) || !*y->scalar)
		return 0;
	name = mp_plan_expand(y->scalar, (void *)p);
	if (!name)
		return -ENOMEM;
	/* ours are written when the suite is run; home folders and variables are bzt's to replace
	 */
	if (s->simple || strchr(name, '$') || *name == '~' || strstr(name, "://") ||
	    is_there(s, name))
		return 0;
	return mp_diag_set(
		d, -EINVAL, y->file, y->line, y->col,
		"script '%.200s': no such file in the current folder or beside the suite", name);
}

static int unknown_scenario(const struct mp_yaml *y, const struct mp_yaml *scenarios,
			    struct mp_diag *d)
{
	_cleanup_free_ const char **names = calloc(scenarios->n + 1, sizeof(*names));
	const char *near;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < scenarios->n; i++)
		names[i] = scenarios->key[i]->scalar;
	near = mp_nearest(y->scalar, names, scenarios->n);
	return mp_diag_set(d, -EINVAL, y->file, y->line, y->col,
			   "no scenario is called '%.60s'%s%s%s", y->scalar,
			   near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int check_execution(const struct mp_suite *s, const struct mp_plan *p,
			   const struct mp_yaml *e, struct mp_diag *d)
{
	const struct mp_yaml *scenarios = mp_yaml_get(p->merged, "scenarios"),
			     *y = mp_yaml_get(e, "scenario"), *scenario = y;
	int r = check_keys(e, execution_keys, ARRAY_SIZE(execution_keys), "an execution", d);

	if (r < 0 || !y)
		return r;
	if (scenarios && scenarios->kind != MP_YAML_MAP)
		return mp_diag_set(d, -EINVAL, scenarios->file, scenarios->line, scenarios->col,
				   "'scenarios' has to be a map (name: {...})");
	if (mp_yaml_str(y)) {
		scenario = mp_yaml_get(scenarios, y->scalar);
		/* bzt takes the name of a file for a scenario as well */
		if (!scenario && scenarios && scenarios->n && !strchr(y->scalar, '$') &&
		    !is_there(s, y->scalar))
			return unknown_scenario(y, scenarios, d);
	}
	return check_script(s, p, scenario, d);
}

int mp_plan_check_keys(const struct mp_suite *s, struct mp_diag *d)
{
	const struct mp_yaml *docs[] = {s->doc, s->env_doc, s->global_doc};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(docs); i++)
		if (docs[i])
			r = check_keys(docs[i], top_keys, ARRAY_SIZE(top_keys), "a suite", d);
	return r;
}

int mp_plan_check(const struct mp_suite *s, const struct mp_plan *p, struct mp_diag *d)
{
	const struct mp_yaml *list = mp_yaml_get(p->merged, "execution");
	int r = 0;

	for (size_t i = 0; !r && i < (list->kind == MP_YAML_SEQ ? list->n : 1); i++)
		r = check_execution(s, p, list->kind == MP_YAML_SEQ ? list->val[i] : list, d);
	return r;
}

int mp_plan_check_criterion(const struct mp_yaml *y, struct mp_diag *d)
{
	return check_keys(y, criterion_keys, ARRAY_SIZE(criterion_keys), "a criterion", d);
}

static int include(const struct mp_suite *s, struct mp_plan *p, const struct mp_yaml *y,
		   struct mp_diag *d)
{
	const char *given[] = {s->path, s->env_path, s->global_path};
	_cleanup_free_ char *path = NULL;
	struct mp_yaml **bigger;
	int r;

	if (!mp_yaml_str(y))
		return mp_diag_set(d, -EINVAL, y->file, y->line, y->col,
				   "'included-configs' has to be a list of files");
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		if (given[i] && !strcmp(given[i], y->scalar))
			return 0; /* bzt has it already, by the very name */
	path = find_beside(s, y->scalar, mp_is_file);
	if (!path)
		return mp_diag_set(
			d, -EINVAL, y->file, y->line, y->col,
			"included '%.200s': no such file in the current folder or beside "
			"the suite",
			y->scalar);
	/* as in bzt, a file is taken once: a ring of them ends */
	for (size_t i = 0; i < p->n_included; i++)
		if (!strcmp(p->included[i]->file, path))
			return 0;
	if (p->n_included >= MP_MAX_INCLUDES)
		return mp_diag_set(d, -EINVAL, y->file, y->line, y->col,
				   "more than %d included files", MP_MAX_INCLUDES);
	bigger = reallocarray(p->included, p->n_included + 1, sizeof(struct mp_yaml *));
	if (!bigger)
		return -ENOMEM;
	p->included = bigger;
	r = mp_yaml_read(path, &p->included[p->n_included], d);
	if (r < 0)
		return r;
	if (p->included[p->n_included++]->kind != MP_YAML_MAP)
		return mp_diag_set(d, -EINVAL, path, 1, 1, "a configuration is a map (key: value)");
	return 0;
}

int mp_plan_include(const struct mp_suite *s, struct mp_plan *p, struct mp_diag *d)
{
	const struct mp_yaml *docs[] = {s->doc, s->env_doc, s->global_doc};
	int r = 0;

	/* those that the suite's files name, then those that these name; the later wins */
	for (size_t i = 0; !r && i < ARRAY_SIZE(docs) + p->n_included; i++) {
		const struct mp_yaml *doc = i < ARRAY_SIZE(docs)
						    ? docs[i]
						    : p->included[i - ARRAY_SIZE(docs)],
				     *list = mp_yaml_get(doc, "included-configs");

		if (list && list->kind == MP_YAML_MAP)
			r = mp_diag_set(d, -EINVAL, list->file, list->line, list->col,
					"'included-configs' has to be a list of files");
		for (size_t k = 0; !r && list && k < (list->kind == MP_YAML_SEQ ? list->n : 1); k++)
			r = include(s, p, list->kind == MP_YAML_SEQ ? list->val[k] : list, d);
	}
	for (size_t i = 0; !r && i < p->n_included; i++)
		r = mp_yaml_merge(p->merged, p->included[i]);
	return r;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Values of a Taurus suite that have another shape than bzt needs: it would end with a Python
 * traceback, or run without the criteria and metrics that somebody wrote. Strict only where bzt has
 * no use for anything else. Pure. Called by plan.c.
 */
#include "suite/plan.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const struct mp_yaml *y, struct mp_diag *d, const char *what, const char *needed)
{
	return mp_diag_set(d, -EINVAL, y->file, y->line, y->col, "'%s' has to be %s", what, needed);
}

static int check_map(const struct mp_plan *p, const char *path, const char *name, struct mp_diag *d)
{
	const struct mp_yaml *y = mp_yaml_path(p->merged, path);

	return !y || y->kind == MP_YAML_MAP || (y->kind == MP_YAML_SCALAR && !*y->scalar)
		       ? 0
		       : refuse(y, d, name, "a map (name: value)");
}

/* A number from 0 on; what a variable or JMeter's own function gives is not known here. */
static int check_number(const struct mp_plan *p, const struct mp_yaml *e, const char *key,
			struct mp_diag *d)
{
	const struct mp_yaml *y = mp_yaml_get(e, key);
	_cleanup_free_ char *text = NULL;
	double v;

	if (!y || y->kind == MP_YAML_MAP) /* concurrency: {local: 2, cloud: 20} */
		return 0;
	if (y->kind != MP_YAML_SCALAR)
		return refuse(y, d, key, "a number");
	text = mp_plan_expand(y->scalar, (void *)p);
	if (!text)
		return -ENOMEM;
	if (!*text || strchr(text, '$') || (!mp_parse_double(text, &v) && v >= 0))
		return 0;
	return mp_diag_set(d, -EINVAL, y->file, y->line, y->col,
			   "%s '%.60s' is no number from 0 on", key, text);
}

/* A list of modules: names, or maps with the key `module`. NULL where the suite has none. */
static int check_modules(const struct mp_plan *p, const char *key, const struct mp_yaml **ret_list,
			 struct mp_diag *d)
{
	const struct mp_yaml *list = mp_yaml_get(p->merged, key);

	*ret_list = NULL;
	if (!list || (list->kind == MP_YAML_SCALAR && !*list->scalar))
		return 0;
	if (list->kind != MP_YAML_SEQ)
		return refuse(list, d, key, "a list (- module: NAME)");
	for (size_t i = 0; i < list->n; i++) {
		const struct mp_yaml *e = list->val[i];
		const char *module = e->kind == MP_YAML_SCALAR
					     ? e->scalar
					     : mp_yaml_str(mp_yaml_get(e, "module"));

		if (!module || !*module)
			return mp_diag_set(d, -EINVAL, e->file, e->line, e->col,
					   "an entry of '%s' does not say which module", key);
	}
	*ret_list = list;
	return 0;
}

static int check_passfail(const struct mp_yaml *e, struct mp_diag *d)
{
	static const char *const key[] = {"criteria"};

	if (e->kind != MP_YAML_MAP ||
	    strcmp(mp_yaml_str(mp_yaml_get(e, "module")), "passfail") != 0)
		return 0;
	for (size_t i = 0; !mp_yaml_get(e, *key) && i < e->n; i++)
		if (mp_nearest(e->key[i]->scalar, key, ARRAY_SIZE(key)))
			return mp_diag_set(d, -EINVAL, e->key[i]->file, e->key[i]->line,
					   e->key[i]->col,
					   "unknown key '%.60s' of passfail, did you mean "
					   "'criteria'?",
					   e->key[i]->scalar);
	return 0;
}

static int check_client(const struct mp_plan *p, const struct mp_yaml *c, struct mp_diag *d)
{
	const struct mp_yaml *metrics = mp_yaml_get(c, "metrics"), *y = mp_yaml_get(c, "interval");
	_cleanup_free_ char *text = NULL;
	double v;

	if (metrics && metrics->kind != MP_YAML_SEQ)
		return refuse(metrics, d, "metrics", "a list of names");
	if (!mp_yaml_str(y))
		return y ? refuse(y, d, "interval", "a duration (1s, 500ms)") : 0;
	text = mp_plan_expand(y->scalar, (void *)p);
	if (!text)
		return -ENOMEM;
	if (!*text || strchr(text, '$') || !mp_parse_duration(text, &v))
		return 0;
	return mp_diag_set(d, -EINVAL, y->file, y->line, y->col,
			   "interval '%.60s' is no duration (1s, 500ms)", text);
}

static int check_service(const struct mp_plan *p, const struct mp_yaml *service, struct mp_diag *d)
{
	static const char *const kinds[] = {"server-agent", "ServerLocalClient", "local"};
	int r = 0;

	for (size_t k = 0; !r && service->kind == MP_YAML_MAP && k < ARRAY_SIZE(kinds); k++) {
		const struct mp_yaml *clients = mp_yaml_get(service, kinds[k]);

		for (size_t i = 0; !r && clients && clients->kind == MP_YAML_SEQ && i < clients->n;
		     i++)
			r = check_client(p, clients->val[i], d);
	}
	return r;
}

int mp_plan_check_shape(const struct mp_plan *p, struct mp_diag *d)
{
	static const struct {
		const char *path, *name;
	} maps[] = {{"settings", "settings"}, {"settings.env", "env"}, {"modules", "modules"}};
	static const char *const numbers[] = {"concurrency", "throughput", "iterations", "steps"};
	const struct mp_yaml *list, *exec = mp_yaml_get(p->merged, "execution");
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(maps); i++)
		r = check_map(p, maps[i].path, maps[i].name, d);
	for (size_t i = 0; !r && i < (exec->kind == MP_YAML_SEQ ? exec->n : 1); i++)
		for (size_t k = 0; !r && k < ARRAY_SIZE(numbers); k++)
			r = check_number(p, exec->kind == MP_YAML_SEQ ? exec->val[i] : exec,
					 numbers[k], d);
	if (!r)
		r = check_modules(p, "services", &list, d);
	for (size_t i = 0; !r && list && i < list->n; i++)
		r = check_service(p, list->val[i], d);
	if (!r)
		r = check_modules(p, "reporting", &list, d);
	for (size_t i = 0; !r && list && i < list->n; i++)
		r = check_passfail(list->val[i], d);
	return r;
}

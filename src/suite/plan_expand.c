// SPDX-License-Identifier: GPL-2.0-only
/*
 * ${NAME} in a suite: what settings.env of the merged configuration says, as bzt replaces it. Pure
 * but for reading the process's environment. Called by plan.c and the readers of simple suites.
 */
#include "suite/plan.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EXPAND_DEPTH 2 /* bzt's VARIABLE_EXPAND_DEPTH */

/* One pass over text: ${NAME} by settings.env; `os` also $NAME and ${NAME} of the process. */
static char *expand_once(const char *text, const struct mp_yaml *env, bool os)
{
	_cleanup_buf_ struct mp_buf b = {0};

	mp_buf_puts(&b, "");
	while (*text) {
		const char *dollar = strchrnul(text, '$');
		bool braced = dollar[0] && dollar[1] == '{';
		const char *name = dollar + (braced ? 2 : 1), *value = NULL;
		size_t len;
		char key[128];

		mp_buf_append(&b, text, (size_t)(dollar - text));
		if (!*dollar)
			break;
		len = braced ? strcspn(name, "}")
			     : strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					    "0123456789_");
		if (len && len < sizeof(key) && (!braced || name[len] == '}')) {
			memcpy(key, name, len);
			key[len] = '\0';
			if (braced)
				value = mp_yaml_str(mp_yaml_get(env, key));
			if (!value && os)
				value = getenv(key);
		}
		if (value) {
			mp_buf_puts(&b, value);
			text = name + len + (braced ? 1 : 0);
		} else {
			mp_buf_append(&b, "$", 1);
			text = dollar + 1;
		}
	}
	return b.failed ? NULL : TAKE_PTR(b.s);
}

static char *expand(const char *text, const struct mp_yaml *env, bool os)
{
	char *cur = strdup(text);

	for (int i = 0; cur && i < EXPAND_DEPTH; i++) {
		char *next = strchr(cur, '$') ? expand_once(cur, env, os) : NULL;

		if (!next)
			break;
		free(cur);
		cur = next;
	}
	return cur;
}

char *mp_plan_expand(const char *text, void *plan)
{
	return expand(text, mp_yaml_path(((struct mp_plan *)plan)->merged, "settings.env"), false);
}

/* settings.env may itself use the process's environment. */
int mp_plan_expand_env(struct mp_plan *p)
{
	const struct mp_yaml *env = mp_yaml_path(p->merged, "settings.env");

	for (size_t i = 0; env && env->kind == MP_YAML_MAP && i < env->n; i++) {
		char *value;

		if (env->val[i]->kind != MP_YAML_SCALAR)
			continue;
		value = expand(env->val[i]->scalar, env, true);
		if (!value)
			return -ENOMEM;
		free(env->val[i]->scalar);
		env->val[i]->scalar = value;
	}
	return 0;
}

int mp_plan_vars(const struct mp_suite *s, struct mp_plan **ret_vars, struct mp_diag *d)
{
	_cleanup_(mp_plan_freep) struct mp_plan *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	r = mp_yaml_parse("{}", 2, s->path, &p->merged, d);
	if (!r && s->env_doc && s->env_doc->kind == MP_YAML_MAP)
		r = mp_yaml_merge(p->merged, s->env_doc);
	if (!r && s->global_doc && s->global_doc->kind == MP_YAML_MAP)
		r = mp_yaml_merge(p->merged, s->global_doc);
	if (!r)
		r = mp_plan_expand_env(p);
	if (r < 0)
		return r;
	*ret_vars = TAKE_PTR(p);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading values of a simple suite with their places. Pure but for looking whether files are there.
 * Called by simple.c, simple_steps.c and expect.c's callers.
 */
#include "suite/simple_read.h"

#include "suite/plan.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_name(const struct mp_yaml *y)
{
	return y->kind == MP_YAML_MAP ? "a map" : y->kind == MP_YAML_SEQ ? "a list" : "one value";
}

int mp_rd_bad(struct mp_rd *rd, const struct mp_yaml *y, const char *fmt, ...)
{
	char text[480];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return mp_diag_set(rd->d, -EINVAL, y->file, y->line, y->col, "%s", text);
}

int mp_rd_keys(struct mp_rd *rd, const struct mp_yaml *y, const char *what, const char *const *keys,
	       size_t n)
{
	_cleanup_buf_ struct mp_buf all = {0};

	if (y->kind != MP_YAML_MAP)
		return mp_rd_bad(rd, y, "%s has to be a map (key: value), not %s", what,
				 y->kind == MP_YAML_SCALAR && !*y->scalar ? "empty" : kind_name(y));
	for (size_t i = 0; i < y->n; i++) {
		const char *name = y->key[i]->scalar, *near;
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known |= !strcmp(keys[k], name);
		if (known)
			continue;
		near = mp_nearest(name, keys, n);
		if (near)
			return mp_rd_bad(rd, y->key[i],
					 "unknown key '%.60s' of %s, did you mean '%s'?", name,
					 what, near);
		for (size_t k = 0; k < n; k++)
			mp_buf_printf(&all, "%s%s", k ? " " : "", keys[k]);
		return mp_rd_bad(rd, y->key[i], "unknown key '%.60s' of %s (known: %s)", name, what,
				 all.s ? all.s : "none");
	}
	return 0;
}

int mp_rd_text(struct mp_rd *rd, const struct mp_yaml *y, const char *what, char **ret)
{
	_cleanup_free_ char *text = NULL;
	const char *var;

	if (y->kind != MP_YAML_SCALAR)
		return mp_rd_bad(rd, y, "%s has to be one value, not %s", what, kind_name(y));
	text = mp_plan_expand(y->scalar, rd->vars);
	if (!text)
		return -ENOMEM;
	if (!*text && !y->quoted)
		return mp_rd_bad(rd, y, "%s is empty", what);
	var = strstr(text, "${");
	if (var && strchr(var, '}'))
		return mp_rd_bad(rd, y,
				 "no settings.env of the environment or global config "
				 "defines '%.*s'",
				 (int)(strchr(var, '}') - var) + 1, var);
	*ret = TAKE_PTR(text);
	return 0;
}

int mp_rd_get_text(struct mp_rd *rd, const struct mp_yaml *map, const char *key, char **ret)
{
	const struct mp_yaml *y = mp_yaml_get(map, key);
	char *text = NULL;
	int r = y ? mp_rd_text(rd, y, key, &text) : 0;

	if (r < 0 || !y)
		return r;
	free(*ret);
	*ret = text;
	return 0;
}

int mp_rd_get_count(struct mp_rd *rd, const struct mp_yaml *map, const char *key, long min,
		    long max, long *ret)
{
	const struct mp_yaml *y = mp_yaml_get(map, key);
	_cleanup_free_ char *text = NULL;
	int r = y ? mp_rd_text(rd, y, key, &text) : 0;

	if (r < 0 || !y)
		return r;
	if (mp_parse_int(text, min, max, ret) < 0)
		return mp_rd_bad(rd, y, "%s '%.60s' has to be a whole number from %ld to %ld", key,
				 text, min, max);
	return 0;
}

int mp_rd_get_duration(struct mp_rd *rd, const struct mp_yaml *map, const char *key, double *ret_s)
{
	const struct mp_yaml *y = mp_yaml_get(map, key);
	_cleanup_free_ char *text = NULL;
	int r = y ? mp_rd_text(rd, y, key, &text) : 0;
	double v;

	if (r < 0 || !y)
		return r;
	if (mp_parse_duration(text, &v) < 0 || v < 0 || v > 30 * 86400.0)
		return mp_rd_bad(rd, y, "%s '%.60s' is no duration (500ms, 20s, 1m30s)", key, text);
	*ret_s = v;
	return 0;
}

int mp_rd_get_rate(struct mp_rd *rd, const struct mp_yaml *map, const char *key, double *ret)
{
	static const struct {
		const char *unit;
		double per_s;
	} units[] = {{"/s", 1}, {"/sec", 1}, {"/m", 1 / 60.0}, {"/min", 1 / 60.0}};
	const struct mp_yaml *y = mp_yaml_get(map, key);
	_cleanup_free_ char *text = NULL;
	int r = y ? mp_rd_text(rd, y, key, &text) : 0;
	double factor = 1, v;
	char *slash;

	if (r < 0 || !y)
		return r;
	slash = strchr(text, '/');
	if (slash) {
		factor = 0;
		for (size_t i = 0; i < ARRAY_SIZE(units); i++)
			if (!strcmp(slash, units[i].unit))
				factor = units[i].per_s;
		*slash = '\0';
	}
	if (factor <= 0 || mp_parse_double(text, &v) < 0 || !(v > 0) || v * factor > 1e6)
		return mp_rd_bad(rd, y, "%s '%.60s' is no rate (50/s, 3000/min)", key, y->scalar);
	*ret = v * factor;
	return 0;
}

int mp_rd_get_file(struct mp_rd *rd, const struct mp_yaml *map, const char *key, char **ret)
{
	const struct mp_yaml *y = mp_yaml_get(map, key);
	_cleanup_free_ char *text = NULL, *beside = NULL;
	int r = y ? mp_rd_text(rd, y, key, &text) : 0;
	char *full;

	if (r < 0 || !y)
		return r;
	beside = mp_path_join(rd->dir, text);
	if (!beside)
		return -ENOMEM;
	if (!mp_is_file(beside) && !mp_is_file(text))
		return mp_rd_bad(rd, y,
				 "%s '%.200s': no such file beside the suite or in the "
				 "current folder",
				 key, text);
	full = realpath(mp_is_file(beside) ? beside : text, NULL);
	if (!full)
		return -errno;
	free(*ret);
	*ret = full;
	return 0;
}

int mp_rd_get_address(struct mp_rd *rd, const struct mp_yaml *map, const char *key,
		      char **ret_protocol, char **ret_host, int *ret_port)
{
	const struct mp_yaml *y = mp_yaml_get(map, key);
	_cleanup_free_ char *text = NULL, *protocol = NULL, *host = NULL;
	int r = y ? mp_rd_text(rd, y, key, &text) : 0;
	const char *rest;
	long port;
	size_t n;

	if (r < 0 || !y)
		return r;
	rest = strstr(text, "://");
	n = rest ? (size_t)(rest - text) : 0;
	protocol = strndup(text, n);
	if (!protocol)
		return -ENOMEM;
	if (!rest || (strcmp(protocol, "http") != 0 && strcmp(protocol, "https") != 0))
		goto bad;
	rest += 3;
	port = !strcmp(protocol, "https") ? 443 : 80;
	n = *rest == '[' ? strcspn(rest, "]") + 1 : strcspn(rest, ":/");
	host = strndup(rest, n > strlen(rest) ? strlen(rest) : n);
	if (!host)
		return -ENOMEM;
	rest += strlen(host);
	n = strlen(rest);
	if (n && rest[n - 1] == '/')
		n--;
	if (!*host || strpbrk(host, " \t@\"'\\"))
		goto bad;
	if (*rest == ':') {
		_cleanup_free_ char *digits = strndup(rest + 1, n ? n - 1 : 0);

		if (!digits)
			return -ENOMEM;
		if (mp_parse_int(digits, 1, 65535, &port) < 0)
			goto bad;
	} else if (n) {
		goto bad;
	}
	free(*ret_protocol);
	free(*ret_host);
	*ret_protocol = TAKE_PTR(protocol);
	*ret_host = TAKE_PTR(host);
	*ret_port = (int)port;
	return 0;
bad:
	return mp_rd_bad(rd, y, "%s '%.100s' is no address (http://127.0.0.1:8080)", key, text);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * bzt's effective configuration as one JSON tree, whichever of its two files is there, and what
 * it says about the load's phases. Owns the tree it returns only until the caller has it.
 */
#include "results/effective.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>
#include <mmsperf/yaml.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (64 * 1024 * 1024)
#define MAX_DEPTH 64

static json_t *from_yaml(const struct mp_yaml *y, int depth)
{
	json_t *j;

	if (depth > MAX_DEPTH)
		return json_null();
	switch (y->kind) {
	case MP_YAML_SEQ:
		j = json_array();
		for (size_t i = 0; j && i < y->n; i++)
			(void)json_array_append_new(j, from_yaml(y->val[i], depth + 1));
		return j;
	case MP_YAML_MAP:
		j = json_object();
		for (size_t i = 0; j && i < y->n; i++)
			(void)json_object_set_new(j, mp_yaml_str(y->key[i]),
						  from_yaml(y->val[i], depth + 1));
		return j;
	case MP_YAML_SCALAR:
		break;
	}
	j = json_string(y->scalar ? y->scalar : "");
	return j ? j : json_null();
}

int mp_effective_load(const char *suite_dir, json_t **ret_root)
{
	_cleanup_free_ char *json_path = mp_path_join(suite_dir, "effective.json");
	_cleanup_free_ char *yaml_path = mp_path_join(suite_dir, "effective.yml");
	_cleanup_yaml_ struct mp_yaml *y = NULL;
	_cleanup_free_ char *text = NULL;
	json_t *root;
	size_t len;
	int r;

	if (!json_path || !yaml_path)
		return -ENOMEM;
	r = mp_read_file(json_path, MAX_BYTES, &text, &len);
	if (!r) {
		root = json_loadb(text, len, 0, NULL);
	} else {
		if (!mp_is_file(yaml_path))
			return r;
		r = mp_yaml_read(yaml_path, &y, NULL);
		if (r < 0)
			return r;
		root = from_yaml(y, 0);
	}
	if (!json_is_object(root)) {
		json_decref(root);
		return -EINVAL;
	}
	*ret_root = root;
	return 0;
}

size_t mp_effective_count(const json_t *v)
{
	return json_is_array(v) ? json_array_size(v) : json_is_object(v) ? 1 : 0;
}

const json_t *mp_effective_at(const json_t *v, size_t i)
{
	return json_is_array(v) ? json_array_get(v, i) : v;
}

/* "1m30s", 90 or "90": seconds; 0 when it is missing or no duration. */
static double seconds_of(const json_t *v)
{
	double s;

	if (json_is_number(v))
		s = json_number_value(v);
	else if (!json_is_string(v) || mp_parse_duration(json_string_value(v), &s) < 0)
		return 0;
	return isfinite(s) && s > 0 ? s : 0;
}

static int add_phase(struct mp_phase **v, size_t *n, const char *name, double from, double to)
{
	char *copy;

	if (!(to > from))
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	(*v)[(*n)++] = (struct mp_phase){.name = copy, .from_s = from, .to_s = to};
	return 0;
}

int mp_effective_phases(const char *suite_dir, double load_s, double end_s,
			struct mp_phase **ret_phases, size_t *ret_n)
{
	double ramp = 0, hold = 0, ramp_end, hold_end;
	const json_t *executions;
	struct mp_phase *v;
	json_t *root;
	size_t n = 0;
	int r;

	if (load_s <= 0)
		return 0;
	r = mp_effective_load(suite_dir, &root);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	executions = json_object_get(root, "execution");
	/* executions run side by side unless told otherwise: the longest one spans the load */
	for (size_t i = 0; i < mp_effective_count(executions); i++) {
		const json_t *e = mp_effective_at(executions, i);
		double up = seconds_of(json_object_get(e, "ramp-up"));
		double stay = seconds_of(json_object_get(e, "hold-for"));

		if (up + stay > ramp + hold) {
			ramp = up;
			hold = stay;
		}
	}
	if (mp_effective_count(executions) > 1 &&
	    json_is_true(json_object_get(json_object_get(json_object_get(root, "modules"), "local"),
					 "sequential")))
		ramp = hold = 0;
	json_decref(root);
	v = calloc(2, sizeof(*v)); /* ramp-up and hold */
	if (!v)
		return -ENOMEM;
	ramp_end = load_s + ramp;
	hold_end = ramp_end + hold;
	if (end_s > load_s) {
		ramp_end = fmin(ramp_end, end_s);
		hold_end = fmin(hold_end, end_s);
	}
	r = add_phase(&v, &n, "ramp-up", load_s, ramp_end);
	if (!r)
		r = add_phase(&v, &n, "hold", ramp_end, hold_end);
	if (r < 0 || !n) {
		for (size_t i = 0; i < n; i++)
			free(v[i].name);
		free(v);
		return r;
	}
	*ret_phases = v;
	*ret_n = n;
	return 0;
}

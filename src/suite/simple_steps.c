// SPDX-License-Identifier: GPL-2.0-only
/*
 * The steps before and after a simple suite's load, as written:
 *
 *   setup:
 *   - start-server
 *   - register                     or  register: MODEL
 *   - {scale: 4, model: MODEL}     or  scale: 4
 *   - {wait-ready: , timeout: 90s}
 *   - {command: [cp, a, b], name: copy}
 *
 * and what they are when nothing is written. Called by simple.c; steps.c carries them out.
 */
#include "suite/simple.h"
#include "suite/simple_read.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 200
#define MAX_ARGS  200

static const struct {
	const char *verb;
	double timeout_s;
	bool of_model; /* its value may name a model */
} verbs[] = {
	[MP_STEP_START_SERVER] = {"start-server", 120, false},
	[MP_STEP_REGISTER] = {"register", 120, true},
	[MP_STEP_SCALE] = {"scale", 60, false},
	[MP_STEP_WAIT_READY] = {"wait-ready", 120, true},
	[MP_STEP_UNREGISTER] = {"unregister", 60, true},
	[MP_STEP_COMMAND] = {"command", 60, false},
};
_Static_assert(ARRAY_SIZE(verbs) == _MP_STEP_MAX, "steps");

void mp_steps_free(struct mp_steps *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].name);
		free(s->v[i].model);
		for (char **a = s->v[i].argv; a && *a; a++)
			free(*a);
		free(s->v[i].argv);
	}
	free(s->v);
	*s = (struct mp_steps){0};
}

static int find_verb(const char *word)
{
	for (int i = 0; i < _MP_STEP_MAX; i++)
		if (!strcmp(verbs[i].verb, word))
			return i;
	return -1;
}

static int unknown_verb(struct mp_rd *rd, const struct mp_yaml *y, const char *word)
{
	const char *names[_MP_STEP_MAX], *near;

	for (int i = 0; i < _MP_STEP_MAX; i++)
		names[i] = verbs[i].verb;
	near = mp_nearest(word, names, ARRAY_SIZE(names));
	return mp_rd_bad(rd, y, "unknown step '%.60s'%s%s%s", word,
			 near ? ", did you mean '"
			      : " (start-server register scale wait-ready "
				"unregister command)",
			 near ? near : "", near ? "'?" : "");
}

static int read_argv(struct mp_rd *rd, const struct mp_yaml *y, struct mp_step *s)
{
	int r = 0;

	if (y->kind != MP_YAML_SEQ || !y->n || y->n > MAX_ARGS)
		return mp_rd_bad(rd, y,
				 "'command' has to be a list: [program, argument, ...]; no "
				 "shell reads it");
	s->argv = calloc(y->n + 1, sizeof(*s->argv));
	if (!s->argv)
		return -ENOMEM;
	for (size_t i = 0; !r && i < y->n; i++)
		r = mp_rd_text(rd, y->val[i], "an argument", &s->argv[i]);
	return r;
}

static int check_model(struct mp_rd *rd, const struct mp_yaml *y, const struct mp_simple *m,
		       const char *name)
{
	const char *near;
	_cleanup_free_ const char **names = calloc(m->n_models + 1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_models; i++) {
		names[i] = m->models[i].name;
		if (!strcmp(names[i], name))
			return 0;
	}
	near = mp_nearest(name, names, m->n_models);
	return mp_rd_bad(rd, y, "no model of the suite is called '%.60s'%s%s%s", name,
			 near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool is_null(const struct mp_yaml *y)
{
	return y->kind == MP_YAML_SCALAR && !y->quoted &&
	       (!*y->scalar || !strcmp(y->scalar, "~") || !strcmp(y->scalar, "null"));
}

/* The value beside the verb: a model, a number of workers, an argument list, or nothing. */
static int read_value(struct mp_rd *rd, const struct mp_yaml *map, const struct mp_yaml *v,
		      struct mp_step *s)
{
	const char *verb = verbs[s->kind].verb;

	if (s->kind == MP_STEP_COMMAND)
		return read_argv(rd, v, s);
	if (s->kind == MP_STEP_SCALE)
		return mp_rd_get_count(rd, map, "scale", 0, 1000, &s->workers);
	if (is_null(v))
		return 0;
	if (!verbs[s->kind].of_model)
		return mp_rd_bad(rd, v, "'%s' takes no value", verb);
	return mp_rd_text(rd, v, verb, &s->model);
}

static int read_step(struct mp_rd *rd, const struct mp_yaml *y, const struct mp_simple *m,
		     struct mp_step *s)
{
	static const char *const more[] = {"name", "timeout", "model"};
	const char *keys[_MP_STEP_MAX + ARRAY_SIZE(more)];
	const struct mp_yaml *at = NULL;
	int kind = -1, r;

	s->file = y->file;
	s->line = y->line;
	s->col = y->col;
	s->workers = -1;
	if (y->kind == MP_YAML_SCALAR) {
		kind = find_verb(y->scalar);
		if (kind < 0)
			return unknown_verb(rd, y, y->scalar);
		if (kind == MP_STEP_COMMAND || kind == MP_STEP_SCALE)
			return mp_rd_bad(rd, y,
					 kind == MP_STEP_SCALE
						 ? "'scale' needs a number of workers: scale: 4"
						 : "'command' needs a list: command: [program, "
						   "argument, ...]");
	} else if (y->kind == MP_YAML_MAP) {
		for (size_t i = 0; i < _MP_STEP_MAX; i++)
			keys[i] = verbs[i].verb;
		for (size_t i = 0; i < ARRAY_SIZE(more); i++)
			keys[_MP_STEP_MAX + i] = more[i];
		r = mp_rd_keys(rd, y, "a step", keys, ARRAY_SIZE(keys));
		if (r < 0)
			return r;
		for (int i = 0; i < _MP_STEP_MAX; i++) {
			const struct mp_yaml *v = mp_yaml_get(y, verbs[i].verb);

			if (v && at)
				return mp_rd_bad(rd, v,
						 "'%s' stands beside '%s': one step an entry",
						 verbs[i].verb, verbs[kind].verb);
			if (!v)
				continue;
			at = v;
			kind = i;
		}
		if (!at)
			return mp_rd_bad(rd, y,
					 "the step says not what to do (start-server register "
					 "scale wait-ready unregister command)");
	} else {
		return mp_rd_bad(rd, y, "a step is a word or a map, not a list");
	}
	s->kind = (enum mp_step_kind)kind;
	s->timeout_s = verbs[kind].timeout_s;
	r = at ? read_value(rd, y, at, s) : 0;
	if (!r)
		r = mp_rd_get_text(rd, y, "name", &s->name);
	if (!r)
		r = mp_rd_get_duration(rd, y, "timeout", &s->timeout_s);
	if (!r && mp_yaml_get(y, "model")) {
		at = mp_yaml_get(y, "model");
		if (s->model || kind == MP_STEP_COMMAND || kind == MP_STEP_START_SERVER)
			return mp_rd_bad(rd, at, "'model' makes no sense beside '%s'%s",
					 verbs[kind].verb, s->model ? ", which names one" : "");
		r = mp_rd_text(rd, at, "model", &s->model);
	}
	if (r < 0)
		return r;
	if (!(s->timeout_s > 0))
		return mp_rd_bad(rd, mp_yaml_get(y, "timeout"), "a timeout above 0 is needed");
	if (kind == MP_STEP_COMMAND || kind == MP_STEP_START_SERVER)
		return 0;
	if (!m->n_models)
		return mp_rd_bad(rd, y, "'%s' needs a 'model' of the suite", verbs[kind].verb);
	return s->model ? check_model(rd, at ? at : y, m, s->model) : 0;
}

static bool is_taken(const struct mp_simple *m, const struct mp_step *self, const char *name)
{
	const struct mp_steps *lists[] = {&m->setup, &m->cleanup};
	static const char *const moments[] = {"before", "setup", "load", "cleanup"};

	for (size_t i = 0; i < ARRAY_SIZE(moments); i++)
		if (!strcmp(moments[i], name))
			return true;
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++)
			if (&lists[l]->v[i] != self && lists[l]->v[i].name &&
			    !strcmp(lists[l]->v[i].name, name))
				return true;
	return false;
}

/* A step is called by its verb, its program or `name`; further ones get a number. */
static int name_step(struct mp_rd *rd, const struct mp_yaml *y, const struct mp_simple *m,
		     struct mp_step *s)
{
	_cleanup_free_ char *base = NULL;
	const char *slash;

	if (s->name) {
		if (strpbrk(s->name, "<>=!\r\n") || !*s->name)
			return mp_rd_bad(rd, y, "'%.60s' cannot be a step's name", s->name);
		if (is_taken(m, s, s->name))
			return mp_rd_bad(rd, y, "something is called '%.60s' already", s->name);
		return 0;
	}
	slash = s->argv ? strrchr(s->argv[0], '/') : NULL;
	base = strdup(slash ? slash + 1 : s->argv ? s->argv[0] : verbs[s->kind].verb);
	if (!base)
		return -ENOMEM;
	for (int i = 1; !s->name || is_taken(m, s, s->name); i++) {
		free(s->name);
		s->name = i == 1 ? strdup(base) : mp_asprintf("%s-%d", base, i);
		if (!s->name)
			return -ENOMEM;
	}
	return 0;
}

static int read_list(struct mp_rd *rd, const struct mp_yaml *y, const char *key,
		     const struct mp_simple *m, struct mp_steps *list)
{
	int r = 0;

	if (is_null(y))
		return 0;
	if (y->kind != MP_YAML_SEQ)
		return mp_rd_bad(rd, y, "'%s' has to be a list of steps", key);
	if (y->n > MAX_STEPS)
		return mp_rd_bad(rd, y, "more than %d steps", MAX_STEPS);
	list->v = calloc(y->n ? y->n : 1, sizeof(*list->v));
	if (!list->v)
		return -ENOMEM;
	for (size_t i = 0; !r && i < y->n; i++) {
		struct mp_step *s = &list->v[list->n++];

		r = read_step(rd, y->val[i], m, s);
		if (!r && s->kind == MP_STEP_START_SERVER && (list != &m->setup || i > 0))
			r = mp_rd_bad(rd, y->val[i],
				      "'start-server' can only be the first step of "
				      "'setup'");
		if (!r)
			r = name_step(rd, y->val[i], m, s);
	}
	return r;
}

/* Steps that nobody wrote: they point at the suite's `model`. */
static int add_default(const struct mp_yaml *root, enum mp_step_kind kind, struct mp_steps *list)
{
	const struct mp_yaml *at = mp_yaml_get(root, "model");
	struct mp_step *bigger = reallocarray(list->v, list->n + 1, sizeof(*bigger));

	if (!at)
		at = mp_yaml_get(root, "models");
	if (!bigger)
		return -ENOMEM;
	list->v = bigger;
	list->v[list->n] = (struct mp_step){
		.kind = kind,
		.name = strdup(verbs[kind].verb),
		.workers = -1,
		.timeout_s = verbs[kind].timeout_s,
		.file = at->file,
		.line = at->line,
		.col = at->col,
	};
	return list->v[list->n++].name ? 0 : -ENOMEM;
}

int mp_simple_read_steps(struct mp_rd *rd, const struct mp_yaml *root, struct mp_simple *m)
{
	const struct mp_yaml *setup = mp_yaml_get(root, "setup"),
			     *cleanup = mp_yaml_get(root, "cleanup");
	bool registers = false;
	int r = 0;

	if (setup) {
		r = read_list(rd, setup, "setup", m, &m->setup);
	} else if (m->n_models) {
		r = add_default(root, MP_STEP_REGISTER, &m->setup);
		if (!r)
			r = add_default(root, MP_STEP_WAIT_READY, &m->setup);
	}
	for (size_t i = 0; i < m->setup.n; i++)
		registers |= m->setup.v[i].kind == MP_STEP_REGISTER;
	if (r < 0)
		return r;
	if (cleanup)
		return read_list(rd, cleanup, "cleanup", m, &m->cleanup);
	return registers ? add_default(root, MP_STEP_UNREGISTER, &m->cleanup) : 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * `matrix` of a simple suite: every combination of its axes is a case of its own,
 * NAME[workers=2,batch=4]. A case is the same tree with the axes' values put in. Called by
 * discovery.c.
 */
#include "suite/simple.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where an axis' value belongs. */
static const struct {
	const char *name;
	bool in_load;
} axes[] = {
	{"workers", false}, {"batch", false},   {"batch-delay", false}, {"concurrency", true},
	{"rate", true},     {"duration", true}, {"ramp", true},         {"think-time", true},
};

static int bad(const struct mp_yaml *y, struct mp_diag *d, const char *fmt, const char *arg)
{
	char text[300];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof(text), fmt, arg);
#pragma GCC diagnostic pop
	return mp_diag_set(d, -EINVAL, y->file, y->line, y->col, "%s", text);
}

static int find_axis(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(axes); i++)
		if (!strcmp(axes[i].name, name))
			return (int)i;
	return -1;
}

static int check_axis(const struct mp_yaml *doc, const struct mp_yaml *key,
		      const struct mp_yaml *list, struct mp_diag *d)
{
	const char *names[ARRAY_SIZE(axes)], *near;
	const struct mp_yaml *models = mp_yaml_get(doc, "models"), *one = mp_yaml_get(doc, "model");
	int axis = find_axis(key->scalar);

	for (size_t i = 0; i < ARRAY_SIZE(axes); i++)
		names[i] = axes[i].name;
	near = mp_nearest(key->scalar, names, ARRAY_SIZE(names));
	if (axis < 0 && near)
		return mp_diag_set(d, -EINVAL, key->file, key->line, key->col,
				   "unknown axis '%.60s' of matrix, did you mean '%s'?",
				   key->scalar, near);
	if (axis < 0)
		return bad(key, d,
			   "unknown axis '%.60s' of matrix (workers batch batch-delay "
			   "concurrency rate duration ramp think-time)",
			   key->scalar);
	if (list->kind != MP_YAML_SEQ || !list->n)
		return bad(list, d, "the axis '%s' has to be a list of values", key->scalar);
	for (size_t i = 0; i < list->n; i++) {
		const struct mp_yaml *v = list->val[i];

		if (!mp_yaml_str(v) || !*v->scalar || strpbrk(v->scalar, "[],=\r\n") ||
		    strlen(v->scalar) > 40)
			return bad(v, d, "a value of the axis '%s' has to be short and plain",
				   key->scalar);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(list->val[k]->scalar, v->scalar))
				return bad(v, d, "'%s' stands in its axis a second time",
					   v->scalar);
	}
	/* an axis over what a model fixes would change nothing */
	for (size_t i = 0;
	     !axes[axis].in_load && i < (models && models->kind == MP_YAML_SEQ ? models->n : 1);
	     i++) {
		const struct mp_yaml *m = models && models->kind == MP_YAML_SEQ ? models->val[i]
					  : models                              ? models
										: one;

		if (mp_yaml_get(m, key->scalar))
			return bad(mp_yaml_get(m, key->scalar), d,
				   "'%s' is an axis of the matrix: a model cannot fix it",
				   key->scalar);
	}
	return 0;
}

/* Which value of axis a has case i; the last axis varies fastest. */
static size_t digit(const struct mp_yaml *matrix, size_t a, size_t i)
{
	for (size_t k = matrix->n; k-- > a + 1;)
		i /= matrix->val[k]->n;
	return i % matrix->val[a]->n;
}

int mp_matrix_read(const struct mp_yaml *doc, struct mp_matrix *ret_m, struct mp_diag *d)
{
	const struct mp_yaml *y = mp_yaml_get(doc, "matrix");
	_cleanup_(mp_matrix_done) struct mp_matrix m = {0};
	size_t n = 1;
	int r = 0;

	if (y && (y->kind != MP_YAML_MAP || !y->n))
		return bad(y, d, "'matrix' has to be a map of lists%s", ": workers: [1, 2]");
	for (size_t a = 0; y && !r && a < y->n; a++) {
		r = check_axis(doc, y->key[a], y->val[a], d);
		n *= r ? 1 : y->val[a]->n;
		if (!r && n > MP_MATRIX_MAX)
			r = bad(y, d, "more than 256 cases%s", "");
	}
	if (r < 0)
		return r;
	m.suffix = calloc(n, sizeof(*m.suffix));
	if (!m.suffix)
		return -ENOMEM;
	for (m.n = 0; m.n < n; m.n++) {
		struct mp_buf b = {0};

		mp_buf_puts(&b, y ? "[" : "");
		for (size_t a = 0; y && a < y->n; a++)
			mp_buf_printf(&b, "%s%s=%s", a ? "," : "", y->key[a]->scalar,
				      y->val[a]->val[digit(y, a, m.n)]->scalar);
		mp_buf_puts(&b, y ? "]" : "");
		if (b.failed) {
			mp_buf_done(&b);
			return -ENOMEM;
		}
		m.suffix[m.n] = b.s;
		for (char *c = b.s; *c; c++) /* 50/s in a folder's name */
			if (*c == '/')
				*c = '_';
	}
	*ret_m = m;
	m = (struct mp_matrix){0};
	return 0;
}

int mp_matrix_apply(struct mp_yaml *doc, size_t i)
{
	struct mp_yaml *matrix = NULL, *load = NULL;
	int r = 0;

	for (size_t k = 0; k < doc->n; k++) {
		if (!strcmp(doc->key[k]->scalar, "matrix"))
			matrix = doc->val[k];
		if (!strcmp(doc->key[k]->scalar, "load"))
			load = doc->val[k];
	}
	if (!matrix)
		return 0;
	if (load && load->kind != MP_YAML_MAP)
		load = NULL; /* said by simple.c */
	for (size_t a = 0; !r && a < matrix->n; a++) {
		const struct mp_yaml *v = matrix->val[a]->val[digit(matrix, a, i)];
		struct mp_yaml *to = axes[find_axis(matrix->key[a]->scalar)].in_load ? load : doc;

		/* adding to doc may move its arrays, not the nodes */
		if (to)
			r = mp_yaml_set(to, matrix->key[a], v);
	}
	return r;
}

void mp_matrix_done(struct mp_matrix *m)
{
	for (size_t i = 0; m->suffix && i < m->n; i++)
		free(m->suffix[i]);
	free(m->suffix);
	*m = (struct mp_matrix){0};
}

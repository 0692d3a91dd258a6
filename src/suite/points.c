// SPDX-License-Identifier: GPL-2.0-only
/*
 * Values at moments, from the collector's recording: pure but for points.csv. Called by steps.c
 * while the suite runs and by expect_eval.c when it is judged.
 */
#include "suite/points.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (1u << 20)
#define HEADER    "from,to,name"

int mp_points_add(struct mp_points *p, const char *name, double from_s, double to_s)
{
	struct mp_point *bigger;

	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->v[i].name, name)) {
			p->v[i].from_s = from_s;
			p->v[i].to_s = to_s;
			return 0;
		}
	bigger = reallocarray(p->v, p->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	p->v = bigger;
	bigger[p->n] = (struct mp_point){.name = strdup(name), .from_s = from_s, .to_s = to_s};
	if (!bigger[p->n].name)
		return -ENOMEM;
	p->n++;
	return 0;
}

const struct mp_point *mp_points_find(const struct mp_points *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->v[i].name, name))
			return &p->v[i];
	return NULL;
}

void mp_points_done(struct mp_points *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].name);
	free(p->v);
	*p = (struct mp_points){0};
}

/* The name is last, so that it may hold commas; it has no line end. */
int mp_points_write(const struct mp_points *p, const char *suite_dir, struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(suite_dir, "points.csv");
	_cleanup_buf_ struct mp_buf b = {0};
	int r;

	mp_buf_puts(&b, HEADER "\n");
	for (size_t i = 0; i < p->n; i++)
		mp_buf_printf(&b, "%.3f,%.3f,%s\n", p->v[i].from_s, p->v[i].to_s, p->v[i].name);
	if (!path || b.failed)
		return -ENOMEM;
	r = mp_write_file(path, b.s, b.len, 0644);
	return r < 0 ? mp_diag_set(d, r, path, 0, 0, "cannot be written: %s", strerror(-r)) : 0;
}

int mp_points_read(const char *suite_dir, struct mp_points *ret_p, struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(suite_dir, "points.csv"), *text = NULL;
	_cleanup_(mp_points_done) struct mp_points p = {0};
	char *line, *save = NULL;
	size_t len;
	int r = path ? mp_read_file(path, MAX_BYTES, &text, &len) : -ENOMEM, row = 1;

	if (r == -ENOENT) {
		*ret_p = (struct mp_points){0};
		return 0;
	}
	if (r < 0)
		return mp_diag_set(d, r, path, 0, 0, "cannot be read: %s", strerror(-r));
	line = strtok_r(text, "\n", &save);
	if (!line || strcmp(line, HEADER) != 0)
		return mp_diag_set(d, -EINVAL, path, 1, 1, "the first line has to be " HEADER);
	while ((line = strtok_r(NULL, "\n", &save))) {
		char *to = strchr(line, ','), *name = to ? strchr(to + 1, ',') : NULL;
		double from_s, to_s;

		row++;
		if (name)
			*to++ = *name++ = '\0';
		if (!name || mp_parse_double(line, &from_s) < 0 || mp_parse_double(to, &to_s) < 0)
			return mp_diag_set(d, -EINVAL, path, row, 1, "no line FROM,TO,NAME");
		r = mp_points_add(&p, name, from_s, to_s);
		if (r < 0)
			return r;
	}
	*ret_p = p;
	p = (struct mp_points){0};
	return 0;
}

/* Rows [*ret_from, *ret_to) of the moment; false: none. */
static bool rows_of(const struct mp_point *p, const struct mp_table *t, size_t *ret_from,
		    size_t *ret_to)
{
	size_t from = 0, to;

	while (from < t->rows && t->ts[from] <= p->from_s)
		from++;
	for (to = from; to < t->rows && t->ts[to] <= p->to_s;)
		to++;
	*ret_from = from;
	*ret_to = to;
	return from < to;
}

/* The last value of the metric in a moment; NaN. */
static double last_value(const struct mp_series *s, const struct mp_point *p,
			 const struct mp_table *t)
{
	size_t from, to;

	if (!p || !rows_of(p, t, &from, &to))
		return NAN;
	while (to > from && isnan(s->v[to - 1]))
		to--;
	return to > from ? s->v[to - 1] : NAN;
}

struct mp_point_finding mp_point_eval(const struct mp_expect *e, const struct mp_points *p,
				      const struct mp_table *recording)
{
	struct mp_point_finding f = {.value = NAN, .limit = e->value};
	const struct mp_series *s = mp_table_find(recording, e->subject);
	const struct mp_point *at = mp_points_find(p, e->point);
	size_t from, to;

	if (!s || !at || !rows_of(at, recording, &from, &to))
		return f;
	if (e->ref == MP_REF_POINT) {
		f.limit = last_value(s, mp_points_find(p, e->ref_point), recording);
		if (e->op != MP_OP_WITHIN)
			f.limit += e->slack_percent ? f.limit * e->slack / 100 : e->slack;
	}
	for (size_t i = from; i < to && !f.holds; i++) {
		if (isnan(s->v[i]) || isnan(f.limit))
			continue;
		f.known = true;
		f.value = s->v[i];
		f.at_s = recording->ts[i];
		f.holds = mp_op_holds(e, s->v[i], f.limit);
	}
	return f;
}

bool mp_point_is_steady(const struct mp_expect *e, const struct mp_point *p,
			const struct mp_table *recording)
{
	const struct mp_series *s = mp_table_find(recording, e->subject);
	size_t from, to;

	return s && rows_of(p, recording, &from, &to) && to - from >= 2 &&
	       s->v[to - 1] == s->v[to - 2];
}

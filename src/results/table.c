// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CSV of numbers over time (metrics.csv, metrics_bzt.csv) as columns. The first column is `ts`
 * in epoch seconds. Owns the columns; does not know what a metric means but for its unit.
 * Called by mp_results_load_series() and by comparisons.
 */
#include <mmsperf/results.h>

#include "results/csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 4 h of 10 ms ticks; a longer recording is cut in time by whoever made it. */
#define MAX_ROWS  (2 * 1000 * 1000)
#define MAX_CELLS (64 * 1000 * 1000) /* 512 MB of doubles: beyond any recording of ours */

void mp_table_done(struct mp_table *t)
{
	for (size_t i = 0; i < t->cols; i++) {
		free(t->col[i].name);
		free(t->col[i].v);
	}
	free(t->col);
	free(t->ts);
	*t = (struct mp_table){0};
}

const struct mp_series *mp_table_find(const struct mp_table *t, const char *name)
{
	for (size_t i = 0; i < t->cols; i++)
		if (!strcmp(t->col[i].name, name))
			return &t->col[i];
	return NULL;
}

static int make_columns(const struct mp_csv *csv, struct mp_table *t)
{
	t->col = calloc(csv->n, sizeof(*t->col));
	if (!t->col)
		return -ENOMEM;
	for (size_t i = 1; i < csv->n; i++) {
		struct mp_series *s = &t->col[t->cols];
		const char *metric =
			strrchr(csv->cell[i].s, '/'); /* metrics_bzt.csv: LABEL/metric */

		s->name = strdup(csv->cell[i].s);
		if (!s->name)
			return -ENOMEM;
		s->unit = mp_metric_unit(metric ? metric + 1 : s->name);
		t->cols++;
	}
	return 0;
}

static int grow(struct mp_table *t, size_t *cap)
{
	size_t want = *cap ? *cap * 2 : 256;
	double *ts = realloc(t->ts, want * sizeof(*ts));

	if (!ts)
		return -ENOMEM;
	t->ts = ts;
	for (size_t i = 0; i < t->cols; i++) {
		double *v = realloc(t->col[i].v, want * sizeof(*v));

		if (!v)
			return -ENOMEM;
		t->col[i].v = v;
	}
	*cap = want;
	return 0;
}

static int read_rows(struct mp_csv *csv, struct mp_table *t, struct mp_diag *d)
{
	size_t cap = 0;
	int r;

	while ((r = mp_csv_next(csv, d)) > 0) {
		double ts = mp_cell_number(&csv->cell[0]);

		/* a row cut by a dying writer says something wrong in its last cell: drop it */
		if (isnan(ts) || (csv->unterminated && csv->n <= t->cols))
			continue;
		if (t->rows >= MAX_ROWS || (t->rows + 1) * (t->cols + 1) > MAX_CELLS)
			return mp_diag_set(d, -EFBIG, csv->path, (int)csv->line, 0,
					   "too many rows to show (%zu)", t->rows);
		if (t->rows == cap && (r = grow(t, &cap)) < 0)
			return mp_diag_set(d, r, csv->path, 0, 0, "out of memory");
		t->ts[t->rows] = ts;
		for (size_t i = 0; i < t->cols; i++)
			t->col[i].v[t->rows] =
				i + 1 < csv->n ? mp_cell_number(&csv->cell[i + 1]) : NAN;
		t->rows++;
	}
	return r;
}

int mp_table_read(const char *path, struct mp_table *ret_table, struct mp_diag *d)
{
	_cleanup_csv_ struct mp_csv csv = MP_CSV_INIT;
	_cleanup_(mp_table_done) struct mp_table t = {0};
	int r;

	r = mp_csv_open(path, &csv, d);
	if (r < 0)
		return r;
	r = mp_csv_next(&csv, d);
	if (r < 0)
		return r;
	if (r == 0 || strcmp(csv.cell[0].s, "ts"))
		return mp_diag_set(d, -EINVAL, path, 1, 1,
				   "no table over time: the first column must be 'ts'");
	r = make_columns(&csv, &t);
	if (r < 0)
		return mp_diag_set(d, r, path, 0, 0, "out of memory");
	r = read_rows(&csv, &t, d);
	if (r < 0)
		return r;
	*ret_table = t;
	t = (struct mp_table){0};
	return 0;
}

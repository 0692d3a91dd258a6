// SPDX-License-Identifier: GPL-2.0-only
/*
 * mean, max and min of every metric of a run, and the load's own numbers, as RUN/aggregates.csv:
 * computed once when a run ends, so that an index of ten thousand runs reads no series again.
 * Called by suite/runner.c and index_write.c.
 */
#include <mmsperf/store.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "aggregates.csv"
#define MAX_ROWS  (1000 * 1000)

enum column { SUITE, LABEL, METRIC, N, MEAN, MAX, MIN, _COLUMN_MAX };

static const char *const columns[] = {
	[SUITE] = "suite", [LABEL] = "label", [METRIC] = "metric", [N] = "n",
	[MEAN] = "mean",   [MAX] = "max",     [MIN] = "min",
};
_Static_assert(ARRAY_SIZE(columns) == _COLUMN_MAX, "every column has a name");

struct rows {
	struct mp_aggregate *v;
	size_t n, cap;
};

void mp_aggregates_free(struct mp_aggregate *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].suite);
		free(v[i].label);
		free(v[i].metric);
	}
	free(v);
}

static void rows_done(struct rows *r)
{
	mp_aggregates_free(r->v, r->n);
}

static int add(struct rows *r, const char *suite, const char *label, const char *metric,
	       const struct mp_aggregate *numbers)
{
	struct mp_aggregate *a;

	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 256;

		a = reallocarray(r->v, cap, sizeof(*a));
		if (!a)
			return -ENOMEM;
		r->v = a;
		r->cap = cap;
	}
	a = &r->v[r->n++];
	*a = *numbers;
	a->suite = strdup(suite);
	a->label = strdup(label);
	a->metric = strdup(metric);
	return a->suite && a->label && a->metric ? 0 : -ENOMEM;
}

static int add_series(struct rows *r, const char *suite, const struct mp_series *s, size_t rows)
{
	struct mp_aggregate a = {.max = -INFINITY, .min = INFINITY};
	double sum = 0;

	for (size_t i = 0; i < rows; i++) {
		if (!isfinite(s->v[i]))
			continue;
		a.n++;
		sum += s->v[i];
		a.max = fmax(a.max, s->v[i]);
		a.min = fmin(a.min, s->v[i]);
	}
	if (a.n <= 0)
		return 0; /* absent is not zero */
	a.mean = sum / a.n;
	return add(r, suite, "", s->name, &a);
}

static int add_label(struct rows *r, const char *suite, const struct mp_label_stats *l)
{
	const struct {
		const char *metric;
		double v;
	} numbers[] = {
		{"samples", l->samples}, {"failed", l->failed}, {"throughput", l->throughput},
		{"avg", l->avg_s},       {"p50", l->p50_s},     {"p90", l->p90_s},
		{"p95", l->p95_s},       {"p99", l->p99_s},     {"max", l->max_s},
		{"stdev", l->stdev_s},
	};
	int k = 0;

	for (size_t i = 0; i < ARRAY_SIZE(numbers) && !k; i++) {
		double v = numbers[i].v;

		if (isfinite(v))
			k = add(r, suite, *l->label ? l->label : "(all)", numbers[i].metric,
				&(struct mp_aggregate){.n = 1, .mean = v, .max = v, .min = v});
	}
	return k;
}

int mp_aggregates_of(const struct mp_run *run, struct mp_aggregate **ret, size_t *ret_n)
{
	_cleanup_(rows_done) struct rows r = {0};
	int k = 0;

	for (size_t i = 0; i < run->n_suites; i++) {
		const struct mp_suite_result *s = &run->suites[i];

		for (size_t c = 0; c < s->metrics.cols && !k; c++)
			k = add_series(&r, s->name, &s->metrics.col[c], s->metrics.rows);
		for (size_t l = 0; l < s->n_labels && !k; l++)
			k = add_label(&r, s->name, &s->labels[l]);
	}
	if (k < 0)
		return k;
	*ret = r.v;
	*ret_n = r.n;
	r = (struct rows){0};
	return 0;
}

static void put_text(struct mp_buf *b, const char *s)
{
	mp_buf_puts(b, "\"");
	for (; *s; s++) {
		if (*s == '"')
			mp_buf_puts(b, "\"");
		mp_buf_append(b, s, 1);
	}
	mp_buf_puts(b, "\",");
}

static void put_number(struct mp_buf *b, double v, char end)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%.12g%c", v, end);

	mp_buf_append(b, text, (size_t)n);
}

int mp_aggregates_write(const char *run_dir, const struct mp_aggregate *v, size_t n,
			struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(run_dir, FILE_NAME);
	_cleanup_buf_ struct mp_buf b = {0};
	int k;

	for (int c = 0; c < _COLUMN_MAX; c++)
		mp_buf_printf(&b, "%s%c", columns[c], c + 1 < _COLUMN_MAX ? ',' : '\n');
	for (size_t i = 0; i < n; i++) {
		put_text(&b, v[i].suite);
		put_text(&b, v[i].label);
		put_text(&b, v[i].metric);
		put_number(&b, v[i].n, ',');
		put_number(&b, v[i].mean, ',');
		put_number(&b, v[i].max, ',');
		put_number(&b, v[i].min, '\n');
	}
	k = path && !b.failed ? mp_write_file(path, b.s, b.len, 0644) : -ENOMEM;
	return k < 0 ? mp_diag_set(d, k, path, 0, 0, "cannot be written: %s", strerror(-k)) : 0;
}

static int read_rows(struct mp_csv *csv, struct rows *r, struct mp_diag *d)
{
	int k = mp_csv_next(csv, d);

	if (k < 0)
		return k;
	for (int c = 0; c < _COLUMN_MAX; c++)
		if (!k || (size_t)c >= csv->n || strcmp(csv->cell[c].s, columns[c]))
			return mp_diag_set(d, -EINVAL, csv->path, 1, 1, "no aggregates of a run");
	while ((k = mp_csv_next(csv, d)) > 0) {
		struct mp_aggregate a;

		if (csv->n < _COLUMN_MAX || r->n >= MAX_ROWS)
			return mp_diag_set(d, -EINVAL, csv->path, (int)csv->line, 0,
					   "no row of aggregates");
		a = (struct mp_aggregate){
			.n = mp_cell_number(&csv->cell[N]),
			.mean = mp_cell_number(&csv->cell[MEAN]),
			.max = mp_cell_number(&csv->cell[MAX]),
			.min = mp_cell_number(&csv->cell[MIN]),
		};
		k = add(r, csv->cell[SUITE].s, csv->cell[LABEL].s, csv->cell[METRIC].s, &a);
		if (k < 0)
			return mp_diag_set(d, k, csv->path, 0, 0, "out of memory");
	}
	return k;
}

int mp_aggregates_read(const char *run_dir, struct mp_aggregate **ret, size_t *ret_n,
		       struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(run_dir, FILE_NAME);
	_cleanup_csv_ struct mp_csv csv = MP_CSV_INIT;
	_cleanup_(rows_done) struct rows r = {0};
	int k;

	if (!path)
		return -ENOMEM;
	k = mp_csv_open(path, &csv, d);
	if (!k)
		k = read_rows(&csv, &r, d);
	if (k < 0)
		return k;
	*ret = r.v;
	*ret_n = r.n;
	r = (struct rows){0};
	return 0;
}

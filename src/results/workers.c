// SPDX-License-Identifier: GPL-2.0-only
/*
 * workers.csv: one row a value (ts,model,slot,pid,metric,value) -> one column a worker and metric,
 * and what its pids say happened: a worker that was not there before, one that is there no more,
 * another process in the same place. Owns the columns; called by mp_results_load_series().
 */
#include <mmsperf/results.h>

#include <mmsperf/str.h>

#include "results/csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 512 /* 13 metrics of 39 workers; of more, the first ones */
#define MAX_WORKERS 256
#define MAX_ROWS    (2 * 1000 * 1000)

enum cell { TS, MODEL, SLOT, PID, METRIC, VALUE, _CELL_MAX };

struct worker {
	char *name; /* MODEL#SLOT */
	long pid;
	double seen_s; /* the last tick it was in */
};

struct reader {
	struct mp_table t;
	size_t cap_rows;
	struct worker worker[MAX_WORKERS];
	size_t n_workers;
	struct mp_event *event;
	size_t n_events;
	size_t hint; /* columns come in the same order every tick */
	double first_s;
};

static void reader_done(struct reader *r)
{
	mp_table_done(&r->t);
	for (size_t i = 0; i < r->n_workers; i++)
		free(r->worker[i].name);
	for (size_t i = 0; i < r->n_events; i++)
		free(r->event[i].text);
	free(r->event);
}

static int add_event(struct reader *r, double at_s, char *text)
{
	if (!text)
		return -ENOMEM;
	if (!r->event) {
		r->event = calloc(MP_EVENTS_MAX, sizeof(*r->event));
		if (!r->event) {
			free(text);
			return -ENOMEM;
		}
	}
	/* a server that restarts its workers all the time has told its story */
	if (r->n_events == MP_EVENTS_MAX)
		free(text);
	else
		r->event[r->n_events++] = (struct mp_event){.text = text, .at_s = at_s};
	return 0;
}

/* A worker's row was seen: is it new, or another process than before? */
static int see_worker(struct reader *r, const char *name, long pid, double ts)
{
	struct worker *w = NULL;
	int k = 0;

	for (size_t i = 0; i < r->n_workers && !w; i++)
		if (!strcmp(r->worker[i].name, name))
			w = &r->worker[i];
	if (!w) {
		if (r->n_workers == MAX_WORKERS)
			return 0;
		w = &r->worker[r->n_workers];
		w->name = strdup(name);
		if (!w->name)
			return -ENOMEM;
		r->n_workers++;
		w->pid = 0;
	}
	if (w->pid && w->pid != pid)
		k = add_event(
			r, ts,
			mp_asprintf("worker %s replaced: pid %ld, was %ld", name, pid, w->pid));
	else if (!w->pid && ts > r->first_s)
		k = add_event(r, ts, mp_asprintf("worker %s started (pid %ld)", name, pid));
	w->pid = pid;
	w->seen_s = ts;
	return k;
}

/* A tick is whole: who was in the one before and is not in it has ended. */
static int end_tick(struct reader *r, double ts)
{
	for (size_t i = 0; i < r->n_workers; i++) {
		struct worker *w = &r->worker[i];

		if (!w->pid || w->seen_s >= ts)
			continue;
		if (add_event(r, ts, mp_asprintf("worker %s ended (pid %ld)", w->name, w->pid)) < 0)
			return -ENOMEM;
		w->pid = 0;
	}
	return 0;
}

static int grow_rows(struct reader *r)
{
	size_t cap = r->cap_rows ? r->cap_rows * 2 : 256;
	double *ts = realloc(r->t.ts, cap * sizeof(*ts));

	if (!ts)
		return -ENOMEM;
	r->t.ts = ts;
	for (size_t i = 0; i < r->t.cols; i++) {
		double *v = realloc(r->t.col[i].v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		r->t.col[i].v = v;
	}
	r->cap_rows = cap;
	return 0;
}

static int add_row(struct reader *r, double ts)
{
	if (r->t.rows == MAX_ROWS)
		return -EFBIG;
	if (r->t.rows == r->cap_rows && grow_rows(r) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < r->t.cols; i++)
		r->t.col[i].v[r->t.rows] = NAN;
	r->t.ts[r->t.rows++] = ts;
	return 0;
}

/* The column of that name, made where there is room for it; NULL and 0: none left. */
static int find_column(struct reader *r, const char *name, const char *metric,
		       struct mp_series **ret_col)
{
	struct mp_table *t = &r->t;
	struct mp_series *c = NULL;

	for (size_t i = 0; i < t->cols; i++) {
		size_t k = (r->hint + i) % t->cols;

		if (!strcmp(t->col[k].name, name)) {
			r->hint = k + 1;
			*ret_col = &t->col[k];
			return 0;
		}
	}
	*ret_col = NULL;
	if (t->cols == MAX_COLUMNS)
		return 0;
	if (!t->col) {
		t->col = calloc(MAX_COLUMNS, sizeof(*t->col));
		if (!t->col)
			return -ENOMEM;
	}
	c = &t->col[t->cols];
	c->name = strdup(name);
	c->v = malloc(r->cap_rows * sizeof(*c->v));
	if (!c->name || !c->v) {
		free(c->name);
		free(c->v);
		*c = (struct mp_series){0};
		return -ENOMEM;
	}
	c->unit = mp_metric_unit(metric);
	for (size_t i = 0; i < t->rows; i++)
		c->v[i] = NAN;
	t->cols++;
	*ret_col = c;
	return 0;
}

static int add_value(struct reader *r, const struct mp_cell *cell, const int col[])
{
	const char *model = cell[col[MODEL]].s, *metric = cell[col[METRIC]].s;
	double ts = mp_cell_number(&cell[col[TS]]), value = mp_cell_number(&cell[col[VALUE]]);
	char worker[256], name[384], family[160];
	struct mp_series *c = NULL;
	int k;

	if (isnan(ts))
		return 0;
	(void)snprintf(worker, sizeof(worker), "%.200s#%.16s", *model ? model : "worker",
		       cell[col[SLOT]].s);
	(void)snprintf(name, sizeof(name), "%.120s@%s", metric, worker);
	/* the registry knows the family by its sum over workers */
	(void)snprintf(family, sizeof(family), "sum_workers_%.120s", metric);
	if (!r->t.rows || r->t.ts[r->t.rows - 1] != ts) {
		k = r->t.rows ? end_tick(r, r->t.ts[r->t.rows - 1]) : 0;
		if (!k)
			k = add_row(r, ts);
		if (k < 0)
			return k;
		if (r->t.rows == 1)
			r->first_s = ts;
	}
	k = see_worker(r, worker, strtol(cell[col[PID]].s, NULL, 10), ts);
	if (!k)
		k = find_column(r, name, family, &c);
	if (k < 0)
		return k;
	if (c)
		c->v[r->t.rows - 1] = value;
	return 0;
}

int mp_workers_read(const char *path, struct mp_table *ret_table, struct mp_event **ret_events,
		    size_t *ret_n_events, struct mp_diag *d)
{
	static const char *const names[_CELL_MAX] = {"ts",  "model",  "slot",
						     "pid", "metric", "value"};
	_cleanup_csv_ struct mp_csv csv = MP_CSV_INIT;
	_cleanup_(reader_done) struct reader r = {0};
	int col[_CELL_MAX], k;

	k = mp_csv_open(path, &csv, d);
	if (k < 0)
		return k;
	k = mp_csv_next(&csv, d);
	if (k < 0)
		return k;
	for (int i = 0; i < _CELL_MAX; i++) {
		col[i] = k ? mp_csv_column(&csv, names[i]) : -1;
		if (col[i] < 0)
			return mp_diag_set(d, -EINVAL, path, 1, 1,
					   "no table of workers: column '%s' is missing", names[i]);
	}
	while ((k = mp_csv_next(&csv, d)) > 0) {
		if (csv.n < _CELL_MAX || csv.unterminated)
			continue;
		k = add_value(&r, csv.cell, col);
		if (k < 0)
			return mp_diag_set(d, k, path, (int)csv.line, 0, "%s", strerror(-k));
	}
	if (k < 0)
		return k;
	if (r.t.rows && end_tick(&r, r.t.ts[r.t.rows - 1]) < 0)
		return mp_diag_set(d, -ENOMEM, path, 0, 0, "out of memory");
	*ret_table = r.t;
	*ret_events = TAKE_PTR(r.event);
	*ret_n_events = r.n_events;
	r.t = (struct mp_table){0};
	r.n_events = 0;
	return 0;
}

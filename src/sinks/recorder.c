// SPDX-License-Identifier: GPL-2.0-only
/*
 * The recording: metrics.csv (a row a tick) and workers.csv (a row for each value of each worker).
 * Owns the two files. Every row is one write(2), so whatever kills the agent leaves whole rows; a
 * row that does not fit on the disk is taken back. Does not log, does not decide when a tick is.
 */
#include "sinks/agent_private.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define WORKER_PREFIX "sum_workers_" /* the family whose single members workers.csv lists */

struct csv {
	int fd;
	char *path;
	off_t size; /* bytes of whole rows */
	struct mp_buf row;
};

struct worker_column {
	const char *metric;
	struct mp_sel sel;
};

struct mp_recorder {
	struct csv metrics, workers;
	struct mp_sel *sels;
	size_t n_sels;
	struct worker_column *columns;
	size_t n_columns;
};

static void put_field(struct mp_buf *b, const char *s)
{
	if (!s[strcspn(s, ",\"\r\n")]) {
		mp_buf_puts(b, s);
		return;
	}
	mp_buf_append(b, "\"", 1);
	for (; *s; s++) {
		if (*s == '"')
			mp_buf_append(b, "\"", 1);
		mp_buf_append(b, s, 1);
	}
	mp_buf_append(b, "\"", 1);
}

static void put_number(struct mp_buf *b, double v)
{
	char text[32];
	int n = mp_format_double(text, v);

	mp_buf_append(b, text, (size_t)n);
}

static int csv_open(struct csv *c, const char *dir, const char *name, struct mp_diag *d)
{
	c->path = mp_path_join(dir, name);
	if (!c->path)
		return mp_diag_set(d, -ENOMEM, NULL, 0, 0, "out of memory");
	c->fd = open(c->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (c->fd < 0)
		return mp_diag_set(d, -errno, NULL, 0, 0, "cannot write '%s': %s", c->path,
				   strerror(errno));
	return 0;
}

/* Writes and empties c->row. */
static int csv_write(struct csv *c, struct mp_diag *d)
{
	int r;

	if (c->row.failed)
		return mp_diag_set(d, -ENOMEM, NULL, 0, 0, "out of memory");
	if (!c->row.len)
		return 0;
	r = mp_write_all(c->fd, c->row.s, c->row.len);
	if (r < 0) {
		/* The half of a row that did fit. */
		if (ftruncate(c->fd, c->size) < 0) {
			/* The reader drops a last line without a newline. */
		}
		return mp_diag_set(d, r, NULL, 0, 0, "cannot write '%s': %s", c->path,
				   strerror(-r));
	}
	c->size += (off_t)c->row.len;
	mp_buf_reset(&c->row);
	return 0;
}

static void csv_done(struct csv *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	free(c->path);
	mp_buf_done(&c->row);
}

void mp_recorder_free(struct mp_recorder *r)
{
	if (!r)
		return;
	csv_done(&r->metrics);
	csv_done(&r->workers);
	free(r->sels);
	free(r->columns);
	free(r);
}

static void free_at(struct mp_recorder **p)
{
	mp_recorder_free(*p);
}

int mp_recorder_new(const char *dir, struct mp_recorder **ret_recorder, struct mp_diag *d)
{
	_cleanup_(free_at) struct mp_recorder *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return mp_diag_set(d, -ENOMEM, NULL, 0, 0, "out of memory");
	r->metrics.fd = r->workers.fd = -1;
	err = mp_mkdir_p(dir, 0755);
	if (err < 0)
		return mp_diag_set(d, err, NULL, 0, 0, "cannot make the directory '%s': %s", dir,
				   strerror(-err));
	err = csv_open(&r->metrics, dir, "metrics.csv", d);
	if (err == 0)
		err = csv_open(&r->workers, dir, "workers.csv", d);
	if (err < 0)
		return err;
	*ret_recorder = TAKE_PTR(r);
	return 0;
}

static bool listed(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static int add_column(struct mp_recorder *r, struct mp_view *v, const char *name,
		      struct mp_needs *needs)
{
	struct mp_sel *sel = &r->sels[r->n_sels];
	int err = mp_view_select(v, name, sel, NULL);

	if (err < 0)
		return err;
	mp_needs_add(needs, sel);
	r->n_sels++;
	mp_buf_append(&r->metrics.row, ",", 1);
	put_field(&r->metrics.row, name);
	if (sel->known && mp_starts_with(name, WORKER_PREFIX) && !strchr(name, '@'))
		r->columns[r->n_columns++] =
			(struct worker_column){.metric = name + strlen(WORKER_PREFIX), .sel = *sel};
	return 0;
}

int mp_recorder_start(struct mp_recorder *r, struct mp_view *v, const char *const *extra,
		      size_t n_extra, struct mp_needs *ret_needs, struct mp_diag *d)
{
	size_t n;
	const char *const *names = mp_metric_recorded(&n);
	struct mp_needs needs = {0};
	int err = 0;

	r->sels = calloc(n + n_extra, sizeof(*r->sels));
	r->columns = calloc(n + n_extra, sizeof(*r->columns));
	if (!r->sels || !r->columns)
		return mp_diag_set(d, -ENOMEM, NULL, 0, 0, "out of memory");
	mp_buf_puts(&r->metrics.row, "ts");
	for (size_t i = 0; i < n && err == 0; i++)
		err = add_column(r, v, names[i], &needs);
	for (size_t i = 0; i < n_extra && err == 0; i++)
		if (!listed(names, n, extra[i]) && !listed(extra, i, extra[i]))
			err = add_column(r, v, extra[i], &needs);
	if (err < 0)
		return mp_diag_set(d, err, NULL, 0, 0, "metrics of the recording: %s",
				   strerror(-err));
	mp_buf_append(&r->metrics.row, "\n", 1);
	mp_buf_puts(&r->workers.row, "ts,model,slot,pid,metric,value\n");
	err = csv_write(&r->metrics, d);
	if (err == 0)
		err = csv_write(&r->workers, d);
	if (err == 0)
		*ret_needs = needs;
	return err;
}

static void put_worker(struct mp_recorder *r, struct mp_view *v, const struct mp_tree *tree,
		       const struct mp_proc *p, double wall_s)
{
	struct mp_buf *b = &r->workers.row;

	for (size_t i = 0; i < r->n_columns; i++) {
		struct mp_value value = mp_view_get_proc(v, &r->columns[i].sel, p);

		if (!value.valid)
			continue;
		mp_buf_printf(b, "%.3f,", wall_s);
		if (p->model >= 0)
			put_field(b, tree->models[p->model].name);
		mp_buf_printf(b, ",%d,%u,%s,", p->slot, p->cur.tgid, r->columns[i].metric);
		put_number(b, value.v);
		mp_buf_append(b, "\n", 1);
	}
}

int mp_recorder_sample(struct mp_recorder *r, struct mp_view *v, const struct mp_tree *tree,
		       double wall_s, struct mp_diag *d)
{
	int err;

	mp_buf_printf(&r->metrics.row, "%.3f", wall_s);
	for (size_t i = 0; i < r->n_sels; i++) {
		struct mp_value value = {.valid = false};

		if (r->sels[i].known)
			value = mp_view_get(v, &r->sels[i]);
		mp_buf_append(&r->metrics.row, ",", 1);
		if (value.valid)
			put_number(&r->metrics.row, value.v);
	}
	mp_buf_append(&r->metrics.row, "\n", 1);
	err = csv_write(&r->metrics, d);
	if (err < 0)
		return err;
	for (size_t i = 0; i < tree->n; i++)
		if (tree->procs[i].role == MP_ROLE_WORKER && tree->procs[i].slot >= 0)
			put_worker(r, v, tree, &tree->procs[i], wall_s);
	return csv_write(&r->workers, d);
}

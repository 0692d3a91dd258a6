// SPDX-License-Identifier: GPL-2.0-only
/*
 * bzt's own monitoring logs -> metrics_bzt.csv. SAlogs_HOST_PORT.csv has its header sorted but its
 * values in the order requested (contract, section 2), so the header is taken from the effective
 * configuration. The logs of local monitors are right as they are. Several logs become one table:
 * columns LABEL/METRIC, rows in time order. Owns the merge; called after bzt ended.
 */
#include <mmsperf/results.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/csv.h"
#include "results/effective.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LOGS 64
#define MAX_ROWS (2 * 1000 * 1000)

struct log {
	char *path;
	char *label; /* NULL: a single log needs no prefix */
	char **name; /* columns, in the order of the values */
	size_t n;
	size_t first; /* index of its first column in the merged table */
};

struct row {
	double ts;
	size_t log, order; /* rows of one second keep the order they were written in */
	double *v;
};

struct merge {
	struct log log[MAX_LOGS];
	size_t n_logs;
	struct row *row;
	size_t n_rows, cap_rows;
};

static void merge_done(struct merge *m)
{
	for (size_t i = 0; i < m->n_logs; i++) {
		free(m->log[i].path);
		free(m->log[i].label);
		for (size_t k = 0; k < m->log[i].n; k++)
			free(m->log[i].name[k]);
		free(m->log[i].name);
	}
	for (size_t i = 0; i < m->n_rows; i++)
		free(m->row[i].v);
	free(m->row);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* True when the sorted header is the client's list, sorted. */
static bool same_names(char *const *header, size_t n, const json_t *metrics)
{
	_cleanup_free_ const char **want = NULL;

	if (!n || json_array_size(metrics) != n)
		return false;
	want = calloc(n, sizeof(*want));
	if (!want)
		return false;
	for (size_t i = 0; i < n; i++) {
		want[i] = json_string_value(json_array_get(metrics, i));
		if (!want[i])
			return false;
	}
	qsort(want, n, sizeof(*want), by_text);
	for (size_t i = 0; i < n; i++)
		if (strcmp(want[i], header[i]))
			return false;
	return true;
}

/* bzt names the file after the address; a port it did not find is 4444. */
static bool same_address(const char *file, const json_t *client)
{
	const char *address = json_string_value(json_object_get(client, "address"));
	const char *colon = address ? strchr(address, ':') : NULL;
	_cleanup_free_ char *stem = NULL;

	if (!address)
		return false;
	stem = mp_asprintf("SAlogs_%.*s_%ld", colon ? (int)(colon - address) : (int)strlen(address),
			   address, colon ? strtol(colon + 1, NULL, 10) : 4444);
	return stem && mp_starts_with(file, stem) &&
	       (file[strlen(stem)] == '.' || file[strlen(stem)] == '-');
}

/* The configured client behind a log: same address, same names; *used keeps one from serving two.
 */
static const json_t *find_client(const json_t *root, const char *file, const struct log *l,
				 bool used[MAX_LOGS])
{
	const json_t *services = json_object_get(root, "services");
	size_t index = 0;

	for (size_t i = 0; i < mp_effective_count(services); i++) {
		const json_t *clients =
			json_object_get(mp_effective_at(services, i), "server-agent");

		for (size_t k = 0; k < mp_effective_count(clients); k++, index++) {
			const json_t *c = mp_effective_at(clients, k);

			if (index >= MAX_LOGS || used[index] || !same_address(file, c) ||
			    !same_names(l->name, l->n, json_object_get(c, "metrics")))
				continue;
			used[index] = true;
			return c;
		}
	}
	return NULL;
}

static int read_header(struct log *l, struct mp_csv *csv, struct mp_diag *d)
{
	int r = mp_csv_open(l->path, csv, d);

	if (r < 0)
		return r;
	r = mp_csv_next(csv, d);
	if (r < 0)
		return r;
	if (r == 0)
		return 0; /* bzt died before it wrote a line: nothing to correct */
	if (strcmp(csv->cell[0].s, "ts"))
		return mp_diag_set(d, -EINVAL, l->path, 1, 1,
				   "no monitoring log of bzt: 'ts' is missing");
	l->name = calloc(csv->n, sizeof(*l->name));
	if (!l->name)
		return mp_diag_set(d, -ENOMEM, l->path, 0, 0, "out of memory");
	for (size_t i = 1; i < csv->n; i++) {
		l->name[i - 1] = strdup(csv->cell[i].s);
		if (!l->name[i - 1])
			return mp_diag_set(d, -ENOMEM, l->path, 0, 0, "out of memory");
		l->n++;
	}
	return 0;
}

static int correct_header(struct log *l, const char *file, const json_t *root, bool used[MAX_LOGS],
			  struct mp_diag *d)
{
	const json_t *client = root ? find_client(root, file, l, used) : NULL;
	const json_t *metrics;
	const char *label;

	if (!client) {
		if (l->n <= 1)
			return 0; /* one column has no order */
		return mp_diag_set(
			d, -ENODATA, l->path, 1, 0,
			"bzt sorts this header but not its values, and no server-agent of "
			"the effective configuration has these metrics: not corrected");
	}
	metrics = json_object_get(client, "metrics");
	for (size_t i = 0; i < l->n; i++) {
		char *name = strdup(json_string_value(json_array_get(metrics, i)));

		if (!name)
			return mp_diag_set(d, -ENOMEM, l->path, 0, 0, "out of memory");
		free(l->name[i]);
		l->name[i] = name;
	}
	label = json_string_value(json_object_get(client, "label"));
	if (!label)
		label = json_string_value(json_object_get(client, "address"));
	l->label = strdup(label ? label : "agent");
	return l->label ? 0 : mp_diag_set(d, -ENOMEM, l->path, 0, 0, "out of memory");
}

static int read_rows(struct merge *m, size_t which, struct mp_csv *csv, struct mp_diag *d)
{
	const struct log *l = &m->log[which];
	int r;

	while ((r = mp_csv_next(csv, d)) > 0) {
		struct row row = {.ts = mp_cell_number(&csv->cell[0]), .log = which};

		if (isnan(row.ts) || (csv->unterminated && csv->n <= l->n))
			continue;
		if (m->n_rows == m->cap_rows) {
			size_t cap = m->cap_rows ? m->cap_rows * 2 : 256;
			struct row *grown = reallocarray(m->row, cap, sizeof(*grown));

			if (!grown || cap > MAX_ROWS)
				return mp_diag_set(d, grown ? -EFBIG : -ENOMEM, l->path,
						   (int)csv->line, 0, "too many rows");
			m->row = grown;
			m->cap_rows = cap;
		}
		row.v = malloc((l->n + 1) * sizeof(*row.v));
		if (!row.v)
			return mp_diag_set(d, -ENOMEM, l->path, 0, 0, "out of memory");
		for (size_t i = 0; i < l->n; i++)
			row.v[i] = i + 1 < csv->n ? mp_cell_number(&csv->cell[i + 1]) : NAN;
		row.order = m->n_rows;
		m->row[m->n_rows++] = row;
	}
	return r;
}

static int by_time(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->ts != y->ts)
		return x->ts < y->ts ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void put_cell(struct mp_buf *b, const char *s)
{
	if (!strpbrk(s, ",\"\n\r")) {
		mp_buf_puts(b, s);
		return;
	}
	mp_buf_puts(b, "\"");
	for (; *s; s++)
		mp_buf_append(b, *s == '"' ? "\"\"" : s, *s == '"' ? 2 : 1);
	mp_buf_puts(b, "\"");
}

static int write_merged(struct merge *m, const char *suite_dir, struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(suite_dir, "metrics_bzt.csv");
	_cleanup_buf_ struct mp_buf b = {0};
	size_t cols = 0;
	int r;

	if (!path)
		return mp_diag_set(d, -ENOMEM, suite_dir, 0, 0, "out of memory");
	mp_buf_puts(&b, "ts");
	for (size_t i = 0; i < m->n_logs; i++) {
		struct log *l = &m->log[i];

		l->first = cols;
		cols += l->n;
		for (size_t k = 0; k < l->n; k++) {
			_cleanup_free_ char *name =
				m->n_logs > 1 && l->label
					? mp_asprintf("%s/%s", l->label, l->name[k])
					: strdup(l->name[k]);

			mp_buf_puts(&b, ",");
			if (!name)
				b.failed = true;
			else
				put_cell(&b, name);
		}
	}
	mp_buf_puts(&b, "\n");
	if (m->n_rows)
		qsort(m->row, m->n_rows, sizeof(*m->row), by_time);
	for (size_t i = 0; i < m->n_rows; i++) {
		const struct row *row = &m->row[i];
		const struct log *l = &m->log[row->log];
		char text[32];

		(void)mp_format_double(text, row->ts);
		mp_buf_puts(&b, text);
		for (size_t k = 0; k < cols; k++) {
			bool ours = k >= l->first && k < l->first + l->n;

			mp_buf_puts(&b, ",");
			if (!ours || isnan(row->v[k - l->first]))
				continue;
			(void)mp_format_double(text, row->v[k - l->first]);
			mp_buf_puts(&b, text);
		}
		mp_buf_puts(&b, "\n");
	}
	r = b.failed ? -ENOMEM : mp_write_file(path, b.s, b.len, 0644);
	return r < 0 ? mp_diag_set(d, r, path, 0, 0, "cannot be written: %s", strerror(-r)) : 0;
}

static int only_logs(const struct dirent *e)
{
	return mp_glob("SAlogs_*.csv", e->d_name) ||
	       mp_glob("local_monitoring_logs*.csv", e->d_name) ||
	       mp_glob("ServerLocalClient_*.csv", e->d_name) ||
	       mp_glob("Graphite_logs_*.csv", e->d_name);
}

static bool has_columns(const struct log *l, const json_t *metrics)
{
	if (json_array_size(metrics) != l->n)
		return false;
	for (size_t i = 0; i < l->n; i++) {
		const char *name = json_string_value(json_array_get(metrics, i));

		if (!name || strcmp(name, l->name[i]) != 0)
			return false;
	}
	return true;
}

/* The plugin writes its metrics in the order asked for: its entry is told by them from bzt's own
 * local monitor, whose file has the same name. */
static const char *local_label(const struct log *l, const json_t *root)
{
	const json_t *services = json_object_get(root, "services");

	for (size_t i = 0; i < mp_effective_count(services); i++) {
		const json_t *list =
			json_object_get(mp_effective_at(services, i), "ServerLocalClient");

		for (size_t k = 0; k < mp_effective_count(list); k++) {
			const json_t *client = mp_effective_at(list, k);
			const char *label = json_string_value(json_object_get(client, "label"));

			if (has_columns(l, json_object_get(client, "metrics")))
				return label ? label : "ServerLocalClient";
		}
	}
	return "local";
}

/* One log: header, correction, rows. */
static int read_log(struct merge *m, const char *suite_dir, const char *file, const json_t *root,
		    bool used[MAX_LOGS], struct mp_diag *d)
{
	_cleanup_csv_ struct mp_csv csv = MP_CSV_INIT;
	struct log *l = &m->log[m->n_logs];
	int r;

	l->path = mp_path_join(suite_dir, file);
	if (!l->path)
		return mp_diag_set(d, -ENOMEM, suite_dir, 0, 0, "out of memory");
	m->n_logs++;
	r = read_header(l, &csv, d);
	if (!r && mp_starts_with(file, "SAlogs_"))
		r = correct_header(l, file, root, used, d);
	if (!r && !l->label && !mp_starts_with(file, "SAlogs_")) {
		l->label = strdup(local_label(l, root));
		r = l->label ? 0 : -ENOMEM;
	}
	return r < 0 ? r : l->n ? read_rows(m, m->n_logs - 1, &csv, d) : 0;
}

int mp_bztlog_correct(const char *suite_dir, struct mp_diag *d)
{
	_cleanup_(merge_done) struct merge m = {0};
	bool used[MAX_LOGS] = {false};
	struct dirent **e = NULL;
	json_t *root = NULL;
	int n, r;

	n = scandir(suite_dir, &e, only_logs, alphasort);
	if (n < 0) {
		r = -errno;
		return mp_diag_set(d, r, suite_dir, 0, 0, "cannot be listed: %s", strerror(-r));
	}
	r = n ? mp_effective_load(suite_dir, &root) : 0;
	if (r < 0)
		root = NULL; /* then only logs of one column can be read */
	r = 0;
	for (int i = 0; i < n; i++) {
		if (!r && m.n_logs < MAX_LOGS)
			r = read_log(&m, suite_dir, e[i]->d_name, root, used, d);
		free(e[i]);
	}
	free(e);
	json_decref(root);
	return r < 0 || !n ? r : write_merged(&m, suite_dir, d);
}

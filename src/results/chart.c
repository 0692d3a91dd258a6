// SPDX-License-Identifier: GPL-2.0-only
/*
 * From METRIC[:ROLE] to the series it means, in units people use, with the limits that criteria set
 * them. Called by cli/report_text.c.
 */
#include <mmsperf/chart.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINES 32

void mp_chart_done(struct mp_chart *c)
{
	for (size_t i = 0; i < c->n_lines; i++) {
		free(c->lines[i].name);
		free(c->lines[i].ts);
		free(c->lines[i].v);
	}
	for (size_t i = 0; i < c->n_limits; i++)
		free(c->limits[i].text);
	free(c->lines);
	free(c->limits);
	free(c->title);
	free(c->suite);
	*c = (struct mp_chart){0};
}

static int add_line(struct mp_chart *c, const char *name, const double *ts, const double *v,
		    size_t n, double scale)
{
	struct mp_chart_line *l = reallocarray(c->lines, c->n_lines + 1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	c->lines = l;
	l += c->n_lines++;
	*l = (struct mp_chart_line){.name = strdup(name),
				    .ts = calloc(n + 1, sizeof(*l->ts)),
				    .v = calloc(n + 1, sizeof(*l->v)),
				    .n = n};
	if (!l->name || !l->ts || !l->v)
		return -ENOMEM;
	memcpy(l->ts, ts, n * sizeof(*ts));
	for (size_t i = 0; i < n; i++)
		l->v[i] = v[i] * scale;
	return 0;
}

static int add_limit(struct mp_chart *c, const struct mp_case *k)
{
	struct mp_chart_limit *l = reallocarray(c->limits, c->n_limits + 1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	c->limits = l;
	l += c->n_limits++;
	*l = (struct mp_chart_limit){
		.text = strdup(k->name),
		.at = k->threshold,
		.failed = k->verdict == MP_FAILED,
		.from_s = k->from_s,
		.to_s = k->to_s,
	};
	return l->text ? 0 : -ENOMEM;
}

/* Limits of criteria that watch this very series; a rate is not what a limit of its total means. */
static int add_limits(struct mp_chart *c, const struct mp_suite_result *s, const double *series)
{
	int r = 0;

	for (size_t i = 0; i < s->n_cases && !r; i++) {
		const double *ts;
		double scale;
		size_t n;

		if (s->cases[i].metric && isfinite(s->cases[i].threshold) &&
		    mp_case_series(s, &s->cases[i], &ts, &n, &scale) == series)
			r = add_limit(c, &s->cases[i]);
	}
	return r;
}

/* --- requests -------------------------------------------------------------------------------- */

struct of_load {
	const char *name, *title;
	size_t offset; /* of the series in struct mp_load */
	enum mp_unit unit;
	const char *per;
	double scale;
};

#define AT(member) offsetof(struct mp_load, member)
static const struct of_load of_load[] = {
	{"p50", "Response time p50", AT(p50_ms), MP_UNIT_SECONDS, "", 0.001},
	{"p90", "Response time p90", AT(p90_ms), MP_UNIT_SECONDS, "", 0.001},
	{"p99", "Response time p99", AT(p99_ms), MP_UNIT_SECONDS, "", 0.001},
	{"avg", "Response time mean", AT(avg_ms), MP_UNIT_SECONDS, "", 0.001},
	{"avg-rt", "Response time mean", AT(avg_ms), MP_UNIT_SECONDS, "", 0.001},
	{"throughput", "Requests", AT(throughput), MP_UNIT_COUNT, "/s", 1},
	{"errors", "Failed requests", AT(errors), MP_UNIT_COUNT, "/s", 1},
	{"concurrency", "Users at work", AT(concurrency), MP_UNIT_COUNT, "", 1},
};

static const struct of_load *find_of_load(const char *metric)
{
	if (!strcmp(metric, "avg")) /* as expectations of simple suites have it */
		metric = "avg-rt";
	for (size_t i = 0; i < ARRAY_SIZE(of_load); i++)
		if (!strcmp(of_load[i].name, metric))
			return &of_load[i];
	return NULL;
}

static int find_requests(const struct mp_suite_result *s, const struct of_load *f,
			 const char *label, struct mp_chart *c, struct mp_diag *d)
{
	_cleanup_(mp_load_done) struct mp_load own = {0};
	const struct mp_load *l = &s->load;
	const double *v;
	int r = 0;

	if (label && s->dir) {
		r = mp_load_read_label(s->dir, label, &own, d);
		l = &own;
	}
	if (r < 0)
		return r;
	if (!l->n)
		return mp_diag_set(d, -ENOENT, NULL, 0, 0, "suite '%s' has no request%s%s%s",
				   s->name, label ? " of '" : "", label ? label : "",
				   label ? "'" : "");
	c->title = mp_asprintf("%s%s%s", f->title, label ? " of " : "", label ? label : "");
	c->unit = f->unit;
	c->per = f->per;
	v = *(double *const *)((const char *)l + f->offset);
	r = add_line(c, f->name, l->ts, v, l->n, f->scale);
	if (!r && !label)
		r = add_limits(c, s, v);
	for (size_t i = 0; i < s->n_cases && label && !r; i++)
		if (s->cases[i].metric && s->cases[i].label && !strcmp(s->cases[i].label, label) &&
		    find_of_load(s->cases[i].metric) == f && isfinite(s->cases[i].threshold))
			r = add_limit(c, &s->cases[i]);
	return r;
}

/* --- recorded -------------------------------------------------------------------------------- */

static int add_column(struct mp_chart *c, const struct mp_suite_result *s, const struct mp_table *t,
		      const struct mp_series *col, const char *name)
{
	bool counter = mp_series_is_counter(col);
	double *rate = NULL;
	int r = 0;

	c->unit = col->unit;
	c->per = counter ? "/s" : "";
	if (counter)
		r = mp_series_rate(t->ts, col->v, t->rows, &rate);
	if (!r)
		r = add_line(c, name, t->ts, counter ? rate : col->v, t->rows, 1);
	free(rate);
	return r || counter ? r : add_limits(c, s, col->v);
}

static const struct {
	const char *role, *prefix;
} roles[] = {{"frontend", "frontend_"}, {"workers", "sum_workers_"}, {"all", "sum_all_"}};

/* A metric without its role: a line of each one that was recorded, or of the one that is asked for.
 */
static int add_roles(struct mp_chart *c, const struct mp_suite_result *s, const char *metric,
		     const char *role)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(roles) && !r; i++) {
		_cleanup_free_ char *name = mp_asprintf("%s%s", roles[i].prefix, metric);
		const struct mp_series *col = name ? mp_table_find(&s->metrics, name) : NULL;

		if (!name)
			return -ENOMEM;
		if (col && (!role || !strcmp(role, roles[i].role)))
			r = add_column(c, s, &s->metrics, col, roles[i].role);
	}
	return r;
}

/* memory_rss:digits#0, memory_rss:digits (all of its workers), or the column's whole name. */
static int add_workers(struct mp_chart *c, const struct mp_suite_result *s, const char *metric,
		       const char *role)
{
	_cleanup_free_ char *own = mp_asprintf("%s@%s", metric, role ? role : "");
	size_t n = own ? strlen(own) : 0;
	int r = own ? 0 : -ENOMEM;

	for (size_t i = 0; i < s->workers.cols && !r && c->n_lines < MAX_LINES; i++) {
		const struct mp_series *col = &s->workers.col[i];
		bool match =
			role ? !strncmp(col->name, own, n) && (!col->name[n] || col->name[n] == '#')
			     : !strcmp(col->name, metric);

		if (match)
			r = add_column(c, s, &s->workers, col, col->name);
	}
	return r;
}

static const char *nearest(const struct mp_suite_result *s, const char *metric)
{
	size_t n = 2 * s->metrics.cols + ARRAY_SIZE(of_load);
	const char **names = calloc(n + 1, sizeof(*names)), *near;

	if (!names)
		return NULL;
	for (size_t i = 0; i < s->metrics.cols; i++) {
		const char *name = s->metrics.col[i].name;

		names[2 * i] = names[2 * i + 1] = name;
		for (size_t k = 0; k < ARRAY_SIZE(roles); k++)
			if (mp_starts_with(name, roles[k].prefix))
				names[2 * i] = name + strlen(roles[k].prefix);
	}
	for (size_t i = 0; i < ARRAY_SIZE(of_load); i++)
		names[2 * s->metrics.cols + i] = of_load[i].name;
	near = mp_nearest(metric, names, n);
	free(names);
	return near;
}

static int find(const struct mp_suite_result *s, const char *spec, struct mp_chart *c,
		struct mp_diag *d)
{
	_cleanup_free_ char *metric = strdup(spec);
	const struct mp_series *col = mp_table_find(&s->metrics, spec);
	const struct of_load *requests;
	char *role = metric ? strchr(metric, ':') : NULL;
	const char *near;
	int r = 0;

	if (!metric)
		return -ENOMEM;
	if (col) /* a name with a ':' of its own, too */
		return add_column(c, s, &s->metrics, col, spec);
	if (role)
		*role++ = '\0';
	requests = find_of_load(metric);
	if (requests)
		return find_requests(s, requests, role, c, d);
	r = add_roles(c, s, metric, role);
	if (!r && !c->n_lines)
		r = add_workers(c, s, metric, role);
	if (r || c->n_lines)
		return r;
	near = nearest(s, metric);
	return mp_diag_set(d, -ENOENT, NULL, 0, 0, "suite '%s' has no '%s'%s%s%s", s->name, spec,
			   near && strcmp(near, metric) ? ", did you mean '" : "",
			   near && strcmp(near, metric) ? near : "",
			   near && strcmp(near, metric) ? "'?" : "");
}

int mp_chart_find(const struct mp_suite_result *s, const char *spec, struct mp_chart *ret,
		  struct mp_diag *d)
{
	_cleanup_(mp_chart_done) struct mp_chart c = {.per = ""};
	int r = find(s, spec, &c, d);

	if (r < 0)
		return r;
	if (!c.title)
		c.title = mp_asprintf("%s%s", spec, *c.per ? " per second" : "");
	c.suite = strdup(s->name);
	c.zero_s = s->load_s > 0 ? s->load_s : c.lines[0].n ? c.lines[0].ts[0] : 0;
	if (!c.title || !c.suite)
		return -ENOMEM;
	*ret = c;
	c = (struct mp_chart){0};
	return 0;
}

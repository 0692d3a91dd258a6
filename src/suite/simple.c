// SPDX-License-Identifier: GPL-2.0-only
/*
 * A simple suite's YAML to its structure: models, where the server is, expectations. The load is in
 * simple_load.c, steps in simple_steps.c, lines of expectations in expect.c. Owns the structure;
 * places stay borrowed from the suite's tree. Called by discovery.c.
 */
#include "suite/simple.h"

#include "suite/simple_read.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_DEFAULT_S 10.0
#define MAX_LIST         1000 /* models, expectations */

static const char *const suite_keys[] = {
	"suite",   "load",   "model",  "models",  "workers", "batch",   "batch-delay", "setup",
	"cleanup", "expect", "matrix", "monitor", "settle",  "address", "management",  "server"};

static void pairs_free(struct mp_pair *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].name);
		free(v[i].value);
	}
	free(v);
}

static void request_done(struct mp_request *q)
{
	free(q->label);
	free(q->method);
	free(q->path);
	free(q->body);
	free(q->body_file);
	free(q->answer);
	pairs_free(q->headers, q->n_headers);
}

void mp_simple_free(struct mp_simple *m)
{
	if (!m)
		return;
	free(m->title);
	free(m->protocol);
	free(m->host);
	free(m->management);
	for (size_t i = 0; i < m->n_models; i++) {
		free(m->models[i].name);
		free(m->models[i].url);
	}
	free(m->models);
	free(m->load.engine);
	free(m->load.script);
	for (size_t i = 0; i < m->load.n_requests; i++)
		request_done(&m->load.requests[i]);
	free(m->load.requests);
	pairs_free(m->load.properties, m->load.n_properties);
	pairs_free(m->load.hosts, m->load.n_hosts);
	mp_steps_free(&m->setup);
	mp_steps_free(&m->cleanup);
	for (size_t i = 0; i < m->n_expects; i++)
		mp_expect_done(&m->expects[i]);
	free(m->expects);
	for (size_t i = 0; i < m->n_monitors; i++) {
		free(m->monitors[i].label);
		free(m->monitors[i].address);
	}
	free(m->monitors);
	free(m);
}

void mp_simple_freep(struct mp_simple **m)
{
	mp_simple_free(*m);
}

bool mp_simple_is(const struct mp_yaml *doc)
{
	return (mp_yaml_get(doc, "load") || mp_yaml_get(doc, "suite")) &&
	       !mp_yaml_get(doc, "execution");
}

/* A list of at most MAX_LIST entries, or a single one written without a list. */
static int list_of(struct mp_rd *rd, const struct mp_yaml *y, const char *what,
		   const struct mp_yaml *const **ret_v, const struct mp_yaml *const *one,
		   size_t *ret_n)
{
	if (y->kind != MP_YAML_SEQ) {
		*ret_v = one;
		*ret_n = 1;
		return 0;
	}
	if (y->n > MAX_LIST)
		return mp_rd_bad(rd, y, "more than %d entries of %s", MAX_LIST, what);
	*ret_v = (const struct mp_yaml *const *)y->val;
	*ret_n = y->n;
	return 0;
}

static int read_model(struct mp_rd *rd, const struct mp_yaml *y, const struct mp_yaml *root,
		      struct mp_simple_model *m)
{
	static const char *const keys[] = {"name", "url", "workers", "batch", "batch-delay"};
	int r;

	m->batch_delay_s = NAN;
	m->workers = 1;
	r = mp_rd_get_count(rd, root, "workers", 1, 1000, &m->workers);
	if (!r)
		r = mp_rd_get_count(rd, root, "batch", 1, 10000, &m->batch);
	if (!r)
		r = mp_rd_get_duration(rd, root, "batch-delay", &m->batch_delay_s);
	if (r < 0)
		return r;
	if (y->kind == MP_YAML_SCALAR) {
		r = mp_rd_text(rd, y, "model", &m->name);
	} else {
		r = mp_rd_keys(rd, y, "a model", keys, ARRAY_SIZE(keys));
		if (!r)
			r = mp_rd_get_text(rd, y, "name", &m->name);
		if (!r)
			r = mp_rd_get_text(rd, y, "url", &m->url);
		if (!r)
			r = mp_rd_get_count(rd, y, "workers", 1, 1000, &m->workers);
		if (!r)
			r = mp_rd_get_count(rd, y, "batch", 1, 10000, &m->batch);
		if (!r)
			r = mp_rd_get_duration(rd, y, "batch-delay", &m->batch_delay_s);
		if (!r && !m->name)
			r = mp_rd_bad(rd, y, "the model has no name");
	}
	if (r < 0)
		return r;
	if (!m->name[strspn(m->name, " ")] || strpbrk(m->name, "/?#"))
		return mp_rd_bad(rd, y, "'%.60s' cannot be a model's name", m->name);
	if (!m->url)
		m->url = strdup(m->name);
	return m->url ? 0 : -ENOMEM;
}

static int read_models(struct mp_rd *rd, const struct mp_yaml *root, struct mp_simple *m)
{
	static const char *const of_models[] = {"workers", "batch", "batch-delay"};
	const struct mp_yaml *one = mp_yaml_get(root, "model"), *many = mp_yaml_get(root, "models");
	const struct mp_yaml *y = one ? one : many, *const * v;
	size_t n = 0;
	int r;

	if (one && many)
		return mp_rd_bad(rd, many, "'models' stands beside 'model': one of them");
	for (size_t i = 0; !y && i < ARRAY_SIZE(of_models); i++)
		if (mp_yaml_get(root, of_models[i]))
			return mp_rd_bad(rd, mp_yaml_get(root, of_models[i]),
					 "'%s' needs a 'model' that it is about", of_models[i]);
	if (!y)
		return 0;
	r = list_of(rd, y, "models", &v, &y, &n);
	if (r < 0)
		return r;
	if (!n)
		return mp_rd_bad(rd, y, "'models' is empty");
	m->models = calloc(n, sizeof(*m->models));
	if (!m->models)
		return -ENOMEM;
	for (size_t i = 0; !r && i < n; i++) {
		r = read_model(rd, v[i], root, &m->models[m->n_models++]);
		for (size_t k = 0; !r && k < i; k++)
			if (!strcmp(m->models[k].name, m->models[i].name))
				r = mp_rd_bad(rd, v[i], "a second model is called '%s'",
					      m->models[i].name);
	}
	return r;
}

/* Text of modules.jmeter.properties.NAME of environment and global config, else fallback. */
static int property(struct mp_rd *rd, const char *name, const char *fallback, char **ret)
{
	_cleanup_free_ char *path = mp_asprintf("modules.jmeter.properties.%s", name);
	const struct mp_yaml *y = path ? mp_yaml_path(rd->vars->merged, path) : NULL;

	if (!path)
		return -ENOMEM;
	if (y && mp_yaml_str(y) && *y->scalar)
		return mp_rd_text(rd, y, name, ret);
	*ret = strdup(fallback);
	return *ret ? 0 : -ENOMEM;
}

static int read_address(struct mp_rd *rd, const struct mp_yaml *root, struct mp_simple *m)
{
	_cleanup_free_ char *port = NULL, *mport = NULL, *mproto = NULL, *mhost = NULL;
	int r = property(rd, "protocol", "http", &m->protocol), mp = 0;
	long v;

	if (!r)
		r = property(rd, "hostname", "127.0.0.1", &m->host);
	if (!r)
		r = property(rd, "port", "8080", &port);
	if (!r)
		r = property(rd, "management_port", "8081", &mport);
	if (r < 0)
		return r;
	if (mp_parse_int(port, 1, 65535, &v) < 0)
		return mp_rd_bad(rd,
				 mp_yaml_path(rd->vars->merged, "modules.jmeter.properties.port"),
				 "no port from 1 to 65535: '%.60s'", port);
	m->port = (int)v;
	if (mp_parse_int(mport, 1, 65535, &v) < 0)
		return mp_rd_bad(
			rd,
			mp_yaml_path(rd->vars->merged, "modules.jmeter.properties.management_port"),
			"no port from 1 to 65535: '%.60s'", mport);
	mp = (int)v;
	m->own_address = mp_yaml_get(root, "address") != NULL;
	r = mp_rd_get_address(rd, root, "address", &m->protocol, &m->host, &m->port);
	if (!r)
		r = mp_rd_get_address(rd, root, "management", &mproto, &mhost, &mp);
	if (r < 0)
		return r;
	m->management = mp_asprintf("%s://%s:%d", mproto ? mproto : m->protocol,
				    mhost ? mhost : m->host, mp);
	m->server = mp_yaml_get(root, "server");
	return m->management ? 0 : -ENOMEM;
}

static int read_monitors(struct mp_rd *rd, const struct mp_yaml *y, struct mp_simple *m)
{
	if (!y)
		return 0;
	if (y->kind != MP_YAML_MAP || !y->n)
		return mp_rd_bad(rd, y,
				 "'monitor' has to be a map of other agents: LABEL: HOST:PORT");
	m->monitors = calloc(y->n, sizeof(*m->monitors));
	if (!m->monitors)
		return -ENOMEM;
	for (size_t i = 0; i < y->n; i++) {
		struct mp_monitor *o = &m->monitors[m->n_monitors++];
		const char *colon;
		long port;
		int r;

		o->label = strdup(y->key[i]->scalar);
		if (!o->label)
			return -ENOMEM;
		if (!*o->label || strpbrk(o->label, "/ \t\r\n<>=!") || !strcmp(o->label, "server"))
			return mp_rd_bad(rd, y->key[i], "'%.60s' cannot be an agent's label",
					 o->label);
		r = mp_rd_text(rd, y->val[i], "an agent's address", &o->address);
		if (r < 0)
			return r;
		colon = strrchr(o->address, ':');
		if (!colon || colon == o->address || mp_parse_int(colon + 1, 1, 65535, &port) < 0)
			return mp_rd_bad(rd, y->val[i],
					 "'%.100s' is no HOST:PORT of an mmsperf-bpf agent",
					 o->address);
	}
	return 0;
}

/* Names that lines can refer to, gathered for their complaints. */
static int make_scope(const struct mp_simple *m, struct mp_expect_scope *s, const char **names)
{
	static const char *const always[] = {"setup", "load", "cleanup"};
	size_t n = 0;

	*s = (struct mp_expect_scope){0};
	if (m->load.n_requests) {
		s->labels = names;
		s->n_labels = m->load.n_requests;
		for (size_t i = 0; i < m->load.n_requests; i++)
			names[n++] = m->load.requests[i].label;
	}
	s->hosts = names + n;
	s->n_hosts = m->n_monitors;
	for (size_t i = 0; i < m->n_monitors; i++)
		names[n++] = m->monitors[i].label;
	s->points = names + n;
	for (size_t i = 0; i < m->setup.n; i++)
		names[n++] = m->setup.v[i].name;
	for (size_t i = 0; i < m->cleanup.n; i++)
		names[n++] = m->cleanup.v[i].name;
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		names[n++] = always[i];
	s->n_points = (size_t)(names + n - s->points);
	return 0;
}

static int read_expects(struct mp_rd *rd, const struct mp_yaml *root, struct mp_simple *m)
{
	const struct mp_yaml *y = mp_yaml_get(root, "expect"), *const *v = NULL;
	_cleanup_free_ const char **names = NULL;
	struct mp_expect_scope scope;
	size_t n = 0;
	int r;

	if (!y)
		return 0;
	r = list_of(rd, y, "expectations", &v, &y, &n);
	if (r < 0)
		return r;
	names = calloc(m->load.n_requests + m->n_monitors + m->setup.n + m->cleanup.n + 3,
		       sizeof(*names));
	m->expects = calloc(n ? n : 1, sizeof(*m->expects));
	if (!names || !m->expects)
		return -ENOMEM;
	r = make_scope(m, &scope, names);
	for (size_t i = 0; !r && i < n; i++) {
		_cleanup_free_ char *text = NULL;
		struct mp_expect e;

		if (v[i]->kind != MP_YAML_SCALAR)
			return mp_rd_bad(rd, v[i],
					 "an expectation is one line of text, as in: p99 "
					 "of LABEL < 250ms");
		r = mp_rd_text(rd, v[i], "an expectation", &text);
		if (!r)
			r = mp_expect_parse(text, v[i]->file, v[i]->line,
					    v[i]->col + (v[i]->quoted ? 1 : 0), &scope, &e, rd->d);
		for (size_t k = 0; !r && k < m->n_expects; k++)
			if (!strcmp(m->expects[k].text, e.text)) {
				mp_expect_done(&e);
				r = mp_rd_bad(rd, v[i],
					      "this expectation stands here a second "
					      "time (first in line %d)",
					      m->expects[k].line);
			}
		if (!r)
			m->expects[m->n_expects++] = e;
	}
	return r;
}

/* What would hold whatever is measured says nothing. (--quick may do that to it: it shortens the
 * load, and leaves what people wrote as it is.) */
static int check_windows(const struct mp_simple *m, struct mp_diag *d)
{
	double load_s = m->load.ramp_s + m->load.duration_s;
	char window[32], load[32];

	for (size_t i = 0; i < m->n_expects; i++) {
		const struct mp_expect *e = &m->expects[i];

		if (e->window_s > load_s && m->load.duration_s > 0)
			return mp_diag_set(
				d, -EINVAL, e->file, e->line, e->col,
				"'%.100s' can never fail: the load lasts %s, and only a breach of "
				"more than %s fails it",
				e->text, mp_format_elapsed(load, sizeof(load), load_s),
				mp_format_elapsed(window, sizeof(window), e->window_s));
	}
	return 0;
}

int mp_simple_parse(const struct mp_suite *s, double hold_cap_s, struct mp_simple **ret_simple,
		    struct mp_diag *d)
{
	_cleanup_(mp_simple_freep) struct mp_simple *m = calloc(1, sizeof(*m));
	_cleanup_(mp_plan_freep) struct mp_plan *vars = NULL;
	_cleanup_free_ char *dir = strdup(s->path);
	struct mp_rd rd = {.d = d};
	char *slash;
	int r;

	if (!m || !dir)
		return -ENOMEM;
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	rd.dir = slash ? dir : ".";
	r = mp_plan_vars(s, &vars, d);
	if (r < 0)
		return r;
	rd.vars = vars;
	m->settle_s = SETTLE_DEFAULT_S;
	r = mp_rd_keys(&rd, s->doc, "a simple suite", suite_keys, ARRAY_SIZE(suite_keys));
	if (!r)
		r = mp_rd_get_text(&rd, s->doc, "suite", &m->title);
	if (!r)
		r = mp_rd_get_duration(&rd, s->doc, "settle", &m->settle_s);
	if (!r)
		r = read_address(&rd, s->doc, m);
	if (!r)
		r = read_models(&rd, s->doc, m);
	if (!r)
		r = mp_simple_read_load(&rd, s->doc, &m->load);
	if (!r)
		r = mp_simple_read_steps(&rd, s->doc, m);
	if (!r)
		r = read_monitors(&rd, mp_yaml_get(s->doc, "monitor"), m);
	if (!r)
		r = read_expects(&rd, s->doc, m);
	if (!r)
		r = check_windows(m, d);
	if (r < 0)
		return r;
	if (hold_cap_s > 0 && m->load.duration_s > hold_cap_s)
		m->load.duration_s = hold_cap_s;
	*ret_simple = TAKE_PTR(m);
	return 0;
}

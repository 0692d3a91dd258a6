// SPDX-License-Identifier: GPL-2.0-only
/*
 * struct mp_run <-> run.json. Fields are only added; a reader refuses a newer schema, and reads
 * older ones with the defaults of what they lack. Folders are stored relative to the run's, so
 * that a run can be moved. Numbers that are not known are null. Called by store.c, cli/report.c.
 */
#include "results/runjson.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/jsonvalue.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (256 * 1024 * 1024)

/* The part of dir below base, "." for base itself, dir as it is when it lies elsewhere. */
static const char *below(const char *base, const char *dir)
{
	size_t n = strlen(base);

	if (!dir || strncmp(dir, base, n))
		return dir;
	if (!dir[n])
		return ".";
	return dir[n] == '/' ? dir + n + 1 : dir;
}

static json_t *case_to_json(const struct mp_case *c)
{
	char op[3] = {c->op ? c->op : ' ', c->or_equal ? '=' : '\0', '\0'};
	json_t *o;

	o = json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
		      mp_json_text(c->name), "verdict", mp_verdict_name(c->verdict), "message",
		      mp_json_text(c->message), "time", mp_json_number(c->time_s), "metric",
		      mp_json_text(c->metric), "label", mp_json_text(c->label), "op",
		      c->op ? mp_json_text(op) : json_null(), "threshold",
		      mp_json_number(c->threshold), "observed", mp_json_number(c->observed), "from",
		      mp_json_number(c->from_s), "to", mp_json_number(c->to_s));
	if (o && c->line > 0)
		(void)json_object_set_new(o, "line", json_integer(c->line));
	if (o && c->file)
		(void)json_object_set_new(o, "file", mp_json_text(c->file));
	return o;
}

static json_t *suite_to_json(const struct mp_run *r, const struct mp_suite_result *s)
{
	json_t *cases = json_array();

	for (size_t i = 0; i < s->n_cases; i++)
		(void)json_array_append_new(cases, case_to_json(&s->cases[i]));
	return json_pack(
		"{s:o, s:o, s:o, s:s, s:o, s:b, s:o, s:o, s:o, s:i, s:o, s:o, s:o}", "name",
		mp_json_text(s->name), "path", mp_json_text(s->path), "dir",
		mp_json_text(below(r->dir, s->dir)), "verdict", mp_verdict_name(s->verdict),
		"reason", mp_json_text(s->reason), "incomplete", s->incomplete, "started",
		mp_json_number(s->started_s), "duration", mp_json_number(s->duration_s),
		"bzt_seconds", mp_json_number(s->bzt_s), "bzt_code", s->bzt_code, "rung",
		mp_json_text(s->rung), "rung_why", mp_json_text(s->rung_why), "cases", cases);
}

static json_t *fingerprint_to_json(const struct mp_fingerprint *fp)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "id", *fp->id ? mp_json_text(fp->id) : json_null());
	for (int f = 0; f < _MP_FP_MAX; f++)
		(void)json_object_set_new(o, mp_fp_key(f), mp_json_text(fp->v[f]));
	return o;
}

int mp_runjson_write(const struct mp_run *r, enum mp_run_state state, struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(r->dir, "run.json"), *out = NULL;
	json_t *suites = json_array(), *tags = json_array(), *root;
	int k;

	for (size_t i = 0; i < r->n_suites; i++)
		(void)json_array_append_new(suites, suite_to_json(r, &r->suites[i]));
	for (size_t i = 0; i < r->n_tags; i++)
		(void)json_array_append_new(tags, mp_json_text(r->tags[i]));
	root = json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:i, s:b, s:o, s:o, s:o, s:o}",
			 "schema", MP_RUN_SCHEMA, "program", "mmsperf-bpf " MP_VERSION, "state",
			 state == MP_RUN_FINISHED ? "finished" : "running", "env",
			 mp_json_text(r->env), "commit", mp_json_text(r->commit), "started",
			 mp_json_number(r->started_s), "duration", mp_json_number(r->duration_s),
			 "verdict", mp_verdict_name(r->verdict), "exit_code", r->exit_code,
			 "stopped", r->stopped, "server", mp_json_text(r->server), "fingerprint",
			 fingerprint_to_json(&r->fingerprint), "tags", tags, "suites", suites);
	if (root && r->hold_cap_s > 0)
		(void)json_object_set_new(root, "hold_cap", mp_json_number(r->hold_cap_s));
	if (root && r->comparison)
		(void)json_object_set_new(root, "comparison",
					  json_pack("{s:s, s:o}", "verdict",
						    mp_verdict_name(r->comparison_verdict), "text",
						    mp_json_text(r->comparison)));
	out = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
	json_decref(root);
	if (!path || !out)
		return mp_diag_set(d, -ENOMEM, r->dir, 0, 0, "out of memory");
	k = mp_write_file(path, out, strlen(out), 0644);
	return k < 0 ? mp_diag_set(d, k, path, 0, 0, "cannot be written: %s", strerror(-k)) : 0;
}

static char *get_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? strdup(s) : NULL;
}

static double get_number(const json_t *o, const char *key, double unknown)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : unknown;
}

static enum mp_verdict get_verdict(const json_t *o)
{
	const char *s = json_string_value(json_object_get(o, "verdict"));

	for (int v = 0; s && v < _MP_VERDICT_MAX; v++)
		if (!strcmp(s, mp_verdict_name(v)))
			return v;
	return MP_ERROR;
}

static int case_from_json(const json_t *o, struct mp_suite_result *s)
{
	const char *op = json_string_value(json_object_get(o, "op"));
	struct mp_case c = {
		.name = get_text(o, "name"),
		.message = get_text(o, "message"),
		.verdict = get_verdict(o),
		.time_s = get_number(o, "time", 0),
		.metric = get_text(o, "metric"),
		.label = get_text(o, "label"),
		.op = op ? *op : '\0',
		.or_equal = op && *op && op[1] == '=',
		.threshold = get_number(o, "threshold", NAN),
		.observed = get_number(o, "observed", NAN),
		.from_s = get_number(o, "from", 0),
		.to_s = get_number(o, "to", 0),
		.file = get_text(o, "file"),
		.line = (int)fmin(fmax(get_number(o, "line", 0), 0), 1e9),
	};
	int r = -ENOMEM;

	if (!c.name)
		c.name = strdup("(no name)");
	if (c.name)
		r = mp_suite_result_add_case(s, &c);
	if (r < 0)
		mp_case_done(&c);
	return r;
}

static int suite_from_json(const json_t *o, const char *base, struct mp_suite_result *s)
{
	const char *dir = json_string_value(json_object_get(o, "dir"));
	const json_t *cases = json_object_get(o, "cases");

	s->name = get_text(o, "name");
	s->path = get_text(o, "path");
	if (!s->name)
		s->name = strdup("(no name)");
	if (dir)
		s->dir = !strcmp(dir, ".") ? strdup(base) : mp_path_join(base, dir);
	if (!s->name || (dir && !s->dir))
		return -ENOMEM;
	s->verdict = get_verdict(o);
	s->reason = get_text(o, "reason");
	s->incomplete = json_is_true(json_object_get(o, "incomplete"));
	s->started_s = get_number(o, "started", 0);
	s->duration_s = get_number(o, "duration", 0);
	s->bzt_s = get_number(o, "bzt_seconds", 0);
	s->bzt_code = (int)get_number(o, "bzt_code", -1);
	s->rung = get_text(o, "rung");
	s->rung_why = get_text(o, "rung_why");
	for (size_t i = 0; i < json_array_size(cases); i++) {
		int r = case_from_json(json_array_get(cases, i), s);

		if (r < 0)
			return r;
	}
	return 0;
}

/* A run of before the fingerprint has none: its id stays empty. */
static void fingerprint_from_json(const json_t *o, struct mp_fingerprint *fp)
{
	const char *id = json_string_value(json_object_get(o, "id"));

	if (id)
		(void)snprintf(fp->id, sizeof(fp->id), "%s", id);
	for (int f = 0; f < _MP_FP_MAX; f++)
		fp->v[f] = get_text(o, mp_fp_key(f));
}

static int tags_from_json(const json_t *a, struct mp_run *r)
{
	r->tags = calloc(json_array_size(a) + 1, sizeof(*r->tags));
	if (!r->tags)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(a); i++) {
		const char *s = json_string_value(json_array_get(a, i));

		if (!s)
			continue;
		r->tags[r->n_tags] = strdup(s);
		if (!r->tags[r->n_tags++])
			return -ENOMEM;
	}
	return 0;
}

static int run_from_json(const json_t *root, const char *dir, struct mp_run *r)
{
	const char *state = json_string_value(json_object_get(root, "state"));
	const json_t *suites = json_object_get(root, "suites");
	const json_t *comparison = json_object_get(root, "comparison");
	size_t n = json_array_size(suites);
	char *slash;

	r->dir = strdup(dir);
	r->out = strdup(dir);
	r->suites = calloc(n + 1, sizeof(*r->suites));
	if (!r->dir || !r->out || !r->suites)
		return -ENOMEM;
	slash = strrchr(r->out, '/');
	if (slash && slash > r->out)
		*slash = '\0';
	r->env = get_text(root, "env");
	r->commit = get_text(root, "commit");
	r->server = get_text(root, "server");
	r->comparison = get_text(comparison, "text");
	r->comparison_verdict = comparison ? get_verdict(comparison) : MP_PASSED;
	r->started_s = get_number(root, "started", 0);
	r->duration_s = get_number(root, "duration", 0);
	r->hold_cap_s = get_number(root, "hold_cap", 0);
	r->stored = true;
	r->verdict = get_verdict(root);
	r->exit_code = (int)get_number(root, "exit_code", 1);
	r->stopped = json_is_true(json_object_get(root, "stopped"));
	r->unfinished = !state || strcmp(state, "finished");
	fingerprint_from_json(json_object_get(root, "fingerprint"), &r->fingerprint);
	if (tags_from_json(json_object_get(root, "tags"), r) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int k;

		r->n_suites++;
		k = suite_from_json(json_array_get(suites, i), dir, &r->suites[i]);
		if (k < 0)
			return k;
	}
	return 0;
}

int mp_store_load(const char *dir, struct mp_run **ret_run, struct mp_diag *d)
{
	_cleanup_free_ char *absolute = realpath(dir, NULL), *path = NULL, *in = NULL;
	_cleanup_run_ struct mp_run *r = NULL;
	json_error_t e;
	json_t *root;
	size_t len;
	int k;

	if (!absolute) {
		k = -errno;
		return mp_diag_set(d, k, dir, 0, 0, "%s", strerror(-k));
	}
	path = mp_path_join(absolute, "run.json");
	r = calloc(1, sizeof(*r));
	if (!path || !r)
		return mp_diag_set(d, -ENOMEM, dir, 0, 0, "out of memory");
	k = mp_read_file(path, MAX_BYTES, &in, &len);
	if (k < 0)
		return mp_diag_set(d, k, path, 0, 0, "%s", strerror(-k));
	root = json_loadb(in, len, 0, &e);
	if (!root)
		return mp_diag_set(d, -EINVAL, path, e.line, e.column, "no JSON: %.300s", e.text);
	if (get_number(root, "schema", 0) < 1 || get_number(root, "schema", 0) > MP_RUN_SCHEMA)
		k = mp_diag_set(
			d, -EPROTO, path, 0, 0,
			"schema %g of a run: this program reads 1 to %d; a newer mmsperf-bpf wrote it",
			get_number(root, "schema", 0), MP_RUN_SCHEMA);
	else if (run_from_json(root, absolute, r) < 0)
		k = mp_diag_set(d, -ENOMEM, path, 0, 0, "out of memory");
	json_decref(root);
	if (k < 0)
		return k;
	*ret_run = TAKE_PTR(r);
	return 0;
}

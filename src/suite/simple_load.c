// SPDX-License-Identifier: GPL-2.0-only
/*
 * `load` of a simple suite: requests by label or a script, how many at a time or at which rate, by
 * which engine. Called by simple.c.
 */
#include "suite/simple.h"
#include "suite/simple_read.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DURATION_DEFAULT_S 20.0
#define MAX_LIST           1000 /* requests, hosts */

/* Values of a map of texts. */
static int read_pairs(struct mp_rd *rd, const struct mp_yaml *y, const char *what,
		      struct mp_pair **ret, size_t *ret_n)
{
	if (!y)
		return 0;
	if (y->kind != MP_YAML_MAP)
		return mp_rd_bad(rd, y, "%s has to be a map (name: value)", what);
	*ret = calloc(y->n ? y->n : 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < y->n; i++) {
		struct mp_pair *p = &(*ret)[i];
		int r;

		*ret_n = i + 1;
		p->name = strdup(y->key[i]->scalar);
		if (!p->name)
			return -ENOMEM;
		r = mp_rd_text(rd, y->val[i], what, &p->value);
		if (r < 0)
			return r;
		if (strpbrk(p->name, "\r\n") || strpbrk(p->value, "\r\n"))
			return mp_rd_bad(rd, y->val[i], "%s '%.60s' has to be one line", what,
					 p->name);
	}
	return 0;
}

static int check_method(struct mp_rd *rd, const struct mp_yaml *y, const char *method)
{
	static const char *const known[] = {"GET",   "POST", "PUT",    "DELETE",
					    "PATCH", "HEAD", "OPTIONS"};
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i], method))
			return 0;
	near = mp_nearest(method, known, ARRAY_SIZE(known));
	return mp_rd_bad(rd, y, "'%.20s' is no HTTP method%s%s%s", method,
			 near ? ", did you mean '" : " (GET POST PUT DELETE PATCH HEAD OPTIONS)",
			 near ? near : "", near ? "'?" : "");
}

/* "POST /predictions/digits", or a path alone. */
static int read_request_line(struct mp_rd *rd, const struct mp_yaml *y, struct mp_request *q)
{
	_cleanup_free_ char *text = NULL;
	int r = mp_rd_text(rd, y, "a request", &text);
	char *space;

	if (r < 0)
		return r;
	space = strchr(text, ' ');
	if (space) {
		*space++ = '\0';
		q->method = strdup(text);
		q->path = strdup(space + strspn(space, " "));
	} else {
		q->path = TAKE_PTR(text);
	}
	return q->path && (!space || q->method) ? 0 : -ENOMEM;
}

static int read_request(struct mp_rd *rd, const char *label, const struct mp_yaml *y,
			struct mp_request *q)
{
	static const char *const keys[] = {"method",    "path",    "body",
					   "body-file", "headers", "answer"};
	const struct mp_yaml *at = y;
	int r;

	q->label = strdup(label);
	if (!q->label)
		return -ENOMEM;
	if (!*label || strpbrk(label, "\r\n"))
		return mp_rd_bad(rd, y, "a request needs a label of one line");
	if (y->kind == MP_YAML_SCALAR) {
		r = read_request_line(rd, y, q);
	} else {
		r = mp_rd_keys(rd, y, "a request", keys, ARRAY_SIZE(keys));
		if (!r && mp_yaml_get(y, "path"))
			r = read_request_line(rd, mp_yaml_get(y, "path"), q);
		if (!r)
			r = mp_rd_get_text(rd, y, "method", &q->method);
		if (!r)
			r = mp_rd_get_text(rd, y, "body", &q->body);
		if (!r)
			r = mp_rd_get_file(rd, y, "body-file", &q->body_file);
		if (!r)
			r = mp_rd_get_text(rd, y, "answer", &q->answer);
		if (!r)
			r = read_pairs(rd, mp_yaml_get(y, "headers"), "headers", &q->headers,
				       &q->n_headers);
		if (!r && q->body && q->body_file)
			r = mp_rd_bad(rd, mp_yaml_get(y, "body-file"),
				      "'body-file' stands beside 'body': one of them");
		at = mp_yaml_get(y, "method") ? mp_yaml_get(y, "method") : y;
	}
	if (r < 0)
		return r;
	if (!q->path)
		return mp_rd_bad(rd, y, "the request '%.60s' has no path", label);
	if (!mp_starts_with(q->path, "/") && !mp_starts_with(q->path, "http://") &&
	    !mp_starts_with(q->path, "https://"))
		return mp_rd_bad(rd, mp_yaml_get(y, "path") ? mp_yaml_get(y, "path") : y,
				 "path '%.60s' has to begin with / (or be METHOD /path)", q->path);
	if (!q->method)
		q->method = strdup(q->body || q->body_file ? "POST" : "GET");
	return q->method ? check_method(rd, at, q->method) : -ENOMEM;
}

/* A body without a type would be one of a form to some clients and of nothing to others. */
static int add_content_type(struct mp_request *q)
{
	struct mp_pair *more;
	const char *type;

	if (!q->body && !q->body_file)
		return 0;
	for (size_t i = 0; i < q->n_headers; i++)
		if (!strcasecmp(q->headers[i].name, "Content-Type"))
			return 0;
	more = reallocarray(q->headers, q->n_headers + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	q->headers = more;
	type = q->body_file                         ? "application/octet-stream"
	       : *q->body == '{' || *q->body == '[' ? "application/json"
						    : "text/plain";
	more += q->n_headers++;
	*more = (struct mp_pair){.name = strdup("Content-Type"), .value = strdup(type)};
	return more->name && more->value ? 0 : -ENOMEM;
}

static int read_requests(struct mp_rd *rd, const struct mp_yaml *y, struct mp_simple_load *l)
{
	int r = 0;

	if (y->kind != MP_YAML_MAP || !y->n)
		return mp_rd_bad(rd, y,
				 "'requests' has to be a map: LABEL: POST /path, or LABEL: "
				 "{method, path, body-file, ...}");
	if (y->n > MAX_LIST)
		return mp_rd_bad(rd, y, "more than %d requests", MAX_LIST);
	l->requests = calloc(y->n, sizeof(*l->requests));
	if (!l->requests)
		return -ENOMEM;
	for (size_t i = 0; !r && i < y->n; i++) {
		r = read_request(rd, y->key[i]->scalar, y->val[i], &l->requests[l->n_requests]);
		if (!r)
			r = add_content_type(&l->requests[l->n_requests]);
		l->n_requests++;
	}
	return r;
}

static int read_hosts(struct mp_rd *rd, const struct mp_yaml *y, struct mp_simple_load *l)
{
	int r = 0;

	if (!y)
		return 0;
	if (y->kind != MP_YAML_SEQ || !y->n || y->n > MAX_LIST)
		return mp_rd_bad(rd, y,
				 "'hosts' has to be a list: [HOST:PORT, ...] of jmeter-server");
	l->hosts = calloc(y->n, sizeof(*l->hosts));
	if (!l->hosts)
		return -ENOMEM;
	for (size_t i = 0; !r && i < y->n; i++)
		r = mp_rd_text(rd, y->val[i], "a host", &l->hosts[l->n_hosts++].name);
	return r;
}

static int check_engine(struct mp_rd *rd, const struct mp_yaml *y, const struct mp_simple_load *l)
{
	static const char *const known[] = {"jmeter",  "apiritif", "locust", "molotov", "k6",
					    "gatling", "ab",       "siege",  "tsung",   "grinder",
					    "vegeta",  "pytest",   "robot",  "selenium"};
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i], l->engine))
			return 0;
	near = mp_nearest(l->engine, known, ARRAY_SIZE(known));
	return mp_rd_bad(rd, mp_yaml_get(y, "engine"),
			 "engine '%.60s' is none of Taurus' executors%s%s%s", l->engine,
			 near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* Keys that exclude each other or need another engine. */
static int check_load(struct mp_rd *rd, const struct mp_yaml *y, const struct mp_simple_load *l)
{
	bool jmeter = !strcmp(l->engine, "jmeter");
	static const char *const closed[] = {"concurrency", "think-time"};

	if (mp_yaml_get(y, "jmx") && mp_yaml_get(y, "script"))
		return mp_rd_bad(rd, mp_yaml_get(y, "script"),
				 "'script' stands beside 'jmx': one of them");
	if (l->script && l->n_requests)
		return mp_rd_bad(
			rd, mp_yaml_get(y, "requests"),
			"'requests' stands beside a script that makes its own: one of them");
	if (!l->script && !l->n_requests)
		return mp_rd_bad(rd, y, "the load makes no request: 'requests' or 'jmx' is needed");
	if (mp_yaml_get(y, "jmx") && !jmeter)
		return mp_rd_bad(rd, mp_yaml_get(y, "jmx"), "'jmx' is for engine jmeter, not '%s'",
				 l->engine);
	if (l->n_hosts && !jmeter)
		return mp_rd_bad(rd, mp_yaml_get(y, "hosts"),
				 "'hosts' is for engine jmeter, not "
				 "'%s'",
				 l->engine);
	if (l->rate > 0 && !jmeter)
		return mp_rd_bad(rd, mp_yaml_get(y, "rate"),
				 "an open-loop 'rate' is for engine "
				 "jmeter, not '%s'",
				 l->engine);
	if (l->rate > 0 && l->script)
		return mp_rd_bad(rd, mp_yaml_get(y, "rate"),
				 "'rate' needs 'requests': a script "
				 "says itself when it sends");
	for (size_t i = 0; l->rate > 0 && i < ARRAY_SIZE(closed); i++)
		if (mp_yaml_get(y, closed[i]))
			return mp_rd_bad(
				rd, mp_yaml_get(y, closed[i]),
				"'%s' is of a closed loop of users, 'rate' of an open one: "
				"one of them",
				closed[i]);
	if (!(l->duration_s > 0))
		return mp_rd_bad(rd, mp_yaml_get(y, "duration"), "a duration above 0 is needed");
	return 0;
}

int mp_simple_read_load(struct mp_rd *rd, const struct mp_yaml *root, struct mp_simple_load *l)
{
	static const char *const keys[] = {"requests", "jmx",         "script", "engine",
					   "duration", "concurrency", "ramp",   "think-time",
					   "rate",     "properties",  "hosts"};
	const struct mp_yaml *y = mp_yaml_get(root, "load");
	int r;

	if (!y)
		return mp_rd_bad(rd, root, "no 'load' says what requests to make");
	l->concurrency = 1;
	l->duration_s = DURATION_DEFAULT_S;
	r = mp_rd_keys(rd, y, "load", keys, ARRAY_SIZE(keys));
	if (!r)
		r = mp_rd_get_text(rd, y, "engine", &l->engine);
	if (!r && !l->engine) {
		l->engine = strdup("jmeter");
		r = l->engine ? 0 : -ENOMEM;
	}
	if (!r)
		r = check_engine(rd, y, l);
	if (!r)
		r = mp_rd_get_file(rd, y, "script", &l->script);
	if (!r)
		r = mp_rd_get_file(rd, y, "jmx", &l->script);
	if (!r && mp_yaml_get(y, "requests"))
		r = read_requests(rd, mp_yaml_get(y, "requests"), l);
	if (!r)
		r = mp_rd_get_count(rd, y, "concurrency", 1, 100000, &l->concurrency);
	if (!r)
		r = mp_rd_get_duration(rd, y, "duration", &l->duration_s);
	if (!r)
		r = mp_rd_get_duration(rd, y, "ramp", &l->ramp_s);
	if (!r)
		r = mp_rd_get_duration(rd, y, "think-time", &l->think_s);
	if (!r)
		r = mp_rd_get_rate(rd, y, "rate", &l->rate);
	if (!r)
		r = read_pairs(rd, mp_yaml_get(y, "properties"), "properties", &l->properties,
			       &l->n_properties);
	if (!r)
		r = read_hosts(rd, mp_yaml_get(y, "hosts"), l);
	return r ? r : check_load(rd, y, l);
}

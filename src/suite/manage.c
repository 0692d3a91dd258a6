// SPDX-License-Identifier: GPL-2.0-only
/*
 * Models through the management API. Never asked for synchronously: such a call to MMS may never
 * return (contract, section 6). Owns nothing. Called by steps.c.
 */
#include "suite/manage.h"

#include "suite/http.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_S   0.1
#define MAX_BODY (64u << 20)

static double left(const struct mp_manage *g)
{
	double s = g->until_s - mp_now_s();

	return s > 0.05 ? s : 0.05;
}

static bool is_over(const struct mp_manage *g)
{
	return mp_now_s() >= g->until_s;
}

/* A moment until the next look; -EINTR when told to stop. */
static int pause_between(const struct mp_manage *g)
{
	struct mp_events none = {.fd = -1};

	return mp_events_wait(g->ev ? g->ev : &none, NULL, -1, LOOK_S) == MP_WAKE_SIGNAL ? -EINTR
											 : 0;
}

/* query is appended as it is. */
static int call(const struct mp_manage *g, const char *method, const char *model, const char *query,
		struct mp_http_reply *ret, struct mp_diag *d)
{
	_cleanup_free_ char *name = model ? mp_http_escape(model) : NULL, *url = NULL;
	struct mp_http_request q = {.method = method, .timeout_s = left(g)};
	const char *why = "";
	int r;

	if (model && !name)
		return -ENOMEM;
	url = mp_asprintf("%s/models%s%s%s", g->m->management, name ? "/" : "", name ? name : "",
			  query ? query : "");
	if (!url)
		return -ENOMEM;
	q.url = url;
	r = mp_http_call(&q, g->ev, ret, &why);
	if (r == -EINTR || r == -ENOMEM)
		return r;
	return r < 0 ? mp_diag_set(d, r, NULL, 0, 0, "%s %s: %s", method, url, why) : 0;
}

static int refused(const struct mp_http_reply *r, const struct mp_simple_model *model,
		   const char *what, struct mp_diag *d)
{
	char said[200];

	mp_http_message(r, said, sizeof(said));
	return mp_diag_set(d, -EIO, NULL, 0, 0, "model '%s' cannot be %s: %ld%s%s", model->name,
			   what, r->status, *said ? " " : "", said);
}

static int post(const struct mp_manage *g, const struct mp_simple_model *model,
		struct mp_http_reply *ret, struct mp_diag *d)
{
	_cleanup_free_ char *url = mp_http_escape(model->url), *name = mp_http_escape(model->name);
	_cleanup_buf_ struct mp_buf q = {0};

	if (!url || !name)
		return -ENOMEM;
	mp_buf_printf(&q, "?url=%s&model_name=%s&initial_workers=%ld&synchronous=false", url, name,
		      model->workers);
	if (model->batch > 0)
		mp_buf_printf(&q, "&batch_size=%ld", model->batch);
	if (!isnan(model->batch_delay_s))
		mp_buf_printf(&q, "&max_batch_delay=%.0f", model->batch_delay_s * 1000);
	return q.failed ? -ENOMEM : call(g, "POST", NULL, q.s, ret, d);
}

int mp_manage_register(const struct mp_manage *g, const struct mp_simple_model *model,
		       bool *ret_again, struct mp_diag *d)
{
	_cleanup_(mp_http_reply_done) struct mp_http_reply reply = {0};
	int r = post(g, model, &reply, d);

	/* left by a run that was cut short: its settings are not ours */
	if (!r && reply.status == 409) {
		mp_http_reply_done(&reply);
		*ret_again = true;
		r = mp_manage_unregister(g, model, d);
		if (!r)
			r = post(g, model, &reply, d);
	}
	if (r < 0)
		return r;
	return reply.status / 100 == 2 ? 0 : refused(&reply, model, "registered", d);
}

/* Workers of the model that say READY and all it has; -ENOENT: no such model. */
static int count_workers(const struct mp_manage *g, const struct mp_simple_model *model,
			 long *ret_ready, long *ret_all, struct mp_diag *d)
{
	_cleanup_(mp_http_reply_done) struct mp_http_reply reply = {0};
	int r = call(g, "GET", model->name, NULL, &reply, d);
	json_t *j, *workers, *w;
	size_t i;

	if (r < 0)
		return r;
	if (reply.status == 404)
		return -ENOENT;
	if (reply.status / 100 != 2)
		return refused(&reply, model, "described", d);
	j = json_loadb(reply.body, reply.len, 0, NULL);
	/* TorchServe gives a list of versions */
	workers = json_object_get(json_is_array(j) ? json_array_get(j, 0) : j, "workers");
	if (!json_is_array(workers)) {
		json_decref(j);
		return mp_diag_set(d, -EPROTO, NULL, 0, 0,
				   "the server's description of model '%s' "
				   "has no workers",
				   model->name);
	}
	*ret_ready = 0;
	*ret_all = (long)json_array_size(workers);
	json_array_foreach(workers, i, w)
	{
		const char *status = json_string_value(json_object_get(w, "status"));

		*ret_ready += status && !strcmp(status, "READY");
	}
	json_decref(j);
	return 0;
}

static int await_workers(const struct mp_manage *g, const struct mp_simple_model *model,
			 long wanted, struct mp_diag *d)
{
	long ready = 0, all = 0;

	for (;;) {
		int r = count_workers(g, model, &ready, &all, d);

		if (r == -ENOENT)
			return mp_diag_set(d, r, NULL, 0, 0, "the server has no model '%s'",
					   model->name);
		if (r < 0)
			return r;
		if (ready == wanted && all == wanted)
			return 0;
		if (is_over(g))
			return mp_diag_set(d, -ETIMEDOUT, NULL, 0, 0,
					   "model '%s' has %ld of %ld workers ready at the step's "
					   "deadline",
					   model->name, ready, wanted);
		r = pause_between(g);
		if (r < 0)
			return r;
	}
}

int mp_manage_scale(const struct mp_manage *g, const struct mp_simple_model *model, long workers,
		    struct mp_diag *d)
{
	_cleanup_(mp_http_reply_done) struct mp_http_reply reply = {0};
	char query[80];
	int r;

	(void)snprintf(query, sizeof(query), "?min_worker=%ld&max_worker=%ld&synchronous=false",
		       workers, workers);
	r = call(g, "PUT", model->name, query, &reply, d);
	if (r < 0)
		return r;
	if (reply.status / 100 != 2)
		return refused(&reply, model, "scaled", d);
	return await_workers(g, model, workers, d);
}

/* Whether the request goes to this model: its name is a part of the path. */
static bool is_for(const struct mp_request *q, const struct mp_simple_model *model)
{
	size_t n = strlen(model->name);

	for (const char *at = strstr(q->path, model->name); at; at = strstr(at + 1, model->name))
		if (at > q->path && at[-1] == '/' && (!at[n] || strchr("/?", at[n])))
			return true;
	return false;
}

static int send_request(const struct mp_manage *g, const struct mp_request *q,
			struct mp_http_reply *ret, const char **ret_why)
{
	_cleanup_free_ char *url = NULL, *file = NULL;
	_cleanup_free_ const char **headers = calloc(q->n_headers + 1, sizeof(*headers));
	struct mp_http_request h = {.method = q->method, .timeout_s = left(g), .body = q->body};
	int r = 0;

	url = *q->path == '/'
		      ? mp_asprintf("%s://%s:%d%s", g->m->protocol, g->m->host, g->m->port, q->path)
		      : strdup(q->path);
	if (!url || !headers)
		return -ENOMEM;
	h.url = url;
	h.body_len = q->body ? strlen(q->body) : 0;
	if (q->body_file) {
		r = mp_read_file(q->body_file, MAX_BODY, &file, &h.body_len);
		h.body = file;
	}
	for (size_t i = 0; !r && i < q->n_headers; i++) {
		headers[i] = mp_asprintf("%s: %s", q->headers[i].name, q->headers[i].value);
		if (!headers[i])
			r = -ENOMEM;
		h.n_headers = i + 1;
	}
	h.headers = headers;
	*ret_why = r < 0 ? strerror(-r) : "";
	if (!r)
		r = mp_http_call(&h, g->ev, ret, ret_why);
	for (size_t i = 0; i < h.n_headers; i++)
		free((char *)headers[i]);
	return r;
}

/* What a frontend says while no worker can be reached; any other status is a worker's answer, and
 * whether it is a right one the load will tell. */
static bool is_unavailable(long status)
{
	return status == 502 || status == 503 || status == 504 || status == 507;
}

static int probe(const struct mp_manage *g, const struct mp_simple_model *model,
		 const struct mp_request *q, struct mp_diag *d)
{
	for (;;) {
		_cleanup_(mp_http_reply_done) struct mp_http_reply reply = {0};
		const char *why = "";
		char said[160] = "";
		int r = send_request(g, q, &reply, &why);

		if (r == -EINTR || r == -ENOMEM)
			return r;
		if (!r && !is_unavailable(reply.status))
			return 0;
		if (r < 0 && (is_over(g) || r == -EINVAL))
			return mp_diag_set(
				d, -ETIMEDOUT, NULL, 0, 0,
				"model '%s' says it is ready, but %s %s gets no answer: %s",
				model->name, q->method, q->path, why);
		mp_http_message(&reply, said, sizeof(said));
		if (is_over(g))
			return mp_diag_set(d, -ETIMEDOUT, NULL, 0, 0,
					   "model '%s' says it is ready, but %s %s answers %ld%s%s",
					   model->name, q->method, q->path, reply.status,
					   *said ? " " : "", said);
		r = pause_between(g);
		if (r < 0)
			return r;
	}
}

int mp_manage_wait_ready(const struct mp_manage *g, const struct mp_simple_model *model,
			 long workers, struct mp_diag *d)
{
	int r = await_workers(g, model, workers, d);

	for (size_t i = 0; !r && workers && i < g->m->load.n_requests; i++)
		if (is_for(&g->m->load.requests[i], model))
			return probe(g, model, &g->m->load.requests[i], d);
	return r;
}

int mp_manage_unregister(const struct mp_manage *g, const struct mp_simple_model *model,
			 struct mp_diag *d)
{
	_cleanup_(mp_http_reply_done) struct mp_http_reply reply = {0};
	int r = call(g, "DELETE", model->name, NULL, &reply, d);

	if (r < 0)
		return r;
	if (reply.status == 404)
		return 0; /* not there, as wanted */
	if (reply.status / 100 != 2)
		return refused(&reply, model, "unregistered", d);
	for (;;) {
		long ready, all;

		r = count_workers(g, model, &ready, &all, d);
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
		if (is_over(g))
			return mp_diag_set(d, -ETIMEDOUT, NULL, 0, 0,
					   "model '%s' is still there at "
					   "the step's deadline",
					   model->name);
		r = pause_between(g);
		if (r < 0)
			return r;
	}
}

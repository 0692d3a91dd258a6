// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf init [FILE]`: a first simple suite from what a running server serves. Asks its
 * management API, sends each model a few requests to see what is usual, and writes a file that was
 * not there. Changes nothing at the server.
 */
#include "cli/commands.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/options.h>
#include <mmsperf/str.h>

#include "suite/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_S      10.0
#define MAX_MODELS 1000
#define MAX_PAGES  1000
#define PROBES     5
#define MAX_BODY   (64u << 20)

static const char about[] =
	"Writes a first suite (FILE, by default first.yaml) by asking the running server which models it\n"
	"serves. Each is sent a few requests, so that the limits in the file are of the right size. An\n"
	"existing file is never overwritten; at the server nothing is changed.";

static const char epilog[] =
	"'mmsperf-bpf check --help' says what can stand in the file.\n"
	"\n"
	"Exit status: 0 written; 1 no server answers, or it serves nothing; 2 usage, or the file is\n"
	"there already.";

struct served {
	char *name, *url;
	long workers, batch;
	double slowest_s; /* of the requests that were tried; NaN: none was answered */
	long status;      /* of the last one; 0: no answer */
};

struct init {
	const char *address, *management, *only, *body_file;
	char *body_path; /* absolute */
	char *body;      /* what it holds */
	size_t body_len;
	struct served *v;
	size_t n;
};

static void init_done(struct init *in)
{
	for (size_t i = 0; i < in->n; i++) {
		free(in->v[i].name);
		free(in->v[i].url);
	}
	free(in->v);
	free(in->body_path);
	free(in->body);
}

/* GET management/PATH as JSON; an error has been said. */
static int get(const struct init *in, const char *path, json_t **ret)
{
	_cleanup_(mp_http_reply_done) struct mp_http_reply reply = {0};
	_cleanup_free_ char *url = mp_asprintf("%s%s", in->management, path);
	struct mp_http_request q = {.method = "GET", .url = url, .timeout_s = ASK_S};
	const char *why = "";
	json_error_t e;
	int r = url ? mp_http_call(&q, NULL, &reply, &why) : -ENOMEM;

	if (r < 0) {
		mp_error("no server answers at %s: %s (--management URL says where)",
			 url ? url : "", *why ? why : strerror(-r));
		return r;
	}
	*ret = reply.status == 200 ? json_loadb(reply.body, reply.len, 0, &e) : NULL;
	if (*ret)
		return 0;
	mp_error("%s is no management API of a model server: status %ld%s", url, reply.status,
		 reply.status == 200 ? ", not JSON" : "");
	return -EPROTO;
}

static int add_model(struct init *in, const char *name)
{
	struct served *bigger;

	if (in->only && strcmp(in->only, name) != 0)
		return 0;
	if (in->n >= MAX_MODELS)
		return 0;
	bigger = reallocarray(in->v, in->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	in->v = bigger;
	bigger[in->n] = (struct served){.name = strdup(name), .batch = 1, .slowest_s = NAN};
	return bigger[in->n++].name ? 0 : -ENOMEM;
}

/* All pages of GET /models. */
static int list_models(struct init *in)
{
	_cleanup_free_ char *path = strdup("/models?limit=100");
	int r = path ? 0 : -ENOMEM;

	for (int page = 0; !r && path && page < MAX_PAGES; page++) {
		json_t *j = NULL, *models, *m;
		_cleanup_free_ char *token = NULL;
		const char *next;
		size_t i;

		r = get(in, path, &j);
		if (r < 0)
			return r;
		models = json_object_get(j, "models");
		json_array_foreach(models, i, m)
		{
			const char *name = json_string_value(json_object_get(m, "modelName"));

			if (!r && name)
				r = add_model(in, name);
		}
		next = json_string_value(json_object_get(j, "nextPageToken"));
		free(path);
		path = NULL;
		if (!r && next) {
			token = mp_http_escape(next);
			path = token ? mp_asprintf("/models?limit=100&next_page_token=%s", token)
				     : NULL;
			r = path ? 0 : -ENOMEM;
		}
		json_decref(j);
	}
	return r;
}

static int describe(const struct init *in, struct served *m)
{
	_cleanup_free_ char *name = mp_http_escape(m->name),
			    *path = name ? mp_asprintf("/models/%s", name) : NULL;
	json_t *j = NULL, *d, *workers, *w;
	const char *url;
	size_t i;
	int r = path ? get(in, path, &j) : -ENOMEM;

	if (r < 0)
		return r;
	d = json_is_array(j) ? json_array_get(j, 0) : j; /* TorchServe lists versions */
	url = json_string_value(json_object_get(d, "modelUrl"));
	m->url = strdup(url ? url : m->name);
	if (json_integer_value(json_object_get(d, "batchSize")) > 0)
		m->batch = (long)json_integer_value(json_object_get(d, "batchSize"));
	workers = json_object_get(d, "workers");
	json_array_foreach(workers, i, w)
	{
		const char *status = json_string_value(json_object_get(w, "status"));

		m->workers += status && !strcmp(status, "READY");
	}
	json_decref(j);
	return m->url ? 0 : -ENOMEM;
}

/* What a request takes; a model that does not answer is written down all the same. */
static int try_model(const struct init *in, struct served *m)
{
	_cleanup_free_ char *name = mp_http_escape(m->name),
			    *url = name ? mp_asprintf("%s/predictions/%s", in->address, name)
					: NULL;
	const char *headers[] = {in->body ? "Content-Type: application/octet-stream"
					  : "Content-Type: application/json"};
	struct mp_http_request q = {
		.method = "POST",
		.url = url,
		.body = in->body ? in->body : "{}",
		.body_len = in->body ? in->body_len : 2,
		.headers = headers,
		.n_headers = 1,
		.timeout_s = ASK_S,
	};

	if (!url)
		return -ENOMEM;
	for (int i = 0; i < PROBES; i++) {
		_cleanup_(mp_http_reply_done) struct mp_http_reply reply = {0};
		double began = mp_now_s(), took;
		const char *why = "";
		int r = mp_http_call(&q, NULL, &reply, &why);

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			return 0;
		took = mp_now_s() - began;
		m->status = reply.status;
		m->slowest_s = fmax(m->slowest_s, took);
	}
	return 0;
}

/* A round number well above: ten times the slowest, at least 100 ms. */
static double limit_ms(const struct init *in)
{
	double ms = 100, step;

	for (size_t i = 0; i < in->n; i++)
		if (in->v[i].slowest_s * 10000 > ms)
			ms = in->v[i].slowest_s * 10000;
	step = pow(10, floor(log10(ms)));
	return ceil(ms / step) * step;
}

static void quoted(struct mp_buf *b, const char *s)
{
	json_t *j = json_string(s);
	char *text = j ? json_dumps(j, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;

	if (text)
		mp_buf_puts(b, text);
	else
		b->failed = true;
	free(text);
	json_decref(j);
}

static void write_request(const struct init *in, const struct served *m, struct mp_buf *b)
{
	_cleanup_free_ char *name = mp_http_escape(m->name);

	mp_buf_puts(b, "    ");
	quoted(b, m->name);
	mp_buf_printf(b, ":\n      path: POST /predictions/%s\n", name ? name : "");
	if (in->body_path) {
		mp_buf_puts(b, "      body-file: ");
		quoted(b, in->body_path);
		mp_buf_puts(b, "\n");
	} else {
		mp_buf_puts(b,
			    "      body: \"{}\"    # or body-file: a file that the model takes\n");
	}
	if (m->status >= 400)
		mp_buf_printf(b,
			      "      # this was answered with status %ld: give a body that the "
			      "model takes\n",
			      m->status);
	else if (!m->status)
		mp_buf_printf(b, "      # this was not answered within %g s\n", ASK_S);
}

static int compose(const struct init *in, const char *file, struct mp_buf *b)
{
	mp_buf_printf(b,
		      "# Written by mmsperf-bpf init from what a running server served.\n"
		      "#   mmsperf-bpf check %s\n#   mmsperf-bpf --suite %s --artifacts-dir out\n"
		      "# What else can stand here: mmsperf-bpf check --help\n\n"
		      "suite: A first suite\naddress: ",
		      file, file);
	quoted(b, in->address);
	mp_buf_puts(b, "\nmanagement: ");
	quoted(b, in->management);
	mp_buf_puts(b, "\n\nmodels:\n");
	for (size_t i = 0; i < in->n; i++) {
		mp_buf_puts(b, "- {name: ");
		quoted(b, in->v[i].name);
		mp_buf_puts(b, ", url: ");
		quoted(b, in->v[i].url);
		mp_buf_printf(b, ", workers: %ld, batch: %ld}\n", in->v[i].workers, in->v[i].batch);
	}
	mp_buf_puts(b,
		    "\n# The models are served already, and stay. To have them loaded for each run "
		    "instead:\n# setup: [register, wait-ready], cleanup: [unregister]\n"
		    "setup: [wait-ready]\ncleanup: []\n\n"
		    "load:\n  concurrency: 2\n  duration: 20s\n  requests:\n");
	for (size_t i = 0; i < in->n; i++)
		write_request(in, &in->v[i], b);
	mp_buf_printf(b,
		      "\nexpect:\n- errors == 0\n- p99 < %.0fms\n"
		      "- file_descriptors after load <= before + 20%%\n"
		      "- throughput within 20%% of baseline\n",
		      limit_ms(in));
	return b->failed ? -ENOMEM : 0;
}

static int write_new(const char *file, const struct mp_buf *b)
{
	_cleanup_close_ int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r;

	if (fd < 0) {
		r = -errno;
		if (r == -EEXIST)
			mp_error("'%s' is there already: it is not overwritten", file);
		else
			(void)mp_error_r(r, "'%s' cannot be written", file);
		return r;
	}
	r = mp_write_all(fd, b->s, b->len);
	if (r < 0) {
		(void)unlink(file);
		return mp_error_r(r, "'%s' cannot be written", file);
	}
	return 0;
}

/* Takes models out that have no worker: a suite could only wait for them in vain. */
static int inspect(struct init *in)
{
	size_t kept = 0;
	int r = list_models(in);

	for (size_t i = 0; !r && i < in->n; i++)
		r = describe(in, &in->v[i]);
	if (r < 0)
		return r;
	for (size_t i = 0; i < in->n; i++) {
		struct served m = in->v[i];

		if (!m.workers) {
			mp_warning("model '%s' has no worker that is ready: left out", m.name);
			free(m.name);
			free(m.url);
			continue;
		}
		in->v[kept++] = m;
	}
	in->n = kept;
	if (!in->n) {
		mp_error("%s serves no model%s%s%s", in->management, in->only ? " '" : "",
			 in->only ? in->only : "", in->only ? "'" : "");
		return -ENOENT;
	}
	for (size_t i = 0; !r && i < in->n; i++) {
		r = try_model(in, &in->v[i]);
		if (!r && (in->v[i].status >= 400 || !in->v[i].status))
			mp_warning("model '%s' answers %ld to %s: set body-file in the suite "
				   "(or use --body FILE)",
				   in->v[i].name, in->v[i].status,
				   in->body_file ? in->body_file : "the body {}");
	}
	return r;
}

static int make(struct init *in, const char *file)
{
	_cleanup_buf_ struct mp_buf b = {0};
	int r = 0;

	if (in->body_file)
		r = mp_read_file(in->body_file, MAX_BODY, &in->body, &in->body_len);
	if (!r && in->body_file) {
		in->body_path = realpath(in->body_file, NULL);
		r = in->body_path ? 0 : -errno;
	}
	if (r < 0) {
		(void)mp_error_r(r, "--body '%s' cannot be read", in->body_file);
		return MP_EXIT_USAGE;
	}
	r = inspect(in);
	if (!r)
		r = compose(in, file, &b);
	if (r < 0) {
		if (r == -ENOMEM)
			(void)mp_error_r(r, "cannot go on");
		return MP_EXIT_INFRA;
	}
	r = write_new(file, &b);
	if (r < 0)
		return r == -EEXIST ? MP_EXIT_USAGE : MP_EXIT_INFRA;
	mp_info("%s written: %zu model%s; try: mmsperf-bpf --suite %s --artifacts-dir out", file,
		in->n, in->n == 1 ? "" : "s", file);
	return MP_EXIT_OK;
}

int mp_cmd_init(int argc, char **argv)
{
	_cleanup_(init_done) struct init in = {
		.address = "http://127.0.0.1:8080",
		.management = "http://127.0.0.1:8081",
	};
	const struct mp_opt opts[] = {
		{.name = "address",
		 .type = MP_OPT_STRING,
		 .dest = &in.address,
		 .metavar = "URL",
		 .help = "where it answers requests (default: http://127.0.0.1:8080)"},
		{.name = "management",
		 .type = MP_OPT_STRING,
		 .dest = &in.management,
		 .metavar = "URL",
		 .help = "its management API (default: http://127.0.0.1:8081)"},
		{.name = "model",
		 .type = MP_OPT_STRING,
		 .dest = &in.only,
		 .metavar = "NAME",
		 .help = "only this one (default: all)"},
		{.name = "body",
		 .type = MP_OPT_STRING,
		 .dest = &in.body_file,
		 .metavar = "FILE",
		 .help = "what a request carries (default: {})"},
	};
	const struct mp_usage usage = {
		.command = "mmsperf-bpf init",
		.synopsis = "[OPTIONS] [FILE]",
		.about = about,
		.epilog = epilog,
		.opts = opts,
		.n_opts = ARRAY_SIZE(opts),
	};
	const char *file = "first.yaml";
	int n, r = mp_options_parse(&usage, argc, argv, &n);

	if (r != 0)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	if (n > 1) {
		mp_error("one FILE is enough, not %d", n);
		return MP_EXIT_USAGE;
	}
	if (n)
		file = argv[1];
	if (access(file, F_OK) == 0) {
		mp_error("'%s' is there already: it is not overwritten", file);
		return MP_EXIT_USAGE;
	}
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	r = make(&in, file);
	curl_global_cleanup();
	return r;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's management API: which workers it believes to be READY, set against those that have a
 * process. Asked only while a metric of it is selected, every few seconds, without ever waiting:
 * transfers go on from sample to sample. Each request is one of the server's own counts, too.
 */
#include "metrics/api.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define POLL_NS     (5 * MP_NSEC_PER_SEC)
#define EARLY_NS    (MP_NSEC_PER_SEC / 20) /* until the server answers for the first time */
#define TIMEOUT_MS  4000L
#define MAX_BODY    (1U << 20)
#define MAX_CONFIG  (1U << 20)
#define AT_ONCE     8
#define DEFAULT_URL "http://127.0.0.1:8081"

struct transfer {
	CURL *curl;
	bool busy, too_long;
	int model; /* index; -1: the list */
	struct mp_buf body;
};

enum phase { IDLE, LISTING, ASKING };

struct api {
	struct mp_context *context;
	CURLM *multi;
	struct transfer t[AT_ONCE];
	char *url;
	pid_t pid;
	uint64_t start_ns, looked_ns;
	uint64_t began_ns; /* of the last poll */
	enum phase phase;
	struct mp_api_model *now, *last; /* being asked; complete */
	size_t n_now, n_last, next;      /* next: first model not asked yet */
	bool failed;                     /* something of the poll under way could not be had */
	bool complete, refused, answered;
	bool looked;     /* at least once, with or without a server */
	bool seen_start; /* the server came after that */
	double ready_s;  /* 0: it was ready when it was first seen */
	char why[256];
};

static int api_open(struct mp_context *c, void **ret_state)
{
	struct api *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->context = c;
	a->now = calloc(MP_API_MODELS, sizeof(*a->now));
	a->last = calloc(MP_API_MODELS, sizeof(*a->last));
	a->multi = curl_multi_init();
	if (!a->now || !a->last || !a->multi) {
		free(a->now);
		free(a->last);
		if (a->multi)
			(void)curl_multi_cleanup(a->multi);
		free(a);
		return -ENOMEM;
	}
	*ret_state = a;
	return 0;
}

/* --- where it is ----------------------------------------------------------------------------- */

/* The file that the command line names; NULL: none. */
static char *config_name(const char *cmd)
{
	static const char *const options[] = {"-f", "--mms-config", "--ts-config",
					      "--model-server-config"};
	char *name = NULL;

	for (size_t i = 0; !name && i < ARRAY_SIZE(options); i++)
		name = mp_cmd_option(cmd, options[i]);
	return name;
}

/* Sets a->url. Another server than this one must not be asked: nothing is guessed. */
static void find_url(struct api *a, const char *cmd)
{
	_cleanup_free_ char *name = config_name(cmd), *cwd = NULL, *path = NULL, *text = NULL;
	size_t len;
	int r;

	if (a->context && a->context->management) {
		a->url = strdup(a->context->management);
		return;
	}
	if (name) {
		cwd = mp_asprintf("/proc/%d/cwd", (int)a->pid);
		path = cwd ? mp_path_join(cwd, name) : NULL;
		r = path ? mp_read_file(path, MAX_CONFIG, &text, &len) : -ENOMEM;
		if (r < 0) {
			(void)snprintf(a->why, sizeof(a->why),
				       "the server's configuration '%.100s' cannot be read (%s): "
				       "name its management API with --management",
				       name, strerror(-r));
			return;
		}
		a->url = mp_api_config_address(text);
	}
	if (!a->url)
		a->url = strdup(DEFAULT_URL);
}

/* --- transfers ------------------------------------------------------------------------------- */

static size_t receive(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if (t->body.len + size * n > MAX_BODY) {
		t->too_long = true;
		return 0; /* ends the transfer */
	}
	mp_buf_append(&t->body, data, size * n);
	return size * n;
}

static bool begin(struct api *a, struct transfer *t, int model, const char *path)
{
	_cleanup_free_ char *url = mp_asprintf("%s%s", a->url, path);

	if (!t->curl)
		t->curl = curl_easy_init();
	if (!url || !t->curl)
		return false;
	curl_easy_reset(t->curl);
	(void)curl_easy_setopt(t->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(t->curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	(void)curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, receive);
	(void)curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
	(void)curl_easy_setopt(t->curl, CURLOPT_PRIVATE, t);
	(void)curl_easy_setopt(t->curl, CURLOPT_FAILONERROR, 1L);
	mp_buf_reset(&t->body);
	t->too_long = false;
	t->model = model;
	t->busy = curl_multi_add_handle(a->multi, t->curl) == CURLM_OK;
	return t->busy;
}

static struct transfer *idle_transfer(struct api *a)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (!a->t[i].busy)
			return &a->t[i];
	return NULL;
}

static void stop(struct api *a)
{
	for (size_t i = 0; i < AT_ONCE; i++)
		if (a->t[i].busy) {
			(void)curl_multi_remove_handle(a->multi, a->t[i].curl);
			a->t[i].busy = false;
		}
	a->phase = IDLE;
}

static void ask_list(struct api *a, const char *token)
{
	_cleanup_free_ char *path =
		token ? mp_asprintf("/models?limit=100&next_page_token=%s", token)
		      : strdup("/models?limit=100");
	struct transfer *t = idle_transfer(a);

	if (!path || !t || !begin(a, t, -1, path)) {
		a->failed = true;
		a->phase = IDLE;
		return;
	}
	a->phase = LISTING;
}

static void ask_models(struct api *a)
{
	struct transfer *t;

	while (a->next < a->n_now && (t = idle_transfer(a))) {
		_cleanup_free_ char *path = NULL;
		char *name = NULL;

		if (!t->curl)
			t->curl = curl_easy_init();
		name = t->curl ? curl_easy_escape(t->curl, a->now[a->next].name, 0) : NULL;
		path = name ? mp_asprintf("/models/%s", name) : NULL;
		curl_free(name);
		if (!path || !begin(a, t, (int)a->next, path))
			a->failed = true;
		a->next++;
		if (a->failed)
			return;
	}
}

/* --- answers --------------------------------------------------------------------------------- */

static unsigned living_workers(const struct mp_tree *t, const char *model)
{
	unsigned n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct mp_proc *p = &t->procs[i];

		n += p->role == MP_ROLE_WORKER && !p->is_parent && !p->listener && p->model >= 0 &&
		     !strcasecmp(t->models[p->model].name, model);
	}
	return n;
}

/* A server needs a moment to see that a worker ended: only what two polls agree on counts. */
static void finish(struct api *a, const struct mp_tree *t)
{
	struct mp_api_model *swap;

	for (size_t i = 0; i < a->n_now; i++) {
		struct mp_api_model *m = &a->now[i];
		unsigned alive = living_workers(t, m->name);

		m->lacking = m->ready > alive ? m->ready - alive : 0;
		m->missing = 0;
		for (size_t k = 0; a->complete && k < a->n_last; k++)
			if (!strcmp(a->last[k].name, m->name))
				m->missing = m->lacking < a->last[k].lacking ? m->lacking
									     : a->last[k].lacking;
	}
	swap = a->last;
	a->last = a->now;
	a->n_last = a->n_now;
	a->now = swap;
	a->complete = true;
	a->phase = IDLE;
	a->why[0] = '\0';
}

static void list_arrived(struct api *a, struct transfer *t)
{
	_cleanup_free_ char *token = NULL, *quoted = NULL;
	char *escaped;
	int r = mp_api_parse_list(t->body.s ? t->body.s : "", t->body.len, a->now, &a->n_now,
				  &token);

	if (r < 0 && r != -ENOSPC) {
		(void)snprintf(a->why, sizeof(a->why), "'%.120s' is no management API", a->url);
		a->failed = true;
		a->phase = IDLE;
		return;
	}
	if (token && r == 0) {
		escaped = curl_easy_escape(t->curl, token, 0);
		quoted = escaped ? strdup(escaped) : NULL;
		curl_free(escaped);
		ask_list(a, quoted);
		return;
	}
	a->phase = ASKING;
	a->next = 0;
}

static void model_arrived(struct api *a, struct transfer *t)
{
	if (mp_api_parse_model(t->body.s ? t->body.s : "", t->body.len, &a->now[t->model].ready) <
	    0)
		a->failed = true;
}

static double age_s(const struct api *a)
{
	return ((double)mp_boot_ns() - (double)a->start_ns) / 1e9;
}

static void arrived(struct api *a, struct transfer *t, CURLcode code, const struct mp_server *s)
{
	long status = 0;

	t->busy = false;
	if (code == CURLE_OK) {
		if (!a->answered && (a->refused || a->seen_start))
			a->ready_s = age_s(a);
		a->answered = true;
		if (t->model < 0)
			list_arrived(a, t);
		else
			model_arrived(a, t);
		return;
	}
	(void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (t->model >= 0 && status == 404)
		return; /* unregistered since it was listed */
	a->refused = a->refused || code == CURLE_COULDNT_CONNECT;
	a->failed = true;
	(void)snprintf(
		a->why, sizeof(a->why),
		"the management API at '%.120s' does not answer (%s); name it with --management",
		a->url, t->too_long ? "it says too much" : curl_easy_strerror(code));
	if (t->model < 0)
		a->phase = IDLE;
	(void)s;
}

static void go_on(struct api *a, const struct mp_server *s)
{
	int running, left;
	CURLMsg *m;

	/* some steps need no waiting: an answer that is there leads to the next question */
	for (int step = 0; step < 4; step++) {
		bool any = false;

		(void)curl_multi_perform(a->multi, &running);
		while ((m = curl_multi_info_read(a->multi, &left))) {
			struct transfer *t = NULL;
			CURLcode code = m->data.result;

			if (m->msg != CURLMSG_DONE)
				continue;
			(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
			(void)curl_multi_remove_handle(a->multi, m->easy_handle);
			arrived(a, t, code, s);
			any = true;
		}
		if (a->phase == ASKING)
			ask_models(a);
		if (!any)
			break;
	}
	if (a->phase != ASKING || a->next < a->n_now)
		return;
	for (size_t i = 0; i < AT_ONCE; i++)
		if (a->t[i].busy)
			return;
	if (a->failed)
		a->phase = IDLE;
	else
		finish(a, s->tree);
}

static void start_poll(struct api *a, uint64_t now_ns)
{
	a->began_ns = now_ns;
	a->n_now = a->next = 0;
	a->failed = false;
	memset(a->now, 0, MP_API_MODELS * sizeof(*a->now));
	ask_list(a, NULL);
}

static void forget(struct api *a)
{
	stop(a);
	free(TAKE_PTR(a->url));
	a->n_last = 0;
	a->began_ns = a->looked_ns = 0;
	a->complete = a->refused = a->answered = false;
	a->ready_s = 0;
	a->why[0] = '\0';
}

static struct mp_value sum(const struct api *a, int metric, const char *model)
{
	double x = 0;
	bool found = !model;

	if (!a->complete)
		return (struct mp_value){0};
	for (size_t i = 0; i < a->n_last; i++) {
		if (model && strcasecmp(model, a->last[i].name) != 0)
			continue;
		found = true;
		x += metric == MP_XM_API_READY     ? a->last[i].ready
		     : metric == MP_XM_API_MISSING ? a->last[i].missing
						   : 1;
	}
	return found ? mp_valid(x) : (struct mp_value){0};
}

struct mp_value mp_api_get(void *state, int metric, const char *model)
{
	return sum(state, metric, model);
}

static void api_update(void *state, const struct mp_server *s, struct mp_value *v)
{
	struct api *a = state;
	uint64_t pause;

	if (s->pid != a->pid || s->start_ns != a->start_ns) {
		forget(a);
		a->pid = s->pid;
		a->start_ns = s->start_ns;
		a->seen_start = a->looked;
	}
	a->looked = true;
	if (!a->pid)
		return;
	if (!a->url && (!a->looked_ns || s->now_ns - a->looked_ns >= MP_NSEC_PER_SEC)) {
		a->looked_ns = s->now_ns;
		find_url(a, s->cmd);
	}
	if (!a->url)
		return;
	pause = a->answered ? POLL_NS : EARLY_NS;
	if (a->phase == IDLE && (!a->began_ns || s->now_ns - a->began_ns >= pause))
		start_poll(a, s->now_ns);
	go_on(a, s);
	v[MP_XM_API_READY] = sum(a, MP_XM_API_READY, NULL);
	v[MP_XM_API_MISSING] = sum(a, MP_XM_API_MISSING, NULL);
	v[MP_XM_API_MODELS] = sum(a, MP_XM_API_MODELS, NULL);
	if (a->ready_s > 0)
		v[MP_XM_API_TTR] = mp_valid(a->ready_s);
}

static const char *api_why(void *state, int metric)
{
	const struct api *a = state;

	if (!a->pid)
		return "there is no server now";
	if (metric == MP_XM_API_TTR && a->answered && a->ready_s <= 0)
		return "the server was ready before it was watched";
	return a->why[0] && !a->complete ? a->why : NULL;
}

static void api_free(void *state)
{
	struct api *a = state;

	stop(a);
	for (size_t i = 0; i < AT_ONCE; i++) {
		if (a->t[i].curl)
			curl_easy_cleanup(a->t[i].curl);
		mp_buf_done(&a->t[i].body);
	}
	(void)curl_multi_cleanup(a->multi);
	free(a->url);
	free(a->now);
	free(a->last);
	free(a);
}

const struct mp_reader_ops mp_api_reader = {
	.open = api_open, .update = api_update, .why = api_why, .free = api_free};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starting, awaiting and ending the server. Readiness is an HTTP answer, asked for until a deadline
 * while the child's end is watched; no sleep stands for it. Owns the child and its process group.
 * Called by runner.c; logs nothing.
 */
#include "suite/server.h"

#include "suite/strays.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READY_DEFAULT_S 60.0
#define STOP_DEFAULT_S  10.0
#define POLL_S          0.1 /* between two questions whether it is ready */
#define MAX_ARGS        256

static size_t drop_body(char *data, size_t size, size_t n, void *user)
{
	(void)data;
	(void)user;
	return size * n;
}

/* True when GET url gives any HTTP answer (max_status 0) or one below max_status. */
static bool answers(const char *url, long max_status)
{
	CURL *curl = curl_easy_init();
	long status = 0;
	CURLcode r;

	if (!curl)
		return false;
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY,
			       "*"); /* the machine under test, not a proxy */
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 1000L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 3000L);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	/* a test server's own certificate: what is asked is only whether it is there */
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_body);
	r = curl_easy_perform(curl);
	if (r == CURLE_OK)
		r = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	return r == CURLE_OK && status > 0 && (!max_status || status < max_status);
}

void mp_last_lines(const char *path, int lines, char *buf, size_t size)
{
	char tail[4096], *at, *save = NULL, *last[8];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	size_t found = 0, used = 0, want = (size_t)lines;
	ssize_t n;

	*buf = '\0';
	if (end <= 0)
		return;
	n = pread(fd, tail, sizeof(tail) - 1,
		  end > (off_t)sizeof(tail) - 1 ? end - (off_t)sizeof(tail) + 1 : 0);
	if (n <= 0)
		return;
	tail[n] = '\0';
	for (at = strtok_r(tail, "\r\n", &save); at; at = strtok_r(NULL, "\r\n", &save))
		if (at[strspn(at, " \t")])
			last[found++ % ARRAY_SIZE(last)] = at;
	want = want > ARRAY_SIZE(last) ? ARRAY_SIZE(last) : want > found ? found : want;
	for (size_t i = found - want; i < found && used + 1 < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? " | " : "",
					 last[i % ARRAY_SIZE(last)]);
	for (char *c = buf; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
}

static int bad(const struct mp_yaml *y, struct mp_diag *d, const char *what)
{
	return mp_diag_set(d, -EINVAL, y->file, y->line, y->col, "%s", what);
}

/* The description that applies: --server, else key `server` (a map, or the name of a file). */
static int find_spec(struct mp_server *s, const struct mp_plan *p, const char *option,
		     const struct mp_yaml **ret_spec, struct mp_diag *d)
{
	const struct mp_yaml *key = mp_yaml_get(p->merged, "server");
	const char *name = option ? option : mp_yaml_str(key);
	_cleanup_free_ char *path = NULL, *dir = NULL;
	_cleanup_yaml_ struct mp_yaml *doc = NULL;
	int r;

	*ret_spec = option || !key || key->kind == MP_YAML_SCALAR ? NULL : key;
	if (!name || !*name)
		return 0;
	path = strdup(name);
	if (path && !option && !mp_is_file(path)) { /* as bzt looks for files: cwd, then beside */
		dir = strdup(key->file);
		if (dir && strrchr(dir, '/')) {
			*strrchr(dir, '/') = '\0';
			free(path);
			path = mp_path_join(dir, name);
		}
	}
	if (!path)
		return -ENOMEM;
	if (!option && !mp_is_file(path))
		return mp_diag_set(d, -ENOENT, key->file, key->line, key->col,
				   "the server's description '%s' is not there", name);
	if (!s->file_path || strcmp(s->file_path, path) != 0) {
		r = mp_yaml_read(path, &doc, d);
		if (r < 0)
			return r;
		if (s->spec && s->spec == s->file)
			mp_server_stop(s);
		mp_yaml_free(s->file);
		free(s->file_path);
		s->file = TAKE_PTR(doc);
		s->file_path = TAKE_PTR(path);
	}
	*ret_spec = s->file;
	return 0;
}

static int spec_duration(const struct mp_yaml *spec, const char *path, double fallback, double *ret,
			 struct mp_diag *d)
{
	const struct mp_yaml *y = mp_yaml_path(spec, path);

	*ret = fallback;
	if (!y)
		return 0;
	if (!mp_yaml_str(y) || mp_parse_duration(y->scalar, ret) < 0)
		return bad(y, d, "no duration (60s, 2m)");
	return 0;
}

static int signal_number(const char *name)
{
	static const struct {
		const char *name;
		int sig;
	} known[] = {{"TERM", SIGTERM},
		     {"INT", SIGINT},
		     {"QUIT", SIGQUIT},
		     {"HUP", SIGHUP},
		     {"KILL", SIGKILL}};

	if (mp_starts_with(name, "SIG"))
		name += 3;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i].name, name))
			return known[i].sig;
	return -1;
}

/* Everything of the description that can be wrong, before anything is started. */
static int check_spec(const struct mp_yaml *spec, struct mp_diag *d)
{
	static const char *const keys[] = {"command", "env",   "ready", "stop",
					   "pidfile", "match", "cwd"};
	const struct mp_yaml *command = mp_yaml_get(spec, "command"),
			     *env = mp_yaml_get(spec, "env"),
			     *sig = mp_yaml_path(spec, "stop.signal");
	double v;
	int r;

	if (spec->kind != MP_YAML_MAP)
		return bad(spec, d, "a server's description is a map: command, env, ready, stop");
	for (size_t i = 0; i < spec->n; i++) {
		bool known = false;
		const char *near;

		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			known |= !strcmp(keys[k], spec->key[i]->scalar);
		if (known)
			continue;
		near = mp_nearest(spec->key[i]->scalar, keys, ARRAY_SIZE(keys));
		return mp_diag_set(d, -EINVAL, spec->file, spec->key[i]->line, spec->key[i]->col,
				   "unknown key '%s'%s%s%s", spec->key[i]->scalar,
				   near ? ", did you mean '" : "", near ? near : "",
				   near ? "'?" : "");
	}
	if (!command || command->kind != MP_YAML_SEQ || !command->n || command->n >= MAX_ARGS)
		return bad(command ? command : spec, d,
			   "'command' has to be a list: [program, argument, ...]");
	for (size_t i = 0; i < command->n; i++)
		if (!mp_yaml_str(command->val[i]))
			return bad(command->val[i], d, "an argument has to be text");
	if (env && env->kind != MP_YAML_MAP && !(env->kind == MP_YAML_SCALAR && !*env->scalar))
		return bad(env, d, "'env' has to be a map: NAME: value");
	for (size_t i = 0; env && i < env->n; i++)
		if (!mp_yaml_str(env->val[i]))
			return bad(env->val[i], d, "a variable's value has to be text");
	if (sig && (!mp_yaml_str(sig) || signal_number(sig->scalar) < 0))
		return bad(sig, d, "none of the signals TERM, INT, QUIT, HUP, KILL");
	r = spec_duration(spec, "ready.timeout", READY_DEFAULT_S, &v, d);
	return r ? r : spec_duration(spec, "stop.timeout", STOP_DEFAULT_S, &v, d);
}

int mp_server_check(const struct mp_plan *p, struct mp_diag *d)
{
	_cleanup_(mp_server_done) struct mp_server s = MP_SERVER_INIT;
	const struct mp_yaml *spec = NULL;
	int r = find_spec(&s, p, NULL, &spec, d);

	return r || !spec ? r : check_spec(spec, d);
}

static void free_env(const char **env)
{
	for (const char **e = env; e && *e; e++)
		free((char *)*e);
	free(env);
}

static int start(struct mp_server *s, const struct mp_yaml *spec, struct mp_diag *d)
{
	const struct mp_yaml *command = mp_yaml_get(spec, "command"),
			     *vars = mp_yaml_get(spec, "env");
	const char *argv[MAX_ARGS + 1] = {0}, **env;
	_cleanup_close_ int log = -1;
	struct mp_child_opts o = {0};
	int r;

	log = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log < 0) {
		r = -errno;
		return mp_diag_set(d, r, s->log, 0, 0, "cannot be written: %s", strerror(-r));
	}
	for (size_t i = 0; i < command->n; i++)
		argv[i] = command->val[i]->scalar;
	env = calloc((vars ? vars->n : 0) + 1, sizeof(*env));
	for (size_t i = 0; env && vars && i < vars->n; i++) {
		env[i] = mp_asprintf("%s=%s", vars->key[i]->scalar, vars->val[i]->scalar);
		if (!env[i]) {
			free_env(env);
			env = NULL;
		}
	}
	if (!env)
		return -ENOMEM;
	o.env = env;
	o.cwd = mp_yaml_str(mp_yaml_get(spec, "cwd"));
	o.stdout_fd = o.stderr_fd = log;
	o.die_with_parent = true;
	r = mp_child_start(argv, &o, &s->child);
	free_env(env);
	if (r < 0)
		return mp_diag_set(d, r, command->file, command->line, command->col,
				   "the server '%s' cannot be started: %s", argv[0], strerror(-r));
	s->spec = spec;
	s->ours = true;
	return 0;
}

static void describe_end(struct mp_server *s, const char *when, struct mp_diag *d)
{
	char last[300];

	mp_last_lines(s->log, 3, last, sizeof(last));
	(void)mp_diag_set(d, -ECHILD, NULL, 0, 0, "the server ended %s (code %d)%s%s; output: %s",
			  when, mp_child_code(&s->child), *last ? ": " : "", last, s->log);
}

static int await_ready(struct mp_server *s, const char *url, struct mp_events *ev,
		       struct mp_diag *d)
{
	char last[300];
	double until, limit;
	int r = spec_duration(s->spec, "ready.timeout", READY_DEFAULT_S, &limit, d);

	if (r < 0)
		return r;
	for (until = mp_now_s() + limit; mp_now_s() < until;) {
		if (answers(url, 400))
			return 0;
		switch (mp_events_wait(ev, &s->child, -1, POLL_S)) {
		case MP_WAKE_SIGNAL:
			return -EINTR;
		case MP_WAKE_CHILD:
			(void)mp_child_wait(&s->child, -1);
			/* a starter that left a daemon behind did what it was asked to */
			if (mp_child_code(&s->child) == 0)
				break;
			describe_end(s, "before it was ready", d);
			return -ECHILD;
		default:
			break;
		}
	}
	mp_last_lines(s->log, 2, last, sizeof(last));
	return mp_diag_set(d, -ETIMEDOUT, NULL, 0, 0,
			   "the server did not answer at %s within %.0f s%s%s; output: %s", url,
			   limit, *last ? ": " : "", last, s->log);
}

int mp_server_ensure(struct mp_server *s, const struct mp_plan *p, const char *option,
		     struct mp_events *ev, struct mp_diag *d)
{
	_cleanup_free_ char *url = NULL;
	const struct mp_yaml *spec = NULL;
	const char *ready;
	int r;

	if (p->host) {
		url = mp_asprintf("%s://%s:%d/ping", p->protocol, p->host, p->port);
		if (!url)
			return -ENOMEM;
	}
	/* the suite brings its own: a second server on the same ports would be in its way */
	if (p->starts_server) {
		mp_server_stop(s);
		free(s->url);
		s->url = TAKE_PTR(url);
		return 0;
	}
	r = find_spec(s, p, option, &spec, d);
	if (!r && spec)
		r = check_spec(spec, d);
	if (r < 0)
		return r;
	ready = mp_yaml_str(mp_yaml_path(spec, "ready.url"));
	/* ours runs for a suite of other files: the description lies in their trees, so compare
	 * text */
	if (s->spec && s->child.pid && !mp_server_has_died(s, d) && s->url &&
	    answers(url ? url : s->url, 0))
		return 0;
	if (s->spec)
		mp_server_stop(s);
	free(s->url);
	s->url = url ? TAKE_PTR(url) : ready ? strdup(ready) : NULL;
	if (!s->url) { /* no address: the suite loads something that is not ours to look after */
		if (spec)
			return bad(spec, d,
				   "no address: neither ready.url nor "
				   "modules.jmeter.properties.hostname is given");
		return 0;
	}
	if (answers(s->url, 0))
		return 0;
	if (!spec)
		return mp_diag_set(d, -ECONNREFUSED, NULL, 0, 0,
				   "no server answers at %s and nothing says how to start one "
				   "(--server FILE.yaml, or key 'server' of the global config)",
				   s->url);
	r = start(s, spec, d);
	if (!r)
		r = await_ready(s, ready ? ready : s->url, ev, d);
	if (r < 0)
		mp_server_stop(s);
	return r;
}

bool mp_server_has_died(struct mp_server *s, struct mp_diag *d)
{
	if (!s->child.pid || s->child.pidfd < 0 || mp_child_wait(&s->child, 0) < 0)
		return false;
	describe_end(s, "by itself", d);
	return true;
}

void mp_server_stop(struct mp_server *s)
{
	const char *name = mp_yaml_str(mp_yaml_path(s->spec, "stop.signal"));
	double grace = STOP_DEFAULT_S;

	if (s->child.pid) {
		(void)spec_duration(s->spec, "stop.timeout", STOP_DEFAULT_S, &grace, NULL);
		/* the whole group at once: TERM to the frontend alone would leave its workers
		 * behind */
		(void)mp_child_signal(&s->child, name ? signal_number(name) : SIGTERM);
		if (mp_child_wait(&s->child, grace) < 0)
			(void)mp_child_stop(&s->child, SIGKILL, 2);
		(void)mp_strays_end_group(s->child.pid, SIGTERM, grace);
	}
	s->child = MP_CHILD_INIT;
	s->spec = NULL;
	s->ours = false;
}

void mp_server_done(struct mp_server *s)
{
	mp_server_stop(s);
	mp_yaml_free(s->file);
	free(s->file_path);
	free(s->log);
	free(s->url);
	*s = MP_SERVER_INIT;
}

static bool is_this_host(const char *host)
{
	return !strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]");
}

const char *mp_server_match(const struct mp_server *s)
{
	return mp_yaml_str(mp_yaml_get(s->spec, "match"));
}

const char *mp_server_pidfile(const struct mp_server *s)
{
	return mp_yaml_str(mp_yaml_get(s->spec, "pidfile"));
}

pid_t mp_server_pid(const struct mp_server *s)
{
	CURLU *u = s->url ? curl_url() : NULL;
	char *host = NULL, *port = NULL;
	pid_t pid = 0;
	long n;

	if (u && !curl_url_set(u, CURLUPART_URL, s->url, 0) &&
	    !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
	    !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) && is_this_host(host) &&
	    !mp_parse_int(port, 1, 65535, &n))
		pid = mp_port_server((unsigned)n);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return pid;
}

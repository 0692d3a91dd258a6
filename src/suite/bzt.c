// SPDX-License-Identifier: GPL-2.0-only
/*
 * Running Taurus. bzt gets an empty HOME with one configuration file of ours, a process group of
 * its own, and a deadline; JMeter and whatever else it starts in other groups is found as our
 * descendants. Owns the child. Called by runner.c.
 */
#include "suite/bzt.h"

#include "suite/rewrite.h"
#include "suite/server.h"
#include "suite/strays.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GRACE_S     30.0 /* bzt ends JMeter and writes its reports; JMeter alone may take 10 s */
#define TERM_S      5.0
#define STRAYS_S    5.0
#define TICK_S      1.0
#define MAX_CONSOLE (8u << 20)

struct argv {
	char *v[192];
	size_t n;
	bool failed;
};

static void argv_done(struct argv *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i]);
}

static void add(struct argv *a, char *owned)
{
	if (!owned || a->n + 1 >= ARRAY_SIZE(a->v)) {
		a->failed = true;
		free(owned);
		return;
	}
	a->v[a->n++] = owned;
}

/*
 * -o NAME=VALUE. bzt reads the value as YAML, and artifacts-dir through strftime besides: quoted
 * where YAML could see more in it than text, percent signs doubled for strftime.
 */
static void add_override(struct argv *a, const char *name, const char *value, bool strftime)
{
	_cleanup_buf_ struct mp_buf b = {0};
	bool quote = value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789/._-+@,")] != '\0';

	mp_buf_printf(&b, "%s=%s", name, quote ? "\"" : "");
	for (const char *c = value; *c; c++) {
		if (quote && strchr("\"\\", *c))
			mp_buf_puts(&b, "\\");
		if (strftime && *c == '%')
			mp_buf_puts(&b, "%");
		mp_buf_append(&b, c, 1);
	}
	mp_buf_puts(&b, quote ? "\"" : "");
	add(a, strdup("-o"));
	add(a, b.failed ? NULL : TAKE_PTR(b.s));
}

static bool has_reporter(const struct mp_plan *p, const char *module, const char *key,
			 const char *value)
{
	const struct mp_yaml *list = mp_yaml_get(p->merged, "reporting");

	for (size_t i = 0; list && list->kind == MP_YAML_SEQ && i < list->n; i++) {
		const struct mp_yaml *r = list->val[i];
		const char *name =
			mp_yaml_str(r->kind == MP_YAML_MAP ? mp_yaml_get(r, "module") : r);
		const char *got = key ? mp_yaml_str(mp_yaml_get(r, key)) : NULL;

		if (name && !strcmp(name, module) &&
		    (!key || (got && (!value || !strcmp(got, value)))))
			return true;
	}
	return false;
}

/*
 * HOME/.bzt-rc: read before the suite. bzt's update check starts before -o is applied, and what the
 * verdict needs (xunit of the criteria, final_stats.csv) is asked for where the suite does not.
 */
static int write_rc(const struct mp_suite *s, const char *home, struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(home, ".bzt-rc");
	_cleanup_buf_ struct mp_buf b = {0}, rep = {0};
	int r;

	mp_buf_puts(&b, "settings:\n  check-updates: false\n");
	if (s->plan->n_crit && !has_reporter(s->plan, "passfail", NULL, NULL))
		mp_buf_puts(&rep, "- module: passfail\n");
	if (s->plan->n_crit && !has_reporter(s->plan, "junit-xml", "data-source", "pass-fail"))
		mp_buf_puts(&rep, "- module: junit-xml\n  data-source: pass-fail\n");
	if (!has_reporter(s->plan, "final-stats", "dump-csv", NULL))
		mp_buf_puts(&rep, "- module: final-stats\n"
				  "  dump-csv: ${TAURUS_ARTIFACTS_DIR}/final_stats.csv\n");
	if (rep.len)
		mp_buf_printf(&b, "reporting:\n%s", rep.s);
	if (!path || b.failed || rep.failed)
		return -ENOMEM;
	r = mp_write_file(path, b.s, b.len, 0644);
	return r < 0 ? mp_diag_set(d, r, path, 0, 0, "cannot be written: %s", strerror(-r)) : 0;
}

/* --quick: loads are held no longer than this. */
static void add_hold_caps(struct argv *a, const struct mp_plan *p)
{
	char name[48], value[32];

	(void)mp_format_double(value, p->hold_cap_s);
	(void)strcat(value, "s");
	for (unsigned i = 0; i < 64; i++) {
		if (!(p->capped & 1ull << i))
			continue;
		if (p->one_execution)
			(void)snprintf(name, sizeof(name), "execution.hold-for");
		else
			(void)snprintf(name, sizeof(name), "execution.%u.hold-for", i);
		add_override(a, name, value, false);
	}
}

static int make_argv(const struct mp_suite *s, const struct mp_bzt_opts *o, struct argv *a,
		     struct mp_diag *d)
{
	char *files[4] = {NULL};
	int r;

	add(a, strdup(o->tools->bzt));
	add_override(a, "settings.artifacts-dir", o->suite_dir, true);
	add_override(a, "settings.env.BASEDIR", o->suite_dir, false);
	add_override(a, "settings.check-updates", "false", false);
	add_override(a, "modules.console.disable", "true", false);
	if (o->jmeter)
		add_override(a, "modules.jmeter.path", o->jmeter, false);
	if (o->jmeter && o->offline_jmeter)
		add_override(a, "modules.jmeter.detect-plugins", "false", false);
	add_hold_caps(a, s->plan);
	r = mp_rewrite_files(s, o->suite_dir, files, d);
	for (size_t i = 0; !r && files[i]; i++)
		add(a, files[i]);
	if (!r && a->failed)
		r = -ENOMEM;
	return r;
}

/* "NAME=first:second" with second only when it is set. */
static char *path_var(const char *name, const char *first, const char *second, bool first_wins)
{
	if (!first)
		return mp_asprintf("%s=%s", name, second ? second : "");
	if (!second || !*second)
		return mp_asprintf("%s=%s", name, first);
	return mp_asprintf("%s=%s:%s", name, first_wins ? first : second,
			   first_wins ? second : first);
}

static int make_env(const struct mp_bzt_opts *o, struct argv *env)
{
	_cleanup_free_ char *beside = strdup(o->tools->bzt), *last = NULL;
	char *slash = beside ? strrchr(beside, '/') : NULL;

	if (!beside)
		return -ENOMEM;
	if (slash)
		*slash = '\0';
	/* the user's own programs come first; then the project's server, for suites that start one,
	 * and the engines that were installed with bzt (molotov) */
	last = o->tools->server_bin ? mp_asprintf("%s:%s", o->tools->server_bin, beside)
				    : strdup(beside);
	if (!last)
		return -ENOMEM;
	add(env, path_var("PATH", last, getenv("PATH"), false));
	add(env, path_var("PYTHONPATH", o->tools->plugin_dir, getenv("PYTHONPATH"), true));
	add(env, mp_asprintf("HOME=%s", o->home));
	add(env, strdup("PYTHONUNBUFFERED=1"));
	if (o->socket)
		add(env, mp_asprintf("MMSPERF_SOCKET=%s", o->socket));
	return env->failed ? -ENOMEM : 0;
}

/* Ends bzt: INT and time to finish what it must, TERM, KILL; a signal in between cuts it short. */
static void end_bzt(struct mp_child *c, struct mp_events *ev)
{
	static const struct {
		int sig;
		double grace_s;
	} steps[] = {{SIGINT, GRACE_S}, {SIGTERM, TERM_S}, {SIGKILL, TERM_S}};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		enum mp_wakeup e;

		/* Python's bzt alone: its shell steps and JMeter are its own to end */
		if (steps[i].sig == SIGINT)
			(void)kill(c->pid, SIGINT);
		else
			(void)mp_child_signal(c, steps[i].sig);
		e = mp_events_wait(ev, c, -1, steps[i].grace_s);
		if (e == MP_WAKE_CHILD)
			break;
		if (e == MP_WAKE_SIGNAL)
			(void)mp_child_signal(c, SIGKILL);
	}
	(void)mp_child_stop(c, SIGKILL, TERM_S);
}

static enum mp_bzt_end attend(struct mp_child *c, const struct mp_bzt_opts *o, struct mp_events *ev,
			      double started)
{
	for (;;) {
		double elapsed = mp_now_s() - started, left = o->deadline_s - elapsed;

		switch (mp_events_wait(ev, c, -1, left < TICK_S ? left : TICK_S)) {
		case MP_WAKE_CHILD:
			(void)mp_child_wait(c, -1);
			return MP_BZT_ENDED;
		case MP_WAKE_SIGNAL:
			if (o->tick)
				o->tick(o->data, -1);
			mp_warning(
				"stopping; what was measured is kept (once more to stop at once)");
			end_bzt(c, ev);
			return MP_BZT_STOPPED;
		default:
			break;
		}
		elapsed = mp_now_s() - started;
		if (elapsed >= o->deadline_s) {
			end_bzt(c, ev);
			return ev->interrupts ? MP_BZT_STOPPED : MP_BZT_DEADLINE;
		}
		if (o->tick)
			o->tick(o->data, elapsed);
	}
}

static bool is_script_copy(const char *name, const char *script)
{
	_cleanup_free_ char *stem = strdup(script), *pattern = NULL;

	if (!stem || !strrchr(stem, '.'))
		return false;
	*strrchr(stem, '.') = '\0';
	pattern = mp_asprintf("modified_%s*.jmx", stem);
	return pattern && mp_glob(pattern, name);
}

static void fetch_copies(const char *dir, const char *script, const char *suite_dir, time_t since)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		_cleanup_free_ char *from = mp_path_join(dir, e->d_name),
				    *to = mp_path_join(suite_dir, e->d_name);
		struct stat st;

		if (!from || !to || !is_script_copy(e->d_name, script) || lstat(from, &st) < 0 ||
		    !S_ISREG(st.st_mode) || st.st_mtime < since)
			continue;
		if (!mp_copy_file(from, to))
			(void)unlink(from);
	}
}

/*
 * bzt runs a copy of the script that it makes beside the script, and moves it to the artifacts at
 * its end. One that was killed leaves it among the user's files.
 */
static void fetch_script_copies(const struct mp_suite *s, const char *suite_dir, time_t since)
{
	const struct mp_yaml *scenarios = mp_yaml_get(s->plan->merged, "scenarios");

	for (size_t i = 0; scenarios && scenarios->kind == MP_YAML_MAP && i < scenarios->n; i++) {
		const char *script = mp_yaml_str(mp_yaml_get(scenarios->val[i], "script"));
		_cleanup_free_ char *path = script ? mp_plan_expand(script, s->plan) : NULL;
		_cleanup_free_ char *dir = NULL, *beside = NULL;
		char *slash;

		if (!path)
			continue;
		if (!mp_is_file(path)) { /* beside the suite, as bzt looks for it */
			dir = strdup(s->path);
			slash = dir ? strrchr(dir, '/') : NULL;
			if (slash)
				*slash = '\0';
			beside = mp_path_join(slash ? dir : "", path);
			if (!beside)
				continue;
			free(path);
			path = TAKE_PTR(beside);
		}
		slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
		fetch_copies(slash ? path : ".", slash ? slash + 1 : path, suite_dir, since);
	}
}

int mp_bzt_run(const struct mp_suite *s, const struct mp_bzt_opts *o, struct mp_events *ev,
	       struct mp_bzt_result *ret_result, struct mp_diag *d)
{
	_cleanup_(argv_done) struct argv a = {0}, env = {0};
	_cleanup_free_ char *console = mp_path_join(o->suite_dir, "bzt-console.log");
	struct mp_child c = MP_CHILD_INIT;
	struct mp_bzt_result result = {0};
	_cleanup_close_ int log = -1;
	struct mp_child_opts co = {0};
	time_t since = time(NULL);
	double started;
	int r;

	if (!console)
		return -ENOMEM;
	r = write_rc(s, o->home, d);
	if (!r)
		r = make_argv(s, o, &a, d);
	if (!r)
		r = make_env(o, &env);
	if (r < 0)
		return r;
	log = open(console, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (log < 0) {
		r = -errno;
		return mp_diag_set(d, r, console, 0, 0, "cannot be written: %s", strerror(-r));
	}
	co.env = (const char *const *)env.v;
	co.stdout_fd = co.stderr_fd = log;
	co.die_with_parent = true;
	started = mp_now_s();
	r = mp_child_start((const char *const *)a.v, &co, &c);
	if (r < 0)
		return mp_diag_set(d, r, NULL, 0, 0, "bzt ('%s') cannot be started: %s", a.v[0],
				   strerror(-r));
	result.end = attend(&c, o, ev, started);
	result.bzt_s = mp_now_s() - started;
	result.code = mp_child_code(&c);
	/* JMeter is in a group of its own: after a crash or a KILL it is still there */
	result.strays = mp_strays_end(o->keep, o->n_keep, SIGTERM, STRAYS_S);
	if (result.code > 128)
		fetch_script_copies(s, o->suite_dir, since);
	*ret_result = result;
	return 0;
}

void mp_bzt_fault(const char *suite_dir, bool any, char *buf, size_t size)
{
	_cleanup_free_ char *path = mp_path_join(suite_dir, "bzt-console.log"), *text = NULL;
	const char *at;
	size_t len;

	*buf = '\0';
	if (!path || mp_read_file(path, MAX_CONSOLE, &text, &len) < 0)
		return;
	/* bzt says the first error in full and then how it shuts down; Python's own last line
	 * counts */
	at = strstr(text, " ERROR: ");
	if (at) {
		at += strlen(" ERROR: ");
		(void)snprintf(buf, size, "%.*s", (int)strcspn(at, "\r\n"), at);
		return;
	}
	any |= strstr(text, "Traceback (most recent call last)") != NULL;
	if (any)
		mp_last_lines(path, 1, buf, size);
}

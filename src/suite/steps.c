// SPDX-License-Identifier: GPL-2.0-only
/*
 * Carrying out the steps of a simple suite. A step is over when its effect is there, which is asked
 * for until the step's deadline; nothing sleeps for it. After a step that an expectation looks at,
 * the recording is watched until the value is what is expected or its time (`settle`) is over.
 * Calls to the server's management API are in manage.c. Called by one_suite.c.
 */
#include "suite/steps.h"

#include "suite/manage.h"
#include "suite/server.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_S  0.2 /* between two looks at the recording, which has a row a second */
#define FIRST_S 4.0 /* for a first row after a step, whatever `settle` says */
#define KILL_S  2.0

static void say(struct mp_steps_run *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct mp_steps_run *s, const char *fmt, ...)
{
	char text[900];
	va_list ap;
	int n = snprintf(text, sizeof(text), "%.3f ", mp_wall_s());

	va_start(ap, fmt);
	n += vsnprintf(text + n, sizeof(text) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(text) - 2)
		n = (int)sizeof(text) - 2;
	text[n] = '\n';
	(void)mp_write_all(s->log, text, (size_t)n + 1); /* a log's fault is no step's */
}

static bool is_looked_at(const struct mp_simple *m, const char *point)
{
	for (size_t i = 0; i < m->n_expects; i++) {
		const struct mp_expect *e = &m->expects[i];

		if ((e->point && !strcmp(e->point, point)) ||
		    (e->ref_point && !strcmp(e->ref_point, point)))
			return true;
	}
	return false;
}

/* Whether all that is asked of this moment can be told by now. */
static bool is_settled(struct mp_steps_run *s, const char *name, const struct mp_table *t)
{
	const struct mp_point *p = mp_points_find(&s->points, name);

	for (size_t i = 0; i < s->m->n_expects; i++) {
		const struct mp_expect *e = &s->m->expects[i];
		bool here = e->point && !strcmp(e->point, name),
		     there = e->ref_point && !strcmp(e->ref_point, name);
		struct mp_point_finding f;

		if (there && !mp_point_is_steady(e, p, t))
			return false;
		if (!here)
			continue;
		f = mp_point_eval(e, &s->points, t);
		/* what it is compared with may come later: then a steady value is all there is */
		if (!f.holds && (f.known || !mp_point_is_steady(e, p, t)))
			return false;
	}
	return true;
}

/* The moment `name` begins now. Waits for what is expected of it; -EINTR. */
static int settle(struct mp_steps_run *s, const char *name, bool wait)
{
	_cleanup_free_ char *path = mp_path_join(s->dir, "metrics.csv");
	double from = mp_wall_s(), limit = s->m->settle_s > FIRST_S ? s->m->settle_s : FIRST_S,
	       until = mp_now_s() + limit;
	int r = path ? mp_points_add(&s->points, name, from, from) : -ENOMEM;

	if (r < 0 || !wait || !is_looked_at(s->m, name))
		return r;
	for (;;) {
		struct mp_table t = {0};
		bool settled;

		r = mp_points_add(&s->points, name, from, mp_wall_s());
		if (r < 0)
			return r;
		/* a row that is being written is read at the next look */
		settled = !mp_table_read(path, &t, NULL) && is_settled(s, name, &t);
		mp_table_done(&t);
		if (settled || mp_now_s() >= until)
			return 0;
		if (mp_events_wait(s->ev, NULL, -1, LOOK_S) == MP_WAKE_SIGNAL)
			return -EINTR;
	}
}

int mp_steps_begin(struct mp_steps_run *s, struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(s->dir, "steps.log");
	int r;

	s->wanted = calloc(s->m->n_models + 1, sizeof(*s->wanted));
	if (!path || !s->wanted)
		return -ENOMEM;
	for (size_t i = 0; i < s->m->n_models; i++)
		s->wanted[i] = s->m->models[i].workers;
	s->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (s->log < 0) {
		r = -errno;
		return mp_diag_set(d, r, path, 0, 0, "cannot be written: %s", strerror(-r));
	}
	return settle(s, "before", true);
}

static int run_command(struct mp_steps_run *s, const struct mp_step *step, struct mp_diag *d)
{
	struct mp_child_opts o = {
		.stdout_fd = s->log, .stderr_fd = s->log, .die_with_parent = true};
	struct mp_child c = MP_CHILD_INIT;
	_cleanup_free_ char *path = mp_path_join(s->dir, "steps.log");
	double until = mp_now_s() + step->timeout_s;
	enum mp_wakeup e;
	char last[200] = "";
	int r = mp_child_start((const char *const *)step->argv, &o, &c);

	if (r < 0)
		return mp_diag_set(d, r, NULL, 0, 0, "'%s' cannot be started: %s", step->argv[0],
				   strerror(-r));
	do
		e = mp_events_wait(s->ev, &c, -1, until - mp_now_s());
	while (e != MP_WAKE_CHILD && e != MP_WAKE_SIGNAL && mp_now_s() < until);
	if (e != MP_WAKE_CHILD) {
		(void)mp_child_stop(&c, SIGTERM, KILL_S);
		return e == MP_WAKE_SIGNAL ? -EINTR
					   : mp_diag_set(d, -ETIMEDOUT, NULL, 0, 0,
							 "'%s' has not ended after %g s",
							 step->argv[0], step->timeout_s);
	}
	(void)mp_child_wait(&c, -1);
	if (!mp_child_code(&c))
		return 0;
	if (path)
		mp_last_lines(path, 1, last, sizeof(last));
	return mp_diag_set(d, -EIO, NULL, 0, 0, "'%s' ended with code %d%s%s", step->argv[0],
			   mp_child_code(&c), *last ? ": " : "", last);
}

static int of_model(struct mp_steps_run *s, const struct mp_step *step, size_t i, double until,
		    struct mp_diag *d)
{
	const struct mp_simple_model *model = &s->m->models[i];
	struct mp_manage g = {.m = s->m, .ev = s->ev, .until_s = until};
	bool again = false;
	int r;

	switch (step->kind) {
	case MP_STEP_REGISTER:
		r = mp_manage_register(&g, model, &again, d);
		if (again)
			say(s, "model '%s' was registered already: registered anew", model->name);
		s->wanted[i] = model->workers;
		return r;
	case MP_STEP_SCALE:
		s->wanted[i] = step->workers;
		return mp_manage_scale(&g, model, step->workers, d);
	case MP_STEP_WAIT_READY:
		return mp_manage_wait_ready(&g, model, s->wanted[i], d);
	default:
		return mp_manage_unregister(&g, model, d);
	}
}

static int run_step(struct mp_steps_run *s, const struct mp_step *step, struct mp_diag *d)
{
	double started = mp_now_s(), until = started + step->timeout_s;
	struct mp_diag why = {0};
	int r = 0;

	say(s, "%s", step->name);
	if (step->kind == MP_STEP_COMMAND)
		r = run_command(s, step, &why);
	else if (step->kind != MP_STEP_START_SERVER) /* that one was first of all */
		for (size_t i = 0; !r && i < s->m->n_models; i++)
			if (!step->model || !strcmp(step->model, s->m->models[i].name))
				r = of_model(s, step, i, until, &why);
	if (r == -EINTR)
		return r;
	if (r < 0) {
		say(s, "%s: %s", step->name, *why.msg ? why.msg : strerror(-r));
		return mp_diag_set(d, r, step->file, step->line, step->col, "step '%s': %s",
				   step->name, *why.msg ? why.msg : strerror(-r));
	}
	say(s, "%s: done in %.3f s", step->name, mp_now_s() - started);
	return 0;
}

int mp_steps_setup(struct mp_steps_run *s, struct mp_diag *d)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->m->setup.n; i++) {
		r = run_step(s, &s->m->setup.v[i], d);
		if (!r)
			r = settle(s, s->m->setup.v[i].name, true);
	}
	return r ? r : settle(s, "setup", true);
}

int mp_steps_after_load(struct mp_steps_run *s, struct mp_diag *d)
{
	(void)d;
	say(s, "load: done");
	return settle(s, "load", true);
}

int mp_steps_cleanup(struct mp_steps_run *s, bool wait, struct mp_diag *d)
{
	int first = 0;

	for (size_t i = 0; i < s->m->cleanup.n; i++) {
		struct mp_diag own = {0};
		int r = run_step(s, &s->m->cleanup.v[i], &own);

		if (r == -EINTR)
			return r;
		if (r < 0 && !first) {
			first = r;
			if (d)
				*d = own;
		}
		r = settle(s, s->m->cleanup.v[i].name, wait && !first);
		if (r < 0)
			return r;
	}
	if (first)
		return first;
	return settle(s, "cleanup", wait);
}

int mp_steps_end(struct mp_steps_run *s, struct mp_diag *d)
{
	return s->points.n ? mp_points_write(&s->points, s->dir, d) : 0;
}

void mp_steps_done(struct mp_steps_run *s)
{
	if (s->log >= 0)
		(void)close(s->log);
	free(s->wanted);
	mp_points_done(&s->points);
	*s = MP_STEPS_INIT;
}

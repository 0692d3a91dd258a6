// SPDX-License-Identifier: GPL-2.0-only
/*
 * One suite from server to verdict. Every fault ends up in the suite's result: the next suite runs
 * all the same. Called by runner.c.
 */
#include "suite/runner.h"

#include "suite/simple_judge.h"
#include "suite/steps.h"

#include "suite/evidence.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_SET_S 2.0 /* less moves a sample by a row at most */

/* The suite could not be run as it should: verdict error. The first fault is the reason. */
static void fault(struct mp_suite_result *res, int r, const struct mp_diag *d)
{
	char text[900];

	res->verdict = MP_ERROR;
	if (res->reason)
		return;
	res->reason = strdup(d && *d->msg ? mp_diag_str(d, text, sizeof(text)) : strerror(-r));
}

static void fault_text(struct mp_suite_result *res, char *owned)
{
	res->verdict = MP_ERROR;
	if (res->reason)
		free(owned);
	else
		res->reason = owned;
}

static void set_server_text(struct mp_runner *u, const struct mp_plan *p)
{
	if (u->run.server || !u->server.url)
		return;
	if (p->starts_server)
		u->run.server = mp_asprintf("%s, started by a suite's own steps", u->server.url);
	else
		u->run.server = u->server.ours ? mp_asprintf("%s, started by %s", u->server.url,
							     u->server.spec->file)
					       : mp_asprintf("%s, already running", u->server.url);
}

/* 0, -EINTR, or another error that is in res already. */
static int prepare_server(struct mp_runner *u, const struct mp_plan *p, struct mp_suite_result *res)
{
	_cleanup_free_ char *url = p->host ? mp_asprintf("%s:%d", p->host, p->port) : strdup("");
	struct mp_diag d = {0};
	int r;

	if (!url)
		return -ENOMEM;
	if (u->server_fault && !p->starts_server && !strcmp(url, u->server_fault_url)) {
		fault(res, 0, &(struct mp_diag){.msg = "not run: there is no server (see above)"});
		return -ECONNREFUSED;
	}
	r = mp_server_ensure(&u->server, p, u->o->server, &u->ev, &d);
	if (r == -EINTR)
		return r;
	if (r < 0) {
		fault(res, r, &d);
		free(u->server_fault);
		free(u->server_fault_url);
		u->server_fault = strdup(d.msg);
		u->server_fault_url = TAKE_PTR(url);
		return r;
	}
	set_server_text(u, p);
	return 0;
}

/* bzt's end in words, where it is a fault; NULL where criteria decide. */
static char *bzt_end_text(const struct mp_suite_result *res, const struct mp_bzt_result *b,
			  double deadline_s)
{
	char said[400], after[32];

	(void)mp_format_elapsed(after, sizeof(after), b->bzt_s);
	if (b->end == MP_BZT_STOPPED)
		return mp_asprintf("stopped by hand after %s; what was measured is kept", after);
	if (b->end == MP_BZT_DEADLINE)
		return mp_asprintf(
			"not finished at its deadline of %.0f s; what was measured is kept "
			"(--timeout sets another)",
			deadline_s);
	if (b->code == 0 || b->code == 3)
		return NULL;
	mp_bzt_fault(res->dir, b->code < 128, said, sizeof(said));
	if (b->code > 128)
		return mp_asprintf("bzt crashed (signal %d: %s)%s%s; see %s/bzt-console.log",
				   b->code - 128, strsignal(b->code - 128), *said ? ": " : "", said,
				   res->dir);
	return mp_asprintf("bzt ended with code %d%s%s%s; see %s/bzt-console.log", b->code,
			   b->code == 2 ? " (somebody stopped it)" : "", *said ? ": " : "", said,
			   res->dir);
}

/* Where a case is written, for whoever points at it: an expectation of a simple suite stands there,
 * not in the Taurus YAML that was made of it. 0 or -ENOMEM. */
static int set_places(const struct mp_suite *s, struct mp_suite_result *res)
{
	for (size_t i = 0; i < res->n_cases; i++) {
		struct mp_case *c = &res->cases[i];

		for (size_t k = 0; s->simple && k < s->simple->n_expects; k++)
			if (!strcmp(s->simple->expects[k].text, c->name))
				c->line = s->simple->expects[k].line;
		for (size_t k = 0; !s->simple && k < s->plan->n_crit && !c->line; k++) {
			const struct mp_criterion *crit = &s->plan->crit[k];

			if (strcmp(crit->name, c->name) != 0)
				continue;
			c->line = crit->line;
			if (!crit->file || !strcmp(crit->file, s->path))
				continue;
			c->file = strdup(crit->file);
			if (!c->file)
				return -ENOMEM;
		}
	}
	return 0;
}

static void judge(struct mp_runner *u, const struct mp_suite *s, struct mp_suite_result *res,
		  const struct mp_evidence_files *f)
{
	struct mp_evidence ev = mp_evidence_of(f);
	struct mp_diag d = {0};
	int r;

	ev.bzt_code = res->bzt_code;
	/* what bzt did not get to judge is not "no data" */
	ev.incomplete = res->verdict == MP_ERROR;
	r = mp_simple_judge(s, &u->run, f, ev.incomplete, res, &d);
	if (!r)
		r = mp_eval_suite(s->plan, &ev, res);
	if (!r)
		r = set_places(s, res);
	if (r < 0)
		fault(res, r, &d);
}

/* Requests that failed without a criterion about them do not fail a suite; they are not hidden. */
static void set_remark(struct mp_runner *u, const struct mp_suite_result *res,
		       const struct mp_evidence_files *e)
{
	double failed = e->load.failed, samples = e->load.samples;
	const struct mp_case *skipped = NULL;
	_cleanup_buf_ struct mp_buf b = {0};
	size_t met = 0;

	/* engines other than JMeter leave their totals alone */
	for (size_t i = 0; !e->load.n && i < e->n_labels; i++)
		if (!*e->labels[i].label) {
			failed = e->labels[i].failed;
			samples = e->labels[i].samples;
		}
	if ((res->verdict != MP_PASSED && res->verdict != MP_SKIPPED) ||
	    (res->verdict == MP_SKIPPED && failed <= 0))
		return;
	for (size_t i = 0; i < res->n_cases; i++) {
		met += res->cases[i].verdict == MP_PASSED;
		if (res->cases[i].verdict == MP_SKIPPED && !skipped)
			skipped = &res->cases[i];
	}
	mp_buf_printf(&b, "%zu %s met", met, met == 1 ? "criterion" : "criteria");
	if (skipped)
		mp_buf_printf(&b, ", %zu skipped (%s)", res->n_cases - met,
			      skipped->message ? skipped->message : skipped->name);
	if (failed > 0)
		mp_buf_printf(&b, "; %.0f of %.0f requests failed, which no criterion forbids",
			      failed, samples);
	else
		mp_buf_printf(&b, ", %.0f requests", samples);
	u->remark = b.failed ? NULL : TAKE_PTR(b.s);
}

/* Requests and samples carry the wall clock's times: where it was set meanwhile they do not fit
 * together, and what is computed from both would be wrong without anybody seeing it. */
static void check_clock(struct mp_suite_result *res, const struct mp_moment *began)
{
	const struct mp_moment now = mp_moment_now();
	double shift = mp_moment_shift_s(began, &now);
	char text[32];

	if (fabs(shift) < CLOCK_SET_S)
		return;
	fault_text(res,
		   mp_asprintf("the clock was set %s by %s while it ran: the times of its requests "
			       "and samples do not fit together; what was measured is kept",
			       shift < 0 ? "back" : "forward",
			       mp_format_elapsed(text, sizeof(text), fabs(shift))));
}

static void after_bzt(struct mp_runner *u, const struct mp_suite *s, struct mp_suite_result *res,
		      const struct mp_bzt_result *b, double deadline_s)
{
	_cleanup_(mp_evidence_done) struct mp_evidence_files e = {0};
	struct mp_diag d = {0};
	char *text;

	res->bzt_s = b->bzt_s;
	res->duration_s = mp_now_s() - u->suite_began.now_s;
	res->bzt_code = b->code;
	res->incomplete = b->end != MP_BZT_ENDED || b->code > 128;
	text = bzt_end_text(res, b, deadline_s);
	if (mp_server_has_died(&u->server, &d))
		fault(res, -ECHILD, &d);
	if (text)
		fault_text(res, text);
	check_clock(res, &u->suite_began);
	if (b->strays && b->end == MP_BZT_ENDED)
		mp_debug("%s: bzt left processes behind, ended: %zu", s->name, b->strays);
	mp_evidence_collect(res->dir, &e);
	judge(u, s, res, &e);
	set_remark(u, res, &e);
}

/* Whether a simple suite asks for a server of its own, where it is ours to start. */
static bool wants_fresh_server(const struct mp_suite *s)
{
	return s->simple && s->simple->setup.n &&
	       s->simple->setup.v[0].kind == MP_STEP_START_SERVER;
}

static void stopped_before_load(struct mp_suite_result *res)
{
	res->incomplete = true;
	fault(res, 0, &(struct mp_diag){.msg = "stopped by hand before its load began"});
}

/* A simple suite's steps up to its load. 0, or an error that is in res already. */
static int set_up(struct mp_runner *u, const struct mp_suite *s, struct mp_suite_result *res,
		  struct mp_steps_run *steps)
{
	struct mp_diag d = {0};
	int r;

	if (!s->simple)
		return 0;
	steps->m = s->simple;
	steps->ev = &u->ev;
	steps->dir = res->dir;
	r = mp_steps_begin(steps, &d);
	if (!r)
		r = mp_steps_setup(steps, &d);
	if (r == -EINTR)
		stopped_before_load(res);
	else if (r < 0)
		fault(res, r, &d);
	return r;
}

/* Its steps after the load, which are made also when that or the set-up failed. */
static void clean_up(const struct mp_suite *s, struct mp_suite_result *res,
		     struct mp_steps_run *steps, bool whole)
{
	struct mp_diag d = {0}, own = {0};
	int r = 0, last;

	if (!s->simple)
		return;
	if (whole)
		r = mp_steps_after_load(steps, &d);
	last = mp_steps_cleanup(steps, whole && !r, &own);
	if (!r && last < 0) {
		r = last;
		d = own;
	}
	if (r < 0 && r != -EINTR)
		fault(res, r, &d);
	d = (struct mp_diag){0};
	r = mp_steps_end(steps, &d);
	if (r < 0)
		fault(res, r, &d);
}

static void load_and_judge(struct mp_runner *u, const struct mp_suite *s,
			   struct mp_suite_result *res, struct mp_collector *c, const char *jmeter,
			   bool offline)
{
	double deadline = mp_plan_deadline_s(s->expected_s, u->o->timeout_s);
	pid_t keep[] = {u->server.child.pid, c->child.pid};
	struct mp_bzt_opts o = {
		.tools = &u->tools,
		.suite_dir = res->dir,
		.home = u->home,
		.jmeter = jmeter,
		.offline_jmeter = offline,
		.socket = c->socket,
		.deadline_s = deadline,
		.keep = keep,
		.n_keep = ARRAY_SIZE(keep),
		.tick = mp_progress_tick,
		.data = &u->progress,
	};
	_cleanup_(mp_steps_done) struct mp_steps_run steps = MP_STEPS_INIT;
	struct mp_bzt_result b = {0};
	struct mp_diag d = {0}, cd = {0};
	int r = set_up(u, s, res, &steps), cr;

	mp_progress_watch(&u->progress, res->dir, (const char *const *)s->plan->metrics,
			  s->plan->n_metrics);
	if (!r) {
		r = mp_bzt_run(s, &o, &u->ev, &b, &d);
		if (r < 0)
			fault(res, r, &d);
	}
	clean_up(s, res, &steps, !r && b.end == MP_BZT_ENDED);
	cr = mp_collector_stop(c, &cd); /* its files are whole from here on */
	if (r < 0)
		return;
	if (cr < 0)
		fault(res, cr, &cd);
	after_bzt(u, s, res, &b, deadline);
}

/* Monitored, not judged: the column stays empty and bzt reads NaN. */
static void warn_unknown_metrics(struct mp_runner *u, const struct mp_suite *s)
{
	for (size_t i = 0; i < s->plan->n_metrics; i++) {
		const char *name = s->plan->metrics[i], *near = NULL;

		if (mp_metric_known(name, &near))
			continue;
		mp_progress_tick(&u->progress, -1);
		mp_warning("%s: metric '%s' is not known%s%s%s: its column stays empty", s->path,
			   name, near ? ", did you mean '" : "", near ? near : "",
			   near ? "'?" : "");
	}
}

void mp_runner_suite(struct mp_runner *u, const struct mp_suite *s, struct mp_suite_result *res)
{
	_cleanup_(mp_collector_done) struct mp_collector c = MP_COLLECTOR_INIT;
	_cleanup_free_ char *jmeter = NULL;
	struct mp_collector_opts co = {
		.self = u->tools.self,
		.suite_dir = res->dir,
		.socket_dir = u->tmp,
		.monit = u->o->monit,
	};
	struct mp_diag d = {0};
	bool offline = false;
	int r;

	if (s->bad) {
		fault(res, -EINVAL, &s->diag);
		return;
	}
	warn_unknown_metrics(u, s);
	r = mp_tools_jmeter(&u->tools, u->o, s->plan, &jmeter, &offline, &d);
	if (r < 0) {
		fault(res, r, &d);
		return;
	}
	if (wants_fresh_server(s))
		mp_server_stop(&u->server);
	r = prepare_server(u, s->plan, res);
	/* a server that several suites share is not this one's time */
	res->started_s = mp_wall_s();
	u->suite_began = mp_moment_now();
	if (!r) {
		co.match = mp_server_match(&u->server);
		co.pidfile = co.match ? NULL : mp_server_pidfile(&u->server);
		co.pid = co.match || co.pidfile ? 0 : mp_server_pid(&u->server);
		r = mp_collector_start(&c, &co, s->plan, &u->ev, &d);
		if (r < 0 && r != -EINTR)
			fault(res, r, &d);
	}
	if (r == -EINTR)
		stopped_before_load(res);
	if (r < 0)
		return;
	if (c.note && (!u->noted || strcmp(u->noted, c.note) != 0)) {
		mp_progress_tick(&u->progress, -1);
		mp_info("%s", c.note);
		free(u->noted);
		u->noted = TAKE_PTR(c.note);
	}
	res->rung = TAKE_PTR(c.rung);
	res->rung_why = TAKE_PTR(c.why);
	load_and_judge(u, s, res, &c, jmeter, offline);
}

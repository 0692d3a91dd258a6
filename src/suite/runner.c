// SPDX-License-Identifier: GPL-2.0-only
/*
 * The main job: collect, then for each suite server, collector, bzt, verdict; results are saved
 * after every suite, so that whatever happens later takes nothing away. Owns the run. Called by
 * cli/run.c; what one suite needs is in one_suite.c.
 */
#include "suite/runner.h"

#include "suite/autocompare.h"
#include "suite/listing.h"
#include "suite/result_json.h"
#include "suite/strays.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/report.h>
#include <mmsperf/store.h>
#include <mmsperf/str.h>

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND_NAMES_S 60 /* runs of one second get the next ones' names (store.c) */

enum { EXIT_INFRA = 1, EXIT_USAGE = 2, EXIT_FAILED = 3 };

static void complain(const char *what, int r, const struct mp_diag *d)
{
	char text[900];

	if (*d->msg)
		mp_error("%s%s%s", what, *what ? ": " : "", mp_diag_str(d, text, sizeof(text)));
	else
		(void)mp_error_r(r, "%s", *what ? what : "failed");
}

/* A fault that is no suite's: said once, the run ends with 1. */
static void run_fault(struct mp_runner *u, const char *what, int r, const struct mp_diag *d)
{
	if (!u->infra)
		complain(what, r, d);
	u->infra = true;
}

static int make_folders(struct mp_runner *u, struct mp_diag *d)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *pattern = NULL;
	int r;

	/* a Unix socket's path has 107 bytes: artifacts may lie deeper than that */
	if (!tmp || strlen(tmp) > 60)
		tmp = "/tmp";
	pattern = mp_asprintf("%s/mmsperf-XXXXXX", tmp);
	if (!pattern)
		return -ENOMEM;
	if (!mkdtemp(pattern)) {
		r = -errno;
		return mp_diag_set(d, r, pattern, 0, 0, "cannot be created: %s", strerror(-r));
	}
	u->tmp = TAKE_PTR(pattern);
	u->home = mp_path_join(u->tmp, "home");
	if (!u->home)
		return -ENOMEM;
	r = mp_mkdir_p(u->home, 0700);
	return r < 0 ? mp_diag_set(d, r, u->home, 0, 0, "cannot be created: %s", strerror(-r)) : 0;
}

static int create_run(struct mp_runner *u, struct mp_diag *d)
{
	const struct mp_run_opts *o = u->o;
	int r = mp_mkdir_p(o->artifacts_dir, 0755);

	if (r < 0)
		return mp_diag_set(d, r, NULL, 0, 0, "--artifacts-dir '%s': %s", o->artifacts_dir,
				   strerror(-r));
	u->run.out = realpath(o->artifacts_dir, NULL);
	u->run.env = strdup(o->env_name);
	u->run.hold_cap_s = o->hold_cap_s;
	if (!u->run.out || !u->run.env)
		return -ENOMEM;
	u->began_s = mp_now_s();
	r = mp_store_create(&u->run, d);
	if (!r)
		r = mp_fingerprint_machine("", &u->run.fingerprint);
	if (r < 0)
		return r;
	u->server.log = mp_path_join(u->run.dir, "server.log");
	u->run.suites = calloc(u->list.n, sizeof(*u->run.suites));
	return u->server.log && u->run.suites ? 0 : -ENOMEM;
}

static void save(struct mp_runner *u)
{
	struct mp_diag d = {0};
	int r = mp_store_save(&u->run, &d);

	if (r < 0)
		run_fault(u, "results cannot be saved", r, &d);
}

/* Folder and names of a suite's result; the folder is there afterwards. */
static int begin_result(struct mp_runner *u, const struct mp_suite *s, struct mp_suite_result *res,
			struct mp_diag *d)
{
	int r;

	res->bzt_code = -1;
	res->started_s = mp_wall_s();
	res->name = strdup(s->name);
	res->path = strdup(s->path);
	res->dir = mp_path_join(u->run.dir, s->name);
	if (!res->name || !res->path || !res->dir)
		return -ENOMEM;
	r = mp_mkdir_p(res->dir, 0755);
	return r < 0 ? mp_diag_set(d, r, res->dir, 0, 0, "cannot be created: %s", strerror(-r)) : 0;
}

/* --fail-fast: what was not run is said to be so. */
static void leave_rest(struct mp_runner *u, size_t from, const char *after)
{
	for (size_t i = from; i < u->list.n; i++) {
		struct mp_suite_result *res = &u->run.suites[u->run.n_suites++];

		res->bzt_code = -1;
		res->verdict = MP_SKIPPED;
		res->name = strdup(u->list.v[i].name);
		res->path = strdup(u->list.v[i].path);
		res->dir = mp_path_join(u->run.dir, u->list.v[i].name);
		res->reason = mp_asprintf("not run: '%s' failed before it (--fail-fast)", after);
		if (!res->name || !res->path || !res->dir || !res->reason)
			run_fault(u, "", -ENOMEM, &(struct mp_diag){0});
	}
}

static void run_suites(struct mp_runner *u)
{
	for (size_t i = 0; i < u->list.n; i++) {
		const struct mp_suite *s = &u->list.v[i];
		struct mp_suite_result *res = &u->run.suites[u->run.n_suites];
		struct mp_diag d = {0};
		int r;

		if (u->ev.interrupts)
			break;
		r = begin_result(u, s, res, &d);
		u->run.n_suites++; /* from here on it is freed with the run */
		if (r < 0) {
			res->verdict = MP_ERROR;
			run_fault(u, "", r, &d);
			break;
		}
		u->suite_began = mp_moment_now();
		mp_progress_begin(&u->progress, i + 1, s->name, s->expected_s);
		mp_runner_suite(u, s, res);
		res->duration_s = mp_now_s() - u->suite_began.now_s;
		mp_progress_end(&u->progress,
				res->incomplete ? "incomplete" : mp_verdict_name(res->verdict),
				res->duration_s, u->remark ? u->remark : res->reason);
		if (u->progress.quiet && res->verdict > MP_SKIPPED)
			mp_error("%s: %s", res->name, res->reason ? res->reason : "failed");
		free(u->remark);
		u->remark = NULL;
		r = mp_fingerprint_suite_logs(res->dir, &u->run.fingerprint);
		if (r < 0)
			run_fault(u, "versions of the tools", r, &d);
		if (u->o->fail_fast && res->verdict >= MP_FAILED && !u->ev.interrupts) {
			leave_rest(u, i + 1, res->name);
			i = u->list.n;
		}
		save(u);
		if (u->infra)
			break;
	}
}

static void load_series(struct mp_runner *u)
{
	for (size_t i = 0; i < u->run.n_suites; i++) {
		struct mp_diag d = {0};
		int r = mp_results_load_series(&u->run.suites[i], &d);

		if (r < 0)
			mp_debug("%s: %s", u->run.suites[i].name, *d.msg ? d.msg : strerror(-r));
	}
}

/* With the newest passing run of this environment; what was stopped half-way is compared with
 * nothing. */
static void compare(struct mp_runner *u)
{
	struct mp_diag d = {0};
	int r;

	if (!u->o->compare_local || u->ev.interrupts || u->infra)
		return;
	r = mp_autocompare(&u->run, &d);
	if (r == -ENOENT)
		mp_debug("%s", d.msg);
	else if (r < 0)
		run_fault(u, "the comparison could not be made", r, &d);
	else if (u->o->verbosity < 0 && u->run.comparison_verdict >= MP_FAILED)
		mp_error("%s", u->run.comparison);
}

static void write_reports(struct mp_runner *u)
{
	struct mp_diag d = {0};
	int r;

	r = mp_report_junit(&u->run, &d);
	if (r < 0)
		run_fault(u, "junit.xml cannot be written", r, &d);
	d = (struct mp_diag){0};
	r = mp_report_html(&u->run, &d);
	if (r < 0)
		run_fault(u, "junit.html cannot be written", r, &d);
}

static void decide(struct mp_runner *u)
{
	struct mp_outcome o = {
		.stopped = u->ev.interrupts > 0,
		.infra = u->infra,
		.suites = u->run.suites,
		.n = u->run.n_suites,
		.comparison = u->run.comparison ? u->run.comparison_verdict : MP_PASSED,
	};

	u->run.stopped = o.stopped;
	u->run.exit_code = mp_eval_exit_code(&o);
	u->run.verdict = mp_eval_verdict(u->run.suites, u->run.n_suites);
	/* a run that failed its comparison must not become the next one's baseline */
	if (o.comparison >= MP_FAILED && o.comparison > u->run.verdict)
		u->run.verdict = o.comparison;
	if (u->infra)
		u->run.verdict = MP_ERROR;
	u->run.duration_s = mp_now_s() - u->began_s;
}

/* What was measured, how, and where it can be read. */
static void print_whereabouts(const struct mp_run *run)
{
	const char *rung = NULL, *why = NULL;

	for (size_t i = 0; i < run->n_suites && !rung; i++) {
		rung = run->suites[i].rung;
		why = run->suites[i].rung_why;
	}
	printf("\n");
	if (run->server)
		printf("server:    %s\n", run->server);
	if (rung)
		printf("collector: %s%s%s%s\n", rung, why ? " (no higher rung: " : "",
		       why ? why : "", why ? ")" : "");
	printf("report:    %s/junit.html\n", run->dir);
}

/* mean, max and min of what was measured, once, for whoever looks at many runs. */
static void keep_aggregates(struct mp_runner *u)
{
	struct mp_aggregate *v = NULL;
	struct mp_diag d = {0};
	size_t n = 0;
	int r = mp_aggregates_of(&u->run, &v, &n);

	if (!r)
		r = mp_aggregates_write(u->run.dir, v, n, &d);
	mp_aggregates_free(v, n);
	if (r < 0)
		run_fault(u, "aggregates.csv cannot be written", r, &d);
}

/* Into the index, which can be made again at any time, and into the store, which was asked for. The
 * run stays what it is whatever becomes of either. */
static void keep(struct mp_runner *u, int published)
{
	_cleanup_index_ struct mp_index *ix = NULL;
	_cleanup_s3_ struct mp_s3 *s3 = NULL;
	struct mp_s3_count n = {0};
	struct mp_diag d = {0};
	char text[900];
	int r = mp_index_open(u->run.out, false, &ix, &d);

	if (r < 0)
		mp_warning("index: %s",
			   *d.msg ? mp_diag_str(&d, text, sizeof(text)) : strerror(-r));
	if (!u->o->store || published < 0)
		return;
	d = (struct mp_diag){0};
	r = mp_s3_open(u->o->store, u->o->store_timeout_s, &s3, &d);
	if (!r)
		r = mp_s3_push(s3, u->run.dir, &n, &d);
	if (r < 0) {
		mp_error(
			"not uploaded: %s; the run is kept, and 'mmsperf-bpf runs -a %s --store %s "
			"--push %s' goes on",
			*d.msg ? mp_diag_str(&d, text, sizeof(text)) : strerror(-r),
			u->o->artifacts_dir, u->o->store, strrchr(u->run.dir, '/') + 1);
		if (u->run.exit_code != EXIT_USAGE)
			u->run.exit_code = EXIT_INFRA;
		return;
	}
	mp_info("uploaded to %s: %zu files, %.1f MB", u->o->store, n.files, n.bytes / 1e6);
}

/* With --json, stdout is for the result alone; GitHub reads commands on stderr as well. */
static void tell_github(const struct mp_runner *u)
{
	struct mp_diag d = {0};
	char text[900];

	if (u->o->github && mp_github_tell(&u->run, u->o->json ? stderr : stdout, &d) < 0)
		mp_warning("%s", mp_diag_str(&d, text, sizeof(text)));
}

static void finish(struct mp_runner *u)
{
	struct mp_diag d = {0};
	int r;

	mp_server_stop(&u->server);
	(void)mp_strays_end(NULL, 0, SIGTERM, 5);
	r = mp_fingerprint_server_log(u->server.log, &u->run.fingerprint);
	if (r < 0)
		run_fault(u, "version of the server", r, &d);
	decide(u);
	load_series(u);
	keep_aggregates(u);
	compare(u);
	decide(u);
	write_reports(u);
	decide(u); /* a report that could not be written is a fault as well */
	r = mp_store_publish(&u->run, &d);
	if (r < 0) {
		run_fault(u, "results cannot be published", r, &d);
		decide(u);
	}
	keep(u, r);
	tell_github(u);
	if (u->o->verbosity < 0 || u->o->json)
		return;
	mp_report_console(&u->run, stdout);
	print_whereabouts(&u->run);
	if (fflush(stdout) != 0)
		mp_debug("the table cannot be written: %s", strerror(errno));
}

/* What belongs to one run of several. */
static void run_done(struct mp_runner *u)
{
	mp_server_done(&u->server);
	free(u->noted);
	free(u->remark);
	free(u->server_fault);
	free(u->server_fault_url);
	u->noted = u->remark = u->server_fault = u->server_fault_url = NULL;
	mp_run_done(&u->run);
	u->run = (struct mp_run){0};
}

static void runner_done(struct mp_runner *u)
{
	run_done(u);
	mp_tools_done(&u->tools);
	if (u->tmp)
		(void)mp_rm_rf(u->tmp);
	free(u->tmp);
	free(u->home);
	mp_tally_done(&u->tally);
	json_decref(u->json);
	mp_suites_done(&u->list);
	mp_events_done(&u->ev);
	curl_global_cleanup();
}

/* splitmix64: the same order for the same seed on every machine. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void shuffle(struct mp_suite_list *l, long seed)
{
	uint64_t state = (uint64_t)seed;

	for (size_t i = l->n; i > 1; i--) {
		size_t k = (size_t)(next_random(&state) % i);
		struct mp_suite s = l->v[k];

		l->v[k] = l->v[i - 1];
		l->v[i - 1] = s;
	}
	mp_info("order shuffled: --shuffle --seed %ld gives it again", seed);
}

/* Before anything is started. *ret_code: the exit code where it does not return 0. */
static int collect(struct mp_runner *u, int *ret_code)
{
	const struct mp_run_opts *o = u->o;
	struct mp_diag d = {0};
	int r = mp_suites_find(o, &u->list, &d);

	*ret_code = r == -ENOENT ? EXIT_USAGE : EXIT_INFRA;
	if (r < 0) {
		complain("", r, &d);
		return r;
	}
	if (!u->list.n) {
		mp_error("no suite in '%s' matches '%s'%s%s%s", o->test_dir, o->pattern,
			 o->exclude ? " without '" : "", o->exclude ? o->exclude : "",
			 o->exclude ? "'" : "");
		*ret_code = EXIT_FAILED;
		return -ENOENT;
	}
	if (o->shuffle)
		shuffle(&u->list, o->seed);
	return 0;
}

static int dry_run(struct mp_runner *u)
{
	int r = 0;

	if (u->o->json)
		r = mp_listing_json(&u->list, stdout);
	else
		mp_listing_print(&u->list, stdout);
	if (r < 0)
		(void)mp_error_r(r, "the list cannot be written");
	return mp_listing_faults(&u->list) || r < 0 ? EXIT_INFRA : 0;
}

/* A folder that holds a run of the future was made before somebody set the clock back. */
static void warn_of_clock(struct mp_runner *u)
{
	_cleanup_free_ char *id = NULL;
	double ahead_s = 0;
	char text[32];

	if (mp_run_newest_name(u->run.out, u->run.started_s + SECOND_NAMES_S, &id, &ahead_s) < 0)
		return;
	mp_warning(
		"the clock was set back: run '%s' was begun %s from now; lists go by what the clock "
		"said, 'latest' and the baseline by which run ended last",
		id, mp_format_elapsed(text, sizeof(text), ahead_s - u->run.started_s));
}

/* One run of all suites. False: it could not even begin. */
static bool run_once(struct mp_runner *u)
{
	struct mp_diag d = {0};
	int r = create_run(u, &d);

	if (r < 0) {
		complain("", r, &d);
		return false;
	}
	warn_of_clock(u);
	mp_progress_init(&u->progress, u->list.n, u->o->verbosity);
	save(u);
	if (!u->infra)
		run_suites(u);
	finish(u);
	return true;
}

/* Of several runs the gravest code counts: 2, then 1, then 3. */
static int graver(int a, int b)
{
	static const int order[] = {EXIT_USAGE, EXIT_INFRA, EXIT_FAILED};

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return 0;
}

static int run_all(struct mp_runner *u)
{
	int code = 0;

	for (long i = 0; i < u->o->repeat; i++) {
		if (i)
			run_done(u);
		if (u->o->repeat > 1)
			mp_info("run %ld of %ld", i + 1, u->o->repeat);
		if (!run_once(u))
			return graver(code, EXIT_INFRA);
		code = graver(code, u->run.exit_code);
		if (mp_tally_add(&u->tally, &u->run) < 0 ||
		    (u->json && mp_result_json_add(u->json, u->run.dir) < 0)) {
			(void)mp_error_r(-ENOMEM, "the runs cannot be summed up");
			return graver(code, EXIT_INFRA);
		}
		if (u->ev.interrupts || u->infra || (u->o->fail_fast && code))
			break;
	}
	if (u->tally.runs > 1 && u->o->verbosity >= 0 && !u->o->json)
		mp_tally_print(&u->tally, stdout);
	return code;
}

static int prepare_and_run(struct mp_runner *u)
{
	struct mp_diag d = {0};
	int r = mp_events_init(&u->ev);

	if (!r)
		r = mp_strays_mark();
	if (r < 0) {
		(void)mp_error_r(r, "the runner cannot be set up");
		return EXIT_INFRA;
	}
	r = mp_tools_find(u->o, &u->tools, &d);
	if (!r)
		r = make_folders(u, &d);
	if (r < 0) {
		complain("", r, &d);
		return EXIT_INFRA;
	}
	return run_all(u);
}

int mp_suite_main(const struct mp_run_opts *o)
{
	_cleanup_(runner_done) struct mp_runner u = {
		.o = o,
		.ev.fd = -1,
		.server = MP_SERVER_INIT,
		.json = o->json ? json_array() : NULL,
	};
	int code, r;

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	r = collect(&u, &code);
	if (!r && o->dry_run)
		return dry_run(&u);
	if (!r)
		code = prepare_and_run(&u);
	if (u.json) {
		r = mp_result_json_print(TAKE_PTR(u.json), &u.tally, code, stdout);
		if (r < 0) {
			(void)mp_error_r(r, "the result cannot be written");
			return graver(code, EXIT_INFRA);
		}
	}
	return code;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf rejudge RUN SUITE.yaml`: changed criteria on stored data. Writes beside the run's
 * own verdict, never over it; runs nothing.
 */
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/options.h>
#include <mmsperf/rejudge.h>
#include <mmsperf/report.h>
#include <mmsperf/str.h>

#include "cli/commands.h"
#include "cli/load_runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char about[] =
	"Applies the criteria of SUITE.yaml to what a run stored, without running anything: a new limit\n"
	"can be tried on the runs there are. RUN is a run's folder, its name in OUT or the beginning of\n"
	"it, a commit (its newest run), a tag, 'latest' or s3://BUCKET/PREFIX/RUN. SUITE.yaml is matched\n"
	"with the run's suite of its name, or with the only one; its environment and global config are\n"
	"looked for as in a run.";

static const char epilog[] =
	"Criteria that did not change keep bzt's own verdict; changed ones are judged by metrics_bzt.csv,\n"
	"metrics.csv, final_stats.csv and kpi.jtl. Writes junit-rejudged.xml and junit-rejudged.html;\n"
	"the run's own verdict, run.json and junit.xml stay as they are.\n"
	"\n"
	"Exit status, as a run's: 0 passed; 1 the run or a suite cannot be read, or a criterion has no\n"
	"data to be judged by; 2 usage; 3 a criterion failed.";

static void complain(const struct mp_diag *d, int r)
{
	char text[1024];

	if (*d->msg)
		mp_error("%s", mp_diag_str(d, text, sizeof(text)));
	else
		(void)mp_error_r(r, "cannot be judged");
}

static char *copy(const char *s, bool *failed)
{
	char *c = s ? strdup(s) : NULL;

	*failed |= s && !c;
	return c;
}

/* A run of the same identity whose files go to dir. */
static int begin(const struct mp_run *from, const char *dir, struct mp_run *run)
{
	bool failed = false;

	run->dir = dir ? realpath(dir, NULL) : strdup(from->dir);
	failed |= !run->dir;
	run->out = copy(from->out, &failed);
	run->env = copy(from->env, &failed);
	run->commit = copy(from->commit, &failed);
	run->server = copy(from->server, &failed);
	run->note = mp_asprintf("Judged again, nothing was run; the run's own verdict was '%s'.",
				mp_verdict_name(from->verdict));
	run->started_s = from->started_s;
	run->duration_s = from->duration_s;
	run->hold_cap_s = from->hold_cap_s;
	return failed || !run->note ? -ENOMEM : 0;
}

static int write_files(const struct mp_run *run)
{
	static const char *const xml[] = {"junit-rejudged.xml"}, *const html[] = {
									 "junit-rejudged.html"};
	struct mp_diag d = {0};
	int r = mp_report_junit_as(run, xml, ARRAY_SIZE(xml), &d);

	if (!r)
		r = mp_report_html_as(run, html, ARRAY_SIZE(html), &d);
	if (r < 0)
		complain(&d, r);
	return r;
}

static int rejudge(const struct mp_run *stored, char **files, size_t n, const char *env,
		   const char *dir, bool quiet)
{
	_cleanup_(mp_run_done) struct mp_run run = {0};
	struct mp_diag d = {0};
	int r = dir ? mp_mkdir_p(dir, 0755) : 0;

	if (r < 0)
		return mp_error_r(r, "'%s' cannot be created", dir), MP_EXIT_INFRA;
	r = begin(stored, dir, &run);
	if (r < 0)
		return mp_error_r(r, "cannot judge again"), MP_EXIT_INFRA;
	for (size_t i = 0; i < n; i++) {
		r = mp_suite_rejudge(stored, files[i], env, &run, &d);
		if (r < 0) {
			complain(&d, r);
			return MP_EXIT_INFRA;
		}
	}
	for (size_t i = 0; i < run.n_suites; i++)
		if (run.suites[i].bzt_code == 3)
			mp_info("%s: criteria of then failed it, and may have stopped its load "
				"early",
				run.suites[i].name);
	mp_run_conclude(&run);
	if (write_files(&run) < 0)
		return MP_EXIT_INFRA;
	if (!quiet) {
		mp_report_console(&run, stdout);
		printf("report: %s/junit-rejudged.html\n", run.dir);
	}
	return fflush(stdout) != 0 ? MP_EXIT_INFRA : run.exit_code;
}

int mp_cmd_rejudge(int argc, char **argv)
{
	const char *out = "out", *env = NULL, *dir = NULL;
	bool quiet = false, faulty = false;
	const struct mp_opt opts[] = {
		{.letter = 'a',
		 .name = "artifacts-dir",
		 .type = MP_OPT_STRING,
		 .dest = &out,
		 .metavar = "OUT",
		 .help = "where the run is looked for (default: out)"},
		{.letter = 'e',
		 .name = "env-name",
		 .type = MP_OPT_STRING,
		 .dest = &env,
		 .metavar = "ENV",
		 .help = "environment whose limits count (default: the run's)"},
		{.letter = 'o',
		 .name = "output",
		 .type = MP_OPT_STRING,
		 .dest = &dir,
		 .metavar = "DIR",
		 .help = "where the two files go (default: the run's folder)"},
		{.letter = 'q',
		 .name = "quiet",
		 .type = MP_OPT_FLAG,
		 .dest = &quiet,
		 .help = "print no table"},
	};
	const struct mp_usage usage = {
		.command = "mmsperf-bpf rejudge",
		.synopsis = "[OPTIONS] RUN SUITE.yaml...",
		.about = about,
		.epilog = epilog,
		.opts = opts,
		.n_opts = ARRAY_SIZE(opts),
	};
	_cleanup_(mp_run_set_done) struct mp_run_set set = {0};
	int operands, r;

	r = mp_options_parse(&usage, argc, argv, &operands);
	if (r)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	if (operands < 2) {
		mp_error("rejudge takes a run and at least one suite (see 'mmsperf-bpf rejudge "
			 "--help')");
		return MP_EXIT_USAGE;
	}
	if (mp_cli_load_runs(out, argv[1], &set, &faulty) < 0)
		return MP_EXIT_INFRA;
	if (set.n != 1) {
		mp_error("rejudge takes one run, '%s' names %zu", argv[1], set.n);
		return MP_EXIT_USAGE;
	}
	return rejudge(set.v[0], argv + 2, (size_t)operands - 1, env, dir, quiet);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf report FOLDER`: the pages of a stored run written again, or a page for any folder
 * bzt left behind. Reads and writes the folder only; runs nothing but, with --open, a viewer.
 */
#include <mmsperf/child.h>
#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/options.h>
#include <mmsperf/report.h>
#include <mmsperf/results.h>
#include <mmsperf/str.h>

#include "cli/commands.h"
#include "cli/report.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_DEADLINE_S 10.0 /* xdg-open returns once the browser was told */

static void complain(const struct mp_diag *d)
{
	char text[1024];

	mp_error("%s", mp_diag_str(d, text, sizeof(text)));
}

/* A folder of runs (--artifacts-dir) stands for its newest one; what is no folder is a name. NULL
 * after a line on stderr. */
static char *find_run(const char *out, const char *folder)
{
	_cleanup_free_ char *own = mp_path_join(folder, "run.json");
	_cleanup_free_ char *latest = mp_path_join(folder, "latest");
	_cleanup_free_ char *newest = latest ? mp_path_join(latest, "run.json") : NULL;

	if (!mp_is_dir(folder)) {
		struct mp_diag d = {0};
		char *dir = NULL;

		if (strchr(folder, '/') && !mp_s3_is_url(folder))
			mp_error("'%s' is not a folder", folder);
		else if (mp_run_resolve(out, folder, &dir, &d) < 0)
			complain(&d);
		return dir;
	}
	if (own && newest && !mp_is_file(own) && mp_is_file(newest))
		return TAKE_PTR(latest);
	return strdup(folder);
}

static int load_run(const char *folder, struct mp_run **ret_run)
{
	_cleanup_free_ char *json = mp_path_join(folder, "run.json");
	struct mp_diag d = {0};
	int r;

	if (!json)
		return mp_error_r(-ENOMEM, "cannot read '%s'", folder);
	if (!mp_is_file(json)) {
		r = mp_store_load_foreign(folder, ret_run, &d);
		if (r < 0)
			complain(&d);
		else if (d.msg[0])
			mp_warning("%s%s%s; the rest is shown", d.file, d.file[0] ? ": " : "",
				   d.msg);
		return r;
	}
	r = mp_store_load(folder, ret_run, &d);
	if (r < 0) {
		complain(&d);
		return r;
	}
	for (size_t i = 0; i < (*ret_run)->n_suites; i++) {
		d = (struct mp_diag){0};
		if (mp_results_load_series(&(*ret_run)->suites[i], &d) < 0)
			mp_warning("suite '%s': %s: %s; the rest is shown",
				   (*ret_run)->suites[i].name, d.file, d.msg);
	}
	return 0;
}

/* The page is there whatever becomes of the viewer. */
void mp_report_open(const char *page)
{
	const char *const argv[] = {"xdg-open", page, NULL};
	struct mp_child child = MP_CHILD_INIT;
	int r = mp_child_start(argv, NULL, &child);

	if (!r) {
		r = mp_child_wait(&child, OPEN_DEADLINE_S);
		if (r == -ETIMEDOUT) {
			/* some viewers stay in the foreground: leave it to its user */
			return;
		}
		if (!r && mp_child_code(&child))
			r = -ENOENT;
	}
	if (r < 0)
		mp_warning("no viewer could be started (%s): open '%s' in a browser",
			   r == -ENOENT ? "xdg-open is missing or knows none" : strerror(-r), page);
}

static const char about[] =
	"Writes junit.html, junit.xml and their copies again from a stored run. FOLDER is a run's\n"
	"folder, an artifacts folder (its newest run), or any folder that Taurus left behind\n"
	"(kpi.jtl, final_stats.csv, SAlogs_*.csv, effective.yml), or one that holds such folders.\n"
	"With --history, FOLDER (default: OUT) holds runs: history.html shows every metric over the\n"
	"newest N of each environment, with the median of the passing ones. Else FOLDER may be a run's\n"
	"name in OUT as 'runs' and 'compare' take it: a commit, a tag, 'latest', ...\n"
	"With --markdown or --chart nothing else is written.";

static const char epilog[] =
	"Exit status: 0 written, 1 the folder cannot be read or written, or has no run that matches;\n"
	"2 usage.";

static int write_run(const struct mp_report_args *a, const char *where)
{
	_cleanup_free_ char *folder = find_run(a->out, where), *page = NULL;
	_cleanup_run_ struct mp_run *run = NULL;
	struct mp_diag d = {0};
	int r;

	if (!folder || load_run(folder, &run) < 0)
		return MP_EXIT_INFRA;
	if (a->markdown)
		return mp_report_markdown_file(a, run);
	if (a->chart)
		return mp_report_chart_file(a, run);
	r = mp_report_junit(run, &d);
	if (!r)
		r = mp_report_html(run, &d);
	if (r < 0) {
		complain(&d);
		return MP_EXIT_INFRA;
	}
	if (!a->quiet)
		mp_report_console(run, stdout);
	page = mp_path_join(run->dir, "junit.html");
	if (!page)
		return MP_EXIT_INFRA;
	printf("report: %s\n", page);
	if (a->open)
		mp_report_open(page);
	return a->github ? mp_report_github(run) : MP_EXIT_OK;
}

static int check(const struct mp_report_args *a, int operands)
{
	if (operands > 1 || (!operands && !a->history)) {
		mp_error("report takes one folder (see 'mmsperf-bpf report --help')");
		return -EINVAL;
	}
	if (a->github && (a->history || a->markdown || a->chart)) {
		mp_error("--github tells of a run whose pages are written: not with --history, "
			 "--markdown or --chart");
		return -EINVAL;
	}
	if (!!a->history + !!a->markdown + !!a->chart > 1) {
		mp_error("one of --history, --markdown and --chart at a time");
		return -EINVAL;
	}
	if ((a->suite && !a->history && !a->chart) || (a->output && !a->history && !a->chart)) {
		mp_error("--%s belongs to --history and --chart", a->suite ? "suite" : "output");
		return -EINVAL;
	}
	if (!a->history && (a->store || a->env)) {
		mp_error("--%s belongs to --history", a->store ? "store" : "env");
		return -EINVAL;
	}
	if (a->store && !mp_s3_is_url(a->store)) {
		mp_error("--store '%s': s3://BUCKET[/PREFIX] is needed", a->store);
		return -EINVAL;
	}
	return 0;
}

int mp_cmd_report(int argc, char **argv)
{
	struct mp_report_args a = {.out = "out", .give_up_s = MP_S3_GIVE_UP_S};
	const struct mp_opt opts[] = {
		{0, "open", NULL, MP_OPT_FLAG, &a.open, NULL, "show the page in a browser", 0, 0},
		{'q', "quiet", NULL, MP_OPT_FLAG, &a.quiet, NULL, "print no table", 0, 0},
		{0, "history", NULL, MP_OPT_INT, &a.history, "N",
		 "history.html of the newest N runs of each environment", 1, 1000000},
		{'a', "artifacts-dir", "out", MP_OPT_STRING, &a.out, "OUT",
		 "the folder of the runs (default: out)", 0, 0},
		{'e', "env", "env-name", MP_OPT_STRING, &a.env, "GLOB",
		 "--history: of these environments", 0, 0},
		{'s', "suite", NULL, MP_OPT_STRING, &a.suite, "GLOB",
		 "--history, --chart: of these suites", 0, 0},
		{0, "store", NULL, MP_OPT_STRING, &a.store, "s3://BUCKET/PREFIX",
		 "--history: of the runs kept there", 0, 0},
		{0, "store-timeout", NULL, MP_OPT_SECONDS, &a.give_up_s, "TIME",
		 "give up a request after failing so long (default: 2m)", 0, 0},
		{0, "markdown", NULL, MP_OPT_STRING, &a.markdown, "FILE|-",
		 "the run for a pull request, beside its baseline", 0, 0},
		{0, "chart", NULL, MP_OPT_STRING, &a.chart, "METRIC[:ROLE]",
		 "one metric over time as SVG: p90, p90:LABEL, throughput,\n"
		 "memory_rss, memory_rss:workers, cpu_percent:MODEL#0, ...",
		 0, 0},
		{'o', "output", NULL, MP_OPT_STRING, &a.output, "FILE",
		 "of --history (default: OUT/history.html) and --chart\n(default: -, stdout)", 0,
		 0},
		{0, "github", NULL, MP_OPT_FLAG, &a.github, NULL,
		 "annotations and job summary for what failed", 0, 0},
	};
	const struct mp_usage usage = {
		.command = "mmsperf-bpf report",
		.synopsis = "[OPTIONS] FOLDER",
		.about = about,
		.epilog = epilog,
		.opts = opts,
		.n_opts = ARRAY_SIZE(opts),
	};
	const char *folder;
	int operands, r;

	r = mp_options_parse(&usage, argc, argv, &operands);
	if (r)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	if (check(&a, operands) < 0)
		return MP_EXIT_USAGE;
	folder = operands ? argv[1] : a.out;
	if (a.history && !a.store && !mp_is_dir(folder)) {
		mp_error("'%s' is not a folder", folder);
		return MP_EXIT_INFRA;
	}
	return a.history ? mp_report_history_page(&a, folder) : write_run(&a, folder);
}

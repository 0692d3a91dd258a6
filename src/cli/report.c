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

/* A folder of runs (--artifacts-dir) stands for its newest one. */
static char *find_run(const char *folder)
{
	_cleanup_free_ char *own = mp_path_join(folder, "run.json");
	_cleanup_free_ char *latest = mp_path_join(folder, "latest");
	_cleanup_free_ char *newest = latest ? mp_path_join(latest, "run.json") : NULL;

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

/* The page is there whatever becomes of the viewer: a failure is said, not returned. */
static void open_page(const char *page)
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

int mp_cmd_report(int argc, char **argv)
{
	bool open = false, quiet = false;
	const struct mp_opt opts[] = {
		{'o', "open", NULL, MP_OPT_FLAG, &open, NULL, "show the page in a browser", 0, 0},
		{'q', "quiet", NULL, MP_OPT_FLAG, &quiet, NULL, "print no table", 0, 0},
	};
	const struct mp_usage usage = {
		.command = "mmsperf-bpf report",
		.synopsis = "[OPTIONS] FOLDER",
		.about =
			"Writes junit.html, junit.xml and their copies again from a stored run. FOLDER is a run's\n"
			"folder, an artifacts folder (its newest run), or any folder that Taurus left behind\n"
			"(kpi.jtl, final_stats.csv, SAlogs_*.csv, effective.yml), or one that holds such folders.",
		.epilog =
			"Exit status: 0 written, 1 the folder cannot be read or written, 2 usage.",
		.opts = opts,
		.n_opts = ARRAY_SIZE(opts),
	};
	_cleanup_free_ char *folder = NULL, *page = NULL;
	_cleanup_run_ struct mp_run *run = NULL;
	struct mp_diag d = {0};
	int operands, r;

	r = mp_options_parse(&usage, argc, argv, &operands);
	if (r)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	if (operands != 1) {
		mp_error("report takes one folder (see 'mmsperf-bpf report --help')");
		return MP_EXIT_USAGE;
	}
	if (!mp_is_dir(argv[1])) {
		mp_error("'%s' is not a folder", argv[1]);
		return MP_EXIT_INFRA;
	}
	folder = find_run(argv[1]);
	if (!folder || load_run(folder, &run) < 0)
		return MP_EXIT_INFRA;
	r = mp_report_junit(run, &d);
	if (!r)
		r = mp_report_html(run, &d);
	if (r < 0) {
		complain(&d);
		return MP_EXIT_INFRA;
	}
	if (!quiet)
		mp_report_console(run, stdout);
	page = mp_path_join(run->dir, "junit.html");
	if (!page)
		return MP_EXIT_INFRA;
	printf("report: %s\n", page);
	if (open)
		open_page(page);
	return MP_EXIT_OK;
}

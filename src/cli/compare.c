// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf compare A B`: two stored runs, or two sets of them, metric by metric. Reads run
 * folders, writes three files and a table; runs nothing.
 */
#include <mmsperf/compare.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/options.h>
#include <mmsperf/str.h>

#include "cli/commands.h"
#include "cli/load_runs.h"
#include "cli/report.h"

#include <errno.h>
#include <string.h>

static const char about[] =
	"Compares stored runs metric by metric: latency, throughput and errors by label, CPU per 1,000\n"
	"requests, and every recorded metric. A is the reference, changes are B against A. Each is a\n"
	"run's folder, its name in OUT or the beginning of it, a commit (its newest run), a tag, 'latest'\n"
	"or s3://BUCKET/PREFIX/RUN; several with commas between are a set: with several runs a side\n"
	"every change gets a 95 % interval (Welch on logarithms, runs as units), with one run a side its\n"
	"uncertainty is unknown.";

static const char epilog[] =
	"A verdict comes only from criteria of B's suites that carry diff_percent (upstream's rule:\n"
	"|b - a| / ((a + b) / 2) * 100 has to be less, so an improvement may break it as well). Runs of\n"
	"different environments are put side by side and not judged.\n"
	"Writes comparison_result.csv, comparison_results.xml (JUnit) and comparison_results.html.\n"
	"\n"
	"Exit status: 0 nothing judged failed; 1 a run cannot be read, or a rule cannot be asked (no\n"
	"value); 2 usage; 3 a rule is broken.";

static int write_files(const struct mp_comparison *c, const char *dir)
{
	struct mp_diag d = {0};
	char text[900];
	int r = mp_mkdir_p(dir, 0755);

	if (r < 0)
		return mp_error_r(r, "'%s' cannot be created", dir);
	r = mp_report_comparison(c, dir, &d);
	if (r < 0)
		mp_error("%s", mp_diag_str(&d, text, sizeof(text)));
	return r;
}

static int compare(const struct mp_run_set *a, const struct mp_run_set *b, const char *dir,
		   const char *markdown, bool json, bool all)
{
	_cleanup_(mp_comparison_done) struct mp_comparison c = {0};
	const struct mp_compare_opts o = {0};
	int r = mp_compare((const struct mp_run *const *)a->v, a->n,
			   (const struct mp_run *const *)b->v, b->n, &o, &c);

	if (r < 0)
		return mp_error_r(r, "the runs cannot be compared"), MP_EXIT_INFRA;
	if (!dir)
		dir = b->v[b->n - 1]->dir;
	r = write_files(&c, dir);
	if (markdown && mp_cli_markdown(b->v[b->n - 1], &c, markdown) < 0)
		r = -EIO;
	if (json)
		r = mp_report_comparison_json(&c, stdout) < 0 ? -EIO : r;
	else if (!markdown || strcmp(markdown, "-") != 0)
		mp_report_comparison_console(&c, all, stdout);
	if (!json && !r && (!markdown || strcmp(markdown, "-") != 0))
		printf("report: %s/comparison_results.html\n", dir);
	if (fflush(stdout) != 0 || r < 0 || c.verdict == MP_ERROR)
		return MP_EXIT_INFRA;
	return c.verdict == MP_FAILED ? MP_EXIT_FAILED : MP_EXIT_OK;
}

int mp_cmd_compare(int argc, char **argv)
{
	const char *out = "out", *dir = NULL, *markdown = NULL;
	bool json = false, all = false;
	const struct mp_opt opts[] = {
		{.letter = 'a',
		 .name = "artifacts-dir",
		 .type = MP_OPT_STRING,
		 .dest = &out,
		 .metavar = "OUT",
		 .help = "where runs are looked for (default: out)"},
		{.letter = 'o',
		 .name = "output",
		 .type = MP_OPT_STRING,
		 .dest = &dir,
		 .metavar = "DIR",
		 .help = "where the three files go (default: B's folder)"},
		{.name = "all",
		 .type = MP_OPT_FLAG,
		 .dest = &all,
		 .help = "print every row, not the important ones alone"},
		{.name = "json",
		 .type = MP_OPT_FLAG,
		 .dest = &json,
		 .help = "print JSON instead of the table"},
		{.name = "markdown",
		 .type = MP_OPT_STRING,
		 .dest = &markdown,
		 .metavar = "FILE|-",
		 .help = "B beside A for a pull request; on '-' (stdout) instead\nof the table"},
	};
	const struct mp_usage usage = {
		.command = "mmsperf-bpf compare",
		.synopsis = "[OPTIONS] A[,A2...] B[,B2...]",
		.about = about,
		.epilog = epilog,
		.opts = opts,
		.n_opts = ARRAY_SIZE(opts),
	};
	_cleanup_(mp_run_set_done) struct mp_run_set a = {0}, b = {0};
	bool faulty = false;
	int operands, r;

	r = mp_options_parse(&usage, argc, argv, &operands);
	if (r)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	if (operands != 2) {
		mp_error("compare takes two runs, A and B (see 'mmsperf-bpf compare --help')");
		return MP_EXIT_USAGE;
	}
	if (json && markdown && !strcmp(markdown, "-")) {
		mp_error("--json and --markdown - both want stdout");
		return MP_EXIT_USAGE;
	}
	if (mp_cli_load_runs(out, argv[1], &a, &faulty) < 0 ||
	    mp_cli_load_runs(out, argv[2], &b, &faulty) < 0)
		return MP_EXIT_INFRA;
	r = compare(&a, &b, dir, markdown, json, all);
	return faulty ? MP_EXIT_INFRA : r;
}

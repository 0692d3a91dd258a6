// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `mmsperf-bpf report` makes of a run for elsewhere: Markdown, one metric as SVG, and what
 * GitHub shows beside a job. Called by report.c and compare.c.
 */
#include "cli/report.h"

#include "cli/commands.h"

#include <mmsperf/chart.h>
#include <mmsperf/cleanup.h>
#include <mmsperf/compare.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/report.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int write_text(const struct mp_buf *b, const char *file)
{
	int r = 0;

	if (strcmp(file, "-") != 0)
		r = mp_write_file(file, b->s, b->len, 0644);
	else if (fwrite(b->s, 1, b->len, stdout) != b->len || fflush(stdout) != 0)
		r = -errno;
	return r < 0 ? mp_error_r(r, "'%s' cannot be written", file) : 0;
}

int mp_cli_markdown(const struct mp_run *run, const struct mp_comparison *c, const char *file)
{
	_cleanup_buf_ struct mp_buf b = {0};
	int r = mp_report_markdown(run, c, MP_MARKDOWN_COMMENT, &b);

	if (r < 0)
		return mp_error_r(r, "the Markdown cannot be made");
	return write_text(&b, file);
}

int mp_report_markdown_file(const struct mp_report_args *a, const struct mp_run *run)
{
	_cleanup_(mp_against_done) struct mp_against against = {0};
	/* a folder bzt left behind has no environment, and nothing to stand beside */
	int r = run->foreign ? -ENOENT : mp_against_baseline(run->out, run, &against);

	if (r == -ENOMEM)
		return mp_error_r(r, "the run cannot be compared"), MP_EXIT_INFRA;
	return mp_cli_markdown(run, r < 0 ? NULL : &against.c, a->markdown) < 0 ? MP_EXIT_INFRA
										: MP_EXIT_OK;
}

/* What --suite names, else the first suite that fails and has it, else the first that has it. */
static int find_chart(const struct mp_report_args *a, const struct mp_run *run,
		      struct mp_chart *ret, struct mp_diag *d)
{
	int r = mp_diag_set(d, -ENOENT, NULL, 0, 0, "no suite%s%s%s in this run",
			    a->suite ? " matches '" : "", a->suite ? a->suite : "",
			    a->suite ? "'" : "");

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < run->n_suites; i++) {
			const struct mp_suite_result *s = &run->suites[i];

			if ((a->suite && !mp_glob(a->suite, s->name)) ||
			    (pass == 0) != (s->verdict >= MP_FAILED))
				continue;
			r = mp_chart_find(s, a->chart, ret, d);
			if (r != -ENOENT)
				return r;
		}
	return r;
}

int mp_report_chart_file(const struct mp_report_args *a, const struct mp_run *run)
{
	_cleanup_(mp_chart_done) struct mp_chart c = {0};
	_cleanup_buf_ struct mp_buf b = {0};
	struct mp_diag d = {0};
	char text[1024];
	int r = find_chart(a, run, &c, &d);

	if (r < 0) {
		mp_error("--chart: %s",
			 *d.msg ? mp_diag_str(&d, text, sizeof(text)) : strerror(-r));
		return MP_EXIT_INFRA;
	}
	r = mp_report_svg(&c, &b);
	if (r < 0)
		return mp_error_r(r, "the chart cannot be made"), MP_EXIT_INFRA;
	return write_text(&b, a->output ? a->output : "-") < 0 ? MP_EXIT_INFRA : MP_EXIT_OK;
}

int mp_report_github(const struct mp_run *run)
{
	struct mp_diag d = {0};
	char text[1024];

	if (mp_github_tell(run, stdout, &d) < 0) {
		mp_error("%s", mp_diag_str(&d, text, sizeof(text)));
		return MP_EXIT_INFRA;
	}
	return MP_EXIT_OK;
}

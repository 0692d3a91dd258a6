// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf report --history N`: history.html from the runs in OUT, or from those in S3, of
 * which only the two files that it takes are fetched. Called by report.c.
 */
#include "cli/report.h"

#include "cli/commands.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/history.h>
#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int complain(const struct mp_diag *d, int r)
{
	char text[1024];

	mp_error("%s", *d->msg ? mp_diag_str(d, text, sizeof(text)) : strerror(-r));
	return MP_EXIT_INFRA;
}

/* The newest N of each environment: what the names tell. The machine is only known once run.json is
 * there, which mp_history_read() takes care of. */
static bool is_within(const struct mp_run_list *l, size_t at, long limit)
{
	long newer = 0;

	for (size_t i = 0; i < at; i++)
		newer += !strcmp(l->v[i].env, l->v[at].env);
	return newer < limit;
}

static int fetch_all(struct mp_s3 *s3, const struct mp_report_args *a, const char *dir,
		     struct mp_diag *d)
{
	static const char *const files[] = {"run.json", "aggregates.csv"};
	const struct mp_run_filter f = {.env = a->env, .suite = a->suite};
	_cleanup_(mp_run_list_done) struct mp_run_list l = {0};
	int r = mp_s3_list(s3, &f, false, &l, d);

	for (size_t i = 0; i < l.n && !r; i++)
		if (is_within(&l, i, a->history))
			r = mp_s3_fetch_some(s3, l.v[i].id, dir, files, ARRAY_SIZE(files), d);
	return r;
}

static int write_page(const struct mp_report_args *a, const char *source, const char *where,
		      const char *out)
{
	const struct mp_run_filter f = {.env = a->env, .suite = a->suite};
	_cleanup_(mp_history_done) struct mp_history h = {0};
	_cleanup_free_ char *path =
		a->output ? strdup(a->output) : mp_path_join(out, "history.html");
	struct mp_diag d = {0};
	int r = path ? mp_history_read(source, &f, (size_t)a->history, &h, &d) : -ENOMEM;

	if (r < 0)
		return complain(&d, r);
	if (!h.n) {
		mp_error("no run in '%s'%s: nothing to show", where,
			 a->env || a->suite ? " matches" : "");
		return MP_EXIT_INFRA;
	}
	r = mp_report_history(&h, out, path, &d);
	if (r < 0)
		return complain(&d, r);
	printf("history: %s\n", path);
	if (a->open)
		mp_report_open(path);
	return MP_EXIT_OK;
}

static int from_s3(const struct mp_report_args *a, const char *out)
{
	_cleanup_free_ char *dir = mp_asprintf("%s/mmsperf-history-XXXXXX",
					       getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	_cleanup_s3_ struct mp_s3 *s3 = NULL;
	struct mp_diag d = {0};
	int r;

	if (!dir || !mkdtemp(dir))
		return mp_error_r(dir ? -errno : -ENOMEM, "a folder for the runs' files"),
		       MP_EXIT_INFRA;
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	r = mp_s3_open(a->store, a->give_up_s, &s3, &d);
	if (!r)
		r = fetch_all(s3, a, dir, &d);
	if (!r)
		r = mp_mkdir_p(out, 0755);
	r = r < 0 ? complain(&d, r) : write_page(a, dir, a->store, out);
	(void)mp_rm_rf(dir);
	return r;
}

int mp_report_history_page(const struct mp_report_args *a, const char *folder)
{
	return a->store ? from_s3(a, folder) : write_page(a, folder, folder, folder);
}

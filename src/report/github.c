// SPDX-License-Identifier: GPL-2.0-only
/*
 * What GitHub Actions shows beside a job: annotations at the criteria that failed, and a summary.
 * Silent where nothing is wrong. Called by suite/runner.c and cli/report.c.
 */
#include <mmsperf/report.h>

#include <mmsperf/compare.h>
#include <mmsperf/fs.h>

#include "report/text_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUMMARY_MAX (1024 * 1024) /* of one step: docs.github.com, "Adding a job summary" */
#define SHOWN       10            /* errors of one step that GitHub makes annotations of */
#define MESSAGE     4096

bool mp_github_here(void)
{
	const char *s = getenv("GITHUB_ACTIONS");

	return s && !strcmp(s, "true");
}

static bool is_wrong(const struct mp_run *r)
{
	bool wrong = r->verdict >= MP_FAILED || r->stopped || r->unfinished ||
		     (r->comparison && r->comparison_verdict >= MP_FAILED);

	for (size_t i = 0; i < r->n_suites; i++)
		wrong |= r->suites[i].verdict >= MP_FAILED;
	return wrong;
}

/* As GitHub wants it: from the root of the repository. The caller frees. */
static char *in_workspace(const char *path)
{
	const char *workspace = getenv("GITHUB_WORKSPACE");
	_cleanup_free_ char *root = workspace ? realpath(workspace, NULL) : NULL;
	_cleanup_free_ char *real = realpath(path, NULL);
	size_t n = root ? strlen(root) : 0;

	if (n && real && !strncmp(real, root, n) && real[n] == '/')
		return strdup(real + n + 1);
	n = workspace ? strlen(workspace) : 0; /* of a stored run: the file need not be there */
	if (n && !strncmp(path, workspace, n) && path[n] == '/')
		path += n + 1;
	while (!strncmp(path, "./", 2))
		path += 2;
	return strdup(path);
}

/* A malformed suite says itself where: "FILE:LINE:COL: ...". 0: it does not. */
static int line_in_reason(const char *reason, const char *path)
{
	size_t n = strlen(path);

	return reason && !strncmp(reason, path, n) && reason[n] == ':' ? atoi(reason + n + 1) : 0;
}

struct annotations {
	FILE *out;
	size_t n;
};

static void annotate(struct annotations *a, const char *path, int line, const char *title,
		     const char *message)
{
	_cleanup_buf_ struct mp_buf b = {0};
	_cleanup_free_ char *text = strndup(message ? message : "", MESSAGE);

	if (a->n++ >= SHOWN - 1) /* the last one says how many more there are */
		return;
	mp_buf_puts(&b, "::error ");
	if (path) {
		_cleanup_free_ char *file = in_workspace(path);

		mp_buf_puts(&b, "file=");
		mp_github_property(&b, file);
		mp_buf_printf(&b, ",line=%d,", line > 0 ? line : 1);
	}
	mp_buf_puts(&b, "title=");
	mp_github_property(&b, title);
	mp_buf_puts(&b, "::");
	mp_github_data(&b, text);
	fprintf(a->out, "%s\n", b.s && !b.failed ? b.s : "::error::out of memory");
}

static void annotate_suite(struct annotations *a, const struct mp_suite_result *s)
{
	size_t before = a->n;

	for (size_t i = 0; i < s->n_cases; i++) {
		const struct mp_case *c = &s->cases[i];
		_cleanup_free_ char *text = NULL;

		if (c->verdict < MP_FAILED)
			continue;
		text = mp_asprintf("%s: %s", c->name, c->message ? c->message : "not met");
		annotate(a, c->file ? c->file : s->path, c->line, s->name, text);
	}
	if (a->n == before && s->verdict >= MP_FAILED)
		annotate(a, s->path, s->path ? line_in_reason(s->reason, s->path) : 0, s->name,
			 s->reason);
}

static void put_annotations(const struct mp_run *r, FILE *out)
{
	struct annotations a = {.out = out};

	for (size_t i = 0; i < r->n_suites; i++)
		annotate_suite(&a, &r->suites[i]);
	if (r->comparison && r->comparison_verdict >= MP_FAILED)
		annotate(&a, NULL, 0, "comparison", r->comparison);
	if (!a.n)
		annotate(&a, NULL, 0, "performance run",
			 r->stopped      ? "stopped by hand"
			 : r->unfinished ? "the run did not finish"
					 : "failed outside of any suite: see the log");
	if (a.n >= SHOWN)
		fprintf(out,
			"::error title=performance run::%zu further failures: see the report\n",
			a.n - (SHOWN - 1));
}

static int append_summary(const struct mp_run *r, const struct mp_comparison *c, const char *path,
			  struct mp_diag *d)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	_cleanup_buf_ struct mp_buf b = {0};
	struct stat st;
	int k;

	if (fd < 0 || fstat(fd, &st) < 0) {
		k = -errno;
		return mp_diag_set(d, k, path, 0, 0, "cannot be written: %s", strerror(-k));
	}
	k = st.st_size + 1 >= SUMMARY_MAX
		    ? -ENOSPC
		    : mp_report_markdown(r, c, (size_t)(SUMMARY_MAX - st.st_size - 1), &b);
	/* a heading needs a line of its own, whatever was written before */
	if (!k && st.st_size)
		k = mp_write_all(fd, "\n", 1);
	if (!k)
		k = mp_write_all(fd, b.s, b.len);
	return k < 0 ? mp_diag_set(d, k, path, 0, 0, "the summary is not written: %s",
				   k == -ENOSPC ? "GitHub takes 1 MiB of a step, which is used up"
						: strerror(-k))
		     : 0;
}

int mp_github_tell(const struct mp_run *r, FILE *out, struct mp_diag *d)
{
	_cleanup_(mp_against_done) struct mp_against a = {0};
	const char *path = getenv("GITHUB_STEP_SUMMARY");
	int k;

	if (!is_wrong(r))
		return 0;
	put_annotations(r, out);
	if (!path || !*path)
		return 0;
	k = mp_against_baseline(r->out, r, &a);
	if (k == -ENOMEM)
		return mp_diag_set(d, k, path, 0, 0, "out of memory");
	return append_summary(r, k < 0 ? NULL : &a.c, path, d);
}

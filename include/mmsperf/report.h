/* SPDX-License-Identifier: GPL-2.0-only */
/* Renderers: each turns one struct mp_run into one file, and computes nothing. */
#pragma once

#include <mmsperf/results.h>
#include <mmsperf/str.h>

#include <stdio.h>

struct mp_comparison;

/* junit.xml and performance_results.xml in r->dir, valid against junit-10.xsd. */
int mp_report_junit(const struct mp_run *r, struct mp_diag *d);
/* The same under other names: what is no run of its own must not replace a run's files. */
int mp_report_junit_as(const struct mp_run *r, const char *const *files, size_t n,
		       struct mp_diag *d);
/* junit.html and performance_results.html: one self-contained page, no external request. */
int mp_report_html(const struct mp_run *r, struct mp_diag *d);
int mp_report_html_as(const struct mp_run *r, const char *const *files, size_t n,
		      struct mp_diag *d);
/* Final table of at most 80 columns, for people; colour only where the terminal has it. */
void mp_report_console(const struct mp_run *r, FILE *out);

/*
 * For a pull request or a job's summary, at most max bytes of Markdown (GitHub takes 65,536 in a
 * comment): verdict, failures, what changed against the comparison's other side (c may be NULL),
 * the rest folded. Series are loaded. -ENOSPC: max is below MP_MARKDOWN_MIN. *ret needs
 * mp_buf_done().
 */
#define MP_MARKDOWN_COMMENT 65536
#define MP_MARKDOWN_MIN     16384
int mp_report_markdown(const struct mp_run *r, const struct mp_comparison *c, size_t max,
		       struct mp_buf *ret);

/* --- GitHub Actions ----------------------------------------------------------------------------
 */

/* True within a job of GitHub Actions. */
bool mp_github_here(void);
/*
 * Nothing where nothing is wrong. Else ::error commands to out for what failed, each pointing at
 * the line of the suite's file that asked for it (from GITHUB_WORKSPACE), at most ten, which is
 * what GitHub shows of a step; and the run as Markdown, beside its baseline where there is one,
 * appended to the file GITHUB_STEP_SUMMARY names, within the 1 MiB GitHub takes of a step (what is
 * there already counts). Series are loaded. -errno with d filled where the summary cannot be
 * written.
 */
int mp_github_tell(const struct mp_run *r, FILE *out, struct mp_diag *d);

/* SPDX-License-Identifier: GPL-2.0-only */
/* Renderers: each turns one struct mp_run into one file, and computes nothing. */
#pragma once

#include <mmsperf/results.h>

#include <stdio.h>

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

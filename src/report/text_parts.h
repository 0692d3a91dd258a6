/* SPDX-License-Identifier: GPL-2.0-only */
/* Pieces of reports in plain text: Markdown and annotations; private to src/report. */
#pragma once

#include <mmsperf/str.h>

#include <stddef.h>

#define MP_SPARK_MAX 60 /* columns */

/*
 * n values as at most `columns` block characters from ▁ to █, lowest to highest value; each column
 * is the mean of its values, a blank one has none. "" where nothing is known.
 */
void mp_spark(struct mp_buf *b, const double *v, size_t n, size_t columns);

/* Foreign text on one line of Markdown, at most max bytes of it: nothing in it is markup, a link,
 * a mention or a cell's end. */
void mp_md_text(struct mp_buf *b, const char *s, size_t max);
/* The same for an identifier, as code where that can be. */
void mp_md_code(struct mp_buf *b, const char *s, size_t max);

/* A workflow command's message, and a property of it (which must not end at ':' or ','). */
void mp_github_data(struct mp_buf *b, const char *s);
void mp_github_property(struct mp_buf *b, const char *s);

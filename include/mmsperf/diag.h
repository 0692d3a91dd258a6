/* SPDX-License-Identifier: GPL-2.0-only */
/* What is wrong with an input, and where: filled by parsers, printed once by the command. */
#pragma once

#include <stddef.h>

struct mp_diag {
	char file[256]; /* empty: no file involved */
	int line, col;  /* from 1; 0 = unknown */
	char msg[512];  /* what is wrong and what to do, no trailing newline */
};

/* Fills d (may be NULL) and returns r, so a parser can `return mp_diag_set(d, -EINVAL, ...)`. */
int mp_diag_set(struct mp_diag *d, int r, const char *file, int line, int col, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* "file:line:col: msg" (parts that are unknown are left out) into buf; returns buf. */
const char *mp_diag_str(const struct mp_diag *d, char *buf, size_t size);

/* SPDX-License-Identifier: GPL-2.0-only */
/* Strings: a growing buffer, numbers that people write, glob, nearest name. No project types. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Growing buffer. After an allocation failure `failed` stays set and further appends do nothing,
 * so a long sequence of appends is checked once, at its end. s is always NUL-terminated or NULL. */
struct mp_buf {
	char *s;
	size_t len, cap;
	bool failed;
};

void mp_buf_append(struct mp_buf *b, const char *s, size_t n);
void mp_buf_puts(struct mp_buf *b, const char *s);
void mp_buf_printf(struct mp_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void mp_buf_reset(struct mp_buf *b); /* length 0, memory kept */
void mp_buf_done(struct mp_buf *b);
#define _cleanup_buf_ _cleanup_(mp_buf_done)

/* Formatted copy the caller frees, or NULL (out of memory). */
char *mp_asprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Whole-string conversions: 0, -EINVAL (not a number, trailing text) or -ERANGE. */
int mp_parse_int(const char *s, long min, long max, long *ret);
int mp_parse_double(const char *s, double *ret);
/* "40s", "1m30s", "500ms", "2h", "3d"; a bare number is seconds (Taurus' grammar). */
int mp_parse_duration(const char *s, double *ret_s);
/* "290MB" 10^6, "290MiB" 2^20, "4k", bare number = bytes. */
int mp_parse_size(const char *s, double *ret_bytes);

/* Shortest decimal text that reads back as v within 9 significant digits, no exponent for
 * |v| < 1e15; "NaN" for NaN. Returns its length (< 32). */
int mp_format_double(char buf[32], double v);

bool mp_glob(const char *pattern, const char *s);
bool mp_starts_with(const char *s, const char *prefix);
bool mp_ends_with(const char *s, const char *suffix);
/* The one of names[n] nearest to s (edit distance <= 1/3 of its length), or NULL. */
const char *mp_nearest(const char *s, const char *const *names, size_t n);
/* "0:42", "1:02:03" into buf. */
const char *mp_format_elapsed(char *buf, size_t size, double seconds);

/* SPDX-License-Identifier: GPL-2.0-only */
/* Text of foreign origin (labels, messages, paths) made fit for JSON, XML and HTML. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * A copy the caller frees (NULL: out of memory): valid UTF-8, what is none becomes U+FFFD. With
 * visible_controls also printable: control characters (but for TAB and newline) and the code
 * points XML forbids become \xNN or U+FFFD, since XML 1.0 cannot hold them even as references.
 */
char *mp_text_clean(const char *s, bool visible_controls);
/* Bytes of the character that s begins with (at least 1 before the end), and the columns it takes
 * on a terminal: 0 for combining marks and controls (1 for TAB and newline, which tables print as a
 * blank), 2 for wide ones (CJK, emoji), else 1. */
size_t mp_text_step(const char *s, int *ret_columns);
/* Columns of all of s. */
int mp_text_columns(const char *s);
/* Bytes of s that fit into that many columns; *ret_columns: how many they take. */
size_t mp_text_fitting(const char *s, int columns, int *ret_columns);
/* The end of s that fits into that many columns, without marks that combine with what was cut off;
 * *ret_columns: how many it takes. */
const char *mp_text_end(const char *s, int columns, int *ret_columns);

/* SPDX-License-Identifier: GPL-2.0-only */
/* What tables for a terminal share; private to src/report. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#define MP_CONSOLE_WIDTH 80

/* True on a terminal that has colours and does not refuse them (NO_COLOR, dumb). */
bool mp_console_colour(FILE *out);
/* A long text behind lead, in lines of at most MP_CONSOLE_WIDTH columns broken at spaces; further
 * lines begin where the first one's text does. */
void mp_console_wrapped(const char *lead, const char *s, FILE *out);
/* A text in exactly n columns, cut in its middle: both ends of a name tell it from others. */
void mp_console_cell(const char *s, int n, bool right, FILE *out);

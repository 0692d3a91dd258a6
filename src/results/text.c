// SPDX-License-Identifier: GPL-2.0-only
/* Cleaning of foreign text. Owns nothing; called by every writer of a run's files. */
#include "results/text.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/str.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at s, 0 if there is none; *ret_cp its code point. */
static size_t sequence(const unsigned char *s, uint32_t *ret_cp)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t cp = n == 1 ? s[0] : s[0] & (0x7fu >> n);

	if (!n || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if (n > 1 && cp < smallest[n])
		return 0;
	if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 0;
	*ret_cp = cp;
	return n;
}

char *mp_text_clean(const char *text, bool visible_controls)
{
	const unsigned char *s = (const unsigned char *)text;
	struct mp_buf b = {0};

	mp_buf_puts(&b, ""); /* never NULL but for lack of memory */
	while (*s) {
		uint32_t cp = 0;
		size_t n = sequence(s, &cp);

		if (!n) {
			mp_buf_puts(&b, "\xef\xbf\xbd");
			s++;
			continue;
		}
		if (visible_controls &&
		    ((cp < 0x20 && cp != '\t' && cp != '\n') || (cp >= 0x7f && cp < 0xa0)))
			mp_buf_printf(&b, "\\x%02x", (unsigned)cp);
		else if (visible_controls && (cp == 0xfffe || cp == 0xffff))
			mp_buf_puts(&b, "\xef\xbf\xbd");
		else
			mp_buf_append(&b, (const char *)s, n);
		s += n;
	}
	if (b.failed) {
		mp_buf_done(&b);
		return NULL;
	}
	return b.s;
}

/* Blocks, coarser than Unicode's tables (EastAsianWidth.txt, W and F; emoji) and the same for every
 * locale, as wcwidth() is not: a column too many in a rare block costs a blank. */
static int columns_of(uint32_t cp)
{
	static const struct {
		uint32_t from, to;
		int columns;
	} blocks[] = {
		{0x00, 0x1f, 0},       {0x7f, 0x9f, 0},       {0x300, 0x36f, 0},
		{0x483, 0x489, 0},     {0x591, 0x5bd, 0},     {0x610, 0x61a, 0},
		{0x64b, 0x65f, 0},     {0x1100, 0x115f, 2},   {0x1ab0, 0x1aff, 0},
		{0x1dc0, 0x1dff, 0},   {0x200b, 0x200f, 0},   {0x2028, 0x202e, 0},
		{0x2060, 0x206f, 0},   {0x20d0, 0x20ff, 0},   {0x2e80, 0x303e, 2},
		{0x3041, 0xa4cf, 2},   {0xa960, 0xa97f, 2},   {0xac00, 0xd7a3, 2},
		{0xf900, 0xfaff, 2},   {0xfe00, 0xfe0f, 0},   {0xfe20, 0xfe2f, 0},
		{0xfe30, 0xfe6f, 2},   {0xfeff, 0xfeff, 0},   {0xff00, 0xff60, 2},
		{0xffe0, 0xffe6, 2},   {0x1f300, 0x1f64f, 2}, {0x1f680, 0x1f6ff, 2},
		{0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2}, {0xe0000, 0xe0fff, 0},
	};

	if (cp == '\t' || cp == '\n') /* tables print a blank for them */
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(blocks) && cp >= blocks[i].from; i++)
		if (cp <= blocks[i].to)
			return blocks[i].columns;
	return 1;
}

size_t mp_text_step(const char *s, int *ret_columns)
{
	uint32_t cp = 0;
	size_t n = sequence((const unsigned char *)s, &cp);

	*ret_columns = n ? columns_of(cp) : 1;
	return n ? n : 1;
}

int mp_text_columns(const char *s)
{
	int n = 0, w;

	while (*s) {
		s += mp_text_step(s, &w);
		n += w;
	}
	return n;
}

size_t mp_text_fitting(const char *s, int columns, int *ret_columns)
{
	size_t at = 0;
	int used = 0, w;

	while (s[at]) {
		size_t n = mp_text_step(s + at, &w);

		if (used + w > columns)
			break;
		used += w;
		at += n;
	}
	*ret_columns = used;
	return at;
}

const char *mp_text_end(const char *s, int columns, int *ret_columns)
{
	int left = mp_text_columns(s), w;
	bool cut = left > columns;

	for (; left > columns; left -= w)
		s += mp_text_step(s, &w);
	while (cut && *s) {
		size_t n = mp_text_step(s, &w);

		if (w)
			break;
		s += n;
	}
	*ret_columns = left;
	return s;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Cleaning of foreign text. Owns nothing; called by every writer of a run's files. */
#include "results/text.h"

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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small charts as text, and foreign text made fit for Markdown and for GitHub's workflow commands.
 * Pure; called by markdown.c and github.c.
 */
#include "report/text_parts.h"

#include <mmsperf/cleanup.h>

#include "results/text.h"

#include <math.h>
#include <string.h>

void mp_spark(struct mp_buf *b, const double *v, size_t n, size_t columns)
{
	static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	const size_t levels = ARRAY_SIZE(blocks);
	double mean[MP_SPARK_MAX], low = INFINITY, high = -INFINITY;

	columns = columns < MP_SPARK_MAX ? columns : MP_SPARK_MAX;
	columns = columns < n ? columns : n;
	for (size_t c = 0; c < columns; c++) {
		double sum = 0;
		size_t known = 0;

		for (size_t i = c * n / columns; i < (c + 1) * n / columns; i++)
			if (isfinite(v[i])) {
				sum += v[i];
				known++;
			}
		mean[c] = known ? sum / (double)known : NAN;
		low = fmin(low, mean[c]);
		high = fmax(high, mean[c]);
	}
	if (!isfinite(low))
		return;
	for (size_t c = 0; c < columns; c++) {
		size_t at = 0;

		if (!isfinite(mean[c])) {
			mp_buf_puts(b, " ");
			continue;
		}
		if (high > low)
			at = (size_t)((mean[c] - low) / (high - low) * (double)levels);
		mp_buf_puts(b, blocks[at < levels ? at : levels - 1]);
	}
}

/* s, clean, on one line, cut at a character's end to max bytes. The caller frees. */
static char *one_line(struct mp_buf *b, const char *s, size_t max, bool *ret_cut)
{
	char *clean = mp_text_clean(s ? s : "", true);
	size_t n = clean ? strlen(clean) : 0;

	*ret_cut = n > max;
	if (!clean) {
		b->failed = true;
		return NULL;
	}
	if (n > max) {
		n = max;
		while (n > 0 && ((unsigned char)clean[n] & 0xc0) == 0x80)
			n--;
		clean[n] = '\0';
	}
	for (char *p = clean; *p; p++)
		if (*p == '\n' || *p == '\t' || *p == '\r')
			*p = ' ';
	return clean;
}

void mp_md_text(struct mp_buf *b, const char *s, size_t max)
{
	bool cut;
	_cleanup_free_ char *clean = one_line(b, s, max, &cut);

	for (const char *p = clean; p && *p; p++) {
		if (*p == '&')
			mp_buf_puts(b, "&amp;");
		else if (*p == '<')
			mp_buf_puts(b, "&lt;");
		else if (*p == '>')
			mp_buf_puts(b, "&gt;");
		else if (*p == '@' || (*p == '#' && p[1] >= '0' && p[1] <= '9'))
			/* mentions and numbers of issues are looked for in the finished text: a
			 * space without width ends them */
			mp_buf_printf(b, "%c&#8203;", *p);
		else if (strchr("\\`*_{}[]()#|~$:!", *p) ||
			 (*p == '.' && p - clean >= 3 && !strncasecmp(p - 3, "www", 3)))
			mp_buf_printf(b, "\\%c", *p);
		else
			mp_buf_append(b, p, 1);
	}
	if (cut)
		mp_buf_puts(b, "…");
}

void mp_md_code(struct mp_buf *b, const char *s, size_t max)
{
	bool cut;
	_cleanup_free_ char *clean = one_line(b, s, max, &cut);
	size_t n = clean ? strlen(clean) : 0;

	/* what would need a longer fence, or loses its blanks */
	if (!n || strchr(clean, '`') || strchr(clean, '\\') || *clean == ' ' ||
	    clean[n - 1] == ' ') {
		mp_md_text(b, s, max);
		return;
	}
	mp_buf_puts(b, "`");
	for (const char *p = clean; *p; p++) {
		if (*p == '|') /* a cell ends there even within code */
			mp_buf_puts(b, "\\");
		mp_buf_append(b, p, 1);
	}
	mp_buf_puts(b, cut ? "…`" : "`");
}

static void percent_encode(struct mp_buf *b, const char *s, const char *special)
{
	_cleanup_free_ char *clean = mp_text_clean(s ? s : "", false);

	if (!clean)
		b->failed = true;
	for (const char *p = clean; p && *p; p++) {
		if (strchr(special, *p))
			mp_buf_printf(b, "%%%02X", (unsigned char)*p);
		else
			mp_buf_append(b, p, 1);
	}
}

void mp_github_data(struct mp_buf *b, const char *s)
{
	percent_encode(b, s, "%\r\n");
}

void mp_github_property(struct mp_buf *b, const char *s)
{
	percent_encode(b, s, "%\r\n:,");
}

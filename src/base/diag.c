// SPDX-License-Identifier: GPL-2.0-only
/* Faults of inputs, with their place. */
#include <mmsperf/diag.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mp_diag_set(struct mp_diag *d, int r, const char *file, int line, int col, const char *fmt, ...)
{
	va_list ap;

	if (!d)
		return r;
	(void)snprintf(d->file, sizeof(d->file), "%s", file ? file : "");
	d->line = line;
	d->col = col;
	va_start(ap, fmt);
	(void)vsnprintf(d->msg, sizeof(d->msg), fmt, ap);
	va_end(ap);
	return r;
}

const char *mp_diag_str(const struct mp_diag *d, char *buf, size_t size)
{
	if (!d->file[0])
		(void)snprintf(buf, size, "%s", d->msg);
	else if (d->line <= 0)
		(void)snprintf(buf, size, "%s: %s", d->file, d->msg);
	else if (d->col <= 0)
		(void)snprintf(buf, size, "%s:%d: %s", d->file, d->line, d->msg);
	else
		(void)snprintf(buf, size, "%s:%d:%d: %s", d->file, d->line, d->col, d->msg);
	return buf;
}

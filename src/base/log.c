// SPDX-License-Identifier: GPL-2.0-only
/* Messages to stderr: one write(2) a line, so that lines of two processes never mix. */
#include <mmsperf/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum mp_level max_level = MP_LOG_INFO;

static const char *const prefixes[] = {
	[MP_LOG_ERROR] = "error: ",
	[MP_LOG_WARNING] = "warning: ",
	[MP_LOG_INFO] = "",
	[MP_LOG_DEBUG] = "debug: ",
};
_Static_assert(sizeof(prefixes) / sizeof(prefixes[0]) == _MP_LOG_MAX, "a prefix for each level");

void mp_log_set_level(enum mp_level level)
{
	max_level = level;
}

enum mp_level mp_log_level(void)
{
	return max_level;
}

void mp_vlog(enum mp_level level, const char *fmt, va_list ap)
{
	char line[2048];
	size_t n, room;
	int saved = errno, r;

	if (level > max_level)
		return;
	n = (size_t)snprintf(line, sizeof(line), "mmsperf-bpf: %s", prefixes[level]);
	room = sizeof(line) - n - 1; /* the newline */
	r = vsnprintf(line + n, room, fmt, ap);
	if (r > 0)
		n += (size_t)r < room ? (size_t)r : room - 1;
	while (n > 0 && line[n - 1] == '\n')
		n--;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0) {
		/* nowhere left to say it */
	}
	errno = saved;
}

void mp_log(enum mp_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	mp_vlog(level, fmt, ap);
	va_end(ap);
}

int mp_error_r(int r, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mp_log(MP_LOG_ERROR, "%s: %s", text, strerror(r < 0 ? -r : r));
	return r;
}

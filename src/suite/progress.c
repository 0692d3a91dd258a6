// SPDX-License-Identifier: GPL-2.0-only
/* Progress on stderr, so that stdout holds the table alone. Owns no state but the line drawn. */
#include "suite/progress.h"

#include <mmsperf/str.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PLAIN_EVERY_S   60.0 /* a log wants to know that it is alive, not each second */
#define VERBOSE_EVERY_S 10.0
#define COLUMNS_DEFAULT 80

void mp_progress_init(struct mp_progress *p, size_t n, int verbosity)
{
	const char *term = getenv("TERM");

	*p = (struct mp_progress){.quiet = verbosity < 0, .n = n};
	p->every_s = verbosity > 0 ? VERBOSE_EVERY_S : PLAIN_EVERY_S;
	p->terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static void clear(struct mp_progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}

static const char *expectation(const struct mp_progress *p, char *buf, size_t size)
{
	char time[32];

	if (p->expected_s > 0)
		(void)snprintf(buf, size, "about %s",
			       mp_format_elapsed(time, sizeof(time), p->expected_s));
	else
		(void)snprintf(buf, size, "time unknown");
	return buf;
}

/* ", till 14:03:22" while the expectation can still come true. */
static const char *expected_end(const struct mp_progress *p, double elapsed_s, char *buf,
				size_t size)
{
	double left = p->expected_s - elapsed_s;
	time_t at = time(NULL) + (time_t)ceil(left);
	struct tm tm;

	if (p->expected_s <= 0 || left <= 0 || !localtime_r(&at, &tm) ||
	    !strftime(buf, size, ", till %H:%M:%S", &tm))
		*buf = '\0';
	return buf;
}

static size_t columns(void)
{
	struct winsize w;

	return !ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col > 20 ? w.ws_col : COLUMNS_DEFAULT;
}

void mp_progress_begin(struct mp_progress *p, size_t i, const char *name, double expected_s)
{
	char buf[64];

	p->i = i;
	p->name = name;
	p->expected_s = expected_s;
	p->said_s = 0;
	if (p->quiet)
		return;
	if (p->terminal)
		mp_progress_tick(p, 0);
	else
		fprintf(stderr, "[%zu/%zu] %s: started, %s\n", i, p->n, name,
			expectation(p, buf, sizeof(buf)));
}

void mp_progress_tick(void *data, double elapsed_s)
{
	struct mp_progress *p = data;
	char now[32], buf[64], end[48], live[300] = "", line[700];

	if (p->quiet)
		return;
	if (elapsed_s < 0) {
		clear(p);
		return;
	}
	if (!p->terminal && elapsed_s - p->said_s < p->every_s)
		return;
	if (p->is_live) {
		mp_live_read(&p->live);
		mp_live_text(&p->live, live, sizeof(live));
	}
	(void)mp_format_elapsed(now, sizeof(now), elapsed_s);
	(void)snprintf(line, sizeof(line), "[%zu/%zu] %s%s %s of %s%s%s%s", p->i, p->n, p->name,
		       p->terminal ? " " : ":", now, expectation(p, buf, sizeof(buf)),
		       expected_end(p, elapsed_s, end, sizeof(end)), *live ? "  " : "", live);
	if (p->terminal) { /* one that wraps could not be cleared */
		fprintf(stderr, "\r\033[K%.*s", (int)columns() - 1, line);
		p->drawn = true;
		(void)fflush(stderr);
	} else {
		fprintf(stderr, "%s\n", line);
		p->said_s = elapsed_s;
	}
}

void mp_progress_watch(struct mp_progress *p, const char *dir, const char *const *metrics, size_t n)
{
	if (!p->quiet && !p->is_live)
		p->is_live = !mp_live_init(&p->live, dir, metrics, n);
}

void mp_progress_end(struct mp_progress *p, const char *verdict, double elapsed_s,
		     const char *reason)
{
	char time[32];

	clear(p);
	if (p->is_live)
		mp_live_done(&p->live);
	p->is_live = false;
	if (p->quiet)
		return;
	fprintf(stderr, "[%zu/%zu] %s: %s in %s%s%s\n", p->i, p->n, p->name, verdict,
		mp_format_elapsed(time, sizeof(time), elapsed_s), reason ? ": " : "",
		reason ? reason : "");
}

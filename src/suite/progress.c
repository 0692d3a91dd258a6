// SPDX-License-Identifier: GPL-2.0-only
/* Progress on stderr, so that stdout holds the table alone. Owns no state but the line drawn. */
#include "suite/progress.h"

#include <mmsperf/str.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLAIN_EVERY_S 60.0 /* a log wants to know that it is alive, not each second */

void mp_progress_init(struct mp_progress *p, size_t n, bool quiet)
{
	const char *term = getenv("TERM");

	*p = (struct mp_progress){.quiet = quiet, .n = n};
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
	char now[32], buf[64];

	if (p->quiet)
		return;
	if (elapsed_s < 0) {
		clear(p);
		return;
	}
	(void)mp_format_elapsed(now, sizeof(now), elapsed_s);
	if (p->terminal) {
		fprintf(stderr, "\r\033[K[%zu/%zu] %s  %s of %s", p->i, p->n, p->name, now,
			expectation(p, buf, sizeof(buf)));
		p->drawn = true;
		(void)fflush(stderr);
	} else if (elapsed_s - p->said_s >= PLAIN_EVERY_S) {
		fprintf(stderr, "[%zu/%zu] %s: %s of %s\n", p->i, p->n, p->name, now,
			expectation(p, buf, sizeof(buf)));
		p->said_s = elapsed_s;
	}
}

void mp_progress_end(struct mp_progress *p, const char *verdict, double elapsed_s,
		     const char *reason)
{
	char time[32];

	clear(p);
	if (p->quiet)
		return;
	fprintf(stderr, "[%zu/%zu] %s: %s in %s%s%s\n", p->i, p->n, p->name, verdict,
		mp_format_elapsed(time, sizeof(time), elapsed_s), reason ? ": " : "",
		reason ? reason : "");
}

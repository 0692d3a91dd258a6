// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intervals: one timer and one view for each distinct one, shared by all who asked for it. Owns
 * the timer and the view; does not know what is done at a tick. Called by session.c and agent.c.
 */
#include "sinks/agent_private.h"

#include <mmsperf/cleanup.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / MP_NSEC_PER_SEC),
				 .tv_nsec = (long)(ns % MP_NSEC_PER_SEC)};
}

int mp_ticker_get(struct mp_agent *a, double interval_s, struct mp_ticker **ret_ticker)
{
	uint64_t interval_ns = (uint64_t)(interval_s * 1e9 + 0.5);
	struct mp_ticker *t;
	int r;

	LIST_FOREACH(t, &a->tickers, link)
		if (t->interval_ns == interval_ns)
			goto found;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->interval_ns = interval_ns;
	t->io = (struct mp_io){.kind = MP_IO_TICKER};
	t->io.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r = t->io.fd < 0 ? -errno : mp_view_new(a->opts.meter, &t->view);
	if (r == 0) {
		mp_view_use(t->view, a->opts.context);
		/* always read when it is told of: by level, the next wait would ask it again */
		r = mp_agent_watch(a, &t->io, EPOLLIN | EPOLLET);
	}
	if (r < 0) {
		if (t->io.fd >= 0)
			(void)close(t->io.fd);
		mp_view_free(t->view);
		free(t);
		return r;
	}
	LIST_INSERT_HEAD(&a->tickers, t, link);
found:
	t->users++;
	*ret_ticker = t;
	return 0;
}

int mp_ticker_start(struct mp_agent *a, struct mp_ticker *t)
{
	struct itimerspec its;
	int r;

	if (t->armed)
		return 0;
	/* The sample that later ones are compared with, so that the first line has rates. */
	mp_agent_tick(a);
	r = mp_view_update(t->view);
	if (r < 0)
		return r;
	t->due_ns = mp_now_ns() + t->interval_ns;
	its = (struct itimerspec){.it_value = to_timespec(t->due_ns),
				  .it_interval = to_timespec(t->interval_ns)};
	if (timerfd_settime(t->io.fd, TFD_TIMER_ABSTIME, &its, NULL) < 0)
		return -errno;
	t->armed = true;
	return 0;
}

void mp_ticker_put(struct mp_agent *a, struct mp_ticker *t)
{
	(void)a;
	if (!t || --t->users)
		return;
	LIST_REMOVE(t, link);
	(void)close(t->io.fd);
	mp_view_free(t->view);
	free(t);
}

void mp_ticker_expire(struct mp_agent *a, struct mp_ticker *t)
{
	uint64_t n, late, now = mp_now_ns();

	if (read(t->io.fd, &n, sizeof(n)) != (ssize_t)sizeof(n) || !n)
		return;
	late = now > t->due_ns ? now - t->due_ns : 0;
	t->due_ns += n * t->interval_ns;
	t->fired = true;
	a->stats.ticks++;
	a->stats.missed += n - 1;
	a->stats.late_sum_ns += late;
	a->stats.late_ns = late;
	if (late > a->stats.late_max_ns)
		a->stats.late_max_ns = late;
}

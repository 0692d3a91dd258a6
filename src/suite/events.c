// SPDX-License-Identifier: GPL-2.0-only
/* One poll() for everything the runner waits for. Owns the signalfd. Called by runner, server,
 * collector and bzt. */
#include "suite/events.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int stops[] = {SIGINT, SIGTERM, SIGHUP};

int mp_events_init(struct mp_events *e)
{
	sigset_t set;

	*e = (struct mp_events){.fd = -1};
	(void)sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
		struct sigaction old;

		/* nohup ignores HUP from birth, and means it; a shell's background job ignores INT
		 * from birth as well, but who sends it one by name means that */
		if (stops[i] == SIGHUP && !sigaction(stops[i], NULL, &old) &&
		    old.sa_handler == SIG_IGN)
			continue;
		(void)signal(stops[i], SIG_DFL);
		(void)sigaddset(&set, stops[i]);
	}
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	/* a reader of our output that went away is an error of that write, no reason to die */
	(void)signal(SIGPIPE, SIG_IGN);
	e->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return e->fd < 0 ? -errno : 0;
}

void mp_events_done(struct mp_events *e)
{
	if (e->fd >= 0)
		(void)close(e->fd);
	e->fd = -1;
}

static bool take_signals(struct mp_events *e)
{
	struct signalfd_siginfo info;
	int before = e->interrupts;

	while (read(e->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		e->interrupts++;
	return e->interrupts > before;
}

enum mp_wakeup mp_events_wait(struct mp_events *e, const struct mp_child *c, int extra_fd,
			      double timeout_s)
{
	double end = mp_now_s() + timeout_s;

	for (;;) {
		double left = end - mp_now_s();
		struct pollfd p[] = {
			{.fd = e->fd, .events = POLLIN},
			{.fd = c ? c->pidfd : -1, .events = POLLIN},
			{.fd = extra_fd, .events = POLLIN},
		};
		int n = poll(p, ARRAY_SIZE(p), left > 0 ? (int)(left * 1000) + 1 : 0);

		if (n < 0 && errno != EINTR)
			return MP_WAKE_TIME;
		if (n > 0 && p[0].revents && take_signals(e))
			return MP_WAKE_SIGNAL;
		if (n > 0 && p[2].revents)
			return MP_WAKE_DATA;
		if (n > 0 && p[1].revents)
			return MP_WAKE_CHILD;
		if (n <= 0 && left <= 0)
			return MP_WAKE_TIME;
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor of the benchmark: what any process costs that wakes once a second by epoll and timerfd
 * and sends a line as long as a sample of 12 metrics. Nothing can be cheaper and still report.
 * floor SINK_PORT PHASE_MS; ended by a signal or by the sink.
 */
#include "common.h"

#include <sys/epoll.h>

int main(int argc, char **argv)
{
	static const char line[] =
		"12.3456789\t456.789012\t1234.56789\t234.567891\t123456789\t1234567890\t"
		"12345\t1024\t123456789\t123456789\t64\t65\t\n";
	struct epoll_event e = {.events = EPOLLIN};
	int ep, tfd, s;

	if (argc != 3) {
		fprintf(stderr, "usage: floor SINK_PORT PHASE_MS\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	s = sink_connect(atoi(argv[1]), "floor");
	tfd = timer_1hz(atoi(argv[2]));
	ep = epoll_create1(EPOLL_CLOEXEC);
	e.data.fd = tfd;
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &e) < 0)
		die("epoll");
	e.data.fd = s;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, s, &e) < 0)
		die("epoll");
	for (;;) {
		struct epoll_event ev[4];
		int n = epoll_wait(ep, ev, 4, -1);

		for (int i = 0; i < n; i++) {
			uint64_t expired;
			char drop[64];

			if (ev[i].data.fd == s) {
				if (read(s, drop, sizeof(drop)) <= 0)
					return 0;
				continue;
			}
			if (read(tfd, &expired, sizeof(expired)) != sizeof(expired))
				continue;
			if (send(s, line, sizeof(line) - 1, MSG_NOSIGNAL) < 0)
				return 0;
		}
	}
}

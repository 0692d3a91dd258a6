/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the benchmark's C programs share: the way to the sink, a 1 Hz timer with a phase, clocks,
 * forks, bpf(2).
 * Header only, so that a rival is one small program. The phase spreads the rivals over the second:
 * two that wake together would fight for the two cores and warm each other's caches.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

static inline uint64_t clock_ns(clockid_t c)
{
	struct timespec t;

	if (clock_gettime(c, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* A process that is made, does nothing and is reaped. */
static inline void fork_and_reap(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		_exit(0);
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");
}

/* A connection to 127.0.0.1:port. */
static inline int connect_loopback(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0)
		return -errno;
	if (connect(s, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int r = -errno;

		close(s);
		return r;
	}
	return s;
}

/* Connects to the sink and says who we are; then only lines of numbers follow. */
static inline int sink_connect(int port, const char *name)
{
	int s = connect_loopback(port);

	if (s < 0) {
		errno = -s;
		die("connect to the sink");
	}
	if (dprintf(s, "#%s\n", name) < 0)
		die("write to the sink");
	return s;
}

/* Fires once a second, phase_ms after the full seconds of CLOCK_MONOTONIC. */
static inline int timer_1hz(int phase_ms)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	uint64_t first = (clock_ns(CLOCK_MONOTONIC) / 1000000000u + 1) * 1000000000u +
			 (uint64_t)phase_ms * 1000000u;
	struct itimerspec its = {.it_interval = {.tv_sec = 1},
				 .it_value = {.tv_sec = (time_t)(first / 1000000000u),
					      .tv_nsec = (long)(first % 1000000000u)}};

	if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL) < 0)
		die("timerfd");
	return fd;
}

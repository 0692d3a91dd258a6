// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events to be measured by `metrics --cost`: a child answers over TCP what comes by a pipe, which
 * makes switches, waits and bytes, and reads past the page cache make requests to a disk where
 * there is one. Called by cost.c.
 */
#include "cli/cost.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK     4096
#define ANSWER_MS 1000

/* Both ends of a TCP connection over loopback. */
static int tcp_pair(int ret_fds[2])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	_cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);

	if (listener < 0 || fd < 0 || bind(listener, (void *)&a, sizeof(a)) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (void *)&a, &len) < 0 ||
	    connect(fd, (void *)&a, sizeof(a)) < 0)
		return -errno;
	ret_fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (ret_fds[1] < 0)
		return -errno;
	ret_fds[0] = TAKE_FD(fd);
	return 0;
}

/* -1: no disk that can be read past the page cache. */
static int direct_file(char *block)
{
	char path[] = "/var/tmp/mmsperf-cost.XXXXXX";
	_cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		return -1;
	(void)unlink(path);
	if (write(fd, block, BLOCK) != BLOCK || fsync(fd) < 0 || fcntl(fd, F_SETFL, O_DIRECT) < 0 ||
	    pread(fd, block, BLOCK, 0) != BLOCK)
		return -1;
	return TAKE_FD(fd);
}

static void answer(int in, int out)
{
	char c;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(in, &c, 1) == 1 && send(out, &c, 1, MSG_NOSIGNAL) == 1)
		;
	_exit(0);
}

static void make_events(int to, int from, int disk, char *block, unsigned ms)
{
	uint64_t end = mp_now_ns() + (uint64_t)ms * 1000000;
	struct pollfd p = {.fd = from, .events = POLLIN};
	char c = 0;

	while (mp_now_ns() < end) {
		if (write(to, &c, 1) != 1 || poll(&p, 1, ANSWER_MS) != 1 ||
		    recv(from, &c, 1, 0) != 1)
			return;
		if (disk >= 0 && pread(disk, block, BLOCK, 0) != BLOCK)
			return;
	}
}

int mp_cost_load(unsigned ms)
{
	_cleanup_close_ int in = -1, to = -1, out = -1, from = -1, disk = -1;
	_cleanup_free_ char *block = aligned_alloc(BLOCK, BLOCK);
	int fds[2], r;
	pid_t pid;

	if (!block)
		return -ENOMEM;
	memset(block, 0, BLOCK);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	in = fds[0];
	to = fds[1];
	r = tcp_pair(fds);
	if (r < 0)
		return r;
	from = fds[0];
	out = fds[1];
	disk = direct_file(block);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		(void)close(to); /* else it would never see that the pipe has ended */
		answer(in, out);
	}
	make_events(to, from, disk, block, ms);
	(void)close(TAKE_FD(to));
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Questions to git, with a deadline. Called by store.c (which commit is this) and resolve.c. */
#include "results/git.h"

#include <mmsperf/child.h>
#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#define GIT_DEADLINE_S 5.0 /* a huge or remote work tree must not hold up a run */

int mp_git_ask(const char *const *argv, char *buf, size_t size)
{
	_cleanup_close_ int rd = -1, wr = -1, null = -1;
	double until = mp_now_s() + GIT_DEADLINE_S;
	struct mp_child child = MP_CHILD_INIT;
	size_t len = 0;
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	rd = p[0];
	wr = p[1];
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0)
		return -errno;
	r = mp_child_start(argv,
			   &(struct mp_child_opts){
				   .stdout_fd = wr, .stderr_fd = null, .die_with_parent = true},
			   &child);
	if (r < 0)
		return r;
	(void)close(TAKE_FD(wr));
	for (;;) {
		char drop[512];
		int ms = (int)((until - mp_now_s()) * 1000);
		ssize_t n;

		r = poll(&(struct pollfd){.fd = rd, .events = POLLIN}, 1, ms > 0 ? ms : 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			(void)mp_child_stop(&child, 15, 1);
			return -ETIMEDOUT;
		}
		n = len + 1 < size ? read(rd, buf + len, size - 1 - len)
				   : read(rd, drop, sizeof(drop));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (len + 1 < size)
			len += (size_t)n;
	}
	buf[len] = '\0';
	r = mp_child_wait(&child, GIT_DEADLINE_S);
	if (r < 0) {
		(void)mp_child_stop(&child, 15, 1);
		return r;
	}
	return mp_child_code(&child) ? -ENOENT : 0;
}

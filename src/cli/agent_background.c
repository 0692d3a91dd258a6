// SPDX-License-Identifier: GPL-2.0-only
/*
 * `agent --start` and `--stop`, as the original monitoring server had them. Start returns once the
 * agent is ready or has said why it cannot; stop returns once it is gone; both may be repeated.
 */
#include "cli/agent_private.h"
#include "cli/commands.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#define START_DEADLINE_S 30 /* a loaded machine; an idle one takes 0.3 s */
#define STOP_GRACE_S     10

static bool answers_unix(const char *path, double timeout_s)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	double end = mp_now_s() + timeout_s;

	if (strlen(path) >= sizeof(un.sun_path))
		return false;
	strcpy(un.sun_path, path);
	for (;;) {
		static const struct timespec nap = {.tv_nsec = 20000000};

		if (mp_listen_answers((struct sockaddr *)&un, sizeof(un), 500))
			return true;
		if (mp_now_s() >= end)
			return false;
		(void)nanosleep(&nap, NULL);
	}
}

/* There is one already: good, if it is where this one was wanted. */
static int already_runs(const struct mp_agent_cli *o, pid_t pid)
{
	char name[64];

	if (!o->no_unix && !answers_unix(o->instance.sock, 5)) {
		mp_error("the agent of '%s' (pid %d) does not answer; end it with --stop",
			 o->instance.sock, (int)pid);
		return MP_EXIT_INFRA;
	}
	for (size_t i = 0; !o->no_socket && i < o->listen.n; i++) {
		if (mp_listen_answers(&o->addrs[i].sa, o->addrs[i].len, 1000))
			continue;
		mp_error(
			"an agent already runs (pid %d), but not at %s: end it with --stop, or give "
			"this one its own place with --unix",
			(int)pid, mp_listen_name(name, &o->addrs[i].sa));
		return MP_EXIT_INFRA;
	}
	mp_info("an agent already runs (pid %d, %s)", (int)pid, o->instance.sock);
	return MP_EXIT_OK;
}

/* In the child: a session of its own, and nothing inherited but the terminal (for errors until it
 * is ready) and the pipe. */
static int detach(int pipe_fd)
{
	if (setsid() < 0 || chdir("/") < 0)
		return -errno;
	if (pipe_fd > 3)
		(void)syscall(SYS_close_range, 3U, (unsigned)pipe_fd - 1, 0U);
	(void)syscall(SYS_close_range, (unsigned)pipe_fd + 1, ~0U, 0U);
	return 0;
}

/* The line that the child writes when it is ready; empty when it ended without. */
static int read_ready(int fd, char *line, size_t size)
{
	double end = mp_now_s() + START_DEADLINE_S;
	size_t n = 0;

	while (n + 1 < size && !memchr(line, '\n', n)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		double left = end - mp_now_s();
		ssize_t k;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		k = read(fd, line + n, size - 1 - n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		n += (size_t)k;
	}
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

static int child_code(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return MP_EXIT_INFRA;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	mp_error("the agent died of signal %d while it started", WTERMSIG(status));
	return MP_EXIT_INFRA;
}

static int await_child(const struct mp_agent_cli *o, pid_t pid, int fd)
{
	char line[512];
	pid_t other;
	int code;

	if (read_ready(fd, line, sizeof(line)) < 0) {
		(void)kill(pid, SIGKILL);
		(void)child_code(pid);
		mp_error("the agent was not ready within %d s", START_DEADLINE_S);
		return MP_EXIT_INFRA;
	}
	if (mp_starts_with(line, "READY ")) {
		line[strcspn(line, "\t")] = '\0';
		mp_info("agent started (pid %d): %s, log %s", (int)pid, line + strlen("READY "),
			o->instance.log);
		return MP_EXIT_OK;
	}
	code = child_code(pid);
	if (code != MP_AGENT_RACED)
		return code ? code : MP_EXIT_INFRA;
	other = mp_instance_pid(&o->instance);
	return already_runs(o, other);
}

int mp_agent_start(struct mp_agent_cli *o)
{
	_cleanup_close_ int rd = -1, wr = -1;
	pid_t pid = mp_instance_pid(&o->instance);
	int fds[2];

	if (pid)
		return already_runs(o, pid);
	if (pipe2(fds, O_CLOEXEC) < 0) {
		(void)mp_error_r(-errno, "pipe");
		return MP_EXIT_INFRA;
	}
	rd = fds[0];
	wr = fds[1];
	pid = fork();
	if (pid < 0) {
		(void)mp_error_r(-errno, "fork");
		return MP_EXIT_INFRA;
	}
	if (pid == 0) {
		(void)close(TAKE_FD(rd));
		o->ready_fd = TAKE_FD(wr); /* closed when READY was said, or by our end */
		o->background = true;
		if (detach((int)o->ready_fd) < 0)
			return MP_EXIT_INFRA;
		return mp_agent_serve(o);
	}
	(void)close(TAKE_FD(wr));
	return await_child(o, pid, rd);
}

int mp_agent_stop(struct mp_agent_cli *o)
{
	pid_t pid = 0;
	int r = mp_instance_stop(&o->instance, STOP_GRACE_S, &pid);

	if (r == -ESRCH) {
		mp_info("no agent runs at '%s'", o->instance.sock);
		return MP_EXIT_OK;
	}
	if (r < 0) {
		(void)mp_error_r(r, "cannot end the agent of '%s'", o->instance.sock);
		return MP_EXIT_INFRA;
	}
	mp_info("agent stopped (pid %d)", (int)pid);
	return MP_EXIT_OK;
}

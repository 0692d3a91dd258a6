// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children by fork + exec: a group each, a pidfd each, nothing inherited but 0, 1, 2. fork rather
 * than posix_spawn because PR_SET_PDEATHSIG and chdir belong between the two calls.
 */
#include <mmsperf/child.h>

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Everything up to exec in the child; the errno that stopped it goes back through report_fd. */
static _Noreturn void child_exec(const char *const *argv, const struct mp_child_opts *o,
				 pid_t parent, int report_fd)
{
	static const int resets[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD};
	int in = o->stdin_fd, e;
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(resets); i++)
		(void)signal(resets[i], SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (!o->same_group && setpgid(0, 0) < 0)
		goto fail;
	if (o->die_with_parent) {
		if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
			goto fail;
		if (getppid() != parent)
			_exit(126);
	}
	if (!in)
		in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (in < 0 || dup2(in, STDIN_FILENO) < 0)
		goto fail;
	if (o->stdout_fd && dup2(o->stdout_fd, STDOUT_FILENO) < 0)
		goto fail;
	if (o->stderr_fd && dup2(o->stderr_fd, STDERR_FILENO) < 0)
		goto fail;
	if (o->keep_fd > 2 && fcntl(o->keep_fd, F_SETFD, 0) < 0)
		goto fail;
	if (o->cwd && chdir(o->cwd) < 0)
		goto fail;
	for (const char *const *p = o->env; p && *p; p++)
		if (putenv((char *)*p) != 0)
			goto fail;
	(void)execvp(argv[0], (char *const *)argv);
fail:
	e = errno;
	if (write(report_fd, &e, sizeof(e)) < 0) {
		/* the parent sees exit code 126 instead */
	}
	_exit(126);
}

int mp_child_start(const char *const *argv, const struct mp_child_opts *opts,
		   struct mp_child *ret_child)
{
	static const struct mp_child_opts defaults;
	const struct mp_child_opts *o = opts ? opts : &defaults;
	_cleanup_close_ int rd = -1, wr = -1, pidfd = -1;
	int pipefd[2], e = 0;
	pid_t self = getpid(), pid;
	ssize_t n;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	rd = pipefd[0];
	wr = pipefd[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child_exec(argv, o, self, wr);
	if (!o->same_group)
		(void)setpgid(pid, pid); /* both sides set it: whoever is first */
	close(TAKE_FD(wr));
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	do
		n = read(rd, &e, sizeof(e));
	while (n < 0 && errno == EINTR);
	if (pidfd < 0 && !e)
		e = errno;
	if (n == (ssize_t)sizeof(e) || e) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return -e;
	}
	*ret_child = (struct mp_child){.pid = pid, .pidfd = TAKE_FD(pidfd)};
	return 0;
}

int mp_child_wait(struct mp_child *c, double timeout_s)
{
	double end = mp_now_s() + timeout_s;

	if (!c->pid || c->pidfd < 0)
		return 0;
	for (;;) {
		struct pollfd p = {.fd = c->pidfd, .events = POLLIN};
		double left = timeout_s < 0 ? 1 : end - mp_now_s();
		int r = poll(&p, 1, timeout_s < 0 ? -1 : left > 0 ? (int)(left * 1000) + 1 : 0);

		if (r < 0)
			return -errno;
		if (r > 0)
			break;
		if (left <= 0)
			return -ETIMEDOUT;
	}
	while (waitpid(c->pid, &c->status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	close(TAKE_FD(c->pidfd));
	return 0;
}

int mp_child_signal(struct mp_child *c, int sig)
{
	if (!c->pid)
		return -ESRCH;
	return kill(-c->pid, sig) < 0 ? -errno : 0;
}

int mp_child_stop(struct mp_child *c, int sig, double grace_s)
{
	double end = mp_now_s() + grace_s;
	int r;

	if (!c->pid)
		return 0;
	(void)mp_child_signal(c, sig);
	do
		r = mp_child_wait(c, end - mp_now_s());
	while (r == -EINTR);
	/* The group may outlive its leader; what is left of it goes with KILL. */
	(void)mp_child_signal(c, SIGKILL);
	if (r < 0)
		do
			r = mp_child_wait(c, -1);
		while (r == -EINTR);
	return r;
}

int mp_child_code(const struct mp_child *c)
{
	if (WIFEXITED(c->status))
		return WEXITSTATUS(c->status);
	return WIFSIGNALED(c->status) ? 128 + WTERMSIG(c->status) : -1;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Real processes for tests: this program forks, and does what it is told through a pipe's end. */
#pragma once

#include "unit.h"

#include <mmsperf/clock.h>
#include <mmsperf/tree.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A child that runs fn and then sleeps until it is killed; it dies with this program. */
static inline pid_t kid(void (*fn)(int ready))
{
	int p[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(p[1]);
		for (;;)
			pause();
	}
	(void)close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1); /* it says when it has done its part */
	(void)close(p[0]);
	return pid;
}

static inline void say(int ready)
{
	if (write(ready, "x", 1) != 1)
		_exit(1);
}

static inline void just_ready(int ready)
{
	say(ready);
}

/* Waits until pid is a zombie, reaps nothing. */
static inline void wait_exited(pid_t pid)
{
	siginfo_t si;

	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
}

static inline void reap(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static inline void burn(double seconds)
{
	struct timespec t;

	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while ((double)t.tv_sec + (double)t.tv_nsec / 1e9 < seconds);
}

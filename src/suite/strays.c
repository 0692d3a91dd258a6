// SPDX-License-Identifier: GPL-2.0-only
/*
 * A walk over /proc/PID/{stat,environ}; ended through pidfds whose process is looked at once more,
 * so that a pid that is reused in between is never signalled. Owns no process. Called by bzt.c,
 * server.c and runner.c.
 */
#include "suite/strays.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_PROCS  65536
#define MAX_ROUNDS 50 /* of forks that race with the walk */
#define MAX_ENV    (256u << 10)

static const char variable[] = "MMSPERF_RUN";
static char marker[64]; /* "MMSPERF_RUN=PID-TIME" of this process */

struct proc {
	pid_t pid, ppid, pgid;
	unsigned long long start; /* clock ticks since boot: with the pid the process's identity */
	char state;
	bool ours, kept;
};

struct procs {
	struct proc *v;
	size_t n;
};

int mp_strays_mark(void)
{
	(void)snprintf(marker, sizeof(marker), "%s=%d-%llu", variable, (int)getpid(),
		       (unsigned long long)mp_now_ns());
	return setenv(variable, strchr(marker, '=') + 1, 1) < 0 ? -errno : 0;
}

static bool is_marked(pid_t pid)
{
	_cleanup_free_ char *env = NULL;
	char path[64];
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	if (!*marker || mp_read_file(path, MAX_ENV, &env, &len) < 0)
		return false;
	for (const char *v = env; v < env + len; v += strlen(v) + 1)
		if (!strcmp(v, marker))
			return true;
	return false;
}

static bool read_proc(const char *name, struct proc *ret)
{
	char path[64], text[1024], *after;
	int fd, ppid, pgid;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	after = strrchr(text, ')'); /* the name in parentheses may hold anything */
	*ret = (struct proc){.pid = (pid_t)atoi(name)};
	if (!after ||
	    sscanf(after + 1,
		   " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &ret->state, &ppid, &pgid, &ret->start) != 4)
		return false;
	ret->ppid = ppid;
	ret->pgid = pgid;
	return true;
}

static int by_pid(const void *a, const void *b)
{
	return (((const struct proc *)a)->pid > ((const struct proc *)b)->pid) -
	       (((const struct proc *)a)->pid < ((const struct proc *)b)->pid);
}

static struct proc *find(const struct procs *l, pid_t pid)
{
	struct proc key = {.pid = pid};

	return l->n ? bsearch(&key, l->v, l->n, sizeof(*l->v), by_pid) : NULL;
}

static bool in(const pid_t *v, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == pid)
			return true;
	return false;
}

/* Everything that is ours and not under one of keep. 0 or -errno. */
static int list_ours(const pid_t *keep, size_t n_keep, struct procs *ret)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	_cleanup_free_ struct proc *v = NULL;
	pid_t self = getpid();
	struct dirent *e;
	size_t n = 0, cap = 0, left = 0;
	struct procs all;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		struct proc p, *bigger;

		if (e->d_name[0] < '0' || e->d_name[0] > '9' || !read_proc(e->d_name, &p))
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 256;
			bigger = cap > MAX_PROCS ? NULL : reallocarray(v, cap, sizeof(*v));
			if (!bigger)
				return -ENOMEM;
			v = bigger;
		}
		v[n++] = p;
	}
	if (n)
		qsort(v, n, sizeof(*v), by_pid);
	all = (struct procs){v, n};
	for (size_t i = 0; i < n; i++) {
		struct proc *p = &v[i];

		for (int depth = 0; p && depth < 1000; depth++) {
			if (in(keep, n_keep, p->pid) || in(keep, n_keep, p->pgid))
				v[i].kept = true;
			if (p->ppid == self) {
				v[i].ours = true;
				break;
			}
			p = p->ppid > 1 ? find(&all, p->ppid) : NULL;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (v[i].pid != self && !v[i].kept && (v[i].ours || is_marked(v[i].pid)))
			v[left++] = v[i];
	*ret = (struct procs){TAKE_PTR(v), left};
	return 0;
}

static void reap(const struct procs *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].ppid == getpid())
			(void)waitpid(l->v[i].pid, NULL, WNOHANG);
}

/* Waits for the end of all of l until `until` (monotonic seconds). */
static void wait_all(const struct procs *l, const int *fds, double until)
{
	for (size_t i = 0; i < l->n; i++) {
		struct pollfd p = {.fd = fds[i], .events = POLLIN};
		double left = until - mp_now_s();

		while (fds[i] >= 0 && poll(&p, 1, left > 0 ? (int)(left * 1000) + 1 : 0) < 0 &&
		       errno == EINTR)
			left = until - mp_now_s();
	}
}

/* A pidfd of p, or -1 when p has ended and its number is somebody else's or nobody's. */
static int open_same(const struct proc *p)
{
	int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	struct proc now;
	char name[16];

	(void)snprintf(name, sizeof(name), "%d", (int)p->pid);
	if (fd >= 0 && (!read_proc(name, &now) || now.start != p->start)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static size_t signal_all(const struct procs *l, int sig, double grace_s)
{
	_cleanup_free_ int *fds = calloc(l->n + 1, sizeof(*fds));
	size_t living = 0;

	if (!fds)
		return 0;
	for (size_t i = 0; i < l->n; i++) {
		fds[i] = -1;
		if (l->v[i].state == 'Z' || l->v[i].state == 'X')
			continue;
		fds[i] = open_same(&l->v[i]);
		if (fds[i] < 0)
			continue;
		if (!syscall(SYS_pidfd_send_signal, fds[i], sig, NULL, 0))
			living++;
		/* stopped processes see a TERM only when they run again */
		(void)syscall(SYS_pidfd_send_signal, fds[i], SIGCONT, NULL, 0);
	}
	wait_all(l, fds, mp_now_s() + grace_s);
	for (size_t i = 0; i < l->n; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	reap(l);
	return living;
}

/* pgid 0: all of ours but keep. */
static size_t end_all(const pid_t *keep, size_t n_keep, pid_t pgid, int sig, double grace_s)
{
	size_t total = 0;

	for (int round = 0; round < MAX_ROUNDS; round++) {
		struct procs l = {0};
		size_t n = 0, living;

		if (list_ours(keep, n_keep, &l) < 0)
			return total;
		for (size_t i = 0; i < l.n; i++)
			if (!pgid || l.v[i].pgid == pgid)
				l.v[n++] = l.v[i];
		l.n = n;
		/* the first round asks politely, what is then left has had its time */
		living = n ? signal_all(&l, round ? SIGKILL : sig, round ? 2 : grace_s) : 0;
		if (!round)
			total = living;
		free(l.v);
		/* a round without a living one: children of the last ended ones may still have come
		 */
		if (!living)
			return total;
	}
	return total;
}

size_t mp_strays_end(const pid_t *keep, size_t n_keep, int sig, double grace_s)
{
	return end_all(keep, n_keep, 0, sig, grace_s);
}

size_t mp_strays_end_group(pid_t leader, int sig, double grace_s)
{
	return leader > 0 ? end_all(NULL, 0, leader, sig, grace_s) : 0;
}

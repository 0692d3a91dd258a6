/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the BPF tests share: a source on a given rung, reading until something holds, children that
 * end with their parent. Every wait has a deadline. Tests are registered once a rung; a rung that
 * the kernel cannot have is skipped with its reason.
 */
#pragma once

#include "unit.h"

#include "kernel/loader.h"

#include <mmsperf/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 60.0 /* an emulated machine takes 26 times as long as this one */
#define BLOCKS     64   /* of a file for direct reads */
#define BLOCK      4096

static const char *const rung_env[] = {"snapshot", "iter"};

struct fixture {
	enum mp_rung rung;
	struct mp_source *s;
};

/* A group sets it; one record per test run, in this process only. */
#define RUNG_TEST(fn)                                                                              \
	{#fn " (BPF snapshot)", fn, setup, teardown, &(struct fixture){.rung = MP_RUNG_SNAPSHOT}}, \
	{                                                                                          \
		#fn " (BPF iterator)", fn, setup, teardown, &(struct fixture)                      \
		{                                                                                  \
			.rung = MP_RUNG_ITER                                                       \
		}                                                                                  \
	}

static inline int setup(void **state)
{
	struct fixture *f = *state;

	f->s = NULL;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	mp_source_free(f->s);
	f->s = NULL;
	return 0;
}

/* The rung's source, or the test is skipped where this kernel or user cannot have it. */
static inline struct mp_source *source_or_skip(void **state)
{
	struct fixture *f = *state;
	int r;

	if (geteuid() != 0) {
		print_message("skipped: BPF tests need root\n");
		skip();
	}
	assert_int_equal(setenv("MMSPERF_RUNG", rung_env[f->rung], 1), 0);
	r = mp_source_open(NULL, &f->s);
	if (r == -EOPNOTSUPP || r == -EPERM || r == -ENOSYS) {
		print_message("skipped: %s is not to be had on this kernel (see the line above)\n",
			      mp_rung_name(f->rung));
		f->s = NULL;
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(f->s->ops->rung, f->rung);
	return f->s;
}

static inline void nap_ms(unsigned ms)
{
	struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static inline const struct mp_rec *find_rec(const struct mp_rec *recs, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (recs[i].state != MP_REC_FREE && recs[i].tgid == (__u32)pid)
			return &recs[i];
	return NULL;
}

/* One tick; the record of pid or NULL. */
static inline const struct mp_rec *tick_for(struct mp_source *s, pid_t pid)
{
	const struct mp_rec *recs;
	size_t n;

	assert_int_equal(s->ops->tick(s, &recs, &n), 0);
	return find_rec(recs, n, pid);
}

/*
 * The first tick must do on the snapshot rung once the process was reaped; a zombie may still be on
 * its way off the CPU. On the iterator rung a process that was reaped comes a grace period later,
 * so it is read again until the record is there.
 */
static inline const struct mp_rec *tick_until_ended(struct mp_source *s, pid_t pid)
{
	double end = mp_now_s() + DEADLINE_S;
	const struct mp_rec *r;

	for (;;) {
		bool reaped = kill(pid, 0) < 0;

		r = tick_for(s, pid);
		if (r && r->state == MP_REC_ENDED)
			return r;
		if ((s->ops->rung == MP_RUNG_SNAPSHOT && reaped) || mp_now_s() > end)
			fail_msg("process %d is not reported as ended (%s)", (int)pid,
				 r ? "still living" : "no record");
		nap_ms(5);
	}
}

/* Virtual CPUs that take turns: one may stand still at any instruction, for milliseconds. */
static inline bool is_emulated(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/cpuinfo", "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10))
			return strstr(line, "QEMU");
	return false;
}

/* A child that dies with this process; 0 in the child. */
static inline pid_t spawn(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(99);
	return 0;
}

static inline bool ended_within(pid_t pid, double seconds)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r;

	if (fd < 0 && errno == ESRCH) /* somebody else's child, reaped already */
		return true;
	assert_true(fd >= 0);
	r = poll(&p, 1, (int)(seconds * 1000));
	(void)close(fd);
	return r == 1;
}

/* Reaps pid, which must end by itself within the deadline; CPU seconds in *ret_cpu. */
static inline int reap(pid_t pid, double *ret_cpu)
{
	struct rusage ru;
	int status;

	if (!ended_within(pid, DEADLINE_S)) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		fail_msg("child %d does not end", (int)pid);
	}
	assert_int_equal(wait4(pid, &status, 0, &ru), pid);
	if (ret_cpu)
		*ret_cpu = (double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec +
			   (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	return status;
}

static inline void end_child(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)reap(pid, NULL);
}

/* One byte over a pipe: the other side has come so far. */
static inline void signal_fd(int fd)
{
	ssize_t n = write(fd, "x", 1);

	if (n != 1)
		_exit(98);
}

static inline void await_fd(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	assert_int_equal(poll(&p, 1, (int)(DEADLINE_S * 1000)), 1);
	assert_int_equal(read(fd, &c, 1), 1);
}

static inline void burn_ns(uint64_t ns)
{
	struct timespec t;
	uint64_t end;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	end = (uint64_t)t.tv_sec * MP_NSEC_PER_SEC + (uint64_t)t.tv_nsec + ns;
	do {
		(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	} while ((uint64_t)t.tv_sec * MP_NSEC_PER_SEC + (uint64_t)t.tv_nsec < end);
}

/*
 * Hooks that the kernel left out, which only happens where they can be preempted; a test that
 * cannot stand one is to allow for that many.
 */
static inline uint64_t missed_hooks(struct mp_source *s)
{
	uint64_t drops[_MP_DROP_MAX];

	mp_bpf_of(s)->missed_at_ns = 0; /* as of now */
	s->ops->drops(s, drops);
	if (drops[MP_DROP_MISSED])
		print_message("%s: %lu hooks left out by the kernel, counted as drops\n",
			      mp_rung_name(s->ops->rung), (unsigned long)drops[MP_DROP_MISSED]);
	return drops[MP_DROP_MISSED];
}

#define MAX_UNSEEN_ENDS 20 /* in a test of up to 6144 processes */

static inline void assert_no_drops(struct mp_source *s)
{
	uint64_t drops[_MP_DROP_MAX], missed = missed_hooks(s);

	s->ops->drops(s, drops);
	for (size_t i = 0; i < _MP_DROP_MAX; i++)
		if (i != MP_DROP_MISSED)
			assert_int_equal(drops[i], 0);
	if (mp_bpf_of(s)->preemptible)
		return;
	/* sched_process_free: the kernel itself leaves it out for one process in some thousands. */
	assert_true(missed <= (s->ops->rung == MP_RUNG_ITER ? MAX_UNSEEN_ENDS : 0));
}

/* A file on a disk, opened with O_DIRECT; -1 where the file system has none (a VM's may not). */
static inline int direct_file(void)
{
	char path[] = "/var/tmp/mmsperf-test.XXXXXX";
	static char block[BLOCK] __attribute__((aligned(BLOCK)));
	int fd = mkostemp(path, O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	/* tmpfs takes O_DIRECT since 6.6, but there is nothing to wait for. */
	if (major(st.st_dev) == 0) {
		(void)unlink(path);
		(void)close(fd);
		return -1;
	}
	assert_int_equal(unlink(path), 0);
	for (int i = 0; i < BLOCKS; i++)
		assert_int_equal(pwrite(fd, block, BLOCK, (off_t)i * BLOCK), BLOCK);
	(void)fsync(fd);
	if (fcntl(fd, F_SETFL, O_DIRECT) || pread(fd, block, BLOCK, 0) != BLOCK) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A synthetic process tree, always the same: tree PROCS THREADS FDS BACKGROUND
 * It has a model server's shape: a frontend, below it a listener that was exec'd as a worker
 * script, below that the workers it forked: PROCS processes in all, THREADS threads and FDS
 * descriptors each, and as many mappings as a worker of the real server has. BACKGROUND processes
 * outside the tree sleep for ever: a reader of /proc meets them. Every member's main thread uses
 * 100 us of CPU four times a second, so the numbers move. Prints "root PID" when all of it stands;
 * ends, with all of it, when stdin does.
 */
#include "common.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* /proc/PID/maps of a worker with a small model: 274 lines over 56 files. Each costs a reader of
 * smaps; a program as small as this one has 25. */
#define MAPPINGS 250

#define READY_FD 3 /* end of a pipe: its reader sees the end when all members closed it */

static void child_begin(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1)
		_exit(0);
}

static void *sleeper(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* No two neighbours that could become one: every other page is for writing. */
static void map_pages(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("mappings");
	for (int i = 0; i < MAPPINGS; i++) {
		volatile const char *page = mmap(
			NULL, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

		if (page == MAP_FAILED)
			die("mappings");
		(void)page[0];
	}
	close(fd);
}

/* One member, complete: never returns. */
static void member(int threads, int fds, int index)
{
	struct timespec next;
	pthread_attr_t attr;
	pthread_t t;
	int fd;

	map_pages("/proc/self/exe");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN + 16384);
	for (int i = 1; i < threads; i++)
		if (pthread_create(&t, &attr, sleeper, NULL) != 0)
			die("pthread_create");
	/* 0, 1, 2 and READY_FD are there; half of the rest files, half events. */
	for (int i = 4; i < fds; i++) {
		fd = i % 2 ? eventfd(0, EFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			die("descriptor");
	}
	if (dup2(0, READY_FD) < 0) /* the last descriptor, and the sign that we are ready */
		die("dup2");
	clock_gettime(CLOCK_MONOTONIC, &next);
	next.tv_nsec = (index * 15485863L) % 1000000000L;
	for (;;) {
		uint64_t until;

		next.tv_nsec += 250000000;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
			;
		until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + 100000;
		while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
			;
	}
}

static pid_t spawn(const char *self, const char *script, char **numbers)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		child_begin();
		execl(self, "bench-tree", script, numbers[0], numbers[1], numbers[2], (char *)NULL);
		die("exec");
	}
	return pid;
}

static int launcher(const char *self, char **argv)
{
	int background = atoi(argv[4]), null, p[2];
	pid_t root;
	char c;

	/* What stood at 3 and above was inherited by accident. */
	if (close_range(3, ~0u, 0) < 0 || pipe2(p, O_CLOEXEC) < 0)
		die("pipe");
	for (int i = 0; i < background; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			child_begin();
			close(p[0]);
			close(p[1]);
			for (;;)
				pause();
		}
	}
	root = fork();
	if (root < 0)
		die("fork");
	if (root == 0) {
		child_begin();
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
			die("/dev/null");
		close(null);
		close(p[0]);
		if (dup2(p[1], READY_FD) < 0)
			die("dup2");
		if (p[1] != READY_FD)
			close(p[1]);
		execl(self, "bench-tree", "frontend", argv[1], argv[2], argv[3], (char *)NULL);
		die("exec");
	}
	close(p[1]);
	while (read(p[0], &c, 1) < 0 && errno == EINTR)
		;
	if (waitpid(root, NULL, WNOHANG) != 0) {
		fprintf(stderr, "tree: the root ended at once\n");
		return 1;
	}
	printf("root %d\n", root);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	kill(root, SIGKILL);
	return 0; /* the rest follows by PDEATHSIG */
}

int main(int argc, char **argv)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int procs, threads, fds;

	if (argc != 5 || n < 0) {
		fprintf(stderr, "usage: tree PROCS THREADS FDS BACKGROUND\n");
		return 2;
	}
	self[n] = '\0';
	if (strcmp(argv[1], "frontend") != 0 && !strstr(argv[1], "model_service_worker.py")) {
		if (atoi(argv[1]) < 2 || atoi(argv[2]) < 1 || atoi(argv[3]) < 4) {
			fprintf(stderr, "tree: at least 2 processes, 1 thread, 4 descriptors\n");
			return 2;
		}
		return launcher(self, argv);
	}
	procs = atoi(argv[2]);
	threads = atoi(argv[3]);
	fds = atoi(argv[4]);
	if (strcmp(argv[1], "frontend") == 0) {
		spawn(self, "mms/model_service_worker.py", argv + 2);
		member(threads, fds, 0);
	}
	for (int i = 2; i < procs; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			child_begin();
			member(threads, fds, i);
		}
	}
	member(threads, fds, 1);
}

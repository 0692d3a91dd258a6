// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watched side of the hook burden test: burden CPU
 * On a line "thread N" or "fork N" it makes and joins N threads, or forks and reaps N children, and
 * prints the CPU ns (its own and its children's, user and system, from getrusage and the process
 * clock) of one such operation. Ends at the end of stdin.
 */
#include "common.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void *nothing(void *arg)
{
	return arg;
}

static double children_ns(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_CHILDREN, &u) < 0)
		die("getrusage");
	return ((double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec) * 1e9 +
	       ((double)u.ru_utime.tv_usec + (double)u.ru_stime.tv_usec) * 1e3;
}

static double threads(int n)
{
	uint64_t begin;
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	begin = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < n; i++) {
		if (pthread_create(&t, &attr, nothing, NULL) != 0)
			die("pthread_create");
		pthread_join(t, NULL);
	}
	return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin) / n;
}

static double forks(int n)
{
	double theirs = children_ns();
	uint64_t begin = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0)
			_exit(0);
		if (waitpid(pid, NULL, 0) != pid)
			die("waitpid");
	}
	return ((double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin) + children_ns() - theirs) / n;
}

int main(int argc, char **argv)
{
	char line[64];
	cpu_set_t set;
	int n;

	if (argc != 2) {
		fprintf(stderr, "usage: burden CPU\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[1]), &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "thread %d", &n) == 1 && n > 0)
			printf("%.1f\n", threads(n));
		else if (sscanf(line, "fork %d", &n) == 1 && n > 0)
			printf("%.1f\n", forks(n));
		else
			printf("nan\n");
		fflush(stdout);
	}
	return 0;
}

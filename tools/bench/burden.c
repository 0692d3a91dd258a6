// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watched side of the hook burden test: burden CPU
 * On a line "thread N" or "fork N" it makes and joins N threads, or forks and reaps N children, and
 * prints the CPU ns (its own and its children's, user and system, from getrusage and the process
 * clock) of one such operation: the median of batches, which what interrupts or wakes elsewhere
 * puts into some of them does not move. Ends at the end of stdin.
 */
#include "common.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#define MAX_BATCHES  10000
#define THREAD_BATCH 25 /* some 250 us */
#define FORK_BATCH   10 /* of a clock of microseconds */

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

static void one_thread(const pthread_attr_t *attr)
{
	pthread_t t;

	if (pthread_create(&t, attr, nothing, NULL) != 0)
		die("pthread_create");
	pthread_join(t, NULL);
}

static void one_fork(const pthread_attr_t *attr)
{
	(void)attr;
	fork_and_reap();
}

static double used_ns(void)
{
	return (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) + children_ns();
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* At least one batch. */
static double median_of(void (*op)(const pthread_attr_t *), int n, int batch)
{
	static double costs[MAX_BATCHES];
	int batches = n / batch < 1 ? 1 : n / batch > MAX_BATCHES ? MAX_BATCHES : n / batch;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < batches; i++) {
		double begin = used_ns();

		for (int k = 0; k < batch; k++)
			op(&attr);
		costs[i] = (used_ns() - begin) / batch;
	}
	qsort(costs, (size_t)batches, sizeof(costs[0]), by_size);
	return (costs[batches / 2] + costs[(batches - 1) / 2]) / 2;
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
			printf("%.1f\n", median_of(one_thread, n, THREAD_BATCH));
		else if (sscanf(line, "fork %d", &n) == 1 && n > 0)
			printf("%.1f\n", median_of(one_fork, n, FORK_BATCH));
		else
			printf("nan\n");
		fflush(stdout);
	}
	return 0;
}

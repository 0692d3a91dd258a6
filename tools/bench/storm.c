// SPDX-License-Identifier: GPL-2.0-only
/*
 * A storm for the collector: storm FORKERS THREADS
 * Prints "ready" when it has THREADS idle threads and FORKERS children that will fork. On a line
 * "go SECONDS" these fork, and reap at once, as fast as they can; then the number of forks and of
 * threads is printed. Ends at the end of stdin.
 */
#include "common.h"

#include <pthread.h>
#include <sys/mman.h>

struct shared {
	volatile uint64_t until_ns;
	volatile uint64_t forks[64];
	volatile uint32_t finished;
};

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static _Noreturn void forker(struct shared *s, int me)
{
	uint64_t until = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		while (s->until_ns == until)
			usleep(1000);
		until = s->until_ns;
		while (clock_ns(CLOCK_MONOTONIC) < until) {
			fork_and_reap();
			s->forks[me]++;
		}
		__sync_fetch_and_add(&s->finished, 1);
	}
}

static uint64_t blow(struct shared *s, int forkers, double seconds)
{
	uint64_t n = 0;

	for (int i = 0; i < forkers; i++)
		s->forks[i] = 0;
	s->finished = 0;
	s->until_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
	while (s->finished < (uint32_t)forkers)
		usleep(10000);
	for (int i = 0; i < forkers; i++)
		n += s->forks[i];
	return n;
}

int main(int argc, char **argv)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				-1, 0);
	int forkers = argc == 3 ? atoi(argv[1]) : 0, threads = argc == 3 ? atoi(argv[2]) : 0;
	pthread_attr_t attr;
	double seconds;
	char line[64];

	if (argc != 3 || forkers < 1 || forkers > 64) {
		fprintf(stderr, "usage: storm FORKERS THREADS\n");
		return 2;
	}
	if (s == MAP_FAILED)
		die("mmap");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < forkers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0)
			forker(s, i);
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < threads; i++) {
		pthread_t t;

		if (pthread_create(&t, &attr, idle, NULL) != 0)
			die("pthread_create");
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "go %lf", &seconds) != 1)
			seconds = 0;
		printf("%lu\n", (unsigned long)blow(s, forkers, seconds));
		fflush(stdout);
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A load of a known share of one CPU, and a client of the agent that compares what the agent says
 * with the load's own process clock, read as each line arrives:
 *   load PERCENT PERIOD_US CPU                      burns PERCENT of every period; until killed
 *   load check PORT LOAD_PID INTERVAL_S LINES CPU   one JSON object: errors in percentage points
 * Both sides are measured over the same pairs of moments, so what is left of the distance between
 * the agent's reading and ours is its jitter: it is a bound of what this test can see.
 */
#include "common.h"

#include <math.h>
#include <sched.h>
#include <stdbool.h>

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
}

static _Noreturn void burn(double percent, long period_us, int cpu)
{
	uint64_t next = clock_ns(CLOCK_MONOTONIC), slice;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	pin(cpu);
	slice = (uint64_t)((double)period_us * 1000 * percent / 100);
	for (;;) {
		uint64_t until = clock_ns(CLOCK_THREAD_CPUTIME_ID) + slice;
		struct timespec ts;

		while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < until)
			;
		if (percent >= 100)
			continue;
		next += (uint64_t)period_us * 1000;
		ts = (struct timespec){.tv_sec = (time_t)(next / 1000000000u),
				       .tv_nsec = (long)(next % 1000000000u)};
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
			;
	}
}

static int by_size(const void *a, const void *b)
{
	double x = fabs(*(const double *)a), y = fabs(*(const double *)b);

	return (x > y) - (x < y);
}

static int check(int port, pid_t pid, const char *interval, int lines, int cpu)
{
	int s = connect_loopback(port), n = 0;
	double *err = calloc((size_t)lines, sizeof(*err)), sum = 0, low = INFINITY,
	       high = -INFINITY;
	uint64_t cpu0 = 0, wall0 = 0;
	clockid_t clock;
	char buf[4096];

	if (s < 0 || !err || clock_getcpuclockid(pid, &clock) != 0)
		die("check");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	pin(cpu);
	dprintf(s, "interval:%s\nmetrics:frontend_cpu_percent\n", interval);
	while (n < lines) {
		ssize_t got = recv(s, buf, sizeof(buf) - 1, 0);
		uint64_t wall = clock_ns(CLOCK_MONOTONIC), used = clock_ns(clock);
		double said, was;
		char *eol;

		if (got <= 0)
			die("the agent hung up");
		buf[got] = '\0';
		eol = strchr(buf, '\n');
		/* Two lines in one read: we were late, and know neither moment. */
		if (!eol || eol[1]) {
			wall0 = 0;
			continue;
		}
		said = strtod(buf, NULL);
		if (wall0 && !isnan(said)) {
			was = (double)(used - cpu0) / (double)(wall - wall0) * 100;
			err[n++] = said - was;
			sum += was;
			low = fmin(low, said);
			high = fmax(high, said);
		}
		cpu0 = used;
		wall0 = wall;
	}
	qsort(err, (size_t)n, sizeof(*err), by_size);
	printf("{\"lines\": %d, \"true\": %.4f, \"low\": %.4f, \"high\": %.4f, \"median\": %.5f, "
	       "\"p99\": %.5f, \"max\": %.5f}\n",
	       n, sum / n, low, high, fabs(err[n / 2]), fabs(err[(int)(n * 0.99)]),
	       fabs(err[n - 1]));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4)
		burn(atof(argv[1]), atol(argv[2]), atoi(argv[3]));
	if (argc == 7 && strcmp(argv[1], "check") == 0)
		return check(atoi(argv[2]), atoi(argv[3]), argv[4], atoi(argv[5]), atoi(argv[6]));
	fprintf(stderr,
		"usage: load PERCENT PERIOD_US CPU | load check PORT PID INTERVAL LINES CPU\n");
	return 2;
}

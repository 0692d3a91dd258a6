// SPDX-License-Identifier: GPL-2.0-only
/*
 * A load of a known share of one CPU that writes down its own process clock, and a client of the
 * agent that compares the two:
 *   load PERCENT PERIOD_US CPU TRACE            burns PERCENT of every period; until killed
 *   load check PORT PID INTERVAL_S LINES TRACE BAR
 *                                               one JSON object: errors in percentage points
 * The agent says of every line when it read the processes; the trace tells what the load had used
 * at that moment, so no jitter of timers, sockets or this client is in the comparison. Between two
 * of the trace's points the load's clock is known within a bound: what it uses while it falls asleep
 * and wakes, the client sees by looking at its clock every half millisecond. Where the bound is wide
 * beside the bar all the same, the line tells nothing and is left out ("unsure").
 */
#include "common.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mman.h>

#define MAX_POINTS  (1u << 20)
#define STRAY_NS    2000     /* the clocks went apart by this much: a new point */
#define POINT_NS    10000000 /* or this much has passed */
#define LOOK_NS     500000   /* between two looks at the load's clock from outside */
#define LOOKED_NS   3000     /* one that took longer was interrupted */
#define SETTLE_NS   50000000 /* after the last line, until the trace is beyond it */
#define UNSURE      0.2      /* of the bar: what the truth must be known within */
#define NS_A_SECOND 1000000000u

/* What the load had used at a moment. */
struct point {
	uint64_t wall, cpu; /* ns of CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID */
};

/* One writer; points below n are whole. */
struct trace {
	uint32_t n, pad;
	struct point at[MAX_POINTS];
};

static struct trace *trace_open(const char *path, bool write)
{
	int fd = open(path, write ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0600);
	struct trace *t;

	if (fd < 0 || (write && ftruncate(fd, sizeof(*t)) < 0))
		die(path);
	t = mmap(NULL, sizeof(*t), write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	if (t == MAP_FAILED)
		die("mmap");
	close(fd);
	return t;
}

static void trace_put(struct trace *t, struct point p)
{
	if (t->n == MAX_POINTS)
		return;
	t->at[t->n] = p;
	__atomic_store_n(&t->n, t->n + 1, __ATOMIC_RELEASE);
}

static struct point point_now(void)
{
	uint64_t wall = clock_ns(CLOCK_MONOTONIC);

	return (struct point){.wall = wall, .cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID)};
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
}

/* Burns until its clock says so; a point at both ends and wherever it was kept from running. */
static struct point spin(struct trace *t, uint64_t until)
{
	struct point kept = point_now(), before = kept, now = kept;

	trace_put(t, kept);
	while (now.cpu < until) {
		now = point_now();
		if ((now.wall - kept.wall) - (now.cpu - kept.cpu) > STRAY_NS ||
		    now.wall - kept.wall > POINT_NS) {
			trace_put(t, before);
			trace_put(t, now);
			kept = now;
		}
		before = now;
	}
	trace_put(t, now);
	return now;
}

static _Noreturn void burn(double percent, long period_us, int cpu, struct trace *t)
{
	uint64_t next = clock_ns(CLOCK_MONOTONIC), slice;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	pin(cpu);
	slice = (uint64_t)((double)period_us * 1000 * percent / 100);
	for (;;) {
		struct timespec ts;

		spin(t, clock_ns(CLOCK_PROCESS_CPUTIME_ID) + slice);
		if (percent >= 100)
			continue;
		next += (uint64_t)period_us * 1000;
		ts = (struct timespec){.tv_sec = (time_t)(next / NS_A_SECOND),
				       .tv_nsec = (long)(next % NS_A_SECOND)};
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
			;
	}
}

/* Narrows what the load had used at a moment, *low to *high ns, by the points around it. */
static bool narrow(const struct trace *t, uint64_t wall, double *low, double *high)
{
	uint32_t n = __atomic_load_n(&t->n, __ATOMIC_ACQUIRE), first = 0, last = n;
	const struct point *a, *b;

	while (first < last) {
		uint32_t mid = first + (last - first) / 2;

		if (t->at[mid].wall <= wall)
			first = mid + 1;
		else
			last = mid;
	}
	if (first == 0 || first == n)
		return false;
	a = &t->at[first - 1];
	b = &t->at[first];
	/* its clock never falls, and never runs faster than time */
	*low = fmax(*low, fmax((double)a->cpu, (double)b->cpu - (double)(b->wall - wall)));
	*high = fmin(*high, fmin((double)b->cpu, (double)a->cpu + (double)(wall - a->wall)));
	return true;
}

struct used {
	double ns, unsure;
};

static bool used_at(const struct trace *own, const struct trace *seen, uint64_t wall,
		    struct used *ret)
{
	double low = 0, high = INFINITY;

	if (!narrow(own, wall, &low, &high))
		return false;
	(void)narrow(seen, wall, &low, &high);
	*ret = (struct used){.ns = (low + high) / 2, .unsure = fabs(high - low) / 2};
	return true;
}

static int by_size(const void *a, const void *b)
{
	double x = fabs(*(const double *)a), y = fabs(*(const double *)b);

	return (x > y) - (x < y);
}

struct looker {
	clockid_t clock;
	struct trace *trace;
};

static void *look(void *arg)
{
	struct looker *l = arg;

	for (;;) {
		struct point p = {.wall = clock_ns(CLOCK_MONOTONIC), .cpu = clock_ns(l->clock)};

		if (clock_ns(CLOCK_MONOTONIC) - p.wall < LOOKED_NS)
			trace_put(l->trace, p);
		nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
	}
	return NULL;
}

struct line {
	double percent;
	uint64_t wall;
};

/* Lines as the agent sends them; the first one's interval has no beginning we know. */
static struct line *receive(int port, const char *interval, int n)
{
	struct line *lines = calloc((size_t)n, sizeof(*lines));
	int s = connect_loopback(port), i = 0;
	FILE *f = s < 0 ? NULL : fdopen(s, "r");
	char buf[256], *end;

	if (!f || !lines)
		die("check");
	dprintf(s, "interval:%s\nmetrics:frontend_cpu_percent\tmonitor_sampled_ns\n", interval);
	while (i < n) {
		if (!fgets(buf, sizeof(buf), f))
			die("the agent hung up");
		lines[i].percent = strtod(buf, &end);
		lines[i].wall = (uint64_t)strtod(end, NULL);
		if (end != buf && !isnan(lines[i].percent) && lines[i].wall)
			i++;
	}
	fclose(f);
	return lines;
}

static int check(int port, pid_t pid, const char *interval, int n, const struct trace *own,
		 double bar)
{
	double *err = calloc((size_t)n, sizeof(*err)), sum = 0, low = INFINITY, high = -INFINITY;
	struct looker looker = {.trace = calloc(1, sizeof(*looker.trace))};
	int found = 0, unsure = 0;
	struct line *lines;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_TIMERSLACK, 1);
	if (!err || !looker.trace || clock_getcpuclockid(pid, &looker.clock) != 0 ||
	    pthread_create(&thread, NULL, look, &looker) != 0)
		die("check");
	lines = receive(port, interval, n);
	nanosleep(&(struct timespec){.tv_nsec = SETTLE_NS}, NULL);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	for (int i = 1; i < n; i++) {
		double dt = (double)(lines[i].wall - lines[i - 1].wall), was;
		struct used a, b;

		/* After a late sample the next one comes soon: not the interval the bar is for. */
		if (dt < strtod(interval, NULL) * NS_A_SECOND / 2 ||
		    !used_at(own, looker.trace, lines[i - 1].wall, &a) ||
		    !used_at(own, looker.trace, lines[i].wall, &b))
			continue;
		if (100 * (a.unsure + b.unsure) / dt > bar * UNSURE) {
			unsure++;
			continue;
		}
		was = 100 * (b.ns - a.ns) / dt;
		err[found++] = lines[i].percent - was;
		sum += was;
		low = fmin(low, lines[i].percent);
		high = fmax(high, lines[i].percent);
	}
	free(looker.trace);
	free(lines);
	if (!found || own->n == MAX_POINTS) {
		fprintf(stderr, "the trace has not the time of the lines\n");
		return 1;
	}
	qsort(err, (size_t)found, sizeof(*err), by_size);
	printf("{\"lines\": %d, \"true\": %.4f, \"low\": %.4f, \"high\": %.4f, \"median\": %.5f, "
	       "\"p99\": %.5f, \"max\": %.5f, \"unsure\": %d}\n",
	       found, sum / found, low, high, fabs(err[found / 2]),
	       fabs(err[(int)(found * 0.99)]), fabs(err[found - 1]), unsure);
	free(err);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 8 && strcmp(argv[1], "check") == 0)
		return check(atoi(argv[2]), atoi(argv[3]), argv[4], atoi(argv[5]),
			     trace_open(argv[6], false), atof(argv[7]));
	if (argc == 5)
		burn(atof(argv[1]), atol(argv[2]), atoi(argv[3]), trace_open(argv[4], true));
	fprintf(stderr, "usage: load PERCENT PERIOD_US CPU TRACE | "
			"load check PORT PID INTERVAL LINES TRACE BAR\n");
	return 2;
}

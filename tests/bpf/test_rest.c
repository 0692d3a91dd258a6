// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that do nothing while they are looked at: descriptors, threads, memory, parent and
 * command line against /proc and what the process did. And one that does: its running slice.
 */
#include "bpftest.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

/* What each CPU may hold back of each of three counters (percpu_counter_batch); statm sums it up.
 */
#define RSS_SLACK_PAGES (3 * 32 * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN))

static unsigned count_entries(pid_t pid, const char *dir)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;
	char path[64];
	unsigned n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, dir);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	return n;
}

static uint64_t statm(pid_t pid, int field)
{
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long v[2];
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &v[0], &v[1]), 2);
	return v[field];
}

static void *forever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void be_idle(int ready, unsigned fds, unsigned threads, size_t mb)
{
	struct rlimit rl;
	char *m;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		_exit(4);
	rl.rlim_cur = rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
	for (unsigned i = 0; i < fds && i + 64 < rl.rlim_cur; i++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			_exit(1);
	(void)close(100); /* a hole, where there are that many */
	for (unsigned i = 0; i < threads; i++) {
		pthread_attr_t a;
		pthread_t t;

		(void)pthread_attr_init(&a);
		(void)pthread_attr_setstacksize(&a, 65536);
		if (pthread_create(&t, &a, forever, NULL))
			_exit(2);
	}
	m = mmap(NULL, mb << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		_exit(3);
	memset(m, 1, mb << 20);
	signal_fd(ready);
	(void)forever(NULL);
}

static void assert_near(uint64_t got, uint64_t want, uint64_t slack)
{
	if (got + slack < want || got > want + slack)
		fail_msg("%" PRIu64 " instead of %" PRIu64, got, want);
}

static void test_equal_to_proc(void **state)
{
	static const struct {
		unsigned fds, threads;
		size_t mb;
	} kinds[] = {{0, 0, 1}, {61, 3, 10}, {200, 7, 50}, {5000, 40, 1}};
	struct mp_source *s = source_or_skip(state);

	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct mp_rec *r;
		int ready[2];
		pid_t pid;

		assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
		pid = spawn();
		if (!pid)
			be_idle(ready[1], kinds[i].fds, kinds[i].threads, kinds[i].mb);
		await_fd(ready[0]);
		r = tick_for(s, pid);
		assert_non_null(r);
		assert_int_equal(r->state, MP_REC_LIVE);
		assert_int_equal(r->valid & (MP_HAS_MEM | MP_HAS_FDS), MP_HAS_MEM | MP_HAS_FDS);
		assert_int_equal(r->fds, count_entries(pid, "fd"));
		assert_int_equal(r->threads, count_entries(pid, "task"));
		assert_int_equal(r->threads, kinds[i].threads + 1);
		assert_int_equal(r->threads_created, kinds[i].threads);
		assert_int_equal(r->ppid, getpid());
		assert_near(r->vm_pages, statm(pid, 0), 0);
		assert_near(r->rss_file_pages + r->rss_anon_pages + r->rss_shmem_pages,
			    statm(pid, 1), RSS_SLACK_PAGES);
		end_child(pid);
		(void)close(ready[0]);
		(void)close(ready[1]);
	}
	assert_no_drops(s);
}

/* More descriptors than a reading counts: absent, not wrong. */
static void test_too_many_fds(void **state)
{
	struct mp_source *s = source_or_skip(state);
	const struct mp_rec *r;
	struct rlimit rl;
	int ready[2];
	pid_t pid;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
	if (rl.rlim_max < 66100) {
		print_message("skipped: the hard limit of open files is %lu, 66100 are needed\n",
			      (unsigned long)rl.rlim_max);
		skip();
	}
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = spawn();
	if (!pid)
		be_idle(ready[1], 66000, 0, 1);
	await_fd(ready[0]);
	r = tick_for(s, pid);
	assert_non_null(r);
	assert_int_equal(r->valid & MP_HAS_FDS, 0);
	assert_true(r->valid & MP_HAS_MEM);
	end_child(pid);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

/* The main thread has ended, another lives: memory and descriptors are the process's all the same.
 */
static void *say_ready(void *fd)
{
	char state_of[64], c = 0;
	int f;

	(void)snprintf(state_of, sizeof(state_of), "/proc/self/task/%d/stat", (int)getpid());
	for (int i = 0; i < 1000 && c != 'Z'; i++) {
		char text[128] = "";
		const char *p;

		f = open(state_of, O_RDONLY | O_CLOEXEC);
		if (f < 0 || read(f, text, sizeof(text) - 1) <= 0)
			_exit(2);
		(void)close(f);
		p = strrchr(text, ')');
		c = p ? p[2] : 0;
		if (c != 'Z')
			nap_ms(2);
	}
	if (c == 'Z')
		signal_fd(*(int *)fd);
	return forever(NULL);
}

static void test_zombie_leader(void **state)
{
	struct mp_source *s = source_or_skip(state);
	const struct mp_rec *r;
	int ready[2];
	pid_t pid;

	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = spawn();
	if (!pid) {
		size_t bytes = 20 << 20;
		pthread_t t;
		char *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		if (m == MAP_FAILED || pthread_create(&t, NULL, say_ready, &ready[1]))
			_exit(1);
		memset(m, 1, bytes);
		for (int i = 0; i < 20; i++)
			(void)open("/dev/null", O_RDONLY | O_CLOEXEC);
		pthread_exit(NULL);
	}
	await_fd(ready[0]);
	r = tick_for(s, pid);
	assert_non_null(r);
	assert_int_equal(r->state, MP_REC_LIVE);
	assert_true(r->valid & MP_HAS_MEM);
	assert_true(r->rss_anon_pages >= (20 << 20) / 4096);
	assert_true(r->valid & MP_HAS_FDS);
	assert_true(r->fds >= 20 && r->fds < 150); /* the source's own are inherited */
	end_child(pid);
	r = tick_until_ended(s, pid);
	assert_int_equal(r->exit_code, SIGKILL);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static uint64_t cpu_clock_ns(clockid_t clock)
{
	struct timespec t;

	assert_int_equal(clock_gettime(clock, &t), 0);
	return (uint64_t)t.tv_sec * MP_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

/*
 * Time of this process's threads that ended; it has one thread now. The process's clock has that
 * thread as its own clock showed it last, unless a scheduler tick came between: the least is it.
 */
static uint64_t ended_threads_ns(void)
{
	uint64_t least = ~0ULL;

	for (int i = 0; i < 20; i++) {
		uint64_t own = cpu_clock_ns(CLOCK_THREAD_CPUTIME_ID);
		uint64_t all = cpu_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own;

		least = all < least ? all : least;
	}
	return least;
}

static void stay_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

static int by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void *compute(void *stop)
{
	stay_on_cpu(1);
	while (!*(volatile bool *)stop) /* no system call: each would bring the books up to date */
		;
	return NULL;
}

/*
 * A thread that computes: its time between two scheduler ticks moves on. The oracle is the clock of
 * each thread, which the kernel brings up to date when it is read (a process's clock it does not):
 * so it is read after the tick only, and what it then shows more than the record may not exceed the
 * time that passed. Without the running slice it is 2 ms more on average (HZ=250).
 */
static void test_running_slice(void **state)
{
	enum { READINGS = 200 };
	struct mp_source *s = source_or_skip(state);
	static int64_t off[READINGS];
	volatile bool stop = false;
	clockid_t clock;
	uint64_t ended;
	cpu_set_t all;
	pthread_t t;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		print_message("skipped: two threads on one CPU are never running at once\n");
		skip();
	}
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	ended = ended_threads_ns();
	stay_on_cpu(0);
	assert_int_equal(pthread_create(&t, NULL, compute, (void *)&stop), 0);
	assert_int_equal(pthread_getcpuclockid(t, &clock), 0);
	for (int i = 0; i < READINGS; i++) {
		uint64_t begin, passed, after;
		const struct mp_rec *r;

		nap_ms(6);
		begin = mp_now_ns();
		r = tick_for(s, getpid());
		after = cpu_clock_ns(clock) + cpu_clock_ns(CLOCK_THREAD_CPUTIME_ID) + ended;
		passed = 2 * (mp_now_ns() - begin);
		assert_non_null(r);
		off[i] = r->run_ns > after            ? (int64_t)(r->run_ns - after)
			 : r->run_ns + passed < after ? (int64_t)(after - passed - r->run_ns)
						      : 0;
	}
	stop = true;
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	qsort(off, READINGS, sizeof(off[0]), by_value);
	print_message("%s: running slice off by %" PRId64 " ns (median), %" PRId64
		      " ns (90 %%), %" PRId64 " ns (worst)\n",
		      mp_rung_name(s->ops->rung), off[READINGS / 2], off[READINGS * 9 / 10],
		      off[READINGS - 1]);
	assert_true(off[READINGS / 2] < 500000);
	assert_true(off[READINGS * 9 / 10] < 1000000);
}

/* What nobody wants is not read and said to be absent. */
static void test_want(void **state)
{
	struct mp_source *s = source_or_skip(state);
	const struct mp_rec *r;

	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	s->ops->want(s, MP_HAS_MEM);
	assert_non_null(tick_for(s, getpid())); /* the first reading is of everything */
	r = tick_for(s, getpid());
	assert_non_null(r);
	assert_int_equal(r->valid &
				 (MP_HAS_CPU | MP_HAS_MEM | MP_HAS_FDS | MP_HAS_IO | MP_HAS_SCHED),
			 MP_HAS_CPU | MP_HAS_MEM);
	s->ops->want(s, ~0U);
	r = tick_for(s, getpid());
	assert_non_null(r);
	assert_int_equal(r->valid &
				 (MP_HAS_CPU | MP_HAS_MEM | MP_HAS_FDS | MP_HAS_IO | MP_HAS_SCHED),
			 MP_HAS_CPU | MP_HAS_MEM | MP_HAS_FDS | MP_HAS_IO | MP_HAS_SCHED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUNG_TEST(test_equal_to_proc), RUNG_TEST(test_too_many_fds),
		RUNG_TEST(test_zombie_leader), RUNG_TEST(test_running_slice),
		RUNG_TEST(test_want),
	};

	return cmocka_run_group_tests_name("bpf at rest", tests, NULL, NULL);
}

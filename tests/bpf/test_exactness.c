// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that begin and end between two ticks: their CPU against wait4, their I/O, system calls
 * and threads against what they counted themselves, reaped or not, small or with 300 MB resident.
 */
#include "bpftest.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/mman.h>

#define WORKERS   20
#define LIFE_NS   200000000ULL
#define MAX_ERROR 0.01 /* of the CPU time; 0.001 is usual */
#define PAGES     8
#define ALIGN     4096

/* A worker's own account, in memory shared with the test: writing it costs no system call. */
struct account {
	uint64_t syscr, syscw, rchar, wchar, read_bytes, write_bytes;
	uint32_t threads;
};

static ssize_t counted_read(struct account *a, int fd, void *buf, size_t len)
{
	ssize_t n = read(fd, buf, len);

	a->syscr++;
	a->rchar += n > 0 ? (uint64_t)n : 0;
	return n;
}

static ssize_t counted_write(struct account *a, int fd, const void *buf, size_t len)
{
	ssize_t n = write(fd, buf, len);

	a->syscw++;
	a->wchar += n > 0 ? (uint64_t)n : 0;
	return n;
}

/* Storage bytes depend on the file system: the kernel's own account of them is the oracle. */
static void ask_kernel(struct account *a)
{
	char text[512];
	int fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : counted_read(a, fd, text, sizeof(text) - 1);
	const char *p;

	if (n <= 0)
		_exit(2);
	text[n] = '\0';
	p = strstr(text, "\nread_bytes: ");
	if (!p ||
	    sscanf(p, "\nread_bytes: %lu\nwrite_bytes: %lu", &a->read_bytes, &a->write_bytes) != 2)
		_exit(3);
}

static void do_io(struct account *a)
{
	static char page[ALIGN] __attribute__((aligned(ALIGN)));
	char path[] = "/tmp/mmsperf-test.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || zero < 0 || unlink(path))
		_exit(4);
	for (int i = 0; i < PAGES; i++) {
		if (counted_read(a, zero, page, 1000) != 1000 ||
		    counted_write(a, fd, page, sizeof(page)) != sizeof(page))
			_exit(5);
	}
	/* Read again past the cache, where the file system can. */
	if (!fsync(fd) && !fcntl(fd, F_SETFL, O_DIRECT) && !lseek(fd, 0, SEEK_SET))
		(void)counted_read(a, fd, page, sizeof(page));
	/* Here and not at exit: freeing the file may dirty a block of the file system. */
	(void)close(fd);
	(void)close(zero);
}

static void *burner(void *ns)
{
	burn_ns(*(const uint64_t *)ns);
	return NULL;
}

static void work(struct account *a, unsigned number, size_t resident)
{
	uint64_t begin = mp_now_ns(), each = 1000000ULL * (1 + number % 5);
	unsigned threads = 1 + number % 4;
	struct account own = {0};

	if (resident) {
		char *m = mmap(NULL, resident, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (m == MAP_FAILED)
			_exit(6);
		(void)madvise(m, resident, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < resident; i += ALIGN)
			((volatile char *)m)[i] = 1;
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, burner, &each) || pthread_join(t, NULL))
			_exit(7);
		own.threads++;
	}
	burn_ns(each);
	do_io(&own);
	ask_kernel(&own);
	*a = own;
	if (mp_now_ns() - begin < LIFE_NS)
		nap_ms((unsigned)((LIFE_NS - (mp_now_ns() - begin)) / 1000000));
	_exit((int)number);
}

static void check(const struct mp_rec *r, const struct account *a, unsigned number, double cpu,
		  uint64_t missed, double *worst)
{
	double error = fabs((double)r->run_ns / 1e9 / cpu - 1);

	if (error > *worst)
		*worst = error;
	assert_int_equal(r->valid & (MP_HAS_CPU | MP_HAS_IO | MP_HAS_THREADS),
			 MP_HAS_CPU | MP_HAS_IO | MP_HAS_THREADS);
	assert_int_equal(r->valid & (MP_HAS_MEM | MP_HAS_FDS), 0);
	assert_int_equal(r->exit_code, number << 8);
	assert_true(r->exit_ns > 0 && r->exit_ns <= mp_now_ns());
	assert_int_equal(r->syscr, a->syscr);
	assert_int_equal(r->syscw, a->syscw);
	assert_int_equal(r->rchar, a->rchar);
	assert_int_equal(r->wchar, a->wchar);
	assert_int_equal(r->read_bytes, a->read_bytes);
	assert_int_equal(r->write_bytes, a->write_bytes);
	/* None too many, and short of it by no more than what the kernel said it left out. */
	assert_in_range(r->threads_created + missed, a->threads, a->threads + missed);
	assert_in_range(r->threads_ended + missed, a->threads, a->threads + missed);
	assert_true(missed || r->flags & MP_REC_FORKED);
}

static void await_zombie(pid_t pid)
{
	siginfo_t si;

	assert_true(ended_within(pid, DEADLINE_S * 3));
	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
}

/* All records of the ended workers, each exactly once: in one tick, where tasks are held and were
 * reaped. */
static void collect(struct mp_source *s, const pid_t *pid, unsigned n, bool reaped,
		    struct mp_rec *out)
{
	double end = mp_now_s() + DEADLINE_S;
	unsigned seen = 0, ticks = 0;
	const struct mp_rec *recs;
	size_t count;

	memset(out, 0, n * sizeof(*out));
	while (seen < n) {
		if (ticks++ && reaped && s->ops->rung == MP_RUNG_SNAPSHOT)
			fail_msg("only %u of %u ended workers in the first tick", seen, n);
		if (mp_now_s() > end)
			fail_msg("only %u of %u ended workers", seen, n);
		if (ticks > 1)
			nap_ms(5);
		assert_int_equal(s->ops->tick(s, &recs, &count), 0);
		for (unsigned i = 0; i < n; i++) {
			const struct mp_rec *r = find_rec(recs, count, pid[i]);

			if (!r || r->state != MP_REC_ENDED)
				continue;
			assert_int_equal(out[i].tgid, 0);
			out[i] = *r;
			seen++;
		}
	}
	assert_int_equal(s->ops->tick(s, &recs, &count), 0);
	for (unsigned i = 0; i < n; i++)
		assert_null(find_rec(recs, count, pid[i]));
}

static void run_workers(void **state, unsigned n, size_t resident, bool reaped)
{
	struct mp_source *s = source_or_skip(state);
	struct account *acc = mmap(NULL, n * sizeof(*acc), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double cpu[WORKERS], worst = 0;
	uint64_t missed;
	struct mp_rec rec[WORKERS];
	const struct mp_rec *self;
	unsigned unseen = 0;
	pid_t pid[WORKERS];

	assert_ptr_not_equal(acc, MAP_FAILED);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	self = tick_for(s, getpid());
	assert_non_null(self);
	assert_true(self->flags & MP_REC_ROOT);
	for (unsigned i = 0; i < n; i++) {
		pid[i] = spawn();
		if (!pid[i])
			work(&acc[i], i, resident);
	}
	for (unsigned i = 0; i < n; i++) {
		if (reaped)
			assert_int_equal(reap(pid[i], &cpu[i]), (int)i << 8);
		else
			await_zombie(pid[i]);
	}
	collect(s, pid, n, reaped, rec);
	missed = missed_hooks(s);
	for (unsigned i = 0; i < n; i++) {
		if (!reaped)
			(void)reap(pid[i], &cpu[i]);
		if (rec[i].flags & MP_REC_TORN) /* it says itself that it is not exact */
			unseen++;
		else
			check(&rec[i], &acc[i], i, cpu[i], missed, &worst);
	}
	print_message("%s: %u workers of 200 ms, %zu MB, %s: CPU at most %.4f %% off wait4\n",
		      mp_rung_name(s->ops->rung), n, resident >> 20, reaped ? "reaped" : "zombies",
		      worst * 100);
	assert_true(worst < MAX_ERROR);
	assert_true(unseen <= 1 && unseen <= missed_hooks(s));
	assert_no_drops(s);
	(void)munmap(acc, n * sizeof(*acc));
}

static void test_reaped(void **state)
{
	run_workers(state, WORKERS, 0, true);
}

static void test_zombies(void **state)
{
	run_workers(state, WORKERS, 0, false);
}

static void test_large_reaped(void **state)
{
	run_workers(state, 3, 300 << 20, true);
}

static void test_large_zombies(void **state)
{
	run_workers(state, 3, 300 << 20, false);
}

/*
 * A tick in the middle of every phase of an exit: totals never fall, and the end is reported once,
 * exactly. Tearing 300 MB down takes tens of milliseconds after the exit hook.
 */
static void test_ticks_during_exit(void **state)
{
	struct mp_source *s = source_or_skip(state);
	struct account *acc =
		mmap(NULL, sizeof(*acc), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double end = mp_now_s() + DEADLINE_S * 2, cpu, error;
	unsigned reported = 0, after_hook = 0;
	uint64_t last = 0, final = 0;
	pid_t pid;

	assert_ptr_not_equal(acc, MAP_FAILED);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	pid = spawn();
	if (!pid)
		work(acc, 0, 300 << 20);
	while (!reported && mp_now_s() < end) {
		const struct mp_rec *r = tick_for(s, pid);

		if (!r)
			continue;
		assert_true(r->run_ns >= last);
		last = r->run_ns;
		if (r->state == MP_REC_ENDED) {
			reported++;
			final = r->run_ns;
		} else if (!(r->valid & MP_HAS_MEM)) {
			after_hook++;
		}
	}
	assert_int_equal(reported, 1);
	assert_null(tick_for(s, pid));
	(void)reap(pid, &cpu);
	error = fabs((double) final / 1e9 / cpu - 1);
	print_message("%s: %u ticks between the end of its memory and of the process, CPU %.4f %% "
		      "off wait4\n",
		      mp_rung_name(s->ops->rung), after_hook, error * 100);
	assert_true(error < MAX_ERROR);
	(void)munmap(acc, sizeof(*acc));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUNG_TEST(test_reaped),
		RUNG_TEST(test_zombies),
		RUNG_TEST(test_large_reaped),
		RUNG_TEST(test_large_zombies),
		RUNG_TEST(test_ticks_during_exit),
	};

	return cmocka_run_group_tests_name("bpf exactness", tests, NULL, NULL);
}

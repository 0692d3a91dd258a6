// SPDX-License-Identifier: GPL-2.0-only
/*
 * Off-CPU group: a thread for each reason, which knows how long it waited: what it was there less
 * its CPU time and less what schedstat says it waited for a CPU.
 */
#include "watch.h"

#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define ROUNDS   40
#define PAUSE_MS 5
#define SPIN_NS  150000000ULL

enum kind { SLEEP, LOCK, PIPE, NET, POLL, OTHER, DISK, SPIN, SPIN_TOO, N_KINDS };

static const char *const metric_of[N_KINDS] = {
	[SLEEP] = "sum_workers_offcpu_sleep_seconds",
	[LOCK] = "sum_workers_offcpu_lock_seconds",
	[PIPE] = "sum_workers_offcpu_pipe_seconds",
	[NET] = "sum_workers_offcpu_network_seconds",
	[POLL] = "sum_workers_offcpu_poll_seconds",
	[OTHER] = "sum_workers_offcpu_other_seconds",
	[DISK] = "sum_workers_offcpu_io_seconds",
	[SPIN] = "sum_workers_offcpu_preempted_seconds",
};
static const char *const names[] = {
	"sum_workers_offcpu_sleep_seconds", "sum_workers_offcpu_lock_seconds",
	"sum_workers_offcpu_pipe_seconds",  "sum_workers_offcpu_network_seconds",
	"sum_workers_offcpu_poll_seconds",  "sum_workers_offcpu_other_seconds",
	"sum_workers_offcpu_io_seconds",    "sum_workers_offcpu_preempted_seconds",
	"frontend_offcpu_sleep_seconds",
};

/* Written by the watched child. */
static struct shared {
	double waited_s[N_KINDS]; /* by all that it can know */
	double delay_s[N_KINDS];  /* waits for a CPU */
	int done;
} *shared;
static int pipe_fd[2], sock_fd[2], disk_fd;

static double run_delay_s(void)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "re");
	uint64_t delay = 0;

	if (!f || fscanf(f, "%*u %" SCNu64, &delay) != 1)
		_exit(10);
	(void)fclose(f);
	return (double)delay / 1e9;
}

static double thread_cpu_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void wait_once(enum kind k, int round, int epoll, char *block)
{
	struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
	static uint32_t word;
	sigset_t none;
	char c;

	switch (k) {
	case SLEEP:
		nap_ms(PAUSE_MS);
		break;
	case LOCK:
		(void)syscall(SYS_futex, &word, FUTEX_WAIT, 0, &pause, NULL, 0);
		break;
	case PIPE:
		if (read(pipe_fd[0], &c, 1) != 1)
			_exit(11);
		break;
	case NET: /* a call of its own, and a read of a socket */
		if ((round % 2 ? recv(sock_fd[0], &c, 1, 0) : read(sock_fd[0], &c, 1)) != 1)
			_exit(12);
		break;
	case POLL:
		if (round % 2) {
			struct epoll_event e;

			(void)epoll_wait(epoll, &e, 1, PAUSE_MS);
		} else {
			(void)poll(NULL, 0, PAUSE_MS);
		}
		break;
	case OTHER:
		(void)sigemptyset(&none);
		(void)sigaddset(&none, SIGUSR2);
		(void)sigtimedwait(&none, NULL, &pause);
		break;
	case DISK:
		if (disk_fd >= 0 &&
		    pread(disk_fd, block, BLOCK, (off_t)(round % BLOCKS) * BLOCK) != BLOCK)
			_exit(13);
		break;
	case SPIN:
	case SPIN_TOO:
	case N_KINDS:
		break;
	}
}

static void *one_kind(void *arg)
{
	enum kind k = (enum kind)(intptr_t)arg;
	char *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	double wall, cpu_s, delay;

	if (block == MAP_FAILED || epoll < 0)
		_exit(14);
	if (k >= SPIN)
		pin_to_first_cpu();
	wall = mp_now_s();
	cpu_s = thread_cpu_s();
	delay = run_delay_s();
	for (int i = 0; i < ROUNDS; i++)
		wait_once(k, i, epoll, block);
	if (k >= SPIN)
		burn_ns(SPIN_NS);
	delay = run_delay_s() - delay;
	cpu_s = thread_cpu_s() - cpu_s;
	wall = mp_now_s() - wall;
	shared->waited_s[k] = wall - cpu_s - delay;
	shared->delay_s[k] = delay;
	(void)__atomic_add_fetch(&shared->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Threads begin at SIGUSR1; the first one waits for them in a call that is none of theirs. */
static void be_waiting(int ready, int go)
{
	sigset_t set;
	int sig;

	(void)go;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGUSR2);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)sigdelset(&set, SIGUSR2);
	signal_fd(ready);
	if (sigwait(&set, &sig))
		_exit(15);
	for (intptr_t k = 0; k < N_KINDS; k++) {
		pthread_t t;

		if (pthread_create(&t, NULL, one_kind, (void *)k))
			_exit(16);
	}
	for (;;)
		pause();
}

/* Not watched: what the waiters for a pipe and a socket wait for. */
static pid_t feeder(void)
{
	pid_t pid = spawn();

	if (pid)
		return pid;
	for (;;) {
		nap_ms(PAUSE_MS);
		signal_fd(pipe_fd[1]);
		signal_fd(sock_fd[1]);
	}
}

/*
 * Interrupts, and what a host takes away, are no CPU time of the thread that is held up, so it
 * takes them for waiting. In an emulated machine they are a third of the time, and not all of it
 * counted.
 */
static double taken_s(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/stat", "re");
	unsigned long irq = 0, softirq = 0, steal = 0;

	if (f && fscanf(f, "cpu %*u %*u %*u %*u %*u %lu %lu %lu", &irq, &softirq, &steal) != 3)
		return 0;
	return (double)(irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
}

static void test_reasons(void **state)
{
	double slack = is_emulated() ? 0.41 : 0.01;
	double before[N_KINDS], end, taken;
	int ready[2], go[2], told[2];
	struct watch *w;
	pid_t root, pid, feed = 0;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	assert_true(shared != MAP_FAILED);
	disk_fd = geteuid() == 0 ? direct_file() : -1;
	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sock_fd), 0);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(told), 0);
	root = root_of(be_waiting, ready[1], go[0], told[1]);
	assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
	await_fd(ready[0]);
	nap_ms(20);
	w = watch(state, root, names, ARRAY_SIZE(names));
	for (int k = 0; k < N_KINDS; k++)
		before[k] = metric_of[k] ? watched(w, metric_of[k]) : 0;
	taken = taken_s();
	assert_int_equal(kill(pid, SIGUSR1), 0);
	feed = feeder();
	for (end = mp_now_s() + 30; __atomic_load_n(&shared->done, __ATOMIC_ACQUIRE) < N_KINDS;) {
		if (mp_now_s() > end)
			fail_msg("only %d threads are through", shared->done);
		nap_ms(10);
	}
	nap_ms(50);
	watch_sample(w);
	taken = taken_s() - taken;
	for (int k = 0; k < SPIN; k++) {
		double got = watched(w, metric_of[k]) - before[k], due = shared->waited_s[k];

		if (k == DISK && disk_fd < 0) {
			print_message("skipped: /var/tmp is on no disk that O_DIRECT waits for\n");
			continue;
		}
		print_message("%s: %-38s %.6f s, the thread knows of %.6f s\n",
			      mp_rung_name(w->rung), metric_of[k], got, due);
		/* the first thread's own wait is in "other", too */
		assert_true(got > due - 0.002 - slack * due - fmin(taken, 0.2 * due));
		assert_true(k == OTHER || got < due + 0.002 + slack * due);
		assert_true(k == DISK || due > 0.2 * ROUNDS * PAUSE_MS / 1e3);
	}
	{
		double got = watched(w, metric_of[SPIN]) - before[SPIN],
		       due = shared->delay_s[SPIN] + shared->delay_s[SPIN_TOO];

		print_message("%s: %-38s %.6f s, of %.6f s that both waited for a CPU\n",
			      mp_rung_name(w->rung), metric_of[SPIN], got, due);
		/* each had to wait while the other had the CPU, all but the first turn preempted */
		assert_true(got > 0.5 * SPIN_NS / 1e9 && got > 0.5 * due);
	}
	/* Waits that go on are counted at each sample: the first thread's pause, in "other". */
	before[OTHER] = watched(w, metric_of[OTHER]);
	end = mp_now_s();
	nap_ms(300);
	watch_sample(w);
	end = mp_now_s() - end;
	assert_true(fabs(watched(w, metric_of[OTHER]) - before[OTHER] - end) < 0.05 * end + 0.01);
	assert_true(watched(w, "frontend_offcpu_sleep_seconds") == 0);
	watch_groups_off(w);
	watch_sample(w);
	assert_true(isnan(watched(w, metric_of[LOCK])));
	assert_no_drops(w->s);
	end_child(feed);
	end_child(root);
	(void)munmap(shared, sizeof(*shared));
	for (int i = 0; i < 2; i++) {
		(void)close(pipe_fd[i]);
		(void)close(sock_fd[i]);
	}
	if (disk_fd >= 0)
		(void)close(disk_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {WATCH_TEST(test_reasons)};

	return cmocka_run_group_tests_name("bpf off-CPU group", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Membership and totals while everything moves: adoption in the middle of a fork storm (nobody
 * missed, no ghosts), a process that churns threads (CPU time never goes back).
 */
#include "bpftest.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>

#define TRIALS   8
#define MAX_LIVE 2048

/* Children of children, most of which end at once; some stay. Orphans come to the storm itself. */
static void storm(int ready)
{
	(void)setsid();
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (unsigned i = 0;; i++) {
		pid_t child = fork();

		if (!child) {
			pid_t grandchild;

			(void)alarm(60);
			grandchild = fork();
			if (!grandchild)
				(void)alarm(60);
			if (i % (grandchild ? 70 : 50) == 0)
				for (;;)
					pause();
			_exit(0);
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (i == 100)
			signal_fd(ready);
	}
}

/* Living processes of the storm's session, from /proc; zombies are not. */
static size_t live_of_session(pid_t sid, pid_t *pids)
{
	_cleanup_closedir_ DIR *d = opendir("/proc");
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		pid_t pid = (pid_t)atoi(e->d_name);
		char path[64], text[256] = "";
		const char *p;
		int fd;

		if (pid <= 0 || getsid(pid) != sid)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = '\0';
		(void)close(fd);
		p = strrchr(text, ')');
		if (!p || p[2] == 'Z' || p[2] == 'X')
			continue;
		assert_true(n < MAX_LIVE);
		pids[n++] = pid;
	}
	return n;
}

static size_t differences(struct mp_source *s, const pid_t *live, size_t n_live, size_t *ret_ghosts,
			  size_t *ret_missed)
{
	const struct mp_rec *recs;
	size_t n, members = 0, missed = 0;

	assert_int_equal(s->ops->tick(s, &recs, &n), 0);
	for (size_t i = 0; i < n; i++)
		members += recs[i].state == MP_REC_LIVE;
	for (size_t i = 0; i < n_live; i++) {
		const struct mp_rec *r = find_rec(recs, n, live[i]);

		missed += !r || r->state != MP_REC_LIVE;
	}
	*ret_missed = missed;
	*ret_ghosts = members + missed - n_live;
	return *ret_ghosts + missed;
}

static void test_adopt_in_a_storm(void **state)
{
	struct mp_source *s = source_or_skip(state);
	size_t ghosts = 0, missed = 0, seen = 0, added = 0;
	static pid_t live[MAX_LIVE];

	for (int trial = 0; trial < TRIALS; trial++) {
		double end = mp_now_s() + DEADLINE_S;
		const struct mp_rec *recs;
		int ready[2];
		pid_t root;
		size_t n;

		assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
		root = spawn();
		if (!root)
			storm(ready[1]);
		await_fd(ready[0]);
		assert_int_equal(s->ops->adopt(s, root), 0);
		assert_int_equal(s->ops->tick(s, &recs, &n), 0);
		for (size_t i = 0; i < n; i++)
			added += recs[i].state == MP_REC_LIVE;
		nap_ms(30); /* the storm goes on under the hooks */
		assert_int_equal(kill(root, SIGSTOP), 0);
		/* Those that are about to end do so; what then differs, differs for good. */
		do {
			nap_ms(10);
			n = live_of_session(root, live);
		} while (differences(s, live, n, &ghosts, &missed) && mp_now_s() < end);
		seen += n;
		(void)kill(root, SIGKILL);
		for (size_t i = 0; i < n; i++)
			(void)kill(live[i], SIGKILL);
		(void)reap(root, NULL);
		assert_int_equal(s->ops->clear(s), 0);
		(void)close(ready[0]);
		(void)close(ready[1]);
		if (ghosts || missed)
			fail_msg("trial %d: %zu living, %zu ghosts, %zu missed", trial, n, ghosts,
				 missed);
	}
	print_message(
		"%s: %d storms, %zu members at adoption, %zu living at the end: no ghost, none "
		"missed\n",
		mp_rung_name(s->ops->rung), TRIALS, added, seen);
	assert_no_drops(s);
}

static void *burn_briefly(void *unused)
{
	burn_ns(300000);
	return unused;
}

/* While a thread ends its totals move from it to the process: they must not be missing or double.
 */
static void test_thread_churn(void **state)
{
	struct mp_source *s = source_or_skip(state);
	uint64_t last = 0, readings = 0, torn = 0, jumps = 0;
	double end, cpu;
	uint64_t last_at = 0, cpus = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	bool was_torn = false;
	const struct mp_rec *r;
	int ready[2];
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	pid = spawn();
	if (!pid) {
		double until = mp_now_s() + 1.5;

		signal_fd(ready[1]);
		while (mp_now_s() < until) {
			pthread_t t[4];

			for (size_t i = 0; i < ARRAY_SIZE(t); i++)
				if (pthread_create(&t[i], NULL, burn_briefly, NULL))
					_exit(1);
			for (size_t i = 0; i < ARRAY_SIZE(t); i++)
				if (pthread_join(t[i], NULL))
					_exit(2);
		}
		_exit(0);
	}
	await_fd(ready[0]);
	end = mp_now_s() + 1.2;
	while (mp_now_s() < end) {
		uint64_t now = mp_now_ns();

		r = tick_for(s, pid);
		assert_non_null(r);
		assert_int_equal(r->state, MP_REC_LIVE);
		if (r->run_ns < last)
			fail_msg("CPU time went back by %" PRIu64 " ns", last - r->run_ns);
		/* More than all CPUs could give and two ticks: a virtual machine was stopped. */
		if (last_at && !was_torn &&
		    r->run_ns - last > (mp_now_ns() - last_at) * cpus + 9000000)
			jumps++;
		was_torn = r->flags & MP_REC_TORN;
		torn += was_torn;
		last = r->run_ns;
		last_at = now;
		readings++;
	}
	assert_int_equal(reap(pid, &cpu), 0);
	r = tick_until_ended(s, pid);
	print_message("%s: %" PRIu64 " readings of %u threads made: none back, %" PRIu64
		      " too far, %" PRIu64 " torn; total %.4f %% off wait4\n",
		      mp_rung_name(s->ops->rung), readings, r->threads_created, jumps, torn,
		      fabs((double)r->run_ns / 1e9 / cpu - 1) * 100);
	assert_true(readings > 20);
	assert_true((uint64_t)labs((long)r->threads_created - (long)r->threads_ended) <=
		    missed_hooks(s));
	/* A total that was ever counted twice stays too high, since it never goes back. */
	assert_true(fabs((double)r->run_ns / 1e9 / cpu - 1) < 0.001);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUNG_TEST(test_adopt_in_a_storm),
		RUNG_TEST(test_thread_churn),
	};

	return cmocka_run_group_tests_name("bpf storm", tests, NULL, NULL);
}

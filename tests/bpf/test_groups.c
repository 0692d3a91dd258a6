// SPDX-License-Identifier: GPL-2.0-only
/*
 * Optional groups and privileges: the scheduler group counts I/O wait while it is attached and only
 * then; ticking, adopting, watching and attaching work as nobody without any capability.
 */
#include "bpftest.h"

#include <inttypes.h>
#include <mmsperf/priv.h>
#include <sys/capability.h>
#include <sys/mman.h>

/* Reads past the page cache, so that each read waits for the disk; counts what it waited. */
static void wait_for_disk(int ready, int go, int fd)
{
	char *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char c;

	if (block == MAP_FAILED)
		_exit(1);
	while (read(go, &c, 1) == 1) {
		for (int i = 0; i < BLOCKS; i++)
			if (pread(fd, block, BLOCK, (off_t)i * BLOCK) != BLOCK)
				_exit(2);
		signal_fd(ready);
	}
	_exit(0);
}

static void test_iowait(void **state)
{
	struct mp_source *s = source_or_skip(state);
	int ready[2], go[2], fd = direct_file();
	uint64_t first, second;
	const struct mp_rec *r;
	struct mp_diag d;
	double began, took;
	pid_t pid;

	if (fd < 0) {
		print_message("skipped: /var/tmp is on no disk that O_DIRECT waits for\n");
		skip();
	}
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	pid = spawn();
	if (!pid) {
		(void)close(go[1]);
		wait_for_disk(ready[1], go[0], fd);
	}
	signal_fd(go[1]);
	await_fd(ready[0]);
	r = tick_for(s, pid);
	assert_non_null(r);
	assert_int_equal(r->valid & MP_HAS_IOWAIT, 0); /* absent is not zero */
	assert_int_equal(r->iowait_ns, 0);

	assert_int_equal(s->ops->need_groups(s, MP_GROUP_SCHED, &d), 0);
	began = mp_now_s();
	signal_fd(go[1]);
	await_fd(ready[0]);
	took = mp_now_s() - began;
	r = tick_for(s, pid);
	assert_non_null(r);
	assert_true(r->valid & MP_HAS_IOWAIT);
	first = r->iowait_ns;
	print_message("%s: %d direct reads took %.3f ms, of which %.3f ms I/O wait\n",
		      mp_rung_name(s->ops->rung), BLOCKS, took * 1e3, (double)first / 1e6);
	assert_true(first > 0);
	assert_true((double)first / 1e9 <= took);
	assert_int_equal(tick_for(s, getpid())->iowait_ns, 0); /* this one only waits for pipes */

	assert_int_equal(s->ops->need_groups(s, 0, &d), 0);
	signal_fd(go[1]);
	await_fd(ready[0]);
	r = tick_for(s, pid);
	assert_non_null(r);
	assert_int_equal(r->valid & MP_HAS_IOWAIT, 0);
	assert_int_equal(r->iowait_ns, first);

	assert_int_equal(s->ops->need_groups(s, MP_GROUP_SCHED, &d), 0);
	assert_int_equal(s->ops->need_groups(s, MP_GROUP_SCHED, &d), 0);
	signal_fd(go[1]);
	await_fd(ready[0]);
	second = tick_for(s, pid)->iowait_ns;
	assert_true(second > first);
	(void)close(go[1]);
	assert_int_equal(reap(pid, NULL), 0);
	r = tick_until_ended(s, pid);
	assert_true(r->iowait_ns >= second);
	assert_no_drops(s);
	(void)close(fd);
}

static void test_unknown_group(void **state)
{
	struct mp_source *s = source_or_skip(state);
	struct mp_diag d = {0};

	assert_int_equal(s->ops->need_groups(s, 1U << 31, &d), -EOPNOTSUPP);
	assert_true(d.msg[0]);
}

/* --- without privileges -------------------------------------------------------------------- */

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "as nobody: %s is not so\n", #what);                       \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static const struct mp_rec *nobody_tick(struct mp_source *s, pid_t pid)
{
	const struct mp_rec *recs;
	size_t n;

	CHECK(s->ops->tick(s, &recs, &n) == 0);
	return find_rec(recs, n, pid);
}

/* The end of a child that was reaped: on the iterator rung it takes a grace period. */
static const struct mp_rec *nobody_end(struct mp_source *s, pid_t pid)
{
	double end = mp_now_s() + DEADLINE_S;

	for (;;) {
		const struct mp_rec *r = nobody_tick(s, pid);

		if (r && r->state == MP_REC_ENDED)
			return r;
		CHECK(s->ops->rung != MP_RUNG_SNAPSHOT && mp_now_s() < end);
		nap_ms(5);
	}
}

static unsigned count_caps(void)
{
	cap_t caps = cap_get_proc();
	unsigned n = 0;

	CHECK(caps);
	for (int c = 0; c <= CAP_LAST_CAP; c++)
		for (int f = 0; f < 3; f++) {
			static const cap_flag_t flags[] = {CAP_EFFECTIVE, CAP_PERMITTED,
							   CAP_INHERITABLE};
			cap_flag_value_t v = CAP_CLEAR;

			if (!cap_get_flag(caps, c, flags[f], &v) && v == CAP_SET)
				n++;
		}
	(void)cap_free(caps);
	return n;
}

/* In a child: what cannot be taken back must not happen to the test itself. */
static void act_as_nobody(struct mp_source *s, pid_t other, pid_t parent)
{
	uint64_t ns = 0, runs = 0, more = 0;
	const struct mp_rec *r;
	double end = mp_now_s() + DEADLINE_S;
	struct mp_diag d;
	unsigned caps;
	pid_t child;
	size_t len;

	(void)s->ops->self_cost(s, &ns, &runs); /* root alone may switch it on */
	CHECK(mp_priv_drop(s, NULL) == 0);
	CHECK(geteuid() != 0 && getuid() != 0 && getegid() != 0);
	CHECK(setuid(0) != 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	caps = count_caps();
	fprintf(stderr, "as nobody: %u capability flags kept\n", caps);
	/* CAP_BPF, permitted and effective, and only where maps are refused without it. */
	CHECK(caps == 0 || caps == 2);

	CHECK(s->ops->adopt(s, other) == 0);
	do
		r = nobody_tick(s, other);
	while (r && !r->run_ns && mp_now_s() < end); /* it has just been made */
	CHECK(r && r->state == MP_REC_LIVE && r->run_ns > 0 && r->fds > 0 && r->rss_anon_pages > 0);
	CHECK(r->valid & MP_HAS_IO);
	CHECK(strstr(s->ops->cmd(s, r, &len), "test_groups"));
	CHECK(s->ops->adopt(s, getpid()) == 0);
	child = fork();
	if (!child) {
		burn_ns(5000000);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	CHECK(child > 0 && waitpid(child, NULL, 0) == child);
	r = nobody_end(s, child);
	CHECK(r && r->run_ns >= 5000000);
	CHECK(!strcmp(s->ops->cmd(s, r, &len), "true"));

	CHECK(s->ops->need_groups(s, MP_GROUP_SCHED, &d) == 0);
	r = nobody_tick(s, other);
	CHECK(r && r->valid & MP_HAS_IOWAIT);
	CHECK(s->ops->need_groups(s, 0, &d) == 0);
	r = nobody_tick(s, other);
	CHECK(r && !(r->valid & MP_HAS_IOWAIT));

	for (unsigned g = 1; g < 1U << MP_N_GROUPS; g <<= 1) {
		int err = s->ops->need_groups(s, g, &d);

		if (err)
			fprintf(stderr, "as nobody: %s\n", d.msg);
		/* a kernel without it was told so at loading */
		CHECK(err == 0 || err == -EOPNOTSUPP);
		CHECK(err || s->ops->probes(s)->on == g);
	}
	CHECK(s->ops->need_groups(s, 0, &d) == 0 && s->ops->probes(s)->on == 0);

	CHECK(s->ops->watch_execs(s, true) == 0);
	child = fork();
	if (!child) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	CHECK(child > 0 && waitpid(child, NULL, 0) == child);
	for (end = mp_now_s() + DEADLINE_S;;) {
		struct pollfd p = {.fd = s->ops->event_fd(s), .events = POLLIN};
		pid_t pids[64];
		size_t n, i;

		CHECK(mp_now_s() < end && poll(&p, 1, 5000) == 1);
		n = s->ops->exec_pids(s, pids, ARRAY_SIZE(pids));
		for (i = 0; i < n && pids[i] != child; i++)
			;
		if (i < n)
			break;
	}
	CHECK(s->ops->watch_execs(s, false) == 0);

	if (s->ops->self_cost(s, &ns, &runs)) {
		CHECK(ns > 0 && runs > 0);
		(void)nobody_tick(s, other);
		CHECK(s->ops->self_cost(s, &ns, &more) && more > runs);
		fprintf(stderr,
			"as nobody: %" PRIu64 " runs of BPF programs, %" PRIu64 " ns each\n", more,
			ns / more);
	} else {
		fprintf(stderr, "as nobody: the kernel's statistics are not to be had\n");
	}
	CHECK(s->ops->clear(s) == 0);
	CHECK(!nobody_tick(s, parent));
	_exit(0);
}

static void test_as_nobody(void **state)
{
	struct mp_source *s = source_or_skip(state);
	pid_t other = spawn(), actor;

	if (!other)
		for (;;)
			pause();
	actor = spawn();
	if (!actor)
		act_as_nobody(s, other, getppid());
	assert_int_equal(reap(actor, NULL), 0);
	end_child(other);
}

static void test_no_such_user(void **state)
{
	struct mp_source *s = source_or_skip(state);
	pid_t pid = spawn();

	if (!pid)
		_exit(mp_priv_drop(s, "no-such-user-here") == -ENOENT && geteuid() == 0 ? 0 : 1);
	assert_int_equal(reap(pid, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUNG_TEST(test_iowait),
		RUNG_TEST(test_unknown_group),
		RUNG_TEST(test_as_nobody),
		RUNG_TEST(test_no_such_user),
	};

	return cmocka_run_group_tests_name("bpf groups and privileges", tests, NULL, NULL);
}

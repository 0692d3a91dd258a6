// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is a member, and what it is called: fork, exec (also by a thread), vfork, exit codes, command
 * lines, notices of execs, forgetting, reuse of slots.
 */
#include "bpftest.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

static void pipe_pair(int ready[2], int go[2])
{
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
}

static void close_pairs(int ready[2], int go[2])
{
	(void)close(ready[0]);
	(void)close(ready[1]);
	(void)close(go[0]);
	(void)close(go[1]);
}

static void assert_cmd(struct mp_source *s, const struct mp_rec *r, const char *want, size_t n)
{
	size_t len;
	const char *cmd = s->ops->cmd(s, r, &len);

	assert_int_equal(len, n);
	assert_memory_equal(cmd, want, n);
}

/* Records until f says it is the one, for what an exec or exit elsewhere brings about. */
static const struct mp_rec *tick_until(struct mp_source *s, pid_t pid,
				       bool (*wanted)(const struct mp_rec *r))
{
	double end = mp_now_s() + DEADLINE_S;

	while (mp_now_s() < end) {
		const struct mp_rec *r = tick_for(s, pid);

		if (r && wanted(r))
			return r;
		nap_ms(2);
	}
	fail_msg("process %d does not become what it should within %.0f s", (int)pid, DEADLINE_S);
	return NULL;
}

static bool has_execd(const struct mp_rec *r)
{
	return r->execs == 1;
}

/* A fork inherits name and membership; its exec gives it a name of its own. */
static void test_fork_exec(void **state)
{
	static const char cat[] = "cat\0-u\0-";
	struct mp_source *s = source_or_skip(state);
	const struct mp_rec *r, *parent;
	const struct mp_rec *recs;
	int ready[2], go[2], status;
	char own[MP_CMD_LEN];
	size_t len, n;
	pid_t pid;

	pipe_pair(ready, go);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	parent = tick_for(s, getpid());
	assert_non_null(parent);
	assert_int_equal(parent->parent_slot, MP_NO_SLOT);
	memcpy(own, s->ops->cmd(s, parent, &len), sizeof(own));
	assert_true(len > 0 && strstr(own, "test_lifecycle"));
	pid = spawn();
	if (!pid) {
		signal_fd(ready[1]);
		await_fd(go[0]);
		if (dup2(go[0], 0) != 0)
			_exit(1);
		execl("/bin/cat", "cat", "-u", "-", NULL);
		_exit(2);
	}
	await_fd(ready[0]);
	assert_int_equal(s->ops->tick(s, &recs, &n), 0);
	r = find_rec(recs, n, pid);
	assert_non_null(r);
	assert_true(r->flags & MP_REC_FORKED);
	assert_int_equal(recs[r->parent_slot].tgid, getpid());
	assert_int_equal(r->execs, 0);
	assert_cmd(s, r, own, len);
	signal_fd(go[1]);
	r = tick_until(s, pid, has_execd);
	assert_int_equal(r->flags & (MP_REC_FORKED | MP_REC_VFORK), 0);
	assert_cmd(s, r, cat, sizeof(cat));
	(void)close(go[1]);
	status = reap(pid, NULL);
	assert_int_equal(status, 0);
	r = tick_until_ended(s, pid);
	assert_int_equal(r->exit_code, 0);
	assert_cmd(s, r, cat, sizeof(cat)); /* there is no /proc to ask any more */
	go[1] = -1;
	close_pairs(ready, go);
}

static void *exec_cat(void *unused)
{
	execl("/bin/cat", "cat", NULL);
	_exit(3);
	return unused;
}

/* The thread that execs takes over the leader's pid; all other threads end. */
static void test_exec_by_thread(void **state)
{
	struct mp_source *s = source_or_skip(state);
	uint64_t start, run;
	int ready[2], go[2];
	const struct mp_rec *r;
	double cpu;
	pid_t pid;

	pipe_pair(ready, go);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	pid = spawn();
	if (!pid) {
		pthread_t t;

		burn_ns(20000000);
		signal_fd(ready[1]);
		await_fd(go[0]);
		if (dup2(go[0], 0) != 0 || pthread_create(&t, NULL, exec_cat, NULL))
			_exit(1);
		for (;;)
			pause();
	}
	await_fd(ready[0]);
	r = tick_for(s, pid);
	assert_non_null(r);
	start = r->start_ns;
	run = r->run_ns;
	assert_true(run >= 20000000);
	signal_fd(go[1]);
	r = tick_until(s, pid, has_execd);
	assert_int_equal(r->state, MP_REC_LIVE);
	assert_int_equal(r->start_ns, start);
	assert_true(r->run_ns >= run);
	assert_int_equal(r->threads, 1);
	assert_int_equal(r->threads_created, 1);
	assert_int_equal(r->threads_ended, 1); /* it is the first thread now */
	assert_true(r->valid & MP_HAS_MEM);
	assert_cmd(s, r, "cat", 4);
	(void)close(go[1]);
	assert_int_equal(reap(pid, &cpu), 0);
	r = tick_until_ended(s, pid);
	assert_true((double)r->run_ns / 1e9 > cpu * 0.99 && (double)r->run_ns / 1e9 < cpu * 1.01);
	go[1] = -1;
	close_pairs(ready, go);
	assert_no_drops(s);
}

static bool has_vforked(const struct mp_rec *r)
{
	return r->flags & MP_REC_VFORK;
}

/* Between vfork and exec the child's memory is its parent's: the record says so. */
static void test_vfork(void **state)
{
	struct mp_source *s = source_or_skip(state);
	pid_t *child = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ready[2], go[2];
	const struct mp_rec *r;
	pid_t pid;

	assert_ptr_not_equal(child, MAP_FAILED);
	pipe_pair(ready, go);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	pid = spawn();
	if (!pid) {
		pid_t v;

		(void)close(go[1]); /* or cat would wait for this process to close it */
		v = vfork();
		if (!v) {
			char c;

			*child = getpid();
			if (write(ready[1], "x", 1) != 1 || read(go[0], &c, 1) != 1 ||
			    dup2(go[0], 0) != 0)
				_exit(1);
			execl("/bin/cat", "cat", NULL);
			_exit(2);
		}
		(void)waitpid(v, NULL, 0);
		_exit(0);
	}
	await_fd(ready[0]);
	r = tick_until(s, *child, has_vforked);
	assert_int_equal(r->ppid, pid);
	signal_fd(go[1]);
	r = tick_until(s, *child, has_execd);
	assert_int_equal(r->flags & MP_REC_VFORK, 0);
	(void)close(go[1]);
	assert_int_equal(reap(pid, NULL), 0);
	go[1] = -1;
	close_pairs(ready, go);
	(void)munmap(child, 4096);
}

static void test_exit_codes(void **state)
{
	static const struct {
		int code, sig;
	} ends[] = {{0, 0}, {7, 0}, {255, 0}, {0, SIGKILL}, {0, SIGTERM}, {0, SIGABRT}};
	struct mp_source *s = source_or_skip(state);

	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		const struct mp_rec *r;
		int status;
		pid_t pid = spawn();

		if (!pid) {
			struct rlimit none = {0, 0};

			(void)setrlimit(RLIMIT_CORE, &none);
			if (ends[i].sig)
				(void)raise(ends[i].sig);
			_exit(ends[i].code);
		}
		status = reap(pid, NULL);
		r = tick_until_ended(s, pid);
		assert_int_equal(r->exit_code & 0xff7f, status & 0xff7f);
		if (ends[i].sig)
			assert_int_equal(WTERMSIG(r->exit_code), ends[i].sig);
		else
			assert_int_equal(WEXITSTATUS(r->exit_code), ends[i].code);
	}
}

/* Orphans stay members although their parent is init now. */
static void test_orphan(void **state)
{
	struct mp_source *s = source_or_skip(state);
	pid_t *child = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ready[2], go[2];
	const struct mp_rec *r;
	pid_t pid;

	assert_ptr_not_equal(child, MAP_FAILED);
	pipe_pair(ready, go);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	pid = spawn();
	if (!pid) {
		pid_t c = fork();

		if (!c) {
			char x;

			*child = getpid();
			(void)alarm(30);
			signal_fd(ready[1]);
			(void)!read(go[0], &x, 1);
			_exit(0);
		}
		_exit(0);
	}
	(void)close(go[0]);
	go[0] = -1;
	await_fd(ready[0]);
	assert_int_equal(reap(pid, NULL), 0);
	r = tick_for(s, *child);
	assert_non_null(r);
	assert_int_equal(r->state, MP_REC_LIVE);
	assert_true(r->ppid != (__u32)pid);
	assert_true(r->ppid != (__u32)getpid());
	signal_fd(go[1]);
	assert_true(ended_within(*child, DEADLINE_S));
	(void)tick_until_ended(s, *child);
	close_pairs(ready, go);
	(void)munmap(child, 4096);
}

static bool await_exec_of(struct mp_source *s, pid_t pid)
{
	double end = mp_now_s() + DEADLINE_S;
	pid_t pids[4];

	for (;;) {
		struct pollfd p = {.fd = s->ops->event_fd(s), .events = POLLIN};
		size_t n;

		if (mp_now_s() > end || poll(&p, 1, 2000) != 1)
			return false;
		n = s->ops->exec_pids(s, pids, ARRAY_SIZE(pids));
		for (size_t i = 0; i < n; i++)
			if (pids[i] == pid)
				return true;
	}
}

static pid_t run_true(void)
{
	pid_t pid = spawn();

	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	assert_int_equal(reap(pid, NULL), 0);
	return pid;
}

/* Any exec on the machine, but only while somebody watches; members are not needed for it. */
static void test_exec_watch(void **state)
{
	struct mp_source *s = source_or_skip(state);
	struct pollfd p = {.events = POLLIN};
	pid_t pids[64];

	assert_int_equal(s->ops->watch_execs(s, true), 0);
	assert_true(await_exec_of(s, run_true()));
	/* More than one call's worth are there at once: none is lost. */
	for (int i = 0; i < 10; i++)
		pids[i] = run_true();
	assert_true(await_exec_of(s, pids[9]));
	assert_int_equal(s->ops->watch_execs(s, false), 0);
	while (s->ops->exec_pids(s, pids, ARRAY_SIZE(pids)))
		;
	(void)run_true();
	p.fd = s->ops->event_fd(s);
	assert_int_equal(poll(&p, 1, 50), 0);
	assert_no_drops(s);
}

static void test_adopt_nobody(void **state)
{
	struct mp_source *s = source_or_skip(state);
	const struct mp_rec *recs;
	pid_t pid = spawn();
	size_t n;

	if (!pid)
		_exit(0);
	(void)reap(pid, NULL);
	assert_int_equal(s->ops->adopt(s, pid), -ESRCH);
	assert_int_equal(s->ops->tick(s, &recs, &n), 0);
	assert_int_equal(n, 0);
}

/* clear() forgets all, also those that are forked meanwhile, and the slots can be had again. */
static void test_clear(void **state)
{
	struct mp_source *s = source_or_skip(state);
	const struct mp_rec *r, *recs;
	pid_t pid = spawn(), late;
	size_t n;

	if (!pid)
		for (;;)
			pause();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(s->ops->adopt(s, getpid()), 0);
		assert_non_null(tick_for(s, pid));
		assert_int_equal(s->ops->clear(s), 0);
		late = spawn();
		if (!late)
			_exit(0);
		(void)reap(late, NULL);
		assert_int_equal(s->ops->tick(s, &recs, &n), 0);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(recs[k].state, MP_REC_FREE);
	}
	assert_int_equal(s->ops->adopt(s, pid), 0);
	r = tick_for(s, pid);
	assert_non_null(r);
	assert_true(r->flags & MP_REC_ROOT);
	assert_null(tick_for(s, getpid()));
	end_child(pid);
	(void)tick_until_ended(s, pid);
}

/* --- threads -----------------------------------------------------------------------------------
 */

enum { STAY = 3, BURST = 10 };

static void *until_told(void *fd)
{
	char c;

	(void)read(*(int *)fd, &c, 1); /* returns when the other end is closed */
	return NULL;
}

static void *meet(void *barrier)
{
	(void)pthread_barrier_wait(barrier);
	return NULL;
}

/* Threads that began and ended between two readings are in the peak; those of before as well. */
static void test_threads_peak(void **state)
{
	struct mp_source *s = source_or_skip(state);
	int ready[2], go[2], end[2];
	const struct mp_rec *r;
	double cpu;
	pid_t pid;

	pipe_pair(ready, go);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	pid = spawn();
	if (!pid) {
		pthread_t stay[STAY], burst[BURST];
		pthread_barrier_t barrier;

		(void)close(end[1]);
		for (size_t i = 0; i < STAY; i++)
			if (pthread_create(&stay[i], NULL, until_told, &end[0]))
				_exit(1);
		signal_fd(ready[1]);
		await_fd(go[0]);
		if (pthread_barrier_init(&barrier, NULL, BURST))
			_exit(1);
		for (size_t i = 0; i < BURST; i++)
			if (pthread_create(&burst[i], NULL, meet, &barrier))
				_exit(1);
		for (size_t i = 0; i < BURST; i++)
			(void)pthread_join(burst[i], NULL);
		signal_fd(ready[1]);
		(void)until_told(&end[0]);
		_exit(0);
	}
	await_fd(ready[0]);
	assert_int_equal(s->ops->adopt(s, pid), 0);
	r = tick_for(s, pid);
	assert_non_null(r);
	assert_int_equal(r->threads_peak, 1 + STAY);
	signal_fd(go[1]);
	await_fd(ready[0]);
	nap_ms(20); /* a thread that was joined may still be on its way out */
	r = tick_for(s, pid);
	assert_non_null(r);
	assert_int_equal(r->threads, 1 + STAY);
	assert_int_equal(r->threads_created, BURST);
	assert_int_equal(r->threads_ended, BURST);
	assert_int_equal(r->threads_peak, 1 + STAY + BURST);
	(void)close(end[0]);
	(void)close(end[1]);
	assert_int_equal(reap(pid, &cpu), 0);
	r = tick_until_ended(s, pid);
	assert_int_equal(r->threads_ended, BURST + STAY); /* those of before as well */
	assert_int_equal(r->threads_peak, 1 + STAY + BURST);
	close_pairs(ready, go);
	assert_no_drops(s);
}

/*
 * Many more short lives than there are slots, ticking only when it is urgent: nothing is lost and
 * each end is reported once.
 */
static void test_more_than_slots(void **state)
{
	enum { LIVES = MP_MAX_SLOTS + MP_MAX_SLOTS / 2 };
	struct mp_source *s = source_or_skip(state);
	unsigned ended = 0, ticks = 0, made = 0;
	double end = mp_now_s() + DEADLINE_S * 2;
	const struct mp_rec *recs;
	pid_t pids[16];
	size_t n;

	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	while (ended < LIVES && mp_now_s() < end) {
		pid_t pid = made < LIVES ? vfork() : -1;

		if (!pid)
			_exit(0);
		if (pid > 0) {
			made++;
			assert_int_equal(waitpid(pid, NULL, 0), pid);
		}
		if (made < LIVES && !s->ops->urgent(s))
			continue;
		ticks++;
		(void)s->ops->exec_pids(s, pids,
					ARRAY_SIZE(pids)); /* notices of a half full table */
		assert_int_equal(s->ops->tick(s, &recs, &n), 0);
		for (size_t i = 0; i < n; i++)
			ended += recs[i].state == MP_REC_ENDED;
	}
	assert_int_equal(ended, LIVES);
	print_message("%s: %d processes through %d slots in %u ticks\n", mp_rung_name(s->ops->rung),
		      LIVES, MP_MAX_SLOTS, ticks);
	assert_no_drops(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUNG_TEST(test_fork_exec),    RUNG_TEST(test_exec_by_thread),
		RUNG_TEST(test_vfork),        RUNG_TEST(test_exit_codes),
		RUNG_TEST(test_orphan),       RUNG_TEST(test_exec_watch),
		RUNG_TEST(test_adopt_nobody), RUNG_TEST(test_clear),
		RUNG_TEST(test_threads_peak), RUNG_TEST(test_more_than_slots),
	};

	return cmocka_run_group_tests_name("bpf lifecycle", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * More than there is room for, and less to see than expected: a tree larger than the slots, a full
 * ring, pids beyond the range of the start, a /proc that hides other users' processes. Each is
 * counted by its name, what fits is measured all the same, and when there is room again it is used.
 */
#include "bpftest.h"

#include <fcntl.h>
#include <mmsperf/priv.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>

#define BEYOND       100              /* more than fit */
#define RING_NOTICES (64 * 1024 / 16) /* a notice takes 16 bytes of the ring's 64 KB */
#define MAX_EACH_S   0.006            /* a process; else the machine is too slow for thousands */
#define KIDS         (MP_MAX_SLOTS + BEYOND)

static void skip_where_slow(void)
{
	double begin = mp_now_s();

	for (int i = 0; i < 100; i++) {
		pid_t pid = spawn();

		if (!pid)
			_exit(0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	if ((mp_now_s() - begin) / 100 > MAX_EACH_S) {
		print_message("skipped: a process takes %.1f ms here, thousands are needed\n",
			      (mp_now_s() - begin) * 10);
		skip();
	}
}

static uint64_t dropped(struct mp_source *s, enum mp_drop cause)
{
	uint64_t drops[_MP_DROP_MAX];

	s->ops->drops(s, drops);
	return drops[cause];
}

static size_t living(struct mp_source *s)
{
	const struct mp_rec *recs;
	size_t n, count = 0;

	assert_int_equal(s->ops->tick(s, &recs, &n), 0);
	for (size_t i = 0; i < n; i++)
		count += recs[i].state == MP_REC_LIVE;
	return count;
}

static pid_t spawn_idle(void)
{
	pid_t pid = spawn();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

static void test_tree_larger_than_slots(void **state)
{
	static pid_t kids[KIDS];
	double end = mp_now_s() + DEADLINE_S * 2;
	struct mp_source *s = source_or_skip(state);
	pid_t late;

	skip_where_slow();
	for (int i = 0; i < KIDS; i++)
		kids[i] = spawn_idle();
	/* This process is a member as well. */
	assert_int_equal(s->ops->adopt(s, getpid()), -ENOSPC);
	assert_int_equal(dropped(s, MP_DROP_SLOTS_FULL), KIDS + 1 - MP_MAX_SLOTS);
	assert_int_equal(living(s), MP_MAX_SLOTS);
	late = spawn_idle();
	assert_int_equal(dropped(s, MP_DROP_SLOTS_FULL), KIDS + 2 - MP_MAX_SLOTS);
	assert_null(tick_for(s, late));
	end_child(late);

	for (int i = 0; i < KIDS; i++)
		(void)kill(kids[i], SIGKILL);
	for (int i = 0; i < KIDS; i++)
		assert_int_equal(waitpid(kids[i], NULL, 0), kids[i]);
	while (living(s) > 1 && mp_now_s() < end)
		nap_ms(20);
	assert_int_equal(living(s), 1); /* and once more: a slot is free a reading later */
	late = spawn_idle();
	assert_non_null(tick_for(s, late));
	assert_int_equal(dropped(s, MP_DROP_SLOTS_FULL), KIDS + 2 - MP_MAX_SLOTS);
	end_child(late);
}

static pid_t run_true(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

/* Nobody reads the notices of execs. Other programs of the machine add theirs. */
static void test_ring_full(void **state)
{
	struct mp_source *s = source_or_skip(state);
	bool found = false;
	pid_t pids[64], last;
	size_t n;

	skip_where_slow();
	assert_int_equal(s->ops->watch_execs(s, true), 0);
	for (int i = 0; i < RING_NOTICES + BEYOND; i++)
		(void)run_true();
	assert_true(dropped(s, MP_DROP_RING_FULL) >= BEYOND);
	while (s->ops->exec_pids(s, pids, ARRAY_SIZE(pids)))
		;
	last = run_true();
	while ((n = s->ops->exec_pids(s, pids, ARRAY_SIZE(pids))))
		for (size_t i = 0; i < n; i++)
			found |= pids[i] == last;
	assert_true(found);
}

/* --- in a mount namespace of its own ------------------------------------------------------- */

/* f in a child, which must end with 0; 77: this machine cannot be made like that. */
static void in_child(int (*f)(struct fixture *fx), void **state)
{
	pid_t pid;
	int code;

	if (geteuid() != 0) {
		print_message("skipped: BPF tests need root\n");
		skip();
	}
	pid = spawn();
	if (!pid) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(77);
		_exit(f(*state));
	}
	code = WEXITSTATUS(reap(pid, NULL));
	if (code == 77) {
		print_message("skipped: no mount namespace, or the rung is not to be had\n");
		skip();
	}
	assert_int_equal(code, 0);
}

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s is not so\n", #what);                                  \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static int open_fixture(struct fixture *f)
{
	struct mp_source_opts o = {.no_bpf = f->rung == MP_RUNG_PROCFS};
	int r;

	if (o.no_bpf)
		(void)unsetenv("MMSPERF_RUNG");
	else
		(void)setenv("MMSPERF_RUNG", rung_env[f->rung], 1);
	r = mp_source_open(&o, &f->s);
	return r == -EOPNOTSUPP || r == -EPERM || r == -ENOSYS ? 77 : r ? 1 : 0;
}

/* The kernel's pid_max was raised after the start: shown by a file that says it was lower then. */
static int beyond_pid_range(struct fixture *f)
{
	char path[] = "/tmp/mmsperf-test.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), r;
	bool shown = fd >= 0 && write(fd, "301\n", 4) == 4 &&
		     mount(path, "/proc/sys/kernel/pid_max", NULL, MS_BIND, NULL) == 0;

	(void)unlink(path);
	(void)close(fd);
	if (!shown || getpid() < 400)
		return 77;
	r = open_fixture(f);
	if (r)
		return r;
	CHECK(f->s->ops->adopt(f->s, getpid()) == -ENOSPC);
	CHECK(dropped(f->s, MP_DROP_PID_RANGE) == 1);
	CHECK(living(f->s) == 0);
	return 0;
}

static void test_pid_beyond_range(void **state)
{
	in_child(beyond_pid_range, state);
}

/* An agent that became nobody, where /proc shows each user its own processes only. */
static int hide_others(struct fixture *f)
{
	int r;

	if (mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		return 77;
	r = open_fixture(f);
	return r ? r : mp_priv_drop(f->s, NULL) == 0 ? 0 : 1;
}

/* All is there but command lines. */
static int hidden_proc(struct fixture *f)
{
	pid_t other = getppid();
	const struct mp_rec *r;
	int e = hide_others(f);
	size_t len;

	if (e)
		return e;
	CHECK(access("/proc/1/stat", R_OK) < 0);
	CHECK(f->s->ops->adopt(f->s, other) == 0);
	r = tick_for(f->s, other);
	CHECK(r && r->state == MP_REC_LIVE && r->run_ns > 0 && r->rss_anon_pages > 0);
	CHECK(!strcmp(f->s->ops->cmd(f->s, r, &len), "") && len == 0);
	return 0;
}

/* The capability that the procfs rung keeps sees through it; without it there is nobody. */
static int hidden_proc_procfs(struct fixture *f)
{
	const __u32 wanted = MP_HAS_CPU | MP_HAS_IO | MP_HAS_FDS;
	pid_t other = getppid();
	const struct mp_rec *r;
	int e = hide_others(f);
	cap_t none;

	if (e)
		return e;
	CHECK(f->s->ops->adopt(f->s, other) == 0);
	r = tick_for(f->s, other);
	CHECK(r && r->state == MP_REC_LIVE && (r->valid & wanted) == wanted);
	CHECK(f->s->ops->clear(f->s) == 0);
	none = cap_init();
	CHECK(none && cap_set_proc(none) == 0);
	(void)cap_free(none);
	CHECK(f->s->ops->adopt(f->s, other) == -ESRCH);
	CHECK(f->s->ops->adopt(f->s, getpid()) == 0);
	CHECK(living(f->s) == 1);
	return 0;
}

static void test_hidden_proc(void **state)
{
	const struct fixture *f = *state;

	in_child(f->rung == MP_RUNG_PROCFS ? hidden_proc_procfs : hidden_proc, state);
}

int main(void)
{
	struct fixture procfs = {.rung = MP_RUNG_PROCFS};
	const struct CMUnitTest tests[] = {
		RUNG_TEST(test_tree_larger_than_slots),
		RUNG_TEST(test_ring_full),
		RUNG_TEST(test_pid_beyond_range),
		RUNG_TEST(test_hidden_proc),
		{"test_hidden_proc (procfs)", test_hidden_proc, NULL, NULL, &procfs},
	};

	return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}

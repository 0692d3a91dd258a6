// SPDX-License-Identifier: GPL-2.0-only
/* The procfs rung on real processes. */
#include "kids.h"

#include "proc/procfs.h"

#include "proc/pid.h"

static struct mp_source *s;
static const struct mp_rec *recs;
static size_t n_recs;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(mp_procfs_open(&s), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	s->ops->free(s);
	return 0;
}

static const struct mp_rec *tick_and_find(pid_t pid)
{
	assert_int_equal(s->ops->tick(s, &recs, &n_recs), 0);
	for (size_t i = 0; i < n_recs; i++)
		if (recs[i].state != MP_REC_FREE && (pid_t)recs[i].tgid == pid)
			return &recs[i];
	return NULL;
}

static void work(int ready)
{
	char *p = mmap(NULL, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, 32 << 20);
	for (int i = 0; i < 20; i++)
		(void)dup(ready);
	burn(0.3);
	say(ready);
}

static void totals_of_a_process(void **state)
{
	pid_t pid = kid(work);
	const struct mp_rec *r;
	struct mp_pid_stat st;

	(void)state;
	assert_int_equal(s->ops->adopt(s, pid), 0);
	r = tick_and_find(pid);
	assert_non_null(r);
	assert_int_equal(mp_pid_stat_read(pid, &st), 0);
	assert_int_equal(r->state, MP_REC_LIVE);
	assert_true(r->valid & MP_HAS_CPU && r->valid & MP_HAS_MEM && r->valid & MP_HAS_IO);
	assert_double_equal((double)r->run_ns, 0.3e9, 0.05e9);
	assert_true(r->rss_anon_pages * mp_page_size() >= 32 << 20);
	assert_true(r->hiwater_pages >= r->rss_anon_pages);
	assert_true(r->fds >= 21);
	assert_int_equal(r->threads, 1);
	assert_int_equal(r->ppid, getpid());
	assert_int_equal(r->start_ns, st.start * mp_tick_ns());
	assert_true(r->minflt > 1000);
	assert_true(r->flags & MP_REC_FORKED);
	assert_true(r->flags & MP_REC_ROOT);
	assert_false(r->valid & MP_HAS_THREADS); /* /proc cannot say */
	reap(pid);
}

static void fds_agree_with_a_count(void **state)
{
	pid_t pid = kid(work);
	const struct mp_rec *r;
	char path[64];
	DIR *dir;
	unsigned n = 0;

	(void)state;
	assert_int_equal(s->ops->adopt(s, pid), 0);
	r = tick_and_find(pid);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	(void)closedir(dir);
	assert_int_equal(r->fds, n);
	reap(pid);
}

static pid_t *shared; /* pids that kids write down for the test */

static void has_children(int ready)
{
	pid_t child = fork();

	if (child == 0) {
		pid_t grandchild;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		grandchild = fork();
		if (grandchild == 0)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		else
			__atomic_store_n(&shared[2], grandchild, __ATOMIC_RELEASE);
		for (;;)
			pause();
	}
	shared[0] = child;
	while (!__atomic_load_n(&shared[2], __ATOMIC_ACQUIRE))
		sched_yield();
	say(ready);
}

static void descendants_are_members(void **state)
{
	const struct mp_rec *a, *b;
	pid_t pid;

	(void)state;
	shared[2] = 0;
	pid = kid(has_children);
	assert_int_equal(s->ops->adopt(s, pid), 0);
	b = tick_and_find(shared[2]);
	assert_non_null(b);
	a = tick_and_find(shared[0]);
	assert_non_null(a);
	b = tick_and_find(shared[2]);
	assert_ptr_equal(&recs[b->parent_slot], a);
	assert_int_equal(b->ppid, shared[0]);
	assert_null(tick_and_find(getpid())); /* a parent is no member */
	(void)kill(shared[2], SIGKILL);
	(void)kill(shared[0], SIGKILL);
	reap(pid);
}

static void forks_on_signal(int ready)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	say(ready);
	for (;;) {
		pid_t child;

		sigwait(&set, &sig);
		child = fork();

		if (child == 0) {
			/* short-lived, and not reaped: seen as a zombie at the next tick */
			burn(0.05);
			_exit(7);
		}
		__atomic_store_n(&shared[4], child, __ATOMIC_RELEASE);
	}
}

static void a_new_child_is_found_also_as_a_zombie(void **state)
{
	const struct mp_rec *r;
	uint64_t run;
	pid_t pid;

	(void)state;
	shared[4] = 0;
	pid = kid(forks_on_signal);
	assert_int_equal(s->ops->adopt(s, pid), 0);
	assert_non_null(tick_and_find(pid));
	(void)kill(pid, SIGUSR1);
	for (;;) {
		struct mp_pid_stat st;
		pid_t child = __atomic_load_n(&shared[4], __ATOMIC_ACQUIRE);

		if (child > 0 && mp_pid_stat_read(child, &st) == 0 && mp_pid_is_dead(&st))
			break;
		sched_yield();
	}
	r = tick_and_find(shared[4]);
	assert_non_null(r);
	assert_int_equal(r->state, MP_REC_ZOMBIE);
	assert_double_equal((double)r->run_ns, 0.05e9, 0.01e9);
	assert_true(r->flags & MP_REC_FORKED);
	if (geteuid() == 0)
		assert_int_equal(WEXITSTATUS((int)r->exit_code), 7);
	run = r->run_ns;
	r = tick_and_find(shared[4]);
	assert_int_equal(r->state, MP_REC_ZOMBIE); /* and is never adopted twice */
	assert_int_equal(r->run_ns, run);
	reap(pid);
}

static void ended_once_with_the_last_totals(void **state)
{
	pid_t pid = kid(work);
	const struct mp_rec *r;

	(void)state;
	assert_int_equal(s->ops->adopt(s, pid), 0);
	r = tick_and_find(pid);
	assert_int_equal(r->state, MP_REC_LIVE);
	reap(pid);
	r = tick_and_find(pid);
	assert_non_null(r);
	assert_int_equal(r->state, MP_REC_ENDED);
	assert_double_equal((double)r->run_ns, 0.3e9, 0.05e9);
	assert_true(r->exit_ns > 0);
	assert_null(tick_and_find(pid));
	assert_int_equal(n_recs, 0);
}

static void *spin_thread(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void leader_leaves(int ready)
{
	pthread_t t;
	char *p = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(p, 1, 8 << 20);
	pthread_create(&t, NULL, spin_thread, NULL);
	say(ready);
	syscall(SYS_exit, 0); /* the leader alone */
}

static void a_zombie_leader_with_threads_lives(void **state)
{
	pid_t pid = kid(leader_leaves);
	const struct mp_rec *r;
	struct mp_pid_stat st;

	(void)state;
	do
		assert_int_equal(mp_pid_stat_read(pid, &st), 0);
	while (st.state != 'Z');
	assert_int_equal(s->ops->adopt(s, pid), 0);
	r = tick_and_find(pid);
	assert_int_equal(r->state, MP_REC_LIVE);
	assert_int_equal(r->threads, 2);
	assert_true(r->valid & MP_HAS_MEM);
	assert_true(r->rss_anon_pages * mp_page_size() >= 8 << 20);
	assert_true(r->valid & MP_HAS_FDS);
	assert_true(r->fds >= 3);
	reap(pid);
}

static void vforks(int ready)
{
	/* the child runs on its parent's memory and stack while the parent waits in vfork() */
	pid_t child = vfork();

	if (child == 0) {
		shared[5] = getpid();
		say(ready);
		for (;;)
			pause();
	}
}

static void a_vfork_child_is_marked(void **state)
{
	const struct mp_rec *r;
	pid_t pid;

	(void)state;
	if (syscall(SYS_kcmp, getpid(), getpid(), 1 /* KCMP_VM */, 0, 0) < 0) {
		print_message("skipped: this kernel or user cannot compare memory (kcmp)\n");
		skip();
	}
	pid = kid(vforks);
	assert_int_equal(s->ops->adopt(s, pid), 0);
	r = tick_and_find(shared[5]);
	assert_non_null(r);
	assert_true(r->flags & MP_REC_VFORK);
	r = tick_and_find(pid);
	assert_false(r->flags & MP_REC_VFORK);
	(void)kill(shared[5], SIGKILL);
	reap(pid);
}

static void execs_on_signal(int ready)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	say(ready);
	sigwait(&set, &sig);
	execlp("sleep", "sleep", "1000", NULL);
	_exit(1);
}

static void exec_changes_the_command_line(void **state)
{
	pid_t pid = kid(execs_on_signal);
	const struct mp_rec *r;
	uint32_t execs;
	size_t len;

	(void)state;
	assert_int_equal(s->ops->adopt(s, pid), 0);
	r = tick_and_find(pid);
	execs = r->execs;
	assert_non_null(strstr(s->ops->cmd(s, r, &len), "test_procfs"));
	r = tick_and_find(pid);
	assert_int_equal(r->execs, execs);
	(void)kill(pid, SIGUSR1);
	for (;;) {
		_cleanup_free_ char *cmd = NULL;

		assert_int_equal(mp_pid_cmdline(pid, &cmd, &len), 0);
		if (!strcmp(mp_cmd_program(cmd, len), "sleep"))
			break;
		sched_yield();
	}
	r = tick_and_find(pid);
	assert_true(r->execs != execs);
	assert_false(r->flags & MP_REC_FORKED);
	assert_memory_equal(s->ops->cmd(s, r, &len), "sleep\0001000", 10);
	reap(pid);
}

static void without_kept_descriptors(void **state)
{
	struct rlimit old, few;
	struct mp_source *other;
	pid_t pid = kid(work);
	const struct mp_rec *r = NULL;
	size_t n;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(mp_procfs_open(&other), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(other->ops->adopt(other, pid), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(other->ops->tick(other, &r, &n), 0);
	assert_int_equal(n, 1);
	assert_true(r->valid & MP_HAS_IO && r->valid & MP_HAS_MEM && r->valid & MP_HAS_FDS);
	other->ops->free(other);
	reap(pid);
}

static void nothing_leaks(void **state)
{
	unsigned before = 0, after = 0;

	(void)state;
	for (int k = 0; k < 2; k++) {
		DIR *dir = opendir("/proc/self/fd");
		unsigned n = 0;

		for (struct dirent *e; (e = readdir(dir));)
			n++;
		(void)closedir(dir);
		if (k == 0) {
			before = n;
			for (int i = 0; i < 20; i++) {
				pid_t pid = kid(just_ready);

				assert_int_equal(s->ops->adopt(s, pid), 0);
				assert_non_null(tick_and_find(pid));
				reap(pid);
				(void)tick_and_find(pid);
				(void)tick_and_find(pid);
			}
		} else {
			after = n;
		}
	}
	assert_int_equal(before, after);
}

static void what_it_cannot_do(void **state)
{
	pid_t pids[4];
	struct mp_diag d = {0};
	pid_t pid = kid(just_ready);

	(void)state;
	assert_int_equal(s->ops->event_fd(s), -1);
	assert_int_equal(s->ops->watch_execs(s, true), -EOPNOTSUPP);
	assert_int_equal(s->ops->exec_pids(s, pids, 4), 0);
	if (s->ops->need_groups(s, MP_GROUP_SCHED, &d) < 0)
		assert_non_null(strstr(d.msg, "task_delayacct"));
	reap(pid);
	assert_int_equal(s->ops->adopt(s, pid), -ESRCH);
	assert_int_equal(s->ops->adopt(s, 0x7fffffff), -ESRCH);
}

static void *naps(void *arg)
{
	for (int i = 0; i < 20; i++)
		(void)usleep(1000);
	while (arg && !__atomic_load_n(&shared[3], __ATOMIC_ACQUIRE))
		(void)usleep(1000);
	return NULL;
}

/* One thread that naps and stays until it is told, one that is joined before the first reading. */
static void has_napping_threads(int ready)
{
	pthread_t t;

	shared[3] = 0;
	if (pthread_create(&t, NULL, naps, NULL) || pthread_join(t, NULL) ||
	    pthread_create(&t, NULL, naps, &ready))
		_exit(1);
	(void)usleep(50000);
	say(ready);
	(void)pthread_join(t, NULL);
	shared[3] = 2;
}

static void waits_and_switches_of_threads(void **state)
{
	uint64_t nvcsw, delay;
	const struct mp_rec *r;
	pid_t pid;

	(void)state;
	if (access("/proc/self/schedstat", R_OK) < 0) {
		print_message("skipped: this kernel has no /proc/PID/schedstat\n");
		skip();
	}
	pid = kid(has_napping_threads);
	assert_int_equal(s->ops->adopt(s, pid), 0);
	s->ops->want(s, MP_HAS_CPU);
	r = tick_and_find(pid);
	assert_false(r->valid & MP_HAS_SCHED); /* nobody asked */
	s->ops->want(s, ~0U);
	r = tick_and_find(pid);
	assert_true(r->valid & MP_HAS_SCHED);
	assert_true(r->nvcsw >= 20); /* of the thread that lives: each nap is one */
	nvcsw = r->nvcsw;
	delay = r->run_delay_ns;
	__atomic_store_n(&shared[3], 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 1000 && __atomic_load_n(&shared[3], __ATOMIC_ACQUIRE) != 2; i++)
		(void)usleep(10000);
	assert_int_equal(shared[3], 2);
	r = tick_and_find(pid);
	assert_int_equal(r->threads, 1);
	/* what the thread that ended had is still in it */
	assert_true(r->nvcsw >= nvcsw && r->run_delay_ns >= delay);
	reap(pid);
}

static void texts_of_a_thread(void **state)
{
	static const char status[] = "Name:\tx\nMems_allowed_list:\t0\n"
				     "voluntary_ctxt_switches:\t150\n"
				     "nonvoluntary_ctxt_switches:\t545\n";
	struct mp_pf_sched x = {.delay_ns = 7};

	(void)state;
	assert_true(mp_pf_sched_parse("125 6789 42\n", status, &x));
	assert_int_equal(x.delay_ns, 6789);
	assert_int_equal(x.nvcsw, 150);
	assert_int_equal(x.nivcsw, 545);
	assert_false(mp_pf_sched_parse("", status, &x));
	assert_false(mp_pf_sched_parse("1 2 3", "Name:\tx\n", &x));
	assert_int_equal(x.delay_ns, 6789);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(totals_of_a_process),
		T(fds_agree_with_a_count),
		T(descendants_are_members),
		T(a_new_child_is_found_also_as_a_zombie),
		T(ended_once_with_the_last_totals),
		T(a_zombie_leader_with_threads_lives),
		T(a_vfork_child_is_marked),
		T(exec_changes_the_command_line),
		T(without_kept_descriptors),
		T(nothing_leaks),
		T(what_it_cannot_do),
		T(waits_and_switches_of_threads),
		cmocka_unit_test(texts_of_a_thread),
	};

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

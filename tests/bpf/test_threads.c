// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that a reading remembers: a process whose threads work one at a time, come and go, open
 * descriptors and exec, read again after every step and compared with what the kernel itself says.
 * Between steps all threads sleep, so nothing may differ by anything.
 */
#include "bpftest.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>

#define THREADS   10 /* no multiple of what shares a cache line */
#define STEPS     120
#define MAX_EXTRA 8

/* What is asked of the child's thread `who`. */
enum op { OP_WRITE, OP_BURN, OP_OPEN, OP_CLOSE, OP_FAULT, OP_BORN, OP_END, OP_SHARE, _OP_MAX };

struct order {
	int op, who;
};

static int to[THREADS][2], answers[2], share[2];

static void *short_lived(void *stop)
{
	char c;

	burn_ns(200000);
	(void)!read(((int *)stop)[0], &c, 1);
	return NULL;
}

static int share_files(void *unused)
{
	char c;

	(void)unused;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (read(share[0], &c, 1) != 1)
			_exit(0);
		(void)open("/dev/null", O_RDONLY | O_CLOEXEC);
		signal_fd(answers[1]);
	}
}

/* A process of its own that shares our descriptors: what it opens we have. */
static void start_sharer(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	static bool started;

	if (!started)
		(void)clone(share_files, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL);
	started = true;
}

static void obey(const struct order *o)
{
	static pthread_t extra[MAX_EXTRA];
	static int stop[MAX_EXTRA][2], n_extra, fds[256], n_fds;
	static volatile char memory[STEPS + 1][4096];
	static int touched;
	char text[100] = {0};

	switch ((enum op)o->op) {
	case OP_WRITE:
		(void)!write(fds[0], text, sizeof(text));
		break;
	case OP_BURN:
		burn_ns(1500000);
		break;
	case OP_OPEN:
		fds[n_fds++] = open("/dev/null", O_WRONLY | O_CLOEXEC);
		break;
	case OP_CLOSE:
		if (n_fds > 1)
			(void)close(fds[--n_fds]);
		break;
	case OP_FAULT:
		memory[touched][0] = memory[touched + 1][0] + 1;
		touched++;
		break;
	case OP_BORN:
		if (n_extra == MAX_EXTRA || pipe2(stop[n_extra], O_CLOEXEC) ||
		    pthread_create(&extra[n_extra], NULL, short_lived, stop[n_extra]))
			break;
		n_extra++;
		break;
	case OP_END:
		if (!n_extra)
			break;
		n_extra--;
		(void)close(stop[n_extra][1]);
		(void)pthread_join(extra[n_extra], NULL);
		(void)close(stop[n_extra][0]);
		break;
	case OP_SHARE:
		start_sharer();
		break;
	case _OP_MAX:
		break;
	}
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct order o;

	while (read(fd, &o, sizeof(o)) == (ssize_t)sizeof(o)) {
		obey(&o);
		signal_fd(answers[1]);
	}
	_exit(0);
}

static _Noreturn void child(void)
{
	for (int i = 1; i < THREADS; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, serve, (void *)(intptr_t)to[i][0]))
			_exit(1);
	}
	(void)serve((void *)(intptr_t)to[0][0]);
	_exit(0);
}

/* --- what the kernel says -------------------------------------------------------------------- */

struct truth {
	uint64_t run_ns, wchar, syscr, syscw, rchar, nvcsw, run_delay, minflt;
	unsigned fds, threads;
};

/* The number after `skip` words of the line that begins with key; 0 where there is none. */
static uint64_t number(const char *path, const char *key, int skip)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char line[1024], *word, *rest = NULL;

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		word = strtok_r(line + strlen(key), " \t\n", &rest);
		for (int i = 0; word && i < skip; i++)
			word = strtok_r(NULL, " \t\n", &rest);
		return word ? strtoull(word, NULL, 10) : 0;
	}
	return 0;
}

/* False: a thread is not asleep. */
static bool all_asleep(pid_t pid, struct truth *ret)
{
	char path[320], state = 0;
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d))) {
		_cleanup_fclose_ FILE *f = NULL;

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid, e->d_name);
		f = fopen(path, "re");
		if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1 || state != 'S')
			return false;
		ret->threads++;
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, e->d_name);
		ret->nvcsw += number(path, "voluntary_ctxt_switches:", 0);
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid,
			       e->d_name);
		ret->run_delay += number(path, "", 1);
	}
	return true;
}

static void ask_kernel(pid_t pid, struct truth *ret)
{
	double end = mp_now_s() + DEADLINE_S;
	_cleanup_closedir_ DIR *d = NULL;
	struct timespec t;
	struct dirent *e;
	clockid_t clock;
	char path[64];

	for (;;) {
		*ret = (struct truth){0};
		if (all_asleep(pid, ret))
			break;
		assert_true(mp_now_s() < end);
	}
	assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &t), 0);
	ret->run_ns = (uint64_t)t.tv_sec * MP_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
	(void)snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
	ret->rchar = number(path, "rchar:", 0);
	ret->wchar = number(path, "wchar:", 0);
	ret->syscr = number(path, "syscr:", 0);
	ret->syscw = number(path, "syscw:", 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	ret->minflt = number(path, "", 9); /* field 10; our name is one word */
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)))
		ret->fds += e->d_name[0] != '.';
}

static void compare(struct mp_source *s, pid_t pid, bool none_ended, int step, int op)
{
	double end = mp_now_s() + DEADLINE_S;
	const struct mp_rec *r;
	struct truth t, after;

	/* A thread that says it sleeps may still be on its way off the CPU. */
	do {
		ask_kernel(pid, &t);
		r = tick_for(s, pid);
		assert_non_null(r);
		ask_kernel(pid, &after);
	} while (memcmp(&t, &after, sizeof(t)) != 0 && mp_now_s() < end);
#define SAME(field, value)                                                                         \
	if (r->field != (value))                                                                   \
	fail_msg("step %d (%d): " #field " is %" PRIu64 ", the kernel has %" PRIu64, step, op,     \
		 (uint64_t)r->field, (uint64_t)(value))
	SAME(threads, t.threads);
	SAME(run_ns, t.run_ns);
	SAME(rchar, t.rchar);
	SAME(wchar, t.wchar);
	SAME(syscr, t.syscr);
	SAME(syscw, t.syscw);
	SAME(minflt, t.minflt);
	SAME(fds, t.fds);
	/* /proc has these of living threads alone */
	if (none_ended) {
		SAME(nvcsw, t.nvcsw);
		SAME(run_delay_ns, t.run_delay);
	}
#undef SAME
}

static void test_steps(void **state)
{
	struct mp_source *s = source_or_skip(state);
	unsigned seed = 7, extra = 0;
	bool none_ended = true, shared = false;
	struct order o;
	pid_t pid;

	assert_int_equal(pipe2(answers, O_CLOEXEC), 0);
	assert_int_equal(pipe2(share, O_CLOEXEC), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pipe2(to[i], O_CLOEXEC), 0);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	pid = spawn();
	if (!pid)
		child();
	for (int step = 0; step < STEPS; step++) {
		o.op = step ? (int)((unsigned)rand_r(&seed) % _OP_MAX) : OP_OPEN;
		/* quiet at first: threads that come and go make everything be read anew */
		if (step < STEPS / 2 && o.op >= OP_BORN)
			o.op -= OP_BORN;
		o.who = rand_r(&seed) % THREADS;
		assert_int_equal(write(to[o.who][1], &o, sizeof(o)), sizeof(o));
		await_fd(answers[0]);
		none_ended = none_ended && !(o.op == OP_END && extra);
		extra += o.op == OP_BORN ? 1 : o.op == OP_END && extra ? -1U : 0;
		compare(s, pid, none_ended, step, o.op);
		/* by somebody else, while the process sleeps */
		shared = shared || o.op == OP_SHARE;
		if (shared && step % 4 == 0) {
			signal_fd(share[1]);
			await_fd(answers[0]);
			compare(s, pid, none_ended, step, OP_SHARE);
		}
		/* and when nothing at all has happened */
		if (step % 3 == 0)
			compare(s, pid, none_ended, step, -1);
	}
	end_child(pid);
	assert_no_drops(s);
	for (int i = 0; i < THREADS; i++) {
		(void)close(to[i][0]);
		(void)close(to[i][1]);
	}
	for (int i = 0; i < 2; i++) {
		(void)close(answers[i]);
		(void)close(share[i]);
	}
}

/* More threads than lines are kept for, then fewer: from the long way to the short one and back. */
static void *sleeper(void *stop)
{
	char c;

	(void)!read(*(int *)stop, &c, 1);
	return NULL;
}

/* A process's clock shows a running thread as the thread's own clock or a tick last did. */
static uint64_t own_cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * MP_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static void test_many(void **state)
{
	/* what the clocks' calibration is off by, in an emulated machine too */
	enum { N = 300, ROUNDS = 4, SLACK_NS = 3000000 };
	struct mp_source *s = source_or_skip(state);
	static pthread_t t[N];

	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	for (int round = 0; round < ROUNDS; round++) {
		int stop[2], n = N >> round;

		assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
		for (int i = 0; i < n; i++)
			assert_int_equal(pthread_create(&t[i], NULL, sleeper, stop), 0);
		for (int i = 0; i < 3; i++) {
			double end = mp_now_s() + DEADLINE_S;
			uint64_t before, after;
			const struct mp_rec *r;

			/* Threads on their way to sleep are in no clock yet: what is counted twice
			 * or left out stays so. */
			do {
				before = own_cpu_ns();
				r = tick_for(s, getpid());
				after = own_cpu_ns();
				assert_non_null(r);
				assert_int_equal(r->threads, n + 1);
			} while ((r->run_ns + SLACK_NS < before || r->run_ns > after + SLACK_NS) &&
				 mp_now_s() < end);
			assert_in_range(r->run_ns, before - SLACK_NS, after + SLACK_NS);
		}
		(void)close(stop[1]);
		for (int i = 0; i < n; i++)
			assert_int_equal(pthread_join(t[i], NULL), 0);
		(void)close(stop[0]);
	}
	assert_no_drops(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUNG_TEST(test_steps),
		RUNG_TEST(test_many),
	};

	return cmocka_run_group_tests_name("threads that are remembered", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run-queue group: waits for a CPU one by one, against the kernel's own sums and counts in
 * /proc/PID/task/TID/schedstat and in the record.
 */
#include "watch.h"

#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>

#define SPIN_NS 300000000ULL
#define CHURN   300

static const char *const names[] = {
	"count_workers_runq_latency_seconds", "sum_workers_runq_latency_seconds",
	"avg_workers_runq_latency_seconds",   "max_workers_runq_latency_seconds",
	"p50_workers_runq_latency_seconds",   "p90_workers_runq_latency_seconds",
	"p99_workers_runq_latency_seconds",   "count_frontend_runq_latency_seconds",
	"count_all_runq_latency_seconds",     "sum_workers_runq_wait_seconds",
};

struct schedstat {
	uint64_t delay_ns, turns;
};

static struct schedstat schedstat(pid_t pid)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct schedstat sum = {0};
	struct dirent *e;
	char path[300];

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d))) {
		_cleanup_fclose_ FILE *f = NULL;
		uint64_t delay, turns;

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid,
			       e->d_name);
		f = fopen(path, "re");
		assert_non_null(f);
		assert_int_equal(fscanf(f, "%*u %" SCNu64 " %" SCNu64, &delay, &turns), 2);
		sum.delay_ns += delay;
		sum.turns += turns;
	}
	return sum;
}

static void *spin(void *go)
{
	await_fd(*(int *)go);
	burn_ns(SPIN_NS);
	for (;;)
		pause();
	return NULL;
}

/* Two threads on one CPU; they begin when they are told, and end in a pause. */
static void be_two_spinners(int ready, int go)
{
	pthread_t t;

	pin_to_first_cpu();
	for (int i = 0; i < 2; i++)
		if (pthread_create(&t, NULL, spin, &go))
			_exit(4);
	nap_ms(20); /* both wait in their read by then, or begin a little later */
	signal_fd(ready);
	for (;;)
		pause();
}

static void wait_until_quiet(pid_t pid)
{
	double end = mp_now_s() + DEADLINE_S;
	struct schedstat a = schedstat(pid), b;

	for (;; a = b) {
		nap_ms(200);
		b = schedstat(pid);
		if (a.turns == b.turns && a.delay_ns == b.delay_ns)
			return;
		if (mp_now_s() > end)
			fail_msg("the child does not come to rest");
	}
}

static void test_two_spinners(void **state)
{
	double count, sum, elapsed, waited, max, p50, p90, p99;
	int ready[2], go[2], told[2];
	struct schedstat before, after;
	struct watch *w;
	pid_t root, pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(told), 0);
	root = root_of(be_two_spinners, ready[1], go[0], told[1]);
	assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
	await_fd(ready[0]);
	wait_until_quiet(pid);
	before = schedstat(pid);
	w = watch(state, root, names, ARRAY_SIZE(names));
	waited = watched(w, "sum_workers_runq_wait_seconds");
	elapsed = mp_now_s();
	signal_fd(go[1]);
	signal_fd(go[1]);
	wait_until_quiet(pid);
	elapsed = mp_now_s() - elapsed;
	after = schedstat(pid);
	watch_sample(w);
	count = watched(w, "count_workers_runq_latency_seconds");
	sum = watched(w, "sum_workers_runq_latency_seconds");
	max = watched(w, "max_workers_runq_latency_seconds");
	p50 = watched(w, "p50_workers_runq_latency_seconds");
	p90 = watched(w, "p90_workers_runq_latency_seconds");
	p99 = watched(w, "p99_workers_runq_latency_seconds");
	print_message("%s: 2 threads of %.0f ms CPU each on one CPU waited %.3f ms in %.0f turns "
		      "(schedstat: %.3f ms in %" PRIu64
		      "), p50 %.3f p90 %.3f p99 %.3f max %.3f ms\n",
		      mp_rung_name(w->rung), SPIN_NS / 1e6, sum * 1e3, count,
		      (double)(after.delay_ns - before.delay_ns) / 1e6, after.turns - before.turns,
		      p50 * 1e3, p90 * 1e3, p99 * 1e3, max * 1e3);
	/* the kernel's own sum and count, to the nanosecond */
	assert_int_equal((uint64_t)count, after.turns - before.turns);
	assert_true(fabs(sum * 1e9 - (double)(after.delay_ns - before.delay_ns)) < 2);
	assert_true(fabs(watched(w, "sum_workers_runq_wait_seconds") - waited - sum) < 1e-8);
	/* while one runs the other waits: half of the time of both, or more where others run */
	assert_true(sum > 0.8 * 2 * SPIN_NS / 1e9 / 2 && sum < 2 * elapsed);
	assert_true(p50 <= p90 && p90 <= p99 && p99 <= max && max <= sum && max > sum / count);
	assert_true(fabs(watched(w, "avg_workers_runq_latency_seconds") - sum / count) < 1e-9);
	assert_true(watched(w, "count_all_runq_latency_seconds") ==
		    count + watched(w, "count_frontend_runq_latency_seconds"));
	watch_groups_off(w);
	watch_sample(w);
	assert_true(isnan(watched(w, "sum_workers_runq_latency_seconds")));
	assert_true(isnan(watched(w, "p99_workers_runq_latency_seconds")));
	assert_no_drops(w->s);
	end_child(root);
}

static void *briefly(void *arg)
{
	burn_ns(200000);
	return arg;
}

/* Threads that begin and end all the time: none is missed, none is left behind. */
static void be_churning(int ready, int go)
{
	for (;;) {
		await_fd(go);
		for (int i = 0; i < CHURN; i++) {
			pthread_t t[2];

			for (int k = 0; k < 2; k++)
				if (pthread_create(&t[k], NULL, briefly, NULL))
					_exit(6);
			for (int k = 0; k < 2; k++)
				(void)pthread_join(t[k], NULL);
		}
		signal_fd(ready);
	}
}

static void test_churn(void **state)
{
	int ready[2], go[2], told[2];
	double first, waited, sum;
	struct watch *w;
	pid_t root, pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(told), 0);
	root = root_of(be_churning, ready[1], go[0], told[1]);
	assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
	nap_ms(50);
	w = watch(state, root, names, ARRAY_SIZE(names));
	first = watched(w, "sum_workers_runq_wait_seconds");
	signal_fd(go[1]);
	await_fd(ready[0]);
	nap_ms(50);
	watch_sample(w);
	waited = watched(w, "sum_workers_runq_wait_seconds") - first;
	sum = watched(w, "sum_workers_runq_latency_seconds");
	print_message("%s: %d threads waited %.3f ms (record: %.3f ms) in %.0f turns\n",
		      mp_rung_name(w->rung), 2 * CHURN, sum * 1e3, waited * 1e3,
		      watched(w, "count_workers_runq_latency_seconds"));
	assert_true(watched(w, "count_workers_runq_latency_seconds") >= 2 * CHURN);
	/*
	 * The record has what a thread had waited when it ended; the very last turns, between a
	 * thread's exit hook and its end, are in the histogram alone. In an emulated machine such
	 * turns are many (32 %).
	 */
	assert_true(sum >= waited - 1e-6);
	assert_true(sum < waited * (is_emulated() ? 1.6 : 1.05) + 0.005);
	assert_no_drops(w->s);
	end_child(root);
}

/* Two views with different intervals do not take each other's maximum. */
static void test_two_views(void **state)
{
	int ready[2], go[2], told[2];
	struct mp_view *other;
	struct mp_sel sel;
	struct watch *w;
	pid_t root, pid;
	double max;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(told), 0);
	root = root_of(be_two_spinners, ready[1], go[0], told[1]);
	assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
	await_fd(ready[0]);
	wait_until_quiet(pid);
	w = watch(state, root, names, ARRAY_SIZE(names));
	assert_int_equal(mp_view_new(w->m, &other), 0);
	assert_int_equal(mp_view_select(other, "max_workers_runq_latency_seconds", &sel, NULL), 0);
	assert_int_equal(mp_view_update(other), 0);
	signal_fd(go[1]);
	signal_fd(go[1]);
	wait_until_quiet(pid);
	watch_sample(w);
	max = watched(w, "max_workers_runq_latency_seconds");
	assert_true(max > 0);
	nap_ms(20);
	watch_sample(w); /* nothing happened since */
	assert_true(isnan(watched(w, "max_workers_runq_latency_seconds")));
	assert_int_equal(mp_view_update(other), 0);
	assert_true(mp_view_get(other, &sel).valid && mp_view_get(other, &sel).v == max);
	mp_view_free(other);
	end_child(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(test_two_spinners),
		WATCH_TEST(test_churn),
		WATCH_TEST(test_two_views),
	};

	return cmocka_run_group_tests_name("bpf run-queue group", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* What single processes say: parsers, then this very process read as if it were the server. */
#include "unit.h"

#include "metrics/aux.h"

#include <mmsperf/clock.h>

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void limits_text(void **state)
{
	double n = 7;

	(void)state;
	assert_int_equal(
		mp_limits_parse(
			"Limit                     Soft Limit           Hard Limit\n"
			"Max processes             96398                96398      processes\n"
			"Max open files            1024                 1048576    files\n",
			&n),
		0);
	assert_double_equal(n, 1024, 0);
	assert_int_equal(
		mp_limits_parse("Max open files            unlimited  unlimited  files\n", &n), 0);
	assert_true(isinf(n));
	n = 7;
	assert_int_equal(mp_limits_parse("", &n), -EINVAL);
	assert_int_equal(mp_limits_parse("Max open files\n", &n), -EINVAL);
	assert_int_equal(mp_limits_parse("x Max open files  5 5 files\n", &n), -EINVAL);
	assert_double_equal(n, 7, 0);
}

static void names(void **state)
{
	(void)state;
	assert_int_equal(mp_fd_kind_of("socket:[3197737]"), MP_FD_SOCKET);
	assert_int_equal(mp_fd_kind_of("pipe:[1]"), MP_FD_PIPE);
	assert_int_equal(mp_fd_kind_of("anon_inode:[eventfd]"), MP_FD_EVENT);
	assert_int_equal(mp_fd_kind_of("anon_inode:bpf-prog"), MP_FD_EVENT);
	assert_int_equal(mp_fd_kind_of("/tmp/socket:[1]"), MP_FD_FILE);
	/* as a real MMS has them */
	assert_int_equal(mp_thread_class_of("epollEventLoopG\n"), MP_THR_NETTY);
	assert_int_equal(mp_thread_class_of("W-9000-digits-s\n"), MP_THR_BACKEND);
	assert_int_equal(mp_thread_class_of("G1 Main Marker\n"), MP_THR_GC);
	assert_int_equal(mp_thread_class_of("GC Thread#1\n"), MP_THR_GC);
	assert_int_equal(mp_thread_class_of("C2 CompilerThre\n"), MP_THR_JIT);
	assert_int_equal(mp_thread_class_of("VM Periodic Tas\n"), MP_THR_JVM);
	assert_int_equal(mp_thread_class_of("python3.11\n"), MP_THR_PYTHON);
	assert_int_equal(mp_thread_class_of("pool-3-thread-1\n"), MP_THR_OTHER);
	assert_int_equal(mp_thread_class_of(""), MP_THR_OTHER);
}

/* --- this process is the frontend ----------------------------------------------------------------
 */

static struct mp_proc procs[2];
static struct mp_tree tree;
static struct mp_auxes aux;
static uint64_t now_ns;

static int setup(void **state)
{
	(void)state;
	memset(procs, 0, sizeof(procs));
	memset(&aux, 0, sizeof(aux));
	procs[0].cur = (struct mp_rec){
		.tgid = (uint32_t)getpid(), .start_ns = 1, .fds = 10, .valid = MP_HAS_FDS};
	procs[0].role = MP_ROLE_FRONTEND;
	procs[1].cur = (struct mp_rec){.tgid = 1 << 30, .start_ns = 2};
	procs[1].role = MP_ROLE_WORKER;
	tree = (struct mp_tree){
		.procs = procs, .n = 1, .frontend = getpid(), .boot_ns = mp_boot_ns()};
	now_ns = mp_now_ns();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mp_auxes_done(&aux);
	return 0;
}

static void update(void)
{
	now_ns += 2 * MP_NSEC_PER_SEC;
	assert_int_equal(mp_auxes_update(&aux, &tree, now_ns), 0);
}

static double get(int metric)
{
	struct mp_value v = mp_aux_value(&aux, metric, &procs[0], 0);

	assert_true(v.valid);
	return v.v;
}

static void limits(void **state)
{
	struct rlimit l;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	aux.need[MP_SCOPE_FRONTEND] = MP_AUX_LIMITS | MP_AUX_AGE;
	update();
	assert_double_equal(get(MP_PM_FD_LIMIT), (double)l.rlim_cur, 0);
	assert_double_equal(get(MP_PM_FD_RATIO), 10 / (double)l.rlim_cur, 1e-12);
	assert_double_equal(get(MP_PM_AGE), (double)tree.boot_ns / 1e9, 1e-3);
	assert_false(mp_aux_value(&aux, MP_PM_FD_FILES, procs, 0).valid); /* not asked for */
	procs[0].cur.valid = 0;
	assert_false(mp_aux_value(&aux, MP_PM_FD_RATIO, procs, 0).valid);
}

static void descriptors(void **state)
{
	double files, sockets, pipes, events;
	int pair[2], ends[2], fd, ev, ep;

	(void)state;
	aux.need[MP_SCOPE_ALL] = MP_AUX_FDS;
	update();
	files = get(MP_PM_FD_FILES);
	sockets = get(MP_PM_FD_SOCKETS);
	pipes = get(MP_PM_FD_PIPES);
	events = get(MP_PM_FD_EVENTS);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(ends), 0);
	fd = dup(ends[0]);
	ev = eventfd(0, 0);
	ep = epoll_create1(0);
	assert_int_equal(mp_auxes_update(&aux, &tree, now_ns + 1000), 0);
	assert_double_equal(get(MP_PM_FD_SOCKETS), sockets, 0); /* at most once a second */
	update();
	assert_double_equal(get(MP_PM_FD_FILES), files, 0);
	assert_double_equal(get(MP_PM_FD_SOCKETS), sockets + 2, 0);
	assert_double_equal(get(MP_PM_FD_PIPES), pipes + 3, 0);
	assert_double_equal(get(MP_PM_FD_EVENTS), events + 2, 0);
	(void)close(pair[0]);
	(void)close(pair[1]);
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(fd);
	(void)close(ev);
	(void)close(ep);
}

static void *burn(void *arg)
{
	struct timespec t;

	(void)prctl(PR_SET_NAME, "GC Thread#7");
	(void)pthread_barrier_wait(arg);
	do
		(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	while (t.tv_sec * 1000000000LL + t.tv_nsec < 60000000);
	(void)pthread_barrier_wait(arg); /* read now */
	(void)pthread_barrier_wait(arg);
	return NULL;
}

static void threads_by_name(void **state)
{
	pthread_barrier_t b;
	pthread_t t;
	double gc;

	(void)state;
	aux.need[MP_SCOPE_FRONTEND] = MP_AUX_THREADS;
	assert_int_equal(pthread_barrier_init(&b, NULL, 2), 0);
	assert_int_equal(pthread_create(&t, NULL, burn, &b), 0);
	(void)pthread_barrier_wait(&b);
	update();
	(void)pthread_barrier_wait(&b);
	update();
	gc = get(MP_PM_THR_GC);
	assert_true(gc >= 0.059 && gc < 0.2);
	assert_true(get(MP_PM_THR_OTHER) > 0); /* this thread */
	(void)pthread_barrier_wait(&b);
	assert_int_equal(pthread_join(t, NULL), 0);
	update();
	assert_true(get(MP_PM_THR_GC) >= gc); /* what ended stays counted */
	assert_int_equal(aux.v[0].n_threads, 1);
	/* the process leaves: its role keeps it */
	tree.n = 0;
	update();
	assert_true(mp_aux_gone(&aux, MP_PM_THR_GC, MP_ROLE_FRONTEND) >= gc);
	assert_double_equal(mp_aux_gone(&aux, MP_PM_FD_FILES, MP_ROLE_FRONTEND), 0, 0);
	(void)pthread_barrier_destroy(&b);
}

/* A process that is gone, or was never there, takes nobody else's values. */
static void who_is_not_there(void **state)
{
	(void)state;
	tree.n = 2;
	aux.need[MP_SCOPE_WORKERS] = MP_AUX_LIMITS | MP_AUX_FDS | MP_AUX_THREADS;
	update();
	assert_false(mp_aux_value(&aux, MP_PM_FD_LIMIT, &procs[1], 1).valid);
	assert_false(mp_aux_value(&aux, MP_PM_FD_FILES, &procs[1], 1).valid);
	assert_false(mp_aux_value(&aux, MP_PM_THR_GC, &procs[1], 1).valid);
	/* the frontend is in no scope that was asked for: it was not read */
	assert_false(mp_aux_value(&aux, MP_PM_FD_LIMIT, &procs[0], 0).valid);
	assert_int_equal(aux.v[0].n_threads, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_text),
		cmocka_unit_test(names),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_not_there, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

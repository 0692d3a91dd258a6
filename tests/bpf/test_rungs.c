// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rungs against each other: the same names with the same values on all that this kernel has,
 * and /proc with the reason where there is no type information or bpf(2) is refused. Root.
 */
#include "bpftest.h"

#include <mmsperf/metrics.h>
#include <mmsperf/tree.h>

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>

#define KIDS 3

/* What must be there on every rung, and how far apart two rungs may be: relative and absolute. */
static const struct {
	const char *name;
	double rel, abs;
} names[] = {
	{"sum_all_cpu_percent", INFINITY, 0}, /* of another interval each: that it is there */
	{"sum_all_cpu_user_time", 0.5, 0.1},
	{"sum_all_cpu_system_time", 0.5, 0.1},
	{"sum_all_memory_percent", 0.1, 0.1},
	{"sum_all_memory_rss", 0.1, 4 << 20}, /* counters a CPU each: read to within a batch */
	{"sum_all_memory_vms", 0, 0},
	{"sum_all_io_read_count", 0, 0},
	{"sum_all_io_write_count", 0, 0},
	{"sum_all_io_read_bytes", 0, 0},
	{"sum_all_io_write_bytes", 0, 0},
	{"sum_all_file_descriptors", 0, 0},
	{"max_workers_file_descriptors", 0, 0},
	{"sum_all_threads", 0, 0},
	{"frontend_memory_vms", 0, 0},
	{"total_processes", 0, 0},
	{"total_workers", 0, 0},
	{"orphans", 0, 0},
};

static double seen[_MP_RUNG_MAX][ARRAY_SIZE(names)];
static bool had[_MP_RUNG_MAX];
static pid_t server;

/* A parent and its kids, each with its own number of descriptors, all at rest. */
static void serve(int ready)
{
	for (int k = 0; k <= KIDS; k++) {
		pid_t pid = k < KIDS ? fork() : 0;

		if (pid)
			continue;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < 5 * k; i++)
			if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
				_exit(1);
		burn_ns(30000000);
		signal_fd(ready);
		for (;;)
			pause();
	}
}

static int start_server(void **state)
{
	int ready[2];

	(void)state;
	if (geteuid() != 0)
		return 0;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	server = spawn();
	if (!server)
		serve(ready[1]);
	for (int k = 0; k <= KIDS; k++)
		await_fd(ready[0]);
	(void)close(ready[0]);
	(void)close(ready[1]);
	return 0;
}

static int end_server(void **state)
{
	(void)state;
	if (server)
		end_child(server);
	return 0;
}

static void measure(struct mp_source *s, double *values)
{
	struct mp_meter_opts o = {.target = {.pid = server}, .source = s};
	struct mp_sel sel[ARRAY_SIZE(names)];
	struct mp_meter *m;
	struct mp_diag d = {0};
	struct mp_view *v;

	assert_int_equal(mp_meter_new(&o, &m, &d), 0);
	assert_int_equal(mp_view_new(m, &v), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(mp_view_select(v, names[i].name, &sel[i], NULL), 0);
		assert_true(sel[i].known);
	}
	for (int tick = 0; tick < 3; tick++, nap_ms(50)) {
		assert_int_equal(mp_meter_tick(m), 0);
		assert_int_equal(mp_view_update(v), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct mp_value value = mp_view_get(v, &sel[i]);

		if (!value.valid)
			fail_msg("%s is absent", names[i].name);
		values[i] = value.v;
	}
	mp_view_free(v);
	mp_meter_free(m);
}

static void on_rung(struct fixture *f, struct mp_source *s)
{
	f->s = NULL; /* the meter's now */
	measure(s, seen[f->rung]);
	had[f->rung] = true;
}

static void test_names(void **state)
{
	on_rung(*state, source_or_skip(state));
}

static void test_names_procfs(void **state)
{
	struct mp_source_opts o = {.no_bpf = true};
	struct fixture f = {.rung = MP_RUNG_PROCFS};

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: BPF tests need root\n");
		skip();
	}
	assert_int_equal(unsetenv("MMSPERF_RUNG"), 0);
	assert_int_equal(mp_source_open(&o, &f.s), 0);
	on_rung(&f, f.s);
	for (size_t r = 0; r < MP_RUNG_PROCFS; r++) {
		for (size_t i = 0; i < ARRAY_SIZE(names) && had[r]; i++) {
			double a = seen[r][i], b = seen[MP_RUNG_PROCFS][i];

			if (fabs(a - b) > names[i].abs + names[i].rel * fabs(b))
				fail_msg("%s is %g on the rung %s and %g on procfs", names[i].name,
					 a, mp_rung_name((enum mp_rung)r), b);
		}
	}
}

/* --- where BPF is not to be had ------------------------------------------------------------- */

/* In a child, since neither can be taken back: opens the best rung, which must be procfs. */
static void expect_procfs(int (*cripple)(void), const char *why)
{
	pid_t pid;

	if (geteuid() != 0) {
		print_message("skipped: BPF tests need root\n");
		skip();
	}
	assert_int_equal(unsetenv("MMSPERF_RUNG"), 0);
	pid = spawn();
	if (!pid) {
		const struct mp_rec *recs;
		struct mp_source *s;
		size_t n;
		int r = cripple();

		if (r < 0) {
			fprintf(stderr, "not possible here: %s\n", strerror(-r));
			_exit(77);
		}
		if (mp_source_open(NULL, &s) || s->ops->rung != MP_RUNG_PROCFS)
			_exit(1);
		fprintf(stderr, "procfs, because: %s\n", s->why);
		if (!strstr(s->why, why))
			_exit(2);
		if (s->ops->adopt(s, getpid()) || s->ops->tick(s, &recs, &n) || n < 1)
			_exit(3);
		_exit(0);
	}
	switch (WEXITSTATUS(reap(pid, NULL))) {
	case 0:
		return;
	case 77:
		print_message("skipped: this machine cannot be made like that\n");
		skip();
	default:
		fail_msg("%s", "no procfs rung, or not with that reason");
	}
}

static int hide_btf(void)
{
	if (access("/sys/kernel/btf/vmlinux", F_OK) < 0)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/sys/kernel/btf", "tmpfs", 0, NULL) < 0)
		return -errno;
	return 0;
}

/* What container runtimes do. */
static int refuse_bpf(int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = ARRAY_SIZE(code), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &prog))
		return -errno;
	return 0;
}

static int refuse_by_policy(void)
{
	return refuse_bpf(EPERM);
}

static int be_built_without(void)
{
	return refuse_bpf(ENOSYS);
}

static void test_without_btf(void **state)
{
	(void)state;
	expect_procfs(hide_btf, "type information");
}

/* Of several reasons the first is told. */
static void skip_without_btf(void)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
		return;
	print_message("skipped: without type information that is the reason\n");
	skip();
}

static void test_bpf_forbidden(void **state)
{
	(void)state;
	skip_without_btf();
	expect_procfs(refuse_by_policy, "allow bpf(2)");
}

static void test_bpf_not_built_in(void **state)
{
	(void)state;
	skip_without_btf();
	expect_procfs(be_built_without, "built without BPF");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUNG_TEST(test_names),
		{"test_names (procfs)", test_names_procfs, NULL, NULL, NULL},
		{"test_without_btf (procfs)", test_without_btf, NULL, NULL, NULL},
		{"test_bpf_forbidden (procfs)", test_bpf_forbidden, NULL, NULL, NULL},
		{"test_bpf_not_built_in (procfs)", test_bpf_not_built_in, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests_name("rungs", tests, start_server, end_server);
}

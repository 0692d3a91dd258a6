// SPDX-License-Identifier: GPL-2.0-only
/* Out-of-memory group: a worker outgrows the memory of its control group (v1 or v2). */
#include "watch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define LIMIT  "16777216"
#define BEYOND ((size_t)64 << 20)

static const char *const names[] = {"sum_workers_oom_kills", "sum_all_oom_kills",
				    "frontend_oom_kills", "worker_exits_signal_9"};

static bool put(const char *dir, const char *file, const char *text)
{
	_cleanup_close_ int fd = -1;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* A control group with little memory; false with its reason printed: skip. */
static bool small_group(char *dir, size_t size)
{
	static const struct {
		const char *base, *limit, *swap;
	} kinds[] = {
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", NULL},
		{"/sys/fs/cgroup", "memory.max", "memory.swap.max"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		(void)snprintf(dir, size, "%s/mmsperf-test-%d", kinds[i].base, (int)getpid());
		if (mkdir(dir, 0755) < 0)
			continue;
		if (put(dir, kinds[i].limit, LIMIT)) {
			if (kinds[i].swap)
				(void)put(dir, kinds[i].swap, "0");
			return true;
		}
		(void)rmdir(dir);
	}
	print_message("skipped: no control group with a memory limit can be made here\n");
	return false;
}

static void outgrow(const char *dir, int go)
{
	char pid[16], *m;

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	await_fd(go);
	if (!put(dir, "cgroup.procs", pid))
		_exit(7);
	m = mmap(NULL, BEYOND, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		_exit(8);
	(void)mlock(m, BEYOND); /* where there is swap, it does not help */
	memset(m, 1, BEYOND);
	_exit(9);
}

static void test_oom_kill(void **state)
{
	double end = mp_now_s() + DEADLINE_S;
	char dir[200];
	struct watch *w;
	int go[2];
	pid_t root;

	if (geteuid() != 0) {
		print_message("skipped: BPF tests need root\n");
		skip();
	}
	if (!small_group(dir, sizeof(dir)))
		skip();
	assert_int_equal(pipe(go), 0);
	root = spawn();
	if (!root) {
		if (!spawn())
			outgrow(dir, go[0]);
		for (;;)
			pause();
	}
	nap_ms(50);
	w = watch(state, root, names, ARRAY_SIZE(names));
	assert_true(watched(w, "sum_workers_oom_kills") == 0);
	signal_fd(go[1]);
	while (watched(w, "worker_exits_signal_9") < 1) {
		if (mp_now_s() > end)
			fail_msg("the worker was not killed");
		nap_ms(10);
		watch_sample(w);
	}
	assert_true(watched(w, "sum_workers_oom_kills") == 1);
	assert_true(watched(w, "sum_all_oom_kills") == 1);
	assert_true(watched(w, "frontend_oom_kills") == 0);
	watch_groups_off(w);
	watch_sample(w);
	assert_true(isnan(watched(w, "sum_workers_oom_kills")));
	end_child(root);
	nap_ms(50); /* the group is empty when its last process is gone */
	(void)rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {WATCH_TEST(test_oom_kill)};

	return cmocka_run_group_tests_name("bpf out-of-memory group", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Finding the server, and following it: real processes, on the procfs rung and with events. */
#include "fake.h"

#include "kids.h"

#include "proc/target.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/mmsperf-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/pid", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/.model_server.pid", dir);
	(void)unlink(path);
	(void)rmdir(dir);
	return 0;
}

/* A process with this program and command line, not a child of this program: what that started is
 * never the server. It leads a session, so end() takes its children with it. */
static pid_t run(const char *program, const char *const *argv)
{
	int p[2], done[2];
	pid_t pid = 0, helper;
	char c;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC), 0);
	helper = fork();
	if (helper == 0) {
		pid_t child = fork();

		if (child == 0) {
			(void)setsid();
			execv(program, (char *const *)argv);
			_exit(1);
		}
		_exit(write(p[1], &child, sizeof(child)) != sizeof(child));
	}
	(void)close(p[1]);
	(void)close(done[1]);
	assert_int_equal(read(p[0], &pid, sizeof(pid)), sizeof(pid));
	assert_int_equal(read(done[0], &c, 1), 0); /* closed by its exec */
	(void)waitpid(helper, NULL, 0);
	(void)close(p[0]);
	(void)close(done[0]);
	return pid;
}

static pid_t run_named(const char *name)
{
	const char *const argv[] = {name, "1000", NULL};

	return run("/bin/sleep", argv);
}

static void end(pid_t pid)
{
	struct mp_pid_stat st;

	(void)kill(-pid, SIGKILL);
	/* its new parent reaps it; a zombie is gone for this purpose */
	while (mp_pid_stat_read(pid, &st) == 0 && !mp_pid_is_dead(&st))
		sched_yield();
}

static void write_pid(pid_t pid)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/pid", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fprintf(f, "%d\n", (int)pid);
	(void)fclose(f);
}

static struct mp_finder *finder(const struct mp_target *t)
{
	struct mp_finder *f;

	assert_int_equal(mp_finder_new(t, &f, NULL), 0);
	return f;
}

static pid_t scan(struct mp_finder *f)
{
	pid_t orphans[8];
	size_t n;

	return mp_finder_scan(f, orphans, 8, &n);
}

static void by_pattern(void **state)
{
	char name[64], pattern[64];
	struct mp_finder *f;
	pid_t pid;

	(void)state;
	(void)snprintf(name, sizeof(name), "srv%d", (int)getpid());
	(void)snprintf(pattern, sizeof(pattern), "^srv%d 1000$", (int)getpid());
	f = finder(&(struct mp_target){.match = pattern});
	assert_int_equal(scan(f), 0);
	pid = run_named(name);
	assert_int_equal(scan(f), pid);
	assert_int_equal(mp_finder_check(f, pid), pid);
	assert_int_equal(mp_finder_check(f, getpid()), 0);
	end(pid);
	assert_int_equal(scan(f), 0);
	mp_finder_free(f);
}

static void never_itself_nor_its_own(void **state)
{
	struct mp_finder *f = finder(&(struct mp_target){.match = "test_meter"});
	pid_t child = kid(just_ready), other, found;

	(void)state;
	/* this program, the shell that started it, and this program's child all match; so may the
	 * tools that watch the test, which are free to be found */
	assert_int_equal(mp_finder_check(f, getpid()), 0);
	assert_int_equal(mp_finder_check(f, getppid()), 0);
	assert_int_equal(mp_finder_check(f, child), 0);
	found = scan(f);
	assert_true(found != getpid() && found != getppid() && found != child);
	other = run_named("mmsperf-bpf");
	mp_finder_free(f);
	f = finder(&(struct mp_target){.match = "mmsperf-bpf 1000"});
	assert_int_equal(scan(f), 0); /* another collector's command line names the pattern */
	end(other);
	reap(child);
	mp_finder_free(f);
}

static void topmost_wins(void **state)
{
	/* the ':' keeps the shell from becoming sleep itself */
	const char *const argv[] = {"sh", "-c", "sleep 9990; :", NULL};
	struct mp_finder *f = finder(&(struct mp_target){.match = "sleep 9990"});
	pid_t top = run("/bin/sh", argv), child = 0;
	char path[64], text[32];

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)top, (int)top);
	while (!child) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n;

		assert_true(fd >= 0);
		n = read(fd, text, sizeof(text) - 1);
		(void)close(fd);
		text[n > 0 ? n : 0] = '\0';
		child = (pid_t)strtol(text, NULL, 10);
	}
	while (mp_finder_check(f, child) == 0) /* until the child has exec'd */
		sched_yield();
	assert_int_equal(mp_finder_check(f, child), top);
	assert_int_equal(scan(f), top);
	end(top);
	mp_finder_free(f);
}

static void bad_targets(void **state)
{
	struct mp_finder *f = NULL;
	struct mp_diag d;

	(void)state;
	assert_int_equal(mp_finder_new(&(struct mp_target){.match = "a("}, &f, &d), -EINVAL);
	assert_non_null(strstr(d.msg, "a("));
	assert_int_equal(mp_finder_new(&(struct mp_target){.workers = "["}, &f, &d), -EINVAL);
	assert_int_equal(mp_finder_new(&(struct mp_target){.pid = 0x7fffffff}, &f, &d), -ESRCH);
	assert_int_equal(mp_finder_new(&(struct mp_target){.pid = -3}, &f, &d), -EINVAL);
	assert_int_equal(mp_finder_new(&(struct mp_target){.pid = 1, .match = "x"}, &f, &d),
			 -EINVAL);
	assert_null(f);
}

static struct mp_meter *procfs_meter(const struct mp_target *t)
{
	struct mp_meter_opts o = {.target = *t};
	struct mp_meter *m;

	assert_int_equal(mp_procfs_open(&o.source), 0);
	assert_int_equal(mp_meter_new(&o, &m, NULL), 0);
	return m;
}

/* Ticks until the root is pid, at most 5 s (it looks once a second). */
static void until_root(struct mp_meter *m, pid_t pid)
{
	uint64_t give_up = mp_now_ns() + 5 * SEC;

	while (mp_meter_tree(m)->root != pid) {
		assert_true(mp_now_ns() < give_up);
		assert_int_equal(mp_meter_tick(m), 0);
		(void)poll(NULL, 0, 20);
	}
	assert_int_equal(mp_meter_tick(m), 0);
}

static void a_pid_file_is_followed_through_restarts(void **state)
{
	char path[128];
	struct mp_meter *m;
	pid_t a, b;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/pid", dir);
	m = procfs_meter(&(struct mp_target){.pidfile = path});
	assert_int_equal(mp_meter_tick(m), 0);
	assert_int_equal(mp_meter_tree(m)->root, 0);
	assert_int_equal(mp_meter_tree(m)->n, 0);
	a = run_named("server-a");
	write_pid(a);
	until_root(m, a);
	assert_int_equal(mp_meter_tree(m)->n, 1);
	assert_int_equal(mp_meter_tree(m)->frontend, a);
	end(a);
	until_root(m, 0);
	assert_int_equal(mp_meter_tree(m)->n, 0);
	b = run_named("server-b");
	write_pid(b);
	until_root(m, b);
	assert_int_equal(mp_meter_tree(m)->generation, 2);
	assert_int_equal(mp_meter_tree(m)->gone[MP_ROLE_FRONTEND].processes, 1);
	end(b);
	mp_meter_free(m);
}

static void a_stale_pid_file_names_nobody(void **state)
{
	struct mp_finder *f;
	char path[128];
	pid_t a = run_named("server-a");

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/pid", dir);
	write_pid(a);
	f = finder(&(struct mp_target){.pidfile = path});
	assert_int_equal(scan(f), a);
	mp_finder_lost(f, a);
	assert_int_equal(scan(f), 0); /* as if another process had its pid now */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(scan(f), 0);
	end(a);
	mp_finder_free(f);
}

static void a_server_is_found_at_its_exec(void **state)
{
	struct fake *f = fake_new();
	struct mp_meter_opts o = {.source = &f->s};
	char name[32], pattern[64];
	struct mp_meter *m;
	pid_t pid;

	(void)state;
	(void)snprintf(name, sizeof(name), "late%d", (int)getpid());
	(void)snprintf(pattern, sizeof(pattern), "^%s ", name);
	o.target.match = pattern;
	f->event_fd = 0;
	assert_int_equal(mp_meter_new(&o, &m, NULL), 0);
	assert_true(f->watching);
	assert_int_equal(f->n_adopted, 0);
	pid = run_named(name);
	f->exec_pids[0] = getpid();
	f->exec_pids[1] = pid;
	f->n_exec = 2;
	assert_int_equal(mp_meter_event(m), 0);
	assert_int_equal(f->n_adopted, 1);
	assert_int_equal(f->adopted[0], pid);
	assert_int_equal(mp_meter_tree(m)->root, pid);
	assert_false(f->watching); /* nothing to wait for: nothing runs */
	PUT(f, 0, pid, 1, -1, "late");
	assert_int_equal(mp_meter_tick(m), 0);
	f->r[0].state = MP_REC_ENDED;
	end(pid);
	assert_int_equal(mp_meter_tick(m), 0);
	assert_int_equal(mp_meter_tree(m)->root, 0);
	assert_true(f->watching);
	mp_meter_free(m);
	free(f);
}

/* Urgent until it was read twice: what a source with half of its slots in use says. */
static unsigned urgent_readings;

static int counted_tick(struct mp_source *s, const struct mp_rec **ret, size_t *ret_n)
{
	urgent_readings++;
	return fake_tick(s, ret, ret_n);
}

static bool urgent_until_read_twice(struct mp_source *s)
{
	(void)s;
	return urgent_readings < 2;
}

static void a_storm_is_read_before_the_tick(void **state)
{
	struct fake *f = fake_new();
	struct mp_source_ops ops = *f->s.ops;
	struct mp_meter_opts o = {.source = &f->s, .target.pid = getpid()};
	struct mp_meter *m;

	(void)state;
	ops.tick = counted_tick;
	ops.urgent = urgent_until_read_twice;
	f->s.ops = &ops;
	f->event_fd = 0;
	assert_int_equal(mp_meter_new(&o, &m, NULL), 0);
	PUT(f, 0, getpid(), 1, -1, "server");
	urgent_readings = 0;
	assert_int_equal(mp_meter_event(m), 0);
	assert_int_equal(urgent_readings, 2);
	assert_int_equal(mp_meter_event(m), 0); /* not urgent: nothing is read */
	assert_int_equal(urgent_readings, 2);
	mp_meter_free(m);
	free(f);
}

static void a_tree_that_is_too_large_is_followed_in_part(void **state)
{
	struct fake *f = fake_new();
	struct mp_meter_opts o = {.source = &f->s, .target = {.pid = getpid()}};
	struct mp_meter *m;

	(void)state;
	f->adopt_result = -ENOSPC;
	assert_int_equal(mp_meter_new(&o, &m, NULL), 0);
	assert_int_equal(mp_meter_tree(m)->root, getpid());
	mp_meter_free(m);
	f->adopt_result = -EPERM;
	assert_int_equal(mp_meter_new(&o, &m, NULL), -EPERM);
	free(f);
}

static void the_running_server(void **state)
{
	const char *const argv[] = {"java", "-c",
				    "sleep 9991; :", "com.amazonaws.ml.mms.ModelServer", NULL};
	pid_t pid = run("/bin/sh", argv);
	char from[128], path[128];
	struct mp_finder *f;

	(void)state;
	/* its pid file decides, should another server run on this machine */
	(void)snprintf(from, sizeof(from), "%s/pid", dir);
	(void)snprintf(path, sizeof(path), "%s/.model_server.pid", dir);
	write_pid(pid);
	assert_int_equal(rename(from, path), 0);
	assert_int_equal(setenv("TMPDIR", dir, 1), 0);
	f = finder(&(struct mp_target){0});
	assert_int_equal(unsetenv("TMPDIR"), 0);
	assert_int_equal(scan(f), pid);
	assert_int_equal(mp_finder_check(f, pid), pid);
	end(pid);
	assert_int_not_equal(scan(f), pid);
	mp_finder_free(f);
}

/* Workers whose frontend was killed before the collector came. */
static void orphans_are_found(void **state)
{
	const char *const argv[] = {"model_service_worker.py", "1000", NULL};
	struct mp_finder *f = finder(&(struct mp_target){0});
	pid_t pid = run("/bin/sleep", argv), orphans[64];
	struct mp_pid_stat st;
	bool found = false;
	size_t n;

	(void)state;
	assert_int_equal(mp_pid_stat_read(pid, &st), 0);
	(void)mp_finder_scan(f, orphans, 64, &n);
	for (size_t i = 0; i < n; i++)
		found = found || orphans[i] == pid;
	end(pid);
	mp_finder_free(f);
	if (st.ppid != 1) {
		print_message("skipped: orphans go to process %d here, not to 1\n", (int)st.ppid);
		skip();
	}
	assert_true(found);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(by_pattern),
		T(never_itself_nor_its_own),
		T(topmost_wins),
		T(bad_targets),
		T(a_pid_file_is_followed_through_restarts),
		T(a_stale_pid_file_names_nobody),
		T(a_server_is_found_at_its_exec),
		T(a_storm_is_read_before_the_tick),
		T(a_tree_that_is_too_large_is_followed_in_part),
		T(the_running_server),
		T(orphans_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

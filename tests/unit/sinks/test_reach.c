// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include "sinks/reach.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[64];

static int make_dirs(void **state)
{
	_cleanup_free_ char *deep = NULL;

	(void)state;
	strcpy(dir, "/tmp/mmsperf-reach-XXXXXX");
	if (!mkdtemp(dir)) /* 0700 */
		return -1;
	deep = mp_asprintf("%s/project/run", dir);
	return mp_mkdir_p(deep, 0755);
}

static int remove_dirs(void **state)
{
	(void)state;
	return mp_rm_rf(dir);
}

static char *at(const char *rest)
{
	char *s = mp_asprintf("%s/%s", dir, rest);

	assert_non_null(s);
	return s;
}

/* What a child that has become uid reads there: its length, or -errno. */
static int read_as(uid_t uid, const char *path)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		char *text;
		size_t n;
		int r;

		if (setgid(uid) < 0 || setuid(uid) < 0)
			_exit(200);
		r = mp_read_file(path, 100, &text, &n);
		_exit(r < 0 ? 100 + (r == -EACCES) : (int)n);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void an_open_path_stays_as_it_is(void **state)
{
	_cleanup_free_ char *reached = NULL;
	int fd = 7;

	(void)state;
	assert_int_equal(mp_reach("/etc/passwd", 65534, 65534, &reached, &fd), 0);
	assert_string_equal(reached, "/etc/passwd");
	assert_int_equal(fd, -1);
}

static void a_closed_folder_on_the_way_is_passed(void **state)
{
	_cleanup_free_ char *path = at("project/run/server.pid"), *reached = NULL;
	_cleanup_close_ int fd = -1;

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only root can become another user\n");
		skip();
	}
	assert_int_equal(mp_reach(path, 65534, 65534, &reached, &fd), 0);
	assert_true(fd >= 0);
	assert_true(mp_starts_with(reached, "/proc/self/fd/"));
	/* the file appears, and the folder is made again, after the privileges went */
	assert_int_equal(mp_write_file(path, "4711\n", 5, 0644), 0);
	assert_int_equal(read_as(65534, path), 101);
	assert_int_equal(read_as(65534, reached), 5);
	path[strlen(path) - strlen("/server.pid")] = '\0';
	assert_int_equal(mp_rm_rf(path), 0);
	assert_int_equal(mp_mkdir_p(path, 0755), 0);
	path[strlen(path)] = '/';
	assert_int_equal(mp_write_file(path, "47\n", 3, 0644), 0);
	assert_int_equal(read_as(65534, reached), 3);
}

static void a_path_whose_end_does_not_exist_yet(void **state)
{
	_cleanup_free_ char *path = at("project/new/tmp/server.pid"), *reached = NULL, *end = NULL;
	_cleanup_close_ int fd = -1;

	(void)state;
	assert_int_equal(mp_reach(path, 12345, 12345, &reached, &fd), 0);
	assert_true(fd >= 0);
	end = mp_asprintf("/proc/self/fd/%d/new/tmp/server.pid", fd);
	assert_string_equal(reached, end);
}

static void a_symbolic_link_into_a_closed_folder(void **state)
{
	_cleanup_free_ char *target = at("project"), *link = at("link"), *reached = NULL;
	_cleanup_free_ char *path = at("link/run/server.pid");
	_cleanup_close_ int fd = -1;

	(void)state;
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(mp_reach(path, 12345, 12345, &reached, &fd), 0);
	assert_true(mp_ends_with(reached, "/run/server.pid"));
	assert_true(fd >= 0);
}

static void a_closed_folder_that_holds_the_file_stays_closed(void **state)
{
	_cleanup_free_ char *path = at("server.pid"), *reached = NULL;
	int fd = 7;

	(void)state;
	assert_int_equal(mp_reach(path, 12345, 12345, &reached, &fd), 0);
	assert_string_equal(reached, path);
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_path_stays_as_it_is),
		cmocka_unit_test_setup_teardown(a_closed_folder_on_the_way_is_passed, make_dirs,
						remove_dirs),
		cmocka_unit_test_setup_teardown(a_path_whose_end_does_not_exist_yet, make_dirs,
						remove_dirs),
		cmocka_unit_test_setup_teardown(a_symbolic_link_into_a_closed_folder, make_dirs,
						remove_dirs),
		cmocka_unit_test_setup_teardown(a_closed_folder_that_holds_the_file_stays_closed,
						make_dirs, remove_dirs),
	};

	return cmocka_run_group_tests_name("sinks/reach", tests, NULL, NULL);
}

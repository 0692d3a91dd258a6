// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include <mmsperf/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static char dir[] = "/tmp/mmsperf-fs.XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return mp_rm_rf(dir);
}

static void writes_whole_or_not_at_all(void **state)
{
	_cleanup_free_ char *path = mp_path_join(dir, "f"), *text = NULL;
	_cleanup_free_ char *in_missing = mp_path_join(dir, "missing/f");
	size_t len = 0;

	(void)state;
	assert_int_equal(mp_write_file(path, "one", 3, 0644), 0);
	assert_int_equal(mp_write_file(path, "second", 6, 0644), 0);
	assert_int_equal(mp_read_file(path, 100, &text, &len), 0);
	assert_int_equal(len, 6);
	assert_string_equal(text, "second");
	assert_int_equal(mp_write_file(in_missing, "x", 1, 0644), -ENOENT);
}

static void full_disk_is_an_error(void **state)
{
	_cleanup_close_ int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(mp_write_all(fd, "x", 1), -ENOSPC);
}

static void read_is_bounded(void **state)
{
	_cleanup_free_ char *path = mp_path_join(dir, "big"), *text = NULL;
	char data[5000];
	size_t len = 0;

	(void)state;
	memset(data, 'x', sizeof(data));
	assert_int_equal(mp_write_file(path, data, sizeof(data), 0644), 0);
	assert_int_equal(mp_read_file(path, 4999, &text, &len), -EFBIG);
	assert_null(text);
	assert_int_equal(mp_read_file(path, 5000, &text, &len), 0);
	assert_int_equal(len, 5000);
	assert_int_equal(text[5000], 0);
	free(TAKE_PTR(text));
	/* a /proc file says size 0 */
	assert_int_equal(mp_read_file("/proc/self/status", 100000, &text, &len), 0);
	assert_true(len > 100);
	assert_int_equal(mp_read_file("/nonexistent", 1, &text, &len), -ENOENT);
}

static void folders(void **state)
{
	_cleanup_free_ char *deep = mp_path_join(dir, "a/b/c"), *file = mp_path_join(dir, "a/f");
	_cleanup_free_ char *link = mp_path_join(dir, "a/out"), *a = mp_path_join(dir, "a");
	_cleanup_free_ char *outside = mp_path_join(dir, "kept");
	char target[64];
	ssize_t n;

	(void)state;
	assert_int_equal(mp_mkdir_p(deep, 0755), 0);
	assert_int_equal(mp_mkdir_p(deep, 0755), 0);
	assert_int_equal(mp_write_file(file, "", 0, 0644), 0);
	assert_int_equal(mp_mkdir_p(file, 0755), -ENOTDIR);
	assert_int_equal(mp_write_file(outside, "", 0, 0644), 0);
	assert_int_equal(mp_symlink_atomic("one", link), 0);
	assert_int_equal(mp_symlink_atomic("../kept", link), 0);
	n = readlink(link, target, sizeof(target));
	assert_int_equal(n, 7);
	assert_memory_equal(target, "../kept", 7);
	assert_int_equal(mp_rm_rf(a), 0);
	assert_false(mp_is_dir(a));
	assert_true(mp_is_file(outside)); /* links are removed, not followed */
	assert_int_equal(mp_rm_rf(a), 0);
}

static void paths(void **state)
{
	_cleanup_free_ char *a = mp_path_join("x", "y"), *b = mp_path_join("x/", "y");
	_cleanup_free_ char *c = mp_path_join("x", "/y"), *d = mp_path_join("", "y");
	_cleanup_free_ char *sh = mp_find_program("sh");

	(void)state;
	assert_string_equal(a, "x/y");
	assert_string_equal(b, "x/y");
	assert_string_equal(c, "/y");
	assert_string_equal(d, "y");
	assert_non_null(sh);
	assert_null(mp_find_program("no-such-program-here"));
	assert_null(mp_find_program("/etc/passwd"));
}

static void assert_way(const char *from, const char *to, const char *expected)
{
	_cleanup_free_ char *way = NULL;

	assert_int_equal(mp_path_relative(from, to, &way), 0);
	assert_string_equal(way, expected);
}

static void ways(void **state)
{
	_cleanup_free_ char *a = mp_path_join(dir, "a"), *deep = mp_path_join(dir, "a/b/c");
	_cleanup_free_ char *ab = mp_path_join(dir, "ab"), *way = NULL;

	(void)state;
	assert_int_equal(mp_mkdir_p(deep, 0755), 0);
	assert_int_equal(mp_mkdir_p(ab, 0755), 0);
	assert_way(a, a, "");
	assert_way(a, deep, "b/c/");
	assert_way(deep, a, "../../");
	assert_way(deep, ab, "../../../ab/"); /* not the folder that its name begins with */
	assert_way("/", "/proc", "proc/");
	assert_int_equal(mp_path_relative(a, "/no/such", &way), -ENOENT);
	assert_int_equal(mp_rm_rf(a), 0);
	assert_int_equal(mp_rm_rf(ab), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_whole_or_not_at_all),
		cmocka_unit_test(full_disk_is_an_error),
		cmocka_unit_test(read_is_bounded),
		cmocka_unit_test(folders),
		cmocka_unit_test(paths),
		cmocka_unit_test(ways),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

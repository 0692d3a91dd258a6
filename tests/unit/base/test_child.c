// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include <mmsperf/child.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

static void exit_codes(void **state)
{
	const char *const seven[] = {"sh", "-c", "exit 7", NULL};
	const char *const killed[] = {"sh", "-c", "kill -9 $$", NULL};
	struct mp_child c = MP_CHILD_INIT;

	(void)state;
	assert_int_equal(mp_child_start(seven, NULL, &c), 0);
	assert_int_equal(mp_child_wait(&c, 10), 0);
	assert_int_equal(mp_child_code(&c), 7);
	assert_int_equal(mp_child_start(killed, NULL, &c), 0);
	assert_int_equal(mp_child_wait(&c, 10), 0);
	assert_int_equal(mp_child_code(&c), 128 + 9);
}

static void failed_exec_is_an_errno(void **state)
{
	const char *const argv[] = {"/no/such/program", NULL};
	struct mp_child c = MP_CHILD_INIT;

	(void)state;
	assert_int_equal(mp_child_start(argv, NULL, &c), -ENOENT);
	assert_int_equal(c.pid, 0);
}

static void wait_has_a_deadline(void **state)
{
	const char *const argv[] = {"sleep", "60", NULL};
	struct mp_child c = MP_CHILD_INIT;
	double start = mp_now_s();

	(void)state;
	assert_int_equal(mp_child_start(argv, NULL, &c), 0);
	assert_int_equal(mp_child_wait(&c, 0.05), -ETIMEDOUT);
	assert_int_equal(mp_child_stop(&c, SIGTERM, 5), 0);
	assert_int_equal(mp_child_code(&c), 128 + SIGTERM);
	assert_true(mp_now_s() - start < 5);
}

static void stop_ends_the_whole_group(void **state)
{
	/* a leader that ignores TERM, with a child that does so too */
	const char *const argv[] = {
		"sh", "-c", "trap '' TERM; (trap '' TERM; echo x; exec sleep 60) & wait", NULL};
	struct mp_child c = MP_CHILD_INIT;
	struct mp_child_opts o = {0};
	int fds[2];
	char ch;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	o.stdout_fd = fds[1];
	assert_int_equal(mp_child_start(argv, &o, &c), 0);
	close(fds[1]);
	assert_int_equal(read(fds[0], &ch, 1), 1); /* both are up */
	assert_int_equal(mp_child_stop(&c, SIGTERM, 0.1), 0);
	assert_int_equal(mp_child_code(&c), 128 + SIGKILL);
	while (read(fds[0], &ch, 1) > 0)
		; /* the end of the pipe: nobody holds it any more */
	close(fds[0]);
}

static void environment_and_folder(void **state)
{
	const char *const env[] = {"MP_X=some value", NULL};
	const char *const argv[] = {"sh", "-c", "printf '%s %s' \"$MP_X\" \"$PWD\"", NULL};
	struct mp_child_opts o = {.env = env, .cwd = "/usr"};
	struct mp_child c = MP_CHILD_INIT;
	char buf[64] = "";
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	o.stdout_fd = fds[1];
	assert_int_equal(mp_child_start(argv, &o, &c), 0);
	close(fds[1]);
	assert_int_equal(mp_child_wait(&c, 10), 0);
	assert_true(read(fds[0], buf, sizeof(buf) - 1) > 0);
	close(fds[0]);
	assert_string_equal(buf, "some value /usr");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(failed_exec_is_an_errno),
		cmocka_unit_test(wait_has_a_deadline),
		cmocka_unit_test(stop_ends_the_whole_group),
		cmocka_unit_test(environment_and_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include "sinks/instance.h"
#include "sinks/listen.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/mmsperf-instance-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return mp_rm_rf(dir);
}

static struct mp_instance place(const char *name)
{
	_cleanup_free_ char *path = mp_path_join(dir, name);
	struct mp_instance i;

	assert_int_equal(mp_instance_init(&i, path, NULL), 0);
	return i;
}

static void paths(void **state)
{
	_cleanup_free_ char *cwd = getcwd(NULL, 0), *wanted = NULL;
	struct mp_instance i;
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_instance_init(&i, "/x/y/agent.sock", &d), 0);
	assert_string_equal(i.dir, "/x/y");
	assert_string_equal(i.pid, "/x/y/agent.pid");
	assert_string_equal(i.log, "/x/y/agent.log");
	mp_instance_done(&i);
	assert_int_equal(mp_instance_init(&i, "rel", &d), 0);
	wanted = mp_asprintf("%s/rel", cwd);
	assert_string_equal(i.sock, wanted);
	assert_true(mp_ends_with(i.pid, "/rel.pid"));
	mp_instance_done(&i);
	assert_int_equal(mp_instance_init(&i, "/x/", &d), -EINVAL);
	mp_instance_done(&i);
	assert_int_equal(setenv("MMSPERF_SOCKET", "/e/n.sock", 1), 0);
	assert_int_equal(mp_instance_init(&i, NULL, &d), 0);
	assert_string_equal(i.sock, "/e/n.sock");
	mp_instance_done(&i);
	assert_int_equal(unsetenv("MMSPERF_SOCKET"), 0);
}

/* A child that holds the place until it is told to end. */
static pid_t hold(const char *name, bool ignore_term)
{
	int fds[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct mp_instance i = place(name);
		pid_t other;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ignore_term)
			(void)signal(SIGTERM, SIG_IGN);
		if (mp_instance_claim(&i, geteuid(), getegid(), 0, NULL, &other, NULL) < 0 ||
		    write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	(void)close(fds[0]);
	return pid;
}

static void one_agent_a_place(void **state)
{
	struct mp_instance i = place("sub/a.sock");
	pid_t child = hold("sub/a.sock", false), other = 0;
	struct mp_diag d = {0};
	int status;

	(void)state;
	assert_int_equal(mp_instance_pid(&i), child);
	assert_int_equal(mp_instance_claim(&i, geteuid(), getegid(), 0, NULL, &other, &d), -EEXIST);
	assert_int_equal(other, child);
	other = 0;
	assert_int_equal(mp_instance_stop(&i, 5, &other), 0);
	assert_int_equal(other, child);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	assert_false(mp_is_file(i.pid));
	assert_int_equal(mp_instance_pid(&i), 0);
	assert_int_equal(mp_instance_stop(&i, 5, &other), -ESRCH);
	/* free again */
	assert_int_equal(mp_instance_claim(&i, geteuid(), getegid(), 0, NULL, &other, &d), 0);
	assert_true(mp_is_file(i.pid));
	mp_instance_done(&i);
}

static void one_that_does_not_obey_is_killed(void **state)
{
	struct mp_instance i = place("k.sock");
	pid_t child = hold("k.sock", true), other = 0;
	int status;

	(void)state;
	assert_int_equal(mp_instance_stop(&i, 0.1, &other), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	mp_instance_done(&i);
}

/* The pid in the file is never signalled, only the holder of the lock. */
static void a_stale_pid_file_harms_nobody(void **state)
{
	struct mp_instance i = place("s.sock");
	char text[16];
	pid_t other = 0;
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	(void)state;
	assert_int_equal(mp_write_file(i.pid, text, (size_t)n, 0644), 0);
	assert_int_equal(mp_instance_pid(&i), 0);
	assert_int_equal(mp_instance_stop(&i, 1, &other), -ESRCH);
	assert_false(mp_is_file(i.pid));
	mp_instance_done(&i);
}

static void nothing_is_left(void **state)
{
	struct mp_instance i = place("new/n.sock");
	_cleanup_free_ char *made = strdup(i.dir);
	pid_t other;
	int fd;

	(void)state;
	assert_int_equal(mp_instance_claim(&i, geteuid(), getegid(), 0, NULL, &other, NULL), 0);
	assert_int_equal(mp_listen_unix(i.sock, &fd, NULL), 0);
	mp_instance_done(&i);
	(void)close(fd);
	assert_false(mp_is_dir(made));
}

/* As root, becoming another user: somebody who may must remove the files. */
static void the_tidier_removes_what_the_agent_may_not(void **state)
{
	struct mp_instance i = place("t.sock");
	_cleanup_free_ char *pid_path = strdup(i.pid), *sock_path = strdup(i.sock);
	pid_t other, tidier;
	int fd;

	(void)state;
	assert_int_equal(mp_instance_claim(&i, geteuid() + 1, getegid(), 0, NULL, &other, NULL), 0);
	assert_int_equal(mp_listen_unix(i.sock, &fd, NULL), 0);
	tidier = i.tidier;
	assert_true(tidier > 0);
	mp_instance_done(&i);
	(void)close(fd);
	assert_false(mp_is_file(pid_path));
	assert_int_equal(access(sock_path, F_OK), -1);
	assert_int_equal(waitpid(tidier, NULL, WNOHANG), -1); /* reaped already */
}

static void sockets_of_the_dead_are_replaced(void **state)
{
	_cleanup_free_ char *path = mp_path_join(dir, "u.sock"),
			    *plain = mp_path_join(dir, "plain");
	struct mp_diag d = {0};
	struct stat st;
	int fd, second = -1;

	(void)state;
	assert_int_equal(mp_listen_unix(path, &fd, &d), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	assert_int_equal(mp_listen_unix(path, &second, &d), -EADDRINUSE);
	assert_int_equal(second, -1);
	(void)close(fd); /* the file stays, as after SIGKILL */
	assert_int_equal(mp_listen_unix(path, &fd, &d), 0);
	(void)close(fd);
	assert_int_equal(mp_write_file(plain, "x", 1, 0644), 0);
	assert_int_equal(mp_listen_unix(plain, &fd, &d), -EEXIST);
	assert_true(mp_is_file(plain));
}

static void a_port_in_use_names_its_owner(void **state)
{
	struct mp_addr a, b;
	struct mp_diag d = {0};
	int tcp, udp, tcp2 = -1, udp2 = -1;
	char mine[32];

	(void)state;
	assert_int_equal(mp_listen_parse("127.0.0.1:0", &a, &d), 0);
	assert_int_equal(mp_listen_inet(&a, &tcp, &udp, &d), 0);
	assert_int_not_equal(ntohs(a.in.sin_port), 0);
	b = a;
	assert_int_equal(mp_listen_inet(&b, &tcp2, &udp2, &d), -EADDRINUSE);
	assert_int_equal(tcp2, -1);
	(void)snprintf(mine, sizeof(mine), "(pid %d)", (int)getpid());
	assert_non_null(strstr(d.msg, mine));
	assert_false(mp_listen_answers(&a.sa, a.len, 50));
	(void)close(tcp);
	(void)close(udp);
	assert_false(mp_listen_answers(&a.sa, a.len, 50));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test_setup_teardown(one_agent_a_place, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(one_that_does_not_obey_is_killed, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_stale_pid_file_harms_nobody, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(nothing_is_left, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(the_tidier_removes_what_the_agent_may_not, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(sockets_of_the_dead_are_replaced, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_port_in_use_names_its_owner, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests_name("sinks/instance", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* The opener as a process: what it may, what it refuses, and that it ends with its parent. Root. */
#include "unit.h"

#include <mmsperf/fs.h>
#include <mmsperf/opener.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static struct mp_opener *o;

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = mp_path_join(dir, name);

	assert_int_equal(mp_write_file(path, text, strlen(text), 0600), 0);
}

static int get(const char *name, char *buf, size_t size)
{
	_cleanup_free_ char *path = mp_path_join(dir, name);
	_cleanup_close_ int fd = -1;
	int r = mp_opener_open(o, path, &fd);
	ssize_t n;

	if (r < 0)
		return r;
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	n = pread(fd, buf, size - 1, 0);
	assert_true(n >= 0);
	buf[n] = '\0';
	return 0;
}

static int setup(void **state)
{
	struct mp_opener_opts opts = {0};
	_cleanup_free_ char *hs = NULL, *sub = NULL;

	(void)state;
	strcpy(dir, "/tmp/mp-opener-XXXXXX");
	assert_non_null(mkdtemp(dir)); /* 0700, root's */
	hs = mp_path_join(dir, "hsperfdata_x");
	sub = mp_path_join(dir, "logs");
	assert_int_equal(mkdir(hs, 0700), 0);
	assert_int_equal(mkdir(sub, 0700), 0);
	return mp_opener_start(&opts, &o);
}

static int teardown(void **state)
{
	(void)state;
	mp_opener_free(o);
	o = NULL;
	return mp_rm_rf(dir);
}

static char *status_line(pid_t pid, const char *key)
{
	char path[64], *text, *p, *line;
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	assert_int_equal(mp_read_file(path, 65536, &text, &len), 0);
	p = strstr(text, key);
	assert_non_null(p);
	p += strlen(key);
	p += strspn(p, " \t");
	line = strndup(p, strcspn(p, "\n"));
	free(text);
	return line;
}

static void one_capability(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {{"\nCapEff:", "0000000000000004"}, /* CAP_DAC_READ_SEARCH */
		    {"\nCapPrm:", "0000000000000004"},
		    {"\nCapInh:", "0000000000000000"},
		    {"\nCapAmb:", "0000000000000000"},
		    {"\nNoNewPrivs:", "1"}};
	_cleanup_free_ char *uid = status_line(mp_opener_pid(o), "\nUid:");
	_cleanup_closedir_ DIR *d = NULL;
	char path[64];
	int n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *v = status_line(mp_opener_pid(o), rows[i].key);

		assert_string_equal(v, rows[i].value);
	}
	assert_int_not_equal(strtol(uid, NULL, 10), 0);
	/* nothing of the parent's but its socket */
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)mp_opener_pid(o));
	d = opendir(path);
	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	assert_int_equal(n, 4);
}

static void what_it_opens(void **state)
{
	_cleanup_free_ char *logs = mp_path_join(dir, "logs"), *link = NULL, *out = NULL;
	char buf[64];

	(void)state;
	put("hsperfdata_x/7", "\xca\xfe\xc0\xc0 and more");
	put("hsperfdata_x/8", "another's");
	put("mms_metrics.log", "metrics");
	put("secret.log", "secret");
	put("logs/any.log", "any");
	put("logs/key", "key");
	assert_int_equal(get("hsperfdata_x/7", buf, sizeof(buf)), 0);
	assert_int_equal(get("hsperfdata_x/8", buf, sizeof(buf)), -ENODATA);
	assert_int_equal(get("hsperfdata_x/9", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(get("mms_metrics.log", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "metrics");
	assert_int_equal(get("secret.log", buf, sizeof(buf)), -EPERM);
	assert_int_equal(get("logs/any.log", buf, sizeof(buf)), -EPERM); /* not allowed yet */
	assert_int_equal(mp_opener_allow(o, logs), 0);
	assert_int_equal(mp_opener_seal(o), 0);
	assert_int_equal(mp_opener_allow(o, "/var/log"), -EPERM);
	assert_int_equal(get("logs/any.log", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "any");
	assert_int_equal(get("logs/key", buf, sizeof(buf)), -EPERM);
	/* links do not lead out */
	link = mp_path_join(dir, "logs/link.log");
	out = mp_path_join(dir, "logs/out");
	assert_int_equal(symlink("../secret.log", link), 0);
	assert_int_equal(symlink("..", out), 0);
	assert_int_equal(get("logs/link.log", buf, sizeof(buf)), -ELOOP);
	assert_int_equal(get("logs/out/secret.log", buf, sizeof(buf)), -ELOOP);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(mkfifo(link, 0600), 0);
	assert_int_equal(get("logs/link.log", buf, sizeof(buf)), -EPERM);
}

/* A second seal, a closed socket, a dead opener: an error each, and nothing waits. */
static void when_it_is_gone(void **state)
{
	char buf[8];

	(void)state;
	put("mms_metrics.log", "x");
	assert_int_equal(kill(mp_opener_pid(o), SIGKILL), 0);
	assert_int_equal(get("mms_metrics.log", buf, sizeof(buf)), -EPIPE);
	assert_int_equal(get("mms_metrics.log", buf, sizeof(buf)), -EPIPE);
}

static void hangs(void **state)
{
	char buf[8];

	(void)state;
	put("mms_metrics.log", "x");
	assert_int_equal(kill(mp_opener_pid(o), SIGSTOP), 0);
	assert_int_equal(get("mms_metrics.log", buf, sizeof(buf)), -ETIMEDOUT);
	assert_int_equal(kill(mp_opener_pid(o), SIGCONT), 0);
	/* the late answer is not taken for this one's */
	put("ts_metrics.log", "y");
	assert_int_equal(get("ts_metrics.log", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "y");
}

static void ends_with_its_parent(void **state)
{
	struct pollfd p = {.events = POLLIN};
	int ends[2];
	pid_t parent, opener;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		struct mp_opener_opts opts = {0};
		struct mp_opener *mine;

		if (mp_opener_start(&opts, &mine) < 0)
			_exit(1);
		opener = mp_opener_pid(mine);
		if (write(ends[1], &opener, sizeof(opener)) != sizeof(opener))
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ends[0], &opener, sizeof(opener)), sizeof(opener));
	p.fd = (int)syscall(SYS_pidfd_open, opener, 0);
	assert_true(p.fd >= 0);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_int_equal(poll(&p, 1, 5000), 1);
	(void)close(p.fd);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void needs_root(void **state)
{
	(void)state;
	print_message("skipped: only root can leave a capability to the opener\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_capability, setup, teardown),
		cmocka_unit_test_setup_teardown(what_it_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(when_it_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(hangs, setup, teardown),
		cmocka_unit_test(ends_with_its_parent),
	};

	const struct CMUnitTest none[] = {cmocka_unit_test(needs_root)};

	if (geteuid() != 0)
		return cmocka_run_group_tests(none, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

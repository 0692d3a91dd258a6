// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hooks that the kernel left out (Linux 7.0 and later, when a hook was preempted): here all of them
 * are detached while processes begin, exec and end. The look afterwards finds who lives and under
 * which name; the reading finds who ended, once. No ghosts, nobody missing.
 */
#include "bpftest.h"

#include <bpf/libbpf.h>
#include <fcntl.h>

/* A fork without exec keeps links open: such children are made before the source. */
static void detach_hooks(struct mp_bpf *b)
{
	for (size_t i = 0; i < b->n_links; i++) {
		assert_int_equal(bpf_link__destroy(b->links[i]), 0);
		b->links[i] = NULL;
	}
	b->n_links = 0;
}

static pid_t spawn_waiting(int go, bool exec)
{
	pid_t pid = spawn();
	char c;

	if (pid)
		return pid;
	if (exec) {
		if (dup2(go, 0) != 0)
			_exit(1);
		execl("/bin/cat", "cat", NULL);
		_exit(2);
	}
	(void)!read(go, &c, 1);
	_exit(7);
}

/* Its name is seen before its arguments are. */
static bool is_cat(pid_t pid)
{
	char path[64], text[8] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	if (fd >= 0)
		(void)close(fd);
	return !strcmp(text, "cat");
}

static const struct mp_rec *named(struct mp_source *s, pid_t pid, const char *want)
{
	const struct mp_rec *r = tick_for(s, pid);
	size_t len;

	assert_non_null(r);
	assert_int_equal(r->state, MP_REC_LIVE);
	assert_true(strstr(s->ops->cmd(s, r, &len), want) != NULL);
	return r;
}

static void test_missed_hooks(void **state)
{
	struct mp_source *s;
	double end = mp_now_s() + DEADLINE_S;
	int go[2], dies[2], ended = 0, status;
	pid_t ends, forked, forked_cat;
	const struct mp_rec *r;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(dies, O_CLOEXEC), 0);
	ends = spawn_waiting(dies[0], false);
	s = source_or_skip(state);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	assert_non_null(tick_for(s, ends));
	detach_hooks(mp_bpf_of(s));

	forked = spawn_waiting(go[0], false);
	forked_cat = spawn_waiting(go[0], true);
	while (!is_cat(forked_cat) && mp_now_s() < end)
		nap_ms(2);
	assert_null(tick_for(s, forked));
	mp_heal(mp_bpf_of(s), true);
	r = named(s, forked, "test_missed");
	assert_int_equal(r->ppid, getpid());
	r = named(s, forked_cat, "cat");

	signal_fd(dies[1]);
	status = reap(ends, NULL);
	assert_int_equal(WEXITSTATUS(status), 7);
	/* The one that ended comes once, under its own identity, and then no more. */
	end = mp_now_s() + DEADLINE_S;
	for (int after = 0; after < 3 && mp_now_s() < end; nap_ms(5)) {
		r = tick_for(s, ends);
		if (r && r->state == MP_REC_ENDED)
			ended++;
		else if (ended)
			after++;
	}
	assert_int_equal(ended, 1);
	assert_null(tick_for(s, ends));
	end_child(forked);
	end_child(forked_cat);
	(void)close(go[0]);
	(void)close(go[1]);
	(void)close(dies[0]);
	(void)close(dies[1]);
}

/* A member that was known before it exec'd unseen has its new name after the look. */
static void test_missed_exec(void **state)
{
	double end = mp_now_s() + DEADLINE_S;
	const struct mp_rec *r;
	struct mp_source *s;
	int go[2], then[2];
	pid_t pid;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(then, O_CLOEXEC), 0);
	pid = spawn();
	if (!pid) {
		await_fd(go[0]);
		if (dup2(then[0], 0) != 0)
			_exit(1);
		execl("/bin/cat", "cat", NULL);
		_exit(2);
	}
	s = source_or_skip(state);
	assert_int_equal(s->ops->adopt(s, getpid()), 0);
	(void)named(s, pid, "test_missed");
	detach_hooks(mp_bpf_of(s));
	signal_fd(go[1]);
	while (!is_cat(pid) && mp_now_s() < end)
		nap_ms(2);
	mp_heal(mp_bpf_of(s), true);
	r = named(s, pid, "cat");
	assert_int_equal(r->execs, 1);
	end_child(pid);
	(void)close(go[0]);
	(void)close(go[1]);
	(void)close(then[0]);
	(void)close(then[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUNG_TEST(test_missed_hooks),
		RUNG_TEST(test_missed_exec),
	};

	return cmocka_run_group_tests_name("bpf missed hooks", tests, NULL, NULL);
}

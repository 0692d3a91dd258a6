// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits for a CPU and context switches on the procfs rung: /proc has them by thread only, so all
 * threads of a member are walked, and only when somebody wants to know. What a thread that ended
 * had at its last reading is kept; what it did after that is lost.
 */
#include "proc/procfs.h"

#include <mmsperf/cleanup.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add(struct mp_pf_sched *to, const struct mp_pf_sched *x)
{
	to->delay_ns += x->delay_ns;
	to->nvcsw += x->nvcsw;
	to->nivcsw += x->nivcsw;
}

static bool number_after(const char *text, const char *key, uint64_t *ret)
{
	const char *p = strstr(text, key);

	return p && sscanf(p + strlen(key), "%" SCNu64, ret) == 1;
}

bool mp_pf_sched_parse(const char *schedstat, const char *status, struct mp_pf_sched *ret)
{
	struct mp_pf_sched s = {0};

	if (sscanf(schedstat, "%*u %" SCNu64, &s.delay_ns) != 1 ||
	    !number_after(status, "\nvoluntary_ctxt_switches:", &s.nvcsw) ||
	    !number_after(status, "\nnonvoluntary_ctxt_switches:", &s.nivcsw))
		return false;
	*ret = s;
	return true;
}

static int read_small(int dir, const char *tid, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[300];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", tid, name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do
		n = read(fd, buf, size - 1);
	while (n < 0 && errno == EINTR);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? 0 : -ESRCH;
}

/* /proc lists threads in one order: the next is mostly where the last one was found, and one. */
static struct mp_pf_thread *find(struct mp_pf_member *m, size_t near, pid_t tid)
{
	for (size_t i = 0; i < m->n_threads; i++) {
		struct mp_pf_thread *t = &m->threads[(near + i) % m->n_threads];

		if (t->tid == tid)
			return t;
	}
	return NULL;
}

static int keep(struct mp_pf_member *m, size_t *near, pid_t tid, const struct mp_pf_sched *s)
{
	struct mp_pf_thread *t = find(m, *near, tid);

	if (t && s->delay_ns < t->s.delay_ns)
		add(&m->gone, &t->s); /* another thread has its tid by now */
	if (!t) {
		if (m->n_threads == m->cap_threads) {
			size_t cap = m->cap_threads ? m->cap_threads * 2 : 8;
			struct mp_pf_thread *more = realloc(m->threads, cap * sizeof(*more));

			if (!more)
				return -ENOMEM;
			m->threads = more;
			m->cap_threads = cap;
		}
		t = &m->threads[m->n_threads++];
	}
	*t = (struct mp_pf_thread){.tid = tid, .seen = true, .s = *s};
	*near = (size_t)(t - m->threads) + 1;
	return 0;
}

/* A list that is read while threads end may leave out one that lives. */
static bool is_gone(int dir, pid_t tid)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "%d", tid);
	return faccessat(dir, name, F_OK, 0) < 0;
}

void mp_pf_read_sched(struct mp_pf_member *m, struct mp_rec *r)
{
	char schedstat[128], status[MP_PID_BUF];
	_cleanup_closedir_ DIR *dir = NULL;
	struct mp_pf_sched s, all;
	struct dirent *e;
	size_t n = 0, near = 0;
	int fd = openat(m->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return;
	}
	for (size_t i = 0; i < m->n_threads; i++)
		m->threads[i].seen = false;
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		if (read_small(fd, e->d_name, "schedstat", schedstat, sizeof(schedstat)) < 0 ||
		    read_small(fd, e->d_name, "status", status, sizeof(status)) < 0)
			continue; /* it ended meanwhile, or this kernel does not have it */
		if (!mp_pf_sched_parse(schedstat, status, &s) ||
		    keep(m, &near, (pid_t)strtol(e->d_name, NULL, 10), &s) < 0)
			return;
	}
	all = m->gone;
	for (size_t i = 0; i < m->n_threads; i++) {
		add(&all, &m->threads[i].s);
		if (m->threads[i].seen || !is_gone(fd, m->threads[i].tid))
			m->threads[n++] = m->threads[i];
		else
			add(&m->gone, &m->threads[i].s);
	}
	m->n_threads = n;
	if (!n)
		return;
	r->run_delay_ns = all.delay_ns;
	r->nvcsw = all.nvcsw;
	r->nivcsw = all.nivcsw;
	r->valid |= MP_HAS_SCHED;
}

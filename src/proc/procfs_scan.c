// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding new members on the procfs rung: a process is one when its parent is. Nothing is read when
 * no pid was given out since the last scan; then only pids that the last scan did not see. A
 * reparented process was a member before, so a stranger never becomes one by its parent's death.
 */
#include "proc/procfs.h"

#include <mmsperf/cleanup.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* The last pid given out, or -1. */
static long last_pid(struct mp_pf *p)
{
	char text[128];
	const char *at;
	ssize_t n;

	if (p->loadavg < 0)
		return -1;
	n = pread(p->loadavg, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	at = strrchr(text, ' ');
	return at ? strtol(at + 1, NULL, 10) : -1;
}

static int add_found(struct mp_pf *p, size_t n, pid_t pid)
{
	if (n == p->cap_found) {
		size_t cap = p->cap_found ? p->cap_found * 2 : 512;
		pid_t *more = realloc(p->found, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->found = more;
		p->cap_found = cap;
	}
	p->found[n] = pid;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

/* All pids of /proc into p->found, ascending (as the kernel lists them). */
static int list_pids(struct mp_pf *p, size_t *ret_n)
{
	_Alignas(struct entry) char buf[32768];
	size_t n = 0;
	bool sorted = true;

	if (lseek(p->proc, 0, SEEK_SET) < 0)
		return -errno;
	for (;;) {
		long got = syscall(SYS_getdents64, p->proc, buf, sizeof(buf));

		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		for (long at = 0; at < got;) {
			const struct entry *e = (const struct entry *)(const void *)(buf + at);
			long pid;
			char *end;
			int r;

			at += e->reclen;
			if (e->name[0] < '1' || e->name[0] > '9')
				continue;
			pid = strtol(e->name, &end, 10);
			if (*end)
				continue;
			if (n && p->found[n - 1] >= (pid_t)pid)
				sorted = false;
			r = add_found(p, n, (pid_t)pid);
			if (r < 0)
				return r;
			n++;
		}
	}
	if (!sorted)
		qsort(p->found, n, sizeof(*p->found), by_pid);
	*ret_n = n;
	return 0;
}

static bool was_seen(const struct mp_pf *p, pid_t pid)
{
	size_t lo = 0, hi = p->n_seen;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (p->seen[mid] == pid)
			return true;
		if (p->seen[mid] < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

static bool is_member(const struct mp_pf *p, pid_t pid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->recs[i].state != MP_REC_FREE && p->recs[i].state != MP_REC_ENDED &&
		    (pid_t)p->recs[i].tgid == pid)
			return true;
	return false;
}

struct candidate {
	pid_t pid;
	struct mp_pid_stat st;
};

/* Adopts those of c whose parent is a member, until no more is found. */
static int adopt_children(struct mp_pf *p, struct candidate *c, size_t n)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < n; i++) {
			int r;

			if (!c[i].pid || mp_pf_slot(p, c[i].st.ppid) < 0)
				continue;
			r = mp_pf_add(p, c[i].pid, &c[i].st, 0);
			if (r == -ENOMEM)
				return r;
			/* it may be gone again; a full table is counted as a drop */
			c[i].pid = 0;
			again = again || r == 0;
		}
	}
	return 0;
}

static int remember(struct mp_pf *p, size_t n)
{
	size_t kept = 0;

	if (p->cap_seen < n) {
		pid_t *more = realloc(p->seen, p->cap_found * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->seen = more;
		p->cap_seen = p->cap_found;
	}
	for (size_t i = 0; i < n; i++)
		if (!is_member(p, p->found[i]))
			p->seen[kept++] = p->found[i];
	p->n_seen = kept;
	return 0;
}

int mp_pf_scan(struct mp_pf *p, bool all)
{
	_cleanup_free_ struct candidate *c = NULL;
	size_t n, n_new = 0;
	long last = last_pid(p);
	int r;

	/* taken before the listing: a process that is born meanwhile is found by the next scan */
	if (!all && last >= 0 && last == p->last_pid)
		return 0;
	r = list_pids(p, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		n_new += all || !was_seen(p, p->found[i]);
	c = n_new ? calloc(n_new, sizeof(*c)) : NULL;
	if (n_new && !c)
		return -ENOMEM;
	n_new = 0;
	for (size_t i = 0; i < n; i++) {
		pid_t pid = p->found[i];

		if ((!all && was_seen(p, pid)) || is_member(p, pid))
			continue;
		if (mp_pf_stat(p, pid, &c[n_new].st) < 0)
			continue;
		c[n_new++].pid = pid;
	}
	r = adopt_children(p, c, n_new);
	if (r < 0)
		return r;
	r = remember(p, n);
	if (r < 0)
		return r;
	p->last_pid = last;
	return 0;
}

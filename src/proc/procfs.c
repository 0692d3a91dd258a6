// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lowest rung: /proc alone. No events, so what begins and ends between two ticks without being
 * seen as a zombie is lost, and a process that is reaped between two ticks ends with the totals of
 * the last one. Everything else has the meaning the BPF rungs give it.
 * Owns members and their descriptors. Called through struct mp_source_ops.
 */
#include "proc/procfs.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct mp_pf *pf(struct mp_source *s)
{
	return (struct mp_pf *)s;
}

int mp_pf_slot(const struct mp_pf *p, pid_t pid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->recs[i].state == MP_REC_LIVE && (pid_t)p->recs[i].tgid == pid)
			return (int)i;
	return -1;
}

static int grow(struct mp_pf *p)
{
	size_t cap = p->cap ? p->cap * 2 : 64;
	void *m, *r;

	if (cap > MP_MAX_SLOTS)
		cap = MP_MAX_SLOTS;
	if (p->n >= cap)
		return -ENOSPC;
	m = realloc(p->m, cap * sizeof(*p->m));
	if (!m)
		return -ENOMEM;
	p->m = m;
	r = realloc(p->recs, cap * sizeof(*p->recs));
	if (!r)
		return -ENOMEM;
	p->recs = r;
	p->cap = cap;
	return 0;
}

static int free_slot(struct mp_pf *p, size_t *ret_slot)
{
	if (p->live < p->n)
		for (size_t i = 0; i < p->n; i++)
			if (p->recs[i].state == MP_REC_FREE) {
				*ret_slot = i;
				return 0;
			}
	if (p->n == p->cap) {
		int r = grow(p);

		if (r < 0) {
			p->drops[MP_DROP_SLOTS_FULL]++;
			return r;
		}
	}
	*ret_slot = p->n++;
	return 0;
}

int mp_pf_add(struct mp_pf *p, pid_t pid, const struct mp_pid_stat *st, unsigned flags)
{
	uint64_t tick = mp_tick_ns();
	struct mp_pf_member *m;
	struct mp_rec *rec;
	size_t slot;
	int parent, r;

	for (size_t i = 0; i < p->n; i++)
		if (p->recs[i].state != MP_REC_FREE && (pid_t)p->recs[i].tgid == pid &&
		    p->m[i].start_ticks == st->start)
			return -EEXIST;
	r = free_slot(p, &slot);
	if (r < 0)
		return r;
	m = &p->m[slot];
	rec = &p->recs[slot];
	memset(rec, 0, sizeof(*rec)); /* state FREE, should opening it fail */
	r = mp_pf_member_open(p, m, pid);
	if (r < 0)
		return r;
	m->start_ticks = st->start;
	parent = mp_pf_slot(p, st->ppid);
	*rec = (struct mp_rec){
		.start_ns = st->start * tick,
		.tgid = (uint32_t)pid,
		.ppid = (uint32_t)st->ppid,
		.parent_slot = parent < 0 ? ~0U : (uint32_t)parent,
		.state = MP_REC_LIVE,
		.flags = flags,
	};
	p->live++;
	return 0;
}

static void release(struct mp_pf *p, size_t slot)
{
	mp_pf_member_done(p, &p->m[slot]);
	p->recs[slot].state = MP_REC_FREE;
	p->live--;
	while (p->n > 0 && p->recs[p->n - 1].state == MP_REC_FREE)
		p->n--;
}

static int procfs_adopt(struct mp_source *s, pid_t pid)
{
	struct mp_pf *p = pf(s);
	struct mp_pid_stat st;
	int r;

	r = mp_pf_stat(p, pid, &st);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	if (mp_pid_is_dead(&st))
		return -ESRCH;
	r = mp_pf_add(p, pid, &st, MP_REC_ROOT);
	if (r == -EEXIST) {
		int slot = mp_pf_slot(p, pid);

		if (slot >= 0)
			p->recs[slot].flags |= MP_REC_ROOT;
		return 0;
	}
	return r < 0 ? r : mp_pf_scan(p, true);
}

static int procfs_clear(struct mp_source *s)
{
	struct mp_pf *p = pf(s);

	for (size_t i = p->n; i-- > 0;)
		if (p->recs[i].state != MP_REC_FREE)
			release(p, i);
	p->n_seen = 0;
	return 0;
}

static int procfs_tick(struct mp_source *s, const struct mp_rec **ret_recs, size_t *ret_n)
{
	struct mp_pf *p = pf(s);
	int r;

	for (size_t i = p->n; i-- > 0;)
		if (p->recs[i].state == MP_REC_ENDED)
			release(p, i);
	if (p->live > 0) {
		/* a pid that was seen as a stranger's and came back as a member's child between
		 * two scans is found by the full one */
		r = mp_pf_scan(p, ++p->scans % 64 == 0);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < p->n; i++)
		if (p->recs[i].state != MP_REC_FREE)
			mp_pf_read(p, i);
	*ret_recs = p->recs;
	*ret_n = p->n;
	return 0;
}

static const char *procfs_cmd(struct mp_source *s, const struct mp_rec *r, size_t *ret_len)
{
	struct mp_pf *p = pf(s);
	size_t slot = (size_t)(r - p->recs);

	if (r < p->recs || slot >= p->n || !p->m[slot].cmd) {
		*ret_len = 0;
		return "";
	}
	*ret_len = p->m[slot].cmd_len;
	return p->m[slot].cmd;
}

static int procfs_event_fd(struct mp_source *s)
{
	(void)s;
	return -1;
}

static int procfs_watch_execs(struct mp_source *s, bool on)
{
	(void)s;
	return on ? -EOPNOTSUPP : 0;
}

static size_t procfs_exec_pids(struct mp_source *s, pid_t *pids, size_t max)
{
	(void)s;
	(void)pids;
	(void)max;
	return 0;
}

static int procfs_need_groups(struct mp_source *s, unsigned groups, struct mp_diag *d)
{
	if (groups & ~(unsigned)MP_GROUP_SCHED)
		return mp_diag_set(d, -EOPNOTSUPP, NULL, 0, 0,
				   "/proc does not have what the %s counts: it needs BPF",
				   mp_group_label(groups & ~(unsigned)MP_GROUP_SCHED));
	if (!groups || pf(s)->delayacct)
		return 0;
	return mp_diag_set(d, -EOPNOTSUPP, NULL, 0, 0,
			   "/proc has the time a process waited for IO only with delay accounting: "
			   "sysctl kernel.task_delayacct=1, or let the collector use BPF");
}

static void procfs_drops(struct mp_source *s, uint64_t drops[_MP_DROP_MAX])
{
	memcpy(drops, pf(s)->drops, sizeof(pf(s)->drops));
}

static void procfs_want(struct mp_source *s, unsigned valid)
{
	pf(s)->want = valid;
}

static bool procfs_self_cost(struct mp_source *s, uint64_t *ret_run_ns, uint64_t *ret_runs)
{
	(void)s;
	(void)ret_run_ns;
	(void)ret_runs;
	return false;
}

static void procfs_free(struct mp_source *s)
{
	struct mp_pf *p = pf(s);

	(void)procfs_clear(s);
	if (p->proc >= 0)
		(void)close(p->proc);
	if (p->loadavg >= 0)
		(void)close(p->loadavg);
	free(p->m);
	free(p->recs);
	free(p->seen);
	free(p->found);
	free(p);
}

static const struct mp_source_ops procfs_ops = {
	.rung = MP_RUNG_PROCFS,
	.adopt = procfs_adopt,
	.clear = procfs_clear,
	.tick = procfs_tick,
	.cmd = procfs_cmd,
	.event_fd = procfs_event_fd,
	.watch_execs = procfs_watch_execs,
	.exec_pids = procfs_exec_pids,
	.need_groups = procfs_need_groups,
	.drops = procfs_drops,
	.self_cost = procfs_self_cost,
	.want = procfs_want,
	.free = procfs_free,
};

static bool sysctl_is_on(const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	return mp_read_file(path, 64, &text, &len) == 0 && strtol(text, NULL, 10) == 1;
}

int mp_procfs_open(struct mp_source **ret_source)
{
	struct mp_pf *p = calloc(1, sizeof(*p));
	char self[32] = "";
	struct rlimit lim;
	struct stat st;

	if (!p)
		return -ENOMEM;
	p->s.ops = &procfs_ops;
	p->want = ~0U;
	p->last_pid = -1;
	p->loadavg = -1;
	p->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->proc < 0 || fstatat(p->proc, "self/stat", &st, 0) < 0) {
		int r = -errno;

		procfs_free(&p->s);
		return r;
	}
	p->loadavg = openat(p->proc, "loadavg", O_RDONLY | O_CLOEXEC);
	/* a descriptor is open here, so a size of 0 means that this kernel does not count */
	p->fd_size = fstatat(p->proc, "self/fd", &st, 0) == 0 && st.st_size > 0;
	p->own_pids = readlinkat(p->proc, "self", self, sizeof(self) - 1) > 0 &&
		      strtol(self, NULL, 10) == (long)getpid();
	p->delayacct = sysctl_is_on("/proc/sys/kernel/task_delayacct");
	/* five descriptors a member; what is beyond the budget is opened at each tick */
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur > 512)
		p->keep_max = (unsigned)((lim.rlim_cur > 65536 ? 65536 : lim.rlim_cur) - 256) / 5;
	*ret_source = &p->s;
	return 0;
}

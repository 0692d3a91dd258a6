// SPDX-License-Identifier: GPL-2.0-only
/*
 * One member's reading on the procfs rung: a pread a file and a clock, on descriptors that are kept
 * as long as the budget allows. What may not be read keeps its valid bit clear.
 */
#include "proc/procfs.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int mp_pf_member_open(struct mp_pf *p, struct mp_pf_member *m, pid_t pid)
{
	char name[16];

	*m = (struct mp_pf_member){.dir = -1, .stat = -1, .status = -1, .io = -1, .fd = -1};
	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	m->dir = openat(p->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->dir < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	m->kept = p->kept < p->keep_max;
	if (m->kept)
		p->kept++;
	m->has_clock = p->own_pids && clock_getcpuclockid(pid, &m->clock) == 0;
	return 0;
}

static void close_kept(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void mp_pf_member_done(struct mp_pf *p, struct mp_pf_member *m)
{
	close_kept(&m->dir);
	close_kept(&m->stat);
	close_kept(&m->status);
	close_kept(&m->io);
	close_kept(&m->fd);
	if (m->kept)
		p->kept--;
	free(m->cmd);
	free(m->threads);
	*m = (struct mp_pf_member){.dir = -1, .stat = -1, .status = -1, .io = -1, .fd = -1};
}

static int read_into(struct mp_pf *p, int fd)
{
	ssize_t n;

	do
		n = pread(fd, p->buf, sizeof(p->buf) - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	p->buf[n] = '\0';
	return n == 0 ? -ESRCH : 0;
}

/* Text of /proc/PID/NAME into p->buf, through *kept when it is open or may be kept open. */
static int read_file(struct mp_pf *p, struct mp_pf_member *m, const char *name, int *kept)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (*kept >= 0)
		return read_into(p, *kept);
	fd = openat(m->dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = read_into(p, fd);
	if (r == 0 && m->kept)
		*kept = TAKE_FD(fd);
	return r;
}

int mp_pf_stat(struct mp_pf *p, pid_t pid, struct mp_pid_stat *ret)
{
	_cleanup_close_ int fd = -1;
	char name[32];
	int r;

	(void)snprintf(name, sizeof(name), "%d/stat", (int)pid);
	fd = openat(p->proc, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = read_into(p, fd);
	return r < 0 ? r : mp_pid_stat_parse(p->buf, ret);
}

static int count_entries(struct mp_pf_member *m, const char *name, uint32_t *ret)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;
	uint32_t n = 0;
	int fd = openat(m->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	errno = 0;
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	if (errno)
		return -errno;
	*ret = n;
	return 0;
}

static int read_fds(struct mp_pf *p, struct mp_pf_member *m, const char *name, uint32_t *ret)
{
	struct stat st;

	if (!p->fd_size)
		return count_entries(m, name, ret);
	if (m->fd < 0 && m->kept)
		m->fd = openat(m->dir, "fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if ((m->fd >= 0 && !strcmp(name, "fd") ? fstat(m->fd, &st)
					       : fstatat(m->dir, name, &st, 0)) < 0)
		return -errno;
	*ret = (uint32_t)st.st_size;
	return 0;
}

/* Name of a living thread of a process whose leader has exited, as "task/TID"; false: none. */
static bool living_thread(struct mp_pf *p, struct mp_pf_member *m, char *ret, size_t size)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;
	int fd = openat(m->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return false;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return false;
	}
	while ((e = readdir(dir))) {
		struct mp_pid_stat st;
		char path[300];
		int none = -1, r;

		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "task/%s/stat", e->d_name);
		r = read_file(p, m, path, &none);
		if (none >= 0)
			(void)close(none); /* read_file keeps what it may; not this one */
		if (r < 0 || mp_pid_stat_parse(p->buf, &st) < 0 || st.state == 'Z' ||
		    st.state == 'X')
			continue;
		return (size_t)snprintf(ret, size, "task/%s", e->d_name) < size;
	}
	return false;
}

/* A vfork child has its parent's memory until it execs: count it there alone. */
static bool shares_parents_mm(const struct mp_rec *r)
{
	return syscall(SYS_kcmp, (pid_t)r->tgid, (pid_t)r->ppid, KCMP_VM, 0UL, 0UL) == 0;
}

static void read_memory(struct mp_pf *p, struct mp_pf_member *m, struct mp_rec *r,
			bool zombie_leader)
{
	char thread[280], path[300];
	int r1, r2, none = -1;

	if (!zombie_leader) {
		r1 = read_file(p, m, "status", &m->status);
		if (r1 == 0 && mp_pid_status_parse(p->buf, mp_page_size(), r))
			r->valid |= MP_HAS_MEM;
		r2 = read_fds(p, m, "fd", &r->fds);
		if (r2 == 0)
			r->valid |= MP_HAS_FDS;
		return;
	}
	/* the leader has given up its memory and files, its threads have not */
	if (!living_thread(p, m, thread, sizeof(thread)))
		return;
	(void)snprintf(path, sizeof(path), "%s/status", thread);
	r1 = read_file(p, m, path, &none);
	if (none >= 0)
		(void)close(none);
	if (r1 == 0 && mp_pid_status_parse(p->buf, mp_page_size(), r))
		r->valid |= MP_HAS_MEM;
	(void)snprintf(path, sizeof(path), "%s/fd", thread);
	if (count_entries(m, path, &r->fds) == 0)
		r->valid |= MP_HAS_FDS;
}

static void read_cpu(struct mp_pf_member *m, const struct mp_pid_stat *st, struct mp_rec *r)
{
	uint64_t tick = mp_tick_ns(), run = (st->utime + st->stime) * tick;
	struct timespec ts;

	/* exact, with the threads that ended and the slice that runs; needs no permission */
	if (m->has_clock && clock_gettime(m->clock, &ts) == 0)
		run = (uint64_t)ts.tv_sec * MP_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
	if (run > r->run_ns)
		r->run_ns = run;
	r->utime_ns = st->utime * tick;
	r->stime_ns = st->stime * tick;
	r->minflt = st->minflt;
	r->majflt = st->majflt;
	r->valid |= MP_HAS_CPU | MP_HAS_FAULTS;
}

static void read_cmd(struct mp_pf_member *m, pid_t pid, const struct mp_pid_stat *st,
		     struct mp_rec *r)
{
	bool forked = st->flags & MP_PF_FORKNOEXEC, was = r->flags & MP_REC_FORKED;
	char *cmd;
	size_t len;

	if (m->cmd && forked == was && m->start_stack == st->start_stack &&
	    !strcmp(m->comm, st->comm))
		return;
	if (mp_pid_cmdline(pid, &cmd, &len) < 0)
		return;
	free(m->cmd);
	m->cmd = cmd;
	m->cmd_len = len;
	m->start_stack = st->start_stack;
	memcpy(m->comm, st->comm, sizeof(m->comm));
	r->flags = (r->flags & ~(unsigned)MP_REC_FORKED) | (forked ? MP_REC_FORKED : 0U);
	r->execs++;
}

static void ended(struct mp_rec *r, uint64_t now)
{
	if (!r->exit_ns)
		r->exit_ns = now; /* at the latest: /proc does not say when */
	r->state = MP_REC_ENDED;
}

void mp_pf_read(struct mp_pf *p, size_t slot)
{
	struct mp_pf_member *m = &p->m[slot];
	struct mp_rec *r = &p->recs[slot];
	struct mp_pid_stat st;
	uint64_t now = mp_now_ns();
	bool dead;

	if (read_file(p, m, "stat", &m->stat) < 0 || mp_pid_stat_parse(p->buf, &st) < 0 ||
	    st.start != m->start_ticks) {
		ended(r, now);
		return;
	}
	dead = mp_pid_is_dead(&st);
	if (dead && r->state == MP_REC_ZOMBIE)
		return; /* its totals are final and known */
	r->sampled_ns = now;
	r->ppid = (uint32_t)st.ppid;
	r->threads = st.threads;
	r->valid = 0;
	read_cpu(m, &st, r);
	if (p->delayacct) {
		r->iowait_ns = st.blkio * mp_tick_ns();
		r->valid |= MP_HAS_IOWAIT;
	}
	if (read_file(p, m, "io", &m->io) == 0 && mp_pid_io_parse(p->buf, r))
		r->valid |= MP_HAS_IO;
	if (dead) {
		r->state = MP_REC_ZOMBIE;
		r->exit_ns = now;
		r->exit_code = st.exit_code;
		if (st.flags & MP_PF_FORKNOEXEC)
			r->flags |= MP_REC_FORKED;
		return;
	}
	if (p->want & MP_HAS_SCHED)
		mp_pf_read_sched(m, r);
	read_cmd(m, (pid_t)r->tgid, &st, r);
	if (!(r->flags & MP_REC_FORKED)) {
		r->flags &= ~(unsigned)MP_REC_VFORK;
	} else if (!m->mm_known || r->flags & MP_REC_VFORK) {
		m->mm_known = true;
		r->flags &= ~(unsigned)MP_REC_VFORK;
		if (shares_parents_mm(r))
			r->flags |= MP_REC_VFORK;
	}
	read_memory(p, m, r, st.state == 'Z' || st.state == 'X');
}

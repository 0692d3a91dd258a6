// SPDX-License-Identifier: GPL-2.0-only
/*
 * ServerAgent's numbers, with the units it had: percents, bytes (disk space in KB), and for
 * counters the change since the last sample. Where it gave 0 for a first sample, this gives
 * nothing.
 */
#include "metrics/system.h"

#include "proc/pid.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Orders of agentname.c's tables. */
enum {
	CPU_COMBINED,
	CPU_IDLE,
	CPU_SYSTEM,
	CPU_USER,
	CPU_IOWAIT,
	CPU_IRQ,
	CPU_NICE,
	CPU_SOFTIRQ,
	CPU_STOLEN
};
enum { CPUP_PERCENT, CPUP_TOTAL, CPUP_SYSTEM, CPUP_USER };
enum {
	MEM_USEDPERC,
	MEM_FREEPERC,
	MEM_USED,
	MEM_FREE,
	MEM_ACTUALFREE,
	MEM_ACTUALUSED,
	MEM_RAM,
	MEM_TOTAL
};
enum { MEMP_RESIDENT, MEMP_VIRTUAL, MEMP_SHARED, MEMP_FAULTS, MEMP_MAJOR, MEMP_MINOR };
enum { SWAP_USED, SWAP_PAGEIN, SWAP_PAGEOUT, SWAP_FREE, SWAP_TOTAL };
enum {
	DISK_QUEUE,
	DISK_READS,
	DISK_WRITES,
	DISK_READBYTES,
	DISK_WRITEBYTES,
	DISK_AVAILABLE,
	DISK_SERVICE,
	DISK_FILES,
	DISK_FREE,
	DISK_FREEFILES,
	DISK_TOTAL,
	DISK_USEPERC,
	DISK_USED
};
enum { NET_USED = 4, NET_SPEED = 5 };

static const struct mp_value absent;

static struct mp_value value(double v)
{
	return (struct mp_value){.v = v, .valid = true};
}

/* --- of the machine -------------------------------------------------------------------------- */

static struct mp_value cpu(const struct mp_agent_name *a, const struct mp_sys_sample *b,
			   const struct mp_sys_sample *p)
{
	static const int columns[] = {
		[CPU_SYSTEM] = MP_CPU_SYSTEM, [CPU_USER] = MP_CPU_USER,
		[CPU_IOWAIT] = MP_CPU_IOWAIT, [CPU_IRQ] = MP_CPU_IRQ,
		[CPU_NICE] = MP_CPU_NICE,     [CPU_SOFTIRQ] = MP_CPU_SOFTIRQ,
		[CPU_STOLEN] = MP_CPU_STEAL,  [CPU_IDLE] = MP_CPU_IDLE,
		[CPU_COMBINED] = MP_CPU_IDLE,
	};
	const struct mp_cpu_ticks *now = &b->cpu, *before = &p->cpu;
	double all, part;

	if (!(b->have & p->have & MP_SYS_STAT))
		return absent;
	if (a->core >= 0) {
		if ((size_t)a->core >= b->n_cores || (size_t)a->core >= p->n_cores)
			return absent;
		now = &b->core[a->core];
		before = &p->core[a->core];
	}
	all = (double)mp_cpu_total(now) - (double)mp_cpu_total(before);
	part = (double)now->t[columns[a->sub]] - (double)before->t[columns[a->sub]];
	if (all <= 0)
		return absent;
	part = part > 0 ? 100.0 * part / all : 0;
	return value(a->sub == CPU_COMBINED ? 100.0 - part : part);
}

static struct mp_value memory(int sub, const struct mp_sys_sample *b)
{
	double total = (double)b->mem_total, free_ = (double)b->mem_free;
	/* SIGAR's "actual": what caches hold is free */
	double actual = free_ + (double)b->buffers + (double)b->cached;

	if (!(b->have & MP_SYS_MEMINFO))
		return absent;
	switch (sub) {
	case MEM_USEDPERC:
		return value(100.0 * (total - actual) / total);
	case MEM_FREEPERC:
		return value(100.0 * actual / total);
	case MEM_USED:
		return value(total - free_);
	case MEM_FREE:
		return value(free_);
	case MEM_ACTUALFREE:
		return value(actual);
	case MEM_ACTUALUSED:
		return value(total - actual);
	case MEM_RAM:
		return value(
			(double)(((b->mem_total >> 20) + 7) & ~7ULL)); /* MB, a multiple of 8 */
	case MEM_TOTAL:
		return value(total);
	}
	return absent;
}

static struct mp_value swap(int sub, const struct mp_sys_sample *b, const struct mp_sys_sample *p)
{
	bool in = sub == SWAP_PAGEIN;

	if (in || sub == SWAP_PAGEOUT) {
		if (!(b->have & p->have & MP_SYS_VMSTAT))
			return absent;
		return value(in ? (double)(b->swap_in - p->swap_in)
				: (double)(b->swap_out - p->swap_out));
	}
	if (!(b->have & MP_SYS_MEMINFO))
		return absent;
	return value((double)(sub == SWAP_USED   ? b->swap_total - b->swap_free
			      : sub == SWAP_FREE ? b->swap_free
						 : b->swap_total));
}

/* Sums a field over all whole disks, or the device a filesystem lies on. */
static bool disk_sum(const struct mp_sys_sample *s, const char *fs, struct mp_disk *ret)
{
	struct mp_disk sum = {0};
	struct stat st;
	bool found = false;

	if (*fs && stat(fs, &st) < 0)
		return false;
	for (size_t i = 0; i < s->n_disks; i++) {
		const struct mp_disk *d = &s->disk[i];

		if (*fs ? d->major != major(st.st_dev) || d->minor != minor(st.st_dev) : !d->whole)
			continue;
		found = true;
		sum.reads += d->reads;
		sum.writes += d->writes;
		sum.read_sectors += d->read_sectors;
		sum.write_sectors += d->write_sectors;
		sum.busy_ms += d->busy_ms;
		sum.queue_ms += d->queue_ms;
	}
	*ret = sum;
	return found;
}

static struct mp_value disk_io(const struct mp_agent_name *a, const struct mp_sys_sample *b,
			       const struct mp_sys_sample *p)
{
	double ms = ((double)b->at_ns - (double)p->at_ns) / 1e6, ios;
	struct mp_disk now, was;

	if (!(b->have & p->have & MP_SYS_DISKSTATS) || !disk_sum(b, a->fs, &now) ||
	    !disk_sum(p, a->fs, &was))
		return absent;
	switch (a->sub) {
	case DISK_QUEUE: /* mean length over the sample */
		return ms > 0 ? value((double)(now.queue_ms - was.queue_ms) / ms) : absent;
	case DISK_READS:
		return value((double)(now.reads - was.reads));
	case DISK_WRITES:
		return value((double)(now.writes - was.writes));
	case DISK_READBYTES:
		return value((double)(now.read_sectors - was.read_sectors) * 512.0);
	case DISK_WRITEBYTES:
		return value((double)(now.write_sectors - was.write_sectors) * 512.0);
	case DISK_SERVICE: /* ms an operation */
		ios = (double)(now.reads - was.reads) + (double)(now.writes - was.writes);
		return value(ios > 0 ? (double)(now.busy_ms - was.busy_ms) / ios : 0);
	}
	return absent;
}

static void add_fs(const char *path, struct statvfs *sum)
{
	struct statvfs st;
	double unit;

	if (statvfs(path, &st) < 0 || !st.f_blocks)
		return;
	unit = (double)st.f_frsize / 1024.0;
	sum->f_blocks += (fsblkcnt_t)((double)st.f_blocks * unit);
	sum->f_bfree += (fsblkcnt_t)((double)st.f_bfree * unit);
	sum->f_bavail += (fsblkcnt_t)((double)st.f_bavail * unit);
	sum->f_files += st.f_files;
	sum->f_ffree += st.f_ffree;
}

/* All filesystems on local devices, each device once; or the one named. In KB. */
static bool fs_sum(const char *fs, struct statvfs *ret)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	dev_t seen[256];
	size_t n = 0, cap = 0;
	struct statvfs sum = {0};

	if (*fs) {
		add_fs(fs, &sum);
		*ret = sum;
		return sum.f_blocks > 0;
	}
	f = fopen("/proc/self/mounts", "re");
	if (!f)
		return false;
	while (getline(&line, &cap, f) > 0) {
		char *save = NULL, *dev = strtok_r(line, " ", &save);
		char *dir = strtok_r(NULL, " ", &save);
		struct stat st;
		bool old = false;

		if (!dir || strncmp(dev, "/dev/", 5) || stat(dir, &st) < 0)
			continue;
		for (size_t i = 0; i < n; i++)
			old = old || seen[i] == st.st_dev;
		if (old || n == ARRAY_SIZE(seen))
			continue;
		seen[n++] = st.st_dev;
		add_fs(dir, &sum);
	}
	*ret = sum;
	return n > 0;
}

static struct mp_value disk_space(const struct mp_agent_name *a)
{
	struct statvfs st;
	double used;

	if (!fs_sum(a->fs, &st))
		return absent;
	used = (double)(st.f_blocks - st.f_bfree);
	switch (a->sub) {
	case DISK_AVAILABLE:
		return value((double)st.f_bavail * 1024.0);
	case DISK_FREE:
		return value((double)st.f_bfree * 1024.0);
	case DISK_TOTAL:
		return value((double)st.f_blocks * 1024.0);
	case DISK_USED:
		return value(used * 1024.0);
	case DISK_FILES:
		return value((double)st.f_files);
	case DISK_FREEFILES:
		return value((double)st.f_ffree);
	case DISK_USEPERC:
		used = 100.0 * used / (used + (double)st.f_bavail);
		return value(used);
	}
	return absent;
}

static double net_sum(const struct mp_sys_sample *s, const char *iface, int column, bool *ret_found)
{
	uint64_t sum = 0;

	*ret_found = false;
	for (size_t i = 0; i < s->n_ifaces; i++) {
		if (*iface && strcmp(iface, s->iface[i].name))
			continue;
		*ret_found = true;
		sum += s->iface[i].v[column];
	}
	return (double)sum;
}

static struct mp_value speed(const char *iface)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	size_t len;
	long mbit;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%.31s/speed", iface);
	if (!*iface || strchr(iface, '/') || mp_read_file(path, 64, &text, &len) < 0)
		return absent;
	mbit = strtol(text, NULL, 10);
	return mbit > 0 ? value((double)mbit * 1e6) : absent;
}

static struct mp_value network(const struct mp_agent_name *a, const struct mp_sys_sample *b,
			       const struct mp_sys_sample *p)
{
	static const int columns[] = {
		MP_NET_RX_BYTES, MP_NET_TX_BYTES,   MP_NET_RX,
		MP_NET_TX,       MP_NET_TX,         -1,
		MP_NET_RX_DROP,  MP_NET_RX_ERR,     MP_NET_RX_FRAME,
		MP_NET_RX_FIFO,  MP_NET_TX_CARRIER, MP_NET_TX_COLLS,
		MP_NET_TX_DROP,  MP_NET_TX_ERR,     MP_NET_TX_FIFO,
	};
	double now, was;
	bool found, found_before;

	if (a->sub == NET_SPEED)
		return speed(a->iface);
	if (!(b->have & MP_SYS_NETDEV))
		return absent;
	now = net_sum(b, a->iface, columns[a->sub], &found);
	if (a->sub == NET_USED)
		return found ? value(now) : absent;
	if (!(p->have & MP_SYS_NETDEV))
		return absent;
	was = net_sum(p, a->iface, columns[a->sub], &found_before);
	/* an interface that went away takes its counters with it */
	return found && found_before && now >= was ? value(now - was) : absent;
}

static struct mp_value tcp(int sub, const struct mp_sys_sample *b)
{
	/* include/net/tcp_states.h; "bound" and "idle" are Solaris's: none here */
	static const int states[] = {1, 6, 8, -1, 7, 11, 4, 5, -1, -2, 9, 10, -3, 3};

	if (!(b->have & MP_SYS_TCP))
		return absent;
	switch (states[sub]) {
	case -1:
		return value(0);
	case -2:
		return value(b->tcp_inbound);
	case -3:
		return value(b->tcp_outbound);
	case 3: /* requests that wait for their handshake have a state of their own */
		return value(b->tcp[3] + b->tcp[12]);
	}
	return value(b->tcp[states[sub]]);
}

/* --- of one process -------------------------------------------------------------------------- */

static pid_t find_by_name(const char *name, int index)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	struct dirent *e;

	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		char path[64], exe[512], *base;
		ssize_t n;
		char *end;
		long pid = strtol(e->d_name, &end, 10);

		if (pid <= 0 || *end)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%ld/exe", pid);
		n = readlink(path, exe, sizeof(exe) - 1);
		if (n <= 0)
			continue;
		exe[n] = '\0';
		base = strrchr(exe, '/');
		if (!strcasecmp(base ? base + 1 : exe, name) && index-- == 0)
			return (pid_t)pid;
	}
	return 0;
}

static bool statm(pid_t pid, uint64_t v[static 3])
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	return mp_read_file(path, 4096, &text, &len) == 0 &&
	       sscanf(text, "%lu %lu %lu", &v[0], &v[1], &v[2]) == 3;
}

/* Value of a counter: the change since the last sample of the same process. */
static struct mp_value change(struct mp_agent_state *st, uint64_t now, uint64_t at, bool percent)
{
	struct mp_value r = absent;

	if (st->has_prev && now >= st->prev) {
		r = value((double)(now - st->prev));
		if (percent) /* ms a ms */
			r = at > st->at_ns ? value(100.0 * r.v * 1e6 / (double)(at - st->at_ns))
					   : absent;
	}
	st->has_prev = true;
	st->prev = now;
	st->at_ns = at;
	return r;
}

static struct mp_value of_process(const struct mp_agent_name *a, struct mp_agent_state *state)
{
	uint64_t tick_ms = mp_tick_ns() / 1000000, at = mp_now_ns(), m[3];
	struct mp_pid_stat st;

	if (!state->pid || mp_pid_stat_read(state->pid, &st) < 0 || st.start != state->start) {
		state->has_prev = false;
		state->pid = a->pid ? a->pid : find_by_name(a->name, a->index);
		if (!state->pid || mp_pid_stat_read(state->pid, &st) < 0)
			return absent;
		state->start = st.start;
	}
	if (a->type == MP_AG_CPU_PROC) {
		uint64_t user = st.utime * tick_ms, sys = st.stime * tick_ms;

		return change(state,
			      a->sub == CPUP_USER     ? user
			      : a->sub == CPUP_SYSTEM ? sys
						      : user + sys,
			      at, a->sub == CPUP_PERCENT);
	}
	switch (a->sub) {
	case MEMP_FAULTS:
		return change(state, st.minflt + st.majflt, at, false);
	case MEMP_MAJOR:
		return change(state, st.majflt, at, false);
	case MEMP_MINOR:
		return change(state, st.minflt, at, false);
	}
	if (!statm(state->pid, m))
		return absent;
	return value((double)(a->sub == MEMP_VIRTUAL  ? m[0]
			      : a->sub == MEMP_SHARED ? m[2]
						      : m[1]) *
		     (double)mp_page_size());
}

void mp_agent_update(const struct mp_agent_name *a, struct mp_agent_state *st,
		     const struct mp_sys *s)
{
	const struct mp_sys_sample *b = mp_sys_now(s), *p = mp_sys_before(s);
	struct mp_value v = absent;

	switch (a->type) {
	case MP_AG_CPU:
		v = cpu(a, b, p);
		break;
	case MP_AG_CPU_PROC:
	case MP_AG_MEM_PROC:
		v = of_process(a, st);
		break;
	case MP_AG_MEMORY:
		v = memory(a->sub, b);
		break;
	case MP_AG_SWAP:
		v = swap(a->sub, b, p);
		break;
	case MP_AG_DISKS:
		v = a->sub <= DISK_WRITEBYTES || a->sub == DISK_SERVICE ? disk_io(a, b, p)
									: disk_space(a);
		break;
	case MP_AG_NETWORK:
		v = network(a, b, p);
		break;
	case MP_AG_TCP:
		v = tcp(a->sub, b);
		break;
	case MP_AG_DISK_SPACE:
		v = mp_fs_used_percent(*a->fs ? a->fs : "/");
		break;
	case _MP_AG_MAX:
		break;
	}
	v.v /= a->divide;
	st->last = v;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Reading the machine's files on kept descriptors, and system_* and Taurus's metrics from them. */
#include "metrics/system.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SECTOR   512         /* of /proc/diskstats, whatever the device has */
#define MAX_FILE (64U << 20) /* /proc/net/tcp of half a million sockets */

enum file { F_STAT, F_MEMINFO, F_DISKSTATS, F_VMSTAT, F_NETDEV, F_TCP, F_TCP6, F_LOADAVG, _F_MAX };

static const struct {
	const char *path;
	unsigned need;
} files[_F_MAX] = {
	[F_STAT] = {"/proc/stat", MP_SYS_STAT},
	[F_MEMINFO] = {"/proc/meminfo", MP_SYS_MEMINFO},
	[F_DISKSTATS] = {"/proc/diskstats", MP_SYS_DISKSTATS},
	[F_VMSTAT] = {"/proc/vmstat", MP_SYS_VMSTAT},
	[F_NETDEV] = {"/proc/net/dev", MP_SYS_NETDEV},
	[F_TCP] = {"/proc/net/tcp", MP_SYS_TCP},
	[F_TCP6] = {"/proc/net/tcp6", MP_SYS_TCP},
	[F_LOADAVG] = {"/proc/loadavg", MP_SYS_LOADAVG},
};

struct mp_sys {
	int fd[_F_MAX];
	unsigned need;
	struct mp_sys_sample sample[2];
	int now; /* which of the two is the latest */
	char *buf;
	size_t cap;
	bool cgroup_looked;
	struct mp_cgroup *cgroup;
};

int mp_sys_new(struct mp_sys **ret_sys)
{
	struct mp_sys *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	for (int i = 0; i < _F_MAX; i++)
		s->fd[i] = -1;
	*ret_sys = s;
	return 0;
}

void mp_sys_free(struct mp_sys *s)
{
	if (!s)
		return;
	for (int i = 0; i < _F_MAX; i++)
		if (s->fd[i] >= 0)
			(void)close(s->fd[i]);
	mp_sys_sample_done(&s->sample[0]);
	mp_sys_sample_done(&s->sample[1]);
	mp_cgroup_free(s->cgroup);
	free(s->buf);
	free(s);
}

void mp_sys_need(struct mp_sys *s, unsigned need)
{
	s->need |= need;
	if (need & MP_SYS_CGROUP && !s->cgroup_looked) {
		s->cgroup_looked = true;
		if (mp_cgroup_open("/etc/mtab", &s->cgroup) < 0)
			s->cgroup = NULL; /* then it is the machine that counts, as in Taurus */
	}
}

/* Whole file into s->buf, NUL-terminated; the buffer grows to what the file needs and stays. */
static int read_whole(struct mp_sys *s, enum file f)
{
	size_t len = 0;

	if (s->fd[f] < 0) {
		s->fd[f] = open(files[f].path, O_RDONLY | O_CLOEXEC);
		if (s->fd[f] < 0)
			return -errno;
	}
	for (;;) {
		ssize_t n;

		if (s->cap - len < 4096) {
			size_t cap = s->cap ? s->cap * 2 : 16384;
			char *more = cap <= MAX_FILE ? realloc(s->buf, cap) : NULL;

			if (!more)
				return -ENOMEM;
			s->buf = more;
			s->cap = cap;
		}
		n = pread(s->fd[f], s->buf + len, s->cap - len - 1, (off_t)len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	s->buf[len] = '\0';
	return 0;
}

/* psutil's rule, so that sums agree: a device in /sys/block, virtual ones included. */
static bool is_whole_disk(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/block/%s", name);
	for (char *p = path + strlen("/sys/block/"); *p; p++)
		if (*p == '/')
			*p = '!';
	return access(path, F_OK) == 0;
}

static int parse(struct mp_sys *s, enum file f, struct mp_sys_sample *now)
{
	switch (f) {
	case F_STAT:
		return mp_sys_parse_stat(s->buf, now);
	case F_MEMINFO:
		return mp_sys_parse_meminfo(s->buf, now);
	case F_DISKSTATS:
		return mp_sys_parse_diskstats(s->buf, is_whole_disk, now);
	case F_VMSTAT:
		return mp_sys_parse_vmstat(s->buf, now);
	case F_NETDEV:
		return mp_sys_parse_netdev(s->buf, now);
	case F_TCP:
	case F_TCP6:
		return mp_sys_parse_tcp(s->buf, now);
	case F_LOADAVG:
		now->load = strtod(s->buf, NULL);
		return 0;
	case _F_MAX:
		break;
	}
	return -EINVAL;
}

void mp_sys_update(struct mp_sys *s)
{
	struct mp_sys_sample *now;
	unsigned missing = 0;

	if (!s->need)
		return;
	s->now ^= 1;
	now = &s->sample[s->now];
	now->at_ns = mp_now_ns();
	now->have = 0;
	memset(now->tcp, 0, sizeof(now->tcp));
	now->tcp_inbound = now->tcp_outbound = 0;
	for (int f = 0; f < _F_MAX; f++) {
		if (!(s->need & files[f].need))
			continue;
		if (read_whole(s, f) == 0 && parse(s, f, now) == 0)
			now->have |= files[f].need;
		else if (f != F_TCP6) /* a kernel without IPv6 has none */
			missing |= files[f].need;
	}
	now->have &= ~missing;
	if (s->cgroup && mp_cgroup_read(s->cgroup, &now->cgroup_cpu_us, &now->cgroup_mem) == 0)
		now->have |= MP_SYS_CGROUP;
}

const struct mp_sys_sample *mp_sys_now(const struct mp_sys *s)
{
	return &s->sample[s->now];
}

const struct mp_sys_sample *mp_sys_before(const struct mp_sys *s)
{
	return &s->sample[s->now ^ 1];
}

static struct mp_value value(double v)
{
	return (struct mp_value){.v = v, .valid = true};
}

struct mp_value mp_fs_used_percent(const char *path)
{
	struct statvfs st;
	double used;

	if (statvfs(path, &st) < 0)
		return (struct mp_value){0};
	used = (double)(st.f_blocks - st.f_bfree);
	return used + (double)st.f_bavail > 0 ? value(100.0 * used / (used + (double)st.f_bavail))
					      : (struct mp_value){0};
}

static struct mp_value root_used(void)
{
	struct statvfs st;

	if (statvfs("/", &st) < 0)
		return (struct mp_value){0};
	return value((double)(st.f_blocks - st.f_bfree) * (double)st.f_frsize);
}

enum total { T_READS, T_WRITES, T_READ_BYTES, T_WRITE_BYTES, T_RX, T_TX };

static double total(const struct mp_sys_sample *s, enum total what)
{
	uint64_t sum = 0;

	if (what == T_RX || what == T_TX) {
		for (size_t i = 0; i < s->n_ifaces; i++)
			sum += s->iface[i].v[what == T_RX ? MP_NET_RX_BYTES : MP_NET_TX_BYTES];
		return (double)sum;
	}
	for (size_t i = 0; i < s->n_disks; i++) {
		const struct mp_disk *d = &s->disk[i];

		if (!d->whole)
			continue;
		sum += what == T_READS        ? d->reads
		       : what == T_WRITES     ? d->writes
		       : what == T_READ_BYTES ? d->read_sectors * SECTOR
					      : d->write_sectors * SECTOR;
	}
	return (double)sum;
}

/* Share of the ticks between two readings, percent. */
static struct mp_value ticks_share(const struct mp_sys_sample *b, const struct mp_sys_sample *a,
				   uint64_t (*part)(const struct mp_cpu_ticks *))
{
	double all = (double)mp_cpu_total(&b->cpu) - (double)mp_cpu_total(&a->cpu);
	double some = (double)part(&b->cpu) - (double)part(&a->cpu);

	if (!(a->have & b->have & MP_SYS_STAT) || all < 0)
		return (struct mp_value){0};
	/* iowait may fall (the kernel says so); never show that as negative work */
	return value(all > 0 && some > 0 ? 100.0 * some / all : 0);
}

static uint64_t busy(const struct mp_cpu_ticks *c)
{
	return mp_cpu_total(c) - c->t[MP_CPU_IDLE] - c->t[MP_CPU_IOWAIT];
}

static uint64_t iowait(const struct mp_cpu_ticks *c)
{
	return c->t[MP_CPU_IOWAIT];
}

static uint64_t steal(const struct mp_cpu_ticks *c)
{
	return c->t[MP_CPU_STEAL];
}

static struct mp_value per_second(const struct mp_sys_sample *b, const struct mp_sys_sample *a,
				  unsigned file, enum total what)
{
	double dt = ((double)b->at_ns - (double)a->at_ns) / 1e9;

	if (!(a->have & b->have & file) || dt <= 0)
		return (struct mp_value){0};
	return value((total(b, what) - total(a, what)) / dt);
}

static struct mp_value taurus_cpu(const struct mp_sys *s, const struct mp_sys_sample *b,
				  const struct mp_sys_sample *a)
{
	double dt = ((double)b->at_ns - (double)a->at_ns) / 1e3, used;

	if (!s->cgroup)
		return ticks_share(b, a, busy);
	if (!(a->have & b->have & MP_SYS_CGROUP) || dt <= 0)
		return (struct mp_value){0};
	used = (double)b->cgroup_cpu_us - (double)a->cgroup_cpu_us;
	return value(100.0 * used / (mp_cgroup_cpu_limit(s->cgroup) * dt / 1e6));
}

static struct mp_value memory_percent(const struct mp_sys_sample *b)
{
	return value(100.0 * (double)(b->mem_total - b->mem_available) / (double)b->mem_total);
}

struct mp_value mp_sys_get(const struct mp_sys *s, enum mp_sys_metric m)
{
	const struct mp_sys_sample *b = mp_sys_now(s), *a = mp_sys_before(s);
	unsigned need = mp_sys_info[m].files & ~(unsigned)(MP_SYS_ROOT | MP_SYS_CGROUP);

	if ((b->have & need) != need && !(s->cgroup && mp_sys_info[m].files & MP_SYS_CGROUP))
		return (struct mp_value){0};
	switch (m) {
	case MP_SM_DISK_USED:
		return root_used();
	case MP_SM_MEM_PCT:
		return memory_percent(b);
	case MP_SM_READS:
		return value(total(b, T_READS));
	case MP_SM_WRITES:
		return value(total(b, T_WRITES));
	case MP_SM_READ_BYTES:
		return value(total(b, T_READ_BYTES));
	case MP_SM_WRITE_BYTES:
		return value(total(b, T_WRITE_BYTES));
	case MP_SM_CPU_PCT:
		return ticks_share(b, a, busy);
	case MP_SM_CPU_IOWAIT:
		return ticks_share(b, a, iowait);
	case MP_SM_CPU_STEAL:
		return ticks_share(b, a, steal);
	case MP_SM_LOAD:
		return value(b->load);
	case MP_SM_MEM_AVAIL:
		return value((double)b->mem_available);
	case MP_SM_SWAP_USED:
		return value((double)(b->swap_total - b->swap_free));
	case MP_SM_NET_RX:
		return value(total(b, T_RX));
	case MP_SM_NET_TX:
		return value(total(b, T_TX));
	case MP_SM_TAURUS_CPU:
		return taurus_cpu(s, b, a);
	case MP_SM_TAURUS_MEM:
		if (!s->cgroup)
			return memory_percent(b);
		if (!(b->have & MP_SYS_CGROUP))
			return (struct mp_value){0};
		return value(100.0 * (double)b->cgroup_mem / mp_cgroup_mem_limit(s->cgroup));
	case MP_SM_TAURUS_DISK:
		return mp_fs_used_percent("/");
	case MP_SM_TAURUS_RX:
		return per_second(b, a, MP_SYS_NETDEV, T_RX);
	case MP_SM_TAURUS_TX:
		return per_second(b, a, MP_SYS_NETDEV, T_TX);
	case MP_SM_TAURUS_READ:
		return per_second(b, a, MP_SYS_DISKSTATS, T_READ_BYTES);
	case MP_SM_TAURUS_WRITE:
		return per_second(b, a, MP_SYS_DISKSTATS, T_WRITE_BYTES);
	case MP_SM_TAURUS_CONN:
		return value(b->tcp[1]); /* TCP_ESTABLISHED */
	case MP_SM_TAURUS_LOOP:
	case _MP_SM_MAX:
		break;
	}
	return (struct mp_value){0};
}

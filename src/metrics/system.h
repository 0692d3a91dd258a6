/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the machine does: files of /proc, each read once a tick and only while a selected metric
 * needs it. Owns its descriptors. Private to src/metrics: view.c holds one a view.
 */
#pragma once

#include "metrics/table.h"

enum {
	MP_CPU_USER,
	MP_CPU_NICE,
	MP_CPU_SYSTEM,
	MP_CPU_IDLE,
	MP_CPU_IOWAIT,
	MP_CPU_IRQ,
	MP_CPU_SOFTIRQ,
	MP_CPU_STEAL,
	MP_CPU_GUEST,
	MP_CPU_GUEST_NICE,
	_MP_CPU_MAX
};

struct mp_cpu_ticks {
	uint64_t t[_MP_CPU_MAX];
};

struct mp_disk {
	unsigned major, minor;
	bool whole; /* a device of its own, no partition: in /sys/block */
	char name[32];
	uint64_t reads, read_sectors, writes, write_sectors, busy_ms, queue_ms;
};

/* Columns of /proc/net/dev. */
enum {
	MP_NET_RX_BYTES,
	MP_NET_RX,
	MP_NET_RX_ERR,
	MP_NET_RX_DROP,
	MP_NET_RX_FIFO,
	MP_NET_RX_FRAME,
	MP_NET_RX_COMPRESSED,
	MP_NET_RX_MULTICAST,
	MP_NET_TX_BYTES,
	MP_NET_TX,
	MP_NET_TX_ERR,
	MP_NET_TX_DROP,
	MP_NET_TX_FIFO,
	MP_NET_TX_COLLS,
	MP_NET_TX_CARRIER,
	MP_NET_TX_COMPRESSED,
	_MP_NET_MAX
};

struct mp_iface {
	char name[32];
	uint64_t v[_MP_NET_MAX];
};

/* One reading of the files in `have`. */
struct mp_sys_sample {
	unsigned have; /* enum mp_sys_file that were read */
	uint64_t at_ns;
	struct mp_cpu_ticks cpu, *core;
	size_t n_cores, cap_cores;
	uint64_t mem_total, mem_free, mem_available, buffers, cached, swap_total,
		swap_free; /* bytes */
	struct mp_disk *disk;
	size_t n_disks, cap_disks;
	struct mp_iface *iface;
	size_t n_ifaces, cap_ifaces;
	uint64_t swap_in, swap_out; /* pages */
	uint32_t tcp[16];           /* by the kernel's state numbers */
	uint32_t tcp_inbound, tcp_outbound;
	double load;
	uint64_t cgroup_cpu_us, cgroup_mem; /* valid with MP_SYS_CGROUP */
};

struct mp_sys;

int mp_sys_new(struct mp_sys **ret_sys);
void mp_sys_free(struct mp_sys *s);
/* From now on these files are read. */
void mp_sys_need(struct mp_sys *s, unsigned files);
/* Reads the needed files; what cannot be read is missing in `have`. */
void mp_sys_update(struct mp_sys *s);
struct mp_value mp_sys_get(const struct mp_sys *s, enum mp_sys_metric m);
/* prev->have is 0 before the second reading. */
const struct mp_sys_sample *mp_sys_now(const struct mp_sys *s);
const struct mp_sys_sample *mp_sys_before(const struct mp_sys *s);

/* sysparse.c: pure; text is NUL-terminated. Return 0, -EINVAL or -ENOMEM. */
int mp_sys_parse_stat(const char *text, struct mp_sys_sample *ret);
int mp_sys_parse_meminfo(const char *text, struct mp_sys_sample *ret);
int mp_sys_parse_diskstats(const char *text, bool (*is_whole)(const char *name),
			   struct mp_sys_sample *ret);
int mp_sys_parse_vmstat(const char *text, struct mp_sys_sample *ret);
int mp_sys_parse_netdev(const char *text, struct mp_sys_sample *ret);
/* Called with /proc/net/tcp and then with tcp6; adds up. */
int mp_sys_parse_tcp(const char *text, struct mp_sys_sample *ret);
uint64_t mp_cpu_total(const struct mp_cpu_ticks *c); /* guest time is in user already */
void mp_sys_sample_done(struct mp_sys_sample *s);

/* cgroup.c: the control group that Taurus's local monitor would look at. */
struct mp_cgroup;
/* *ret_cg is NULL where it looks at the machine instead. */
int mp_cgroup_open(const char *mtab, struct mp_cgroup **ret_cg);
void mp_cgroup_free(struct mp_cgroup *c);
int mp_cgroup_read(const struct mp_cgroup *c, uint64_t *ret_cpu_us, uint64_t *ret_mem);
/* Microseconds of CPU a second, and bytes, that are 100 %. */
double mp_cgroup_cpu_limit(const struct mp_cgroup *c);
double mp_cgroup_mem_limit(const struct mp_cgroup *c);

/* agenteval.c: ServerAgent's numbers. state is one metric's own memory. */
struct mp_agent_state {
	bool has_prev;
	pid_t pid;
	uint64_t start, prev, at_ns;
	struct mp_value last;
};
void mp_agent_update(const struct mp_agent_name *a, struct mp_agent_state *st,
		     const struct mp_sys *s);
/* Used share of a filesystem as psutil and df have it, percent. */
struct mp_value mp_fs_used_percent(const char *path);

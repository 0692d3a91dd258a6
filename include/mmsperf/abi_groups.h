/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What optional groups of probes hand to user space: counters of members, and histograms of
 * latencies. Part of abi.h, which alone includes it.
 */
#pragma once

/* Groups, a bit each; a metric names those it needs. */
enum mp_group {
	MP_GROUP_SCHED = 1 << 0,  /* I/O wait */
	MP_GROUP_RUNQ = 1 << 1,   /* waits for a CPU */
	MP_GROUP_OOM = 1 << 2,    /* kills for lack of memory */
	MP_GROUP_BLOCK = 1 << 3,  /* requests to disks */
	MP_GROUP_OFFCPU = 1 << 4, /* what threads wait for */
	MP_GROUP_NET = 1 << 5,    /* bytes and connections of sockets */
};
#define MP_N_GROUPS 6

/* Counters of one member that groups keep: they only grow, while their group is attached. */
enum mp_extra_id {
	MP_EX_OOM_KILLS,
	MP_EX_OFF_IO, /* ns, of all threads; from here in the order of enum mp_off_reason */
	MP_EX_OFF_LOCK,
	MP_EX_OFF_NET,
	MP_EX_OFF_POLL,
	MP_EX_OFF_SLEEP,
	MP_EX_OFF_PIPE,
	MP_EX_OFF_OTHER,
	MP_EX_OFF_PREEMPTED,
	MP_EX_NET_RECV, /* bytes by TCP and UDP */
	MP_EX_NET_SENT,
	MP_EX_UNIX_RECV,
	MP_EX_UNIX_SENT,
	MP_EX_NET_OPENED, /* TCP connections */
	MP_EX_NET_ACCEPTED,
	MP_EX_NET_CLOSED,
	MP_EX_NET_RETRANS, /* segments */
	_MP_EX_MAX
};

/* Why a thread is off its CPU. */
enum mp_off_reason {
	MP_OFF_IO,    /* storage: the kernel's own in_iowait */
	MP_OFF_LOCK,  /* futex */
	MP_OFF_NET,   /* in a call that sends, receives, accepts or connects, or on a socket */
	MP_OFF_POLL,  /* epoll, poll, select */
	MP_OFF_SLEEP, /* nanosleep */
	MP_OFF_PIPE,
	MP_OFF_OTHER,
	MP_OFF_PREEMPTED, /* it would have gone on: until it is back, all is waiting for a CPU */
	_MP_OFF_MAX,
	MP_OFF_BY_FD = _MP_OFF_MAX, /* of a system call: what its descriptor is decides */
};
#define MP_SYSCALLS 512 /* numbers at and above are "other" */

/* A thread that waits, or did. It has one of MP_OFF_PROBES places, from its tid's on. */
struct mp_off {
	__u32 tid;      /* 0: the place is free */
	__u32 gen;      /* of the attachment it was written under */
	__u64 since_ns; /* CLOCK_MONOTONIC when it left its CPU; 0: it runs */
	__u64 at_ns;    /* ... of the last switch that was seen, and then: */
	__u64 delay_ns; /* its run_delay */
	__u64 exec_ns;  /* its CPU time */
	__u64 start_ns; /* of its process */
	__u32 slot;
	__u32 reason; /* enum mp_off_reason */
};
_Static_assert(sizeof(struct mp_off) == 56, "abi: struct mp_off");
#define MP_OFF_PLACES 16384
#define MP_OFF_PROBES 8

/*
 * Latencies are told apart by the class of their process: user space gives one to each role and
 * model, 0 is nobody in particular. A member that was forked from a classified one has that one's.
 */
#define MP_CLASSES 16

/* Of a slot. Whoever finds another process's start_ns in it clears it first. */
struct mp_extra {
	__u64 start_ns; /* with the slot's tgid its identity */
	__u32 class_id, pad;
	__u64 v[_MP_EX_MAX];
};
_Static_assert(sizeof(struct mp_extra) == 16 + 8 * _MP_EX_MAX, "abi: struct mp_extra");

enum mp_lat_id { MP_LAT_RUNQ, MP_LAT_BLOCK_READ, MP_LAT_BLOCK_WRITE, _MP_LAT_MAX };

/*
 * Log-linear histogram: 16 buckets of 64 ns, then 16 to each power of two, so that a bucket is at
 * most 1/16 of its lower edge wide. The last one ends at 2^40 ns (18 minutes) and takes all above.
 */
#define MP_LAT_UNIT_SHIFT 6
#define MP_LAT_SUB_BITS   4
#define MP_LAT_SUB        (1U << MP_LAT_SUB_BITS)
#define MP_LAT_BUCKETS    ((40 - MP_LAT_UNIT_SHIFT - MP_LAT_SUB_BITS + 1) * MP_LAT_SUB)

static inline __attribute__((always_inline)) __u32 mp_lat_bucket(__u64 ns)
{
	__u64 u = ns >> MP_LAT_UNIT_SHIFT, x = u;
	__u32 e = 0, i;

	if (u < MP_LAT_SUB)
		return (__u32)u;
	for (__u32 step = 32; step; step /= 2) /* floor of the binary logarithm */
		if (x >> step) {
			x >>= step;
			e += step;
		}
	i = (e - MP_LAT_SUB_BITS + 1) * MP_LAT_SUB +
	    ((__u32)(u >> (e - MP_LAT_SUB_BITS)) & (MP_LAT_SUB - 1));
	return i < MP_LAT_BUCKETS ? i : MP_LAT_BUCKETS - 1;
}

/* Lower edge of bucket i in ns; of i + 1: its upper edge. */
static inline __u64 mp_lat_edge(__u32 i)
{
	__u32 e = i / MP_LAT_SUB;
	__u64 u = e ? (__u64)(MP_LAT_SUB + i % MP_LAT_SUB) << (e - 1) : i;

	return u << MP_LAT_UNIT_SHIFT;
}

/* One latency of one class. All of it only grows. */
struct mp_lat {
	__u64 sum_ns;
	__u64 count[MP_LAT_BUCKETS];
};

/* Longest of each, as seen by one CPU since a user last put a 0 there. */
struct mp_lat_max {
	__u64 ns[_MP_LAT_MAX][MP_CLASSES];
};

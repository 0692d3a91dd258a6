/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What optional groups of probes hand to user space: counters of members, and histograms of
 * latencies. Part of abi.h, which alone includes it.
 */
#pragma once

/* Groups, a bit each; a metric names those it needs. */
enum mp_group {
	MP_GROUP_SCHED = 1 << 0, /* I/O wait */
	MP_GROUP_RUNQ = 1 << 1,  /* waits for a CPU */
	MP_GROUP_OOM = 1 << 2,   /* kills for lack of memory */
};
#define MP_N_GROUPS 3

/* Counters of one member that groups keep: they only grow, while their group is attached. */
enum mp_extra_id { MP_EX_OOM_KILLS, _MP_EX_MAX };

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

enum mp_lat_id { MP_LAT_RUNQ, _MP_LAT_MAX };

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

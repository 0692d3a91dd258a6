/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A JVM's performance data (hsperfdata, version 2): foreign bytes, read with bounds. Two steps: the
 * layout is parsed once, values are then taken from where it says. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MP_HSPERF_MAX        (1U << 20) /* bytes looked at; a JVM's file has 32 KiB */
#define MP_HSPERF_COLLECTORS 4
#define MP_HSPERF_SPACES     16

enum mp_hsperf_field {
	MP_HS_FREQUENCY, /* ticks a second, of all times */
	MP_HS_SAFEPOINTS,
	MP_HS_SAFEPOINT_TIME,
	MP_HS_SAFEPOINT_SYNC,
	MP_HS_METASPACE_USED,
	MP_HS_THREADS_LIVE,
	MP_HS_THREADS_PEAK,
	MP_HS_THREADS_STARTED,
	MP_HS_CLASSES,
	_MP_HS_MAX
};

struct mp_hsperf_collector {
	uint32_t count, time, entry, exit; /* offsets, 0: absent */
	bool full;                         /* collects the whole heap */
};

/* Offsets of 64-bit values; 0: the JVM does not have it. */
struct mp_hsperf {
	uint32_t used, entries; /* as the header said: other numbers mean another layout */
	uint32_t end;           /* bytes needed for all values */
	uint32_t field[_MP_HS_MAX];
	struct mp_hsperf_collector gc[MP_HSPERF_COLLECTORS];
	uint32_t space_used[MP_HSPERF_SPACES];
	uint32_t generation_capacity[4], generation_max[4];
	bool shared_max; /* G1: each generation may grow to the whole heap */
};

/*
 * 0; -EAGAIN: the JVM has not finished writing it; -EINVAL: not such a file, or broken; -ENOTSUP:
 * another version or byte order.
 */
int mp_hsperf_parse(const void *data, size_t len, struct mp_hsperf *ret);
/* Does the header still tell of the layout that was parsed? */
bool mp_hsperf_same(const void *data, size_t len, const struct mp_hsperf *h);
/* Value at an offset of the layout; false when it is absent or beyond len. */
bool mp_hsperf_value(const void *data, size_t len, uint32_t offset, int64_t *ret);

// SPDX-License-Identifier: GPL-2.0-only
/* Clocks, through the vDSO. */
#include <mmsperf/clock.h>

#include <time.h>

static uint64_t read_ns(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * MP_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

uint64_t mp_now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t mp_boot_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

double mp_now_s(void)
{
	return (double)mp_now_ns() / 1e9;
}

double mp_wall_s(void)
{
	return (double)read_ns(CLOCK_REALTIME) / 1e9;
}

struct mp_moment mp_moment_now(void)
{
	return (struct mp_moment){.now_s = mp_now_s(), .wall_s = mp_wall_s()};
}

double mp_moment_shift_s(const struct mp_moment *from, const struct mp_moment *to)
{
	return (to->wall_s - from->wall_s) - (to->now_s - from->now_s);
}

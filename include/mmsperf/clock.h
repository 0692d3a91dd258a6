/* SPDX-License-Identifier: GPL-2.0-only */
/* Clocks. Intervals are measured on CLOCK_MONOTONIC, only names and timestamps on the wall clock.
 */
#pragma once

#include <stdint.h>

#define MP_NSEC_PER_SEC 1000000000ULL

uint64_t mp_now_ns(void);  /* CLOCK_MONOTONIC */
uint64_t mp_boot_ns(void); /* CLOCK_BOOTTIME: the base of a process's start time */
double mp_now_s(void);     /* CLOCK_MONOTONIC, seconds */
double mp_wall_s(void);    /* CLOCK_REALTIME, seconds since the epoch */

/* One moment on both. */
struct mp_moment {
	double now_s, wall_s;
};
struct mp_moment mp_moment_now(void);
/* By how many seconds somebody set the wall clock between two moments; below 0: back. Slewing, as
 * NTP does it, moves both clocks and is no part of it. */
double mp_moment_shift_s(const struct mp_moment *from, const struct mp_moment *to);

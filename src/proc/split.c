// SPDX-License-Identifier: GPL-2.0-only
/*
 * User and system time. The kernel counts them by ticks, which for short processes is 36-50 % low;
 * their ratio applied to the exact run time is what /proc and psutil show, so it is done here too.
 */
#include <mmsperf/tree.h>

void mp_cputime_split(uint64_t run_ns, uint64_t utime, uint64_t stime, uint64_t *user,
		      uint64_t *system)
{
	uint64_t u, s;

	/* kernel/sched/cputime.c, cputime_adjust(): same order, same rules */
	if (*user + *system >= run_ns)
		return;
	if (stime == 0)
		s = 0;
	else if (utime == 0)
		s = run_ns;
	else
		s = (uint64_t)((unsigned __int128)stime * run_ns /
			       ((unsigned __int128)utime + stime));
	if (s < *system)
		s = *system;
	u = run_ns - s;
	if (u < *user) {
		u = *user;
		s = run_ns - u;
	}
	*user = u;
	*system = s;
}

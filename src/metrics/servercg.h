/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a process's control group lies, and what its cpu.stat says. Pure; for servercg.c and tests.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Folder of the group: cgroups is /proc/PID/cgroup, mounts is /proc/self/mountinfo, controller a v1
 * controller, or NULL for v2. *ret_top: length of the mount point, above which there is no group.
 * -ENOENT: the process is in none; -ENODEV: not mounted; -EXDEV: outside of what is mounted.
 */
int mp_servercg_find(const char *cgroups, const char *mounts, const char *controller,
		     char **ret_dir, size_t *ret_top);

struct mp_throttle {
	uint64_t periods, throttled;
	double seconds;
};
/* cpu.stat of v1 or v2; -ENODATA: a root group's, which has no limit. */
int mp_throttle_parse(const char *text, struct mp_throttle *ret);

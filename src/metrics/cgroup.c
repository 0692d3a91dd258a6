// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taurus's local monitor takes cpu and mem from the control group file system where that has its
 * files at its mount point (in containers), else from the machine. Same choice, same files here
 * (bzt 1.17.2, bzt/modules/monitoring.py), so that "cpu" is the same number on both.
 */
#include "metrics/system.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mp_cgroup {
	int version;
	char *path; /* v2: the mount point; v1: the folder of the controllers */
	double cpu_limit, mem_limit;
};

static bool has_file(const char *dir, const char *name)
{
	_cleanup_free_ char *path = mp_path_join(dir, name);

	return path && mp_is_file(path);
}

static int read_text(const struct mp_cgroup *c, const char *name, char **ret)
{
	_cleanup_free_ char *path = mp_path_join(c->path, name);
	size_t len;

	return path ? mp_read_file(path, 1 << 20, ret, &len) : -ENOMEM;
}

/* A number; false also for "max" and for the numbers that mean "no limit". */
static bool read_number(const struct mp_cgroup *c, const char *name, double *ret)
{
	_cleanup_free_ char *text = NULL;
	char *end;
	double v;

	if (read_text(c, name, &text) < 0)
		return false;
	v = strtod(text, &end);
	if (end == text || v < 0 || v > 9e18)
		return false;
	*ret = v;
	return true;
}

/* Value of the line "KEY VALUE". */
static bool read_key(const struct mp_cgroup *c, const char *name, const char *key, double *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t n = strlen(key);

	if (read_text(c, name, &text) < 0)
		return false;
	for (char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!strncmp(p, key, n) && p[n] == ' ') {
			*ret = strtod(p + n + 1, NULL);
			return true;
		}
	return false;
}

static void find_limits(struct mp_cgroup *c)
{
	double quota, period, limit;

	c->cpu_limit = (double)sysconf(_SC_NPROCESSORS_ONLN) * 1e6;
	c->mem_limit = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
	if (c->version == 2) {
		_cleanup_free_ char *max = NULL;

		if (read_text(c, "cpu.max", &max) == 0 &&
		    sscanf(max, "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0)
			c->cpu_limit = quota / period * 1e6;
		if (read_number(c, "memory.max", &limit) && limit > 0)
			c->mem_limit = limit;
		return;
	}
	if (read_number(c, "cpu/cpu.cfs_quota_us", &quota) && quota > 0 &&
	    read_number(c, "cpu/cpu.cfs_period_us", &period) && period > 0)
		c->cpu_limit = quota / period * 1e6;
	if (read_number(c, "memory/memory.limit_in_bytes", &limit) && limit > 0)
		c->mem_limit = limit;
}

void mp_cgroup_free(struct mp_cgroup *c)
{
	if (!c)
		return;
	free(c->path);
	free(c);
}

int mp_cgroup_open(const char *mtab, struct mp_cgroup **ret_cg)
{
	_cleanup_fclose_ FILE *f = fopen(mtab, "re");
	_cleanup_free_ char *line = NULL, *found = NULL;
	struct mp_cgroup *c;
	size_t cap = 0;
	int version = 0;

	*ret_cg = NULL;
	if (!f)
		return -errno;
	while (version != 2 && getline(&line, &cap, f) > 0) {
		char *save = NULL, *dir, *type, *slash;

		(void)strtok_r(line, " \t", &save);
		dir = strtok_r(NULL, " \t", &save);
		type = strtok_r(NULL, " \t", &save);
		if (!type)
			continue;
		if (!strcmp(type, "cgroup2")) {
			if (!has_file(dir, "cpu.stat") || !has_file(dir, "memory.current"))
				continue;
			version = 2;
		} else if (!strcmp(type, "cgroup")) {
			slash = strrchr(dir, '/');
			if (!slash || slash == dir)
				continue;
			*slash = '\0';
			if (!has_file(dir, "cpu/cpuacct.usage") ||
			    !has_file(dir, "memory/memory.usage_in_bytes"))
				continue;
			version = 1;
		} else {
			continue;
		}
		free(found);
		found = strdup(dir);
		if (!found)
			return -ENOMEM;
	}
	if (!version)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->version = version;
	c->path = TAKE_PTR(found);
	find_limits(c);
	*ret_cg = c;
	return 0;
}

int mp_cgroup_read(const struct mp_cgroup *c, uint64_t *ret_cpu_us, uint64_t *ret_mem)
{
	bool v2 = c->version == 2;
	double cpu, mem, inactive;

	if (v2 ? !read_key(c, "cpu.stat", "usage_usec", &cpu)
	       : !read_number(c, "cpu/cpuacct.usage", &cpu))
		return -ENODATA;
	if (!read_number(c, v2 ? "memory.current" : "memory/memory.usage_in_bytes", &mem))
		return -ENODATA;
	if (read_key(c, v2 ? "memory.stat" : "memory/memory.stat",
		     v2 ? "inactive_file" : "total_inactive_file", &inactive))
		mem -= inactive;
	*ret_cpu_us = (uint64_t)(v2 ? cpu : cpu / 1000.0);
	*ret_mem = mem > 0 ? (uint64_t)mem : 0;
	return 0;
}

double mp_cgroup_cpu_limit(const struct mp_cgroup *c)
{
	return c->cpu_limit;
}

double mp_cgroup_mem_limit(const struct mp_cgroup *c)
{
	return c->mem_limit;
}

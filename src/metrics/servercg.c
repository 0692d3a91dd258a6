// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's control group: throttling, memory and its limit, kills, pressure; v1 and v2. Limits
 * act on a group and all below it, so the group looked at is the nearest one, from the server's own
 * upwards, that has a limit. Files are opened once for each server. Everybody may read them.
 */
#include "metrics/plus.h"

#include "metrics/servercg.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define MAX_TEXT   (1U << 20) /* mountinfo of a machine with thousands of containers */
#define MAX_LEVELS 64

static bool has_word(const char *list, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if ((i == 0 || list[i - 1] == ',') && !strncmp(list + i, word, n) &&
		    (i + n == len || list[i + n] == ','))
			return true;
	return false;
}

/* Path of the group in its hierarchy: of the v1 controller, or of v2 where controller is NULL. */
static char *group_path(const char *cgroups, const char *controller)
{
	for (const char *p = cgroups; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		const char *list = strchr(p, ':'), *path;

		if (!list || !(path = strchr(++list, ':')))
			return NULL;
		if (controller ? has_word(list, (size_t)(path - list), controller)
			       : !strncmp(p, "0::", 3))
			return strndup(path + 1, strcspn(path + 1, "\n"));
	}
	return NULL;
}

struct mount {
	char *root, *point;
};

static void mount_done(struct mount *m)
{
	free(m->root);
	free(m->point);
}
#define _cleanup_mount_ _cleanup_(mount_done)

/* \040 and the like: blanks in a path. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* One line of mountinfo; false: another file system, or another controller. */
static bool match_mount(char *line, const char *controller, struct mount *m)
{
	char *save = NULL, *field[6], *type, *options = NULL;

	for (int i = 0; i < 6; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return false;
	}
	while ((type = strtok_r(NULL, " ", &save)) && strcmp(type, "-") != 0)
		; /* optional fields */
	type = strtok_r(NULL, " ", &save);
	if (!type || !strtok_r(NULL, " ", &save))
		return false;
	options = strtok_r(NULL, " ", &save);
	if (controller ? strcmp(type, "cgroup") || !options ||
				 !has_word(options, strlen(options), controller)
		       : strcmp(type, "cgroup2"))
		return false;
	unescape(field[3]);
	unescape(field[4]);
	m->root = strdup(field[3]);
	m->point = strdup(field[4]);
	return true;
}

static bool find_mount(const char *mounts, const char *controller, struct mount *m)
{
	_cleanup_free_ char *copy = strdup(mounts);
	char *save = NULL;

	for (char *l = copy ? strtok_r(copy, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save))
		if (match_mount(l, controller, m)) {
			if (m->root && m->point)
				return true;
			mount_done(m);
			return false;
		}
	return false;
}

int mp_servercg_find(const char *cgroups, const char *mounts, const char *controller,
		     char **ret_dir, size_t *ret_top)
{
	_cleanup_free_ char *path = group_path(cgroups, controller);
	_cleanup_mount_ struct mount m = {0};
	const char *below = path;
	size_t n;

	if (!path)
		return -ENOENT;
	if (!find_mount(mounts, controller, &m))
		return -ENODEV;
	n = strlen(m.root);
	if (n > 1 && !strncmp(path, m.root, n) && (path[n] == '/' || !path[n]))
		below = path + n;
	/* outside of the control group namespace that is mounted here */
	if (!strncmp(below, "/..", 3) || strstr(below, "/../"))
		return -EXDEV;
	if (!strcmp(below, "/"))
		below = "";
	*ret_top = strlen(m.point);
	*ret_dir = mp_asprintf("%s%s", m.point, below);
	return *ret_dir ? 0 : -ENOMEM;
}

/* --- one controller's folder ----------------------------------------------------------------- */

static int open_in(const char *dir, const char *name)
{
	_cleanup_free_ char *path = mp_path_join(dir, name);

	return path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

static bool read_in(const char *dir, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = open_in(dir, name);

	return fd >= 0 && mp_reread(fd, buf, size) == 0;
}

/* The file's number is a limit: not "max", not -1, not the kernel's "as much as can be". */
static bool read_limit(const char *dir, const char *name, double *ret)
{
	char buf[128], *end;

	if (!read_in(dir, name, buf, sizeof(buf)))
		return false;
	*ret = strtod(buf, &end);
	return end != buf && *ret > 0 && *ret < 9e18;
}

/* Cuts dir back to the nearest group with a limit; leaves it alone where none has one. */
static bool go_to_limit(char *dir, size_t top, const char *file, double *ret)
{
	size_t len = strlen(dir);
	char cut[MAX_LEVELS];
	size_t at[MAX_LEVELS];
	int n = 0;

	for (;;) {
		char *slash;

		if (read_limit(dir, file, ret))
			return true;
		slash = strrchr(dir, '/');
		if (n == MAX_LEVELS || !slash || (size_t)(slash - dir) < top)
			break;
		at[n] = (size_t)(slash - dir);
		cut[n++] = *slash;
		*slash = '\0';
	}
	while (n-- > 0)
		dir[at[n]] = cut[n];
	dir[len] = '\0';
	return false;
}

/* --- the reader ------------------------------------------------------------------------------ */

struct servercg {
	pid_t pid;
	uint64_t start_ns;
	int stat_fd, used_fd, peak_fd, oom_fd;
	bool v2_cpu, v2_mem;
	double mem_limit; /* 0: none */
	struct mp_pressure cpu, io, mem;
	const char *why_cpu, *why_mem, *why_psi;
};

static int servercg_open(struct mp_context *c, void **ret_state)
{
	struct servercg *g = malloc(sizeof(*g));

	(void)c;
	if (!g)
		return -ENOMEM;
	*g = (struct servercg){.stat_fd = -1,
			       .used_fd = -1,
			       .peak_fd = -1,
			       .oom_fd = -1,
			       .cpu.fd = -1,
			       .io.fd = -1,
			       .mem.fd = -1};
	*ret_state = g;
	return 0;
}

static void close_all(struct servercg *g)
{
	int *fds[] = {&g->stat_fd, &g->used_fd, &g->peak_fd, &g->oom_fd};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (*fds[i] >= 0)
			(void)close(TAKE_FD(*fds[i]));
	mp_pressure_close(&g->cpu);
	mp_pressure_close(&g->io);
	mp_pressure_close(&g->mem);
	g->mem_limit = 0;
	g->why_cpu = g->why_mem = g->why_psi = NULL;
}

static const char *why_not_found(int r)
{
	return r == -EXDEV    ? "the server's control group lies outside of what is mounted here"
	       : r == -ENODEV ? "the server's control group is not mounted here"
			      : "the server has no control group of this kind";
}

/* v1 where the controller has a hierarchy of its own, else v2. */
static int find(const char *cgroups, const char *mounts, const char *controller, char **ret_dir,
		size_t *ret_top, bool *ret_v2)
{
	int r = mp_servercg_find(cgroups, mounts, controller, ret_dir, ret_top);

	*ret_v2 = r < 0;
	return r < 0 ? mp_servercg_find(cgroups, mounts, NULL, ret_dir, ret_top) : 0;
}

static void find_cpu(struct servercg *g, const char *cgroups, const char *mounts)
{
	_cleanup_free_ char *dir = NULL;
	double quota;
	size_t top;
	int r = find(cgroups, mounts, "cpu", &dir, &top, &g->v2_cpu);

	if (r < 0) {
		g->why_cpu = why_not_found(r);
		return;
	}
	(void)go_to_limit(dir, top, g->v2_cpu ? "cpu.max" : "cpu.cfs_quota_us", &quota);
	g->stat_fd = open_in(dir, "cpu.stat");
	if (g->stat_fd < 0)
		g->why_cpu = "the server's control group has no cpu.stat";
}

static void find_memory(struct servercg *g, const char *cgroups, const char *mounts)
{
	_cleanup_free_ char *dir = NULL;
	size_t top;
	int r = find(cgroups, mounts, "memory", &dir, &top, &g->v2_mem);

	if (r < 0) {
		g->why_mem = why_not_found(r);
		return;
	}
	if (!go_to_limit(dir, top, g->v2_mem ? "memory.max" : "memory.limit_in_bytes",
			 &g->mem_limit))
		g->mem_limit = 0;
	g->used_fd = open_in(dir, g->v2_mem ? "memory.current" : "memory.usage_in_bytes");
	g->peak_fd = open_in(dir, g->v2_mem ? "memory.peak" : "memory.max_usage_in_bytes");
	g->oom_fd = open_in(dir, g->v2_mem ? "memory.events" : "memory.oom_control");
	if (g->used_fd < 0)
		g->why_mem = "the memory of the server's control group is not counted: it is the "
			     "root, or the controller is off";
}

static void find_pressure(struct servercg *g, const char *cgroups, const char *mounts)
{
	_cleanup_free_ char *dir = NULL;
	size_t top;
	int r = mp_servercg_find(cgroups, mounts, NULL, &dir, &top);
	struct {
		struct mp_pressure *p;
		const char *name;
	} files[] = {
		{&g->cpu, "cpu.pressure"}, {&g->io, "io.pressure"}, {&g->mem, "memory.pressure"}};

	if (r < 0) {
		g->why_psi = why_not_found(r);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = mp_path_join(dir, files[i].name);

		if (path)
			mp_pressure_open(files[i].p, path);
	}
	if (g->cpu.fd < 0)
		g->why_psi = g->cpu.error == -EOPNOTSUPP
				     ? "the kernel counts no pressure here: it was started without "
				       "psi=1"
				     : "the server's control group has no pressure files";
}

static void follow(struct servercg *g, pid_t pid)
{
	_cleanup_free_ char *cgroups = NULL, *mounts = NULL;
	char path[64];
	size_t len;

	close_all(g);
	if (!pid)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (mp_read_file(path, MAX_TEXT, &cgroups, &len) < 0 ||
	    mp_read_file("/proc/self/mountinfo", MAX_TEXT, &mounts, &len) < 0) {
		g->why_cpu = g->why_mem = g->why_psi = "the server's control group is not known";
		return;
	}
	find_cpu(g, cgroups, mounts);
	find_memory(g, cgroups, mounts);
	find_pressure(g, cgroups, mounts);
}

int mp_throttle_parse(const char *text, struct mp_throttle *ret)
{
	struct mp_throttle t;
	uint64_t stood;

	if (!mp_key_u64(text, "nr_periods", &t.periods) ||
	    !mp_key_u64(text, "nr_throttled", &t.throttled))
		return -ENODATA;
	if (mp_key_u64(text, "throttled_usec", &stood))
		t.seconds = (double)stood / 1e6;
	else if (mp_key_u64(text, "throttled_time", &stood))
		t.seconds = (double)stood / 1e9;
	else
		return -ENODATA;
	*ret = t;
	return 0;
}

static void throttling(struct servercg *g, struct mp_value *v)
{
	struct mp_throttle t;
	char buf[4096];

	if (g->stat_fd < 0 || mp_reread(g->stat_fd, buf, sizeof(buf)) < 0)
		return;
	if (mp_throttle_parse(buf, &t) < 0) {
		g->why_cpu = "the server is in the root of the control groups, where no limit is";
		return;
	}
	v[MP_XM_CG_PERIODS] = mp_valid((double)t.periods);
	v[MP_XM_CG_THROTTLED] = mp_valid((double)t.throttled);
	v[MP_XM_CG_THROTTLED_S] = mp_valid(t.seconds);
}

static struct mp_value number(int fd)
{
	char buf[128], *end;
	double v;

	if (fd < 0 || mp_reread(fd, buf, sizeof(buf)) < 0)
		return (struct mp_value){0};
	v = strtod(buf, &end);
	return end == buf ? (struct mp_value){0} : mp_valid(v);
}

static void memory(struct servercg *g, struct mp_value *v)
{
	char buf[1024];
	uint64_t kills;

	v[MP_XM_CG_MEM] = number(g->used_fd);
	v[MP_XM_CG_MEM_PEAK] = number(g->peak_fd);
	if (g->mem_limit > 0 && v[MP_XM_CG_MEM].valid)
		v[MP_XM_CG_MEM_RATIO] = mp_valid(v[MP_XM_CG_MEM].v / g->mem_limit);
	if (g->oom_fd >= 0 && mp_reread(g->oom_fd, buf, sizeof(buf)) == 0 &&
	    mp_key_u64(buf, "oom_kill", &kills))
		v[MP_XM_CG_OOM] = mp_valid((double)kills);
}

static void servercg_update(void *state, const struct mp_server *s, struct mp_value *v)
{
	struct servercg *g = state;

	if (s->pid != g->pid || s->start_ns != g->start_ns) {
		g->pid = s->pid;
		g->start_ns = s->start_ns;
		follow(g, s->pid);
	}
	throttling(g, v);
	memory(g, v);
	mp_pressure_update(&g->cpu, s->now_ns, &v[MP_XM_CG_PSI_CPU], &v[MP_XM_CG_PSI_CPU_FULL]);
	mp_pressure_update(&g->io, s->now_ns, &v[MP_XM_CG_PSI_IO], NULL);
	mp_pressure_update(&g->mem, s->now_ns, &v[MP_XM_CG_PSI_MEM], NULL);
}

static const char *servercg_why(void *state, int metric)
{
	const struct servercg *g = state;

	if (!g->pid)
		return "there is no server now";
	switch (metric) {
	case MP_XM_CG_PERIODS:
	case MP_XM_CG_THROTTLED:
	case MP_XM_CG_THROTTLED_S:
		return g->why_cpu;
	case MP_XM_CG_MEM_RATIO:
		return g->why_mem ? g->why_mem : "the server's memory has no limit";
	case MP_XM_CG_MEM:
	case MP_XM_CG_MEM_PEAK:
	case MP_XM_CG_OOM:
		return g->why_mem ? g->why_mem : "this kernel does not tell it";
	default:
		return g->why_psi;
	}
}

static void servercg_free(void *state)
{
	close_all(state);
	free(state);
}

const struct mp_reader_ops mp_servercg_reader = {.open = servercg_open,
						 .update = servercg_update,
						 .why = servercg_why,
						 .free = servercg_free};

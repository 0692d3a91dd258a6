// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding the server. A command line that matches is not enough: this program, what started it and
 * what it started carry the pattern too (as an argument), so they never count; of matching
 * processes in one line of descent the topmost is the server.
 */
#include "proc/target.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum how { BY_PID, BY_PIDFILE, BY_MATCH, BY_SERVER };

#define MAX_DEPTH 256 /* generations walked up; a longer chain than that is no server's */

struct mp_finder {
	enum how how;
	pid_t pid;
	uint64_t pid_start; /* of the process that had the pid when the finder was made */
	char *pidfile;
	char *server_pidfile; /* MMS's own: decides between several running servers */
	pid_t lost;           /* pid of the pid file's last server, which has ended */
	struct timespec lost_mtime;
	bool has_match;
	regex_t match, workers;
};

static int compile(regex_t *re, const char *pattern, const char *option, struct mp_diag *d)
{
	char why[128];
	int e = regcomp(re, pattern, REG_EXTENDED | REG_NOSUB);

	if (!e)
		return 0;
	(void)regerror(e, re, why, sizeof(why));
	return mp_diag_set(d, -EINVAL, NULL, 0, 0, "%s '%s' is no regular expression: %s", option,
			   pattern, why);
}

static char *server_pidfile(void)
{
	const char *dir = getenv("TMPDIR");

	return mp_path_join(dir && *dir ? dir : "/tmp", ".model_server.pid");
}

void mp_finder_free(struct mp_finder *f)
{
	if (!f)
		return;
	free(f->pidfile);
	free(f->server_pidfile);
	if (f->has_match)
		regfree(&f->match);
	regfree(&f->workers);
	free(f);
}

static int choose(struct mp_finder *f, const struct mp_target *t, struct mp_diag *d)
{
	struct mp_pid_stat st;
	int r;

	if (t->pid) {
		f->how = BY_PID;
		f->pid = t->pid;
		if (mp_pid_stat_read(t->pid, &st) < 0)
			return mp_diag_set(d, -ESRCH, NULL, 0, 0, "there is no process %d",
					   (int)t->pid);
		f->pid_start = st.start;
	} else if (t->pidfile) {
		f->how = BY_PIDFILE;
		f->pidfile = strdup(t->pidfile);
		if (!f->pidfile)
			return -ENOMEM;
	} else if (t->match) {
		f->how = BY_MATCH;
		r = compile(&f->match, t->match, "--match", d);
		if (r < 0)
			return r;
		f->has_match = true;
	} else {
		f->how = BY_SERVER;
		f->server_pidfile = server_pidfile();
		if (!f->server_pidfile)
			return -ENOMEM;
	}
	return 0;
}

int mp_finder_new(const struct mp_target *t, struct mp_finder **ret_finder, struct mp_diag *d)
{
	struct mp_finder *f;
	int r;

	if (t->pid < 0)
		return mp_diag_set(d, -EINVAL, NULL, 0, 0, "%d is no pid", (int)t->pid);
	if (!!t->pid + !!t->pidfile + !!t->match > 1)
		return mp_diag_set(d, -EINVAL, NULL, 0, 0,
				   "choose the server by one of pid, pid file and pattern only");
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	r = compile(&f->workers, t->workers ? t->workers : MP_WORKER_PATTERN, "worker pattern", d);
	if (r < 0) {
		free(f);
		return r;
	}
	r = choose(f, t, d);
	if (r < 0) {
		mp_finder_free(f);
		return r;
	}
	*ret_finder = f;
	return 0;
}

bool mp_finder_is_worker(const struct mp_finder *f, const char *cmd)
{
	return regexec(&f->workers, cmd, 0, NULL, 0) == 0;
}

bool mp_finder_polls(const struct mp_finder *f)
{
	return f->how == BY_PIDFILE;
}

static bool is_alive(pid_t pid, struct mp_pid_stat *st)
{
	return mp_pid_stat_read(pid, st) == 0 && !mp_pid_is_dead(st);
}

/* The pid a file names, with the file's time of change; 0: none. */
static pid_t read_pidfile(const char *path, struct timespec *ret_mtime)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t len;
	long pid;
	char *end;

	if (stat(path, &st) < 0 || mp_read_file(path, 4096, &text, &len) < 0)
		return 0;
	pid = strtol(text, &end, 10);
	if (end == text || pid <= 0 || pid > INT32_MAX)
		return 0;
	*ret_mtime = st.st_mtim;
	return (pid_t)pid;
}

static pid_t from_pidfile(struct mp_finder *f)
{
	struct timespec mtime;
	struct mp_pid_stat st;
	pid_t pid = read_pidfile(f->pidfile, &mtime);

	if (!pid || !is_alive(pid, &st))
		return 0;
	/* the file still names the server that ended: whoever has that pid now is another */
	if (pid == f->lost && mtime.tv_sec == f->lost_mtime.tv_sec &&
	    mtime.tv_nsec == f->lost_mtime.tv_nsec)
		return 0;
	return pid;
}

void mp_finder_lost(struct mp_finder *f, pid_t pid)
{
	struct timespec mtime;

	if (f->how != BY_PIDFILE)
		return;
	if (read_pidfile(f->pidfile, &mtime) == pid) {
		f->lost = pid;
		f->lost_mtime = mtime;
	}
}

/* Whether a process is, by itself, one that is looked for. *ret_worker: an MMS worker script. */
static bool matches(const struct mp_finder *f, pid_t pid, bool *ret_worker)
{
	_cleanup_free_ char *argv = NULL, *cmd = NULL;
	size_t len;
	bool yes;

	*ret_worker = false;
	if (mp_pid_cmdline(pid, &argv, &len) < 0 || len == 0)
		return false;
	if (!strcmp(mp_cmd_program(argv, len), "mmsperf-bpf"))
		return false;
	if (f->how == BY_SERVER && mp_cmd_is_frontend(argv, len))
		return true;
	cmd = mp_cmd_join(argv, len);
	if (!cmd)
		return false;
	yes = f->how == BY_MATCH && regexec(&f->match, cmd, 0, NULL, 0) == 0;
	if (!yes && f->how == BY_SERVER)
		*ret_worker = mp_finder_is_worker(f, cmd);
	return yes;
}

/* This process and its ancestors, up to and without pid 1 (which may be a container's server). */
static bool is_self_or_above(pid_t pid)
{
	pid_t at = getpid();

	for (int depth = 0; at > 1 && depth < MAX_DEPTH; depth++) {
		struct mp_pid_stat st;

		if (at == pid)
			return true;
		if (mp_pid_stat_read(at, &st) < 0)
			break;
		at = st.ppid;
	}
	return false;
}

/* The topmost matching process in pid's line of descent (pid matches), or 0 when the line goes
 * through this process. */
static pid_t topmost(const struct mp_finder *f, pid_t pid)
{
	pid_t top = 0, at = pid;

	for (int depth = 0; at > 0 && depth < MAX_DEPTH; depth++) {
		struct mp_pid_stat st;
		bool worker;

		if (at == getpid())
			return 0;
		if ((at == pid || matches(f, at, &worker)) && !is_self_or_above(at))
			top = at;
		if (mp_pid_stat_read(at, &st) < 0)
			break;
		at = st.ppid;
	}
	return top;
}

static pid_t given_pid(const struct mp_finder *f)
{
	struct mp_pid_stat st;

	return is_alive(f->pid, &st) && st.start == f->pid_start ? f->pid : 0;
}

pid_t mp_finder_check(struct mp_finder *f, pid_t pid)
{
	bool worker;

	if (f->how == BY_PID)
		return given_pid(f);
	if (f->how == BY_PIDFILE)
		return from_pidfile(f);
	return matches(f, pid, &worker) ? topmost(f, pid) : 0;
}

struct best {
	pid_t pid;
	uint64_t start;
	pid_t preferred; /* by the server's own pid file */
};

static void consider(struct best *b, pid_t pid)
{
	struct mp_pid_stat st;

	if (!pid || pid == b->pid || !is_alive(pid, &st))
		return;
	if (b->pid && b->pid == b->preferred)
		return;
	if (!b->pid || pid == b->preferred || st.start < b->start) {
		b->pid = pid;
		b->start = st.start;
	}
}

pid_t mp_finder_scan(struct mp_finder *f, pid_t *orphans, size_t max, size_t *ret_orphans)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct timespec mtime;
	struct best best = {0};
	struct dirent *e;
	size_t n = 0;

	*ret_orphans = 0;
	if (f->how == BY_PID)
		return given_pid(f);
	if (f->how == BY_PIDFILE)
		return from_pidfile(f);
	if (f->server_pidfile)
		best.preferred = read_pidfile(f->server_pidfile, &mtime);
	dir = opendir("/proc");
	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		struct mp_pid_stat st;
		bool worker;
		char *end;
		long pid = strtol(e->d_name, &end, 10);

		if (pid <= 0 || *end)
			continue;
		if (matches(f, (pid_t)pid, &worker))
			consider(&best, topmost(f, (pid_t)pid));
		else if (worker && n < max && is_alive((pid_t)pid, &st) && st.ppid == 1)
			orphans[n++] = (pid_t)pid;
	}
	/* where pid 1 is the server itself its workers are no orphans */
	*ret_orphans = best.pid == 1 ? 0 : n;
	return best.pid;
}

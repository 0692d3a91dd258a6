// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a model server's files lie: its command line, which everybody may read, then its
 * environment and folders, which only its user and a tracer may. Opens nothing for good. Called by
 * the readers of the JVM, the log and the management API.
 */
#include "metrics/plus.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_ENVIRON (4U << 20)

/* Value of NAME in /proc/PID/environ; NULL: none, or not to be read. Caller frees. */
static char *server_env(pid_t pid, const char *name)
{
	_cleanup_free_ char *text = NULL;
	size_t len, n = strlen(name);
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	if (mp_read_file(path, MAX_ENVIRON, &text, &len) < 0)
		return NULL;
	for (const char *p = text; p < text + len; p += strlen(p) + 1)
		if (!strncmp(p, name, n) && p[n] == '=' && p[n + 1])
			return strdup(p + n + 1);
	return NULL;
}

static char *word_after(const char *p)
{
	size_t n = strcspn(p, " ");

	return n ? strndup(p, n) : NULL;
}

/* Value of an option -Dname= in a command line joined by ' '; caller frees. NULL: none. */
static char *property(const char *cmd, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = cmd; (p = strstr(p, "-D")); p += 2)
		if ((p == cmd || p[-1] == ' ') && !strncmp(p + 2, name, n) && p[2 + n] == '=')
			return word_after(p + 2 + n + 1);
	return NULL;
}

char *mp_cmd_option(const char *cmd, const char *option)
{
	size_t n = strlen(option);

	for (const char *p = cmd; (p = strstr(p, option)); p += n)
		if ((p == cmd || p[-1] == ' ') && p[n] == ' ')
			return word_after(p + n + 1);
	return NULL;
}

static char *read_link(pid_t pid, const char *name)
{
	char path[64], target[PATH_MAX];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return NULL;
	target[n] = '\0';
	return strdup(target);
}

/* Prefix through which the server's paths are seen from here: "" or /proc/PID/root. */
static const char *root_prefix(pid_t pid, char buf[64])
{
	struct stat here, there;

	(void)snprintf(buf, 64, "/proc/%d/root", (int)pid);
	if (stat(buf, &there) < 0 || stat("/", &here) < 0 ||
	    (here.st_dev == there.st_dev && here.st_ino == there.st_ino))
		return "";
	return buf;
}

/* By its environment and working directory, as log4j2.xml of MMS and TorchServe have it. */
static char *told_log_dir(pid_t pid)
{
	_cleanup_free_ char *dir = server_env(pid, "METRICS_LOCATION");
	_cleanup_free_ char *cwd = read_link(pid, "cwd"), *whole = NULL;
	char root[64];

	if (!cwd)
		return NULL;
	whole = mp_path_join(cwd, dir ? dir : "logs");
	return whole ? mp_asprintf("%s%s", root_prefix(pid, root), whole) : NULL;
}

/* DIR/../logs: a guess that costs nothing, as the files' names are looked for there. */
static char *beside(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && slash != path ? mp_asprintf("%.*s/logs", (int)(slash - path), path) : NULL;
}

static char *parent_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && slash != path ? strndup(path, (size_t)(slash - path)) : NULL;
}

char *mp_server_log_dir(const struct mp_context *c, pid_t pid, const char *cmd, int i)
{
	_cleanup_free_ char *tmp = NULL, *pid_dir = NULL;
	char *candidates[5] = {NULL}, *found = NULL;
	size_t n = 0;

	if (c && c->server_logs)
		return i == 0 ? strdup(c->server_logs) : NULL;
	candidates[n++] = told_log_dir(pid);
	candidates[n++] = c && c->learnt_logs ? strdup(c->learnt_logs) : NULL;
	tmp = property(cmd, "java.io.tmpdir");
	candidates[n++] = beside(tmp);
	pid_dir = parent_of(c ? c->pidfile : NULL);
	candidates[n++] = beside(pid_dir);
	candidates[n++] = pid_dir ? mp_asprintf("%s/logs", pid_dir) : NULL;
	for (size_t k = 0; k < n; k++)
		if (candidates[k] && candidates[k][0] == '/' && i-- == 0)
			found = candidates[k];
		else
			free(candidates[k]);
	return found;
}

/* The process's number in its own pid namespace, and its user. */
static bool read_status(pid_t pid, int *ret_inner, uid_t *ret_uid)
{
	_cleanup_free_ char *text = NULL;
	const char *p;
	unsigned uid;
	size_t len;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (mp_read_file(path, 65536, &text, &len) < 0)
		return false;
	p = strstr(text, "\nUid:");
	if (!p || sscanf(p, "\nUid: %*u %u", &uid) != 1)
		return false;
	*ret_uid = uid;
	*ret_inner = (int)pid;
	p = strstr(text, "\nNSpid:");
	if (p) {
		size_t line = strcspn(p + 1, "\n");

		while (line > 0 && p[line] != '\t' && p[line] != ' ')
			line--;
		*ret_inner = (int)strtol(p + line, NULL, 10);
	}
	return *ret_inner > 0;
}

/* HotSpot on Linux writes to /tmp whatever java.io.tmpdir says; other JVMs obey it. */
char *mp_server_hsperf_path(pid_t pid, const char *cmd, int i)
{
	_cleanup_free_ char *tmpdir = property(cmd, "java.io.tmpdir");
	_cleanup_free_ char *env = NULL;
	char root[64], user[32];
	const char *prefix = root_prefix(pid, root), *dir;
	const struct passwd *pw;
	uid_t uid;
	int inner;

	if (!read_status(pid, &inner, &uid))
		return NULL;
	if (i == 0)
		dir = "/tmp";
	else if (i == 1 && tmpdir)
		dir = tmpdir;
	else if (i == 1 + !!tmpdir && (env = server_env(pid, "TMPDIR")))
		dir = env;
	else
		return NULL;
	pw = getpwuid(uid);
	if (pw)
		(void)snprintf(user, sizeof(user), "%s", pw->pw_name);
	else
		(void)snprintf(user, sizeof(user), "%u", (unsigned)uid);
	return mp_asprintf("%s%s/hsperfdata_%s/%d", prefix, dir, user, inner);
}

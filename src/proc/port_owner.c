// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who listens on a TCP port: the socket's inode from /proc/net/tcp*, then the process that holds
 * it. Walks all descriptors of all processes, so for start-up and messages only; may find nothing
 * (another user's process). Also the server that answers at a port, for the runner.
 */
#include <mmsperf/tree.h>

#include "proc/target.h"

#include <mmsperf/cleanup.h>

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define TCP_STATE_LISTEN 0x0A /* include/net/tcp_states.h */

/* Inode of a listener on the port, 0 if there is none in this table. */
static unsigned long find_inode(const char *table, unsigned port)
{
	_cleanup_fclose_ FILE *f = fopen(table, "re");
	char line[512];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned local, state;
		unsigned long inode;

		if (sscanf(line,
			   " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu",
			   &local, &state, &inode) == 3 &&
		    state == TCP_STATE_LISTEN && local == port)
			return inode;
	}
	return 0;
}

static bool holds(int proc_fd, const char *pid, const char *wanted)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_close_ int fd = -1;
	char path[sizeof(((struct dirent *)0)->d_name) + 4], link[64];
	struct dirent *e;

	(void)snprintf(path, sizeof(path), "%s/fd", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	dir = fdopendir(fd);
	if (!dir)
		return false;
	(void)TAKE_FD(fd);
	while ((e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		if (n <= 0)
			continue;
		link[n] = '\0';
		if (!strcmp(link, wanted))
			return true;
	}
	return false;
}

pid_t mp_port_owner(unsigned port, bool v6)
{
	_cleanup_closedir_ DIR *proc = NULL;
	unsigned long inode = v6 ? 0 : find_inode("/proc/net/tcp", port);
	char wanted[64];
	struct dirent *e;

	if (!inode)
		inode = find_inode("/proc/net/tcp6", port);
	if (!inode)
		return 0;
	(void)snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	proc = opendir("/proc");
	while (proc && (e = readdir(proc)))
		if (isdigit((unsigned char)e->d_name[0]) && holds(dirfd(proc), e->d_name, wanted))
			return (pid_t)strtol(e->d_name, NULL, 10);
	return 0;
}

static void finder_freep(struct mp_finder **f)
{
	mp_finder_free(*f);
}

pid_t mp_port_server(unsigned port)
{
	_cleanup_(finder_freep) struct mp_finder *f = NULL;
	pid_t owner = mp_port_owner(port, false), orphans[1];
	size_t n;

	if (!owner || mp_finder_new(&(struct mp_target){0}, &f, NULL) < 0)
		return 0;
	/* A proxy may hold the port (a container's): then the running server is the best guess. */
	if (mp_finder_check(f, owner) != owner || mp_finder_scan(f, orphans, 1, &n) == owner)
		return 0;
	return owner;
}

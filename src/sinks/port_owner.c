// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who listens on a TCP port: the socket's inode from /proc/net/tcp*, then the process that holds
 * it. Used for one error message, so it may take its time, and may find nothing (another user's).
 */
#include "sinks/listen.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

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

bool mp_listen_owner(const struct mp_addr *addr, char *buf, size_t size)
{
	unsigned port =
		ntohs(addr->sa.sa_family == AF_INET ? addr->in.sin_port : addr->in6.sin6_port);
	_cleanup_closedir_ DIR *proc = NULL;
	unsigned long inode = 0;
	char wanted[64];
	struct dirent *e;

	if (addr->sa.sa_family == AF_INET)
		inode = find_inode("/proc/net/tcp", port);
	if (!inode)
		inode = find_inode("/proc/net/tcp6", port);
	if (!inode)
		return false;
	(void)snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	proc = opendir("/proc");
	while (proc && (e = readdir(proc))) {
		_cleanup_free_ char *comm = NULL;
		char path[300];
		size_t len;

		if (!isdigit((unsigned char)e->d_name[0]) || !holds(dirfd(proc), e->d_name, wanted))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		if (mp_read_file(path, 64, &comm, &len) == 0)
			comm[strcspn(comm, "\n")] = '\0';
		(void)snprintf(buf, size, "%s (pid %s)", comm ? comm : "a process", e->d_name);
		return true;
	}
	return false;
}

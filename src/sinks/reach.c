// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leading a path around folders that the agent's later user may not pass. Owns nothing. Called by
 * cli/agent.c before privileges are dropped.
 */
#include "sinks/reach.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool may_pass(const struct stat *st, uid_t uid, gid_t gid)
{
	if (uid == 0)
		return true;
	if (st->st_uid == uid)
		return st->st_mode & S_IXUSR;
	return st->st_mode & (st->st_gid == gid ? S_IXGRP : S_IXOTH);
}

/* Symbolic links resolved as far as the path exists. */
static char *resolve(const char *path)
{
	_cleanup_free_ char *head = strdup(path), *real = NULL;
	char *slash;

	if (!head)
		return NULL;
	while (!(real = realpath(head, NULL))) {
		slash = strrchr(head, '/');
		if (!slash || slash == head)
			return strdup(path);
		*slash = '\0';
	}
	return mp_asprintf("%s%s", real, path + strlen(head));
}

int mp_reach(const char *path, uid_t uid, gid_t gid, char **ret_path, int *ret_fd)
{
	_cleanup_free_ char *full = resolve(path);
	char *after_closed = NULL, *result;
	struct stat st;
	int fd = -1;

	if (!full)
		return -ENOMEM;
	/* after_closed: the slash behind the first name below the last folder that is closed. */
	for (char *slash = strchr(full, '/'); slash; slash = strchr(slash + 1, '/')) {
		bool closed;

		*slash = '\0';
		closed = stat(slash == full ? "/" : full, &st) == 0 && !may_pass(&st, uid, gid);
		*slash = '/';
		if (closed)
			after_closed = strchr(slash + 1, '/');
	}
	if (after_closed) {
		*after_closed = '\0';
		fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
		*after_closed = '/';
	}
	result = fd < 0 ? strdup(path) : mp_asprintf("/proc/self/fd/%d%s", fd, after_closed);
	if (!result) {
		if (fd >= 0)
			(void)close(fd);
		return -ENOMEM;
	}
	*ret_path = result;
	*ret_fd = fd;
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A path that stays readable after the change of user. As nobody, the agent cannot pass a folder
 * like /root (0700) on the way to the server's pid file, though everything below is open to all.
 * A descriptor of the first folder below the last closed one leads around it.
 */
#pragma once

#include <sys/types.h>

/*
 * *ret_path: an absolute path that uid/gid can follow, path itself where that is so already, or
 * where nothing helps (the closed folder holds the file itself). *ret_fd: a descriptor it depends
 * on, to be kept open, or -1. 0 or -ENOMEM. The caller owns both. The file need not exist.
 */
int mp_reach(const char *path, uid_t uid, gid_t gid, char **ret_path, int *ret_fd);

/* SPDX-License-Identifier: GPL-2.0-only */
/* Files: whole reads with a bound, atomic writes, folders. Everything is O_CLOEXEC. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads a whole file of at most max bytes. *ret is NUL-terminated (not counted in *ret_len) and
 * owned by the caller. -EFBIG when larger. Works for /proc files (size unknown). */
int mp_read_file(const char *path, size_t max, char **ret, size_t *ret_len);
/* Writes to PATH.tmp.PID, fsyncs, renames: a reader sees the old or the new file, never a half. */
int mp_write_file(const char *path, const void *data, size_t len, mode_t mode);
int mp_write_all(int fd, const void *data, size_t len);
int mp_copy_file(const char *from, const char *to);
int mp_mkdir_p(const char *path, mode_t mode); /* 0 when it exists already */
int mp_rm_rf(const char *path);                /* never follows symbolic links */
bool mp_is_dir(const char *path);
bool mp_is_file(const char *path);
/* Points the symbolic link at target atomically. */
int mp_symlink_atomic(const char *target, const char *link);
/* "dir/name", or name alone when it is absolute or dir is empty; caller frees; NULL: no memory. */
char *mp_path_join(const char *dir, const char *name);
/* Way from one folder to another, both there: "../b/", "" for itself. Caller frees. 0, -errno. */
int mp_path_relative(const char *from, const char *to, char **ret);
/* Absolute path of name as execvp would find it (PATH), or NULL. Caller frees. */
char *mp_find_program(const char *name);

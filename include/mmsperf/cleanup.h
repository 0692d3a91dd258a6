/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ownership that is visible on the line: a variable declared with _cleanup_x_ is released when it
 * leaves its scope unless TAKE_PTR / TAKE_FD moved it out. Owns nothing; used by every module.
 */
#pragma once

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void mp_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void mp_cleanup_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static inline void mp_cleanup_fclose(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static inline void mp_cleanup_closedir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

#define _cleanup_free_     _cleanup_(mp_cleanup_free)
#define _cleanup_close_    _cleanup_(mp_cleanup_close)
#define _cleanup_fclose_   _cleanup_(mp_cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(mp_cleanup_closedir)

#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) _taken = (p);                                                        \
		(p) = NULL;                                                                        \
		_taken;                                                                            \
	})

static inline int mp_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
#define TAKE_FD(fd) mp_take_fd(&(fd))

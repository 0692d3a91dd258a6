/* SPDX-License-Identifier: GPL-2.0-only */
/* A folder of its own for each test program of results and report, and files in it. */
#pragma once

#include "unit.h"

#include <mmsperf/diag.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <string.h>

static char scratch[] = "/tmp/mmsperf-results.XXXXXX";

static inline int make_scratch(void **state)
{
	(void)state;
	return mkdtemp(scratch) ? 0 : -1;
}

static inline int remove_scratch(void **state)
{
	(void)state;
	return mp_rm_rf(scratch);
}

/* An empty folder under the scratch folder; its path is the caller's. */
static inline char *fresh_dir(const char *name)
{
	char *dir = mp_path_join(scratch, name);

	assert_non_null(dir);
	assert_int_equal(mp_mkdir_p(dir, 0755), 0);
	return dir;
}

static inline void put_file(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = mp_path_join(dir, name);

	assert_non_null(path);
	assert_int_equal(mp_write_file(path, text, strlen(text), 0644), 0);
}

/* noinline: gcc 12 takes what it returns for a pointer to its own variable */
static __attribute__((noinline, unused)) char *get_file(const char *dir, const char *name)
{
	_cleanup_free_ char *path = mp_path_join(dir, name);
	char *text = NULL;
	size_t len = 0;

	assert_non_null(path);
	assert_int_equal(mp_read_file(path, 64 << 20, &text, &len), 0);
	return text;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of run folders, ENV__COMMIT__EPOCH, and which of them a person means; private to results/.
 */
#pragma once

#include <mmsperf/diag.h>

#include <stdbool.h>
#include <stddef.h>

struct mp_runname {
	const char *commit; /* in the name; not NUL-terminated */
	size_t env_len, commit_len;
	double epoch_s;
};

/* False: made by nobody of ours (the folder is a run all the same when it holds a run.json). */
bool mp_runname_parse(const char *id, struct mp_runname *ret_name);
/*
 * Which of ids[n] spec means: itself, the only one that begins with it, its epoch, or a commit (all
 * of its runs: clean trees first, newest first). ret_at[n] is the caller's; *ret_found of it are
 * set, the preferred one first. -ENOENT; -ENOTUNIQ with the candidates named in d.
 */
int mp_runname_find(const char *const *ids, size_t n, const char *spec, size_t *ret_at,
		    size_t *ret_found, struct mp_diag *d);
/* Newest first by epoch, then by name; for qsort() on const char *. */
int mp_runname_newer(const void *a, const void *b);

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * YAML files as a tree that remembers lines and columns, so that every complaint can say where.
 * Built on libyaml's event parser; bounded in size, depth and aliases; duplicate keys are refused.
 */
#pragma once

#include <mmsperf/cleanup.h>
#include <mmsperf/diag.h>

#include <stdbool.h>
#include <stddef.h>

enum mp_yaml_kind { MP_YAML_SCALAR, MP_YAML_SEQ, MP_YAML_MAP };

struct mp_yaml {
	enum mp_yaml_kind kind;
	int line, col;        /* from 1 */
	const char *file;     /* name the node was read under; owned by the tree's root */
	bool quoted;          /* scalar written with quotes or as a block: always a string */
	char *scalar;         /* scalar text; NULL otherwise */
	struct mp_yaml **key; /* map: n keys (scalars) */
	struct mp_yaml **val; /* map, seq: n children */
	size_t n;
	char *owned; /* private: the root's copy of `file` */
};

/*
 * A file of at most 4 MiB. Several documents in it are merged in their order, as bzt does; an
 * empty file is an empty map. -EINVAL with d filled when it is no valid YAML, -errno (d filled as
 * well) when it cannot be read.
 */
int mp_yaml_read(const char *path, struct mp_yaml **ret_root, struct mp_diag *d);
int mp_yaml_parse(const char *text, size_t len, const char *name, struct mp_yaml **ret_root,
		  struct mp_diag *d);
void mp_yaml_free(struct mp_yaml *y);
void mp_yaml_freep(struct mp_yaml **y);
#define _cleanup_yaml_ _cleanup_(mp_yaml_freep)

/* NULL-safe look-ups. get: key of a map. path: "modules.jmeter.path". */
const struct mp_yaml *mp_yaml_get(const struct mp_yaml *map, const char *key);
const struct mp_yaml *mp_yaml_path(const struct mp_yaml *root, const char *path);
/* Scalar text, or NULL when y is NULL or no scalar. */
const char *mp_yaml_str(const struct mp_yaml *y);
/* The truth Python sees in it: YAML 1.1 booleans, 0, null and the empty string; fallback if NULL.
 */
bool mp_yaml_truth(const struct mp_yaml *y, bool fallback);

/*
 * Deep copies and merges keep line, column and file of each node; the file names stay owned by the
 * trees they came from, which must live longer.
 */
int mp_yaml_copy(const struct mp_yaml *y, struct mp_yaml **ret_copy);
/* map[key] = a copy of val, with the place of key where it is new. */
int mp_yaml_set(struct mp_yaml *map, const struct mp_yaml *key, const struct mp_yaml *val);
int mp_yaml_new_scalar(const char *text, bool quoted, struct mp_yaml **ret_y);
/*
 * Merges src into the map dst by bzt's rules: maps by key, lists appended, the later scalar wins;
 * a key written ~KEY replaces, ^KEY removes, $KEY merges list items by position.
 */
int mp_yaml_merge(struct mp_yaml *dst, const struct mp_yaml *src);
/* The tree as YAML text (NUL-terminated, the caller frees); comments and anchors are gone. */
int mp_yaml_dump(const struct mp_yaml *y, char **ret_text, size_t *ret_len);

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * YAML files as a tree that remembers lines and columns, so that every complaint can say where.
 * Built on libyaml's event parser; bounded in size, depth and aliases; duplicate keys are refused.
 */
#pragma once

#include <mmsperf/diag.h>

#include <stdbool.h>
#include <stddef.h>

enum mp_yaml_kind { MP_YAML_SCALAR, MP_YAML_SEQ, MP_YAML_MAP };

struct mp_yaml {
	enum mp_yaml_kind kind;
	int line, col;        /* from 1 */
	bool quoted;          /* scalar written with quotes: always a string */
	char *scalar;         /* scalar text; NULL otherwise */
	struct mp_yaml **key; /* map: n keys (scalars) */
	struct mp_yaml **val; /* map, seq: n children */
	size_t n;
};

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

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed reading of a YAML tree for simple suites: each getter replaces variables, checks, and says
 * file, line, column and what was expected. Absent keys leave the output as it was.
 */
#pragma once

#include <mmsperf/yaml.h>

#include <stdarg.h>

struct mp_plan;

struct mp_rd {
	struct mp_plan *vars; /* its merged tree holds settings.env */
	const char *dir;      /* of the suite */
	struct mp_diag *d;
};

/* -EINVAL with d filled for node y. */
int mp_rd_bad(struct mp_rd *rd, const struct mp_yaml *y, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* y has to be a map with no other keys than these; what: "a step", "the suite". */
int mp_rd_keys(struct mp_rd *rd, const struct mp_yaml *y, const char *what, const char *const *keys,
	       size_t n);
/* Text of a scalar, variables replaced; the caller frees. */
int mp_rd_text(struct mp_rd *rd, const struct mp_yaml *y, const char *what, char **ret);
/* Values of keys of map; the previous *ret of a text is freed. */
int mp_rd_get_text(struct mp_rd *rd, const struct mp_yaml *map, const char *key, char **ret);
int mp_rd_get_count(struct mp_rd *rd, const struct mp_yaml *map, const char *key, long min,
		    long max, long *ret);
int mp_rd_get_duration(struct mp_rd *rd, const struct mp_yaml *map, const char *key, double *ret_s);
/* "50", "50/s", "3000/min". */
int mp_rd_get_rate(struct mp_rd *rd, const struct mp_yaml *map, const char *key, double *ret);
/* A file's absolute path; it has to be there. */
int mp_rd_get_file(struct mp_rd *rd, const struct mp_yaml *map, const char *key, char **ret);
/* http(s)://HOST[:PORT] taken apart. */
int mp_rd_get_address(struct mp_rd *rd, const struct mp_yaml *map, const char *key,
		      char **ret_protocol, char **ret_host, int *ret_port);

/* SPDX-License-Identifier: GPL-2.0-only */
/* What bzt merged of all its files: effective.json, or effective.yml where that alone was kept. */
#pragma once

#include <mmsperf/results.h>

#include <jansson.h>

/* 0 and a tree to json_decref(); -ENOENT: neither file is there; -EINVAL: no such configuration. */
int mp_effective_load(const char *suite_dir, json_t **ret_root);
/* An array as it is, a single object as its only element, else empty: NULL-safe iteration. */
size_t mp_effective_count(const json_t *v);
const json_t *mp_effective_at(const json_t *v, size_t i);
/* ramp-up and hold of the load that began at load_s (epoch), cut at end_s. 0 and none: unknown. */
int mp_effective_phases(const char *suite_dir, double load_s, double end_s,
			struct mp_phase **ret_phases, size_t *ret_n);

/* Fills from_s, to_s, observed and time_s of a failed case from the series, where they are not
 * set and the case watches one. */
void mp_case_find_breach(const struct mp_suite_result *s, struct mp_case *c);
/* True when the subject is about requests (p90, avg-rt, fail%, ...), not a monitored metric. */
bool mp_criterion_of_load(const char *metric);

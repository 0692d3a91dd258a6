/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of `mmsperf-bpf doctor` share: a check fills in a finding. Each part is a table of
 * checks; doctor.c runs and prints them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum mp_finding_status { MP_FOUND_OK, MP_FOUND_NOTE, MP_FOUND_MISSING, _MP_FOUND_MAX };

struct mp_check_result {
	enum mp_finding_status status;
	char seen[320];  /* what is there, or why it is not */
	char to_do[320]; /* empty: nothing */
};

struct mp_check {
	const char *section, *name;
	void (*run)(const struct mp_check *c, struct mp_check_result *f);
	const char *arg;     /* of run: a path, a program */
	int number;          /* of run: a rung, a fact, a capability */
	const char *meaning; /* of a setting: said behind its value; NULL: nothing */
	const char *to_do;   /* unless it is OK and the check says nothing itself */
	bool needed;         /* missing: no suite can be run, exit status 1 */
};

void mp_found(struct mp_check_result *f, enum mp_finding_status s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* First line of a small file without its newline; false when it cannot be read. */
bool mp_first_line(const char *path, char *line, size_t size);

/* Tables of checks, *ret_n rows; static. */
const struct mp_check *mp_doctor_rungs(size_t *ret_n);
const struct mp_check *mp_doctor_groups(size_t *ret_n);
const struct mp_check *mp_doctor_rights(size_t *ret_n);
const struct mp_check *mp_doctor_probes(size_t *ret_n);
const struct mp_check *mp_doctor_server(size_t *ret_n);
const struct mp_check *mp_doctor_machine(size_t *ret_n);
const struct mp_check *mp_doctor_tools(size_t *ret_n);

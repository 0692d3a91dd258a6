/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine a run was made on, as text a person reads. `id` is a hash of the fields that decide
 * whether two runs may be compared: processor, architecture, CPUs, cores, memory (to the GiB),
 * kernel (its first two numbers), governor, boost, virtualisation, container, CPU and memory limit.
 * The distribution and the tools are recorded, but are no part of it: they are what changes between
 * two runs that somebody wants to compare; mp_fingerprint_diff() names them.
 */
#pragma once

#include <mmsperf/diag.h>

#include <stdbool.h>
#include <stddef.h>

enum mp_fp_field {
	MP_FP_CPU,
	MP_FP_ARCH,
	MP_FP_CPUS,  /* online, as the kernel counts them */
	MP_FP_CORES, /* of them, physical */
	MP_FP_MEMORY,
	MP_FP_KERNEL,
	MP_FP_OS,
	MP_FP_GOVERNOR,
	MP_FP_BOOST,
	MP_FP_VIRT,
	MP_FP_CONTAINER,
	MP_FP_CPU_LIMIT, /* of the control group and the CPU set */
	MP_FP_MEM_LIMIT,
	MP_FP_SELF,
	MP_FP_BZT,
	MP_FP_JMETER,
	MP_FP_JAVA,
	MP_FP_SERVER,
	MP_FP_PYTHON, /* of the server's workers */
	_MP_FP_MAX,
};

#define MP_FP_ID_LEN 12

struct mp_fingerprint {
	char id[MP_FP_ID_LEN + 1]; /* hexadecimal; "" until the machine is known */
	char *v[_MP_FP_MAX];       /* owned; NULL: not known */
};

const char *mp_fp_key(enum mp_fp_field f);   /* in run.json: "cpu", "memory" */
const char *mp_fp_title(enum mp_fp_field f); /* for people: "Processor" */

/* Everything but the tools, and the id. root is "" for this machine, or a folder that holds a copy
 * of proc/, sys/ and etc/. What cannot be read stays NULL. 0 or -ENOMEM. */
int mp_fingerprint_machine(const char *root, struct mp_fingerprint *fp);
/* Versions of bzt, JMeter and Java from the logs of a suite's folder, where not known yet: what ran
 * is what counts, and asking a program costs a second of CPU. 0 or -ENOMEM. */
int mp_fingerprint_suite_logs(const char *suite_dir, struct mp_fingerprint *fp);
/* The server's version and its Python from its log (NULL or missing: they stay unknown). */
int mp_fingerprint_server_log(const char *log, struct mp_fingerprint *fp);
/* Hash of the deciding fields into fp->id; called by mp_fingerprint_machine(). */
void mp_fingerprint_identify(struct mp_fingerprint *fp);
/* "JMeter 5.6.3 / 5.5, Java 17 / 21" into buf, "" when nothing that both know differs. */
const char *mp_fingerprint_diff(const struct mp_fingerprint *a, const struct mp_fingerprint *b,
				char *buf, size_t size);
void mp_fingerprint_done(struct mp_fingerprint *fp);

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From what the running kernel has to what can be built on it: pure decisions, so that they can be
 * tested for kernels that are not at hand. The facts are gathered by kernel/loader.c.
 */
#pragma once

#include <mmsperf/source.h>

/* What the kernel's BTF says is there; never deduced from a version. */
enum mp_fact {
	MP_FACT_BTF,     /* /sys/kernel/btf/vmlinux can be read */
	MP_FACT_NEWTASK, /* tracepoints */
	MP_FACT_EXEC,
	MP_FACT_EXIT,
	MP_FACT_FREE,
	MP_FACT_SWITCH,
	MP_FACT_ITER_TASK,    /* iter/task programs, 5.8 */
	MP_FACT_TASK_ACQUIRE, /* task references in maps, 6.2 */
	MP_FACT_RCU_LOCK,     /* bpf_rcu_read_lock, 6.2 */
	MP_FACT_TASK_WALK,    /* bpf_iter_task_new, 6.7 */
	MP_FACT_PREEMPTIBLE,  /* tracepoints leave preemption on, 7.0: hooks may be left out */
	_MP_FACT_MAX
};

/* One row per fact: what it is called in BTF, and how a person would say it. */
struct mp_fact_row {
	const char *btf_name;
	const char *btf_kind; /* "func", "typedef"; NULL: not looked up by name */
	const char *label;    /* "task references (bpf_task_acquire, Linux 6.2)" */
};
extern const struct mp_fact_row mp_fact_rows[_MP_FACT_MAX];

struct mp_facts {
	bool has[_MP_FACT_MAX];
};

/* True: the kernel has all the rung needs. False: *ret_missing names the first thing it lacks. */
bool mp_features_allow(const struct mp_facts *f, enum mp_rung rung, const char **ret_missing);
/* Optional groups that can be loaded, a mask of enum mp_group. */
unsigned mp_features_groups(const struct mp_facts *f);
/* The next rung down; MP_RUNG_PROCFS has none and returns itself. */
enum mp_rung mp_features_below(enum mp_rung rung);
/*
 * A rung by the name people type ("snapshot", "iter", "procfs"): 0, or -EINVAL.
 */
int mp_rung_parse(const char *name, enum mp_rung *ret_rung);
/*
 * Why the kernel refused to load or attach, and what to do about it: err is the negative errno,
 * root whether the caller is. Static text.
 */
const char *mp_features_remedy(int err, bool root);

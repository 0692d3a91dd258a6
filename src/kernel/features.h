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
	MP_FACT_LAST_QUEUED,  /* CONFIG_SCHED_INFO */
	MP_FACT_CFS_RQ,       /* CONFIG_FAIR_GROUP_SCHED */
	MP_FACT_VICTIM,       /* tracepoint mark_victim, and that it has a task, not a pid */
	MP_FACT_VICTIM_TASK,
	MP_FACT_IO_ISSUE,
	MP_FACT_IO_INSERT,
	MP_FACT_IO_COMPLETE,
	MP_FACT_IO_START,  /* 6.5 */
	MP_FACT_IO_QUEUE,  /* until 5.10: the first two come with their queue */
	MP_FACT_PT_REGS,   /* bpf_task_pt_regs, 5.15 */
	MP_FACT_SOCK_SEND, /* 6.3 */
	MP_FACT_SOCK_RECV,
	MP_FACT_SOCK_STATE,
	MP_FACT_RETRANSMIT,
	_MP_FACT_MAX
};

/* One row per fact: what it is called in BTF, and how a person would say it. */
struct mp_fact_row {
	const char *btf_name;
	/*
	 * "func", "typedef"; "field", "value": the name is struct.field, enum.value; "pointer",
	 * "second": the tracepoint's first argument is one, it has a second; NULL: not looked up by
	 * name
	 */
	const char *btf_kind;
	const char *label; /* "task references (bpf_task_acquire, Linux 6.2)" */
};
extern const struct mp_fact_row mp_fact_rows[_MP_FACT_MAX];

struct mp_facts {
	bool has[_MP_FACT_MAX];
};

/* What the running kernel has; -ENOSYS: this program was built without BPF. In kernel/facts.c. */
int mp_features_gather(struct mp_facts *ret_facts);
/* Version of libbpf; NULL: built without. In kernel/facts.c. */
const char *mp_features_libbpf(void);
/* True: the kernel has all the rung needs. False: *ret_missing names the first thing it lacks. */
bool mp_features_allow(const struct mp_facts *f, enum mp_rung rung, const char **ret_missing);
#define MP_GROUP_MAX_PROGS 6
#define MP_GROUP_MAX_MAPS  2

/* An optional group of probes: what it consists of, by name, and what it needs. */
struct mp_group_row {
	enum mp_group group;
	const char *label; /* for people */
	unsigned needs;    /* facts, 1 << each */
	struct {
		const char *name;
		unsigned needs, unless; /* facts that decide between variants of a program */
	} prog[MP_GROUP_MAX_PROGS];
	const char *map[MP_GROUP_MAX_MAPS]; /* that no other group has */
	/* of these, one by thread id whose entries are of no use when the group was detached */
	const char *thread_map;
};
extern const struct mp_group_row mp_group_rows[MP_N_GROUPS];

/* Optional groups that can be loaded, a mask of enum mp_group. */
unsigned mp_features_groups(const struct mp_facts *f);
/* Label of the first thing that the group lacks; NULL: nothing. */
const char *mp_features_group_lacks(const struct mp_facts *f, const struct mp_group_row *g);
/* Whether program i of the group is the variant for this kernel. */
bool mp_features_group_has(const struct mp_facts *f, const struct mp_group_row *g, size_t i);
/* The group that a message of the loader is about: it has the name of a program or map of one. */
const struct mp_group_row *mp_features_group_named(const char *message, unsigned groups);
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
/* reasons.c: what a thread waits for in each system call of this architecture. */
void mp_reasons_fill(uint8_t reason_of[MP_SYSCALLS]);

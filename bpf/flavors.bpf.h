/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where kernels differ: each difference with the commit that made it, decided by CO-RE when the
 * program is loaded (the other branch is dead code for the verifier), never by a version.
 */
#pragma once

#include "maps.bpf.h"

/* enum of include/linux/mm_types_task.h, unchanged since 4.5 (eca56ff906bd). */
enum { MP_MM_FILE, MP_MM_ANON, MP_MM_SWAP, MP_MM_SHMEM };

/*
 * until 6.1: mm->rss_stat.count[] of atomic_long_t; since f1a7941243c1 ("mm: convert mm's rss stats
 * into percpu_counter", 6.2) an array of percpu_counter.
 */
struct mm_rss_stat___v61 {
	atomic_long_t count[4];
} __attribute__((preserve_access_index));

struct mm_struct___v61 {
	struct mm_rss_stat___v61 rss_stat;
} __attribute__((preserve_access_index));

/* The counters are sums of deltas and may be below 0 for a moment. */
static __always_inline __u64 mp_pages(__s64 n)
{
	return n > 0 ? n : 0;
}

/*
 * A macro, because CO-RE relocates an array access only when its index is a literal. The old branch
 * reads by helper: those verifiers do not follow an array of a typedef.
 */
#define mp_rss_pages(mm, member)                                                                   \
	mp_pages(bpf_core_type_exists(struct mm_rss_stat___v61)                                    \
			 ? BPF_CORE_READ((struct mm_struct___v61 *)(mm),                           \
					 rss_stat.count[member].counter)                           \
			 : (mm)->rss_stat[member].count)

/*
 * se.cfs_rq needs CONFIG_FAIR_GROUP_SCHED; without it the running slice is left out and a busy
 * thread's time moves with the scheduler's tick.
 */
static __always_inline bool mp_has_running_slice(void)
{
	return bpf_core_field_exists(((struct task_struct *)0)->se.cfs_rq) &&
	       bpf_core_field_exists(((struct task_struct *)0)->on_cpu);
}

/* CONFIG_TASK_XACCT and CONFIG_TASK_IO_ACCOUNTING. */
static __always_inline bool mp_has_io(void)
{
	return bpf_core_field_exists(((struct task_struct *)0)->ioac.syscr) &&
	       bpf_core_field_exists(((struct task_struct *)0)->ioac.read_bytes);
}

/* CONFIG_SCHED_INFO (with SCHEDSTATS or TASK_DELAY_ACCT). */
static __always_inline bool mp_has_run_delay(void)
{
	return bpf_core_field_exists(((struct task_struct *)0)->sched_info.run_delay);
}

/*
 * Two differences need no code. sched_process_exit has the argument group_dead since 6.16 only:
 * signal->live, counted down before the tracepoint on all kernels, says the same everywhere.
 * task->__state was `state` until 2f064a59a11f ("sched: Change task_struct::state", 5.14): the
 * scheduler group looks at in_iowait and at the preempt argument instead.
 */

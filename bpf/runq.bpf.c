// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run-queue group, optional: how long each wait of a member's thread for a CPU took. At a switch
 * the scheduler is about to add the wait of the thread that comes to its sched_info.run_delay, from
 * the clock of its run queue: the same sum is made here, so that the histogram's sum is what
 * /proc/PID/schedstat counts. Waking up needs no hook.
 */
#include "group.bpf.h"

#define MP_PF_EXITING 0x00000004 /* include/linux/sched.h */

struct mp_ran {
	__u64 delay_ns; /* run_delay as it was when the thread last began to run */
	__u32 gen, pad;
};

/*
 * tid -> what it had waited in all at its last turn: a wait that was moved from one CPU to another
 * is added to run_delay in parts. Written by this group only; an entry lives from the thread's
 * first turn to its exit hook, what is left at detaching is deleted by user space. Full:
 * MP_DROP_WAITS_FULL, and the part of the wait on its last CPU is taken for the whole.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct mp_ran);
} mp_ran SEC(".maps");

static __always_inline void mp_ran_keep(struct task_struct *t, __u64 delay_ns)
{
	struct mp_ran now = {.delay_ns = delay_ns, .gen = mp_runq_gen};
	__u32 tid = t->pid;

	/* After its exit hook nobody would delete it. */
	if (!(t->flags & MP_PF_EXITING) && bpf_map_update_elem(&mp_ran, &tid, &now, BPF_ANY))
		mp_drop(MP_DROP_WAITS_FULL);
}

static __always_inline struct mp_ran *mp_ran_of(struct task_struct *t)
{
	__u32 tid = t->pid;
	struct mp_ran *ran = bpf_map_lookup_elem(&mp_ran, &tid);

	return ran && ran->gen == mp_runq_gen ? ran : 0;
}

static __always_inline void mp_waited(__u32 slot, __u64 ns)
{
	struct mp_extra *x = mp_extra_of(slot);

	if (x)
		mp_lat_add(MP_LAT_RUNQ, x->class_id, ns);
}

static __always_inline void mp_turn_begins(struct task_struct *t, __u32 slot)
{
	__u64 queued = t->sched_info.last_queued, all = t->sched_info.run_delay;
	__s64 wait = queued ? t->se.cfs_rq->rq->clock - queued : 0;
	bool first = !t->sched_info.pcount;
	struct mp_ran *ran = first ? 0 : mp_ran_of(t); /* else of another thread with this tid */

	if (wait < 0)
		wait = 0;
	all += wait;
	if (ran) {
		wait = all - ran->delay_ns;
		ran->delay_ns = all;
	} else {
		if (first)
			wait = all;
		mp_ran_keep(t, all);
	}
	mp_waited(slot, wait);
}

/*
 * Some switches do not show: 34 of 443,158 on a virtual machine, all of them out of threads of the
 * machine's own agent. A turn that began with one of them is found when it ends.
 */
static __always_inline void mp_turn_ends(struct task_struct *t, __u32 slot, const bool in_exit_hook)
{
	__u64 all = t->sched_info.run_delay;
	struct mp_ran *ran = mp_ran_of(t);

	if (ran && ran->delay_ns == all)
		return;
	if (ran) {
		mp_waited(slot, all - ran->delay_ns);
		ran->delay_ns = all;
		return;
	}
	if (t->flags & MP_PF_EXITING && !in_exit_hook)
		return; /* all was told there */
	if (t->sched_info.pcount == 1)
		mp_waited(slot, all);
	mp_ran_keep(t, all);
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(mp_runq, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 out = mp_pid_slot(prev->tgid), in = mp_pid_slot(next->tgid);

	if (out != MP_NO_SLOT)
		mp_turn_ends(prev, out, false);
	if (in != MP_NO_SLOT)
		mp_turn_begins(next, in);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(mp_runq_exit, struct task_struct *task)
{
	__u32 slot = mp_pid_slot(task->tgid), tid = task->pid;

	if (slot == MP_NO_SLOT)
		return 0;
	mp_turn_ends(task, slot, true);
	bpf_map_delete_elem(&mp_ran, &tid);
	return 0;
}

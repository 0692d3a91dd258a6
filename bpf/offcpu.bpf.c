// SPDX-License-Identifier: GPL-2.0-only
/*
 * Off-CPU group, optional: how long members' threads are off their CPUs, by what they wait for. The
 * reason is the system call the thread is in, where that is not enough the kind of the descriptor
 * it was called with; waiting for storage is the kernel's own in_iowait. From a wait is taken what
 * it took to get a CPU when it was over (sched_info.run_delay), which the run queue's metrics have:
 * reasons, runq_wait_seconds and CPU time make up a thread's life.
 */
#include "group.bpf.h"

#define MP_PF_EXITING 0x00000004 /* include/linux/sched.h */
#define MP_S_IFMT     0170000    /* include/uapi/linux/stat.h */
#define MP_S_IFSOCK   0140000
#define MP_S_IFIFO    0010000

/* System call -> enum mp_off_reason or MP_OFF_BY_FD: numbers differ between architectures. */
const volatile __u8 mp_reason_of[MP_SYSCALLS] __weak = {};
/* CLOCK_MONOTONIC of the group's attachment: waits that began before count from then. */
__u64 mp_off_since __weak;

/*
 * Place -> thread. Places are found by tid, so that neither program nor user space walks a hash.
 * Written by this group's programs, cleared by user space before each attachment; a thread's place
 * is freed by its exit hook. All of a tid's places taken: MP_DROP_WAITS_FULL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MP_OFF_PLACES);
	__type(key, __u32);
	__type(value, struct mp_off);
} mp_offs SEC(".maps");

/* 1 once any of 64 places was used: what user space need not look at. */
__u8 mp_off_used[MP_OFF_PLACES / 64] __weak;

/* Registers at a system call's entry: each architecture has its own. Other names than libbpf's. */
struct pt_regs;
struct pt_regs___x64 {
	unsigned long orig_ax; /* -1: not in a system call */
	unsigned long di;
} __attribute__((preserve_access_index));
struct pt_regs___a64 {
	unsigned long regs[31];
	int syscallno;
} __attribute__((preserve_access_index));

/* Until 5.14 `state`, changed by 2f064a59a11f ("sched: Change task_struct::state"). */
struct task_struct___state {
	long state;
} __attribute__((preserve_access_index));
struct task_struct___new {
	unsigned int __state;
} __attribute__((preserve_access_index));

static __always_inline bool mp_is_runnable(struct task_struct *t)
{
	if (bpf_core_field_exists(((struct task_struct___new *)0)->__state))
		return !BPF_CORE_READ((struct task_struct___new *)t, __state);
	return !BPF_CORE_READ((struct task_struct___state *)t, state);
}

static __always_inline __u32 mp_reason_by_fd(struct task_struct *t, __u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(t, files, fdt);
	struct file **files, *file = 0;
	__u32 kind;

	if (!fdt || fd >= BPF_CORE_READ(fdt, max_fds))
		return MP_OFF_OTHER;
	files = BPF_CORE_READ(fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + fd) || !file)
		return MP_OFF_OTHER;
	kind = BPF_CORE_READ(file, f_inode, i_mode) & MP_S_IFMT;
	return kind == MP_S_IFSOCK ? MP_OFF_NET : kind == MP_S_IFIFO ? MP_OFF_PIPE : MP_OFF_OTHER;
}

static __always_inline __u32 mp_reason(struct task_struct *t)
{
	void *regs = (void *)bpf_task_pt_regs(t);
	__u64 nr, fd;
	__u32 reason;

	if (BPF_CORE_READ_BITFIELD(t, in_iowait))
		return MP_OFF_IO;
	if (bpf_core_field_exists(((struct pt_regs___x64 *)0)->orig_ax)) {
		nr = BPF_CORE_READ((struct pt_regs___x64 *)regs, orig_ax);
		fd = BPF_CORE_READ((struct pt_regs___x64 *)regs, di);
	} else {
		nr = BPF_CORE_READ((struct pt_regs___a64 *)regs, syscallno);
		fd = BPF_CORE_READ((struct pt_regs___a64 *)regs, regs[0]);
	}
	reason = nr < MP_SYSCALLS ? mp_reason_of[nr & (MP_SYSCALLS - 1)] : MP_OFF_OTHER;
	return reason == MP_OFF_BY_FD ? mp_reason_by_fd(t, fd) : reason;
}

static __always_inline struct mp_off *mp_off_of(__u32 tid)
{
	for (__u32 i = 0; i < MP_OFF_PROBES; i++) {
		__u32 place = (tid + i) & (MP_OFF_PLACES - 1);
		struct mp_off *o = bpf_map_lookup_elem(&mp_offs, &place);

		if (o && o->tid == tid)
			return o;
	}
	return 0;
}

static __always_inline struct mp_off *mp_off_new(__u32 tid)
{
	for (__u32 i = 0; i < MP_OFF_PROBES; i++) {
		__u32 place = (tid + i) & (MP_OFF_PLACES - 1);
		struct mp_off *o = bpf_map_lookup_elem(&mp_offs, &place);

		if (o && !o->tid && !__sync_val_compare_and_swap(&o->tid, 0, tid)) {
			/* read again from the stack: the older verifiers want its bound anew */
			mp_off_used[place / 64 & (MP_OFF_PLACES / 64 - 1)] = 1;
			return o;
		}
	}
	mp_drop(MP_DROP_WAITS_FULL);
	return 0;
}

static __always_inline void mp_off_add(__u32 slot, __u32 reason, __s64 ns)
{
	struct mp_extra *x = ns > 0 ? mp_extra_of(slot) : 0;

	if (x && reason < _MP_OFF_MAX)
		__sync_fetch_and_add(&x->v[MP_EX_OFF_IO + reason], ns);
}

/* What the thread has waited for a CPU in all, as the kernel is about to have it. */
static __always_inline __u64 mp_delay_now(struct task_struct *t)
{
	__u64 queued = t->sched_info.last_queued;
	__s64 wait = queued ? t->se.cfs_rq->rq->clock - queued : 0;

	return t->sched_info.run_delay + (wait > 0 ? wait : 0);
}

/*
 * Some switches do not show (see runq.bpf.c). What passed since the last one that did, less CPU
 * time and waits for a CPU, is how long the thread was away in between.
 */
static __always_inline __s64 mp_away(const struct mp_off *o, struct task_struct *t, __u64 now,
				     __u64 delay_ns)
{
	return now - o->at_ns - (t->se.sum_exec_runtime - o->exec_ns) - (delay_ns - o->delay_ns);
}

static __always_inline void mp_off_begins(struct task_struct *t, __u32 slot, bool preempt,
					  __u64 now)
{
	struct mp_off *o = mp_off_of(t->pid);
	__u64 delay = t->sched_info.run_delay;
	struct mp_extra *x;

	if (t->flags & MP_PF_EXITING)
		return; /* after its exit hook nobody would free the place */
	if (!o)
		o = mp_off_new(t->pid);
	x = mp_extra_of(slot);
	if (!o || !x)
		return;
	if (o->since_ns && o->gen == mp_off_gen && o->reason != MP_OFF_PREEMPTED)
		mp_off_add(slot, o->reason,
			   mp_away(o, t, now, delay)); /* its return did not show */
	o->reason = preempt || mp_is_runnable(t) ? MP_OFF_PREEMPTED : mp_reason(t);
	o->delay_ns = delay;
	o->exec_ns = t->se.sum_exec_runtime;
	o->at_ns = now;
	o->start_ns = x->start_ns;
	o->slot = slot;
	o->gen = mp_off_gen;
	*(volatile __u64 *)&o->since_ns = now; /* last: user space reads it while it is not 0 */
}

static __always_inline void mp_off_ends(struct task_struct *t, __u32 slot, __u64 now)
{
	__u64 delay = mp_delay_now(t), waited;
	struct mp_off *o = mp_off_of(t->pid);

	if (o && o->gen == mp_off_gen) {
		if (!o->since_ns) /* its leaving did not show */
			mp_off_add(slot, mp_reason(t), mp_away(o, t, now, delay));
		else if (o->reason == MP_OFF_PREEMPTED)
			mp_off_add(slot, MP_OFF_PREEMPTED, now - o->since_ns);
		else
			mp_off_add(slot, o->reason, now - o->since_ns - (delay - o->delay_ns));
		o->since_ns = 0;
		o->at_ns = now;
		o->delay_ns = delay;
		o->exec_ns = t->se.sum_exec_runtime;
	} else if (t->sched_info.pcount) {
		/* It was away already when the group was attached. */
		waited = delay - t->sched_info.run_delay;
		if (waited < now - mp_off_since)
			mp_off_add(slot, mp_reason(t), now - mp_off_since - waited);
		else
			mp_off_add(slot, MP_OFF_PREEMPTED, now - mp_off_since);
	} /* else its first turn: since its birth it has waited for a CPU only */
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(mp_offcpu, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 out = mp_pid_slot(prev->tgid), in = mp_pid_slot(next->tgid);
	__u64 now;

	if (out == MP_NO_SLOT && in == MP_NO_SLOT)
		return 0;
	now = bpf_ktime_get_ns();
	if (out != MP_NO_SLOT)
		mp_off_begins(prev, out, preempt, now);
	if (in != MP_NO_SLOT)
		mp_off_ends(next, in, now);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(mp_offcpu_exit, struct task_struct *task)
{
	struct mp_off *o = mp_pid_slot(task->tgid) == MP_NO_SLOT ? 0 : mp_off_of(task->pid);

	if (!o)
		return 0;
	o->since_ns = 0;
	*(volatile __u32 *)&o->tid = 0;
	return 0;
}

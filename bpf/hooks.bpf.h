/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bodies of the three lifecycle hooks, for the rung that holds tasks and the one that does not.
 * They fire for every thread of the machine, so the first thing each does is one look-up in
 * mp_pids. Kernel data is read by plain dereference of BTF pointers.
 */
#pragma once

#include "member.bpf.h"

static __always_inline void mp_cmd_inherit(__u32 from, __u32 to)
{
	struct mp_cmd *src = bpf_map_lookup_elem(&mp_cmds, &from);
	struct mp_cmd *dst = bpf_map_lookup_elem(&mp_cmds, &to);
	__u32 len;

	if (!src || !dst)
		return;
	dst->len = 0;
	dst->execs = 0;
	len = src->len;
	if (len > MP_CMD_LEN)
		len = MP_CMD_LEN;
	if (len && !bpf_probe_read_kernel(dst->argv, len, src->argv))
		dst->len = len;
}

/*
 * current made `task`. sched_process_fork would miss io_uring's workers. The new task does not run
 * before this hook is through, so its exit hook cannot overtake it.
 */
static __always_inline int mp_on_newtask(struct task_struct *task, __u64 clone_flags,
					 const bool hold)
{
	/* A thread has its process's tgid already: no call of a helper, of which each costs time.
	 */
	__u32 tgid = clone_flags & MP_CLONE_THREAD ? task->tgid : bpf_get_current_pid_tgid() >> 32;
	__u32 parent = mp_pid_slot(tgid), slot, flags = MP_REC_FORKED;
	struct mp_slot *ps, *s;

	if (parent == MP_NO_SLOT)
		return 0;
	ps = mp_slot_of(parent);
	/* An ended process forks nobody: a stranger has its pid now. */
	if (!ps || mp_state_of(parent) != MP_SLOT_LIVE)
		return 0;
	if (clone_flags & MP_CLONE_THREAD) {
		__sync_fetch_and_add(&ps->threads_created, 1);
		mp_peak(ps, task->signal->nr_threads);
		return 0;
	}
	slot = mp_pid_slot(task->tgid);
	if (slot != MP_NO_SLOT) {
		s = mp_slot_of(slot);
		if (s && s->start_ns == task->start_boottime) /* an adoption was faster */
			return 0;
	}
	if (clone_flags & MP_CLONE_VM)
		flags |= MP_REC_VFORK;
	slot = mp_member_add(task, parent, ps->gen, flags, hold);
	if (slot != MP_NO_SLOT)
		mp_cmd_inherit(parent, slot);
	return 0;
}

/* The argument strings lie in one piece at the new stack's end, just written and so resident. */
static __always_inline void mp_cmd_read(struct mp_cmd *cmd, struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	__u64 start, len;

	if (!mm)
		return;
	start = mm->arg_start;
	len = mm->arg_end - start;
	if (len > MP_CMD_LEN)
		len = MP_CMD_LEN;
	if (!bpf_probe_read_user(cmd->argv, len, (void *)start))
		cmd->len = len;
}

static __always_inline int mp_on_exec(struct task_struct *task, const bool hold)
{
	__u32 slot = mp_pid_slot(task->tgid), pid;
	struct mp_slot *s;
	struct mp_cmd *cmd;

	if (mp_watch) {
		pid = mp_vtgid(task);
		if (pid && bpf_ringbuf_output(&mp_ring, &pid, sizeof(pid), 0))
			mp_drop(MP_DROP_RING_FULL);
	}
	if (slot == MP_NO_SLOT || mp_state_of(slot) != MP_SLOT_LIVE)
		return 0;
	s = mp_slot_of(slot);
	cmd = bpf_map_lookup_elem(&mp_cmds, &slot);
	if (!s || !cmd)
		return 0;
	/*
	 * Exec by a thread that was not the leader: it took over the leader's pid, and the task
	 * that the slot holds is gone.
	 */
	if (hold && !mp_hold(slot, task))
		mp_drop(MP_DROP_HELD);
	/* The number is written last and first made impossible: a reader sees whether both match.
	 */
	*(volatile __u32 *)&cmd->execs = ~0U;
	cmd->len = 0;
	mp_cmd_read(cmd, task);
	*(volatile __u32 *)&cmd->execs = s->execs + 1;
	s->flags &= (__u16) ~(MP_REC_FORKED | MP_REC_VFORK);
	*(volatile __u32 *)&s->execs = s->execs + 1;
	return 0;
}

/*
 * Only marks: the memory is torn down after this hook, which costs time that belongs to the
 * process. Two last threads that end together both see live at 0: marking twice is harmless.
 * Until 6.16 a thread can be joined before it comes here, so the process's last thread may come
 * first: mp_pids leads to the slot until its totals are folded.
 */
static __always_inline int mp_on_exit(struct task_struct *task, const bool hold)
{
	__u32 slot = mp_pid_slot(task->tgid);
	struct signal_struct *sig;
	struct mp_slot *s;

	if (slot == MP_NO_SLOT)
		return 0;
	s = mp_slot_of(slot);
	sig = task->signal;
	if (!s || !sig)
		return 0;
	if (mp_state_of(slot) != MP_SLOT_LIVE && !mp_is_of_slot(task, s))
		return 0;
	if (task->pid != task->tgid && mp_has_run_delay())
		__sync_fetch_and_add(&s->run_delay_ns, task->sched_info.run_delay);
	if (*(volatile int *)&sig->live.counter || mp_state_of(slot) != MP_SLOT_LIVE)
		return 0;
	s->exit_ns = bpf_ktime_get_ns();
	/* An exec that failed halfway has changed the leader without the exec hook. */
	if (hold && task->pid == task->tgid)
		(void)mp_hold(slot, task);
	mp_state_set(slot, MP_SLOT_EXITED);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Membership: who has which slot. Shared by the hooks and the adopting programs of both BPF rungs;
 * the rungs differ in one thing only, whether a slot holds a reference to its task (`hold`).
 * mp_pids decides: a slot that it does not point to is nobody's and is freed by the next reading,
 * so that an adoption and a hook may insert the same process at once without a lock.
 */
#pragma once

#include "flavors.bpf.h"

#define MP_CLONE_VM     0x00000100 /* include/uapi/linux/sched.h */
#define MP_CLONE_THREAD 0x00010000
#define MP_PIDTYPE_TGID 1  /* include/linux/pid_types.h */
#define MP_MAX_NS_LEVEL 32 /* MAX_PID_NS_LEVEL */

extern struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym __weak;
extern void bpf_task_release(struct task_struct *p) __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;

/*
 * slot -> the process's leader, referenced, so that its totals can be read after it was reaped.
 * Written by hooks and adoption, emptied by the reading that folds the totals. Eight to a cache
 * line; not created on kernels without task references.
 */
struct mp_held {
	struct task_struct __attribute__((btf_type_tag("kptr"))) * task;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MP_MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct mp_held);
} mp_tasks __weak SEC(".maps");

static __always_inline __u32 mp_pid_slot(__u32 tgid)
{
	__u32 key = tgid / MP_PIDS_PER_ENTRY;
	struct mp_pids *p = bpf_map_lookup_elem(&mp_pids, &key);

	return p ? (__u32)p->slot[tgid % MP_PIDS_PER_ENTRY] - 1 : MP_NO_SLOT;
}

static __always_inline bool mp_pid_set(__u32 tgid, __u32 slot)
{
	__u32 key = tgid / MP_PIDS_PER_ENTRY;
	struct mp_pids *p = bpf_map_lookup_elem(&mp_pids, &key);

	if (!p)
		return false;
	*(volatile __u16 *)&p->slot[tgid % MP_PIDS_PER_ENTRY] = slot + 1;
	return true;
}

static __always_inline void mp_pid_clear(__u32 tgid, __u32 slot)
{
	if (mp_pid_slot(tgid) == slot)
		(void)mp_pid_set(tgid, MP_NO_SLOT);
}

static __always_inline struct mp_slot *mp_slot_of(__u32 slot)
{
	return bpf_map_lookup_elem(&mp_slots, &slot);
}

/* Callers pass slots; the mask is for the verifier. */
#define MP_SLOT_MASK (MP_MAX_SLOTS - 1)
_Static_assert((MP_MAX_SLOTS & MP_SLOT_MASK) == 0, "MP_MAX_SLOTS must be a power of two");

static __always_inline __u8 mp_state_of(__u32 slot)
{
	return *(volatile __u8 *)&mp_state[slot & MP_SLOT_MASK];
}

static __always_inline void mp_state_set(__u32 slot, enum mp_slot_state state)
{
	*(volatile __u8 *)&mp_state[slot & MP_SLOT_MASK] = state;
}

/* Process id as the agent's pid namespace has it; 0: not visible there. */
static __always_inline __u32 mp_vtgid(struct task_struct *leader)
{
	struct pid *pid;
	__u32 level;

	if (!mp_pidns)
		return leader->tgid;
	pid = BPF_CORE_READ(leader, signal, pids[MP_PIDTYPE_TGID]);
	level = BPF_CORE_READ(pid, level);
	for (__u32 i = 0; i < MP_MAX_NS_LEVEL && i <= level; i++) {
		struct upid u = {};

		if (bpf_core_read(&u, sizeof(u), &pid->numbers[i]))
			break;
		if (BPF_CORE_READ(u.ns, ns.inum) == mp_pidns)
			return u.nr;
	}
	return 0;
}

/* Its pid leads to the slot; but is it this process, or one that was given the pid since? */
static __always_inline bool mp_is_of_slot(struct task_struct *task, struct mp_slot *s)
{
	return BPF_CORE_READ(task, group_leader, start_boottime) == s->start_ns;
}

/* Two threads that are made at once may overwrite each other's peak by one that is lower by one. */
static __always_inline void mp_peak(struct mp_slot *s, __u32 threads)
{
	if (threads > 0xffff)
		threads = 0xffff;
	if (s->threads_peak < threads)
		s->threads_peak = threads;
}

/* Wakes the agent before its next tick when half of the slots are taken. */
static __always_inline void mp_notice_half_full(void)
{
	__u32 none = 0;

	if (mp_in_use <= MP_MAX_SLOTS / 2 || mp_urgent)
		return;
	mp_urgent = 1;
	if (bpf_ringbuf_output(&mp_ring, &none, sizeof(none), 0))
		mp_drop(MP_DROP_RING_FULL);
}

/* Puts the leader into the slot, releasing what was held there. */
static __always_inline bool mp_hold(__u32 slot, struct task_struct *leader)
{
	struct mp_held *h = bpf_map_lookup_elem(&mp_tasks, &slot);
	struct task_struct *task;

	if (!h)
		return false;
	task = bpf_task_acquire(leader);
	if (!task)
		return false;
	task = bpf_kptr_xchg(&h->task, task);
	if (task)
		bpf_task_release(task);
	return true;
}

static __always_inline void mp_unhold(__u32 slot)
{
	struct mp_held *h = bpf_map_lookup_elem(&mp_tasks, &slot);
	struct task_struct *task;

	if (!h)
		return;
	task = bpf_kptr_xchg(&h->task, 0);
	if (task)
		bpf_task_release(task);
}

/* Back on the stack; the record says so before anybody can take the slot again. */
static __always_inline void mp_slot_put(__u32 slot, struct mp_rec *r)
{
	r->state = MP_REC_FREE;
	mp_state_set(slot, MP_SLOT_FREE);
	__sync_fetch_and_add(&mp_in_use, -1);
	(void)bpf_map_push_elem(&mp_free, &slot, BPF_ANY); /* as many as were popped: never full */
}

/*
 * Makes a process a member; returns its slot or MP_NO_SLOT with the drop counted. The order is what
 * a concurrent reading relies on: contents, then mp_pids, then the state.
 */
static __always_inline __u32 mp_member_add(struct task_struct *leader, __u32 parent_slot, __u32 gen,
					   __u32 flags, const bool hold)
{
	struct mp_slot *s;
	__u32 slot;

	if (bpf_map_pop_elem(&mp_free, &slot)) {
		mp_drop(MP_DROP_SLOTS_FULL);
		return MP_NO_SLOT;
	}
	s = mp_slot_of(slot);
	if (!s) /* cannot be: the stack holds slots only */
		return MP_NO_SLOT;
	__sync_fetch_and_add(&mp_in_use, 1);
	__builtin_memset(s, 0, sizeof(*s));
	s->start_ns = leader->start_boottime;
	s->tgid = leader->tgid;
	s->vtgid = mp_vtgid(leader);
	s->parent_slot = parent_slot;
	s->gen = gen;
	s->flags = flags;
	s->threads_first = s->threads_peak = 1;
	if (hold && !mp_hold(slot, leader)) {
		mp_drop(MP_DROP_HELD);
		goto give_back;
	}
	if (!mp_pid_set(s->tgid, slot)) {
		mp_drop(MP_DROP_PID_RANGE);
		if (hold)
			mp_unhold(slot);
		goto give_back;
	}
	mp_used[(slot & MP_SLOT_MASK) / MP_SLOT_GROUP] = 1;
	mp_state_set(slot, MP_SLOT_LIVE);
	mp_notice_half_full();
	return slot;

give_back:
	__sync_fetch_and_add(&mp_in_use, -1);
	(void)bpf_map_push_elem(&mp_free, &slot, BPF_ANY);
	return MP_NO_SLOT;
}

struct mp_adopt mp_adoption __weak;

#define MP_MAX_ANCESTRY 32

/*
 * For the verifier, following a BTF pointer to another one costs up to half a millisecond each time
 * it looks at it (it searches the type by name), and it looks many times at what is in a loop:
 * where speed is of no matter, probe reads it is.
 */
static __always_inline bool mp_is_ending(struct task_struct *leader)
{
	return BPF_CORE_READ(leader, signal, live.counter) == 0;
}

/*
 * A zombie may still be on its way off the CPU, for long where a virtual CPU stands still: what it
 * uses until then belongs to it.
 */
static __always_inline bool mp_is_off_cpu(struct task_struct *task)
{
	return !task->on_rq && (!bpf_core_field_exists(task->on_cpu) || !task->on_cpu);
}

static __always_inline __u32 mp_member_slot(struct task_struct *task)
{
	__u32 slot = mp_pid_slot(BPF_CORE_READ(task, tgid));
	struct mp_slot *s = slot == MP_NO_SLOT ? 0 : mp_slot_of(slot);

	return s && mp_is_of_slot(task, s) ? slot : MP_NO_SLOT;
}

/*
 * Slot of the nearest member among p and its ancestors; p is an address, not a trusted pointer.
 * Global, and so verified once and alone: inside the walk over all processes its loop would be
 * looked at in every state of that one (58 ms of load time).
 */
__weak __u32 mp_nearest_slot(__u64 address)
{
	struct task_struct *p = (void *)address;
	__u32 slot = MP_NO_SLOT;

	for (int i = 0; i < MP_MAX_ANCESTRY; i++) {
		slot = mp_member_slot(p);
		if (slot != MP_NO_SLOT || BPF_CORE_READ(p, tgid) <= 1)
			break;
		p = BPF_CORE_READ(p, real_parent);
	}
	return slot;
}

/* mp_adopt_decide()'s: the process that is looked at, and what is to be done with it. */
struct {
	__u64 leader; /* address: no argument can be a pointer */
	__u32 vtgid;  /* mp_vtgid() of it */
	__u32 slot;   /* it has this one already */
	__u32 parent; /* slot of the nearest member above it */
	__u32 flags;  /* MP_REC_ROOT: it is the wanted one */
} mp_candidate __weak;

/* True: it is the wanted one, or descends from a member. Global for the same reason as above. */
__weak int mp_adopt_decide(void)
{
	struct task_struct *leader = (void *)mp_candidate.leader;

	mp_candidate.parent = MP_NO_SLOT;
	mp_candidate.flags = 0;
	/* No ghost: its exit hook may have run already, and would not run again. */
	if (mp_is_ending(leader))
		return 0;
	mp_candidate.slot = mp_member_slot(leader);
	if (mp_adoption.pid && mp_candidate.vtgid == mp_adoption.pid) {
		mp_candidate.flags = MP_REC_ROOT;
		return 1;
	}
	if (mp_candidate.slot != MP_NO_SLOT)
		return 0;
	mp_candidate.parent = mp_nearest_slot((__u64)BPF_CORE_READ(leader, real_parent));
	return mp_candidate.parent != MP_NO_SLOT;
}

/* One process while all of the machine are walked. */
static __always_inline void mp_adopt_one(struct task_struct *leader, const bool hold)
{
	struct mp_cmd *cmd;
	struct mp_slot *s;
	__u32 slot;

	mp_candidate.leader = (__u64)leader;
	mp_candidate.vtgid = mp_vtgid(leader);
	if (!mp_adopt_decide())
		return;
	slot = mp_candidate.slot;
	if (slot == MP_NO_SLOT) {
		slot = mp_member_add(leader, mp_candidate.parent, mp_gen, mp_candidate.flags, hold);
		if (slot == MP_NO_SLOT) {
			mp_adoption.failed++;
			return;
		}
		mp_adoption.added++;
		s = mp_slot_of(slot);
		if (s) {
			/* The hook counts already: what was made since is no part of the first. */
			__u32 made = *(volatile __u32 *)&s->threads_created;
			__u32 threads = BPF_CORE_READ(leader, signal, nr_threads);

			s->threads_first = threads - made;
			mp_peak(s, threads);
		}
		/* User space fills it in; whatever the slot's last owner left must not be taken for
		 * it. */
		cmd = bpf_map_lookup_elem(&mp_cmds, &slot);
		if (cmd)
			cmd->len = cmd->execs = 0;
		/* It ended meanwhile: nobody else may have noticed. */
		if (mp_is_ending(leader))
			mp_state_set(slot, MP_SLOT_EXITED);
	} else {
		s = mp_slot_of(slot);
		if (s)
			s->flags |= MP_REC_ROOT;
	}
	if (mp_candidate.flags)
		mp_adoption.slot = slot;
}

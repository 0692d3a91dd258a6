// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scheduler group, optional: exact I/O wait of members, attached while somebody wants it. A
 * thread's in_iowait is set around its wait, so it is up both when the thread is switched out and
 * when it comes back: a switch between two threads that do not wait for I/O costs two bit tests.
 */
#include "member.bpf.h"

struct mp_wait {
	__u64 since_ns;
	__u32 gen, pad;
};

/*
 * tid -> since when it waits. Written by this program only; an entry lives as long as the wait. A
 * wait across detaching leaves one behind, told by its gen. Full: MP_DROP_WAITS_FULL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct mp_wait);
} mp_waits SEC(".maps");

static __always_inline void mp_wait_begins(struct task_struct *t, __u64 now)
{
	struct mp_wait w = {.since_ns = now, .gen = mp_sched_gen};
	__u32 tid = t->pid;

	if (mp_pid_slot(t->tgid) != MP_NO_SLOT && bpf_map_update_elem(&mp_waits, &tid, &w, BPF_ANY))
		mp_drop(MP_DROP_WAITS_FULL);
}

static __always_inline void mp_wait_ends(struct task_struct *t, __u64 now)
{
	__u32 slot = mp_pid_slot(t->tgid), tid = t->pid;
	struct mp_slot *s;
	struct mp_wait *w;

	if (slot == MP_NO_SLOT || mp_state_of(slot) != MP_SLOT_LIVE)
		return;
	s = mp_slot_of(slot);
	w = bpf_map_lookup_elem(&mp_waits, &tid);
	if (!s || !w)
		return;
	if (w->gen == mp_sched_gen)
		__sync_fetch_and_add(&s->iowait_ns, now - w->since_ns);
	bpf_map_delete_elem(&mp_waits, &tid);
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(mp_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	bool begins = !preempt && BPF_CORE_READ_BITFIELD(prev, in_iowait);
	bool ends = BPF_CORE_READ_BITFIELD(next, in_iowait);
	__u64 now;

	if (!begins && !ends)
		return 0;
	now = bpf_ktime_get_ns();
	if (begins)
		mp_wait_begins(prev, now);
	if (ends)
		mp_wait_ends(next, now);
	return 0;
}

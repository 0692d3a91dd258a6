// SPDX-License-Identifier: GPL-2.0-only
/* Kills for lack of memory, of the machine or of a control group: a group that costs nothing until
 * one happens. */
#include "group.bpf.h"

static __always_inline int mp_on_victim(__u32 tgid)
{
	__u32 slot = mp_pid_slot(tgid);
	struct mp_extra *x = slot == MP_NO_SLOT ? 0 : mp_extra_of(slot);

	if (x)
		__sync_fetch_and_add(&x->v[MP_EX_OOM_KILLS], 1);
	return 0;
}

/* Since "mm: update mark_victim tracepoints fields", which stable kernels got as well. */
SEC("?tp_btf/mark_victim")
int BPF_PROG(mp_victim, struct task_struct *task)
{
	return mp_on_victim(task->tgid);
}

/* Before: the pid of a thread that has the memory, nearly always the process's first. */
SEC("?tp_btf/mark_victim")
int BPF_PROG(mp_victim_pid, int pid)
{
	return mp_on_victim(pid);
}

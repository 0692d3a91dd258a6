// SPDX-License-Identifier: GPL-2.0-only
/*
 * The iterator rung, for kernels without task references or open-coded iterators (before 6.7). The
 * hooks keep slots without a task. iter/task shows every thread of the machine once a tick: threads
 * of members are added to their process's record. A process that was reaped between two ticks is
 * folded by sched_process_free, when signal_struct holds the totals of all its threads; user space
 * frees the slots. Threads are not read at one moment, so a thread that ends meanwhile may be
 * missed until the next tick; user space keeps the totals monotone.
 */
#include "hooks.bpf.h"
#include "read.bpf.h"

/* In: number of this pass; a record begun in another one is begun anew. */
__u32 mp_pass;
/* When a slot's record was begun: pass, stats_lock's sequence, and what it is to hold. */
struct {
	__u32 pass, seq, want;
} mp_begun[MP_MAX_SLOTS];

#define MP_SEQ(sig) MP_LOAD((sig)->stats_lock.seqcount.seqcount.sequence)

static __always_inline void mp_rec_begin(struct mp_rec *r, struct mp_slot *s,
					 struct signal_struct *sig, __u32 want)
{
	mp_read_slot(r, s, sig);
	r->valid = (want & (MP_HAS_CPU | MP_HAS_SCHED)) | MP_HAS_THREADS;
	if (mp_has_io())
		r->valid |= want & MP_HAS_IO;
	if (mp_sched_gen)
		r->valid |= MP_HAS_IOWAIT;
	r->exit_ns = 0;
	r->exit_code = 0;
	mp_read_signal(mp_used_of(r), sig, want);
	if (want & MP_HAS_SCHED)
		r->run_delay_ns = s->run_delay_ns;
}

static __always_inline void mp_rec_end(struct mp_rec *r, __u32 slot, struct mp_slot *s,
				       struct task_struct *leader, struct signal_struct *sig)
{
	r->exit_code = mp_exit_code(leader, sig);
	r->exit_ns = s->exit_ns;
	r->threads = r->fds = 0;
	r->valid &= ~(__u32)(MP_HAS_MEM | MP_HAS_FDS);
	/*
	 * User space may look at this moment: the record is whole before its state says so, and the
	 * slot is done before mp_pids leads elsewhere, which would make it nobody's.
	 */
	*(volatile __u32 *)&r->state = MP_REC_ENDED;
	mp_state_set(slot, MP_SLOT_DONE);
	mp_pid_clear(s->tgid, slot);
}

static __always_inline void mp_read_leader(struct mp_rec *r, struct task_struct *leader,
					   struct signal_struct *sig)
{
	r->threads = sig->nr_threads;
	r->ppid = mp_vtgid(leader->real_parent);
}

SEC("?iter/task")
int mp_i_read(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct signal_struct *sig;
	struct mp_slot *s;
	struct mp_used used = {};
	__u32 slot, i, want;
	struct mp_rec *r;
	bool off_cpu;

	if (!t) /* the end of the pass */
		return 0;
	if (!ctx->meta->seq_num)
		mp_calibrate();
	slot = mp_pid_slot(t->tgid);
	if (slot == MP_NO_SLOT)
		return 0;
	s = mp_slot_of(slot);
	r = bpf_map_lookup_elem(&mp_recs, &slot);
	sig = t->signal;
	if (!s || !r || !sig || s->gen != mp_gen)
		return 0;
	/* A pid that was given out again before sched_process_free of its last owner. */
	if (t->group_leader->start_boottime != s->start_ns || mp_state_of(slot) == MP_SLOT_DONE)
		return 0;
	i = slot & MP_SLOT_MASK;
	if (mp_begun[i].pass != mp_pass) {
		mp_begun[i].pass = mp_pass;
		mp_begun[i].seq = MP_SEQ(sig);
		r->sampled_ns = bpf_ktime_get_ns();
		mp_begun[i].want = r->start_ns == s->start_ns && r->execs == s->execs &&
						   mp_state_of(slot) == MP_SLOT_LIVE
					   ? mp_want
					   : MP_WANT_ALL;
		mp_rec_begin(r, s, sig, mp_begun[i].want);
		r->state = MP_REC_LIVE;
	}
	/* A thread ended since: its time may be missing until the next pass. */
	if (mp_begun[i].seq != MP_SEQ(sig))
		r->flags |= MP_REC_TORN;
	if (t->pid == t->tgid && !MP_LOAD(sig->nr_threads)) {
		mp_rec_begin(r, s, sig,
			     MP_WANT_ALL); /* reaped under our eyes: all is in signal_struct */
		mp_rec_end(r, slot, s, t, sig);
		return 0;
	}
	off_cpu = mp_is_off_cpu(t); /* before its time is read: then that is all of it */
	want = mp_begun[i].want;
	mp_read_thread(&used, t, want);
	mp_used_add(mp_used_of(r), &used, want, false);
	/* A leader that ended while threads live has no memory and files: any thread will do. */
	if ((want & MP_HAS_MEM) && !(r->valid & MP_HAS_MEM))
		mp_read_mem(r, t->mm);
	if ((want & MP_HAS_FDS) && !(r->valid & MP_HAS_FDS))
		mp_read_fds(r, t->files);
	if (t->pid != t->tgid)
		return 0;
	mp_read_leader(r, t, sig);
	/* Totals that nobody wanted are read by the next pass, which sees that it exited. */
	if (t->exit_state && MP_LOAD(sig->nr_threads) == 1 && off_cpu && mp_wants_totals(want))
		mp_rec_end(r, slot, s, t, sig);
	return 0;
}

/* Pids are walked upwards, so that a child may come before its parent: ancestors are looked at. */
SEC("?iter/task")
int mp_i_adopt(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;

	if (t && t->pid == t->tgid)
		mp_adopt_one(t, false);
	return 0;
}

SEC("?tp_btf/task_newtask")
int BPF_PROG(mp_i_newtask, struct task_struct *task, unsigned long clone_flags)
{
	return mp_on_newtask(task, clone_flags, false);
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(mp_i_exec, struct task_struct *task, pid_t old_pid)
{
	return mp_on_exec(task, false);
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(mp_i_exit, struct task_struct *task)
{
	return mp_on_exit(task, false);
}

/* A grace period after reaping; signal_struct is still there. */
SEC("?tp_btf/sched_process_free")
int BPF_PROG(mp_i_free, struct task_struct *task)
{
	struct signal_struct *sig;
	struct mp_slot *s;
	struct mp_rec *r;
	__u32 slot;

	if (task->pid != task->tgid)
		return 0;
	slot = mp_pid_slot(task->tgid);
	if (slot == MP_NO_SLOT || mp_state_of(slot) == MP_SLOT_DONE)
		return 0;
	s = mp_slot_of(slot);
	r = bpf_map_lookup_elem(&mp_recs, &slot);
	sig = task->signal;
	/* The leader that another thread's exec replaced is freed as well, but the process lives.
	 */
	if (!s || !r || !sig || task->start_boottime != s->start_ns || sig->nr_threads)
		return 0;
	mp_rec_begin(r, s, sig, MP_WANT_ALL);
	if (mp_has_run_delay())
		r->run_delay_ns += task->sched_info.run_delay;
	r->sampled_ns = bpf_ktime_get_ns();
	mp_rec_end(r, slot, s, task, sig);
	return 0;
}

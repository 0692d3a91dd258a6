// SPDX-License-Identifier: GPL-2.0-only
/*
 * The snapshot rung. Three lifecycle hooks keep a reference to each member's task; between two
 * ticks nothing else runs. The agent runs the others with BPF_PROG_TEST_RUN: mp_snapshot fills a
 * record for every slot in use, folds those that ended and frees those reported last time;
 * mp_adopt_all walks all processes and makes one and its descendants members. Every program that
 * calls kfuncs is here: libbpf 1.1 cannot link two objects that name the same.
 */
#include "hooks.bpf.h"
#include "threads.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* kernel/bpf/task_iter.c */
#define MP_ITER_ALL_PROCS 0

#define MP_STATES_A_WORD 8

/* All threads of one process, ended ones included, into k->used. */
static __always_inline void mp_read_threads(struct mp_rec *r, __u32 slot, struct mp_slot *s,
					    struct mp_known *k, struct task_struct *leader,
					    struct signal_struct *sig)
{
	/* One that is read for the first time may be gone by the next: not worth remembering yet.
	 */
	bool keep =
		r->state == MP_REC_LIVE && k->start_ns == s->start_ns && MP_LOAD(sig->nr_threads);
	__u32 tries = 0;

	k->ran = 0;
	k->fds_kept = 0;
	k->sig = 0; /* nothing is remembered until it is whole */
	k->start_ns = s->start_ns;
	if (!MP_LOAD(sig->nr_threads)) {
		/* After reaping, the leader's own totals are in signal_struct as well. */
		mp_read_signal(&k->used, sig, k->want);
		if (mp_has_run_delay() && (k->want & MP_HAS_SCHED))
			k->used.run_delay_ns = leader->sched_info.run_delay;
		return;
	}
	keep = keep && mp_lines_reserve(k, MP_LOAD(sig->nr_threads));
again:
	if (!mp_threads_walk(k, slot, leader, sig, keep)) {
		if (++tries < MP_MAX_TRIES)
			goto again;
		r->flags |= MP_REC_TORN;
		return;
	}
	if (!keep || k->n != MP_LOAD(sig->nr_threads) || k->n > k->lines * MP_LINE_THREADS)
		return;
	mp_lines_end(k);
	k->sig = (__u64)sig;
}

/* A leader that ended while threads live has neither memory nor files: any thread's will do. */
static __noinline void mp_read_shared_of_threads(struct mp_rec *r, struct task_struct *leader,
						 __u32 want)
{
	struct bpf_iter_task it;
	struct task_struct *t;

	bpf_iter_task_new(&it, leader, MP_ITER_PROC_THREADS);
	while ((t = bpf_iter_task_next(&it))) {
		struct mm_struct *mm = t->mm;

		if (!mm)
			continue;
		if (want & MP_HAS_MEM)
			mp_read_mem(r, mm);
		if (want & MP_HAS_FDS)
			mp_read_fds(r, t->files);
		break;
	}
	bpf_iter_task_destroy(&it);
}

/*
 * Only its own threads change a process's table of descriptors, unless it shares it with another
 * process (then it has more users than the process has threads).
 */
static __always_inline void mp_read_shared(struct mp_rec *r, struct mp_known *k,
					   struct task_struct *leader, struct mm_struct *mm,
					   __u32 want)
{
	struct files_struct *files;

	if (want & MP_HAS_MEM)
		mp_read_mem(r, mm);
	if (!(want & MP_HAS_FDS))
		return;
	if (k->fds_kept && !k->ran) {
		r->valid |= MP_HAS_FDS;
		return;
	}
	files = leader->files;
	mp_read_fds(r, files);
	k->fds_kept = files && (r->valid & MP_HAS_FDS) && (__u32)files->count.counter <= k->n;
}

/*
 * k->used is up to date: the rest of the record. True: the process ended and its totals are final;
 * a zombie's are if it was `gone` before they were read.
 */
static __always_inline bool mp_read_process(struct mp_rec *r, struct mp_slot *s, struct mp_known *k,
					    struct task_struct *leader, struct signal_struct *sig,
					    __u64 now, __u32 want, const bool gone)
{
	/* The first reading of this process has no previous one to be not below of. */
	__u64 floor = mp_is_same(r, s) ? r->run_ns : 0;
	int threads;

	mp_read_slot(r, s, sig);
	r->sampled_ns = now;
	r->valid = (want & (MP_HAS_CPU | MP_HAS_SCHED)) | MP_HAS_THREADS;
	if (mp_has_io())
		r->valid |= want & MP_HAS_IO;
	if (mp_sched_gen)
		r->valid |= MP_HAS_IOWAIT;
	*mp_used_of(r) = k->used;
	if (want & MP_HAS_SCHED)
		r->run_delay_ns += s->run_delay_ns;
	if (r->run_ns < floor)
		r->run_ns = floor;
	threads = MP_LOAD(sig->nr_threads);
	/* One that ended while it was read is read in full by the next reading. */
	if (want == MP_WANT_ALL && (!threads || (threads == 1 && gone))) {
		r->exit_code = mp_exit_code(leader, sig);
		r->threads = r->fds = 0;
		return true;
	}
	r->exit_ns = 0;
	r->exit_code = 0;
	r->threads = threads ? threads : 1;
	r->ppid = mp_vtgid(leader->real_parent);
	return false;
}

/*
 * The short way, for a living process whose threads are remembered: no reference is needed. False:
 * the long way it must be.
 */
static __always_inline bool mp_read_known(struct mp_rec *r, __u32 slot, struct mp_slot *s,
					  struct mp_known *k, struct task_struct *leader, __u64 now)
{
	struct signal_struct *sig = leader->signal;
	struct mm_struct *mm = leader->mm;
	__u32 want = mp_want;

	/* What has just begun, exec'd or is ending is read in full. */
	if (!sig || !mm || r->state != MP_REC_LIVE || r->execs != s->execs ||
	    MP_LOAD(leader->exit_state) || !mp_known_update(k, slot, s, sig, want) ||
	    mp_read_process(r, s, k, leader, sig, now, want, false))
		return false;
	mp_read_shared(r, k, leader, mm, want);
	return true;
}

/* The long way. True: it ended and its totals are final. */
static __always_inline bool mp_read_all(struct mp_rec *r, __u32 slot, struct mp_slot *s,
					struct mp_known *k, struct task_struct *leader, __u64 now)
{
	struct signal_struct *sig = leader->signal;
	bool same = mp_is_same(r, s) && r->execs == s->execs;
	__u32 want = same ? mp_want : MP_WANT_ALL;
	struct mm_struct *mm;
	bool gone = false;

	if (!sig)
		return false;
	if (MP_LOAD(leader->exit_state)) {
		want = MP_WANT_ALL;
		gone = mp_is_off_cpu(leader); /* before its time is read: then that is all of it */
	}
	k->want = want;
	mp_read_threads(r, slot, s, k, leader, sig);
	if (mp_read_process(r, s, k, leader, sig, now, want, gone))
		return true;
	mm = leader->mm;
	if (mm)
		mp_read_shared(r, k, leader, mm, want);
	else if (leader->exit_state)
		mp_read_shared_of_threads(r, leader, want);
	return false;
}

static __always_inline void mp_snap_slot(__u32 slot, __u64 now)
{
	__u8 state = mp_state_of(slot);
	struct task_struct *leader;
	struct mp_known *k;
	struct mp_held *h;
	struct mp_slot *s;
	struct mp_rec *r;
	bool ended;

	if (state == MP_SLOT_FREE)
		return;
	s = mp_slot_of(slot);
	r = bpf_map_lookup_elem(&mp_recs, &slot);
	h = bpf_map_lookup_elem(&mp_tasks, &slot);
	k = bpf_map_lookup_elem(&mp_knowns, &slot);
	if (!s || !r || !h || !k)
		return;
	if (state == MP_SLOT_DONE) {
		mp_slot_put(slot, r);
		return;
	}
	/*
	 * Forgotten by clear(), or the loser when a hook and an adoption took the same process. The
	 * pid of one that ended may be somebody else's by now.
	 */
	if (s->gen != mp_gen || (mp_pid_slot(s->tgid) != slot && state == MP_SLOT_LIVE &&
				 mp_state_of(slot) == MP_SLOT_LIVE)) {
		mp_pid_clear(s->tgid, slot);
		mp_unhold(slot);
		r->state = MP_REC_FREE;
		/* A hook may be at work on it: given to somebody else at the next reading only. */
		mp_state_set(slot, MP_SLOT_DONE);
		return;
	}
	if (slot >= mp_n_recs)
		mp_n_recs = slot + 1;
	bpf_rcu_read_lock();
	leader = h->task;
	if (leader && mp_read_known(r, slot, s, k, leader, now)) {
		bpf_rcu_read_unlock();
		return;
	}
	/*
	 * Between a thread's exec and its hook the old leader is held, which has given its pid away
	 * and been released: the process goes on under the new one.
	 */
	if (leader && leader->pid != leader->tgid)
		leader = leader->group_leader;
	if (leader)
		leader = bpf_task_acquire(leader); /* the walk over threads takes no less */
	if (!leader) {                             /* somebody is just filling the slot */
		bpf_rcu_read_unlock();
		return;
	}
	ended = mp_read_all(r, slot, s, k, leader, now);
	bpf_task_release(leader);
	bpf_rcu_read_unlock();
	if (!ended) {
		r->state = MP_REC_LIVE;
		return;
	}
	mp_pid_clear(s->tgid, slot);
	mp_unhold(slot);
	r->exit_ns = s->exit_ns ? s->exit_ns : now;
	r->state = MP_REC_ENDED;
	mp_state_set(slot, MP_SLOT_DONE);
}

struct mp_walk {
	__u64 now;
	__u32 word;
};

static long mp_snap_one(__u32 i, struct mp_walk *w)
{
	mp_snap_slot(w->word * MP_STATES_A_WORD + MP_STATES_A_WORD - 1 - i, w->now);
	return 0;
}

/* From the highest slot down, so that the lowest freed one comes to lie on top of the stack. */
static long mp_snap_word(__u32 i, struct mp_walk *w)
{
	w->word = (mp_top / MP_STATES_A_WORD - 1 - i) % (MP_MAX_SLOTS / MP_STATES_A_WORD);
	if (*(volatile __u64 *)&mp_state[w->word * MP_STATES_A_WORD])
		bpf_loop(MP_STATES_A_WORD, mp_snap_one, w, 0);
	return 0;
}

SEC("?syscall")
int mp_snapshot(void *ctx)
{
	struct mp_walk w = {.now = bpf_ktime_get_ns()};

	mp_calibrate();
	mp_n_recs = 0;
	mp_urgent = 0;
	bpf_loop(mp_top / MP_STATES_A_WORD, mp_snap_word, &w, 0);
	return 0;
}

/*
 * Hooks run already: whoever is forked from a member during the walk is theirs. The kernel's list
 * is in the order of creation, and an orphan goes to an ancestor or to init, so a parent always
 * comes before its children: one generation is enough to look at.
 */
SEC("?syscall")
int mp_adopt_all(void *ctx)
{
	struct bpf_iter_task it;
	struct task_struct *t;

	bpf_rcu_read_lock();
	bpf_iter_task_new(&it, 0, MP_ITER_ALL_PROCS);
	while ((t = bpf_iter_task_next(&it)))
		mp_adopt_one(t, true);
	bpf_iter_task_destroy(&it);
	bpf_rcu_read_unlock();
	return 0;
}

/*
 * In 7.3 hooks can be preempted, and the kernel leaves a program out on a CPU where it is at work
 * already: a fork or exit is missed then (1 in 100 in an emulated machine under load). Switching
 * preemption off in here makes it worse: what was held back comes before the program is through.
 * An exit that was missed is found by the reading; all that is missed counts as MP_DROP_MISSED.
 */
SEC("?tp_btf/task_newtask")
int BPF_PROG(mp_newtask, struct task_struct *task, unsigned long clone_flags)
{
	return mp_on_newtask(task, clone_flags, true);
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(mp_exec, struct task_struct *task, pid_t old_pid)
{
	return mp_on_exec(task, true);
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(mp_exit, struct task_struct *task)
{
	return mp_on_exit(task, true);
}

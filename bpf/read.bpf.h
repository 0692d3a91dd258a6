/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading one process: totals of ended threads from signal_struct, of living ones from each thread,
 * memory and descriptors from whoever still has them. Shared by the snapshot and the iterator.
 * Costs are cache misses: a group of fields that nobody wants (mp_want) is not touched.
 */
#pragma once

#include "member.bpf.h"

#define MP_SIGNAL_GROUP_EXIT 0x00000004 /* include/linux/sched/signal.h */

/* A process's first and last reading is of everything: totals that it leaves behind are whole. */
#define MP_WANT_ALL (~0U)

static __always_inline bool mp_wants_totals(__u32 want)
{
	return !(~want & (MP_HAS_CPU | MP_HAS_IO | MP_HAS_SCHED));
}

/*
 * A slice longer than two ticks at HZ=100 is a virtual CPU that does not run: not to be trusted.
 */
#define MP_MAX_SLICE_NS 20000000

#define MP_LOAD(x) (*(volatile __typeof__(x) *)&(x))

/*
 * x86 keeps loads in order; elsewhere an atomic operation that returns a value is a full barrier,
 * if somebody uses the value. Not for the iterator: kernels before 5.12 do not have it.
 */
#ifdef __TARGET_ARCH_x86
#define mp_fence() barrier()
#else
__u32 mp_fences __weak;
#define mp_fence()                                                                                 \
	({                                                                                         \
		__u32 n_ = __sync_fetch_and_add(&mp_fences, 1);                                    \
		asm volatile("" ::"r"(n_));                                                        \
	})
#endif

/*
 * The agent asks for its CPU time, which brings its exec_start up to date, notes CLOCK_MONOTONIC
 * and comes here: the difference is the offset between both clocks, if the sum is still what it was
 * told (else the scheduler was there in between). Task clocks leave out interrupts and stolen time,
 * each CPU its own amount: clock - clock_task.
 */
static __always_inline void mp_calibrate(void)
{
	struct task_struct *cur = (void *)bpf_get_current_task();
	__u64 irq_ns;

	if (!mp_has_running_slice() || !mp_calib_ns ||
	    BPF_CORE_READ(cur, se.sum_exec_runtime) != mp_calib_cpu)
		return;
	irq_ns = BPF_CORE_READ(cur, se.cfs_rq, rq, clock) -
		 BPF_CORE_READ(cur, se.cfs_rq, rq, clock_task);
	mp_clock_off = (__s64)(BPF_CORE_READ(cur, se.exec_start) + irq_ns - mp_calib_ns);
}

/* Since 6.12 one that goes to sleep may stay on its queue. */
static __always_inline bool mp_is_delayed(struct task_struct *t)
{
	return bpf_core_field_exists(t->se.sched_delayed) && t->se.sched_delayed;
}

/* CPU time of one thread, the slice that is running included. */
static __always_inline __u64 mp_thread_run_ns(struct task_struct *t)
{
	__u64 sum = MP_LOAD(t->se.sum_exec_runtime), start;
	struct rq *rq;
	__s64 slice, irq_ns;

	if (!mp_has_running_slice() || !mp_clock_off || !t->on_cpu)
		return sum;
	mp_met_running = 1;
	/* Probe reads: as many as CPUs, and the verifier is spared two pointers in a loop. */
	rq = BPF_CORE_READ(t, se.cfs_rq, rq);
	/* On its way off the CPU the slice is in the sum already: long, where a virtual CPU stands
	 * still meanwhile. */
	if (!t->on_rq || mp_is_delayed(t) || (__u64)BPF_CORE_READ(rq, curr) != (__u64)t)
		return MP_LOAD(t->se.sum_exec_runtime);
	irq_ns = (__s64)(BPF_CORE_READ(rq, clock) - BPF_CORE_READ(rq, clock_task));
	start = MP_LOAD(t->se.exec_start);
	/* Both move together at a tick: one more look if that was now. */
	sum = MP_LOAD(t->se.sum_exec_runtime);
	slice = (__s64)bpf_ktime_get_ns() + mp_clock_off - irq_ns - (__s64)start;
	if (start != MP_LOAD(t->se.exec_start))
		return MP_LOAD(t->se.sum_exec_runtime);
	return slice > 0 && slice < MP_MAX_SLICE_NS ? sum + slice : sum;
}

/*
 * What threads used: the fields of a record that are sums over them, in a record's order. Of a
 * group that nobody wants all are 0.
 */
struct mp_used {
	__u64 run_ns, utime_ns, stime_ns;
	__u64 run_delay_ns, nvcsw, nivcsw, minflt, majflt;
	__u64 rchar, wchar, syscr, syscw, read_bytes, write_bytes;
};
_Static_assert(sizeof(struct mp_used) == __builtin_offsetof(struct mp_rec, rss_file_pages) -
						 __builtin_offsetof(struct mp_rec, run_ns),
	       "struct mp_used is a part of struct mp_rec");

static __always_inline struct mp_used *mp_used_of(struct mp_rec *r)
{
	return (struct mp_used *)&r->run_ns;
}

/* Totals of the threads that ended: sets, not adds. All of it changes under stats_lock only. */
static __always_inline void mp_read_signal(struct mp_used *u, struct signal_struct *sig, __u32 want)
{
	__builtin_memset(u, 0, sizeof(*u));
	u->run_ns = sig->sum_sched_runtime;
	u->utime_ns = sig->utime;
	u->stime_ns = sig->stime;
	if (want & MP_HAS_SCHED) {
		u->nvcsw = sig->nvcsw;
		u->nivcsw = sig->nivcsw;
		u->minflt = sig->min_flt;
		u->majflt = sig->maj_flt;
	}
	if (mp_has_io() && (want & MP_HAS_IO)) {
		u->rchar = sig->ioac.rchar;
		u->wchar = sig->ioac.wchar;
		u->syscr = sig->ioac.syscr;
		u->syscw = sig->ioac.syscw;
		u->read_bytes = sig->ioac.read_bytes;
		u->write_bytes = sig->ioac.write_bytes;
	}
}

/* One living thread: sets, not adds. */
static __always_inline void mp_read_thread(struct mp_used *u, struct task_struct *t, __u32 want)
{
	u->run_ns = mp_thread_run_ns(t);
	u->utime_ns = t->utime;
	u->stime_ns = t->stime;
	if (want & MP_HAS_SCHED) {
		u->nvcsw = t->nvcsw;
		u->nivcsw = t->nivcsw;
		u->minflt = t->min_flt;
		u->majflt = t->maj_flt;
		if (mp_has_run_delay())
			u->run_delay_ns = t->sched_info.run_delay;
	}
	if (mp_has_io() && (want & MP_HAS_IO)) {
		u->rchar = t->ioac.rchar;
		u->wchar = t->ioac.wchar;
		u->syscr = t->ioac.syscr;
		u->syscw = t->ioac.syscw;
		u->read_bytes = t->ioac.read_bytes;
		u->write_bytes = t->ioac.write_bytes;
	}
}

/* to += a or, where it goes, to -= a; of what is wanted. */
static __always_inline void mp_used_add(struct mp_used *to, const struct mp_used *a, __u32 want,
					const bool goes)
{
#define MP_ADD(f) to->f += goes ? -a->f : a->f
	MP_ADD(run_ns);
	MP_ADD(utime_ns);
	MP_ADD(stime_ns);
	if (want & MP_HAS_SCHED) {
		MP_ADD(run_delay_ns);
		MP_ADD(nvcsw);
		MP_ADD(nivcsw);
		MP_ADD(minflt);
		MP_ADD(majflt);
	}
	if (want & MP_HAS_IO) {
		MP_ADD(rchar);
		MP_ADD(wchar);
		MP_ADD(syscr);
		MP_ADD(syscw);
		MP_ADD(read_bytes);
		MP_ADD(write_bytes);
	}
#undef MP_ADD
}

static __always_inline void mp_read_mem(struct mp_rec *r, struct mm_struct *mm)
{
	if (!mm)
		return;
	r->rss_file_pages = mp_rss_pages(mm, MP_MM_FILE);
	r->rss_anon_pages = mp_rss_pages(mm, MP_MM_ANON);
	r->rss_shmem_pages = mp_rss_pages(mm, MP_MM_SHMEM);
	r->swap_pages = mp_rss_pages(mm, MP_MM_SWAP);
	r->vm_pages = mm->total_vm;
	r->hiwater_pages = mm->hiwater_rss;
	r->valid |= MP_HAS_MEM;
}

/*
 * Open descriptors are the bits set in the table. The words are copied into a scratch buffer in one
 * piece and counted by a global function: verified once, alone, and not inside every caller's loop.
 */
#define MP_FD_WORDS 1024 /* 65,536 descriptors; above, fds is absent */
struct mp_fd_words {
	__u64 w[MP_FD_WORDS];
};
/* One element a CPU, valid within one reading of one process. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mp_fd_words);
} mp_scratch __weak SEC(".maps");

#define MP_FD_PIECE 16

/* Bits set in a piece of the scratch buffer, of its first `words` words at most. */
__weak int mp_popcount_piece(__u32 piece, __u32 words)
{
	__u32 zero = 0, n = 0;
	struct mp_fd_words *f = bpf_map_lookup_elem(&mp_scratch, &zero);

	if (!f)
		return -1;
	for (__u32 i = 0; i < MP_FD_PIECE; i++) {
		__u64 x;

		if (i >= words)
			break;
		x = f->w[(piece * MP_FD_PIECE + i) % MP_FD_WORDS];
		x -= (x >> 1) & 0x5555555555555555ULL;
		x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
		x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
		n += (x * 0x0101010101010101ULL) >> 56;
	}
	return n;
}

__weak int mp_popcount(__u32 words)
{
	int n = 0;

	for (__u32 piece = 0; piece < MP_FD_WORDS / MP_FD_PIECE; piece++) {
		if (piece * MP_FD_PIECE >= words)
			break;
		n += mp_popcount_piece(piece, words - piece * MP_FD_PIECE);
	}
	return n;
}

static __always_inline void mp_read_fds(struct mp_rec *r, struct files_struct *files)
{
	__u32 zero = 0, words;
	struct mp_fd_words *f;
	struct fdtable *fdt;
	int n;

	if (!files)
		return;
	fdt = files->fdt;
	f = bpf_map_lookup_elem(&mp_scratch, &zero);
	if (!fdt || !f)
		return;
	words = fdt->max_fds / 64;
	if (words > MP_FD_WORDS || bpf_probe_read_kernel(f->w, words * 8, fdt->open_fds))
		return;
	n = mp_popcount(words);
	if (n < 0)
		return;
	r->fds = n;
	r->valid |= MP_HAS_FDS;
}

/* Is it the record of the slot's process as it was read last? Else there is nothing to go on from.
 */
static __always_inline bool mp_is_same(const struct mp_rec *r, const struct mp_slot *s)
{
	return r->state == MP_REC_LIVE && r->start_ns == s->start_ns;
}

/*
 * Threads that ended cost no hook anything: they are those that were there or were made and are no
 * more (the leader stays until the process goes). A thread counts in nr_threads before the hook
 * counts it, so the difference may be low for a moment, but never falls.
 */
static __always_inline void mp_read_turnover(struct mp_rec *r, struct mp_slot *s,
					     struct signal_struct *sig)
{
	__u32 before = mp_is_same(r, s) ? r->threads_ended : 0;
	__u32 made = MP_LOAD(s->threads_created), now, ended;

	barrier(); /* a machine that reorders loads may be one too high until reality catches up */
	now = MP_LOAD(sig->nr_threads);
	ended = made + s->threads_first - (now ? now : 1);
	r->threads_created = made;
	r->threads_ended = (__s32)(ended - before) > 0 ? ended : before;
}

/* What the record takes over from the slot. */
static __always_inline void mp_read_slot(struct mp_rec *r, struct mp_slot *s,
					 struct signal_struct *sig)
{
	mp_read_turnover(r, s, sig);
	r->start_ns = s->start_ns;
	r->tgid = s->vtgid;
	r->parent_slot = s->parent_slot;
	r->threads_peak = s->threads_peak;
	r->execs = s->execs;
	r->flags = s->flags;
	r->iowait_ns = s->iowait_ns;
}

/* Status in wait(2)'s encoding, as wait_task_zombie() makes it. */
static __always_inline __u32 mp_exit_code(struct task_struct *leader, struct signal_struct *sig)
{
	return sig->flags & MP_SIGNAL_GROUP_EXIT ? sig->group_exit_code : leader->exit_code;
}

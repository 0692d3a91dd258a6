/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading one process: totals of ended threads from signal_struct, of living ones from each thread,
 * memory and descriptors from whoever still has them. Shared by the snapshot and the iterator.
 * Costs are cache misses: a group of fields that nobody wants (mp_want) is not touched.
 */
#pragma once

#include "member.bpf.h"

#define MP_SIGNAL_GROUP_EXIT 0x00000004 /* include/linux/sched/signal.h */

__u32 mp_want __weak;      /* enum mp_rec_valid: what the next readings are to fill */
__s64 mp_clock_off __weak; /* scheduler's clock - CLOCK_MONOTONIC, ns */
__u64 mp_calib_ns __weak;  /* CLOCK_MONOTONIC when the agent's thread asked for its CPU time */
__u64 mp_calib_cpu __weak; /* what it got */

/*
 * A slice longer than two ticks at HZ=100 is a virtual CPU that does not run: not to be trusted.
 */
#define MP_MAX_SLICE_NS 20000000

#define MP_LOAD(x) (*(volatile __typeof__(x) *)&(x))

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

/* CPU time of one thread, the slice that is running included. */
static __always_inline __u64 mp_thread_run_ns(struct task_struct *t)
{
	__u64 sum = MP_LOAD(t->se.sum_exec_runtime), start;
	struct rq *rq;
	__s64 slice, irq_ns;

	if (!mp_has_running_slice() || !mp_clock_off || !t->on_cpu)
		return sum;
	/* Probe reads: as many as CPUs, and the verifier is spared two pointers in a loop. */
	rq = BPF_CORE_READ(t, se.cfs_rq, rq);
	irq_ns = (__s64)(BPF_CORE_READ(rq, clock) - BPF_CORE_READ(rq, clock_task));
	start = MP_LOAD(t->se.exec_start);
	/* Both move together at a tick: one more look if that was now. */
	sum = MP_LOAD(t->se.sum_exec_runtime);
	slice = (__s64)bpf_ktime_get_ns() + mp_clock_off - irq_ns - (__s64)start;
	if (start != MP_LOAD(t->se.exec_start))
		return MP_LOAD(t->se.sum_exec_runtime);
	return slice > 0 && slice < MP_MAX_SLICE_NS ? sum + slice : sum;
}

/* Totals of the threads that ended; the first reading of a process, so it sets, not adds. */
static __always_inline void mp_read_signal(struct mp_rec *r, struct mp_slot *s,
					   struct signal_struct *sig)
{
	r->run_ns = sig->sum_sched_runtime;
	r->utime_ns = sig->utime;
	r->stime_ns = sig->stime;
	if (mp_want & MP_HAS_SCHED) {
		r->nvcsw = sig->nvcsw;
		r->nivcsw = sig->nivcsw;
		r->minflt = sig->min_flt;
		r->majflt = sig->maj_flt;
		r->run_delay_ns = s->run_delay_ns;
	}
	if (mp_has_io() && (mp_want & MP_HAS_IO)) {
		r->rchar = sig->ioac.rchar;
		r->wchar = sig->ioac.wchar;
		r->syscr = sig->ioac.syscr;
		r->syscw = sig->ioac.syscw;
		r->read_bytes = sig->ioac.read_bytes;
		r->write_bytes = sig->ioac.write_bytes;
	}
}

static __always_inline void mp_read_thread(struct mp_rec *r, struct task_struct *t)
{
	r->run_ns += mp_thread_run_ns(t);
	r->utime_ns += t->utime;
	r->stime_ns += t->stime;
	if (mp_want & MP_HAS_SCHED) {
		r->nvcsw += t->nvcsw;
		r->nivcsw += t->nivcsw;
		r->minflt += t->min_flt;
		r->majflt += t->maj_flt;
		if (mp_has_run_delay())
			r->run_delay_ns += t->sched_info.run_delay;
	}
	if (mp_has_io() && (mp_want & MP_HAS_IO)) {
		r->rchar += t->ioac.rchar;
		r->wchar += t->ioac.wchar;
		r->syscr += t->ioac.syscr;
		r->syscw += t->ioac.syscw;
		r->read_bytes += t->ioac.read_bytes;
		r->write_bytes += t->ioac.write_bytes;
	}
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

__weak int mp_popcount(__u32 words)
{
	__u32 zero = 0, n = 0;
	struct mp_fd_words *f = bpf_map_lookup_elem(&mp_scratch, &zero);

	if (!f)
		return -1;
	for (__u32 i = 0; i < MP_FD_WORDS; i++) {
		__u64 x;

		if (i >= words)
			break;
		x = f->w[i];
		x -= (x >> 1) & 0x5555555555555555ULL;
		x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
		x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
		n += (x * 0x0101010101010101ULL) >> 56;
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

/* What the record takes over from the slot. */
static __always_inline void mp_read_slot(struct mp_rec *r, struct mp_slot *s)
{
	r->start_ns = s->start_ns;
	r->tgid = s->vtgid;
	r->parent_slot = s->parent_slot;
	r->threads_created = s->threads_created;
	r->threads_ended = s->threads_ended;
	r->execs = s->execs;
	r->flags = s->flags;
	r->iowait_ns = s->iowait_ns;
}

/* Status in wait(2)'s encoding, as wait_task_zombie() makes it. */
static __always_inline __u32 mp_exit_code(struct task_struct *leader, struct signal_struct *sig)
{
	return sig->flags & MP_SIGNAL_GROUP_EXIT ? sig->group_exit_code : leader->exit_code;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The threads of one process, for the snapshot rung. Walking the kernel's list costs a chain of
 * cache misses a thread, so the list and what each thread had used are remembered, and of a thread
 * that has not run since only one line is looked at. Nothing is guessed:
 * - A thread leaves its process by __exit_signal() alone, which moves its totals to signal_struct
 *   under stats_lock; one that comes raises nr_threads. While stats_lock's sequence and nr_threads
 *   are what they were, the remembered list is the list, and all tasks on it are there.
 * - sched_info.pcount counts a thread's arrivals on a CPU, run_delay its time in a queue. One that
 *   was on no CPU when it was read, and has the same of both, has done nothing since.
 */
#pragma once

#include "read.bpf.h"

extern int bpf_iter_task_new(struct bpf_iter_task *it, struct task_struct *task,
			     unsigned int flags) __ksym __weak;
extern struct task_struct *bpf_iter_task_next(struct bpf_iter_task *it) __ksym __weak;
extern void bpf_iter_task_destroy(struct bpf_iter_task *it) __ksym __weak;
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

#define MP_ITER_PROC_THREADS 2 /* kernel/bpf/task_iter.c */

#define MP_MAX_TRIES      3
#define MP_LINE_THREADS   4       /* 64 bytes */
#define MP_MAX_LINES      4096    /* threads remembered: 16,380; beyond, processes are walked */
#define MP_NO_PLACE       0       /* line 0 is nobody's: what is not to be remembered goes there */
#define MP_PROC_MAX_LINES 1024    /* of one process */
#define MP_RAN            (~0ULL) /* no thread's `at`: to be read again */

/* A thread as it was read: the task (0: none), and run_delay << 32 | pcount where it rested. */
struct mp_thread {
	__u64 task, at;
};
struct mp_line {
	struct mp_thread t[MP_LINE_THREADS];
};

/* Threads in pieces of a cache line; a slot has some in a row. Of the snapshot alone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MP_MAX_LINES);
	__type(key, __u32);
	__type(value, struct mp_line);
} mp_lines SEC(".maps");

/* line * 4 + place -> what that thread had used; touched only when it ran. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MP_MAX_LINES *MP_LINE_THREADS);
	__type(key, __u32);
	__type(value, struct mp_used);
} mp_thread_used SEC(".maps");

/* What is remembered of a process. */
struct mp_known {
	__u64 start_ns; /* of whom; 0: of nobody */
	__u64 sig;      /* its signal_struct */
	__u32 seq;      /* stats_lock's sequence */
	__u32 n;        /* threads */
	__u32 want;     /* what was read of them */
	__u32 gen;      /* of mp_lines that the next two are places in */
	__u32 first, lines;
	__u32 fds_kept;      /* its table is its own: fds of the record hold until a thread runs */
	__u32 ran;           /* threads that ran since the last reading */
	struct mp_used used; /* of all threads, ended ones included */
};

/* slot -> what is remembered. Of the snapshot alone; lines are the slot's, whoever has it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MP_MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct mp_known);
} mp_knowns SEC(".maps");

__u32 mp_lines_used = 1;
__u32 mp_lines_lost; /* left by slots that needed more */

#define MP_STATS_SEQ(sig) MP_LOAD((sig)->stats_lock.seqcount.seqcount.sequence)

/* What a thread's `at` must still be for it not to have run. */
static __always_inline __u64 mp_thread_at(struct task_struct *t)
{
	return (__u64)(__u32)MP_LOAD(t->sched_info.run_delay) << 32 |
	       (__u32)MP_LOAD(t->sched_info.pcount);
}

/*
 * Reads a thread; returns its `at`. An arrival counts before on_cpu is set, and what a thread did
 * is done before on_cpu is cleared: with pcount the same before and after, and no CPU in between,
 * the values are those of a thread at rest. The fences are for machines that reorder loads.
 */
static __always_inline __u64 mp_thread_take(struct mp_used *u, struct task_struct *t, __u32 want)
{
	__u64 at = MP_RAN;
	bool rests = false;

	if (mp_has_run_delay() && bpf_core_field_exists(t->on_cpu)) {
		at = mp_thread_at(t);
		mp_fence();
		rests = !t->on_cpu;
		mp_fence();
	}
	mp_read_thread(u, t, want);
	mp_fence();
	return rests && at == mp_thread_at(t) ? at : MP_RAN;
}

/*
 * Reads mp_thread_now, the thread that has this place among a slot's. `first`: the place had
 * another one before, or none. Global, and so verified once and alone: inside the loops that call
 * it, it would be looked at in each of their states (250 ms of load time).
 */
__weak int mp_thread_read(__u32 slot, __u32 place, __u32 first)
{
	struct mp_known *k = bpf_map_lookup_elem(&mp_knowns, &slot);
	struct mp_used *u = bpf_map_lookup_elem(&mp_thread_used, &place);
	__u32 line = place / MP_LINE_THREADS, i = place % MP_LINE_THREADS;
	struct mp_line *l = bpf_map_lookup_elem(&mp_lines, &line);

	if (!k || !u || !l) /* cannot be */
		return 0;
	if (!first)
		mp_used_add(&k->used, u, k->want, true);
	l->t[i].task = mp_thread_now;
	l->t[i].at = mp_thread_take(
		u,
		bpf_rdonly_cast((void *)mp_thread_now, bpf_core_type_id_kernel(struct task_struct)),
		k->want);
	mp_used_add(&k->used, u, k->want, false);
	k->ran++;
	return 0;
}

/* --- the remembered list --------------------------------------------------------------------- */

struct mp_lines_walk {
	__u32 slot, first;
};

/* A place without a thread reads as zero, which is its `at`. */
static long mp_line_check(__u32 i, struct mp_lines_walk *w)
{
	__u32 key = w->first + i;
	struct mp_line *l = bpf_map_lookup_elem(&mp_lines, &key);
	__u32 type = bpf_core_type_id_kernel(struct task_struct);

	if (!l)
		return 1;
#pragma unroll
	for (int j = 0; j < MP_LINE_THREADS; j++) {
		struct task_struct *t = bpf_rdonly_cast((void *)l->t[j].task, type);

		if (mp_thread_at(t) == l->t[j].at)
			continue;
		mp_thread_now = l->t[j].task;
		mp_thread_read(w->slot, key * MP_LINE_THREADS + j, false);
	}
	return 0;
}

/* True: k->used holds what the process has used up to now. */
static __always_inline bool mp_known_update(struct mp_known *k, __u32 slot, struct mp_slot *s,
					    struct signal_struct *sig, __u32 want)
{
	struct mp_lines_walk w = {.slot = slot, .first = k->first};

	k->ran = 0;
	if (k->start_ns != s->start_ns || k->sig != (__u64)sig || k->want != want ||
	    k->gen != mp_lines_gen || k->seq != MP_STATS_SEQ(sig) ||
	    k->n != MP_LOAD(sig->nr_threads))
		return false;
	mp_fence();
	bpf_loop((k->n + MP_LINE_THREADS - 1) / MP_LINE_THREADS, mp_line_check, &w, 0);
	mp_fence();
	return k->seq == MP_STATS_SEQ(sig) && k->n == MP_LOAD(sig->nr_threads);
}

/* --- the kernel's list ----------------------------------------------------------------------- */

/* Room for n threads in a row; false: there is none now. */
static __always_inline bool mp_lines_reserve(struct mp_known *k, __u32 n)
{
	__u32 need = (n + MP_LINE_THREADS - 1) / MP_LINE_THREADS;

	if (k->gen == mp_lines_gen && k->lines >= need)
		return true;
	if (need > MP_PROC_MAX_LINES)
		return false;
	need += need / 2; /* it may grow */
	if (mp_lines_used + need > MP_MAX_LINES) {
		/* What is lost is worth beginning anew when it is a quarter. */
		if (mp_lines_lost > MP_MAX_LINES / 4) {
			mp_lines_gen++;
			mp_lines_used = 1;
			mp_lines_lost = 0;
		}
		return false;
	}
	if (k->gen == mp_lines_gen)
		mp_lines_lost += k->lines;
	k->gen = mp_lines_gen;
	k->first = mp_lines_used;
	k->lines = need;
	mp_lines_used += need;
	return true;
}

/*
 * Walks the threads into k->used; true: stats_lock's sequence says that none ended meanwhile (else
 * what was added up may hold its totals twice or not at all). `keep`: remember them.
 */
static __always_inline bool mp_threads_walk(struct mp_known *k, __u32 slot,
					    struct task_struct *leader, struct signal_struct *sig,
					    bool keep)
{
	__u32 seq = MP_STATS_SEQ(sig);
	struct bpf_iter_task it;
	struct task_struct *t;

	k->n = 0;
	k->seq = seq;
	mp_read_signal(&k->used, sig, k->want);
	bpf_iter_task_new(&it, leader, MP_ITER_PROC_THREADS);
	while ((t = bpf_iter_task_next(&it))) {
		__u32 n = k->n++, place = MP_NO_PLACE;

		if (keep && n < k->lines * MP_LINE_THREADS)
			place = k->first * MP_LINE_THREADS + n;
		mp_thread_now = (__u64)t;
		mp_thread_read(slot, place, true);
	}
	bpf_iter_task_destroy(&it);
	return !(seq & 1) && seq == MP_STATS_SEQ(sig);
}

/* The places after the last thread, up to the end of its line, are nobody's. */
static __always_inline void mp_lines_end(struct mp_known *k)
{
	__u32 line = k->first + k->n / MP_LINE_THREADS;
	struct mp_line *l = bpf_map_lookup_elem(&mp_lines, &line);

	if (!l || !(k->n % MP_LINE_THREADS))
		return;
#pragma unroll
	for (__u32 j = 1; j < MP_LINE_THREADS; j++)
		if (j >= k->n % MP_LINE_THREADS)
			l->t[j].task = l->t[j].at = 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps and globals that several program files share. Defined weak, so that `bpftool gen object`
 * merges them into one. All of them are mapped into the agent: reading and resetting them costs no
 * system call and works after privileges were dropped.
 */
#pragma once

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <mmsperf/abi.h>

/*
 * tgid / 4 -> four slot numbers. Who is a member is decided here and nowhere else: a stranger's
 * fork, thread or exit costs one array look-up. Written by hooks and adoption; an entry lives from
 * fork or adoption to exit. Size: pid_max at load, set by the loader; beyond it a member counts as
 * MP_DROP_PID_RANGE.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mp_pids);
} mp_pids __weak SEC(".maps");

/* slot -> what hooks know of the member. Written by hooks, adoption; reset when a slot is taken. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MP_MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct mp_slot);
} mp_slots __weak SEC(".maps");

/*
 * Slots that nobody uses, lowest on top, filled by the loader. Popped by hooks and adoption, pushed
 * back one reading after the member's last record. Empty: the newcomer is MP_DROP_SLOTS_FULL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, MP_MAX_SLOTS);
	__type(value, __u32);
} mp_free __weak SEC(".maps");

/* slot -> record, written by readers (snapshot or iterator) only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MP_MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct mp_rec);
} mp_recs __weak SEC(".maps");

/* slot -> command line; written by the exec hook, copied by fork, by user space for adopted ones.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MP_MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct mp_cmd);
} mp_cmds __weak SEC(".maps");

/* pids that exec'd while mp_watch is on; 0: half of the slots are in use, read soon. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} mp_ring __weak SEC(".maps");

/*
 * What every reading goes by lies together, and with the first slots' states in one page: at an
 * interval of a second all of it is out of the caches, and each line of 64 bytes costs 0.3 us.
 */
/* A thread's task_struct: mp_thread_read() cannot be passed it. */
__u64 mp_thread_now __attribute__((aligned(64))) __weak;
__s64 mp_clock_off __weak;   /* scheduler's clock - CLOCK_MONOTONIC, ns */
__u64 mp_calib_ns __weak;    /* CLOCK_MONOTONIC when the agent's thread asked for its CPU time */
__u64 mp_calib_cpu __weak;   /* what it got */
__u32 mp_met_running __weak; /* a thread was on a CPU: the offset was of use */
__u32 mp_want __weak;        /* enum mp_rec_valid: what the next readings are to fill */
__u32 mp_top __weak;         /* in: walk slots below this, a multiple of MP_SLOT_GROUP */
__u32 mp_n_recs __weak;      /* out: records in use are below this */
__u32 mp_lines_gen __weak;   /* of mp_lines; a new one: all are free again */
__u32 mp_gen __weak;         /* members of another generation are forgotten */
__u32 mp_urgent __weak;      /* a notice of a half full table is under way */
__u32 mp_sched_gen __weak;   /* of the scheduler group's attachment; 0: not attached */

/* 1 once any slot of the 64 was ever used: where a walk ends. */
__u8 mp_used[MP_MAX_SLOTS / MP_SLOT_GROUP] __attribute__((aligned(64))) __weak;
/* enum mp_slot_state of each slot, a byte each: walking 64 free slots touches one cache line. */
__u8 mp_state[MP_MAX_SLOTS] __attribute__((aligned(64))) __weak;
__u64 mp_drops[_MP_DROP_MAX] __weak; /* enum mp_drop */
__u32 mp_in_use __weak;              /* slots taken */
__u32 mp_watch __weak;               /* send a notice at every exec of the machine */
__u32 mp_runq_gen __weak;            /* of the run-queue group's attachment; 0: not attached */
__u32 mp_block_gen __weak;           /* ... of the disk group */
__u32 mp_off_gen __weak;             /* ... of the off-CPU group */
__u32 mp_net_gen __weak;             /* ... of the network group */

/* Inode of the agent's pid namespace; 0: the initial one, where a task's tgid is its name. */
const volatile __u32 mp_pidns __weak = 0;

static __always_inline void mp_drop(enum mp_drop why)
{
	__sync_fetch_and_add(&mp_drops[why], 1);
}

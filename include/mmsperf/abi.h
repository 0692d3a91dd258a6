/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only contract between bpf/ and user space, and the record every rung (BPF snapshot, BPF
 * iterator, procfs) fills. Plain fixed-width types, explicit padding, sizes asserted.
 * The kernel keeps raw totals; rates, splits and roles are made in user space.
 */
#pragma once

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#define MP_MAX_SLOTS 4096 /* members at a time; a held task pins 5.9 KB, so at most 24 MB */
#define MP_CMD_LEN   1024 /* command line bytes kept at exec: argv joined by NUL */

/* What of a record is known. A clear bit means "absent", never zero. */
enum mp_rec_valid {
	MP_HAS_CPU = 1 << 0,     /* run_ns utime_ns stime_ns */
	MP_HAS_IO = 1 << 1,      /* rchar..write_bytes */
	MP_HAS_MEM = 1 << 2,     /* rss_*, vm_pages, hiwater_pages */
	MP_HAS_FDS = 1 << 3,     /* fds */
	MP_HAS_SCHED = 1 << 4,   /* run_delay_ns nvcsw nivcsw minflt majflt */
	MP_HAS_THREADS = 1 << 5, /* threads_created, _ended, _peak (needs the lifecycle hooks) */
	MP_HAS_IOWAIT = 1 << 6,  /* iowait_ns (needs the scheduler group) */
	MP_HAS_FAULTS = 1 << 7, /* minflt majflt alone, where the rest of MP_HAS_SCHED is unknown */
};

enum mp_rec_state {
	MP_REC_FREE = 0,
	MP_REC_LIVE = 1,
	MP_REC_ENDED = 2,  /* final totals; reported in exactly one tick, then the slot is reused */
	MP_REC_ZOMBIE = 3, /* procfs rung only: not reaped yet, counts in no total of living */
};

enum mp_rec_flags {
	MP_REC_FORKED = 1 << 0, /* made by fork and not exec'd since: inherits its parent's role */
	MP_REC_VFORK = 1 << 1,  /* shares its parent's mm: its memory is the parent's */
	MP_REC_ROOT = 1 << 2,   /* adopted by user space: a root of the tree */
	/* Totals may be low: a thread ended while its process was read, or its end was not seen. */
	MP_REC_TORN = 1 << 3,
};

/* One process; identity is (tgid, start_ns). */
struct mp_rec {
	__u64 start_ns;   /* task start, CLOCK_BOOTTIME */
	__u64 sampled_ns; /* CLOCK_MONOTONIC of this reading */
	__u64 exit_ns;    /* CLOCK_MONOTONIC; 0 while it lives */
	__u64 run_ns;     /* CPU time of all threads, ended ones and the running slice included */
	__u64 utime_ns, stime_ns; /* tick-based; only their ratio is used */
	__u64 run_delay_ns, nvcsw, nivcsw, minflt, majflt;
	__u64 rchar, wchar, syscr, syscw, read_bytes, write_bytes;
	__u64 rss_file_pages, rss_anon_pages, rss_shmem_pages, swap_pages, vm_pages, hiwater_pages;
	__u64 iowait_ns;
	__u32 tgid, ppid;
	__u32 threads, fds;
	__u32 threads_created, threads_ended; /* since it became a member, the first not counted */
	__u32 exit_code;                      /* wait(2) status encoding */
	__u32 execs;                          /* changes when its command line does */
	__u32 parent_slot;                    /* slot of the member that forked it; ~0: none */
	__u32 state;                          /* enum mp_rec_state */
	__u32 valid;                          /* enum mp_rec_valid */
	__u32 flags;                          /* enum mp_rec_flags */
	__u32 threads_peak;                   /* most at once, as mp_slot has it */
	__u32 pad;
};
_Static_assert(sizeof(struct mp_rec) == 24 * 8 + 14 * 4, "abi: struct mp_rec");

/* argv as exec left it, NUL-separated; len bytes of it are valid. */
struct mp_cmd {
	__u32 len;
	__u32 execs; /* equals the record's when both belong together */
	char argv[MP_CMD_LEN];
};
_Static_assert(sizeof(struct mp_cmd) == MP_CMD_LEN + 8, "abi: struct mp_cmd");

/* Events lost, by cause; a run with any of them says so. */
enum mp_drop {
	MP_DROP_SLOTS_FULL, /* member not tracked: all slots in use */
	MP_DROP_HELD,       /* a task reference could not be taken */
	MP_DROP_RING_FULL,  /* an exec notice did not fit */
	MP_DROP_PID_RANGE,  /* member not tracked: pid beyond the pid_max of the agent's start */
	MP_DROP_WAITS_FULL, /* an I/O wait not counted: too many at once */
	MP_DROP_MISSED,     /* a hook was not run by the kernel: it was at work on that CPU */
	_MP_DROP_MAX
};

#include <mmsperf/abi_groups.h>

/* --- between bpf/ and src/kernel/ only ----------------------------------------------------- */

/*
 * Life of a slot. FREE -> LIVE: a hook or adopt(); LIVE -> EXITED: the exit hook; -> DONE: the
 * reader, when it folded the final totals into the record or found the slot to be nobody's; DONE ->
 * FREE: the next reading.
 */
enum mp_slot_state { MP_SLOT_FREE, MP_SLOT_LIVE, MP_SLOT_EXITED, MP_SLOT_DONE };

/* What the hooks keep of a member: one cache line. */
struct mp_slot {
	__u64 start_ns;     /* CLOCK_BOOTTIME; with tgid its identity */
	__u64 exit_ns;      /* CLOCK_MONOTONIC of the exit hook */
	__u64 iowait_ns;    /* ended I/O waits of its threads while the scheduler group was on */
	__u64 run_delay_ns; /* of threads that ended: the kernel does not sum it up */
	__u32 tgid;         /* in the initial pid namespace: index of mp_pids */
	__u32 vtgid;        /* in the agent's pid namespace */
	__u32 parent_slot;
	__u32 gen;             /* of its root's adoption; another one than the present: forgotten */
	__u32 threads_created; /* since it became a member */
	__u32 threads_first;   /* when it did; those that ended are the difference to today's */
	__u32 execs;
	__u16 flags;        /* enum mp_rec_flags */
	__u16 threads_peak; /* most at once since it became a member; more than 65535 are that many
			     */
};
_Static_assert(sizeof(struct mp_slot) == 64, "abi: struct mp_slot");

#define MP_PIDS_PER_ENTRY 4 /* array elements are 8 bytes at least */
/* Slot + 1 of the member whose tgid is 4 * key + i; 0: a stranger. */
struct mp_pids {
	__u16 slot[MP_PIDS_PER_ENTRY];
};
_Static_assert(MP_MAX_SLOTS < 1 << 16, "abi: a slot + 1 must fit struct mp_pids");

#define MP_SLOT_GROUP 64 /* slots whose states share a cache line */

/* One adoption: what is asked, and what came of it. */
struct mp_adopt {
	__u32 pid;    /* in: root, as the agent's pid namespace has it */
	__u32 slot;   /* out: the root's slot; MP_NO_SLOT: no such process */
	__u32 added;  /* out: processes made members */
	__u32 failed; /* out: processes found but not tracked; the cause is in the drops */
};

#define MP_NO_SLOT (~0U)

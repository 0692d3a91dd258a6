// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disk group, optional: from a request's issue to the device until its completion, reads and writes
 * of the whole machine. A request is the member's whose thread began it; what the kernel writes
 * back later is begun by its own threads and nobody's.
 */
#include "group.bpf.h"

/* include/linux/blk_types.h, unchanged since 4.10 (ef295ecf090d) */
#define MP_REQ_OP_MASK 0xff
enum { MP_REQ_READ, MP_REQ_WRITE };

struct mp_io {
	__u64 issued_ns; /* 0: not issued yet */
	__u32 class_id;
	__u32 gen;
};

/*
 * Request -> who began it, and when it was issued. Written by this group only; an entry lives from
 * its begin to its completion. One that was left at detaching is told by its gen and written over
 * when the request, one of the device's fixed number, is used again. Full: MP_DROP_WAITS_FULL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct mp_io);
} mp_ios SEC(".maps");

static __always_inline void mp_io_keep(struct request *rq, __u32 class_id, __u64 issued_ns)
{
	struct mp_io io = {.issued_ns = issued_ns, .class_id = class_id, .gen = mp_block_gen};
	__u64 key = (__u64)rq;

	if ((rq->cmd_flags & MP_REQ_OP_MASK) <= MP_REQ_WRITE &&
	    bpf_map_update_elem(&mp_ios, &key, &io, BPF_ANY))
		mp_drop(MP_DROP_WAITS_FULL);
}

static __always_inline int mp_io_begins(struct request *rq)
{
	__u32 slot = mp_pid_slot(bpf_get_current_pid_tgid() >> 32);
	struct mp_extra *x = slot == MP_NO_SLOT ? 0 : mp_extra_of(slot);

	mp_io_keep(rq, x ? x->class_id : 0, 0);
	return 0;
}

static __always_inline int mp_io_issued(struct request *rq)
{
	__u64 key = (__u64)rq, now = bpf_ktime_get_ns();
	struct mp_io *io = bpf_map_lookup_elem(&mp_ios, &key);

	if (!io || io->gen != mp_block_gen)
		mp_io_keep(rq, 0, now); /* begun before the group was attached, or not by a call */
	else if (!io->issued_ns)
		io->issued_ns = now; /* else it is issued again */
	return 0;
}

/* Since 5a80bd075f3b ("block: introduce block_io_start/block_io_done tracepoints", 6.5). */
SEC("?tp_btf/block_io_start")
int BPF_PROG(mp_io_start, struct request *rq)
{
	return mp_io_begins(rq);
}

/* Before: only requests that wait in a scheduler's queue show whose they are. */
SEC("?tp_btf/block_rq_insert")
int BPF_PROG(mp_io_insert, struct request *rq)
{
	return mp_io_begins(rq);
}

SEC("?tp_btf/block_rq_issue")
int BPF_PROG(mp_io_issue, struct request *rq)
{
	return mp_io_issued(rq);
}

/* until 5.10, changed by a54895fa057c ("block: remove the request_queue to argument request based
 * tracepoints") */
SEC("?tp_btf/block_rq_insert")
int BPF_PROG(mp_io_insert_q, struct request_queue *q, struct request *rq)
{
	return mp_io_begins(rq);
}

SEC("?tp_btf/block_rq_issue")
int BPF_PROG(mp_io_issue_q, struct request_queue *q, struct request *rq)
{
	return mp_io_issued(rq);
}

SEC("?tp_btf/block_rq_complete")
int BPF_PROG(mp_io_done, struct request *rq, __s32 error, unsigned int bytes)
{
	__u64 key = (__u64)rq;
	struct mp_io *io = bpf_map_lookup_elem(&mp_ios, &key);
	bool write = (rq->cmd_flags & MP_REQ_OP_MASK) == MP_REQ_WRITE;

	if (!io || bytes < rq->__data_len) /* part of it */
		return 0;
	if (io->gen == mp_block_gen && io->issued_ns)
		mp_lat_add(write ? MP_LAT_BLOCK_WRITE : MP_LAT_BLOCK_READ, io->class_id,
			   bpf_ktime_get_ns() - io->issued_ns);
	bpf_map_delete_elem(&mp_ios, &key);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What programs of optional groups share: a member's extra counters, and histograms. All of it is
 * mapped into the agent. A group's programs run only while somebody subscribes to it.
 */
#pragma once

#include "member.bpf.h"

/*
 * slot -> counters of groups. Written by their programs (by atomic additions), its class by user
 * space; cleared by whoever finds another process in it than the slot's present one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MP_MAX_SLOTS);
	__type(key, __u32);
	__type(value, struct mp_extra);
} mp_extras __weak SEC(".maps");

/* latency x class -> histogram. Written by groups' programs only. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, _MP_LAT_MAX *MP_CLASSES);
	__type(key, __u32);
	__type(value, struct mp_lat);
} mp_lats __weak SEC(".maps");

/*
 * CPU -> longest latencies since user space took them. An element a CPU (the loader sets how many),
 * so that no two writers meet; not a per-CPU map, which cannot be mapped.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mp_lat_max);
} mp_lat_maxes __weak SEC(".maps");

/* The member's counters; its slot must be one. NULL: no such slot. */
static __always_inline struct mp_extra *mp_extra_of(__u32 slot)
{
	struct mp_extra *x = bpf_map_lookup_elem(&mp_extras, &slot), *from;
	struct mp_slot *s = mp_slot_of(slot);
	__u32 parent;

	if (!x || !s)
		return 0;
	if (x->start_ns == s->start_ns)
		return x;
	/*
	 * The first event of a new member: its only thread's, unless it was just adopted, when two
	 * CPUs may both come here and what one has counted is lost.
	 */
	__builtin_memset(x, 0, sizeof(*x));
	parent = s->parent_slot;
	from = s->flags & MP_REC_FORKED ? bpf_map_lookup_elem(&mp_extras, &parent) : 0;
	if (from)
		x->class_id = from->class_id;
	*(volatile __u64 *)&x->start_ns = s->start_ns;
	return x;
}

static __always_inline void mp_lat_add(enum mp_lat_id lat, __u32 class_id, __u64 ns)
{
	__u32 cpu = bpf_get_smp_processor_id(), key, i = mp_lat_bucket(ns);
	struct mp_lat_max *m;
	struct mp_lat *l;

	class_id &= MP_CLASSES - 1;
	key = lat * MP_CLASSES + class_id;
	l = bpf_map_lookup_elem(&mp_lats, &key);
	m = bpf_map_lookup_elem(&mp_lat_maxes, &cpu);
	if (!l || !m || i >= MP_LAT_BUCKETS)
		return;
	__sync_fetch_and_add(&l->sum_ns, ns);
	__sync_fetch_and_add(&l->count[i], 1);
	if (ns > m->ns[lat][class_id])
		m->ns[lat][class_id] = ns;
}

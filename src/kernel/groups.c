// SPDX-License-Identifier: GPL-2.0-only
/*
 * Optional groups of probes on both BPF rungs: which programs are loaded for this kernel, attaching
 * and detaching them, what they cost. Attaching works after privileges were dropped.
 */
#include "kernel/loader.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

const char *mp_group_label(unsigned groups)
{
	for (size_t i = 0; i < MP_N_GROUPS; i++)
		if (mp_group_rows[i].group & groups)
			return mp_group_rows[i].label;
	return "unknown group";
}

#ifndef MP_NO_BPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mmsperf.skel.h"

/* --- loading ------------------------------------------------------------------------------- */

static int leave_out(struct mp_bpf *b, const struct mp_group_row *row)
{
	int r = 0;

	for (size_t k = 0; k < MP_GROUP_MAX_MAPS && row->map[k] && !r; k++)
		r = bpf_map__set_autocreate(bpf_object__find_map_by_name(b->skel->obj, row->map[k]),
					    false);
	return r;
}

int mp_groups_choose(struct mp_bpf *b, const struct mp_facts *f)
{
	int r = 0;

	for (size_t i = 0; i < MP_N_GROUPS && !r; i++) {
		const struct mp_group_row *row = &mp_group_rows[i];
		struct mp_group_state *g = &b->group[i];
		const char *lacks = mp_features_group_lacks(f, row);

		g->n = 0;
		if (lacks)
			(void)snprintf(g->why, sizeof(g->why), "this kernel has no %s", lacks);
		if (!(b->groups_loaded & row->group)) {
			r = leave_out(b, row);
			continue;
		}
		for (size_t k = 0; k < MP_GROUP_MAX_PROGS && !r; k++) {
			struct bpf_program *p;

			if (!mp_features_group_has(f, row, k))
				continue;
			p = bpf_object__find_program_by_name(b->skel->obj, row->prog[k].name);
			if (!p)
				return -ENOENT;
			g->prog[g->n++] = p;
			r = bpf_program__set_autoload(p, true);
		}
	}
	return r;
}

/* --- attaching ----------------------------------------------------------------------------- */

/* The number by which a group's programs tell what they kept under an earlier attachment. */
static void set_gen(struct mp_bpf *b, enum mp_group group, uint32_t gen)
{
	switch (group) {
	case MP_GROUP_SCHED:
		b->skel->bss->mp_sched_gen = gen;
		break;
	case MP_GROUP_RUNQ:
		b->skel->bss->mp_runq_gen = gen;
		break;
	case MP_GROUP_OOM:
		break;
	case MP_GROUP_BLOCK:
		b->skel->bss->mp_block_gen = gen;
		break;
	case MP_GROUP_OFFCPU:
		b->skel->bss->mp_off_gen = gen;
		break;
	case MP_GROUP_NET:
		b->skel->bss->mp_net_gen = gen;
		break;
	}
}

/* What the group knows of an earlier attachment is of no use. */
static void begin(struct mp_bpf *b, enum mp_group group)
{
	if (group != MP_GROUP_OFFCPU)
		return;
	memset((void *)(uintptr_t)b->probes.off, 0, MP_OFF_PLACES * sizeof(*b->probes.off));
	memset(b->skel->bss->mp_off_used, 0, sizeof(b->skel->bss->mp_off_used));
	b->probes.off_used = b->skel->bss->mp_off_used;
	b->skel->bss->mp_off_since = mp_now_ns();
}

/* Of threads that end while the group is away nobody would delete the entry. */
static void forget_threads(struct mp_bpf *b, const struct mp_group_row *row)
{
	uint32_t tid;
	int fd;

	if (!row->thread_map)
		return;
	fd = bpf_map__fd(bpf_object__find_map_by_name(b->skel->obj, row->thread_map));
	while (!bpf_map_get_next_key(fd, NULL, &tid))
		if (bpf_map_delete_elem(fd, &tid))
			break;
}

static void detach(struct mp_bpf *b, size_t i)
{
	struct mp_group_state *g = &b->group[i];

	for (size_t k = 0; k < g->n; k++) {
		(void)bpf_link__destroy(g->link[k]);
		g->link[k] = NULL;
	}
	set_gen(b, mp_group_rows[i].group, 0);
	forget_threads(b, &mp_group_rows[i]);
	b->probes.on &= ~(unsigned)mp_group_rows[i].group;
}

static int attach(struct mp_bpf *b, size_t i, struct mp_diag *d)
{
	struct mp_group_state *g = &b->group[i];

	begin(b, mp_group_rows[i].group);
	set_gen(b, mp_group_rows[i].group, ++b->group_gen);
	for (size_t k = 0; k < g->n; k++) {
		g->link[k] = bpf_program__attach(g->prog[k]);
		if (!g->link[k]) {
			int r = -errno;

			detach(b, i);
			return mp_diag_set(d, r, NULL, 0, 0, "cannot attach the %s: %s",
					   mp_group_rows[i].label, strerror(-r));
		}
	}
	b->probes.on |= mp_group_rows[i].group;
	return 0;
}

int mp_groups_need(struct mp_source *s, unsigned groups, struct mp_diag *d)
{
	struct mp_bpf *b = mp_bpf_of(s);
	unsigned known = 0;
	int first = 0, r;

	for (size_t i = 0; i < MP_N_GROUPS; i++) {
		unsigned bit = mp_group_rows[i].group;
		struct mp_diag ignored;

		known |= bit;
		if (!(groups & bit)) {
			if (b->probes.on & bit)
				detach(b, i);
			continue;
		}
		if (b->probes.on & bit)
			continue;
		r = b->groups_loaded & bit ? attach(b, i, first ? &ignored : d)
					   : mp_diag_set(first ? &ignored : d, -EOPNOTSUPP, NULL, 0,
							 0, "the %s cannot be had: %s",
							 mp_group_rows[i].label, b->group[i].why);
		if (!first)
			first = r;
	}
	if (!first && groups & ~known)
		return mp_diag_set(d, -EOPNOTSUPP, NULL, 0, 0, "there is no such group of probes");
	return first;
}

struct mp_probes *mp_groups_probes(struct mp_source *s)
{
	return &mp_bpf_of(s)->probes;
}

bool mp_groups_cost(struct mp_source *s, unsigned group, uint64_t *ret_run_ns, uint64_t *ret_runs)
{
	struct mp_bpf *b = mp_bpf_of(s);

	/* as self_cost(): the statistics are on from the first question on */
	if (!s->ops->self_cost(s, ret_run_ns, ret_runs))
		return false;
	*ret_run_ns = *ret_runs = 0;
	for (size_t i = 0; i < MP_N_GROUPS; i++) {
		if (mp_group_rows[i].group != group)
			continue;
		for (size_t k = 0; k < b->group[i].n; k++) {
			struct bpf_prog_info info = {0};
			__u32 len = sizeof(info);

			if (bpf_obj_get_info_by_fd(bpf_program__fd(b->group[i].prog[k]), &info,
						   &len))
				return false;
			*ret_run_ns += info.run_time_ns;
			*ret_runs += info.run_cnt;
		}
	}
	return true;
}

void mp_groups_close(struct mp_bpf *b)
{
	for (size_t i = 0; i < MP_N_GROUPS; i++)
		for (size_t k = 0; k < b->group[i].n; k++)
			(void)bpf_link__destroy(b->group[i].link[k]);
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The highest rung: one BPF_PROG_TEST_RUN fills the mapped array of records, nothing is copied and
 * nothing allocated. Called through its table of operations.
 */
#ifdef MP_NO_BPF
typedef int mp_snapshot_not_built;
#else

#include "kernel/loader.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "mmsperf.skel.h"

static int run(int prog_fd)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	return bpf_prog_test_run_opts(prog_fd, &opts) ? -errno : 0;
}

static int tick(struct mp_source *s, const struct mp_rec **ret_recs, size_t *ret_n)
{
	struct mp_bpf *b = mp_bpf_of(s);
	int r;

	mp_heal_if_due(b);
	b->skel->bss->mp_top = mp_members_top(b);
	mp_members_calibrate(b);
	r = run(b->tick_fd);
	if (r)
		return r;
	*ret_recs = b->recs;
	*ret_n = b->skel->bss->mp_n_recs;
	return 0;
}

static int adopt(struct mp_source *s, pid_t pid)
{
	struct mp_bpf *b = mp_bpf_of(s);
	int r;

	mp_members_ask(b, pid);
	r = run(b->adopt_fd);
	return r ? r : mp_members_adopted(b);
}

/* Members of another generation are nobody's: the reading takes their slots back. */
static int clear(struct mp_source *s)
{
	const struct mp_rec *recs;
	size_t n;

	mp_bpf_of(s)->skel->bss->mp_gen++;
	return tick(s, &recs, &n);
}

static const struct mp_source_ops ops = {
	.rung = MP_RUNG_SNAPSHOT,
	.adopt = adopt,
	.clear = clear,
	.tick = tick,
	.cmd = mp_members_cmd,
	.event_fd = mp_members_event_fd,
	.watch_execs = mp_members_watch_execs,
	.exec_pids = mp_members_exec_pids,
	.need_groups = mp_groups_need,
	.probes = mp_groups_probes,
	.group_cost = mp_groups_cost,
	.drops = mp_members_drops,
	.self_cost = mp_members_self_cost,
	.want = mp_members_want,
	.urgent = mp_members_urgent,
	.check = mp_members_check,
	.free = mp_members_free,
};

int mp_snapshot_open(struct mp_source **ret_source, struct mp_diag *d)
{
	struct mp_bpf *b;
	int r = mp_loader_open(MP_RUNG_SNAPSHOT, &ops, &b, d);

	if (r)
		return r;
	*ret_source = &b->src;
	return 0;
}

#endif

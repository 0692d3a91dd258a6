// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels since 7.0 run hooks with preemption on, and leave a program out on a CPU where a
 * preempted run of it is under way. Each such miss is counted by the kernel; when the count moved,
 * this looks for what went unseen: descendants of members that are no members (adopted), and
 * members whose command line changed. Missed exits are found by the readings themselves.
 * A child whose parent ended before the look is lost, as are counts of threads: the drop stays.
 */
#ifdef MP_NO_BPF
typedef int mp_heal_not_built;
#else

#include "kernel/loader.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <bpf/bpf.h>
#include <string.h>

#include "mmsperf.skel.h"

#define HEAL_EVERY_NS    MP_NSEC_PER_SEC
#define EXEC_HOOK        1 /* in hook_fds */
#define LOAD_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define STORE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* A member that exec'd unseen: what its exec hook would have written. */
static void look_at_cmd(struct mp_bpf *b, uint32_t slot)
{
	struct mp_slot *s = &b->slots[slot];
	struct mp_cmd *c = &b->cmds[slot];
	_cleanup_free_ char *text = NULL;
	uint32_t execs = LOAD_ONCE(s->execs);
	size_t len;

	if (mp_members_cmdline(s->vtgid, &text, &len) < 0 || !len)
		return;
	if (len > MP_CMD_LEN)
		len = MP_CMD_LEN;
	if (LOAD_ONCE(c->execs) == execs && LOAD_ONCE(c->len) == len && !memcmp(c->argv, text, len))
		return;
	STORE_ONCE(c->execs, ~0U);
	memcpy(c->argv, text, len);
	STORE_ONCE(c->len, (uint32_t)len);
	if (LOAD_ONCE(s->execs) != execs) /* the hook came after all: cmd() asks /proc */
		return;
	STORE_ONCE(c->execs, execs + 1);
	STORE_ONCE(s->flags, LOAD_ONCE(s->flags) & ~(uint32_t)(MP_REC_FORKED | MP_REC_VFORK));
	STORE_ONCE(s->execs, execs + 1);
}

void mp_heal(struct mp_bpf *b, bool execs)
{
	uint32_t top;

	(void)b->src.ops->adopt(&b->src, 0);
	if (!execs)
		return;
	top = mp_members_top(b);
	for (uint32_t i = 0; i < top; i++)
		if (LOAD_ONCE(b->skel->bss->mp_state[i]) == MP_SLOT_LIVE)
			look_at_cmd(b, i);
}

void mp_heal_if_due(struct mp_bpf *b)
{
	bool missed = false, execs = false;
	uint64_t now;

	if (!b->preemptible)
		return;
	now = mp_now_ns();
	if (now < b->heal_at_ns)
		return;
	b->heal_at_ns = now + HEAL_EVERY_NS;
	for (size_t i = 0; i < b->n_links; i++) {
		struct bpf_prog_info info = {0};
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(b->hook_fds[i], &info, &len) ||
		    info.recursion_misses == b->healed[i])
			continue;
		b->healed[i] = info.recursion_misses;
		missed = true;
		execs |= i == EXEC_HOOK;
	}
	if (missed)
		mp_heal(b, execs);
}

#endif

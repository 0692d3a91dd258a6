// SPDX-License-Identifier: GPL-2.0-only
/*
 * The middle rung: a pass of iter/task over all threads of the machine fills the mapped records.
 * Owns what the kernel cannot do there: keeping totals monotone, freeing slots, and a copy of the
 * records, since sched_process_free may fold a process while they are looked at.
 */
#ifdef MP_NO_BPF
typedef int mp_iter_not_built;
#else

#include "kernel/loader.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "mmsperf.skel.h"

#define MAX_PASSES       8                     /* of one adoption; 2 is usual */
#define FREE_WITHIN_NS   (3 * MP_NSEC_PER_SEC) /* after exit; a grace period takes 10-600 ms */
#define UNSEEN_PASSES    2                     /* of a living member */
#define LOAD_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define STORE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* `reading` is told the clocks right before it begins. */
static int pass(struct mp_bpf *b, const struct bpf_link *link, bool reading)
{
	_cleanup_close_ int fd = bpf_iter_create(bpf_link__fd(link));
	char none[64];
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (reading)
		mp_members_calibrate(b);
	do {
		n = read(fd, none, sizeof(none));
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	return n < 0 ? -errno : 0;
}

static uint32_t slot_of_pid(const struct mp_bpf *b, uint32_t tgid)
{
	uint32_t i = tgid / MP_PIDS_PER_ENTRY;

	if (i >= b->n_pids)
		return MP_NO_SLOT;
	return (uint32_t)LOAD_ONCE(b->pids[i].slot[tgid % MP_PIDS_PER_ENTRY]) - 1;
}

static void set_state(struct mp_bpf *b, uint32_t slot, enum mp_slot_state state)
{
	STORE_ONCE(b->skel->bss->mp_state[slot], (__u8)state);
}

static int slot_put(struct mp_bpf *b, uint32_t slot)
{
	b->recs[slot].start_ns = 0;
	b->recs[slot].state = MP_REC_FREE;
	set_state(b, slot, MP_SLOT_FREE);
	(void)__atomic_sub_fetch(&b->skel->bss->mp_in_use, 1, __ATOMIC_RELAXED);
	return bpf_map_update_elem(b->free_fd, NULL, &slot, BPF_ANY) ? -errno : 0;
}

/* Forgotten by clear(), or the loser when a hook and an adoption took the same process. */
static bool is_nobodys(const struct mp_bpf *b, uint32_t slot)
{
	const struct mp_slot *s = &b->slots[slot];

	if (LOAD_ONCE(s->gen) != b->skel->bss->mp_gen)
		return true;
	return slot_of_pid(b, s->tgid) != slot &&
	       LOAD_ONCE(b->skel->bss->mp_state[slot]) != MP_SLOT_DONE;
}

static void forget_pid(struct mp_bpf *b, uint32_t slot)
{
	uint32_t tgid = b->slots[slot].tgid;

	if (slot_of_pid(b, tgid) == slot)
		STORE_ONCE(b->pids[tgid / MP_PIDS_PER_ENTRY].slot[tgid % MP_PIDS_PER_ENTRY], 0);
}

static void discard(struct mp_bpf *b, uint32_t slot)
{
	forget_pid(b, slot);
	b->recs[slot].state = MP_REC_FREE;
	b->out[slot].state = MP_REC_FREE;
	b->over[slot] = true;
	set_state(b, slot, MP_SLOT_DONE); /* a hook may be at work on it: free at the next tick */
}

static void copy_rec(const struct mp_rec *from, struct mp_rec *to)
{
	__u32 state;

	do { /* at most twice: a record ends once */
		state = LOAD_ONCE(from->state);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		*to = *from;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (LOAD_ONCE(from->state) != state);
	to->state = state;
}

/*
 * The record's own word is not enough: a pass that had the task in hand while it was freed wrote
 * over the end, and a hook that has written the end may not have let go of the slot, which then
 * must not be given to somebody else.
 */
static bool is_through(const struct mp_bpf *b, uint32_t slot)
{
	return LOAD_ONCE(b->skel->bss->mp_state[slot]) == MP_SLOT_DONE &&
	       slot_of_pid(b, b->slots[slot].tgid) != slot;
}

static void take_rec(struct mp_bpf *b, uint32_t slot)
{
	struct mp_rec *out = &b->out[slot], now;

	copy_rec(&b->recs[slot], &now);
	if (now.state != MP_REC_FREE)
		now.state = is_through(b, slot) ? MP_REC_ENDED : MP_REC_LIVE;
	/* Not read yet: forked while the pass was beyond its pid. It comes with the next tick. */
	if (now.state == MP_REC_FREE || now.start_ns != b->slots[slot].start_ns) {
		out->state = MP_REC_FREE;
		return;
	}
	/* A thread that ended during the pass may have been read in neither place. */
	if (out->state == MP_REC_LIVE && out->start_ns == now.start_ns && out->run_ns > now.run_ns)
		now.run_ns = out->run_ns;
	*out = now;
	b->over[slot] = now.state == MP_REC_ENDED;
}

/*
 * Reaped, but not seen to be freed: somebody else holds the task, for as long as he likes, or the
 * kernel freed it without the event (6.18 under load: one in some thousands, for any listener). Or
 * a living one that passes do not meet (one forked during a pass is met by the next): its exit hook
 * was left out, which the kernel has counted.
 */
static bool is_lost(struct mp_bpf *b, uint32_t slot, uint64_t now)
{
	enum mp_slot_state state = LOAD_ONCE(b->skel->bss->mp_state[slot]);

	if (state == MP_SLOT_DONE || b->skel->bss->mp_begun[slot].pass == b->skel->bss->mp_pass) {
		b->unseen[slot] = 0;
		return false;
	}
	if (state == MP_SLOT_EXITED)
		return LOAD_ONCE(b->slots[slot].exit_ns) + FREE_WITHIN_NS <= now;
	return ++b->unseen[slot] > UNSEEN_PASSES;
}

/* Its last reading has to do as its final one, and that totals may be missing is counted. */
static void give_up(struct mp_bpf *b, uint32_t slot, uint64_t now)
{
	const struct mp_slot *s = &b->slots[slot];
	struct mp_rec *r = &b->recs[slot];

	if (!is_lost(b, slot, now))
		return;
	b->unseen[slot] = 0;
	if (r->start_ns != s->start_ns) /* never read */
		*r = (struct mp_rec){.start_ns = s->start_ns,
				     .tgid = s->vtgid,
				     .parent_slot = s->parent_slot,
				     .threads_created = s->threads_created,
				     .threads_ended = s->threads_created + s->threads_first - 1,
				     .threads_peak = s->threads_peak,
				     .execs = s->execs,
				     .valid = MP_HAS_THREADS,
				     .flags = s->flags};
	r->exit_ns = s->exit_ns ? s->exit_ns : now;
	r->threads = r->fds = 0;
	r->valid &= ~(uint32_t)(MP_HAS_MEM | MP_HAS_FDS);
	r->flags |= MP_REC_TORN;
	r->state = MP_REC_ENDED;
	if (s->exit_ns)
		b->skel->bss->mp_drops[MP_DROP_MISSED]++;
	set_state(b, slot, MP_SLOT_DONE);
	forget_pid(b, slot);
}

static int tick(struct mp_source *s, const struct mp_rec **ret_recs, size_t *ret_n)
{
	struct mp_bpf *b = mp_bpf_of(s);
	const __u8 *state = b->skel->bss->mp_state;
	uint32_t top = mp_members_top(b), n = 0;
	uint64_t now;
	int r;

	for (uint32_t i = top; i-- > 0;) {
		if (!b->over[i])
			continue;
		b->over[i] = false;
		b->out[i].state = MP_REC_FREE;
		r = slot_put(b, i);
		if (r)
			return r;
	}
	mp_heal_if_due(b);
	b->skel->bss->mp_urgent = 0;
	b->skel->bss->mp_pass++;
	r = pass(b, b->tick_link, true);
	if (r)
		return r;
	top = mp_members_top(b);
	now = mp_now_ns();
	for (uint32_t i = 0; i < top; i++) {
		if (LOAD_ONCE(state[i]) == MP_SLOT_FREE) {
			b->out[i].state = MP_REC_FREE;
			continue;
		}
		if (is_nobodys(b, i)) {
			discard(b, i);
			continue;
		}
		give_up(b, i, now);
		take_rec(b, i);
		n = i + 1;
	}
	*ret_recs = b->out;
	*ret_n = n;
	return 0;
}

/*
 * Pids are walked upwards and given out again after pid_max: a child forked behind the walk from a
 * parent that lies ahead of it is found by the next pass. Hooks have those forked from members, so
 * one pass that finds nobody new is the last.
 */
static int adopt(struct mp_source *s, pid_t pid)
{
	struct mp_bpf *b = mp_bpf_of(s);
	const struct mp_adopt *a = &b->skel->bss->mp_adoption;
	uint32_t before;
	int r;

	mp_members_ask(b, pid);
	for (int i = 0; i < MAX_PASSES; i++) {
		before = LOAD_ONCE(a->added);
		r = pass(b, b->adopt_link, false);
		if (r)
			return r;
		/* Those there was no room for would be counted again. */
		if (LOAD_ONCE(a->added) == before || LOAD_ONCE(a->failed))
			break;
	}
	return mp_members_adopted(b);
}

static int clear(struct mp_source *s)
{
	const struct mp_rec *recs;
	size_t n;

	mp_bpf_of(s)->skel->bss->mp_gen++;
	return tick(s, &recs, &n);
}

static const struct mp_source_ops ops = {
	.rung = MP_RUNG_ITER,
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

int mp_iter_open(struct mp_source **ret_source, struct mp_diag *d)
{
	struct mp_bpf *b;
	int r = mp_loader_open(MP_RUNG_ITER, &ops, &b, d);

	if (r)
		return r;
	b->out = calloc(MP_MAX_SLOTS, sizeof(*b->out));
	b->over = calloc(MP_MAX_SLOTS, sizeof(*b->over));
	b->unseen = calloc(MP_MAX_SLOTS, sizeof(*b->unseen));
	if (!b->out || !b->over || !b->unseen) {
		mp_loader_close(b);
		return mp_diag_set(d, -ENOMEM, NULL, 0, 0, "out of memory");
	}
	*ret_source = &b->src;
	return 0;
}

#endif

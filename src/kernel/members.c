// SPDX-License-Identifier: GPL-2.0-only
/*
 * What both BPF rungs do alike: command lines, notices of execs, drops and own
 * cost. Everything here works after privileges were dropped. Called through the rungs' tables.
 */
#ifdef MP_NO_BPF
typedef int mp_members_not_built; /* ISO C wants something in a file */
#else

#include "kernel/loader.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mmsperf.skel.h"

#define CMDLINE_MAX         65536
#define CALIBRATE_EVERY_NS  (MP_NSEC_PER_SEC / 2) /* while members are met running */
/*
 * It is a system call: at an interval of a second one tick in ten makes it. What the clocks drift
 * apart meanwhile, 0.5 ms at 50 ppm, is in the first reading of whoever runs again.
 */
#define CALIBRATE_REST_NS   (10 * MP_NSEC_PER_SEC)
#define CALIBRATE_WITHIN_NS 50000
#define MISSED_EVERY_NS     MP_NSEC_PER_SEC
#define LOAD_ONCE(x)        (*(const volatile __typeof__(x) *)&(x))

uint32_t mp_members_top(const struct mp_bpf *b)
{
	const __u8 *used = b->skel->bss->mp_used;
	uint32_t i = MP_MAX_SLOTS / MP_SLOT_GROUP;

	while (i > 0 && !LOAD_ONCE(used[i - 1]))
		i--;
	return i * MP_SLOT_GROUP;
}

/*
 * Reading its own CPU clock makes the kernel bring the agent's exec_start up to date, which gives
 * the program a pair of readings of both clocks. They drift apart by parts in a million.
 */
void mp_members_calibrate(struct mp_bpf *b)
{
	uint64_t now = mp_now_ns(), told;
	struct timespec cpu;

	b->skel->bss->mp_calib_ns = 0;
	if (b->skel->bss->mp_clock_off &&
	    now - b->calibrated_ns <
		    (b->skel->bss->mp_met_running ? CALIBRATE_EVERY_NS : CALIBRATE_REST_NS))
		return;
	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu))
		return;
	/* An interrupt or a virtual CPU that stood still came between both clocks: next time. */
	told = mp_now_ns();
	if (told - now > CALIBRATE_WITHIN_NS && b->skel->bss->mp_clock_off)
		return;
	b->skel->bss->mp_met_running = 0;
	b->calibrated_ns = now;
	b->skel->bss->mp_calib_ns = told;
	b->skel->bss->mp_calib_cpu = (uint64_t)cpu.tv_sec * MP_NSEC_PER_SEC + (uint64_t)cpu.tv_nsec;
}

/* --- adoption and command lines ------------------------------------------------------------ */

void mp_members_ask(struct mp_bpf *b, pid_t pid)
{
	b->skel->bss->mp_adoption = (struct mp_adopt){.pid = (__u32)pid, .slot = MP_NO_SLOT};
}

int mp_members_cmdline(uint32_t tgid, char **ret, size_t *ret_len)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%u/cmdline", tgid);
	return mp_read_file(path, CMDLINE_MAX, ret, ret_len);
}

/* Processes that exec'd before they were members: their children inherit what is put here. */
static void fill_cmdlines(struct mp_bpf *b)
{
	uint32_t top = mp_members_top(b);

	for (uint32_t i = 0; i < top; i++) {
		_cleanup_free_ char *text = NULL;
		struct mp_cmd *c = &b->cmds[i];
		size_t len;

		if (LOAD_ONCE(b->skel->bss->mp_state[i]) != MP_SLOT_LIVE || LOAD_ONCE(c->len) ||
		    LOAD_ONCE(c->execs))
			continue;
		if (mp_members_cmdline(b->slots[i].vtgid, &text, &len))
			continue;
		if (len > MP_CMD_LEN)
			len = MP_CMD_LEN;
		memcpy(c->argv, text, len);
		/* Its exec hook may have run meanwhile: the numbers then differ, and cmd() asks
		 * again. */
		if (!LOAD_ONCE(c->execs))
			c->len = (__u32)len;
	}
}

int mp_members_adopted(struct mp_bpf *b)
{
	const struct mp_adopt *a = &b->skel->bss->mp_adoption;

	fill_cmdlines(b);
	if (a->slot == MP_NO_SLOT)
		return a->failed ? -ENOSPC : -ESRCH;
	return a->failed ? -ENOSPC : 0;
}

/* The caller may hand in the record it got or a copy of it. */
static const struct mp_cmd *cmd_of(const struct mp_bpf *b, const struct mp_rec *r)
{
	const struct mp_rec *base = b->out ? b->out : b->recs;
	uint32_t top = mp_members_top(b);

	if ((uintptr_t)r >= (uintptr_t)base && (uintptr_t)r < (uintptr_t)(base + MP_MAX_SLOTS))
		return &b->cmds[r - base];
	for (uint32_t i = 0; i < top; i++)
		if (base[i].state != MP_REC_FREE && base[i].tgid == r->tgid &&
		    base[i].start_ns == r->start_ns)
			return &b->cmds[i];
	return NULL;
}

const char *mp_members_cmd(struct mp_source *s, const struct mp_rec *r, size_t *ret_len)
{
	struct mp_bpf *b = mp_bpf_of(s);
	const struct mp_cmd *c = cmd_of(b, r);
	bool match = c && LOAD_ONCE(c->execs) == r->execs && c->len;
	char *text;
	size_t len;

	/* A longer one, or one the hook could not read, as long as the process is there to ask. */
	if ((!match || c->len >= MP_CMD_LEN) && r->state == MP_REC_LIVE && r->tgid &&
	    !mp_members_cmdline(r->tgid, &text, &len)) {
		free(b->cmdline);
		b->cmdline = text;
		*ret_len = len;
		return text;
	}
	*ret_len = match ? c->len : 0;
	return match ? c->argv : "";
}

/* --- notices ------------------------------------------------------------------------------- */

int mp_members_event_fd(struct mp_source *s)
{
	return ring_buffer__epoll_fd(mp_bpf_of(s)->ring);
}

int mp_members_watch_execs(struct mp_source *s, bool on)
{
	mp_bpf_of(s)->skel->bss->mp_watch = on;
	return 0;
}

int mp_members_on_notice(void *bpf, void *data, size_t size)
{
	struct mp_bpf *b = bpf;
	__u32 pid;

	if (size < sizeof(pid))
		return 0;
	memcpy(&pid, data, sizeof(pid));
	if (pid && b->n_notices < b->max_notices)
		b->notices[b->n_notices++] = (pid_t)pid;
	/* Any error ends the reading after this notice; the rest stay for the next call. */
	return b->n_notices == b->max_notices ? -ENOSPC : 0;
}

size_t mp_members_exec_pids(struct mp_source *s, pid_t *pids, size_t max)
{
	struct mp_bpf *b = mp_bpf_of(s);

	if (!max)
		return 0;
	b->notices = pids;
	b->n_notices = 0;
	b->max_notices = max;
	(void)ring_buffer__consume(b->ring);
	b->notices = NULL;
	return b->n_notices;
}

/*
 * The notice has been taken: the next newcomer sends another one. One that came while a reading
 * freed slots finds the table less than half full here, no reading follows, and without this none
 * would ever be announced again.
 */
bool mp_members_urgent(struct mp_source *s)
{
	__atomic_store_n(&mp_bpf_of(s)->skel->bss->mp_urgent, 0, __ATOMIC_SEQ_CST);
	return LOAD_ONCE(mp_bpf_of(s)->skel->bss->mp_in_use) > MP_MAX_SLOTS / 2;
}

/* --- drops, cost --------------------------------------------------------------------------- */

/* The kernel's account of all loaded programs: a system call each. */
static int read_programs(struct mp_bpf *b, uint64_t *ret_run_ns, uint64_t *ret_runs)
{
	uint64_t ns = 0, runs = 0, missed = 0;
	struct bpf_program *p;

	bpf_object__for_each_program(p, b->skel->obj)
	{
		struct bpf_prog_info info = {0};
		__u32 len = sizeof(info);

		if (bpf_program__fd(p) < 0)
			continue;
		if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len))
			return -errno;
		ns += info.run_time_ns;
		runs += info.run_cnt;
		missed += info.recursion_misses;
	}
	b->missed = missed;
	b->missed_at_ns = mp_now_ns();
	*ret_run_ns = ns;
	*ret_runs = runs;
	return 0;
}

/* Those the programs counted, and those the kernel did for programs that it left out. */
void mp_members_drops(struct mp_source *s, uint64_t drops[_MP_DROP_MAX])
{
	struct mp_bpf *b = mp_bpf_of(s);
	uint64_t ns, runs;

	if (!b->missed_at_ns || mp_now_ns() - b->missed_at_ns > MISSED_EVERY_NS)
		(void)read_programs(b, &ns, &runs);
	for (size_t i = 0; i < _MP_DROP_MAX; i++)
		drops[i] = LOAD_ONCE(b->skel->bss->mp_drops[i]);
	drops[MP_DROP_MISSED] += b->missed;
}

bool mp_members_self_cost(struct mp_source *s, uint64_t *ret_run_ns, uint64_t *ret_runs)
{
	struct mp_bpf *b = mp_bpf_of(s);

	/* Two looks at a clock for each run of a hook, as long as they are on: not before somebody
	 * asks. Root alone may switch them on. */
	if (b->stats_fd < 0)
		b->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	return b->stats_fd >= 0 && !read_programs(b, ret_run_ns, ret_runs);
}

void mp_members_want(struct mp_source *s, unsigned valid)
{
	if (valid & MP_HAS_FAULTS) /* kept together */
		valid |= MP_HAS_SCHED;
	mp_bpf_of(s)->skel->bss->mp_want = valid | MP_HAS_CPU;
}

/* Kernels before 6.1 refuse maps and programs to a process without CAP_BPF, open or not. */
int mp_members_check(struct mp_source *s)
{
	struct mp_bpf *b = mp_bpf_of(s);
	struct mp_slot slot;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(b->skel->maps.mp_slots), &zero, &slot))
		return -errno;
	return 0;
}

void mp_members_free(struct mp_source *s)
{
	mp_loader_close(mp_bpf_of(s));
}

#endif

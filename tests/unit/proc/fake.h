/* SPDX-License-Identifier: GPL-2.0-only */
/* A scripted source: tests fill its records, then tick the meter. */
#pragma once

#include "unit.h"

#include <mmsperf/clock.h>
#include <mmsperf/tree.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAKE_MAX 32
#define SEC      MP_NSEC_PER_SEC
#define ALL_BUT_IOWAIT                                                                             \
	(MP_HAS_CPU | MP_HAS_IO | MP_HAS_MEM | MP_HAS_FDS | MP_HAS_SCHED | MP_HAS_THREADS)

#define WORKER_CMD(model)                                                                          \
	"python3\0/x/model_service_worker.py\0--sock-name\0/tmp/.mms.sock.9000\0--model-name\0" model
#define JAVA_CMD "java\0-cp\0x\0com.amazonaws.ml.mms.ModelServer\0--python\0python3"

struct fake {
	struct mp_source s;
	struct mp_rec r[FAKE_MAX];
	char cmd[FAKE_MAX][256];
	size_t len[FAKE_MAX];
	size_t n;
	pid_t adopted[8];
	size_t n_adopted;
	int adopt_result;
	bool watching;
	int event_fd;
	pid_t exec_pids[8];
	size_t n_exec;
};

static int fake_adopt(struct mp_source *s, pid_t pid)
{
	struct fake *f = (struct fake *)s;

	if (f->adopt_result < 0)
		return f->adopt_result;
	f->adopted[f->n_adopted++ % 8] = pid; /* the latest eight */
	return 0;
}

static int fake_clear(struct mp_source *s)
{
	((struct fake *)s)->n = 0;
	return 0;
}

static int fake_tick(struct mp_source *s, const struct mp_rec **ret, size_t *ret_n)
{
	struct fake *f = (struct fake *)s;

	*ret = f->r;
	*ret_n = f->n;
	return 0;
}

static const char *fake_cmd(struct mp_source *s, const struct mp_rec *r, size_t *ret_len)
{
	struct fake *f = (struct fake *)s;

	*ret_len = f->len[r - f->r];
	return f->cmd[r - f->r];
}

static int fake_event_fd(struct mp_source *s)
{
	return ((struct fake *)s)->event_fd;
}

static int fake_watch(struct mp_source *s, bool on)
{
	struct fake *f = (struct fake *)s;

	if (f->event_fd < 0)
		return on ? -EOPNOTSUPP : 0;
	f->watching = on;
	return 0;
}

static size_t fake_exec_pids(struct mp_source *s, pid_t *pids, size_t max)
{
	struct fake *f = (struct fake *)s;
	size_t n = f->n_exec < max ? f->n_exec : max;

	memcpy(pids, f->exec_pids, n * sizeof(*pids));
	f->n_exec = 0;
	return n;
}

static int fake_need_groups(struct mp_source *s, unsigned groups, struct mp_diag *d)
{
	(void)s;
	(void)groups;
	(void)d;
	return 0;
}

static void fake_drops(struct mp_source *s, uint64_t drops[_MP_DROP_MAX])
{
	(void)s;
	memset(drops, 0, sizeof(*drops) * _MP_DROP_MAX);
}

static bool fake_self_cost(struct mp_source *s, uint64_t *a, uint64_t *b)
{
	(void)s;
	(void)a;
	(void)b;
	return false;
}

static void fake_free(struct mp_source *s)
{
	(void)s; /* the test owns it */
}

static const struct mp_source_ops fake_ops = {
	.rung = MP_RUNG_SNAPSHOT,
	.adopt = fake_adopt,
	.clear = fake_clear,
	.tick = fake_tick,
	.cmd = fake_cmd,
	.event_fd = fake_event_fd,
	.watch_execs = fake_watch,
	.exec_pids = fake_exec_pids,
	.need_groups = fake_need_groups,
	.drops = fake_drops,
	.self_cost = fake_self_cost,
	.free = fake_free,
};

static inline struct fake *fake_new(void)
{
	struct fake *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->s.ops = &fake_ops;
	f->event_fd = -1;
	return f;
}

static inline void fake_set_cmd(struct fake *f, size_t slot, const char *argv, size_t len)
{
	assert_true(len < sizeof(f->cmd[0]));
	memset(f->cmd[slot], 0, sizeof(f->cmd[slot]));
	memcpy(f->cmd[slot], argv, len);
	f->len[slot] = len;
}

/* A living process, 1 s of CPU, 100 pages; parent_slot < 0: its parent is no member. */
static inline struct mp_rec *fake_put(struct fake *f, size_t slot, pid_t pid, pid_t ppid,
				      int parent_slot, const char *argv, size_t len)
{
	struct mp_rec *r = &f->r[slot];

	*r = (struct mp_rec){
		.tgid = (uint32_t)pid,
		.ppid = (uint32_t)ppid,
		.parent_slot = parent_slot < 0 ? ~0U : (uint32_t)parent_slot,
		.start_ns = SEC + slot,
		.sampled_ns = 100 * SEC,
		.run_ns = SEC,
		.utime_ns = 3,
		.stime_ns = 1,
		.rss_anon_pages = 60,
		.rss_file_pages = 30,
		.rss_shmem_pages = 10,
		.vm_pages = 1000,
		.threads = 2,
		.fds = 10,
		.syscr = 5,
		.read_bytes = 4096,
		.state = MP_REC_LIVE,
		.valid = ALL_BUT_IOWAIT,
	};
	fake_set_cmd(f, slot, argv, len);
	if (slot >= f->n)
		f->n = slot + 1;
	return r;
}
#define PUT(f, slot, pid, ppid, parent, argv)                                                      \
	fake_put(f, slot, pid, ppid, parent, argv, sizeof(argv) - 1)

/* A meter whose root is this very process, so that the finder finds it; its record is slot 0. */
static inline struct mp_meter *fake_meter(struct fake *f, const char *workers)
{
	struct mp_meter_opts o = {.source = &f->s, .target = {.pid = getpid(), .workers = workers}};
	struct mp_meter *m;

	assert_int_equal(mp_meter_new(&o, &m, NULL), 0);
	return m;
}

static inline const struct mp_proc *by_pid(struct mp_meter *m, pid_t pid)
{
	const struct mp_tree *t = mp_meter_tree(m);

	for (size_t i = 0; i < t->n; i++)
		if ((pid_t)t->procs[i].cur.tgid == pid)
			return &t->procs[i];
	return NULL;
}

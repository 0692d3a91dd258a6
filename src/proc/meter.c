// SPDX-License-Identifier: GPL-2.0-only
/*
 * A source, a target and their tree: adopts the server when it appears, follows it through
 * restarts. While there is no server it waits for execs where the rung has events, and looks at
 * /proc at most once a second where it has none. Members of a server that ended stay until they end
 * themselves.
 */
#include "proc/tree.h"

#include <mmsperf/clock.h>

#include <errno.h>
#include <stdlib.h>

#define LOOK_NS      MP_NSEC_PER_SEC       /* at most once a second */
#define LOOK_SAFE_NS (5 * MP_NSEC_PER_SEC) /* with events: an exec notice may be lost */
#define MAX_ORPHANS  256
#define MAX_EVENTS   64

struct mp_meter {
	struct mp_source *source;
	struct mp_finder *finder;
	struct mp_growing g;
	bool watching;      /* exec notices are on */
	uint64_t looked_ns; /* last look at all of /proc; 0: never */
};

void mp_meter_free(struct mp_meter *m)
{
	if (!m)
		return;
	if (m->source)
		m->source->ops->free(m->source);
	mp_growing_done(&m->g);
	mp_finder_free(m->finder);
	free(m);
}

static void watch(struct mp_meter *m, bool on)
{
	if (on == m->watching)
		return;
	m->watching = m->source->ops->watch_execs(m->source, on) == 0 && on;
}

/* 0 when pid is a member now; another failure than "gone" is the caller's to report. */
static int adopt(struct mp_meter *m, pid_t pid)
{
	int r = m->source->ops->adopt(m->source, pid);

	if (r < 0 && r != -ENOSPC) /* a tree too large is followed in part; drops() says so */
		return r;
	mp_growing_set_root(&m->g, pid);
	watch(m, false);
	return 0;
}

static bool is_member(const struct mp_meter *m, pid_t pid)
{
	for (size_t i = 0; i < m->g.pub.n; i++)
		if ((pid_t)m->g.pub.procs[i].cur.tgid == pid)
			return true;
	return false;
}

static int look(struct mp_meter *m)
{
	pid_t orphans[MAX_ORPHANS], root;
	size_t n;

	/* before looking: what starts meanwhile is told by its exec */
	watch(m, true);
	m->looked_ns = mp_now_ns();
	root = mp_finder_scan(m->finder, orphans, MAX_ORPHANS, &n);
	for (size_t i = 0; i < n; i++) {
		int r = is_member(m, orphans[i]) ? 0 : m->source->ops->adopt(m->source, orphans[i]);

		if (r < 0 && r != -ESRCH && r != -ENOSPC)
			return r;
	}
	if (root) {
		int r = adopt(m, root);

		return r == -ESRCH ? 0 : r;
	}
	return 0;
}

static bool look_is_due(const struct mp_meter *m)
{
	uint64_t pause = m->watching && !mp_finder_polls(m->finder) ? LOOK_SAFE_NS : LOOK_NS;

	return !m->looked_ns || mp_now_ns() - m->looked_ns >= pause;
}

int mp_meter_new(const struct mp_meter_opts *opts, struct mp_meter **ret_meter, struct mp_diag *d)
{
	struct mp_meter *m = calloc(1, sizeof(*m));
	int r;

	if (!m) {
		opts->source->ops->free(opts->source);
		return -ENOMEM;
	}
	m->source = opts->source;
	r = mp_finder_new(&opts->target, &m->finder, d);
	if (r < 0) {
		mp_meter_free(m);
		return r;
	}
	mp_growing_init(&m->g, m->finder);
	r = look(m);
	if (r < 0) {
		(void)mp_diag_set(d, r, NULL, 0, 0, "the server's processes cannot be followed");
		mp_meter_free(m);
		return r;
	}
	*ret_meter = m;
	return 0;
}

int mp_meter_tick(struct mp_meter *m)
{
	const struct mp_rec *recs;
	pid_t had;
	size_t n;
	int r;

	if (!m->g.pub.root && look_is_due(m)) {
		r = look(m);
		if (r < 0)
			return r;
	}
	had = m->g.pub.root;
	r = m->source->ops->tick(m->source, &recs, &n);
	if (r < 0)
		return r;
	r = mp_growing_update(&m->g, m->source, recs, n);
	if (r < 0)
		return r;
	/* adopted, but gone before it was ever read */
	if (m->g.pub.root && !m->g.root_start)
		mp_growing_set_root(&m->g, 0);
	if (had && !m->g.pub.root) {
		mp_finder_lost(m->finder, had);
		return look(m);
	}
	return 0;
}

int mp_meter_event_fd(const struct mp_meter *m)
{
	return m->source->ops->event_fd(m->source);
}

int mp_meter_event(struct mp_meter *m)
{
	pid_t pids[MAX_EVENTS];
	size_t n;

	/* always drained; only of interest while there is no server */
	while ((n = m->source->ops->exec_pids(m->source, pids, MAX_EVENTS)) > 0) {
		for (size_t i = 0; i < n && !m->g.pub.root; i++) {
			pid_t pid = mp_finder_check(m->finder, pids[i]);
			int r = pid ? adopt(m, pid) : 0;

			if (r < 0 && r != -ESRCH)
				return r;
		}
	}
	/* A storm of short processes: read now, and again, as a slot is free one reading later. */
	for (int i = 0; i < 2; i++) {
		int r = m->source->ops->urgent && m->source->ops->urgent(m->source)
				? mp_meter_tick(m)
				: 0;

		if (r < 0)
			return r;
	}
	return 0;
}

const struct mp_tree *mp_meter_tree(const struct mp_meter *m)
{
	return &m->g.pub;
}

struct mp_source *mp_meter_source(const struct mp_meter *m)
{
	return m->source;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records -> processes with roles. Owns identity (tgid, start time), the totals of members that
 * ended, and models. One rule keeps sums from falling: whatever leaves a role, by its end or by
 * exec'ing something else, leaves what it used there behind.
 */
#include "proc/tree.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <string.h>

void mp_growing_init(struct mp_growing *g, const struct mp_finder *f)
{
	*g = (struct mp_growing){.finder = f};
}

static void proc_done(struct mp_proc *p)
{
	free(p->cmd);
	free(p->base);
}

void mp_growing_done(struct mp_growing *g)
{
	for (size_t i = 0; i < g->pub.n; i++)
		proc_done(&g->pub.procs[i]);
	for (size_t i = 0; i < g->pub.n_models; i++)
		free(g->pub.models[i].name);
	free(g->pub.procs);
	free(g->pub.models);
	free(g->entries);
	free(g->waits);
	*g = (struct mp_growing){0};
}

void mp_growing_set_root(struct mp_growing *g, pid_t root)
{
	g->pub.root = root;
	g->root_start = 0;
	if (!root)
		return;
	g->pub.generation++;
	g->has_server = false;
	g->has_script = false;
}

/* --- totals ---------------------------------------------------------------------------------- */

/* clang-format off */
#define TOTALS(X) \
	X(run_ns) X(rchar) X(wchar) X(syscr) X(syscw) X(read_bytes) X(write_bytes) \
	X(iowait_ns) X(run_delay_ns) X(nvcsw) X(nivcsw) X(minflt) X(majflt) \
	X(threads_created) X(threads_ended)
/* clang-format on */

static struct mp_totals totals_of(const struct mp_proc *p)
{
	struct mp_totals t = {.user_ns = p->user_ns, .system_ns = p->system_ns};

#define COPY(f) t.f = p->cur.f;
	TOTALS(COPY)
#undef COPY
	memcpy(t.extra, p->extra, sizeof(t.extra));
	return t;
}

static void totals_add(struct mp_totals *to, const struct mp_totals *a,
		       const struct mp_totals *less)
{
	static const struct mp_totals none;

	if (!less)
		less = &none;
#define ADD(f) to->f += a->f - less->f;
	ADD(user_ns)
	ADD(system_ns)
	TOTALS(ADD)
#undef ADD
	for (size_t i = 0; i < _MP_EX_MAX; i++)
		to->extra[i] += a->extra[i] - less->extra[i];
}

/* Takes a reading over. A counter that fell (a torn reading) or cannot be read now stays. */
static void take_reading(struct mp_proc *p, const struct mp_rec *r)
{
	struct mp_rec old = p->cur;

	p->cur = *r;
#define KEEP(f) p->cur.f = p->cur.f > old.f ? p->cur.f : old.f;
	TOTALS(KEEP)
#undef KEEP
	mp_cputime_split(p->cur.run_ns, p->cur.utime_ns, p->cur.stime_ns, &p->user_ns,
			 &p->system_ns);
}

static void leave_role(struct mp_growing *g, const struct mp_proc *p)
{
	struct mp_totals t = totals_of(p);

	totals_add(&g->pub.gone[p->role].t, &t, p->base);
	if (p->role == MP_ROLE_WORKER && p->model >= 0)
		totals_add(&g->pub.models[p->model].gone.t, &t, p->base);
}

static void count_created(struct mp_growing *g, struct mp_proc *p)
{
	if (p->counted)
		return;
	p->counted = true;
	g->pub.processes_created[p->role]++;
}

/* The process has ended with the totals p holds. */
static void count_ended(struct mp_growing *g, struct mp_proc *p)
{
	count_created(g, p);
	leave_role(g, p);
	mp_end_note(&g->pub, p);
	if (g->pub.root && (pid_t)p->cur.tgid == g->pub.root && g->root_start == p->cur.start_ns)
		mp_growing_set_root(g, 0);
}

/* --- what a process runs --------------------------------------------------------------------- */

static int model_index(struct mp_growing *g, const char *name, int *ret)
{
	struct mp_tree *t = &g->pub;
	struct mp_model *more;
	char *copy;

	for (size_t i = 0; i < t->n_models; i++)
		if (!strcmp(t->models[i].name, name)) {
			*ret = (int)i;
			return 0;
		}
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	more = realloc(t->models, (t->n_models + 1) * sizeof(*more));
	if (!more) {
		free(copy);
		return -ENOMEM;
	}
	t->models = more;
	t->models[t->n_models] = (struct mp_model){.name = copy};
	*ret = (int)t->n_models++;
	return 0;
}

struct command {
	char *argv; /* NUL-separated, and argv[len] is NUL */
	size_t len;
	char *joined;
	bool server, script;
};

static void command_done(struct command *c)
{
	free(c->argv);
	free(c->joined);
}
#define _cleanup_command_ _cleanup_(command_done)

static int command_read(const struct mp_growing *g, struct mp_source *s, const struct mp_rec *r,
			struct command *ret)
{
	struct command c = {0};
	size_t len = 0;
	const char *given = s->ops->cmd(s, r, &len);

	/* a rung that keeps MP_CMD_LEN bytes may have cut a JVM's command line before its class */
	if (r->state == MP_REC_LIVE && (len == 0 || len + 1 >= MP_CMD_LEN) &&
	    mp_pid_cmdline((pid_t)r->tgid, &c.argv, &c.len) < 0)
		c.argv = NULL;
	if (!c.argv) {
		c.argv = malloc(len + 1);
		if (!c.argv)
			return -ENOMEM;
		if (len)
			memcpy(c.argv, given, len);
		while (len > 0 && c.argv[len - 1] == '\0')
			len--;
		c.argv[len] = '\0';
		c.len = len;
	}
	c.joined = mp_cmd_join(c.argv, c.len);
	if (!c.joined) {
		command_done(&c);
		return -ENOMEM;
	}
	c.server = mp_cmd_is_frontend(c.argv, c.len);
	c.script = mp_finder_is_worker(g->finder, c.joined);
	*ret = c;
	return 0;
}

/* --- roles that change ----------------------------------------------------------------------- */

static int change_role(struct mp_growing *g, struct mp_proc *p, enum mp_role role, bool script,
		       int model)
{
	struct mp_totals *base;

	p->script = script;
	if (role == p->role && model == p->model)
		return 0;
	base = p->base ? p->base : malloc(sizeof(*base));
	if (!base)
		return -ENOMEM;
	leave_role(g, p);
	*base = totals_of(p);
	p->base = base;
	p->role = role;
	p->model = model;
	p->slot = -1;
	g->entries[p->entry].role = role;
	g->entries[p->entry].script = script;
	g->entries[p->entry].model = model;
	mp_extra_classify(g, p);
	return 0;
}

static int decide_model(struct mp_growing *g, enum mp_role role, const struct command *c,
			const struct mp_rec *r, const struct mp_entry *parent, int *ret)
{
	const char *name;

	*ret = -1;
	if (role != MP_ROLE_WORKER)
		return 0;
	if (r->flags & MP_REC_FORKED && parent) {
		*ret = parent->model;
		return 0;
	}
	name = mp_cmd_model(c->argv, c->len);
	return name ? model_index(g, name, ret) : 0;
}

/* The process exec'd: what it runs decides anew. */
static int redecide(struct mp_growing *g, struct mp_source *s, struct mp_proc *p,
		    const struct mp_rec *r)
{
	_cleanup_command_ struct command c = {0};
	struct mp_entry *parent = mp_entry_parent(g, r);
	enum mp_role role;
	bool script;
	int model, err;

	err = command_read(g, s, r, &c);
	if (err < 0)
		return err;
	p->server = c.server;
	g->has_server = g->has_server || c.server;
	g->has_script = g->has_script || c.script;
	role = mp_role_decide(g, r, c.server, c.script, parent, &script);
	err = decide_model(g, role, &c, r, parent, &model);
	if (err == 0)
		err = change_role(g, p, role, script, model);
	if (err < 0)
		return err;
	p->execs_seen = r->execs;
	free(p->cmd);
	p->cmd = TAKE_PTR(c.joined);
	return 0;
}

/* The first server or worker script under this root was seen: everybody is looked at again. */
static int redecide_all(struct mp_growing *g)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < g->pub.n; i++) {
			struct mp_proc *p = &g->pub.procs[i];
			struct mp_entry *parent = mp_entry_parent(g, &p->cur);
			bool own = p->script && !(p->cur.flags & MP_REC_FORKED && parent), script;
			enum mp_role role =
				mp_role_decide(g, &p->cur, p->server, own, parent, &script);
			int r;

			if (role == p->role)
				continue;
			r = change_role(g, p, role, script, role == MP_ROLE_WORKER ? p->model : -1);
			if (r < 0)
				return r;
			changed = true;
		}
	}
	return 0;
}

/* --- new and ended members ------------------------------------------------------------------- */

static int add_proc(struct mp_growing *g, struct mp_entry *e, struct mp_proc *p)
{
	struct mp_tree *t = &g->pub;

	if (t->n == g->cap_procs) {
		size_t cap = g->cap_procs ? g->cap_procs * 2 : 32;
		struct mp_proc *more = realloc(t->procs, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->procs = more;
		g->cap_procs = cap;
	}
	e->idx = (int)t->n;
	t->procs[t->n++] = *p;
	return 0;
}

/* Decides a new record's role, its parent's first where that is new as well. */
static int settle(struct mp_growing *g, struct mp_source *s, const struct mp_rec *recs,
		  struct command *commands, size_t i)
{
	struct mp_entry *e = &g->entries[i], *parent;
	const struct mp_rec *r = &recs[i];
	struct command *c = &commands[e->rec];
	struct mp_proc p;
	int err;

	e->pending = false; /* first: a cycle of parents ends here */
	parent = mp_entry_parent(g, r);
	if (parent && parent->pending) {
		err = settle(g, s, recs, commands, (size_t)(parent - g->entries));
		if (err < 0)
			return err;
	}
	p = (struct mp_proc){.entry = (uint32_t)i,
			     .execs_seen = r->execs,
			     .slot = -1,
			     .model = -1,
			     .fresh = true};
	p.role = mp_role_decide(g, r, c->server, c->script, parent, &p.script);
	err = decide_model(g, p.role, c, r, parent, &p.model);
	if (err < 0)
		return err;
	e->role = p.role;
	e->script = p.script;
	e->model = p.model;
	p.server = c->server;
	take_reading(&p, r);
	mp_extra_take(g, &p, i);
	if (r->state == MP_REC_LIVE)
		mp_extra_classify(g, &p);
	if (g->pub.root && (pid_t)r->tgid == g->pub.root && !g->root_start)
		g->root_start = r->start_ns;
	if (r->state != MP_REC_LIVE) {
		/* came and went between two readings: it took a place, and left it */
		if (p.role == MP_ROLE_WORKER && r->flags & MP_REC_FORKED) {
			mp_role_replaced(&g->pub, p.model);
			mp_role_vacated(&g->pub, &p);
		}
		count_ended(g, &p);
		return 0;
	}
	if (!c->joined[0] && parent && parent->idx >= 0 && r->flags & MP_REC_FORKED) {
		p.cmd = strdup(g->pub.procs[parent->idx].cmd);
		if (!p.cmd)
			return -ENOMEM;
	} else {
		p.cmd = TAKE_PTR(c->joined);
	}
	/* between fork and exec a child looks like a second frontend: it is counted when it has
	 * shown what it is, or a tick later */
	if (!(r->flags & MP_REC_FORKED) || p.role != MP_ROLE_FRONTEND)
		count_created(g, &p);
	err = add_proc(g, e, &p);
	if (err < 0)
		proc_done(&p);
	return err;
}

static struct mp_proc *find_proc(struct mp_growing *g, const struct mp_rec *r)
{
	for (size_t i = 0; i < g->pub.n; i++)
		if (g->pub.procs[i].cur.tgid == r->tgid &&
		    g->pub.procs[i].cur.start_ns == r->start_ns)
			return &g->pub.procs[i];
	return NULL;
}

static void end_proc(struct mp_growing *g, struct mp_proc *p)
{
	size_t idx = (size_t)(p - g->pub.procs);

	if (p->role == MP_ROLE_WORKER && p->slot >= 0 && p->placed)
		mp_role_vacated(&g->pub, p);
	count_ended(g, p);
	if (p->entry < g->n_entries && g->entries[p->entry].idx == (int)idx)
		g->entries[p->entry].idx = -1;
	proc_done(p);
	p->cmd = NULL;
	p->base = NULL;
	p->entry = UINT32_MAX; /* to be taken out by compact() */
}

static int known(struct mp_growing *g, struct mp_source *s, struct mp_proc *p,
		 const struct mp_rec *r, size_t slot)
{
	int err = 0;

	p->fresh = false;
	if (r->execs != p->execs_seen && r->state == MP_REC_LIVE)
		err = redecide(g, s, p,
			       r); /* before the reading: what was used belongs to the old role */
	if (err < 0)
		return err;
	count_created(g, p);
	take_reading(p, r);
	mp_extra_take(g, p, slot);
	if (r->state != MP_REC_LIVE)
		end_proc(g, p);
	return 0;
}

static void compact(struct mp_growing *g)
{
	struct mp_tree *t = &g->pub;
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (t->procs[i].entry == UINT32_MAX)
			continue;
		if (n != i)
			t->procs[n] = t->procs[i];
		g->entries[t->procs[n].entry].idx = (int)n;
		n++;
	}
	t->n = n;
}

static int reserve_entries(struct mp_growing *g, size_t n)
{
	struct mp_entry *more;
	size_t cap = g->cap_entries ? g->cap_entries : 64;

	if (n > g->cap_entries) {
		while (cap < n)
			cap *= 2;
		more = realloc(g->entries, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		memset(more + g->cap_entries, 0, (cap - g->cap_entries) * sizeof(*more));
		g->entries = more;
		g->cap_entries = cap;
	}
	if (n > g->n_entries)
		g->n_entries = n;
	return 0;
}

/* Entry i, new, is the place of a process that had another one. */
static void move_entry(struct mp_growing *g, struct mp_proc *p, size_t i)
{
	struct mp_entry *e = &g->entries[i];

	if (p->entry < g->n_entries)
		g->entries[p->entry].idx = -1;
	e->idx = (int)(p - g->pub.procs);
	e->role = p->role;
	e->model = p->model;
	e->script = p->script;
	p->entry = (uint32_t)i;
	mp_extra_classify(g, p);
}

/* Known records are taken over; new ones become pending entries, *ret_new of them. */
static int sort_records(struct mp_growing *g, struct mp_source *s, const struct mp_rec *recs,
			size_t n, size_t *ret_new)
{
	size_t n_new = 0;

	for (size_t i = 0; i < n; i++) {
		const struct mp_rec *r = &recs[i];
		struct mp_entry *e = &g->entries[i];
		struct mp_proc *p = NULL;
		int err;

		if (r->state == MP_REC_FREE)
			continue;
		if (e->used && e->tgid == r->tgid && e->start_ns == r->start_ns) {
			e->tick = g->pub.ticks;
			if (e->idx < 0)
				continue; /* ended before, and told again (a zombie) */
			p = &g->pub.procs[e->idx];
		} else {
			/* the same process in another slot: rare, so found the slow way */
			p = find_proc(g, r);
			if (e->used && e->idx >= 0 && e->tick != g->pub.ticks)
				g->pub.procs[e->idx].entry = UINT32_MAX - 1;
			*e = (struct mp_entry){.used = true,
					       .tgid = r->tgid,
					       .idx = -1,
					       .start_ns = r->start_ns,
					       .tick = g->pub.ticks};
			if (p)
				move_entry(g, p, i);
		}
		if (!p) {
			e->pending = true;
			e->rec = (uint32_t)n_new++;
			continue;
		}
		err = known(g, s, p, r, i);
		if (err < 0)
			return err;
	}
	*ret_new = n_new;
	return 0;
}

static int take_new(struct mp_growing *g, struct mp_source *s, const struct mp_rec *recs, size_t n,
		    size_t n_new)
{
	struct command *commands = calloc(n_new, sizeof(*commands));
	int err = 0;

	if (!commands)
		return -ENOMEM;
	/* all command lines first: whether there is a server decides everybody's role */
	for (size_t i = 0; i < n && err == 0; i++) {
		struct mp_entry *e = &g->entries[i];

		if (recs[i].state == MP_REC_FREE || !e->pending)
			continue;
		err = command_read(g, s, &recs[i], &commands[e->rec]);
		g->has_server = g->has_server || commands[e->rec].server;
		g->has_script = g->has_script || commands[e->rec].script;
	}
	for (size_t i = 0; i < n && err == 0; i++)
		if (recs[i].state != MP_REC_FREE && g->entries[i].pending)
			err = settle(g, s, recs, commands, i);
	for (size_t i = 0; i < n_new; i++)
		command_done(&commands[i]);
	free(commands);
	return err;
}

/* A root that was a member before it was chosen has no new record to be recognised by. */
static bool root_is_known_member(struct mp_growing *g)
{
	if (!g->pub.root || g->root_start)
		return false;
	for (size_t i = 0; i < g->pub.n; i++)
		if ((pid_t)g->pub.procs[i].cur.tgid == g->pub.root) {
			g->root_start = g->pub.procs[i].cur.start_ns;
			g->has_server = g->has_server || g->pub.procs[i].server;
			return true;
		}
	return false;
}

int mp_growing_update(struct mp_growing *g, struct mp_source *s, const struct mp_rec *recs,
		      size_t n)
{
	bool was_plain = !g->has_server && !g->has_script;
	size_t n_new;
	int r;

	g->pub.ticks++;
	g->pub.tick_ns = mp_now_ns();
	g->pub.boot_ns = mp_boot_ns();
	g->probes = s->ops->probes ? s->ops->probes(s) : NULL;
	g->pub.groups = g->probes ? g->probes->on : 0;
	r = reserve_entries(g, n);
	if (r < 0)
		return r;
	r = sort_records(g, s, recs, n, &n_new);
	if (r == 0 && n_new)
		r = take_new(g, s, recs, n, n_new);
	if (r < 0)
		return r;
	/* a member the source no longer tells of has left with what is known of it */
	for (size_t i = 0; i < g->pub.n; i++) {
		struct mp_proc *p = &g->pub.procs[i];

		if (p->entry == UINT32_MAX)
			continue;
		if (p->entry >= g->n_entries || g->entries[p->entry].tick != g->pub.ticks)
			end_proc(g, p);
	}
	compact(g);
	r = mp_extra_add_waits(g);
	if (r < 0)
		return r;
	if (root_is_known_member(g) || (was_plain && (g->has_server || g->has_script))) {
		r = redecide_all(g);
		if (r < 0)
			return r;
	}
	mp_roles_relate(g);
	return 0;
}

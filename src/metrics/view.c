// SPDX-License-Identifier: GPL-2.0-only
/*
 * Views: one an interval, shared by its clients. Updating compares CPU and reads the machine's
 * files that are selected; everything else is computed when it is asked for. Nothing is allocated
 * at a tick once tables have their size. Owns what was selected until it is freed.
 */
#include "metrics/api.h"
#include "metrics/servlog.h"
#include "metrics/view.h"
#include "proc/pid.h"

#include <mmsperf/cleanup.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Different metrics a view takes: a client that asks for ever new models cannot fill memory. */
#define MAX_SELECTED 4096

int mp_view_new(struct mp_meter *m, struct mp_view **ret_view)
{
	struct mp_view *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return -ENOMEM;
	r = mp_sys_new(&v->sys);
	if (r < 0) {
		free(v);
		return r;
	}
	v->meter = m;
	v->tree = mp_meter_tree(m);
	v->page_size = (double)mp_page_size();
	v->mem_total = (double)sysconf(_SC_PHYS_PAGES) * v->page_size;
	v->n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	*ret_view = v;
	return 0;
}

void mp_view_free(struct mp_view *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n_agg; i++) {
		free(v->agg[i]->model);
		free(v->agg[i]->v);
		free(v->agg[i]);
	}
	for (size_t i = 0; i < v->n_count; i++)
		free(v->count[i].model);
	mp_sys_free(v->sys);
	mp_plus_done(&v->plus);
	mp_auxes_done(&v->aux);
	mp_latencies_done(&v->latency);
	free(v->agg);
	free(v->count);
	free(v->agent);
	free(v->before);
	free(v->pct);
	free(v->model_gone_ns);
	free(v->model_extra_pct);
	free(v);
}

void mp_view_use(struct mp_view *v, struct mp_context *c)
{
	v->plus.context = c;
}

void mp_view_unpaced(struct mp_view *v)
{
	v->aux.unpaced = true;
	v->plus.unpaced = true;
}

/* What is in no record. */
static int update_more(struct mp_view *v)
{
	int r;

	mp_sys_update(v->sys);
	r = mp_auxes_update(&v->aux, v->tree, v->tree->tick_ns);
	if (r < 0)
		return r;
	mp_plus_update(&v->plus, v->tree);
	mp_latencies_update(&v->latency);
	for (size_t i = 0; i < v->n_agent; i++)
		mp_agent_update(&v->agent[i].name, &v->agent[i].state, v->sys);
	return 0;
}

int mp_view_update(struct mp_view *v)
{
	int r;

	if (v->updates && v->tree->ticks == v->tree_ticks)
		return 0; /* the same sample again */
	r = mp_rate_update(v);
	if (r < 0)
		return r;
	v->tree_ticks = v->tree->ticks;
	v->updates++;
	return v->reads_more ? update_more(v) : 0;
}

/* --- selecting ------------------------------------------------------------------------------- */

static bool same_model(const char *a, const char *b)
{
	return a && b ? !strcasecmp(a, b) : a == b;
}

static int grow(void **v, size_t n, size_t size)
{
	void *more;

	if (n >= MAX_SELECTED)
		return -ENOSPC;
	if (n & (n - 1) && n)
		return 0; /* grown by doubling: room is left unless n is a power of two */
	more = realloc(*v, (n ? n * 2 : 1) * size);
	if (!more)
		return -ENOMEM;
	*v = more;
	return 0;
}

static int copy_model(const char *model, char **ret)
{
	*ret = NULL;
	if (!*model)
		return 0;
	*ret = strdup(model);
	return *ret ? 0 : -ENOMEM;
}

static int select_agg(struct mp_view *v, const struct mp_name *n, int16_t *ret)
{
	const char *model = n->model[0] ? n->model : NULL;
	struct mp_agg *a = NULL;
	int r;

	for (size_t i = 0; i < v->n_agg && !a; i++)
		if (v->agg[i]->metric == n->metric && v->agg[i]->scope == n->scope &&
		    v->agg[i]->slot == n->slot && same_model(v->agg[i]->model, model)) {
			a = v->agg[i];
			*ret = (int16_t)i;
		}
	if (!a) {
		r = grow((void **)&v->agg, v->n_agg, sizeof(struct mp_agg *));
		if (r < 0)
			return r;
		a = calloc(1, sizeof(*a));
		if (!a)
			return -ENOMEM;
		a->metric = n->metric;
		a->scope = n->scope;
		a->slot = n->slot;
		r = copy_model(n->model, &a->model);
		if (r < 0) {
			free(a);
			return r;
		}
		*ret = (int16_t)v->n_agg;
		v->agg[v->n_agg++] = a;
	}
	v->aux.need[model ? MP_SCOPE_WORKERS : n->scope] |= (unsigned)mp_proc_info[n->metric].aux;
	if (n->op >= MP_OP_P50 && n->op <= MP_OP_P99 && !a->wants_values) {
		a->wants_values = true;
		a->at = 0; /* its values were not kept: once more */
	}
	return 0;
}

static int select_count(struct mp_view *v, const struct mp_name *n, int16_t *ret)
{
	const char *model = n->model[0] ? n->model : NULL;
	int r;

	for (size_t i = 0; i < v->n_count; i++)
		if (v->count[i].metric == n->metric && v->count[i].arg == n->arg &&
		    same_model(v->count[i].model, model)) {
			*ret = (int16_t)i;
			return 0;
		}
	r = grow((void **)&v->count, v->n_count, sizeof(*v->count));
	if (r < 0)
		return r;
	v->count[v->n_count] = (struct mp_count){.metric = n->metric, .arg = n->arg};
	r = copy_model(n->model, &v->count[v->n_count].model);
	if (r < 0)
		return r;
	*ret = (int16_t)v->n_count++;
	return 0;
}

/* Opens the metric's reader; of a model's value it remembers the model. */
static int select_plus(struct mp_view *v, const struct mp_name *n, int16_t *ret)
{
	int r = mp_plus_need(&v->plus, mp_plus_info[n->metric].reader);

	return r < 0 || !n->model[0] ? r : select_count(v, n, ret);
}

static int select_log(struct mp_view *v, const struct mp_name *n, int16_t *ret)
{
	int r = mp_plus_need(&v->plus, MP_RD_LOG);

	if (r == 0)
		r = mp_servlog_select(v->plus.state[MP_RD_LOG], (enum mp_log_metric)n->metric,
				      n->model[0] ? n->model : NULL);
	if (r < 0)
		return r;
	*ret = (int16_t)r;
	return 0;
}

static int select_latency(struct mp_view *v, const struct mp_name *n, int16_t *ret)
{
	int r = mp_latencies_select(&v->latency, mp_meter_source(v->meter), n);

	if (r < 0)
		return r;
	*ret = (int16_t)r;
	return 0;
}

static bool same_agent(const struct mp_agent_name *a, const struct mp_agent_name *b)
{
	return a->type == b->type && a->sub == b->sub && a->pid == b->pid && a->index == b->index &&
	       a->core == b->core && a->divide == b->divide && !strcmp(a->name, b->name) &&
	       !strcmp(a->fs, b->fs) && !strcmp(a->iface, b->iface);
}

static int select_agent(struct mp_view *v, const struct mp_name *n, int16_t *ret)
{
	int r;

	for (size_t i = 0; i < v->n_agent; i++)
		if (same_agent(&v->agent[i].name, &n->agent)) {
			*ret = (int16_t)i;
			return 0;
		}
	r = grow((void **)&v->agent, v->n_agent, sizeof(*v->agent));
	if (r < 0)
		return r;
	v->agent[v->n_agent] = (struct mp_agent_metric){.name = n->agent};
	*ret = (int16_t)v->n_agent++;
	return 0;
}

int mp_view_select(struct mp_view *v, const char *name, struct mp_sel *ret_sel,
		   const char **ret_note)
{
	struct mp_sel sel = {.arg = -1};
	struct mp_metric_info info;
	struct mp_name n;
	int r;

	r = mp_name_parse(name, &n, v->note, sizeof(v->note));
	if (ret_note)
		*ret_note = v->note[0] ? v->note : NULL;
	if (r < 0) {
		*ret_sel = sel;
		return 0;
	}
	r = n.family == MP_FAM_PROC      ? select_agg(v, &n, &sel.arg)
	    : n.family == MP_FAM_TREE    ? select_count(v, &n, &sel.arg)
	    : n.family == MP_FAM_AGENT   ? select_agent(v, &n, &sel.arg)
	    : n.family == MP_FAM_PLUS    ? select_plus(v, &n, &sel.arg)
	    : n.family == MP_FAM_LOG     ? select_log(v, &n, &sel.arg)
	    : n.family == MP_FAM_LATENCY ? select_latency(v, &n, &sel.arg)
					 : 0;
	if (r == -ENOSPC) {
		(void)snprintf(v->note, sizeof(v->note),
			       "metric '%.100s': too many different metrics, its column stays NaN",
			       name);
		if (ret_note)
			*ret_note = v->note;
		*ret_sel = (struct mp_sel){.arg = -1};
		return 0;
	}
	if (r < 0)
		return r;
	info = mp_name_info(&n);
	mp_sys_need(v->sys, info.files);
	v->reads_more |= n.family != MP_FAM_TREE && (n.family != MP_FAM_PROC || info.aux);
	sel.known = true;
	sel.family = (int16_t)n.family;
	sel.metric = (int16_t)n.metric;
	/* a slot is one process: whatever aggregate was asked for is its value */
	sel.op = (int16_t)(n.slot >= 0 ? MP_OP_ONE : n.op);
	if (n.family == MP_FAM_LOG || n.family == MP_FAM_LATENCY)
		sel.op = (int16_t)n.arg;
	sel.groups = info.groups;
	sel.fields = n.family == MP_FAM_PROC ? info.has : 0;
	sel.unit = info.unit;
	sel.kind = info.kind;
	sel.better = info.better;
	*ret_sel = sel;
	return 0;
}

/* --- counts of the tree ---------------------------------------------------------------------- */

static bool is_orphan(const struct mp_tree *t, const struct mp_proc *p)
{
	/* where pid 1 is the server, its children are no orphans */
	return p->role == MP_ROLE_WORKER && p->cur.ppid == 1 && t->frontend != 1 && t->root != 1;
}

static uint64_t killed(const struct mp_gone *gone)
{
	uint64_t n = 0;

	for (int i = 0; i < MP_SIGNALS; i++)
		n += gone->by_signal[i];
	return n;
}

/* Absent while nobody has ended. */
static struct mp_value lifetime(const struct mp_gone *gone, double ns)
{
	return (struct mp_value){.v = ns / 1e9, .valid = gone->processes > 0};
}

static struct mp_value count(const struct mp_view *v, const struct mp_count *c)
{
	const struct mp_tree *t = v->tree;
	const struct mp_gone *gone = &t->gone[MP_ROLE_WORKER];
	const struct mp_gone *front = &t->gone[MP_ROLE_FRONTEND];
	uint64_t processes = 0, workers = 0, orphans = 0, x = 0;
	int model = -1;

	if (c->model) {
		model = mp_model_find(t, c->model);
		if (model < 0)
			return (struct mp_value){0};
		gone = &t->models[model].gone;
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct mp_proc *p = &t->procs[i];

		if (p->role != MP_ROLE_WORKER || (c->model && p->model != model))
			continue;
		processes++;
		workers += !p->is_parent;
		orphans += is_orphan(t, p);
	}
	switch ((enum mp_tree_metric)c->metric) {
	case MP_TM_PROCESSES:
		x = processes + (!c->model && t->frontend);
		break;
	case MP_TM_WORKERS:
		x = workers;
		break;
	case MP_TM_ORPHANS:
		x = orphans;
		break;
	case MP_TM_CREATED:
		x = t->processes_created[MP_ROLE_WORKER] + t->processes_created[MP_ROLE_FRONTEND];
		break;
	case MP_TM_ENDED:
		x = gone->processes + front->processes;
		break;
	case MP_TM_WORKER_CREATED:
		x = t->processes_created[MP_ROLE_WORKER];
		break;
	case MP_TM_WORKER_EXITS:
		x = gone->processes;
		break;
	case MP_TM_WORKER_CRASHES:
		x = gone->crashed;
		break;
	case MP_TM_WORKER_ERRORS:
		x = gone->processes - gone->by_code[0] - killed(gone);
		break;
	case MP_TM_WORKER_SIGNALS:
		x = killed(gone);
		break;
	case MP_TM_WORKER_CODE:
		x = gone->by_code[c->arg];
		break;
	case MP_TM_WORKER_SIGNAL:
		x = gone->by_signal[c->arg];
		break;
	case MP_TM_RESTARTS:
		x = model >= 0 ? t->models[model].restarts : t->restarts;
		break;
	case MP_TM_LIFETIME:
		return lifetime(gone, (double)gone->lifetime_ns / (double)gone->processes);
	case MP_TM_LIFETIME_MIN:
		return lifetime(gone, (double)gone->shortest_ns);
	case _MP_TM_MAX:
		break;
	}
	return (struct mp_value){.v = (double)x, .valid = true};
}

/* --- reading --------------------------------------------------------------------------------- */

struct mp_value mp_view_get(struct mp_view *v, const struct mp_sel *sel)
{
	if (!sel->known || !v->updates)
		return (struct mp_value){0};
	switch ((enum mp_family)sel->family) {
	case MP_FAM_PROC: {
		struct mp_agg *a = v->agg[sel->arg];

		(void)mp_agg_compute(v, a);
		return mp_agg_value(a, (enum mp_op)sel->op);
	}
	case MP_FAM_TREE:
		return count(v, &v->count[sel->arg]);
	case MP_FAM_SYSTEM:
		return mp_sys_get(v->sys, (enum mp_sys_metric)sel->metric);
	case MP_FAM_AGENT:
		return v->agent[sel->arg].state.last;
	case MP_FAM_PLUS:
		return sel->arg < 0 ? v->plus.v[sel->metric]
				    : mp_api_get(v->plus.state[MP_RD_API], sel->metric,
						 v->count[sel->arg].model);
	case MP_FAM_LOG:
		return mp_servlog_get(v->plus.state[MP_RD_LOG], sel->arg, (enum mp_log_op)sel->op);
	case MP_FAM_LATENCY:
		return mp_latencies_get(&v->latency, v->tree, sel->arg,
					(enum mp_latency_op)sel->op);
	case MP_FAM_NONE:
		break;
	}
	return (struct mp_value){0};
}

const char *mp_view_why(struct mp_view *v, const struct mp_sel *sel)
{
	if (!sel->known || !v->updates)
		return NULL;
	switch ((enum mp_family)sel->family) {
	case MP_FAM_PLUS:
		return mp_plus_why(&v->plus, mp_plus_info[sel->metric].reader, sel->metric);
	case MP_FAM_LOG:
		return mp_plus_why(&v->plus, MP_RD_LOG, sel->metric);
	case MP_FAM_PROC:
		if (mp_proc_info[sel->metric].aux == MP_AUX_FDS && v->aux.refused)
			return "/proc/PID/fd of another user's process needs CAP_SYS_PTRACE, which "
			       "only the procfs rung keeps (--no-bpf), or the server's own user";
		return NULL;
	default:
		return NULL;
	}
}

struct mp_value mp_view_get_proc(struct mp_view *v, const struct mp_sel *sel,
				 const struct mp_proc *p)
{
	if (!sel->known || !v->updates || sel->family != MP_FAM_PROC)
		return (struct mp_value){0};
	return mp_proc_value(v, sel->metric, p);
}

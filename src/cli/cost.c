// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf metrics --cost`: CPU time of one sample for each source of metrics, on the running
 * server, and run time of one event for each group of probes. Measured, each source alone: in a
 * tight loop (hot), and with a pause before each sample, as caches are in real use (paced).
 */
#include "cli/cost.h"

#include "cli/commands.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROUNDS     200
#define PAUSE_MS   3
#define WINDOW_MS  1000 /* events are made that long */
#define MAX_GROUPS 32

/* --- trying ---------------------------------------------------------------------------------- */

void mp_trial_end(struct mp_trial *t)
{
	mp_context_free(t->context);
	mp_meter_free(t->meter);
	*t = (struct mp_trial){0};
}

static int open_meter(pid_t pid, struct mp_meter **ret_meter)
{
	const struct mp_source_opts best = {.best = MP_RUNG_SNAPSHOT};
	struct mp_meter_opts opts = {.target = {.pid = pid}};
	struct mp_diag d = {0};
	int r;

	r = mp_source_open(&best, &opts.source);
	if (r < 0)
		return mp_error_r(r, "the processes of this machine cannot be read");
	r = mp_meter_new(&opts, ret_meter, &d);
	if (r == 0)
		r = mp_meter_tick(*ret_meter);
	if (r < 0 && *d.msg)
		mp_error("%s", d.msg);
	else if (r < 0)
		(void)mp_error_r(r, "process %d", (int)pid);
	return r;
}

int mp_trial_begin(struct mp_trial *t, pid_t pid)
{
	struct mp_context_opts opts = {0};
	int r;

	*t = (struct mp_trial){0};
	r = open_meter(pid, &t->meter);
	if (r < 0)
		return r;
	if (!pid && !mp_meter_tree(t->meter)->root) {
		mp_meter_free(t->meter);
		t->meter = NULL;
		t->self = true;
		r = open_meter(getpid(), &t->meter);
		if (r < 0)
			return r;
	}
	opts.meter = t->meter;
	r = mp_context_new(&opts, &t->context);
	if (r < 0) {
		mp_trial_end(t);
		return mp_error_r(r, "metrics");
	}
	return 0;
}

const char *mp_trial_why(struct mp_trial *t, struct mp_view *v, const struct mp_metric_row *row)
{
	struct mp_sel sel;

	if (t->self && strstr(row->source, "server"))
		return "no server runs now";
	if (mp_view_select(v, row->example, &sel, NULL) < 0 || !sel.known)
		return "out of memory";
	/* a rate needs two samples, and so does what is opened at the first */
	for (int i = 0; i < 3; i++)
		if (mp_meter_tick(t->meter) < 0 || mp_view_update(v) < 0)
			return "the server's processes cannot be read";
	return mp_view_get(v, &sel).valid ? NULL : mp_view_why(v, &sel);
}

/* --- a sample -------------------------------------------------------------------------------- */

struct cost {
	const char *source;
	char metrics[64]; /* an example of what was read */
	size_t n;         /* metrics read at once */
	double hot_ns, paced_ns;
};

static double cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median of the CPU time of one sample. v NULL: reading the processes; else all that follows. */
static double measure(struct mp_trial *t, struct mp_view *v, const struct mp_sel *sels, size_t n,
		      bool paced)
{
	double ns[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double begun;

		if (paced)
			(void)poll(NULL, 0, PAUSE_MS); /* the machine does something else */
		begun = cpu_ns();
		if (mp_meter_tick(t->meter) < 0)
			return NAN;
		if (v) {
			begun = cpu_ns();
			if (mp_view_update(v) < 0)
				return NAN;
			for (size_t k = 0; k < n; k++)
				(void)mp_view_get(v, &sels[k]);
		}
		ns[i] = cpu_ns() - begun;
	}
	qsort(ns, ROUNDS, sizeof(*ns), by_value);
	return ns[ROUNDS / 2];
}

/*
 * All metrics of one source in one view. reading: what reading the processes costs without groups;
 * empty: what an update costs that reads nothing.
 */
static int source_cost(struct mp_trial *t, const struct mp_metric_row *rows, size_t n_rows,
		       const struct cost *reading, const struct cost *empty, struct cost *c)
{
	struct mp_source *s = mp_meter_source(t->meter);
	struct mp_diag d = {0};
	unsigned groups = 0;
	_cleanup_free_ struct mp_sel *sels = calloc(n_rows, sizeof(*sels));
	struct mp_view *v;
	int r;

	if (!sels)
		return -ENOMEM;
	r = mp_view_new(t->meter, &v);
	if (r < 0)
		return r;
	mp_view_use(v, t->context);
	mp_view_unpaced(v);
	for (size_t i = 0; i < n_rows && r == 0; i++) {
		if (!c->source || strcmp(rows[i].source, c->source) != 0)
			continue;
		groups |= rows[i].groups;
		r = mp_view_select(v, rows[i].example, &sels[c->n], NULL);
		if (r < 0 || !sels[c->n].known)
			continue;
		if (!c->n++)
			(void)snprintf(c->metrics, sizeof(c->metrics), "%s", rows[i].example);
	}
	if (groups && s->ops->need_groups(s, groups, &d) < 0) {
		c->hot_ns = c->paced_ns = NAN; /* the list of events says why */
	} else if (r == 0) {
		c->hot_ns = measure(t, v, sels, c->n, false) - (empty ? empty->hot_ns : 0);
		c->paced_ns = measure(t, v, sels, c->n, true) - (empty ? empty->paced_ns : 0);
	}
	if (groups && r == 0 && !isnan(c->hot_ns)) {
		/* what a group has counted is a part of reading the processes */
		c->hot_ns += fmax(measure(t, NULL, NULL, 0, false) - reading->hot_ns, 0);
		c->paced_ns += fmax(measure(t, NULL, NULL, 0, true) - reading->paced_ns, 0);
		(void)s->ops->need_groups(s, 0, &d);
	}
	mp_view_free(v);
	return r;
}

static bool is_first_of_source(const struct mp_metric_row *rows, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(rows[k].source, rows[i].source))
			return false;
	return strcmp(rows[i].source, "nowhere") != 0;
}

/* --- an event -------------------------------------------------------------------------------- */

struct event_cost {
	const char *source;
	double ns; /* a run; NaN: statistics are not to be had */
	uint64_t runs;
	char why[512];
};

static void group_cost(struct mp_source *s, unsigned group, struct event_cost *c)
{
	uint64_t ns0, runs0, ns1, runs1;
	struct mp_diag d = {0};
	int r;

	c->ns = NAN;
	if (s->ops->need_groups(s, group, &d) < 0) {
		(void)snprintf(c->why, sizeof(c->why), "%s",
			       *d.msg ? d.msg : "it cannot be attached here");
		return;
	}
	if (!s->ops->group_cost || !s->ops->group_cost(s, group, &ns0, &runs0)) {
		(void)snprintf(c->why, sizeof(c->why),
			       "the kernel's BPF statistics are not to be had");
		goto out;
	}
	r = mp_cost_load(WINDOW_MS);
	if (r < 0 || !s->ops->group_cost(s, group, &ns1, &runs1))
		(void)snprintf(c->why, sizeof(c->why), "no events can be made: %s", strerror(-r));
	else if (runs1 == runs0)
		(void)snprintf(c->why, sizeof(c->why), "no event within %d ms", WINDOW_MS);
	else {
		c->runs = runs1 - runs0;
		c->ns = (double)(ns1 - ns0) / (double)c->runs;
	}
out:
	(void)s->ops->need_groups(s, 0, &d);
}

/* On a source of its own, whose member this process is: strangers' events cost less. */
static size_t group_costs(const struct mp_metric_row *rows, size_t n, struct event_cost *costs)
{
	const struct mp_source_opts best = {.best = MP_RUNG_SNAPSHOT};
	struct mp_source *s;
	unsigned done = 0;
	size_t k = 0;

	if (mp_source_open(&best, &s) < 0)
		return 0;
	(void)s->ops->adopt(s, getpid());
	for (size_t i = 0; i < n && k < MAX_GROUPS; i++) {
		unsigned g = rows[i].groups;

		if (!g || (g & done) == g)
			continue;
		done |= g;
		costs[k].source = rows[i].source;
		group_cost(s, g, &costs[k++]);
	}
	mp_source_free(s);
	return k;
}

/* --- printing -------------------------------------------------------------------------------- */

static void print_text(const struct mp_trial *t, const struct cost *c, size_t n,
		       const struct event_cost *e, size_t n_e)
{
	const struct mp_tree *tree = mp_meter_tree(t->meter);

	printf("Rung in use: %s. Watched: %zu processes%s.\n\nCPU time of one sample, in ns: in a loop, "
	       "and with %d ms between samples\n",
	       mp_rung_name(mp_meter_source(t->meter)->ops->rung), tree->n,
	       t->self ? " (no server runs: this very process)" : "", PAUSE_MS);
	for (size_t i = 0; i < n; i++) {
		printf("%12.0f %12.0f  %s", c[i].hot_ns, c[i].paced_ns, c[i].source);
		if (c[i].n)
			printf(" (%zu, such as %s)", c[i].n, c[i].metrics);
		putchar('\n');
	}
	printf("\nRun time of one event of a watched process, in ns\n");
	for (size_t i = 0; i < n_e; i++)
		if (isnan(e[i].ns))
			printf("%12s  %s: %s\n", "-", e[i].source, e[i].why);
		else
			printf("%12.0f  %s, %llu events in %d ms\n", e[i].ns, e[i].source,
			       (unsigned long long)e[i].runs, WINDOW_MS);
}

static int print_json(const struct mp_trial *t, const struct cost *c, size_t n,
		      const struct event_cost *e, size_t n_e)
{
	json_t *samples = json_array(), *events = json_array(), *doc;
	int r = 0;

	for (size_t i = 0; i < n; i++)
		r |= json_array_append_new(samples,
					   json_pack("{s:s, s:I, s:f, s:f}", "source", c[i].source,
						     "metrics", (json_int_t)c[i].n, "hot_ns",
						     c[i].hot_ns, "paced_ns", c[i].paced_ns));
	for (size_t i = 0; i < n_e; i++)
		r |= json_array_append_new(
			events,
			isnan(e[i].ns)
				? json_pack("{s:s, s:s}", "source", e[i].source, "reason", e[i].why)
				: json_pack("{s:s, s:f, s:I}", "source", e[i].source, "ns", e[i].ns,
					    "events", (json_int_t)e[i].runs));
	doc = json_pack("{s:s, s:I, s:b, s:o, s:o}", "rung",
			mp_rung_name(mp_meter_source(t->meter)->ops->rung), "processes",
			(json_int_t)mp_meter_tree(t->meter)->n, "server", !t->self, "samples",
			samples, "events", events);
	r |= !doc || json_dumpf(doc, stdout, JSON_INDENT(1)) < 0;
	json_decref(doc);
	putchar('\n');
	return r ? -EIO : 0;
}

int mp_metrics_cost(pid_t pid, bool json)
{
	_cleanup_(mp_trial_end) struct mp_trial t = {0};
	_cleanup_free_ struct cost *costs = NULL;
	struct event_cost events[MAX_GROUPS] = {0};
	const struct mp_metric_row *rows;
	size_t n_rows, n = 0, n_events;
	int r = mp_trial_begin(&t, pid);

	if (r < 0)
		return MP_EXIT_INFRA;
	rows = mp_metric_rows(&n_rows);
	costs = calloc(n_rows + 2, sizeof(*costs));
	if (!costs)
		return MP_EXIT_INFRA;
	costs[n] = (struct cost){.source = "reading the processes"};
	costs[n].hot_ns = measure(&t, NULL, NULL, 0, false);
	costs[n++].paced_ns = measure(&t, NULL, NULL, 0, true);
	/* compared with before: shares of CPU are part of every sample */
	r = source_cost(&t, rows, 0, &costs[0], NULL, &costs[n]);
	costs[n++].source = "comparing with the sample before";
	for (size_t i = 0; i < n_rows && r == 0; i++)
		if (is_first_of_source(rows, i)) {
			costs[n].source = rows[i].source;
			r = source_cost(&t, rows, n_rows, &costs[0], &costs[1], &costs[n]);
			n += !isnan(costs[n].hot_ns);
		}
	if (r < 0) {
		(void)mp_error_r(r, "cannot measure");
		return MP_EXIT_INFRA;
	}
	n_events = group_costs(rows, n_rows, events);
	if (json)
		return print_json(&t, costs, n, events, n_events) < 0 ? MP_EXIT_INFRA : MP_EXIT_OK;
	print_text(&t, costs, n, events, n_events);
	return MP_EXIT_OK;
}

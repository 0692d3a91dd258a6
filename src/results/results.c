// SPDX-License-Identifier: GPL-2.0-only
/*
 * struct mp_run as a value: names of verdicts, ownership of cases and suites, and the loading of
 * everything a report shows of a suite. Does not read a file itself. Called by suite/ and cli/.
 */
#include <mmsperf/results.h>

#include <mmsperf/fs.h>

#include "results/effective.h"
#include "results/timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LABEL_LOADS 16 /* each costs a pass over kpi.jtl */

static const char *const verdict_names[] = {
	[MP_PASSED] = "passed",
	[MP_SKIPPED] = "skipped",
	[MP_FAILED] = "failed",
	[MP_ERROR] = "error",
};
_Static_assert(ARRAY_SIZE(verdict_names) == _MP_VERDICT_MAX, "every verdict has a name");

static const char *const event_kind_names[] = {
	[MP_EVENT_WORKER] = "worker",
	[MP_EVENT_FAULT] = "fault",
	[MP_EVENT_GC] = "gc",
	[MP_EVENT_LOST] = "lost",
};
_Static_assert(ARRAY_SIZE(event_kind_names) == _MP_EVENT_MAX, "every kind has a name");

const char *mp_event_kind_name(enum mp_event_kind k)
{
	return k < _MP_EVENT_MAX ? event_kind_names[k] : "unknown";
}

const char *mp_verdict_name(enum mp_verdict v)
{
	return v < _MP_VERDICT_MAX ? verdict_names[v] : "unknown";
}

void mp_case_done(struct mp_case *c)
{
	free(c->name);
	free(c->message);
	free(c->metric);
	free(c->label);
	free(c->file);
	*c = (struct mp_case){0};
}

static void labels_done(struct mp_label_stats *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].label);
	free(v);
}

static void series_done(struct mp_suite_result *s)
{
	mp_table_done(&s->metrics);
	mp_load_done(&s->load);
	labels_done(s->labels, s->n_labels);
	for (size_t i = 0; i < s->n_phases; i++)
		free(s->phases[i].name);
	free(s->phases);
	for (size_t i = 0; i < s->n_label_loads; i++) {
		free(s->label_loads[i].label);
		mp_load_done(&s->label_loads[i].load);
	}
	free(s->label_loads);
	for (size_t i = 0; i < s->n_events; i++)
		free(s->events[i].text);
	free(s->events);
	mp_table_done(&s->workers);
	s->label_loads = NULL;
	s->events = NULL;
	s->n_label_loads = s->n_events = 0;
	s->labels = NULL;
	s->phases = NULL;
	s->n_labels = s->n_phases = 0;
	s->load_s = 0;
	s->monitor = (struct mp_monitor_cost){0};
}

void mp_suite_result_done(struct mp_suite_result *s)
{
	free(s->name);
	free(s->path);
	free(s->dir);
	free(s->reason);
	free(s->rung);
	free(s->rung_why);
	for (size_t i = 0; i < s->n_cases; i++)
		mp_case_done(&s->cases[i]);
	free(s->cases);
	series_done(s);
	*s = (struct mp_suite_result){0};
}

void mp_run_done(struct mp_run *r)
{
	free(r->dir);
	free(r->out);
	free(r->env);
	free(r->commit);
	free(r->server);
	free(r->comparison);
	free(r->note);
	mp_fingerprint_done(&r->fingerprint);
	for (size_t i = 0; i < r->n_tags; i++)
		free(r->tags[i]);
	free(r->tags);
	for (size_t i = 0; i < r->n_suites; i++)
		mp_suite_result_done(&r->suites[i]);
	free(r->suites);
	*r = (struct mp_run){0};
}

void mp_run_free(struct mp_run *r)
{
	if (!r)
		return;
	mp_run_done(r);
	free(r);
}

void mp_run_freep(struct mp_run **r)
{
	mp_run_free(*r);
}

int mp_suite_result_add_case(struct mp_suite_result *s, const struct mp_case *c)
{
	struct mp_case *grown = reallocarray(s->cases, s->n_cases + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	s->cases = grown;
	s->cases[s->n_cases++] = *c;
	return 0;
}

static int load_labels(struct mp_suite_result *s, struct mp_diag *d)
{
	_cleanup_free_ char *path = NULL;

	if (s->load.n_labels) {
		s->labels = s->load.labels;
		s->n_labels = s->load.n_labels;
		s->load.labels = NULL;
		s->load.n_labels = 0;
		return 0;
	}
	path = mp_path_join(s->dir, "final_stats.csv");
	if (!path)
		return mp_diag_set(d, -ENOMEM, s->dir, 0, 0, "out of memory");
	if (!mp_is_file(path))
		return 0;
	return mp_final_stats_read(path, &s->labels, &s->n_labels, d);
}

static int load_metrics(struct mp_suite_result *s, struct mp_diag *d)
{
	/* the collector's own recording first; bzt's corrected log where there is none */
	static const char *const files[] = {"metrics.csv", "metrics_bzt.csv"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = mp_path_join(s->dir, files[i]);
		int r;

		if (!path)
			return mp_diag_set(d, -ENOMEM, s->dir, 0, 0, "out of memory");
		if (!mp_is_file(path))
			continue;
		r = mp_table_read(path, &s->metrics, d);
		if (r < 0)
			return r;
		if (s->metrics.rows)
			return 0;
		mp_table_done(&s->metrics);
	}
	return 0;
}

/* Each label that a criterion about requests names and that is not the only one. */
static int load_watched_labels(struct mp_suite_result *s, struct mp_diag *d)
{
	if (s->n_labels <= 2 || !s->load.n)
		return 0;
	s->label_loads = calloc(MAX_LABEL_LOADS, sizeof(*s->label_loads));
	if (!s->label_loads)
		return mp_diag_set(d, -ENOMEM, s->dir, 0, 0, "out of memory");
	for (size_t i = 0; i < s->n_cases && s->n_label_loads < MAX_LABEL_LOADS; i++) {
		const struct mp_case *c = &s->cases[i];
		struct mp_label_load *l = &s->label_loads[s->n_label_loads];
		bool known = false;
		int r;

		if (!c->label || !c->metric || !mp_criterion_of_load(c->metric))
			continue;
		for (size_t k = 0; k < s->n_label_loads; k++)
			known |= !strcmp(s->label_loads[k].label, c->label);
		if (known)
			continue;
		r = mp_load_read_label(s->dir, c->label, &l->load, d);
		if (r < 0)
			return r;
		l->label = strdup(c->label);
		if (!l->label) {
			mp_load_done(&l->load);
			return mp_diag_set(d, -ENOMEM, s->dir, 0, 0, "out of memory");
		}
		s->n_label_loads++;
	}
	return 0;
}

static int load_workers(struct mp_suite_result *s, struct mp_diag *d)
{
	_cleanup_free_ char *path = mp_path_join(s->dir, "workers.csv");

	if (!path)
		return mp_diag_set(d, -ENOMEM, s->dir, 0, 0, "out of memory");
	if (!mp_is_file(path))
		return 0;
	return mp_workers_read(path, &s->workers, &s->events, &s->n_events, d);
}

/* JMeter stamps whole milliseconds, a bucket starts at a whole second: good enough for "12 s". */
static double first_request(const struct mp_load *l)
{
	return l->n ? l->ts[0] : 0;
}

static int load_phases(struct mp_suite_result *s, struct mp_diag *d)
{
	int r = mp_phases_find(s);

	return r < 0 ? mp_diag_set(d, r, s->dir, 0, 0, "effective configuration cannot be read: %s",
				   strerror(-r))
		     : 0;
}

static int load_events(struct mp_suite_result *s, struct mp_diag *d)
{
	int r = mp_events_find(s);

	mp_monitor_cost_find(s);
	return r < 0 ? mp_diag_set(d, r, s->dir, 0, 0, "%s", strerror(-r)) : 0;
}

static int load_requests(struct mp_suite_result *s, struct mp_diag *d)
{
	int r = mp_load_read(s->dir, &s->load, d);

	s->load_s = first_request(&s->load);
	return r;
}

int mp_results_load_series(struct mp_suite_result *s, struct mp_diag *d)
{
	/* in this order: labels come with the requests, watched ones are chosen among them;
	 * events of metrics are added to those of workers */
	static int (*const steps[])(struct mp_suite_result *s, struct mp_diag *d) = {
		load_requests, load_labels, load_watched_labels, load_metrics,
		load_workers,  load_phases, load_events,
	};
	struct mp_diag later;
	int r = 0;

	if (!s->dir)
		return 0;
	series_done(s);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int k = steps[i](s, r < 0 ? &later : d);

		if (k < 0 && !r)
			r = k;
	}
	for (size_t i = 0; i < s->n_cases; i++)
		mp_case_find_breach(s, &s->cases[i]);
	return r;
}

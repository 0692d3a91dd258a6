// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events that a recording's totals tell by growing: a worker ended by itself, the kernel killed for
 * lack of memory, the JVM collected, the collector missed something. Adds to s->events (those of
 * workers.csv are there already); also what the recording itself cost. Called by
 * mp_results_load_series().
 */
#include "results/timeline.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define MAX_GC 200 /* of them more make a carpet: the series is left to tell */

struct total {
	const char *metric;
	enum mp_event_kind kind;
	const char *one, *many; /* many has the number */
	bool by_workers; /* told better by workers.csv, which has rows while there are workers */
};

static const struct total totals[] = {
	{"workers_created", MP_EVENT_WORKER, "a worker process started",
	 "%.0f worker processes started", true},
	{"worker_exits", MP_EVENT_WORKER, "a worker process ended", "%.0f worker processes ended",
	 true},
	{"worker_restarts", MP_EVENT_WORKER, "a worker was restarted",
	 "%.0f workers were restarted", true},
	{"worker_exits_error", MP_EVENT_FAULT, "a worker process ended with an error",
	 "%.0f worker processes ended with an error", false},
	{"worker_exits_signal", MP_EVENT_WORKER, "a signal ended a worker process",
	 "signals ended %.0f worker processes", false},
	{"cgroup_oom_kills", MP_EVENT_FAULT, "out of memory: a process of the server was killed",
	 "out of memory: %.0f processes of the server were killed", false},
	{"jvm_gc_full_count", MP_EVENT_FAULT, "the JVM collected its whole heap",
	 "the JVM collected its whole heap %.0f times", false},
	{"monitor_drops", MP_EVENT_LOST, "a kernel event was lost", "%.0f kernel events were lost",
	 false},
	{"monitor_missed_ticks", MP_EVENT_LOST, "a sample was missed", "%.0f samples were missed",
	 false},
};

static int add(struct mp_suite_result *s, size_t *cap, double at_s, enum mp_event_kind kind,
	       char *text)
{
	if (!text)
		return -ENOMEM;
	if (s->n_events >= MP_EVENTS_MAX) {
		free(text);
		return 0;
	}
	if (s->n_events == *cap) {
		struct mp_event *grown = reallocarray(s->events, *cap + 64, sizeof(*grown));

		if (!grown) {
			free(text);
			return -ENOMEM;
		}
		s->events = grown;
		*cap += 64;
	}
	s->events[s->n_events++] = (struct mp_event){.text = text, .at_s = at_s, .kind = kind};
	return 0;
}

/* After the first row of workers.csv, which says of nobody that he is new, up to the last. */
static bool is_told(const struct mp_table *workers, double at_s)
{
	return workers->rows && at_s > workers->ts[0] && at_s <= workers->ts[workers->rows - 1];
}

static int add_total(struct mp_suite_result *s, size_t *cap, const struct total *t)
{
	const struct mp_series *c = mp_table_find(&s->metrics, t->metric);
	double last = NAN;
	int r = 0;

	for (size_t i = 0; c && i < s->metrics.rows && !r; i++) {
		double grown = c->v[i] - last;

		if (!isfinite(c->v[i]))
			continue;
		last = c->v[i];
		if (!(grown > 0) || (t->by_workers && is_told(&s->workers, s->metrics.ts[i])))
			continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		r = add(s, cap, s->metrics.ts[i], t->kind,
			grown > 1 ? mp_asprintf(t->many, grown) : mp_asprintf("%s", t->one));
#pragma GCC diagnostic pop
	}
	return r;
}

/* Each sample in which the JVM stood still to collect, with for how long; the longest ones where
 * there are too many. */
static int add_collections(struct mp_suite_result *s, size_t *cap)
{
	const struct mp_series *count = mp_table_find(&s->metrics, "jvm_gc_count"),
			       *time = mp_table_find(&s->metrics, "jvm_gc_seconds");
	double least = 0;
	int r = 0;

	if (!count || !time)
		return 0;
	for (;;) {
		size_t n = 0;

		for (size_t i = 1; i < s->metrics.rows; i++)
			n += count->v[i] > count->v[i - 1] && time->v[i] - time->v[i - 1] >= least;
		if (n <= MAX_GC || !isfinite(least))
			break;
		least = least > 0 ? least * 2 : 0.001;
	}
	for (size_t i = 1; i < s->metrics.rows && !r; i++) {
		double n = count->v[i] - count->v[i - 1], took = time->v[i] - time->v[i - 1];

		if (!(n > 0) || !(took >= least))
			continue;
		r = add(s, cap, s->metrics.ts[i], MP_EVENT_GC,
			n > 1 ? mp_asprintf("%.0f garbage collections stopped the JVM for %.3g ms",
					    n, took * 1000)
			      : mp_asprintf("a garbage collection stopped the JVM for %.3g ms",
					    took * 1000));
	}
	return r;
}

static int by_time(const void *a, const void *b)
{
	const struct mp_event *x = a, *y = b;

	return (x->at_s > y->at_s) - (x->at_s < y->at_s);
}

int mp_events_find(struct mp_suite_result *s)
{
	size_t cap = s->n_events ? MP_EVENTS_MAX : 0; /* what mp_workers_read() has made room for */
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(totals) && !r; i++)
		r = add_total(s, &cap, &totals[i]);
	if (!r)
		r = add_collections(s, &cap);
	if (s->n_events)
		qsort(s->events, s->n_events, sizeof(*s->events), by_time);
	return r;
}

/* Of a total: by how much it grew; of anything else its mean or its highest value. NaN: absent. */
enum fold { GROWTH, MEAN, HIGHEST };

static double fold(const struct mp_table *t, const char *name, enum fold how)
{
	const struct mp_series *c = mp_table_find(t, name);
	double first = NAN, last = NAN, sum = 0, most = -INFINITY;
	size_t n = 0;

	for (size_t i = 0; c && i < t->rows; i++) {
		if (!isfinite(c->v[i]))
			continue;
		first = n++ ? first : c->v[i];
		last = c->v[i];
		sum += last;
		most = fmax(most, last);
	}
	if (!n)
		return NAN;
	return how == GROWTH ? last - first : how == MEAN ? sum / (double)n : most;
}

void mp_monitor_cost_find(struct mp_suite_result *s)
{
	const struct mp_table *t = &s->metrics;
	struct mp_monitor_cost m = {
		.bpf_s = fold(t, "monitor_bpf_seconds", GROWTH),
		.rss = fold(t, "monitor_memory_rss", HIGHEST),
		.late_s = fold(t, "monitor_late_seconds", HIGHEST),
		/* since the collector began: what it missed before the first row is missed, too */
		.missed = fold(t, "monitor_missed_ticks", HIGHEST),
		.drops = fold(t, "monitor_drops", HIGHEST),
		.dropped_lines = fold(t, "monitor_dropped_lines", HIGHEST),
	};
	double cpu_s = fold(t, "monitor_cpu_time", GROWTH),
	       server = fold(t, "sum_all_cpu_percent", MEAN);

	if (t->rows < 2 || !isfinite(cpu_s))
		return;
	m.samples = (double)t->rows;
	m.seconds = t->ts[t->rows - 1] - t->ts[0];
	m.cpu_percent = m.seconds > 0 ? 100 * cpu_s / m.seconds : NAN;
	m.share_percent = server > 0 ? 100 * m.cpu_percent / server : NAN;
	s->monitor = m;
}

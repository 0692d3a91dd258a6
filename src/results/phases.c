// SPDX-License-Identifier: GPL-2.0-only
/*
 * Phases of a suite: the steps that the runner logged, what was requested before and after the load
 * proper (Taurus' "Register Model"), and the load's ramp-up and hold. Fills s->phases; called by
 * mp_results_load_series() once the requests are known.
 */
#include "results/timeline.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/effective.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PHASES 64
#define MAX_LOG    (4 * 1024 * 1024) /* commands write into it, too */

static int add(struct mp_suite_result *s, const char *name, size_t len, double from, double to)
{
	char *copy;

	if (s->n_phases == MAX_PHASES || !len || !(to > from) || !isfinite(from) || !isfinite(to))
		return 0;
	if (!s->phases) {
		s->phases = calloc(MAX_PHASES, sizeof(*s->phases));
		if (!s->phases)
			return -ENOMEM;
	}
	copy = strndup(name, len);
	if (!copy)
		return -ENOMEM;
	s->phases[s->n_phases++] = (struct mp_phase){.name = copy, .from_s = from, .to_s = to};
	return 0;
}

/* "1700000003.250 register digits: done in 1.200 s" */
static int add_step(struct mp_suite_result *s, const char *line, size_t len)
{
	static const char mark[] = ": done in ";
	_cleanup_free_ char *text = strndup(line, len);
	char *name, *end, *done = NULL;
	double at, took;

	if (!text)
		return -ENOMEM;
	at = strtod(text, &name);
	if (name == text || *name != ' ' || at < 1e9)
		return 0;
	name++;
	for (char *p = name; (p = strstr(p, mark)); p++)
		done = p;
	if (!done)
		return 0;
	took = strtod(done + sizeof(mark) - 1, &end);
	if (strcmp(end, " s") != 0 || took < 0 || !isfinite(took))
		return 0;
	return add(s, name, (size_t)(done - name), at - took, at);
}

static int add_steps(struct mp_suite_result *s)
{
	_cleanup_free_ char *path = mp_path_join(s->dir, "steps.log"), *text = NULL;
	size_t len;
	int r;

	if (!path)
		return -ENOMEM;
	if (!mp_is_file(path))
		return 0;
	r = mp_read_file(path, MAX_LOG, &text, &len);
	if (r < 0)
		return r == -ENOMEM ? r : 0; /* too long or not readable: a suite without steps */
	for (char *p = text, *end = text + len; p < end && !r;) {
		char *nl = memchr(p, '\n', (size_t)(end - p));

		if (!nl)
			break; /* half a line */
		r = add_step(s, p, (size_t)(nl - p));
		p = nl + 1;
	}
	return r;
}

/* Where the load proper lies: the label with most requests, and all that overlap it. */
static void find_load(const struct mp_suite_result *s, double *ret_from, double *ret_to)
{
	const struct mp_label_stats *most = NULL;
	bool grown = true;

	for (size_t i = 0; i < s->n_labels; i++) {
		const struct mp_label_stats *l = &s->labels[i];

		if (*l->label && l->from_s > 0 && (!most || l->samples > most->samples))
			most = l;
	}
	*ret_from = most ? most->from_s : s->load_s;
	*ret_to = most ? most->to_s : 0;
	for (size_t pass = 0; most && grown && pass < s->n_labels; pass++) {
		grown = false;
		for (size_t i = 0; i < s->n_labels; i++) {
			const struct mp_label_stats *l = &s->labels[i];

			if (!*l->label || l->from_s <= 0 || l->to_s <= *ret_from ||
			    l->from_s >= *ret_to)
				continue;
			grown |= l->from_s < *ret_from || l->to_s > *ret_to;
			*ret_from = fmin(*ret_from, l->from_s);
			*ret_to = fmax(*ret_to, l->to_s);
		}
	}
}

static int by_time(const void *a, const void *b)
{
	const struct mp_phase *x = a, *y = b;

	return (x->from_s > y->from_s) - (x->from_s < y->from_s);
}

int mp_phases_find(struct mp_suite_result *s)
{
	struct mp_phase *load = NULL;
	size_t n = 0;
	double from, to;
	int r, k;

	r = add_steps(s);
	if (r < 0)
		return r;
	find_load(s, &from, &to);
	for (size_t i = 0; i < s->n_labels && !r; i++) {
		const struct mp_label_stats *l = &s->labels[i];

		if (*l->label && l->from_s > 0 && (l->to_s <= from || l->from_s >= to))
			r = add(s, l->label, strlen(l->label), l->from_s, l->to_s);
	}
	k = mp_effective_phases(s->dir, from, s->started_s + s->duration_s, &load, &n);
	for (size_t i = 0; i < n; i++) {
		if (!r)
			r = add(s, load[i].name, strlen(load[i].name), load[i].from_s,
				load[i].to_s);
		free(load[i].name);
	}
	free(load);
	if (s->n_phases)
		qsort(s->phases, s->n_phases, sizeof(*s->phases), by_time);
	return r ? r : k;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Counting verdicts over the runs of --repeat. Pure. Called by runner.c. */
#include "suite/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_same(const struct mp_tally_row *r, const char *suite, const char *name)
{
	return !strcmp(r->suite, suite) && !!r->name == !!name && (!name || !strcmp(r->name, name));
}

static int count(struct mp_tally *t, const char *suite, const char *name, enum mp_verdict v)
{
	struct mp_tally_row *bigger, *row;

	for (size_t i = 0; i < t->n; i++)
		if (is_same(&t->v[i], suite, name)) {
			t->v[i].count[v]++;
			return 0;
		}
	bigger = reallocarray(t->v, t->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	t->v = bigger;
	row = &bigger[t->n++];
	*row = (struct mp_tally_row){.suite = strdup(suite), .name = name ? strdup(name) : NULL};
	row->count[v] = 1;
	if (!row->suite || (name && !row->name)) {
		free(row->suite);
		free(row->name);
		t->n--;
		return -ENOMEM;
	}
	return 0;
}

int mp_tally_add(struct mp_tally *t, const struct mp_run *r)
{
	t->runs++;
	for (size_t i = 0; i < r->n_suites; i++) {
		const struct mp_suite_result *s = &r->suites[i];
		int e = count(t, s->name, NULL, s->verdict);

		for (size_t k = 0; !e && k < s->n_cases; k++)
			e = count(t, s->name, s->cases[k].name, s->cases[k].verdict);
		if (e < 0)
			return e;
	}
	return 0;
}

bool mp_tally_row_changed(const struct mp_tally_row *r)
{
	size_t kinds = 0;

	/* skipped is none: the first of several runs has no baseline yet */
	for (int v = 0; v < _MP_VERDICT_MAX; v++)
		kinds += v != MP_SKIPPED && r->count[v] > 0;
	return kinds > 1;
}

size_t mp_tally_changed(const struct mp_tally *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += mp_tally_row_changed(&t->v[i]);
	return n;
}

void mp_tally_print(const struct mp_tally *t, FILE *out)
{
	size_t suites = 0;

	for (size_t i = 0; i < t->n; i++)
		suites += !t->v[i].name;
	fprintf(out, "\n%zu runs, %zu suite%s, %zu case%s: ", t->runs, suites,
		suites == 1 ? "" : "s", t->n - suites, t->n - suites == 1 ? "" : "s");
	if (!mp_tally_changed(t)) {
		fprintf(out, "none changed its verdict\n");
		return;
	}
	fprintf(out, "%zu changed their verdict\n", mp_tally_changed(t));
	for (size_t i = 0; i < t->n; i++) {
		const struct mp_tally_row *r = &t->v[i];

		if (!mp_tally_row_changed(r))
			continue;
		fprintf(out, "  %s%s%s:", r->suite, r->name ? ": " : "", r->name ? r->name : "");
		for (int v = 0; v < _MP_VERDICT_MAX; v++)
			if (r->count[v])
				fprintf(out, " %zu %s", r->count[v], mp_verdict_name(v));
		fprintf(out, "\n");
	}
}

void mp_tally_done(struct mp_tally *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].suite);
		free(t->v[i].name);
	}
	free(t->v);
	*t = (struct mp_tally){0};
}

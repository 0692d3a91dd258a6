// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which comparisons a suite asks for: every pass/fail criterion of its effective configuration
 * that carries `diff_percent`. Upstream knows monitoring criteria only; ours may be about requests
 * as well. Owns the rules it returns; called by compare.c.
 */
#include <mmsperf/compare.h>

#include <mmsperf/str.h>

#include "results/effective.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void mp_rules_done(struct mp_rules *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].name);
		free(r->v[i].full);
	}
	free(r->v);
	*r = (struct mp_rules){0};
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* bzt's subjects in the spelling of measures.c: "p90.0" is p90, "success" with "5%" is succ%. */
static char *request_name(const char *subject, const char *label, const char *threshold)
{
	_cleanup_free_ char *base = strdup(subject);
	bool percent = mp_ends_with(threshold, "%");
	size_t n;

	if (!base)
		return NULL;
	if (mp_starts_with(base, "succ") || mp_starts_with(base, "fail"))
		base[4] = '\0';
	else
		percent = false;
	n = strlen(base);
	if (*base == 'p' && n > 2 && !strcmp(base + n - 2, ".0"))
		base[n - 2] = '\0';
	return mp_asprintf("%s%s%s%s", base, percent ? "%" : "", *label ? " of " : "", label);
}

/* NaN: no number; a missing key is no rule and asked before. */
static double percent_of(const json_t *v)
{
	double d;

	if (json_is_number(v))
		return json_number_value(v);
	if (json_is_string(v) && !*json_string_value(v))
		return 0;
	return json_is_string(v) && !mp_parse_double(json_string_value(v), &d) ? d : NAN;
}

static int add_rule(const json_t *c, struct mp_rules *rules)
{
	const json_t *diff = json_object_get(c, "diff_percent");
	const char *cls = text_of(c, "class"), *subject = text_of(c, "subject");
	const char *slash = strrchr(subject, '/');
	struct mp_rule *grown, r = {0};

	if (!diff || json_is_null(diff) || json_is_false(diff) || !*subject)
		return 0;
	for (size_t i = 0; i < rules->n; i++)
		if (rules->v[i].full && !strcmp(rules->v[i].full, subject))
			return 0; /* two thresholds of one metric ask for one comparison */
	r.monitored = strstr(cls, "onitoring") != NULL;
	r.percent = percent_of(diff);
	if (r.monitored) {
		r.name = strdup(slash ? slash + 1 : subject);
		r.full = strdup(subject);
		if (!r.full) {
			free(r.name);
			return -ENOMEM;
		}
	} else {
		r.name = request_name(subject, text_of(c, "label"), text_of(c, "threshold"));
	}
	grown = r.name ? reallocarray(rules->v, rules->n + 1, sizeof(*grown)) : NULL;
	if (!grown) {
		free(r.name);
		free(r.full);
		return -ENOMEM;
	}
	rules->v = grown;
	grown[rules->n++] = r;
	return 0;
}

static int add_rules(const json_t *criteria, struct mp_rules *rules)
{
	int r = 0;

	/* a map of criteria has messages as keys */
	if (json_is_object(criteria)) {
		const char *key;
		json_t *c;

		json_object_foreach((json_t *)criteria, key, c)
		{
			if (!r && json_is_object(c))
				r = add_rule(c, rules);
		}
		return r;
	}
	for (size_t i = 0; i < json_array_size(criteria) && !r; i++)
		if (json_is_object(json_array_get(criteria, i)))
			r = add_rule(json_array_get(criteria, i), rules);
	return r;
}

int mp_rules_read(const char *suite_dir, struct mp_rules *ret, struct mp_diag *d)
{
	_cleanup_(mp_rules_done) struct mp_rules rules = {0};
	json_t *root;
	const json_t *reporting;
	int r = mp_effective_load(suite_dir, &root);

	if (r == -ENOENT) {
		*ret = (struct mp_rules){0};
		return 0;
	}
	if (r < 0)
		return mp_diag_set(d, r, suite_dir, 0, 0,
				   "the effective configuration cannot be read: %s", strerror(-r));
	reporting = json_object_get(root, "reporting");
	for (size_t i = 0; i < mp_effective_count(reporting) && !r; i++) {
		const json_t *m = mp_effective_at(reporting, i);

		if (json_is_object(m) && !strcmp(text_of(m, "module"), "passfail"))
			r = add_rules(json_object_get(m, "criteria"), &rules);
	}
	json_decref(root);
	if (r < 0)
		return mp_diag_set(d, r, suite_dir, 0, 0, "out of memory");
	*ret = rules;
	rules = (struct mp_rules){0};
	return 0;
}

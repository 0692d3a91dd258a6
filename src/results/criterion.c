// SPDX-License-Identifier: GPL-2.0-only
/*
 * A criterion's text as bzt prints it, the series it watches, and the stretch of time in which it
 * was broken. Owns nothing; judges nothing: the verdict was made by bzt and the runner.
 */
#include <mmsperf/results.h>

#include <mmsperf/str.h>

#include "results/effective.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum scale { SECONDS, PLAIN, BYTES };

/* Subjects of bzt's own criteria; everything else with a '/' watches a monitored metric. */
static const struct {
	const char *prefix;
	bool whole; /* the subject is exactly this word */
	enum scale scale;
} subjects[] = {
	{"avg-rt", true, SECONDS},   {"avg-lt", true, SECONDS}, {"avg-ct", true, SECONDS},
	{"stdev-rt", true, SECONDS}, {"hits", true, PLAIN},     {"bytes", true, BYTES},
	{"concurr", false, PLAIN},   {"succ", false, PLAIN},    {"fail", false, PLAIN},
	{"rc", false, PLAIN},
};

static bool is_percentile(const char *s)
{
	char *end;

	if (s[0] != 'p' || !isdigit((unsigned char)s[1]))
		return false;
	(void)strtod(s + 1, &end);
	return !*end;
}

static enum scale scale_of(const char *subject)
{
	if (is_percentile(subject))
		return SECONDS;
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		if (subjects[i].whole ? !strcmp(subject, subjects[i].prefix)
				      : mp_starts_with(subject, subjects[i].prefix))
			return subjects[i].scale;
	return PLAIN;
}

static char *trimmed(const char *from, const char *to)
{
	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	return strndup(from, (size_t)(to - from));
}

/* The last run of < > = : a label may hold such signs, what follows it may not. */
static bool find_operator(const char *text, const char **ret_at, size_t *ret_len)
{
	const char *end = text + strlen(text), *begin;

	while (end > text && !strchr("<>=", end[-1]))
		end--;
	if (end == text)
		return false;
	begin = end;
	while (begin > text && strchr("<>=", begin[-1]))
		begin--;
	*ret_at = begin;
	*ret_len = (size_t)(end - begin);
	return true;
}

static bool parse_threshold(char *word, enum scale scale, double *ret, bool *ret_percent)
{
	size_t len = strlen(word);

	*ret_percent = len > 1 && word[len - 1] == '%';
	if (*ret_percent) {
		word[len - 1] = '\0';
		return mp_parse_double(word, ret) == 0;
	}
	if (scale == BYTES)
		return mp_parse_size(word, ret) == 0;
	if (scale == SECONDS)
		return mp_parse_duration(word, ret) == 0;
	/* bzt sends every threshold through its parser of durations; sizes are our own extension */
	return mp_parse_double(word, ret) == 0 || mp_parse_duration(word, ret) == 0 ||
	       mp_parse_size(word, ret) == 0;
}

bool mp_criterion_parse(const char *text, struct mp_case *c, double *ret_window_s)
{
	_cleanup_free_ char *subject = NULL, *label = NULL, *threshold = NULL, *rest = NULL;
	char *colon, *of, *slash, *word, *save = NULL;
	double value, window = 0;
	const char *op;
	size_t op_len;
	bool percent;

	colon = strchr(text, ':');
	of = strstr(text, " of ");
	if (colon && colon[1] == ' ' && !(of && of < colon) && !strchr("<>=", colon[1]))
		text = colon + 1; /* "message: criterion" */
	if (!find_operator(text, &op, &op_len))
		return false;
	subject = trimmed(text, op);
	rest = strdup(op + op_len);
	if (!subject || !rest || !*subject)
		return false;
	rest[strcspn(rest, ",")] = '\0';
	word = strtok_r(rest, " ", &save);
	if (!word)
		return false;
	threshold = strdup(word);
	word = strtok_r(NULL, " ", &save);
	if (word && (!strcmp(word, "for") || !strcmp(word, "within") || !strcmp(word, "over"))) {
		word = strtok_r(NULL, " ", &save);
		if (!word || mp_parse_duration(word, &window) < 0)
			return false;
	}
	of = strstr(subject, " of");
	if (of && (!of[3] || of[3] == ' ')) {
		label = trimmed(of + 3, subject + strlen(subject));
		*of = '\0';
	} else if ((slash = strchr(subject, '/'))) {
		char *metric = strdup(slash + 1);

		*slash = '\0';
		label = subject;
		subject = metric;
	}
	if (!subject || !*subject || !threshold ||
	    !parse_threshold(threshold, scale_of(subject), &value, &percent))
		return false;
	if (percent) {
		char *named = mp_asprintf("%s%%", subject);

		if (!named)
			return false;
		free(subject);
		subject = named;
	}
	free(c->metric);
	free(c->label);
	c->metric = TAKE_PTR(subject);
	c->label = label && *label ? TAKE_PTR(label) : NULL;
	c->op = *op;
	c->or_equal = op_len == 2 && *op != '=';
	c->threshold = value;
	*ret_window_s = window;
	return true;
}

bool mp_criterion_of_load(const char *metric)
{
	size_t n = strlen(metric);

	if (is_percentile(metric))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(subjects); i++)
		if (!strncmp(metric, subjects[i].prefix, strlen(subjects[i].prefix)) &&
		    (!subjects[i].whole || n == strlen(subjects[i].prefix)))
			return true;
	return false;
}

/* The requests a case is about: all, or its label's own where several labels were asked for. */
static const struct mp_load *load_of(const struct mp_suite_result *s, const struct mp_case *c)
{
	if (!c->label || s->n_labels == 2)
		return &s->load;
	for (size_t i = 0; i < s->n_label_loads; i++)
		if (!strcmp(s->label_loads[i].label, c->label))
			return &s->label_loads[i].load;
	return NULL;
}

static const double *load_series(const struct mp_load *l, const struct mp_case *c,
				 double *ret_scale)
{
	const struct {
		const char *name;
		const double *v;
		double scale; /* milliseconds of the series in seconds of the criterion */
	} known[] = {
		{"avg-rt", l->avg_ms, 0.001},       {"p50", l->p50_ms, 0.001},
		{"p50.0", l->p50_ms, 0.001},        {"p90", l->p90_ms, 0.001},
		{"p90.0", l->p90_ms, 0.001},        {"p99", l->p99_ms, 0.001},
		{"p99.0", l->p99_ms, 0.001},        {"hits", l->throughput, 1},
		{"concurrency", l->concurrency, 1}, {"fail", l->errors, 1},
		{"failures", l->errors, 1},         {"fail%", l->failed_pct, 1},
		{"failures%", l->failed_pct, 1},    {"succ%", l->succeeded_pct, 1},
		{"success%", l->succeeded_pct, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(c->metric, known[i].name)) {
			*ret_scale = known[i].scale;
			return known[i].v;
		}
	return NULL;
}

const double *mp_case_series(const struct mp_suite_result *s, const struct mp_case *c,
			     const double **ret_ts, size_t *ret_n, double *ret_scale)
{
	const struct mp_load *load;
	const struct mp_series *col;
	const double *v;

	if (!c->metric)
		return NULL;
	load = load_of(s, c);
	v = load ? load_series(load, c, ret_scale) : NULL;
	if (v) {
		*ret_ts = load->ts;
		*ret_n = load->n;
		return v;
	}
	col = mp_table_find(&s->metrics, c->metric);
	if (!col && c->label) {
		_cleanup_free_ char *full = mp_asprintf("%s/%s", c->label, c->metric);

		col = full ? mp_table_find(&s->metrics, full) : NULL;
	}
	if (!col)
		return NULL;
	*ret_ts = s->metrics.ts;
	*ret_n = s->metrics.rows;
	*ret_scale = 1;
	return col->v;
}

static bool breaks(const struct mp_case *c, double v)
{
	if (v == c->threshold)
		return c->or_equal || c->op == '=';
	return c->op == '>' ? v > c->threshold : c->op == '<' && v < c->threshold;
}

void mp_case_find_breach(const struct mp_suite_result *s, struct mp_case *c)
{
	double scale, window = 0, best_from = 0, best_to = 0, from = 0, extreme = NAN, best = NAN;
	struct mp_case copy = {0};
	const double *ts, *v;
	bool open = false;
	size_t n;

	if (c->verdict != MP_FAILED || !c->op || c->from_s > 0 || !isfinite(c->threshold))
		return;
	v = mp_case_series(s, c, &ts, &n, &scale);
	if (!v || (c->name && !mp_criterion_parse(c->name, &copy, &window)))
		window = 0;
	mp_case_done(&copy);
	if (!v)
		return;
	/* the first stretch as long as the criterion asks for, else the longest there is */
	for (size_t i = 0; i <= n; i++) {
		double x = i < n ? v[i] * scale : NAN;
		bool broken = i < n && isfinite(x) && breaks(c, x);

		if (i < n && !isfinite(x))
			continue;
		if (broken) {
			if (!open) {
				from = ts[i];
				extreme = x;
			}
			open = true;
			extreme = c->op == '<' ? fmin(extreme, x) : fmax(extreme, x);
			continue;
		}
		if (open) {
			double to = ts[i < n ? i : n - 1];

			if (to - from > best_to - best_from || best_to == 0) {
				best_from = from;
				best_to = to;
				best = extreme;
			}
			if (window > 0 && to - from + 1 >= window)
				break;
		}
		open = false;
	}
	if (best_to <= 0)
		return;
	c->from_s = best_from;
	c->to_s = best_to;
	if (!isfinite(c->observed) || c->observed == 0)
		c->observed = best;
	if (c->time_s <= 0 && s->load_s > 0 && best_from > s->load_s)
		c->time_s = best_from - s->load_s;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The grammar of Taurus' criteria,
 *   [message:] subject [of LABEL]{>,<,>=,<=,=,==}threshold [for|within|over T]
 *   [, stop|continue [as failed|non-failed]]
 * and their map form. bzt's own reader takes thresholds for times (290MB is refused, 500m is
 * 30000) and a label before ">=" for "LABEL>": such criteria are marked to be rewritten. Called by
 * plan.c.
 */
#include "suite/criteria.h"

#include <mmsperf/metrics.h>
#include <mmsperf/str.h>

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the opposite of the condition is called: the case's name says what is wanted. */
static const char *const wanted[] = {
	[MP_COND_GT] = "at most", [MP_COND_GE] = "below", [MP_COND_LT] = "at least",
	[MP_COND_LE] = "above",   [MP_COND_EQ] = "not",
};
_Static_assert(ARRAY_SIZE(wanted) == _MP_COND_MAX, "conditions");

static const char *const subjects[] = {
	"avg-rt", "avg-lt",   "avg-ct",      "stdev-rt", "hits", "bytes", "succ", "success",
	"fail",   "failures", "concurrency", "p50",      "p90",  "p95",   "p99",  "rc",
};

/* Where a complaint points: a node, and how far into its text. */
struct place {
	const struct mp_yaml *y;
	size_t offset;
	struct mp_diag *d;
};

static int bad(const struct place *p, const char *fmt, const char *a, const char *b)
{
	char text[400];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof(text), fmt, a, b);
#pragma GCC diagnostic pop
	return mp_diag_set(p->d, -EINVAL, p->y->file, p->y->line, p->y->col + (int)p->offset, "%s",
			   text);
}

static int find_text(const char *const *names, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], s))
			return (int)i;
	return -1;
}

static int parse_cond(const char *s, const struct place *p, enum mp_crit_cond *ret)
{
	for (int i = 0; i < _MP_COND_MAX; i++)
		if (!strcmp(mp_cond_text(i), !strcmp(s, "==") ? "=" : s)) {
			*ret = i;
			return 0;
		}
	return bad(p, "condition '%s' is none of > >= < <= = ==%s", s, "");
}

static int parse_logic(const char *s, const struct place *p, enum mp_crit_logic *ret)
{
	for (int i = 0; i < _MP_CRIT_LOGIC_MAX; i++)
		if (!strcmp(mp_logic_text(i), s)) {
			*ret = i;
			return 0;
		}
	return bad(p, "window logic '%s' is none of for, within, over%s", s, "");
}

static bool is_percentile(const char *s)
{
	double v;

	return *s == 'p' && isdigit((unsigned char)s[1]) && !mp_parse_double(s + 1, &v) && v >= 0 &&
	       v <= 100;
}

/* The same choice as bzt's: prefixes, so "success" and "succ" are one. */
static int check_subject(const char *s, const struct place *p)
{
	static const char *const exact[] = {"avg-rt",   "avg-lt", "avg-ct",
					    "stdev-rt", "hits",   "bytes"};
	const char *near;

	if (find_text(exact, ARRAY_SIZE(exact), s) >= 0 || mp_starts_with(s, "succ") ||
	    mp_starts_with(s, "fail") || mp_starts_with(s, "concurr") || is_percentile(s) ||
	    mp_starts_with(s, "rc"))
		return 0;
	near = mp_nearest(s, subjects, ARRAY_SIZE(subjects));
	if (near)
		return bad(p, "unknown subject '%s', did you mean '%s'?", s, near);
	return bad(p,
		   "unknown subject '%s' (known: avg-rt avg-lt avg-ct stdev-rt pNN hits bytes succ "
		   "fail rcCODE concurrency; a metric is written LABEL/metric with class "
		   "bzt.modules.monitoring.MonitoringCriteria)%s",
		   s, "");
}

static bool takes_percent(const char *subject)
{
	return mp_starts_with(subject, "succ") || mp_starts_with(subject, "fail") ||
	       mp_starts_with(subject, "rc");
}

/* "100%" or a number: 0, and whether it had the sign. */
static int parse_percent(const char *s, double *ret, bool *ret_percent)
{
	size_t n = strlen(s);
	char num[64];

	*ret_percent = n && s[n - 1] == '%';
	if (*ret_percent)
		n--;
	if (!n || n >= sizeof(num))
		return -EINVAL;
	memcpy(num, s, n);
	num[n] = '\0';
	return mp_parse_double(num, ret);
}

/*
 * The threshold's number. Metrics in bytes take sizes, all others what bzt takes: durations in
 * seconds, plain numbers, percent.
 */
static int parse_threshold(struct mp_criterion *c, const struct place *p)
{
	const char *s = c->threshold_text;
	double as_bzt;
	int r;

	if (strstr(s, "${"))
		return bad(p,
			   "threshold '%s' is not known: settings.env of the environment or of the "
			   "global config has to define it%s",
			   s, "");
	r = parse_percent(s, &c->threshold, &c->percent);
	if (!r && (!c->percent || c->kind == MP_CRIT_MONITOR || takes_percent(c->subject)))
		return 0;
	if (!r)
		return bad(p, "a percentage makes no sense for '%s' (only for succ, fail, rc)%s",
			   c->subject, "");
	if (c->kind == MP_CRIT_DATA && !strcmp(c->subject, "bytes"))
		r = mp_parse_size(s, &c->threshold);
	else if (c->kind == MP_CRIT_MONITOR && mp_metric_unit(c->subject) == MP_UNIT_BYTES)
		r = mp_parse_size(s, &c->threshold);
	else
		r = mp_parse_duration(s, &c->threshold);
	if (r < 0 && c->kind == MP_CRIT_MONITOR)
		r = mp_parse_size(s, &c->threshold);
	if (r < 0)
		return bad(p, "threshold '%s' is no number, duration (100ms, 2s)%s", s,
			   c->kind == MP_CRIT_MONITOR ? ", size (290MB) or percentage"
						      : " or percentage");
	if (c->kind == MP_CRIT_MONITOR &&
	    (mp_parse_duration(s, &as_bzt) < 0 || as_bzt != c->threshold))
		c->needs_rewrite = true;
	return 0;
}

static int parse_window(struct mp_criterion *c, const char *s, const struct place *p)
{
	if (strstr(s, "${"))
		return bad(p, "timeframe '%s' is not known: no settings.env defines it%s", s, "");
	if (mp_parse_duration(s, &c->window_s) < 0)
		return bad(p, "timeframe '%s' is no duration (5s, 1m, 500ms)%s", s, "");
	free(c->window_text);
	c->window_text = c->window_s > 0 ? strdup(s) : NULL;
	return c->window_s > 0 && !c->window_text ? -ENOMEM : 0;
}

static int set_names(struct mp_criterion *c)
{
	bool labelled = c->label && *c->label;
	_cleanup_buf_ struct mp_buf n = {0}, b = {0};
	char number[32];

	if (c->message)
		mp_buf_puts(&n, c->message);
	else
		mp_buf_printf(&n, "%s%s%s %s %s", c->subject, labelled ? " of " : "",
			      labelled ? c->label : "", wanted[c->cond], c->threshold_text);
	if (!c->message && c->window_text)
		mp_buf_printf(&n, " %s %s", mp_logic_text(c->logic), c->window_text);
	if (!c->message && c->during_load)
		mp_buf_puts(&n, " of the load");
	/* what bzt is given: the plain number where the criterion is rewritten */
	(void)mp_format_double(number, c->threshold);
	if (c->kind == MP_CRIT_MONITOR)
		mp_buf_printf(&b, "%s/%s%s", c->label, c->subject, mp_cond_text(c->cond));
	else if (c->label)
		mp_buf_printf(&b, "%s of %s%s", c->subject, c->label, mp_cond_text(c->cond));
	else
		mp_buf_printf(&b, "%s%s", c->subject, mp_cond_text(c->cond));
	mp_buf_puts(&b, c->needs_rewrite ? number : c->threshold_text);
	if (c->needs_rewrite && c->percent)
		mp_buf_puts(&b, "%");
	if (c->window_text)
		mp_buf_printf(&b, " for %s", c->window_text);
	if (n.failed || b.failed)
		return -ENOMEM;
	c->name = TAKE_PTR(n.s);
	c->bzt_name = TAKE_PTR(b.s);
	return 0;
}

/* Cuts the next word of [pos, end) out of text; NULL when there is none left. */
static char *next_word(const char *text, size_t *pos, size_t end)
{
	size_t from;

	while (*pos < end && isspace((unsigned char)text[*pos]))
		(*pos)++;
	from = *pos;
	while (*pos < end && !isspace((unsigned char)text[*pos]))
		(*pos)++;
	return *pos > from ? strndup(text + from, *pos - from) : NULL;
}

static int parse_action(struct mp_criterion *c, const char *text, size_t pos, struct place *p)
{
	size_t end = strlen(text), at = pos;
	_cleanup_free_ char *verb = next_word(text, &pos, end), *as = next_word(text, &pos, end),
			    *how = next_word(text, &pos, end), *rest = next_word(text, &pos, end);

	p->offset = at;
	if (!verb || (strcmp(verb, "stop") != 0 && strcmp(verb, "continue") != 0))
		return bad(p, "after the comma comes 'stop' or 'continue', not '%s'%s",
			   verb ? verb : "nothing", "");
	c->stop = verb[0] == 's';
	if (!as)
		return 0;
	if (strcmp(as, "as") != 0 || !how ||
	    (strcmp(how, "failed") != 0 && strcmp(how, "non-failed") != 0) || rest)
		return bad(p, "'%s' is followed by 'as failed' or 'as non-failed' or by nothing%s",
			   verb, "");
	c->fail = how[0] == 'f';
	return 0;
}

static bool is_subject_char(char ch)
{
	return isalnum((unsigned char)ch) || strchr("_?*.-", ch);
}

/* text[pos, end): subject [of LABEL]{cond}threshold [logic T]. */
static int parse_core(struct mp_criterion *c, const char *text, size_t pos, size_t end,
		      struct place *p)
{
	_cleanup_free_ char *logic = NULL, *window = NULL, *rest = NULL;
	size_t from, op;
	char cond[4] = "";
	int r;

	while (pos < end && isspace((unsigned char)text[pos]))
		pos++;
	from = pos;
	while (pos < end && text[pos] && is_subject_char(text[pos]))
		pos++;
	p->offset = from;
	if (pos == from)
		return bad(p, "a criterion begins with its subject (avg-rt, p90, succ, ...)%s%s",
			   "", "");
	c->subject = strndup(text + from, pos - from);
	if (!c->subject)
		return -ENOMEM;
	r = check_subject(c->subject, p);
	if (r < 0)
		return r;
	for (op = pos; op < end && !strchr("<>=", text[op]);)
		op++;
	p->offset = op;
	if (op == end)
		return bad(p, "no condition (> >= < <= =) after '%s'%s", c->subject, "");
	while (pos < op && isspace((unsigned char)text[pos]))
		pos++;
	from = op;
	while (op > pos && isspace((unsigned char)text[op - 1]))
		op--;
	if (op > pos) {
		p->offset = pos;
		if (op - pos < 4 || strncmp(text + pos, "of", 2) != 0 ||
		    !isspace((unsigned char)text[pos + 2]))
			return bad(p, "between '%s' and the condition only 'of LABEL' can stand%s",
				   c->subject, "");
		pos += 2;
		while (pos < op && isspace((unsigned char)text[pos]))
			pos++;
	}
	c->label = strndup(text + pos, op - pos);
	if (!c->label)
		return -ENOMEM;
	for (pos = from, op = 0; pos < end && strchr("<>=", text[pos]) && op < 3;)
		cond[op++] = text[pos++];
	p->offset = from;
	r = parse_cond(cond, p, &c->cond);
	if (r < 0)
		return r;
	/* bzt's expression is greedy: of "X>=1" it makes the label "X>" */
	if (*c->label && op == 2)
		c->needs_rewrite = true;
	while (pos < end && isspace((unsigned char)text[pos]))
		pos++;
	p->offset = pos;
	c->threshold_text = next_word(text, &pos, end);
	if (!c->threshold_text)
		return bad(p, "no threshold after '%s%s'", c->subject, cond);
	r = parse_threshold(c, p);
	if (r < 0)
		return r;
	p->offset = pos + 1;
	logic = next_word(text, &pos, end);
	if (!logic)
		return 0;
	r = parse_logic(logic, p, &c->logic);
	if (r < 0)
		return r;
	p->offset = pos;
	window = next_word(text, &pos, end);
	if (!window)
		return bad(p, "a duration is missing after '%s'%s", logic, "");
	p->offset = pos - strlen(window);
	r = parse_window(c, window, p);
	rest = r ? NULL : next_word(text, &pos, end);
	p->offset = pos - (rest ? strlen(rest) : 0);
	return rest ? bad(p, "'%s' after the timeframe is not understood%s", rest, "") : r;
}

static int parse_string(struct mp_criterion *c, const char *text, struct place *p)
{
	const char *colon = strchr(text, ':'), *comma;
	size_t pos = 0, quote = p->y->quoted ? 1 : 0;
	struct mp_yaml shifted = *p->y;
	struct place q = {.y = &shifted, .d = p->d};
	int r;

	shifted.col += (int)quote;
	if (colon) {
		size_t len = (size_t)(colon - text);

		while (len && isspace((unsigned char)text[len - 1]))
			len--;
		c->message = strndup(text, len);
		if (!c->message)
			return -ENOMEM;
		pos = (size_t)(colon - text) + 1;
	}
	comma = strchr(text + pos, ',');
	r = parse_core(c, text, pos, comma ? (size_t)(comma - text) : strlen(text), &q);
	if (!r && comma)
		r = parse_action(c, text, (size_t)(comma - text) + 1, &q);
	return r;
}

/* A map's value as expanded text; *ret NULL when the key is absent or null. */
static int map_text(const struct mp_yaml *map, const char *key, mp_expand_fn expand, void *data,
		    struct place *p, char **ret)
{
	const struct mp_yaml *v = mp_yaml_get(map, key);

	*ret = NULL;
	p->y = v ? v : map;
	p->offset = 0;
	if (!v)
		return 0;
	if (v->kind != MP_YAML_SCALAR)
		return bad(p, "'%s' has to be one value, not a list or map%s", key, "");
	*ret = expand(v->scalar, data);
	return *ret ? 0 : -ENOMEM;
}

static int required(const struct mp_yaml *map, const char *key, mp_expand_fn expand, void *data,
		    struct place *p, char **ret)
{
	int r = map_text(map, key, expand, data, p, ret);

	if (r < 0)
		return r;
	if (!*ret || !**ret)
		return bad(p, "the criterion has no %s%s", key, "");
	return 0;
}

static int check_metric(const struct mp_criterion *c, const struct place *p)
{
	const char *near = NULL;

	if (mp_metric_known(c->subject, &near))
		return 0;
	if (near)
		return bad(p, "unknown metric '%s', did you mean '%s'?", c->subject, near);
	return bad(p, "unknown metric '%s' ('mmsperf-bpf metrics' lists what there is)%s",
		   c->subject, "");
}

static int set_subject(struct mp_criterion *c, char *subject, struct place *p)
{
	static const char *const of_local[] = {"cpu",         "mem",        "disk-space",
					       "engine-loop", "bytes-recv", "bytes-sent",
					       "disk-read",   "disk-write", "conn-all"};
	char *slash = strchr(subject, '/');

	if (c->kind != MP_CRIT_MONITOR) {
		c->subject = strdup(subject);
		if (!c->subject)
			return -ENOMEM;
		return c->kind == MP_CRIT_DATA ? check_subject(subject, p) : 0;
	}
	if (!slash || slash == subject || !slash[1])
		return bad(p, "subject '%s' has to be LABEL/metric%s", subject, "");
	c->label = strndup(subject, (size_t)(slash - subject));
	c->subject = strdup(slash + 1);
	if (!c->label || !c->subject)
		return -ENOMEM;
	/* metrics that bzt's own local monitor gives are not ours to know */
	if (!strcmp(c->label, "local") &&
	    find_text(of_local, ARRAY_SIZE(of_local), c->subject) >= 0)
		return 0;
	if (p->y->kind == MP_YAML_SCALAR && !strstr(p->y->scalar, "${"))
		p->offset = (size_t)(slash - subject) + 1 + (p->y->quoted ? 1 : 0);
	return check_metric(c, p);
}

/* "during: load": JMeter's own start, in which nothing is asked of the server, does not count. bzt
 * knows no such thing: to it the criterion neither stops nor fails. */
static int parse_during(struct mp_criterion *c, const char *text, struct place *p)
{
	if (c->kind != MP_CRIT_MONITOR)
		return bad(p, "'during' is for monitored metrics%s%s", "", "");
	if (strcmp(text, "load") != 0)
		return bad(p, "during '%s' is not known: only 'load' is%s", text, "");
	c->during_load = c->needs_rewrite = true;
	return 0;
}

static int parse_map(struct mp_criterion *c, const struct mp_yaml *y, mp_expand_fn expand,
		     void *data, struct place *p)
{
	_cleanup_free_ char *cls = NULL, *subject = NULL, *cond = NULL, *logic = NULL,
			    *window = NULL, *diff = NULL, *stop = NULL, *fail = NULL,
			    *during = NULL;
	int r = map_text(y, "class", expand, data, p, &cls);

	c->is_map = true;
	if (r < 0)
		return r;
	if (cls && mp_ends_with(cls, "MonitoringCriteria"))
		c->kind = MP_CRIT_MONITOR;
	else if (cls && !mp_ends_with(cls, "DataCriterion"))
		c->kind = MP_CRIT_OTHER;
	r = required(y, "subject", expand, data, p, &subject);
	if (!r)
		r = set_subject(c, subject, p);
	if (!r && c->kind != MP_CRIT_MONITOR)
		r = map_text(y, "label", expand, data, p, &c->label);
	if (!r)
		r = required(y, "condition", expand, data, p, &cond);
	if (!r)
		r = parse_cond(cond, p, &c->cond);
	if (!r)
		r = required(y, "threshold", expand, data, p, &c->threshold_text);
	if (!r && c->kind != MP_CRIT_OTHER)
		r = parse_threshold(c, p);
	if (!r)
		r = map_text(y, "logic", expand, data, p, &logic);
	if (!r && logic)
		r = parse_logic(logic, p, &c->logic);
	if (!r)
		r = map_text(y, "timeframe", expand, data, p, &window);
	if (!r && window && *window)
		r = parse_window(c, window, p);
	if (!r)
		r = map_text(y, "during", expand, data, p, &during);
	if (!r && during && *during)
		r = parse_during(c, during, p);
	if (!r)
		r = map_text(y, "message", expand, data, p, &c->message);
	if (!r)
		r = map_text(y, "diff_percent", expand, data, p, &diff);
	if (!r && diff && *diff && !strstr(diff, "${") &&
	    mp_parse_double(diff, &c->diff_percent) < 0)
		r = bad(p, "diff_percent '%s' is no number%s", diff, "");
	if (!r)
		r = map_text(y, "stop", expand, data, p, &stop);
	if (!r)
		r = map_text(y, "fail", expand, data, p, &fail);
	if (r < 0)
		return r;
	/* a variable arrives at bzt as text: empty is false, any other text true */
	if (stop)
		c->stop = strstr(mp_yaml_get(y, "stop")->scalar, "${")
				  ? *stop != '\0'
				  : mp_yaml_truth(mp_yaml_get(y, "stop"), true);
	if (fail)
		c->fail = strstr(mp_yaml_get(y, "fail")->scalar, "${")
				  ? *fail != '\0'
				  : mp_yaml_truth(mp_yaml_get(y, "fail"), true);
	return 0;
}

int mp_crit_parse(const struct mp_yaml *y, const char *key, mp_expand_fn expand, void *data,
		  struct mp_criterion *ret_c, struct mp_diag *d)
{
	struct mp_criterion c = {
		.stop = true,
		.fail = true,
		.diff_percent = NAN,
		.threshold = NAN,
		.file = y->file,
		.line = y->line,
		.col = y->col,
	};
	struct place p = {.y = y, .d = d};
	_cleanup_free_ char *text = NULL;
	int r;

	if (y->kind == MP_YAML_MAP) {
		r = parse_map(&c, y, expand, data, &p);
	} else if (y->kind == MP_YAML_SCALAR) {
		text = expand(y->scalar, data);
		r = text ? parse_string(&c, text, &p) : -ENOMEM;
	} else {
		r = bad(&p, "a criterion is one line of text or a map%s%s", "", "");
	}
	if (!r && c.logic != MP_CRIT_FOR && c.window_s <= 0) /* bzt would divide by zero */
		r = bad(&p, "'%s' needs a timeframe%s", mp_logic_text(c.logic), "");
	if (!r && key) {
		free(c.message);
		c.message = strdup(key);
		r = c.message ? 0 : -ENOMEM;
	}
	if (!r)
		r = set_names(&c);
	if (r < 0) {
		mp_crit_done(&c);
		return r;
	}
	*ret_c = c;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The grammar of expectations (expect.h). A line is cut at its operator; what is left of it names
 * what is meant, what is right of it the limit. Every complaint points at the word it is about.
 * Called by simple.c.
 */
#include "suite/expect.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/metrics.h>
#include <mmsperf/str.h>

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE 400

/* Words for requests, and what bzt or the results call them. */
static const struct {
	const char *word, *subject;
	enum mp_expect_unit unit;
	bool share; /* may be a percentage of the requests */
} loads[] = {
	{"avg", "avg", MP_IN_SECONDS, false},
	{"average", "avg", MP_IN_SECONDS, false},
	{"mean", "avg", MP_IN_SECONDS, false},
	{"median", "p50", MP_IN_SECONDS, false},
	{"p50", "p50", MP_IN_SECONDS, false},
	{"p90", "p90", MP_IN_SECONDS, false},
	{"p95", "p95", MP_IN_SECONDS, false},
	{"p99", "p99", MP_IN_SECONDS, false},
	{"p100", "max", MP_IN_SECONDS, false},
	{"max", "max", MP_IN_SECONDS, false},
	{"errors", "errors", MP_IN_PLAIN, true},
	{"failures", "errors", MP_IN_PLAIN, true},
	{"successes", "successes", MP_IN_PLAIN, true},
	{"samples", "samples", MP_IN_PLAIN, false},
	{"requests", "samples", MP_IN_PLAIN, false},
	{"throughput", "throughput", MP_IN_PLAIN, false},
};

/* A line that is read, with a cursor; columns are those of its bytes. */
struct cursor {
	const char *line, *file;
	int row, col;
	const struct mp_expect_scope *scope;
	struct mp_diag *d;
};

static int bad(const struct cursor *c, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int bad(const struct cursor *c, const char *at, const char *fmt, ...)
{
	char text[480];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return mp_diag_set(c->d, -EINVAL, c->file, c->row, c->col + (int)(at - c->line), "%s",
			   text);
}

static const char *skip(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

static const char *trim_end(const char *from, const char *end)
{
	while (end > from && isspace((unsigned char)end[-1]))
		end--;
	return end;
}

static char *cut(const char *from, const char *end)
{
	end = trim_end(from, end);
	return strndup(from, (size_t)(end - from));
}

/* The last place in [from, end) where word stands between spaces; NULL. */
static const char *find_word(const char *from, const char *end, const char *word)
{
	size_t n = strlen(word);
	const char *found = NULL;

	for (const char *s = from; s + n <= end; s++)
		if (!strncmp(s, word, n) && (s == from || isspace((unsigned char)s[-1])) &&
		    (s + n == end || isspace((unsigned char)s[n])))
			found = s;
	return found;
}

static bool is_in(const char *const *names, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], s))
			return true;
	return false;
}

/* "'a', did you mean 'b'?" or "'a' (known: ...)": the end of a complaint about a name. */
static int unknown(const struct cursor *c, const char *at, const char *what, const char *name,
		   const char *const *names, size_t n)
{
	const char *near = mp_nearest(name, names, n);
	_cleanup_buf_ struct mp_buf all = {0};

	if (near)
		return bad(c, at, "%s '%.60s', did you mean '%s'?", what, name, near);
	if (!n)
		return bad(c, at, "%s '%.60s': there is none", what, name);
	mp_buf_puts(&all, "");
	for (size_t i = 0; i < n; i++)
		mp_buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
	return bad(c, at, "%s '%.60s' (there %s: %.200s)", what, name, n == 1 ? "is" : "are",
		   all.s ? all.s : "");
}

/* Where the operator begins; NULL. "within" counts where no sign comes before it. */
static const char *find_op(const char *line, enum mp_expect_op *ret_op, size_t *ret_len)
{
	const char *sign = line + strcspn(line, "<>=!"), *within;

	if (*sign) {
		*ret_len = sign[1] == '=' ? 2 : 1;
		for (int i = 0; i < MP_OP_WITHIN; i++)
			if (strlen(mp_op_text(i)) == *ret_len &&
			    !strncmp(mp_op_text(i), sign, *ret_len)) {
				*ret_op = i;
				return sign;
			}
		if (*sign == '=' &&
		    !strchr("<>!", sign[1] ? sign[1] : ' ')) { /* "=" as people and bzt write it */
			*ret_op = MP_OP_EQ;
			return sign;
		}
		*ret_len = 0;
		return sign;
	}
	within = find_word(line, line + strlen(line), "within");
	*ret_len = strlen("within");
	*ret_op = MP_OP_WITHIN;
	return within;
}

/* The registry's name for what a person wrote: bare process metrics mean all processes. */
static char *metric_name(const char *word)
{
	char *all;

	if (mp_metric_known(word, NULL))
		return strdup(word);
	all = mp_asprintf("sum_all_%s", word);
	if (all && !mp_metric_known(all, NULL)) {
		free(all);
		all = NULL;
	}
	return all;
}

static int set_metric(const struct cursor *c, struct mp_expect *e, const char *from,
		      const char *end)
{
	_cleanup_free_ char *word = cut(from, end), *host = NULL;
	const char *slash = word ? strchr(word, '/') : NULL, *name = word, *near = NULL;

	if (!word)
		return -ENOMEM;
	if (slash) {
		host = strndup(word, (size_t)(slash - word));
		name = slash + 1;
		if (!host)
			return -ENOMEM;
		if (!is_in(c->scope->hosts, c->scope->n_hosts, host))
			return unknown(c, from, "no key of `monitor` is called", host,
				       c->scope->hosts, c->scope->n_hosts);
	}
	e->subject = metric_name(name);
	if (!e->subject) {
		(void)mp_metric_known(name, &near);
		if (near)
			return bad(c, from + (name - word),
				   "unknown metric '%.60s', did you mean "
				   "'%s'?",
				   name, near);
		return bad(
			c, from + (name - word),
			"'%.60s' is neither about requests (p50 p90 p95 p99 avg max errors samples "
			"throughput) nor a metric ('mmsperf-bpf metrics' lists them)",
			name);
	}
	e->label = TAKE_PTR(host);
	switch (mp_metric_unit(e->subject)) {
	case MP_UNIT_BYTES:
		e->unit = MP_IN_BYTES;
		break;
	case MP_UNIT_SECONDS:
		e->unit = MP_IN_SECONDS;
		break;
	case MP_UNIT_PERCENT:
		e->unit = MP_IN_PERCENT;
		break;
	default:
		e->unit = MP_IN_PLAIN;
		break;
	}
	return 0;
}

/* "after STEP" or "before": the name of the moment. */
static int read_point(const struct cursor *c, const char *from, const char *end, char **ret)
{
	_cleanup_free_ char *text = cut(from, end);
	const char *name;

	if (!text)
		return -ENOMEM;
	if (!strcmp(text, "before")) {
		*ret = TAKE_PTR(text);
		return 0;
	}
	name = skip(text + strlen("after"));
	if (!is_in(c->scope->points, c->scope->n_points, name))
		return unknown(c, from + (name - text), "no step is called", name, c->scope->points,
			       c->scope->n_points);
	*ret = strdup(name);
	return *ret ? 0 : -ENOMEM;
}

static int set_label(const struct cursor *c, struct mp_expect *e, const char *from, const char *end)
{
	e->label = from ? cut(from, end) : strdup("");
	if (!e->label)
		return -ENOMEM;
	if (!*e->label || !c->scope->labels ||
	    is_in(c->scope->labels, c->scope->n_labels, e->label))
		return 0;
	return unknown(c, from, "no request is called", e->label, c->scope->labels,
		       c->scope->n_labels);
}

static int nearest_subject(const struct cursor *c, const char *word)
{
	const char *words[ARRAY_SIZE(loads)], *near, *metric = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
		words[i] = loads[i].word;
	if (*word == 'p' && isdigit((unsigned char)word[1]))
		return bad(c, c->line, "percentile '%.60s' is not recorded (p50 p90 p95 p99 p100)",
			   word);
	near = mp_nearest(word, words, ARRAY_SIZE(words));
	if (!near)
		(void)mp_metric_known(word, &metric);
	if (near || metric)
		return bad(c, c->line, "unknown '%.60s', did you mean '%s'?", word,
			   near ? near : metric);
	return bad(c, c->line,
		   "'%.60s' is neither about requests (p50 p90 p95 p99 avg max errors samples "
		   "throughput) nor a metric ('mmsperf-bpf metrics' lists them)",
		   word);
}

/* [c->line, end): what the expectation is about. */
static int parse_left(const struct cursor *c, struct mp_expect *e, const char *end)
{
	static const char *const aggs[] = {[MP_MIN] = "min", [MP_MEAN] = "mean", [MP_MAX] = "max"};
	const char *first_end = c->line + strcspn(c->line, " \t<>=!"), *of, *after, *of_end;
	_cleanup_free_ char *word = NULL, *what = NULL, *metric = NULL;

	end = trim_end(c->line, end);
	if (end == c->line)
		return bad(c, c->line,
			   "an expectation begins with what is meant: p99, errors, "
			   "throughput, a metric");
	first_end = first_end > end ? end : first_end;
	word = cut(c->line, first_end);
	of = skip(first_end);
	of = of + 2 < end && !strncmp(of, "of", 2) && isspace((unsigned char)of[2]) ? skip(of + 2)
										    : NULL;
	after = find_word(c->line, end, "after");
	if (!after)
		after = find_word(c->line, end, "before");
	what = of ? cut(of, end) : NULL;
	if (!word || (of && !what))
		return -ENOMEM;
	metric = of ? metric_name(strchr(what, '/') ? strchr(what, '/') + 1 : what) : NULL;
	for (int i = MP_MIN; metric && i <= MP_MAX; i++)
		if (!strcmp(word, aggs[i])) {
			e->kind = MP_EXPECT_METRIC;
			e->agg = i;
			return set_metric(c, e, of, end);
		}
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		if (strcmp(word, loads[i].word) != 0)
			continue;
		if (!of && skip(first_end) < end)
			return bad(c, skip(first_end),
				   "between '%s' and the comparison only 'of "
				   "LABEL' can stand",
				   word);
		e->kind = MP_EXPECT_LOAD;
		e->unit = loads[i].unit;
		e->subject = strdup(loads[i].subject);
		return e->subject ? set_label(c, e, of, end) : -ENOMEM;
	}
	if (!strncmp(word, "rc", 2) && word[2] && strspn(word + 2, "0123456789?x") == 3 &&
	    !word[5]) {
		e->kind = MP_EXPECT_LOAD;
		e->subject = strdup(word);
		if (!e->subject)
			return -ENOMEM;
		for (char *s = e->subject + 2; *s; s++)
			*s = *s == 'x' ? '?' : *s;
		return set_label(c, e, of, end);
	}
	if (of)
		return nearest_subject(c, word);
	of_end = after ? after : end;
	if (first_end < trim_end(c->line, of_end))
		return bad(c, skip(first_end),
			   "after '%s' a comparison is expected (< <= > >= == "
			   "!= within), or 'after STEP', 'before'",
			   word);
	if (!strchr(word, '/') && !(metric = metric_name(word)))
		return nearest_subject(c, word);
	if (after && strchr(word, '/'))
		return bad(c, after,
			   "moments are known only of the server that is watched here, not "
			   "of '%s'",
			   word);
	e->kind = after ? MP_EXPECT_POINT : MP_EXPECT_METRIC;
	if (after) {
		int r = read_point(c, after, end, &e->point);

		if (r < 0)
			return r;
	}
	return set_metric(c, e, c->line, of_end);
}

/* A number in the unit of what is compared. */
static int parse_value(const struct cursor *c, const struct mp_expect *e, const char *from,
		       const char *end, double *ret, bool *ret_percent)
{
	_cleanup_free_ char *text = cut(from, end);
	bool throughput = !strcmp(e->subject, "throughput");
	size_t n;
	int r;

	if (!text)
		return -ENOMEM;
	n = strlen(text);
	*ret_percent = n && text[n - 1] == '%';
	if (*ret_percent) {
		text[n - 1] = '\0';
		n = (size_t)(trim_end(text, text + n - 1) - text);
		text[n] = '\0';
		if (mp_parse_double(text, ret) < 0 || !isfinite(*ret))
			return bad(c, from, "'%.60s' is no percentage", text);
		return 0;
	}
	if (throughput && mp_ends_with(text, "/s"))
		text[n - 2] = '\0';
	if (e->unit == MP_IN_SECONDS)
		r = mp_parse_duration(text, ret);
	else if (e->unit == MP_IN_BYTES)
		r = mp_parse_size(text, ret);
	else
		r = mp_parse_double(text, ret);
	if (r < 0 || !isfinite(*ret))
		return bad(c, from, "limit '%.60s' is no %s", text,
			   e->unit == MP_IN_SECONDS ? "duration (250ms, 2s)"
			   : e->unit == MP_IN_BYTES ? "size (290MB, 1GiB)"
			   : throughput             ? "rate (50/s)"
						    : "number");
	return 0;
}

static bool takes_share(const char *subject)
{
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
		if (!strcmp(loads[i].subject, subject))
			return loads[i].share;
	return mp_starts_with(subject, "rc");
}

/* "before", "after STEP" with "+ 5%", "- 3"; from is not empty. */
static int parse_ref_point(const struct cursor *c, struct mp_expect *e, const char *from,
			   const char *end)
{
	const char *sign = NULL, *name_end = end;
	int r;

	if (e->kind != MP_EXPECT_POINT)
		return bad(c, from,
			   "a moment can only be compared with another one of the same "
			   "metric: METRIC after STEP %s %.*s",
			   mp_op_text(e->op), (int)(end - from), from);
	for (const char *s = from; s < end && !sign; s++)
		if ((*s == '+' || *s == '-') && s > from && isspace((unsigned char)s[-1]))
			sign = s;
	if (sign)
		name_end = sign;
	r = read_point(c, from, name_end, &e->ref_point);
	if (r < 0)
		return r;
	e->ref = MP_REF_POINT;
	if (!sign)
		return 0;
	r = parse_value(c, e, skip(sign + 1), end, &e->slack, &e->slack_percent);
	if (*sign == '-')
		e->slack = -e->slack;
	return r;
}

static bool begins_with_word(const char *from, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - from) >= n && !strncmp(from, word, n) &&
	       (from + n == end || isspace((unsigned char)from[n]));
}

static int parse_reference(const struct cursor *c, struct mp_expect *e, const char *from,
			   const char *end)
{
	int r;

	if (from >= end)
		return bad(c, end, "nothing stands after '%s'", mp_op_text(e->op));
	if (begins_with_word(from, end, "baseline")) {
		if (trim_end(from, end) - from != (long)strlen("baseline"))
			return bad(c, from, "'baseline' stands alone: '%.*s' is not understood",
				   (int)(end - from), from);
		if (e->kind == MP_EXPECT_POINT)
			return bad(c, from, "a moment cannot be compared with a baseline run");
		e->ref = MP_REF_BASELINE;
		return 0;
	}
	if (begins_with_word(from, end, "before") || begins_with_word(from, end, "after"))
		return parse_ref_point(c, e, from, end);
	r = parse_value(c, e, from, end, &e->value, &e->percent);
	if (r < 0 || !e->percent)
		return r;
	if (e->kind == MP_EXPECT_LOAD && !takes_share(e->subject))
		return bad(c, from,
			   "a percentage makes no sense for '%s' (only for errors, "
			   "successes and rcNNN)",
			   e->subject);
	if (e->kind != MP_EXPECT_LOAD && e->unit != MP_IN_PERCENT)
		return bad(c, from, "'%s' is not measured in percent", e->subject);
	if (e->kind == MP_EXPECT_LOAD && e->value > 100)
		return bad(c, from, "'%s' is a share of the requests: it is never above 100%%",
			   e->subject);
	if (e->kind == MP_EXPECT_LOAD)
		e->unit = MP_IN_PERCENT;
	else
		e->percent = false;
	return 0;
}

/* "within 5% of baseline|before|after STEP|VALUE"; from is behind `within`. */
static int parse_within(const struct cursor *c, struct mp_expect *e, const char *from,
			const char *end)
{
	const char *of = find_word(from, end, "of");
	bool percent;
	int r;

	if (!of)
		return bad(c, from,
			   "expected: within N%% of baseline, of before, of after STEP or of "
			   "a value");
	r = parse_value(c, e, from, of, &e->slack, &percent);
	if (r < 0)
		return r;
	if (!percent || !(e->slack > 0) || e->slack > 1000)
		return bad(c, from, "'%.*s' is no percentage above 0",
			   (int)(trim_end(from, of) - from), from);
	r = parse_reference(c, e, skip(of + 2), end);
	if (r < 0)
		return r;
	e->slack_percent = true;
	return 0;
}

static int parse_right(const struct cursor *c, struct mp_expect *e, const char *from)
{
	const char *end = from + strlen(from), *window;
	_cleanup_free_ char *text = NULL;
	int r;

	from = skip(from);
	end = trim_end(from, end);
	window = find_word(from, end, "for");
	if (window) {
		const char *at = skip(window + 3);

		text = cut(at, end);
		if (!text)
			return -ENOMEM;
		if (mp_parse_duration(text, &e->window_s) < 0 || !(e->window_s > 0))
			return bad(c, at, "'%.60s' after 'for' is no duration (5s, 1m)", text);
		if (e->kind == MP_EXPECT_POINT || e->agg != MP_EACH || e->op == MP_OP_WITHIN)
			return bad(c, window,
				   "'for' makes no sense here: it bounds how long the "
				   "load's seconds may break a limit");
		if (e->op == MP_OP_EQ || e->op == MP_OP_NE)
			return bad(c, window, "'for' needs < <= > or >=, not '%s'",
				   mp_op_text(e->op));
		if (!strcmp(e->subject, "throughput"))
			return bad(c, window,
				   "throughput is judged over the whole load: leave out "
				   "'for'");
		end = trim_end(from, window);
	}
	r = e->op == MP_OP_WITHIN ? parse_within(c, e, from, end)
				  : parse_reference(c, e, from, end);
	if (!r && e->kind == MP_EXPECT_LOAD && mp_starts_with(e->subject, "rc") &&
	    (e->ref != MP_REF_VALUE || e->op == MP_OP_WITHIN ||
	     (e->op == MP_OP_EQ && e->value != 0)))
		r = bad(c, from,
			"response codes can only be compared with a value, by < <= > >= != or "
			"== 0");
	return r;
}

int mp_expect_parse(const char *line, const char *file, int row, int col,
		    const struct mp_expect_scope *scope, struct mp_expect *ret, struct mp_diag *d)
{
	_cleanup_(mp_expect_done) struct mp_expect e = {.file = file, .line = row, .col = col};
	struct cursor c = {.file = file, .row = row, .scope = scope, .d = d};
	const char *op;
	size_t len;
	int r;

	c.line = skip(line);
	c.col = col + (int)(c.line - line);
	if (strlen(line) > MAX_LINE)
		return bad(&c, c.line, "an expectation of more than %d characters", MAX_LINE);
	if (strpbrk(line, "\r\n"))
		return bad(&c, c.line, "an expectation is one line");
	op = find_op(c.line, &e.op, &len);
	if (!op)
		return bad(&c, c.line,
			   "'%.80s' compares nothing: write WHAT < LIMIT (or <= > >= == "
			   "!=, or WHAT within N%% of baseline)",
			   c.line);
	if (!len)
		return bad(&c, op, "'%.2s' is none of < <= > >= == != within", op);
	r = parse_left(&c, &e, op);
	if (!r)
		r = parse_right(&c, &e, op + len);
	if (r < 0)
		return r;
	e.text = cut(c.line, c.line + strlen(c.line));
	if (!e.text)
		return -ENOMEM;
	*ret = e;
	e = (struct mp_expect){0};
	return 0;
}

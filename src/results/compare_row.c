// SPDX-License-Identifier: GPL-2.0-only
/*
 * One row of a comparison: the effect and its interval, what they mean, and the sentence that says
 * so. Pure; owns the texts of the row. Called by compare.c; how numbers are written is here too,
 * for the renderers.
 */
#include "results/compare_private.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/str.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const result_names[] = {
	[MP_CMP_PASS] = "pass",       [MP_CMP_FAIL] = "fail",   [MP_CMP_ERROR] = "error",
	[MP_CMP_SKIP] = "skip",       [MP_CMP_WORSE] = "worse", [MP_CMP_BETTER] = "better",
	[MP_CMP_CHANGED] = "changed", [MP_CMP_SAME] = "same",   [MP_CMP_UNKNOWN] = "unknown",
	[MP_CMP_MISSING] = "missing",
};
_Static_assert(ARRAY_SIZE(result_names) == _MP_CMP_MAX, "every result has a name");

const char *mp_cmp_name(enum mp_cmp_result r)
{
	return r < _MP_CMP_MAX ? result_names[r] : "unknown";
}

void mp_cmp_row_done(struct mp_cmp_row *r)
{
	free(r->m.name);
	free(r->m.title);
	free(r->message);
}

/* Three digits as people write them: 0.0123, 1.23, 12.3, 123, 12,300. */
static void put_number(char *buf, size_t size, double v)
{
	double a = fabs(v);

	if (a >= 99999.5)
		(void)snprintf(buf, size, "%.4g", v);
	else if (a >= 99.95)
		(void)snprintf(buf, size, "%.0f", v);
	else
		(void)snprintf(buf, size, "%.3g", v);
}

const char *mp_cmp_value(char *buf, size_t size, const struct mp_measure *m, double v)
{
	static const struct {
		double from;
		const char *name;
	} bytes[] = {{1e9, " GB"}, {1e6, " MB"}, {1e3, " kB"}, {0, " B"}};
	const char *unit = "";
	double a = fabs(v);
	char number[40];

	if (!isfinite(v)) {
		(void)snprintf(buf, size, "-");
		return buf;
	}
	if (m->unit == MP_UNIT_PERCENT) {
		unit = " %";
	} else if (m->unit == MP_UNIT_BYTES) {
		for (size_t i = 0; i < ARRAY_SIZE(bytes); i++)
			if (a >= bytes[i].from) {
				unit = bytes[i].name;
				v /= bytes[i].from > 0 ? bytes[i].from : 1;
				break;
			}
	} else if (m->unit == MP_UNIT_SECONDS) {
		unit = a < 0.9995 && a > 0 ? " ms" : " s";
		v *= a < 0.9995 && a > 0 ? 1000 : 1;
	}
	put_number(number, sizeof(number), v);
	(void)snprintf(buf, size, "%s%s%s", number, unit, m->per);
	return buf;
}

const char *mp_cmp_effect(char *buf, size_t size, double effect)
{
	double percent = 100 * effect;

	if (!isfinite(effect))
		(void)snprintf(buf, size, "-");
	else if (fabs(percent) < 0.05)
		(void)snprintf(buf, size, "0 %%");
	else if (fabs(percent) < 99.95)
		(void)snprintf(buf, size, "%+.1f %%", percent);
	else if (percent < 9999.5)
		(void)snprintf(buf, size, "%+.0f %%", percent);
	else
		(void)snprintf(buf, size, "x %.3g", 1 + effect);
	return buf;
}

/* The finite ones of v moved to its front. */
static size_t known(double *v, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (isfinite(v[i]))
			v[k++] = v[i];
	return k;
}

static double center(const double *v, size_t n)
{
	double sum = 0, logs = 0;
	bool positive = true;

	if (n < 2)
		return n ? v[0] : NAN;
	for (size_t i = 0; i < n; i++) {
		sum += v[i];
		positive &= v[i] > 0;
		logs += positive ? log(v[i]) : 0;
	}
	return positive ? exp(logs / (double)n) : sum / (double)n;
}

static bool all_equal(const double *a, size_t n_a, const double *b, size_t n_b)
{
	for (size_t i = 0; i < n_a; i++)
		if (a[i] != b[0])
			return false;
	for (size_t i = 0; i < n_b; i++)
		if (b[i] != b[0])
			return false;
	return true;
}

/* Effect and interval from the values a and b of the sides' runs, which get reordered. */
void mp_cmp_row_measure(struct mp_cmp_row *r, double *a, size_t n_a, double *b, size_t n_b)
{
	double ratio, low, high;

	r->n_a = known(a, n_a);
	r->n_b = known(b, n_b);
	r->a = center(a, r->n_a);
	r->b = center(b, r->n_b);
	r->effect = r->low = r->high = NAN;
	r->diff_percent = mp_diff_percent(r->a, r->b);
	if (!r->n_a || !r->n_b)
		return;
	r->effect = r->a == r->b ? 0 : r->a > 0 ? r->b / r->a - 1 : NAN;
	if (mp_ratio_interval(a, r->n_a, b, r->n_b, &ratio, &low, &high)) {
		r->effect = ratio - 1;
		r->low = low - 1;
		r->high = high - 1;
	} else if (r->n_a > 1 && r->n_b > 1 && all_equal(a, r->n_a, b, r->n_b)) {
		r->low = r->high = 0; /* always 0 on both sides: orphans, failed requests */
	}
}

static enum mp_cmp_result judge_interval(const struct mp_cmp_row *r)
{
	bool larger = r->low > 0, smaller = r->high < 0;

	if (!isfinite(r->low))
		return MP_CMP_UNKNOWN;
	if (!larger && !smaller)
		return MP_CMP_SAME;
	if (r->m.better == MP_BETTER_NONE)
		return MP_CMP_CHANGED;
	return larger == (r->m.better == MP_BETTER_HIGHER) ? MP_CMP_BETTER : MP_CMP_WORSE;
}

static void say_effect(struct mp_buf *b, const struct mp_cmp_row *r)
{
	char va[48], vb[48];

	if (r->effect == 0)
		mp_buf_puts(b, "equal");
	else if (isfinite(r->effect))
		mp_buf_printf(b, "%s by %.3g %%", r->effect > 0 ? "larger" : "smaller",
			      100 * fabs(r->effect));
	else
		mp_buf_printf(b, "%s, was %s", mp_cmp_value(vb, sizeof(vb), &r->m, r->b),
			      mp_cmp_value(va, sizeof(va), &r->m, r->a));
}

static char *plain_message(const struct mp_comparison *c, const struct mp_cmp_row *r)
{
	_cleanup_buf_ struct mp_buf b = {0};

	if (r->result == MP_CMP_MISSING) {
		mp_buf_puts(&b, !r->n_a && !r->n_b ? "has no value in either"
				: r->n_a           ? "not in B"
						   : "not in A");
		return b.failed ? NULL : TAKE_PTR(b.s);
	}
	say_effect(&b, r);
	if (c->not_judged)
		mp_buf_puts(&b, "; side by side, not judged");
	else if (isfinite(r->low))
		mp_buf_printf(&b, " (95 %% interval %+.3g to %+.3g %%; %zu and %zu runs)",
			      100 * r->low, 100 * r->high, r->n_a, r->n_b);
	else if (r->n_a + r->n_b == 2)
		mp_buf_puts(&b, "; uncertainty unknown: one run a side");
	else
		mp_buf_puts(&b, "; uncertainty unknown: a ratio needs values above 0");
	return b.failed ? NULL : TAKE_PTR(b.s);
}

void mp_cmp_row_judge(const struct mp_comparison *c, struct mp_cmp_row *r)
{
	if (!r->n_a || !r->n_b)
		r->result = MP_CMP_MISSING;
	else
		r->result = c->not_judged ? MP_CMP_UNKNOWN : judge_interval(r);
	r->message = plain_message(c, r);
}

static char *no_value_message(const struct mp_cmp_row *r, bool monitored)
{
	const char *where = !r->n_a && !r->n_b ? "either side" : r->n_a ? "B" : "A";

	if (monitored)
		return mp_asprintf("no value in %s: the metric was not recorded there", where);
	return mp_asprintf(
		"no value in %s: of requests, avg-rt, stdev-rt, p50, p90, p95, p99, p100, "
		"hits, succ, fail (also with %%) and throughput can be compared",
		where);
}

/* Upstream's rule, and what it leaves open: 0 asks for nothing there, an error is no pass here. */
void mp_cmp_row_judge_rule(const struct mp_comparison *c, const struct mp_rule *rule,
			   bool automatic, struct mp_cmp_row *r)
{
	char va[48], vb[48];

	r->allowed = rule->percent;
	if (isnan(rule->percent) || rule->percent < 0) {
		r->result = MP_CMP_ERROR;
		r->message = strdup("its diff_percent is no number above 0");
	} else if (c->not_judged) {
		r->result = MP_CMP_SKIP;
		r->message = mp_asprintf("not judged: %s", c->not_judged);
	} else if (rule->percent == 0) {
		r->result = MP_CMP_SKIP;
		r->message = strdup("diff_percent 0 asks for no comparison (as upstream reads it)");
	} else if (automatic && !r->n_a && r->n_b) {
		r->result = MP_CMP_SKIP;
		r->message = strdup("nothing to compare with: no value in A");
	} else if (!r->n_a || !r->n_b) {
		r->result = MP_CMP_ERROR;
		r->message = no_value_message(r, rule->monitored);
	} else if (isnan(r->diff_percent)) {
		r->result = MP_CMP_ERROR;
		r->message = strdup("the difference of values whose sum is 0 has no percentage");
	} else if (r->a == r->b || r->diff_percent < rule->percent) {
		r->result = MP_CMP_PASS;
		r->message = mp_asprintf("differs by %.3g %%, allowed is less than %.6g %%",
					 r->diff_percent, rule->percent);
	} else {
		r->result = MP_CMP_FAIL;
		r->message = mp_asprintf(
			"differs by %.3g %%, allowed is less than %.6g %%: %s, was %s%s",
			r->diff_percent, rule->percent, mp_cmp_value(vb, sizeof(vb), &r->m, r->b),
			mp_cmp_value(va, sizeof(va), &r->m, r->a),
			(r->m.better == MP_BETTER_LOWER && r->b < r->a) ||
					(r->m.better == MP_BETTER_HIGHER && r->b > r->a)
				? " (an improvement, but the rule is symmetric)"
				: "");
	}
}

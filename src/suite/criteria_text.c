// SPDX-License-Identifier: GPL-2.0-only
/*
 * Conditions and window logics by name, and a criterion written out as the map that bzt reads
 * without surprises. Pure. Called by criteria.c, evaluate.c and rewrite.c.
 */
#include "suite/criteria.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static const char *const conds[] = {
	[MP_COND_GT] = ">",  [MP_COND_GE] = ">=", [MP_COND_LT] = "<",
	[MP_COND_LE] = "<=", [MP_COND_EQ] = "=",
};
_Static_assert(ARRAY_SIZE(conds) == _MP_COND_MAX, "conditions");

static const char *const logics[] = {
	[MP_CRIT_FOR] = "for",
	[MP_CRIT_WITHIN] = "within",
	[MP_CRIT_OVER] = "over",
};
_Static_assert(ARRAY_SIZE(logics) == _MP_CRIT_LOGIC_MAX, "window logics");

const char *mp_cond_text(enum mp_crit_cond c)
{
	return conds[c];
}

const char *mp_logic_text(enum mp_crit_logic l)
{
	return logics[l];
}

bool mp_cond_holds(enum mp_crit_cond c, double value, double threshold)
{
	switch (c) {
	case MP_COND_GT:
		return value > threshold;
	case MP_COND_GE:
		return value >= threshold;
	case MP_COND_LT:
		return value < threshold;
	case MP_COND_LE:
		return value <= threshold;
	default:
		return value == threshold;
	}
}

void mp_crit_done(struct mp_criterion *c)
{
	free(c->name);
	free(c->bzt_name);
	free(c->message);
	free(c->subject);
	free(c->label);
	free(c->threshold_text);
	free(c->window_text);
	*c = (struct mp_criterion){0};
}

int mp_crit_to_yaml(const struct mp_criterion *c, struct mp_yaml **ret_y)
{
	_cleanup_buf_ struct mp_buf b = {0};
	char number[32], window[32];

	(void)mp_format_double(number, c->threshold);
	(void)mp_format_double(window, c->window_s);
	if (c->kind == MP_CRIT_MONITOR)
		mp_buf_printf(&b,
			      "class: bzt.modules.monitoring.MonitoringCriteria\n"
			      "subject: \"%s/%s\"\n",
			      c->label, c->subject);
	else
		mp_buf_printf(&b, "subject: \"%s\"\nlabel: \"%s\"\n", c->subject,
			      c->label ? c->label : "");
	mp_buf_printf(&b, "condition: '%s'\nthreshold: \"%s%s\"\nlogic: %s\n", conds[c->cond],
		      number, c->percent ? "%" : "", logics[c->logic]);
	if (c->window_s > 0)
		mp_buf_printf(&b, "timeframe: %ss\n", window);
	mp_buf_printf(&b, "stop: %s\nfail: %s\n", c->stop && !c->during_load ? "true" : "false",
		      c->fail && !c->during_load ? "true" : "false");
	if (!isnan(c->diff_percent)) { /* nothing to bzt, but comparisons read it from its files */
		(void)mp_format_double(number, c->diff_percent);
		mp_buf_printf(&b, "diff_percent: %s\n", number);
	}
	if (b.failed)
		return -ENOMEM;
	return mp_yaml_parse(b.s, b.len, "criterion", ret_y, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Operators of expectations and values as people read them. Pure. Called by expect.c's users. */
#include "suite/expect.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/str.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const ops[] = {
	[MP_OP_LT] = "<",  [MP_OP_LE] = "<=", [MP_OP_GT] = ">",          [MP_OP_GE] = ">=",
	[MP_OP_EQ] = "==", [MP_OP_NE] = "!=", [MP_OP_WITHIN] = "within",
};
_Static_assert(ARRAY_SIZE(ops) == _MP_OP_MAX, "operators");

void mp_expect_done(struct mp_expect *e)
{
	free(e->text);
	free(e->subject);
	free(e->label);
	free(e->point);
	free(e->ref_point);
	*e = (struct mp_expect){0};
}

const char *mp_op_text(enum mp_expect_op op)
{
	return ops[op];
}

bool mp_op_holds(const struct mp_expect *e, double v, double limit)
{
	switch (e->op) {
	case MP_OP_LT:
		return v < limit;
	case MP_OP_LE:
		return v <= limit;
	case MP_OP_GT:
		return v > limit;
	case MP_OP_GE:
		return v >= limit;
	case MP_OP_EQ:
		return v == limit;
	case MP_OP_NE:
		return v != limit;
	default:
		return fabs(v - limit) <= e->slack / 100 * fabs(limit);
	}
}

void mp_expect_print(const struct mp_expect *e, double v, char *buf, size_t size)
{
	char num[32];

	if (isnan(v))
		(void)snprintf(buf, size, "unknown");
	else if (e->unit == MP_IN_SECONDS)
		(void)snprintf(buf, size, fabs(v) < 10 ? "%.4g ms" : "%.4g s",
			       fabs(v) < 10 ? v * 1000 : v);
	else if (e->unit == MP_IN_BYTES && fabs(v) >= 1e6)
		(void)snprintf(buf, size, "%.4g MB", v / 1e6);
	else if (e->unit == MP_IN_PERCENT)
		(void)snprintf(buf, size, "%.4g %%", v);
	else if (!strcmp(e->subject, "throughput"))
		(void)snprintf(buf, size, "%.4g/s", v);
	else if (v == rint(v) && mp_format_double(num, v) > 0)
		(void)snprintf(buf, size, "%s", num);
	else
		(void)snprintf(buf, size, "%.6g", v);
}

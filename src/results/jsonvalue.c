// SPDX-License-Identifier: GPL-2.0-only
/* Values of JSON documents. Called by what writes run.json and comparisons. */
#include "results/jsonvalue.h"

#include "results/text.h"

#include <mmsperf/cleanup.h>

#include <math.h>

json_t *mp_json_text(const char *s)
{
	_cleanup_free_ char *clean = s ? mp_text_clean(s, false) : NULL;
	json_t *j = clean ? json_string(clean) : NULL;

	return j ? j : json_null();
}

json_t *mp_json_number(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

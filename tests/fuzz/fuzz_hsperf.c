// SPDX-License-Identifier: GPL-2.0-only
/* hsperf.c: a JVM's file may hold anything; what parses has all its values within the data. */
#include "fuzz.h"

#include "metrics/hsperf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_hsperf h;
	int64_t v;

	if (mp_hsperf_parse(data, size, &h) < 0)
		return 0;
	if (h.end > size || !mp_hsperf_same(data, size, &h))
		abort();
	for (int i = 0; i < _MP_HS_MAX; i++)
		if (h.field[i] && !mp_hsperf_value(data, size, h.field[i], &v))
			abort();
	for (int i = 0; i < MP_HSPERF_SPACES; i++)
		if (h.space_used[i] && !mp_hsperf_value(data, size, h.space_used[i], &v))
			abort();
	return 0;
}

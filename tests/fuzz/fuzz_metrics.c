// SPDX-License-Identifier: GPL-2.0-only
/* metrics/name.c, agentname.c: any name at all, as a client or a suite may send it. */
#include "fuzz.h"

#include <mmsperf/metrics.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *name = fuzz_text(data, size);
	const char *near = NULL;

	if (!mp_metric_known(name, &near) && near && !mp_metric_known(near, NULL))
		abort(); /* a suggestion that is none */
	if (mp_metric_unit(name) >= _MP_UNIT_MAX || !mp_unit_name(mp_metric_unit(name)))
		abort();
	(void)mp_metric_better(name);
	return 0;
}

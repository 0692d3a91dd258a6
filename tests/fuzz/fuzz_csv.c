// SPDX-License-Identifier: GPL-2.0-only
/* results/table.c over csv.c: metrics.csv and whatever looks like one. */
#include "fuzz.h"

#include <mmsperf/results.h>

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_table t = {0};
	struct mp_diag d = {0};
	char path[128];
	int r;

	fuzz_file("metrics.csv", data, size);
	(void)snprintf(path, sizeof(path), "%s/metrics.csv", fuzz_dir());
	r = mp_table_read(path, &t, &d);
	fuzz_refused(r, &d);
	if (!r)
		mp_table_done(&t);
	return 0;
}

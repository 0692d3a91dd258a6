// SPDX-License-Identifier: GPL-2.0-only
/* results/jtl.c and suite/live.c: JMeter's results, whole and while they grow. */
#include "fuzz.h"

#include "suite/live.h"

#include <mmsperf/results.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mp_load load = {0};
	struct mp_live live;
	struct mp_diag d = {0};
	char text[300];
	int r;

	if (mp_live_init(&live, fuzz_dir(), NULL, 0) < 0)
		abort();
	fuzz_file("kpi.jtl", data, size / 2); /* a line is cut somewhere */
	mp_live_read(&live);
	fuzz_file("kpi.jtl", data, size);
	mp_live_read(&live);
	mp_live_text(&live, text, sizeof(text));
	mp_live_done(&live);
	r = mp_load_read(fuzz_dir(), &load, &d);
	fuzz_refused(r, &d);
	if (!r)
		mp_load_done(&load);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* A whole suite file, simple or Taurus': collected, planned, compiled. Nothing of it is started. */
#include "fuzz.h"

#include <mmsperf/suite.h>

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[128];
	const struct mp_run_opts o = {.test_dir = path,
				      .pattern = "*",
				      .env_name = "dev",
				      .hold_cap_s = size & 1 ? 8 : 0};
	struct mp_suite_list list = {0};
	struct mp_diag d = {0};
	int r;

	fuzz_file("a.yaml", data, size);
	(void)snprintf(path, sizeof(path), "%s/a.yaml", fuzz_dir());
	r = mp_suites_find(&o, &list, &d);
	if (r < 0)
		return 0;
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].bad ? !*list.v[i].diag.msg : !list.v[i].plan)
			abort();
	mp_suites_done(&list);
	return 0;
}

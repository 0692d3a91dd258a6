// SPDX-License-Identifier: GPL-2.0-only
/* expect.c: lines of expectations. */
#include "fuzz.h"

#include "suite/expect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const labels[] = {"Inference", "b c"},
				 *const points[] = {"register", "load"}, *const hosts[] = {"gpu"};
	const struct mp_expect_scope scope = {.labels = labels,
					      .n_labels = size & 1 ? 2 : 0,
					      .points = points,
					      .n_points = 2,
					      .hosts = hosts,
					      .n_hosts = 1};
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct mp_diag d = {0};
	struct mp_expect e;
	char buf[48];
	int r = mp_expect_parse(text, "f", 1, 1, &scope, &e, &d);

	fuzz_refused(r, &d);
	if (r < 0) {
		if (d.col < 1)
			abort();
		return 0;
	}
	if (!e.text || !e.subject || (e.kind == MP_EXPECT_POINT && !e.point) ||
	    (e.kind == MP_EXPECT_LOAD && !e.label))
		abort();
	mp_expect_print(&e, e.value, buf, sizeof(buf));
	(void)mp_op_holds(&e, 1, e.value);
	mp_expect_done(&e);
	return 0;
}

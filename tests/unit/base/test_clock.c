// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include <mmsperf/clock.h>

static void a_clock_that_was_set(void **state)
{
	static const struct {
		struct mp_moment from, to;
		double shift_s;
	} cases[] = {
		{{100, 5000}, {110, 5010}, 0},       {{100, 5000}, {110, 1410}, -3600},
		{{100, 5000}, {110, 8610}, 3600},    {{100, 5000}, {100, 5000}, 0},
		{{100, 5000}, {110, -4990}, -10000}, {{100, 1.8e9}, {100.5, 1.8e9 + 0.5}, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_double_equal(mp_moment_shift_s(&cases[i].from, &cases[i].to),
				    cases[i].shift_s, 1e-6);
}

static void both_clocks_go_on(void **state)
{
	struct mp_moment a = mp_moment_now(), b = mp_moment_now();

	(void)state;
	assert_true(b.now_s >= a.now_s);
	assert_true(a.wall_s > 1.7e9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_was_set),
		cmocka_unit_test(both_clocks_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

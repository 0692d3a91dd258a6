// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include <mmsperf/tree.h>

static void ratio_of_ticks(void **state)
{
	uint64_t u = 0, s = 0;

	(void)state;
	mp_cputime_split(1000, 30, 10, &u, &s);
	assert_int_equal(u, 750);
	assert_int_equal(s, 250);
	assert_int_equal(u + s, 1000);
}

static void no_ticks_yet_is_user_time(void **state)
{
	uint64_t u = 0, s = 0;

	(void)state;
	mp_cputime_split(777, 0, 0, &u, &s);
	assert_int_equal(u, 777);
	assert_int_equal(s, 0);
}

static void only_system_ticks(void **state)
{
	uint64_t u = 0, s = 0;

	(void)state;
	mp_cputime_split(777, 0, 5, &u, &s);
	assert_int_equal(u, 0);
	assert_int_equal(s, 777);
}

static void neither_falls_when_the_ratio_turns(void **state)
{
	uint64_t u = 0, s = 0;

	(void)state;
	mp_cputime_split(1000, 0, 10, &u, &s);
	assert_int_equal(s, 1000);
	/* by ratio system would be 550: it stays, what is new is user time */
	mp_cputime_split(1100, 10, 10, &u, &s);
	assert_int_equal(s, 1000);
	assert_int_equal(u, 100);
	mp_cputime_split(1200, 1, 1000, &u, &s);
	assert_int_equal(u, 100);
	assert_int_equal(s, 1100);
}

static void a_run_time_that_fell_changes_nothing(void **state)
{
	uint64_t u = 0, s = 0;

	(void)state;
	mp_cputime_split(1000, 1, 1, &u, &s);
	mp_cputime_split(900, 9, 1, &u, &s);
	assert_int_equal(u, 500);
	assert_int_equal(s, 500);
}

static void years_of_cpu_do_not_overflow(void **state)
{
	uint64_t u = 0, s = 0, run = 64ULL * 365 * 86400 * 1000000000ULL;

	(void)state;
	mp_cputime_split(run, run / 4 * 3, run / 4, &u, &s);
	assert_int_equal(u + s, run);
	assert_int_equal(s, run / 4);
}

static void always_sums_to_the_run_time(void **state)
{
	uint64_t u = 0, s = 0, run = 0, ut = 0, st = 0;
	unsigned seed = 7;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t was_u = u, was_s = s;

		run += (unsigned)rand_r(&seed) % 1000;
		ut += (unsigned)rand_r(&seed) % 3;
		st += (unsigned)rand_r(&seed) % 3;
		mp_cputime_split(run, ut, st, &u, &s);
		assert_int_equal(u + s, run);
		assert_true(u >= was_u && s >= was_s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratio_of_ticks),
		cmocka_unit_test(no_ticks_yet_is_user_time),
		cmocka_unit_test(only_system_ticks),
		cmocka_unit_test(neither_falls_when_the_ratio_turns),
		cmocka_unit_test(a_run_time_that_fell_changes_nothing),
		cmocka_unit_test(years_of_cpu_do_not_overflow),
		cmocka_unit_test(always_sums_to_the_run_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

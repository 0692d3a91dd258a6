// SPDX-License-Identifier: GPL-2.0-only
/* Choosing a rung where no BPF is wanted or the wish cannot be had; needs no root. */
#include "unit.h"

#include <errno.h>
#include <mmsperf/log.h>
#include <mmsperf/source.h>
#include <stdlib.h>
#include <string.h>

static int quiet(void **state)
{
	(void)state;
	mp_log_set_level(MP_LOG_ERROR);
	return unsetenv("MMSPERF_RUNG");
}

static void test_no_bpf_is_procfs(void **state)
{
	struct mp_source_opts o = {.no_bpf = true};
	struct mp_source *s;

	(void)state;
	assert_int_equal(mp_source_open(&o, &s), 0);
	assert_int_equal(s->ops->rung, MP_RUNG_PROCFS);
	mp_source_free(s);
}

static void test_environment_forces(void **state)
{
	struct mp_source *s;

	(void)state;
	assert_int_equal(setenv("MMSPERF_RUNG", "procfs", 1), 0);
	assert_int_equal(mp_source_open(NULL, &s), 0);
	assert_int_equal(s->ops->rung, MP_RUNG_PROCFS);
	assert_non_null(strstr(s->why, "MMSPERF_RUNG"));
	mp_source_free(s);
}

static void test_unknown_rung_is_an_error(void **state)
{
	struct mp_source *s = NULL;

	(void)state;
	assert_int_equal(setenv("MMSPERF_RUNG", "ebpf", 1), 0);
	assert_int_equal(mp_source_open(NULL, &s), -EINVAL);
	assert_null(s);
}

/* Whatever the machine allows: a source, and a reason unless it is the highest. */
static void test_always_a_source(void **state)
{
	const struct mp_rec *recs;
	struct mp_source *s;
	size_t n;

	(void)state;
	assert_int_equal(mp_source_open(NULL, &s), 0);
	assert_int_equal(!s->why[0], s->ops->rung == MP_RUNG_SNAPSHOT);
	assert_int_equal(s->ops->tick(s, &recs, &n), 0);
	assert_int_equal(n, 0);
	mp_source_free(s);
	mp_source_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_bpf_is_procfs, quiet),
		cmocka_unit_test_setup(test_environment_forces, quiet),
		cmocka_unit_test_setup(test_unknown_rung_is_an_error, quiet),
		cmocka_unit_test_setup(test_always_a_source, quiet),
	};

	return cmocka_run_group_tests_name("kernel source", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Which rung and groups follow from what a kernel has: kernels at hand or not. */
#include "unit.h"

#include "kernel/features.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

static struct mp_facts all(void)
{
	struct mp_facts f;

	for (size_t i = 0; i < _MP_FACT_MAX; i++)
		f.has[i] = true;
	return f;
}

static void test_newest_has_all(void **state)
{
	struct mp_facts f = all();

	(void)state;
	for (int r = 0; r < _MP_RUNG_MAX; r++)
		assert_true(mp_features_allow(&f, (enum mp_rung)r, NULL));
	assert_int_equal(mp_features_groups(&f), (1U << MP_N_GROUPS) - 1);
}

static void test_no_btf_leaves_procfs(void **state)
{
	struct mp_facts f = {0};
	const char *missing = NULL;

	(void)state;
	assert_false(mp_features_allow(&f, MP_RUNG_SNAPSHOT, &missing));
	assert_non_null(strstr(missing, "/sys/kernel/btf/vmlinux"));
	assert_false(mp_features_allow(&f, MP_RUNG_ITER, NULL));
	assert_true(mp_features_allow(&f, MP_RUNG_PROCFS, &missing));
	assert_int_equal(mp_features_groups(&f), 0);
}

/* 6.1: no kfuncs for tasks. 6.4: references but no walk over threads. */
static void test_older_kernels_iterate(void **state)
{
	struct mp_facts f = all();
	const char *missing = NULL;

	(void)state;
	f.has[MP_FACT_TASK_WALK] = false;
	assert_false(mp_features_allow(&f, MP_RUNG_SNAPSHOT, &missing));
	assert_non_null(strstr(missing, "bpf_iter_task_new"));
	f.has[MP_FACT_TASK_ACQUIRE] = f.has[MP_FACT_RCU_LOCK] = false;
	assert_false(mp_features_allow(&f, MP_RUNG_SNAPSHOT, &missing));
	assert_non_null(strstr(missing, "bpf_task_acquire"));
	assert_true(mp_features_allow(&f, MP_RUNG_ITER, NULL));
}

static void test_every_need_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < _MP_FACT_MAX; i++) {
		struct mp_facts f = all();
		const char *missing = NULL;
		bool snapshot, iter;

		f.has[i] = false;
		snapshot = mp_features_allow(&f, MP_RUNG_SNAPSHOT, &missing);
		if (!snapshot)
			assert_ptr_equal(missing, mp_fact_rows[i].label);
		iter = mp_features_allow(&f, MP_RUNG_ITER, &missing);
		/* Each fact serves at least one rung or group, or decides how something is done. */
		assert_true(!snapshot || !iter || i == MP_FACT_VICTIM_TASK ||
			    i == MP_FACT_PREEMPTIBLE || i == MP_FACT_IO_START ||
			    i == MP_FACT_IO_QUEUE ||
			    mp_features_groups(&f) != (1U << MP_N_GROUPS) - 1);
		assert_true(mp_features_allow(&f, MP_RUNG_PROCFS, NULL));
	}
}

static void test_output_untouched_when_allowed(void **state)
{
	struct mp_facts f = all();
	const char *missing = "untouched";

	(void)state;
	assert_true(mp_features_allow(&f, MP_RUNG_ITER, &missing));
	assert_string_equal(missing, "untouched");
}

static void test_ladder(void **state)
{
	(void)state;
	assert_int_equal(mp_features_below(MP_RUNG_SNAPSHOT), MP_RUNG_ITER);
	assert_int_equal(mp_features_below(MP_RUNG_ITER), MP_RUNG_PROCFS);
	assert_int_equal(mp_features_below(MP_RUNG_PROCFS), MP_RUNG_PROCFS);
}

static void test_rung_names(void **state)
{
	enum mp_rung r = MP_RUNG_PROCFS;

	(void)state;
	assert_int_equal(mp_rung_parse("snapshot", &r), 0);
	assert_int_equal(r, MP_RUNG_SNAPSHOT);
	assert_int_equal(mp_rung_parse("iter", &r), 0);
	assert_int_equal(r, MP_RUNG_ITER);
	assert_int_equal(mp_rung_parse("procfs", &r), 0);
	assert_int_equal(r, MP_RUNG_PROCFS);
	r = MP_RUNG_ITER;
	assert_int_equal(mp_rung_parse("bpf", &r), -EINVAL);
	assert_int_equal(mp_rung_parse("", &r), -EINVAL);
	assert_int_equal(r, MP_RUNG_ITER);
	for (int i = 0; i < _MP_RUNG_MAX; i++)
		assert_string_not_equal(mp_rung_name((enum mp_rung)i), "unknown");
	assert_string_equal(mp_rung_name(_MP_RUNG_MAX), "unknown");
}

static void test_remedies(void **state)
{
	(void)state;
	assert_non_null(strstr(mp_features_remedy(-EPERM, false), "as root"));
	assert_null(strstr(mp_features_remedy(-EPERM, true), "as root"));
	assert_non_null(strstr(mp_features_remedy(-ENOMEM, true), "memory"));
	assert_non_null(strstr(mp_features_remedy(-EINVAL, true), "-v"));
}

static void test_groups_of_kernels(void **state)
{
	struct mp_facts f = all();

	(void)state;
	for (size_t i = 0; i < MP_N_GROUPS; i++) {
		const struct mp_group_row *g = &mp_group_rows[i];
		size_t n = 0;

		assert_int_equal(g->group, 1U << i);
		assert_non_null(strstr(g->label, "group"));
		assert_null(mp_features_group_lacks(&f, g));
		for (size_t k = 0; k < MP_GROUP_MAX_PROGS; k++)
			n += mp_features_group_has(&f, g, k);
		assert_true(n > 0);
	}
	f.has[MP_FACT_CFS_RQ] = false;
	assert_int_equal(mp_features_groups(&f) & MP_GROUP_RUNQ, 0);
	assert_non_null(strstr(mp_features_group_lacks(&f, &mp_group_rows[1]), "FAIR_GROUP_SCHED"));
	/* one of two variants, never both */
	for (int task = 0; task < 2; task++) {
		f.has[MP_FACT_VICTIM_TASK] = task;
		assert_int_equal(mp_features_group_has(&f, &mp_group_rows[2], 0), task);
		assert_int_equal(mp_features_group_has(&f, &mp_group_rows[2], 1), !task);
	}
}

static void test_refused_group_is_named(void **state)
{
	const unsigned all_groups = (1U << MP_N_GROUPS) - 1;
	const struct mp_group_row *g;

	(void)state;
	g = mp_features_group_named(
		"libbpf: prog 'mp_runq_exit': BPF program load failed: Permission denied",
		all_groups);
	assert_non_null(g);
	assert_int_equal(g->group, MP_GROUP_RUNQ);
	g = mp_features_group_named("libbpf: Error in bpf_create_map_xattr(mp_waits):-12",
				    all_groups);
	assert_non_null(g);
	assert_int_equal(g->group, MP_GROUP_SCHED);
	/* not one of a group, or of one that is left out already */
	assert_null(mp_features_group_named("libbpf: prog 'mp_newtask': failed", all_groups));
	assert_null(mp_features_group_named("libbpf: prog 'mp_runq': failed", MP_GROUP_SCHED));
	assert_null(mp_features_group_named("", all_groups));
}

static void test_reasons_of_calls(void **state)
{
	uint8_t reason[MP_SYSCALLS];

	(void)state;
	mp_reasons_fill(reason);
	assert_int_equal(reason[SYS_futex], MP_OFF_LOCK);
	assert_int_equal(reason[SYS_recvfrom], MP_OFF_NET);
	assert_int_equal(reason[SYS_epoll_pwait], MP_OFF_POLL);
	assert_int_equal(reason[SYS_clock_nanosleep], MP_OFF_SLEEP);
	assert_int_equal(reason[SYS_read], MP_OFF_BY_FD);
	assert_int_equal(reason[SYS_wait4], MP_OFF_OTHER);
	assert_int_equal(reason[MP_SYSCALLS - 1], MP_OFF_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newest_has_all),
		cmocka_unit_test(test_no_btf_leaves_procfs),
		cmocka_unit_test(test_older_kernels_iterate),
		cmocka_unit_test(test_every_need_counts),
		cmocka_unit_test(test_output_untouched_when_allowed),
		cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_rung_names),
		cmocka_unit_test(test_remedies),
		cmocka_unit_test(test_groups_of_kernels),
		cmocka_unit_test(test_refused_group_is_named),
		cmocka_unit_test(test_reasons_of_calls),
	};

	return cmocka_run_group_tests_name("kernel features", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Every name of the contract, every alias, and what must not be a name. */
#include "unit.h"

#include "metrics/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The contract, section 4: X of frontend_X and {sum,avg,min,max}_{workers,all}_X. */
static const char *const X[] = {
	"cpu_percent",    "cpu_user_time", "cpu_system_time", "cpu_iowait_time",
	"memory_percent", "memory_rss",    "memory_vms",      "io_read_count",
	"io_write_count", "io_read_bytes", "io_write_bytes",  "file_descriptors",
	"threads",
};
static const char *const plain[] = {
	"system_disk_used",   "system_memory_percent", "system_read_count",
	"system_write_count", "system_read_bytes",     "system_write_bytes",
	"total_processes",    "total_workers",         "orphans",
};
static const char *const op[] = {"sum", "avg", "min", "max"};
static const char *const group[] = {"workers", "all"};

static char upstream[256][64];
static size_t n_upstream;

static void enumerate(void)
{
	if (n_upstream)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		strcpy(upstream[n_upstream++], plain[i]);
	for (size_t x = 0; x < ARRAY_SIZE(X); x++) {
		sprintf(upstream[n_upstream++], "frontend_%s", X[x]);
		for (size_t o = 0; o < 4; o++)
			for (size_t g = 0; g < 2; g++)
				sprintf(upstream[n_upstream++], "%s_%s_%s", op[o], group[g], X[x]);
	}
}

static int parse(const char *s, struct mp_name *n, char note[static 256])
{
	memset(n, 0, sizeof(*n));
	return mp_name_parse(s, n, note, 256);
}

static bool in(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

static void all_126(void **state)
{
	_cleanup_free_ const char **all = NULL;
	struct mp_name n;
	char note[256];
	size_t n_all;

	(void)state;
	enumerate();
	assert_int_equal(n_upstream, 126);
	assert_int_equal(mp_metric_expand(&all, &n_all), 0);
	for (size_t i = 0; i < n_upstream; i++) {
		assert_int_equal(parse(upstream[i], &n, note), 0);
		assert_string_equal(note, "");
		assert_true(mp_metric_known(upstream[i], NULL));
		assert_true(in(all, n_all, upstream[i]));
	}
}

static void names_are_unique_and_parse_to_themselves(void **state)
{
	_cleanup_free_ const char **all = NULL;
	struct mp_name n, other;
	char note[256];
	size_t n_all;

	(void)state;
	assert_int_equal(mp_metric_expand(&all, &n_all), 0);
	for (size_t i = 0; i < n_all; i++) {
		int r = parse(all[i], &n, note);

		assert_true(r == 0 || (r == -EOPNOTSUPP && !strcmp(all[i], "engine-loop")));
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(all[i], all[k]);
			if (r || parse(all[k], &other, note))
				continue;
			assert_false(n.family == other.family && n.metric == other.metric &&
				     n.scope == other.scope && n.op == other.op &&
				     n.arg == other.arg);
		}
	}
}

static void the_parts_of_a_name(void **state)
{
	struct mp_name n;
	char note[256];

	(void)state;
	assert_int_equal(parse("p90_all_memory_rss", &n, note), 0);
	assert_int_equal(n.family, MP_FAM_PROC);
	assert_int_equal(n.metric, MP_PM_RSS);
	assert_int_equal(n.scope, MP_SCOPE_ALL);
	assert_int_equal(n.op, MP_OP_P90);
	assert_int_equal(n.slot, -1);
	assert_int_equal(parse("frontend_threads", &n, note), 0);
	assert_int_equal(n.scope, MP_SCOPE_FRONTEND);
	assert_int_equal(n.op, MP_OP_ONE);
	assert_int_equal(parse(" Sum_Workers_CPU_Percent:\r", &n, note), 0);
	assert_int_equal(n.metric, MP_PM_CPU_PCT);
}

static void aliases(void **state)
{
	static const struct {
		const char *alias, *name;
	} t[] = {
		{"sum_cpu_percent", "sum_all_cpu_percent"},
		{"sum_memory_percent", "sum_all_memory_percent"},
		{"sum_num_handles", "sum_all_file_descriptors"},
		{"server_workers", "total_workers"},
		{"system_write_byte", "system_write_bytes"},
		{"avg_workers_iowait_time", "avg_workers_cpu_iowait_time"},
		{"avg_all_iowait_time", "avg_all_cpu_iowait_time"},
		{"frontend_iowait_time", "frontend_cpu_iowait_time"},
	};
	struct mp_name a, b;
	char note[256], none[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(parse(t[i].alias, &a, note), 0);
		assert_int_equal(parse(t[i].name, &b, none), 0);
		assert_memory_equal(&a, &b, sizeof(a));
		assert_non_null(strstr(note, "taken for"));
		assert_string_equal(none, "");
	}
}

static void models_and_slots(void **state)
{
	struct mp_name n;
	char note[256];

	(void)state;
	assert_int_equal(parse("sum_workers_cpu_percent@Res-net_1.0", &n, note), 0);
	assert_string_equal(n.model, "Res-net_1.0");
	assert_int_equal(n.slot, -1);
	assert_int_equal(parse("max_workers_memory_rss@noop#3", &n, note), 0);
	assert_string_equal(n.model, "noop");
	assert_int_equal(n.slot, 3);
	assert_int_equal(parse("total_workers@noop", &n, note), 0);
	assert_int_equal(n.family, MP_FAM_TREE);
	assert_int_equal(parse("frontend_threads@noop", &n, note), -ENOENT);
	assert_int_equal(parse("system_disk_used@noop", &n, note), -ENOENT);
	assert_int_equal(parse("total_workers@noop#1", &n, note), -ENOENT);
	assert_int_equal(parse("sum_workers_threads@", &n, note), -ENOENT);
	assert_int_equal(parse("sum_workers_threads@a#", &n, note), -ENOENT);
	assert_int_equal(parse("sum_workers_threads@a#-1", &n, note), -ENOENT);
	assert_int_equal(parse("sum_workers_threads@a#x", &n, note), -ENOENT);
}

static void unknown_names_suggest(void **state)
{
	struct mp_name n = {.metric = 42};
	const char *near = NULL;
	char note[256];

	(void)state;
	assert_int_equal(mp_name_parse("sum_workers_memory_rs", &n, note, sizeof(note)), -ENOENT);
	assert_non_null(strstr(note, "did you mean 'sum_workers_memory_rss'"));
	assert_int_equal(n.metric, 42); /* untouched */
	assert_false(mp_metric_known("total_worker", &near));
	assert_string_equal(near, "total_workers");
	assert_false(mp_metric_known("", &near));
	assert_false(mp_metric_known("sum_", &near));
	assert_false(mp_metric_known("sum_workers_", &near));
	assert_false(mp_metric_known("sum_cpu_user_time", &near));
	assert_false(mp_metric_known("sum_other_threads", &near));
}

static void a_very_long_name_is_unknown(void **state)
{
	char text[5000], note[256];
	struct mp_name n;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(parse(text, &n, note), -ENOENT);
}

static void bare_names_are_taurus_and_colons_are_server_agent(void **state)
{
	struct mp_name n;
	char note[256];

	(void)state;
	assert_int_equal(parse("cpu", &n, note), 0);
	assert_int_equal(n.family, MP_FAM_SYSTEM);
	assert_int_equal(n.metric, MP_SM_TAURUS_CPU);
	assert_int_equal(parse("mem", &n, note), 0);
	assert_int_equal(n.metric, MP_SM_TAURUS_MEM);
	assert_int_equal(parse("disk-space", &n, note), 0);
	assert_int_equal(n.metric, MP_SM_TAURUS_DISK);
	assert_int_equal(parse("cpu:", &n, note), 0);
	assert_int_equal(n.family, MP_FAM_AGENT);
	assert_int_equal(n.agent.type, MP_AG_CPU);
	assert_int_equal(parse("memory", &n, note), 0);
	assert_int_equal(n.family, MP_FAM_AGENT);
	assert_int_equal(parse("engine-loop", &n, note), -EOPNOTSUPP);
	assert_non_null(strstr(note, "NaN"));
}

static void facts(void **state)
{
	const char *const *rec;
	size_t n;

	(void)state;
	assert_int_equal(mp_metric_unit("sum_workers_memory_rss"), MP_UNIT_BYTES);
	assert_int_equal(mp_metric_unit("frontend_cpu_user_time"), MP_UNIT_SECONDS);
	assert_int_equal(mp_metric_unit("sum_cpu_percent"), MP_UNIT_PERCENT);
	assert_int_equal(mp_metric_better("sum_workers_memory_rss"), MP_BETTER_LOWER);
	assert_int_equal(mp_metric_better("nonsense"), MP_BETTER_NONE);
	assert_string_equal(mp_unit_name(MP_UNIT_PERCENT), "%");
	rec = mp_metric_recorded(&n);
	enumerate();
	/* a recording has all of upstream's but those of an optional group */
	for (size_t i = 0; i < n_upstream; i++)
		assert_int_equal(in(rec, n, upstream[i]), !strstr(upstream[i], "iowait"));
	for (size_t i = 0; i < n; i++)
		assert_true(mp_metric_known(rec[i], NULL));
}

static void numbers_in_names(void **state)
{
	struct mp_name n;
	char note[256];

	(void)state;
	assert_int_equal(parse("worker_exits_code_255@digits", &n, note), 0);
	assert_int_equal(n.metric, MP_TM_WORKER_CODE);
	assert_int_equal(n.arg, 255);
	assert_int_equal(parse("worker_exits_signal_9", &n, note), 0);
	assert_int_equal(n.arg, 9);
	/* a row's own name stands for many and is none itself */
	assert_int_equal(parse("worker_exits_code_N", &n, note), -ENOENT);
	assert_int_equal(parse("worker_exits_code_256", &n, note), -ENOENT);
	assert_int_equal(parse("worker_exits_signal_0", &n, note), -ENOENT);
	assert_int_equal(parse("worker_exits_signal_65", &n, note), -ENOENT);
	assert_int_equal(parse("worker_exits_code_", &n, note), -ENOENT);
}

static void the_servers_own(void **state)
{
	struct mp_name n;
	char note[256];

	(void)state;
	assert_int_equal(parse("p99_server_prediction_time@Digits", &n, note), 0);
	assert_int_equal(n.family, MP_FAM_LOG);
	assert_int_equal(n.metric, MP_LM_PREDICTION);
	assert_int_equal(n.arg, MP_LOG_P99);
	assert_string_equal(n.model, "Digits");
	assert_int_equal(mp_metric_unit("avg_server_queue_time"), MP_UNIT_SECONDS);
	assert_int_equal(mp_metric_unit("count_server_queue_time"), MP_UNIT_COUNT);
	assert_int_equal(mp_metric_kind("sum_server_queue_time"), MP_KIND_COUNTER);
	assert_int_equal(mp_metric_kind("max_server_queue_time"), MP_KIND_GAUGE);
	assert_int_equal(parse("workers_missing@m", &n, note), 0);
	assert_int_equal(parse("jvm_gc_count@m", &n, note), -ENOENT);
	assert_int_equal(parse("p99_server_prediction_time@m#1", &n, note), -ENOENT);
	assert_int_equal(parse("p75_server_prediction_time", &n, note), -ENOENT);
}

static void rows_tell_the_truth(void **state)
{
	const struct mp_metric_row *rows;
	size_t n;

	(void)state;
	rows = mp_metric_rows(&n);
	assert_int_equal(n, _MP_PM_MAX + _MP_TM_MAX + _MP_SM_MAX + _MP_AG_MAX + _MP_XM_MAX +
				    _MP_LM_MAX + _MP_LT_MAX);
	for (size_t i = 0; i < n; i++) {
		assert_non_null(rows[i].help);
		assert_non_null(rows[i].source);
		if (strcmp(rows[i].source, "nowhere"))
			assert_true(mp_metric_known(rows[i].example, NULL));
	}
}

static void fuzz(void **state)
{
	static const char alphabet[] = "abcdeimnoprstu_:@#=\\0195 \t\nCPU\xff";
	unsigned seed = 11;

	(void)state;
	enumerate();
	/* mutations of real names: nothing may crash, and a failure leaves the result alone */
	for (int i = 0; i < 3000; i++) {
		char text[96], note[64];
		struct mp_name n = {.metric = -7};
		size_t len;

		strcpy(text, i % 3 ? upstream[(unsigned)rand_r(&seed) % n_upstream]
				   : "disks:fs=/a\\:b:unit=kb:useperc");
		len = strlen(text);
		for (int k = rand_r(&seed) % 4; k >= 0; k--)
			text[(unsigned)rand_r(&seed) % len] =
				alphabet[(unsigned)rand_r(&seed) % (sizeof(alphabet) - 1)];
		if (mp_name_parse(text, &n, note, sizeof(note)) < 0) {
			assert_int_equal(n.metric, -7);
			assert_true(strlen(note) > 0);
		}
		assert_true(strlen(note) < sizeof(note));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_126),
		cmocka_unit_test(names_are_unique_and_parse_to_themselves),
		cmocka_unit_test(the_parts_of_a_name),
		cmocka_unit_test(aliases),
		cmocka_unit_test(models_and_slots),
		cmocka_unit_test(unknown_names_suggest),
		cmocka_unit_test(a_very_long_name_is_unknown),
		cmocka_unit_test(bare_names_are_taurus_and_colons_are_server_agent),
		cmocka_unit_test(facts),
		cmocka_unit_test(numbers_in_names),
		cmocka_unit_test(the_servers_own),
		cmocka_unit_test(rows_tell_the_truth),
		cmocka_unit_test(fuzz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

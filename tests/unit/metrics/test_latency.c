// SPDX-License-Identifier: GPL-2.0-only
/* Latencies: buckets and their edges, quantiles against sorted values, names, what a view counts.
 */
#include "unit.h"

#include "metrics/latency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_buckets(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MP_LAT_BUCKETS; i++) {
		assert_int_equal(mp_lat_bucket(mp_lat_edge(i)), i);
		assert_int_equal(mp_lat_bucket(mp_lat_edge(i + 1) - 1), i);
		/* no bucket is wider than a sixteenth of what it holds */
		if (i >= MP_LAT_SUB)
			assert_true((mp_lat_edge(i + 1) - mp_lat_edge(i)) * 16 <= mp_lat_edge(i));
	}
	assert_int_equal(mp_lat_edge(MP_LAT_BUCKETS), 1ULL << 40);
	assert_int_equal(mp_lat_bucket(UINT64_MAX), MP_LAT_BUCKETS - 1);
	assert_int_equal(mp_lat_bucket(0), 0);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void test_quantiles(void **state)
{
	static const double q[] = {0.5, 0.9, 0.99, 0.999};
	static uint64_t v[10000];
	uint64_t count[MP_LAT_BUCKETS] = {0};
	unsigned seed = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) { /* from 1 us to 100 ms, log-uniform */
		v[i] = (uint64_t)(1e3 * pow(1e5, rand_r(&seed) / (double)RAND_MAX));
		count[mp_lat_bucket(v[i])]++;
	}
	qsort(v, ARRAY_SIZE(v), sizeof(*v), by_value);
	for (size_t i = 0; i < ARRAY_SIZE(q); i++) {
		double exact = (double)v[(size_t)(q[i] * (double)ARRAY_SIZE(v))];
		double got = mp_latency_quantile(count, ARRAY_SIZE(v), q[i], v[ARRAY_SIZE(v) - 1]);

		assert_true(fabs(got - exact) / exact < 1.0 / 16);
	}
}

static void test_quantile_of_one(void **state)
{
	uint64_t count[MP_LAT_BUCKETS] = {0};

	(void)state;
	count[mp_lat_bucket(123456)] = 1;
	/* the longest is known exactly, so no quantile is above it */
	assert_true(mp_latency_quantile(count, 1, 0.99, 123456) <= 123456);
	assert_true(mp_latency_quantile(count, 1, 0.0, 123456) >= 123456 * 15 / 16);
	memset(count, 0, sizeof(count));
	count[MP_LAT_BUCKETS - 1] =
		5; /* beyond the last edge: what was the longest is all that is known */
	assert_true(mp_latency_quantile(count, 5, 1.0, 1ULL << 41) <= (double)(1ULL << 41));
}

static void test_classes(void **state)
{
	unsigned all = 0;

	(void)state;
	assert_int_equal(mp_latency_classes(MP_SCOPE_FRONTEND, -1), 1U << MP_CLASS_FRONTEND);
	assert_int_equal(mp_latency_classes(MP_SCOPE_FRONTEND, -1) |
				 mp_latency_classes(MP_SCOPE_WORKERS, -1),
			 mp_latency_classes(MP_SCOPE_ALL, -1));
	assert_int_equal(mp_latency_classes(MP_SCOPE_SYSTEM, -1), (1U << MP_CLASSES) - 1);
	assert_false(mp_latency_classes(MP_SCOPE_ALL, -1) & 1U << MP_CLASS_NONE);
	for (int m = 0; m < 100; m++)
		all |= mp_latency_classes(MP_SCOPE_WORKERS, m);
	/* the first models have one each, the others share the one of workers */
	assert_int_equal(all, mp_latency_classes(MP_SCOPE_WORKERS, -1));
	assert_int_equal(mp_latency_classes(MP_SCOPE_WORKERS, 99), 1U << MP_CLASS_WORKER);
	assert_int_equal(mp_class_of(MP_ROLE_OTHER, 3), MP_CLASS_NONE);
}

static void test_names(void **state)
{
	static const struct {
		const char *text;
		enum mp_scope scope;
		int op;
		const char *model;
	} good[] = {
		{"p99_workers_runq_latency_seconds", MP_SCOPE_WORKERS, MP_LT_OP_P99, ""},
		{"COUNT_frontend_runq_latency_seconds", MP_SCOPE_FRONTEND, MP_LT_OP_COUNT, ""},
		{"max_all_runq_latency_seconds@Squeeze", MP_SCOPE_ALL, MP_LT_OP_MAX, "Squeeze"},
	};
	static const char *const bad[] = {
		"p99_runq_latency_seconds",
		"min_workers_runq_latency_seconds",
		"p99_system_runq_latency_seconds",
		"p99_workers_runq_latency_seconds@a#1",
		"max_frontend_runq_latency_seconds@a",
		"p99_workers_runq_latency_second",
	};
	struct mp_name n;
	char note[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(mp_name_parse(good[i].text, &n, note, sizeof(note)), 0);
		assert_int_equal(n.family, MP_FAM_LATENCY);
		assert_int_equal(n.scope, good[i].scope);
		assert_int_equal(n.arg, good[i].op);
		assert_string_equal(n.model, good[i].model);
		assert_int_equal(mp_name_info(&n).groups, MP_GROUP_RUNQ);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (mp_name_parse(bad[i], &n, note, sizeof(note)) == 0)
			fail_msg("'%s' is taken for a name", bad[i]);
	assert_int_equal(mp_metric_kind("sum_workers_runq_latency_seconds"), MP_KIND_COUNTER);
	assert_int_equal(mp_metric_kind("p50_workers_runq_latency_seconds"), MP_KIND_GAUGE);
	assert_int_equal(mp_metric_unit("count_all_runq_latency_seconds"), MP_UNIT_COUNT);
	assert_int_equal(mp_metric_better("count_all_runq_latency_seconds"), MP_BETTER_NONE);
}

/* --- a view without a kernel ----------------------------------------------------------------- */

static struct mp_lat lats[_MP_LAT_MAX * MP_CLASSES];
static struct mp_lat_max maxes[2];
static struct mp_probes probes = {.lat = lats, .max = maxes, .n_cpus = 2};

static struct mp_probes *give_probes(struct mp_source *s)
{
	(void)s;
	return &probes;
}

static void happen(unsigned class_id, uint64_t ns, int cpu)
{
	struct mp_lat *l = &lats[MP_LAT_RUNQ * MP_CLASSES + class_id];

	l->sum_ns += ns;
	l->count[mp_lat_bucket(ns)]++;
	if (ns > maxes[cpu].ns[MP_LAT_RUNQ][class_id])
		maxes[cpu].ns[MP_LAT_RUNQ][class_id] = ns;
}

static int add(struct mp_latencies *l, struct mp_source *s, const char *name)
{
	struct mp_name n;
	char note[256];

	assert_int_equal(mp_name_parse(name, &n, note, sizeof(note)), 0);
	return mp_latencies_select(l, s, &n);
}

static void test_intervals(void **state)
{
	static char squeeze[] = "squeeze";
	struct mp_model models[] = {{.name = squeeze}};
	struct mp_tree t = {.models = models, .n_models = 1};
	const struct mp_source_ops ops = {.probes = give_probes};
	struct mp_source s = {.ops = &ops};
	struct mp_latencies l = {0};
	int workers = add(&l, &s, "p99_workers_runq_latency_seconds"),
	    all = add(&l, &s, "p99_all_runq_latency_seconds"),
	    model = add(&l, &s, "p99_workers_runq_latency_seconds@SQUEEZE"),
	    stranger = add(&l, &s, "p99_workers_runq_latency_seconds@other");
	struct mp_value v;

	(void)state;
	assert_int_equal(add(&l, &s, "max_workers_runq_latency_seconds"), workers);
	happen(MP_CLASS_WORKER, 5000000, 0); /* before: in no interval of ours */
	mp_latencies_update(&l);
	assert_false(mp_latencies_get(&l, &t, workers, MP_LT_OP_COUNT).valid); /* not attached */
	probes.on = MP_GROUP_RUNQ;
	mp_latencies_update(&l);
	assert_true(mp_latencies_get(&l, &t, workers, MP_LT_OP_COUNT).v == 1);
	assert_false(mp_latencies_get(&l, &t, workers, MP_LT_OP_P99).valid);
	happen(MP_CLASS_MODEL, 1000000, 0);
	happen(MP_CLASS_MODEL, 3000000, 1);
	happen(MP_CLASS_WORKER, 2000000, 1);
	happen(MP_CLASS_FRONTEND, 9000000, 0);
	happen(MP_CLASS_NONE, 99000000, 0);
	mp_latencies_update(&l);
	assert_true(mp_latencies_get(&l, &t, workers, MP_LT_OP_COUNT).v == 4);
	assert_true(fabs(mp_latencies_get(&l, &t, workers, MP_LT_OP_SUM).v - 0.011) < 1e-12);
	assert_true(mp_latencies_get(&l, &t, workers, MP_LT_OP_MAX).v == 0.003);
	assert_true(mp_latencies_get(&l, &t, all, MP_LT_OP_MAX).v == 0.009);
	assert_true(mp_latencies_get(&l, &t, model, MP_LT_OP_MAX).v == 0.003);
	v = mp_latencies_get(&l, &t, workers, MP_LT_OP_AVG);
	assert_true(v.valid && fabs(v.v - 0.002) < 1e-12);
	v = mp_latencies_get(&l, &t, model, MP_LT_OP_P50);
	assert_true(v.valid && fabs(v.v - 0.001) < 0.0001);
	assert_false(mp_latencies_get(&l, &t, stranger, MP_LT_OP_COUNT).valid);
	mp_latencies_update(&l); /* nothing happened: no latency, not one of 0 */
	assert_false(mp_latencies_get(&l, &t, workers, MP_LT_OP_P99).valid);
	assert_true(mp_latencies_get(&l, &t, workers, MP_LT_OP_COUNT).v == 4);
	mp_latencies_done(&l);
	assert_null(probes.users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),         cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_quantile_of_one), cmocka_unit_test(test_classes),
		cmocka_unit_test(test_names),           cmocka_unit_test(test_intervals),
	};

	return cmocka_run_group_tests_name("metrics latency", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Which stored run a run is measured against. */
#include "unit/results/compare_fixture.h"

#include <unistd.h>

/* A stored run of one suite in out: verdict and state as given. */
static void store(const char *out, const char *name, const char *env, const char *state_name,
		  int exit_code, const char *suite)
{
	_cleanup_free_ char *dir = mp_path_join(out, name), *text = NULL;

	assert_int_equal(mp_mkdir_p(dir, 0755), 0);
	text = mp_asprintf(
		"{\"schema\":1,\"state\":\"%s\",\"env\":\"%s\",\"commit\":\"c\",\"started\":"
		"1,\"verdict\":\"%s\",\"exit_code\":%d,\"suites\":[{\"name\":\"%s\",\"dir\":"
		"\"s\",\"verdict\":\"passed\",\"cases\":[]}]}",
		state_name, env, exit_code ? "failed" : "passed", exit_code, suite);
	put_file(dir, "run.json", text);
}

static void test_baseline(void **state)
{
	_cleanup_free_ char *out = fresh_dir("store"), *own = mp_path_join(out, "vm__c__900");
	_cleanup_(mp_run_done) struct mp_run head = make_run(own, "vm", NULL, 4, 100, 1);
	_cleanup_run_ struct mp_run *base = NULL;

	(void)state;
	assert_int_equal(mp_baseline_find(out, &head, &base), -ENOENT);
	store(out, "vm__c__900", "vm", "finished", 0, "inference"); /* itself */
	store(out, "vm__c__850", "vm", "running", 0, "inference");
	store(out, "vm__c__800", "vm", "finished", 3, "inference");
	store(out, "ci__c__790", "ci", "finished", 0, "inference");
	store(out, "vm__x__780", "vm", "finished", 0, "something-else");
	assert_int_equal(mp_baseline_find(out, &head, &base), -ENOENT);
	store(out, "vm__c__99", "vm", "finished", 0, "inference");
	store(out, "vm__c-dirty__700", "vm", "finished", 0, "inference");
	store(out, "vm2__c__750", "vm2", "finished", 0, "inference");
	put_file(out, "vm__c__760", "no folder");
	assert_int_equal(mp_baseline_find(out, &head, &base), 0);
	assert_true(mp_ends_with(base->dir, "/vm__c-dirty__700")); /* newest by number, not text */
	assert_int_equal(mp_baseline_find("/nonexistent/out", &head, &base), -ENOENT);
}

static const char *baseline_of(const char *out, const struct mp_run *head)
{
	static char name[64];
	_cleanup_run_ struct mp_run *base = NULL;

	if (mp_baseline_find(out, head, &base) < 0)
		return "none";
	(void)snprintf(name, sizeof(name), "%s", strrchr(base->dir, '/') + 1);
	return name;
}

static void set_latest(const char *out, const char *id)
{
	_cleanup_free_ char *link = mp_path_join(out, "latest");

	assert_int_equal(mp_symlink_atomic(id, link), 0);
}

static void test_baseline_of_the_same_length(void **state)
{
	_cleanup_free_ char *out = fresh_dir("quick"), *own = mp_path_join(out, "vm__c__900");
	_cleanup_free_ char *quick = mp_path_join(out, "vm__c__800");
	_cleanup_(mp_run_done) struct mp_run head = make_run(own, "vm", NULL, 4, 100, 1);
	_cleanup_run_ struct mp_run *r = NULL;

	(void)state;
	store(out, "vm__c__700", "vm", "finished", 0, "inference");
	store(out, "vm__c__800", "vm", "finished", 0, "inference");
	assert_int_equal(mp_store_load(quick, &r, NULL), 0);
	assert_double_equal(r->hold_cap_s, 0, 0); /* of before there was such a field */
	r->hold_cap_s = 8;
	assert_int_equal(mp_store_publish(r, NULL), 0);
	mp_run_free(TAKE_PTR(r));
	assert_int_equal(mp_store_load(quick, &r, NULL), 0);
	assert_double_equal(r->hold_cap_s, 8, 0);
	assert_string_equal(baseline_of(out, &head), "vm__c__700"); /* though 'latest' is quick */
	head.hold_cap_s = 8;
	assert_string_equal(baseline_of(out, &head), "vm__c__800");
	head.hold_cap_s = 5;
	assert_string_equal(baseline_of(out, &head), "none");
}

/* 900, 950, then the clock is set back, 500, 510, 520. */
static void test_baseline_when_the_clock_went_back(void **state)
{
	_cleanup_free_ char *out = fresh_dir("clock"), *own = mp_path_join(out, "vm__c__520");
	_cleanup_(mp_run_done) struct mp_run head = make_run(own, "vm", NULL, 4, 100, 1);

	(void)state;
	store(out, "vm__c__900", "vm", "finished", 0, "inference");
	store(out, "vm__c__950", "vm", "finished", 0, "inference");
	store(out, "vm__c__500", "vm", "finished", 0, "inference");
	store(out, "vm__c__510", "vm", "finished", 0, "inference");
	store(out, "vm__c__520", "vm", "running", 0, "inference");
	assert_string_equal(baseline_of(out, &head), "vm__c__950");
	set_latest(out, "vm__c__510"); /* what was published last is the newest */
	assert_string_equal(baseline_of(out, &head), "vm__c__510");
	store(out, "vm__c__510", "vm", "finished", 3, "inference");
	assert_string_equal(baseline_of(out, &head), "vm__c__950");
	/* judged again later, a run is measured against what was there before it */
	set_latest(out, "vm__c__520");
	head.stored = true;
	assert_string_equal(baseline_of(out, &head), "vm__c__500");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_baseline),
		cmocka_unit_test(test_baseline_of_the_same_length),
		cmocka_unit_test(test_baseline_when_the_clock_went_back),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

// SPDX-License-Identifier: GPL-2.0-only
/* The recording against a made-up view: this file stands in for src/metrics. */
#include "unit.h"

#include "sinks/agent_private.h"

#include <mmsperf/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const char *const recorded[] = {"total_workers", "sum_workers_cpu_percent",
				       "sum_workers_memory_rss", "frontend_cpu_percent"};
static struct mp_value values[8];

int mp_view_select(struct mp_view *v, const char *name, struct mp_sel *ret_sel,
		   const char **ret_note)
{
	(void)v;
	(void)ret_note;
	*ret_sel = (struct mp_sel){.known = strcmp(name, "bogus") != 0, .metric = 7};
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++)
		if (!strcmp(recorded[i], name))
			ret_sel->metric = (int16_t)i;
	if (!strcmp(name, "grouped"))
		ret_sel->groups = MP_GROUP_SCHED;
	return 0;
}

struct mp_value mp_view_get(struct mp_view *v, const struct mp_sel *sel)
{
	(void)v;
	return values[sel->metric];
}

struct mp_value mp_view_get_proc(struct mp_view *v, const struct mp_sel *sel,
				 const struct mp_proc *p)
{
	(void)v;
	return (struct mp_value){p->cur.tgid + sel->metric, sel->metric == 1 || p->cur.tgid == 10};
}

const char *const *mp_metric_recorded(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(recorded);
	return recorded;
}

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/mmsperf-recorder-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return mp_rm_rf(dir);
}

static char *content(const char *name)
{
	_cleanup_free_ char *path = mp_path_join(dir, name);
	char *text;
	size_t n;

	assert_int_equal(mp_read_file(path, 1 << 20, &text, &n), 0);
	return text;
}

static void expect_file(const char *name, const char *wanted)
{
	_cleanup_free_ char *text = content(name);

	assert_string_equal(text, wanted);
}

static struct mp_model models[] = {{.name = (char *)"digits"}, {.name = (char *)"a,\"b"}};
static struct mp_proc procs[] = {
	{.cur.tgid = 1, .role = MP_ROLE_FRONTEND, .model = -1, .slot = -1},
	{.cur.tgid = 9, .role = MP_ROLE_WORKER, .is_parent = true, .model = 0, .slot = -1},
	{.cur.tgid = 10, .role = MP_ROLE_WORKER, .model = 0, .slot = 0},
	{.cur.tgid = 11, .role = MP_ROLE_WORKER, .model = 1, .slot = 3},
	{.cur.tgid = 12, .role = MP_ROLE_WORKER, .model = -1, .slot = 0},
};
static const struct mp_tree tree = {
	.procs = procs, .n = ARRAY_SIZE(procs), .models = models, .n_models = ARRAY_SIZE(models)};
static const struct mp_tree empty;

static struct mp_recorder *start(const char *const *extra, size_t n, struct mp_needs *ret_needs)
{
	struct mp_recorder *r;
	struct mp_diag d = {0};

	assert_int_equal(mp_recorder_new(dir, &r, &d), 0);
	assert_int_equal(mp_recorder_start(r, NULL, extra, n, ret_needs, &d), 0);
	return r;
}

static void rows(void **state)
{
	static const char *const extra[] = {"grouped", "total_workers", "x,y", "bogus", "grouped"};
	struct mp_diag d = {0};
	struct mp_recorder *r;
	struct mp_needs needs = {0};

	(void)state;
	r = start(extra, ARRAY_SIZE(extra), &needs);
	assert_int_equal(needs.groups, MP_GROUP_SCHED);
	values[0] = (struct mp_value){2, true};
	values[1] = (struct mp_value){12.3456789, true};
	values[2] = (struct mp_value){0, false};
	values[3] = (struct mp_value){8589934592, true};
	values[7] = (struct mp_value){0.5, true};
	assert_int_equal(mp_recorder_sample(r, NULL, &empty, 1700000000.1234, &d), 0);
	expect_file("metrics.csv",
		    "ts,total_workers,sum_workers_cpu_percent,sum_workers_memory_rss,"
		    "frontend_cpu_percent,grouped,\"x,y\",bogus\n"
		    "1700000000.123,2,12.3456789,,8589934592,0.5,0.5,\n");
	expect_file("workers.csv", "ts,model,slot,pid,metric,value\n");
	assert_int_equal(mp_recorder_sample(r, NULL, &tree, 1700000001, &d), 0);
	/* no frontend, no listener, no value that is not there */
	expect_file("workers.csv", "ts,model,slot,pid,metric,value\n"
				   "1700000001.000,digits,0,10,cpu_percent,11\n"
				   "1700000001.000,digits,0,10,memory_rss,12\n"
				   "1700000001.000,\"a,\"\"b\",3,11,cpu_percent,12\n"
				   "1700000001.000,,0,12,cpu_percent,13\n");
	mp_recorder_free(r);
}

/* RLIMIT_FSIZE refuses a write in its middle, as a full disk does. */
static void a_row_that_does_not_fit_is_taken_back(void **state)
{
	struct rlimit old, tight;
	struct mp_diag d = {0};
	_cleanup_free_ char *text = NULL;
	struct mp_recorder *r;
	struct mp_needs needs;
	int e = 0, n = 0;

	(void)state;
	r = start(NULL, 0, &needs);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = 300;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	while (n < 100 && e == 0) {
		e = mp_recorder_sample(r, NULL, &empty, 1700000000 + n, &d);
		n++;
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(e, -EFBIG);
	assert_non_null(strstr(d.msg, "metrics.csv"));
	text = content("metrics.csv");
	assert_true(strlen(text) > 200);
	assert_int_equal(text[strlen(text) - 1], '\n');
	mp_recorder_free(r);
}

static void a_folder_that_cannot_be_made(void **state)
{
	_cleanup_free_ char *file = mp_path_join(dir, "file"), *below = mp_path_join(file, "x");
	struct mp_recorder *r = NULL;
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_write_file(file, "x", 1, 0644), 0);
	assert_true(mp_recorder_new(below, &r, &d) < 0);
	assert_null(r);
	assert_non_null(strstr(d.msg, below));
	assert_true(mp_recorder_new(file, &r, &d) < 0);
	assert_null(r);
}

static void an_old_recording_is_replaced(void **state)
{
	struct mp_recorder *r;
	struct mp_needs needs;

	(void)state;
	r = start(NULL, 0, &needs);
	mp_recorder_free(r);
	r = start(NULL, 0, &needs);
	expect_file("workers.csv", "ts,model,slot,pid,metric,value\n");
	mp_recorder_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_row_that_does_not_fit_is_taken_back, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_made, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(an_old_recording_is_replaced, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("sinks/recorder", tests, NULL, NULL);
}

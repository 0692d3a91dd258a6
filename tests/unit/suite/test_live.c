// SPDX-License-Identifier: GPL-2.0-only
/* live.c: files that grow, in pieces; tally.c: verdicts that change from run to run. */
#include "unit.h"

#include "suite/live.h"
#include "suite/tally.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static char root[64];

static int set_up(void **state)
{
	(void)state;
	(void)strcpy(root, "/tmp/mmsperf-live.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return mp_rm_rf(root);
}

static void add(const char *name, const char *text)
{
	_cleanup_free_ char *path = mp_path_join(root, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(mp_write_all(fd, text, strlen(text)), 0);
}

static void test_requests_in_pieces(void **state)
{
	struct mp_live l;
	char text[300];

	(void)state;
	assert_int_equal(mp_live_init(&l, root, NULL, 0), 0);
	mp_live_read(&l); /* nothing is there yet */
	mp_live_text(&l, text, sizeof(text));
	assert_string_equal(text, "");
	add("kpi.jtl", "timeStamp,elapsed,label,responseMessage,succ");
	mp_live_read(&l);
	add("kpi.jtl", "ess\n1000000,10,\"a, \"\"b\"\"\",OK,true\n10010");
	mp_live_read(&l);
	assert_double_equal(l.samples, 1, 0);
	add("kpi.jtl",
	    "00,30,a,OK,true\n1001500,20,a,bad,false\nnot a line\n1002000,5,a,OK,true\n");
	add("kpi-1.jtl", "elapsed,success,timeStamp\n40,true,1001000\n");
	mp_live_read(&l);
	assert_double_equal(l.samples, 5, 0);
	assert_double_equal(l.failed, 1, 0);
	/* seconds 1000 and 1001 (the newest, 1002, is not over): 10, 30, 20 and 40 ms in 3 s */
	mp_live_text(&l, text, sizeof(text));
	assert_string_equal(text, "1.33 req/s  25 ms  1 error");
	mp_live_done(&l);
}

static void test_metrics(void **state)
{
	static const char *const names[] = {"sum_workers_memory_rss", "nowhere"};
	struct mp_live l;
	char text[300];

	(void)state;
	assert_int_equal(mp_live_init(&l, root, names, 2), 0);
	add("metrics.csv", "ts,sum_all_cpu_percent,sum_workers_memory_rss\n1,2,250000000\n2,3,");
	mp_live_read(&l);
	mp_live_text(&l, text, sizeof(text));
	assert_string_equal(text, "sum_workers_memory_rss 250 MB");
	add("metrics.csv", "\n"); /* an empty cell */
	mp_live_read(&l);
	assert_true(isnan(l.value[0]));
	mp_live_done(&l);
}

static void test_endless_line_is_bounded(void **state)
{
	_cleanup_free_ char *line = malloc(600001);
	struct mp_live l;

	(void)state;
	memset(line, 'x', 600000);
	line[600000] = '\0';
	assert_int_equal(mp_live_init(&l, root, NULL, 0), 0);
	add("kpi.jtl", line);
	mp_live_read(&l);
	assert_true(l.jtl[0].len <= 512 * 1024);
	mp_live_done(&l);
}

static struct mp_run run_of(enum mp_verdict suite, enum mp_verdict kase, struct mp_case *c,
			    struct mp_suite_result *s)
{
	*c = (struct mp_case){.name = (char *)"p90", .verdict = kase};
	*s = (struct mp_suite_result){
		.name = (char *)"a", .verdict = suite, .cases = c, .n_cases = 1};
	return (struct mp_run){.suites = s, .n_suites = 1};
}

static void test_tally(void **state)
{
	struct mp_tally t = {0};
	struct mp_suite_result s;
	struct mp_case c;
	struct mp_run r = run_of(MP_PASSED, MP_PASSED, &c, &s);
	char text[300] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(f);
	assert_int_equal(mp_tally_add(&t, &r), 0);
	assert_int_equal(mp_tally_add(&t, &r), 0);
	assert_int_equal(mp_tally_changed(&t), 0);
	r = run_of(MP_SKIPPED, MP_SKIPPED, &c, &s); /* say, without a baseline */
	assert_int_equal(mp_tally_add(&t, &r), 0);
	assert_int_equal(mp_tally_changed(&t), 0);
	r = run_of(MP_FAILED, MP_FAILED, &c, &s);
	assert_int_equal(mp_tally_add(&t, &r), 0);
	assert_int_equal(mp_tally_changed(&t), 2);
	mp_tally_print(&t, f);
	(void)fclose(f);
	assert_non_null(strstr(text, "4 runs, 1 suite, 1 case: 2 changed their verdict"));
	assert_non_null(strstr(text, "a: p90: 2 passed 1 skipped 1 failed"));
	mp_tally_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_requests_in_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_metrics, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_endless_line_is_bounded, set_up, tear_down),
		cmocka_unit_test(test_tally),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include "proc/pid.h"

#include <mmsperf/abi.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define STAT_TAIL                                                                                   \
	" S 12 42 42 0 -1 4194368 1111 0 22 0 33 44 0 0 20 0 5 0 88375 3133440 408 "                \
	"18446744073709551615 1 1 140720560188128 0 0 0 0 0 0 0 0 0 17 1 0 0 77 0 0 1 1 1 1 1 1 1 " \
	"15\n"

static void stat_fields(void **state)
{
	struct mp_pid_stat st;

	(void)state;
	assert_int_equal(mp_pid_stat_parse("42 (python3)" STAT_TAIL, &st), 0);
	assert_int_equal(st.pid, 42);
	assert_int_equal(st.ppid, 12);
	assert_int_equal(st.state, 'S');
	assert_string_equal(st.comm, "python3");
	assert_int_equal(st.flags & MP_PF_FORKNOEXEC, MP_PF_FORKNOEXEC);
	assert_int_equal(st.minflt, 1111);
	assert_int_equal(st.majflt, 22);
	assert_int_equal(st.utime, 33);
	assert_int_equal(st.stime, 44);
	assert_int_equal(st.threads, 5);
	assert_int_equal(st.start, 88375);
	assert_int_equal(st.start_stack, 140720560188128);
	assert_int_equal(st.blkio, 77);
	assert_int_equal(st.exit_code, 15);
}

static void hostile_names(void **state)
{
	struct mp_pid_stat st;

	(void)state;
	assert_int_equal(mp_pid_stat_parse("42 (a) S 1 (b\n) )" STAT_TAIL, &st), 0);
	assert_int_equal(st.ppid, 12);
	assert_string_equal(st.comm, "a) S 1 (b\n) ");
}

static void cut_stat_is_refused(void **state)
{
	struct mp_pid_stat st = {.pid = 7};

	(void)state;
	assert_int_equal(mp_pid_stat_parse("", &st), -EINVAL);
	assert_int_equal(mp_pid_stat_parse("42 (x", &st), -EINVAL);
	assert_int_equal(mp_pid_stat_parse("42 (x)", &st), -EINVAL);
	assert_int_equal(mp_pid_stat_parse("42 (x) S 1 2 3", &st), -EINVAL);
	assert_int_equal(st.pid, 7);
}

static void status_memory(void **state)
{
	struct mp_rec r = {0};
	const char *text = "Name:\tx\nVmPeak:\t 99 kB\nVmSize:\t    3060 kB\nVmLck:\t0 kB\n"
			   "VmPin:\t0 kB\nVmHWM:\t    1680 kB\nVmRSS:\t    1672 kB\n"
			   "RssAnon:\t     112 kB\nRssFile:\t    1552 kB\nRssShmem:\t       8 kB\n"
			   "VmData:\t 1 kB\nVmSwap:\t      12 kB\n";

	(void)state;
	assert_true(mp_pid_status_parse(text, 4096, &r));
	assert_int_equal(r.vm_pages, 765);
	assert_int_equal(r.hiwater_pages, 420);
	assert_int_equal(r.rss_anon_pages, 28);
	assert_int_equal(r.rss_file_pages, 388);
	assert_int_equal(r.rss_shmem_pages, 2);
	assert_int_equal(r.swap_pages, 3);
	/* a zombie's has no memory lines: absent, and nothing is touched */
	assert_false(mp_pid_status_parse("Name:\tx\nState:\tZ\n", 4096, &r));
	assert_int_equal(r.swap_pages, 3);
}

static void io_counters(void **state)
{
	struct mp_rec r = {0};

	(void)state;
	assert_true(mp_pid_io_parse("rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\n"
				    "write_bytes: 6\ncancelled_write_bytes: 7\n",
				    &r));
	assert_int_equal(r.rchar, 1);
	assert_int_equal(r.wchar, 2);
	assert_int_equal(r.syscr, 3);
	assert_int_equal(r.syscw, 4);
	assert_int_equal(r.read_bytes, 5);
	assert_int_equal(r.write_bytes, 6);
	assert_false(mp_pid_io_parse("rchar: 1\nwchar: 2\n", &r));
}

#define FRONTEND(s) mp_cmd_is_frontend(s, sizeof(s) - 1)

static void frontends(void **state)
{
	(void)state;
	assert_true(FRONTEND("/usr/bin/java\0-cp\0x\0com.amazonaws.ml.mms.ModelServer\0-f\0y"));
	assert_true(FRONTEND("java\0org.pytorch.serve.ModelServer"));
	assert_false(FRONTEND("grep\0com.amazonaws.ml.mms.ModelServer"));
	assert_false(FRONTEND("pgrep\0-f\0com.amazonaws.ml.mms.ModelServer"));
	assert_false(FRONTEND("timeout\00060\0java\0com.amazonaws.ml.mms.ModelServer"));
	assert_false(FRONTEND("sh\0-c\0java com.amazonaws.ml.mms.ModelServer"));
	assert_false(FRONTEND("com.amazonaws.ml.mms.ModelServer"));
	assert_false(FRONTEND(""));
}

#define MODEL(s) mp_cmd_model(s, sizeof(s) - 1)

static void models(void **state)
{
	(void)state;
	assert_string_equal(MODEL("python\0w.py\0--model-name\0noop\0--tmp-dir\0/tmp"), "noop");
	assert_string_equal(MODEL("python\0w.py\0--model-name=a b"), "a b");
	assert_null(MODEL("python\0w.py\0--model-name"));
	assert_null(MODEL("python\0w.py\0--model-names\0x"));
	assert_null(MODEL("python"));
}

static void own_command_line(void **state)
{
	_cleanup_free_ char *argv = NULL, *joined = NULL;
	size_t len;

	(void)state;
	assert_int_equal(mp_pid_cmdline(getpid(), &argv, &len), 0);
	assert_true(len > 0);
	assert_string_equal(mp_cmd_program(argv, len), "test_pid");
	joined = mp_cmd_join("a\0b c\0", 6);
	assert_string_equal(joined, "a b c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_fields),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(cut_stat_is_refused),
		cmocka_unit_test(status_memory),
		cmocka_unit_test(io_counters),
		cmocka_unit_test(frontends),
		cmocka_unit_test(models),
		cmocka_unit_test(own_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

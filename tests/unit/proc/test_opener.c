// SPDX-License-Identifier: GPL-2.0-only
/* What the opener opens, by a path's text alone. What it does as a process:
 * tests/bpf/test_opener.c. */
#include "unit.h"

#include <mmsperf/opener.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static char *dirs[] = {(char *)"/srv/mms/logs", (char *)"/var/log/ts"};

static const struct {
	const char *path;
	enum mp_opener_rule rule;
	size_t below;
} rows[] = {
	{"/tmp/hsperfdata_root/16325", MP_OPENER_HSPERF, 0},
	{"/srv/tmp/hsperfdata_model server/1", MP_OPENER_HSPERF, 0},
	{"/tmp/hsperfdata_root/16325x", MP_OPENER_NO, 0},
	{"/tmp/hsperfdata_root/", MP_OPENER_NO, 0},
	{"/tmp/hsperfdata_root/1/2", MP_OPENER_NO, 0},
	{"/tmp/xhsperfdata_root/1", MP_OPENER_NO, 0},
	{"/tmp/hsperf/1", MP_OPENER_NO, 0},
	{"/1", MP_OPENER_NO, 0},
	{"/root/x/logs/mms_metrics.log", MP_OPENER_METRICS_LOG, 0},
	{"/root/x/logs/model_metrics.log", MP_OPENER_METRICS_LOG, 0},
	{"/root/x/logs/ts_metrics.log", MP_OPENER_METRICS_LOG, 0},
	{"/root/x/logs/access_log.log", MP_OPENER_NO, 0},
	{"/var/log/auth.log", MP_OPENER_NO, 0},
	{"/srv/mms/logs/access_log.log", MP_OPENER_LOG, 0},
	{"/var/log/ts/deep/x.log", MP_OPENER_LOG, 1},
	{"/var/log/tsx/x.log", MP_OPENER_NO, 0},
	{"/var/log/ts/x.txt", MP_OPENER_NO, 0},
	{"/var/log/ts/.log", MP_OPENER_NO, 0},
	/* ways around */
	{"/var/log/ts/../auth.log", MP_OPENER_NO, 0},
	{"/var/log/ts/./x.log", MP_OPENER_NO, 0},
	{"/var/log/ts//x.log", MP_OPENER_NO, 0},
	{"/var/log/ts/..", MP_OPENER_NO, 0},
	{"/tmp/../etc/hsperfdata_x/1", MP_OPENER_NO, 0},
	{"/proc/1/root/tmp/hsperfdata_root/1", MP_OPENER_NO, 0},
	{"tmp/hsperfdata_root/1", MP_OPENER_NO, 0},
	{"", MP_OPENER_NO, 0},
	{"/", MP_OPENER_NO, 0},
	{"/etc/shadow", MP_OPENER_NO, 0},
};

static void rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t below = 99;
		enum mp_opener_rule r =
			mp_opener_rule(rows[i].path, dirs, ARRAY_SIZE(dirs), &below);

		if (r != rows[i].rule)
			print_error("'%s' is %d\n", rows[i].path, (int)r);
		assert_int_equal(r, rows[i].rule);
		if (r == MP_OPENER_LOG)
			assert_int_equal(below, rows[i].below);
	}
}

static void very_long(void **state)
{
	char *path = malloc(PATH_MAX + 64);
	size_t below;

	(void)state;
	assert_non_null(path);
	memset(path, 'a', PATH_MAX + 63);
	path[0] = '/';
	strcpy(path + PATH_MAX + 40, "/ts_metrics.log");
	assert_int_equal(mp_opener_rule(path, dirs, ARRAY_SIZE(dirs), &below), MP_OPENER_NO);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rules), cmocka_unit_test(very_long)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

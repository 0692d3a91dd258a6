// SPDX-License-Identifier: GPL-2.0-only
/* Pressure files and control groups: recorded texts of v1, v2 and hybrid machines, then this one's.
 */
#include "unit.h"

#include "metrics/plus.h"
#include "metrics/servercg.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void pressure_text(void **state)
{
	uint64_t some = 7, full = 7;

	(void)state;
	assert_int_equal(
		mp_pressure_parse("some avg10=67.49 avg60=43.02 avg300=50.46 total=828422943\n"
				  "full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n",
				  &some, &full),
		0);
	assert_int_equal(some, 828422943);
	assert_int_equal(full, 12);
	/* cpu before 5.13 */
	assert_int_equal(
		mp_pressure_parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n", &some, &full),
		0);
	assert_true(full == UINT64_MAX);
	some = 7;
	assert_int_equal(mp_pressure_parse("", &some, &full), -EINVAL);
	assert_int_equal(mp_pressure_parse("some avg10=1.0\nfull total=5\n", &some, &full),
			 -EINVAL);
	assert_int_equal(mp_pressure_parse("some total=x\n", &some, &full), -EINVAL);
	assert_int_equal(some, 7);
}

static void rewrite(const char *path, const char *text)
{
	FILE *f = fopen(path, "w"); /* in place: the reader's descriptor stays */

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void share_of_an_interval(void **state)
{
	char path[] = "/tmp/mp-psi-XXXXXX";
	struct mp_value some = {0}, full = {0};
	struct mp_pressure p;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	rewrite(path, "some total=1000000\nfull total=500000\n");
	mp_pressure_open(&p, path);
	mp_pressure_update(&p, 10 * MP_NSEC_PER_SEC, &some, &full);
	assert_false(some.valid); /* the first has nothing to compare with */
	rewrite(path, "some total=1500000\nfull total=500000\n");
	mp_pressure_update(&p, 12 * MP_NSEC_PER_SEC, &some, &full);
	assert_double_equal(some.v, 25, 1e-9);
	assert_double_equal(full.v, 0, 0);
	rewrite(path, "some total=9500000\n");
	full.valid = false;
	mp_pressure_update(&p, 13 * MP_NSEC_PER_SEC, &some, &full);
	assert_double_equal(some.v, 100, 0); /* never more than all of the time */
	assert_false(full.valid);
	mp_pressure_close(&p);
	(void)unlink(path);
	mp_pressure_open(&p, path);
	assert_int_equal(p.error, -ENOENT);
}

/* --- control groups ----------------------------------------------------------------------------
 */

#define HYBRID                                                                                     \
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"                      \
	"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup "              \
	"rw,cpu,cpuacct\n"                                                                         \
	"33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"                        \
	"34 31 0:31 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
#define V2 "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 master:2 - cgroup2 cgroup2 rw\n"

static const struct {
	const char *cgroups, *mounts, *controller, *dir;
	int error;
} groups[] = {
	{"9:name=systemd:/\n2:cpu,cpuacct:/a/b\n4:memory:/m\n0::/u\n", HYBRID, "cpu",
	 "/sys/fs/cgroup/cpu,cpuacct/a/b", 0},
	{"9:name=systemd:/\n2:cpu,cpuacct:/a/b\n4:memory:/m\n0::/u\n", HYBRID, "memory",
	 "/sys/fs/cgroup/memory/m", 0},
	{"2:cpu,cpuacct:/a/b\n0::/u\n", HYBRID, NULL, "/sys/fs/cgroup/unified/u", 0},
	{"3:cpuset:/x\n2:cpuacct:/y\n", HYBRID, "cpu", NULL, -ENOENT},
	{"2:blkio:/\n", HYBRID, "blkio", NULL, -ENODEV},
	{"0::/system.slice/mms.service\n", V2, NULL, "/sys/fs/cgroup/system.slice/mms.service", 0},
	{"0::/\n", V2, NULL, "/sys/fs/cgroup", 0},
	/* in a container: the host's path, of which only the end is mounted */
	{"0::/docker/abc/x\n", "25 20 0:22 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro\n",
	 NULL, "/sys/fs/cgroup/x", 0},
	{"0::/docker/abcd\n", "25 20 0:22 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro\n",
	 NULL, "/sys/fs/cgroup/docker/abcd", 0},
	/* outside of this process's cgroup namespace */
	{"0::/../sibling\n", V2, NULL, NULL, -EXDEV},
	{"0::/a b\n", "25 20 0:22 / /sys/fs/c\\040g rw - cgroup2 cgroup2 rw\n", NULL,
	 "/sys/fs/c g/a b", 0},
	{"", V2, NULL, NULL, -ENOENT},
	{"garbage\n", V2, NULL, NULL, -ENOENT},
	{"0::/x\n", "garbage\n1 2 3\n - cgroup2\n", NULL, NULL, -ENODEV},
};

static void where_a_group_lies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		char *dir = NULL;
		size_t top = 0;
		int r = mp_servercg_find(groups[i].cgroups, groups[i].mounts, groups[i].controller,
					 &dir, &top);

		if (r != groups[i].error)
			print_error("row %zu: %d\n", i, r);
		assert_int_equal(r, groups[i].error);
		if (r == 0)
			assert_string_equal(dir, groups[i].dir);
		free(dir);
	}
}

static void throttling(void **state)
{
	struct mp_throttle t = {.periods = 7};

	(void)state;
	assert_int_equal(mp_throttle_parse("nr_periods 100\nnr_throttled 30\n"
					   "throttled_time 2500000000\nnr_bursts 0\n",
					   &t),
			 0);
	assert_int_equal(t.periods, 100);
	assert_int_equal(t.throttled, 30);
	assert_double_equal(t.seconds, 2.5, 1e-12);
	assert_int_equal(mp_throttle_parse("usage_usec 9\nuser_usec 5\nsystem_usec 4\n"
					   "core_sched.force_idle_usec 0\nnr_periods 5\n"
					   "nr_throttled 2\nthrottled_usec 1500000\n",
					   &t),
			 0);
	assert_double_equal(t.seconds, 1.5, 1e-12);
	/* the root of v2 has no limit */
	assert_int_equal(mp_throttle_parse("usage_usec 9\nuser_usec 5\nsystem_usec 4\n", &t),
			 -ENODATA);
	assert_double_equal(t.seconds, 1.5, 1e-12);
}

/* This process as the server: what is there must be a number, what is not must have a reason. */
static void here(void **state)
{
	static const int all[] = {MP_XM_CG_PERIODS, MP_XM_CG_THROTTLED, MP_XM_CG_THROTTLED_S,
				  MP_XM_CG_MEM,     MP_XM_CG_MEM_PEAK,  MP_XM_CG_MEM_RATIO,
				  MP_XM_CG_OOM,     MP_XM_CG_PSI_CPU,   MP_XM_CG_PSI_IO,
				  MP_XM_CG_PSI_MEM};
	struct mp_tree tree = {0};
	struct mp_server s = {.tree = &tree, .cmd = "", .now_ns = mp_now_ns()};
	void *g;

	(void)state;
	assert_int_equal(mp_servercg_reader.open(NULL, &g), 0);
	for (int round = 0; round < 3; round++) {
		struct mp_value v[_MP_XM_MAX] = {0};

		s.pid = round == 2 ? 0 : getpid();
		s.now_ns += MP_NSEC_PER_SEC;
		mp_servercg_reader.update(g, &s, v);
		for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
			if (round == 2)
				assert_false(v[all[i]].valid);
			if (round >= 1 && !v[all[i]].valid)
				assert_non_null(mp_servercg_reader.why(g, all[i]));
			if (v[all[i]].valid)
				assert_true(v[all[i]].v >= 0);
		}
		if (round == 1 && v[MP_XM_CG_MEM].valid && v[MP_XM_CG_MEM_PEAK].valid)
			assert_true(v[MP_XM_CG_MEM_PEAK].v >= v[MP_XM_CG_MEM].v);
	}
	mp_servercg_reader.free(g);
}

static void the_monitor_itself(void **state)
{
	struct mp_tree tree = {0};
	struct mp_server s = {.tree = &tree, .cmd = "", .now_ns = mp_now_ns()};
	struct mp_value v[_MP_XM_MAX] = {0};
	uint64_t begun = mp_now_ns();
	volatile unsigned x = 0;
	void *self;

	(void)state;
	assert_int_equal(mp_self_reader.open(NULL, &self), 0);
	mp_self_reader.update(self, &s, v);
	assert_false(v[MP_XM_MON_CPU].valid);
	assert_true(v[MP_XM_MON_RSS].v > 500e3);
	while (mp_now_ns() - begun < MP_NSEC_PER_SEC / 20)
		x++;
	s.now_ns = mp_now_ns();
	mp_self_reader.update(self, &s, v);
	assert_true(v[MP_XM_MON_CPU].v > 5 && v[MP_XM_MON_CPU].v < 120);
	assert_false(v[MP_XM_MON_BPF_S].valid); /* no context: no source to ask */
	mp_self_reader.free(self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pressure_text),
		cmocka_unit_test(share_of_an_interval),
		cmocka_unit_test(where_a_group_lies),
		cmocka_unit_test(throttling),
		cmocka_unit_test(here),
		cmocka_unit_test(the_monitor_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

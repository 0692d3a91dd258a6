// SPDX-License-Identifier: GPL-2.0-only
#include "unit/results/scratch.h"

#include <mmsperf/fingerprint.h>
#include <mmsperf/results.h>

#define _cleanup_fp_ _cleanup_(mp_fingerprint_done)

/* A file at any depth below a machine's root. */
static void put(const char *root, const char *path, const char *text)
{
	_cleanup_free_ char *full = mp_path_join(root, path), *dir = strdup(full);

	*strrchr(dir, '/') = '\0';
	assert_int_equal(mp_mkdir_p(dir, 0755), 0);
	assert_int_equal(mp_write_file(full, text, strlen(text), 0644), 0);
}

/* Two cores of two threads each, in a Docker container on a virtual machine with control group 2.
 */
static char *make_machine(const char *name)
{
	char *root = fresh_dir(name);

	put(root, "proc/cpuinfo",
	    "processor\t: 0\nmodel name\t: Xeon(R) <b>Gold\nflags\t\t: fpu hypervisor lm\n");
	put(root, "proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\n");
	put(root, "proc/sys/kernel/osrelease", "6.1.0-21-amd64\n");
	put(root, "proc/self/cgroup", "0::/a/b\n");
	put(root, "proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-3\n");
	put(root, "proc/1/cgroup", "0::/\n");
	put(root, "etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n");
	put(root, "sys/devices/system/cpu/online", "0-3\n");
	for (int i = 0; i < 4; i++) {
		_cleanup_free_ char *p = mp_asprintf(
			"sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", i);
		_cleanup_free_ char *g =
			mp_asprintf("sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", i);

		put(root, p, i % 2 ? "1,3\n" : "0,2\n");
		put(root, g, "performance\n");
	}
	put(root, "sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
	put(root, "sys/class/dmi/id/sys_vendor", "QEMU\n");
	put(root, "sys/class/dmi/id/product_name", "Standard PC\n");
	put(root, ".dockerenv", "");
	put(root, "sys/fs/cgroup/a/cpu.max", "150000 100000\n");
	put(root, "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	put(root, "sys/fs/cgroup/a/memory.max", "max\n");
	put(root, "sys/fs/cgroup/a/b/memory.max", "1073741824\n");
	return root;
}

static void a_machine_in_words(void **state)
{
	static const struct {
		enum mp_fp_field f;
		const char *want;
	} want[] = {
		{MP_FP_CPU, "Xeon(R) <b>Gold"},
		{MP_FP_CPUS, "4"},
		{MP_FP_CORES, "2"},
		{MP_FP_MEMORY, "15.62 GiB"},
		{MP_FP_KERNEL, "6.1.0-21-amd64"},
		{MP_FP_OS, "Debian GNU/Linux 12"},
		{MP_FP_GOVERNOR, "performance"},
		{MP_FP_BOOST, "off"},
		{MP_FP_VIRT, "QEMU Standard PC"},
		{MP_FP_CONTAINER, "docker"},
		{MP_FP_CPU_LIMIT, "1.5 CPUs"},
		{MP_FP_MEM_LIMIT, "1024 MiB"},
		{MP_FP_SELF, MP_VERSION},
	};
	_cleanup_free_ char *root = make_machine("machine");
	_cleanup_fp_ struct mp_fingerprint fp = {0};

	(void)state;
	assert_int_equal(mp_fingerprint_machine(root, &fp), 0);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_non_null(fp.v[want[i].f]);
		assert_string_equal(fp.v[want[i].f], want[i].want);
	}
	assert_null(fp.v[MP_FP_JMETER]);
	assert_int_equal(strlen(fp.id), MP_FP_ID_LEN);
}

/* What the id of `change` applied to the same machine is: the same, or another one. */
static void check_id(const char *what, const char *path, const char *text, bool same)
{
	_cleanup_free_ char *root = make_machine("changed");
	_cleanup_fp_ struct mp_fingerprint before = {0}, after = {0};

	assert_int_equal(mp_fingerprint_machine(root, &before), 0);
	put(root, path, text);
	assert_int_equal(mp_fingerprint_machine(root, &after), 0);
	if (same != !strcmp(before.id, after.id))
		fail_msg("%s: %s and %s", what, before.id, after.id);
	assert_int_equal(mp_rm_rf(root), 0);
}

static void what_decides_the_id(void **state)
{
	(void)state;
	check_id("nothing", ".dockerenv", "", true);
	check_id("processor", "proc/cpuinfo", "model name : other\n", false);
	check_id("some MiB", "proc/meminfo", "MemTotal: 16300000 kB\n", true);
	check_id("memory", "proc/meminfo", "MemTotal: 8192000 kB\n", false);
	check_id("kernel's fixes", "proc/sys/kernel/osrelease", "6.1.9-rt", true);
	check_id("kernel", "proc/sys/kernel/osrelease", "6.12.1", false);
	check_id("distribution", "etc/os-release", "PRETTY_NAME=other\n", true);
	check_id("governor", "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "powersave",
		 false);
	check_id("boost", "sys/devices/system/cpu/intel_pstate/no_turbo", "0", false);
	check_id("quota", "sys/fs/cgroup/a/cpu.max", "50000 100000", false);
	check_id("a looser one above", "sys/fs/cgroup/cpu.max", "200000 100000", true);
	check_id("memory limit", "sys/fs/cgroup/a/memory.max", "1000000", false);
	check_id("CPU set", "proc/self/status", "Cpus_allowed_list:\t2\n", false);
	check_id("container", "proc/1/cgroup", "0::/kubepods/x\n", false);
}

static void control_groups_of_version_1(void **state)
{
	_cleanup_free_ char *root = make_machine("v1");
	_cleanup_fp_ struct mp_fingerprint fp = {0};

	(void)state;
	put(root, "proc/self/cgroup", "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/\n");
	put(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
	put(root, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
	put(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	assert_int_equal(mp_fingerprint_machine(root, &fp), 0);
	assert_string_equal(fp.v[MP_FP_CPU_LIMIT], "0.5 CPUs"); /* of its mount point */
	assert_string_equal(fp.v[MP_FP_MEM_LIMIT], "none");
}

static void a_machine_that_says_nothing(void **state)
{
	_cleanup_free_ char *root = fresh_dir("empty");
	_cleanup_fp_ struct mp_fingerprint fp = {0};

	(void)state;
	assert_int_equal(mp_fingerprint_machine(root, &fp), 0);
	assert_null(fp.v[MP_FP_CPU]);
	assert_string_equal(fp.v[MP_FP_CPU_LIMIT], "none");
	assert_int_equal(strlen(fp.id), MP_FP_ID_LEN);
}

static void this_machine(void **state)
{
	_cleanup_fp_ struct mp_fingerprint a = {0}, b = {0};
	char text[256];

	(void)state;
	assert_int_equal(mp_fingerprint_machine("", &a), 0);
	assert_int_equal(mp_fingerprint_machine("", &b), 0);
	assert_string_equal(a.id, b.id);
	assert_non_null(a.v[MP_FP_MEMORY]);
	assert_non_null(a.v[MP_FP_CPUS]);
	assert_string_equal(mp_fingerprint_diff(&a, &b, text, sizeof(text)), "");
}

static void versions_from_logs(void **state)
{
	_cleanup_free_ char *dir = fresh_dir("suite"), *home = fresh_dir("site-packages"),
			    *log = NULL, *text = NULL;
	_cleanup_fp_ struct mp_fingerprint fp = {0};

	(void)state;
	assert_int_equal(mp_fingerprint_suite_logs(dir, &fp), 0);
	assert_null(fp.v[MP_FP_BZT]);
	put_file(dir, "bzt.log", "[x INFO root] Taurus CLI Tool v1.17.2\n");
	assert_int_equal(mp_fingerprint_suite_logs(dir, &fp), 0);
	put_file(dir, "jmeter.log",
		 "INFO o.a.j.JMeter: Version 5.6.3\nINFO o.a.j.JMeter: java.version=17.0.15\n");
	put_file(dir, "bzt.log", "Taurus CLI Tool v9.9\n"); /* the first one seen stays */
	assert_int_equal(mp_fingerprint_suite_logs(dir, &fp), 0);
	assert_string_equal(fp.v[MP_FP_BZT], "1.17.2");
	assert_string_equal(fp.v[MP_FP_JMETER], "5.6.3");
	assert_string_equal(fp.v[MP_FP_JAVA], "17.0.15");
	put(home, "multi_model_server-1.1.11.dist-info/METADATA", "");
	text = mp_asprintf("x\nMMS Home: %s\n... - Python runtime: 3.11.7\n", home);
	put_file(dir, "server.log", text);
	log = mp_path_join(dir, "server.log");
	assert_int_equal(mp_fingerprint_server_log(log, &fp), 0);
	assert_string_equal(fp.v[MP_FP_SERVER], "Multi Model Server 1.1.11");
	assert_string_equal(fp.v[MP_FP_PYTHON], "3.11.7");
	assert_int_equal(mp_fingerprint_server_log(NULL, &fp), 0);
	assert_int_equal(mp_fingerprint_server_log("/nonexistent", &fp), 0);
}

static void differences_in_words(void **state)
{
	_cleanup_fp_ struct mp_fingerprint a = {.v[MP_FP_JMETER] = strdup("5.6.3"),
						.v[MP_FP_JAVA] = strdup("17"),
						.v[MP_FP_KERNEL] = strdup("6.1.2"),
						.v[MP_FP_BZT] = strdup("1")},
					   b = {.v[MP_FP_JMETER] = strdup("5.5"),
						.v[MP_FP_JAVA] = strdup("21"),
						.v[MP_FP_KERNEL] = strdup("6.1.9")};
	char text[256], small[12];

	(void)state;
	assert_string_equal(mp_fingerprint_diff(&a, &b, text, sizeof(text)),
			    "JMeter 5.6.3 / 5.5, Java 17 / 21");
	assert_int_equal(strlen(mp_fingerprint_diff(&a, &b, small, sizeof(small))), 11);
}

/* Through run.json and back; the first version's file, which has neither, is read as before. */
static void kept_with_the_run(void **state)
{
	_cleanup_free_ char *out = mp_path_join(scratch, "kept"), *old = fresh_dir("old"),
			    *text = get_file(MP_TEST_DATA, "golden/run-0.1.0.json");
	_cleanup_(mp_run_done) struct mp_run r = {
		.out = strdup(out), .env = strdup("e"), .commit = strdup("nogit")};
	_cleanup_run_ struct mp_run *back = NULL, *first = NULL;

	(void)state;
	assert_int_equal(mp_fingerprint_machine("", &r.fingerprint), 0);
	r.fingerprint.v[MP_FP_JMETER] = strdup("5 \"6\" \xff");
	r.tags = calloc(1, sizeof(*r.tags));
	r.tags[r.n_tags++] = strdup("release");
	assert_int_equal(mp_store_create(&r, NULL), 0);
	assert_int_equal(mp_store_load(r.dir, &back, NULL), 0);
	assert_string_equal(back->fingerprint.id, r.fingerprint.id);
	assert_string_equal(back->fingerprint.v[MP_FP_MEMORY], r.fingerprint.v[MP_FP_MEMORY]);
	assert_string_equal(back->fingerprint.v[MP_FP_JMETER], "5 \"6\" \xef\xbf\xbd");
	assert_null(back->fingerprint.v[MP_FP_BZT]);
	assert_int_equal(back->n_tags, 1);
	assert_string_equal(back->tags[0], "release");
	put_file(old, "run.json", text);
	assert_int_equal(mp_store_load(old, &first, NULL), 0);
	assert_string_equal(first->fingerprint.id, "");
	assert_int_equal(first->n_tags, 0);
	assert_int_equal(first->n_suites, 2);
	assert_int_equal(first->suites[0].n_cases, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_in_words),
		cmocka_unit_test(what_decides_the_id),
		cmocka_unit_test(control_groups_of_version_1),
		cmocka_unit_test(a_machine_that_says_nothing),
		cmocka_unit_test(this_machine),
		cmocka_unit_test(versions_from_logs),
		cmocka_unit_test(differences_in_words),
		cmocka_unit_test(kept_with_the_run),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

// SPDX-License-Identifier: GPL-2.0-only
/* hsperfdata of real JVMs (17; Serial, Parallel, G1, ZGC), broken ones, and a JVM that dies. */
#include "unit.h"

#include "metrics/hsperf.h"
#include "metrics/plus.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	char *data;
	size_t len;
};

static struct file recorded(const char *name)
{
	char path[256];
	struct file f;

	(void)snprintf(path, sizeof(path), MP_TEST_DATA "/unit/metrics/data/hsperfdata-17-%s",
		       name);
	assert_int_equal(mp_read_file(path, 1 << 20, &f.data, &f.len), 0);
	return f;
}

static double value(const struct file *f, uint32_t at)
{
	int64_t v;

	assert_true(mp_hsperf_value(f->data, f->len, at, &v));
	return (double)v;
}

static double total(const struct file *f, const uint32_t *at, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += at[i] ? value(f, at[i]) : 0;
	return sum;
}

/* Numbers as jcmd's PerfCounter.print had them at the same moment. */
static void real_ones(void **state)
{
	static const struct {
		const char *name;
		double young, full, used, threads;
		bool shared;
	} jvms[] = {
		{"serial", 6, 3, 356304 + 12466832, 6, false},
		{"parallel", 9, 3, 146240 + 12466832, 6, false},
		{"g1", 15, 2, 13150552, 6, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(jvms); i++) {
		struct file f = recorded(jvms[i].name);
		struct mp_hsperf h;

		assert_int_equal(mp_hsperf_parse(f.data, f.len, &h), 0);
		assert_double_equal(value(&f, h.field[MP_HS_FREQUENCY]), 1e9, 0);
		assert_double_equal(value(&f, h.field[MP_HS_THREADS_LIVE]), jvms[i].threads, 0);
		assert_double_equal(value(&f, h.gc[0].count), jvms[i].young, 0);
		assert_double_equal(value(&f, h.gc[1].count), jvms[i].full, 0);
		assert_false(h.gc[0].full);
		assert_true(h.gc[1].full);
		assert_int_equal(h.shared_max, jvms[i].shared);
		assert_double_equal(total(&f, h.space_used, MP_HSPERF_SPACES), jvms[i].used, 0);
		assert_true(mp_hsperf_same(f.data, f.len, &h));
		assert_true(h.end <= f.len);
		free(f.data);
	}
}

/* ZGC has but one collector, number 2, and one space of one generation. */
static void zgc(void **state)
{
	struct file f = recorded("z");
	struct mp_hsperf h;

	(void)state;
	assert_int_equal(mp_hsperf_parse(f.data, f.len, &h), 0);
	assert_int_equal(h.gc[0].count, 0);
	assert_double_equal(value(&f, h.gc[2].count), 36, 0);
	assert_double_equal(total(&f, h.space_used, MP_HSPERF_SPACES), 14680064, 0);
	free(f.data);
}

static void broken_ones(void **state)
{
	struct file f = recorded("g1");
	struct mp_hsperf h = {.used = 7};

	(void)state;
	assert_int_equal(mp_hsperf_parse(f.data, 31, &h), -EINVAL);
	assert_int_equal(mp_hsperf_parse(f.data, 1000, &h), -EINVAL); /* cut */
	f.data[7] = 0;
	assert_int_equal(mp_hsperf_parse(f.data, f.len, &h), -EAGAIN); /* being written */
	f.data[7] = 1;
	f.data[4] = 0;
	assert_int_equal(mp_hsperf_parse(f.data, f.len, &h), -ENOTSUP); /* big endian */
	f.data[4] = 1;
	f.data[0] = 0;
	assert_int_equal(mp_hsperf_parse(f.data, f.len, &h), -EINVAL);
	assert_int_equal(h.used, 7); /* untouched */
	free(f.data);
}

/* Any bytes: no read outside (the sanitizers watch), offsets within the data. */
static void mutations(void **state)
{
	struct file f = recorded("g1");
	char *copy = malloc(f.len);
	unsigned seed = 3;

	(void)state;
	assert_non_null(copy);
	for (int i = 0; i < 4000; i++) {
		size_t len = i % 4 ? f.len : (size_t)rand_r(&seed) % f.len;
		struct mp_hsperf h;
		int64_t v;

		memcpy(copy, f.data, len);
		for (int k = rand_r(&seed) % 8; k >= 0 && len; k--) {
			/* mostly where lengths and offsets are */
			size_t at = (size_t)rand_r(&seed) % (k % 2 ? len : len < 600 ? len : 600);

			copy[at] = (char)rand_r(&seed);
		}
		if (mp_hsperf_parse(copy, len, &h) < 0)
			continue;
		assert_true(h.end <= len);
		for (int k = 0; k < MP_HSPERF_SPACES; k++)
			(void)mp_hsperf_value(copy, len, h.space_used[k], &v);
	}
	free(copy);
	free(f.data);
}

/* --- the reader, on a file in the place where a JVM of this very process would have it ---------
 */

static struct mp_tree tree;
static struct mp_server server;
static char path[128];
static char dir[64];
static void *jvm;
static struct mp_value v[_MP_XM_MAX];

static void put(const struct file *f)
{
	assert_int_equal(mp_write_file(path, f->data, f->len, 0600), 0);
}

static void update(double s)
{
	memset(v, 0, sizeof(v));
	server.now_ns += (uint64_t)(s * 1e9);
	mp_jvm_reader.update(jvm, &server, v);
}

static int setup(void **state)
{
	const struct passwd *pw = getpwuid(getuid());

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/hsperfdata_%.32s", pw ? pw->pw_name : "");
	(void)snprintf(path, sizeof(path), "%s/%d", dir, (int)getpid());
	assert_int_equal(mp_mkdir_p(dir, 0755), 0);
	server = (struct mp_server){.tree = &tree,
				    .pid = getpid(),
				    .start_ns = mp_boot_ns() - MP_NSEC_PER_SEC,
				    .cmd = "java x",
				    .now_ns = mp_now_ns()};
	return mp_jvm_reader.open(NULL, &jvm);
}

static int teardown(void **state)
{
	(void)state;
	mp_jvm_reader.free(jvm);
	(void)unlink(path);
	return 0;
}

static void set(struct file *f, uint32_t at, int64_t x)
{
	memcpy(f->data + at, &x, sizeof(x));
}

static void a_jvm_is_followed(void **state)
{
	struct file f = recorded("g1");
	struct mp_hsperf h;

	(void)state;
	assert_int_equal(mp_hsperf_parse(f.data, f.len, &h), 0);
	update(1);
	assert_false(v[MP_XM_JVM_GC].valid);
	assert_non_null(strstr(mp_jvm_reader.why(jvm, MP_XM_JVM_GC), "is no JVM"));
	put(&f);
	update(0.1); /* not looked for at every sample */
	assert_false(v[MP_XM_JVM_GC].valid);
	update(1);
	assert_double_equal(v[MP_XM_JVM_GC].v, 15 + 2 + 4, 0);
	assert_double_equal(v[MP_XM_JVM_GC_FULL].v, 2, 0);
	assert_double_equal(v[MP_XM_JVM_GC_S].v, (45146947 + 4873136 + 1049453) / 1e9, 1e-12);
	assert_double_equal(v[MP_XM_JVM_HEAP].v, 13150552, 0);
	assert_double_equal(v[MP_XM_JVM_HEAP_MAX].v, 67108888, 0);
	assert_double_equal(v[MP_XM_JVM_SP].v, 21, 0);
	assert_false(v[MP_XM_JVM_GC_MAX].valid); /* of an interval: none yet */
	assert_null(mp_jvm_reader.why(jvm, MP_XM_JVM_GC));
	free(f.data);
}

/* In place, as a JVM writes through its mapping. */
static void rewrite(const struct file *f)
{
	FILE *out = fopen(path, "r+e");

	assert_non_null(out);
	assert_int_equal(fwrite(f->data, 1, f->len, out), f->len);
	assert_int_equal(fclose(out), 0);
}

static void the_longest_stop(void **state)
{
	struct file f = recorded("g1");
	struct mp_hsperf h;

	(void)state;
	assert_int_equal(mp_hsperf_parse(f.data, f.len, &h), 0);
	put(&f);
	update(1);
	update(1);
	assert_true(v[MP_XM_JVM_GC_MAX].valid);
	assert_double_equal(v[MP_XM_JVM_GC_MAX].v, 0, 0);
	set(&f, h.gc[0].count, 16);
	set(&f, h.gc[0].time, 45146947 + 30000000);
	rewrite(&f);
	update(1);
	assert_double_equal(v[MP_XM_JVM_GC_MAX].v, 0.03, 1e-12); /* one: exact */
	set(&f, h.gc[0].count, 19);
	set(&f, h.gc[0].time, 45146947 + 30000000 + 30000000);
	set(&f, h.gc[0].entry, 1000000000);
	set(&f, h.gc[0].exit, 1024000000);
	rewrite(&f);
	update(1);
	assert_double_equal(v[MP_XM_JVM_GC_MAX].v, 0.024, 1e-12); /* the last of three */
	free(f.data);
}

static void counters_outlive_the_jvm(void **state)
{
	struct file f = recorded("g1"), s = recorded("serial");

	(void)state;
	put(&f);
	update(1);
	assert_double_equal(v[MP_XM_JVM_GC].v, 21, 0);
	/* killed: its file stays, the process is gone */
	server.pid = 0;
	update(1);
	assert_false(v[MP_XM_JVM_GC].valid);
	assert_string_equal(mp_jvm_reader.why(jvm, MP_XM_JVM_GC), "there is no server now");
	/* another one takes its number; what lies there is the dead one's until it writes its own
	 */
	server.pid = getpid();
	server.start_ns = mp_boot_ns() + 10 * MP_NSEC_PER_SEC;
	update(1);
	assert_false(v[MP_XM_JVM_GC].valid);
	assert_non_null(strstr(mp_jvm_reader.why(jvm, MP_XM_JVM_GC), "died"));
	server.start_ns = mp_boot_ns();
	put(&s);
	update(1);
	assert_double_equal(v[MP_XM_JVM_GC].v, 21 + 9, 0);
	assert_double_equal(v[MP_XM_JVM_HEAP].v, 356304 + 12466832, 0);
	free(f.data);
	free(s.data);
}

static void a_file_that_breaks(void **state)
{
	struct file f = recorded("g1");

	(void)state;
	put(&f);
	update(1);
	assert_true(v[MP_XM_JVM_GC].valid);
	assert_int_equal(truncate(path, 100), 0); /* a mapping would end us here */
	update(1);
	assert_false(v[MP_XM_JVM_GC].valid);
	assert_non_null(mp_jvm_reader.why(jvm, MP_XM_JVM_GC));
	put(&f);
	update(2);
	assert_double_equal(v[MP_XM_JVM_GC].v, 21, 0);
	free(f.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_ones),
		cmocka_unit_test(zgc),
		cmocka_unit_test(broken_ones),
		cmocka_unit_test(mutations),
		cmocka_unit_test_setup_teardown(a_jvm_is_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_longest_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(counters_outlive_the_jvm, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_breaks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

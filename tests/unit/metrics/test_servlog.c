// SPDX-License-Identifier: GPL-2.0-only
/* The server's metrics log: real lines, distributions, files that rotate, break and grow. */
#include "unit.h"

#include "metrics/servlog.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int parse(const char *line, struct mp_logline *l)
{
	return mp_logline_parse(line, strlen(line), l);
}

static bool is(const char *s, size_t len, const char *expected)
{
	return strlen(expected) == len && !memcmp(s, expected, len);
}

/* As MMS 1.1.11 and TorchServe write them. */
static void real_lines(void **state)
{
	struct mp_logline l;

	(void)state;
	assert_int_equal(parse("2026-11-24T08:12:12,308 - PredictionTime.Milliseconds:12.73|"
			       "#ModelName:digits,Level:Model|#hostname:vm,requestID:5f97e869-dc4a-"
			       "4bf4-bc49-94ca9a3dd2ca,timestamp:1795507932",
			       &l),
			 0);
	assert_true(is(l.name, l.name_len, "PredictionTime"));
	assert_true(is(l.model, l.model_len, "digits"));
	assert_double_equal(l.value * l.to_seconds, 0.01273, 1e-12);
	assert_int_equal(parse("2026-11-24T08:12:11,873 - Requests2XX.Count:1|#Level:Host|"
			       "#hostname:vm,timestamp:null",
			       &l),
			 0);
	assert_true(is(l.name, l.name_len, "Requests2XX"));
	assert_null(l.model);
	assert_double_equal(l.to_seconds, 0, 0);
	/* a worker's load time is told under the worker's name */
	assert_int_equal(parse("2026-11-24T08:12:11,972 - W-9000-my.model-2.ms:69|#Level:Host|"
			       "#hostname:vm,timestamp:1795507931",
			       &l),
			 0);
	assert_true(is(l.name, l.name_len, "WorkerLoadTime"));
	assert_true(is(l.model, l.model_len, "my.model-2"));
	assert_double_equal(l.value * l.to_seconds, 0.069, 1e-12);
	assert_int_equal(
		parse("2021-01-01 10:00:00,1 - QueueTime.ms:0|#Level:Host|#hostname:h", &l), 0);
	assert_true(is(l.name, l.name_len, "QueueTime"));
}

static void no_lines(void **state)
{
	static const char *const garbage[] = {
		"",
		"|#",
		":|#",
		"a.b:|#",
		".b:1|#",
		"a:1|#x",
		"a.b:1",
		"a.b:nan|#",
		"a.b:1e999|#",
		"a.b:1x|#",
		"a.b:0x|#",
		"a.b:11111111111111111111111111111111111111111111|#",
		"java.lang.NullPointerException: null",
	};
	struct mp_logline l = {.value = 7};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
		assert_int_equal(parse(garbage[i], &l), -EINVAL);
	assert_double_equal(l.value, 7, 0);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Percentiles within 1.6 % of the exact ones, over six decades. */
static void quantiles(void **state)
{
	static double all[10000];
	struct mp_dist *d = calloc(1, sizeof(*d));
	static const double q[] = {0, 0.5, 0.9, 0.99, 1};
	unsigned seed = 5;

	(void)state;
	assert_non_null(d);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i] = pow(10, -6.0 + 6.0 * rand_r(&seed) / RAND_MAX);
		mp_dist_add(d, all[i]);
	}
	qsort(all, ARRAY_SIZE(all), sizeof(*all), by_value);
	for (size_t i = 0; i < ARRAY_SIZE(q); i++) {
		size_t rank = (size_t)ceil(q[i] * (double)ARRAY_SIZE(all));
		double exact = all[rank ? rank - 1 : 0];

		assert_double_equal(mp_dist_quantile(d, q[i]) / exact, 1, 0.016);
	}
	assert_double_equal(d->min_s, all[0], 0);
	assert_double_equal(d->max_s, all[ARRAY_SIZE(all) - 1], 0);
	mp_dist_reset(d);
	assert_int_equal(d->n, 0);
	/* what no clock can tell stays within the table */
	mp_dist_add(d, 0);
	mp_dist_add(d, 1e-12);
	mp_dist_add(d, 1e30);
	assert_double_equal(mp_dist_quantile(d, 0.5), 0, 1e-9);
	mp_dist_reset(d);
	mp_dist_add(d, 0.005);
	assert_double_equal(mp_dist_quantile(d, 0.99), 0.005, 0); /* one value is itself */
	free(d);
}

/* --- the reader ------------------------------------------------------------------------------- */

static char dir[64];
static char *path;
static void *state_of;
static struct mp_context *context;
static struct mp_server server;
static struct mp_tree tree;
static struct mp_value v[_MP_XM_MAX];

static void append(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(mp_write_all(fd, text, strlen(text)), 0);
	(void)close(fd);
}

#define OLD                                                                                        \
	"2026-11-24T08:12:12,308 - PredictionTime.Milliseconds:500|#ModelName:a,Level:Model|#h\n"
#define A(t) "2026-11-24T08:12:12,308 - PredictionTime.Milliseconds:" t "|#ModelName:a,L:M|#h\n"
#define B(t) "2026-11-24T08:12:12,308 - PredictionTime.Milliseconds:" t "|#ModelName:b,L:M|#h\n"
#define OK   "2026-11-24T08:12:11,873 - Requests2XX.Count:1|#Level:Host|#hostname:vm\n"

static void update(void)
{
	memset(v, 0, sizeof(v));
	server.now_ns += 2 * MP_NSEC_PER_SEC;
	mp_servlog_reader.update(state_of, &server, v);
}

static int setup(void **state)
{
	struct mp_context_opts opts = {.server_logs = dir};

	(void)state;
	strcpy(dir, "/tmp/mp-servlog-XXXXXX");
	assert_non_null(mkdtemp(dir));
	path = mp_path_join(dir, "model_metrics.log");
	assert_non_null(path);
	server = (struct mp_server){
		.tree = &tree, .pid = getpid(), .cmd = "", .now_ns = MP_NSEC_PER_SEC};
	assert_int_equal(mp_context_new(&opts, &context), 0);
	return mp_servlog_reader.open(context, &state_of);
}

static int teardown(void **state)
{
	(void)state;
	mp_servlog_reader.free(state_of);
	mp_context_free(context);
	free(path);
	return mp_rm_rf(dir);
}

static double get(int q, enum mp_log_op op)
{
	struct mp_value x = mp_servlog_get(state_of, q, op);

	assert_true(x.valid);
	return x.v;
}

/* File times are up to a tick coarse: the reader begins in a later one than the file. */
static void next_tick(void)
{
	struct timespec a, b;

	(void)clock_gettime(CLOCK_REALTIME, &a);
	do
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &b);
	while (b.tv_sec < a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec <= a.tv_nsec));
}

/* A log that was there before counts from its end. */
static void with_a_past(void)
{
	mp_servlog_reader.free(state_of);
	append(OLD OLD);
	next_tick();
	assert_int_equal(mp_servlog_reader.open(context, &state_of), 0);
}

static void by_interval_and_model(void **state)
{
	int all, b;

	(void)state;
	with_a_past();
	all = mp_servlog_select(state_of, MP_LM_PREDICTION, NULL);
	b = mp_servlog_select(state_of, MP_LM_PREDICTION, "B");
	assert_int_equal(mp_servlog_select(state_of, MP_LM_PREDICTION, NULL), all);
	assert_int_equal(mp_servlog_select(state_of, MP_LM_PREDICTION, "b"), b);
	assert_true(all != b);
	update();
	assert_double_equal(get(all, MP_LOG_COUNT), 0, 0);
	assert_false(mp_servlog_get(state_of, all, MP_LOG_P99).valid); /* nothing is not 0 s */
	append(A("10") A("20") B("30") OK OK);
	update();
	assert_double_equal(get(all, MP_LOG_COUNT), 3, 0);
	assert_double_equal(get(all, MP_LOG_SUM), 0.06, 1e-12);
	assert_double_equal(get(all, MP_LOG_AVG), 0.02, 1e-12);
	assert_double_equal(get(all, MP_LOG_MAX), 0.03, 1e-12);
	assert_double_equal(get(b, MP_LOG_P50), 0.03, 1e-12);
	assert_double_equal(v[MP_XM_REQ_2XX].v, 2, 0);
	append(A("1"));
	update();
	assert_double_equal(get(all, MP_LOG_COUNT), 4, 0);       /* goes on */
	assert_double_equal(get(all, MP_LOG_MAX), 0.001, 1e-12); /* of the interval */
	assert_double_equal(get(b, MP_LOG_COUNT), 1, 0);
	assert_false(mp_servlog_get(state_of, b, MP_LOG_AVG).valid);
}

static void half_lines_and_garbage(void **state)
{
	char *big = malloc(20001);
	int all;

	(void)state;
	assert_non_null(big);
	mp_servlog_reader.free(state_of);
	append("an old line without its e");
	next_tick();
	assert_int_equal(mp_servlog_reader.open(context, &state_of), 0);
	all = mp_servlog_select(state_of, MP_LM_PREDICTION, NULL);
	update();
	append("nd\n2026-11-24T08:12:12,308 - PredictionTime.Milli");
	update();
	assert_double_equal(v[MP_XM_LOG_LINES].v, 0, 0); /* begun unseen: not ours to judge */
	append("seconds:7|#ModelName:a|#h\n");
	update();
	assert_double_equal(get(all, MP_LOG_MAX), 0.007, 1e-12);
	memset(big, 'x', 20000);
	big[20000] = '\0';
	append(big);
	update();
	append(big);
	append("\n\nno metric\n" A("9"));
	update();
	assert_double_equal(v[MP_XM_LOG_LINES].v, 5, 0);
	assert_double_equal(v[MP_XM_LOG_GARBAGE].v, 3, 0); /* too long, empty, no metric */
	assert_double_equal(get(all, MP_LOG_MAX), 0.009, 1e-12);
	free(big);
}

static void rotation(void **state)
{
	char *old = mp_path_join(dir, "model_metrics.24-Nov.log");
	int all;

	(void)state;
	with_a_past();
	all = mp_servlog_select(state_of, MP_LM_PREDICTION, NULL);
	update();
	append(A("1") A("2"));
	assert_int_equal(rename(path, old), 0); /* lines written before the rotation are kept */
	append(A("3"));
	update();
	update();
	assert_double_equal(get(all, MP_LOG_COUNT), 3, 0);
	/* truncated in place (copytruncate) */
	assert_int_equal(truncate(path, 0), 0);
	update();
	append(A("4"));
	update();
	assert_double_equal(get(all, MP_LOG_COUNT), 4, 0);
	assert_double_equal(get(all, MP_LOG_MAX), 0.004, 1e-12);
	/* gone, and there again */
	assert_int_equal(unlink(path), 0);
	update();
	append(A("5"));
	update();
	assert_double_equal(get(all, MP_LOG_COUNT), 5, 0);
	free(old);
}

static void a_log_that_comes_later(void **state)
{
	int all = mp_servlog_select(state_of, MP_LM_PREDICTION, NULL);

	(void)state;
	update();
	assert_false(mp_servlog_get(state_of, all, MP_LOG_COUNT).valid);
	assert_false(v[MP_XM_LOG_LINES].valid);
	assert_non_null(strstr(mp_servlog_reader.why(state_of, 0), "--server-logs"));
	append(A("1")); /* made after the reader began: all of it is news */
	update();
	assert_double_equal(get(all, MP_LOG_COUNT), 1, 0);
	assert_null(mp_servlog_reader.why(state_of, 0));
	/* the server restarts and writes on */
	server.start_ns++;
	append(A("2"));
	update();
	assert_double_equal(get(all, MP_LOG_COUNT), 2, 0);
}

static void a_log_that_is_no_file(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0644), 0); /* must not block */
	update();
	assert_false(v[MP_XM_LOG_LINES].valid);
}

static void a_flood_is_read_in_parts(void **state)
{
	static const char line[] = OK;
	char *block = malloc(1000 * sizeof(line));
	double before = 0;
	int fd;

	(void)state;
	assert_non_null(block);
	block[0] = '\0';
	for (int i = 0; i < 1000; i++)
		memcpy(block + (size_t)i * (sizeof(line) - 1), line, sizeof(line));
	append(OK);
	update();
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	for (int i = 0; i < 200; i++) /* 14 MB */
		assert_int_equal(mp_write_all(fd, block, 1000 * (sizeof(line) - 1)), 0);
	(void)close(fd);
	update();
	before = v[MP_XM_REQ_2XX].v;
	assert_true(before > 50000 && before < 200001);
	update();
	assert_double_equal(v[MP_XM_REQ_2XX].v, 200001, 0);
	assert_double_equal(v[MP_XM_LOG_LOST].v, 0, 0);
	/* hopelessly behind: what is passed over is counted */
	assert_int_equal(truncate(path, 200L << 20), 0);
	update();
	assert_true(v[MP_XM_LOG_LOST].v > 100e6);
	append("\n" OK);
	update();
	assert_double_equal(v[MP_XM_REQ_2XX].v, 200002, 0);
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_lines),
		cmocka_unit_test(no_lines),
		cmocka_unit_test(quantiles),
		cmocka_unit_test_setup_teardown(by_interval_and_model, setup, teardown),
		cmocka_unit_test_setup_teardown(half_lines_and_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(a_log_that_comes_later, setup, teardown),
		cmocka_unit_test_setup_teardown(a_log_that_is_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flood_is_read_in_parts, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

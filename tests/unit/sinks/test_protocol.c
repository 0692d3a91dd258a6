// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include "sinks/protocol.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Everything that comes out of the parser as text, one command a line, to compare at a glance. */
static void drain(struct mp_proto_parser *p, struct mp_buf *out)
{
	static const char *const words[] = {"test", "interval", "metrics",  "single",
					    "exit", "shutdown", "transmit", "bad"};
	struct mp_proto_cmd c;
	int r;

	while ((r = mp_proto_next(p, &c)) == 1) {
		mp_buf_puts(out, words[c.type]);
		if (c.type == MP_PROTO_INTERVAL)
			mp_buf_printf(out, " %g", c.interval_s);
		if (c.type == MP_PROTO_TRANSMIT)
			mp_buf_printf(out, " %s %u", c.host, c.port);
		for (size_t i = 0; i < c.n_names; i++)
			mp_buf_printf(out, " [%s]", c.names[i]);
		if (c.type == MP_PROTO_BAD) {
			assert_non_null(c.error);
			mp_buf_printf(out, " <%.40s>", c.text);
		}
		mp_buf_append(out, ";", 1);
	}
	assert_int_equal(r, 0);
}

static void expect(const char *in, size_t n, const char *wanted)
{
	/* In pieces of every size: commands are split over reads, or several come in one. */
	for (size_t piece = 1; piece <= n; piece++) {
		struct mp_proto_parser p = {0};
		_cleanup_buf_ struct mp_buf out = {0};

		for (size_t i = 0; i < n; i += piece) {
			assert_int_equal(mp_proto_put(&p, in + i, n - i < piece ? n - i : piece),
					 0);
			drain(&p, &out);
		}
		assert_string_equal(out.s ? out.s : "", wanted);
		mp_proto_done(&p);
	}
}

#define EXPECT(in, wanted) expect(in, sizeof(in) - 1, wanted)

static void commands_are_understood(void **state)
{
	(void)state;
	EXPECT("test\n", "test;");
	EXPECT("test\r\nexit\r\n", "test;exit;");
	EXPECT("exit\nshutdown\n", "exit;shutdown;");
	EXPECT("\n\n \t\r\ntest\n", "test;");
	EXPECT(" test : \n", "test;");
	EXPECT("metrics:a\tb\n", "metrics [a] [b];");
	EXPECT("metrics-single:a\n", "single [a];");
	/* JMeter: lower-case names, colon at the end, TAB after the last one */
	EXPECT("metrics:cpu:\tmemory:usedperc\t\n", "metrics [cpu:] [memory:usedperc];");
	EXPECT("metrics:cpu:core=1:user\tdisks:fs=/a\\:b:used\n",
	       "metrics [cpu:core=1:user] [disks:fs=/a\\:b:used];");
	/* a name that is missing in the middle keeps its column */
	EXPECT("metrics:a\t\tb\n", "metrics [a] [] [b];");
	EXPECT("metrics: a \t b \n", "metrics [a] [b];");
	EXPECT("metrics:per cent\n", "metrics [per cent];");
}

static void bzt_sends_two_commands_at_once(void **state)
{
	(void)state;
	EXPECT("interval:1\nmetrics:sum_cpu_percent\tserver_workers\n",
	       "interval 1;metrics [sum_cpu_percent] [server_workers];");
	EXPECT("interval:0\nmetrics:a\ninterval:2\nexit\n",
	       "interval 0.5;metrics [a];interval 2;exit;");
}

static void intervals_are_bounded(void **state)
{
	(void)state;
	EXPECT("interval:0\ninterval:0.0\ninterval: 5 \n", "interval 0.5;interval 0.5;interval 5;");
	EXPECT("interval:0.25\ninterval:0.01\ninterval:1e-2\n",
	       "interval 0.25;interval 0.01;interval 0.01;");
	EXPECT("interval:0.001\ninterval:1e-300\n", "interval 0.01;interval 0.01;");
	EXPECT("interval:1e9\n", "interval 86400;");
	EXPECT("interval:\n", "bad <>;");
	EXPECT("interval\n", "bad <>;");
	EXPECT("interval:500ms\n", "bad <500ms>;");
	EXPECT("interval:-1\ninterval:nan\ninterval:inf\ninterval:1e999\ninterval:1,5\ninterval:1 2\n",
	       "bad <-1>;bad <nan>;bad <inf>;bad <1e999>;bad <1,5>;bad <1 2>;");
}

static void transmitter_addresses(void **state)
{
	(void)state;
	EXPECT("udp-transmitter:127.0.0.1:4445:cpu:\tmemory:\n",
	       "transmit 127.0.0.1 4445 [cpu:] [memory:];");
	EXPECT("udp-transmitter:[::1]:80:a\n", "transmit ::1 80 [a];");
	EXPECT("udp-transmitter: localhost : 80 : a \n", "transmit localhost 80 [a];");
	EXPECT("udp-transmitter:\nudp-transmitter:h\nudp-transmitter:h:1\n",
	       "bad <>;bad <h>;bad <1>;");
	EXPECT("udp-transmitter:h:0:a\nudp-transmitter:h:65536:a\nudp-transmitter:h:x:a\n",
	       "bad <0>;bad <65536>;bad <x>;");
	EXPECT("udp-transmitter::1:a\nudp-transmitter:[::1:1:a\nudp-transmitter:h:1:\n",
	       "bad <1>;bad <[::1:1:a>;bad <>;");
}

static void garbage_is_bad_and_survived(void **state)
{
	(void)state;
	EXPECT("metrics:\nmetrics\nmetrics: \t \nmetrics-single:\n",
	       "bad <>;bad <>;bad <>;bad <>;");
	EXPECT("GET / HTTP/1.1\nHost: x\ntest\n", "bad <GET / HTTP/1.1>;bad <Host>;test;");
	EXPECT("TEST\ntests\ntes\ntest\n", "bad <TEST>;bad <tests>;bad <tes>;test;");
	EXPECT("te\0st\nmetrics:a\0b\ntest\n", "bad <te>;bad <metrics:a>;test;");
	EXPECT("\xff\xfe\x01\ntest\n", "bad <\xff\xfe\x01>;test;");
	EXPECT("test", "");
}

static void long_lines_are_skipped_once(void **state)
{
	static const size_t sizes[] = {MP_PROTO_LINE_MAX - 1, MP_PROTO_LINE_MAX,
				       MP_PROTO_LINE_MAX + 1, 3 * MP_PROTO_LINE_MAX};
	static const size_t pieces[] = {1000, 4096, 70000, 300000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_free_ char *text = malloc(sizes[i] + 16);
		size_t n = sizes[i];

		assert_non_null(text);
		memset(text, 'x', n);
		memcpy(text + n, "\ntest\n", 6);
		n += 6;
		for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
			struct mp_proto_parser p = {0};
			_cleanup_buf_ struct mp_buf out = {0};

			for (size_t at = 0; at < n; at += pieces[k]) {
				size_t len = n - at < pieces[k] ? n - at : pieces[k];

				assert_int_equal(mp_proto_put(&p, text + at, len), 0);
				drain(&p, &out);
				assert_true(p.in.cap <= 2 * (MP_PROTO_LINE_MAX + pieces[k]));
			}
			if (sizes[i] > MP_PROTO_LINE_MAX)
				assert_string_equal(out.s, "bad <>;test;");
			else
				assert_string_equal(
					out.s,
					"bad <xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx>;test;");
			mp_proto_done(&p);
		}
	}
}

static void too_many_names(void **state)
{
	_cleanup_buf_ struct mp_buf in = {0}, out = {0};
	struct mp_proto_parser p = {0};

	(void)state;
	mp_buf_puts(&in, "metrics:a");
	for (int i = 0; i < MP_PROTO_NAMES_MAX; i++)
		mp_buf_puts(&in, "\ta");
	mp_buf_puts(&in, "\ntest\n");
	assert_int_equal(mp_proto_put(&p, in.s, in.len), 0);
	drain(&p, &out);
	assert_string_equal(out.s, "bad <>;test;");
	mp_proto_done(&p);
}

static void datagrams_need_no_newline(void **state)
{
	struct mp_proto_parser p = {0};
	_cleanup_buf_ struct mp_buf out = {0};

	(void)state;
	assert_int_equal(mp_proto_put(&p, "interval:2\ntest", 15), 0);
	assert_int_equal(mp_proto_end(&p), 0);
	drain(&p, &out);
	assert_string_equal(out.s, "interval 2;test;");
	/* nothing of one datagram is left for the next */
	assert_int_equal(mp_proto_end(&p), 0);
	assert_int_equal(mp_proto_put(&p, "exit\n", 5), 0);
	assert_int_equal(mp_proto_end(&p), 0);
	drain(&p, &out);
	assert_string_equal(out.s, "interval 2;test;exit;");
	mp_proto_done(&p);
}

static void numbers_are_compact(void **state)
{
	static const struct {
		double v;
		const char *text;
	} t[] = {
		{0, "0"},
		{-0.0, "0"},
		{1, "1"},
		{-7, "-7"},
		{0.5, "0.5"},
		{-0.5, "-0.5"},
		{99.99994, "99.9999"},
		{99.99996, "100"},
		{-99.99996, "-100"},
		{12.3456789, "12.3457"},
		{1234567.25, "1234567.25"},
		{0.1, "0.1"},
		{0.0999999, "0.1"},
		{0.00012345678, "0.0001235"},
		{1e-300, "0"},
		{8589934592, "8589934592"},
		{123456789012345, "123456789012345"},
		{999999999999999, "999999999999999"},
		{9007199254740993, "9007199254740992"},
		{1e300, "1.0000000000000001e+300"},
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		int n = mp_proto_number(buf, (struct mp_value){t[i].v, true});

		assert_string_equal(buf, t[i].text);
		assert_int_equal(n, strlen(buf));
	}
	assert_int_equal(mp_proto_number(buf, (struct mp_value){5, false}), 3);
	assert_string_equal(buf, "NaN");
	(void)mp_proto_number(buf, (struct mp_value){NAN, true});
	assert_string_equal(buf, "NaN");
	(void)mp_proto_number(buf, (struct mp_value){INFINITY, true});
	assert_string_equal(buf, "inf");
}

/* Whatever the value: it reads back as nearly the same float, without white space. */
static void numbers_read_back(void **state)
{
	uint64_t x = 88172645463325252ULL;
	char buf[32], *end;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		double v, back;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v = ldexp((double)(int64_t)x, -(int)(x % 80));
		assert_true(mp_proto_number(buf, (struct mp_value){v, true}) < 32);
		back = strtod(buf, &end);
		assert_int_equal(*end, '\0');
		assert_double_equal(back, v, 5.1e-5 + fabs(v) * 1e-15);
	}
}

static void every_value_has_its_tab(void **state)
{
	_cleanup_buf_ struct mp_buf line = {0};

	(void)state;
	mp_proto_put_value(&line, (struct mp_value){1.5, true});
	mp_proto_put_value(&line, (struct mp_value){0, false});
	mp_buf_puts(&line, "\n");
	assert_string_equal(line.s, "1.5\tNaN\t\n");
}

static void foreign_text_is_harmless_in_a_log(void **state)
{
	char buf[128], longest[400];

	(void)state;
	assert_string_equal(mp_proto_quote(buf, sizeof(buf), "plain"), "plain");
	assert_string_equal(mp_proto_quote(buf, sizeof(buf), "a\x1b[2J\r\\"),
			    "a\\x1b[2J\\x0d\\x5c");
	memset(longest, 1, sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_true(mp_ends_with(mp_proto_quote(buf, sizeof(buf), longest), "\\x01..."));
	for (size_t size = 9; size < sizeof(buf); size++)
		assert_true(strlen(mp_proto_quote(buf, size, longest)) < size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_understood),
		cmocka_unit_test(bzt_sends_two_commands_at_once),
		cmocka_unit_test(intervals_are_bounded),
		cmocka_unit_test(transmitter_addresses),
		cmocka_unit_test(garbage_is_bad_and_survived),
		cmocka_unit_test(long_lines_are_skipped_once),
		cmocka_unit_test(too_many_names),
		cmocka_unit_test(datagrams_need_no_newline),
		cmocka_unit_test(numbers_are_compact),
		cmocka_unit_test(numbers_read_back),
		cmocka_unit_test(every_value_has_its_tab),
		cmocka_unit_test(foreign_text_is_harmless_in_a_log),
	};

	return cmocka_run_group_tests_name("sinks/protocol", tests, NULL, NULL);
}

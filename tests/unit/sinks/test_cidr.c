// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include "sinks/cidr.h"
#include "sinks/listen.h"

#include <errno.h>
#include <string.h>

static struct mp_addr at(const char *address)
{
	struct mp_addr a;

	assert_int_equal(mp_listen_parse(address, &a, NULL), 0);
	return a;
}

static bool matches(const char *range, const char *address)
{
	struct mp_addr a = at(address);
	struct mp_cidr c;

	assert_int_equal(mp_cidr_parse(range, &c), 0);
	return mp_cidr_match(&c, &a.sa);
}

static void ranges(void **state)
{
	(void)state;
	assert_true(matches("10.0.0.0/8", "10.255.1.2:1"));
	assert_false(matches("10.0.0.0/8", "11.0.0.0:1"));
	assert_true(matches("10.1.2.3/8", "10.9.9.9:1")); /* host bits are cleared */
	assert_true(matches("192.168.1.128/25", "192.168.1.200:1"));
	assert_false(matches("192.168.1.128/25", "192.168.1.127:1"));
	assert_true(matches("192.168.1.7", "192.168.1.7:1"));
	assert_false(matches("192.168.1.7", "192.168.1.6:1"));
	assert_true(matches("0.0.0.0/0", "8.8.8.8:1"));
	assert_false(matches("0.0.0.0/0", "[2001:db8::1]:1"));
	assert_true(
		matches("0.0.0.0/0", "[::ffff:8.8.8.8]:1")); /* how a dual-stack socket sees it */
	assert_true(matches("2001:db8::/32", "[2001:db8:ffff::1]:1"));
	assert_false(matches("2001:db8::/32", "[2001:db9::1]:1"));
	assert_true(matches("fe80::1", "[fe80::1]:1"));
	assert_true(matches("::/0", "10.0.0.1:1"));
}

static void no_ranges(void **state)
{
	static const char *const bad[] = {
		"",        "x",           "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8",
		"::1/129", "10.0.0.0/8x", "10.0.0.0 /8", "localhost",   "1.2.3.4.5"};
	struct mp_cidr c = {.bits = 77};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(mp_cidr_parse(bad[i], &c), -EINVAL);
	assert_int_equal(c.bits, 77);
}

static void loopback(void **state)
{
	static const char *const yes[] = {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1",
					  "[::ffff:127.0.0.1]:1", "localhost:1"};
	static const char *const no[] = {"0.0.0.0:1", "128.0.0.1:1", "[::]:1", "[::2]:1",
					 "10.0.0.1:1"};
	struct sockaddr un = {.sa_family = AF_UNIX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		struct mp_addr a = at(yes[i]);

		assert_true(mp_cidr_is_loopback(&a.sa));
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		struct mp_addr a = at(no[i]);

		assert_false(mp_cidr_is_loopback(&a.sa));
	}
	assert_false(mp_cidr_is_loopback(&un));
}

static void addresses(void **state)
{
	static const char *const bad[] = {"",     "9009",        ":9009",     "127.0.0.1",
					  "h:1",  "1.2.3.4:",    "1.2.3.4:x", "1.2.3.4:65536",
					  "[::1", "[::1]:99999", "1.2.3.4:-1"};
	struct mp_diag d = {0};
	struct mp_addr a;
	char name[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		d.msg[0] = '\0';
		assert_int_equal(mp_listen_parse(bad[i], &a, &d), -EINVAL);
		assert_true(*d.msg);
	}
	a = at("[::1]:9009");
	assert_string_equal(mp_listen_name(name, &a.sa), "[::1]:9009");
	a = at("::1:9009");
	assert_string_equal(mp_listen_name(name, &a.sa), "[::1]:9009");
	a = at("localhost:80");
	assert_string_equal(mp_listen_name(name, &a.sa), "127.0.0.1:80");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(no_ranges),
		cmocka_unit_test(loopback),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests_name("sinks/cidr", tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
#include "unit.h"

#include <mmsperf/tree.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A listener of this process on a port that the kernel chose. */
static int listener(sa_family_t family, unsigned *ret_port)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bool v6 = family == AF_INET6;
	struct sockaddr *a = v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
	socklen_t len = v6 ? sizeof(a6) : sizeof(a4);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, a, len) < 0 || listen(fd, 1) < 0 || getsockname(fd, a, &len) < 0)
		return -1;
	*ret_port = ntohs(v6 ? a6.sin6_port : a4.sin_port);
	return fd;
}

static void the_listener_is_found(void **state)
{
	unsigned port = 0;
	int fd = listener(AF_INET, &port);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(mp_port_owner(port, false), getpid());
	assert_int_equal(mp_port_owner(port, true), 0);
	assert_int_equal(mp_port_server(port), 0); /* this is no model server */
	(void)close(fd);
	assert_int_equal(mp_port_owner(port, false), 0);
}

static void also_over_ipv6(void **state)
{
	unsigned port = 0;
	int fd = listener(AF_INET6, &port);

	(void)state;
	if (fd < 0) {
		print_message("skipped: no IPv6 on the loopback device here\n");
		skip();
	}
	assert_int_equal(mp_port_owner(port, true), getpid());
	assert_int_equal(mp_port_owner(port, false), getpid());
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_listener_is_found),
		cmocka_unit_test(also_over_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

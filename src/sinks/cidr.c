// SPDX-License-Identifier: GPL-2.0-only
/*
 * Address ranges, pure: text to prefix, prefix against a peer. Owns nothing; does not open sockets.
 * Called by listen.c (what an address is) and agent.c (who may connect).
 */
#include "sinks/cidr.h"

#include <mmsperf/str.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static void clear_host_bits(struct mp_cidr *c)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = c->bits > i * 8 ? c->bits - i * 8 : 0;

		if (keep < 8)
			c->addr[i] &= (uint8_t)(0xff00 >> keep);
	}
}

int mp_cidr_parse(const char *s, struct mp_cidr *ret_cidr)
{
	char text[INET6_ADDRSTRLEN];
	size_t len = strcspn(s, "/");
	struct mp_cidr c = {.bits = 128};
	long bits, offset = 0;

	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, c.addr + 12) == 1) {
		memcpy(c.addr, v4_mapped, sizeof(v4_mapped));
		offset = 96;
	} else if (inet_pton(AF_INET6, text, c.addr) != 1) {
		return -EINVAL;
	}
	if (s[len]) {
		if (mp_parse_int(s + len + 1, 0, 128 - offset, &bits) < 0)
			return -EINVAL;
		c.bits = (unsigned)(bits + offset);
	}
	clear_host_bits(&c);
	*ret_cidr = c;
	return 0;
}

static bool peer_address(const struct sockaddr *sa, uint8_t ret_addr[16])
{
	if (sa->sa_family == AF_INET) {
		memcpy(ret_addr, v4_mapped, sizeof(v4_mapped));
		memcpy(ret_addr + 12, &((const struct sockaddr_in *)sa)->sin_addr, 4);
		return true;
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(ret_addr, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
		return true;
	}
	return false;
}

bool mp_cidr_match(const struct mp_cidr *c, const struct sockaddr *sa)
{
	struct mp_cidr peer = {.bits = c->bits};

	if (!peer_address(sa, peer.addr))
		return false;
	clear_host_bits(&peer);
	return !memcmp(peer.addr, c->addr, sizeof(peer.addr));
}

bool mp_cidr_is_loopback(const struct sockaddr *sa)
{
	static const struct mp_cidr v4 = {.addr = {[10] = 0xff, [11] = 0xff, [12] = 127},
					  .bits = 96 + 8};
	static const struct mp_cidr v6 = {.addr = {[15] = 1}, .bits = 128};

	return mp_cidr_match(&v4, sa) || mp_cidr_match(&v6, sa);
}

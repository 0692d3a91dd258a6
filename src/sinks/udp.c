// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol over UDP: a client is an address. Owns nothing (the socket is the agent's, peers are
 * clients without a connection). A peer that is gone is known from the ICMP error it causes; as
 * that can be lost, the longest silent one makes room when the table is full.
 */
#include "sinks/agent_private.h"

#include <errno.h>
#include <string.h>

#define DATAGRAM_MAX 65536

static bool same_address(const struct mp_addr *a, const struct mp_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_port == b->in.sin_port &&
		       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return a->in6.sin6_port == b->in6.sin6_port &&
	       a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
	       !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr));
}

static struct mp_client *find_peer(struct mp_agent *a, int fd, const struct mp_addr *addr)
{
	struct mp_client *c;

	LIST_FOREACH(c, &a->clients, link)
		if (c->is_udp && !c->dead && c->udp_fd == fd && same_address(&c->peer, addr))
			return c;
	return NULL;
}

static void make_room(struct mp_agent *a)
{
	struct mp_client *c, *oldest = NULL;
	size_t n = 0;

	LIST_FOREACH(c, &a->clients, link) {
		if (!c->is_udp || c->dead)
			continue;
		n++;
		if (!oldest || c->heard_ns < oldest->heard_ns)
			oldest = c;
	}
	if (n >= MP_AGENT_UDP_PEERS_MAX)
		oldest->dead = true;
}

static struct mp_client *add_peer(struct mp_agent *a, int fd, const struct mp_addr *addr)
{
	struct mp_client *c;

	make_room(a);
	if (mp_client_new(a, -1, addr, &c) < 0)
		return NULL;
	c->udp_fd = fd;
	c->may_shutdown = a->opts.enable_shutdown;
	return c;
}

/* Peers whose port is closed: the error queue names them. */
static void forget_gone(struct mp_agent *a, int fd)
{
	for (int i = 0; i < MP_AGENT_UDP_PEERS_MAX; i++) {
		struct mp_addr peer = {.len = 0};
		struct msghdr msg = {.msg_name = &peer.in6, .msg_namelen = sizeof(peer.in6)};
		struct mp_client *c;

		if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		c = find_peer(a, fd, &peer);
		if (c)
			c->dead = true;
	}
}

void mp_udp_receive(struct mp_agent *a, int fd)
{
	char data[DATAGRAM_MAX];

	forget_gone(a, fd);
	for (int i = 0; i < MP_AGENT_BURST; i++) {
		struct mp_addr peer = {.len = sizeof(peer.in6)};
		struct mp_client *c;
		ssize_t n;

		n = recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, &peer.sa, &peer.len);
		if (n < 0) {
			if (errno == ECONNREFUSED || errno == EINTR)
				continue; /* an error of an earlier send; the queue had the name */
			return;
		}
		if (!mp_client_allowed(a, &peer.sa)) {
			a->stats.refused++;
			continue;
		}
		c = find_peer(a, fd, &peer);
		if (!c)
			c = add_peer(a, fd, &peer);
		if (c)
			mp_client_datagram(c, data, (size_t)n);
	}
}

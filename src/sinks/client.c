// SPDX-License-Identifier: GPL-2.0-only
/*
 * One client: accepting it, its bytes in, its bounded queue out. A line is queued whole or dropped
 * and counted, so a client that does not read costs one buffer and delays nobody. Owns the
 * connection, the parser and the queue; what a command means is session.c's.
 */
#include "sinks/agent_private.h"

#include <mmsperf/cleanup.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

/* A peer that vanished without a word is noticed after about two minutes. */
#define KEEPALIVE_IDLE_S  60
#define KEEPALIVE_EVERY_S 20
#define KEEPALIVE_PROBES  3

#define READ_SIZE 4096

const char *mp_client_name(const struct mp_client *c, char buf[64])
{
	return mp_listen_name(buf, &c->peer.sa);
}

int mp_client_new(struct mp_agent *a, int fd, const struct mp_addr *peer, struct mp_client **ret)
{
	struct mp_client *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->agent = a;
	c->io = (struct mp_io){.kind = MP_IO_CLIENT, .fd = fd};
	c->peer = *peer;
	c->is_udp = fd < 0;
	c->is_unix = peer->sa.sa_family == AF_UNIX;
	c->udp_fd = c->transmit_fd = -1;
	c->interval_s = 1;
	c->heard_ns = mp_now_ns();
	LIST_INSERT_HEAD(&a->clients, c, link);
	if (c->is_udp)
		a->n_peers++;
	else
		a->n_clients++;
	*ret = c;
	return 0;
}

void mp_client_free(struct mp_client *c)
{
	struct mp_agent *a = c->agent;

	LIST_REMOVE(c, link);
	if (c->is_udp)
		a->n_peers--;
	else
		a->n_clients--;
	mp_ticker_put(a, c->ticker);
	mp_subscription_done(&c->stream);
	mp_subscription_done(&c->single);
	mp_view_free(c->single_view);
	mp_proto_done(&c->parser);
	mp_buf_done(&c->out);
	if (c->transmit_fd >= 0)
		(void)close(c->transmit_fd);
	if (c->io.fd >= 0)
		(void)close(c->io.fd);
	free(c);
}

bool mp_client_allowed(const struct mp_agent *a, const struct sockaddr *sa)
{
	if (sa->sa_family == AF_UNIX || mp_cidr_is_loopback(sa))
		return true;
	for (size_t i = 0; i < a->opts.n_allow; i++)
		if (mp_cidr_match(&a->opts.allow[i], sa))
			return true;
	return false;
}

static void set_interest(struct mp_client *c)
{
	struct epoll_event e = {.data.ptr = &c->io};

	/* While commands wait, nothing more is read: the parser stays bounded. */
	if (!c->eof && !c->more)
		e.events |= EPOLLIN;
	if (c->writing)
		e.events |= EPOLLOUT;
	if (epoll_ctl(c->agent->epoll_fd, EPOLL_CTL_MOD, c->io.fd, &e) < 0)
		c->dead = true;
}

/* Has the peer closed for good? Whoever only shut down its sending side may still want data. */
static void check_end(struct mp_client *c)
{
	if (c->eof && !c->more && !c->ticker && c->sent == c->out.len)
		c->dead = true;
}

/* As much of it as the peer's buffer takes: how much that is. Another failure: c->dead. */
static size_t send_some(struct mp_client *c, const char *data, size_t n)
{
	size_t sent = 0;

	while (sent < n) {
		ssize_t r = send(c->io.fd, data + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			c->dead = errno != EAGAIN && errno != EWOULDBLOCK;
			break;
		}
		sent += (size_t)r;
	}
	return sent;
}

static void set_writing(struct mp_client *c, bool writing)
{
	if (writing == c->writing)
		return;
	c->writing = writing;
	set_interest(c);
}

static void flush(struct mp_client *c)
{
	c->sent += send_some(c, c->out.s + c->sent, c->out.len - c->sent);
	if (c->dead)
		return;
	if (c->sent == c->out.len) {
		mp_buf_reset(&c->out);
		c->sent = 0;
	}
	set_writing(c, c->out.len > 0);
}

static void drop_line(struct mp_client *c)
{
	char name[64];

	c->agent->stats.dropped_lines++;
	if (!c->dropped_lines++)
		mp_agent_say(c->agent, MP_LOG_WARNING,
			     "%s does not read its data: lines for it are dropped",
			     mp_client_name(c, name));
}

static void queue_line(struct mp_client *c, const char *line, size_t n)
{
	size_t sent;

	if (c->out.len - c->sent + n > MP_AGENT_QUEUE_MAX) {
		drop_line(c);
		return;
	}
	if (!c->writing) { /* nothing waits: nothing is copied */
		sent = send_some(c, line, n);
		if (c->dead || sent == n)
			return;
		line += sent;
		n -= sent;
	}
	if (c->sent && c->out.len + n > c->out.cap) {
		/* Moved only when it saves growing, so a slow reader does not cost a copy a line.
		 */
		memmove(c->out.s, c->out.s + c->sent, c->out.len - c->sent);
		c->out.len -= c->sent;
		c->sent = 0;
	}
	mp_buf_append(&c->out, line, n);
	if (c->out.failed) {
		c->dead = true;
		return;
	}
	set_writing(c, true);
}

void mp_client_send(struct mp_client *c, const char *line, size_t n, bool data)
{
	ssize_t r;

	if (c->dead)
		return;
	if (data)
		c->agent->stats.lines++;
	if (data && c->transmit_fd >= 0) {
		r = send(c->transmit_fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (c->is_udp) {
		r = sendto(c->udp_fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL, &c->peer.sa,
			   c->peer.len);
	} else {
		queue_line(c, line, n);
		return;
	}
	if (r < 0)
		drop_line(c);
}

static void run_commands(struct mp_client *c)
{
	bool more = false;

	for (int i = 0; !c->dead; i++) {
		struct mp_proto_cmd cmd;
		int r;

		if (i == MP_AGENT_BURST) {
			more = true;
			break;
		}
		r = mp_proto_next(&c->parser, &cmd);
		if (r < 0)
			c->dead = true;
		if (r <= 0)
			break;
		mp_session_obey(c, &cmd);
	}
	if (c->dead || c->is_udp)
		return;
	if (more != c->more) {
		c->more = more;
		set_interest(c);
	}
	check_end(c);
}

void mp_client_resume(struct mp_client *c)
{
	run_commands(c);
}

void mp_client_datagram(struct mp_client *c, const char *data, size_t n)
{
	c->heard_ns = mp_now_ns();
	if (mp_proto_put(&c->parser, data, n) < 0 || mp_proto_end(&c->parser) < 0) {
		c->dead = true;
		return;
	}
	/* A datagram is at most 64 KiB, so its commands are taken at once. */
	while (!c->dead && c->parser.pos < c->parser.in.len)
		run_commands(c);
}

void mp_client_event(struct mp_client *c, uint32_t events)
{
	char data[READ_SIZE];
	ssize_t n;

	if (events & EPOLLOUT)
		flush(c);
	if (!c->dead && (events & EPOLLIN) && !c->eof && !c->more) {
		n = recv(c->io.fd, data, sizeof(data), MSG_DONTWAIT);
		if (n > 0) {
			c->heard_ns = mp_now_ns();
			if (mp_proto_put(&c->parser, data, (size_t)n) < 0)
				c->dead = true;
			else
				run_commands(c);
		} else if (n == 0) {
			c->eof = true;
			set_interest(c);
		} else if (errno != EAGAIN && errno != EINTR) {
			c->dead = true;
		}
	}
	/* HUP: closed in both directions. Seen after the data before it, if there was any. */
	if ((events & (EPOLLERR | EPOLLHUP)) && !(events & EPOLLIN))
		c->dead = true;
	if (!c->dead)
		check_end(c);
}

void mp_client_sample(struct mp_client *c)
{
	struct mp_buf *line = &c->agent->line;

	mp_subscription_line(&c->stream, c->ticker->view, line);
	if (line->failed) {
		mp_buf_done(line);
		drop_line(c);
		return;
	}
	mp_client_send(c, line->s, line->len, true);
}

/* Descriptors ran out: without taking the connection, the listener would stay readable for ever. */
static void refuse_one(struct mp_agent *a, int listener)
{
	int fd;

	if (a->spare_fd < 0)
		return;
	(void)close(a->spare_fd);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		(void)close(fd);
	a->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	a->stats.refused++;
}

static void tune(int fd)
{
	static const int on = 1, idle = KEEPALIVE_IDLE_S, every = KEEPALIVE_EVERY_S,
			 probes = KEEPALIVE_PROBES;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

static bool unix_may_shutdown(const struct mp_agent *a, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == 0 || cred.uid == a->owner);
}

static void welcome(struct mp_agent *a, int fd, const struct mp_addr *peer)
{
	struct mp_client *c;
	char name[64];

	(void)mp_listen_name(name, &peer->sa);
	if (!mp_client_allowed(a, &peer->sa)) {
		if (!a->stats.refused++)
			mp_agent_say(a, MP_LOG_WARNING,
				     "%s was refused: its address is in no --allow range "
				     "(further refusals are not logged)",
				     name);
		(void)close(fd);
		return;
	}
	if (a->n_clients >= MP_AGENT_CLIENTS_MAX || mp_client_new(a, fd, peer, &c) < 0) {
		if (!a->stats.refused++)
			mp_agent_say(a, MP_LOG_WARNING, "%s was refused: %d clients are connected",
				     name, MP_AGENT_CLIENTS_MAX);
		(void)close(fd);
		return;
	}
	if (!c->is_unix)
		tune(fd);
	c->may_shutdown = a->opts.enable_shutdown && (!c->is_unix || unix_may_shutdown(a, fd));
	mp_agent_say(a, MP_LOG_DEBUG, "%s connected", name);
	if (mp_agent_watch(a, &c->io, EPOLLIN) < 0)
		c->dead = true;
}

void mp_client_accept(struct mp_agent *a, int listener)
{
	for (int i = 0; i < MP_AGENT_BURST; i++) {
		struct mp_addr peer = {.len = sizeof(peer.in6)};
		int fd = accept4(listener, &peer.sa, &peer.len, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				refuse_one(a, listener);
			return; /* EAGAIN, or a peer that gave up while it waited */
		}
		welcome(a, fd, &peer);
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening the agent's sockets, with one clear reason when that fails. Owns no descriptor for longer
 * than a call; does not accept. Called by cli/agent.c before privileges are dropped.
 */
#include "sinks/listen.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>
#include <mmsperf/tree.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

int mp_listen_parse(const char *s, struct mp_addr *ret_addr, struct mp_diag *d)
{
	const char *colon = strrchr(s, ':');
	struct mp_addr a = {.len = 0};
	char host[INET6_ADDRSTRLEN];
	size_t len;
	long port;

	if (!colon || mp_parse_int(colon + 1, 0, 65535, &port) < 0)
		return mp_diag_set(d, -EINVAL, NULL, 0, 0, "'%s': needed is ADDRESS:PORT", s);
	len = (size_t)(colon - s);
	if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (len >= sizeof(host))
		len = 0;
	memcpy(host, s, len);
	host[len] = '\0';
	if (!strcmp(host, "localhost"))
		strcpy(host, "127.0.0.1");
	if (inet_pton(AF_INET, host, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons((uint16_t)port);
		a.len = sizeof(a.in);
	} else if (inet_pton(AF_INET6, host, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons((uint16_t)port);
		a.len = sizeof(a.in6);
	} else {
		return mp_diag_set(d, -EINVAL, NULL, 0, 0,
				   "'%s' is not an address (numeric IPv4, [IPv6] or localhost)",
				   host);
	}
	*ret_addr = a;
	return 0;
}

const char *mp_listen_name(char buf[64], const struct sockaddr *sa)
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

		(void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		(void)snprintf(buf, 64, "%s:%u", host, ntohs(in->sin_port));
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

		(void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		(void)snprintf(buf, 64, "[%s]:%u", host, ntohs(in6->sin6_port));
	} else {
		(void)snprintf(buf, 64, "a local client");
	}
	return buf;
}

bool mp_listen_answers(const struct sockaddr *sa, socklen_t len, int timeout_ms)
{
	static const char ask[] = "test\n", answer[] = "Yep\n";
	uint64_t end = mp_now_ns() + (uint64_t)timeout_ms * 1000000;
	_cleanup_close_ int fd = -1;
	char got[sizeof(answer)] = "";
	struct pollfd p;
	size_t n = 0;
	int err = 0;
	socklen_t err_len = sizeof(err);

	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	p = (struct pollfd){.fd = fd, .events = POLLOUT};
	if (connect(fd, sa, len) < 0) {
		if (errno != EINPROGRESS || poll(&p, 1, timeout_ms) != 1)
			return false;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &err_len) < 0 || err)
			return false;
	}
	if (send(fd, ask, strlen(ask), MSG_NOSIGNAL) != (ssize_t)strlen(ask))
		return false;
	p.events = POLLIN;
	while (n < strlen(answer)) {
		uint64_t now = mp_now_ns();
		ssize_t k;

		if (now >= end || poll(&p, 1, (int)((end - now) / 1000000) + 1) != 1)
			return false;
		k = recv(fd, got + n, strlen(answer) - n, 0);
		if (k <= 0)
			return false;
		n += (size_t)k;
	}
	return !strcmp(got, answer);
}

/* "name (pid N)" of the process that listens there; false when it cannot be told. */
static bool owner_of(const struct mp_addr *addr, char *buf, size_t size)
{
	bool v6 = addr->sa.sa_family == AF_INET6;
	pid_t pid = mp_port_owner(ntohs(v6 ? addr->in6.sin6_port : addr->in.sin_port), v6);
	_cleanup_free_ char *comm = NULL;
	char path[32];
	size_t len;

	if (!pid)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (mp_read_file(path, 64, &comm, &len) == 0)
		comm[strcspn(comm, "\n")] = '\0';
	(void)snprintf(buf, size, "%s (pid %d)", comm ? comm : "a process", (int)pid);
	return true;
}

static int in_use(const struct mp_addr *addr, int type, struct mp_diag *d)
{
	char name[64], owner[128] = "";
	const char *what = type == SOCK_STREAM ? "" : " (UDP)";
	bool known = type == SOCK_STREAM && owner_of(addr, owner, sizeof(owner));

	(void)mp_listen_name(name, &addr->sa);
	if (type == SOCK_STREAM && mp_listen_answers(&addr->sa, addr->len, 300))
		return mp_diag_set(d, -EADDRINUSE, NULL, 0, 0,
				   "cannot listen on %s: another monitoring agent answers there%s%s"
				   "; use it, stop it, or choose another port with --listen",
				   name, known ? ": " : "", owner);
	return mp_diag_set(d, -EADDRINUSE, NULL, 0, 0,
			   "cannot listen on %s%s: the port is in use%s%s; choose another with "
			   "--listen",
			   name, what, known ? " by " : "", owner);
}

static int open_inet(struct mp_addr *addr, int type, int *ret_fd, struct mp_diag *d)
{
	static const int on = 1;
	_cleanup_close_ int fd = -1;
	char name[64];

	fd = socket(addr->sa.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		goto fail;
	/* Sockets in TIME_WAIT must not keep a restarted agent out. For UDP the option would let
	 * two agents share the port. */
	if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		goto fail;
	if (addr->sa.sa_family == AF_INET6) {
		int only = !IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);

		if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
			goto fail;
	}
	if (type == SOCK_DGRAM) {
		/* Makes a peer that is gone an error that names it, so that it is forgotten. */
		(void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
		if (addr->sa.sa_family == AF_INET6)
			(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	}
	if (bind(fd, &addr->sa, addr->len) < 0 || (type == SOCK_STREAM && listen(fd, 64) < 0)) {
		if (errno == EADDRINUSE)
			return in_use(addr, type, d);
		goto fail;
	}
	if (getsockname(fd, &addr->sa, &addr->len) < 0)
		goto fail;
	*ret_fd = TAKE_FD(fd);
	return 0;
fail:
	return mp_diag_set(d, -errno, NULL, 0, 0, "cannot listen on %s: %s",
			   mp_listen_name(name, &addr->sa), strerror(errno));
}

int mp_listen_inet(struct mp_addr *addr, int *ret_tcp, int *ret_udp, struct mp_diag *d)
{
	_cleanup_close_ int tcp = -1;
	struct mp_addr a = *addr;
	int udp, r;

	r = open_inet(&a, SOCK_STREAM, &tcp, d);
	if (r < 0)
		return r;
	r = open_inet(&a, SOCK_DGRAM, &udp, d);
	if (r < 0)
		return r;
	*addr = a;
	*ret_tcp = TAKE_FD(tcp);
	*ret_udp = udp;
	return 0;
}

int mp_listen_clear(const char *path, struct mp_diag *d)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (strlen(path) >= sizeof(un.sun_path))
		return mp_diag_set(
			d, -ENAMETOOLONG, NULL, 0, 0,
			"'%s' is too long for a socket (%zu bytes are allowed); choose a "
			"shorter path with --unix",
			path, sizeof(un.sun_path) - 1);
	strcpy(un.sun_path, path);
	if (lstat(path, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : mp_diag_set(d, -errno, NULL, 0, 0, "cannot look at '%s': %s", path,
					     strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return mp_diag_set(d, -EEXIST, NULL, 0, 0,
				   "'%s' exists and is not a socket; remove it or choose another "
				   "path with --unix",
				   path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return mp_diag_set(d, -errno, NULL, 0, 0, "socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 || errno != ECONNREFUSED)
		return mp_diag_set(d, -EADDRINUSE, NULL, 0, 0,
				   "somebody already listens on '%s'; stop it (mmsperf-bpf agent "
				   "--stop) or choose another path with --unix",
				   path);
	if (unlink(path) < 0 && errno != ENOENT)
		return mp_diag_set(d, -errno, NULL, 0, 0, "cannot remove the stale socket '%s': %s",
				   path, strerror(errno));
	return 0;
}

int mp_listen_unix(const char *path, int *ret_fd, struct mp_diag *d)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	int r;

	r = mp_listen_clear(path, d);
	if (r < 0)
		return r;
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0 || chmod(path, 0666) < 0 ||
	    listen(fd, 64) < 0)
		return mp_diag_set(d, -errno, NULL, 0, 0, "cannot listen on '%s': %s", path,
				   strerror(errno));
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets the agent listens on: addresses as people write them, TCP, UDP, Unix, and who has one. */
#pragma once

#include <mmsperf/diag.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct mp_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

/* "ADDR:PORT", "[V6]:PORT", "localhost:PORT"; numeric otherwise. -EINVAL with d filled. */
int mp_listen_parse(const char *s, struct mp_addr *ret_addr, struct mp_diag *d);
/* "127.0.0.1:9009", "[::1]:9009", for messages; returns buf. */
const char *mp_listen_name(char buf[64], const struct sockaddr *sa);

/*
 * TCP listener and UDP socket on the same port; non-blocking. With port 0 the kernel chooses and
 * addr is updated. -EADDRINUSE with d naming who has the port.
 */
int mp_listen_inet(struct mp_addr *addr, int *ret_tcp, int *ret_udp, struct mp_diag *d);

/*
 * Unix listener at path, connectable by everybody who can reach its directory: the protocol only
 * reads. A socket that nobody listens on any more is replaced; -EADDRINUSE when one does.
 */
int mp_listen_unix(const char *path, int *ret_fd, struct mp_diag *d);
/* Removes a socket that nobody listens on any more; 0 (also when there is none) or why it stays. */
int mp_listen_clear(const char *path, struct mp_diag *d);

/* Does a server agent answer `test` there within timeout_ms? */
bool mp_listen_answers(const struct sockaddr *sa, socklen_t len, int timeout_ms);

/* SPDX-License-Identifier: GPL-2.0-only */
/* Address ranges: who may connect. IPv4 is kept as ::ffff:a.b.c.d, so one comparison serves both.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct mp_cidr {
	uint8_t addr[16]; /* network order, host bits zero */
	unsigned bits;    /* 0..128; IPv4 prefixes are 96 longer than written */
};

/* "10.0.0.0/8", "fd00::/8", or one address; host bits are cleared. -EINVAL otherwise. */
int mp_cidr_parse(const char *s, struct mp_cidr *ret_cidr);
bool mp_cidr_match(const struct mp_cidr *c, const struct sockaddr *sa);
/* 127.0.0.0/8 and ::1; false for families without addresses. */
bool mp_cidr_is_loopback(const struct sockaddr *sa);

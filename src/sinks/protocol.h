/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server-agent protocol as text: bytes in, commands out; values in, a line out. Pure: no
 * sockets, no clock, no logging. Lines are `cmd[:parameters]`, parameters separated by TAB.
 */
#pragma once

#include <mmsperf/metrics.h>
#include <mmsperf/str.h>

#include <stddef.h>
#include <stdint.h>

#define MP_PROTO_LINE_MAX        65536 /* bytes; the 126 upstream names make 3,100 */
#define MP_PROTO_NAMES_MAX       2048  /* metrics in one command */
#define MP_PROTO_INTERVAL_MIN_S  0.01
#define MP_PROTO_INTERVAL_MAX_S  86400.0
/* bzt truncates 500ms to `interval:0`, so 0 means what its user wrote. */
#define MP_PROTO_INTERVAL_ZERO_S 0.5

enum mp_proto_type {
	MP_PROTO_TEST,
	MP_PROTO_INTERVAL,
	MP_PROTO_METRICS,
	MP_PROTO_SINGLE,
	MP_PROTO_EXIT,
	MP_PROTO_SHUTDOWN,
	MP_PROTO_TRANSMIT,
	MP_PROTO_BAD, /* to be ignored; error says why */
	_MP_PROTO_MAX
};

/* Everything points into the parser and is valid until the next call on it. */
struct mp_proto_cmd {
	enum mp_proto_type type;
	double interval_s;        /* INTERVAL: within MIN..MAX */
	const char *const *names; /* METRICS, SINGLE, TRANSMIT: as sent, at least one */
	size_t n_names;
	const char *host; /* TRANSMIT; brackets of IPv6 removed */
	uint16_t port;
	const char *error; /* BAD: static text */
	const char *text;  /* BAD: the command word or parameter it is about; unescaped */
};

struct mp_proto_parser {
	struct mp_buf in;
	size_t pos; /* bytes of `in` consumed */
	const char **names;
	size_t cap_names;
	bool skipping; /* inside a line that was too long */
	bool overlong; /* ... which has not been reported yet */
};

/* Adds bytes as they came; 0 or -ENOMEM. Take all commands out before adding more. */
int mp_proto_put(struct mp_proto_parser *p, const char *data, size_t n);
/* 1: *ret_cmd is the next command; 0: more bytes are needed; -ENOMEM. */
int mp_proto_next(struct mp_proto_parser *p, struct mp_proto_cmd *ret_cmd);
/* A datagram ends a line even without a newline. 0 or -ENOMEM. */
int mp_proto_end(struct mp_proto_parser *p);
void mp_proto_done(struct mp_proto_parser *p);

/*
 * One value as a line has it: integers whole, fractions with four decimals at most (below 0.1:
 * four significant digits), NaN when absent. bzt takes 1,024 bytes a check, so digits that nobody
 * reads cost data. Returns the length (< 32).
 */
int mp_proto_number(char buf[32], struct mp_value v);
/* Appends the value and the TAB that follows every value, also the last one. */
void mp_proto_put_value(struct mp_buf *line, struct mp_value v);

/* Foreign text made fit for a log line: control characters as \xNN, cut to size; returns buf. */
const char *mp_proto_quote(char *buf, size_t size, const char *s);

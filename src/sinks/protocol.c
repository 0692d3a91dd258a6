// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parser and formatter of the server-agent protocol. Owns the bytes of an unfinished line; does
 * not own sockets, intervals or metrics. Called by client.c and udp.c.
 */
#include "sinks/protocol.h"

#include <mmsperf/cleanup.h>

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void mp_proto_done(struct mp_proto_parser *p)
{
	mp_buf_done(&p->in);
	free(p->names);
	*p = (struct mp_proto_parser){0};
}

int mp_proto_put(struct mp_proto_parser *p, const char *data, size_t n)
{
	if (p->skipping) {
		const char *end = memchr(data, '\n', n);

		if (!end)
			return 0;
		p->skipping = false;
		n -= (size_t)(end + 1 - data);
		data = end + 1;
	}
	if (p->pos) {
		/* What was consumed makes room for what comes. */
		memmove(p->in.s, p->in.s + p->pos, p->in.len - p->pos);
		p->in.len -= p->pos;
		p->pos = 0;
	}
	mp_buf_append(&p->in, data, n);
	return p->in.failed ? -ENOMEM : 0;
}

int mp_proto_end(struct mp_proto_parser *p)
{
	return p->in.len > p->pos || p->skipping ? mp_proto_put(p, "\n", 1) : 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static char *trim(char *s)
{
	size_t n;

	while (is_space(*s))
		s++;
	n = strlen(s);
	while (n && is_space(s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

static int bad(struct mp_proto_cmd *c, const char *text, const char *error)
{
	*c = (struct mp_proto_cmd){.type = MP_PROTO_BAD, .text = text, .error = error};
	return 1;
}

/* ServerAgent trims the parameters as a whole, then splits: empty names in between keep columns. */
static int split_names(struct mp_proto_parser *p, char *params, struct mp_proto_cmd *c)
{
	size_t n = 1;

	if (!*params)
		return bad(c, "", "no metric is named");
	for (const char *s = params; *s; s++)
		n += *s == '\t';
	if (n > MP_PROTO_NAMES_MAX)
		return bad(c, "", "more than 2048 metrics in one command");
	if (n > p->cap_names) {
		const char **bigger = reallocarray(p->names, n, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		p->names = bigger;
		p->cap_names = n;
	}
	for (size_t i = 0; i < n; i++) {
		char *end = strchr(params, '\t');

		if (end)
			*end = '\0';
		p->names[i] = trim(params);
		params = end ? end + 1 : params;
	}
	c->names = p->names;
	c->n_names = n;
	return 1;
}

static int parse_interval(struct mp_proto_parser *p, char *params, struct mp_proto_cmd *c)
{
	double s;

	(void)p;
	if (mp_parse_double(params, &s) < 0 || s < 0)
		return bad(c, params, "the interval must be a number of seconds, 0.01 or more");
	if (s == 0)
		s = MP_PROTO_INTERVAL_ZERO_S;
	c->interval_s = fmin(fmax(s, MP_PROTO_INTERVAL_MIN_S), MP_PROTO_INTERVAL_MAX_S);
	return 1;
}

/* host:port:metrics, host in brackets when it contains colons. */
static int parse_transmit(struct mp_proto_parser *p, char *params, struct mp_proto_cmd *c)
{
	static const char wrong[] = "needed is udp-transmitter:HOST:PORT:METRICS";
	char *host = params, *rest;
	long port;

	if (*params == '[') {
		char *end = strchr(params, ']');

		if (!end || end[1] != ':')
			return bad(c, params, wrong);
		*end = '\0';
		host = params + 1;
		rest = end + 2;
	} else {
		rest = strchr(params, ':');
		if (!rest)
			return bad(c, params, wrong);
		*rest++ = '\0';
	}
	params = strchr(rest, ':');
	if (!params)
		return bad(c, rest, wrong);
	*params++ = '\0';
	host = trim(host);
	rest = trim(rest);
	if (!*host || mp_parse_int(rest, 1, 65535, &port) < 0)
		return bad(c, rest, wrong);
	c->host = host;
	c->port = (uint16_t)port;
	return split_names(p, trim(params), c);
}

static int no_parameters(struct mp_proto_parser *p, char *params, struct mp_proto_cmd *c)
{
	(void)p;
	(void)params;
	(void)c;
	return 1;
}

static const struct {
	const char *word;
	int (*parse)(struct mp_proto_parser *p, char *params, struct mp_proto_cmd *c);
} commands[] = {
	[MP_PROTO_TEST] = {.word = "test", .parse = no_parameters},
	[MP_PROTO_INTERVAL] = {.word = "interval", .parse = parse_interval},
	[MP_PROTO_METRICS] = {.word = "metrics", .parse = split_names},
	[MP_PROTO_SINGLE] = {.word = "metrics-single", .parse = split_names},
	[MP_PROTO_EXIT] = {.word = "exit", .parse = no_parameters},
	[MP_PROTO_SHUTDOWN] = {.word = "shutdown", .parse = no_parameters},
	[MP_PROTO_TRANSMIT] = {.word = "udp-transmitter", .parse = parse_transmit},
};
_Static_assert(ARRAY_SIZE(commands) == MP_PROTO_BAD, "a row for each command");

static int parse_line(struct mp_proto_parser *p, char *line, struct mp_proto_cmd *c)
{
	char *params = strchr(line, ':');

	if (params)
		*params++ = '\0';
	else
		params = line + strlen(line);
	line = trim(line);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].word, line) != 0)
			continue;
		*c = (struct mp_proto_cmd){.type = (enum mp_proto_type)i};
		return commands[i].parse(p, trim(params), c);
	}
	return bad(c, line, "unknown command");
}

int mp_proto_next(struct mp_proto_parser *p, struct mp_proto_cmd *ret_cmd)
{
	while (p->pos < p->in.len) {
		char *line = p->in.s + p->pos;
		size_t left = p->in.len - p->pos;
		char *end = memchr(line, '\n', left);
		size_t n = end ? (size_t)(end - line) : left;

		if (n > MP_PROTO_LINE_MAX) {
			p->overlong = true;
			p->skipping = !end;
			p->pos = end ? p->pos + n + 1 : p->in.len;
			break;
		}
		if (!end)
			return 0;
		p->pos += n + 1;
		*end = '\0';
		if (strlen(line) != n)
			return bad(ret_cmd, line, "a NUL byte in the line");
		if (line[strspn(line, " \t\r")])
			return parse_line(p, line, ret_cmd);
	}
	if (p->overlong) {
		p->overlong = false;
		return bad(ret_cmd, "", "a line of more than 65536 bytes");
	}
	return 0;
}

/* Digits of v into buf (NUL-terminated); returns their number. */
static int put_unsigned(char *buf, uint64_t v)
{
	char tmp[20];
	int n = 0;

	do
		tmp[n++] = (char)('0' + v % 10);
	while (v /= 10);
	for (int i = 0; i < n; i++)
		buf[i] = tmp[n - 1 - i];
	buf[n] = '\0';
	return n;
}

/*
 * Four decimals; below 0.1 four significant digits, at most nine decimals. By hand: this is most of
 * what a sample costs the agent, and once a second printf's code is cold: it took 12 of 60 us.
 */
int mp_proto_number(char buf[32], struct mp_value v)
{
	uint64_t whole, frac, scale = 10000;
	double a = fabs(v.v);
	int n = 0, digits = 4;

	if (!v.valid || isnan(v.v))
		return snprintf(buf, 32, "NaN");
	if (a >= 1e15) /* also infinities: every client reads "inf" and "1e+300" */
		return snprintf(buf, 32, "%.17g", v.v);
	whole = (uint64_t)a;
	for (; a > 0 && a * (double)scale < 1000 && digits < 9; digits++)
		scale *= 10;
	frac = (uint64_t)((a - (double)whole) * (double)scale + 0.5);
	whole += frac / scale;
	frac %= scale;
	if (v.v < 0 && (whole || frac))
		buf[n++] = '-';
	n += put_unsigned(buf + n, whole);
	if (!frac)
		return n;
	while (frac % 10 == 0) {
		frac /= 10;
		digits--;
	}
	buf[n++] = '.';
	for (int i = digits - 1; i >= 0; i--) {
		buf[n + i] = (char)('0' + frac % 10);
		frac /= 10;
	}
	n += digits;
	buf[n] = '\0';
	return n;
}

void mp_proto_put_value(struct mp_buf *line, struct mp_value v)
{
	char text[33];
	int n = mp_proto_number(text, v);

	text[n++] = '\t';
	mp_buf_append(line, text, (size_t)n);
}

const char *mp_proto_quote(char *buf, size_t size, const char *s)
{
	static const char hex[] = "0123456789abcdef", more[] = "...";
	size_t n = 0;

	assert(size > 4 + sizeof(more));
	for (; *s && n + 4 + sizeof(more) <= size; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c != 0x7f && c != '\\') {
			buf[n++] = *s;
			continue;
		}
		buf[n++] = '\\';
		buf[n++] = 'x';
		buf[n++] = hex[c >> 4];
		buf[n++] = hex[c & 15];
	}
	(void)snprintf(buf + n, size - n, "%s", *s ? more : "");
	return buf;
}

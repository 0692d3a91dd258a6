/* SPDX-License-Identifier: GPL-2.0-only */
/* One HTTP call with a deadline that a signal to stop cuts short. */
#pragma once

#include "suite/events.h"

#include <stddef.h>

#define MP_HTTP_MAX_BODY (1u << 20) /* of an answer; the rest is dropped */

struct mp_http_request {
	const char *method, *url;
	const char *body; /* NULL: none */
	size_t body_len;
	const char *const *headers; /* "Name: value", n_headers of them */
	size_t n_headers;
	double timeout_s;
};

struct mp_http_reply {
	long status;
	char *body; /* NUL-terminated, owned */
	size_t len;
};

/*
 * 0 with any status the server gave. -EINTR: told to stop (ev may be NULL: then it cannot be);
 * -ETIMEDOUT; -ECONNREFUSED and the like, with *ret_why (static text) in curl's words.
 */
int mp_http_call(const struct mp_http_request *q, struct mp_events *ev,
		 struct mp_http_reply *ret_reply, const char **ret_why);
void mp_http_reply_done(struct mp_http_reply *r);
/* "a b" -> "a%20b"; the caller frees; NULL: no memory. */
char *mp_http_escape(const char *s);
/* The server's own words in a JSON answer ("message"), else the first line; at most size bytes. */
void mp_http_message(const struct mp_http_reply *r, char *buf, size_t size);

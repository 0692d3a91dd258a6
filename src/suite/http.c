// SPDX-License-Identifier: GPL-2.0-only
/*
 * libcurl's multi interface for one call at a time, so that the signalfd is watched beside the
 * socket. Never through a proxy: the machine under test is meant. Called by steps.c and cli/init.c.
 */
#include "suite/http.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/str.h>

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 1000

static size_t keep(char *data, size_t size, size_t n, void *user)
{
	struct mp_buf *b = user;
	size_t len = size * n;

	if (b->len + len <= MP_HTTP_MAX_BODY)
		mp_buf_append(b, data, len);
	return b->failed ? 0 : len;
}

static int errno_of(CURLcode c)
{
	switch (c) {
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_COULDNT_RESOLVE_HOST:
		return -EHOSTUNREACH;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -EINVAL;
	default:
		return -ECONNRESET;
	}
}

/* Until the transfer is over; -EINTR when told to stop. */
static int transfer(CURLM *multi, CURL *easy, struct mp_events *ev, const char **ret_why)
{
	struct curl_waitfd fd = {.fd = ev ? ev->fd : -1, .events = CURL_WAIT_POLLIN};
	int running = 1, left;
	CURLMsg *msg;

	if (curl_multi_add_handle(multi, easy) != CURLM_OK)
		return -ENOMEM;
	for (;;) {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return -EIO;
		if (!running)
			break;
		if (curl_multi_poll(multi, &fd, ev ? 1 : 0, POLL_MS, NULL) != CURLM_OK)
			return -EIO;
		if (ev && mp_events_wait(ev, NULL, -1, 0) == MP_WAKE_SIGNAL)
			return -EINTR;
	}
	while ((msg = curl_multi_info_read(multi, &left))) {
		if (msg->msg != CURLMSG_DONE || msg->data.result == CURLE_OK)
			continue;
		*ret_why = curl_easy_strerror(msg->data.result);
		return errno_of(msg->data.result);
	}
	return 0;
}

static struct curl_slist *header_list(const struct mp_http_request *q)
{
	struct curl_slist *list =
		curl_slist_append(NULL, "Expect:"); /* no 100-continue to wait for */

	for (size_t i = 0; list && i < q->n_headers; i++) {
		struct curl_slist *longer = curl_slist_append(list, q->headers[i]);

		if (!longer) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

static void set_options(CURL *easy, const struct mp_http_request *q, struct curl_slist *headers,
			struct mp_buf *body)
{
	(void)curl_easy_setopt(easy, CURLOPT_URL, q->url);
	(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, q->method);
	if (!strcmp(q->method, "HEAD"))
		(void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (q->body) {
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, q->body);
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
	}
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	/* a test server's own certificate: its figures are wanted, not its identity */
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(q->timeout_s * 1000) + 1);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
}

int mp_http_call(const struct mp_http_request *q, struct mp_events *ev,
		 struct mp_http_reply *ret_reply, const char **ret_why)
{
	_cleanup_buf_ struct mp_buf body = {0};
	struct curl_slist *headers = header_list(q);
	CURLM *multi = curl_multi_init();
	CURL *easy = curl_easy_init();
	const char *why = "out of memory";
	long status = 0;
	int r = -ENOMEM;

	mp_buf_puts(&body, "");
	if (headers && multi && easy) {
		set_options(easy, q, headers, &body);
		r = transfer(multi, easy, ev, &why);
		if (!r && curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
			r = -EIO;
		(void)curl_multi_remove_handle(multi, easy);
	}
	curl_easy_cleanup(easy);
	(void)curl_multi_cleanup(multi);
	curl_slist_free_all(headers);
	if (!r && body.failed)
		r = -ENOMEM;
	if (r < 0) {
		*ret_why = why;
		return r;
	}
	*ret_reply = (struct mp_http_reply){.status = status, .len = body.len};
	ret_reply->body = TAKE_PTR(body.s);
	return 0;
}

void mp_http_reply_done(struct mp_http_reply *r)
{
	free(r->body);
	*r = (struct mp_http_reply){0};
}

char *mp_http_escape(const char *s)
{
	char *escaped = curl_easy_escape(NULL, s, (int)strlen(s)), *copy;

	copy = escaped ? strdup(escaped) : NULL;
	curl_free(escaped);
	return copy;
}

void mp_http_message(const struct mp_http_reply *r, char *buf, size_t size)
{
	json_t *j = r->body ? json_loadb(r->body, r->len, 0, NULL) : NULL;
	const char *said = json_string_value(json_object_get(j, "message"));

	if (!said)
		said = r->body ? r->body : "";
	(void)snprintf(buf, size, "%.*s", (int)strcspn(said, "\r\n"), said);
	for (char *c = buf; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	json_decref(j);
}

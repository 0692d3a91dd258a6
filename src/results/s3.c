// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to S3. libcurl signs them (CURLOPT_AWS_SIGV4); it wants the payload's hash as a header
 * of ours, and a query that is sorted and encoded. A request that failed for a reason that may go
 * away (a cut, a 5xx, "slow down") is repeated with growing, jittered pauses until it has failed
 * for give_up_s without progress. Nothing here prints, and no message carries a secret. Called by
 * s3_runs.c; opening and listing are s3_open.c's and s3_list.c's.
 */
#include "results/s3.h"

#include <mmsperf/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_S      10.0
#define STALL_S        30.0 /* not one byte for so long: the connection is dead */
#define FIRST_PAUSE_S  0.1
#define LAST_PAUSE_S   8.0
#define MAX_ERROR_BODY (64 * 1024)

static const char empty_sha256[] =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct request {
	const char *key;    /* below the prefix; NULL: the bucket itself */
	const char *query;  /* encoded and sorted; NULL: none */
	const char *method; /* NULL: PUT with a body, else GET */
	const struct mp_s3_body *put;
	/* where the answer goes: text of at most max bytes, or a file from `from` on */
	struct mp_buf *text;
	size_t max;
	int fd;
	double from;
	/* state of one attempt */
	CURL *curl;
	struct mp_buf error;
	size_t sent;
	int write_errno;
	bool too_big;
	double got;
};

/* A file's part of an answer that is no error; where a server does not know ranges, from 0 on. */
static int take_file(struct request *q, long status, const char *data, size_t n)
{
	if (status == 200 && q->from > 0 && q->got <= 0) {
		if (ftruncate(q->fd, 0) < 0 || lseek(q->fd, 0, SEEK_SET) < 0)
			return -errno;
		q->from = 0;
	}
	while (n) {
		ssize_t k = write(q->fd, data, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		data += k;
		n -= (size_t)k;
		q->got += (double)k;
	}
	return 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *user)
{
	struct request *q = user;
	size_t n = size * count;
	long status = 0;

	(void)curl_easy_getinfo(q->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200 && status != 206) {
		if (q->error.len + n <= MAX_ERROR_BODY)
			mp_buf_append(&q->error, data, n);
		return n;
	}
	if (q->text) {
		if (q->text->len + n > q->max) {
			q->too_big = true;
			return 0;
		}
		mp_buf_append(q->text, data, n);
		q->got += (double)n;
		return n;
	}
	if (q->fd >= 0)
		q->write_errno = take_file(q, status, data, n);
	return q->write_errno < 0 ? 0 : n;
}

static size_t on_send(char *to, size_t size, size_t count, void *user)
{
	struct request *q = user;
	size_t room = size * count, left = q->put->size - q->sent;
	size_t n = room < left ? room : left;

	if (q->put->fd < 0) {
		memcpy(to, q->put->text + q->sent, n);
	} else if (n) {
		ssize_t k = pread(q->put->fd, to, n, q->put->offset + (off_t)q->sent);

		if (k <= 0) { /* it became shorter than it was when it was hashed */
			q->write_errno = k < 0 ? -errno : -EIO;
			return CURL_READFUNC_ABORT;
		}
		n = (size_t)k;
	}
	q->sent += n;
	return n;
}

/* libcurl sends again from the begin when a kept connection turns out to be dead. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
	struct request *q = user;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	q->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static struct curl_slist *add_header(struct curl_slist *l, const char *name, const char *value)
{
	_cleanup_free_ char *line = mp_asprintf("%s: %s", name, value);
	struct curl_slist *longer = line ? curl_slist_append(l, line) : NULL;

	if (!longer)
		curl_slist_free_all(l);
	return longer;
}

static struct curl_slist *make_headers(const struct mp_s3 *s, const struct request *q)
{
	struct curl_slist *l =
		add_header(NULL, "x-amz-content-sha256", q->put ? q->put->sha256 : empty_sha256);

	if (l && s->token)
		l = add_header(l, "x-amz-security-token", s->token);
	return l;
}

static char *make_url(const struct mp_s3 *s, const struct request *q)
{
	struct mp_buf b = {0};

	mp_buf_printf(&b, "%s/", s->base);
	if (q->key) {
		mp_s3_encode(&b, s->prefix, true);
		mp_s3_encode(&b, q->key, true);
	}
	if (q->query)
		mp_buf_printf(&b, "?%s", q->query);
	if (b.failed) {
		mp_buf_done(&b);
		return NULL;
	}
	return b.s;
}

static void set_upload(CURL *c, struct request *q)
{
	(void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->put->size);
	(void)curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
	(void)curl_easy_setopt(c, CURLOPT_READDATA, q);
	(void)curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
	(void)curl_easy_setopt(c, CURLOPT_SEEKDATA, q);
}

static void set_options(const struct mp_s3 *s, struct request *q, const char *url,
			struct curl_slist *headers, char *error)
{
	CURL *c = s->curl;
	double stall = fmax(1, fmin(STALL_S, s->give_up_s));

	curl_easy_reset(c);
	(void)curl_easy_setopt(c, CURLOPT_URL, url);
	(void)curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
	(void)curl_easy_setopt(c, CURLOPT_USERNAME, s->key_id);
	(void)curl_easy_setopt(c, CURLOPT_PASSWORD, s->secret);
	(void)curl_easy_setopt(c, CURLOPT_AWS_SIGV4, s->provider);
	(void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "mmsperf-bpf/" MP_VERSION);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
			       (long)(fmin(CONNECT_S, s->give_up_s) * 1000) + 1);
	(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)stall);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, q);
	if (s->loopback)
		(void)curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	if (q->put)
		set_upload(c, q);
	if (q->method)
		(void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
}

/* One attempt. 0 and *ret_status, or the curl code in *ret_code; -ENOMEM. */
static int attempt(struct mp_s3 *s, struct request *q, CURLcode *ret_code, long *ret_status,
		   char *error)
{
	_cleanup_free_ char *url = make_url(s, q);
	struct curl_slist *headers = url ? make_headers(s, q) : NULL;
	char range[40];

	if (!headers)
		return -ENOMEM;
	*error = '\0';
	mp_buf_reset(&q->error);
	q->sent = 0;
	q->got = 0;
	q->write_errno = 0;
	q->curl = s->curl;
	if (q->text)
		mp_buf_reset(q->text);
	set_options(s, q, url, headers, error);
	if (q->from > 0) {
		(void)snprintf(range, sizeof(range), "%.0f-", q->from);
		(void)curl_easy_setopt(s->curl, CURLOPT_RANGE, range);
	}
	*ret_code = curl_easy_perform(s->curl);
	*ret_status = 0;
	(void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, ret_status);
	curl_slist_free_all(headers);
	/* the handle outlives what these point to */
	(void)curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, NULL);
	(void)curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, NULL);
	return 0;
}

static bool may_go_away(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_WEIRD_SERVER_REPLY:
		return true;
	default:
		return false;
	}
}

static bool is_passing(long status, const char *code)
{
	return status == 500 || status == 502 || status == 503 || status == 504 || status == 429 ||
	       status == 408 ||
	       (code && (!strcmp(code, "RequestTimeout") || !strcmp(code, "OperationAborted")));
}

static const char *place(const struct request *q)
{
	return q->key ? q->key : "";
}

static int transport_fault(const struct mp_s3 *s, const struct request *q, CURLcode code,
			   const char *error, struct mp_diag *d)
{
	if (q->too_big)
		return mp_diag_set(d, -EFBIG, NULL, 0, 0, "%s: '%s' is larger than %zu bytes",
				   s->url, place(q), q->max);
	if (q->write_errno < 0)
		return mp_diag_set(d, q->write_errno, NULL, 0, 0, "%s: '%s': %s", s->url, place(q),
				   strerror(-q->write_errno));
	return mp_diag_set(d, -EIO, NULL, 0, 0, "%s: %s", s->url,
			   *error ? error : curl_easy_strerror(code));
}

static int status_fault(const struct mp_s3 *s, const struct request *q, long status,
			const char *code, struct mp_diag *d)
{
	_cleanup_free_ char *message = mp_s3_xml_text(q->error.s, q->error.len, "Message");
	struct curl_header *region = NULL;
	bool elsewhere = status == 301 || status == 307 || status == 400;
	bool gone = !code || !strcmp(code, "NoSuchKey") || !strcmp(code, "NoSuchUpload");
	int r = status == 404 && gone ? -ENOENT : status == 403 || status == 401 ? -EACCES : -EIO;

	if (elsewhere && curl_easy_header(s->curl, "x-amz-bucket-region", 0, CURLH_HEADER, -1,
					  &region) != CURLHE_OK)
		region = NULL;
	return mp_diag_set(d, r, NULL, 0, 0, "%s: '%s': HTTP %ld%s%s%s%.200s%s%s%s", s->url,
			   place(q), status, code ? " " : "", code ? code : "", message ? ": " : "",
			   message ? message : "", region ? " (the bucket's region is " : "",
			   region ? region->value : "", region ? ": set AWS_REGION)" : "");
}

/* Half of the pause is chance: those who were turned away together do not come back together. */
void mp_s3_wait(struct mp_s3 *s, unsigned int tries, double until)
{
	double pause = fmin(LAST_PAUSE_S, FIRST_PAUSE_S * pow(2, (double)tries));
	double jitter = (double)(mp_now_ns() / 1000 % 1000) / 1000;
	curl_off_t asked = 0;

	pause *= 0.5 + 0.5 * jitter;
	(void)curl_easy_getinfo(s->curl, CURLINFO_RETRY_AFTER, &asked);
	if (asked > 0)
		pause = fmin((double)asked, 60);
	pause = fmax(0, fmin(pause, until - mp_now_s()));
	(void)poll(NULL, 0, (int)(pause * 1000));
	s->retries++;
}

static void request_done(struct request *q)
{
	mp_buf_done(&q->error);
}

/* Until it works, cannot work, or has failed for too long; d says what the last attempt met. */
static int perform(struct mp_s3 *s, struct request *q, struct mp_diag *d)
{
	double failing_since = 0;
	unsigned int tries = 0;

	s->gave_up = false;
	for (;;) {
		char error[CURL_ERROR_SIZE];
		_cleanup_free_ char *code = NULL;
		CURLcode curl_code;
		struct mp_diag why = {0};
		long status;
		bool again;
		double now;
		int r = attempt(s, q, &curl_code, &status, error);

		if (r < 0)
			return mp_diag_set(d, r, NULL, 0, 0, "out of memory");
		if (curl_code == CURLE_OK && (status == 200 || status == 204 || status == 206))
			return 0;
		if (curl_code != CURLE_OK) {
			again = may_go_away(curl_code) && !q->too_big && !q->write_errno;
			r = transport_fault(s, q, curl_code, error, &why);
		} else {
			code = mp_s3_xml_text(q->error.s, q->error.len, "Code");
			again = is_passing(status, code);
			r = status_fault(s, q, status, code, &why);
		}
		now = mp_now_s();
		if (q->fd >= 0 && q->got > 0) { /* what has come stays */
			q->from += q->got;
			failing_since = 0;
			tries = 0;
		}
		if (!failing_since)
			failing_since = now;
		if (again && now - failing_since >= s->give_up_s) {
			again = false;
			s->gave_up = true;
			(void)snprintf(why.msg + strlen(why.msg), sizeof(why.msg) - strlen(why.msg),
				       "; given up after %.0f s", now - failing_since);
		}
		if (!again) {
			if (d)
				*d = why;
			return r;
		}
		mp_s3_wait(s, tries++, failing_since + s->give_up_s);
	}
}

int mp_s3_get(struct mp_s3 *s, const char *key, size_t max, struct mp_buf *ret, struct mp_diag *d)
{
	_cleanup_(request_done) struct request q = {.key = key, .text = ret, .max = max, .fd = -1};
	int r = perform(s, &q, d);

	return r < 0 ? r : ret->failed ? -ENOMEM : 0;
}

int mp_s3_list_page(struct mp_s3 *s, const char *query, struct mp_buf *ret, struct mp_diag *d)
{
	_cleanup_(request_done) struct request q = {
		.query = query, .text = ret, .max = 64 << 20, .fd = -1};
	int r = perform(s, &q, d);

	return r < 0 ? r : ret->failed ? -ENOMEM : 0;
}

int mp_s3_get_file(struct mp_s3 *s, const char *key, const char *path, double size,
		   struct mp_diag *d)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	_cleanup_(request_done) struct request q = {.key = key, .fd = fd};
	off_t have;
	int r = 0;

	if (fd < 0) {
		r = -errno;
		return mp_diag_set(d, r, path, 0, 0, "%s", strerror(-r));
	}
	have = lseek(fd, 0, SEEK_END);
	if (have < 0 || (double)have > size) {
		have = 0;
		if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
			r = -errno;
	}
	q.from = (double)have;
	if (!r && (q.from < size || size <= 0))
		r = perform(s, &q, d);
	else if (r < 0)
		(void)mp_diag_set(d, r, path, 0, 0, "%s", strerror(-r));
	if (!r && fsync(fd) < 0) {
		r = -errno;
		(void)mp_diag_set(d, r, path, 0, 0, "%s", strerror(-r));
	}
	return r;
}

int mp_s3_put(struct mp_s3 *s, const char *key, const struct mp_s3_body *body, struct mp_diag *d)
{
	_cleanup_(request_done) struct request q = {.key = key, .put = body, .fd = -1};

	return perform(s, &q, d);
}

/* Taken before another request makes the handle forget it. */
static char *entity_tag(struct mp_s3 *s)
{
	struct curl_header *h = NULL;
	const char *v;
	size_t n;

	if (curl_easy_header(s->curl, "etag", 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return strdup("");
	v = h->value;
	n = strlen(v);
	if (n >= 2 && *v == '"' && v[n - 1] == '"')
		return strndup(v + 1, n - 2);
	return strdup(v);
}

int mp_s3_call(struct mp_s3 *s, const struct mp_s3_call *c, struct mp_buf *ret_answer,
	       char **ret_etag, struct mp_diag *d)
{
	_cleanup_(request_done) struct request q = {
		.key = c->key,
		.query = c->query,
		.method = c->method,
		.put = c->body,
		.text = ret_answer,
		.max = c->max,
		.fd = -1,
	};
	int r = perform(s, &q, d);

	if (r < 0)
		return r;
	if (ret_answer && ret_answer->failed)
		return -ENOMEM;
	if (!ret_etag)
		return 0;
	*ret_etag = entity_tag(s);
	return *ret_etag ? 0 : -ENOMEM;
}

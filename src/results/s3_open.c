// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where an s3:// address is, and who we are there: from the address and the AWS_* environment, as
 * AWS's own tools read them. With an endpoint of one's own the bucket is part of the path. Called
 * through mmsperf/store.h.
 */
#include "results/s3.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME "s3://"

#define PART_MIN     (5.0 * 1024 * 1024) /* S3's own limits of a part */
#define PART_MAX     (5.0 * 1024 * 1024 * 1024)
#define PART_DEFAULT (64.0 * 1024 * 1024)

bool mp_s3_is_url(const char *s)
{
	size_t n = 0;

	if (!mp_starts_with(s, SCHEME))
		return false;
	s += strlen(SCHEME);
	while (isalnum((unsigned char)s[n]) || (s[n] && strchr("-._", s[n])))
		n++;
	return n >= 3 && n <= 63 && (s[n] == '/' || !s[n]) && isalnum((unsigned char)*s);
}

static const char *env(const char *first, const char *second)
{
	const char *v = getenv(first);

	if ((!v || !*v) && second)
		v = getenv(second);
	return v && *v ? v : NULL;
}

void mp_s3_free(struct mp_s3 *s)
{
	if (!s)
		return;
	if (s->curl)
		curl_easy_cleanup(s->curl);
	free(s->url);
	free(s->base);
	free(s->prefix);
	free(s->key_id);
	if (s->secret)
		explicit_bzero(s->secret, strlen(s->secret));
	free(s->secret);
	free(s->token);
	free(s->provider);
	free(s);
}

void mp_s3_freep(struct mp_s3 **s)
{
	mp_s3_free(*s);
}

static bool is_loopback(const char *endpoint)
{
	const char *host = strstr(endpoint, "://") + 3;

	return mp_starts_with(host, "127.") || mp_starts_with(host, "localhost") ||
	       mp_starts_with(host, "[::1]");
}

static int set_base(struct mp_s3 *s, const char *bucket, int bucket_len, const char *region,
		    struct mp_diag *d)
{
	const char *endpoint = env("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
	int n;

	if (!endpoint) {
		/* a dot in the bucket's name does not fit the certificate of *.s3... */
		bool in_path = memchr(bucket, '.', (size_t)bucket_len);
		const char *domain =
			mp_starts_with(region, "cn-") ? "amazonaws.com.cn" : "amazonaws.com";

		s->base = in_path ? mp_asprintf("https://s3.%s.%s/%.*s", region, domain, bucket_len,
						bucket)
				  : mp_asprintf("https://%.*s.s3.%s.%s", bucket_len, bucket, region,
						domain);
		return s->base ? 0 : -ENOMEM;
	}
	if (!mp_starts_with(endpoint, "http://") && !mp_starts_with(endpoint, "https://"))
		return mp_diag_set(d, -EINVAL, NULL, 0, 0,
				   "AWS_ENDPOINT_URL '%s': http:// or https:// is needed",
				   endpoint);
	n = (int)strlen(endpoint);
	while (endpoint[n - 1] == '/')
		n--;
	s->loopback = is_loopback(endpoint);
	s->base = mp_asprintf("%.*s/%.*s", n, endpoint, bucket_len, bucket);
	return s->base ? 0 : -ENOMEM;
}

/* "s3://bucket//a/b/" -> "a/b/": one slash at its end, none at its begin. */
static char *prefix_of(const char *path)
{
	size_t n;

	path += strspn(path, "/");
	n = strlen(path);
	while (n && path[n - 1] == '/')
		n--;
	return mp_asprintf("%.*s%s", (int)n, path, n ? "/" : "");
}

static int set_part_size(struct mp_s3 *s, struct mp_diag *d)
{
	const char *text = env("MMSPERF_S3_PART_BYTES", NULL);
	double v = PART_DEFAULT;

	if (text && (mp_parse_double(text, &v) < 0 || v < PART_MIN || v > PART_MAX))
		return mp_diag_set(d, -EINVAL, NULL, 0, 0,
				   "MMSPERF_S3_PART_BYTES '%s': a number from %.0f to %.0f is "
				   "needed (S3's own limits)",
				   text, PART_MIN, PART_MAX);
	s->part_bytes = (size_t)v;
	return 0;
}

int mp_s3_open(const char *url, double give_up_s, struct mp_s3 **ret_s3, struct mp_diag *d)
{
	const char *key_id = env("AWS_ACCESS_KEY_ID", NULL),
		   *token = env("AWS_SESSION_TOKEN", NULL),
		   *secret = env("AWS_SECRET_ACCESS_KEY", NULL), *bucket,
		   *region = env("AWS_REGION", "AWS_DEFAULT_REGION");
	_cleanup_s3_ struct mp_s3 *s = calloc(1, sizeof(*s));
	int len, r;

	if (!s)
		return -ENOMEM;
	if (!mp_s3_is_url(url))
		return mp_diag_set(d, -EINVAL, NULL, 0, 0, "'%s': s3://BUCKET[/PREFIX] is needed",
				   url);
	if (!key_id || !secret)
		return mp_diag_set(d, -EACCES, NULL, 0, 0, "%s: %s is not set in the environment",
				   url, key_id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
	if (!region)
		region = "us-east-1";
	bucket = url + strlen(SCHEME);
	len = (int)strcspn(bucket, "/");
	s->give_up_s = give_up_s;
	r = set_part_size(s, d);
	if (r < 0)
		return r;
	s->url = strdup(url);
	s->prefix = prefix_of(bucket + len);
	s->key_id = strdup(key_id);
	s->secret = strdup(secret);
	s->token = token ? strdup(token) : NULL;
	s->provider = mp_asprintf("aws:amz:%s:s3", region);
	s->curl = curl_easy_init();
	if (!s->url || !s->prefix || !s->key_id || !s->secret || (token && !s->token) ||
	    !s->provider || !s->curl)
		return mp_diag_set(d, -ENOMEM, NULL, 0, 0, "out of memory");
	r = set_base(s, bucket, len, region, d);
	if (r < 0)
		return r;
	*ret_s3 = TAKE_PTR(s);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that are sent in parts: what one request cannot hold (5 GB), and whatever is large enough
 * that a cut should not cost all of it. Parts lie in the store until the upload is completed, where
 * a later run of the program finds them and sends only what is missing. A fault that time does not
 * mend takes the parts away again, since nobody sees them and somebody pays for them. Called by
 * s3_runs.c.
 */
#include "results/s3.h"

#include <mmsperf/clock.h>

#include <errno.h>
#include <libxml/parser.h>
#include <math.h>
#include <md5.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PARTS      10000 /* S3's own limit */
#define MAX_PAGES      1000  /* of a list: a store whose lists never end is not waited for */
#define MAX_ANSWER     (16 << 20)
#define MIB            (1024.0 * 1024.0)
#define ETAG_MAX       (2 * MD5_DIGEST_LENGTH + sizeof("-10000"))
#define COMPLETE_TRIES 5 /* its answer may be an error though the status says 200 */

struct part {
	off_t offset;
	size_t size;
	uint8_t raw[MD5_DIGEST_LENGTH];
	char md5[MD5_DIGEST_STRING_LENGTH], sha256[SHA256_DIGEST_STRING_LENGTH];
	char *etag;   /* the store's name of what it has; owned; NULL: nothing yet */
	double there; /* bytes of it */
};

struct upload {
	const char *key;
	char *id;
	struct part *v;
	size_t n;
};

static void upload_done(struct upload *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->v[i].etag);
	free(u->v);
	free(u->id);
}

static void xml_done(xmlDoc **doc)
{
	xmlFreeDoc(*doc);
}

size_t mp_s3_part_size(double size, size_t part_bytes)
{
	if (size <= (double)part_bytes * MAX_PARTS)
		return part_bytes;
	return (size_t)(ceil(size / MAX_PARTS / MIB) * MIB);
}

static int cut(double size, size_t part_bytes, struct upload *u)
{
	size_t each = mp_s3_part_size(size, part_bytes);

	u->n = (size_t)ceil(size / (double)each);
	u->v = calloc(u->n + 1, sizeof(*u->v));
	if (!u->v) {
		u->n = 0;
		return -ENOMEM;
	}
	for (size_t i = 0; i < u->n; i++) {
		double left = size - (double)each * (double)i;

		u->v[i].offset = (off_t)each * (off_t)i;
		u->v[i].size = left < (double)each ? (size_t)left : each;
	}
	return 0;
}

static int digest(int fd, struct part *p)
{
	_cleanup_free_ uint8_t *buf = malloc(1 << 16);
	size_t done = 0;
	MD5_CTX md5, copy;
	SHA2_CTX sha;

	if (!buf)
		return -ENOMEM;
	MD5Init(&md5);
	SHA256Init(&sha);
	while (done < p->size) {
		size_t want = p->size - done < 1 << 16 ? p->size - done : 1 << 16;
		ssize_t n = pread(fd, buf, want, p->offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO; /* shorter than it was */
		MD5Update(&md5, buf, (size_t)n);
		SHA256Update(&sha, buf, (size_t)n);
		done += (size_t)n;
	}
	copy = md5;
	MD5Final(p->raw, &copy);
	(void)MD5End(&md5, p->md5);
	(void)SHA256End(&sha, p->sha256);
	return 0;
}

/* MD5 of the parts' MD5s, and their number: S3's entity tag of an object that came in parts. */
static void whole_etag(const struct upload *u, char *buf, size_t size)
{
	char hex[MD5_DIGEST_STRING_LENGTH];
	MD5_CTX md5;

	MD5Init(&md5);
	for (size_t i = 0; i < u->n; i++)
		MD5Update(&md5, u->v[i].raw, sizeof(u->v[i].raw));
	(void)MD5End(&md5, hex);
	(void)snprintf(buf, size, "%s-%zu", hex, u->n);
}

int mp_s3_is_of_parts(const char *etag, int fd, double size, size_t part_bytes)
{
	_cleanup_(upload_done) struct upload u = {0};
	const char *dash = strchr(etag, '-');
	char own[ETAG_MAX];
	int r = cut(size, part_bytes, &u);

	if (r < 0 || !dash || strtoul(dash + 1, NULL, 10) != u.n)
		return r; /* cut into other parts: not to be told without reading it */
	for (size_t i = 0; i < u.n && !r; i++)
		r = digest(fd, &u.v[i]);
	whole_etag(&u, own, sizeof(own));
	return r < 0 ? r : !strcmp(own, etag);
}

/* Parameters in the order of their names, as the signature wants them. */
static char *id_query(const char *before, const char *id)
{
	_cleanup_buf_ struct mp_buf b = {0};

	mp_buf_printf(&b, "%suploadId=", before);
	mp_s3_encode(&b, id, false);
	return b.failed ? NULL : TAKE_PTR(b.s);
}

static int no_answer(const struct mp_s3 *s, const char *key, const char *what, struct mp_diag *d)
{
	return mp_diag_set(d, -EPROTO, NULL, 0, 0, "%s: '%s': the answer is no %s", s->url, key,
			   what);
}

static int abort_upload(struct mp_s3 *s, const char *key, const char *id)
{
	_cleanup_free_ char *query = id_query("", id);
	_cleanup_buf_ struct mp_buf answer = {0};
	struct mp_diag why = {0};

	return query ? mp_s3_call(s,
				  &(struct mp_s3_call){.method = "DELETE",
						       .key = key,
						       .query = query,
						       .max = MAX_ANSWER},
				  &answer, NULL, &why)
		     : -ENOMEM;
}

/* One page of the uploads that were begun; of this very key the last one is kept in u->id, older
 * ones are taken away. */
static int read_uploads(struct mp_s3 *s, struct upload *u, const xmlNode *root)
{
	_cleanup_free_ char *full = mp_asprintf("%s%s", s->prefix, u->key);

	for (const xmlNode *n = root->children; full && n; n = n->next) {
		_cleanup_free_ char *key = NULL, *id = NULL;

		if (!mp_s3_xml_is(n, "Upload"))
			continue;
		key = mp_s3_xml_child(n, "Key");
		id = mp_s3_xml_child(n, "UploadId");
		if (!key || !id || strcmp(key, full) != 0)
			continue;
		if (u->id)
			(void)abort_upload(s, u->key, u->id);
		free(u->id);
		u->id = TAKE_PTR(id);
	}
	return full ? 0 : -ENOMEM;
}

static char *uploads_query(const struct mp_s3 *s, const char *key, const char *key_marker,
			   const char *id_marker)
{
	_cleanup_buf_ struct mp_buf b = {0};

	if (key_marker) {
		mp_buf_puts(&b, "key-marker=");
		mp_s3_encode(&b, key_marker, false);
		mp_buf_puts(&b, "&");
	}
	mp_buf_puts(&b, "prefix=");
	mp_s3_encode(&b, s->prefix, false);
	mp_s3_encode(&b, key, false);
	if (id_marker) {
		mp_buf_puts(&b, "&upload-id-marker=");
		mp_s3_encode(&b, id_marker, false);
	}
	mp_buf_puts(&b, "&uploads=");
	return b.failed ? NULL : TAKE_PTR(b.s);
}

static int find_upload(struct mp_s3 *s, struct upload *u, struct mp_diag *d)
{
	_cleanup_free_ char *key_marker = NULL, *id_marker = NULL;
	bool more = true;
	int pages = 0;

	while (more) {
		_cleanup_free_ char *query = uploads_query(s, u->key, key_marker, id_marker),
				    *truncated = NULL;
		_cleanup_(xml_done) xmlDoc *doc = NULL;
		_cleanup_buf_ struct mp_buf page = {0};
		const xmlNode *root;
		int r = query ? mp_s3_list_page(s, query, &page, d) : -ENOMEM;

		if (r < 0)
			return r;
		doc = mp_s3_xml_parse(&page, "ListMultipartUploadsResult");
		if (!doc || ++pages > MAX_PAGES)
			return no_answer(s, u->key, "list of uploads", d);
		root = xmlDocGetRootElement(doc);
		r = read_uploads(s, u, root);
		if (r < 0)
			return r;
		free(key_marker);
		free(id_marker);
		key_marker = mp_s3_xml_child(root, "NextKeyMarker");
		id_marker = mp_s3_xml_child(root, "NextUploadIdMarker");
		truncated = mp_s3_xml_child(root, "IsTruncated");
		more = truncated && !strcmp(truncated, "true") && key_marker && *key_marker;
	}
	return 0;
}

static int read_parts(struct upload *u, const xmlNode *root)
{
	for (const xmlNode *n = root->children; n; n = n->next) {
		_cleanup_free_ char *no = NULL, *size = NULL;
		unsigned long i;

		if (!mp_s3_xml_is(n, "Part"))
			continue;
		no = mp_s3_xml_child(n, "PartNumber");
		size = mp_s3_xml_child(n, "Size");
		i = no ? strtoul(no, NULL, 10) : 0;
		if (!size || i < 1 || i > u->n)
			continue;
		free(u->v[i - 1].etag);
		u->v[i - 1].there = strtod(size, NULL);
		u->v[i - 1].etag = mp_s3_xml_etag(n);
		if (!u->v[i - 1].etag)
			return -ENOMEM;
	}
	return 0;
}

/* What is there already; -ENOENT: the upload is not there any more. */
static int list_parts(struct mp_s3 *s, struct upload *u, struct mp_diag *d)
{
	_cleanup_free_ char *marker = NULL;
	bool more = true;
	int pages = 0;

	while (more) {
		_cleanup_free_ char *before = marker ? mp_asprintf("part-number-marker=%s&", marker)
						     : strdup(""),
				    *query = before ? id_query(before, u->id) : NULL,
				    *truncated = NULL, *id = NULL;
		_cleanup_(xml_done) xmlDoc *doc = NULL;
		_cleanup_buf_ struct mp_buf page = {0};
		const xmlNode *root;
		int r = query ? mp_s3_call(s,
					   &(struct mp_s3_call){.key = u->key,
								.query = query,
								.max = MAX_ANSWER},
					   &page, NULL, d)
			      : -ENOMEM;

		if (r < 0)
			return r;
		/* stores differ in what they call it */
		doc = mp_s3_xml_parse(&page, NULL);
		root = doc ? xmlDocGetRootElement(doc) : NULL;
		id = mp_s3_xml_child(root, "UploadId");
		if (!id || strcmp(id, u->id) != 0 || ++pages > MAX_PAGES)
			return no_answer(s, u->key, "list of parts", d);
		r = read_parts(u, root);
		if (r < 0)
			return r;
		free(marker);
		marker = mp_s3_xml_child(root, "NextPartNumberMarker");
		truncated = mp_s3_xml_child(root, "IsTruncated");
		more = truncated && !strcmp(truncated, "true") && marker &&
		       strspn(marker, "0123456789") == strlen(marker) && *marker;
	}
	return 0;
}

static int create_upload(struct mp_s3 *s, struct upload *u, struct mp_diag *d)
{
	char sha256[SHA256_DIGEST_STRING_LENGTH];
	const struct mp_s3_body nothing = {.fd = -1, .text = "", .sha256 = sha256};
	_cleanup_(xml_done) xmlDoc *doc = NULL;
	_cleanup_buf_ struct mp_buf answer = {0};
	int r;

	(void)SHA256Data((const uint8_t *)"", 0, sha256);
	r = mp_s3_call(s,
		       &(struct mp_s3_call){.method = "POST",
					    .key = u->key,
					    .query = "uploads=",
					    .body = &nothing,
					    .max = MAX_ANSWER},
		       &answer, NULL, d);
	if (r < 0)
		return r;
	doc = mp_s3_xml_parse(&answer, "InitiateMultipartUploadResult");
	u->id = doc ? mp_s3_xml_child(xmlDocGetRootElement(doc), "UploadId") : NULL;
	return u->id ? 0 : no_answer(s, u->key, "begin of an upload", d);
}

/* The upload that was begun earlier, with what it has, else a new one. */
static int begin(struct mp_s3 *s, struct upload *u, struct mp_diag *d)
{
	struct mp_diag why = {0};
	int r = find_upload(s, u, &why);

	if (!r && u->id) {
		r = list_parts(s, u, &why);
		if (!r)
			return 0;
	}
	/* a key that may write need not be allowed to list: then nothing is taken up */
	if (r < 0 && r != -ENOENT && r != -EACCES) {
		if (d)
			*d = why;
		return r;
	}
	free(u->id);
	u->id = NULL;
	for (size_t i = 0; i < u->n; i++) { /* of an upload that ended while it was listed */
		free(u->v[i].etag);
		u->v[i].etag = NULL;
	}
	return create_upload(s, u, d);
}

static int send_part(struct mp_s3 *s, const struct upload *u, size_t i, int fd, struct mp_diag *d)
{
	struct part *p = &u->v[i];
	const struct mp_s3_body body = {
		.fd = fd, .offset = p->offset, .size = p->size, .sha256 = p->sha256};
	_cleanup_free_ char *before = mp_asprintf("partNumber=%zu&", i + 1),
			    *query = before ? id_query(before, u->id) : NULL;
	_cleanup_buf_ struct mp_buf answer = {0};
	const struct mp_s3_call call = {
		.key = u->key, .query = query, .body = &body, .max = MAX_ANSWER};

	if (!query)
		return -ENOMEM;
	free(p->etag);
	p->etag = NULL;
	return mp_s3_call(s, &call, &answer, &p->etag, d);
}

static int send_parts(struct mp_s3 *s, const struct upload *u, int fd, struct mp_diag *d)
{
	for (size_t i = 0; i < u->n; i++) {
		struct part *p = &u->v[i];
		int r = digest(fd, p);

		if (r < 0)
			return mp_diag_set(d, r, NULL, 0, 0, "'%s' cannot be read: %s", u->key,
					   strerror(-r));
		if (p->etag && p->there == (double)p->size && !strcmp(p->etag, p->md5))
			continue;
		r = send_part(s, u, i, fd, d);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Whether the object is there: an answer to the completion may have been lost on its way. */
static int is_complete(struct mp_s3 *s, const struct upload *u, double size, struct mp_diag *d)
{
	_cleanup_(mp_s3_objects_done) struct mp_s3_objects o = {0};
	char etag[ETAG_MAX];
	int r = mp_s3_objects(s, u->key, &o, d);

	whole_etag(u, etag, sizeof(etag));
	for (size_t i = 0; i < o.n && !r; i++)
		if (!strcmp(o.v[i].key, u->key) && o.v[i].size == size &&
		    !strcmp(o.v[i].etag, etag))
			return 1;
	return r;
}

static int complete_once(struct mp_s3 *s, const struct upload *u, const struct mp_s3_call *call,
			 bool *ret_again, struct mp_diag *d)
{
	_cleanup_buf_ struct mp_buf answer = {0};
	_cleanup_(xml_done) xmlDoc *doc = NULL, *error = NULL;
	_cleanup_free_ char *code = NULL, *message = NULL;
	struct mp_buf xml;
	size_t blanks;
	int r = mp_s3_call(s, call, &answer, NULL, d);

	*ret_again = false;
	if (r < 0)
		return r;
	/* the status is sent first, then blanks while it works, then what came of it */
	blanks = answer.s ? strspn(answer.s, " \t\r\n") : 0;
	xml = (struct mp_buf){.s = answer.s ? answer.s + blanks : NULL, .len = answer.len - blanks};
	doc = mp_s3_xml_parse(&xml, "CompleteMultipartUploadResult");
	if (doc)
		return 0;
	error = mp_s3_xml_parse(&xml, "Error");
	if (!error)
		return no_answer(s, u->key, "end of an upload", d);
	code = mp_s3_xml_child(xmlDocGetRootElement(error), "Code");
	message = mp_s3_xml_child(xmlDocGetRootElement(error), "Message");
	*ret_again = code && (!strcmp(code, "InternalError") || !strcmp(code, "SlowDown"));
	return mp_diag_set(d, -EIO, NULL, 0, 0, "%s: '%s': %s: %.200s", s->url, u->key,
			   code ? code : "error", message ? message : "");
}

static int complete(struct mp_s3 *s, const struct upload *u, double size, struct mp_diag *d)
{
	_cleanup_free_ char *query = id_query("", u->id);
	char sha256[SHA256_DIGEST_STRING_LENGTH];
	_cleanup_buf_ struct mp_buf b = {0};
	struct mp_s3_body body = {.fd = -1, .sha256 = sha256};
	double until = 0;
	bool again = true;
	int r = -EIO;

	mp_buf_puts(&b, "<CompleteMultipartUpload>");
	for (size_t i = 0; i < u->n; i++)
		mp_buf_printf(&b, "<Part><PartNumber>%zu</PartNumber><ETag>\"%s\"</ETag></Part>",
			      i + 1, u->v[i].etag);
	mp_buf_puts(&b, "</CompleteMultipartUpload>");
	if (!query || b.failed)
		return -ENOMEM;
	body.text = b.s;
	body.size = b.len;
	(void)SHA256Data((const uint8_t *)b.s, b.len, sha256);
	for (unsigned int i = 0; i < COMPLETE_TRIES && again; i++) {
		struct mp_diag why = {0};

		if (i == 1)
			until = mp_now_s() + s->give_up_s;
		if (i)
			mp_s3_wait(s, i - 1, until);
		r = complete_once(s, u,
				  &(struct mp_s3_call){.method = "POST",
						       .key = u->key,
						       .query = query,
						       .body = &body,
						       .max = MAX_ANSWER},
				  &again, &why);
		if (r == -ENOENT && is_complete(s, u, size, NULL) == 1)
			return 0;
		if (d)
			*d = why;
	}
	s->gave_up |= again; /* time mends it */
	return r;
}

int mp_s3_put_parts(struct mp_s3 *s, const char *key, int fd, const struct mp_s3_file *f,
		    struct mp_diag *d)
{
	_cleanup_(upload_done) struct upload u = {.key = key};
	int r = cut(f->size, s->part_bytes, &u);

	if (!r)
		r = begin(s, &u, d);
	if (r < 0)
		return r;
	r = send_parts(s, &u, fd, d);
	if (!r)
		r = complete(s, &u, f->size, d);
	/* what was given up for now is taken up later; what was refused never will be */
	if (r < 0 && !s->gave_up)
		(void)abort_upload(s, key, u.id);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One S3 bucket: requests signed by libcurl, tried again while that makes sense. Private to
 * src/results/s3*.c; runs are s3_runs.c's, who knows nothing of HTTP.
 */
#pragma once

#include <mmsperf/store.h>
#include <mmsperf/str.h>

#include <curl/curl.h>
#include <libxml/tree.h>
#include <sys/types.h>

struct mp_s3 {
	char *url;    /* s3://bucket/prefix as given, for messages */
	char *base;   /* https://host[/bucket], without a slash at its end */
	char *prefix; /* "" or "a/b/" */
	char *key_id, *secret, *token, *provider; /* token may be NULL */
	bool loopback;                            /* no proxy in between */
	double give_up_s;
	size_t part_bytes; /* of an object that is sent in parts; larger ones are */
	CURL *curl;        /* kept for its connection */
	size_t retries;
	bool gave_up; /* the last request failed for so long that it was not tried again */
};

/* What a request sends: a file's descriptor, or text. */
struct mp_s3_body {
	int fd; /* < 0: text */
	const char *text;
	off_t offset; /* where the part of fd begins */
	size_t size;
	const char *sha256; /* hexadecimal */
};

/* A file of a run. */
struct mp_s3_file {
	char *path;      /* below the run's folder; owned */
	char sha256[65]; /* hexadecimal */
	char md5[33];    /* as an ETag has it; "" when read from a manifest */
	double size;
};

/* Encodes everything but letters, digits, "-._~" and, in a key, '/'. */
void mp_s3_encode(struct mp_buf *b, const char *s, bool is_key);
/* The text of the first <name> element of an XML answer; NULL: none. Caller frees. */
char *mp_s3_xml_text(const char *xml, size_t len, const char *name);
/* An answer whose root is <name> (NULL: whatever), else NULL; for xmlFreeDoc(). */
xmlDoc *mp_s3_xml_parse(const struct mp_buf *xml, const char *name);
bool mp_s3_xml_is(const xmlNode *n, const char *name);
/* Text of the child of that name; caller frees; NULL: none. */
char *mp_s3_xml_child(const xmlNode *parent, const char *name);
/* Text of an <ETag> child without its quotes; caller frees; "" when there is none, NULL: no memory.
 */
char *mp_s3_xml_etag(const xmlNode *parent);

/* Object below the prefix -> text of at most max bytes. -ENOENT: not there. */
int mp_s3_get(struct mp_s3 *s, const char *key, size_t max, struct mp_buf *ret, struct mp_diag *d);
/* Appends what is missing of an object of that size to path (a cut is taken up where it was). */
int mp_s3_get_file(struct mp_s3 *s, const char *key, const char *path, double size,
		   struct mp_diag *d);
int mp_s3_put(struct mp_s3 *s, const char *key, const struct mp_s3_body *body, struct mp_diag *d);

/* s3_multipart.c: an object of any size, in parts; parts that an upload that was cut left there and
 * that are the same are not sent again. f has the whole's digests. */
int mp_s3_put_parts(struct mp_s3 *s, const char *key, int fd, const struct mp_s3_file *f,
		    struct mp_diag *d);
/* Whether an object's ETag says that it is f, sent in parts of that size: -errno, 0 no, 1 yes. */
int mp_s3_is_of_parts(const char *etag, int fd, double size, size_t part_bytes);
/* The size of f's parts: part_bytes, or more where that would make too many of them. */
size_t mp_s3_part_size(double size, size_t part_bytes);

/* Any other request: an answer of at most max bytes; an entity tag if it has one, without quotes.
 */
struct mp_s3_call {
	const char *method, *key,
		*query;                /* key NULL: the bucket; query encoded and sorted, or NULL */
	const struct mp_s3_body *body; /* NULL: none */
	size_t max;
};
int mp_s3_call(struct mp_s3 *s, const struct mp_s3_call *c, struct mp_buf *ret_answer,
	       char **ret_etag, struct mp_diag *d);

/* Before the next try: longer with each of them, as long as the store asked for, not beyond until
 * (mp_now_s()). Counts a retry. */
void mp_s3_wait(struct mp_s3 *s, unsigned int tries, double until);

/* One answer to a listing's query. */
int mp_s3_list_page(struct mp_s3 *s, const char *query, struct mp_buf *ret, struct mp_diag *d);

struct mp_s3_object {
	char *key;  /* below the prefix; owned */
	char *etag; /* without quotes; owned */
	double size;
};
struct mp_s3_objects {
	struct mp_s3_object *v; /* in the order of their keys */
	size_t n;
};
/* All objects whose key begins with below, however many pages that takes. */
int mp_s3_objects(struct mp_s3 *s, const char *below, struct mp_s3_objects *ret, struct mp_diag *d);
void mp_s3_objects_done(struct mp_s3_objects *o);

/* s3_manifest.c: PREFIX/complete/ID.json, what a run consists of. */
struct mp_s3_manifest {
	struct mp_run_row row;
	char *suites; /* names, one a line */
	struct mp_s3_file *v;
	size_t n;
};
void mp_s3_manifest_done(struct mp_s3_manifest *m);
/* From a finished run's folder: all its files and their digests. */
int mp_s3_manifest_make(const char *dir, struct mp_s3_manifest *ret, struct mp_diag *d);
int mp_s3_manifest_write(const struct mp_s3_manifest *m, char **ret_json);
/* -EBADMSG: not one of ours, or with a path that leads out of the run's folder. */
int mp_s3_manifest_read(const char *json, size_t len, struct mp_s3_manifest *ret,
			struct mp_diag *d);
int mp_s3_digest(const char *path, struct mp_s3_file *f);

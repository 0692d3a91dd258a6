// SPDX-License-Identifier: GPL-2.0-only
/* What is in a bucket, page by page, and the XML and the encoding that go with it. */
#include "results/s3.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OBJECTS (10 * 1000 * 1000)

void mp_s3_encode(struct mp_buf *b, const char *s, bool is_key)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";

	while (*s) {
		size_t n = strspn(s, plain);

		mp_buf_append(b, s, n);
		s += n;
		if (!*s)
			break;
		if (is_key && *s == '/')
			mp_buf_puts(b, "/");
		else
			mp_buf_printf(b, "%%%02X", (unsigned char)*s);
		s++;
	}
}

static xmlDoc *parse(const char *xml, size_t len)
{
	return xml ? xmlReadMemory(xml, (int)len, NULL, NULL,
				   XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING)
		   : NULL;
}

xmlDoc *mp_s3_xml_parse(const struct mp_buf *xml, const char *name)
{
	xmlDoc *doc = parse(xml->s, xml->len);
	const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;

	if (root && (!name || mp_s3_xml_is(root, name)))
		return doc;
	xmlFreeDoc(doc);
	return NULL;
}

bool mp_s3_xml_is(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && !strcmp((const char *)n->name, name);
}

char *mp_s3_xml_child(const xmlNode *parent, const char *name)
{
	for (const xmlNode *n = parent ? parent->children : NULL; n; n = n->next) {
		xmlChar *text;
		char *copy;

		if (!mp_s3_xml_is(n, name))
			continue;
		text = xmlNodeGetContent(n);
		copy = text ? strdup((char *)text) : NULL;
		xmlFree(text);
		return copy;
	}
	return NULL;
}

char *mp_s3_xml_text(const char *xml, size_t len, const char *name)
{
	xmlDoc *doc = parse(xml, len);
	char *text = doc ? mp_s3_xml_child(xmlDocGetRootElement(doc), name) : NULL;

	xmlFreeDoc(doc);
	for (char *p = text; p && *p; p++) /* a message is one line */
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return text;
}

char *mp_s3_xml_etag(const xmlNode *parent)
{
	_cleanup_free_ char *text = mp_s3_xml_child(parent, "ETag");
	size_t at, end;

	if (!text)
		return strdup("");
	at = *text == '"';
	end = strlen(text);
	end -= end > at && text[end - 1] == '"';
	return strndup(text + at, end - at);
}

void mp_s3_objects_done(struct mp_s3_objects *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->v[i].key);
		free(o->v[i].etag);
	}
	free(o->v);
	*o = (struct mp_s3_objects){0};
}

static int add_object(const struct mp_s3 *s, const xmlNode *n, struct mp_s3_objects *o)
{
	_cleanup_free_ char *key = mp_s3_xml_child(n, "Key"), *size = mp_s3_xml_child(n, "Size");
	struct mp_s3_object *v;
	size_t skip = strlen(s->prefix);

	if (!key || !size || !mp_starts_with(key, s->prefix))
		return 0;
	if (o->n >= MAX_OBJECTS)
		return -EFBIG;
	v = reallocarray(o->v, o->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	o->v = v;
	v[o->n] = (struct mp_s3_object){
		.key = strdup(key + skip),
		.etag = mp_s3_xml_etag(n),
		.size = strtod(size, NULL),
	};
	o->n++;
	return v[o->n - 1].key && v[o->n - 1].etag ? 0 : -ENOMEM;
}

static int read_page(const struct mp_s3 *s, const struct mp_buf *page, struct mp_s3_objects *o,
		     char **ret_next, struct mp_diag *d)
{
	xmlDoc *doc = mp_s3_xml_parse(page, "ListBucketResult");
	const xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	_cleanup_free_ char *cut = mp_s3_xml_child(root, "IsTruncated");
	int r = 0;

	*ret_next = NULL;
	if (!root)
		r = mp_diag_set(d, -EPROTO, NULL, 0, 0, "%s: the answer is no list of objects",
				s->url);
	for (const xmlNode *n = root ? root->children : NULL; n && !r; n = n->next)
		if (mp_s3_xml_is(n, "Contents"))
			r = add_object(s, n, o);
	if (!r && cut && !strcmp(cut, "true")) {
		*ret_next = mp_s3_xml_child(root, "NextContinuationToken");
		if (!*ret_next)
			r = mp_diag_set(d, -EPROTO, NULL, 0, 0,
					"%s: the list of objects has no end", s->url);
	}
	xmlFreeDoc(doc);
	return r;
}

static int by_key(const void *a, const void *b)
{
	const struct mp_s3_object *x = a, *y = b;

	return strcmp(x->key, y->key);
}

int mp_s3_objects(struct mp_s3 *s, const char *below, struct mp_s3_objects *ret, struct mp_diag *d)
{
	_cleanup_(mp_s3_objects_done) struct mp_s3_objects o = {0};
	_cleanup_free_ char *next = NULL;
	int r;

	do {
		_cleanup_buf_ struct mp_buf query = {0}, page = {0};

		/* in the order of their names, as the signature wants them */
		if (next) {
			mp_buf_puts(&query, "continuation-token=");
			mp_s3_encode(&query, next, false);
			mp_buf_puts(&query, "&");
		}
		mp_buf_puts(&query, "list-type=2&prefix=");
		mp_s3_encode(&query, s->prefix, false);
		mp_s3_encode(&query, below, false);
		free(next);
		next = NULL;
		if (query.failed)
			return -ENOMEM;
		r = mp_s3_list_page(s, query.s, &page, d);
		if (!r)
			r = read_page(s, &page, &o, &next, d);
		if (r < 0)
			return r;
	} while (next);
	if (o.n)
		qsort(o.v, o.n, sizeof(*o.v), by_key);
	*ret = o;
	o = (struct mp_s3_objects){0};
	return 0;
}

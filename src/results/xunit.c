// SPDX-License-Identifier: GPL-2.0-only
/*
 * bzt's xunit*.xml -> cases. Two reporters write two files: pass/fail criteria (suite
 * "bzt_pass_fail") and sample labels (suite "sample_labels"). What is a hash of one process
 * (classname) is not taken over. Does not decide the suite's verdict.
 */
#include <mmsperf/results.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <dirent.h>
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES (64 * 1024 * 1024)
#define MAX_CASES 100000

static char *attribute(const xmlNode *n, const char *name)
{
	xmlChar *v = xmlGetProp(n, (const xmlChar *)name);
	char *copy = v ? strdup((char *)v) : NULL;

	xmlFree(v);
	return copy;
}

static bool is_element(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && !strcmp((const char *)n->name, name);
}

/* "avg-rt of >1s" is how bzt names a criterion without a label; "p90>1s" -> "p90 > 1s". */
static char *criterion_name(const char *text)
{
	struct mp_case c = {0};
	struct mp_buf b = {0};
	const char *op = text + strlen(text), *from;
	double window;

	if (!mp_criterion_parse(text, &c, &window))
		return strdup(text);
	mp_case_done(&c);
	while (op > text && !strchr("<>=", op[-1]))
		op--;
	from = op;
	while (from > text && strchr("<>=", from[-1]))
		from--;
	for (const char *end = from;; end--) {
		if (end > text && end[-1] == ' ')
			continue;
		if (end - text > 3 && !strncmp(end - 3, " of", 3))
			end -= 3;
		mp_buf_append(&b, text, (size_t)(end - text));
		break;
	}
	mp_buf_puts(&b, " ");
	mp_buf_append(&b, from, (size_t)(op - from));
	mp_buf_puts(&b, " ");
	mp_buf_puts(&b, op + strspn(op, " "));
	if (b.failed)
		mp_buf_done(&b);
	return b.s;
}

/* What the reporter said, without its own "Failed: ". */
static char *fault_message(const xmlNode *fault)
{
	char *message = attribute(fault, "message");

	if (message && mp_starts_with(message, "Failed: "))
		memmove(message, message + 8, strlen(message + 8) + 1);
	if (!message || !*message) {
		xmlChar *text = xmlNodeGetContent(fault);

		free(message);
		message = strdup(text && *text ? (char *)text : "no message");
		xmlFree(text);
	}
	return message;
}

static struct mp_case *find_case(struct mp_suite_result *s, const char *name)
{
	for (size_t i = 0; i < s->n_cases; i++)
		if (!strcmp(s->cases[i].name, name))
			return &s->cases[i];
	return NULL;
}

/* A second fault of a case is a second line of its message. */
static int merge_message(struct mp_case *c, const char *message)
{
	char *both;

	if (!message || (c->message && strstr(c->message, message)))
		return 0;
	both = c->message ? mp_asprintf("%s\n%s", c->message, message) : strdup(message);
	if (!both)
		return -ENOMEM;
	free(c->message);
	c->message = both;
	return 0;
}

static int add_case(struct mp_suite_result *s, const xmlNode *node, bool labels)
{
	_cleanup_free_ char *raw = attribute(node, "name"), *name = NULL;
	_cleanup_(mp_case_done) struct mp_case c = {.observed = NAN, .threshold = NAN};
	struct mp_case *known;
	double window;
	int r;

	if (!raw)
		return 0;
	for (const xmlNode *n = node->children; n; n = n->next) {
		_cleanup_free_ char *message = NULL, *type = NULL;

		if (!is_element(n, "error") && !is_element(n, "failure"))
			continue;
		message = fault_message(n);
		if (!message)
			return -ENOMEM;
		c.verdict = MP_FAILED;
		r = merge_message(&c, message);
		if (r < 0)
			return r;
	}
	if (labels && c.verdict == MP_PASSED)
		return 0;
	name = labels ? mp_asprintf("no errors of %s", raw) : criterion_name(raw);
	if (!name)
		return -ENOMEM;
	if (labels) {
		c.metric = strdup("errors");
		c.label = strdup(raw);
		if (!c.metric || !c.label)
			return -ENOMEM;
	} else if (!mp_criterion_parse(raw, &c, &window)) {
		c.threshold = NAN;
	}
	known = find_case(s, name);
	if (known) {
		if (c.verdict > known->verdict)
			known->verdict = c.verdict;
		return merge_message(known, c.message);
	}
	if (s->n_cases >= MAX_CASES)
		return -E2BIG;
	c.name = TAKE_PTR(name);
	r = mp_suite_result_add_case(s, &c);
	if (!r)
		c = (struct mp_case){0};
	return r;
}

static int read_suites(struct mp_suite_result *s, const xmlNode *parent, int depth)
{
	int r = 0;

	for (const xmlNode *n = parent->children; n && !r; n = n->next) {
		_cleanup_free_ char *name = NULL;

		if (!is_element(n, "testsuite") || depth > 8)
			continue;
		name = attribute(n, "name");
		for (const xmlNode *k = n->children; k && !r; k = k->next)
			if (is_element(k, "testcase"))
				r = add_case(s, k, name && !strcmp(name, "sample_labels"));
		if (!r)
			r = read_suites(s, n, depth + 1);
	}
	return r;
}

static int read_file(const char *path, struct mp_suite_result *s, struct mp_diag *d)
{
	_cleanup_free_ char *text = NULL;
	const xmlError *e;
	size_t len;
	xmlDoc *doc;
	int r;

	r = mp_read_file(path, MAX_BYTES, &text, &len);
	if (r < 0)
		return mp_diag_set(d, r, path, 0, 0, "cannot be read: %s", strerror(-r));
	/* no entities, no network, no message on stderr */
	xmlResetLastError();
	doc = xmlReadMemory(text, (int)len, path, NULL,
			    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
				    XML_PARSE_COMPACT);
	if (!doc) {
		e = xmlGetLastError();
		return mp_diag_set(d, -EINVAL, path, e ? e->line : 0, 0,
				   "not well-formed XML: %.200s",
				   e && e->message ? e->message : "empty");
	}
	r = read_suites(s, (const xmlNode *)doc, 0);
	for (const xmlNode *n = doc->children; n && !r; n = n->next)
		if (is_element(n, "testsuites"))
			r = read_suites(s, n, 0);
	xmlFreeDoc(doc);
	return r < 0 ? mp_diag_set(d, r, path, 0, 0, "%s", strerror(-r)) : 0;
}

static int only_xunit(const struct dirent *e)
{
	return mp_glob("xunit*.xml", e->d_name);
}

int mp_xunit_read(const char *suite_dir, struct mp_suite_result *s, struct mp_diag *d)
{
	struct dirent **e = NULL;
	int n, r = 0;

	n = scandir(suite_dir, &e, only_xunit, alphasort);
	if (n < 0) {
		r = -errno;
		return mp_diag_set(d, r, suite_dir, 0, 0, "cannot be listed: %s", strerror(-r));
	}
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = mp_path_join(suite_dir, e[i]->d_name);

		if (!r)
			r = path ? read_file(path, s, d) : -ENOMEM;
		free(e[i]);
	}
	free(e);
	return r;
}

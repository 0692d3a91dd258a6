// SPDX-License-Identifier: GPL-2.0-only
/*
 * junit.xml: valid against the Jenkins XSD (junit-10.xsd), which knows no `skipped` on testsuites
 * and times of at most three decimals. One testsuite a suite; a suite without criteria has no
 * testcase and skipped="1"; a suite that broke has one testcase of its own, in error. classname is
 * the suite's name, since GitLab shows that one. Renders; computes counts only.
 */
#include <mmsperf/report.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/text.h"

#include <errno.h>
#include <libxml/xmlwriter.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct counts {
	size_t tests, failures, errors, skipped;
};

/* A suite in error whose cases do not show it needs a case that does: else its tests look fine. */
static bool needs_own_case(const struct mp_suite_result *s)
{
	if (s->verdict != MP_ERROR && s->verdict != MP_FAILED)
		return false;
	for (size_t i = 0; i < s->n_cases; i++)
		if (s->cases[i].verdict >= s->verdict)
			return false;
	return true;
}

static struct counts count_suite(const struct mp_suite_result *s)
{
	struct counts c = {.tests = s->n_cases};

	for (size_t i = 0; i < s->n_cases; i++) {
		c.failures += s->cases[i].verdict == MP_FAILED;
		c.errors += s->cases[i].verdict == MP_ERROR;
		c.skipped += s->cases[i].verdict == MP_SKIPPED;
	}
	if (needs_own_case(s)) {
		c.tests++;
		c.errors += s->verdict == MP_ERROR;
		c.failures += s->verdict == MP_FAILED;
	}
	if (s->verdict == MP_SKIPPED && !s->n_cases)
		c.skipped = 1;
	return c;
}

static void attribute(xmlTextWriter *w, const char *name, const char *value)
{
	_cleanup_free_ char *clean = mp_text_clean(value ? value : "", true);

	(void)xmlTextWriterWriteAttribute(w, (const xmlChar *)name,
					  (const xmlChar *)(clean ? clean : ""));
}

static void attribute_count(xmlTextWriter *w, const char *name, size_t n)
{
	(void)xmlTextWriterWriteFormatAttribute(w, (const xmlChar *)name, "%zu", n);
}

static void attribute_time(xmlTextWriter *w, double s)
{
	char text[40];

	if (!isfinite(s) || s < 0)
		s = 0;
	(void)snprintf(text, sizeof(text), "%.3f", s);
	attribute(w, "time", text);
}

static void open_element(xmlTextWriter *w, const char *name)
{
	(void)xmlTextWriterStartElement(w, (const xmlChar *)name);
}

static void close_element(xmlTextWriter *w)
{
	(void)xmlTextWriterEndElement(w);
}

static void property(xmlTextWriter *w, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	open_element(w, "property");
	attribute(w, "name", name);
	attribute(w, "value", value);
	close_element(w);
}

static void write_fault(xmlTextWriter *w, enum mp_verdict v, const char *type, const char *message)
{
	_cleanup_free_ char *clean = mp_text_clean(message ? message : "", true);

	if (v == MP_PASSED)
		return;
	open_element(w, v == MP_SKIPPED ? "skipped" : v == MP_FAILED ? "failure" : "error");
	attribute(w, "type", type);
	attribute(w, "message", message);
	if (clean && *clean) /* GitLab shows the text, not the attribute; others one line of it */
		(void)xmlTextWriterWriteString(w, (const xmlChar *)clean);
	close_element(w);
}

static void write_case(xmlTextWriter *w, const char *suite, const struct mp_case *c)
{
	open_element(w, "testcase");
	attribute(w, "classname", suite);
	attribute(w, "name", c->name);
	attribute_time(w, c->time_s);
	write_fault(w, c->verdict,
		    c->verdict == MP_SKIPPED  ? "skipped"
		    : c->verdict == MP_FAILED ? "criterion"
					      : "infrastructure",
		    c->message);
	close_element(w);
}

static void write_suite(xmlTextWriter *w, const struct mp_run *r, const struct mp_suite_result *s)
{
	struct counts c = count_suite(s);
	char stamp[32] = "1970-01-01T00:00:00";
	time_t t = (time_t)s->started_s;
	struct tm tm;

	if (s->started_s > 0 && gmtime_r(&t, &tm))
		(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	open_element(w, "testsuite");
	attribute(w, "name", s->name);
	attribute_count(w, "tests", c.tests);
	attribute_count(w, "failures", c.failures);
	attribute_count(w, "errors", c.errors);
	attribute_count(w, "skipped", c.skipped);
	attribute_time(w, s->duration_s);
	attribute(w, "timestamp", stamp);
	attribute(w, "hostname", r->env);
	open_element(w, "properties");
	property(w, "verdict", mp_verdict_name(s->verdict));
	property(w, "reason", s->reason);
	property(w, "commit", r->commit);
	property(w, "suite.path", s->path);
	property(w, "collector", s->rung);
	property(w, "collector.why", s->rung_why);
	if (s->incomplete)
		property(w, "incomplete", "the suite ended before its load did");
	close_element(w);
	for (size_t i = 0; i < s->n_cases; i++)
		write_case(w, s->name, &s->cases[i]);
	if (needs_own_case(s)) {
		const struct mp_case own = {.name = (char *)"suite runs to its end",
					    .message = s->reason,
					    .verdict = s->verdict,
					    .time_s = s->duration_s};

		write_case(w, s->name, &own);
	}
	close_element(w);
}

static void write_run(xmlTextWriter *w, const struct mp_run *r)
{
	struct counts sum = {0};

	for (size_t i = 0; i < r->n_suites; i++) {
		struct counts c = count_suite(&r->suites[i]);

		sum.tests += c.tests;
		sum.failures += c.failures;
		sum.errors += c.errors;
	}
	(void)xmlTextWriterSetIndent(w, 1);
	(void)xmlTextWriterSetIndentString(w, (const xmlChar *)"  ");
	(void)xmlTextWriterStartDocument(w, NULL, "UTF-8", NULL);
	open_element(w, "testsuites");
	attribute(w, "name", "mmsperf-bpf");
	attribute_count(w, "tests", sum.tests);
	attribute_count(w, "failures", sum.failures);
	attribute_count(w, "errors", sum.errors);
	attribute_time(w, r->duration_s);
	for (size_t i = 0; i < r->n_suites; i++)
		write_suite(w, r, &r->suites[i]);
	close_element(w);
	(void)xmlTextWriterEndDocument(w);
}

int mp_report_junit_as(const struct mp_run *r, const char *const *files, size_t n,
		       struct mp_diag *d)
{
	xmlBuffer *buf = xmlBufferCreate();
	xmlTextWriter *w = buf ? xmlNewTextWriterMemory(buf, 0) : NULL;
	int k = 0;

	if (!w) {
		xmlBufferFree(buf);
		return mp_diag_set(d, -ENOMEM, r->dir, 0, 0, "out of memory");
	}
	write_run(w, r);
	if (xmlTextWriterFlush(w) < 0)
		k = -ENOMEM;
	xmlFreeTextWriter(w);
	for (size_t i = 0; i < n && !k; i++) {
		_cleanup_free_ char *path = mp_path_join(r->dir, files[i]);

		k = path ? mp_write_file(path, xmlBufferContent(buf), (size_t)xmlBufferLength(buf),
					 0644)
			 : -ENOMEM;
		if (k < 0)
			(void)mp_diag_set(d, k, path, 0, 0, "cannot be written: %s", strerror(-k));
	}
	xmlBufferFree(buf);
	return k;
}

int mp_report_junit(const struct mp_run *r, struct mp_diag *d)
{
	static const char *const files[] = {"junit.xml", "performance_results.xml"};

	return mp_report_junit_as(r, files, ARRAY_SIZE(files), d);
}

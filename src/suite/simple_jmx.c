// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open-loop load as a JMeter plan: requests are sent when they are due (JMeter's Open Model Thread
 * Group, random arrivals), however long answers take. Taurus' own `throughput` slows down with the
 * server, which hides what is looked for. Written with libxml2, so that escaping is not ours.
 */
#include "suite/simple.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <libxml/xmlwriter.h>
#include <stdlib.h>
#include <string.h>

#define SEED "20240229" /* the same arrivals in each run: one source of noise less */

struct jmx {
	xmlTextWriter *w;
	bool failed;
};

static void begin(struct jmx *j, const char *name)
{
	j->failed |= xmlTextWriterStartElement(j->w, BAD_CAST name) < 0;
}

static void attr(struct jmx *j, const char *name, const char *value)
{
	j->failed |= xmlTextWriterWriteAttribute(j->w, BAD_CAST name, BAD_CAST value) < 0;
}

static void end(struct jmx *j)
{
	j->failed |= xmlTextWriterEndElement(j->w) < 0;
}

static void prop(struct jmx *j, const char *type, const char *name, const char *value)
{
	begin(j, type);
	attr(j, "name", name);
	j->failed |= xmlTextWriterWriteString(j->w, BAD_CAST value) < 0;
	end(j);
}

static void element(struct jmx *j, const char *class, const char *gui, const char *name)
{
	begin(j, class);
	attr(j, "guiclass", gui);
	attr(j, "testclass", class);
	attr(j, "testname", name);
	attr(j, "enabled", "true");
}

/* An element without children still has its (empty) tree. */
static void leaf_end(struct jmx *j)
{
	end(j);
	begin(j, "hashTree");
	end(j);
}

static void arguments(struct jmx *j, const char *body)
{
	begin(j, "elementProp");
	attr(j, "name", "HTTPsampler.Arguments");
	attr(j, "elementType", "Arguments");
	begin(j, "collectionProp");
	attr(j, "name", "Arguments.arguments");
	if (body) {
		begin(j, "elementProp");
		attr(j, "name", "");
		attr(j, "elementType", "HTTPArgument");
		prop(j, "boolProp", "HTTPArgument.always_encode", "false");
		prop(j, "stringProp", "Argument.value", body);
		prop(j, "stringProp", "Argument.metadata", "=");
		end(j);
	}
	end(j);
	end(j);
}

static void body_file(struct jmx *j, const char *path)
{
	begin(j, "elementProp");
	attr(j, "name", "HTTPsampler.Files");
	attr(j, "elementType", "HTTPFileArgs");
	begin(j, "collectionProp");
	attr(j, "name", "HTTPFileArgs.files");
	begin(j, "elementProp");
	attr(j, "name", path);
	attr(j, "elementType", "HTTPFileArg");
	prop(j, "stringProp", "File.path", path);
	prop(j, "stringProp", "File.paramname", "");
	prop(j, "stringProp", "File.mimetype", "");
	end(j);
	end(j);
	end(j);
}

static void headers(struct jmx *j, const struct mp_request *q)
{
	element(j, "HeaderManager", "HeaderPanel", "Headers");
	begin(j, "collectionProp");
	attr(j, "name", "HeaderManager.headers");
	for (size_t i = 0; i < q->n_headers; i++) {
		begin(j, "elementProp");
		attr(j, "name", "");
		attr(j, "elementType", "Header");
		prop(j, "stringProp", "Header.name", q->headers[i].name);
		prop(j, "stringProp", "Header.value", q->headers[i].value);
		end(j);
	}
	end(j);
	leaf_end(j);
}

static void assertion(struct jmx *j, const char *answer)
{
	element(j, "ResponseAssertion", "AssertionGui", "is an answer");
	begin(j, "collectionProp");
	attr(j, "name", "Asserion.test_strings"); /* JMeter's own spelling */
	prop(j, "stringProp", "0", answer);
	end(j);
	prop(j, "stringProp", "Assertion.test_field", "Assertion.response_data");
	prop(j, "boolProp", "Assertion.assume_success", "false");
	prop(j, "intProp", "Assertion.test_type", "16"); /* contains the text */
	leaf_end(j);
}

static void sampler(struct jmx *j, const struct mp_simple *m, const struct mp_request *q)
{
	bool absolute = *q->path != '/';
	char port[16];

	(void)snprintf(port, sizeof(port), "%d", m->port);
	element(j, "HTTPSamplerProxy", "HttpTestSampleGui", q->label);
	arguments(j, q->body);
	if (q->body)
		prop(j, "boolProp", "HTTPSampler.postBodyRaw", "true");
	if (q->body_file)
		body_file(j, q->body_file);
	prop(j, "stringProp", "HTTPSampler.domain", absolute ? "" : m->host);
	prop(j, "stringProp", "HTTPSampler.port", absolute ? "" : port);
	prop(j, "stringProp", "HTTPSampler.protocol", absolute ? "" : m->protocol);
	prop(j, "stringProp", "HTTPSampler.path", q->path);
	prop(j, "stringProp", "HTTPSampler.method", q->method);
	prop(j, "boolProp", "HTTPSampler.follow_redirects", "true");
	prop(j, "boolProp", "HTTPSampler.use_keepalive", "true");
	prop(j, "stringProp", "HTTPSampler.implementation", "HttpClient4");
	prop(j, "stringProp", "HTTPSampler.connect_timeout", "10000");
	prop(j, "stringProp", "HTTPSampler.response_timeout", "60000");
	end(j);
	begin(j, "hashTree");
	if (q->n_headers)
		headers(j, q);
	if (q->answer)
		assertion(j, q->answer);
	end(j);
}

static void thread_group(struct jmx *j, const struct mp_simple *m)
{
	const struct mp_simple_load *l = &m->load;
	char rate[32], hold[32], ramp[32];
	_cleanup_free_ char *schedule = NULL;

	/* every request of the suite is sent once an arrival */
	(void)mp_format_double(rate, l->rate / (double)l->n_requests);
	(void)mp_format_double(hold, l->duration_s);
	(void)mp_format_double(ramp, l->ramp_s);
	schedule = l->ramp_s > 0 ? mp_asprintf("rate(0/s) random_arrivals(%s s) rate(%s/s) "
					       "random_arrivals(%s s)",
					       ramp, rate, hold)
				 : mp_asprintf("rate(%s/s) random_arrivals(%s s)", rate, hold);
	if (!schedule) {
		j->failed = true;
		return;
	}
	element(j, "OpenModelThreadGroup", "OpenModelThreadGroupGui", "open loop");
	begin(j, "elementProp");
	attr(j, "name", "ThreadGroup.main_controller");
	attr(j, "elementType", "OpenModelThreadGroupController");
	end(j);
	prop(j, "stringProp", "ThreadGroup.on_sample_error", "continue");
	prop(j, "stringProp", "OpenModelThreadGroup.schedule", schedule);
	prop(j, "stringProp", "OpenModelThreadGroup.random_seed", SEED);
	end(j);
	begin(j, "hashTree");
	for (size_t i = 0; i < l->n_requests; i++)
		sampler(j, m, &l->requests[i]);
	end(j);
}

int mp_simple_jmx(const struct mp_simple *m, char **ret_text, size_t *ret_len)
{
	xmlBuffer *buffer = xmlBufferCreate();
	struct jmx j = {.w = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL};
	int r = -ENOMEM;

	if (!j.w) {
		xmlBufferFree(buffer);
		return -ENOMEM;
	}
	(void)xmlTextWriterSetIndent(j.w, 1);
	j.failed |= xmlTextWriterStartDocument(j.w, NULL, "UTF-8", NULL) < 0;
	begin(&j, "jmeterTestPlan");
	attr(&j, "version", "1.2");
	attr(&j, "properties", "5.0");
	begin(&j, "hashTree");
	element(&j, "TestPlan", "TestPlanGui", m->title ? m->title : "open loop");
	prop(&j, "boolProp", "TestPlan.functional_mode", "false");
	end(&j);
	begin(&j, "hashTree");
	thread_group(&j, m);
	j.failed |= xmlTextWriterEndDocument(j.w) < 0;
	xmlFreeTextWriter(j.w);
	if (!j.failed) {
		*ret_len = (size_t)xmlBufferLength(buffer);
		*ret_text = strndup((const char *)xmlBufferContent(buffer), *ret_len);
		r = *ret_text ? 0 : -ENOMEM;
	}
	xmlBufferFree(buffer);
	return r;
}

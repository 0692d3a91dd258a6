// SPDX-License-Identifier: GPL-2.0-only
/*
 * A simple suite as Taurus YAML, which bzt runs and the artifacts keep: `bzt NAME.yaml` by hand
 * makes the same load and judges what Taurus can judge. Text in double quotes is JSON's, which YAML
 * reads as such. Called by discovery.c.
 */
#include "suite/simple.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What Taurus calls the subjects of expect.c. NULL: it cannot judge it. */
static const struct {
	const char *subject, *taurus;
} names[] = {
	{"avg", "avg-rt"},  {"p50", "p50"},        {"p90", "p90"},
	{"p95", "p95"},     {"p99", "p99"},        {"max", "p100"},
	{"errors", "fail"}, {"successes", "succ"}, {"samples", "hits"},
};

static void quoted(struct mp_buf *b, const char *s)
{
	mp_buf_puts(b, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			mp_buf_printf(b, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			mp_buf_printf(b, "\\x%02x", c);
		else
			mp_buf_append(b, s, 1);
	}
	mp_buf_puts(b, "\"");
}

static void line(struct mp_buf *b, const char *before, const char *text)
{
	mp_buf_puts(b, before);
	quoted(b, text);
	mp_buf_puts(b, "\n");
}

static void number(struct mp_buf *b, const char *before, double v, const char *after)
{
	char num[32];

	(void)mp_format_double(num, v);
	mp_buf_printf(b, "%s%s%s\n", before, num, after);
}

static const char *taurus_subject(const struct mp_expect *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].subject, e->subject))
			return names[i].taurus;
	return mp_starts_with(e->subject, "rc") ? e->subject : NULL;
}

/* The condition under which it is broken; NULL where Taurus has none. */
static const char *broken_when(const struct mp_expect *e)
{
	switch (e->op) {
	case MP_OP_LT:
		return ">=";
	case MP_OP_LE:
		return ">";
	case MP_OP_GT:
		return "<=";
	case MP_OP_GE:
		return "<";
	case MP_OP_NE:
		return "=";
	default: /* nothing below zero happens: "== 0" is broken when there is one */
		return e->op == MP_OP_EQ && e->kind == MP_EXPECT_LOAD && e->value == 0 ? ">" : NULL;
	}
}

bool mp_expect_is_criterion(const struct mp_expect *e)
{
	if (e->ref != MP_REF_VALUE || !broken_when(e) || e->agg != MP_EACH ||
	    e->kind == MP_EXPECT_POINT)
		return false;
	return e->kind == MP_EXPECT_METRIC || taurus_subject(e);
}

static void emit_pairs(struct mp_buf *b, const char *indent, const struct mp_pair *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mp_buf_puts(b, indent);
		quoted(b, v[i].name);
		line(b, ": ", v[i].value);
	}
}

static void emit_address(struct mp_buf *b, const char *indent, const struct mp_simple *m)
{
	const char *port = strrchr(m->management, ':');

	mp_buf_printf(b, "%s", indent);
	line(b, "protocol: ", m->protocol);
	mp_buf_printf(b, "%s", indent);
	line(b, "hostname: ", m->host);
	mp_buf_printf(b, "%sport: %d\n%smanagement_port: %s\n", indent, m->port, indent,
		      port ? port + 1 : "8081");
}

static void emit_execution(struct mp_buf *b, const struct mp_simple *m)
{
	const struct mp_simple_load *l = &m->load;

	mp_buf_puts(b, "execution:\n");
	line(b, "- executor: ", l->engine);
	/* an open-loop plan says itself how long it lasts; told so here, bzt would make a closed
	 * loop of it */
	if (!(l->rate > 0)) {
		mp_buf_printf(b, "  concurrency: %ld\n", l->concurrency);
		if (l->ramp_s > 0)
			number(b, "  ramp-up: ", l->ramp_s, "s");
		number(b, "  hold-for: ", l->duration_s, "s");
	}
	mp_buf_puts(b, "  scenario: load\n");
	if (l->n_hosts)
		mp_buf_puts(b, "  distributed:\n");
	for (size_t i = 0; i < l->n_hosts; i++)
		line(b, "  - ", l->hosts[i].name);
}

static void emit_request(struct mp_buf *b, const struct mp_request *q)
{
	line(b, "    - label: ", q->label);
	line(b, "      url: ", q->path);
	line(b, "      method: ", q->method);
	if (q->body)
		line(b, "      body: ", q->body);
	if (q->body_file)
		line(b, "      body-file: ", q->body_file);
	if (q->n_headers)
		mp_buf_puts(b, "      headers:\n");
	emit_pairs(b, "        ", q->headers, q->n_headers);
	if (!q->answer)
		return;
	mp_buf_puts(b, "      assert:\n      - subject: body\n        regexp: false\n");
	mp_buf_puts(b, "        contains: [");
	quoted(b, q->answer);
	mp_buf_puts(b, "]\n");
}

static void emit_scenario(struct mp_buf *b, const struct mp_simple *m, const char *script)
{
	const struct mp_simple_load *l = &m->load;
	bool jmeter = !strcmp(l->engine, "jmeter");
	_cleanup_free_ char *address = mp_asprintf("%s://%s:%d", m->protocol, m->host, m->port);

	if (!address) {
		b->failed = true;
		return;
	}
	mp_buf_puts(b, "scenarios:\n  load:\n");
	if (jmeter || l->n_properties) {
		mp_buf_puts(b, "    properties:\n");
		if (jmeter)
			emit_address(b, "      ", m);
		if (l->n_hosts) /* between these hosts there is no key store */
			mp_buf_puts(b, "      server.rmi.ssl.disable: \"true\"\n");
		emit_pairs(b, "      ", l->properties, l->n_properties);
	}
	if (script || l->script) {
		line(b, "    script: ", script ? script : l->script);
		return;
	}
	line(b, "    default-address: ", address);
	if (l->think_s > 0)
		number(b, "    think-time: ", l->think_s, "s");
	mp_buf_puts(b, "    requests:\n");
	for (size_t i = 0; i < l->n_requests; i++)
		emit_request(b, &l->requests[i]);
}

/* Metrics of one agent that expectations name, each once; false when there is none. */
static bool emit_metrics(struct mp_buf *b, const struct mp_simple *m, const char *host)
{
	bool any = false;

	for (size_t i = 0; i < m->n_expects; i++) {
		const struct mp_expect *e = &m->expects[i];
		bool seen = e->kind == MP_EXPECT_LOAD || !!e->label != !!host ||
			    (host && strcmp(e->label, host) != 0);

		for (size_t k = 0; k < i && !seen; k++)
			seen = m->expects[k].kind != MP_EXPECT_LOAD &&
			       !!m->expects[k].label == !!host &&
			       (!host || !strcmp(m->expects[k].label, host)) &&
			       !strcmp(m->expects[k].subject, e->subject);
		if (seen)
			continue;
		if (!any)
			mp_buf_puts(b, "    metrics:\n");
		any = true;
		line(b, "    - ", e->subject);
	}
	return any;
}

static void emit_services(struct mp_buf *b, const struct mp_simple *m)
{
	_cleanup_buf_ struct mp_buf own = {0};
	bool ours = emit_metrics(&own, m, NULL);

	if (!ours && !m->n_monitors)
		return;
	if (ours)
		mp_buf_puts(b, "modules:\n  mmsperf:\n    class: "
			       "metrics_monitoring_taurus.Monitor\n");
	mp_buf_puts(b, "services:\n");
	if (ours)
		mp_buf_printf(b,
			      "- module: mmsperf\n  ServerLocalClient:\n  - label: server\n"
			      "    interval: 1s\n    logging: true\n%s",
			      own.s ? own.s : "");
	if (m->n_monitors)
		mp_buf_puts(b, "- module: monitoring\n  server-agent:\n");
	for (size_t i = 0; i < m->n_monitors; i++) {
		line(b, "  - address: ", m->monitors[i].address);
		line(b, "    label: ", m->monitors[i].label);
		mp_buf_puts(b, "    interval: 1s\n    logging: true\n");
		if (!emit_metrics(b, m,
				  m->monitors[i].label)) /* seen, though nothing is expected */
			mp_buf_puts(b, "    metrics: [sum_all_cpu_percent, sum_all_memory_rss]\n");
	}
}

static void emit_criterion(struct mp_buf *b, const struct mp_expect *e)
{
	if (e->kind == MP_EXPECT_METRIC) {
		mp_buf_puts(b, "  - class: bzt.modules.monitoring.MonitoringCriteria\n"
			       "    subject: ");
		mp_buf_printf(b, "\"%s/%s\"\n", e->label ? e->label : "server", e->subject);
	} else {
		mp_buf_printf(b, "  - subject: \"%s\"\n", taurus_subject(e));
		line(b, "    label: ", e->label);
	}
	mp_buf_printf(b, "    condition: '%s'\n", broken_when(e));
	number(b, "    threshold: ", e->value, e->percent ? "%" : "");
	if (e->window_s > 0)
		number(b, "    timeframe: ", e->window_s, "s");
	else if (e->kind == MP_EXPECT_METRIC)
		mp_buf_puts(b, "    timeframe: 1s\n");
	mp_buf_puts(b, "    stop: false\n    fail: true\n");
	line(b, "    message: ", e->text);
}

static void emit_criteria(struct mp_buf *b, const struct mp_simple *m)
{
	bool any = false;

	for (size_t i = 0; i < m->n_expects; i++) {
		if (!mp_expect_is_criterion(&m->expects[i])) {
			mp_buf_printf(b, "# mmsperf-bpf itself judges: %s\n", m->expects[i].text);
			continue;
		}
		any = true;
	}
	if (!any)
		return;
	mp_buf_puts(b, "reporting:\n- module: passfail\n  criteria:\n");
	for (size_t i = 0; i < m->n_expects; i++)
		if (mp_expect_is_criterion(&m->expects[i]))
			emit_criterion(b, &m->expects[i]);
}

int mp_simple_emit(const struct mp_simple *m, const char *made_from, const char *script,
		   char **ret_text, size_t *ret_len)
{
	_cleanup_buf_ struct mp_buf b = {0};

	mp_buf_puts(&b, "# Made by mmsperf-bpf from ");
	quoted(&b, made_from);
	mp_buf_puts(&b, "; set-up and clean-up are its steps.\n");
	emit_execution(&b, m);
	emit_scenario(&b, m, script);
	emit_services(&b, m);
	emit_criteria(&b, m);
	if (b.failed)
		return -ENOMEM;
	*ret_len = b.len;
	*ret_text = TAKE_PTR(b.s);
	return 0;
}

int mp_simple_apply(const struct mp_simple *m, struct mp_plan *p)
{
	_cleanup_yaml_ struct mp_yaml *key = NULL;
	int r = 0;

	/* another agent is meant, also where it runs on this machine: ours must not take its port
	 */
	for (size_t i = 0; i < p->n_src; i++)
		p->src[i].local_host = false;
	if (m->load.rate > 0)
		p->expected_s = m->load.ramp_s + m->load.duration_s + MP_STARTUP_ALLOWANCE_S;
	if (m->own_address || !p->host) {
		char *protocol = strdup(m->protocol), *host = strdup(m->host);

		if (!protocol || !host) {
			free(protocol);
			free(host);
			return -ENOMEM;
		}
		free(p->protocol);
		free(p->host);
		p->protocol = protocol;
		p->host = host;
		p->port = m->port;
	}
	if (m->server)
		r = mp_yaml_new_scalar("server", false, &key);
	return r || !m->server ? r : mp_yaml_set(p->merged, key, m->server);
}

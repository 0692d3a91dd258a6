// SPDX-License-Identifier: GPL-2.0-only
/*
 * From up to three YAML trees to what will happen: how long it takes, who is monitored, what is
 * judged, which server it needs. Owns the merged tree, whose nodes borrow the file names of the
 * suite's trees. Called by discovery.c; read by the runner, the server, the collector and bzt.
 */
#include "suite/plan.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void mp_plan_free(struct mp_plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_crit; i++)
		mp_crit_done(&p->crit[i]);
	for (size_t i = 0; i < p->n_src; i++) {
		free(p->src[i].label);
		free(p->src[i].host);
	}
	for (size_t i = 0; i < p->n_metrics; i++)
		free(p->metrics[i]);
	free(p->metrics);
	free(p->crit);
	free(p->src);
	free(p->jmeter_path);
	free(p->protocol);
	free(p->host);
	mp_yaml_free(p->merged);
	for (size_t i = 0; i < p->n_included; i++)
		mp_yaml_free(p->included[i]);
	free(p->included);
	free(p);
}

void mp_plan_freep(struct mp_plan **p)
{
	mp_plan_free(*p);
}

static int bad(const struct mp_yaml *y, struct mp_diag *d, const char *what, const char *text)
{
	return mp_diag_set(d, -EINVAL, y->file, y->line, y->col, "%s '%s'", what, text);
}

/* Seconds of a duration key; 0 when absent. *ret_given tells the two apart. */
static int duration_of(struct mp_plan *p, const struct mp_yaml *map, const char *key, double *ret_s,
		       bool *ret_given, struct mp_diag *d)
{
	const struct mp_yaml *y = mp_yaml_get(map, key);
	_cleanup_free_ char *text = NULL;

	*ret_s = 0;
	if (!mp_yaml_str(y) || !*y->scalar)
		return 0;
	text = mp_plan_expand(y->scalar, p);
	if (!text)
		return -ENOMEM;
	if (mp_parse_duration(text, ret_s) < 0)
		return mp_diag_set(d, -EINVAL, y->file, y->line, y->col,
				   "%s '%s' is no duration (5s, 1m30s)%s", key, text,
				   strstr(text, "${") ? ": no settings.env defines it" : "");
	if (ret_given)
		*ret_given = true;
	return 0;
}

static bool uses_jmeter(const struct mp_plan *p, const struct mp_yaml *execution)
{
	const char *executor = mp_yaml_str(mp_yaml_get(execution, "executor"));

	if (!executor)
		executor = mp_yaml_str(mp_yaml_path(p->merged, "settings.default-executor"));
	return !executor || !strcmp(executor, "jmeter");
}

static int plan_execution(struct mp_plan *p, struct mp_diag *d)
{
	const struct mp_yaml *list = mp_yaml_get(p->merged, "execution");
	bool sequential = mp_yaml_truth(mp_yaml_path(p->merged, "modules.local.sequential"), false);
	bool unknown = false;
	double total = 0;
	size_t n;

	if (!list || list->kind == MP_YAML_SCALAR || !list->n)
		return mp_diag_set(d, -EINVAL, p->merged->file, list ? list->line : 1,
				   list ? list->col : 1,
				   "no 'execution' says what load to make: not a suite");
	p->one_execution = list->kind == MP_YAML_MAP;
	n = list->kind == MP_YAML_SEQ ? list->n : 1;
	for (size_t i = 0; i < n; i++) {
		const struct mp_yaml *e = list->kind == MP_YAML_SEQ ? list->val[i] : list;
		double ramp, hold, delay;
		bool given = false;
		int r;

		if (e->kind != MP_YAML_MAP)
			return mp_diag_set(d, -EINVAL, e->file, e->line, e->col,
					   "an entry of 'execution' has to be a map "
					   "(concurrency, hold-for, scenario)");
		r = duration_of(p, e, "ramp-up", &ramp, &given, d);
		if (!r)
			r = duration_of(p, e, "hold-for", &hold, &given, d);
		if (!r)
			r = duration_of(p, e, "delay", &delay, NULL, d);
		if (r < 0)
			return r;
		if (p->hold_cap_s > 0 && hold > p->hold_cap_s && i < 64) {
			hold = p->hold_cap_s;
			p->capped |= 1ull << i;
		}
		if (uses_jmeter(p, e))
			p->needs_jmeter = true;
		if (!given)
			unknown = true;
		total = sequential ? total + ramp + hold + delay : fmax(total, ramp + hold + delay);
	}
	p->expected_s = unknown ? 0 : total + MP_STARTUP_ALLOWANCE_S;
	return 0;
}

static bool starts_server(const char *command)
{
	static const char *const names[] = {"multi-model-server", "mxnet-model-server",
					    "torchserve"};

	if (!strstr(command, "--start") && !strstr(command, "--foreground"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strstr(command, names[i]))
			return true;
	return false;
}

static void plan_shellexec(struct mp_plan *p, const struct mp_yaml *service)
{
	static const char *const stages[] = {"prepare", "startup"};

	for (size_t s = 0; s < ARRAY_SIZE(stages); s++) {
		const struct mp_yaml *list = mp_yaml_get(service, stages[s]);
		size_t n = !list ? 0 : list->kind == MP_YAML_SEQ ? list->n : 1;

		for (size_t i = 0; i < n; i++) {
			const struct mp_yaml *t = list->kind == MP_YAML_SEQ ? list->val[i] : list;
			const char *cmd =
				mp_yaml_str(t->kind == MP_YAML_MAP ? mp_yaml_get(t, "command") : t);

			/* what stays in the background of a load test is most likely its target */
			if (cmd && (starts_server(cmd) ||
				    mp_yaml_truth(mp_yaml_get(t, "background"), false)))
				p->starts_server = true;
		}
	}
}

static bool is_this_host(const char *host)
{
	char self[256] = "";

	(void)gethostname(self, sizeof(self) - 1);
	return mp_starts_with(host, "127.") || !strcmp(host, "localhost") || !strcmp(host, "::1") ||
	       !strcmp(host, self);
}

static int add_metric(struct mp_plan *p, const char *name)
{
	char **bigger;

	for (size_t i = 0; i < p->n_metrics; i++)
		if (!strcmp(p->metrics[i], name))
			return 0;
	bigger = reallocarray(p->metrics, p->n_metrics + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	p->metrics = bigger;
	bigger[p->n_metrics] = mp_plan_expand(name, p);
	if (!bigger[p->n_metrics])
		return -ENOMEM;
	p->n_metrics++;
	return 0;
}

static int add_metrics(struct mp_plan *p, const struct mp_yaml *list)
{
	int r = 0;

	for (size_t i = 0; !r && list && list->kind == MP_YAML_SEQ && i < list->n; i++)
		if (mp_yaml_str(list->val[i]))
			r = add_metric(p, list->val[i]->scalar);
	return r;
}

static int add_source(struct mp_plan *p, const struct mp_yaml *config, const char *kind,
		      struct mp_diag *d)
{
	_cleanup_free_ char *label = NULL, *address = NULL;
	const char *text = mp_yaml_str(mp_yaml_get(config, "label"));
	const struct mp_yaml *at = mp_yaml_get(config, "address");
	struct mp_source_spec *bigger, s = {.port = 4444};
	bool agent = !strcmp(kind, "server-agent");
	char *colon;
	long port;

	if (text)
		label = mp_plan_expand(text, p);
	if (agent) {
		if (!mp_yaml_str(at))
			return mp_diag_set(d, -EINVAL, config->file, config->line, config->col,
					   "a server-agent has no address (HOST:PORT)");
		address = mp_plan_expand(at->scalar, p);
		if (!address)
			return -ENOMEM;
		if (!label)
			label = strchr(address, ':') ? strdup(address)
						     : mp_asprintf("%s:%d", address, s.port);
		colon = strchr(address, ':');
		if (colon) {
			*colon = '\0';
			if (mp_parse_int(colon + 1, 1, 65535, &port) < 0)
				return bad(at, d, "no port from 1 to 65535 in the address",
					   at->scalar);
			s.port = (int)port;
		}
		s.local_host = is_this_host(address);
	} else if (!label) {
		label = strdup(kind);
	}
	bigger = reallocarray(p->src, p->n_src + 1, sizeof(*bigger));
	if (!bigger || !label)
		return -ENOMEM;
	p->src = bigger;
	s.label = TAKE_PTR(label);
	s.host = TAKE_PTR(address);
	s.ours = !strcmp(kind, "ServerLocalClient");
	s.logging = mp_yaml_truth(mp_yaml_get(config, "logging"), false);
	p->src[p->n_src++] = s;
	if (!s.ours && !s.local_host)
		return 0;
	return add_metrics(p, mp_yaml_get(config, "metrics"));
}

static int plan_monitoring(struct mp_plan *p, const struct mp_yaml *service, struct mp_diag *d)
{
	static const char *const kinds[] = {"server-agent", "ServerLocalClient", "local"};

	for (size_t k = 0; k < service->n; k++) {
		const char *kind = service->key[k]->scalar;
		const struct mp_yaml *list = service->val[k];
		bool known = false;

		if (!strcmp(kind, "module") || !strcmp(kind, "run-at"))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
			known |= !strcmp(kind, kinds[i]);
		if (!known || list->kind != MP_YAML_SEQ) {
			p->all_sources_known = false;
			continue;
		}
		for (size_t i = 0; i < list->n; i++) {
			int r = list->val[i]->kind == MP_YAML_MAP
					? add_source(p, list->val[i], kind, d)
					: 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int plan_services(struct mp_plan *p, struct mp_diag *d)
{
	const struct mp_yaml *list = mp_yaml_get(p->merged, "services");

	p->all_sources_known = true;
	for (size_t i = 0; list && list->kind == MP_YAML_SEQ && i < list->n; i++) {
		const struct mp_yaml *s = list->val[i];
		const char *module = mp_yaml_str(mp_yaml_get(s, "module"));
		int r = 0;

		if (!module)
			continue;
		if (!strcmp(module, "shellexec"))
			plan_shellexec(p, s);
		else if (!strcmp(module, "monitoring") || mp_yaml_get(s, "ServerLocalClient"))
			r = plan_monitoring(p, s, d);
		else if (mp_yaml_path(p->merged, "modules") &&
			 mp_yaml_get(mp_yaml_get(p->merged, "modules"), module))
			p->all_sources_known = false; /* somebody's own module may monitor */
		if (r < 0)
			return r;
	}
	return 0;
}

const struct mp_source_spec *mp_plan_source(const struct mp_plan *p, const char *label)
{
	for (size_t i = 0; label && i < p->n_src; i++)
		if (!strcmp(p->src[i].label, label))
			return &p->src[i];
	return NULL;
}

/* A label nobody monitors under never triggers in bzt: a suite that can only pass is malformed. */
static int check_source(const struct mp_plan *p, const struct mp_criterion *c, struct mp_diag *d)
{
	const char *labels[32], *near;
	size_t n = 0;

	if (c->kind != MP_CRIT_MONITOR || !p->all_sources_known || mp_plan_source(p, c->label) ||
	    !strcmp(c->label, "local"))
		return 0;
	for (size_t i = 0; i < p->n_src && n < ARRAY_SIZE(labels); i++)
		labels[n++] = p->src[i].label;
	near = mp_nearest(c->label, labels, n);
	return mp_diag_set(d, -EINVAL, c->file, c->line, c->col,
			   "nothing is monitored under the label '%s'%s%s%s: the criterion could "
			   "never fail",
			   c->label,
			   near ? ", did you mean '"
			   : n  ? ", only under '"
				: "",
			   near ? near
			   : n  ? labels[0]
				: "",
			   near ? "'?"
			   : n  ? "'"
				: "");
}

static int make_unique(struct mp_plan *p, struct mp_criterion *c)
{
	int same = 1;
	char *name;

	for (size_t i = 0; i < p->n_crit; i++)
		same += !strcmp(p->crit[i].name, c->name);
	if (same == 1)
		return 0;
	name = mp_asprintf("%s (%d)", c->name, same);
	if (!name)
		return -ENOMEM;
	free(c->name);
	c->name = name;
	return make_unique(p, c); /* somebody may be called "x (2)" already */
}

static int add_criteria(struct mp_plan *p, const struct mp_yaml *list, struct mp_diag *d)
{
	if (!list || (list->kind == MP_YAML_SCALAR && !*list->scalar))
		return 0;
	if (list->kind == MP_YAML_SCALAR)
		return bad(list, d, "criteria have to be a list or a map, not", list->scalar);
	for (size_t i = 0; i < list->n; i++) {
		const struct mp_source_spec *src;
		struct mp_criterion *bigger, c;
		int r = mp_plan_check_criterion(list->val[i], d);

		if (r < 0)
			return r;
		r = mp_crit_parse(list->val[i], list->key ? list->key[i]->scalar : NULL,
				  mp_plan_expand, p, &c, d);

		if (!r)
			r = check_source(p, &c, d);
		else
			return r;
		if (!r)
			r = make_unique(p, &c);
		bigger = r ? NULL : reallocarray(p->crit, p->n_crit + 1, sizeof(*bigger));
		if (!bigger) {
			mp_crit_done(&c);
			return r ? r : -ENOMEM;
		}
		p->crit = bigger;
		p->crit[p->n_crit++] = c;
		src = c.kind == MP_CRIT_MONITOR ? mp_plan_source(p, c.label) : NULL;
		if (src && (src->ours || src->local_host) && add_metric(p, c.subject) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* reporting[passfail].criteria, then those of executions and of the scenarios they use. */
static int plan_criteria(struct mp_plan *p, struct mp_diag *d)
{
	const struct mp_yaml *rep = mp_yaml_get(p->merged, "reporting");
	const struct mp_yaml *exec = mp_yaml_get(p->merged, "execution");
	const struct mp_yaml *scenarios = mp_yaml_get(p->merged, "scenarios");
	int r = 0;

	for (size_t i = 0; !r && rep && rep->kind == MP_YAML_SEQ && i < rep->n; i++) {
		const char *module = mp_yaml_str(mp_yaml_get(rep->val[i], "module"));

		if (module && !strcmp(module, "passfail"))
			r = add_criteria(p, mp_yaml_get(rep->val[i], "criteria"), d);
	}
	for (size_t i = 0; !r && i < (exec->kind == MP_YAML_SEQ ? exec->n : 1); i++) {
		const struct mp_yaml *e = exec->kind == MP_YAML_SEQ ? exec->val[i] : exec;
		const struct mp_yaml *sc = mp_yaml_get(e, "scenario");

		r = add_criteria(p, mp_yaml_get(e, "criteria"), d);
		if (mp_yaml_str(sc))
			sc = mp_yaml_get(scenarios, sc->scalar);
		if (!r)
			r = add_criteria(p, mp_yaml_get(sc, "criteria"), d);
	}
	return r;
}

static int text_of(struct mp_plan *p, const char *path, char **ret)
{
	const char *s = mp_yaml_str(mp_yaml_path(p->merged, path));

	*ret = NULL;
	if (!s || !*s)
		return 0;
	*ret = mp_plan_expand(s, p);
	return *ret ? 0 : -ENOMEM;
}

static int port_of(struct mp_plan *p, const char *path, int fallback, int *ret, struct mp_diag *d)
{
	_cleanup_free_ char *text = NULL;
	int r = text_of(p, path, &text);
	long v;

	*ret = fallback;
	if (r < 0 || !text)
		return r;
	if (mp_parse_int(text, 1, 65535, &v) < 0)
		return bad(mp_yaml_path(p->merged, path), d, "no port from 1 to 65535:", text);
	*ret = (int)v;
	return 0;
}

static int plan_address(struct mp_plan *p, struct mp_diag *d)
{
	int r = text_of(p, "modules.jmeter.path", &p->jmeter_path);

	p->detects_plugins_set = mp_yaml_path(p->merged, "modules.jmeter.detect-plugins") != NULL;
	if (!r)
		r = text_of(p, "modules.jmeter.properties.hostname", &p->host);
	if (!r)
		r = text_of(p, "modules.jmeter.properties.protocol", &p->protocol);
	if (!r && !p->protocol) {
		p->protocol = strdup("http");
		r = p->protocol ? 0 : -ENOMEM;
	}
	if (!r)
		r = port_of(p, "modules.jmeter.properties.port", 8080, &p->port, d);
	if (!r)
		r = port_of(p, "modules.jmeter.properties.management_port", 8081,
			    &p->management_port, d);
	return r;
}

int mp_plan_new(const struct mp_suite *s, struct mp_plan **ret_plan, struct mp_diag *d)
{
	_cleanup_(mp_plan_freep) struct mp_plan *p = calloc(1, sizeof(*p));
	const struct mp_yaml *docs[] = {s->doc, s->env_doc, s->global_doc};
	int r = 0;

	if (!p)
		return -ENOMEM;
	p->hold_cap_s = s->hold_cap_s;
	for (size_t i = 0; i < ARRAY_SIZE(docs); i++)
		if (docs[i] && docs[i]->kind != MP_YAML_MAP)
			return mp_diag_set(d, -EINVAL, docs[i]->file, docs[i]->line, docs[i]->col,
					   "a configuration is a map (key: value)");
	r = mp_plan_check_keys(s, d);
	if (!r)
		r = mp_yaml_parse("{}", 2, s->path, &p->merged, d);
	for (size_t i = 0; !r && i < ARRAY_SIZE(docs); i++)
		if (docs[i])
			r = mp_yaml_merge(p->merged, docs[i]);
	if (!r)
		r = mp_plan_include(s, p, d);
	if (!r)
		r = mp_plan_expand_env(p);
	if (!r)
		r = plan_execution(p, d);
	if (!r)
		r = mp_plan_check(s, p, d);
	if (!r)
		r = mp_plan_check_shape(p, d);
	if (!r)
		r = plan_services(p, d);
	if (!r)
		r = plan_address(p, d);
	if (!r)
		r = plan_criteria(p, d);
	if (r < 0)
		return r;
	*ret_plan = TAKE_PTR(p);
	return 0;
}

int mp_plan_agent_port(const struct mp_plan *p)
{
	for (size_t i = 0; i < p->n_src; i++)
		if (p->src[i].host && p->src[i].local_host)
			return p->src[i].port;
	return 9009;
}

bool mp_plan_needs_agent(const struct mp_plan *p)
{
	for (size_t i = 0; i < p->n_src; i++)
		if (p->src[i].host && p->src[i].local_host)
			return true;
	return false;
}

double mp_plan_deadline_s(double expected_s, double timeout_s)
{
	if (timeout_s > 0)
		return timeout_s;
	return expected_s > 0 ? 3 * expected_s + 120 : 3600;
}

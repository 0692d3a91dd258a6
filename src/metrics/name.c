// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names -> what they mean. Pure: text in, struct out, nothing kept, so that it can be fuzzed and
 * tested alone. Accepts upstream's names, the original document's (as aliases, with a notice),
 * ours, and PerfMon ServerAgent's.
 */
#include "metrics/table.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/str.h>

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_NAME 512

/* Names of the original document that upstream's later suite rejects. */
static const struct {
	const char *alias, *name;
} aliases[] = {
	{"sum_cpu_percent", "sum_all_cpu_percent"},
	{"sum_memory_percent", "sum_all_memory_percent"},
	{"sum_num_handles", "sum_all_file_descriptors"},
	{"server_workers", "total_workers"},
	{"system_write_byte", "system_write_bytes"},
};

/* The same within a process metric's name: avg_workers_iowait_time. */
static const struct {
	const char *alias, *name;
} metric_aliases[] = {
	{"iowait_time", "cpu_iowait_time"},
	{"num_handles", "file_descriptors"},
};

static const char *after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) ? NULL : s + n;
}

static int proc_metric(const char *s, bool *ret_alias)
{
	for (size_t i = 0; i < ARRAY_SIZE(metric_aliases); i++)
		if (!strcmp(s, metric_aliases[i].alias)) {
			*ret_alias = true;
			s = metric_aliases[i].name;
			break;
		}
	for (int i = 0; i < _MP_PM_MAX; i++)
		if (!strcmp(s, mp_proc_info[i].name))
			return i;
	return -1;
}

/* {op}_{scope}_{metric} or frontend_{metric} */
static bool parse_proc(const char *s, struct mp_name *n, bool *ret_alias)
{
	const char *rest = after(s, "frontend_");
	int m;

	if (rest) {
		n->scope = MP_SCOPE_FRONTEND;
		n->op = MP_OP_ONE;
	} else {
		int op = 0, scope = MP_SCOPE_WORKERS;

		for (; op < _MP_OP_MAX; op++) {
			rest = after(s, mp_op_names[op]);
			if (rest && *rest == '_')
				break;
		}
		if (op == _MP_OP_MAX)
			return false;
		s = rest + 1;
		for (; scope < _MP_SCOPE_MAX; scope++) {
			rest = after(s, mp_scope_names[scope]);
			if (rest && *rest == '_')
				break;
		}
		if (scope == _MP_SCOPE_MAX)
			return false;
		rest++;
		n->scope = (enum mp_scope)scope;
		n->op = (enum mp_op)op;
	}
	m = proc_metric(rest, ret_alias);
	if (m < 0)
		return false;
	n->family = MP_FAM_PROC;
	n->metric = m;
	return true;
}

/* worker_exits_code_N, worker_exits_signal_N */
static bool parse_exits(const char *s, struct mp_name *n)
{
	static const struct {
		const char *prefix;
		int metric;
		long min, max;
	} counts[] = {
		{"worker_exits_code_", MP_TM_WORKER_CODE, 0, 255},
		{"worker_exits_signal_", MP_TM_WORKER_SIGNAL, 1, MP_SIGNALS - 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		const char *number = after(s, counts[i].prefix);
		long v;

		if (!number || mp_parse_int(number, counts[i].min, counts[i].max, &v) < 0)
			continue;
		n->family = MP_FAM_TREE;
		n->metric = counts[i].metric;
		n->arg = (int)v;
		return true;
	}
	return false;
}

static bool parse_plain(const char *s, struct mp_name *n)
{
	if (parse_exits(s, n))
		return true;
	for (int i = 0; i < _MP_TM_MAX; i++)
		if (!strcmp(s, mp_tree_info[i].name) && i != MP_TM_WORKER_CODE &&
		    i != MP_TM_WORKER_SIGNAL) {
			n->family = MP_FAM_TREE;
			n->metric = i;
			return true;
		}
	for (int i = 0; i < _MP_SM_MAX; i++)
		if (!strcmp(s, mp_sys_info[i].name)) {
			n->family = MP_FAM_SYSTEM;
			n->metric = i;
			return true;
		}
	for (int i = 0; i < _MP_XM_MAX; i++)
		if (!strcmp(s, mp_plus_info[i].name)) {
			n->family = MP_FAM_PLUS;
			n->metric = i;
			return true;
		}
	return false;
}

/* {op}_server_{metric} */
static bool parse_log(const char *s, struct mp_name *n)
{
	for (int op = 0; op < _MP_LOG_OP_MAX; op++) {
		const char *rest = after(s, mp_log_op_names[op]);

		rest = rest ? after(rest, "_server_") : NULL;
		for (int m = 0; rest && m < _MP_LM_MAX; m++)
			if (!strcmp(rest, mp_log_info[m].name)) {
				n->family = MP_FAM_LOG;
				n->metric = m;
				n->arg = op;
				return true;
			}
	}
	return false;
}

/* {op}_{scope}_{latency} */
static bool parse_latency(const char *s, struct mp_name *n)
{
	for (int op = 0; op < _MP_LT_OP_MAX; op++) {
		const char *rest = after(s, mp_latency_op_names[op]);

		if (!rest || *rest++ != '_')
			continue;
		for (int scope = 0; scope <= _MP_SCOPE_MAX; scope++) {
			const char *name = after(rest, mp_scope_names[scope]);

			if (!name || *name++ != '_')
				continue;
			for (int m = 0; m < _MP_LT_MAX; m++)
				if (!strcmp(name, mp_latency_info[m].name) &&
				    (scope != MP_SCOPE_SYSTEM || mp_latency_info[m].of_system)) {
					n->family = MP_FAM_LATENCY;
					n->metric = m;
					n->scope = (enum mp_scope)scope;
					n->arg = op;
					return true;
				}
		}
	}
	return false;
}

/* "@MODEL" or "@MODEL#SLOT" */
static bool parse_model(const char *s, struct mp_name *n)
{
	const char *hash = strrchr(s, '#');
	size_t len = hash ? (size_t)(hash - s) : strlen(s);

	if (len == 0 || len >= sizeof(n->model))
		return false;
	if (hash) {
		char *end;
		long slot = strtol(hash + 1, &end, 10);

		if (!isdigit((unsigned char)hash[1]) || *end || slot > INT_MAX)
			return false;
		n->slot = (int)slot;
	}
	memcpy(n->model, s, len);
	n->model[len] = '\0';
	return true;
}

static int unknown(const char *text, char *note, size_t size)
{
	const char *near;

	if (!size)
		return -ENOENT; /* looking for the nearest of all names costs more than all else */
	near = mp_registry_nearest(text);
	(void)snprintf(note, size, "metric '%.100s' is not known%s%s%s; its column stays NaN", text,
		       near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
	return -ENOENT;
}

static int parse_agent(const char *text, struct mp_name *n, char *note, size_t size)
{
	const char *why = NULL;
	int r = mp_agent_parse(text, &n->agent, &why);

	if (r == 0) {
		n->family = MP_FAM_AGENT;
		n->metric = (int)n->agent.type;
		return 0;
	}
	if (!why)
		return unknown(text, note, size);
	(void)snprintf(note, size, "metric '%.100s': %s; its column stays NaN", text, why);
	return r == -EINVAL ? -ENOENT : r;
}

/* Lower case up to the model or an option's value: those are other people's names. */
static bool normalise(const char *text, char out[static MAX_NAME])
{
	size_t len;
	bool value = false;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (len == 0 || len >= MAX_NAME)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '@' || c == '=')
			value = true;
		else if (c == ':' && (i == 0 || text[i - 1] != '\\'))
			value = false;
		out[i] = (char)(value ? c : tolower(c));
	}
	out[len] = '\0';
	return true;
}

static int parse_one(const char *text, struct mp_name *n, char *note, size_t size)
{
	char buf[MAX_NAME], *at, *name = buf;
	bool alias = false;
	size_t len;

	if (!normalise(text, buf))
		return unknown(text, note, size);
	/* JMeter's client ends every name with a colon; "cpu:" is ServerAgent's, "cpu" Taurus's */
	len = strlen(buf);
	if (len > 1 && buf[len - 1] == ':' && !memchr(buf, ':', len - 1)) {
		buf[len - 1] = '\0';
		if (parse_agent(buf, n, note, size) == 0)
			return 0;
		if (size)
			note[0] = '\0';
	} else if (strchr(buf, ':')) {
		return parse_agent(buf, n, note, size);
	}
	at = strchr(buf, '@');
	if (at) {
		*at = '\0';
		if (!parse_model(at + 1, n))
			return unknown(text, note, size);
	}
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (!strcmp(name, aliases[i].alias)) {
			(void)snprintf(note, size, "'%s' is taken for '%s'", name, aliases[i].name);
			(void)snprintf(buf, sizeof(buf), "%s", aliases[i].name);
			break;
		}
	if (!parse_plain(name, n) && !parse_proc(name, n, &alias) && !parse_log(name, n) &&
	    !parse_latency(name, n))
		return at ? unknown(text, note, size) : parse_agent(buf, n, note, size);
	if (alias)
		(void)snprintf(note, size, "'%s' is taken for the metric '%s'", name,
			       mp_proc_info[n->metric].name);
	return 0;
}

int mp_name_parse(const char *text, struct mp_name *ret, char *note, size_t size)
{
	struct mp_name n = {.slot = -1, .agent = {.core = -1}};
	struct mp_metric_info info;
	int r;

	if (size)
		note[0] = '\0';
	r = parse_one(text, &n, note, size);
	if (r < 0)
		return r;
	info = mp_name_info(&n);
	if (n.model[0] && !info.of_model) {
		(void)snprintf(
			note, size,
			"metric '%.100s': this one is not known by model; its column stays NaN",
			text);
		return -ENOENT;
	}
	if (n.model[0] && n.slot >= 0 && n.family != MP_FAM_PROC) {
		(void)snprintf(note, size,
			       "metric '%.100s': it has no worker slot; its column stays NaN",
			       text);
		return -ENOENT;
	}
	if (info.files & MP_SYS_NONE) {
		(void)snprintf(note, size, "metric '%.100s': %s; its column stays NaN", text,
			       info.help);
		return -EOPNOTSUPP;
	}
	*ret = n;
	return 0;
}

struct mp_metric_info mp_name_info(const struct mp_name *n)
{
	switch (n->family) {
	case MP_FAM_PROC: {
		struct mp_metric_info i = mp_proc_info[n->metric];

		i.of_model = n->scope != MP_SCOPE_FRONTEND;
		return i;
	}
	case MP_FAM_TREE:
		return mp_tree_info[n->metric];
	case MP_FAM_SYSTEM:
		return mp_sys_info[n->metric];
	case MP_FAM_AGENT: {
		const struct mp_agent_sub *s = mp_agent_sub(n->agent.type, n->agent.sub);

		return (struct mp_metric_info){.name = s->name,
					       .help = s->name,
					       .kind = s->kind,
					       .unit = s->unit,
					       .files = s->files};
	}
	case MP_FAM_PLUS:
		return mp_plus_info[n->metric];
	case MP_FAM_LOG: {
		struct mp_metric_info i = mp_log_info[n->metric];

		if (n->arg == MP_LOG_COUNT) {
			i.unit = MP_UNIT_COUNT;
			i.better = MP_BETTER_NONE;
		}
		if (n->arg == MP_LOG_COUNT || n->arg == MP_LOG_SUM)
			i.kind = MP_KIND_COUNTER;
		return i;
	}
	case MP_FAM_LATENCY: {
		struct mp_metric_info i = mp_latency_info[n->metric];

		i.of_model = n->scope == MP_SCOPE_WORKERS || n->scope == MP_SCOPE_ALL;
		if (n->arg == MP_LT_OP_COUNT) {
			i.unit = MP_UNIT_COUNT;
			i.better = MP_BETTER_NONE;
		}
		if (n->arg == MP_LT_OP_COUNT || n->arg == MP_LT_OP_SUM)
			i.kind = MP_KIND_COUNTER;
		return i;
	}
	case MP_FAM_NONE:
		break;
	}
	return (struct mp_metric_info){0};
}

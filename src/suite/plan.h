/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a suite, its environment and the global config say together: merged as bzt merges them,
 * variables replaced, criteria as structures. Pure but for reading the process's environment.
 */
#pragma once

#include <mmsperf/suite.h>

#include "suite/criteria.h"

#include <stdint.h>

/* One monitoring client of the suite. */
struct mp_source_spec {
	char *label; /* what criteria call it */
	char *host;  /* NULL: not a server-agent */
	int port;
	bool local_host; /* the agent's address is this machine */
	bool ours;       /* ServerLocalClient: the plugin of tools/taurus */
	bool logging;
};

struct mp_plan {
	struct mp_yaml *merged;
	double expected_s;  /* 0: unknown (iterations decide) */
	double hold_cap_s;  /* > 0: hold-for of the executions in `capped` becomes this */
	uint64_t capped;    /* by position, of the first 64 */
	bool one_execution; /* `execution` is a map, not a list */
	bool needs_jmeter;
	bool starts_server;       /* a shellexec step does */
	bool detects_plugins_set; /* modules.jmeter.detect-plugins is given */
	char *jmeter_path;        /* modules.jmeter.path, or NULL */
	char *protocol, *host;    /* host NULL: no server's address is configured */
	int port, management_port;
	struct mp_criterion *crit;
	size_t n_crit;
	struct mp_source_spec *src;
	size_t n_src;
	char **metrics; /* names asked of this machine's collector, each once */
	size_t n_metrics;
	struct mp_yaml *
		*included; /* files of included-configs; merged's nodes borrow their names */
	size_t n_included;
	bool all_sources_known; /* no monitoring client that we cannot judge */
};

/* suite->{doc,env_doc,global_doc} -> plan. -EINVAL with d filled: malformed. */
int mp_plan_new(const struct mp_suite *s, struct mp_plan **ret_plan, struct mp_diag *d);
/* settings.env may itself use the process's environment: its values are replaced in place. */
int mp_plan_expand_env(struct mp_plan *p);
/* plan_check.c: reads included-configs and merges them; slips of the pen, files not there. */
#define MP_MAX_INCLUDES 64
int mp_plan_include(const struct mp_suite *s, struct mp_plan *p, struct mp_diag *d);
int mp_plan_check_keys(const struct mp_suite *s, struct mp_diag *d);
int mp_plan_check(const struct mp_suite *s, const struct mp_plan *p, struct mp_diag *d);
int mp_plan_check_criterion(const struct mp_yaml *y, struct mp_diag *d);
/* plan_shape.c: values of another kind than bzt needs. */
int mp_plan_check_shape(const struct mp_plan *p, struct mp_diag *d);
/* What environment and global config define alone: for mp_plan_expand() before there is a plan. */
int mp_plan_vars(const struct mp_suite *s, struct mp_plan **ret_vars, struct mp_diag *d);
void mp_plan_free(struct mp_plan *p);
void mp_plan_freep(struct mp_plan **p);

/* Replaces ${NAME} by settings.env of the merged configuration, twice deep as bzt does. */
char *mp_plan_expand(const char *text, void *plan);
/* The first server-agent of this machine that the suite names; 9009 when it names none. */
int mp_plan_agent_port(const struct mp_plan *p);
bool mp_plan_needs_agent(const struct mp_plan *p);
/* Source of a criterion's label, or NULL. */
const struct mp_source_spec *mp_plan_source(const struct mp_plan *p, const char *label);

/* bzt's own time before and after the load: 5 s where nothing else runs, 15 s on two busy cores. */
#define MP_STARTUP_ALLOWANCE_S 15.0
/* Deadline of a suite: 3 x expected + 120; without an expectation one hour. */
double mp_plan_deadline_s(double expected_s, double timeout_s);

/* SPDX-License-Identifier: GPL-2.0-only */
/* Where bzt, JMeter and the Taurus plugin are. */
#pragma once

#include "suite/plan.h"

struct mp_tools {
	char *self;       /* this program, absolute */
	char *bzt;        /* absolute */
	char *plugin_dir; /* holds metrics_monitoring_taurus.py; NULL: not found */
	char *server_bin; /* folder with the project's own multi-model-server; NULL */
};

/* -ENOENT with d filled when bzt is nowhere. */
int mp_tools_find(const struct mp_run_opts *o, struct mp_tools *ret_tools, struct mp_diag *d);
void mp_tools_done(struct mp_tools *t);
/*
 * JMeter for one suite: option, else modules.jmeter.path if it is there, else the project's own,
 * else PATH. *ret_path is NULL when the suite needs none. *ret_offline: the project's own, which
 * was put together whole, so bzt must not look for plugins. -ENOENT with d filled.
 */
int mp_tools_jmeter(const struct mp_tools *t, const struct mp_run_opts *o, const struct mp_plan *p,
		    char **ret_path, bool *ret_offline, struct mp_diag *d);

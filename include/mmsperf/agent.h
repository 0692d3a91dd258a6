/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent: serves a meter's metrics over the server-agent protocol and records them to CSV. One
 * thread, one epoll loop. Sockets and files are opened by the caller or by these calls before
 * privileges are dropped; mp_agent_run() needs none.
 */
#pragma once

#include <mmsperf/diag.h>
#include <mmsperf/tree.h>

#include <stdbool.h>
#include <stdint.h>

struct mp_agent;
struct mp_cidr;
struct mp_context;

struct mp_agent_opts {
	struct mp_meter *meter;      /* borrowed; must outlive the agent */
	struct mp_context *context;  /* borrowed, as long; NULL: none */
	const struct mp_cidr *allow; /* peers besides loopback; borrowed */
	size_t n_allow;
	bool enable_shutdown; /* obey `shutdown` */
};

/* Also blocks SIGTERM, SIGINT and SIGHUP, which end mp_agent_run(), and ignores SIGPIPE. */
int mp_agent_new(const struct mp_agent_opts *opts, struct mp_agent **ret_agent);
void mp_agent_free(struct mp_agent *a);

/* Listening stream socket (TCP or Unix), bound UDP socket: taken over, also on failure. */
int mp_agent_add_listener(struct mp_agent *a, int fd);
int mp_agent_add_udp(struct mp_agent *a, int fd);

/*
 * Records metrics.csv and workers.csv in dir (made if needed), a row a tick. extra: names recorded
 * besides mp_metric_recorded(). A full disk stops the recording, not the agent.
 */
int mp_agent_record(struct mp_agent *a, const char *dir, double interval_s,
		    const char *const *extra, size_t n_extra, struct mp_diag *d);

/* Serves until a signal or a permitted `shutdown`. 0, or -EIO when the recording had to stop. */
int mp_agent_run(struct mp_agent *a);

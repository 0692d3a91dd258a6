/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by agent.c (serving), agent_options.c and agent_background.c (--start, --stop). */
#pragma once

#include <mmsperf/options.h>
#include <mmsperf/tree.h>

#include "sinks/cidr.h"
#include "sinks/instance.h"
#include "sinks/listen.h"

#define MP_AGENT_DEFAULT_LISTEN "127.0.0.1:9009"
/* Exit code inside --start alone: somebody else's --start was faster. */
#define MP_AGENT_RACED          17

struct mp_agent_cli {
	/* options */
	bool start, stop, no_socket, no_unix, enable_shutdown, no_bpf, bpf_stats;
	struct mp_strv listen, allow, record_metrics;
	long pid, ready_fd;
	const char *pidfile, *match, *workers, *record, *user, *unix_path;
	const char *management, *server_logs;
	double interval_s;
	int verbosity;
	/* made of them */
	struct mp_addr *addrs;
	struct mp_cidr *ranges;
	const char **names; /* of record_metrics, split at commas; text in names_text */
	size_t n_names;
	char *names_text, *pidfile_abs, *record_abs, *server_logs_abs;
	char *pidfile_named; /* pidfile_abs before it was replaced by a way around closed folders */
	int pidfile_dir;     /* what pidfile_abs depends on, or -1 */
	struct mp_instance instance;
	bool background; /* we are the child of --start */
	int argc;
	char **argv;
	uint64_t begun_ns;
};

/* 0; 1 after --help; -EINVAL or -ENOMEM after one line on stderr. */
int mp_agent_options(struct mp_agent_cli *o, int argc, char **argv);
/* Loads, listens, drops privileges, serves until told to end. Returns the exit code. */
int mp_agent_serve(struct mp_agent_cli *o);
int mp_agent_start(struct mp_agent_cli *o);
int mp_agent_stop(struct mp_agent_cli *o);

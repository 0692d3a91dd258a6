// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options of `mmsperf-bpf agent`: the table, what excludes what, and what is made of them. Opens
 * nothing. Called by agent.c.
 */
#include "cli/agent_private.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include "sinks/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static const char about[] =
	"Watches a model server and all its processes, and serves their metrics to Taurus (server-agent)\n"
	"and JMeter (PerfMon) clients. It answers before the server exists and follows it through restarts.\n"
	"Without --pid, --pidfile or --match it watches the running Multi Model Server.";

static const char epilog[] =
	"It stays in the foreground (except with --start) and ends with status 0 on SIGTERM, SIGINT or SIGHUP.\n"
	"Status 1: it could not start, or the recording had to stop (disk full). Status 2: usage.\n\n"
	"The Unix socket is $MMSPERF_SOCKET if that is set, else /run/mmsperf/agent.sock as root, else\n"
	"$XDG_RUNTIME_DIR/mmsperf/agent.sock. Its pid file, and with --start its log, lie beside it.\n\n"
	"Try it:  printf 'interval:1\\nmetrics:cpu\\ttotal_workers\\n' | nc 127.0.0.1 9009";

static int parse(struct mp_agent_cli *o, int argc, char **argv)
{
	const struct mp_opt opts[] = {
		{.name = "start",
		 .type = MP_OPT_FLAG,
		 .dest = &o->start,
		 .help = "go on in the background; returns when the agent is ready"},
		{.name = "stop",
		 .type = MP_OPT_FLAG,
		 .dest = &o->stop,
		 .help = "end the agent in the background; returns when it is gone"},
		{.letter = 'l',
		 .name = "listen",
		 .type = MP_OPT_LIST,
		 .dest = &o->listen,
		 .metavar = "ADDR:PORT",
		 .help = "TCP and UDP address (default " MP_AGENT_DEFAULT_LISTEN
			 "); may be repeated;\n"
			 "anything but loopback needs --allow"},
		{.name = "allow",
		 .type = MP_OPT_LIST,
		 .dest = &o->allow,
		 .metavar = "CIDR",
		 .help = "clients that may connect besides this host, as in 10.0.0.0/8;\nmay be repeated"},
		{.name = "no-socket",
		 .type = MP_OPT_FLAG,
		 .dest = &o->no_socket,
		 .help = "no TCP and UDP socket"},
		{.name = "unix",
		 .type = MP_OPT_STRING,
		 .dest = &o->unix_path,
		 .metavar = "PATH",
		 .help = "Unix socket (default: see below)"},
		{.name = "no-unix",
		 .type = MP_OPT_FLAG,
		 .dest = &o->no_unix,
		 .help = "no Unix socket"},
		{.letter = 'p',
		 .name = "pid",
		 .type = MP_OPT_INT,
		 .dest = &o->pid,
		 .metavar = "N",
		 .help = "watch this process and its descendants",
		 .min = 1,
		 .max = 1 << 22},
		{.name = "pidfile",
		 .type = MP_OPT_STRING,
		 .dest = &o->pidfile,
		 .metavar = "FILE",
		 .help = "watch the process whose pid is in FILE, also when it changes"},
		{.letter = 'm',
		 .name = "match",
		 .type = MP_OPT_STRING,
		 .dest = &o->match,
		 .metavar = "REGEX",
		 .help = "watch the process whose command line matches (POSIX extended)"},
		{.name = "workers",
		 .type = MP_OPT_STRING,
		 .dest = &o->workers,
		 .metavar = "REGEX",
		 .help = "command line of a worker (default: model_service_worker.py)"},
		{.letter = 'r',
		 .name = "record",
		 .type = MP_OPT_STRING,
		 .dest = &o->record,
		 .metavar = "DIR",
		 .help = "record into DIR/metrics.csv and DIR/workers.csv"},
		{.letter = 'i',
		 .name = "interval",
		 .type = MP_OPT_SECONDS,
		 .dest = &o->interval_s,
		 .metavar = "TIME",
		 .help = "between two rows of the recording (default 1s)"},
		{.name = "record-metrics",
		 .type = MP_OPT_LIST,
		 .dest = &o->record_metrics,
		 .metavar = "NAMES",
		 .help = "record these as well, separated by commas; may be repeated"},
		{.name = "management",
		 .type = MP_OPT_STRING,
		 .dest = &o->management,
		 .metavar = "URL",
		 .help = "management API of the server (default: from its configuration); asked only\n"
			 "for metrics that need it, such as workers_missing"},
		{.name = "server-logs",
		 .type = MP_OPT_STRING,
		 .dest = &o->server_logs,
		 .metavar = "DIR",
		 .help = "folder of the server's metrics logs (default: found by its environment);\n"
			 "read only for metrics that need it, such as p99_server_prediction_time"},
		{.name = "user",
		 .type = MP_OPT_STRING,
		 .dest = &o->user,
		 .metavar = "NAME",
		 .help = "as root: become this user once all is open (default nobody)"},
		{.name = "enable-shutdown",
		 .type = MP_OPT_FLAG,
		 .dest = &o->enable_shutdown,
		 .help = "obey the protocol's `shutdown` command"},
		{.name = "no-bpf",
		 .type = MP_OPT_FLAG,
		 .dest = &o->no_bpf,
		 .help = "read /proc even where BPF works"},
		{.name = "bpf-stats",
		 .type = MP_OPT_FLAG,
		 .dest = &o->bpf_stats,
		 .help = "as root: keep the kernel's account of BPF programs, for clients that ask for\n"
			 "monitor_bpf_seconds or monitor_bpf_runs (--record always does); each run of a\n"
			 "hook costs the watched a little more"},
		{.name = "ready-fd",
		 .type = MP_OPT_INT,
		 .dest = &o->ready_fd,
		 .metavar = "N",
		 .help = "write READY, the rung in use, TAB, why no higher one, to this descriptor\n"
			 "when all is loaded and listening",
		 .min = 3,
		 .max = 1 << 20},
		{.letter = 'v',
		 .name = "verbose",
		 .type = MP_OPT_COUNT,
		 .dest = &o->verbosity,
		 .help = "more messages",
		 .max = 1},
		{.letter = 'q',
		 .name = "quiet",
		 .type = MP_OPT_COUNT,
		 .dest = &o->verbosity,
		 .help = "warnings and errors only",
		 .max = -1},
	};
	const struct mp_usage usage = {.command = "mmsperf-bpf agent",
				       .synopsis = "[OPTIONS]",
				       .about = about,
				       .epilog = epilog,
				       .opts = opts,
				       .n_opts = ARRAY_SIZE(opts)};
	int operands, r;

	r = mp_options_parse(&usage, argc, argv, &operands);
	if (r == 0 && operands) {
		mp_error("'%s' is no option of the agent (see 'mmsperf-bpf agent --help')",
			 argv[1]);
		return -EINVAL;
	}
	return r;
}

static int usage_error(const struct mp_diag *d)
{
	mp_error("%s", d->msg);
	return -EINVAL;
}

static int check_addresses(struct mp_agent_cli *o)
{
	static const char *const fallback[] = {MP_AGENT_DEFAULT_LISTEN};
	struct mp_diag d = {0};

	if (o->no_socket)
		return 0;
	if (!o->listen.n) {
		o->listen.v = malloc(sizeof(fallback));
		if (!o->listen.v)
			return -ENOMEM;
		memcpy(o->listen.v, fallback, sizeof(fallback));
		o->listen.n = 1;
	}
	o->addrs = calloc(o->listen.n, sizeof(*o->addrs));
	if (!o->addrs)
		return -ENOMEM;
	for (size_t i = 0; i < o->listen.n; i++) {
		if (mp_listen_parse(o->listen.v[i], &o->addrs[i], &d) < 0) {
			mp_error("--listen %s", d.msg);
			return -EINVAL;
		}
		if (!mp_cidr_is_loopback(&o->addrs[i].sa) && !o->allow.n) {
			mp_error("--listen %s opens the agent to other hosts: name those that may "
				 "connect with --allow CIDR",
				 o->listen.v[i]);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_ranges(struct mp_agent_cli *o)
{
	o->ranges = calloc(o->allow.n + 1, sizeof(*o->ranges));
	if (!o->ranges)
		return -ENOMEM;
	for (size_t i = 0; i < o->allow.n; i++)
		if (mp_cidr_parse(o->allow.v[i], &o->ranges[i]) < 0) {
			mp_error("--allow '%s' is not a range of addresses such as 10.0.0.0/8",
				 o->allow.v[i]);
			return -EINVAL;
		}
	return 0;
}

/* "a,b" "c" -> a b c */
static int split_metrics(struct mp_agent_cli *o)
{
	struct mp_buf text = {0};
	char *next;

	for (size_t i = 0; i < o->record_metrics.n; i++)
		mp_buf_printf(&text, "%s%s", i ? "," : "", o->record_metrics.v[i]);
	if (!text.s)
		return text.failed ? -ENOMEM : 0;
	o->names_text = text.s;
	o->names = calloc(text.len + 1, sizeof(*o->names));
	if (text.failed || !o->names)
		return -ENOMEM;
	next = text.s;
	for (char *name; (name = strsep(&next, ","));)
		if (*name)
			o->names[o->n_names++] = name;
	return 0;
}

/* In the background the working directory changes. */
static int absolute(const char *path, char **ret_path)
{
	_cleanup_free_ char *cwd = getcwd(NULL, 0);

	*ret_path = cwd ? mp_path_join(cwd, path) : NULL;
	return *ret_path ? 0 : -ENOMEM;
}

static int check(struct mp_agent_cli *o)
{
	struct mp_diag d = {0};
	int r;

	if (o->start && o->stop) {
		mp_error("--start and --stop exclude each other");
		return -EINVAL;
	}
	if (!!o->pid + !!o->pidfile + !!o->match > 1) {
		mp_error("--pid, --pidfile and --match exclude each other");
		return -EINVAL;
	}
	if (o->no_socket && o->listen.n) {
		mp_error("--listen and --no-socket exclude each other");
		return -EINVAL;
	}
	if (o->no_unix && o->unix_path) {
		mp_error("--unix and --no-unix exclude each other");
		return -EINVAL;
	}
	if (o->ready_fd && (o->start || fcntl((int)o->ready_fd, F_GETFD) < 0)) {
		mp_error("--ready-fd %ld: %s", o->ready_fd,
			 o->start ? "--start itself waits until the agent is ready"
				  : "no such descriptor");
		return -EINVAL;
	}
	if (!(o->interval_s >= MP_PROTO_INTERVAL_MIN_S &&
	      o->interval_s <= MP_PROTO_INTERVAL_MAX_S)) {
		mp_error("--interval must be between 10ms and 1d");
		return -EINVAL;
	}
	r = check_addresses(o);
	if (r == 0)
		r = check_ranges(o);
	if (r == 0)
		r = split_metrics(o);
	if (r == 0 && o->pidfile)
		r = absolute(o->pidfile, &o->pidfile_abs);
	if (r == 0 && o->server_logs)
		r = absolute(o->server_logs, &o->server_logs_abs);
	if (r == 0 && o->record)
		r = absolute(o->record, &o->record_abs);
	if (r == -ENOMEM)
		return mp_error_r(r, "agent");
	if (r < 0)
		return r;
	r = mp_instance_init(&o->instance, o->unix_path, &d);
	return r < 0 ? usage_error(&d) : 0;
}

int mp_agent_options(struct mp_agent_cli *o, int argc, char **argv)
{
	int r = parse(o, argc, argv);

	if (r)
		return r;
	mp_log_set_level(o->verbosity > 0   ? MP_LOG_DEBUG
			 : o->verbosity < 0 ? MP_LOG_WARNING
					    : MP_LOG_INFO);
	return check(o);
}

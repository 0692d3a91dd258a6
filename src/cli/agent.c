// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf agent`: the order in which things are opened. Everything that needs privileges comes
 * first; then they are dropped; then the agent serves. Owns the meter and the agent. The options
 * are in agent_options.c, --start and --stop in agent_background.c.
 */
#include "cli/agent_private.h"
#include "cli/commands.h"

#include <mmsperf/agent.h>
#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/metrics.h>
#include <mmsperf/opener.h>
#include <mmsperf/priv.h>
#include <mmsperf/str.h>

#include "sinks/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

/* Every client is a descriptor; the soft limit of a login shell is 1024. */
static void raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max < 65536 ? l.rlim_max : 65536;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int open_meter(const struct mp_agent_cli *o, struct mp_meter **ret_meter)
{
	const struct mp_source_opts source_opts = {.no_bpf = o->no_bpf};
	struct mp_meter_opts opts = {.target = {.pid = (pid_t)o->pid,
						.pidfile = o->pidfile_abs,
						.match = o->match,
						.workers = o->workers}};
	struct mp_diag d = {0};
	int r;

	r = mp_source_open(&source_opts, &opts.source);
	if (r < 0) {
		(void)mp_error_r(r, "no way to read processes works here, not even /proc");
		return MP_EXIT_INFRA;
	}
	r = mp_meter_new(&opts, ret_meter, &d);
	if (r < 0) {
		mp_error("%s", *d.msg ? d.msg : strerror(-r));
		return r == -EINVAL ? MP_EXIT_USAGE : MP_EXIT_INFRA;
	}
	return MP_EXIT_OK;
}

static int add_inet(struct mp_agent_cli *o, struct mp_agent *a)
{
	struct mp_diag d = {0};

	for (size_t i = 0; !o->no_socket && i < o->listen.n; i++) {
		int tcp, udp, r;

		r = mp_listen_inet(&o->addrs[i], &tcp, &udp, &d);
		if (r < 0) {
			mp_error("%s", d.msg);
			return r;
		}
		r = mp_agent_add_listener(a, tcp);
		if (r < 0)
			(void)close(udp);
		else
			r = mp_agent_add_udp(a, udp);
		if (r < 0)
			return mp_error_r(r, "--listen %s", o->listen.v[i]);
	}
	return 0;
}

static int add_unix(struct mp_agent_cli *o, struct mp_agent *a)
{
	struct mp_diag d = {0};
	int fd, r;

	if (o->no_unix)
		return 0;
	r = mp_listen_unix(o->instance.sock, &fd, &d);
	if (r < 0) {
		mp_error("%s", d.msg);
		return r;
	}
	r = mp_agent_add_listener(a, fd);
	return r < 0 ? mp_error_r(r, "'%s'", o->instance.sock) : 0;
}

/* Descriptors that the agent opens in its own name, while it still may. */
static int open_sinks(struct mp_agent_cli *o, struct mp_agent *a)
{
	struct mp_diag d = {0};
	int r;

	r = add_inet(o, a);
	if (r == 0)
		r = add_unix(o, a);
	if (r < 0 || !o->record)
		return r;
	r = mp_agent_record(a, o->record_abs, o->interval_s, o->names, o->n_names, &d);
	if (r < 0)
		mp_error("%s", d.msg);
	return r;
}

/* From here on messages go to the log: --start's caller must not be kept waiting by our stderr. */
static int leave_terminal(int log_fd)
{
	_cleanup_close_ int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(log_fd, 1) < 0 || dup2(log_fd, 2) < 0)
		return -errno;
	return 0;
}

static void announce(const struct mp_agent_cli *o, const struct mp_source *s)
{
	_cleanup_buf_ struct mp_buf where = {0};
	char name[64];

	for (size_t i = 0; !o->no_socket && i < o->listen.n; i++)
		mp_buf_printf(&where, ", %s", mp_listen_name(name, &o->addrs[i].sa));
	if (!o->no_unix)
		mp_buf_printf(&where, ", %s", o->instance.sock);
	if (o->record)
		mp_buf_printf(&where, ", recording into %s", o->record_abs);
	mp_info("agent ready (pid %d): %s%s", (int)getpid(), mp_rung_name(s->ops->rung),
		where.s ? where.s : "");
	if (*s->why)
		mp_info("no higher rung: %s", s->why);
	mp_debug("ready after %.1f ms", (double)(mp_now_ns() - o->begun_ns) / 1e6);
}

/* The pid file is read again whenever the server restarts, by the user the agent has become. */
static void check_pidfile(const struct mp_agent_cli *o)
{
	if (o->pidfile_abs && access(o->pidfile_abs, R_OK) < 0 && errno == EACCES)
		mp_warning("'%s' cannot be read by the user the agent has become: the server will "
			   "not be found; name another with --user",
			   o->pidfile);
}

/* So that a project below /root is no obstacle. */
static int reach_pidfile(struct mp_agent_cli *o, uid_t uid, gid_t gid)
{
	char *path;
	int r;

	if (!o->pidfile_abs)
		return 0;
	r = mp_reach(o->pidfile_abs, uid, gid, &path, &o->pidfile_dir);
	if (r < 0)
		return mp_error_r(r, "--pidfile");
	o->pidfile_named = o->pidfile_abs;
	o->pidfile_abs = path;
	return 0;
}

static int report_ready(const struct mp_agent_cli *o, const struct mp_source *s)
{
	_cleanup_buf_ struct mp_buf line = {0};
	int r;

	if (!o->ready_fd)
		return 0;
	mp_buf_printf(&line, "READY %s\t%s\n", mp_rung_name(s->ops->rung), s->why);
	r = line.failed ? -ENOMEM : mp_write_all((int)o->ready_fd, line.s, line.len);
	(void)close((int)o->ready_fd);
	return r;
}

static int drop_privileges(const struct mp_agent_cli *o, struct mp_source *s)
{
	uint64_t ns, runs;
	int r;

	if (o->bpf_stats && !s->ops->self_cost(s, &ns, &runs))
		mp_warning(
			"--bpf-stats: the kernel refuses its account of BPF programs, or there are none");
	r = mp_priv_drop(s, o->user);
	if (r < 0)
		return mp_error_r(r, "cannot become user '%s' without privileges",
				  o->user ? o->user : "nobody");
	return 0;
}

/* What is made while serving; released in reverse. */
struct serving {
	struct mp_opener *opener;
	struct mp_meter *meter;
	struct mp_context *context;
	struct mp_agent *agent;
	int log_fd;
};

static void serving_done(struct serving *s)
{
	mp_agent_free(s->agent);
	mp_context_free(s->context);
	mp_meter_free(s->meter);
	mp_opener_free(s->opener);
	if (s->log_fd >= 0)
		(void)close(s->log_fd);
}

/* ps shows what it is, and no --match pattern on the agent's command line matches it. */
static void name_opener(void *arg)
{
	const struct mp_agent_cli *o = arg;

	mp_instance_rename(o->argc, o->argv, "mmsperf-bpf opener");
}

/* Before anything is loaded: a fork keeps what it inherits alive. Without it some are NaN. */
static void start_opener(struct mp_agent_cli *o, struct serving *s)
{
	const struct mp_opener_opts opts = {.user = o->user, .in_child = name_opener, .arg = o};
	int r = o->no_bpf ? -EPERM : mp_opener_start(&opts, &s->opener);

	if (r < 0 && r != -EPERM)
		mp_warning("files of the server's user cannot be opened later: %s", strerror(-r));
}

static int set_up(struct mp_agent_cli *o, struct serving *s)
{
	struct mp_context_opts context = {.management = o->management,
					  .server_logs = o->server_logs_abs,
					  .pidfile = o->pidfile_named};
	struct mp_agent_opts agent = {
		.allow = o->ranges, .n_allow = o->allow.n, .enable_shutdown = o->enable_shutdown};
	int r;

	/* the procfs rung keeps the opener's capability itself */
	if (mp_meter_source(s->meter)->ops->rung == MP_RUNG_PROCFS) {
		mp_opener_free(s->opener);
		s->opener = NULL;
	}
	context.meter = agent.meter = s->meter;
	context.opener = s->opener;
	r = mp_context_new(&context, &s->context);
	if (r == 0) {
		agent.context = s->context;
		r = mp_agent_new(&agent, &s->agent);
	}
	if (r < 0)
		return mp_error_r(r, "cannot set up the agent");
	mp_context_learn(s->context);
	r = open_sinks(o, s->agent);
	if (r < 0 || !o->background)
		return r;
	s->log_fd = open(o->instance.log,
			 O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
	return s->log_fd < 0 ? mp_error_r(-errno, "cannot write '%s'", o->instance.log) : 0;
}

static int serve_claimed(struct mp_agent_cli *o)
{
	_cleanup_(serving_done) struct serving s = {.log_fd = -1};
	struct mp_source *source;
	int code;

	start_opener(o, &s);
	code = open_meter(o, &s.meter);
	if (code != MP_EXIT_OK)
		return code;
	if (set_up(o, &s) < 0)
		return MP_EXIT_INFRA;
	source = mp_meter_source(s.meter);
	if (drop_privileges(o, source) < 0)
		return MP_EXIT_INFRA;
	if (o->background && leave_terminal(s.log_fd) < 0)
		return MP_EXIT_INFRA;
	check_pidfile(o);
	announce(o, source);
	/* A starter that has gone away is no reason not to serve: it will say what it wants. */
	(void)report_ready(o, source);
	return mp_agent_run(s.agent) == 0 ? MP_EXIT_OK : MP_EXIT_INFRA;
}

static int target_user(const struct mp_agent_cli *o, uid_t *ret_uid, gid_t *ret_gid)
{
	const char *name = o->user ? o->user : "nobody";
	const struct passwd *pw;

	*ret_uid = geteuid();
	*ret_gid = getegid();
	if (geteuid() != 0) {
		if (!o->user)
			return 0;
		mp_error("--user %s: only root can become another user", name);
		return -EPERM;
	}
	pw = getpwnam(name);
	if (!pw) {
		mp_error("--user: there is no user '%s' here", name);
		return -ENOENT;
	}
	*ret_uid = pw->pw_uid;
	*ret_gid = pw->pw_gid;
	return 0;
}

int mp_agent_serve(struct mp_agent_cli *o)
{
	struct mp_diag d = {0};
	sigset_t set;
	pid_t other;
	uid_t uid;
	gid_t gid;
	int code, r;

	/* Until the loop reads them, signals wait: whatever was made by then is removed again. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	raise_descriptors();
	if (target_user(o, &uid, &gid) < 0)
		return MP_EXIT_USAGE;
	if (reach_pidfile(o, uid, gid) < 0)
		return MP_EXIT_INFRA;
	if (!o->no_unix || o->background) {
		r = mp_instance_claim(&o->instance, uid, gid, o->argc, o->argv, &other, &d);
		if (r == -EEXIST && o->background)
			return MP_AGENT_RACED;
		if (r < 0) {
			mp_error("%s%s", d.msg,
				 r == -EEXIST ? "; stop it (mmsperf-bpf agent --stop) or give this "
						"one its own place with --unix"
					      : "");
			return MP_EXIT_INFRA;
		}
	}
	code = serve_claimed(o);
	mp_instance_done(&o->instance);
	return code;
}

static void cli_done(struct mp_agent_cli *o)
{
	mp_instance_done(&o->instance);
	free(o->listen.v);
	free(o->allow.v);
	free(o->record_metrics.v);
	free(o->addrs);
	free(o->ranges);
	free(o->names);
	free(o->names_text);
	free(o->pidfile_abs);
	free(o->pidfile_named);
	free(o->server_logs_abs);
	if (o->pidfile_dir >= 0)
		(void)close(o->pidfile_dir);
	free(o->record_abs);
}

int mp_cmd_agent(int argc, char **argv)
{
	_cleanup_(cli_done) struct mp_agent_cli o = {.interval_s = 1,
						     .instance = MP_INSTANCE_INIT,
						     .pidfile_dir = -1,
						     .argc = argc,
						     .argv = argv,
						     .begun_ns = mp_now_ns()};
	int r;

	r = mp_agent_options(&o, argc, argv);
	if (r)
		return r > 0 ? MP_EXIT_OK : r == -ENOMEM ? MP_EXIT_INFRA : MP_EXIT_USAGE;
	if (o.stop)
		return mp_agent_stop(&o);
	if (o.start)
		return mp_agent_start(&o);
	return mp_agent_serve(&o);
}

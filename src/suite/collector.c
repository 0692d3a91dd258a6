// SPDX-License-Identifier: GPL-2.0-only
/*
 * One agent a suite, recording into the suite's folder and serving the sockets the suite uses: TCP
 * where its server-agent entries say, a private Unix socket for the plugin. Owns the child. Called
 * by runner.c; logs nothing.
 */
#include "suite/collector.h"

#include "suite/server.h"

#include <mmsperf/clock.h>
#include <mmsperf/str.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READY_LIMIT_S 15.0 /* 0.3 s is usual; loading BPF on a busy machine takes longer */
#define STOP_GRACE_S  5.0
#define PROBE_MS      1000

enum port_state { PORT_FREE, PORT_AGENT, PORT_OTHER };

static bool answers_test(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char reply[8] = "";
	size_t have = 0;

	if (send(fd, "test\n", 5, MSG_NOSIGNAL) != 5)
		return false;
	while (have < 4 && poll(&p, 1, PROBE_MS) > 0) {
		ssize_t n = recv(fd, reply + have, 4 - have, 0);

		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return !memcmp(reply, "Yep\n", 4);
}

/* Who has the port: nobody, an agent of the same protocol, or something else. */
static enum port_state probe_port(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* on loopback a refusal comes at once, and whoever listens accepts by its backlog */
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return PORT_FREE;
	return answers_test(fd) ? PORT_AGENT : PORT_OTHER;
}

static int parse_ready(struct mp_collector *c, char *line)
{
	char *tab;

	line[strcspn(line, "\n")] = '\0';
	if (!mp_starts_with(line, "READY"))
		return -EPROTO;
	line += strlen("READY");
	line += strspn(line, " ");
	tab = strchr(line, '\t');
	if (tab)
		*tab++ = '\0';
	c->rung = strdup(line);
	c->why = tab && *tab ? strdup(tab) : NULL;
	return c->rung && (!tab || !*tab || c->why) ? 0 : -ENOMEM;
}

/* The words the agent itself left in its log, without its own prefix. */
static int agent_fault(const struct mp_collector *c, int r, const char *what, struct mp_diag *d)
{
	char last[300];

	mp_last_lines(c->log, 1, last, sizeof(last));
	return mp_diag_set(d, r, NULL, 0, 0, "the collector %s%s%s (%s)", what, *last ? ": " : "",
			   last, c->log);
}

static int await_ready(struct mp_collector *c, int fd, struct mp_events *ev, struct mp_diag *d)
{
	double until = mp_now_s() + READY_LIMIT_S;
	char line[512];
	size_t len = 0;

	while (len + 1 < sizeof(line)) {
		enum mp_wakeup e = mp_events_wait(ev, &c->child, fd, until - mp_now_s());
		ssize_t n;

		if (e == MP_WAKE_SIGNAL)
			return -EINTR;
		if (e == MP_WAKE_TIME)
			return agent_fault(c, -ETIMEDOUT, "did not get ready", d);
		if (e == MP_WAKE_CHILD)
			return agent_fault(c, -ECHILD, "ended at its start", d);
		n = read(fd, line + len, sizeof(line) - 1 - len);
		if (n <= 0) /* it closed the pipe: let its end tell why */
			return mp_child_wait(&c->child, READY_LIMIT_S) < 0
				       ? agent_fault(c, -EPROTO, "said nothing", d)
				       : agent_fault(c, -ECHILD, "ended at its start", d);
		len += (size_t)n;
		line[len] = '\0';
		if (strchr(line, '\n'))
			break;
	}
	return parse_ready(c, line) < 0
		       ? agent_fault(c, -EPROTO, "said something else than READY", d)
		       : 0;
}

/* Which TCP socket it gets; text is for --listen. 0, or -EADDRINUSE with d filled. */
static int choose_socket(struct mp_collector *c, const struct mp_collector_opts *o,
			 const struct mp_plan *p, char *listen_at, size_t size, struct mp_diag *d)
{
	int port = mp_plan_agent_port(p);

	*listen_at = '\0';
	if (!o->monit)
		return 0;
	switch (probe_port(port)) {
	case PORT_AGENT:
		if (!mp_plan_needs_agent(p))
			return 0;
		c->note =
			mp_asprintf("another agent answers on 127.0.0.1:%d: the suite is served by "
				    "it, ours records without that socket",
				    port);
		return c->note ? 0 : -ENOMEM;
	case PORT_OTHER: /* in nobody's way unless the suite asks for it */
		if (!mp_plan_needs_agent(p))
			return 0;
		return mp_diag_set(
			d, -EADDRINUSE, NULL, 0, 0,
			"port %d, which the suite asks for metrics, is in use by a program "
			"that is no metrics agent",
			port);
	default:
		(void)snprintf(listen_at, size, "127.0.0.1:%d", port);
		return 0;
	}
}

/* Metrics that a criterion or the suite's monitoring names, to be recorded under that very name. */
static char *join_metrics(const struct mp_plan *p)
{
	_cleanup_buf_ struct mp_buf b = {0};

	mp_buf_puts(&b, "");
	for (size_t i = 0; i < p->n_metrics; i++)
		mp_buf_printf(&b, "%s%s", i ? "," : "", p->metrics[i]);
	return b.failed ? NULL : TAKE_PTR(b.s);
}

int mp_collector_start(struct mp_collector *c, const struct mp_collector_opts *o,
		       const struct mp_plan *p, struct mp_events *ev, struct mp_diag *d)
{
	_cleanup_close_ int rd = -1, wr = -1, log = -1;
	_cleanup_free_ char *metrics = join_metrics(p);
	char listen_at[32], ready_fd[16], pid[16];
	const char *argv[24] = {o->self, "agent",      "--record", o->suite_dir, "--interval",
				"1",     "--ready-fd", ready_fd,   "--unix"};
	struct mp_child_opts co = {0};
	size_t n = 9;
	int fds[2], r;

	c->socket = mp_asprintf("%s/agent.sock", o->socket_dir);
	c->log = mp_asprintf("%s/collector.log", o->suite_dir);
	if (!c->socket || !c->log || !metrics)
		return -ENOMEM;
	argv[n++] = c->socket;
	r = choose_socket(c, o, p, listen_at, sizeof(listen_at), d);
	if (r < 0)
		return r;
	if (*listen_at) {
		argv[n++] = "--listen";
		argv[n++] = listen_at;
	} else {
		argv[n++] = "--no-socket";
	}
	if (o->match) {
		argv[n++] = "--match";
		argv[n++] = o->match;
	}
	if (o->pidfile) {
		argv[n++] = "--pidfile";
		argv[n++] = o->pidfile;
	}
	if (o->pid) {
		(void)snprintf(pid, sizeof(pid), "%d", (int)o->pid);
		argv[n++] = "--pid";
		argv[n++] = pid;
	}
	if (*metrics) {
		argv[n++] = "--record-metrics";
		argv[n++] = metrics;
	}
	log = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log < 0) {
		r = -errno;
		return mp_diag_set(d, r, c->log, 0, 0, "cannot be written: %s", strerror(-r));
	}
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	rd = fds[0];
	wr = fds[1];
	(void)snprintf(ready_fd, sizeof(ready_fd), "%d", wr);
	co.keep_fd = wr;
	co.stdout_fd = co.stderr_fd = log;
	co.die_with_parent = true;
	r = mp_child_start(argv, &co, &c->child);
	if (r < 0)
		return mp_diag_set(d, r, NULL, 0, 0, "the collector '%s' cannot be started: %s",
				   o->self, strerror(-r));
	(void)close(TAKE_FD(wr));
	r = await_ready(c, rd, ev, d);
	if (r < 0)
		(void)mp_child_stop(&c->child, SIGTERM, 1);
	return r;
}

int mp_collector_stop(struct mp_collector *c, struct mp_diag *d)
{
	int code;

	if (!c->child.pid)
		return 0;
	if (c->child.pidfd >= 0 && !mp_child_wait(&c->child, 0)) {
		c->child.pid = 0;
		return agent_fault(c, -EIO, "ended before the suite did", d);
	}
	(void)mp_child_stop(&c->child, SIGTERM, STOP_GRACE_S);
	code = mp_child_code(&c->child);
	c->child = MP_CHILD_INIT;
	return code ? agent_fault(c, -EIO, "could not record all of it", d) : 0;
}

void mp_collector_done(struct mp_collector *c)
{
	(void)mp_collector_stop(c, NULL);
	free(c->socket);
	free(c->log);
	free(c->rung);
	free(c->why);
	free(c->note);
	*c = MP_COLLECTOR_INIT;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each command of the protocol does to a client. After `metrics` a client gets values only,
 * never text, so whatever is refused or misunderstood goes to the log. Called by client.c.
 */
#include "sinks/agent_private.h"

#include <mmsperf/cleanup.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* Lines about one client's mistakes; a client in a loop must not fill the log. */
#define COMPLAINTS_MAX   5
/* Names with arguments stay in a view's table, so a view for singles is renewed now and then. */
#define SINGLE_NAMES_MAX 16384

static void complain(struct mp_client *c, const char *what, const char *text)
{
	char name[64], quoted[100];

	if (c->complaints++ >= COMPLAINTS_MAX)
		return;
	mp_agent_say(c->agent, MP_LOG_WARNING, "%s: %s%s%s%s: ignored%s", mp_client_name(c, name),
		     what, *text ? " ('" : "",
		     *text ? mp_proto_quote(quoted, sizeof(quoted), text) : "", *text ? "')" : "",
		     c->complaints == COMPLAINTS_MAX ? " (further ones are not logged)" : "");
}

static void end_stream(struct mp_client *c)
{
	struct mp_ticker *t = c->ticker;

	c->ticker = NULL;
	mp_ticker_put(c->agent, t);
	mp_subscription_done(&c->stream);
}

/* On failure the client keeps what it had. */
static int stream(struct mp_client *c, double interval_s, const char *const *names, size_t n)
{
	struct mp_agent *a = c->agent;
	struct mp_subscription fresh = {0};
	struct mp_ticker *t;
	char name[64];
	int r;

	r = mp_ticker_get(a, interval_s, &t);
	if (r < 0)
		return r;
	r = mp_subscribe(a, &fresh, t->view, mp_client_name(c, name), names, n);
	if (r < 0) {
		mp_ticker_put(a, t);
		return r;
	}
	end_stream(c);
	c->ticker = t;
	c->stream = fresh;
	/* Probes first, then the sample that the first line is compared with. */
	mp_agent_update_needs(a);
	return mp_ticker_start(a, t);
}

static void obey_interval(struct mp_client *c, const struct mp_proto_cmd *cmd)
{
	int r = 0;

	c->interval_s = cmd->interval_s;
	if (c->ticker)
		r = stream(c, cmd->interval_s, c->stream.names, c->stream.n);
	if (r < 0)
		complain(c, strerror(-r), "interval");
}

static void obey_metrics(struct mp_client *c, const struct mp_proto_cmd *cmd)
{
	int r = stream(c, c->interval_s, cmd->names, cmd->n_names);

	if (r < 0)
		complain(c, strerror(-r), "metrics");
	else if (cmd->type == MP_PROTO_METRICS && c->transmit_fd >= 0)
		close(TAKE_FD(c->transmit_fd));
}

static bool same_names(const struct mp_subscription *s, const struct mp_proto_cmd *cmd)
{
	if (s->n != cmd->n_names)
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->names[i], cmd->names[i]) != 0)
			return false;
	return true;
}

static int single(struct mp_client *c, const struct mp_proto_cmd *cmd)
{
	struct mp_agent *a = c->agent;
	struct mp_buf *line = &a->line;
	char name[64];
	int r;

	if (!c->single_view || !same_names(&c->single, cmd)) {
		if (c->single_view && c->single_selected > SINGLE_NAMES_MAX) {
			mp_subscription_done(&c->single);
			mp_view_free(TAKE_PTR(c->single_view));
			c->single_selected = 0;
		}
		r = c->single_view ? 0 : mp_view_new(a->opts.meter, &c->single_view);
		if (r == 0) {
			mp_view_use(c->single_view, a->opts.context);
			r = mp_subscribe(a, &c->single, c->single_view, mp_client_name(c, name),
					 cmd->names, cmd->n_names);
		}
		if (r < 0)
			return r;
		c->single_selected += (unsigned)cmd->n_names;
		mp_agent_update_needs(a);
	}
	mp_agent_tick(a);
	r = mp_view_update(c->single_view);
	if (r < 0)
		return r;
	mp_subscription_line(&c->single, c->single_view, line);
	if (line->failed) {
		mp_buf_done(line);
		return -ENOMEM;
	}
	mp_client_send(c, line->s, line->len, true);
	return 0;
}

/* Numeric addresses only: looking up a name would hold up every client. */
static int transmit_address(const struct mp_proto_cmd *cmd, struct mp_addr *ret_addr)
{
	struct mp_addr a = {.len = 0};
	const char *host = strcmp(cmd->host, "localhost") ? cmd->host : "127.0.0.1";

	if (inet_pton(AF_INET, host, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(cmd->port);
		a.len = sizeof(a.in);
	} else if (inet_pton(AF_INET6, host, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(cmd->port);
		a.len = sizeof(a.in6);
	} else {
		return -EINVAL;
	}
	*ret_addr = a;
	return 0;
}

static void obey_transmit(struct mp_client *c, const struct mp_proto_cmd *cmd)
{
	_cleanup_close_ int fd = -1;
	struct mp_addr to;

	if (transmit_address(cmd, &to) < 0) {
		complain(c, "udp-transmitter needs a numeric address", cmd->host);
		return;
	}
	/* Nobody may aim the agent at hosts that its owner did not name. */
	if (!mp_client_allowed(c->agent, &to.sa)) {
		complain(c, "udp-transmitter's address is in no --allow range", cmd->host);
		return;
	}
	fd = socket(to.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, &to.sa, to.len) < 0) {
		complain(c, strerror(errno), cmd->host);
		return;
	}
	obey_metrics(c, cmd);
	if (!c->ticker)
		return;
	if (c->transmit_fd >= 0)
		(void)close(c->transmit_fd);
	c->transmit_fd = TAKE_FD(fd);
}

static void obey_shutdown(struct mp_client *c)
{
	char name[64];

	if (!c->may_shutdown) {
		complain(c,
			 c->agent->opts.enable_shutdown
				 ? "shutdown is for the user who started the agent and for root"
				 : "shutdown needs an agent started with --enable-shutdown",
			 "");
		return;
	}
	mp_agent_say(c->agent, MP_LOG_INFO, "%s asked to shut down", mp_client_name(c, name));
	c->agent->stop = true;
}

void mp_session_obey(struct mp_client *c, const struct mp_proto_cmd *cmd)
{
	int r;

	switch (cmd->type) {
	case MP_PROTO_TEST:
		mp_client_send(c, "Yep\n", 4, false);
		break;
	case MP_PROTO_INTERVAL:
		obey_interval(c, cmd);
		break;
	case MP_PROTO_METRICS:
		obey_metrics(c, cmd);
		break;
	case MP_PROTO_SINGLE:
		r = single(c, cmd);
		if (r < 0)
			complain(c, strerror(-r), "metrics-single");
		break;
	case MP_PROTO_EXIT:
		c->dead = true;
		break;
	case MP_PROTO_SHUTDOWN:
		obey_shutdown(c);
		break;
	case MP_PROTO_TRANSMIT:
		obey_transmit(c, cmd);
		break;
	default:
		complain(c, cmd->error, cmd->text);
		break;
	}
}

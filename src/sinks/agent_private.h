/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the agent share: the loop's objects and the calls between them. */
#pragma once

#include <mmsperf/agent.h>
#include <mmsperf/clock.h>
#include <mmsperf/log.h>
#include <mmsperf/metrics.h>
#include <mmsperf/str.h>

#include "sinks/cidr.h"
#include "sinks/listen.h"
#include "sinks/protocol.h"

#include <sys/epoll.h>
#include <sys/queue.h>

#define MP_AGENT_CLIENTS_MAX   256
#define MP_AGENT_UDP_PEERS_MAX 64
/* Whole lines waiting for a client that does not read; a minute of 126 metrics at 1 s is 80 KB. */
#define MP_AGENT_QUEUE_MAX     (256 * 1024)
/* Commands of one client obeyed before others get their turn. */
#define MP_AGENT_BURST         32

/* What an epoll event points at; always the first member of its object. */
enum mp_io_kind {
	MP_IO_SIGNAL,
	MP_IO_METER,
	MP_IO_LISTENER,
	MP_IO_UDP,
	MP_IO_CLIENT,
	MP_IO_TICKER,
	MP_IO_IDLE,
};
struct mp_io {
	enum mp_io_kind kind;
	int fd;
};

/* One distinct interval: its timer and the view that all clients on it share. */
struct mp_ticker {
	struct mp_io io; /* timerfd */
	LIST_ENTRY(mp_ticker) link;
	uint64_t interval_ns;
	uint64_t due_ns; /* CLOCK_MONOTONIC of the next expiry */
	unsigned users;
	bool fired, armed;
	struct mp_view *view;
};

/* What metrics need of the source: probe groups and parts of a record. */
struct mp_needs {
	unsigned groups; /* enum mp_group */
	unsigned fields; /* enum mp_rec_valid */
};

static inline void mp_needs_add(struct mp_needs *n, const struct mp_sel *sel)
{
	if (!sel->known)
		return;
	n->groups |= sel->groups;
	n->fields |= sel->fields;
}

/* A list of metrics parsed for a view. */
struct mp_subscription {
	const char **names; /* one block with their text: one free() */
	size_t n;
	struct mp_sel *sels;
	struct mp_needs needs;
	bool explained;    /* why values are absent */
	unsigned samples;  /* made while a server was there, up to the explanation */
	uint64_t since_ns; /* of the first of them */
};

struct mp_client {
	struct mp_io io; /* connection; -1 for a UDP peer */
	LIST_ENTRY(mp_client) link;
	struct mp_agent *agent;
	bool is_udp, is_unix, may_shutdown;
	bool eof;        /* it sends no more; it may still read */
	bool dead;       /* to be freed at the end of the round */
	bool more;       /* commands are waiting in the parser */
	bool writing;    /* EPOLLOUT is on */
	int transmit_fd; /* udp-transmitter: where data lines go; -1: to the client itself */
	struct mp_ticker *ticker; /* NULL: not streaming */
	struct mp_subscription stream;
	struct mp_buf out; /* whole lines, the first of them partly sent */
	size_t sent;
	uint64_t dropped_lines;

	struct mp_addr peer;
	int udp_fd; /* UDP peer: the agent's socket (borrowed) */
	uint64_t heard_ns;
	unsigned complaints;
	struct mp_proto_parser parser;
	double interval_s;
	struct mp_view *single_view; /* metrics-single: rates since its previous one */
	struct mp_subscription single;
	unsigned single_selected; /* names parsed for single_view so far */
};

struct mp_recorder;

struct mp_agent_stats {
	uint64_t ticks, missed;        /* of all intervals together */
	uint64_t late_max_ns;          /* how long after it was due a sample began */
	uint64_t late_sum_ns;          /* over `ticks` */
	uint64_t late_ns;              /* of the latest sample */
	uint64_t lines, dropped_lines; /* data lines sent, and not sent to clients too slow */
	uint64_t refused;              /* connections closed at once */
};

struct mp_agent {
	struct mp_agent_opts opts;
	int epoll_fd;
	LIST_HEAD(, mp_ticker) tickers;
	LIST_HEAD(, mp_client) clients;
	bool stop, record_failed;
	uint64_t ticked_ns;
	struct mp_buf line; /* scratch */
	struct mp_recorder *recorder;
	struct mp_ticker *record_ticker;
	struct mp_agent_stats stats;

	struct mp_needs record_needs;
	struct mp_needs needs; /* attached, and read, now */
	unsigned groups_failed;
	struct mp_io signals, meter_io, idle;
	size_t n_clients, n_peers;
	struct mp_io listeners[16];
	size_t n_listeners;
	int spare_fd; /* given up to refuse a connection when descriptors run out */
	uid_t owner;  /* who started us: may shut us down */
	char **said;  /* names already logged */
	size_t n_said;
};

/* agent.c: the only file here that logs. */
void mp_agent_say(struct mp_agent *a, enum mp_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Logs the registry's note about a metric's name, once an agent's life for each name. */
void mp_agent_say_name(struct mp_agent *a, const char *name, const char *who, const char *note,
		       bool known);
int mp_agent_watch(struct mp_agent *a, struct mp_io *io, uint32_t events);
/* Attaches and reads what all subscriptions together need, and nothing that none needs. */
void mp_agent_update_needs(struct mp_agent *a);
/* One reading of the tree now, unless this round had one already. */
void mp_agent_tick(struct mp_agent *a);

/* ticker.c */
int mp_ticker_get(struct mp_agent *a, double interval_s, struct mp_ticker **ret_ticker);
/* First sample and start of the timer; does nothing on one that runs. */
int mp_ticker_start(struct mp_agent *a, struct mp_ticker *t);
void mp_ticker_put(struct mp_agent *a, struct mp_ticker *t);
/* Reads the timer: counts missed ticks and lateness, sets t->fired. */
void mp_ticker_expire(struct mp_agent *a, struct mp_ticker *t);

/* subscription.c */
int mp_subscribe(struct mp_agent *a, struct mp_subscription *s, struct mp_view *v, const char *who,
		 const char *const *names, size_t n);
void mp_subscription_done(struct mp_subscription *s);
/* Once, a few samples after a server was there: says why values are still absent. */
void mp_subscription_explain(struct mp_agent *a, struct mp_subscription *s, struct mp_view *v,
			     const char *who);
void mp_subscription_line(const struct mp_subscription *s, struct mp_view *v, struct mp_buf *line);

/* client.c */
int mp_client_new(struct mp_agent *a, int fd, const struct mp_addr *peer, struct mp_client **ret);
void mp_client_free(struct mp_client *c);
/* epoll says so. */
void mp_client_event(struct mp_client *c, uint32_t events);
/* Commands left over from the last round. */
void mp_client_resume(struct mp_client *c);
/* Bytes from the peer (UDP). */
void mp_client_datagram(struct mp_client *c, const char *data, size_t n);
/* Its interval has passed: one data line. */
void mp_client_sample(struct mp_client *c);
const char *mp_client_name(const struct mp_client *c, char buf[64]);
bool mp_client_allowed(const struct mp_agent *a, const struct sockaddr *sa);
void mp_client_accept(struct mp_agent *a, int listener);

/* session.c: obeys one command */
void mp_session_obey(struct mp_client *c, const struct mp_proto_cmd *cmd);
/* client.c: a line to the client (or its transmitter, when data) */
void mp_client_send(struct mp_client *c, const char *line, size_t n, bool data);

/* udp.c */
void mp_udp_receive(struct mp_agent *a, int fd);

/* recorder.c */
int mp_recorder_new(const char *dir, struct mp_recorder **ret_recorder, struct mp_diag *d);
/* Header line and selections; on failure d says why. */
int mp_recorder_start(struct mp_recorder *r, struct mp_view *v, const char *const *extra,
		      size_t n_extra, struct mp_needs *ret_needs, struct mp_diag *d);
/* One row of each file. An error means that the recording is over. */
int mp_recorder_sample(struct mp_recorder *r, struct mp_view *v, const struct mp_tree *tree,
		       double wall_s, struct mp_diag *d);
void mp_recorder_free(struct mp_recorder *r);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The agent's loop: one thread, one epoll set. A round takes expired timers first, makes one
 * sample for all of them, then serves clients, so that no client delays a sample. Owns clients,
 * tickers, listeners and the recording; the meter is borrowed. Called by cli/agent.c.
 */
#include "sinks/agent_private.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/source.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

/* Processes that ended hold a slot until they are read; without clients nobody else reads them. */
#define IDLE_TICK_S  10
/* Readings closer than this are one: intervals that end together share it. */
#define SAME_TICK_NS 1000000
#define SAID_MAX     1024

void mp_agent_say(struct mp_agent *a, enum mp_level level, const char *fmt, ...)
{
	va_list ap;

	(void)a;
	va_start(ap, fmt);
	mp_vlog(level, fmt, ap);
	va_end(ap);
}

void mp_agent_say_name(struct mp_agent *a, const char *name, const char *who, const char *note,
		       bool known)
{
	char quoted[512];
	char **more, *copy;

	for (size_t i = 0; i < a->n_said; i++)
		if (!strcmp(a->said[i], name))
			return;
	if (a->n_said >= SAID_MAX)
		return;
	more = reallocarray(a->said, a->n_said + 1, sizeof(*more));
	copy = strdup(name);
	if (more)
		a->said = more;
	if (!more || !copy) {
		free(copy);
		return;
	}
	a->said[a->n_said++] = copy;
	mp_log(known ? MP_LOG_INFO : MP_LOG_WARNING, "%s: %s", who,
	       mp_proto_quote(quoted, sizeof(quoted), note));
}

int mp_agent_watch(struct mp_agent *a, struct mp_io *io, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = io};

	return epoll_ctl(a->epoll_fd, EPOLL_CTL_ADD, io->fd, &e) < 0 ? -errno : 0;
}

void mp_agent_tick(struct mp_agent *a)
{
	uint64_t now = mp_now_ns();
	int r;

	if (a->ticked_ns && now - a->ticked_ns < SAME_TICK_NS)
		return;
	a->ticked_ns = now;
	r = mp_meter_tick(a->opts.meter);
	if (r < 0)
		mp_debug("sample: %s", strerror(-r));
}

static void update_groups(struct mp_agent *a, unsigned groups)
{
	struct mp_source *s = mp_meter_source(a->opts.meter);
	struct mp_diag d = {0};
	int r;

	if (groups == a->needs.groups)
		return;
	a->needs.groups = groups;
	r = s->ops->need_groups ? s->ops->need_groups(s, groups, &d) : -EOPNOTSUPP;
	if (r < 0 && groups & ~a->groups_failed) {
		a->groups_failed |= groups;
		mp_warning("some metrics stay NaN: %s", *d.msg ? d.msg : strerror(-r));
	}
}

void mp_agent_update_needs(struct mp_agent *a)
{
	struct mp_source *s = mp_meter_source(a->opts.meter);
	struct mp_needs all = a->record_needs;
	struct mp_client *c;

	LIST_FOREACH(c, &a->clients, link) {
		if (c->dead)
			continue;
		all.groups |= c->stream.needs.groups | c->single.needs.groups;
		all.fields |= c->stream.needs.fields | c->single.needs.fields;
	}
	update_groups(a, all.groups);
	if (s->ops->want)
		s->ops->want(s, all.fields);
	/* A reading that has not what a newcomer wants is not the first he gets. */
	if (all.fields & ~a->needs.fields)
		a->ticked_ns = 0;
	a->needs.fields = all.fields;
}

static int open_signals(struct mp_agent *a)
{
	struct sigaction hup;
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	/* A blocked signal is queued even when it is ignored; nohup must keep its meaning. */
	if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN)
		(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	a->signals = (struct mp_io){.kind = MP_IO_SIGNAL,
				    .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
	return a->signals.fd < 0 ? -errno : mp_agent_watch(a, &a->signals, EPOLLIN);
}

static int open_idle(struct mp_agent *a)
{
	static const struct itimerspec every = {.it_value.tv_sec = IDLE_TICK_S,
						.it_interval.tv_sec = IDLE_TICK_S};

	a->idle = (struct mp_io){.kind = MP_IO_IDLE,
				 .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
	if (a->idle.fd < 0 || timerfd_settime(a->idle.fd, 0, &every, NULL) < 0)
		return -errno;
	return mp_agent_watch(a, &a->idle, EPOLLIN);
}

/* The counts that are metrics themselves. */
static void tell_monitor(void *arg, struct mp_monitor_stats *ret)
{
	const struct mp_agent *a = arg;

	*ret = (struct mp_monitor_stats){.ticks = a->stats.ticks,
					 .missed = a->stats.missed,
					 .late_ns = a->stats.late_ns,
					 .dropped_lines = a->stats.dropped_lines};
}

static void free_at(struct mp_agent **p)
{
	mp_agent_free(*p);
}

int mp_agent_new(const struct mp_agent_opts *opts, struct mp_agent **ret_agent)
{
	_cleanup_(free_at) struct mp_agent *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->opts = *opts;
	a->signals.fd = a->idle.fd = a->spare_fd = -1;
	a->owner = getuid();
	LIST_INIT(&a->tickers);
	LIST_INIT(&a->clients);
	a->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (a->epoll_fd < 0)
		return -errno;
	r = open_signals(a);
	if (r == 0)
		r = open_idle(a);
	if (r < 0)
		return r;
	if (opts->context)
		mp_context_monitor(opts->context, tell_monitor, a);
	a->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	a->meter_io = (struct mp_io){.kind = MP_IO_METER, .fd = mp_meter_event_fd(opts->meter)};
	if (a->meter_io.fd >= 0) {
		r = mp_agent_watch(a, &a->meter_io, EPOLLIN);
		if (r < 0)
			return r;
	}
	*ret_agent = TAKE_PTR(a);
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

void mp_agent_free(struct mp_agent *a)
{
	struct mp_client *c;

	if (!a)
		return;
	if (a->opts.context)
		mp_context_monitor(a->opts.context, NULL, NULL);
	while ((c = LIST_FIRST(&a->clients)))
		mp_client_free(c);
	mp_ticker_put(a, a->record_ticker);
	mp_recorder_free(a->recorder);
	for (size_t i = 0; i < a->n_listeners; i++)
		close_fd(a->listeners[i].fd);
	close_fd(a->signals.fd);
	close_fd(a->idle.fd);
	close_fd(a->spare_fd);
	close_fd(a->epoll_fd);
	for (size_t i = 0; i < a->n_said; i++)
		free(a->said[i]);
	free(a->said);
	mp_buf_done(&a->line);
	free(a);
}

static int add_socket(struct mp_agent *a, enum mp_io_kind kind, int fd)
{
	struct mp_io *io = &a->listeners[a->n_listeners];
	int r;

	if (a->n_listeners == ARRAY_SIZE(a->listeners)) {
		(void)close(fd);
		return -ENOSPC;
	}
	*io = (struct mp_io){.kind = kind, .fd = fd};
	r = mp_agent_watch(a, io, EPOLLIN);
	if (r < 0)
		(void)close(fd);
	else
		a->n_listeners++;
	return r;
}

int mp_agent_add_listener(struct mp_agent *a, int fd)
{
	return add_socket(a, MP_IO_LISTENER, fd);
}

int mp_agent_add_udp(struct mp_agent *a, int fd)
{
	return add_socket(a, MP_IO_UDP, fd);
}

int mp_agent_record(struct mp_agent *a, const char *dir, double interval_s,
		    const char *const *extra, size_t n_extra, struct mp_diag *d)
{
	int r;

	r = mp_recorder_new(dir, &a->recorder, d);
	if (r < 0)
		return r;
	r = mp_ticker_get(a, interval_s, &a->record_ticker);
	if (r < 0)
		return mp_diag_set(d, r, NULL, 0, 0, "cannot record: %s", strerror(-r));
	r = mp_recorder_start(a->recorder, a->record_ticker->view, extra, n_extra, &a->record_needs,
			      d);
	if (r < 0)
		return r;
	mp_agent_update_needs(a);
	r = mp_ticker_start(a, a->record_ticker);
	return r < 0 ? mp_diag_set(d, r, NULL, 0, 0, "cannot record: %s", strerror(-r)) : 0;
}

static void record(struct mp_agent *a)
{
	struct mp_diag d = {0};

	if (!a->recorder || mp_recorder_sample(a->recorder, a->record_ticker->view,
					       mp_meter_tree(a->opts.meter), mp_wall_s(), &d) >= 0)
		return;
	mp_error("the recording stops here: %s", d.msg);
	a->record_failed = true;
	mp_recorder_free(TAKE_PTR(a->recorder));
	mp_ticker_put(a, TAKE_PTR(a->record_ticker));
	a->record_needs = (struct mp_needs){0};
	mp_agent_update_needs(a);
}

/* All intervals that ended: one reading, one update a view, then everybody's line. */
static void sample(struct mp_agent *a)
{
	bool recording = a->record_ticker && a->record_ticker->fired;
	struct mp_ticker *t;
	struct mp_client *c;
	char name[64];

	mp_agent_tick(a);
	LIST_FOREACH(t, &a->tickers, link)
		if (t->fired && mp_view_update(t->view) < 0)
			mp_debug("a view could not be updated");
	LIST_FOREACH(c, &a->clients, link)
		if (c->ticker && c->ticker->fired && !c->dead) {
			mp_client_sample(c);
			if (!c->stream.explained)
				mp_subscription_explain(a, &c->stream, c->ticker->view,
							mp_client_name(c, name));
		}
	LIST_FOREACH(t, &a->tickers, link)
		t->fired = false;
	if (recording)
		record(a);
}

static void handle(struct mp_agent *a, struct mp_io *io, uint32_t events)
{
	struct signalfd_siginfo si;
	uint64_t n;

	switch (io->kind) {
	case MP_IO_SIGNAL:
		if (read(io->fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
			a->stop = true;
		break;
	case MP_IO_METER:
		if (mp_meter_event(a->opts.meter) < 0)
			mp_debug("the meter's events could not be read");
		break;
	case MP_IO_LISTENER:
		mp_client_accept(a, io->fd);
		break;
	case MP_IO_UDP:
		mp_udp_receive(a, io->fd);
		break;
	case MP_IO_CLIENT:
		mp_client_event((struct mp_client *)io, events);
		break;
	case MP_IO_IDLE:
		if (read(io->fd, &n, sizeof(n)) == (ssize_t)sizeof(n) &&
		    mp_now_ns() - a->ticked_ns > (IDLE_TICK_S / 2) * MP_NSEC_PER_SEC)
			mp_agent_tick(a);
		break;
	case MP_IO_TICKER:
		break; /* taken before everything else */
	}
}

static void sweep(struct mp_agent *a)
{
	struct mp_client *c, *next;
	bool any = false;

	for (c = LIST_FIRST(&a->clients); c; c = next) {
		next = LIST_NEXT(c, link);
		if (!c->dead)
			continue;
		if (c->dropped_lines > 1)
			mp_info("a client left; %llu lines for it had been dropped",
				(unsigned long long)c->dropped_lines);
		mp_client_free(c);
		any = true;
	}
	if (any)
		mp_agent_update_needs(a);
}

static bool commands_wait(const struct mp_agent *a)
{
	const struct mp_client *c;

	LIST_FOREACH(c, &a->clients, link)
		if (c->more)
			return true;
	return false;
}

static int serve_round(struct mp_agent *a)
{
	struct epoll_event events[64];
	struct mp_client *c;
	bool fired = false;
	int n;

	n = epoll_wait(a->epoll_fd, events, ARRAY_SIZE(events), commands_wait(a) ? 0 : -1);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct mp_io *io = events[i].data.ptr;

		if (io->kind == MP_IO_TICKER) {
			mp_ticker_expire(a, (struct mp_ticker *)io);
			fired = true;
			events[i].data.ptr = NULL; /* what follows may free tickers */
		}
	}
	if (fired)
		sample(a);
	/* Clients are freed in sweep() alone, listeners never: these pointers hold. */
	for (int i = 0; i < n; i++)
		if (events[i].data.ptr)
			handle(a, events[i].data.ptr, events[i].events);
	LIST_FOREACH(c, &a->clients, link)
		if (c->more && !c->dead)
			mp_client_resume(c);
	sweep(a);
	return 0;
}

int mp_agent_run(struct mp_agent *a)
{
	int r = 0;

	while (!a->stop && r == 0)
		r = serve_round(a);
	mp_debug("%llu samples, %llu missed, late by %.3f ms on average and %.3f ms at most; "
		 "%llu lines, %llu dropped",
		 (unsigned long long)a->stats.ticks, (unsigned long long)a->stats.missed,
		 a->stats.ticks ? (double)a->stats.late_sum_ns / (double)a->stats.ticks / 1e6 : 0,
		 (double)a->stats.late_max_ns / 1e6, (unsigned long long)a->stats.lines,
		 (unsigned long long)a->stats.dropped_lines);
	if (a->stats.missed)
		mp_warning("%llu of %llu samples were missed", (unsigned long long)a->stats.missed,
			   (unsigned long long)(a->stats.ticks + a->stats.missed));
	if (r < 0)
		return r;
	return a->record_failed ? -EIO : 0;
}

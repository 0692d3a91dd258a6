// SPDX-License-Identifier: GPL-2.0-only
/* What the views of one collector share. Owns copies of its strings; the rest is borrowed. */
#include "metrics/plus.h"

#include <mmsperf/cleanup.h>

#include <errno.h>
#include <fcntl.h>
#include <mmsperf/opener.h>
#include <string.h>

void mp_context_free(struct mp_context *c)
{
	if (!c)
		return;
	free(c->management);
	free(c->server_logs);
	free(c->pidfile);
	free(c->learnt_logs);
	free(c);
}

static int copy(char **to, const char *from)
{
	if (!from)
		return 0;
	*to = strdup(from);
	return *to ? 0 : -ENOMEM;
}

int mp_context_new(const struct mp_context_opts *opts, struct mp_context **ret_context)
{
	struct mp_context *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->meter = opts->meter;
	c->opener = opts->opener;
	r = copy(&c->management, opts->management);
	if (r == 0)
		r = copy(&c->server_logs, opts->server_logs);
	if (r == 0)
		r = copy(&c->pidfile, opts->pidfile);
	if (r < 0) {
		mp_context_free(c);
		return r;
	}
	*ret_context = c;
	return 0;
}

void mp_context_monitor(struct mp_context *c, void (*fn)(void *arg, struct mp_monitor_stats *ret),
			void *arg)
{
	c->monitor = fn;
	c->monitor_arg = arg;
}

int mp_context_open(struct mp_context *c, const char *path, int *ret_fd)
{
	/* a FIFO in the log's place must not hold the samples up */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	if (errno != EACCES || !c || !c->opener)
		return -errno;
	return mp_opener_open(c->opener, path, ret_fd);
}

void mp_context_learn(struct mp_context *c)
{
	const struct mp_tree *t = mp_meter_tree(c->meter);
	const char *cmd = "";

	if (!t->ticks && mp_meter_tick(c->meter) < 0)
		return;
	for (size_t i = 0; i < t->n; i++)
		if (t->frontend && (pid_t)t->procs[i].cur.tgid == t->frontend && t->procs[i].cmd)
			cmd = t->procs[i].cmd;
	if (t->frontend && !c->server_logs) {
		free(c->learnt_logs);
		c->learnt_logs = mp_server_log_dir(c, t->frontend, cmd, 0);
	}
	if (!c->opener)
		return;
	if (c->server_logs)
		(void)mp_opener_allow(c->opener, c->server_logs);
	if (c->learnt_logs)
		(void)mp_opener_allow(c->opener, c->learnt_logs);
	(void)mp_opener_seal(c->opener);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Readers of metrics that have a source of their own (plustable.h). A view opens a reader when the
 * first of its metrics is selected and asks it once an update. A reader owns its files, follows the
 * server through restarts and never fails a sample: what it cannot tell is absent, why() says why.
 * Private to src/metrics.
 */
#pragma once

#include "metrics/table.h"

/* The server at a sample, as readers see it. */
struct mp_server {
	const struct mp_tree *tree;
	pid_t pid;         /* of the frontend; 0: there is none now */
	uint64_t start_ns; /* with pid its identity */
	const char *cmd;   /* its argv joined by ' '; "" when not known */
	uint64_t now_ns;   /* CLOCK_MONOTONIC */
	bool unpaced;      /* for measuring: read everything now */
};

struct mp_reader_ops {
	int (*open)(struct mp_context *c, void **ret_state);
	/* v[_MP_XM_MAX], all absent: fills the places of its own metrics. */
	void (*update)(void *state, const struct mp_server *s, struct mp_value *v);
	/* Why the metric is absent; NULL: only because no sample was made yet. */
	const char *(*why)(void *state, int metric);
	void (*free)(void *state);
};

extern const struct mp_reader_ops mp_pressure_reader, mp_servercg_reader, mp_jvm_reader,
	mp_servlog_reader, mp_api_reader, mp_self_reader;

/* A view's readers. */
struct mp_plus {
	struct mp_context *context; /* NULL: none */
	void *state[_MP_RD_MAX];
	bool on[_MP_RD_MAX], any, unpaced;
	struct mp_value v[_MP_XM_MAX];
};

int mp_plus_need(struct mp_plus *p, enum mp_reader r);
void mp_plus_update(struct mp_plus *p, const struct mp_tree *t);
const char *mp_plus_why(struct mp_plus *p, enum mp_reader r, int metric);
void mp_plus_done(struct mp_plus *p);

static inline struct mp_value mp_valid(double v)
{
	return (struct mp_value){.v = v, .valid = true};
}

/* Reads a small file of /proc or a control group again from its start, NUL-terminated. */
int mp_reread(int fd, char *buf, size_t size);
/* Number after "KEY " at the start of a line. */
bool mp_key_u64(const char *text, const char *key, uint64_t *ret);

/* --- context.c ------------------------------------------------------------------------------- */

struct mp_context {
	struct mp_meter *meter;
	struct mp_opener *opener;
	char *management, *server_logs, *pidfile;
	char *learnt_logs; /* of the server that was there before privileges were dropped */
	void (*monitor)(void *arg, struct mp_monitor_stats *ret);
	void *monitor_arg;
};

/* context.c: opens a file of the server directly, or through the opener where that is refused. */
int mp_context_open(struct mp_context *c, const char *path, int *ret_fd);

/* serverfiles.c: where the server's files lie, as far as present privileges can tell. */
/* Folder i of those that may hold the server's metrics logs, the likeliest first; NULL: no more. */
char *mp_server_log_dir(const struct mp_context *c, pid_t pid, const char *cmd, int i);
/* Path i at which the JVM's hsperfdata may be; NULL: no more. */
char *mp_server_hsperf_path(pid_t pid, const char *cmd, int i);
/* Word after an option (-f, --mms-config); caller frees. NULL: none. */
char *mp_cmd_option(const char *cmd, const char *option);

/* --- pressure.c: pure ------------------------------------------------------------------------ */

/* Total stall times of a pressure file in us; *ret_full is UINT64_MAX where it has none. */
int mp_pressure_parse(const char *text, uint64_t *ret_some_us, uint64_t *ret_full_us);

/* A pressure file and what it said at the sample before. */
struct mp_pressure {
	int fd, error; /* -1 with why: negative errno of opening or reading */
	bool has_before;
	uint64_t some_us, full_us, at_ns;
};
void mp_pressure_open(struct mp_pressure *p, const char *path);
void mp_pressure_close(struct mp_pressure *p);
/* Percent of the time since the last call; either may be absent (full may be NULL). */
void mp_pressure_update(struct mp_pressure *p, uint64_t now_ns, struct mp_value *some,
			struct mp_value *full);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server's own metrics, as its logs have them: requests by status, times of the handler. The
 * logs are found once for each server and followed through rotation. Lines written before somebody
 * asked do not count. Owns the files and one distribution for each selected question.
 */
#include "metrics/servlog.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#define LOOK_NS       MP_NSEC_PER_SEC /* for rotation, and for logs that are not there yet */
#define MAX_QUESTIONS 256

static const char *const file_names[] = {"mms_metrics.log", "model_metrics.log", "ts_metrics.log"};
#define N_FILES ARRAY_SIZE(file_names)

struct question {
	enum mp_log_metric metric;
	char *model; /* NULL: all */
	uint64_t count;
	double sum_s;
	struct mp_dist interval;
};

struct servlog {
	struct mp_context *context;
	pid_t pid;
	uint64_t start_ns, looked_ns;
	double since_s; /* wall clock when this began: files made later are read from their start */
	char *dir;      /* where the logs are; NULL: not found yet */
	struct mp_tail file[N_FILES];
	struct question **q;
	size_t n_q;
	double answers[3]; /* 2xx, 4xx, 5xx */
	bool any;          /* a log was found since this began */
	char why[256];
};

/* No file made from now on is older: file times may be a tick behind the exact clock. */
static double file_clock_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int servlog_open(struct mp_context *c, void **ret_state)
{
	struct servlog *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->context = c;
	l->since_s = file_clock_s();
	for (size_t i = 0; i < N_FILES; i++)
		mp_tail_init(&l->file[i]);
	*ret_state = l;
	return 0;
}

/* --- finding and rotation -------------------------------------------------------------------- */

/* Made after this reader began: all of it is news. */
static bool is_new(int fd, double since_s)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) == 0 && st.stx_mask & STATX_BTIME &&
	       (double)st.stx_btime.tv_sec + (double)st.stx_btime.tv_nsec / 1e9 >= since_s;
}

static int open_log(const struct servlog *l, const char *dir, size_t i, int *ret_fd)
{
	_cleanup_free_ char *path = mp_path_join(dir, file_names[i]);

	return path ? mp_context_open(l->context, path, ret_fd) : -ENOMEM;
}

/* The file under its name now. One that took another's place is read from its start. */
static int follow(struct servlog *l, const char *dir, size_t i, bool rotated)
{
	struct mp_tail *t = &l->file[i];
	struct stat st;
	int fd, r;

	r = open_log(l, dir, i, &fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0 || (t->fd >= 0 && st.st_dev == t->dev && st.st_ino == t->ino)) {
		(void)close(fd);
		return 0;
	}
	return mp_tail_use(t, fd, rotated || is_new(fd, l->since_s));
}

static bool line(void *arg, const char *text, size_t len);

static bool is_rotated(const struct mp_tail *t, const char *dir, size_t i)
{
	_cleanup_free_ char *path = mp_path_join(dir, file_names[i]);
	struct stat st;

	if (!path)
		return false;
	if (stat(path, &st) < 0)
		return errno == EACCES; /* a closed folder: only opening it again tells */
	return t->fd < 0 || st.st_dev != t->dev || st.st_ino != t->ino;
}

static void look_at(struct servlog *l)
{
	for (size_t i = 0; i < N_FILES; i++)
		if (is_rotated(&l->file[i], l->dir, i)) {
			/* what came between the last reading and the rotation */
			mp_tail_read(&l->file[i], line, l);
			(void)follow(l, l->dir, i, l->file[i].fd >= 0);
		}
}

static void find(struct servlog *l, const char *cmd)
{
	int refused = 0;
	bool some = false;

	for (int k = 0;; k++) {
		_cleanup_free_ char *dir = mp_server_log_dir(l->context, l->pid, cmd, k);
		bool any = false;

		if (!dir)
			break;
		some = true;
		for (size_t i = 0; i < N_FILES; i++) {
			int r = follow(l, dir, i, false);

			any = any || r == 0;
			refused = r == -EACCES || r == -EPERM ? r : refused;
		}
		if (any) {
			free(l->dir);
			l->dir = TAKE_PTR(dir);
			l->any = true;
			l->why[0] = '\0';
			return;
		}
	}
	(void)snprintf(l->why, sizeof(l->why), "%s",
		       refused ? "the server's metrics logs may only be read by its user, and by a "
				 "collector that root started"
		       : some  ? "no mms_metrics.log, model_metrics.log or ts_metrics.log was "
				 "found: name the server's log folder with --server-logs"
			       : "the server's log folder is not known, its environment is closed "
				 "to this user: name it with --server-logs");
}

/* --- lines ----------------------------------------------------------------------------------- */

static bool named(const struct mp_logline *m, const char *name)
{
	return strlen(name) == m->name_len && !memcmp(name, m->name, m->name_len);
}

static void answer_questions(struct servlog *l, const struct mp_logline *m)
{
	double seconds = m->value * m->to_seconds;

	for (size_t i = 0; i < l->n_q; i++) {
		struct question *q = l->q[i];

		if (!named(m, mp_log_names[q->metric]))
			continue;
		if (q->model && (!m->model || strlen(q->model) != m->model_len ||
				 strncasecmp(q->model, m->model, m->model_len) != 0))
			continue;
		q->count++;
		q->sum_s += seconds;
		mp_dist_add(&q->interval, seconds);
	}
}

static bool line(void *arg, const char *text, size_t len)
{
	static const char *const requests[] = {"Requests2XX", "Requests4XX", "Requests5XX"};
	struct servlog *l = arg;
	struct mp_logline m;

	if (mp_logline_parse(text, len, &m) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		if (named(&m, requests[i])) {
			l->answers[i] += m.value;
			return true;
		}
	if (m.to_seconds > 0 && m.value >= 0)
		answer_questions(l, &m);
	return true;
}

static void servlog_update(void *state, const struct mp_server *s, struct mp_value *v)
{
	struct servlog *l = state;
	uint64_t lines = 0, garbage = 0, lost = 0;
	bool restarted = s->pid && (s->pid != l->pid || s->start_ns != l->start_ns);

	for (size_t i = 0; i < l->n_q; i++)
		mp_dist_reset(&l->q[i]->interval);
	if (restarted) {
		l->pid = s->pid;
		l->start_ns = s->start_ns;
		free(TAKE_PTR(l->dir)); /* another server may log elsewhere */
		l->looked_ns = 0;
	}
	if (l->pid && (!l->looked_ns || s->now_ns - l->looked_ns >= LOOK_NS)) {
		l->looked_ns = s->now_ns;
		if (l->dir)
			look_at(l);
		else
			find(l, s->cmd);
	}
	for (size_t i = 0; i < N_FILES; i++) {
		mp_tail_read(&l->file[i], line, l);
		lines += l->file[i].lines;
		garbage += l->file[i].garbage;
		lost += l->file[i].lost_bytes;
	}
	if (!l->any)
		return;
	v[MP_XM_REQ_2XX] = mp_valid(l->answers[0]);
	v[MP_XM_REQ_4XX] = mp_valid(l->answers[1]);
	v[MP_XM_REQ_5XX] = mp_valid(l->answers[2]);
	v[MP_XM_LOG_LINES] = mp_valid((double)lines);
	v[MP_XM_LOG_GARBAGE] = mp_valid((double)garbage);
	v[MP_XM_LOG_LOST] = mp_valid((double)lost);
}

static const char *servlog_why(void *state, int metric)
{
	const struct servlog *l = state;

	(void)metric;
	return !l->pid ? "there is no server now" : l->why[0] ? l->why : NULL;
}

static void servlog_free(void *state)
{
	struct servlog *l = state;

	for (size_t i = 0; i < N_FILES; i++)
		mp_tail_close(&l->file[i]);
	for (size_t i = 0; i < l->n_q; i++) {
		free(l->q[i]->model);
		free(l->q[i]);
	}
	free(l->q);
	free(l->dir);
	free(l);
}

/* --- questions ------------------------------------------------------------------------------- */

int mp_servlog_select(void *state, enum mp_log_metric m, const char *model)
{
	struct servlog *l = state;
	struct question **more, *q;

	for (size_t i = 0; i < l->n_q; i++)
		if (l->q[i]->metric == m &&
		    (model && l->q[i]->model ? !strcasecmp(model, l->q[i]->model)
					     : !model && !l->q[i]->model))
			return (int)i;
	if (l->n_q == MAX_QUESTIONS)
		return -ENOSPC;
	more = reallocarray(l->q, l->n_q + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->q = more;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->metric = m;
	q->model = model ? strdup(model) : NULL;
	if (model && !q->model) {
		free(q);
		return -ENOMEM;
	}
	l->q[l->n_q] = q;
	return (int)l->n_q++;
}

struct mp_value mp_servlog_get(void *state, int index, enum mp_log_op op)
{
	const struct servlog *l = state;
	const struct question *q = l->q[index];
	const struct mp_dist *d = &q->interval;

	if (!l->any)
		return (struct mp_value){0};
	if (op == MP_LOG_COUNT)
		return mp_valid((double)q->count);
	if (op == MP_LOG_SUM)
		return mp_valid(q->sum_s);
	if (!d->n)
		return (struct mp_value){0};
	switch (op) {
	case MP_LOG_AVG:
		return mp_valid(d->sum_s / (double)d->n);
	case MP_LOG_MIN:
		return mp_valid(d->min_s);
	case MP_LOG_MAX:
		return mp_valid(d->max_s);
	case MP_LOG_P50:
		return mp_valid(mp_dist_quantile(d, 0.50));
	case MP_LOG_P90:
		return mp_valid(mp_dist_quantile(d, 0.90));
	case MP_LOG_P99:
		return mp_valid(mp_dist_quantile(d, 0.99));
	case MP_LOG_COUNT:
	case MP_LOG_SUM:
	case _MP_LOG_OP_MAX:
		break;
	}
	return (struct mp_value){0};
}

const struct mp_reader_ops mp_servlog_reader = {
	.open = servlog_open, .update = servlog_update, .why = servlog_why, .free = servlog_free};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frontend's JVM as its hsperfdata tells: collections, safepoints, heap, threads. The file is
 * opened once for each JVM and read with pread(2): mapped, a file that its owner truncates would
 * end the collector with SIGBUS, and 32 KiB copied cost 3 us. Counters go on over restarts.
 */
#include "metrics/hsperf.h"
#include "metrics/plus.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define RETRY_NS MP_NSEC_PER_SEC /* a JVM writes its file in its first 100 ms */
#define SLACK_S  2.0             /* of a file's time against a process's start */

struct gc {
	int64_t count, time;
};

struct jvm {
	struct mp_context *context;
	pid_t pid;
	uint64_t start_ns, tried_ns;
	int fd;
	char *data;
	size_t cap;
	struct mp_hsperf layout;
	bool known;      /* layout is valid */
	bool has_before; /* gc[] is of the sample before */
	struct gc gc[MP_HSPERF_COLLECTORS];
	double last[_MP_XM_MAX], base[_MP_XM_MAX]; /* counters: now, and of JVMs before */
	char why[256];
};

static const int counters[] = {MP_XM_JVM_GC,          MP_XM_JVM_GC_S,   MP_XM_JVM_GC_FULL,
			       MP_XM_JVM_SP,          MP_XM_JVM_SP_S,   MP_XM_JVM_SP_SYNC_S,
			       MP_XM_JVM_THREADS_NEW, MP_XM_JVM_CLASSES};

static int jvm_open(struct mp_context *c, void **ret_state)
{
	struct jvm *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->context = c;
	j->fd = -1;
	*ret_state = j;
	return 0;
}

static void forget(struct jvm *j)
{
	if (j->fd >= 0)
		(void)close(TAKE_FD(j->fd));
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		j->base[counters[i]] += j->last[counters[i]];
		j->last[counters[i]] = 0;
	}
	j->known = j->has_before = false;
	j->tried_ns = 0;
	j->why[0] = '\0';
}

/* Left by a JVM that died with the same number: older than this process. */
static bool is_stale(const struct stat *st, uint64_t start_ns)
{
	double age = ((double)mp_boot_ns() - (double)start_ns) / 1e9;
	double began = mp_wall_s() - age;

	return (double)st->st_mtim.tv_sec + (double)st->st_mtim.tv_nsec / 1e9 < began - SLACK_S;
}

static int read_file(struct jvm *j, size_t want)
{
	size_t len = 0;

	if (want > j->cap) {
		char *more = realloc(j->data, want);

		if (!more)
			return -ENOMEM;
		j->data = more;
		j->cap = want;
	}
	while (len < want) {
		ssize_t n = pread(j->fd, j->data + len, want - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (int)len;
}

static int learn_layout(struct jvm *j)
{
	struct stat st;
	int n, r;

	if (fstat(j->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || is_stale(&st, j->start_ns))
		return -ESTALE;
	n = read_file(j, st.st_size < MP_HSPERF_MAX ? (size_t)st.st_size : MP_HSPERF_MAX);
	if (n < 0)
		return n;
	r = mp_hsperf_parse(j->data, (size_t)n, &j->layout);
	j->known = r == 0;
	return r;
}

static void explain(struct jvm *j, int r, const char *path)
{
	const char *text = r == -EACCES || r == -EPERM
				   ? "only the server's user and a collector that root started may"
			   : r == -ENOENT  ? "the frontend is no JVM, or one that keeps none"
			   : r == -ESTALE  ? "it was left by a JVM that died"
			   : r == -EAGAIN  ? "the JVM is still starting"
			   : r == -ENODATA ? "the JVM is still starting, or it is another's file"
			   : r == -ENOTSUP ? "of another version or byte order"
			   : r == -EINVAL  ? "it is broken"
					   : strerror(-r);

	(void)snprintf(j->why, sizeof(j->why), "'%.150s' cannot be read: %s", path, text);
}

static void find(struct jvm *j, const char *cmd)
{
	int first = 0;

	for (int i = 0;; i++) {
		_cleanup_free_ char *path = mp_server_hsperf_path(j->pid, cmd, i);
		int r;

		if (!path)
			return;
		r = mp_context_open(j->context, path, &j->fd);
		if (r == 0)
			r = learn_layout(j);
		if (r == 0) {
			j->why[0] = '\0';
			return;
		}
		if (j->fd >= 0)
			(void)close(TAKE_FD(j->fd));
		/* what the likeliest place says is of most use, unless it is just not there */
		if (!first || first == -ENOENT) {
			first = r;
			explain(j, r, path);
		}
	}
}

/* --- values ---------------------------------------------------------------------------------- */

static bool field(const struct jvm *j, size_t len, uint32_t at, double *ret)
{
	int64_t v;

	if (!mp_hsperf_value(j->data, len, at, &v))
		return false;
	*ret = (double)v;
	return true;
}

/* Counters never fall, though a value may be read while the JVM writes it. */
static void put_counter(struct jvm *j, struct mp_value *v, int metric, double x)
{
	if (x > j->last[metric])
		j->last[metric] = x;
	v[metric] = mp_valid(j->base[metric] + j->last[metric]);
}

/* Longest stop of a collector since the sample before, in ticks. */
static double longest(const struct mp_hsperf_collector *c, const struct jvm *j, size_t len,
		      const struct gc *before, const struct gc *now)
{
	double n = (double)(now->count - before->count), mean;
	double time = (double)(now->time - before->time);
	int64_t entry, end;

	if (n <= 0 || time <= 0)
		return 0;
	mean = time / n;
	if (!mp_hsperf_value(j->data, len, c->entry, &entry) ||
	    !mp_hsperf_value(j->data, len, c->exit, &end) || end <= entry)
		return mean;
	/* exit and entry also hold what comes before and after the counted time */
	return n > 1 && (double)(end - entry) > mean ? (double)(end - entry) : mean;
}

static void collections(struct jvm *j, size_t len, double hz, struct mp_value *v)
{
	double count = 0, time = 0, full = 0, max = 0;

	for (int i = 0; i < MP_HSPERF_COLLECTORS; i++) {
		const struct mp_hsperf_collector *c = &j->layout.gc[i];
		struct gc now;

		if (!mp_hsperf_value(j->data, len, c->count, &now.count) ||
		    !mp_hsperf_value(j->data, len, c->time, &now.time))
			continue;
		if (j->has_before)
			max = longest(c, j, len, &j->gc[i], &now) > max
				      ? longest(c, j, len, &j->gc[i], &now)
				      : max;
		j->gc[i] = now;
		count += (double)now.count;
		time += (double)now.time;
		full += c->full ? (double)now.count : 0;
	}
	put_counter(j, v, MP_XM_JVM_GC, count);
	put_counter(j, v, MP_XM_JVM_GC_S, time / hz);
	put_counter(j, v, MP_XM_JVM_GC_FULL, full);
	if (j->has_before)
		v[MP_XM_JVM_GC_MAX] = mp_valid(max / hz);
	j->has_before = true;
}

static void heap(const struct jvm *j, size_t len, struct mp_value *v)
{
	double used = 0, capacity = 0, max = 0, x;
	bool any = false;

	for (int i = 0; i < MP_HSPERF_SPACES; i++)
		if (field(j, len, j->layout.space_used[i], &x)) {
			used += x;
			any = true;
		}
	for (size_t i = 0; i < ARRAY_SIZE(j->layout.generation_max); i++) {
		if (field(j, len, j->layout.generation_capacity[i], &x))
			capacity += x;
		if (field(j, len, j->layout.generation_max[i], &x))
			max = j->layout.shared_max ? (x > max ? x : max) : max + x;
	}
	if (!any)
		return;
	v[MP_XM_JVM_HEAP] = mp_valid(used);
	v[MP_XM_JVM_HEAP_CAP] = mp_valid(capacity);
	v[MP_XM_JVM_HEAP_MAX] = mp_valid(max);
}

static void values(struct jvm *j, size_t len, struct mp_value *v)
{
	static const struct {
		enum mp_hsperf_field field;
		int metric;
		bool counter, time;
	} plain[] = {
		{MP_HS_SAFEPOINTS, MP_XM_JVM_SP, true, false},
		{MP_HS_SAFEPOINT_TIME, MP_XM_JVM_SP_S, true, true},
		{MP_HS_SAFEPOINT_SYNC, MP_XM_JVM_SP_SYNC_S, true, true},
		{MP_HS_METASPACE_USED, MP_XM_JVM_META, false, false},
		{MP_HS_THREADS_LIVE, MP_XM_JVM_THREADS, false, false},
		{MP_HS_THREADS_PEAK, MP_XM_JVM_THREADS_PEAK, false, false},
		{MP_HS_THREADS_STARTED, MP_XM_JVM_THREADS_NEW, true, false},
		{MP_HS_CLASSES, MP_XM_JVM_CLASSES, true, false},
	};
	double hz, x;

	if (!field(j, len, j->layout.field[MP_HS_FREQUENCY], &hz) || hz <= 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (!field(j, len, j->layout.field[plain[i].field], &x))
			continue;
		x = plain[i].time ? x / hz : x;
		if (plain[i].counter)
			put_counter(j, v, plain[i].metric, x);
		else
			v[plain[i].metric] = mp_valid(x);
	}
	collections(j, len, hz, v);
	heap(j, len, v);
}

static void jvm_update(void *state, const struct mp_server *s, struct mp_value *v)
{
	struct jvm *j = state;
	int n;

	if (s->pid != j->pid || s->start_ns != j->start_ns) {
		forget(j);
		j->pid = s->pid;
		j->start_ns = s->start_ns;
	}
	if (!j->pid)
		return;
	if (j->fd < 0) {
		if (j->tried_ns && s->now_ns - j->tried_ns < RETRY_NS)
			return;
		j->tried_ns = s->now_ns;
		find(j, s->cmd);
		if (j->fd < 0)
			return;
	}
	n = read_file(j, j->layout.used);
	if (n >= 0 && !mp_hsperf_same(j->data, (size_t)n, &j->layout)) {
		int r = learn_layout(j);

		n = r < 0 ? r : read_file(j, j->layout.used);
	}
	if (n < 0) {
		/* truncated or overwritten: not what the JVM does, so it is looked for anew */
		(void)snprintf(j->why, sizeof(j->why), "its hsperfdata is broken");
		(void)close(TAKE_FD(j->fd));
		j->known = false;
		return;
	}
	values(j, (size_t)n, v);
}

static const char *jvm_why(void *state, int metric)
{
	const struct jvm *j = state;

	(void)metric;
	if (!j->pid)
		return "there is no server now";
	return j->why[0] ? j->why : NULL;
}

static void jvm_free(void *state)
{
	struct jvm *j = state;

	if (j->fd >= 0)
		(void)close(j->fd);
	free(j->data);
	free(j);
}

const struct mp_reader_ops mp_jvm_reader = {
	.open = jvm_open, .update = jvm_update, .why = jvm_why, .free = jvm_free};

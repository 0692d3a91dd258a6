// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers of /proc/PID/{limits,fd,task}. The walks cost microseconds for each descriptor or thread,
 * so a walk is made at most once a second and is bounded. Counters keep what threads and members
 * that ended had used when they were last seen. Called by view.c.
 */
#include "metrics/aux.h"

#include "proc/pid.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LIMITS_NS   (30 * MP_NSEC_PER_SEC) /* prlimit(2) may change them; a JVM raises its own */
#define YOUNG_NS    (2 * MP_NSEC_PER_SEC)  /* ... as it starts */
#define WALK_NS     (MP_NSEC_PER_SEC - MP_NSEC_PER_SEC / 50) /* ticks of 1 s are not exact */
#define MAX_FDS     16384
#define MAX_THREADS 8192
#define NAME_LOOKS  3 /* walks in which a thread's name is read: it gets it after its start */

/* --- parsing --------------------------------------------------------------------------------- */

int mp_limits_parse(const char *text, double *ret_nofile)
{
	static const char key[] = "Max open files";
	const char *p = strstr(text, key);
	char *end;
	double v;

	if (!p || (p != text && p[-1] != '\n'))
		return -EINVAL;
	p += sizeof(key) - 1;
	p += strspn(p, " ");
	if (!strncmp(p, "unlimited", 9)) {
		*ret_nofile = INFINITY;
		return 0;
	}
	v = strtod(p, &end);
	if (end == p || v < 0)
		return -EINVAL;
	*ret_nofile = v;
	return 0;
}

enum mp_fd_kind mp_fd_kind_of(const char *target)
{
	if (!strncmp(target, "socket:", 7))
		return MP_FD_SOCKET;
	if (!strncmp(target, "pipe:", 5))
		return MP_FD_PIPE;
	if (!strncmp(target, "anon_inode:", 11))
		return MP_FD_EVENT;
	return MP_FD_FILE;
}

enum mp_thread_class mp_thread_class_of(const char *comm)
{
	/* comm has 15 characters; names as HotSpot, netty, MMS and TorchServe give them */
	static const struct {
		const char *prefix;
		enum mp_thread_class class;
	} names[] = {
		{"epollEventLoop", MP_THR_NETTY},
		{"nioEventLoop", MP_THR_NETTY},
		{"kqueueEventLoo", MP_THR_NETTY},
		{"netty", MP_THR_NETTY},
		{"W-", MP_THR_BACKEND},
		{"GC Thread", MP_THR_GC},
		{"G1 ", MP_THR_GC},
		{"ParGC", MP_THR_GC},
		{"Concurrent Mark", MP_THR_GC},
		{"Gang worker", MP_THR_GC},
		{"Shenandoah", MP_THR_GC},
		{"ZWorker", MP_THR_GC},
		{"ZDirector", MP_THR_GC},
		{"ZDriver", MP_THR_GC},
		{"ZStat", MP_THR_GC},
		{"XWorker", MP_THR_GC},
		{"C1 Compiler", MP_THR_JIT},
		{"C2 Compiler", MP_THR_JIT},
		{"JVMCI", MP_THR_JIT},
		{"Sweeper thread", MP_THR_JIT},
		{"VM Thread", MP_THR_JVM},
		{"VM Periodic", MP_THR_JVM},
		{"Reference Handl", MP_THR_JVM},
		{"Finalizer", MP_THR_JVM},
		{"Signal Dispatch", MP_THR_JVM},
		{"Service Thread", MP_THR_JVM},
		{"Monitor Deflati", MP_THR_JVM},
		{"Notification Th", MP_THR_JVM},
		{"Common-Cleaner", MP_THR_JVM},
		{"Attach Listener", MP_THR_JVM},
		{"process reaper", MP_THR_JVM},
		{"python", MP_THR_PYTHON},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(comm, names[i].prefix, strlen(names[i].prefix)))
			return names[i].class;
	return MP_THR_OTHER;
}

/* --- one process ----------------------------------------------------------------------------- */

static bool read_at(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		return false;
	buf[n] = '\0';
	return true;
}

static void read_limits(struct mp_aux *x, const struct mp_proc *p, uint64_t now_ns)
{
	uint64_t pause = x->age_s * 1e9 < (double)(30 * MP_NSEC_PER_SEC) ? YOUNG_NS : LIMITS_NS;
	char path[64], buf[4096];

	if (x->limits_at_ns && x->execs == p->cur.execs && now_ns - x->limits_at_ns < pause)
		return;
	x->limits_at_ns = now_ns;
	x->execs = p->cur.execs;
	(void)snprintf(path, sizeof(path), "/proc/%u/limits", x->tgid);
	if (read_at(AT_FDCWD, path, buf, sizeof(buf)) && mp_limits_parse(buf, &x->nofile) == 0 &&
	    isfinite(x->nofile) && x->nofile > 0)
		x->known |= MP_AUX_LIMITS;
	else
		x->known &= ~(unsigned)MP_AUX_LIMITS;
}

static void read_fds(struct mp_aux *x, uint64_t now_ns)
{
	uint32_t kinds[_MP_FD_KINDS] = {0};
	_cleanup_closedir_ DIR *d = NULL;
	const struct dirent *e;
	size_t n = 0;
	char path[64];

	if (x->fds_at_ns && now_ns - x->fds_at_ns < WALK_NS)
		return;
	x->fds_at_ns = now_ns;
	x->known &= ~(unsigned)MP_AUX_FDS;
	x->refused = false;
	(void)snprintf(path, sizeof(path), "/proc/%u/fd", x->tgid);
	d = opendir(path);
	if (!d) {
		x->refused = errno == EACCES || errno == EPERM;
		return;
	}
	while ((e = readdir(d))) {
		char target[32];
		ssize_t len;

		if (e->d_name[0] == '.')
			continue;
		if (++n > MAX_FDS)
			return; /* a part would be taken for the whole */
		len = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
		if (len < 0) {
			if (errno == ENOENT)
				continue; /* closed meanwhile */
			x->refused = errno == EACCES;
			return;
		}
		target[len] = '\0';
		kinds[mp_fd_kind_of(target)]++;
	}
	memcpy(x->fds, kinds, sizeof(kinds));
	x->known |= MP_AUX_FDS;
}

static struct mp_thread *find_thread(struct mp_aux *x, uint32_t tid, size_t hint)
{
	/* /proc lists threads in the order of the last walk, so the hint nearly always fits */
	if (hint < x->n_threads && x->thread[hint].tid == tid)
		return &x->thread[hint];
	for (size_t i = 0; i < x->n_threads; i++)
		if (x->thread[i].tid == tid)
			return &x->thread[i];
	return NULL;
}

static struct mp_thread *add_thread(struct mp_aux *x, uint32_t tid)
{
	if (x->n_threads == x->cap_threads) {
		size_t cap = x->cap_threads ? x->cap_threads * 2 : 32;
		struct mp_thread *more = realloc(x->thread, cap * sizeof(*more));

		if (!more)
			return NULL;
		x->thread = more;
		x->cap_threads = cap;
	}
	x->thread[x->n_threads] = (struct mp_thread){.tid = tid};
	return &x->thread[x->n_threads++];
}

static void read_thread(struct mp_aux *x, int dir, const char *tid, struct mp_thread *t)
{
	char path[48], buf[128];
	uint64_t run_ns;

	(void)snprintf(path, sizeof(path), "%.20s/schedstat", tid);
	if (!read_at(dir, path, buf, sizeof(buf)))
		return;
	run_ns = strtoull(buf, NULL, 10);
	if (run_ns < t->run_ns) {
		t->run_ns = 0; /* the number was given to another thread */
		t->looks = 0;
	}
	if (t->looks < NAME_LOOKS) {
		(void)snprintf(path, sizeof(path), "%.20s/comm", tid);
		if (read_at(dir, path, buf, sizeof(buf)))
			t->class = (uint8_t)mp_thread_class_of(buf);
		t->looks++;
	}
	x->thread_ns[t->class] += (double)(run_ns - t->run_ns);
	t->run_ns = run_ns;
	t->seen = x->walks;
}

static void read_threads(struct mp_aux *x, uint64_t now_ns)
{
	_cleanup_closedir_ DIR *d = NULL;
	const struct dirent *e;
	size_t n = 0, kept = 0;
	char path[64];

	if (x->threads_at_ns && now_ns - x->threads_at_ns < WALK_NS)
		return;
	x->threads_at_ns = now_ns;
	(void)snprintf(path, sizeof(path), "/proc/%u/task", x->tgid);
	d = opendir(path);
	if (!d)
		return;
	x->walks++;
	while ((e = readdir(d)) && n < MAX_THREADS) {
		struct mp_thread *t;
		uint32_t tid;

		if (e->d_name[0] == '.')
			continue;
		tid = (uint32_t)strtoul(e->d_name, NULL, 10);
		t = find_thread(x, tid, n++);
		if (!t)
			t = add_thread(x, tid);
		if (t)
			read_thread(x, dirfd(d), e->d_name, t);
	}
	for (size_t i = 0; i < x->n_threads; i++)
		if (x->thread[i].seen == x->walks)
			x->thread[kept++] = x->thread[i];
	x->n_threads = kept;
	if (n < MAX_THREADS)
		x->known |= MP_AUX_THREADS;
	else
		x->known &= ~(unsigned)MP_AUX_THREADS;
}

/* --- all of them ----------------------------------------------------------------------------- */

static void aux_done(struct mp_aux *x)
{
	free(x->thread);
}

void mp_auxes_done(struct mp_auxes *a)
{
	for (size_t i = 0; i < a->n; i++)
		aux_done(&a->v[i]);
	free(a->v);
}

/* The process ended: what its threads used stays in its role's sum. Its role is not in x. */
static void leave(struct mp_auxes *a, struct mp_aux *x, enum mp_role role)
{
	for (int i = 0; i < _MP_THR_MAX; i++)
		a->gone_ns[role][i] += x->thread_ns[i];
	aux_done(x);
}

static unsigned needs_of(const struct mp_auxes *a, const struct mp_tree *t, const struct mp_proc *p)
{
	unsigned need = 0;

	if (t->frontend && (pid_t)p->cur.tgid == t->frontend)
		need |= a->need[MP_SCOPE_FRONTEND];
	if (p->role == MP_ROLE_WORKER)
		need |= a->need[MP_SCOPE_WORKERS];
	if (p->role == MP_ROLE_WORKER || p->role == MP_ROLE_FRONTEND)
		need |= a->need[MP_SCOPE_ALL];
	return need;
}

/* Both lists keep their order: one pass pairs who stayed and lets go of who left. */
static int align(struct mp_auxes *a, const struct mp_tree *t)
{
	size_t cap = a->cap ? a->cap : 32, j = 0;
	struct mp_aux *fresh;

	while (cap < t->n)
		cap *= 2;
	fresh = calloc(cap, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	for (size_t i = 0; i < t->n; i++) {
		const struct mp_rec *r = &t->procs[i].cur;
		size_t k = j;

		while (k < a->n && (a->v[k].tgid != r->tgid || a->v[k].start_ns != r->start_ns))
			k++;
		if (k == a->n) {
			fresh[i].tgid = r->tgid;
			fresh[i].start_ns = r->start_ns;
			fresh[i].role = t->procs[i].role;
			continue;
		}
		for (; j < k; j++)
			leave(a, &a->v[j], a->v[j].role);
		fresh[i] = a->v[j++];
		fresh[i].role = t->procs[i].role;
	}
	for (; j < a->n; j++)
		leave(a, &a->v[j], a->v[j].role);
	free(a->v);
	a->v = fresh;
	a->cap = cap;
	a->n = t->n;
	return 0;
}

static bool is_aligned(const struct mp_auxes *a, const struct mp_tree *t)
{
	if (a->n != t->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].tgid != t->procs[i].cur.tgid ||
		    a->v[i].start_ns != t->procs[i].cur.start_ns ||
		    a->v[i].role != t->procs[i].role)
			return false;
	return true;
}

int mp_auxes_update(struct mp_auxes *a, const struct mp_tree *t, uint64_t now_ns)
{
	unsigned any = 0;
	int r;

	for (int s = 0; s < _MP_SCOPE_MAX; s++)
		any |= a->need[s];
	if (!any)
		return 0;
	if (!is_aligned(a, t)) {
		r = align(a, t);
		if (r < 0)
			return r;
	}
	a->refused = false;
	for (size_t i = 0; i < t->n; i++) {
		const struct mp_proc *p = &t->procs[i];
		unsigned need = needs_of(a, t, p);
		struct mp_aux *x = &a->v[i];

		if (!need)
			continue;
		if (a->unpaced)
			x->limits_at_ns = x->fds_at_ns = x->threads_at_ns = 0;
		x->age_s = t->boot_ns > p->cur.start_ns
				   ? (double)(t->boot_ns - p->cur.start_ns) / 1e9
				   : 0;
		x->known |= MP_AUX_AGE;
		if (need & MP_AUX_LIMITS)
			read_limits(x, p, now_ns);
		if (need & MP_AUX_FDS)
			read_fds(x, now_ns);
		if (need & MP_AUX_THREADS)
			read_threads(x, now_ns);
		a->refused = a->refused || x->refused;
	}
	return 0;
}

struct mp_value mp_aux_value(const struct mp_auxes *a, int metric, const struct mp_proc *p,
			     size_t i)
{
	const struct mp_aux *x = i < a->n ? &a->v[i] : NULL;
	double v = 0;

	/* asked after another interval's tick has changed the tree: not this sample's */
	if (!x || x->tgid != p->cur.tgid || !(x->known & (unsigned)mp_proc_info[metric].aux))
		return (struct mp_value){0};
	if (metric == MP_PM_FD_RATIO && !(p->cur.valid & MP_HAS_FDS))
		return (struct mp_value){0};
	switch (metric) {
#define X(id, n, k, u, b, kind, value, text)                                                       \
	case MP_PM_##id:                                                                           \
		v = value;                                                                         \
		break;
		MP_AUX_METRICS(X)
#undef X
	default:
		return (struct mp_value){0};
	}
	return (struct mp_value){.v = v, .valid = true};
}

double mp_aux_gone(const struct mp_auxes *a, int metric, enum mp_role role)
{
	if (metric < MP_PM_THR_NETTY || metric > MP_PM_THR_OTHER)
		return 0;
	return a->gone_ns[role][metric - MP_PM_THR_NETTY] / 1e9;
}

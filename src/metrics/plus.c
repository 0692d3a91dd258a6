// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of readers, and what they share. Owns the readers' states of one view. Called by
 * view.c.
 */
#include "metrics/plus.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct mp_reader_ops *const readers[] = {
	[MP_RD_PRESSURE] = &mp_pressure_reader, [MP_RD_CGROUP] = &mp_servercg_reader,
	[MP_RD_JVM] = &mp_jvm_reader,           [MP_RD_LOG] = &mp_servlog_reader,
	[MP_RD_API] = &mp_api_reader,           [MP_RD_MONITOR] = &mp_self_reader,
};
_Static_assert(ARRAY_SIZE(readers) == _MP_RD_MAX, "readers");

int mp_plus_need(struct mp_plus *p, enum mp_reader r)
{
	int err;

	if (p->on[r])
		return 0;
	err = readers[r]->open(p->context, &p->state[r]);
	if (err < 0)
		return err;
	p->on[r] = p->any = true;
	return 0;
}

void mp_plus_update(struct mp_plus *p, const struct mp_tree *t)
{
	struct mp_server s = {.tree = t, .pid = t->frontend, .cmd = "", .unpaced = p->unpaced};

	if (!p->any)
		return;
	s.now_ns = mp_now_ns();
	for (size_t i = 0; i < t->n; i++)
		if (t->frontend && (pid_t)t->procs[i].cur.tgid == t->frontend) {
			s.start_ns = t->procs[i].cur.start_ns;
			s.cmd = t->procs[i].cmd ? t->procs[i].cmd : "";
		}
	memset(p->v, 0, sizeof(p->v));
	for (int r = 0; r < _MP_RD_MAX; r++)
		if (p->on[r])
			readers[r]->update(p->state[r], &s, p->v);
}

const char *mp_plus_why(struct mp_plus *p, enum mp_reader r, int metric)
{
	return p->on[r] && readers[r]->why ? readers[r]->why(p->state[r], metric) : NULL;
}

void mp_plus_done(struct mp_plus *p)
{
	for (int r = 0; r < _MP_RD_MAX; r++)
		if (p->on[r])
			readers[r]->free(p->state[r]);
}

int mp_reread(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = pread(fd, buf + len, size - 1 - len, (off_t)len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
	} while (n != 0 && len < size - 1);
	buf[len] = '\0';
	return 0;
}

bool mp_key_u64(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);

	for (const char *p = text; *p; p++) {
		if (!strncmp(p, key, len) && p[len] == ' ') {
			char *end;
			uint64_t v = strtoull(p + len + 1, &end, 10);

			if (end == p + len + 1)
				return false;
			*ret = v;
			return true;
		}
		p = strchr(p, '\n');
		if (!p)
			break;
	}
	return false;
}

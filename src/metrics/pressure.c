// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pressure stall information: what share of an interval somebody (some) or everybody (full) stood
 * still for want of CPU, storage or memory. Made from the kernel's totals, so nothing between two
 * samples is missed; its own averages are of fixed windows and not used.
 */
#include "metrics/plus.h"

#include <mmsperf/cleanup.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static bool total_of(const char *text, const char *line, uint64_t *ret)
{
	const char *p = strstr(text, line), *end, *total;
	char *after;

	if (!p)
		return false;
	end = p + strcspn(p, "\n");
	total = strstr(p, "total=");
	if (!total || total > end)
		return false;
	*ret = strtoull(total + strlen("total="), &after, 10);
	return after != total + strlen("total=");
}

int mp_pressure_parse(const char *text, uint64_t *ret_some_us, uint64_t *ret_full_us)
{
	uint64_t some, full;

	if (!total_of(text, "some ", &some))
		return -EINVAL;
	if (!total_of(text, "full ", &full))
		full = UINT64_MAX; /* cpu before 5.13 */
	*ret_some_us = some;
	*ret_full_us = full;
	return 0;
}

void mp_pressure_open(struct mp_pressure *p, const char *path)
{
	char buf[512];

	*p = (struct mp_pressure){.fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (p->fd < 0) {
		p->error = -errno;
		return;
	}
	p->error = mp_reread(p->fd, buf, sizeof(buf)); /* -EOPNOTSUPP: switched off at boot */
	if (p->error < 0)
		mp_pressure_close(p);
}

void mp_pressure_close(struct mp_pressure *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}

static struct mp_value share(uint64_t before_us, uint64_t now_us, double dt_ns)
{
	double stood = ((double)now_us - (double)before_us) * 1e3;

	if (before_us == UINT64_MAX || now_us == UINT64_MAX || dt_ns <= 0 || stood < 0)
		return (struct mp_value){0};
	/* totals are brought up to date when they are read: an interval may get a bit of another */
	return mp_valid(stood < dt_ns ? 100.0 * stood / dt_ns : 100.0);
}

void mp_pressure_update(struct mp_pressure *p, uint64_t now_ns, struct mp_value *some,
			struct mp_value *full)
{
	uint64_t some_us, full_us;
	char buf[512];

	if (p->fd < 0 || mp_reread(p->fd, buf, sizeof(buf)) < 0 ||
	    mp_pressure_parse(buf, &some_us, &full_us) < 0)
		return;
	if (p->has_before) {
		double dt = (double)(now_ns - p->at_ns);

		*some = share(p->some_us, some_us, dt);
		if (full)
			*full = share(p->full_us, full_us, dt);
	}
	p->has_before = true;
	p->some_us = some_us;
	p->full_us = full_us;
	p->at_ns = now_ns;
}

/* --- of the machine -------------------------------------------------------------------------- */

struct pressure {
	struct mp_pressure cpu, io, mem;
};

static int pressure_open(struct mp_context *c, void **ret_state)
{
	struct pressure *p = calloc(1, sizeof(*p));

	(void)c;
	if (!p)
		return -ENOMEM;
	mp_pressure_open(&p->cpu, "/proc/pressure/cpu");
	mp_pressure_open(&p->io, "/proc/pressure/io");
	mp_pressure_open(&p->mem, "/proc/pressure/memory");
	*ret_state = p;
	return 0;
}

static void pressure_update(void *state, const struct mp_server *s, struct mp_value *v)
{
	struct pressure *p = state;

	mp_pressure_update(&p->cpu, s->now_ns, &v[MP_XM_PSI_CPU], NULL);
	mp_pressure_update(&p->io, s->now_ns, &v[MP_XM_PSI_IO], &v[MP_XM_PSI_IO_FULL]);
	mp_pressure_update(&p->mem, s->now_ns, &v[MP_XM_PSI_MEM], &v[MP_XM_PSI_MEM_FULL]);
}

static const char *pressure_why(void *state, int metric)
{
	struct pressure *p = state;

	(void)metric;
	switch (p->cpu.error) {
	case 0:
		return NULL;
	case -EOPNOTSUPP:
		return "the kernel counts no pressure here: it was started without psi=1";
	case -ENOENT:
		return "the kernel has no /proc/pressure: it was built without PSI";
	default:
		return strerror(-p->cpu.error);
	}
}

static void pressure_free(void *state)
{
	struct pressure *p = state;

	mp_pressure_close(&p->cpu);
	mp_pressure_close(&p->io);
	mp_pressure_close(&p->mem);
	free(p);
}

const struct mp_reader_ops mp_pressure_reader = {.open = pressure_open,
						 .update = pressure_update,
						 .why = pressure_why,
						 .free = pressure_free};

// SPDX-License-Identifier: GPL-2.0-only
/* Parsers of /proc's files about the machine. Text in, numbers out; nothing is opened here. */
#include "metrics/system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for one more element in a growing array. */
static int reserve(void **v, size_t n, size_t *cap, size_t size)
{
	void *more;
	size_t c = *cap ? *cap * 2 : 8;

	if (n < *cap)
		return 0;
	more = realloc(*v, c * size);
	if (!more)
		return -ENOMEM;
	*v = more;
	*cap = c;
	return 0;
}

static const char *next_line(const char *p)
{
	p = strchr(p, '\n');
	return p ? p + 1 : NULL;
}

/* Up to n numbers from p; how many there were. */
static int numbers(const char *p, uint64_t *v, int n)
{
	int i = 0;

	for (; i < n; i++) {
		char *end;

		while (*p == ' ' || *p == '\t')
			p++;
		if (*p < '0' || *p > '9')
			break;
		v[i] = strtoull(p, &end, 10);
		p = end;
	}
	return i;
}

uint64_t mp_cpu_total(const struct mp_cpu_ticks *c)
{
	uint64_t sum = 0;

	for (int i = 0; i < MP_CPU_GUEST; i++)
		sum += c->t[i];
	return sum;
}

int mp_sys_parse_stat(const char *text, struct mp_sys_sample *ret)
{
	bool found = false;

	ret->n_cores = 0;
	for (const char *p = text; p && !strncmp(p, "cpu", 3); p = next_line(p)) {
		struct mp_cpu_ticks c = {0};
		char *rest;
		size_t core;
		int r;

		if (p[3] == ' ') {
			if (numbers(p + 3, c.t, _MP_CPU_MAX) < MP_CPU_IOWAIT)
				return -EINVAL;
			ret->cpu = c;
			found = true;
			continue;
		}
		core = strtoull(p + 3, &rest, 10);
		if (numbers(rest, c.t, _MP_CPU_MAX) < MP_CPU_IOWAIT || core > 65535)
			return -EINVAL;
		/* CPUs that are offline have no line: theirs are zeros */
		while (ret->n_cores <= core) {
			r = reserve((void **)&ret->core, ret->n_cores, &ret->cap_cores,
				    sizeof(*ret->core));
			if (r < 0)
				return r;
			ret->core[ret->n_cores++] = (struct mp_cpu_ticks){0};
		}
		ret->core[core] = c;
	}
	return found ? 0 : -EINVAL;
}

static bool kib(const char *text, const char *name, uint64_t *ret)
{
	const char *p = strstr(text, name);

	if (!p)
		return false;
	*ret = strtoull(p + strlen(name), NULL, 10) * 1024;
	return true;
}

int mp_sys_parse_meminfo(const char *text, struct mp_sys_sample *ret)
{
	uint64_t reclaimable = 0;

	ret->buffers = ret->cached = ret->swap_total = ret->swap_free = 0;
	if (!kib(text, "MemTotal:", &ret->mem_total) || !kib(text, "\nMemFree:", &ret->mem_free))
		return -EINVAL;
	(void)kib(text, "\nBuffers:", &ret->buffers);
	(void)kib(text, "\nCached:", &ret->cached);
	(void)kib(text, "\nSReclaimable:", &reclaimable);
	(void)kib(text, "\nSwapTotal:", &ret->swap_total);
	(void)kib(text, "\nSwapFree:", &ret->swap_free);
	/* kernels before 3.14, and some containers, do not say */
	if (!kib(text, "\nMemAvailable:", &ret->mem_available) || !ret->mem_available)
		ret->mem_available = ret->mem_free + ret->buffers + ret->cached + reclaimable;
	/* a container's file system may limit the total and not the rest */
	if (ret->mem_available > ret->mem_total)
		ret->mem_available = ret->mem_free;
	return 0;
}

int mp_sys_parse_diskstats(const char *text, bool (*is_whole)(const char *name),
			   struct mp_sys_sample *ret)
{
	size_t n = 0;

	for (const char *p = text; p && *p; p = next_line(p)) {
		/* reads merged sectors ms, writes merged sectors ms, in flight, busy, queue */
		uint64_t v[11];
		struct mp_disk d = {0};
		int used = 0, r;

		if (sscanf(p, " %u %u %31s%n", &d.major, &d.minor, d.name, &used) < 3)
			continue;
		if (numbers(p + used, v, 11) < 11)
			continue;
		d.reads = v[0];
		d.read_sectors = v[2];
		d.writes = v[4];
		d.write_sectors = v[6];
		d.busy_ms = v[9];
		d.queue_ms = v[10];
		/* asked once a device, not once a tick */
		if (n < ret->n_disks && !strcmp(ret->disk[n].name, d.name))
			d.whole = ret->disk[n].whole;
		else
			d.whole = is_whole(d.name);
		r = reserve((void **)&ret->disk, n, &ret->cap_disks, sizeof(*ret->disk));
		if (r < 0)
			return r;
		ret->disk[n++] = d;
	}
	ret->n_disks = n;
	return 0;
}

int mp_sys_parse_vmstat(const char *text, struct mp_sys_sample *ret)
{
	const char *in = strstr(text, "\npswpin "), *out = strstr(text, "\npswpout ");

	if (!in || !out)
		return -EINVAL;
	ret->swap_in = strtoull(in + strlen("\npswpin "), NULL, 10);
	ret->swap_out = strtoull(out + strlen("\npswpout "), NULL, 10);
	return 0;
}

int mp_sys_parse_netdev(const char *text, struct mp_sys_sample *ret)
{
	ret->n_ifaces = 0;
	for (const char *p = text; p && *p; p = next_line(p)) {
		const char *end = strchrnul(p, '\n'), *colon = memrchr(p, ':', (size_t)(end - p));
		struct mp_iface f = {0};
		int r;

		if (!colon || numbers(colon + 1, f.v, _MP_NET_MAX) < _MP_NET_MAX)
			continue; /* the two lines of headings have none */
		while (p < colon && *p == ' ')
			p++;
		(void)snprintf(f.name, sizeof(f.name), "%.*s", (int)(colon - p), p);
		r = reserve((void **)&ret->iface, ret->n_ifaces, &ret->cap_ifaces,
			    sizeof(*ret->iface));
		if (r < 0)
			return r;
		ret->iface[ret->n_ifaces++] = f;
	}
	return 0;
}

static bool tcp_line(const char *p, unsigned *ret_port, unsigned *ret_state)
{
	/* "  0: 0100007F:1F90 00000000:0000 0A ...": the address is 8 or 32 digits */
	return sscanf(p, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", ret_port, ret_state) == 2;
}

int mp_sys_parse_tcp(const char *text, struct mp_sys_sample *ret)
{
	enum { ESTABLISHED = 1, LISTEN = 10 };
	uint8_t listening[65536 / 8] = {0};
	unsigned port, state;

	for (const char *p = text; p && *p; p = next_line(p)) {
		if (!tcp_line(p, &port, &state) || state >= 16 || port > 65535)
			continue;
		ret->tcp[state]++;
		if (state == LISTEN)
			listening[port / 8] |= (uint8_t)(1 << port % 8);
	}
	for (const char *p = text; p && *p; p = next_line(p)) {
		if (!tcp_line(p, &port, &state) || state != ESTABLISHED || port > 65535)
			continue;
		if (listening[port / 8] & 1 << port % 8)
			ret->tcp_inbound++;
		else
			ret->tcp_outbound++;
	}
	return 0;
}

void mp_sys_sample_done(struct mp_sys_sample *s)
{
	free(s->core);
	free(s->disk);
	free(s->iface);
	*s = (struct mp_sys_sample){0};
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parser of hsperfdata (HotSpot, src/hotspot/share/runtime/perfMemory.hpp: PerfDataPrologue and
 * PerfDataEntry). Every offset comes from the file and is checked against its length; a broken file
 * yields an error, never a read outside.
 */
#include "metrics/hsperf.h"

#include <mmsperf/cleanup.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prologue {
	uint8_t magic[4]; /* ca fe c0 c0 in every byte order */
	uint8_t byte_order, major, minor, accessible;
	int32_t used, overflow;
	int64_t mod_time;
	int32_t entry_offset, num_entries;
};
_Static_assert(sizeof(struct prologue) == 32, "PerfDataPrologue");

struct entry {
	int32_t length, name_offset, vector_length;
	uint8_t type, flags, units, variability;
	int32_t data_offset;
};
_Static_assert(sizeof(struct entry) == 20, "PerfDataEntry");

#define MAX_ENTRIES 8192 /* a JVM has 250 to 300 */
#define LITTLE      1

static const char *const field_names[_MP_HS_MAX] = {
	[MP_HS_FREQUENCY] = "sun.os.hrt.frequency",
	[MP_HS_SAFEPOINTS] = "sun.rt.safepoints",
	[MP_HS_SAFEPOINT_TIME] = "sun.rt.safepointTime",
	[MP_HS_SAFEPOINT_SYNC] = "sun.rt.safepointSyncTime",
	[MP_HS_METASPACE_USED] = "sun.gc.metaspace.used",
	[MP_HS_THREADS_LIVE] = "java.threads.live",
	[MP_HS_THREADS_PEAK] = "java.threads.livePeak",
	[MP_HS_THREADS_STARTED] = "java.threads.started",
	[MP_HS_CLASSES] = "java.cls.loadedClasses",
};

/* "PREFIX.N.REST": the rest, N below max; else NULL. */
static const char *numbered(const char *name, const char *prefix, int max, int *ret_n)
{
	size_t len = strlen(prefix);
	char *end;
	long n;

	if (strncmp(name, prefix, len) != 0 || !isdigit((unsigned char)name[len]))
		return NULL;
	n = strtol(name + len, &end, 10);
	if (*end != '.' || n >= max)
		return NULL;
	*ret_n = (int)n;
	return end + 1;
}

static void take_long(struct mp_hsperf *h, const char *name, uint32_t at, int *spaces)
{
	const char *rest;
	int n, s;

	for (int i = 0; i < _MP_HS_MAX; i++)
		if (!strcmp(name, field_names[i]))
			h->field[i] = at;
	rest = numbered(name, "sun.gc.collector.", MP_HSPERF_COLLECTORS, &n);
	if (rest) {
		struct mp_hsperf_collector *c = &h->gc[n];
		uint32_t *to = !strcmp(rest, "invocations")     ? &c->count
			       : !strcmp(rest, "time")          ? &c->time
			       : !strcmp(rest, "lastEntryTime") ? &c->entry
			       : !strcmp(rest, "lastExitTime")  ? &c->exit
								: NULL;

		if (to)
			*to = at;
		return;
	}
	rest = numbered(name, "sun.gc.generation.", (int)ARRAY_SIZE(h->generation_max), &n);
	if (!rest)
		return;
	if (!strcmp(rest, "capacity"))
		h->generation_capacity[n] = at;
	else if (!strcmp(rest, "maxCapacity"))
		h->generation_max[n] = at;
	else if ((rest = numbered(rest, "space.", MP_HSPERF_SPACES, &s)) && !strcmp(rest, "used") &&
		 *spaces < MP_HSPERF_SPACES)
		h->space_used[(*spaces)++] = at;
}

static void take_text(struct mp_hsperf *h, const char *name, const char *text)
{
	static const char *const full[] = {"full", "MSC", "MarkSweep", "PSParallelCompact"};
	const char *rest;
	int n;

	if (!strcmp(name, "sun.gc.policy.name"))
		h->shared_max = !strcmp(text, "GarbageFirst");
	rest = numbered(name, "sun.gc.collector.", MP_HSPERF_COLLECTORS, &n);
	if (!rest || strcmp(rest, "name") != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(full); i++)
		if (strstr(text, full[i]))
			h->gc[n].full = true;
}

/* A NUL-terminated string at p that ends before end. */
static const char *text_at(const char *p, const char *end)
{
	return memchr(p, '\0', (size_t)(end - p)) ? p : NULL;
}

static int parse_entry(struct mp_hsperf *h, const char *data, size_t at, const struct entry *e,
		       int *spaces)
{
	const char *begin = data + at, *end = begin + e->length, *name;
	size_t length = (size_t)e->length;

	if (e->name_offset < (int32_t)sizeof(*e) || (size_t)e->name_offset >= length ||
	    e->data_offset < (int32_t)sizeof(*e) || (size_t)e->data_offset >= length)
		return -EINVAL;
	name = text_at(begin + e->name_offset, end);
	if (!name)
		return -EINVAL;
	if (e->type == 'J' && e->vector_length == 0) {
		size_t value = at + (size_t)e->data_offset;

		if (length - (size_t)e->data_offset < sizeof(int64_t))
			return -EINVAL;
		take_long(h, name, (uint32_t)value, spaces);
		if (value + sizeof(int64_t) > h->end)
			h->end = (uint32_t)(value + sizeof(int64_t));
	} else if (e->type == 'B') {
		const char *text = text_at(begin + e->data_offset, end);

		if (text)
			take_text(h, name, text);
	}
	return 0;
}

static int check_prologue(const struct prologue *p, size_t len)
{
	static const uint8_t magic[4] = {0xca, 0xfe, 0xc0, 0xc0};

	if (memcmp(p->magic, magic, sizeof(magic)) != 0)
		return -EINVAL;
	if (p->byte_order != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? LITTLE : !LITTLE) ||
	    p->major != 2)
		return -ENOTSUP;
	if (!p->accessible)
		return -EAGAIN;
	if (p->used < (int32_t)sizeof(*p) || (size_t)p->used > len || p->num_entries < 0 ||
	    p->num_entries > MAX_ENTRIES || p->entry_offset < (int32_t)sizeof(*p) ||
	    p->entry_offset > p->used)
		return -EINVAL;
	return 0;
}

int mp_hsperf_parse(const void *data, size_t len, struct mp_hsperf *ret)
{
	struct mp_hsperf h = {0};
	struct prologue p;
	int spaces = 0, r;
	size_t at, used;

	if (len > MP_HSPERF_MAX)
		len = MP_HSPERF_MAX;
	if (len < sizeof(p))
		return -EINVAL;
	memcpy(&p, data, sizeof(p));
	r = check_prologue(&p, len);
	if (r < 0)
		return r;
	h.used = (uint32_t)p.used;
	h.entries = (uint32_t)p.num_entries;
	used = (size_t)p.used;
	at = (size_t)p.entry_offset;
	for (int i = 0; i < p.num_entries; i++) {
		struct entry e;

		if (used - at < sizeof(e))
			return -EINVAL;
		memcpy(&e, (const char *)data + at, sizeof(e));
		if (e.length < (int32_t)sizeof(e) || (size_t)e.length > used - at)
			return -EINVAL;
		r = parse_entry(&h, data, at, &e, &spaces);
		if (r < 0)
			return r;
		at += (size_t)e.length;
	}
	if (!h.field[MP_HS_FREQUENCY])
		return -EINVAL;
	*ret = h;
	return 0;
}

bool mp_hsperf_same(const void *data, size_t len, const struct mp_hsperf *h)
{
	struct prologue p;

	if (len < sizeof(p) || len < h->end)
		return false;
	memcpy(&p, data, sizeof(p));
	return check_prologue(&p, MP_HSPERF_MAX) == 0 && (uint32_t)p.used == h->used &&
	       (uint32_t)p.num_entries == h->entries;
}

bool mp_hsperf_value(const void *data, size_t len, uint32_t offset, int64_t *ret)
{
	if (!offset || offset > len || len - offset < sizeof(*ret))
		return false;
	memcpy(ret, (const char *)data + offset, sizeof(*ret));
	return true;
}

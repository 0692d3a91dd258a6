// SPDX-License-Identifier: GPL-2.0-only
/*
 * PerfMon ServerAgent's metric grammar: type[:option...]:subtype, options and subtype in any order,
 * "\:" for a colon within a value. Pure, like name.c, which calls it. `exec` and `tail` would be
 * remote shells and file readers: they are recognised and refused.
 */
#include "metrics/table.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define G(n, u, f)                                                                                 \
	{                                                                                          \
		n, MP_KIND_GAUGE, MP_UNIT_##u, f, false                                            \
	}
#define GS(n, u, f)                                                                                \
	{                                                                                          \
		n, MP_KIND_GAUGE, MP_UNIT_##u, f, true                                             \
	}
#define R(n, u, f)                                                                                 \
	{                                                                                          \
		n, MP_KIND_RATE, MP_UNIT_##u, f, false                                             \
	} /* change since the last sample */
#define RS(n, u, f)                                                                                \
	{                                                                                          \
		n, MP_KIND_RATE, MP_UNIT_##u, f, true                                              \
	}

/* The order is that of the enums in agenteval.c. */
static const struct mp_agent_sub cpu[] = {
	R("combined", PERCENT, MP_SYS_STAT), R("idle", PERCENT, MP_SYS_STAT),
	R("system", PERCENT, MP_SYS_STAT),   R("user", PERCENT, MP_SYS_STAT),
	R("iowait", PERCENT, MP_SYS_STAT),   R("irq", PERCENT, MP_SYS_STAT),
	R("nice", PERCENT, MP_SYS_STAT),     R("softirq", PERCENT, MP_SYS_STAT),
	R("stolen", PERCENT, MP_SYS_STAT),   {0},
};
static const struct mp_agent_sub cpu_proc[] = {
	R("percent", PERCENT, 0),
	R("total", NONE, 0),
	R("system", NONE, 0),
	R("user", NONE, 0),
	{0},
};
static const struct mp_agent_sub memory[] = {
	G("usedperc", PERCENT, MP_SYS_MEMINFO),
	G("freeperc", PERCENT, MP_SYS_MEMINFO),
	GS("used", BYTES, MP_SYS_MEMINFO),
	GS("free", BYTES, MP_SYS_MEMINFO),
	GS("actualfree", BYTES, MP_SYS_MEMINFO),
	GS("actualused", BYTES, MP_SYS_MEMINFO),
	G("ram", NONE, MP_SYS_MEMINFO),
	GS("total", BYTES, MP_SYS_MEMINFO),
	{0},
};
static const struct mp_agent_sub mem_proc[] = {
	GS("resident", BYTES, 0),
	GS("virtual", BYTES, 0),
	GS("shared", BYTES, 0),
	R("pagefaults", COUNT, 0),
	R("majorfaults", COUNT, 0),
	R("minorfaults", COUNT, 0),
	{0},
};
static const struct mp_agent_sub swap[] = {
	GS("used", BYTES, MP_SYS_MEMINFO),  R("pagein", COUNT, MP_SYS_VMSTAT),
	R("pageout", COUNT, MP_SYS_VMSTAT), GS("free", BYTES, MP_SYS_MEMINFO),
	GS("total", BYTES, MP_SYS_MEMINFO), {0},
};
static const struct mp_agent_sub disks[] = {
	R("queue", NONE, MP_SYS_DISKSTATS),        R("reads", COUNT, MP_SYS_DISKSTATS),
	R("writes", COUNT, MP_SYS_DISKSTATS),      RS("readbytes", BYTES, MP_SYS_DISKSTATS),
	RS("writebytes", BYTES, MP_SYS_DISKSTATS), GS("available", NONE, MP_SYS_DISKSTATS),
	R("service", NONE, MP_SYS_DISKSTATS),      G("files", COUNT, MP_SYS_DISKSTATS),
	GS("free", NONE, MP_SYS_DISKSTATS),        G("freefiles", COUNT, MP_SYS_DISKSTATS),
	GS("total", NONE, MP_SYS_DISKSTATS),       G("useperc", PERCENT, MP_SYS_DISKSTATS),
	GS("used", NONE, MP_SYS_DISKSTATS),        {0},
};
static const struct mp_agent_sub network[] = {
	RS("bytesrecv", BYTES, MP_SYS_NETDEV), RS("bytessent", BYTES, MP_SYS_NETDEV),
	R("rx", COUNT, MP_SYS_NETDEV),         R("tx", COUNT, MP_SYS_NETDEV),
	G("used", COUNT, MP_SYS_NETDEV),       G("speed", NONE, MP_SYS_NETDEV),
	R("rxdrops", COUNT, MP_SYS_NETDEV),    R("rxerr", COUNT, MP_SYS_NETDEV),
	R("rxframe", COUNT, MP_SYS_NETDEV),    R("rxoverruns", COUNT, MP_SYS_NETDEV),
	R("txcarrier", COUNT, MP_SYS_NETDEV),  R("txcollisions", COUNT, MP_SYS_NETDEV),
	R("txdrops", COUNT, MP_SYS_NETDEV),    R("txerr", COUNT, MP_SYS_NETDEV),
	R("txoverruns", COUNT, MP_SYS_NETDEV), {0},
};
static const struct mp_agent_sub tcp[] = {
	G("estab", COUNT, MP_SYS_TCP),
	G("time_wait", COUNT, MP_SYS_TCP),
	G("close_wait", COUNT, MP_SYS_TCP),
	G("bound", COUNT, MP_SYS_TCP),
	G("close", COUNT, MP_SYS_TCP),
	G("closing", COUNT, MP_SYS_TCP),
	G("fin_wait1", COUNT, MP_SYS_TCP),
	G("fin_wait2", COUNT, MP_SYS_TCP),
	G("idle", COUNT, MP_SYS_TCP),
	G("inbound", COUNT, MP_SYS_TCP),
	G("last_ack", COUNT, MP_SYS_TCP),
	G("listen", COUNT, MP_SYS_TCP),
	G("outbound", COUNT, MP_SYS_TCP),
	G("syn_recv", COUNT, MP_SYS_TCP),
	{0},
};
static const struct mp_agent_sub disk_space[] = {G("percent", PERCENT, 0), {0}};

static const struct {
	const char *name;
	const struct mp_agent_sub *subs;
} types[] = {
	[MP_AG_CPU] = {"cpu", cpu},
	[MP_AG_CPU_PROC] = {"cpu", cpu_proc},
	[MP_AG_MEMORY] = {"memory", memory},
	[MP_AG_MEM_PROC] = {"memory", mem_proc},
	[MP_AG_SWAP] = {"swap", swap},
	[MP_AG_DISKS] = {"disks", disks},
	[MP_AG_NETWORK] = {"network", network},
	[MP_AG_TCP] = {"tcp", tcp},
	[MP_AG_DISK_SPACE] = {"disk-space", disk_space},
};
_Static_assert(ARRAY_SIZE(types) == _MP_AG_MAX, "types");

const struct mp_agent_sub *mp_agent_sub(enum mp_agent_type type, int sub)
{
	for (int i = 0; types[type].subs[i].name; i++)
		if (i == sub)
			return &types[type].subs[i];
	return NULL;
}

const char *mp_agent_type_name(enum mp_agent_type type)
{
	return types[type].name;
}

/* The next field, its "\:" turned to ':', into out; false at the end; *ret_cut: did not fit. */
static bool next_field(const char **at, char *out, size_t size, bool *ret_cut)
{
	const char *p = *at;
	size_t n = 0;

	if (!p)
		return false;
	while (*p && *p != ':') {
		if (p[0] == '\\' && p[1] == ':')
			p++;
		if (n + 1 < size)
			out[n++] = *p;
		else
			*ret_cut = true;
		p++;
	}
	out[n] = '\0';
	*at = *p ? p + 1 : NULL;
	return true;
}

struct parse {
	struct mp_agent_name *a;
	char sub[64];
	bool of_process;
	double unit; /* 0: not given */
	const char *why;
};

static int set_process(struct parse *p, const char *value, bool by_name)
{
	char *hash = strrchr(value, '#');
	long n;

	p->of_process = true;
	if (!by_name) {
		if (mp_parse_int(value, 1, INT_MAX, &n) < 0)
			return -EINVAL;
		p->a->pid = (int)n;
		return 0;
	}
	if (hash) {
		if (mp_parse_int(hash + 1, 0, INT_MAX, &n) < 0)
			return -EINVAL;
		p->a->index = (int)n;
		*hash = '\0';
	}
	if (!*value || strlen(value) >= sizeof(p->a->name))
		return -EINVAL;
	(void)snprintf(p->a->name, sizeof(p->a->name), "%.63s", value);
	return 0;
}

static int set_option(struct parse *p, char *field)
{
	char *value = strchr(field, '=');
	long n;

	if (!value) {
		if (*field)
			(void)snprintf(p->sub, sizeof(p->sub), "%.63s", field);
		return 0;
	}
	*value++ = '\0';
	if (!strcmp(field, "pid") || !strcmp(field, "name"))
		return set_process(p, value, field[0] == 'n');
	if (!strcmp(field, "core")) {
		if (mp_parse_int(value, -1, 65535, &n) < 0)
			return -EINVAL;
		p->a->core = (int)n;
	} else if (!strcmp(field, "fs")) {
		(void)snprintf(p->a->fs, sizeof(p->a->fs), "%.127s", value);
	} else if (!strcmp(field, "iface")) {
		(void)snprintf(p->a->iface, sizeof(p->a->iface), "%.31s", value);
	} else if (!strcmp(field, "unit")) {
		p->unit = !strcmp(value, "kb")   ? 1024.0
			  : !strcmp(value, "mb") ? 1024.0 * 1024.0
						 : 1.0;
	} else if (!strcmp(field, "ptql")) {
		p->why = "ptql= queries are not supported, use name= or pid=";
		return -EOPNOTSUPP;
	} else if (strcmp(field, "label")) {
		return -EINVAL;
	}
	return 0;
}

static const char *refused(const char *type)
{
	if (!strcmp(type, "exec") || !strcmp(type, "tail"))
		return "'exec' and 'tail' are off: they would be remote shells";
	return strcmp(type, "jmx") ? NULL : "'jmx' is not supported";
}

static bool find_type(const char *name, bool of_process, enum mp_agent_type *ret)
{
	for (int i = 0; i < _MP_AG_MAX; i++) {
		bool process = i == MP_AG_CPU_PROC || i == MP_AG_MEM_PROC;

		if (!strcmp(types[i].name, name) && process == of_process) {
			*ret = (enum mp_agent_type)i;
			return true;
		}
	}
	return false;
}

/* Without unit= disk space is in KB, as ServerAgent had it; everything else in bytes. */
static double divisor(const struct mp_agent_name *a, const struct mp_agent_sub *sub, double unit)
{
	if (!sub->sized)
		return 1.0;
	if (unit > 0)
		return unit;
	return a->type == MP_AG_DISKS && sub->unit == MP_UNIT_NONE ? 1024.0 : 1.0;
}

int mp_agent_parse(const char *text, struct mp_agent_name *ret, const char **why)
{
	struct mp_agent_name a = {.core = -1};
	struct parse p = {.a = &a};
	char type[32], field[256];
	const struct mp_agent_sub *sub;
	bool cut = false;

	(void)next_field(&text, type, sizeof(type), &cut);
	if (refused(type)) {
		if (why)
			*why = refused(type);
		return -EOPNOTSUPP;
	}
	if (cut || !find_type(type, false, &a.type))
		return -ENOENT;
	while (next_field(&text, field, sizeof(field), &cut)) {
		int r = cut ? -EINVAL : set_option(&p, field);

		if (r < 0) {
			if (why)
				*why = p.why ? p.why : "an option is not understood";
			return r;
		}
	}
	if (p.of_process && !find_type(type, true, &a.type)) {
		if (why)
			*why = "this type is not to be had by process";
		return -EINVAL;
	}
	for (; (sub = mp_agent_sub(a.type, a.sub)) && p.sub[0]; a.sub++)
		if (!strcmp(sub->name, p.sub))
			break;
	if (!sub) {
		if (why)
			*why = "no such subtype";
		return -EINVAL;
	}
	a.divide = divisor(&a, sub, p.unit);
	*ret = a;
	return 0;
}

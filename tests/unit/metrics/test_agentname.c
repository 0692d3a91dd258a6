// SPDX-License-Identifier: GPL-2.0-only
/* PerfMon ServerAgent's grammar. */
#include "unit.h"

#include "metrics/table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct mp_agent_name a;
static const char *why;

static int parse(const char *text)
{
	memset(&a, 0, sizeof(a));
	why = NULL;
	return mp_agent_parse(text, &a, &why);
}

static const char *sub(void)
{
	return mp_agent_sub(a.type, a.sub)->name;
}

/* The contract, section 3: every type with its subtypes. */
static void every_subtype(void **state)
{
	static const struct {
		const char *prefix, *subs;
	} t[] = {
		{"cpu:", "combined idle system user iowait irq nice softirq stolen"},
		{"cpu:pid=1:", "percent total system user"},
		{"memory:", "usedperc freeperc used free actualfree actualused ram total"},
		{"memory:pid=1:", "resident virtual shared pagefaults majorfaults minorfaults"},
		{"swap:", "used pagein pageout free total"},
		{"disks:", "queue reads writes readbytes writebytes available service files free "
			   "freefiles total useperc used"},
		{"network:",
		 "bytesrecv bytessent rx tx used speed rxdrops rxerr rxframe rxoverruns "
		 "txcarrier txcollisions txdrops txerr txoverruns"},
		{"tcp:", "estab time_wait close_wait bound close closing fin_wait1 fin_wait2 idle "
			 "inbound last_ack listen outbound syn_recv"},
	};
	int n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		char subs[256], text[128], *save = NULL;

		(void)snprintf(subs, sizeof(subs), "%s", t[i].subs);
		for (char *s = strtok_r(subs, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
			(void)snprintf(text, sizeof(text), "%s%s", t[i].prefix, s);
			assert_int_equal(parse(text), 0);
			assert_string_equal(sub(), s);
			assert_true(mp_metric_known(text, NULL));
			n++;
		}
	}
	assert_int_equal(n, 74);
}

static void defaults(void **state)
{
	static const struct {
		const char *text, *sub;
	} t[] = {
		{"cpu", "combined"},      {"cpu:pid=1", "percent"},
		{"memory", "usedperc"},   {"memory:name=java", "resident"},
		{"swap", "used"},         {"disks", "queue"},
		{"network", "bytesrecv"}, {"tcp", "estab"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		assert_int_equal(parse(t[i].text), 0);
		assert_string_equal(sub(), t[i].sub);
	}
}

static void options(void **state)
{
	(void)state;
	assert_int_equal(parse("cpu:core=2:user"), 0);
	assert_int_equal(a.core, 2);
	assert_int_equal(parse("cpu:user:core=2"), 0);
	assert_string_equal(sub(), "user");
	assert_int_equal(parse("cpu:name=java#1:total"), 0);
	assert_int_equal(a.type, MP_AG_CPU_PROC);
	assert_string_equal(a.name, "java");
	assert_int_equal(a.index, 1);
	assert_int_equal(parse("memory:pid=42:unit=mb:resident"), 0);
	assert_int_equal(a.pid, 42);
	assert_double_equal(a.divide, 1048576, 0);
	assert_int_equal(parse("disks:fs=/mnt/A\\:b:label=x:used"), 0);
	assert_string_equal(a.fs, "/mnt/A:b");
	assert_int_equal(parse("network:iface=eth0:unit=kb:bytessent"), 0);
	assert_string_equal(a.iface, "eth0");
	assert_double_equal(a.divide, 1024, 0);
}

static void units(void **state)
{
	(void)state;
	/* a unit is for sizes only, and disk space is in KB by itself, as ServerAgent had it */
	assert_int_equal(parse("memory:unit=kb:usedperc"), 0);
	assert_double_equal(a.divide, 1, 0);
	assert_int_equal(parse("disks:free"), 0);
	assert_double_equal(a.divide, 1024, 0);
	assert_int_equal(parse("disks:unit=b:free"), 0);
	assert_double_equal(a.divide, 1, 0);
	assert_int_equal(parse("disks:readbytes"), 0);
	assert_double_equal(a.divide, 1, 0);
	assert_int_equal(parse("memory:used"), 0);
	assert_double_equal(a.divide, 1, 0);
}

static void refused(void **state)
{
	(void)state;
	assert_int_equal(parse("exec:/bin/sh:-c:id"), -EOPNOTSUPP);
	assert_non_null(strstr(why, "remote shells"));
	assert_int_equal(parse("tail:/etc/shadow"), -EOPNOTSUPP);
	assert_int_equal(parse("jmx:gc-time"), -EOPNOTSUPP);
	assert_int_equal(parse("cpu:ptql=State.Name.eq=java"), -EOPNOTSUPP);
	assert_int_equal(parse("cpu:bogus"), -EINVAL);
	assert_int_equal(parse("cpu:pid=x"), -EINVAL);
	assert_int_equal(parse("cpu:pid=0"), -EINVAL);
	assert_int_equal(parse("cpu:name="), -EINVAL);
	assert_int_equal(parse("cpu:color=red"), -EINVAL);
	assert_int_equal(parse("swap:pid=1:used"), -EINVAL);
	assert_int_equal(parse("nothing:at:all"), -ENOENT);
	assert_null(why);
}

static void from_jmeter(void **state)
{
	char note[256];
	struct mp_name n;

	(void)state;
	assert_int_equal(mp_name_parse("memory:name=Java#0:RESIDENT:", &n, note, sizeof(note)), 0);
	assert_string_equal(n.agent.name, "Java");
	assert_int_equal(mp_name_parse("disks:fs=/Data:useperc", &n, note, sizeof(note)), 0);
	assert_string_equal(n.agent.fs, "/Data");
	assert_int_equal(mp_name_parse("exec:/bin/ls", &n, note, sizeof(note)), -EOPNOTSUPP);
	assert_non_null(strstr(note, "NaN"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_subtype), cmocka_unit_test(defaults),
		cmocka_unit_test(options),       cmocka_unit_test(units),
		cmocka_unit_test(refused),       cmocka_unit_test(from_jmeter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

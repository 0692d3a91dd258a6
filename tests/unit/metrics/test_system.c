// SPDX-License-Identifier: GPL-2.0-only
/* The machine's files: parsers on text, then the real ones. */
#include "unit.h"

#include "metrics/system.h"

#include <mmsperf/clock.h>
#include <mmsperf/fs.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static void cpu_lines(void **state)
{
	struct mp_sys_sample s = {0};

	(void)state;
	assert_int_equal(mp_sys_parse_stat("cpu  10 2 30 400 5 6 7 8 1 1\n"
					   "cpu0 5 1 15 200 2 3 3 4 0 0\n"
					   "cpu2 5 1 15 200 3 3 4 4 1 1\nintr 1 2\n",
					   &s),
			 0);
	assert_int_equal(mp_cpu_total(&s.cpu), 468); /* guest time is in user and nice already */
	assert_int_equal(s.n_cores, 3);
	assert_int_equal(s.core[0].t[MP_CPU_IDLE], 200);
	assert_int_equal(mp_cpu_total(&s.core[1]), 0); /* offline */
	assert_int_equal(s.core[2].t[MP_CPU_IOWAIT], 3);
	assert_int_equal(mp_sys_parse_stat("", &s), -EINVAL);
	assert_int_equal(mp_sys_parse_stat("cpu 1 2\n", &s), -EINVAL);
	assert_int_equal(mp_sys_parse_stat("cpu0 1 2 3 4 5\n", &s), -EINVAL);
	assert_int_equal(mp_sys_parse_stat("cpu99999999 1 2 3 4 5\n", &s), -EINVAL);
	mp_sys_sample_done(&s);
}

static void memory(void **state)
{
	struct mp_sys_sample s = {0};

	(void)state;
	assert_int_equal(
		mp_sys_parse_meminfo("MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\n"
				     "Buffers: 10 kB\nCached: 20 kB\nSwapCached: 3 kB\n"
				     "SwapTotal: 50 kB\nSwapFree: 40 kB\nSReclaimable: 5 kB\n",
				     &s),
		0);
	assert_int_equal(s.mem_available, 400 * 1024);
	assert_int_equal(s.cached, 20 * 1024);
	assert_int_equal(s.swap_total - s.swap_free, 10 * 1024);
	/* no MemAvailable, or none that can be */
	assert_int_equal(mp_sys_parse_meminfo("MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 10 kB\n"
					      "Cached: 20 kB\nSReclaimable: 5 kB\n",
					      &s),
			 0);
	assert_int_equal(s.mem_available, 135 * 1024);
	assert_int_equal(mp_sys_parse_meminfo("MemTotal: 100 kB\nMemFree: 30 kB\n"
					      "MemAvailable: 9000 kB\n",
					      &s),
			 0);
	assert_int_equal(s.mem_available, 30 * 1024);
	assert_int_equal(mp_sys_parse_meminfo("nothing", &s), -EINVAL);
}

static bool is_sda(const char *name)
{
	return !strcmp(name, "sda");
}

static void disks(void **state)
{
	struct mp_sys_sample s = {0};

	(void)state;
	assert_int_equal(mp_sys_parse_diskstats("   8 0 sda 1 2 3 4 5 6 7 8 9 10 11 0 0 0 0 0 0\n"
						"   8 1 sda1 1 2 3 4 5 6 7 8 9 10 11\n"
						" 7 0 short 1 2 3\n\n",
						is_sda, &s),
			 0);
	assert_int_equal(s.n_disks, 2);
	assert_true(s.disk[0].whole);
	assert_false(s.disk[1].whole);
	assert_int_equal(s.disk[0].reads, 1);
	assert_int_equal(s.disk[0].read_sectors, 3);
	assert_int_equal(s.disk[0].writes, 5);
	assert_int_equal(s.disk[0].write_sectors, 7);
	assert_int_equal(s.disk[0].busy_ms, 10);
	assert_int_equal(s.disk[0].queue_ms, 11);
	mp_sys_sample_done(&s);
}

static void net_and_swap(void **state)
{
	struct mp_sys_sample s = {0};

	(void)state;
	assert_int_equal(
		mp_sys_parse_netdev(
			"Inter-|   Receive |  Transmit\n face |bytes packets errs\n"
			"    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
			"eth0.5:100 2 3 4 5 6 7 8 900 10 11 12 13 14 15 16\n broken: 1 2\n",
			&s),
		0);
	assert_int_equal(s.n_ifaces, 2);
	assert_string_equal(s.iface[1].name, "eth0.5");
	assert_int_equal(s.iface[1].v[MP_NET_RX_BYTES], 100);
	assert_int_equal(s.iface[1].v[MP_NET_TX_BYTES], 900);
	assert_int_equal(s.iface[0].v[MP_NET_TX_CARRIER], 15);
	assert_int_equal(mp_sys_parse_vmstat("a 1\npswpin 7\npswpout 9\n", &s), 0);
	assert_int_equal(s.swap_in, 7);
	assert_int_equal(s.swap_out, 9);
	assert_int_equal(mp_sys_parse_vmstat("a 1\n", &s), -EINVAL);
	mp_sys_sample_done(&s);
}

static void tcp_states(void **state)
{
	struct mp_sys_sample s = {0};

	(void)state;
	assert_int_equal(
		mp_sys_parse_tcp("  sl  local_address rem_address   st\n"
				 "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n"
				 "   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000\n"
				 "   2: 0100007F:9999 0100007F:1F90 01 00000000:00000000\n"
				 "   3: 0100007F:9998 0100007F:1F90 06 00000000:00000000\n",
				 &s),
		0);
	assert_int_equal(s.tcp[10], 1);
	assert_int_equal(s.tcp[1], 2);
	assert_int_equal(s.tcp[6], 1);
	assert_int_equal(s.tcp_inbound, 1);
	assert_int_equal(s.tcp_outbound, 1);
	/* IPv6 adds up */
	assert_int_equal(mp_sys_parse_tcp("sl\n 0: 00000000000000000000000001000000:0050 "
					  "00000000000000000000000000000000:0000 0A 0:0\n",
					  &s),
			 0);
	assert_int_equal(s.tcp[10], 2);
}

static struct mp_value agent(struct mp_sys *sys, const char *text, struct mp_agent_state *st)
{
	struct mp_agent_name a;

	assert_int_equal(mp_agent_parse(text, &a, NULL), 0);
	mp_agent_update(&a, st, sys);
	return st->last;
}

static void the_real_files(void **state)
{
	struct mp_sys *sys;
	struct statvfs fs;
	struct mp_value v;

	(void)state;
	assert_int_equal(mp_sys_new(&sys), 0);
	mp_sys_need(sys, MP_SYS_STAT | MP_SYS_MEMINFO | MP_SYS_DISKSTATS | MP_SYS_VMSTAT |
				 MP_SYS_NETDEV | MP_SYS_TCP | MP_SYS_LOADAVG);
	mp_sys_update(sys);
	assert_int_equal(mp_sys_now(sys)->have, MP_SYS_STAT | MP_SYS_MEMINFO | MP_SYS_DISKSTATS |
							MP_SYS_VMSTAT | MP_SYS_NETDEV | MP_SYS_TCP |
							MP_SYS_LOADAVG);
	/* the first sample of a rate is absent */
	assert_false(mp_sys_get(sys, MP_SM_TAURUS_CPU).valid);
	assert_false(mp_sys_get(sys, MP_SM_TAURUS_RX).valid);
	(void)poll(NULL, 0, 100);
	mp_sys_update(sys);
	v = mp_sys_get(sys, MP_SM_CPU_PCT);
	assert_true(v.valid && v.v >= 0 && v.v <= 100);
	v = mp_sys_get(sys, MP_SM_MEM_PCT);
	assert_true(v.valid && v.v > 0 && v.v < 100);
	assert_int_equal(statvfs("/", &fs), 0);
	v = mp_sys_get(sys, MP_SM_DISK_USED);
	assert_true(v.valid);
	assert_double_equal(v.v / ((double)(fs.f_blocks - fs.f_bfree) * (double)fs.f_frsize), 1,
			    0.01);
	assert_true(mp_sys_get(sys, MP_SM_TAURUS_RX).valid);
	assert_true(mp_sys_get(sys, MP_SM_WRITE_BYTES).valid);
	assert_false(mp_sys_get(sys, MP_SM_TAURUS_LOOP).valid);
	mp_sys_free(sys);
}

static void only_what_is_needed_is_read(void **state)
{
	struct mp_sys *sys;

	(void)state;
	assert_int_equal(mp_sys_new(&sys), 0);
	mp_sys_update(sys);
	assert_int_equal(mp_sys_now(sys)->have, 0);
	mp_sys_need(sys, MP_SYS_MEMINFO);
	mp_sys_update(sys);
	assert_int_equal(mp_sys_now(sys)->have, MP_SYS_MEMINFO);
	assert_false(mp_sys_get(sys, MP_SM_READS).valid);
	mp_sys_free(sys);
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (uint64_t)t.tv_sec * MP_NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static void server_agents_numbers(void **state)
{
	struct mp_agent_state st[8] = {0};
	struct mp_value idle, combined, used, free_, total, v;
	char text[64];
	struct mp_sys *sys;
	uint64_t begin, from;
	double percent;

	(void)state;
	assert_int_equal(mp_sys_new(&sys), 0);
	mp_sys_need(sys, MP_SYS_STAT | MP_SYS_MEMINFO | MP_SYS_DISKSTATS | MP_SYS_NETDEV);
	mp_sys_update(sys);
	(void)snprintf(text, sizeof(text), "cpu:pid=%d:percent", (int)getpid());
	assert_false(agent(sys, text, &st[0]).valid);
	begin = mp_now_ns();
	from = cpu_ns();
	while (cpu_ns() < from + 200000000)
		;
	mp_sys_update(sys);
	v = agent(sys, text, &st[0]);
	/* the kernel counts in ticks of 10 ms; what others took of the CPU is no fault */
	percent = 100.0 * (double)(cpu_ns() - from) / (double)(mp_now_ns() - begin);
	assert_true(v.valid && v.v > percent * 0.7 && v.v < percent * 1.3);
	idle = agent(sys, "cpu:idle", &st[1]);
	combined = agent(sys, "cpu:combined", &st[2]);
	assert_double_equal(idle.v + combined.v, 100, 1e-6);
	assert_false(agent(sys, "cpu:core=9999:idle", &st[1]).valid);
	used = agent(sys, "memory:used", &st[3]);
	free_ = agent(sys, "memory:free", &st[4]);
	total = agent(sys, "memory:unit=kb:total", &st[5]);
	assert_double_equal((used.v + free_.v) / 1024, total.v, 0.5);
	v = agent(sys, "disks:fs=/:useperc", &st[6]);
	assert_true(v.valid);
	assert_double_equal(v.v, mp_fs_used_percent("/").v, 0.1);
	assert_true(agent(sys, "disks:fs=/:unit=mb:total", &st[6]).v > 1);
	assert_false(agent(sys, "disks:fs=/no/such:used", &st[6]).valid);
	assert_true(agent(sys, "network:bytesrecv", &st[6]).valid);
	assert_false(agent(sys, "network:iface=none0:bytesrecv", &st[6]).valid);
	(void)snprintf(text, sizeof(text), "memory:pid=%d:resident", (int)getpid());
	assert_true(agent(sys, text, &st[7]).v > 100000);
	mp_sys_free(sys);
}

static void by_program_name(void **state)
{
	struct mp_agent_state st = {0};
	struct mp_sys *sys;

	(void)state;
	assert_int_equal(mp_sys_new(&sys), 0);
	assert_true(agent(sys, "memory:name=Test_System:resident", &st).valid);
	assert_int_equal(st.pid, getpid());
	st = (struct mp_agent_state){0};
	assert_false(agent(sys, "memory:name=test_system#99:resident", &st).valid);
	mp_sys_free(sys);
}

/* --- control groups, as Taurus looks at them ------------------------------------------------ */

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[256], *slash;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(mp_mkdir_p(path, 0700), 0);
	*slash = '/';
	assert_int_equal(mp_write_file(path, text, strlen(text), 0600), 0);
}

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/mmsperf-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return mp_rm_rf(dir);
}

/* mtab holds FIRST, the folder, REST. */
static struct mp_cgroup *open_with(const char *first, const char *rest)
{
	char path[128], line[256];
	struct mp_cgroup *c = NULL;

	(void)snprintf(line, sizeof(line), "%s%s%s", first, dir, rest);
	put("mtab", line);
	(void)snprintf(path, sizeof(path), "%s/mtab", dir);
	assert_int_equal(mp_cgroup_open(path, &c), 0);
	return c;
}

static void cgroup_v2(void **state)
{
	uint64_t cpu, mem;
	struct mp_cgroup *c;

	(void)state;
	put("cpu.stat", "usage_usec 5000\nuser_usec 1\n");
	put("memory.current", "1000000\n");
	put("memory.stat", "anon 1\ninactive_file 200000\n");
	put("cpu.max", "150000 100000\n");
	put("memory.max", "4000000\n");
	c = open_with("x / ext4 rw 0 0\ncgroup2 ", " cgroup2 rw 0 0\n");
	assert_non_null(c);
	assert_int_equal(mp_cgroup_read(c, &cpu, &mem), 0);
	assert_int_equal(cpu, 5000);
	assert_int_equal(mem, 800000);
	assert_double_equal(mp_cgroup_cpu_limit(c), 1.5e6, 1);
	assert_double_equal(mp_cgroup_mem_limit(c), 4e6, 0);
	mp_cgroup_free(c);
	put("cpu.max", "max 100000\n");
	put("memory.max", "max\n");
	c = open_with("cgroup2 ", " cgroup2 rw 0 0\n");
	assert_double_equal(mp_cgroup_cpu_limit(c), (double)sysconf(_SC_NPROCESSORS_ONLN) * 1e6, 1);
	assert_true(mp_cgroup_mem_limit(c) > 1e8);
	mp_cgroup_free(c);
}

static void cgroup_v1(void **state)
{
	uint64_t cpu, mem;
	struct mp_cgroup *c;

	(void)state;
	put("cpu/cpuacct.usage", "7000000\n");
	put("memory/memory.usage_in_bytes", "1000\n");
	put("memory/memory.stat", "total_inactive_file 400\n");
	put("cpu/cpu.cfs_quota_us", "-1\n");
	put("cpu/cpu.cfs_period_us", "100000\n");
	put("memory/memory.limit_in_bytes", "9223372036854771712\n");
	c = open_with("cgroup ", "/cpu cgroup rw 0 0\n");
	assert_non_null(c);
	assert_int_equal(mp_cgroup_read(c, &cpu, &mem), 0);
	assert_int_equal(cpu, 7000); /* ns there, us here */
	assert_int_equal(mem, 600);
	assert_double_equal(mp_cgroup_cpu_limit(c), (double)sysconf(_SC_NPROCESSORS_ONLN) * 1e6, 1);
	mp_cgroup_free(c);
}

static void no_cgroup_is_the_machine(void **state)
{
	struct mp_cgroup *c = NULL;

	(void)state;
	assert_null(open_with("cgroup2 ", " cgroup2 rw 0 0\n"));
	assert_null(open_with("cgroup ", "/cpu cgroup rw 0 0\n"));
	assert_int_equal(mp_cgroup_open("/no/such/mtab", &c), -ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_lines),
		cmocka_unit_test(memory),
		cmocka_unit_test(disks),
		cmocka_unit_test(net_and_swap),
		cmocka_unit_test(tcp_states),
		cmocka_unit_test(the_real_files),
		cmocka_unit_test(only_what_is_needed_is_read),
		cmocka_unit_test(server_agents_numbers),
		cmocka_unit_test(by_program_name),
		T(cgroup_v2),
		T(cgroup_v1),
		T(no_cgroup_is_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: GPL-2.0-only
/* `mmsperf-bpf doctor`: the kernel, its settings, this process's capabilities and limits. */
#include "cli/doctor.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static void check_kernel(const struct mp_check *c, struct mp_check_result *f)
{
	struct utsname u;

	(void)c;
	if (uname(&u) < 0)
		mp_found(f, MP_FOUND_MISSING, "uname failed");
	else
		mp_found(f, MP_FOUND_OK, "%s %s, %s", u.sysname, u.release, u.machine);
}

static void check_btf(const struct mp_check *c, struct mp_check_result *f)
{
	struct stat st;

	if (!stat(c->arg, &st) && !access(c->arg, R_OK))
		mp_found(f, MP_FOUND_OK, "%s, %lld bytes", c->arg, (long long)st.st_size);
	else
		mp_found(f, MP_FOUND_MISSING, "%s cannot be read", c->arg);
}

static void check_setting(const struct mp_check *c, struct mp_check_result *f)
{
	const char *meaning = c->meaning ? c->meaning : "";
	char line[160];

	if (mp_first_line(c->arg, line, sizeof(line)))
		mp_found(f, MP_FOUND_OK, "%s%s%s", line, *meaning ? ": " : "", meaning);
	else
		mp_found(f, MP_FOUND_NOTE, "%s %s", c->arg,
			 access(c->arg, F_OK) < 0 ? "is not there" : "cannot be read");
}

/* A setting that is wrong when it is 0. */
static void check_switch(const struct mp_check *c, struct mp_check_result *f)
{
	check_setting(c, f);
	if (f->status == MP_FOUND_OK && f->seen[0] == '0')
		f->status = MP_FOUND_NOTE;
	else if (f->status == MP_FOUND_NOTE)
		(void)snprintf(f->to_do, sizeof(f->to_do), "look as root");
}

/* The option of a mount of /proc: " - proc proc rw,hidepid=invisible". */
static void check_hidepid(const struct mp_check *c, struct mp_check_result *f)
{
	_cleanup_free_ char *text = NULL;
	const char *line, *end, *p;
	size_t len;
	int r;

	(void)c;
	r = mp_read_file("/proc/self/mountinfo", 4 << 20, &text, &len);
	if (r < 0) {
		mp_found(f, MP_FOUND_MISSING, "/proc/self/mountinfo: %s", strerror(-r));
		return;
	}
	line = strstr(text, " /proc ");
	end = line ? line + strcspn(line, "\n") : NULL;
	p = line ? strstr(line, "hidepid=") : NULL;
	if (!line)
		mp_found(f, MP_FOUND_MISSING, "/proc is no mount");
	else if (!p || p > end || !strncmp(p, "hidepid=0", 9) || !strncmp(p, "hidepid=off", 11))
		mp_found(f, MP_FOUND_OK, "off: every process can be seen");
	else
		mp_found(
			f, MP_FOUND_NOTE,
			"%.*s: an agent that became another user sees no command line of processes "
			"it adopts",
			(int)strcspn(p, ", \n"), p);
}

static void check_capability(const struct mp_check *c, struct mp_check_result *f)
{
	_cleanup_free_ char *status = NULL;
	unsigned long long eff = 0;
	const char *line;
	size_t len;

	if (mp_read_file("/proc/self/status", 1 << 16, &status, &len) < 0 ||
	    !(line = strstr(status, "CapEff:")) || sscanf(line, "CapEff: %llx", &eff) != 1)
		mp_found(f, MP_FOUND_MISSING, "cannot be told");
	else if (eff >> c->number & 1)
		mp_found(f, MP_FOUND_OK, "held");
	else
		mp_found(f, MP_FOUND_NOTE, "not held");
}

static const char *limit_text(char text[static 32], rlim_t v)
{
	if (v == RLIM_INFINITY)
		return "unlimited";
	(void)snprintf(text, 32, "%llu", (unsigned long long)v);
	return text;
}

static void check_limit(const struct mp_check *c, struct mp_check_result *f)
{
	char soft[32], hard[32];
	struct rlimit l;

	if (getrlimit((__rlimit_resource_t)c->number, &l) < 0)
		mp_found(f, MP_FOUND_MISSING, "%s", strerror(errno));
	else
		mp_found(f, MP_FOUND_OK, "%s, at most %s: %s", limit_text(soft, l.rlim_cur),
			 limit_text(hard, l.rlim_max), c->meaning);
}

#define SYSCTL(name) "/proc/sys/kernel/" name
#define RIGHTS       "run as root, or: setcap cap_bpf,cap_perfmon+ep mmsperf-bpf"

static const struct mp_check checks[] = {
	{"kernel", "release", check_kernel, .arg = NULL},
	{"kernel", "BTF", check_btf, "/sys/kernel/btf/vmlinux",
	 .to_do =
		 "a kernel with CONFIG_DEBUG_INFO_BTF=y; without it the collector stands on /proc"},
	{"kernel", "lockdown", check_setting, "/sys/kernel/security/lockdown",
	 .meaning = "confidentiality refuses what the collector reads"},
	{"kernel", "unprivileged_bpf_disabled", check_setting, SYSCTL("unprivileged_bpf_disabled"),
	 .meaning = "of no matter with CAP_BPF, which is needed anyway"},
	{"kernel", "perf_event_paranoid", check_setting, SYSCTL("perf_event_paranoid"),
	 .meaning = "of no matter with CAP_PERFMON"},
	{"kernel", "bpf_jit_enable", check_switch, "/proc/sys/net/core/bpf_jit_enable",
	 .meaning = "1 translates programs to machine code",
	 .to_do = "sysctl -w net.core.bpf_jit_enable=1: interpreted programs cost many times more"},
	{"kernel", "bpf_stats_enabled", check_setting, SYSCTL("bpf_stats_enabled"),
	 .meaning = "an agent that root starts switches the statistics on for itself"},
	{"kernel", "task_delayacct", check_setting, SYSCTL("task_delayacct"),
	 .meaning = "only the procfs rung needs 1, for cpu_iowait_time"},
	{"kernel", "yama.ptrace_scope", check_setting, SYSCTL("yama/ptrace_scope"),
	 .meaning = "of no matter: nothing is traced"},
	{"kernel", "pid_max", check_setting, SYSCTL("pid_max"),
	 .meaning = "raised after an agent's start, processes beyond are counted as drops"},
	{"kernel", "hidepid of /proc", check_hidepid,
	 .to_do = "mount -o remount,hidepid=0 /proc, or --user with the server's user"},
	{"kernel", "pressure", check_setting, "/proc/pressure/cpu",
	 .to_do = "boot with psi=1; else pressure_… metrics are NaN"},
	{"capability", "CAP_BPF", check_capability, .number = CAP_BPF, .to_do = RIGHTS},
	{"capability", "CAP_PERFMON", check_capability, .number = CAP_PERFMON, .to_do = RIGHTS},
	{"capability", "CAP_SYS_PTRACE", check_capability, .number = CAP_SYS_PTRACE,
	 .to_do = "the procfs rung then reads IO and descriptors of its own user's processes only"},
	{"capability", "CAP_DAC_READ_SEARCH", check_capability, .number = CAP_DAC_READ_SEARCH,
	 .to_do = "the opener then reads no file of another user"},
	{"capability", "CAP_SYS_RESOURCE", check_capability, .number = CAP_SYS_RESOURCE,
	 .to_do = "kernels before 5.11 then limit BPF maps by 'ulimit -l'"},
	{"limit", "locked memory", check_limit, .number = RLIMIT_MEMLOCK,
	 .meaning = "bytes; kernels before 5.11 count BPF maps, others do not"},
	{"limit", "open files", check_limit, .number = RLIMIT_NOFILE,
	 .meaning = "the agent takes what it may, a client is one"},
};

const struct mp_check *mp_doctor_machine(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(checks);
	return checks;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf doctor`: what this machine can do. One table of checks; each fills in a finding
 * (works or not, what was seen, what to do), and two renderers print them. Changes nothing.
 */
#include "cli/commands.h"

#include "suite/tools.h"

#include <mmsperf/child.h>
#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/options.h>
#include <mmsperf/source.h>
#include <mmsperf/str.h>
#include <mmsperf/suite.h>

#include <fcntl.h>
#include <jansson.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum status { OK, NOTE, MISSING, _STATUS_MAX };

static const char *const status_names[] = {[OK] = "ok", [NOTE] = "note", [MISSING] = "missing"};
_Static_assert(ARRAY_SIZE(status_names) == _STATUS_MAX, "a name for each status");

struct finding {
	enum status status;
	char seen[320];  /* what is there, or why it is not */
	char to_do[320]; /* empty: nothing */
};

struct check {
	const char *section, *name;
	void (*run)(const struct check *c, struct finding *f);
	const char *arg; /* of run: a path, a program, what a group gives */
	int number;      /* of run: a rung, a capability, a group */
	const char *to_do;
};

static void found(struct finding *f, enum status s, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void found(struct finding *f, enum status s, const char *fmt, ...)
{
	va_list ap;

	f->status = s;
	va_start(ap, fmt);
	(void)vsnprintf(f->seen, sizeof(f->seen), fmt, ap);
	va_end(ap);
}

/* First line of a small file without its newline. */
static bool first_line(const char *path, char *line, size_t size)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (mp_read_file(path, 1 << 20, &text, &len) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(line, size, "%s", text);
	return true;
}

/* --- the collector's rungs ------------------------------------------------------------------ */

static void check_rung(const struct check *c, struct finding *f)
{
	struct mp_source_opts opts = {.best = (enum mp_rung)c->number};
	enum mp_level level = mp_log_level();
	struct mp_source *s = NULL;
	int r;

	mp_log_set_level(MP_LOG_ERROR); /* the reason is part of the finding */
	r = mp_source_open(&opts, &s);
	mp_log_set_level(level);
	if (r < 0) {
		found(f, MISSING, "cannot be opened: %s", strerror(-r));
		return;
	}
	if (s->ops->rung == opts.best)
		found(f, OK, "works");
	else
		found(f, MISSING, "%s", s->why[0] ? s->why : "not to be had");
	mp_source_free(s);
}

static void check_group(const struct check *c, struct finding *f)
{
	struct mp_source *s = NULL;
	struct mp_diag d = {0};
	enum mp_level level = mp_log_level();
	int r;

	mp_log_set_level(MP_LOG_ERROR);
	r = mp_source_open(NULL, &s);
	mp_log_set_level(level);
	if (r < 0) {
		found(f, MISSING, "no rung can be opened");
		return;
	}
	r = s->ops->need_groups ? s->ops->need_groups(s, (unsigned)c->number, &d) : -1;
	if (r < 0)
		found(f, MISSING, "%s", d.msg[0] ? d.msg : "not on this rung");
	else
		found(f, OK, "works: %s, while somebody asks for it", c->arg);
	mp_source_free(s);
}

/* --- kernel, capabilities, settings ---------------------------------------------------------- */

static void check_kernel(const struct check *c, struct finding *f)
{
	struct utsname u;

	(void)c;
	if (uname(&u) < 0)
		found(f, MISSING, "uname failed");
	else
		found(f, OK, "%s %s, %s", u.sysname, u.release, u.machine);
}

static void check_readable(const struct check *c, struct finding *f)
{
	if (!access(c->arg, R_OK))
		found(f, OK, "%s can be read", c->arg);
	else
		found(f, MISSING, "%s cannot be read", c->arg);
}

static void check_setting(const struct check *c, struct finding *f)
{
	char line[200];

	if (first_line(c->arg, line, sizeof(line)))
		found(f, OK, "%s", line);
	else
		found(f, NOTE, "%s is not there", c->arg);
}

static void check_capability(const struct check *c, struct finding *f)
{
	_cleanup_free_ char *status = NULL;
	unsigned long long eff = 0;
	const char *line;
	size_t len;

	if (mp_read_file("/proc/self/status", 1 << 16, &status, &len) < 0 ||
	    !(line = strstr(status, "CapEff:")) || sscanf(line, "CapEff: %llx", &eff) != 1)
		found(f, MISSING, "cannot be told");
	else if (eff >> c->number & 1)
		found(f, OK, "held");
	else
		found(f, NOTE, "not held");
}

/* --- tools ----------------------------------------------------------------------------------- */

/* First line that a program prints for argv; false when it cannot be run or takes too long. */
static bool version_of(const char *const *argv, char *line, size_t size)
{
	struct mp_child_opts o = {0};
	struct mp_child child = MP_CHILD_INIT;
	_cleanup_close_ int in = -1, out = -1;
	ssize_t n, total = 0;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	in = fds[0];
	out = fds[1];
	o.stdout_fd = o.stderr_fd = out;
	o.die_with_parent = true;
	if (mp_child_start(argv, &o, &child) < 0)
		return false;
	if (mp_child_wait(&child, 20) < 0)
		(void)mp_child_stop(&child, SIGTERM, 1);
	close(TAKE_FD(out));
	(void)fcntl(in, F_SETFL, O_NONBLOCK); /* a stray grandchild may still hold the other end */
	while ((size_t)total < size - 1 &&
	       (n = read(in, line + total, size - 1 - (size_t)total)) > 0)
		total += n;
	line[total] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return total > 0 && mp_child_code(&child) == 0;
}

static void check_program(const struct check *c, struct finding *f)
{
	_cleanup_free_ char *path = mp_find_program(c->arg);
	const char *const argv[] = {path, "--version", NULL};
	char line[200];

	if (!path)
		found(f, MISSING, "not found");
	else if (version_of(argv, line, sizeof(line)))
		found(f, OK, "%.120s (%.150s)", line, path);
	else
		found(f, MISSING, "%.200s does not answer to --version", path);
}

/* bzt tells its version only when it runs something. */
static void check_answer(struct finding *f, const char *path)
{
	const char *const argv[] = {path, "--help", NULL};
	char line[200];

	if (version_of(argv, line, sizeof(line)))
		found(f, OK, "%.300s", path);
	else
		found(f, MISSING, "%.200s does not answer to --help", path);
}

static void check_bzt(const struct check *c, struct finding *f)
{
	struct mp_run_opts o = {0};
	struct mp_tools t = {0};
	struct mp_diag d = {0};

	if (mp_tools_find(&o, &t, &d) < 0 || !t.bzt)
		found(f, MISSING, "%s", d.msg[0] ? d.msg : "not found");
	else if (!c->number)
		check_answer(f, t.bzt);
	else if (t.plugin_dir)
		found(f, OK, "%s", t.plugin_dir);
	else
		found(f, MISSING, "metrics_monitoring_taurus.py not found");
	mp_tools_done(&t);
}

static void check_file(const struct check *c, struct finding *f)
{
	if (mp_is_file(c->arg) && !access(c->arg, X_OK))
		found(f, OK, "%s", c->arg);
	else
		found(f, MISSING, "%s is not there", c->arg);
}

#define NO_GROUP "its metrics stay absent (NaN); everything else works"

static const struct check checks[] = {
	{"collector", "BPF snapshot", check_rung, NULL, MP_RUNG_SNAPSHOT,
	 "needs Linux 6.7 or later with BTF, root or CAP_BPF + CAP_PERFMON; the next rung is used"},
	{"collector", "BPF iterator", check_rung, NULL, MP_RUNG_ITER,
	 "needs Linux 5.10 or later with BTF, root or CAP_BPF + CAP_PERFMON; /proc is used"},
	{"collector", "procfs", check_rung, NULL, MP_RUNG_PROCFS, "mount /proc"},
	{"collector", "scheduler group", check_group, "exact I/O wait", MP_GROUP_SCHED, NO_GROUP},
	{"collector", "run-queue group", check_group, "how long threads wait for a CPU",
	 MP_GROUP_RUNQ, NO_GROUP},
	{"collector", "out-of-memory group", check_group, "kills for lack of memory", MP_GROUP_OOM,
	 NO_GROUP},
	{"kernel", "release", check_kernel, NULL, 0, NULL},
	{"kernel", "BTF", check_readable, "/sys/kernel/btf/vmlinux", 0,
	 "a kernel with CONFIG_DEBUG_INFO_BTF=y; without it the collector stands on /proc"},
	{"kernel", "lockdown", check_setting, "/sys/kernel/security/lockdown", 0, NULL},
	{"kernel", "unprivileged_bpf_disabled", check_setting,
	 "/proc/sys/kernel/unprivileged_bpf_disabled", 0, NULL},
	{"kernel", "perf_event_paranoid", check_setting, "/proc/sys/kernel/perf_event_paranoid", 0,
	 NULL},
	{"kernel", "yama.ptrace_scope", check_setting, "/proc/sys/kernel/yama/ptrace_scope", 0,
	 NULL},
	{"kernel", "pid_max", check_setting, "/proc/sys/kernel/pid_max", 0, NULL},
	{"capability", "CAP_BPF", check_capability, NULL, CAP_BPF,
	 "run as root, or: setcap cap_bpf,cap_perfmon+ep mmsperf-bpf"},
	{"capability", "CAP_PERFMON", check_capability, NULL, CAP_PERFMON,
	 "run as root, or: setcap cap_bpf,cap_perfmon+ep mmsperf-bpf"},
	{"capability", "CAP_SYS_PTRACE", check_capability, NULL, CAP_SYS_PTRACE,
	 "the procfs rung then reads IO and descriptors of its own user's processes only"},
	{"capability", "CAP_DAC_READ_SEARCH", check_capability, NULL, CAP_DAC_READ_SEARCH, NULL},
	{"capability", "CAP_SYS_RESOURCE", check_capability, NULL, CAP_SYS_RESOURCE,
	 "kernels before 5.11 then limit BPF maps by 'ulimit -l'"},
	{"tools", "bzt", check_bzt, NULL, 0, "make setup, or: pip install bzt==1.17.2"},
	{"tools", "Taurus plugin", check_bzt, NULL, 1,
	 "keep tools/taurus beside build/, or make install"},
	{"tools", "JMeter", check_file, "build/jmeter/bin/jmeter", 0,
	 "make setup, or give --jmeter-path"},
	{"tools", "java", check_program, "java", 0, "apt-get install openjdk-17-jre-headless"},
	{"tools", "model server", check_file, "build/venv-mms/bin/multi-model-server", 0,
	 "make setup; not needed where a server answers already"},
};

static void print_text(const struct finding *f)
{
	const char *section = "";

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		if (strcmp(section, checks[i].section) != 0)
			printf("%s%s\n", i ? "\n" : "", section = checks[i].section);
		printf("  %-8s %-26s %s\n", status_names[f[i].status], checks[i].name, f[i].seen);
		if (f[i].to_do[0])
			printf("%37s-> %s\n", "", f[i].to_do);
	}
}

static int print_json(const struct finding *f)
{
	json_t *all = json_array();
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s}", "section", checks[i].section,
				      "name", checks[i].name, "status", status_names[f[i].status],
				      "seen", f[i].seen, "to_do", f[i].to_do);

		if (!o || json_array_append_new(all, o) < 0)
			r = -1;
	}
	if (!r && json_dumpf(all, stdout, JSON_INDENT(2)) == 0)
		puts("");
	else
		r = -1;
	json_decref(all);
	return r;
}

int mp_cmd_doctor(int argc, char **argv)
{
	struct finding findings[ARRAY_SIZE(checks)] = {0};
	bool json = false;
	const struct mp_opt opts[] = {
		{0, "json", NULL, MP_OPT_FLAG, &json, NULL, "for machines", 0, 0},
	};
	const struct mp_usage usage = {
		"mmsperf-bpf doctor",
		"[--json]",
		"Checks what the collector and the runner need: works, or why not and what to do.",
		"Exit status: 0 when suites can be run (on whatever rung), 1 when something they need is\n"
		"missing, 2 usage.",
		opts,
		ARRAY_SIZE(opts),
	};
	int operands = 0, r = mp_options_parse(&usage, argc, argv, &operands);
	bool missing = false;

	if (r)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	if (operands) {
		mp_error("doctor takes no operand, got '%s'", argv[1]);
		return MP_EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct finding *f = &findings[i];

		checks[i].run(&checks[i], f);
		if (f->status != OK && checks[i].to_do)
			(void)snprintf(f->to_do, sizeof(f->to_do), "%s", checks[i].to_do);
		/* a lower rung will do, and a running server: only tools of the runner are needed
		 */
		if (f->status == MISSING &&
		    (checks[i].run == check_bzt || checks[i].run == check_program))
			missing = true;
	}
	if (json)
		r = print_json(findings);
	else
		print_text(findings);
	return r < 0 || missing ? MP_EXIT_INFRA : MP_EXIT_OK;
}

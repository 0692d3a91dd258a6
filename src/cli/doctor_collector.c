// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf doctor`: what the collector can do here. Rungs, groups and the dropping of
 * privileges are tried, not deduced; probes are looked up in the kernel's type information.
 */
#include "cli/doctor.h"

#include "kernel/features.h"
#include "proc/target.h"

#include <mmsperf/child.h>
#include <mmsperf/cleanup.h>
#include <mmsperf/log.h>
#include <mmsperf/metrics.h>
#include <mmsperf/opener.h>
#include <mmsperf/priv.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/wait.h>
#include <unistd.h>

/* A reason is part of the finding and not logged as well. */
static struct mp_source *open_quietly(enum mp_rung best)
{
	struct mp_source_opts opts = {.best = best};
	enum mp_level level = mp_log_level();
	struct mp_source *s = NULL;
	int r;

	mp_log_set_level(MP_LOG_ERROR);
	r = mp_source_open(&opts, &s);
	mp_log_set_level(level);
	return r < 0 ? NULL : s;
}

static void free_source(struct mp_source **s)
{
	mp_source_free(*s);
}
#define _cleanup_source_ _cleanup_(free_source)

static void check_rung(const struct mp_check *c, struct mp_check_result *f)
{
	_cleanup_source_ struct mp_source *s = open_quietly((enum mp_rung)c->number);

	if (!s)
		mp_found(f, MP_FOUND_MISSING, "no rung can be opened");
	else if (s->ops->rung == (enum mp_rung)c->number)
		mp_found(f, MP_FOUND_OK, "works");
	else
		mp_found(f, MP_FOUND_MISSING, "%s", s->why[0] ? s->why : "not to be had");
}

/* c->number: a row of mp_group_rows. */
static void check_group(const struct mp_check *c, struct mp_check_result *f)
{
	_cleanup_source_ struct mp_source *s = open_quietly(MP_RUNG_SNAPSHOT);
	unsigned group = mp_group_rows[c->number].group;
	struct mp_diag d = {0};

	if (!s)
		mp_found(f, MP_FOUND_MISSING, "no rung can be opened");
	else if (s->ops->rung == MP_RUNG_PROCFS)
		mp_found(f, MP_FOUND_NOTE, "not on the procfs rung");
	else if (s->ops->need_groups(s, group, &d) < 0)
		mp_found(f, MP_FOUND_MISSING, "%s", d.msg);
	else
		mp_found(f, MP_FOUND_OK, "works, attached while somebody asks for %s", c->meaning);
}

/* A metric that the group is for. */
static const char *metric_of(unsigned group)
{
	size_t n;
	const struct mp_metric_row *rows = mp_metric_rows(&n);

	for (size_t i = 0; i < n; i++)
		if (rows[i].groups & group)
			return rows[i].example;
	return "its metrics";
}

const struct mp_check *mp_doctor_groups(size_t *ret_n)
{
	static struct mp_check checks[MP_N_GROUPS];

	for (size_t i = 0; i < MP_N_GROUPS; i++)
		checks[i] = (struct mp_check){
			.section = "collector",
			.name = mp_group_rows[i].label,
			.run = check_group,
			.number = (int)i,
			.meaning = metric_of(mp_group_rows[i].group),
			.to_do = "its metrics stay absent (NaN); everything else works"};
	*ret_n = MP_N_GROUPS;
	return checks;
}

static void check_statistics(const struct mp_check *c, struct mp_check_result *f)
{
	_cleanup_source_ struct mp_source *s = open_quietly(MP_RUNG_SNAPSHOT);
	uint64_t ns, runs;

	(void)c;
	if (s && s->ops->rung != MP_RUNG_PROCFS && s->ops->self_cost(s, &ns, &runs))
		mp_found(f, MP_FOUND_OK, "the run time of the collector's programs is known");
	else
		mp_found(f, MP_FOUND_NOTE, "not to be had: monitor_bpf_seconds is NaN");
}

/* What an agent would keep, tried in a child: it cannot be taken back. Exit status: what it keeps,
 * or 255. */
static int drop_in_child(void)
{
	struct mp_source *s = open_quietly(MP_RUNG_SNAPSHOT);
	const struct mp_rec *recs;
	int kept = 0;
	cap_t caps;
	size_t n;

	if (!s || mp_priv_drop(s, NULL) < 0 || s->ops->tick(s, &recs, &n) < 0)
		return 255;
	caps = cap_get_proc();
	for (int c = 0; c <= CAP_LAST_CAP; c++) {
		cap_flag_value_t v = CAP_CLEAR;

		if (caps && !cap_get_flag(caps, c, CAP_PERMITTED, &v) && v == CAP_SET)
			kept++;
	}
	(void)cap_free(caps);
	if (s->ops->rung == MP_RUNG_PROCFS)
		kept |= 0x40;
	return kept;
}

#define DROP_WITHIN_S 10 /* it takes some 100 ms; a child that hangs ends itself */

static void check_drop(const struct mp_check *c, struct mp_check_result *f)
{
	int status, kept;
	pid_t pid;

	(void)c;
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)alarm(DROP_WITHIN_S);
		_exit(drop_in_child());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) == 255) {
		mp_found(f, MP_FOUND_MISSING, "a reading after it fails");
		return;
	}
	kept = WEXITSTATUS(status);
	if (kept & 0x40)
		mp_found(f, MP_FOUND_OK, "works: %d capabilities are kept, to read /proc",
			 kept & 0x3f);
	else if (kept)
		mp_found(f, MP_FOUND_OK, "works: CAP_BPF is kept, this kernel asks for it");
	else
		mp_found(f, MP_FOUND_OK, "works: no capability is kept");
}

static void check_opener(const struct mp_check *c, struct mp_check_result *f)
{
	const struct mp_opener_opts opts = {0};
	struct mp_opener *o = NULL;
	int r = mp_opener_start(&opts, &o);

	(void)c;
	if (r < 0)
		mp_found(f, MP_FOUND_NOTE, "%s",
			 r == -EPERM ? "not without CAP_DAC_READ_SEARCH" : strerror(-r));
	else
		mp_found(f, MP_FOUND_OK, "works: hsperfdata and logs of other users can be read");
	mp_opener_free(o);
}

/* --- probes ---------------------------------------------------------------------------------- */

static void check_fact(const struct mp_check *c, struct mp_check_result *f)
{
	struct mp_facts facts;
	const char *label = mp_fact_rows[c->number].label;
	bool preemptible = c->number == MP_FACT_PREEMPTIBLE;

	if (mp_features_gather(&facts) < 0)
		mp_found(f, MP_FOUND_NOTE, "not looked for: this program was built without BPF");
	else if (!facts.has[MP_FACT_BTF])
		mp_found(f, MP_FOUND_MISSING, "not known: no kernel type information");
	else if (preemptible && facts.has[c->number])
		mp_found(f, MP_FOUND_OK,
			 "hooks may be left out: looked for once a second, counted as "
			 "monitor_drops_missed");
	else if (preemptible)
		mp_found(f, MP_FOUND_OK, "no: no hook is ever left out");
	else if (facts.has[c->number])
		mp_found(f, MP_FOUND_OK, "%s", label);
	else
		mp_found(f, MP_FOUND_NOTE, "this kernel has no %s", label);
}

const struct mp_check *mp_doctor_probes(size_t *ret_n)
{
	static const char tracepoint[] = "btf_trace_";
	static struct mp_check checks[_MP_FACT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < _MP_FACT_MAX; i++) {
		const char *name = mp_fact_rows[i].btf_name;

		if (!name) /* the kernel's BTF itself */
			continue;
		if (!strncmp(name, tracepoint, sizeof(tracepoint) - 1))
			name += sizeof(tracepoint) - 1;
		checks[n++] = (struct mp_check){
			.section = "probes",
			.name = i == MP_FACT_PREEMPTIBLE   ? "preemptible tracepoints"
				: i == MP_FACT_VICTIM_TASK ? "mark_victim's task"
							   : name,
			.run = check_fact,
			.number = (int)i,
			.to_do = "a newer kernel; what needs it is said above and does without"};
	}
	*ret_n = n;
	return checks;
}

/* --- the server ------------------------------------------------------------------------------ */

static pid_t find_server(void)
{
	const struct mp_target target = {0};
	struct mp_finder *finder = NULL;
	struct mp_diag d = {0};
	pid_t orphans[1], pid;
	size_t n;

	if (mp_finder_new(&target, &finder, &d) < 0)
		return 0;
	pid = mp_finder_scan(finder, orphans, ARRAY_SIZE(orphans), &n);
	mp_finder_free(finder);
	return pid;
}

static void check_server(const struct mp_check *c, struct mp_check_result *f)
{
	pid_t pid = find_server();

	(void)c;
	if (pid)
		mp_found(f, MP_FOUND_OK, "a model server runs as process %d", (int)pid);
	else
		mp_found(f, MP_FOUND_NOTE, "none runs on this machine");
}

/* By reading: access(2) does not ask what /proc asks. */
static int try_to_read(pid_t pid, const char *name)
{
	_cleanup_close_ int fd = -1;
	char path[64], byte;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	if (!strcmp(name, "fd"))
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (strcmp(name, "fd") != 0 && read(fd, &byte, 1) < 0)
		return -errno;
	return 0;
}

static void check_server_files(const struct mp_check *c, struct mp_check_result *f)
{
	static const char *const names[] = {"cmdline", "stat", "io", "fd", "environ"};
	_cleanup_buf_ struct mp_buf refused = {0};
	pid_t pid = find_server();

	(void)c;
	if (!pid) {
		mp_found(f, MP_FOUND_NOTE, "not known: no server runs");
		(void)snprintf(f->to_do, sizeof(f->to_do), "ask again while one runs");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (try_to_read(pid, names[i]) < 0)
			mp_buf_printf(&refused, "%s%s", refused.len ? ", " : "", names[i]);
	if (!refused.len)
		mp_found(f, MP_FOUND_OK, "all of /proc/%d can be read", (int)pid);
	else
		mp_found(f, MP_FOUND_MISSING, "refused in /proc/%d: %s", (int)pid, refused.s);
}

const struct mp_check *mp_doctor_rungs(size_t *ret_n)
{
	static const struct mp_check checks[] = {
		{"collector", "BPF snapshot", check_rung, .number = MP_RUNG_SNAPSHOT,
		 .to_do =
			 "needs Linux 6.7 or later with BTF, root or CAP_BPF + CAP_PERFMON; the next "
			 "rung is used"},
		{"collector", "BPF iterator", check_rung, .number = MP_RUNG_ITER,
		 .to_do =
			 "needs Linux 5.10 or later with BTF, root or CAP_BPF + CAP_PERFMON; /proc is "
			 "used"},
		{"collector", "procfs", check_rung, .number = MP_RUNG_PROCFS,
		 .to_do = "mount /proc"},
	};

	*ret_n = ARRAY_SIZE(checks);
	return checks;
}

const struct mp_check *mp_doctor_rights(size_t *ret_n)
{
	static const struct mp_check checks[] = {
		{"collector", "BPF statistics", check_statistics,
		 .to_do = "start the agent as root"},
		{"collector", "drop of privileges", check_drop,
		 .to_do = "start the agent as root, or as the server's user"},
		{"collector", "opener", check_opener,
		 .to_do =
			 "start the agent as root or as the server's user; else metrics of the JVM "
			 "and of the server's logs are NaN"},
	};

	*ret_n = ARRAY_SIZE(checks);
	return checks;
}

const struct mp_check *mp_doctor_server(size_t *ret_n)
{
	static const struct mp_check checks[] = {
		{"server", "running", check_server,
		 .to_do =
			 "a suite starts one; for another kind of server give the agent --match or "
			 "--pid"},
		{"server", "readable", check_server_files,
		 .to_do =
			 "start the agent as root, as the server's user, or with CAP_SYS_PTRACE; the "
			 "BPF rungs need none of these files but cmdline"},
	};

	*ret_n = ARRAY_SIZE(checks);
	return checks;
}

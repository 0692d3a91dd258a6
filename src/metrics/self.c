// SPDX-License-Identifier: GPL-2.0-only
/*
 * The monitor's own cost and losses: CPU and memory of this process, run time of its BPF programs,
 * lateness, drops by cause. Where statistics of BPF are not to be had, they are absent.
 */
#include "metrics/plus.h"

#include "proc/pid.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* Asking for run times is a system call for every BPF program. */
#define BPF_COST_NS (5 * MP_NSEC_PER_SEC)

struct self {
	struct mp_context *context; /* NULL: only what the process itself knows */
	int statm_fd;
	bool has_before, no_bpf_stats;
	double cpu_s;
	uint64_t at_ns;
	uint64_t bpf_at_ns, bpf_ns, bpf_runs;
};

static int self_open(struct mp_context *c, void **ret_state)
{
	struct self *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->context = c;
	s->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	*ret_state = s;
	return 0;
}

static void own_process(struct self *s, uint64_t now_ns, struct mp_value *v)
{
	unsigned long long pages;
	struct rusage u;
	char buf[128];
	double cpu_s;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return;
	cpu_s = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		(double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	v[MP_XM_MON_CPU_S] = mp_valid(cpu_s);
	if (s->has_before && now_ns > s->at_ns)
		v[MP_XM_MON_CPU] =
			mp_valid(100.0 * (cpu_s - s->cpu_s) / ((double)(now_ns - s->at_ns) / 1e9));
	s->has_before = true;
	s->cpu_s = cpu_s;
	s->at_ns = now_ns;
	if (s->statm_fd >= 0 && mp_reread(s->statm_fd, buf, sizeof(buf)) == 0 &&
	    sscanf(buf, "%*u %llu", &pages) == 1)
		v[MP_XM_MON_RSS] = mp_valid((double)pages * (double)mp_page_size());
}

static void own_bpf(struct self *s, const struct mp_server *server, struct mp_value *v)
{
	static const int causes[_MP_DROP_MAX] = {
		[MP_DROP_SLOTS_FULL] = MP_XM_MON_D_SLOTS, [MP_DROP_HELD] = MP_XM_MON_D_HELD,
		[MP_DROP_RING_FULL] = MP_XM_MON_D_RING,   [MP_DROP_PID_RANGE] = MP_XM_MON_D_PID,
		[MP_DROP_WAITS_FULL] = MP_XM_MON_D_WAITS, [MP_DROP_MISSED] = MP_XM_MON_D_MISSED,
	};
	struct mp_source *source = mp_meter_source(s->context->meter);
	uint64_t drops[_MP_DROP_MAX] = {0}, all = 0;

	source->ops->drops(source, drops);
	for (int i = 0; i < _MP_DROP_MAX; i++) {
		all += drops[i];
		if (causes[i])
			v[causes[i]] = mp_valid((double)drops[i]);
	}
	v[MP_XM_MON_DROPS] = mp_valid((double)all);
	if (!s->bpf_at_ns || server->unpaced || server->now_ns - s->bpf_at_ns >= BPF_COST_NS) {
		s->bpf_at_ns = server->now_ns;
		s->no_bpf_stats = !source->ops->self_cost(source, &s->bpf_ns, &s->bpf_runs);
	}
	if (s->no_bpf_stats)
		return;
	v[MP_XM_MON_BPF_S] = mp_valid((double)s->bpf_ns / 1e9);
	v[MP_XM_MON_BPF_RUNS] = mp_valid((double)s->bpf_runs);
}

static void self_update(void *state, const struct mp_server *server, struct mp_value *v)
{
	struct mp_monitor_stats m = {0};
	struct self *s = state;

	own_process(s, server->now_ns, v);
	if (server->tree->n)
		v[MP_XM_MON_SAMPLED] = mp_valid((double)server->tree->procs[0].cur.sampled_ns);
	if (!s->context)
		return;
	if (s->context->meter)
		own_bpf(s, server, v);
	if (!s->context->monitor)
		return;
	s->context->monitor(s->context->monitor_arg, &m);
	v[MP_XM_MON_LATE] = mp_valid((double)m.late_ns / 1e9);
	v[MP_XM_MON_MISSED] = mp_valid((double)m.missed);
	v[MP_XM_MON_LINES] = mp_valid((double)m.dropped_lines);
}

static const char *self_why(void *state, int metric)
{
	const struct self *s = state;

	if ((metric == MP_XM_MON_BPF_S || metric == MP_XM_MON_BPF_RUNS) && s->no_bpf_stats)
		return "the kernel's account of BPF programs is off, or no BPF program runs; root alone "
		       "may switch it on, with --bpf-stats or --record when the agent starts";
	return NULL;
}

static void self_free(void *state)
{
	struct self *s = state;

	if (s->statm_fd >= 0)
		(void)close(s->statm_fd);
	free(s);
}

const struct mp_reader_ops mp_self_reader = {
	.open = self_open, .update = self_update, .why = self_why, .free = self_free};

// SPDX-License-Identifier: GPL-2.0-only
/* Which rung and which groups a kernel allows. Owns the tables; called by kernel/loader, source. */
#include "kernel/features.h"

#include <mmsperf/cleanup.h>

#include <errno.h>
#include <string.h>

const struct mp_fact_row mp_fact_rows[_MP_FACT_MAX] = {
	[MP_FACT_BTF] = {NULL, NULL, "kernel type information (/sys/kernel/btf/vmlinux)"},
	[MP_FACT_NEWTASK] = {"btf_trace_task_newtask", "typedef", "tracepoint task_newtask"},
	[MP_FACT_EXEC] = {"btf_trace_sched_process_exec", "typedef",
			  "tracepoint sched_process_exec"},
	[MP_FACT_EXIT] = {"btf_trace_sched_process_exit", "typedef",
			  "tracepoint sched_process_exit"},
	[MP_FACT_FREE] = {"btf_trace_sched_process_free", "typedef",
			  "tracepoint sched_process_free"},
	[MP_FACT_SWITCH] = {"btf_trace_sched_switch", "typedef", "tracepoint sched_switch"},
	[MP_FACT_ITER_TASK] = {"bpf_iter_task", "func", "task iterators (iter/task, Linux 5.8)"},
	[MP_FACT_TASK_ACQUIRE] = {"bpf_task_acquire", "func",
				  "task references (bpf_task_acquire, Linux 6.2)"},
	[MP_FACT_RCU_LOCK] = {"bpf_rcu_read_lock", "func", "bpf_rcu_read_lock (Linux 6.2)"},
	[MP_FACT_TASK_WALK] = {"bpf_iter_task_new", "func",
			       "walks over threads (bpf_iter_task_new, Linux 6.7)"},
	/* since a46023d5616e ("tracing: Guard __DECLARE_TRACE() use of __DO_TRACE_CALL() with
	   SRCU-fast"), which guards by this class instead of switching preemption off */
	[MP_FACT_PREEMPTIBLE] = {"class_srcu_fast_notrace_t", "typedef",
				 "tracepoints that can be preempted (Linux 7.0)"},
	[MP_FACT_LAST_QUEUED] = {"sched_info.last_queued", "field",
				 "waits for a CPU (CONFIG_SCHED_INFO)"},
	[MP_FACT_CFS_RQ] = {"sched_entity.cfs_rq", "field",
			    "way to the run queue (CONFIG_FAIR_GROUP_SCHED)"},
	[MP_FACT_VICTIM] = {"btf_trace_mark_victim", "typedef", "tracepoint mark_victim"},
	[MP_FACT_VICTIM_TASK] = {"btf_trace_mark_victim", "pointer",
				 "task in the tracepoint mark_victim"},
	[MP_FACT_IO_ISSUE] = {"btf_trace_block_rq_issue", "typedef", "tracepoint block_rq_issue"},
	[MP_FACT_IO_INSERT] = {"btf_trace_block_rq_insert", "typedef",
			       "tracepoint block_rq_insert"},
	[MP_FACT_IO_COMPLETE] = {"btf_trace_block_rq_complete", "typedef",
				 "tracepoint block_rq_complete"},
	[MP_FACT_IO_START] = {"btf_trace_block_io_start", "typedef",
			      "tracepoint block_io_start (Linux 6.5)"},
	[MP_FACT_IO_QUEUE] = {"btf_trace_block_rq_issue", "second",
			      "queue in the tracepoint block_rq_issue"},
	[MP_FACT_PT_REGS] = {"bpf_func_id.BPF_FUNC_task_pt_regs", "value",
			     "registers of tasks (bpf_task_pt_regs, Linux 5.15)"},
	[MP_FACT_SOCK_SEND] = {"btf_trace_sock_send_length", "typedef",
			       "tracepoint sock_send_length (Linux 6.3)"},
	[MP_FACT_SOCK_RECV] = {"btf_trace_sock_recv_length", "typedef",
			       "tracepoint sock_recv_length (Linux 6.3)"},
	[MP_FACT_SOCK_STATE] = {"btf_trace_inet_sock_set_state", "typedef",
				"tracepoint inet_sock_set_state"},
	[MP_FACT_RETRANSMIT] = {"btf_trace_tcp_retransmit_skb", "typedef",
				"tracepoint tcp_retransmit_skb"},
};

#define NEEDS(fact) (1U << (fact))
#define HOOKS                                                                                      \
	(NEEDS(MP_FACT_BTF) | NEEDS(MP_FACT_NEWTASK) | NEEDS(MP_FACT_EXEC) | NEEDS(MP_FACT_EXIT))

static const struct {
	const char *name;
	unsigned needs;
	enum mp_rung below;
} rungs[] = {
	[MP_RUNG_SNAPSHOT] = {"snapshot",
			      HOOKS | NEEDS(MP_FACT_TASK_ACQUIRE) | NEEDS(MP_FACT_RCU_LOCK) |
				      NEEDS(MP_FACT_TASK_WALK),
			      MP_RUNG_ITER},
	[MP_RUNG_ITER] = {"iter", HOOKS | NEEDS(MP_FACT_FREE) | NEEDS(MP_FACT_ITER_TASK),
			  MP_RUNG_PROCFS},
	[MP_RUNG_PROCFS] = {"procfs", 0, MP_RUNG_PROCFS},
};
_Static_assert(ARRAY_SIZE(rungs) == _MP_RUNG_MAX, "rungs");

const struct mp_group_row mp_group_rows[MP_N_GROUPS] = {
	{
		.group = MP_GROUP_SCHED,
		.label = "scheduler group",
		.needs = NEEDS(MP_FACT_SWITCH),
		.prog = {{"mp_switch", 0, 0}},
		.map = {"mp_waits"},
	},
	{
		.group = MP_GROUP_RUNQ,
		.label = "run-queue group",
		.needs = NEEDS(MP_FACT_SWITCH) | NEEDS(MP_FACT_LAST_QUEUED) | NEEDS(MP_FACT_CFS_RQ),
		.prog = {{"mp_runq", 0, 0}, {"mp_runq_exit", 0, 0}},
		.map = {"mp_ran"},
		.thread_map = "mp_ran",
	},
	{
		.group = MP_GROUP_OOM,
		.label = "out-of-memory group",
		.needs = NEEDS(MP_FACT_VICTIM),
		.prog = {{"mp_victim", NEEDS(MP_FACT_VICTIM_TASK), 0},
			 {"mp_victim_pid", 0, NEEDS(MP_FACT_VICTIM_TASK)}},
	},
	{
		.group = MP_GROUP_BLOCK,
		.label = "disk group",
		.needs = NEEDS(MP_FACT_IO_ISSUE) | NEEDS(MP_FACT_IO_INSERT) |
			 NEEDS(MP_FACT_IO_COMPLETE),
		.prog = {{"mp_io_start", NEEDS(MP_FACT_IO_START), 0},
			 {"mp_io_insert", 0, NEEDS(MP_FACT_IO_START) | NEEDS(MP_FACT_IO_QUEUE)},
			 {"mp_io_insert_q", NEEDS(MP_FACT_IO_QUEUE), NEEDS(MP_FACT_IO_START)},
			 {"mp_io_issue", 0, NEEDS(MP_FACT_IO_QUEUE)},
			 {"mp_io_issue_q", NEEDS(MP_FACT_IO_QUEUE), 0},
			 {"mp_io_done", 0, 0}},
		.map = {"mp_ios"},
	},
	{
		.group = MP_GROUP_OFFCPU,
		.label = "off-CPU group",
		.needs = NEEDS(MP_FACT_SWITCH) | NEEDS(MP_FACT_LAST_QUEUED) |
			 NEEDS(MP_FACT_CFS_RQ) | NEEDS(MP_FACT_PT_REGS),
		.prog = {{"mp_offcpu", 0, 0}, {"mp_offcpu_exit", 0, 0}},
	},
	{
		.group = MP_GROUP_NET,
		.label = "network group",
		.needs = NEEDS(MP_FACT_SOCK_SEND) | NEEDS(MP_FACT_SOCK_RECV) |
			 NEEDS(MP_FACT_SOCK_STATE) | NEEDS(MP_FACT_RETRANSMIT),
		.prog = {{"mp_sent", 0, 0},
			 {"mp_received", 0, 0},
			 {"mp_retransmit", 0, 0},
			 {"mp_conn_state", 0, 0}},
		.map = {"mp_conns"},
	},
};

bool mp_features_allow(const struct mp_facts *f, enum mp_rung rung, const char **ret_missing)
{
	for (size_t i = 0; i < _MP_FACT_MAX; i++) {
		if (!(rungs[rung].needs & NEEDS(i)) || f->has[i])
			continue;
		if (ret_missing)
			*ret_missing = mp_fact_rows[i].label;
		return false;
	}
	return true;
}

const char *mp_features_group_lacks(const struct mp_facts *f, const struct mp_group_row *g)
{
	unsigned needs = g->needs | NEEDS(MP_FACT_BTF);

	for (size_t i = 0; i < _MP_FACT_MAX; i++)
		if (needs & NEEDS(i) && !f->has[i])
			return mp_fact_rows[i].label;
	return NULL;
}

unsigned mp_features_groups(const struct mp_facts *f)
{
	unsigned groups = 0;

	for (size_t i = 0; i < MP_N_GROUPS; i++)
		if (!mp_features_group_lacks(f, &mp_group_rows[i]))
			groups |= mp_group_rows[i].group;
	return groups;
}

bool mp_features_group_has(const struct mp_facts *f, const struct mp_group_row *g, size_t i)
{
	if (!g->prog[i].name)
		return false;
	for (size_t k = 0; k < _MP_FACT_MAX; k++)
		if ((g->prog[i].needs & NEEDS(k) && !f->has[k]) ||
		    (g->prog[i].unless & NEEDS(k) && f->has[k]))
			return false;
	return true;
}

/* libbpf quotes a program's name, and a map's or puts it in brackets. */
static bool names(const char *message, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	for (const char *p = len ? strstr(message, name) : NULL; p; p = strstr(p + 1, name))
		if (p > message && strchr("'(", p[-1]) && p[len] && strchr("')", p[len]))
			return true;
	return false;
}

const struct mp_group_row *mp_features_group_named(const char *message, unsigned groups)
{
	for (size_t i = 0; i < MP_N_GROUPS; i++) {
		const struct mp_group_row *g = &mp_group_rows[i];

		if (!(groups & g->group))
			continue;
		for (size_t k = 0; k < MP_GROUP_MAX_PROGS; k++)
			if (names(message, g->prog[k].name))
				return g;
		for (size_t k = 0; k < MP_GROUP_MAX_MAPS; k++)
			if (names(message, g->map[k]))
				return g;
	}
	return NULL;
}

enum mp_rung mp_features_below(enum mp_rung rung)
{
	return rungs[rung].below;
}

int mp_rung_parse(const char *name, enum mp_rung *ret_rung)
{
	for (size_t i = 0; i < ARRAY_SIZE(rungs); i++) {
		if (strcmp(name, rungs[i].name))
			continue;
		*ret_rung = (enum mp_rung)i;
		return 0;
	}
	return -EINVAL;
}

const char *mp_features_remedy(int err, bool root)
{
	if ((err == -EPERM || err == -EACCES) && !root)
		return "run as root (or with CAP_BPF and CAP_PERFMON)";
	switch (err) {
	case -EPERM:
	case -EACCES:
		return "the container or a lockdown forbids BPF; allow bpf(2) and CAP_BPF, CAP_PERFMON";
	case -ENOMEM:
		return "memory for maps is refused; raise the memory limit or ulimit -l";
	case -ENOSYS:
		return "this kernel is built without BPF";
	default:
		return "run with -v for the kernel's own words";
	}
}

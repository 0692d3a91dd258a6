// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor of the hook burden test: hollow
 * Attaches a BPF program that returns at once to each of the two events that a thread's or a
 * process's start and end raise, says "ready", and keeps them until stdin ends. What these cost, no
 * hook can be cheaper than. Raw tracepoints: the kernel calls them as it calls ours.
 */
#include "common.h"

static void attach(const char *event)
{
	static const struct bpf_insn return_0[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr load = {.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
			       .insns = (uintptr_t)return_0,
			       .insn_cnt = sizeof(return_0) / sizeof(return_0[0]),
			       .license = (uintptr_t) "GPL"};
	union bpf_attr open = {.raw_tracepoint.name = (uintptr_t)event};
	int fd = bpf(BPF_PROG_LOAD, &load);

	if (fd < 0)
		die("BPF_PROG_LOAD");
	open.raw_tracepoint.prog_fd = (unsigned)fd;
	if (bpf(BPF_RAW_TRACEPOINT_OPEN, &open) < 0) /* held by the descriptor until we end */
		die("BPF_RAW_TRACEPOINT_OPEN");
}

int main(void)
{
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	attach("task_newtask");
	attach("sched_process_exit");
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}

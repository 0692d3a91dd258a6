/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc says of one process: pure parsers of its files, and readers on top of them.
 * Private to src/proc and src/metrics. No member table, no roles.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mp_rec;

#define MP_PID_BUF     4096        /* stat, io, and of status the lines that matter, fit */
#define MP_CMDLINE_MAX (64 * 1024) /* the kernel gives what execve took; more is cut */

/* The fields of /proc/PID/stat that are used; times in USER_HZ ticks. */
struct mp_pid_stat {
	pid_t pid, ppid;
	char state;
	char comm[64];
	unsigned flags; /* PF_* of the leader */
	uint32_t threads, exit_code;
	uint64_t minflt, majflt, utime, stime, start, blkio;
	uint64_t start_stack; /* 0 without permission; differs after every exec */
};

#define MP_PF_FORKNOEXEC 0x40u /* include/linux/sched.h: forked but didn't exec */

/* 0 or -EINVAL. buf is NUL-terminated. */
int mp_pid_stat_parse(const char *buf, struct mp_pid_stat *ret);
/* Fills the memory fields of r; false when there are none (zombie, kernel thread). */
bool mp_pid_status_parse(const char *buf, uint64_t page_size, struct mp_rec *r);
/* Fills the IO fields of r; false when a line is missing. */
bool mp_pid_io_parse(const char *buf, struct mp_rec *r);

/* All threads have ended; a zombie leader with living threads has not. */
bool mp_pid_is_dead(const struct mp_pid_stat *st);

int mp_pid_stat_read(pid_t pid, struct mp_pid_stat *ret);
/* NUL-separated argv, *ret_len bytes without the last NUL; caller frees. Empty for a zombie. */
int mp_pid_cmdline(pid_t pid, char **ret, size_t *ret_len);

/* In all of these argv is NUL-separated, len bytes, and argv[len] is '\0'. */
/* argv joined by ' ' as one string the caller frees; NULL: no memory. */
char *mp_cmd_join(const char *argv, size_t len);
/* Element i of argv, or NULL. */
const char *mp_cmd_arg(const char *argv, size_t len, size_t i);
/* Base name of argv[0], or "". */
const char *mp_cmd_program(const char *argv, size_t len);
/* A model server's frontend: MMS or TorchServe, by its main class. */
bool mp_cmd_is_frontend(const char *argv, size_t len);
/* Value of --model-name, or NULL. */
const char *mp_cmd_model(const char *argv, size_t len);

uint64_t mp_tick_ns(void); /* ns of one USER_HZ tick */
uint64_t mp_page_size(void);

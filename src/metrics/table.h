/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registry's tables and what a parsed name is. A metric is a row here and nowhere else: names,
 * units, help, evaluation and README's table come from it. Private to src/metrics.
 */
#pragma once

#include <mmsperf/metrics.h>

#include "metrics/grouptable.h"
#include "metrics/plustable.h"

/* How a raw integer becomes the metric's unit. */
enum mp_scale { MP_SCALE_ONE, MP_SCALE_NS, MP_SCALE_PAGES, MP_SCALE_MEM_PCT, MP_SCALE_RATE };

#define MP_P_RSS (p->cur.rss_anon_pages + p->cur.rss_file_pages + p->cur.rss_shmem_pages)
#define MP_MEM   MP_HAS_MEM
#define MP_FLT   MP_HAS_FAULTS /* or MP_HAS_SCHED, which includes them */

/*
 * Metrics of one process.
 * X(id, name, kind, unit, better, has, groups, scale, upstream, value of p, value of totals t,
 * help)
 */
#define MP_PROC_METRICS(X)                                                                         \
	X(CPU_PCT, "cpu_percent", RATE, PERCENT, LOWER, MP_HAS_CPU, 0, RATE, true, 0, 0,           \
	  "CPU used since the last sample; 100 is one CPU, a sum includes members that ended")     \
	X(CPU_USER, "cpu_user_time", COUNTER, SECONDS, LOWER, MP_HAS_CPU, 0, NS, true, p->user_ns, \
	  t->user_ns, "CPU time in user mode since the process began")                             \
	X(CPU_SYSTEM, "cpu_system_time", COUNTER, SECONDS, LOWER, MP_HAS_CPU, 0, NS, true,         \
	  p->system_ns, t->system_ns, "CPU time in the kernel since the process began")            \
	X(CPU_IOWAIT, "cpu_iowait_time", COUNTER, SECONDS, LOWER, MP_HAS_IOWAIT, MP_GROUP_SCHED,   \
	  NS, true, p->cur.iowait_ns, t->iowait_ns,                                                \
	  "time its threads waited for storage, exact, counted since somebody asked for it")       \
	X(MEM_PCT, "memory_percent", GAUGE, PERCENT, LOWER, MP_MEM, 0, MEM_PCT, true, MP_P_RSS, 0, \
	  "resident memory as a share of the machine's")                                           \
	X(RSS, "memory_rss", GAUGE, BYTES, LOWER, MP_MEM, 0, PAGES, true, MP_P_RSS, 0,             \
	  "resident memory")                                                                       \
	X(VMS, "memory_vms", GAUGE, BYTES, LOWER, MP_MEM, 0, PAGES, true, p->cur.vm_pages, 0,      \
	  "address space")                                                                         \
	X(READS, "io_read_count", COUNTER, COUNT, NONE, MP_HAS_IO, 0, ONE, true, p->cur.syscr,     \
	  t->syscr, "read system calls")                                                           \
	X(WRITES, "io_write_count", COUNTER, COUNT, NONE, MP_HAS_IO, 0, ONE, true, p->cur.syscw,   \
	  t->syscw, "write system calls")                                                          \
	X(READ_BYTES, "io_read_bytes", COUNTER, BYTES, NONE, MP_HAS_IO, 0, ONE, true,              \
	  p->cur.read_bytes, t->read_bytes, "bytes fetched from storage")                          \
	X(WRITE_BYTES, "io_write_bytes", COUNTER, BYTES, NONE, MP_HAS_IO, 0, ONE, true,            \
	  p->cur.write_bytes, t->write_bytes, "bytes sent to storage")                             \
	X(FDS, "file_descriptors", GAUGE, COUNT, LOWER, MP_HAS_FDS, 0, ONE, true, p->cur.fds, 0,   \
	  "open file descriptors")                                                                 \
	X(THREADS, "threads", GAUGE, COUNT, LOWER, 0, 0, ONE, true, p->cur.threads, 0, "threads")  \
	X(RSS_ANON, "memory_rss_anon", GAUGE, BYTES, LOWER, MP_MEM, 0, PAGES, false,               \
	  p->cur.rss_anon_pages, 0, "resident memory of its own: heap, stacks")                    \
	X(RSS_FILE, "memory_rss_file", GAUGE, BYTES, LOWER, MP_MEM, 0, PAGES, false,               \
	  p->cur.rss_file_pages, 0, "resident memory that maps files: code, models")               \
	X(RSS_SHMEM, "memory_rss_shmem", GAUGE, BYTES, LOWER, MP_MEM, 0, PAGES, false,             \
	  p->cur.rss_shmem_pages, 0, "resident shared memory")                                     \
	X(SWAP, "memory_swap", GAUGE, BYTES, LOWER, MP_MEM, 0, PAGES, false, p->cur.swap_pages, 0, \
	  "memory swapped out")                                                                    \
	X(RSS_PEAK, "memory_rss_peak", GAUGE, BYTES, LOWER, MP_MEM, 0, PAGES, false,               \
	  p->cur.hiwater_pages, 0, "highest resident memory since exec, also between samples")     \
	X(READ_CHARS, "io_read_chars", COUNTER, BYTES, NONE, MP_HAS_IO, 0, ONE, false,             \
	  p->cur.rchar, t->rchar, "bytes read by system calls, cached or not")                     \
	X(WRITE_CHARS, "io_write_chars", COUNTER, BYTES, NONE, MP_HAS_IO, 0, ONE, false,           \
	  p->cur.wchar, t->wchar, "bytes written by system calls")                                 \
	X(RUNQ, "runq_wait_seconds", COUNTER, SECONDS, LOWER, MP_HAS_SCHED, 0, NS, false,          \
	  p->cur.run_delay_ns, t->run_delay_ns,                                                    \
	  "time its threads were ready to run and got no CPU")                                     \
	X(NVCSW, "context_switches_voluntary", COUNTER, COUNT, NONE, MP_HAS_SCHED, 0, ONE, false,  \
	  p->cur.nvcsw, t->nvcsw, "times a thread gave the CPU up to wait")                        \
	X(NIVCSW, "context_switches_involuntary", COUNTER, COUNT, LOWER, MP_HAS_SCHED, 0, ONE,     \
	  false, p->cur.nivcsw, t->nivcsw, "times a thread was taken off its CPU")                 \
	X(MINFLT, "page_faults_minor", COUNTER, COUNT, LOWER, MP_FLT, 0, ONE, false,               \
	  p->cur.minflt, t->minflt, "page faults without IO")                                      \
	X(MAJFLT, "page_faults_major", COUNTER, COUNT, LOWER, MP_FLT, 0, ONE, false,               \
	  p->cur.majflt, t->majflt, "page faults that waited for storage")                         \
	X(THR_NEW, "threads_created", COUNTER, COUNT, NONE, MP_HAS_THREADS, 0, ONE, false,         \
	  p->cur.threads_created, t->threads_created, "threads started while it was watched")      \
	X(THR_END, "threads_ended", COUNTER, COUNT, NONE, MP_HAS_THREADS, 0, ONE, false,           \
	  p->cur.threads_ended, t->threads_ended, "threads that ended while it was watched")       \
	X(THR_PEAK, "threads_peak", GAUGE, COUNT, LOWER, MP_HAS_THREADS, 0, ONE, false,            \
	  p->cur.threads_peak, 0,                                                                  \
	  "most threads at once while it was watched, also between samples")                       \
	MP_GROUP_METRICS(X)

/*
 * More metrics of one process, from files of /proc/PID that cost more than a reading of the tree:
 * read only for the members somebody asks about. They continue enum mp_proc_metric.
 * X(id, name, kind, unit, better, kind of reading, value of x (and of p), help)
 */
#define MP_AUX_METRICS(X)                                                                          \
	X(AGE, "age_seconds", GAUGE, SECONDS, NONE, MP_AUX_AGE, x->age_s,                          \
	  "time since it was started")                                                             \
	X(FD_LIMIT, "file_descriptors_limit", GAUGE, COUNT, NONE, MP_AUX_LIMITS, x->nofile,        \
	  "open file descriptors it may have")                                                     \
	X(FD_RATIO, "file_descriptors_limit_ratio", GAUGE, NONE, LOWER, MP_AUX_LIMITS,             \
	  (double)p->cur.fds / x->nofile, "open file descriptors as a share of the limit, 0 to 1") \
	X(FD_FILES, "file_descriptors_files", GAUGE, COUNT, LOWER, MP_AUX_FDS, x->fds[MP_FD_FILE], \
	  "open files, folders and devices")                                                       \
	X(FD_SOCKETS, "file_descriptors_sockets", GAUGE, COUNT, LOWER, MP_AUX_FDS,                 \
	  x->fds[MP_FD_SOCKET], "open sockets")                                                    \
	X(FD_PIPES, "file_descriptors_pipes", GAUGE, COUNT, LOWER, MP_AUX_FDS, x->fds[MP_FD_PIPE], \
	  "open ends of pipes")                                                                    \
	X(FD_EVENTS, "file_descriptors_events", GAUGE, COUNT, LOWER, MP_AUX_FDS,                   \
	  x->fds[MP_FD_EVENT], "open eventfd, epoll, timerfd and other anonymous objects")         \
	X(THR_NETTY, "thread_cpu_time_netty", COUNTER, SECONDS, LOWER, MP_AUX_THREADS,             \
	  x->thread_ns[MP_THR_NETTY] / 1e9, "CPU time of the network's event loops")               \
	X(THR_BACKEND, "thread_cpu_time_backend", COUNTER, SECONDS, LOWER, MP_AUX_THREADS,         \
	  x->thread_ns[MP_THR_BACKEND] / 1e9,                                                      \
	  "CPU time of the frontend's threads that talk to workers and read their output")         \
	X(THR_GC, "thread_cpu_time_gc", COUNTER, SECONDS, LOWER, MP_AUX_THREADS,                   \
	  x->thread_ns[MP_THR_GC] / 1e9, "CPU time of the JVM's collector")                        \
	X(THR_JIT, "thread_cpu_time_jit", COUNTER, SECONDS, LOWER, MP_AUX_THREADS,                 \
	  x->thread_ns[MP_THR_JIT] / 1e9, "CPU time of the JVM's compilers (C1, C2)")              \
	X(THR_JVM, "thread_cpu_time_jvm", COUNTER, SECONDS, LOWER, MP_AUX_THREADS,                 \
	  x->thread_ns[MP_THR_JVM] / 1e9, "CPU time of the JVM's other own threads")               \
	X(THR_PYTHON, "thread_cpu_time_python", COUNTER, SECONDS, LOWER, MP_AUX_THREADS,           \
	  x->thread_ns[MP_THR_PYTHON] / 1e9, "CPU time of threads named python")                   \
	X(THR_OTHER, "thread_cpu_time_other", COUNTER, SECONDS, LOWER, MP_AUX_THREADS,             \
	  x->thread_ns[MP_THR_OTHER] / 1e9, "CPU time of threads with other names")

enum mp_aux_kind {
	MP_AUX_AGE = 1 << 0,
	MP_AUX_LIMITS = 1 << 1,  /* /proc/PID/limits, seldom */
	MP_AUX_FDS = 1 << 2,     /* walks /proc/PID/fd */
	MP_AUX_THREADS = 1 << 3, /* walks /proc/PID/task */
};

/* Metrics of the tree. X(id, name, kind, unit, better, of_model, upstream, help) */
#define MP_TREE_METRICS(X)                                                                         \
	X(PROCESSES, "total_processes", GAUGE, COUNT, NONE, true, true,                            \
	  "the frontend and all worker-script processes")                                          \
	X(WORKERS, "total_workers", GAUGE, COUNT, NONE, true, true,                                \
	  "worker processes that are no other worker's parent (listeners are)")                    \
	X(ORPHANS, "orphans", GAUGE, COUNT, LOWER, true, true,                                     \
	  "worker processes whose frontend is gone: their parent is pid 1")                        \
	X(CREATED, "processes_created", COUNTER, COUNT, NONE, false, false,                        \
	  "processes of frontend and workers seen since the start")                                \
	X(ENDED, "processes_ended", COUNTER, COUNT, NONE, false, false,                            \
	  "of these, how many have ended")                                                         \
	X(WORKER_CREATED, "workers_created", COUNTER, COUNT, NONE, false, false,                   \
	  "worker processes seen since the start")                                                 \
	X(WORKER_EXITS, "worker_exits", COUNTER, COUNT, NONE, true, false,                         \
	  "worker processes that have ended")                                                      \
	X(WORKER_CRASHES, "worker_crashes", COUNTER, COUNT, LOWER, true, false,                    \
	  "worker processes that ended by a signal or with a code other than 0")                   \
	X(WORKER_ERRORS, "worker_exits_error", COUNTER, COUNT, LOWER, true, false,                 \
	  "worker processes that ended with a code other than 0")                                  \
	X(WORKER_SIGNALS, "worker_exits_signal", COUNTER, COUNT, LOWER, true, false,               \
	  "worker processes that a signal ended")                                                  \
	X(WORKER_CODE, "worker_exits_code_N", COUNTER, COUNT, NONE, true, false,                   \
	  "worker processes that ended with the code N, 0 to 255")                                 \
	X(WORKER_SIGNAL, "worker_exits_signal_N", COUNTER, COUNT, LOWER, true, false,              \
	  "worker processes that the signal N ended, 1 to 64")                                     \
	X(RESTARTS, "worker_restarts", COUNTER, COUNT, LOWER, true, false,                         \
	  "times a worker took the place of one that had ended")                                   \
	X(LIFETIME, "worker_lifetime_avg_seconds", GAUGE, SECONDS, NONE, true, false,              \
	  "how long the workers that have ended had lived, on average")                            \
	X(LIFETIME_MIN, "worker_lifetime_min_seconds", GAUGE, SECONDS, HIGHER, true, false,        \
	  "how long the worker that ended soonest had lived")

/* What a system metric is read from. */
enum mp_sys_file {
	MP_SYS_STAT = 1 << 0,
	MP_SYS_MEMINFO = 1 << 1,
	MP_SYS_DISKSTATS = 1 << 2,
	MP_SYS_VMSTAT = 1 << 3,
	MP_SYS_NETDEV = 1 << 4,
	MP_SYS_TCP = 1 << 5,
	MP_SYS_LOADAVG = 1 << 6,
	MP_SYS_ROOT = 1 << 7,   /* statvfs of / */
	MP_SYS_CGROUP = 1 << 8, /* the limits Taurus's local monitor goes by */
	MP_SYS_NONE = 1 << 9,   /* cannot be known here */
};

/* Metrics of the machine. X(id, name, kind, unit, better, files, upstream, help) */
#define MP_SYS_METRICS(X)                                                                          \
	X(DISK_USED, "system_disk_used", GAUGE, BYTES, LOWER, MP_SYS_ROOT, true,                   \
	  "used bytes of the filesystem /")                                                        \
	X(MEM_PCT, "system_memory_percent", GAUGE, PERCENT, LOWER, MP_SYS_MEMINFO, true,           \
	  "memory in use: (total - available) / total")                                            \
	X(READS, "system_read_count", COUNTER, COUNT, NONE, MP_SYS_DISKSTATS, true,                \
	  "reads of all whole disks")                                                              \
	X(WRITES, "system_write_count", COUNTER, COUNT, NONE, MP_SYS_DISKSTATS, true,              \
	  "writes of all whole disks")                                                             \
	X(READ_BYTES, "system_read_bytes", COUNTER, BYTES, NONE, MP_SYS_DISKSTATS, true,           \
	  "bytes read from all whole disks")                                                       \
	X(WRITE_BYTES, "system_write_bytes", COUNTER, BYTES, NONE, MP_SYS_DISKSTATS, true,         \
	  "bytes written to all whole disks")                                                      \
	X(CPU_PCT, "system_cpu_percent", RATE, PERCENT, LOWER, MP_SYS_STAT, false,                 \
	  "all CPUs busy, in percent of all CPUs")                                                 \
	X(CPU_IOWAIT, "system_cpu_iowait_percent", RATE, PERCENT, LOWER, MP_SYS_STAT, false,       \
	  "all CPUs idle while a thread waited for storage")                                       \
	X(CPU_STEAL, "system_cpu_steal_percent", RATE, PERCENT, LOWER, MP_SYS_STAT, false,         \
	  "CPU time the hypervisor gave to others")                                                \
	X(LOAD, "system_load_average", GAUGE, NONE, LOWER, MP_SYS_LOADAVG, false,                  \
	  "load average of the last minute")                                                       \
	X(MEM_AVAIL, "system_memory_available", GAUGE, BYTES, HIGHER, MP_SYS_MEMINFO, false,       \
	  "memory that can be had without swapping")                                               \
	X(SWAP_USED, "system_swap_used", GAUGE, BYTES, LOWER, MP_SYS_MEMINFO, false,               \
	  "swap in use")                                                                           \
	X(NET_RX, "system_network_recv_bytes", COUNTER, BYTES, NONE, MP_SYS_NETDEV, false,         \
	  "bytes received by all network interfaces")                                              \
	X(NET_TX, "system_network_sent_bytes", COUNTER, BYTES, NONE, MP_SYS_NETDEV, false,         \
	  "bytes sent by all network interfaces")                                                  \
	X(TAURUS_CPU, "cpu", RATE, PERCENT, LOWER, MP_SYS_STAT | MP_SYS_CGROUP, false,             \
	  "CPU as Taurus's local monitor has it: of the machine, or of the control group's limit") \
	X(TAURUS_MEM, "mem", GAUGE, PERCENT, LOWER, MP_SYS_MEMINFO | MP_SYS_CGROUP, false,         \
	  "memory in use as Taurus's local monitor has it")                                        \
	X(TAURUS_DISK, "disk-space", GAUGE, PERCENT, LOWER, MP_SYS_ROOT, false,                    \
	  "used share of the filesystem / (or of PATH: disk-space:fs=PATH)")                       \
	X(TAURUS_RX, "bytes-recv", RATE, BYTES, NONE, MP_SYS_NETDEV, false,                        \
	  "bytes received a second")                                                               \
	X(TAURUS_TX, "bytes-sent", RATE, BYTES, NONE, MP_SYS_NETDEV, false, "bytes sent a second") \
	X(TAURUS_READ, "disk-read", RATE, BYTES, NONE, MP_SYS_DISKSTATS, false,                    \
	  "bytes read from disks a second")                                                        \
	X(TAURUS_WRITE, "disk-write", RATE, BYTES, NONE, MP_SYS_DISKSTATS, false,                  \
	  "bytes written to disks a second")                                                       \
	X(TAURUS_CONN, "conn-all", GAUGE, COUNT, NONE, MP_SYS_TCP, false,                          \
	  "established TCP connections")                                                           \
	X(TAURUS_LOOP, "engine-loop", GAUGE, PERCENT, LOWER, MP_SYS_NONE, false,                   \
	  "Taurus's own loop: only Taurus can know it")

enum mp_proc_metric {
#define X(id, ...) MP_PM_##id,
	MP_PROC_METRICS(X) MP_AUX_METRICS(X)
#undef X
		_MP_PM_MAX
};
#define MP_PM_AUX MP_PM_AGE /* the first of MP_AUX_METRICS */
enum mp_tree_metric {
#define X(id, ...) MP_TM_##id,
	MP_TREE_METRICS(X)
#undef X
		_MP_TM_MAX
};
enum mp_sys_metric {
#define X(id, ...) MP_SM_##id,
	MP_SYS_METRICS(X)
#undef X
		_MP_SM_MAX
};

enum mp_plus_metric {
#define X(id, ...) MP_XM_##id,
	MP_PLUS_METRICS(X)
#undef X
		_MP_XM_MAX
};
enum mp_log_metric {
#define X(id, ...) MP_LM_##id,
	MP_LOG_METRICS(X)
#undef X
		_MP_LM_MAX
};
enum mp_latency {
#define X(id, ...) MP_LT_##id,
	MP_LATENCY_METRICS(X)
#undef X
		_MP_LT_MAX
};
enum mp_latency_op {
	MP_LT_OP_COUNT,
	MP_LT_OP_SUM,
	MP_LT_OP_AVG,
	MP_LT_OP_MAX,
	MP_LT_OP_P50,
	MP_LT_OP_P90,
	MP_LT_OP_P99,
	_MP_LT_OP_MAX
};
enum mp_log_op {
	MP_LOG_COUNT,
	MP_LOG_SUM,
	MP_LOG_AVG,
	MP_LOG_MIN,
	MP_LOG_MAX,
	MP_LOG_P50,
	MP_LOG_P90,
	MP_LOG_P99,
	_MP_LOG_OP_MAX
};

enum mp_family {
	MP_FAM_NONE,
	MP_FAM_PROC,
	MP_FAM_TREE,
	MP_FAM_SYSTEM,
	MP_FAM_AGENT,
	MP_FAM_PLUS,
	MP_FAM_LOG,
	MP_FAM_LATENCY
};
enum mp_scope {
	MP_SCOPE_FRONTEND,
	MP_SCOPE_WORKERS,
	MP_SCOPE_ALL,
	_MP_SCOPE_MAX,
	MP_SCOPE_SYSTEM = _MP_SCOPE_MAX, /* of latencies alone */
};
enum mp_op {
	MP_OP_SUM,
	MP_OP_AVG,
	MP_OP_MIN,
	MP_OP_MAX,
	MP_OP_P50,
	MP_OP_P90,
	MP_OP_P99,
	_MP_OP_MAX,
	MP_OP_ONE = _MP_OP_MAX, /* the frontend, one worker slot: no aggregate */
};

struct mp_metric_info {
	const char *name, *help;
	enum mp_kind kind;
	enum mp_unit unit;
	enum mp_better better;
	unsigned has, groups, files; /* enum mp_rec_valid, mp_group, mp_sys_file */
	bool upstream;
	bool of_model;         /* NAME@MODEL has a meaning */
	bool recorded;         /* of MP_PLUS_METRICS: in metrics.csv */
	enum mp_aux_kind aux;  /* of MP_AUX_METRICS, else 0 */
	enum mp_reader reader; /* of MP_PLUS_METRICS and MP_LOG_METRICS */
	enum mp_lat_id lat;    /* of MP_LATENCY_METRICS; and whether the whole machine has it */
	bool of_system;
};

extern const struct mp_metric_info mp_proc_info[_MP_PM_MAX];
extern const struct mp_metric_info mp_tree_info[_MP_TM_MAX];
extern const struct mp_metric_info mp_sys_info[_MP_SM_MAX];
extern const struct mp_metric_info mp_plus_info[_MP_XM_MAX];
extern const struct mp_metric_info mp_log_info[_MP_LM_MAX];
extern const struct mp_metric_info mp_latency_info[_MP_LT_MAX];
extern const char *const mp_latency_op_names[_MP_LT_OP_MAX];
extern const char *const mp_log_names[_MP_LM_MAX]; /* in the server's log */
extern const char *const mp_log_op_names[_MP_LOG_OP_MAX];
extern const char *const mp_reader_sources[_MP_RD_MAX]; /* for people */
extern const char *const mp_op_names[_MP_OP_MAX];
extern const char *const mp_scope_names[_MP_SCOPE_MAX + 1]; /* MP_SCOPE_SYSTEM as well */

#define MP_MODEL_LEN 128

/* --- ServerAgent's grammar (agentname.c) ----------------------------------------------------- */

enum mp_agent_type {
	MP_AG_CPU,
	MP_AG_CPU_PROC,
	MP_AG_MEMORY,
	MP_AG_MEM_PROC,
	MP_AG_SWAP,
	MP_AG_DISKS,
	MP_AG_NETWORK,
	MP_AG_TCP,
	MP_AG_DISK_SPACE, /* ours: Taurus's disk-space for another path */
	_MP_AG_MAX
};

struct mp_agent_name {
	enum mp_agent_type type;
	int sub;        /* index into the type's subtypes */
	int pid;        /* of a process metric; 0: by name */
	char name[64];  /* program's base name, any case */
	int index;      /* which of those with that name, from 0 */
	int core;       /* -1: all */
	char fs[128];   /* mount point; empty: all */
	char iface[32]; /* empty: all */
	double divide;  /* unit=; 1 where the unit does not apply */
};

struct mp_agent_sub {
	const char *name; /* the first of a type is its default */
	enum mp_kind kind;
	enum mp_unit unit;
	unsigned files;
	bool sized; /* unit= applies */
};

/* Subtype of a type, or NULL past the last. */
const struct mp_agent_sub *mp_agent_sub(enum mp_agent_type type, int sub);
const char *mp_agent_type_name(enum mp_agent_type type);
/*
 * text is "type[:option...]" in lower case but for option values. 0; -ENOENT: no such type;
 * -EINVAL: the type is known, but not this subtype or option; -EOPNOTSUPP: tail, exec, jmx, ptql.
 * why (may be NULL) then gets a static reason.
 */
int mp_agent_parse(const char *text, struct mp_agent_name *ret, const char **why);

/* --- names (name.c): pure, no state ---------------------------------------------------------- */

struct mp_name {
	enum mp_family family;
	int metric;
	enum mp_scope scope;
	enum mp_op op;
	char model[MP_MODEL_LEN]; /* empty: all */
	int slot;                 /* -1: all */
	int arg; /* the N of worker_exits_code_N, worker_exits_signal_N; enum mp_latency_op */
	struct mp_agent_name agent;
};

/*
 * 0; -ENOENT unknown; -EOPNOTSUPP known but never to be had here. note[size] gets a sentence when
 * there is something to say (alias, unknown, unsupported), else an empty string; NULL and 0: none
 * is wanted.
 */
int mp_name_parse(const char *text, struct mp_name *ret, char *note, size_t size);
/* Facts of a parsed name. */
struct mp_metric_info mp_name_info(const struct mp_name *n);

/* The canonical name nearest to text, static, or NULL. */
const char *mp_registry_nearest(const char *text);

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registry's rows of metrics that have a reader of their own: pressure, control group, JVM,
 * the server's log and management API, and this program itself. Part of table.h, which alone
 * includes it.
 */
#pragma once

/* What reads the metrics of MP_PLUS_METRICS; each is opened when the first of its own is wanted. */
enum mp_reader {
	MP_RD_PRESSURE, /* /proc/pressure */
	MP_RD_CGROUP,   /* the server's control group */
	MP_RD_JVM,      /* hsperfdata of the frontend */
	MP_RD_LOG,      /* the server's own metrics log */
	MP_RD_API,      /* the server's management API */
	MP_RD_MONITOR,  /* this program */
	_MP_RD_MAX
};

/*
 * One value each, from readers of their own.
 * X(id, name, kind, unit, better, reader, recorded, of_model, help)
 */
#define MP_PLUS_METRICS(X)                                                                         \
	MP_PRESSURE_METRICS(X)                                                                     \
	MP_CGROUP_METRICS(X)                                                                       \
	MP_JVM_METRICS(X)                                                                          \
	MP_SERVERLOG_METRICS(X)                                                                    \
	MP_API_METRICS(X)                                                                          \
	MP_MONITOR_METRICS(X)

#define MP_PRESSURE_METRICS(X)                                                                     \
	X(PSI_CPU, "system_pressure_cpu_percent", RATE, PERCENT, LOWER, PRESSURE, true, false,     \
	  "share of the time in which some task of the machine waited for a CPU")                  \
	X(PSI_IO, "system_pressure_io_percent", RATE, PERCENT, LOWER, PRESSURE, true, false,       \
	  "share of the time in which some task waited for storage")                               \
	X(PSI_IO_FULL, "system_pressure_io_full_percent", RATE, PERCENT, LOWER, PRESSURE, true,    \
	  false, "share of the time in which all tasks that could work waited for storage")        \
	X(PSI_MEM, "system_pressure_memory_percent", RATE, PERCENT, LOWER, PRESSURE, true, false,  \
	  "share of the time in which some task waited for memory")                                \
	X(PSI_MEM_FULL, "system_pressure_memory_full_percent", RATE, PERCENT, LOWER, PRESSURE,     \
	  true, false, "share of the time in which all tasks that could work waited for memory")

#define MP_CGROUP_METRICS(X)                                                                       \
	X(CG_PERIODS, "cgroup_cpu_periods", COUNTER, COUNT, NONE, CGROUP, true, false,             \
	  "periods of the CPU limit of the server's control group in which it ran")                \
	X(CG_THROTTLED, "cgroup_cpu_throttled_periods", COUNTER, COUNT, LOWER, CGROUP, true,       \
	  false, "of these, in how many it was stopped because its share was used up")             \
	X(CG_THROTTLED_S, "cgroup_cpu_throttled_seconds", COUNTER, SECONDS, LOWER, CGROUP, true,   \
	  false, "time it stood still because its share of CPU was used up")                       \
	X(CG_MEM, "cgroup_memory_used", GAUGE, BYTES, LOWER, CGROUP, false, false,                 \
	  "memory charged to the server's control group, page cache included")                     \
	X(CG_MEM_PEAK, "cgroup_memory_peak", GAUGE, BYTES, LOWER, CGROUP, false, false,            \
	  "highest of these, also between samples")                                                \
	X(CG_MEM_RATIO, "cgroup_memory_limit_ratio", GAUGE, NONE, LOWER, CGROUP, false, false,     \
	  "memory charged as a share of the limit, 0 to 1")                                        \
	X(CG_OOM, "cgroup_oom_kills", COUNTER, COUNT, LOWER, CGROUP, true, false,                  \
	  "processes of the control group that were killed because its memory was used up")        \
	X(CG_PSI_CPU, "cgroup_pressure_cpu_percent", RATE, PERCENT, LOWER, CGROUP, false, false,   \
	  "share of the time in which some task of the control group waited for a CPU")            \
	X(CG_PSI_CPU_FULL, "cgroup_pressure_cpu_full_percent", RATE, PERCENT, LOWER, CGROUP,       \
	  false, false, "the same for all of its tasks that could work")                           \
	X(CG_PSI_IO, "cgroup_pressure_io_percent", RATE, PERCENT, LOWER, CGROUP, false, false,     \
	  "share of the time in which some task of the control group waited for storage")          \
	X(CG_PSI_MEM, "cgroup_pressure_memory_percent", RATE, PERCENT, LOWER, CGROUP, false,       \
	  false, "share of the time in which some task of the control group waited for memory")

/* Counters go on over restarts of the JVM. */
#define MP_JVM_METRICS(X)                                                                          \
	X(JVM_GC, "jvm_gc_count", COUNTER, COUNT, NONE, JVM, true, false,                          \
	  "collections that stopped the frontend's JVM")                                           \
	X(JVM_GC_S, "jvm_gc_seconds", COUNTER, SECONDS, LOWER, JVM, true, false,                   \
	  "time it stood still for them")                                                          \
	X(JVM_GC_FULL, "jvm_gc_full_count", COUNTER, COUNT, LOWER, JVM, true, false,               \
	  "of these, how many collected the whole heap")                                           \
	X(JVM_GC_MAX, "jvm_gc_max_seconds", GAUGE, SECONDS, LOWER, JVM, true, false,               \
	  "longest stop since the last sample: exact for one a sample, else at least the mean")    \
	X(JVM_SP, "jvm_safepoint_count", COUNTER, COUNT, NONE, JVM, false, false,                  \
	  "times all Java threads were stopped, collections included")                             \
	X(JVM_SP_S, "jvm_safepoint_seconds", COUNTER, SECONDS, LOWER, JVM, true, false,            \
	  "time they were stopped")                                                                \
	X(JVM_SP_SYNC_S, "jvm_safepoint_sync_seconds", COUNTER, SECONDS, LOWER, JVM, false, false, \
	  "time it took to stop them")                                                             \
	X(JVM_HEAP, "jvm_heap_used", GAUGE, BYTES, LOWER, JVM, true, false,                        \
	  "Java heap in use, as the JVM last told: with G1 after a collection")                    \
	X(JVM_HEAP_CAP, "jvm_heap_capacity", GAUGE, BYTES, NONE, JVM, false, false,                \
	  "Java heap taken from the machine")                                                      \
	X(JVM_HEAP_MAX, "jvm_heap_max", GAUGE, BYTES, NONE, JVM, false, false,                     \
	  "what the Java heap may grow to")                                                        \
	X(JVM_META, "jvm_metaspace_used", GAUGE, BYTES, LOWER, JVM, false, false,                  \
	  "memory of loaded classes")                                                              \
	X(JVM_THREADS, "jvm_threads", GAUGE, COUNT, LOWER, JVM, false, false,                      \
	  "Java threads alive")                                                                    \
	X(JVM_THREADS_PEAK, "jvm_threads_peak", GAUGE, COUNT, LOWER, JVM, false, false,            \
	  "most of them at once, also between samples")                                            \
	X(JVM_THREADS_NEW, "jvm_threads_started", COUNTER, COUNT, LOWER, JVM, false, false,        \
	  "Java threads ever started")                                                             \
	X(JVM_CLASSES, "jvm_classes_loaded", COUNTER, COUNT, NONE, JVM, false, false,              \
	  "classes loaded")

#define MP_SERVERLOG_METRICS(X)                                                                    \
	X(REQ_2XX, "server_requests_2xx", COUNTER, COUNT, NONE, LOG, false, false,                 \
	  "answers 2xx the server logged since it was watched, its management API included")       \
	X(REQ_4XX, "server_requests_4xx", COUNTER, COUNT, LOWER, LOG, false, false,                \
	  "answers 4xx the server logged")                                                         \
	X(REQ_5XX, "server_requests_5xx", COUNTER, COUNT, LOWER, LOG, false, false,                \
	  "answers 5xx the server logged")                                                         \
	X(LOG_LINES, "server_log_lines", COUNTER, COUNT, NONE, LOG, false, false,                  \
	  "lines read from the server's metrics logs")                                             \
	X(LOG_GARBAGE, "server_log_garbage", COUNTER, COUNT, LOWER, LOG, false, false,             \
	  "of these, lines that are no metric, or too long")                                       \
	X(LOG_LOST, "server_log_lost_bytes", COUNTER, BYTES, LOWER, LOG, false, false,             \
	  "bytes of the logs passed over, because they came faster than they are read")

#define MP_API_METRICS(X)                                                                          \
	X(API_READY, "workers_ready", GAUGE, COUNT, NONE, API, false, true,                        \
	  "workers that the server's management API calls READY")                                  \
	X(API_MISSING, "workers_missing", GAUGE, COUNT, LOWER, API, false, true,                   \
	  "of these, how many have no process, in two polls in a row")                             \
	X(API_MODELS, "models_registered", GAUGE, COUNT, NONE, API, false, false,                  \
	  "models the server has")                                                                 \
	X(API_TTR, "time_to_ready_seconds", GAUGE, SECONDS, LOWER, API, false, false,              \
	  "from the start of the frontend until its management API answered; watched from the start")

#define MP_MONITOR_METRICS(X)                                                                      \
	X(MON_CPU, "monitor_cpu_percent", RATE, PERCENT, LOWER, MONITOR, true, false,              \
	  "CPU of this program, BPF readings at a tick included; 100 is one CPU")                  \
	X(MON_CPU_S, "monitor_cpu_time", COUNTER, SECONDS, LOWER, MONITOR, true, false,            \
	  "CPU time of this program since it began")                                               \
	X(MON_RSS, "monitor_memory_rss", GAUGE, BYTES, LOWER, MONITOR, true, false,                \
	  "resident memory of this program")                                                       \
	X(MON_BPF_S, "monitor_bpf_seconds", COUNTER, SECONDS, LOWER, MONITOR, true, false,         \
	  "run time of its BPF programs, readings at a tick included")                             \
	X(MON_BPF_RUNS, "monitor_bpf_runs", COUNTER, COUNT, NONE, MONITOR, true, false,            \
	  "runs of its BPF programs")                                                              \
	X(MON_LATE, "monitor_late_seconds", GAUGE, SECONDS, LOWER, MONITOR, true, false,           \
	  "how long after it was due this sample began")                                           \
	X(MON_SAMPLED, "monitor_sampled_ns", COUNTER, NONE, NONE, MONITOR, false, false,           \
	  "when this sample's processes were read: ns of CLOCK_MONOTONIC, of the first of them")   \
	X(MON_MISSED, "monitor_missed_ticks", COUNTER, COUNT, LOWER, MONITOR, true, false,         \
	  "samples that were due and not made")                                                    \
	X(MON_LINES, "monitor_dropped_lines", COUNTER, COUNT, LOWER, MONITOR, true, false,         \
	  "lines not sent to clients that do not read")                                            \
	X(MON_DROPS, "monitor_drops", COUNTER, COUNT, LOWER, MONITOR, true, false,                 \
	  "kernel events lost, of all causes")                                                     \
	X(MON_D_SLOTS, "monitor_drops_slots_full", COUNTER, COUNT, LOWER, MONITOR, false, false,   \
	  "processes not watched: too many at once")                                               \
	X(MON_D_HELD, "monitor_drops_held", COUNTER, COUNT, LOWER, MONITOR, false, false,          \
	  "processes not watched: the kernel gave no reference")                                   \
	X(MON_D_RING, "monitor_drops_ring_full", COUNTER, COUNT, LOWER, MONITOR, false, false,     \
	  "notices of new processes that did not fit")                                             \
	X(MON_D_PID, "monitor_drops_pid_range", COUNTER, COUNT, LOWER, MONITOR, false, false,      \
	  "processes not watched: pid beyond the pid_max at the start")                            \
	X(MON_D_WAITS, "monitor_drops_waits_full", COUNTER, COUNT, LOWER, MONITOR, false, false,   \
	  "waits not counted: too many at once")                                                   \
	X(MON_D_MISSED, "monitor_drops_missed", COUNTER, COUNT, LOWER, MONITOR, false, false,      \
	  "hooks the kernel did not run, because one was at work on that CPU")

/*
 * What the server itself logs about each request: names are {count,sum,avg,min,max,p50,p90,p99} _
 * server _ name [@MODEL]; count and sum go on from when it was first asked for, the others are of
 * the lines since the last sample. X(id, name, its name in the log, help)
 */
#define MP_LOG_METRICS(X)                                                                          \
	X(PREDICTION, "prediction_time", "PredictionTime", "time of the handler for a request")    \
	X(HANDLER, "handler_time", "HandlerTime",                                                  \
	  "time of the handler for a request (TorchServe)")                                        \
	X(QUEUE, "queue_time", "QueueTime", "time a request waited for a worker (TorchServe)")     \
	X(LOAD, "worker_load_time", "WorkerLoadTime",                                              \
	  "from a worker's start until its model was loaded")

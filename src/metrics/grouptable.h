/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registry's rows of what optional groups of probes count: counters of a process, and latencies
 * of single events. Part of table.h, which alone includes it.
 */
#pragma once

/* In the columns of MP_PROC_METRICS, with which they are. Counted while somebody asks for one. */
#define MP_GROUP_METRICS(X) MP_OOM_METRICS(X)

#define MP_OOM_METRICS(X)                                                                          \
	X(OOM_KILLS, "oom_kills", COUNTER, COUNT, LOWER, 0, MP_GROUP_OOM, ONE, false,              \
	  p->extra[MP_EX_OOM_KILLS], t->extra[MP_EX_OOM_KILLS],                                    \
	  "times the kernel chose it to be killed for lack of memory, of the machine or a group")

/*
 * Latencies of events: names are {count,sum,avg,max,p50,p90,p99} _ {frontend,workers,all} _ name
 * [@MODEL], where it is of the whole machine also _ system _. count and sum go on from when it was
 * first asked for, the others are of the events since the last sample.
 * X(id, name, histogram, group, of the machine, help)
 */
#define MP_LATENCY_METRICS(X)                                                                      \
	X(RUNQ, "runq_latency_seconds", MP_LAT_RUNQ, MP_GROUP_RUNQ, false,                         \
	  "each time a thread was ready to run: how long until it got a CPU")

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registry's rows of what optional groups of probes count: counters of a process, and latencies
 * of single events. Part of table.h, which alone includes it.
 */
#pragma once

/* In the columns of MP_PROC_METRICS, with which they are. Counted while somebody asks for one. */
#define MP_GROUP_METRICS(X)                                                                        \
	MP_OOM_METRICS(X)                                                                          \
	MP_OFF_METRIC(X, IO, "offcpu_io_seconds", "waited for storage")                            \
	MP_OFF_METRIC(X, LOCK, "offcpu_lock_seconds", "waited in futex: locks, conditions")        \
	MP_OFF_METRIC(X, NET, "offcpu_network_seconds",                                            \
		      "waited in calls that send, receive, accept or connect")                     \
	MP_OFF_METRIC(X, POLL, "offcpu_poll_seconds", "waited in epoll, poll or select")           \
	MP_OFF_METRIC(X, SLEEP, "offcpu_sleep_seconds", "slept because they asked to")             \
	MP_OFF_METRIC(X, PIPE, "offcpu_pipe_seconds", "waited for a pipe")                         \
	MP_OFF_METRIC(X, OTHER, "offcpu_other_seconds",                                            \
		      "waited for anything else: children, eventfd, page faults without IO")       \
	MP_OFF_METRIC(X, PREEMPTED, "offcpu_preempted_seconds",                                    \
		      "would have run on: a part of runq_wait_seconds")                            \
	MP_NET_METRICS(X)

#define MP_NET_METRIC(X, id, name, unit, better, text)                                             \
	X(id, name, COUNTER, unit, better, 0, MP_GROUP_NET, ONE, false, p->extra[MP_EX_##id],      \
	  t->extra[MP_EX_##id], text)

#define MP_NET_METRICS(X)                                                                          \
	MP_NET_METRIC(X, NET_RECV, "network_recv_bytes", BYTES, NONE,                              \
		      "bytes received by TCP and UDP, loopback included")                          \
	MP_NET_METRIC(X, NET_SENT, "network_sent_bytes", BYTES, NONE,                              \
		      "bytes sent by TCP and UDP, loopback included")                              \
	MP_NET_METRIC(X, UNIX_RECV, "unix_recv_bytes", BYTES, NONE,                                \
		      "bytes received by Unix sockets")                                            \
	MP_NET_METRIC(X, UNIX_SENT, "unix_sent_bytes", BYTES, NONE, "bytes sent by Unix sockets")  \
	MP_NET_METRIC(X, NET_OPENED, "network_connections_opened", COUNT, NONE,                    \
		      "TCP connections it began")                                                  \
	MP_NET_METRIC(X, NET_ACCEPTED, "network_connections_accepted", COUNT, NONE,                \
		      "TCP connections that came in; each counts when it is first used")           \
	MP_NET_METRIC(X, NET_CLOSED, "network_connections_closed", COUNT, NONE,                    \
		      "of both, how many have ended")                                              \
	MP_NET_METRIC(X, NET_RETRANS, "network_retransmits", COUNT, LOWER,                         \
		      "TCP segments that it had to send again")

/* Of all threads of a process; without the wait for a CPU that follows, but for the last. */
#define MP_OFF_METRIC(X, id, name, text)                                                           \
	X(OFF_##id, name, COUNTER, SECONDS, NONE, 0, MP_GROUP_OFFCPU, NS, false,                   \
	  p->extra[MP_EX_OFF_##id], t->extra[MP_EX_OFF_##id], "time its threads " text)

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
	  "each time a thread was ready to run: how long until it got a CPU")                      \
	X(BLOCK_READ, "block_read_latency_seconds", MP_LAT_BLOCK_READ, MP_GROUP_BLOCK, true,       \
	  "each read from a disk, from its issue to the device to its completion")                 \
	X(BLOCK_WRITE, "block_write_latency_seconds", MP_LAT_BLOCK_WRITE, MP_GROUP_BLOCK, true,    \
	  "each write to a disk; what the kernel writes back later is of system alone")

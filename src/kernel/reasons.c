// SPDX-License-Identifier: GPL-2.0-only
/*
 * System call -> what a thread waits for that is off its CPU in it. A table by name: numbers differ
 * between architectures, and not every one has every call. Called by loader.c.
 */
#include "kernel/features.h"

#include <mmsperf/cleanup.h>

#include <string.h>
#include <sys/syscall.h>

/* Younger than the headers of some distributions; the same number everywhere. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define FUTEX_WAIT 455 /* futex_wait, 6.7 */

static const struct {
	uint16_t nr;
	uint8_t reason;
} calls[] = {
	{SYS_futex, MP_OFF_LOCK},        {SYS_futex_waitv, MP_OFF_LOCK},
	{FUTEX_WAIT, MP_OFF_LOCK},

	{SYS_recvfrom, MP_OFF_NET},      {SYS_recvmsg, MP_OFF_NET},
	{SYS_recvmmsg, MP_OFF_NET},      {SYS_sendto, MP_OFF_NET},
	{SYS_sendmsg, MP_OFF_NET},       {SYS_sendmmsg, MP_OFF_NET},
	{SYS_accept, MP_OFF_NET},        {SYS_accept4, MP_OFF_NET},
	{SYS_connect, MP_OFF_NET},

	{SYS_epoll_pwait, MP_OFF_POLL},  {SYS_ppoll, MP_OFF_POLL},
	{SYS_pselect6, MP_OFF_POLL},
#ifdef SYS_epoll_pwait2
	{SYS_epoll_pwait2, MP_OFF_POLL},
#endif
#ifdef SYS_epoll_wait
	{SYS_epoll_wait, MP_OFF_POLL},   {SYS_poll, MP_OFF_POLL},
	{SYS_select, MP_OFF_POLL},
#endif

	{SYS_nanosleep, MP_OFF_SLEEP},   {SYS_clock_nanosleep, MP_OFF_SLEEP},

	{SYS_read, MP_OFF_BY_FD},        {SYS_readv, MP_OFF_BY_FD},
	{SYS_preadv2, MP_OFF_BY_FD},     {SYS_write, MP_OFF_BY_FD},
	{SYS_writev, MP_OFF_BY_FD},      {SYS_pwritev2, MP_OFF_BY_FD},
	{SYS_sendfile, MP_OFF_BY_FD},    {SYS_splice, MP_OFF_BY_FD},
};

void mp_reasons_fill(uint8_t reason_of[MP_SYSCALLS])
{
	memset(reason_of, MP_OFF_OTHER, MP_SYSCALLS);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].nr < MP_SYSCALLS)
			reason_of[calls[i].nr] = calls[i].reason;
}

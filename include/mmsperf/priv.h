/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving up privileges once everything that needs them is loaded and open. */
#pragma once

#include <mmsperf/source.h>

/*
 * As root: to `user` (NULL: "nobody") without any capability, no_new_privs set; on the procfs rung
 * CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH stay (reading /proc/PID/{io,fd} of others), on kernels
 * that refuse map access without it CAP_BPF stays (probed with `s`). Not root: capabilities are
 * dropped, the uid stays. -ENOENT: no such user.
 */
int mp_priv_drop(struct mp_source *s, const char *user);
/* Whether this process has a capability in effect. */
bool mp_priv_has(int capability);

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server's management API: each call is over when its effect is there (asked for until the
 * deadline), because the server answers before it. MMS 1.1 and TorchServe speak it.
 */
#pragma once

#include "suite/events.h"
#include "suite/simple.h"

struct mp_manage {
	const struct mp_simple *m;
	struct mp_events *ev; /* NULL: cannot be stopped */
	double until_s;       /* monotonic */
};

/* 0; -EINTR; -ETIMEDOUT or another error with d filled. */
/* *ret_again: it was registered before, by whom ever; it is not what it was. */
int mp_manage_register(const struct mp_manage *g, const struct mp_simple_model *model,
		       bool *ret_again, struct mp_diag *d);
int mp_manage_scale(const struct mp_manage *g, const struct mp_simple_model *model, long workers,
		    struct mp_diag *d);
/* All its workers say READY, and a request of the load to it is answered where the load has one:
 * the API alone says READY of workers that do not exist. */
int mp_manage_wait_ready(const struct mp_manage *g, const struct mp_simple_model *model,
			 long workers, struct mp_diag *d);
int mp_manage_unregister(const struct mp_manage *g, const struct mp_simple_model *model,
			 struct mp_diag *d);

/* SPDX-License-Identifier: GPL-2.0-only */
/* The management API's answers (pure), and one model's values. Private to src/metrics. */
#pragma once

#include "metrics/plus.h"

#define MP_API_MODELS 256

struct mp_api_model {
	char name[MP_MODEL_LEN];
	unsigned ready;   /* workers it calls READY */
	unsigned lacking; /* of these, without a process, at this poll */
	unsigned missing; /* the least of this poll's and the one's before */
};

/* GET /models. Names are appended to models[]; *ret_next is the next page's token or NULL, owned
 * by the caller. -EINVAL: no such document; -ENOSPC: too many models, the first ones are there. */
int mp_api_parse_list(const char *text, size_t len, struct mp_api_model *models, size_t *n,
		      char **ret_next);
/* GET /models/NAME: how many of its workers are READY. */
int mp_api_parse_model(const char *text, size_t len, unsigned *ret_ready);
/* management_address of an MMS or TorchServe configuration file; NULL: not set. Caller frees. */
char *mp_api_config_address(const char *text);

/* One model's value; absent when the server has no such model or was not asked yet. */
struct mp_value mp_api_get(void *state, int metric, const char *model);

/* SPDX-License-Identifier: GPL-2.0-only */
/* Values of JSON documents made of what a measurement may lack. */
#pragma once

#include <jansson.h>

/* A new reference: s made valid UTF-8 (mp_text_clean), or null when there is none. */
json_t *mp_json_text(const char *s);
/* A new reference: null for NaN and infinity, which JSON cannot hold. */
json_t *mp_json_number(double v);

/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking git; private to src/results. */
#pragma once

#include <stddef.h>

/* First bytes of what git prints; 0, or -errno when it failed, is missing or took too long. */
int mp_git_ask(const char *const *argv, char *buf, size_t size);

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages to stderr, one line per fact. Only cli/, kernel/loader.c, sinks/agent.c and
 * suite/bzt.c log; everything else returns an error and lets its caller speak.
 */
#pragma once

#include <stdarg.h>

enum mp_level { MP_LOG_ERROR, MP_LOG_WARNING, MP_LOG_INFO, MP_LOG_DEBUG, _MP_LOG_MAX };

/* Messages above `level` are dropped. Default MP_LOG_INFO. */
void mp_log_set_level(enum mp_level level);
enum mp_level mp_log_level(void);

void mp_log(enum mp_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void mp_vlog(enum mp_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

#define mp_error(...)   mp_log(MP_LOG_ERROR, __VA_ARGS__)
#define mp_warning(...) mp_log(MP_LOG_WARNING, __VA_ARGS__)
#define mp_info(...)    mp_log(MP_LOG_INFO, __VA_ARGS__)
#define mp_debug(...)   mp_log(MP_LOG_DEBUG, __VA_ARGS__)

/*
 * Logs "TEXT: strerror(-r)" at error level and returns r (negative errno), so a command can write
 * `return mp_error_r(r, "cannot read '%s'", path);`. The code is taken before anything is printed.
 */
int mp_error_r(int r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

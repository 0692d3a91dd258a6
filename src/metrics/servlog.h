/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server's metrics log: a line of it (pure), a distribution of times, a file that is followed
 * through rotation, and the reader's selections. Private to src/metrics.
 */
#pragma once

#include "metrics/plus.h"

/* "2026-11-24T08:12:12,308 - Name.Unit:12.7|#ModelName:m,Level:Model|#hostname:h,..." */
struct mp_logline {
	const char *name, *model; /* into the line, not terminated; model NULL: none */
	size_t name_len, model_len;
	double value;
	double to_seconds; /* 0: the unit is no time */
};
/* 0 or -EINVAL. */
int mp_logline_parse(const char *line, size_t len, struct mp_logline *ret);

/* Times in ns; 32 buckets an octave, so a percentile is within 1.6 %. min, max, sum are exact. */
#define MP_DIST_BUCKETS (60 * 32)
struct mp_dist {
	uint64_t n;
	double sum_s, min_s, max_s;
	uint32_t bucket[MP_DIST_BUCKETS];
};
void mp_dist_reset(struct mp_dist *d);
void mp_dist_add(struct mp_dist *d, double seconds);
/* q from 0 to 1; d->n must not be 0. */
double mp_dist_quantile(const struct mp_dist *d, double q);

#define MP_TAIL_LINE 4096 /* longer lines are garbage */

/* One log file. Bytes and lines are counted, never silently lost. */
struct mp_tail {
	int fd;
	dev_t dev;
	ino_t ino;
	off_t at;
	char line[MP_TAIL_LINE]; /* begin of a line whose end is not written yet */
	size_t len;
	bool skipping; /* inside of a line that is too long, or that was begun unseen */
	bool unseen;   /* skipping, and the line is not to be counted */
	uint64_t lines, garbage, lost_bytes;
};
void mp_tail_init(struct mp_tail *t);
void mp_tail_close(struct mp_tail *t);
/* Takes fd over. from_start: its content is news; else only what is written from now on is. */
int mp_tail_use(struct mp_tail *t, int fd, bool from_start);
/* All whole lines since the last call, at most MP_TAIL_MOST bytes; line_fn false: garbage. */
#define MP_TAIL_MOST (8U << 20)
void mp_tail_read(struct mp_tail *t, bool (*line_fn)(void *arg, const char *line, size_t len),
		  void *arg);

/* servlog.c: index of a distribution, the same for the same question; -ENOMEM, -ENOSPC. */
int mp_servlog_select(void *state, enum mp_log_metric m, const char *model);
struct mp_value mp_servlog_get(void *state, int index, enum mp_log_op op);

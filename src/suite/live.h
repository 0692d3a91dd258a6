/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a suite does at this moment, from the files that grow while it runs: requests from JMeter's
 * kpi*.jtl, metrics from the collector's metrics.csv. Bounded memory; a half-written line waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MP_LIVE_FILES   4 /* kpi.jtl, kpi-1.jtl, ...: one an execution */
#define MP_LIVE_METRICS 2
#define MP_LIVE_SECONDS 8 /* of requests that are kept */

struct mp_tail {
	char *path;
	int64_t at; /* bytes read */
	char *part; /* a line without its end yet */
	size_t len;
	bool header; /* the first line has been read */
	int col[4];  /* what the columns of interest are; -1: not there */
};

struct mp_live {
	struct mp_tail jtl[MP_LIVE_FILES], csv;
	char *metric[MP_LIVE_METRICS];
	double value[MP_LIVE_METRICS]; /* NaN: none yet */
	struct {
		int64_t second; /* epoch */
		double n, sum_ms;
	} second[MP_LIVE_SECONDS];
	double samples, failed;
	int64_t newest; /* second of the newest request; 0: none yet */
};

/* dir: the suite's folder. metrics: names to show, n of them; the first ones are taken. */
int mp_live_init(struct mp_live *l, const char *dir, const char *const *metrics, size_t n);
void mp_live_done(struct mp_live *l);
/* Reads what has been added. A file that is not there yet is no fault. */
void mp_live_read(struct mp_live *l);
/* "52 req/s  12 ms  0 errors  sum_all_cpu_percent 83 %", "" before there is anything. */
void mp_live_text(const struct mp_live *l, char *buf, size_t size);

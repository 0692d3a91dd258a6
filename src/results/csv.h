/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of a CSV file, one at a time: RFC 4180 quoting, bounded record, no copy of a field.
 * Memory is one block whatever the file's size. Used by every reader of src/results only.
 */
#pragma once

#include <mmsperf/cleanup.h>
#include <mmsperf/diag.h>

#include <stdbool.h>
#include <stddef.h>

struct mp_cell {
	char *s; /* NUL-terminated, unquoted; valid until the next call */
	size_t len;
	bool quoted;
};

struct mp_csv {
	char path[256]; /* for messages, cut when longer */
	int fd;
	char *buf;
	size_t cap, len, pos;
	bool eof;
	char sep;           /* ',', or what the header line shows: TAB or ';' */
	bool unterminated;  /* the last record returned had no newline: the writer may have died */
	bool broken_quote;  /* a quote that never ended was dropped at the end of the file */
	unsigned long line; /* line the last record began at, from 1 */
	unsigned long next_line;
	struct mp_cell *cell;
	size_t n, cap_cells;
};

/* 0, or -errno with d filled. ret_csv needs mp_csv_close() only after 0. */
int mp_csv_open(const char *path, struct mp_csv *ret_csv, struct mp_diag *d);
/* 1: csv->cell[0..n) is the next record; 0: end; -errno with d filled. Empty lines are skipped. */
int mp_csv_next(struct mp_csv *csv, struct mp_diag *d);
/* Index of the header's cell of that name in the record just read, or -1. */
int mp_csv_column(const struct mp_csv *csv, const char *name);
void mp_csv_close(struct mp_csv *csv);
#define _cleanup_csv_ _cleanup_(mp_csv_close)
#define MP_CSV_INIT   ((struct mp_csv){.fd = -1})

/* A cell as a number: NaN when it is empty, "nan", or no number. */
double mp_cell_number(const struct mp_cell *c);

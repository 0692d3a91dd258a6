/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fuzz targets share. A target takes any bytes, as a stranger's file or socket would give
 * them: no crash, no leak, no endless loop, and a refusal has to say something.
 */
#pragma once

#include <mmsperf/cleanup.h>
#include <mmsperf/diag.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes as text that ends; the caller frees. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	if (!s)
		abort();
	if (size)
		memcpy(s, data, size);
	s[size] = '\0';
	return s;
}

/* A fault without words helps nobody. */
static inline void fuzz_refused(int r, const struct mp_diag *d)
{
	if (r < 0 && r != -12 /* ENOMEM */ && !*d->msg)
		abort();
}

/* A folder of this process in memory, made once and left to tests/fuzz/run.sh. */
const char *fuzz_dir(void);
void fuzz_file(const char *name, const uint8_t *data, size_t size);

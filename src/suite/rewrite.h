/* SPDX-License-Identifier: GPL-2.0-only */
/* Copies of a suite's files in which every criterion says what bzt will take it for. */
#pragma once

#include "suite/plan.h"

/*
 * The files to give to bzt, in order; entries owned, NULL-terminated. They are the originals, or
 * where criteria need it (290MB, "of X>=1") a copy in dir with the file's own name, relative paths
 * in it made absolute where they are found beside the original.
 */
int mp_rewrite_files(const struct mp_suite *s, const char *dir, char *ret_files[static 4],
		     struct mp_diag *d);

/* SPDX-License-Identifier: GPL-2.0-only */
/* Command-line options as a table: parsing, --help text and spelling suggestions come from it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum mp_opt_type {
	MP_OPT_FLAG,    /* bool *: set true; */
	MP_OPT_NEGATE,  /* bool *: --[no-]NAME */
	MP_OPT_STRING,  /* const char ** */
	MP_OPT_INT,     /* long *, min..max */
	MP_OPT_SECONDS, /* double *: "500ms", "2m", plain seconds */
	MP_OPT_COUNT,   /* int *: each occurrence adds `max` (so -q may subtract) */
	MP_OPT_LIST,    /* struct mp_strv *: may be given several times */
};

struct mp_strv {
	const char **v;
	size_t n;
};

struct mp_opt {
	char letter;       /* 0: none */
	const char *name;  /* without dashes */
	const char *alias; /* second long name or NULL */
	enum mp_opt_type type;
	void *dest;
	const char *metavar; /* NULL for flags */
	const char *help;    /* one or more lines; default stated in it */
	long min, max;
};

struct mp_usage {
	const char *command;  /* "mmsperf-bpf agent" */
	const char *synopsis; /* one line after the command */
	const char *about;    /* paragraph */
	const char *epilog;   /* may be NULL */
	const struct mp_opt *opts;
	size_t n_opts;
};

/*
 * Parses argv[1..]; operands are moved to the front of argv and counted in *ret_operands.
 * 0; 1 when --help was printed (exit 0); -EINVAL after one line on stderr (exit 2).
 */
int mp_options_parse(const struct mp_usage *u, int argc, char **argv, int *ret_operands);

/* SPDX-License-Identifier: GPL-2.0-only */
/* Suites: finding them, what one YAML says, and running it with bzt beside a collector. */
#pragma once

#include <mmsperf/results.h>
#include <mmsperf/yaml.h>

/* One collected suite. Strings owned. */
struct mp_suite {
	char *name;        /* file name without .yaml; a second one of it: FOLDER.NAME */
	char *path;        /* its YAML */
	char *env_path;    /* environments/ENV.yaml, else …/default.yaml, or NULL */
	char *global_path; /* global_config.yaml or NULL */
	struct mp_yaml *doc, *env_doc, *global_doc; /* NULL where there is no file or it is bad */
	struct mp_plan *plan;                       /* what the three say together; NULL when bad */
	/* a simple suite: what it says, its own tree (doc is then Taurus' one, made from it), and
	 * the texts bzt is given */
	struct mp_simple *simple;
	struct mp_yaml *source;
	char *taurus, *taurus_jmx; /* jmx: NULL where the load has no script of ours */
	double hold_cap_s;         /* no load is held longer; 0: as long as they say */
	bool bad;                  /* malformed: `diag` says where and why; it is not run */
	struct mp_diag diag;
	double expected_s; /* ramp-up + hold-for + start-up allowance; 0: unknown */
	size_t n_criteria;
};

struct mp_suite_list {
	struct mp_suite *v;
	size_t n;
};

struct mp_run_opts {
	const char *artifacts_dir, *test_dir, *pattern, *exclude, *env_name, *jmeter_path, *server;
	bool monit, compare_local;
	double hold_cap_s; /* --quick: loads are held no longer; 0: as long as the suites say */
	bool dry_run, fail_fast, json, shuffle;
	bool github;            /* annotations and summary of a job of GitHub Actions */
	long repeat;            /* runs in a row, at least 1 */
	long seed;              /* of the shuffled order */
	double timeout_s;       /* 0: 3 x expected + 120 */
	const char *store;      /* s3://bucket/prefix to upload finished runs to; NULL: none */
	double store_timeout_s; /* of failures in a row until the upload is given up */
	int verbosity;          /* -1 quiet, 0, 1 verbose */
	const char *self;       /* path of this program, to start the collector */
};

/*
 * Collects suites in name order (contract, section 1). 0 with n == 0 is possible; a malformed suite
 * is in the list, marked bad. -ENOENT, -EACCES with d filled when test_dir cannot be read.
 */
int mp_suites_find(const struct mp_run_opts *o, struct mp_suite_list *ret_list, struct mp_diag *d);
void mp_suites_done(struct mp_suite_list *l);

/* The whole main job: collect, run each, judge, write reports. Returns the exit code. */
int mp_suite_main(const struct mp_run_opts *o);

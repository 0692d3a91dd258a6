/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Many runs: the index of a folder of runs, names for runs, and runs kept in S3. The folders are
 * the truth; OUT/index.sqlite (WAL) only answers faster, is brought up to date whenever it is
 * opened, and may be deleted at any time.
 */
#pragma once

#include <mmsperf/diag.h>
#include <mmsperf/results.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The folder of the run that spec names: "latest" (of those in out), a folder's name or the only
 * one that begins with spec, its epoch, a commit (the newest run of it, one of a clean tree
 * first), a tag, a path to a folder, or s3://bucket/prefix/SPEC (fetched into out first).
 * out may be missing where spec is a path. *ret_dir is absolute and the caller's.
 * -ENOENT, -ENOTUNIQ (ambiguous), or what failed, with d filled.
 */
int mp_run_resolve(const char *out, const char *spec, char **ret_dir, struct mp_diag *d);

/* The run in out with the highest time in its name, if that is above after_s; -ENOENT: none.
 * *ret_epoch is that time. */
int mp_run_newest_name(const char *out, double after_s, char **ret_id, double *ret_epoch);

/* --- index ----------------------------------------------------------------------------------- */

struct mp_index;

/* Opens OUT/index.sqlite and brings it up to date with the folders: new, changed and deleted ones.
 * A missing, damaged or older index, or rebuild, reads all of them again. Where OUT cannot be
 * written the index is made in memory. */
int mp_index_open(const char *out, bool rebuild, struct mp_index **ret_index, struct mp_diag *d);
void mp_index_close(struct mp_index *ix);
void mp_index_closep(struct mp_index **ix);
#define _cleanup_index_ _cleanup_(mp_index_closep)
/* What opening found: runs read anew, runs that were gone, folders with an unreadable run.json
 * (the first one's fault in why, which is NULL when there is none; owned by the index). */
struct mp_index_news {
	size_t read, gone, unreadable;
	bool rebuilt;
	const char *why, *rebuilt_why;
};
const struct mp_index_news *mp_index_news(const struct mp_index *ix);

/* One run as the index knows it. Strings owned, never NULL. */
struct mp_run_row {
	char *id;                                                   /* folder's name in OUT */
	char *env, *commit, *verdict, *fingerprint, *server, *tags; /* tags: "a b" */
	double started_s, duration_s;
	double hold_cap_s; /* of a --quick run; else 0 */
	int exit_code;
	bool unfinished;
	int suites, suites_passed, suites_bad, cases, cases_bad;
};
struct mp_run_list {
	struct mp_run_row *v;
	size_t n;
	size_t more; /* that matched beyond the limit */
};
/* NULL and 0 match everything. */
struct mp_run_filter {
	const char *env, *commit, *suite; /* env and suite are globs, commit a prefix */
	const char *verdict;              /* or "unfinished" */
	const char *tag, *fingerprint;
	double since_s; /* epoch */
	size_t limit;
};
/* Newest first. */
int mp_index_list(struct mp_index *ix, const struct mp_run_filter *f, struct mp_run_list *ret_list,
		  struct mp_diag *d);
void mp_run_list_done(struct mp_run_list *l);

/* mean, max, min of one metric in one suite of runs->v[run]. Strings are valid during the call. */
struct mp_index_value {
	size_t run;
	const char *suite, *label, *metric; /* as in struct mp_aggregate */
	double mean, max, min;
};
/* Called for what is found; a result below 0 ends the reading and is returned. */
struct mp_index_reader {
	int (*suite)(void *arg, size_t run, const char *name, enum mp_verdict verdict);
	int (*value)(void *arg, const struct mp_index_value *v); /* by suite, label and metric */
	bool (*wants)(void *arg, size_t run);                    /* NULL: every listed run */
	void *arg;
};
/* Suites, and then values, of listed runs. */
int mp_index_values(struct mp_index *ix, const struct mp_run_list *runs,
		    const struct mp_index_reader *reader, struct mp_diag *d);

/* Adds or, with remove, takes away a tag in the run's run.json. Tags have no blanks. */
int mp_store_tag(const char *dir, const char *tag, bool remove, struct mp_diag *d);
/* Deletes a run: first out of sight, then its files, so that no half of it is ever seen. */
int mp_store_delete(const char *out, const char *id, struct mp_diag *d);
/* What deletions that were cut short left behind. */
void mp_store_sweep(const char *out);

/* --- aggregates ------------------------------------------------------------------------------ */

/* One row of RUN/aggregates.csv: label "" and a metric's name for the recording, else a request
 * label ("(all)" for the total) and a metric such as "p90" in seconds or "throughput". */
struct mp_aggregate {
	char *suite, *label, *metric; /* owned */
	double n, mean, max, min;
};
/* From the series that mp_results_load_series() filled. */
int mp_aggregates_of(const struct mp_run *r, struct mp_aggregate **ret, size_t *ret_n);
int mp_aggregates_write(const char *run_dir, const struct mp_aggregate *v, size_t n,
			struct mp_diag *d);
/* -ENOENT: a run of an older version has no such file. */
int mp_aggregates_read(const char *run_dir, struct mp_aggregate **ret, size_t *ret_n,
		       struct mp_diag *d);
void mp_aggregates_free(struct mp_aggregate *v, size_t n);

/* --- S3 -------------------------------------------------------------------------------------- */

/*
 * Runs in s3://bucket/prefix: objects PREFIX/runs/ID/FILE, and PREFIX/complete/ID.json, which lists
 * them and is written last: a run without it is not there. Credentials and place come from
 * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION (AWS_DEFAULT_REGION),
 * AWS_ENDPOINT_URL_S3 (AWS_ENDPOINT_URL). Files larger than MMSPERF_S3_PART_BYTES (64 MiB) are sent
 * in parts of that size: an upload that was cut goes on with the next part.
 */
struct mp_s3;

#define MP_S3_GIVE_UP_S 120.0 /* of failures in a row until a request is given up */

bool mp_s3_is_url(const char *s);
int mp_s3_open(const char *url, double give_up_s, struct mp_s3 **ret_s3, struct mp_diag *d);
void mp_s3_free(struct mp_s3 *s);
void mp_s3_freep(struct mp_s3 **s);
#define _cleanup_s3_ _cleanup_(mp_s3_freep)

struct mp_s3_count {
	size_t files, skipped; /* sent or fetched; already there */
	double bytes;          /* of the former */
	size_t retries;
};
/* Sends what is not there yet of a finished run, the marker last. -EBUSY: the run is not finished.
 */
int mp_s3_push(struct mp_s3 *s, const char *run_dir, struct mp_s3_count *ret, struct mp_diag *d);
/* The run as OUT/ID, through OUT/.fetch-ID, where a later call goes on after a cut. */
int mp_s3_fetch(struct mp_s3 *s, const char *id, const char *out, char **ret_dir,
		struct mp_s3_count *ret, struct mp_diag *d);
/* Only the named files of a run into OUT/ID, which is no whole run then; what the run does not have
 * is left out. */
int mp_s3_fetch_some(struct mp_s3 *s, const char *id, const char *out, const char *const *files,
		     size_t n, struct mp_diag *d);
/* Whole runs, newest first; a verdict, suite, tag or fingerprint in f costs a request a run. Rows
 * beyond their name (with details: all of them) are read from the markers. */
int mp_s3_list(struct mp_s3 *s, const struct mp_run_filter *f, bool details,
	       struct mp_run_list *ret_list, struct mp_diag *d);
/* The id that spec ("latest", id, prefix, epoch, commit) means there. Caller frees. */
int mp_s3_resolve(struct mp_s3 *s, const char *spec, char **ret_id, struct mp_diag *d);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run made from a folder that bzt left behind, or from a folder of such folders: people who
 * have Taurus artifacts already can look at them. Nothing in it is written but metrics_bzt.csv,
 * and that only where the folder may be written. Called by cli/report.c.
 */
#include <mmsperf/results.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_bzt_file(const char *name)
{
	static const char *const patterns[] = {"kpi*.jtl",      "final_stats.csv", "effective.json",
					       "effective.yml", "SAlogs_*.csv",    "xunit*.xml"};

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
		if (mp_glob(patterns[i], name))
			return true;
	return false;
}

static int only_bzt(const struct dirent *e)
{
	return is_bzt_file(e->d_name);
}

static int only_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void free_entries(struct dirent **e, int n)
{
	for (int i = 0; i < n; i++)
		free(e[i]);
	free(e);
}

static bool has_bzt_files(const char *dir)
{
	struct dirent **e = NULL;
	int n = scandir(dir, &e, only_bzt, NULL);

	if (n >= 0)
		free_entries(e, n);
	return n > 0;
}

static void judge(struct mp_suite_result *s, int xunit)
{
	size_t failed = 0;

	for (size_t i = 0; i < s->n_cases; i++)
		failed += s->cases[i].verdict == MP_FAILED;
	if (xunit < 0) {
		s->verdict = MP_ERROR;
		s->reason = strdup("its xunit file cannot be read");
	} else if (failed) {
		s->verdict = MP_FAILED;
		s->reason = mp_asprintf("%zu of %zu criteria failed", failed, s->n_cases);
	} else if (!s->n_cases) {
		s->verdict = MP_SKIPPED;
		s->reason = strdup("no criteria");
	} else {
		s->verdict = MP_PASSED;
	}
}

/* Times of a suite nobody timed: from its requests, else from its metrics. */
static void date(struct mp_suite_result *s)
{
	if (s->load.n) {
		s->started_s = s->load.ts[0];
		s->duration_s = s->load.ts[s->load.n - 1] + 1 - s->load.ts[0];
	} else if (s->metrics.rows) {
		s->started_s = s->metrics.ts[0];
		s->duration_s = s->metrics.ts[s->metrics.rows - 1] - s->metrics.ts[0];
	}
	for (size_t i = 0; i < s->n_cases; i++)
		if (s->cases[i].verdict == MP_PASSED)
			s->cases[i].time_s = s->duration_s;
}

static int add_suite(struct mp_run *r, const char *dir, struct mp_diag *d)
{
	struct mp_suite_result *grown, *s;
	const char *base = strrchr(dir, '/');
	struct mp_diag dropped;
	int xunit;

	grown = reallocarray(r->suites, r->n_suites + 1, sizeof(*grown));
	if (!grown)
		return mp_diag_set(d, -ENOMEM, dir, 0, 0, "out of memory");
	r->suites = grown;
	s = &r->suites[r->n_suites];
	*s = (struct mp_suite_result){.bzt_code = -1};
	r->n_suites++;
	s->name = strdup(base && base[1] ? base + 1 : dir);
	s->dir = strdup(dir);
	if (!s->name || !s->dir)
		return mp_diag_set(d, -ENOMEM, dir, 0, 0, "out of memory");
	(void)mp_bztlog_correct(dir, &dropped); /* read-only folder, no log: then without */
	xunit = mp_xunit_read(dir, s, d);
	judge(s, xunit);
	(void)mp_results_load_series(s, d); /* what is broken is left out; the rest is shown */
	date(s);
	return 0;
}

static void sum_up(struct mp_run *r)
{
	double end = 0;

	r->verdict = MP_SKIPPED;
	for (size_t i = 0; i < r->n_suites; i++) {
		const struct mp_suite_result *s = &r->suites[i];
		bool passed = s->verdict == MP_PASSED && r->verdict == MP_SKIPPED;

		if (passed)
			r->verdict = MP_PASSED;
		else if (s->verdict > r->verdict && s->verdict != MP_SKIPPED)
			r->verdict = s->verdict;
		if (s->started_s > 0 && (r->started_s <= 0 || s->started_s < r->started_s))
			r->started_s = s->started_s;
		end = fmax(end, s->started_s + s->duration_s);
	}
	r->duration_s = end > r->started_s ? end - r->started_s : 0;
	r->exit_code = r->verdict == MP_FAILED ? 3 : r->verdict == MP_ERROR ? 1 : 0;
}

int mp_store_load_foreign(const char *dir, struct mp_run **ret_run, struct mp_diag *d)
{
	_cleanup_free_ char *absolute = realpath(dir, NULL);
	_cleanup_run_ struct mp_run *r = NULL;
	struct dirent **e = NULL;
	int n, k = 0;

	if (!absolute) {
		k = -errno;
		return mp_diag_set(d, k, dir, 0, 0, "%s", strerror(-k));
	}
	if (!mp_is_dir(absolute))
		return mp_diag_set(d, -ENOTDIR, dir, 0, 0, "not a folder");
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->foreign = true;
	r->dir = strdup(absolute);
	r->out = strdup(absolute);
	r->env = strdup("");
	r->commit = strdup("");
	if (!r->dir || !r->out || !r->env || !r->commit)
		return mp_diag_set(d, -ENOMEM, dir, 0, 0, "out of memory");
	if (has_bzt_files(absolute)) {
		k = add_suite(r, absolute, d);
	} else {
		n = scandir(absolute, &e, only_visible, alphasort);
		for (int i = 0; i < n && !k; i++) {
			_cleanup_free_ char *path = mp_path_join(absolute, e[i]->d_name);

			if (path && mp_is_dir(path) && has_bzt_files(path))
				k = add_suite(r, path, d);
		}
		if (n >= 0)
			free_entries(e, n);
	}
	if (k < 0)
		return k;
	if (!r->n_suites)
		return mp_diag_set(
			d, -ENOENT, dir, 0, 0,
			"neither a run of ours (run.json) nor a folder bzt left (kpi.jtl, "
			"final_stats.csv, xunit.xml, effective.yml)");
	sum_up(r);
	*ret_run = TAKE_PTR(r);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
#include "unit/results/scratch.h"

#include <mmsperf/store.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>

/* A finished run with one suite, one failed and one passed case, and a recording of two rows. */
static char *make_run(const char *out, const char *env, const char *commit, long epoch,
		      enum mp_verdict verdict, bool finished)
{
	_cleanup_(mp_run_done) struct mp_run r = {.out = strdup(out),
						  .env = strdup(env),
						  .commit = strdup(commit),
						  .started_s = (double)epoch,
						  .duration_s = 10,
						  .verdict = verdict,
						  .exit_code = verdict == MP_PASSED ? 0 : 3};
	struct mp_case bad = {.name = strdup("p90 < 1s"), .verdict = verdict, .threshold = NAN},
		       good = {.name = strdup("fail < 1%"), .verdict = MP_PASSED};
	struct mp_suite_result *s;

	assert_int_equal(mp_store_create(&r, NULL), 0);
	r.suites = calloc(1, sizeof(*r.suites));
	r.n_suites = 1;
	s = &r.suites[0];
	s->name = strdup("suite_a");
	s->dir = mp_path_join(r.dir, "suite_a");
	s->verdict = verdict;
	assert_int_equal(mp_mkdir_p(s->dir, 0755), 0);
	put_file(s->dir, "metrics.csv", "ts,memory,\"od\"\"d\",empty\n1,10,1,\n2,20,,\n");
	assert_int_equal(mp_suite_result_add_case(s, &bad), 0);
	assert_int_equal(mp_suite_result_add_case(s, &good), 0);
	assert_int_equal(finished ? mp_store_publish(&r, NULL) : mp_store_save(&r, NULL), 0);
	return strdup(r.dir);
}

static struct mp_run_list list(const char *out, const struct mp_run_filter *f)
{
	_cleanup_index_ struct mp_index *ix = NULL;
	struct mp_run_list l = {0};

	assert_int_equal(mp_index_open(out, false, &ix, NULL), 0);
	assert_int_equal(mp_index_list(ix, f, &l, NULL), 0);
	return l;
}

static void check_ids(const char *out, const struct mp_run_filter *f, const char *want)
{
	_cleanup_(mp_run_list_done) struct mp_run_list l = list(out, f);
	_cleanup_buf_ struct mp_buf b = {0};

	mp_buf_puts(&b, "");
	for (size_t i = 0; i < l.n; i++)
		mp_buf_printf(&b, "%s%s", i ? " " : "", l.v[i].id);
	assert_string_equal(b.s, want);
}

static void lists_and_filters(void **state)
{
	_cleanup_free_ char *out = fresh_dir("lists"),
			    *a = make_run(out, "host", "abc1234", 1000, MP_PASSED, true),
			    *b = make_run(out, "host", "abc1234-dirty", 2000, MP_FAILED, true),
			    *c = make_run(out, "ci", "def5678", 3000, MP_PASSED, false);
	const struct mp_run_filter none = {0}, env = {.env = "ho*"}, commit = {.commit = "abc1"},
				   full = {.commit = "def5678901234"},
				   failed = {.verdict = "failed"}, open = {.verdict = "unfinished"},
				   passed = {.verdict = "passed"}, since = {.since_s = 2000},
				   suite = {.suite = "suite_?"}, other = {.suite = "x*"},
				   one = {.limit = 1}, tag = {.tag = "rel"};
	_cleanup_(mp_run_list_done) struct mp_run_list l = {0};

	(void)state;
	check_ids(out, &none, "ci__def5678__3000 host__abc1234-dirty__2000 host__abc1234__1000");
	check_ids(out, &env, "host__abc1234-dirty__2000 host__abc1234__1000");
	check_ids(out, &commit, "host__abc1234-dirty__2000 host__abc1234__1000");
	check_ids(out, &full, "ci__def5678__3000");
	check_ids(out, &failed, "host__abc1234-dirty__2000");
	check_ids(out, &open, "ci__def5678__3000");
	check_ids(out, &passed, "host__abc1234__1000"); /* what did not finish passed nothing */
	check_ids(out, &since, "ci__def5678__3000 host__abc1234-dirty__2000");
	check_ids(out, &other, "");
	assert_int_equal(mp_store_tag(a, "rel", false, NULL), 0);
	assert_int_equal(mp_store_tag(a, "rel", false, NULL), 0); /* once is enough */
	assert_int_equal(mp_store_tag(a, "release", false, NULL), 0);
	check_ids(out, &tag, "host__abc1234__1000");
	assert_int_equal(mp_store_tag(a, "rel", true, NULL), 0);
	check_ids(out, &tag, "");
	assert_int_equal(mp_store_tag(a, "two words", false, NULL), -EINVAL);
	assert_int_equal(mp_store_tag(c, "x", false, NULL), -EBUSY);
	l = list(out, &one);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.more, 2);
	mp_run_list_done(&l);
	l = list(out, &suite);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.v[1].suites, 1);
	assert_int_equal(l.v[1].suites_bad, 1);
	assert_int_equal(l.v[1].cases, 2);
	assert_int_equal(l.v[1].cases_bad, 1);
	assert_int_equal(l.v[1].exit_code, 3);
	assert_string_equal(l.v[2].tags, "release");
	assert_true(l.v[0].unfinished);
}

/* What an index that is opened again reads: nothing, unless a folder changed. */
static void follows_the_folders(void **state)
{
	_cleanup_free_ char *out = fresh_dir("follows"),
			    *a = make_run(out, "e", "aaaaaaa", 1000, MP_PASSED, true), *b = NULL;
	_cleanup_index_ struct mp_index *ix = NULL;
	const struct mp_run_filter none = {0};

	(void)state;
	assert_int_equal(mp_index_open(out, false, &ix, NULL), 0);
	assert_true(mp_index_news(ix)->rebuilt);
	assert_int_equal(mp_index_news(ix)->read, 1);
	mp_index_close(TAKE_PTR(ix));
	b = make_run(out, "e", "bbbbbbb", 2000, MP_PASSED, true);
	assert_int_equal(mp_index_open(out, false, &ix, NULL), 0);
	assert_false(mp_index_news(ix)->rebuilt);
	assert_int_equal(mp_index_news(ix)->read, 1);
	mp_index_close(TAKE_PTR(ix));
	assert_int_equal(mp_index_open(out, false, &ix, NULL), 0);
	assert_int_equal(mp_index_news(ix)->read, 0);
	mp_index_close(TAKE_PTR(ix));
	assert_int_equal(mp_store_delete(out, "e__aaaaaaa__1000", NULL), 0);
	assert_false(mp_is_dir(a));
	assert_int_equal(mp_index_open(out, false, &ix, NULL), 0);
	assert_int_equal(mp_index_news(ix)->gone, 1);
	mp_index_close(TAKE_PTR(ix));
	check_ids(out, &none, "e__bbbbbbb__2000");
	assert_int_equal(mp_store_delete(out, "../follows", NULL), -EINVAL);
	assert_int_equal(mp_store_delete(out, "latest/x", NULL), -EINVAL);
	assert_true(mp_is_dir(b));
}

static void folders_that_cannot_be_read(void **state)
{
	_cleanup_free_ char *out = fresh_dir("bad"), *dir = mp_path_join(out, "e__c__1"),
			    *other = mp_path_join(out, "notes"), *good = NULL;
	_cleanup_index_ struct mp_index *ix = NULL;
	const struct mp_run_filter none = {0};

	(void)state;
	assert_int_equal(mp_mkdir_p(dir, 0755), 0);
	assert_int_equal(mp_mkdir_p(other, 0755), 0);
	put_file(dir, "run.json", "{\"schema\": 99}");
	good = make_run(out, "e", "aaaaaaa", 1000, MP_PASSED, true);
	for (int i = 0; i < 2; i++) { /* known from the index as well as when it was read */
		assert_int_equal(mp_index_open(out, false, &ix, NULL), 0);
		assert_int_equal(mp_index_news(ix)->unreadable, 1);
		assert_non_null(strstr(mp_index_news(ix)->why, "schema 99"));
		mp_index_close(TAKE_PTR(ix));
	}
	check_ids(out, &none, "e__aaaaaaa__1000");
	put_file(dir, "run.json", "{\"schema\": 1, \"env\": \"e\", \"started\": 5}");
	check_ids(out, &none, "e__aaaaaaa__1000 e__c__1"); /* it changed: tried again */
}

static void damage(const char *out, const char *text, off_t at)
{
	_cleanup_free_ char *path = mp_path_join(out, "index.sqlite");
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
}

static void a_damaged_index_is_made_anew(void **state)
{
	_cleanup_free_ char *out = fresh_dir("damaged"),
			    *a = make_run(out, "e", "aaaaaaa", 1000, MP_PASSED, true), *path = NULL;
	const struct mp_run_filter none = {0};
	sqlite3 *db;

	(void)state;
	path = mp_path_join(out, "index.sqlite");
	check_ids(out, &none, "e__aaaaaaa__1000");
	damage(out, "this is no database", 0);
	check_ids(out, &none, "e__aaaaaaa__1000");
	/* the header and the schema stay whole, the tables do not */
	for (off_t page = 1; page < 12; page++)
		damage(out, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		       page * 4096);
	check_ids(out, &none, "e__aaaaaaa__1000");
	assert_int_equal(truncate(path, 5000), 0);
	check_ids(out, &none, "e__aaaaaaa__1000");
	assert_int_equal(truncate(path, 0), 0); /* as a crash before its end leaves it */
	check_ids(out, &none, "e__aaaaaaa__1000");
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 77", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	check_ids(out, &none, "e__aaaaaaa__1000");
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DROP TABLE runs", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	check_ids(out, &none, "e__aaaaaaa__1000");
	assert_true(mp_is_dir(a));
}

static void without_a_folder(void **state)
{
	struct mp_index *ix = NULL;
	struct mp_diag d = {0};

	(void)state;
	assert_int_equal(mp_index_open("/nonexistent/out", false, &ix, &d), -ENOENT);
	assert_null(ix);
	assert_non_null(strstr(d.msg, "no run was made"));
}

static int see_suite(void *arg, size_t run, const char *name, enum mp_verdict v)
{
	mp_buf_printf(arg, "%zu:%s=%s ", run, name, mp_verdict_name(v));
	return 0;
}

static int see_value(void *arg, const struct mp_index_value *v)
{
	assert_string_equal(v->suite, "suite_a");
	assert_string_equal(v->label, "");
	mp_buf_printf(arg, "%zu:%s=%g/%g/%g ", v->run, v->metric, v->mean, v->max, v->min);
	return 0;
}

static void aggregates_and_values(void **state)
{
	_cleanup_free_ char *out = fresh_dir("history"),
			    *a = make_run(out, "e", "aaaaaaa", 1000, MP_PASSED, true),
			    *b = make_run(out, "e", "bbbbbbb", 2000, MP_FAILED, true);
	const struct mp_run_filter none = {0};
	_cleanup_index_ struct mp_index *ix = NULL;
	_cleanup_buf_ struct mp_buf seen = {0};
	const struct mp_index_reader reader = {see_suite, see_value, NULL, &seen};
	struct mp_run_list l = {0};
	struct mp_aggregate *g = NULL;
	size_t n = 0;

	(void)state;
	/* a run of before has no file of them: made from its series, and kept */
	assert_int_equal(mp_aggregates_read(a, &g, &n, NULL), -ENOENT);
	assert_int_equal(mp_index_open(out, false, &ix, NULL), 0);
	assert_int_equal(mp_aggregates_read(a, &g, &n, NULL), 0);
	assert_int_equal(n, 2); /* "empty" has no value: absent is not zero */
	assert_string_equal(g[0].metric, "memory");
	assert_double_equal(g[0].mean, 15, 0);
	assert_double_equal(g[0].max, 20, 0);
	assert_double_equal(g[0].min, 10, 0);
	assert_double_equal(g[0].n, 2, 0);
	assert_string_equal(g[1].metric, "od\"d");
	assert_double_equal(g[1].n, 1, 0);
	mp_aggregates_free(g, n);
	assert_int_equal(mp_index_list(ix, &none, &l, NULL), 0);
	assert_int_equal(mp_index_values(ix, &l, &reader, NULL), 0);
	mp_run_list_done(&l);
	assert_string_equal(seen.s, "0:suite_a=failed 1:suite_a=passed 1:memory=15/20/10 "
				    "0:memory=15/20/10 1:od\"d=1/1/1 0:od\"d=1/1/1 ");
	put_file(a, "aggregates.csv", "suite,label\n");
	assert_int_equal(mp_aggregates_read(a, &g, &n, NULL), -EINVAL);
	put_file(a, "aggregates.csv", "suite,label,metric,n,mean,max,min\nx,y\n");
	assert_int_equal(mp_aggregates_read(a, &g, &n, NULL), -EINVAL);
	assert_true(mp_is_dir(b));
}

static void check_resolves(const char *out, const char *spec, const char *want)
{
	_cleanup_free_ char *dir = NULL, *full = mp_path_join(out, want);
	struct mp_diag d = {0};

	if (mp_run_resolve(out, spec, &dir, &d) != 0)
		fail_msg("%s: %s", spec, d.msg);
	assert_string_equal(dir, full);
}

static void check_refused(const char *out, const char *spec, int error, const char *why)
{
	struct mp_diag d = {0};
	char *dir = NULL;

	if (mp_run_resolve(out, spec, &dir, &d) != error)
		fail_msg("%s: %s, not %s: %s", spec, dir ? dir : "-", strerror(-error), d.msg);
	assert_null(dir);
	if (!strstr(d.msg, why))
		fail_msg("%s: '%s' does not say '%s'", spec, d.msg, why);
}

static void names_of_runs(void **state)
{
	_cleanup_free_ char *out = fresh_dir("names"),
			    *a = make_run(out, "host", "abc1234", 1000, MP_PASSED, true),
			    *b = make_run(out, "host", "abc1234", 2000, MP_PASSED, true),
			    *c = make_run(out, "host", "abc1234-dirty", 3000, MP_PASSED, true),
			    *e = make_run(out, "host", "abc9999", 4000, MP_PASSED, true),
			    *f = make_run(out, "ci_x", "0001000", 5000, MP_PASSED, false),
			    *g = make_run(out, "host", "def1234", 500, MP_PASSED, true),
			    *h = make_run(out, "host", "def1299", 600, MP_PASSED, true),
			    *foreign = fresh_dir("foreign"), *dir = NULL, *below = NULL;

	(void)state;
	check_resolves(out, "host__abc1234__1000", "host__abc1234__1000");
	check_resolves(out, "host__abc9", "host__abc9999__4000");
	check_resolves(out, "1000", "host__abc1234__1000"); /* an epoch, rather than a commit */
	check_resolves(out, "abc1234", "host__abc1234__2000");
	check_resolves(out, "abc1234-dirty", "host__abc1234-dirty__3000");
	check_resolves(out, "abc1234deadbeef0123", "host__abc1234__2000");
	check_resolves(out, "ci", "ci_x__0001000__5000");
	check_resolves(out, "latest",
		       "host__def1299__600"); /* published last, whatever the clock said */
	check_refused(out, "host", -ENOTUNIQ, "fits 6 runs");
	check_refused(out, "def12", -ENOTUNIQ, "several commits");
	check_resolves(out, "abc1", "host__abc1234__2000");
	check_refused(out, "abc", -ENOENT, "no run"); /* too short for a commit */
	check_refused(out, "abc1239", -ENOENT, "no run");
	check_refused(out, "", -ENOENT, "without a name");
	check_refused(out, "zzz", -ENOENT, "no run of that name");
	check_refused(out, "/nonexistent/run", -ENOENT, "not a folder");
	check_refused(out, "s3://b", -EINVAL, "RUN");
	assert_int_equal(mp_store_tag(a, "v1", false, NULL), 0);
	check_resolves(out, "v1", "host__abc1234__1000");
	/* a path: as it is, a folder of runs as its newest one */
	assert_int_equal(mp_run_resolve(out, out, &dir, NULL), 0);
	assert_string_equal(dir, h); /* published last */
	free(TAKE_PTR(dir));
	assert_int_equal(mp_run_resolve(NULL, foreign, &dir, NULL), 0);
	assert_string_equal(dir, foreign);
	below = mp_path_join(out, "latest");
	assert_int_equal(unlink(below), 0);
	check_resolves(out, "latest", "host__abc9999__4000"); /* a later one did not finish */
	assert_true(mp_is_dir(b) && mp_is_dir(c) && mp_is_dir(e) && mp_is_dir(f) && mp_is_dir(g) &&
		    mp_is_dir(h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_and_filters),
		cmocka_unit_test(follows_the_folders),
		cmocka_unit_test(folders_that_cannot_be_read),
		cmocka_unit_test(a_damaged_index_is_made_anew),
		cmocka_unit_test(without_a_folder),
		cmocka_unit_test(aggregates_and_values),
		cmocka_unit_test(names_of_runs),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf runs`: lists, finds, tags, deletes, uploads and fetches stored runs. Changes nothing
 * but what it is asked to, and the index.
 */
#include "cli/runs.h"

#include "cli/commands.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/log.h>
#include <mmsperf/options.h>
#include <mmsperf/str.h>

#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

struct args {
	struct mp_runs_args a;
	const char *store, *fetch, *push, *tag, *untag, *since;
	double older_than_s, give_up_s;
	long limit, keep;
	bool rebuild, prune;
};

static int complain(const struct mp_diag *d, int r)
{
	char text[900];

	mp_error("%s", *d->msg ? mp_diag_str(d, text, sizeof(text)) : strerror(-r));
	/* a name that means nothing is a mistake of whoever typed it */
	return r == -ENOTUNIQ || r == -EINVAL ? MP_EXIT_USAGE : MP_EXIT_INFRA;
}

/* "7d", "@EPOCH", "2026-11-24", "2026-11-24 08:00" (local time). */
static int parse_since(const char *s, double *ret_epoch)
{
	static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
					      "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"};
	double v;

	if (*s == '@' && !mp_parse_double(s + 1, &v)) {
		*ret_epoch = v;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(s, formats[i], &tm);
		time_t t;

		if (!end || *end)
			continue;
		t = mktime(&tm);
		if (t == (time_t)-1)
			return -EINVAL;
		*ret_epoch = (double)t;
		return 0;
	}
	if (mp_parse_duration(s, &v) < 0 || !strpbrk(s, "smhdw"))
		return -EINVAL;
	*ret_epoch = mp_wall_s() - v;
	return 0;
}

static int check_verdict(const char *v)
{
	const char *names[_MP_VERDICT_MAX + 1], *near;

	for (int i = 0; i < _MP_VERDICT_MAX; i++)
		names[i] = mp_verdict_name(i);
	names[_MP_VERDICT_MAX] = "unfinished";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(v, names[i]))
			return 0;
	near = mp_nearest(v, names, ARRAY_SIZE(names));
	mp_error("--verdict '%s': passed, failed, error, skipped or unfinished%s%s%s", v,
		 near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
	return -EINVAL;
}

static int check(struct args *x, int operands)
{
	int actions = x->prune + !!x->fetch + !!x->push + (x->tag && operands) + !!x->untag;

	if (x->since && parse_since(x->since, &x->a.filter.since_s) < 0) {
		mp_error("--since '%s': a time that has passed (7d, 12h), a date (2026-11-24) or "
			 "@EPOCH is needed",
			 x->since);
		return -EINVAL;
	}
	if (x->a.filter.verdict && check_verdict(x->a.filter.verdict) < 0)
		return -EINVAL;
	if (actions > 1) {
		mp_error("one of --prune, --tag RUN TAG, --untag, --fetch and --push at a time");
		return -EINVAL;
	}
	if ((x->fetch || x->push) && !x->store) {
		mp_error("--%s needs --store s3://BUCKET/PREFIX", x->fetch ? "fetch" : "push");
		return -EINVAL;
	}
	if (x->store && !mp_s3_is_url(x->store)) {
		mp_error("--store '%s': s3://BUCKET[/PREFIX] is needed", x->store);
		return -EINVAL;
	}
	if (x->store && (x->prune || x->untag || (x->tag && operands) || x->rebuild)) {
		mp_error("--store goes with listing, --fetch and --push only");
		return -EINVAL;
	}
	if (x->prune && x->keep < 0 && x->older_than_s <= 0) {
		mp_error("--prune needs --keep N or --older-than TIME");
		return -EINVAL;
	}
	if (!x->prune && (x->keep >= 0 || x->older_than_s > 0 || x->a.yes)) {
		mp_error("--keep, --older-than and --yes belong to --prune");
		return -EINVAL;
	}
	if (((x->tag && operands > 1) || (x->untag && operands != 1))) {
		mp_error("--%s takes a run and a tag", x->untag ? "untag" : "tag");
		return -EINVAL;
	}
	return 0;
}

static int tag_one(const struct args *x, const char *tag)
{
	const char *spec = x->untag ? x->untag : x->tag;
	_cleanup_free_ char *dir = NULL;
	struct mp_diag d = {0};
	int r = mp_run_resolve(x->a.out, spec, &dir, &d);

	if (!r)
		r = mp_store_tag(dir, tag, x->untag != NULL, &d);
	if (r < 0)
		return complain(&d, r);
	printf("%s: %s '%s'\n", strrchr(dir, '/') + 1, x->untag ? "no longer" : "tagged", tag);
	return MP_EXIT_OK;
}

static int list_local(const struct args *x)
{
	_cleanup_(mp_run_list_done) struct mp_run_list l = {0};
	_cleanup_index_ struct mp_index *ix = NULL;
	const struct mp_index_news *news;
	struct mp_diag d = {0};
	int r = mp_index_open(x->a.out, x->rebuild, &ix, &d);

	if (!r)
		r = mp_index_list(ix, &x->a.filter, &l, &d);
	if (r < 0)
		return complain(&d, r);
	news = mp_index_news(ix);
	if (news->rebuilt)
		mp_info("index made from the folders (%s): %zu runs", news->rebuilt_why,
			news->read);
	if (news->unreadable)
		mp_warning("%zu folder%s cannot be read: %s", news->unreadable,
			   news->unreadable == 1 ? "" : "s", news->why);
	mp_runs_print(&l, x->a.out, x->a.json);
	return MP_EXIT_OK;
}

static int list_remote(const struct args *x, struct mp_s3 *s3)
{
	_cleanup_(mp_run_list_done) struct mp_run_list l = {0};
	struct mp_diag d = {0};
	int r = mp_s3_list(s3, &x->a.filter, true, &l, &d);

	if (r < 0)
		return complain(&d, r);
	mp_runs_print(&l, x->store, x->a.json);
	return MP_EXIT_OK;
}

static int transfer(const struct args *x, struct mp_s3 *s3)
{
	_cleanup_free_ char *dir = NULL, *id = NULL;
	struct mp_s3_count n = {0};
	struct mp_diag d = {0};
	int r;

	if (x->push) {
		r = mp_run_resolve(x->a.out, x->push, &dir, &d);
		if (!r)
			r = mp_s3_push(s3, dir, &n, &d);
	} else {
		r = mp_s3_resolve(s3, x->fetch, &id, &d);
		if (!r)
			r = mp_s3_fetch(s3, id, x->a.out, &dir, &n, &d);
	}
	if (r < 0)
		return complain(&d, r);
	printf("%s: %s%s (%zu files, %.1f MB; %zu were there)\n", strrchr(dir, '/') + 1,
	       x->push ? "uploaded to " : "fetched into ", x->push ? x->store : x->a.out, n.files,
	       n.bytes / 1e6, n.skipped);
	return MP_EXIT_OK;
}

static int remote(const struct args *x)
{
	_cleanup_s3_ struct mp_s3 *s3 = NULL;
	struct mp_diag d = {0};
	int r;

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	r = mp_s3_open(x->store, x->give_up_s, &s3, &d);
	if (r < 0)
		return complain(&d, r);
	return x->push || x->fetch ? transfer(x, s3) : list_remote(x, s3);
}

/* For scripts: the folder of each run that is named. */
static int print_folders(const struct args *x, char **specs, int n)
{
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *dir = NULL;
		struct mp_diag d = {0};
		int r = mp_run_resolve(x->a.out, specs[i], &dir, &d);

		if (r < 0)
			return complain(&d, r);
		printf("%s\n", dir);
	}
	return MP_EXIT_OK;
}

static int act(struct args *x, char **operands, int n)
{
	x->a.keep = (double)x->keep;
	x->a.older_than_s = x->older_than_s;
	x->a.filter.limit = (size_t)x->limit;
	if ((x->tag && n) || x->untag)
		return tag_one(x, operands[0]);
	x->a.filter.tag = x->tag;
	if (x->prune)
		return mp_runs_prune(&x->a);
	if (n)
		return print_folders(x, operands, n);
	return x->store ? remote(x) : list_local(x);
}

int mp_cmd_runs(int argc, char **argv)
{
	struct args x = {.a.out = "out", .limit = 20, .keep = -1, .give_up_s = MP_S3_GIVE_UP_S};
	struct mp_run_filter *f = &x.a.filter;
	const struct mp_opt opts[] = {
		{'a', "artifacts-dir", "out", MP_OPT_STRING, &x.a.out, "OUT",
		 "the folder of the runs (default: out)", 0, 0},
		{'e', "env", "env-name", MP_OPT_STRING, &f->env, "GLOB", "of this environment", 0,
		 0},
		{'c', "commit", NULL, MP_OPT_STRING, &f->commit, "COMMIT", "of this commit", 0, 0},
		{'s', "suite", NULL, MP_OPT_STRING, &f->suite, "GLOB", "with such a suite", 0, 0},
		{0, "verdict", NULL, MP_OPT_STRING, &f->verdict, "V",
		 "passed, failed, error, skipped or unfinished", 0, 0},
		{0, "fingerprint", NULL, MP_OPT_STRING, &f->fingerprint, "ID",
		 "of a machine (the page's Environment)", 0, 0},
		{0, "since", NULL, MP_OPT_STRING, &x.since, "TIME",
		 "started since: 7d, 2026-11-24, @EPOCH", 0, 0},
		{0, "tag", NULL, MP_OPT_STRING, &x.tag, "TAG",
		 "with this tag; --tag RUN TAG gives a run one", 0, 0},
		{0, "untag", NULL, MP_OPT_STRING, &x.untag, "RUN TAG", "takes a tag away", 0, 0},
		{'n', "limit", NULL, MP_OPT_INT, &x.limit, "N",
		 "at most so many (default: 20; 0: all)", 0, 1000000000},
		{0, "json", NULL, MP_OPT_FLAG, &x.a.json, NULL, "for machines", 0, 0},
		{0, "rebuild", NULL, MP_OPT_FLAG, &x.rebuild, NULL,
		 "make the index anew from the folders", 0, 0},
		{0, "prune", NULL, MP_OPT_FLAG, &x.prune, NULL,
		 "delete runs that match: beyond the newest --keep,\nand older than --older-than",
		 0, 0},
		{0, "keep", NULL, MP_OPT_INT, &x.keep, "N", "runs to keep", 0, 1000000000},
		{0, "older-than", NULL, MP_OPT_SECONDS, &x.older_than_s, "TIME",
		 "age at which a run may go (30d)", 0, 0},
		{'y', "yes", NULL, MP_OPT_FLAG, &x.a.yes, NULL,
		 "really delete; else it is only said what would go", 0, 0},
		{0, "store", NULL, MP_OPT_STRING, &x.store, "s3://BUCKET/PREFIX",
		 "the runs kept there instead of those in OUT", 0, 0},
		{0, "push", NULL, MP_OPT_STRING, &x.push, "RUN", "upload a run to --store", 0, 0},
		{0, "fetch", NULL, MP_OPT_STRING, &x.fetch, "RUN",
		 "fetch a run from --store into OUT", 0, 0},
		{0, "store-timeout", NULL, MP_OPT_SECONDS, &x.give_up_s, "TIME",
		 "give up a request after failing so long (default: 2m)", 0, 0},
	};
	const struct mp_usage usage = {
		.command = "mmsperf-bpf runs",
		.synopsis = "[OPTIONS] [RUN...]",
		.about =
			"Lists the runs in OUT, newest first; with RUN, prints the folders of those runs. A RUN is a\n"
			"folder, its name or a prefix of it, its epoch, a commit, a tag, 'latest', a git revision, or\n"
			"s3://BUCKET/PREFIX/RUN, which is fetched.",
		.epilog =
			"--prune keeps in any case: tagged runs, the latest one, the newest passing one of each\n"
			"environment. OUT/index.sqlite is made from the folders; it may be deleted at any time.\n"
			"S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION and\n"
			"AWS_ENDPOINT_URL are taken from the environment. Files above MMSPERF_S3_PART_BYTES (64 MiB)\n"
			"are sent in parts, so that a cut costs one of them.\n\n"
			"Exit status: 0 done, 1 something cannot be read, written or reached, 2 usage.",
		.opts = opts,
		.n_opts = ARRAY_SIZE(opts),
	};
	int operands, r;

	r = mp_options_parse(&usage, argc, argv, &operands);
	if (r)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	if (check(&x, operands) < 0)
		return MP_EXIT_USAGE;
	return act(&x, argv + 1, operands);
}

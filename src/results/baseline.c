// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run that another one is measured against: the newest that passed in the same environment on
 * the same machine. Folder names carry environment and time, so that only the few candidates are
 * read, however many runs there are. Which one a new run follows is what OUT/latest says, since the
 * clock may have been set back; the others go by their times. Owns nothing; called by
 * suite/autocompare.c and suite/simple_judge.c.
 */
#include <mmsperf/compare.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds in ENV__COMMIT__EPOCH; 0: another kind of name or another environment. */
static double epoch_of(const char *name, const char *env)
{
	size_t n = strlen(env);
	const char *commit;
	double epoch;

	if (strncmp(name, env, n) != 0 || strncmp(name + n, "__", 2) != 0)
		return 0;
	commit = strstr(name + n + 2, "__");
	return commit && !mp_parse_double(commit + 2, &epoch) ? epoch : 0;
}

struct candidate {
	char *name;
	double epoch;
};

static int newest_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->epoch < y->epoch) - (x->epoch > y->epoch);
}

static void candidates_free(struct candidate *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].name);
	free(v);
}

static int list(const char *out, const char *env, struct candidate **ret, size_t *ret_n)
{
	struct candidate *v = NULL;
	DIR *dir = opendir(out);
	struct dirent *e;
	size_t n = 0;
	int r = 0;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		double epoch = epoch_of(e->d_name, env);
		struct candidate *grown;

		if (epoch <= 0)
			continue;
		grown = reallocarray(v, n + 1, sizeof(*v));
		if (!grown) {
			r = -ENOMEM;
			break;
		}
		v = grown;
		v[n] = (struct candidate){.name = strdup(e->d_name), .epoch = epoch};
		if (!v[n].name) {
			r = -ENOMEM;
			break;
		}
		n++;
	}
	(void)closedir(dir);
	if (r < 0) {
		candidates_free(v, n);
		return r;
	}
	if (n)
		qsort(v, n, sizeof(*v), newest_first);
	*ret = v;
	*ret_n = n;
	return 0;
}

static bool has_suite_of(const struct mp_run *r, const struct mp_run *head)
{
	for (size_t i = 0; i < r->n_suites; i++)
		for (size_t k = 0; k < head->n_suites; k++)
			if (!strcmp(r->suites[i].name, head->suites[k].name))
				return true;
	return false;
}

static bool serves(const struct mp_run *r, const struct mp_run *head)
{
	const char *id = r->fingerprint.id, *own = head->fingerprint.id;

	return !r->unfinished && !r->stopped && r->exit_code == 0 && r->verdict < MP_FAILED &&
	       !strcmp(r->env ? r->env : "", head->env ? head->env : "") &&
	       !(*id && *own && strcmp(id, own) != 0) && r->hold_cap_s == head->hold_cap_s &&
	       has_suite_of(r, head);
}

/* What OUT/latest points to goes to the front. */
static void published_first(const char *out, struct candidate *v, size_t n)
{
	_cleanup_free_ char *link = mp_path_join(out, "latest");
	char latest[NAME_MAX + 1];
	ssize_t len = link ? readlink(link, latest, sizeof(latest) - 1) : -1;

	latest[len > 0 ? len : 0] = '\0';
	for (size_t i = 0; i < n; i++) {
		struct candidate c = v[i];

		if (strcmp(c.name, latest) != 0)
			continue;
		memmove(v + 1, v, i * sizeof(*v));
		v[0] = c;
		return;
	}
}

int mp_baseline_find(const char *out, const struct mp_run *head, struct mp_run **ret_run)
{
	const char *slash = strrchr(head->dir, '/'), *own = slash ? slash + 1 : head->dir;
	double before = head->stored ? epoch_of(own, head->env ? head->env : "") : 0;
	struct candidate *v = NULL;
	size_t n = 0;
	int r = list(out, head->env ? head->env : "", &v, &n);

	if (r < 0)
		return r;
	published_first(out, v, n);
	r = -ENOENT;
	for (size_t i = 0; i < n && r == -ENOENT; i++) {
		_cleanup_free_ char *dir = mp_path_join(out, v[i].name);
		_cleanup_run_ struct mp_run *run = NULL;

		if (before > 0 && v[i].epoch >= before)
			continue;
		if (!dir)
			r = -ENOMEM;
		/* an unreadable run is no baseline; the next older one may be */
		else if (strcmp(v[i].name, own) != 0 && !mp_store_load(dir, &run, NULL) &&
			 serves(run, head)) {
			*ret_run = TAKE_PTR(run);
			r = 0;
		}
	}
	candidates_free(v, n);
	return r;
}

void mp_against_done(struct mp_against *a)
{
	mp_comparison_done(&a->c);
	mp_run_free(a->base);
	*a = (struct mp_against){0};
}

int mp_against_baseline(const char *out, const struct mp_run *head, struct mp_against *ret)
{
	const struct mp_compare_opts o = {.automatic = true};
	int r = mp_baseline_find(out, head, &ret->base);

	if (r < 0)
		return r;
	/* what cannot be read of it is a row without a value */
	for (size_t i = 0; i < ret->base->n_suites; i++)
		(void)mp_results_load_series(&ret->base->suites[i], NULL);
	ret->v[0] = ret->base;
	ret->v[1] = head;
	return mp_compare(&ret->v[0], 1, &ret->v[1], 1, &o, &ret->c);
}

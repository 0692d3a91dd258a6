// SPDX-License-Identifier: GPL-2.0-only
/*
 * kpi*.jtl -> load over time. One pass a file; what grows is one bucket a second of the run and
 * one histogram a label, never anything a request. Owns the buckets; does not judge.
 * JMeter: whole milliseconds, `success` true|false, allThreads = users at work on that host.
 */
#include <mmsperf/results.h>

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include "results/csv.h"
#include "results/hist.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SECONDS (7 * 24 * 3600) /* a week: a stamp further away is a broken line */
#define MAX_SOURCES 64              /* load generators: executions x hosts */
#define MAX_LABELS  1000            /* more labels than that share one row, "(other labels)" */
#define MAX_FILES   256

enum column { TIME, ELAPSED, LABEL, CODE, SUCCESS, ALL_THREADS, HOST, _COLUMN_MAX };
static const char *const column_names[_COLUMN_MAX] = {
	[TIME] = "timeStamp",    [ELAPSED] = "elapsed", [LABEL] = "label",
	[CODE] = "responseCode", [SUCCESS] = "success", [ALL_THREADS] = "allThreads",
	[HOST] = "Hostname",
};

struct bucket {
	struct mp_hist hist;
	uint32_t failed;
	uint32_t *threads; /* per source, NULL until the first request */
};

struct label {
	char *name;
	size_t len;
	uint32_t hash;
	struct mp_hist hist;
	uint64_t failed;
	int64_t from_ms, to_ms;
};

struct reader {
	struct bucket *bucket; /* second `first + i` */
	size_t n, cap;
	int64_t first;
	int64_t anchor; /* second of the first request read: others lie within MAX_SECONDS of it */
	struct label *label;
	size_t n_labels;
	size_t last_label;
	uint32_t *index; /* hash -> label + 1; INDEX_CAP entries */
	struct {
		unsigned file;
		char *host;
	} source[MAX_SOURCES];
	size_t n_sources;
	struct mp_slow slow[MP_SLOW_MAX]; /* min-heap is overkill for 20: kept sorted */
	size_t n_slow;
	uint64_t unreadable;
	const char *only; /* label whose requests count; NULL: all */
};
#define INDEX_CAP 4096 /* four times MAX_LABELS: short probes */

static void reader_done(struct reader *r)
{
	for (size_t i = 0; i < r->n; i++) {
		mp_hist_done(&r->bucket[i].hist);
		free(r->bucket[i].threads);
	}
	free(r->bucket);
	for (size_t i = 0; i < r->n_labels; i++) {
		free(r->label[i].name);
		mp_hist_done(&r->label[i].hist);
	}
	free(r->label);
	free(r->index);
	for (size_t i = 0; i < r->n_sources; i++)
		free(r->source[i].host);
	for (size_t i = 0; i < r->n_slow; i++) {
		free(r->slow[i].label);
		free(r->slow[i].code);
	}
}

static struct label *find_label(struct reader *r, const char *name, size_t len)
{
	uint32_t h = 2166136261u; /* FNV-1a */
	struct label *l;
	uint32_t k;

	if (r->n_labels) {
		l = &r->label[r->last_label];
		if (l->len == len && !memcmp(l->name, name, len))
			return l;
	}
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 16777619u;
	for (k = h % INDEX_CAP; r->index[k]; k = (k + 1) % INDEX_CAP) {
		l = &r->label[r->index[k] - 1];
		if (l->hash == h && l->len == len && !memcmp(l->name, name, len)) {
			r->last_label = r->index[k] - 1;
			return l;
		}
	}
	if (r->n_labels == MAX_LABELS) {
		static const char other[] = "(other labels)";

		if (len == sizeof(other) - 1 && !memcmp(name, other, len))
			return &r->label[MAX_LABELS - 1];
		r->last_label = MAX_LABELS - 1;
		return &r->label[MAX_LABELS - 1];
	}
	if (r->n_labels == MAX_LABELS - 1) {
		name = "(other labels)";
		len = strlen(name);
	}
	l = &r->label[r->n_labels];
	*l = (struct label){.name = calloc(1, len + 1), .len = len, .hash = h};
	if (!l->name)
		return NULL;
	memcpy(l->name, name, len); /* all len bytes: a broken file may have NUL among them */
	r->last_label = r->n_labels++;
	r->index[k] = (uint32_t)r->n_labels;
	return l;
}

static int find_source(struct reader *r, unsigned file, const char *host)
{
	for (size_t i = r->n_sources; i-- > 0;)
		if (r->source[i].file == file && !strcmp(r->source[i].host, host))
			return (int)i;
	if (r->n_sources == MAX_SOURCES)
		return MAX_SOURCES - 1;
	r->source[r->n_sources].host = strdup(host);
	if (!r->source[r->n_sources].host)
		return -ENOMEM;
	r->source[r->n_sources].file = file;
	return (int)r->n_sources++;
}

/* The bucket of a second, making those before or behind it as needed. */
static struct bucket *find_bucket(struct reader *r, int64_t second)
{
	size_t before = 0, want;

	if (!r->n)
		r->first = second;
	if (second < r->first)
		before = (size_t)(r->first - second);
	want = second < r->first ? r->n + before : (size_t)(second - r->first) + 1;
	if (want > r->cap) {
		size_t cap = r->cap ? r->cap : 512;
		struct bucket *grown;

		while (cap < want)
			cap *= 2;
		grown = realloc(r->bucket, cap * sizeof(*grown));
		if (!grown)
			return NULL;
		r->bucket = grown;
		r->cap = cap;
	}
	if (before) {
		memmove(r->bucket + before, r->bucket, r->n * sizeof(*r->bucket));
		memset(r->bucket, 0, before * sizeof(*r->bucket));
		r->first = second;
		r->n += before;
	} else if (want > r->n) {
		memset(r->bucket + r->n, 0, (want - r->n) * sizeof(*r->bucket));
		r->n = want;
	}
	return &r->bucket[second - r->first];
}

static int keep_slow(struct reader *r, double ts, uint32_t ms, const char *label, const char *code,
		     bool failed)
{
	struct mp_slow s = {.ts = ts, .ms = ms, .failed = failed};
	size_t i;

	if (r->n_slow == MP_SLOW_MAX && ms <= r->slow[MP_SLOW_MAX - 1].ms)
		return 0;
	s.label = strdup(label);
	s.code = strdup(code);
	if (!s.label || !s.code) {
		free(s.label);
		free(s.code);
		return -ENOMEM;
	}
	if (r->n_slow == MP_SLOW_MAX) {
		r->n_slow--;
		free(r->slow[r->n_slow].label);
		free(r->slow[r->n_slow].code);
	}
	for (i = r->n_slow; i > 0 && r->slow[i - 1].ms < ms; i--)
		r->slow[i] = r->slow[i - 1];
	r->slow[i] = s;
	r->n_slow++;
	return 0;
}

/* Digits only, at most 15 of them: strtod is too slow for a million lines. */
static bool parse_number(const struct mp_cell *c, int64_t *ret)
{
	int64_t v = 0;

	if (!c->len || c->len > 15)
		return false;
	for (size_t i = 0; i < c->len; i++) {
		if (c->s[i] < '0' || c->s[i] > '9')
			return false;
		v = v * 10 + (c->s[i] - '0');
	}
	*ret = v;
	return true;
}

static int add_request(struct reader *r, const struct mp_csv *csv, const int col[], unsigned file)
{
	const struct mp_cell *cell = csv->cell;
	const char *code = col[CODE] >= 0 ? cell[col[CODE]].s : "";
	int64_t ms, elapsed, second, threads = 0;
	struct bucket *b;
	struct label *l;
	bool failed;
	int source;

	if (!parse_number(&cell[col[TIME]], &ms) || !parse_number(&cell[col[ELAPSED]], &elapsed) ||
	    elapsed > INT32_MAX) {
		r->unreadable++;
		return 0;
	}
	if (r->only && strcmp(cell[col[LABEL]].s, r->only))
		return 0;
	second = ms / 1000;
	if (!r->n)
		r->anchor = second;
	if (second < r->anchor - MAX_SECONDS || second > r->anchor + MAX_SECONDS) {
		r->unreadable++;
		return 0;
	}
	failed = strcmp(cell[col[SUCCESS]].s, "true") != 0;
	b = find_bucket(r, second);
	l = find_label(r, cell[col[LABEL]].s, cell[col[LABEL]].len);
	if (!b || !l || mp_hist_add(&b->hist, (uint32_t)elapsed) < 0 ||
	    mp_hist_add(&l->hist, (uint32_t)elapsed) < 0)
		return -ENOMEM;
	if (l->hist.total == 1 || ms < l->from_ms)
		l->from_ms = ms;
	if (ms + elapsed > l->to_ms)
		l->to_ms = ms + elapsed;
	b->failed += failed;
	l->failed += failed;
	if (keep_slow(r, (double)ms / 1000, (uint32_t)elapsed, l->name, code, failed) < 0)
		return -ENOMEM;
	if (col[ALL_THREADS] < 0 || !parse_number(&cell[col[ALL_THREADS]], &threads))
		return 0;
	source = find_source(r, file, col[HOST] >= 0 ? cell[col[HOST]].s : "");
	if (source < 0)
		return source;
	if (!b->threads) {
		b->threads = calloc(MAX_SOURCES, sizeof(*b->threads));
		if (!b->threads)
			return -ENOMEM;
	}
	if (threads > b->threads[source])
		b->threads[source] = (uint32_t)threads;
	return 0;
}

static int read_file(struct reader *r, const char *path, unsigned file, struct mp_diag *d)
{
	_cleanup_csv_ struct mp_csv csv = MP_CSV_INIT;
	int col[_COLUMN_MAX], last = 0, k;

	k = mp_csv_open(path, &csv, d);
	if (k < 0)
		return k;
	k = mp_csv_next(&csv, d);
	if (k <= 0)
		return k; /* an empty file: JMeter died before its first request */
	for (int i = 0; i < _COLUMN_MAX; i++) {
		col[i] = mp_csv_column(&csv, column_names[i]);
		if (col[i] < 0 && i != CODE && i != ALL_THREADS && i != HOST)
			return mp_diag_set(d, -EINVAL, path, 1, 0,
					   "not a kpi.jtl of JMeter: its header lacks '%s'",
					   column_names[i]);
		last = col[i] > last ? col[i] : last;
	}
	while ((k = mp_csv_next(&csv, d)) > 0) {
		if (csv.n <= (size_t)last || (csv.unterminated && csv.n <= (size_t)last + 1)) {
			r->unreadable += !csv.unterminated;
			continue;
		}
		k = add_request(r, &csv, col, file);
		if (k < 0)
			return mp_diag_set(d, k, path, 0, 0, "out of memory");
	}
	return k;
}

static int series_new(struct mp_load *l, size_t n)
{
	double **const all[] = {&l->failed_pct, &l->succeeded_pct, &l->ts,     &l->throughput,
				&l->errors,     &l->avg_ms,        &l->p50_ms, &l->p90_ms,
				&l->p99_ms,     &l->concurrency};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		*all[i] = malloc(n * sizeof(double));
		if (!*all[i])
			return -ENOMEM;
	}
	l->n = n;
	return 0;
}

static void fill_series(struct reader *r, struct mp_load *l)
{
	for (size_t i = 0; i < r->n; i++) {
		struct bucket *b = &r->bucket[i];

		mp_hist_sort(&b->hist);
		l->ts[i] = (double)(r->first + (int64_t)i);
		l->throughput[i] = (double)b->hist.total;
		l->errors[i] = b->failed;
		l->avg_ms[i] = mp_hist_mean(&b->hist);
		l->p50_ms[i] = mp_hist_quantile(&b->hist, 0.5);
		l->p90_ms[i] = mp_hist_quantile(&b->hist, 0.9);
		l->p99_ms[i] = mp_hist_quantile(&b->hist, 0.99);
		l->failed_pct[i] = b->hist.total ? 100.0 * b->failed / (double)b->hist.total : NAN;
		l->succeeded_pct[i] = 100 - l->failed_pct[i];
		l->concurrency[i] = b->threads ? 0 : NAN;
		for (size_t k = 0; b->threads && k < r->n_sources; k++)
			l->concurrency[i] += b->threads[k];
		l->samples += (double)b->hist.total;
		l->failed += b->failed;
	}
}

static void fill_label(struct mp_label_stats *s, struct mp_hist *h, uint64_t failed, double seconds)
{
	mp_hist_sort(h);
	s->samples = (double)h->total;
	s->failed = (double)failed;
	s->throughput = seconds > 0 ? (double)h->total / seconds : NAN;
	s->avg_s = mp_hist_mean(h) / 1000;
	s->p50_s = mp_hist_quantile(h, 0.5) / 1000;
	s->p90_s = mp_hist_quantile(h, 0.9) / 1000;
	s->p95_s = mp_hist_quantile(h, 0.95) / 1000;
	s->p99_s = mp_hist_quantile(h, 0.99) / 1000;
	s->max_s = mp_hist_quantile(h, 1) / 1000;
	s->stdev_s = mp_hist_stdev(h) / 1000;
}

static int by_label(const void *a, const void *b)
{
	const struct mp_label_stats *x = a, *y = b;

	return strcmp(x->label, y->label);
}

/* All labels' histograms in one: the total of the run. */
static int merge_labels(struct reader *r, struct mp_hist *total)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_labels; i++)
		for (uint32_t k = 0; k < r->label[i].hist.cap; k++)
			n += r->label[i].hist.slot[k].count > 0;
	total->slot = calloc(n ? n : 1, sizeof(*total->slot));
	if (!total->slot)
		return -ENOMEM;
	for (size_t i = 0; i < r->n_labels; i++) {
		const struct mp_hist *h = &r->label[i].hist;

		for (uint32_t k = 0; k < h->cap; k++)
			if (h->slot[k].count)
				total->slot[total->used++] = h->slot[k];
		total->total += h->total;
		total->sum += h->sum;
		total->sum_sq += h->sum_sq;
	}
	total->cap = total->used;
	mp_hist_sort(total); /* equal values side by side are fine for quantiles */
	return 0;
}

static int fill_labels(struct reader *r, struct mp_load *l, struct mp_hist *total)
{
	double seconds = (double)r->n;

	l->labels = calloc(r->n_labels + 1, sizeof(*l->labels));
	if (!l->labels)
		return -ENOMEM;
	for (size_t i = 0; i <= r->n_labels; i++) {
		l->labels[i].label = strdup(i ? r->label[i - 1].name : "");
		if (!l->labels[i].label)
			return -ENOMEM;
		l->n_labels++;
		if (!i) {
			fill_label(&l->labels[i], total, (uint64_t)l->failed, seconds);
			continue;
		}
		fill_label(&l->labels[i], &r->label[i - 1].hist, r->label[i - 1].failed, seconds);
		l->labels[i].from_s = (double)r->label[i - 1].from_ms / 1000;
		l->labels[i].to_s = (double)r->label[i - 1].to_ms / 1000;
	}
	qsort(l->labels + 1, r->n_labels, sizeof(*l->labels), by_label);
	return 0;
}

/* At most 40 bins of equal width on a logarithmic axis; whole milliseconds stay together. */
static int fill_bins(struct mp_load *l, const struct mp_hist *total)
{
	double low = total->slot[0].ms, high = total->slot[total->used - 1].ms;
	double ratio = pow((high + 1) / (low + 1), 1.0 / 40), edge = low;
	uint32_t k = 0;

	l->bins = calloc(41, sizeof(*l->bins));
	if (!l->bins)
		return -ENOMEM;
	for (size_t i = 1; i <= 40 && k < total->used; i++) {
		double to = fmax(edge + 1, floor((low + 1) * pow(ratio, (double)i)));
		struct mp_bin *b = &l->bins[l->n_bins++];

		b->from_ms = edge;
		b->to_ms = i == 40 ? fmax(to, high + 1) : to;
		for (; k < total->used && total->slot[k].ms < b->to_ms; k++)
			b->count += total->slot[k].count;
		edge = b->to_ms;
	}
	return 0;
}

static int finish(struct reader *r, struct mp_load *l)
{
	_cleanup_(mp_hist_done) struct mp_hist total = {0};
	int k;

	l->unreadable = (double)r->unreadable;
	if (!r->n)
		return 0;
	k = series_new(l, r->n);
	if (k < 0)
		return k;
	fill_series(r, l);
	k = merge_labels(r, &total);
	if (!k)
		k = fill_labels(r, l, &total);
	if (!k)
		k = fill_bins(l, &total);
	if (k < 0)
		return k;
	l->slow = malloc(sizeof(r->slow));
	if (!l->slow)
		return -ENOMEM;
	memcpy(l->slow, r->slow, sizeof(r->slow));
	l->n_slow = r->n_slow;
	r->n_slow = 0;
	return 0;
}

static int only_kpi(const struct dirent *e)
{
	return mp_glob("kpi*.jtl", e->d_name);
}

static int read_folder(const char *suite_dir, const char *only, struct mp_load *ret_load,
		       struct mp_diag *d)
{
	_cleanup_(reader_done) struct reader r = {.only = only};
	_cleanup_(mp_load_done) struct mp_load l = {0};
	struct dirent **e = NULL;
	int n, k = 0;

	n = scandir(suite_dir, &e, only_kpi, alphasort);
	if (n < 0) {
		k = -errno;
		return mp_diag_set(d, k, suite_dir, 0, 0, "cannot be listed: %s", strerror(-k));
	}
	r.index = calloc(INDEX_CAP, sizeof(*r.index));
	r.label = calloc(MAX_LABELS, sizeof(*r.label));
	if (!r.index || !r.label)
		k = mp_diag_set(d, -ENOMEM, suite_dir, 0, 0, "out of memory");
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = mp_path_join(suite_dir, e[i]->d_name);

		if (!k && !path)
			k = mp_diag_set(d, -ENOMEM, suite_dir, 0, 0, "out of memory");
		if (!k && i < MAX_FILES && mp_is_file(path))
			k = read_file(&r, path, (unsigned)i, d);
		free(e[i]);
	}
	free(e);
	if (!k && finish(&r, &l) < 0)
		k = mp_diag_set(d, -ENOMEM, suite_dir, 0, 0, "out of memory");
	if (k < 0)
		return k;
	*ret_load = l;
	l = (struct mp_load){0};
	return 0;
}

int mp_load_read(const char *suite_dir, struct mp_load *ret_load, struct mp_diag *d)
{
	return read_folder(suite_dir, NULL, ret_load, d);
}

int mp_load_read_label(const char *suite_dir, const char *label, struct mp_load *ret_load,
		       struct mp_diag *d)
{
	return read_folder(suite_dir, label, ret_load, d);
}

void mp_load_done(struct mp_load *l)
{
	double *const series[] = {l->failed_pct, l->succeeded_pct, l->ts,     l->throughput,
				  l->errors,     l->avg_ms,        l->p50_ms, l->p90_ms,
				  l->p99_ms,     l->concurrency};

	for (size_t i = 0; i < ARRAY_SIZE(series); i++)
		free(series[i]);
	for (size_t i = 0; i < l->n_labels; i++)
		free(l->labels[i].label);
	free(l->labels);
	free(l->bins);
	for (size_t i = 0; i < l->n_slow; i++) {
		free(l->slow[i].label);
		free(l->slow[i].code);
	}
	free(l->slow);
	*l = (struct mp_load){0};
}

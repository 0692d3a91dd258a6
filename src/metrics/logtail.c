// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log file followed from where it ends, line by line; the parser of one line; the distribution of
 * the times it tells. Nothing here grows with the log. Called by servlog.c.
 */
#include "metrics/servlog.h"

#include <mmsperf/cleanup.h>

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_BEHIND (64 << 20) /* more than this behind, the log's past is given up */
#define CHUNK      65536

/* --- a line ---------------------------------------------------------------------------------- */

static double seconds_of(const char *unit, size_t len)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {{"Milliseconds", 1e-3}, {"ms", 1e-3}, {"Microseconds", 1e-6}, {"us", 1e-6},
		     {"Seconds", 1},         {"s", 1},     {"Nanoseconds", 1e-9}};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == len && !memcmp(units[i].name, unit, len))
			return units[i].seconds;
	return 0;
}

/* A plain decimal number that ends exactly at end; strtod would read past a line's end. */
static bool number(const char *p, const char *end, double *ret)
{
	char text[40], *after;
	size_t len = (size_t)(end - p);

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, p, len);
	text[len] = '\0';
	if (!isdigit((unsigned char)text[0]) && text[0] != '-' && text[0] != '.')
		return false;
	*ret = strtod(text, &after);
	return !*after && isfinite(*ret);
}

static void find_model(const char *p, const char *end, struct mp_logline *l)
{
	static const char key[] = "ModelName:";

	p = memmem(p, (size_t)(end - p), key, sizeof(key) - 1);
	if (!p)
		return;
	p += sizeof(key) - 1;
	l->model = p;
	while (p < end && *p != ',' && *p != '|')
		p++;
	l->model_len = (size_t)(p - l->model);
}

/* The time a worker took to load is logged under the worker's name: W-9000-digits.ms:69. */
static void worker_line(struct mp_logline *l)
{
	const char *p = l->name, *end = l->name + l->name_len;

	if (l->name_len < 5 || strncmp(p, "W-", 2) != 0)
		return;
	for (p += 2; p < end && isdigit((unsigned char)*p); p++)
		;
	if (p == l->name + 2 || p == end || *p != '-' || p + 1 == end)
		return;
	l->model = p + 1;
	l->model_len = (size_t)(end - l->model);
	l->name = mp_log_names[MP_LM_LOAD];
	l->name_len = strlen(l->name);
}

int mp_logline_parse(const char *line, size_t len, struct mp_logline *ret)
{
	const char *bar = memmem(line, len, "|#", 2), *begin, *colon, *dot;
	struct mp_logline l = {0};

	if (!bar)
		return -EINVAL;
	for (begin = bar; begin > line && begin[-1] != ' ' && begin[-1] != '\t'; begin--)
		;
	colon = memrchr(begin, ':', (size_t)(bar - begin));
	dot = colon ? memrchr(begin, '.', (size_t)(colon - begin)) : NULL;
	if (!dot || dot == begin || !number(colon + 1, bar, &l.value))
		return -EINVAL;
	l.name = begin;
	l.name_len = (size_t)(dot - begin);
	l.to_seconds = seconds_of(dot + 1, (size_t)(colon - dot - 1));
	find_model(bar, line + len, &l);
	worker_line(&l);
	*ret = l;
	return 0;
}

/* --- a distribution -------------------------------------------------------------------------- */

void mp_dist_reset(struct mp_dist *d)
{
	if (d->n)
		memset(d, 0, sizeof(*d));
}

static unsigned bucket_of(double seconds)
{
	double ns = seconds * 1e9;
	uint64_t v = ns >= 9e18 ? (uint64_t)9e18 : ns > 0 ? (uint64_t)ns : 0;
	unsigned shift, b;

	if (v < 32)
		return (unsigned)v;
	shift = 63U - (unsigned)__builtin_clzll(v) - 5U;
	b = (shift + 1) * 32 + (unsigned)((v >> shift) & 31);
	return b < MP_DIST_BUCKETS ? b : MP_DIST_BUCKETS - 1;
}

/* The middle of a bucket, in seconds. */
static double middle(unsigned b)
{
	unsigned shift = b / 32 - (b >= 32);
	double low = b < 32 ? b : (double)((32ULL + b % 32) << shift);

	return (low + (double)(1ULL << shift) / 2) / 1e9;
}

void mp_dist_add(struct mp_dist *d, double seconds)
{
	d->min_s = !d->n || seconds < d->min_s ? seconds : d->min_s;
	d->max_s = !d->n || seconds > d->max_s ? seconds : d->max_s;
	d->sum_s += seconds;
	d->n++;
	d->bucket[bucket_of(seconds)]++;
}

double mp_dist_quantile(const struct mp_dist *d, double q)
{
	uint64_t rank = (uint64_t)ceil(q * (double)d->n), seen = 0;
	unsigned b = 0;

	if (rank < 1)
		rank = 1;
	for (; b < MP_DIST_BUCKETS - 1; b++) {
		seen += d->bucket[b];
		if (seen >= rank)
			break;
	}
	return fmin(fmax(middle(b), d->min_s), d->max_s);
}

/* --- a file ---------------------------------------------------------------------------------- */

void mp_tail_init(struct mp_tail *t)
{
	memset(t, 0, sizeof(*t));
	t->fd = -1;
}

void mp_tail_close(struct mp_tail *t)
{
	if (t->fd >= 0)
		(void)close(TAKE_FD(t->fd));
	t->garbage += t->len > 0; /* a line that will never be whole */
	t->len = 0;
	t->skipping = t->unseen = false;
}

int mp_tail_use(struct mp_tail *t, int fd, bool from_start)
{
	struct stat st;
	char last = '\n';

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return -EINVAL;
	}
	mp_tail_close(t);
	t->fd = fd;
	t->dev = st.st_dev;
	t->ino = st.st_ino;
	t->at = from_start ? 0 : st.st_size;
	if (t->at > 0 && pread(fd, &last, 1, t->at - 1) == 1 && last != '\n')
		t->skipping = t->unseen = true;
	return 0;
}

struct sink {
	bool (*fn)(void *arg, const char *line, size_t len);
	void *arg;
};

static void end_line(struct mp_tail *t, const struct sink *s, const char *line, size_t len)
{
	if (t->skipping) {
		t->lines += !t->unseen;
		t->garbage += !t->unseen;
		t->skipping = t->unseen = false;
		return;
	}
	t->lines++;
	if (!s->fn(s->arg, line, len))
		t->garbage++;
}

static void take(struct mp_tail *t, const struct sink *s, const char *p, size_t n)
{
	while (n > 0) {
		const char *nl = memchr(p, '\n', n);
		size_t part = nl ? (size_t)(nl - p) : n;

		if (!t->skipping && nl && t->len == 0 && part <= MP_TAIL_LINE) {
			end_line(t, s, p, part); /* the usual case: no copy */
		} else {
			if (!t->skipping && t->len + part > MP_TAIL_LINE)
				t->skipping = true;
			if (t->skipping)
				t->len = 0;
			else
				memcpy(t->line + t->len, p, part);
			t->len += t->skipping ? 0 : part;
			if (nl) {
				size_t len = t->len;

				t->len = 0;
				end_line(t, s, t->line, len);
			}
		}
		part += nl != NULL;
		p += part;
		n -= part;
	}
}

void mp_tail_read(struct mp_tail *t, bool (*line_fn)(void *arg, const char *line, size_t len),
		  void *arg)
{
	static char buf[CHUNK]; /* the collector has one thread */
	const struct sink s = {.fn = line_fn, .arg = arg};
	size_t total = 0;
	ssize_t n;

	while (t->fd >= 0 && total < MP_TAIL_MOST) {
		n = pread(t->fd, buf, sizeof(buf), t->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		t->at += n;
		total += (size_t)n;
		take(t, &s, buf, (size_t)n);
		if ((size_t)n < sizeof(buf))
			return;
	}
	if (t->fd >= 0) {
		struct stat st;

		if (fstat(t->fd, &st) < 0)
			return;
		if (st.st_size < t->at) { /* truncated: it begins anew */
			t->at = 0;
			t->garbage += t->len > 0;
			t->len = 0;
			t->skipping = t->unseen = false;
		} else if (st.st_size - t->at > MAX_BEHIND) {
			t->lost_bytes += (uint64_t)(st.st_size - t->at);
			t->at = st.st_size;
			t->len = 0;
			t->skipping = t->unseen = true;
		}
	}
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Following files that others write. A view for people: what cannot be read is left out, the
 * verdict reads the files again when they are whole. Called by progress.c.
 */
#include "suite/live.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/metrics.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK      65536
#define MAX_A_READ (4 * 1024 * 1024) /* the rest at the next tick */
#define MAX_LINE   (256 * 1024)      /* a longer one is no line of ours */
#define SHOWN_S    3                 /* seconds that throughput and latency are taken over */

enum { COL_TS, COL_ELAPSED, COL_SUCCESS };

/* Field i of a CSV line as [*ret, +*ret_len); quotes around it are not part of it. */
static bool field(const char *line, int i, const char **ret, size_t *ret_len)
{
	for (; i >= 0; i--) {
		const char *begin = line, *end;

		if (*line == '"') {
			begin = ++line;
			while (*line && !(*line == '"' && line[1] != '"'))
				line += *line == '"' ? 2 : 1;
			end = line;
			line += strcspn(line, ",");
		} else {
			line += strcspn(line, ",");
			end = line;
		}
		if (i == 0) {
			*ret = begin;
			*ret_len = (size_t)(end - begin);
			return true;
		}
		if (*line != ',')
			return false;
		line++;
	}
	return false;
}

static double number(const char *line, int i)
{
	const char *s;
	char text[40];
	size_t n;
	double v;

	if (i < 0 || !field(line, i, &s, &n) || n >= sizeof(text))
		return NAN;
	memcpy(text, s, n);
	text[n] = '\0';
	return mp_parse_double(text, &v) < 0 ? NAN : v;
}

static int find_column(const char *header, const char *name)
{
	const char *s;
	size_t n;

	for (int i = 0; field(header, i, &s, &n); i++)
		if (n == strlen(name) && !strncmp(s, name, n))
			return i;
	return -1;
}

static void request_line(struct mp_live *l, struct mp_tail *t, const char *line)
{
	double ts = number(line, t->col[COL_TS]), ms = number(line, t->col[COL_ELAPSED]);
	const char *ok;
	size_t n, slot;
	int64_t second;

	if (!t->header) {
		t->col[COL_TS] = find_column(line, "timeStamp");
		t->col[COL_ELAPSED] = find_column(line, "elapsed");
		t->col[COL_SUCCESS] = find_column(line, "success");
		t->header = true;
		return;
	}
	if (!(ts > 0) || !(ts < 1e15) || !(ms >= 0))
		return;
	second = (int64_t)((ts + ms) / 1000); /* when it was answered */
	l->samples++;
	if (t->col[COL_SUCCESS] >= 0 && field(line, t->col[COL_SUCCESS], &ok, &n))
		l->failed += n != 4 || strncmp(ok, "true", 4) != 0;
	slot = (size_t)(second % MP_LIVE_SECONDS);
	if (l->second[slot].second > second)
		return; /* too old to be shown */
	if (l->second[slot].second < second) {
		l->second[slot].second = second;
		l->second[slot].n = l->second[slot].sum_ms = 0;
	}
	l->second[slot].n++;
	l->second[slot].sum_ms += ms;
	if (second > l->newest)
		l->newest = second;
}

static void metric_line(struct mp_live *l, struct mp_tail *t, const char *line)
{
	for (int i = 0; i < MP_LIVE_METRICS; i++) {
		if (!t->header)
			t->col[i] = l->metric[i] ? find_column(line, l->metric[i]) : -1;
		else if (t->col[i] >= 0)
			l->value[i] = number(line, t->col[i]);
	}
	t->header = true;
}

static void take_line(struct mp_live *l, struct mp_tail *t, const char *line)
{
	if (t == &l->csv)
		metric_line(l, t, line);
	else
		request_line(l, t, line);
}

/* Lines of t->part + data; what has no end yet becomes t->part. */
static void take(struct mp_live *l, struct mp_tail *t, const char *data, size_t n)
{
	char *bigger = realloc(t->part, t->len + n + 1), *line, *end;

	if (!bigger)
		return;
	t->part = bigger;
	memcpy(t->part + t->len, data, n);
	t->len += n;
	t->part[t->len] = '\0';
	for (line = t->part; (end = memchr(line, '\n', t->len - (size_t)(line - t->part)));
	     line = end + 1) {
		*end = '\0';
		take_line(l, t, line);
	}
	t->len -= (size_t)(line - t->part);
	memmove(t->part, line, t->len);
	if (t->len > MAX_LINE)
		t->len = 0;
}

static void follow(struct mp_live *l, struct mp_tail *t)
{
	_cleanup_close_ int fd = t->path ? open(t->path, O_RDONLY | O_CLOEXEC) : -1;
	char chunk[CHUNK];

	for (int64_t left = MAX_A_READ; fd >= 0 && left > 0;) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), t->at);

		if (n <= 0)
			break;
		take(l, t, chunk, (size_t)n);
		t->at += n;
		left -= n;
	}
}

int mp_live_init(struct mp_live *l, const char *dir, const char *const *metrics, size_t n)
{
	static const char *const usual[] = {"sum_all_cpu_percent", "sum_all_memory_rss"};
	int r = 0;

	*l = (struct mp_live){0};
	l->csv.path = mp_path_join(dir, "metrics.csv");
	if (!l->csv.path)
		r = -ENOMEM;
	for (int i = 0; i < MP_LIVE_FILES; i++) {
		l->jtl[i].path =
			i ? mp_asprintf("%s/kpi-%d.jtl", dir, i) : mp_path_join(dir, "kpi.jtl");
		if (!l->jtl[i].path)
			r = -ENOMEM;
	}
	for (size_t i = 0; i < MP_LIVE_METRICS; i++) {
		l->metric[i] = strdup(i < n ? metrics[i] : usual[i]);
		l->value[i] = NAN;
		if (!l->metric[i])
			r = -ENOMEM;
	}
	if (r < 0)
		mp_live_done(l);
	return r;
}

static void tail_done(struct mp_tail *t)
{
	free(t->path);
	free(t->part);
}

void mp_live_done(struct mp_live *l)
{
	tail_done(&l->csv);
	for (int i = 0; i < MP_LIVE_FILES; i++)
		tail_done(&l->jtl[i]);
	for (int i = 0; i < MP_LIVE_METRICS; i++)
		free(l->metric[i]);
	*l = (struct mp_live){0};
}

void mp_live_read(struct mp_live *l)
{
	follow(l, &l->csv);
	for (int i = 0; i < MP_LIVE_FILES; i++)
		follow(l, &l->jtl[i]);
}

static void put_metric(struct mp_buf *b, const char *name, double v)
{
	enum mp_unit unit = mp_metric_unit(name);

	if (unit == MP_UNIT_BYTES)
		mp_buf_printf(b, "  %s %.4g MB", name, v / 1e6);
	else
		mp_buf_printf(b, "  %s %.4g%s%s", name, v, unit == MP_UNIT_COUNT ? "" : " ",
			      mp_unit_name(unit));
}

void mp_live_text(const struct mp_live *l, char *buf, size_t size)
{
	_cleanup_buf_ struct mp_buf b = {0};
	double n = 0, sum = 0;

	mp_buf_puts(&b, "");
	for (int i = 0; i < MP_LIVE_SECONDS; i++) {
		int64_t age = l->newest - l->second[i].second;

		/* the newest second is not over yet */
		if (l->second[i].second && age >= 1 && age <= SHOWN_S) {
			n += l->second[i].n;
			sum += l->second[i].sum_ms;
		}
	}
	if (n > 0)
		mp_buf_printf(&b, "%.3g req/s  %.3g ms  ", n / SHOWN_S, sum / n);
	if (l->samples > 0)
		mp_buf_printf(&b, "%.0f error%s", l->failed, l->failed == 1 ? "" : "s");
	for (int i = 0; i < MP_LIVE_METRICS; i++)
		if (!isnan(l->value[i]))
			put_metric(&b, l->metric[i], l->value[i]);
	(void)snprintf(buf, size, "%s", b.failed ? "" : b.s + strspn(b.s, " "));
}

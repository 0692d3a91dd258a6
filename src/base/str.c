// SPDX-License-Identifier: GPL-2.0-only
/* Growing buffer, numbers that people write, glob, nearest name. */
#include <mmsperf/str.h>

#include <mmsperf/cleanup.h>

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool buf_reserve(struct mp_buf *b, size_t extra)
{
	size_t need, cap;
	char *s;

	if (b->failed || __builtin_add_overflow(b->len, extra, &need) || need == SIZE_MAX) {
		b->failed = true;
		return false;
	}
	if (++need <= b->cap)
		return true;
	cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	s = realloc(b->s, cap);
	if (!s) {
		b->failed = true;
		return false;
	}
	b->s = s;
	b->cap = cap;
	return true;
}

void mp_buf_append(struct mp_buf *b, const char *s, size_t n)
{
	if (!buf_reserve(b, n))
		return;
	if (n)
		memcpy(b->s + b->len, s, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void mp_buf_puts(struct mp_buf *b, const char *s)
{
	mp_buf_append(b, s, strlen(s));
}

void mp_buf_printf(struct mp_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(b, (size_t)n)) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void mp_buf_reset(struct mp_buf *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = '\0';
}

void mp_buf_done(struct mp_buf *b)
{
	free(b->s);
	*b = (struct mp_buf){0};
}

char *mp_asprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

int mp_parse_int(const char *s, long min, long max, long *ret)
{
	char *end;
	long v;

	if (isspace((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtol(s, &end, 10);
	if (end == s || *end)
		return -EINVAL;
	if (errno == ERANGE || v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

/* strtod also takes hexadecimal, "inf" and "nan": nobody means those in a threshold. */
static int number_prefix(const char *s, double *ret, const char **ret_end)
{
	char *end;
	double v;

	if (!isdigit((unsigned char)s[*s == '-' || *s == '+']) && s[*s == '-' || *s == '+'] != '.')
		return -EINVAL;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		return -EINVAL;
	errno = 0;
	v = strtod(s, &end);
	if (end == s)
		return -EINVAL;
	if (!isfinite(v))
		return -ERANGE;
	*ret = v;
	*ret_end = end;
	return 0;
}

int mp_parse_double(const char *s, double *ret)
{
	const char *end;
	double v;
	int r = number_prefix(s, &v, &end);

	if (r < 0)
		return r;
	if (*end)
		return -EINVAL;
	*ret = v;
	return 0;
}

struct suffix {
	const char *name;
	double factor;
};

static const struct suffix *find_suffix(const struct suffix *t, size_t n, const char *s, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(t[i].name) == len && !strncasecmp(t[i].name, s, len))
			return &t[i];
	return NULL;
}

int mp_parse_duration(const char *s, double *ret_s)
{
	static const struct suffix units[] = {{"ms", 1e-3}, {"s", 1},     {"m", 60},
					      {"h", 3600},  {"d", 86400}, {"w", 604800}};
	double total = 0, v;
	const char *p = s;

	if (!mp_parse_double(s, &v)) {
		if (v < 0)
			return -ERANGE;
		*ret_s = v;
		return 0;
	}
	do {
		const struct suffix *u;
		size_t len;
		int r = number_prefix(p, &v, &p);

		if (r < 0)
			return r;
		if (v < 0)
			return -ERANGE;
		len = strcspn(p, "0123456789.+- ");
		u = find_suffix(units, ARRAY_SIZE(units), p, len);
		if (!u)
			return -EINVAL;
		total += v * u->factor;
		p += len;
		p += strspn(p, " ");
	} while (*p);
	*ret_s = total;
	return 0;
}

int mp_parse_size(const char *s, double *ret_bytes)
{
	static const struct suffix units[] = {
		{"", 1},         {"b", 1},        {"k", 1e3},      {"kb", 1e3},    {"m", 1e6},
		{"mb", 1e6},     {"g", 1e9},      {"gb", 1e9},     {"t", 1e12},    {"tb", 1e12},
		{"kib", 0x1p10}, {"mib", 0x1p20}, {"gib", 0x1p30}, {"tib", 0x1p40}};
	const struct suffix *u;
	const char *end;
	double v;
	int r = number_prefix(s, &v, &end);

	if (r < 0)
		return r;
	end += strspn(end, " ");
	u = find_suffix(units, ARRAY_SIZE(units), end, strlen(end));
	if (!u)
		return -EINVAL;
	*ret_bytes = v * u->factor;
	return 0;
}

int mp_format_double(char buf[32], double v)
{
	int n, digits;

	v += 0.0; /* no "-0" */
	if (isnan(v))
		return snprintf(buf, 32, "NaN");
	if (isinf(v) || fabs(v) >= 1e15)
		return snprintf(buf, 32, "%.9g", v);
	if (v == floor(v))
		return snprintf(buf, 32, "%.0f", v);
	/* nine significant digits, in plain notation: what is left of them after the point */
	digits = 9 - (fabs(v) < 1 ? 0 : (int)floor(log10(fabs(v))) + 1);
	n = snprintf(buf, 32, "%.*f", digits < 0 ? 0 : digits, v);
	if (memchr(buf, '.', (size_t)n)) {
		while (buf[n - 1] == '0')
			n--;
		if (buf[n - 1] == '.')
			n--;
		buf[n] = '\0';
	}
	if (!strcmp(buf, "-0"))
		n = snprintf(buf, 32, "0");
	return n;
}

bool mp_glob(const char *pattern, const char *s)
{
	return fnmatch(pattern, s, 0) == 0;
}

bool mp_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool mp_ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !memcmp(s + n - m, suffix, m);
}

/* Levenshtein distance by one row; names are short, so the bound costs nothing. */
static size_t distance(const char *a, const char *b)
{
	size_t row[128], n = strlen(b);

	if (n >= ARRAY_SIZE(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diag = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t up = row[j], best = diag + (a[i - 1] != b[j - 1]);

			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diag = up;
			row[j] = best;
		}
	}
	return row[n];
}

const char *mp_nearest(const char *s, const char *const *names, size_t n)
{
	size_t best = strlen(s) / 3 + 1;
	const char *near = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t d = distance(s, names[i]);

		if (d < best) {
			best = d;
			near = names[i];
		}
	}
	return near;
}

const char *mp_format_elapsed(char *buf, size_t size, double seconds)
{
	long s = seconds < 0 ? 0 : (long)seconds;

	if (s >= 3600)
		(void)snprintf(buf, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	else
		(void)snprintf(buf, size, "%ld:%02ld", s / 60, s % 60);
	return buf;
}

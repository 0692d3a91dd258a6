// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CSV reader below every table of a run: kpi.jtl of 100 MB as well as a header of one line.
 * Owns one block of the file; does not own what a cell means. Cells point into the block and are
 * terminated in place once their record is whole, so a record that crosses the block's end can be
 * parsed again after more of the file was read.
 */
#include "results/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK      (256 * 1024)
#define MAX_RECORD (4 * 1024 * 1024) /* a record is one request or one tick: 4 MiB is no CSV */
#define MAX_CELLS  65536

int mp_csv_open(const char *path, struct mp_csv *ret_csv, struct mp_diag *d)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct mp_csv c = {.fd = -1, .sep = ',', .next_line = 1, .cap = BLOCK};
	int r;

	if (fd < 0) {
		r = -errno;
		return mp_diag_set(d, r, path, 0, 0, "cannot be opened: %s", strerror(-r));
	}
	c.buf = malloc(c.cap + 1);
	if (!c.buf)
		return mp_diag_set(d, -ENOMEM, path, 0, 0, "out of memory");
	(void)strncpy(c.path, path, sizeof(c.path) - 1);
	c.fd = TAKE_FD(fd);
	*ret_csv = c;
	return 0;
}

void mp_csv_close(struct mp_csv *csv)
{
	if (csv->fd >= 0)
		(void)close(csv->fd);
	csv->fd = -1;
	free(csv->buf);
	free(csv->cell);
	csv->buf = NULL;
	csv->cell = NULL;
	csv->n = csv->cap_cells = 0;
}

/* Moves the unread rest to the block's begin and reads more behind it. */
static int refill(struct mp_csv *c, struct mp_diag *d)
{
	bool first = c->next_line == 1 && c->pos == 0 && c->len == 0;
	ssize_t n;

	if (c->pos) {
		memmove(c->buf, c->buf + c->pos, c->len - c->pos);
		c->len -= c->pos;
		c->pos = 0;
	}
	if (c->len == c->cap) {
		char *grown;

		if (c->cap >= MAX_RECORD)
			return mp_diag_set(d, -EFBIG, c->path, (int)c->next_line, 0,
					   "a line of more than %d MiB: not a table",
					   MAX_RECORD >> 20);
		grown = realloc(c->buf, c->cap * 2 + 1);
		if (!grown)
			return mp_diag_set(d, -ENOMEM, c->path, 0, 0, "out of memory");
		c->buf = grown;
		c->cap *= 2;
	}
	do
		n = read(c->fd, c->buf + c->len, c->cap - c->len);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		int r = -errno;

		return mp_diag_set(d, r, c->path, 0, 0, "cannot be read: %s", strerror(-r));
	}
	c->eof = n == 0;
	c->len += (size_t)n;
	if (first && c->len >= 3 && !memcmp(c->buf, "\xef\xbb\xbf", 3))
		c->pos = 3;
	return 0;
}

/* The header decides the separator, as bzt's own reader does. */
static void find_separator(struct mp_csv *c)
{
	const char *line = c->buf + c->pos;
	const char *end = memchr(line, '\n', c->len - c->pos);
	size_t len = end ? (size_t)(end - line) : c->len - c->pos;

	if (memchr(line, ',', len))
		return;
	if (memchr(line, '\t', len))
		c->sep = '\t';
	else if (memchr(line, ';', len))
		c->sep = ';';
}

static int add_cell(struct mp_csv *c, char *s, size_t len, bool quoted)
{
	if (c->n == c->cap_cells) {
		size_t cap = c->cap_cells ? c->cap_cells * 2 : 32;
		struct mp_cell *grown;

		if (cap > MAX_CELLS)
			return -E2BIG;
		grown = realloc(c->cell, cap * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		c->cell = grown;
		c->cap_cells = cap;
	}
	c->cell[c->n++] = (struct mp_cell){.s = s, .len = len, .quoted = quoted};
	return 0;
}

/* Takes the doubled quotes out of a quoted cell and terminates every cell. */
static void finish_cells(struct mp_csv *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct mp_cell *cell = &c->cell[i];

		if (cell->quoted && memchr(cell->s, '"', cell->len)) {
			char *to = cell->s;

			for (size_t k = 0; k < cell->len; k++) {
				if (cell->s[k] == '"' && k + 1 < cell->len && cell->s[k + 1] == '"')
					k++;
				*to++ = cell->s[k];
			}
			cell->len = (size_t)(to - cell->s);
		}
		cell->s[cell->len] = '\0';
	}
}

enum parse { WHOLE, NEED_MORE, OPEN_QUOTE, FAULT };

/* One record from c->pos; *ret_end is behind its newline. Terminates nothing: see finish_cells. */
static enum parse parse_record(struct mp_csv *c, char **ret_end, unsigned long *ret_lines,
			       int *ret_r)
{
	char *p = c->buf + c->pos, *const end = c->buf + c->len, sep = c->sep;
	unsigned long lines = 1;

	c->n = 0;
	for (;;) {
		char *begin = p, *stop;
		bool quoted = p < end && *p == '"';

		if (quoted) {
			begin = ++p;
			for (;;) {
				char *q = memchr(p, '"', (size_t)(end - p));

				if (!q)
					return OPEN_QUOTE;
				/* what follows decides: a second quote is text, else it ends here
				 */
				if (q + 1 == end && !c->eof)
					return NEED_MORE;
				if (q + 1 < end && q[1] == '"') {
					p = q + 2;
					continue;
				}
				stop = q;
				p = q + 1;
				break;
			}
			for (char *q = begin; (q = memchr(q, '\n', (size_t)(stop - q))); q++)
				lines++;
			while (p < end && *p != sep && *p != '\n')
				p++; /* text behind a closing quote is not ours to interpret */
		} else {
			while (p < end && *p != sep && *p != '\n')
				p++;
			stop = p;
		}
		if (p == end && !c->eof)
			return NEED_MORE;
		if ((p == end || *p == '\n') && stop == p && stop > begin && stop[-1] == '\r')
			stop--;
		*ret_r = add_cell(c, begin, (size_t)(stop - begin), quoted);
		if (*ret_r < 0)
			return FAULT;
		if (p == end || *p == '\n') {
			c->unterminated = p == end;
			*ret_end = p == end ? p : p + 1;
			*ret_lines = lines;
			return WHOLE;
		}
		p++;
	}
}

int mp_csv_next(struct mp_csv *c, struct mp_diag *d)
{
	for (;;) {
		unsigned long lines = 0;
		char *end = NULL;
		int r = 0;

		if (c->pos == c->len) {
			bool first = c->next_line == 1 && c->len == 0;

			if (c->eof)
				return 0;
			r = refill(c, d);
			if (r < 0)
				return r;
			if (first && c->len)
				find_separator(c);
			continue;
		}
		switch (parse_record(c, &end, &lines, &r)) {
		case OPEN_QUOTE:
			if (c->eof) {
				c->broken_quote = true;
				c->pos = c->len;
				return 0;
			}
			/* fall through */
		case NEED_MORE:
			r = refill(c, d);
			if (r < 0)
				return r;
			continue;
		case FAULT:
			return mp_diag_set(d, r, c->path, (int)c->next_line, 0,
					   r == -E2BIG
						   ? "a line of more than %d columns: not a table"
						   : "out of memory",
					   MAX_CELLS);
		case WHOLE:
			break;
		}
		c->line = c->next_line;
		c->next_line += lines;
		c->pos = (size_t)(end - c->buf);
		if (c->n == 1 && !c->cell[0].len && !c->cell[0].quoted)
			continue;
		finish_cells(c);
		return 1;
	}
}

int mp_csv_column(const struct mp_csv *csv, const char *name)
{
	for (size_t i = 0; i < csv->n; i++)
		if (!strcmp(csv->cell[i].s, name))
			return (int)i;
	return -1;
}

/*
 * Digits that a double holds exactly, times a power of ten that it holds exactly, are one rounding
 * away from the right value: the same as strtod()'s, in a tenth of its time (Clinger, "How to Read
 * Floating Point Numbers Accurately", 1990). False: another number, or none.
 */
static bool read_short(const char *s, size_t len, double *ret)
{
	static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
					1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
					1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	const char *end = s + len;
	bool minus = *s == '-', point = false;
	uint64_t digits = 0;
	int n = 0, scale = 0;

	for (s += minus; s < end; s++) {
		if (*s == '.' && !point) {
			point = true;
			continue;
		}
		if (*s < '0' || *s > '9' || ++n > 15)
			return false;
		digits = digits * 10 + (uint64_t)(*s - '0');
		scale += point;
	}
	if (!n || (minus && !digits))
		return false;
	*ret = (double)digits / powers[scale];
	if (minus)
		*ret = -*ret;
	return true;
}

double mp_cell_number(const struct mp_cell *c)
{
	char *end;
	double v;

	if (!c->len)
		return NAN;
	if (read_short(c->s, c->len, &v))
		return v;
	v = strtod(c->s, &end);
	if (end == c->s)
		return NAN;
	while (*end == ' ')
		end++;
	return *end || !isfinite(v) ? NAN : v;
}

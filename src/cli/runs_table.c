// SPDX-License-Identifier: GPL-2.0-only
/* A list of runs for people and for machines. Called by runs.c and runs_prune.c. */
#include "cli/runs.h"
#include "results/text.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/str.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define NARROW    80
#define WIDE      120
#define QUICK     " (quick)"
#define KEEP_TAIL 22 /* of a name that does not fit: commit's end and epoch tell runs apart */

static int width_of_output(void)
{
	struct winsize w;

	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col >= WIDE
		       ? WIDE
		       : NARROW;
}

static void put_name(struct mp_buf *b, const char *id, int room)
{
	int columns;

	if (mp_text_columns(id) <= room)
		mp_buf_puts(b, id);
	else
		mp_buf_printf(b, "%.*s…%s",
			      (int)mp_text_fitting(id, room - KEEP_TAIL - 1, &columns), id,
			      mp_text_end(id, KEEP_TAIL, &columns));
}

static void put_tags(struct mp_buf *b, const char *tags, int room)
{
	while (*tags) {
		size_t n = strcspn(tags, " ");
		int columns = mp_text_columns(tags) - mp_text_columns(tags + n);

		room -= columns + 2;
		if (room < 0) {
			if (room + columns >= 0)
				mp_buf_puts(b, " …");
			return;
		}
		mp_buf_printf(b, " #%.*s", (int)n, tags);
		tags += n + (tags[n] == ' ');
	}
}

static void print_row(const struct mp_run_row *r, int width)
{
	_cleanup_buf_ struct mp_buf b = {0};
	char when[32] = "-", took[32] = "-", suites[32];
	time_t t = (time_t)r->started_s;
	struct tm tm;
	int used;

	if (r->started_s > 0 && localtime_r(&t, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	if (r->duration_s > 0)
		(void)mp_format_elapsed(took, sizeof(took), r->duration_s);
	if (r->suites)
		(void)snprintf(suites, sizeof(suites), "%d/%d", r->suites_passed, r->suites);
	else
		(void)snprintf(suites, sizeof(suites), "-");
	mp_buf_printf(&b, "%-10s %-16s %8s %6s ", r->unfinished ? "unfinished" : r->verdict, when,
		      took, suites);
	if (width >= WIDE)
		mp_buf_printf(&b, "%-*s ", MP_FP_ID_LEN, *r->fingerprint ? r->fingerprint : "-");
	used = (int)b.len;
	put_name(&b, r->id, width - used);
	used += mp_text_columns(b.s + used);
	if (r->hold_cap_s > 0 && used + (int)strlen(QUICK) <= width) {
		mp_buf_puts(&b, QUICK);
		used += (int)strlen(QUICK);
	}
	put_tags(&b, r->tags, width - used);
	printf("%s\n", b.s ? b.s : "");
}

static json_t *row_to_json(const struct mp_run_row *r)
{
	json_t *tags = json_array();

	for (const char *p = r->tags; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		(void)json_array_append_new(tags, json_stringn(p, n));
		p += n;
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:s, s:f, s:f, s:i, s:i, s:i, s:i, "
			 "s:i, s:i, s:o}",
			 "id", r->id, "env", r->env, "commit", r->commit, "verdict", r->verdict,
			 "unfinished", r->unfinished, "quick", r->hold_cap_s > 0, "fingerprint",
			 r->fingerprint, "server", r->server, "started", r->started_s, "duration",
			 r->duration_s, "exit_code", r->exit_code, "suites", r->suites,
			 "suites_passed", r->suites_passed, "suites_failed", r->suites_bad, "cases",
			 r->cases, "cases_failed", r->cases_bad, "tags", tags);
}

static void print_json(const struct mp_run_list *l)
{
	json_t *rows = json_array(), *root;

	for (size_t i = 0; i < l->n; i++)
		(void)json_array_append_new(rows, row_to_json(&l->v[i]));
	root = json_pack("{s:o, s:I}", "runs", rows, "more", (json_int_t)l->more);
	(void)json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	printf("\n");
	json_decref(root);
}

void mp_runs_print(const struct mp_run_list *l, const char *where, bool json)
{
	int width = width_of_output();

	if (json) {
		print_json(l);
		return;
	}
	if (!l->n) {
		printf("no run matches in %s\n", where);
		return;
	}
	printf("%-10s %-16s %8s %6s ", "verdict", "started", "time", "passed");
	if (width >= WIDE)
		printf("%-*s ", MP_FP_ID_LEN, "machine");
	printf("run\n");
	for (size_t i = 0; i < l->n; i++)
		print_row(&l->v[i], width);
	if (l->more)
		printf("and %zu more (--limit 0 shows all)\n", l->more);
}

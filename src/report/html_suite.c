// SPDX-License-Identifier: GPL-2.0-only
/*
 * One suite's section of the run page: verdict and reason, the place of its charts,
 * statistics by label, latency distribution, slowest requests, how it was measured, its files.
 * Renders; computes nothing. Called by html.c.
 */
#include "report/html.h"

#include <mmsperf/cleanup.h>

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES  200
#define MAX_EVENTS 200

static void cell_seconds(struct mp_buf *b, double s)
{
	mp_buf_puts(b, "<td class=\"n\">");
	mp_html_seconds(b, s);
	mp_buf_puts(b, "</td>");
}

static void cell_number(struct mp_buf *b, double v)
{
	mp_buf_puts(b, "<td class=\"n\">");
	mp_html_number(b, v);
	mp_buf_puts(b, "</td>");
}

static void write_labels(struct mp_buf *b, const struct mp_suite_result *s)
{
	if (!s->n_labels)
		return;
	mp_buf_puts(
		b,
		"<h3>Requests by label</h3>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
		"aria-label=\"Requests by label\"><table class=\"grid\"><thead><tr>"
		"<th scope=\"col\">Label</th><th scope=\"col\" class=\"n\">Requests</th>"
		"<th scope=\"col\" class=\"n\">Failed</th><th scope=\"col\" class=\"n\">Per second</th>"
		"<th scope=\"col\" class=\"n\">Mean</th><th scope=\"col\" class=\"n\">p50</th>"
		"<th scope=\"col\" class=\"n\">p90</th><th scope=\"col\" class=\"n\">p95</th>"
		"<th scope=\"col\" class=\"n\">p99</th><th scope=\"col\" class=\"n\">Max</th>"
		"<th scope=\"col\" class=\"n\">Std. dev.</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < s->n_labels; i++) {
		const struct mp_label_stats *l = &s->labels[i];

		mp_buf_printf(b, "<tr%s><th scope=\"row\">", *l->label ? "" : " class=\"total\"");
		mp_html_name(b, *l->label ? l->label : "All requests");
		mp_buf_puts(b, "</th>");
		cell_number(b, l->samples);
		mp_buf_printf(b, "<td class=\"n%s\">",
			      l->failed > 0 && l->failed >= 0.01 * l->samples ? " bad" : "");
		mp_html_number(b, l->failed);
		mp_buf_puts(b, "</td>");
		cell_number(b, l->throughput);
		cell_seconds(b, l->avg_s);
		cell_seconds(b, l->p50_s);
		cell_seconds(b, l->p90_s);
		cell_seconds(b, l->p95_s);
		cell_seconds(b, l->p99_s);
		cell_seconds(b, l->max_s);
		cell_seconds(b, l->stdev_s);
		mp_buf_puts(b, "</tr>\n");
	}
	mp_buf_puts(b, "</tbody></table></div>\n");
}

static void write_distribution(struct mp_buf *b, const struct mp_suite_result *s)
{
	const struct mp_bin *fullest = s->load.bins;
	double top;

	if (s->load.n_bins < 2)
		return;
	for (size_t i = 1; i < s->load.n_bins; i++)
		if (s->load.bins[i].count > fullest->count)
			fullest = &s->load.bins[i];
	top = fullest->count;
	mp_buf_printf(
		b,
		"<div class=\"half\"><h3>Latency distribution</h3>\n<div class=\"bins\" role=\"img\" "
		"aria-label=\"Histogram of response times, %g to %g ms. Most common: %g to %g ms, "
		"%.2g %% of the requests.\">\n",
		s->load.bins[0].from_ms, s->load.bins[s->load.n_bins - 1].to_ms, fullest->from_ms,
		fullest->to_ms, 100 * top / s->load.samples);
	for (size_t i = 0; i < s->load.n_bins; i++) {
		const struct mp_bin *bin = &s->load.bins[i];
		double share = 100 * bin->count / s->load.samples;

		mp_buf_printf(
			b,
			"<i style=\"height:%.1f%%\" title=\"%g to %g ms: %.0f request%s (%.2g %%)\">"
			"</i>",
			bin->count > 0 ? fmax(100 * bin->count / top, 0.8) : 0, bin->from_ms,
			bin->to_ms, bin->count, bin->count == 1 ? "" : "s", share);
	}
	mp_buf_puts(b, "</div><div class=\"bins-x\"><span>");
	mp_html_seconds(b, s->load.bins[0].from_ms / 1000);
	mp_buf_puts(b, "</span><span>");
	mp_html_seconds(b, s->load.bins[s->load.n_bins / 2].from_ms / 1000);
	mp_buf_puts(b, "</span><span>");
	mp_html_seconds(b, s->load.bins[s->load.n_bins - 1].to_ms / 1000);
	mp_buf_puts(b, "</span></div></div>\n");
}

static void write_slow(struct mp_buf *b, const struct mp_suite_result *s)
{
	size_t n = s->load.n_slow < 10 ? s->load.n_slow : 10;

	if (!n)
		return;
	mp_buf_puts(
		b,
		"<div class=\"half\"><h3>Slowest requests</h3>\n<div class=\"scroll\" tabindex=\"0\" "
		"role=\"group\" aria-label=\"Slowest requests\"><table class=\"grid slow\"><thead><tr>"
		"<th scope=\"col\" class=\"n\">Time</th><th scope=\"col\">Label</th><th scope=\"col\">"
		"Code</th><th scope=\"col\" class=\"n\">When</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < n; i++) {
		const struct mp_slow *r = &s->load.slow[i];

		mp_buf_puts(b, "<tr>");
		cell_seconds(b, r->ms / 1000);
		mp_buf_puts(b, "<td>");
		mp_html_text(b, r->label);
		mp_buf_printf(b, "</td><td%s>", r->failed ? " class=\"bad\"" : "");
		mp_html_text(b, *r->code ? r->code : r->failed ? "failed" : "ok");
		mp_buf_puts(b, "</td><td class=\"n\">");
		mp_html_moment(b, r->ts, s->load_s, true);
		mp_buf_puts(b, "</td></tr>\n");
	}
	mp_buf_puts(b, "</tbody></table></div></div>\n");
}

void mp_html_href(struct mp_buf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~/", c))
			mp_buf_append(b, s, 1);
		else
			mp_buf_printf(b, "%%%02X", c);
	}
}

static int only_files(const struct dirent *e)
{
	static const char *const pages[] = {"junit.html", "performance_results.html"};

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		if (!strcmp(e->d_name, pages[i]))
			return 0;
	return e->d_name[0] != '.' && e->d_type != DT_DIR;
}

void mp_html_files(struct mp_buf *b, const char *dir, const char *prefix)
{
	struct dirent **e = NULL;
	int n = scandir(dir, &e, only_files, alphasort);

	if (n <= 0) {
		free(e);
		return;
	}
	mp_buf_puts(b, "<ul class=\"files\">");
	for (int i = 0; i < n; i++) {
		if (i < MAX_FILES) {
			mp_buf_puts(b, "<li><a data-file href=\"");
			mp_html_href(b, prefix);
			mp_html_href(b, e[i]->d_name);
			mp_buf_puts(b, "\">");
			mp_html_text(b, e[i]->d_name);
			mp_buf_puts(b, "</a></li>");
		}
		free(e[i]);
	}
	free(e);
	if (n > MAX_FILES)
		mp_buf_printf(b, "<li>and %d more in the folder</li>", n - MAX_FILES);
	mp_buf_puts(b, "</ul>\n");
}

static void write_files(struct mp_buf *b, const struct mp_run *r, const struct mp_suite_result *s)
{
	char dir[4096];

	if (!s->dir)
		return;
	mp_buf_puts(b, "<h3>Files</h3>\n");
	mp_html_files(b, s->dir, mp_html_suite_dir(r, s, dir, sizeof(dir)));
}

/* What happened and when, in words: the charts have marks for it. */
static void write_events(struct mp_buf *b, const struct mp_suite_result *s)
{
	size_t shown = 0;

	if (!s->n_events)
		return;
	mp_buf_printf(b,
		      "<details class=\"all\"><summary>%zu event%s</summary>\n<div class=\"tall\" "
		      "tabindex=\"0\" role=\"group\" aria-label=\"Events\"><table class=\"grid "
		      "events\"><thead><tr><th scope=\"col\" class=\"n\">When</th><th "
		      "scope=\"col\">What</th></tr></thead><tbody>\n",
		      s->n_events, s->n_events == 1 ? "" : "s");
	for (; shown < s->n_events && shown < MAX_EVENTS; shown++) {
		const struct mp_event *e = &s->events[shown];
		bool bad = e->kind == MP_EVENT_FAULT || e->kind == MP_EVENT_LOST;

		mp_buf_puts(b, "<tr><td class=\"n\">");
		mp_html_moment(b, e->at_s, s->load_s > 0 ? s->load_s : s->started_s, true);
		mp_buf_printf(b, "</td><td%s>", bad ? " class=\"bad\"" : "");
		mp_html_text(b, e->text);
		mp_buf_puts(b, "</td></tr>\n");
	}
	mp_buf_puts(b, "</tbody></table></div>");
	if (shown < s->n_events)
		mp_buf_printf(b, "<p class=\"note\">and %zu more</p>", s->n_events - shown);
	mp_buf_puts(b, "</details>\n");
}

static void write_phases(struct mp_buf *b, const struct mp_suite_result *s)
{
	if (!s->n_phases)
		return;
	mp_buf_puts(b, "<p class=\"note phases\">Phases: ");
	for (size_t i = 0; i < s->n_phases; i++) {
		mp_buf_puts(b, i ? ", " : "");
		mp_html_name(b, s->phases[i].name);
		mp_buf_puts(b, " ");
		mp_html_seconds(b, s->phases[i].to_s - s->phases[i].from_s);
	}
	mp_buf_puts(b, "</p>\n");
}

bool mp_html_losses(struct mp_buf *b, const struct mp_monitor_cost *m)
{
	const struct {
		double n;
		const char *one, *many;
	} losses[] = {
		{m->drops, " kernel event lost", " kernel events lost"},
		{m->missed, " sample missed", " samples missed"},
		{m->dropped_lines, " line not sent to a slow reader",
		 " lines not sent to slow readers"},
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
		if (!(losses[i].n > 0))
			continue;
		mp_buf_puts(b, any ? ", " : "");
		mp_html_number(b, losses[i].n);
		mp_buf_puts(b, losses[i].n > 1 ? losses[i].many : losses[i].one);
		any = true;
	}
	return any;
}

/* A percentage of which 0.03 is as usual as 30. */
static void put_percent(struct mp_buf *b, double v)
{
	mp_buf_printf(b,
		      v > 0 && v < 0.01 ? "less than 0.01 %%"
		      : v < 1           ? "%.2f %%"
					: "%.3g %%",
		      v);
}

static void write_monitor(struct mp_buf *b, const struct mp_suite_result *s)
{
	const struct mp_monitor_cost *m = &s->monitor;

	if (!(m->samples > 0))
		return;
	mp_buf_puts(b, "<p class=\"note monitor\"><b>The collector</b> used ");
	put_percent(b, m->cpu_percent);
	mp_buf_puts(b, " of one CPU");
	if (isfinite(m->share_percent)) {
		mp_buf_puts(b, ", which is ");
		put_percent(b, m->share_percent);
		mp_buf_puts(b, " of what the server used");
	}
	if (isfinite(m->rss))
		mp_buf_printf(b, ", and %.0f MB of memory", m->rss / 1e6);
	if (m->bpf_s > 0) {
		mp_buf_puts(b, "; its BPF programs ran for ");
		mp_html_seconds(b, m->bpf_s);
	}
	if (isfinite(m->late_s)) {
		mp_buf_puts(b, ". No sample began more than ");
		mp_html_seconds(b, m->late_s);
		mp_buf_puts(b, " late");
	}
	mp_buf_puts(b, ". ");
	if (!mp_html_losses(b, m))
		mp_buf_puts(b, "No event lost, no sample missed");
	mp_buf_puts(b, ".</p>\n");
}

static void write_provenance(struct mp_buf *b, const struct mp_suite_result *s)
{
	mp_buf_puts(b, "<p class=\"prov\">");
	if (s->rung) {
		mp_buf_puts(b, "Metrics by <b>");
		mp_html_text(b, s->rung);
		mp_buf_puts(b, "</b>");
		if (s->rung_why && *s->rung_why) {
			mp_buf_puts(b, " (no higher one: ");
			mp_html_text(b, s->rung_why);
			mp_buf_puts(b, ")");
		}
		mp_buf_puts(b, ". ");
	}
	if (s->path) {
		mp_buf_puts(b, "Suite <code>");
		mp_html_text(b, s->path);
		mp_buf_puts(b, "</code>. ");
	}
	if (s->started_s > 0) {
		mp_buf_puts(b, "Started ");
		mp_html_time(b, s->started_s);
		mp_buf_puts(b, ". ");
	}
	if (s->bzt_code >= 0)
		mp_buf_printf(b, "Taurus ran %.1f s and ended with %d. ", s->bzt_s, s->bzt_code);
	if (s->load.unreadable > 0) {
		mp_html_number(b, s->load.unreadable);
		mp_buf_puts(b, " lines of kpi.jtl could not be read and are left out. ");
	}
	mp_buf_puts(b, "</p>\n");
}

void mp_html_suite(struct mp_buf *b, const struct mp_run *r, size_t index, bool open)
{
	const struct mp_suite_result *s = &r->suites[index];

	mp_buf_printf(b,
		      "<details class=\"card suite\" id=\"suite-%zu\" data-suite=\"%zu\" "
		      "data-verdict=\"%s\"%s>\n<summary><h2>",
		      index, index, mp_verdict_name(s->verdict), open ? " open" : "");
	mp_html_name(b, s->name);
	mp_buf_puts(b, "</h2> ");
	mp_html_chip(b, s->verdict);
	if (s->incomplete)
		mp_buf_puts(b, " <span class=\"chip v-error\">incomplete</span>");
	mp_buf_puts(b, "<span class=\"why\">");
	mp_html_text(b, s->reason);
	mp_buf_puts(b, "</span></summary>\n<div class=\"body\">\n");
	mp_html_cases(b, s);
	mp_buf_printf(b, "<div class=\"charts\" data-suite=\"%zu\"></div>\n", index);
	write_phases(b, s);
	write_events(b, s);
	write_labels(b, s);
	mp_buf_puts(b, "<div class=\"halves\">\n");
	write_distribution(b, s);
	write_slow(b, s);
	mp_buf_puts(b, "</div>\n");
	write_monitor(b, s);
	write_files(b, r, s);
	write_provenance(b, s);
	mp_buf_puts(b, "</div></details>\n");
}

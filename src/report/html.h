/* SPDX-License-Identifier: GPL-2.0-only */
/* Pieces of the run page; private to src/report. */
#pragma once

#include <mmsperf/report.h>
#include <mmsperf/str.h>

#include "report/assets.h"

/* Appends foreign text, escaped for element content and quoted attributes alike; what is longer
 * than anybody reads is cut. NULL: nothing. */
void mp_html_text(struct mp_buf *b, const char *s);
/* The same for a long identifier: it may break behind '_' and '/'. */
void mp_html_name(struct mp_buf *b, const char *s);
/* "1.2 s", "340 ms", "—" for NaN: seconds as people write them. */
void mp_html_seconds(struct mp_buf *b, double s);
/* "12,345" or "0.31": a count or a rate. */
void mp_html_number(struct mp_buf *b, double v);
/* <time> element: UTC in the text, the page's script shows it in local time. */
void mp_html_time(struct mp_buf *b, double epoch_s);
/* "✓ passed" as a chip. */
void mp_html_chip(struct mp_buf *b, enum mp_verdict v);
/* "✓": a verdict that reads in black and white, too. */
const char *mp_html_sign(enum mp_verdict v);
/* When something was, counted from zero as on the charts' axis (both epoch seconds): "0:07", or
 * "7.7 s" where it is fine; the time of day is shown on hover. */
void mp_html_moment(struct mp_buf *b, double at_s, double zero_s, bool fine);
/* The page's top: verdict, reasons, facts, environment. */
void mp_html_hero(struct mp_buf *b, const struct mp_run *r);
/* A suite's criteria, the broken ones first. */
void mp_html_cases(struct mp_buf *b, const struct mp_suite_result *s);
/* " was 157 ms, allowed ≤ 60 ms, from 0:00 to 0:12", or the message where no number is known. */
void mp_html_outcome(struct mp_buf *b, const struct mp_suite_result *s, const struct mp_case *c);
/* One suite's section: verdict, criteria, charts' place, labels, distribution, artifacts. */
void mp_html_suite(struct mp_buf *b, const struct mp_run *r, size_t index, bool open);
/* The suite's folder relative to the run's with a trailing '/', "" for the run's own folder. */
const char *mp_html_suite_dir(const struct mp_run *r, const struct mp_suite_result *s, char *buf,
			      size_t size);
/* "3 samples missed": what a recording lacks. False, and nothing, where it is whole. */
bool mp_html_losses(struct mp_buf *b, const struct mp_monitor_cost *m);
/* The machine's fingerprint as a folded table; nothing where there is none. */
void mp_html_environment(struct mp_buf *b, const struct mp_fingerprint *fp);
/* A path as part of a link: every byte but RFC 3986's unreserved ones and '/' is escaped. */
void mp_html_href(struct mp_buf *b, const char *s);
/* A list of links to the files of dir; prefix leads there from the page's folder. */
void mp_html_files(struct mp_buf *b, const char *dir, const char *prefix);
/* Everything up to and with </head>; title as plain text. */
void mp_html_head(struct mp_buf *b, const char *title);
/* Why there are no charts, where there are none. */
void mp_html_chart_notes(struct mp_buf *b);
/* The scripts of a page, and its end. */
void mp_html_scripts(struct mp_buf *b, enum mp_asset_id page);
/* One suite's series, and a string, as JSON that is safe inside <script>. */
int mp_json_suite(struct mp_buf *b, const struct mp_suite_result *s);
void mp_json_string(struct mp_buf *b, const char *s);
/* The page's data for its charts: one JSON object, safe inside <script>. */
int mp_json_page(struct mp_buf *b, const struct mp_run *r);

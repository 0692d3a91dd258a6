// SPDX-License-Identifier: GPL-2.0-only
/* Collected suites as a table or JSON; starts nothing. Called by runner.c and cli/check.c. */
#include "suite/listing.h"

#include "suite/plan.h"
#include "suite/simple.h"

#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *time_text(double s, char *buf, size_t size)
{
	return s > 0 ? mp_format_elapsed(buf, size, s) : "?";
}

void mp_listing_print(const struct mp_suite_list *l, FILE *out)
{
	size_t bad = 0, width = 5;
	double total = 0;
	bool unknown = false;
	char time[32];

	for (size_t i = 0; i < l->n; i++)
		if (strlen(l->v[i].name) > width)
			width = strlen(l->v[i].name);
	fprintf(out, "%4s  %-*s  %7s  %8s  %s\n", "", (int)width, "suite", "time", "criteria",
		"file");
	for (size_t i = 0; i < l->n; i++) {
		const struct mp_suite *s = &l->v[i];

		fprintf(out, "%4zu  %-*s  %7s  ", i + 1, (int)width, s->name,
			s->bad ? "-" : time_text(s->expected_s, time, sizeof(time)));
		if (s->bad)
			fprintf(out, "%8s", "bad");
		else
			fprintf(out, "%8zu", s->n_criteria);
		fprintf(out, "  %s%s%s\n", s->path, s->env_path ? " + " : "",
			s->env_path ? s->env_path : "");
		bad += s->bad;
		total += s->expected_s;
		unknown |= !s->bad && s->expected_s <= 0;
	}
	fprintf(out, "\n%zu suite%s, about %s%s", l->n, l->n == 1 ? "" : "s",
		mp_format_elapsed(time, sizeof(time), total),
		unknown ? " and those whose time is not known" : "");
	if (bad)
		fprintf(out, "; %zu malformed", bad);
	fprintf(out, "\n");
}

static json_t *suite_json(const struct mp_suite *s)
{
	char text[900];
	json_t *j = json_pack("{s:s, s:s, s:b, s:i}", "name", s->name, "path", s->path, "malformed",
			      s->bad, "criteria", (int)s->n_criteria);

	if (!j)
		return NULL;
	(void)json_object_set_new(j, "simple", json_boolean(s->simple != NULL));
	(void)json_object_set_new(j, "expected_s",
				  s->expected_s > 0 ? json_real(s->expected_s) : json_null());
	(void)json_object_set_new(j, "environment",
				  s->env_path ? json_string(s->env_path) : json_null());
	(void)json_object_set_new(j, "global_config",
				  s->global_path ? json_string(s->global_path) : json_null());
	if (s->bad)
		(void)json_object_set_new(j, "fault",
					  json_string(mp_diag_str(&s->diag, text, sizeof(text))));
	return j;
}

int mp_listing_json(const struct mp_suite_list *l, FILE *out)
{
	json_t *suites = json_array(), *root;
	double total = 0;
	int r = -ENOMEM;

	for (size_t i = 0; suites && i < l->n; i++) {
		total += l->v[i].expected_s;
		(void)json_array_append_new(suites, suite_json(&l->v[i]));
	}
	root = json_pack("{s:o, s:f}", "suites", suites, "expected_s", total);
	if (root && json_array_size(suites) == l->n)
		r = json_dumpf(root, out, JSON_INDENT(2)) || fputc('\n', out) < 0 ? -EIO : 0;
	json_decref(root);
	return r;
}

size_t mp_listing_faults(const struct mp_suite_list *l)
{
	char text[900];
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct mp_suite *s = &l->v[i];

		if (!s->bad)
			continue;
		n++;
		/* cases of one matrix share their fault */
		if (i && l->v[i - 1].bad && !strcmp(l->v[i - 1].path, s->path) &&
		    l->v[i - 1].diag.line == s->diag.line &&
		    !strcmp(l->v[i - 1].diag.msg, s->diag.msg))
			continue;
		mp_error("%s", mp_diag_str(&s->diag, text, sizeof(text)));
	}
	return n;
}

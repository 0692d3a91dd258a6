// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of all runs as one JSON object on stdout. A run is what its run.json says, so that there
 * is one description of it. Called by runner.c.
 */
#include "suite/result_json.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>

#define SCHEMA 1

int mp_result_json_add(json_t *runs, const char *dir)
{
	_cleanup_free_ char *path = mp_path_join(dir, "run.json"),
			    *report = mp_path_join(dir, "junit.html");
	json_t *run;

	if (!path || !report)
		return -ENOMEM;
	run = json_load_file(path, 0, NULL);
	if (!run)
		run = json_object(); /* a full disk: the exit code tells */
	(void)json_object_set_new(run, "dir", json_string(dir));
	(void)json_object_set_new(run, "report", json_string(report));
	return json_array_append_new(runs, run) ? -ENOMEM : 0;
}

static json_t *changed_rows(const struct mp_tally *t)
{
	json_t *list = json_array();

	for (size_t i = 0; t && i < t->n; i++) {
		const struct mp_tally_row *r = &t->v[i];
		json_t *counts;

		if (!mp_tally_row_changed(r))
			continue;
		counts = json_object();
		for (int v = 0; v < _MP_VERDICT_MAX; v++)
			if (r->count[v])
				(void)json_object_set_new(counts, mp_verdict_name(v),
							  json_integer((json_int_t)r->count[v]));
		(void)json_array_append_new(list, json_pack("{s:s, s:s?, s:o}", "suite", r->suite,
							    "case", r->name, "verdicts", counts));
	}
	return list;
}

int mp_result_json_print(json_t *runs, const struct mp_tally *t, int exit_code, FILE *out)
{
	json_t *root = json_pack("{s:i, s:i, s:o, s:o}", "schema", SCHEMA, "exit_code", exit_code,
				 "runs", runs ? runs : json_array(), "changed", changed_rows(t));
	int r;

	if (!root)
		return -ENOMEM;
	r = json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) ||
			    fputc('\n', out) < 0 || fflush(out)
		    ? -EIO
		    : 0;
	json_decref(root);
	return r;
}

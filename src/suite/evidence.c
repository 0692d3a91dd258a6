// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads what a suite left in its folder for evaluate.c, which reads no file itself. Logs what
 * cannot be read. Called by one_suite.c and cli/rejudge.c.
 */
#include "suite/evidence.h"

#include <mmsperf/fs.h>
#include <mmsperf/log.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mp_evidence_done(struct mp_evidence_files *f)
{
	mp_table_done(&f->bzt);
	mp_table_done(&f->own);
	mp_load_done(&f->load);
	for (size_t i = 0; i < f->n_labels; i++)
		free(f->labels[i].label);
	free(f->labels);
	for (size_t i = 0; i < f->n_by_label; i++) {
		free(f->by_label[i].label);
		mp_load_done(&f->by_label[i].load);
	}
	free(f->by_label);
	mp_suite_result_done(&f->xunit);
}

static void note(const char *what, int r, const struct mp_diag *d)
{
	char text[900];

	if (r < 0 && r != -ENOENT)
		mp_warning("%s: %s", what,
			   *d->msg ? mp_diag_str(d, text, sizeof(text)) : strerror(-r));
}

void mp_evidence_collect(const char *dir, struct mp_evidence_files *f)
{
	_cleanup_free_ char *bzt = mp_path_join(dir, "metrics_bzt.csv"),
			    *own = mp_path_join(dir, "metrics.csv"),
			    *stats = mp_path_join(dir, "final_stats.csv");
	struct mp_diag d = {0};

	if (!bzt || !own || !stats)
		return;
	note("bzt's metrics log", mp_bztlog_correct(dir, &d), &d);
	if (mp_is_file(bzt))
		note("metrics_bzt.csv", mp_table_read(bzt, &f->bzt, &d), &d);
	if (mp_is_file(own))
		note("metrics.csv", mp_table_read(own, &f->own, &d), &d);
	note("kpi.jtl", mp_load_read(dir, &f->load, &d), &d);
	if (mp_is_file(stats))
		note("final_stats.csv", mp_final_stats_read(stats, &f->labels, &f->n_labels, &d),
		     &d);
	note("xunit", mp_xunit_read(dir, &f->xunit, &d), &d);
}

static bool has_load(const struct mp_evidence_files *f, const char *label)
{
	for (size_t i = 0; i < f->n_by_label; i++)
		if (!strcmp(f->by_label[i].label, label))
			return true;
	return false;
}

void mp_evidence_loads(const char *dir, const struct mp_plan *p, struct mp_evidence_files *f)
{
	for (size_t i = 0; i < p->n_crit; i++) {
		const struct mp_criterion *c = &p->crit[i];
		struct mp_label_load *grown, l = {0};
		struct mp_diag d = {0};
		int r;

		if (c->kind != MP_CRIT_DATA || c->window_s <= 0 || !c->label || !*c->label ||
		    has_load(f, c->label))
			continue;
		r = mp_load_read_label(dir, c->label, &l.load, &d);
		if (r < 0) {
			note("kpi.jtl", r, &d);
			continue;
		}
		l.label = strdup(c->label);
		grown = l.label ? reallocarray(f->by_label, f->n_by_label + 1, sizeof(*grown))
				: NULL;
		if (!grown) {
			free(l.label);
			mp_load_done(&l.load);
			return;
		}
		f->by_label = grown;
		grown[f->n_by_label++] = l;
	}
}

struct mp_evidence mp_evidence_of(const struct mp_evidence_files *f)
{
	return (struct mp_evidence){
		.bzt = &f->bzt,
		.own = &f->own,
		.load_from_s = f->load.n ? f->load.ts[0] : 0,
		.load_to_s = f->load.n ? f->load.ts[f->load.n - 1] + 1 : 0,
		.labels = f->labels,
		.n_labels = f->n_labels,
		.xunit = f->xunit.cases,
		.n_xunit = f->xunit.n_cases,
	};
}

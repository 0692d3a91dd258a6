// SPDX-License-Identifier: GPL-2.0-only
/*
 * final_stats.csv as Taurus dumps it: one row a label, seconds, percentiles as columns perc_N,
 * the total under an empty label. Owns nothing of the run; called where kpi.jtl is missing, and
 * by comparisons. Taurus' column "throughput" is a number of requests, no rate: it is not used.
 */
#include <mmsperf/results.h>

#include "results/csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum column { LABEL, SUCC, FAIL, AVG, STDEV, P50, P90, P95, P99, P100, _COLUMN_MAX };

static const char *const names[_COLUMN_MAX] = {
	[LABEL] = "label",    [SUCC] = "succ",       [FAIL] = "fail",     [AVG] = "avg_rt",
	[STDEV] = "stdev_rt", [P50] = "perc_50.0",   [P90] = "perc_90.0", [P95] = "perc_95.0",
	[P99] = "perc_99.0",  [P100] = "perc_100.0",
};

static void label_stats_done(struct mp_label_stats *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].label);
	free(v);
}

/* Total first, then by label, as the reader of kpi.jtl orders them. */
static int by_label(const void *a, const void *b)
{
	const struct mp_label_stats *x = a, *y = b;

	return strcmp(x->label, y->label);
}

int mp_final_stats_read(const char *path, struct mp_label_stats **ret, size_t *ret_n,
			struct mp_diag *d)
{
	_cleanup_csv_ struct mp_csv csv = MP_CSV_INIT;
	struct mp_label_stats *v = NULL;
	size_t n = 0;
	int col[_COLUMN_MAX], r;

	r = mp_csv_open(path, &csv, d);
	if (r < 0)
		return r;
	r = mp_csv_next(&csv, d);
	if (r < 0)
		return r;
	for (int i = 0; i < _COLUMN_MAX; i++)
		col[i] = r ? mp_csv_column(&csv, names[i]) : -1;
	if (col[LABEL] < 0 || col[SUCC] < 0 || col[FAIL] < 0)
		return mp_diag_set(
			d, -EINVAL, path, 1, 1,
			"no final statistics of Taurus: columns label, succ and fail are needed");
	while ((r = mp_csv_next(&csv, d)) > 0) {
		struct mp_label_stats *grown = realloc(v, (n + 1) * sizeof(*v));
		double x[_COLUMN_MAX];

		if (!grown) {
			r = mp_diag_set(d, -ENOMEM, path, 0, 0, "out of memory");
			break;
		}
		v = grown;
		for (int i = 0; i < _COLUMN_MAX; i++)
			x[i] = col[i] >= 0 && (size_t)col[i] < csv.n
				       ? mp_cell_number(&csv.cell[col[i]])
				       : NAN;
		if (isnan(x[SUCC]) || isnan(x[FAIL]) || csv.n <= (size_t)col[LABEL])
			continue;
		v[n] = (struct mp_label_stats){
			.label = strdup(csv.cell[col[LABEL]].s),
			.samples = x[SUCC] + x[FAIL],
			.failed = x[FAIL],
			.throughput = NAN,
			.avg_s = x[AVG],
			.p50_s = x[P50],
			.p90_s = x[P90],
			.p95_s = x[P95],
			.p99_s = x[P99],
			.max_s = x[P100],
			.stdev_s = x[STDEV],
		};
		if (!v[n].label) {
			r = mp_diag_set(d, -ENOMEM, path, 0, 0, "out of memory");
			break;
		}
		n++;
	}
	if (r < 0) {
		label_stats_done(v, n);
		return r;
	}
	if (n)
		qsort(v, n, sizeof(*v), by_label);
	*ret = v;
	*ret_n = n;
	return 0;
}

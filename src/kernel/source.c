// SPDX-License-Identifier: GPL-2.0-only
/*
 * Picks the rung: from the best one asked for downwards, the first that works. Owns nothing itself.
 * Called by whoever needs process records; everything below speaks through struct mp_source.
 */
#include "kernel/loader.h"

#include <errno.h>
#include <mmsperf/log.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const names[_MP_RUNG_MAX] = {
	[MP_RUNG_SNAPSHOT] = "BPF snapshot",
	[MP_RUNG_ITER] = "BPF iterator",
	[MP_RUNG_PROCFS] = "procfs",
};

const char *mp_rung_name(enum mp_rung rung)
{
	return rung < _MP_RUNG_MAX ? names[rung] : "unknown";
}

static int open_rung(enum mp_rung rung, struct mp_source **ret_source, struct mp_diag *d)
{
	int r;

	if (rung == MP_RUNG_PROCFS) {
		r = mp_procfs_open(ret_source);
		return r ? mp_diag_set(d, r, NULL, 0, 0, "/proc cannot be read; mount it") : 0;
	}
#ifdef MP_NO_BPF
	return mp_diag_set(
		d, -ENOSYS, NULL, 0, 0,
		"this program was built without BPF; build it with clang-16, bpftool and "
		"libbpf-dev installed");
#else
	return rung == MP_RUNG_SNAPSHOT ? mp_snapshot_open(ret_source, d)
					: mp_iter_open(ret_source, d);
#endif
}

int mp_source_open(const struct mp_source_opts *opts, struct mp_source **ret_source)
{
	const char *forced = getenv("MMSPERF_RUNG");
	enum mp_rung rung = opts ? opts->best : MP_RUNG_SNAPSHOT;
	struct mp_diag d = {0}, above = {0};
	enum mp_rung next;
	struct mp_source *s;
	int r;

	if (opts && opts->no_bpf)
		rung = MP_RUNG_PROCFS;
	if (forced && *forced) {
		if (mp_rung_parse(forced, &rung)) {
			mp_error("MMSPERF_RUNG is '%s': snapshot, iter or procfs is needed",
				 forced);
			return -EINVAL;
		}
		r = open_rung(rung, &s, &d);
		if (r) {
			mp_error("%s, which MMSPERF_RUNG asks for, is not possible: %s",
				 mp_rung_name(rung), d.msg);
			return r;
		}
		(void)snprintf(s->why, sizeof(s->why), "MMSPERF_RUNG=%s", forced);
		*ret_source = s;
		return 0;
	}
	for (;;) {
		r = open_rung(rung, &s, &d);
		if (!r)
			break;
		if (rung == MP_RUNG_PROCFS) {
			mp_error("no way to read processes: %s", d.msg);
			return r;
		}
		/* Without BPF or the right to it the other BPF rung has nothing to add. */
		next = r == -EPERM || r == -ENOSYS ? MP_RUNG_PROCFS : mp_features_below(rung);
		mp_loader_report(rung, d.msg, next);
		above = d;
		rung = next;
	}
	(void)snprintf(s->why, sizeof(s->why), "%.*s", (int)sizeof(s->why) - 1, above.msg);
	*ret_source = s;
	return 0;
}

void mp_source_free(struct mp_source *s)
{
	if (s)
		s->ops->free(s);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* What a suite's recording says beside its numbers; private to src/results. */
#pragma once

#include <mmsperf/results.h>

/* Fills s->phases from steps.log, labels and effective configuration: after the requests. */
int mp_phases_find(struct mp_suite_result *s);
/* Adds to s->events what the totals of s->metrics tell, in time order. */
int mp_events_find(struct mp_suite_result *s);
/* Fills s->monitor from s->metrics. */
void mp_monitor_cost_find(struct mp_suite_result *s);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A simple suite's file to what the rest of the runner knows: one case of its matrix is taken,
 * read, written as Taurus YAML, and that becomes the suite's document. Called by discovery.c.
 */
#include "suite/simple.h"

#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The case's own name: NAME[workers=2]. */
static int name_case(struct mp_suite *s, size_t i, size_t *ret_cases)
{
	_cleanup_(mp_matrix_done) struct mp_matrix matrix = {0};
	char *name;
	int r = mp_matrix_read(s->doc, &matrix, &s->diag);

	if (r < 0)
		return r;
	*ret_cases = matrix.n;
	name = mp_asprintf("%s%s", s->name, matrix.suffix[i]);
	if (!name)
		return -ENOMEM;
	free(s->name);
	s->name = name;
	return mp_matrix_apply(s->doc, i);
}

int mp_simple_compile(struct mp_suite *s, size_t i, size_t *ret_cases)
{
	_cleanup_yaml_ struct mp_yaml *taurus = NULL;
	size_t len;
	int r = name_case(s, i, ret_cases);

	if (!r)
		r = mp_simple_parse(s, s->hold_cap_s, &s->simple, &s->diag);
	if (!r && s->simple->load.rate > 0)
		r = mp_simple_jmx(s->simple, &s->taurus_jmx, &len);
	if (!r)
		r = mp_simple_emit(s->simple, s->path, s->taurus_jmx ? MP_OPEN_LOOP_JMX : NULL,
				   &s->taurus, &len);
	if (!r)
		r = mp_yaml_parse(s->taurus, len, s->path, &taurus, &s->diag);
	if (r < 0)
		return r;
	s->source = s->doc;
	s->doc = TAKE_PTR(taurus);
	return 0;
}

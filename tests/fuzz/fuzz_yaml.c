// SPDX-License-Identifier: GPL-2.0-only
/* yaml.c, yaml_tree.c: what is read can be copied, merged, written, and reads back as the same. */
#include "fuzz.h"

#include <mmsperf/yaml.h>

static size_t count(const struct mp_yaml *y)
{
	size_t n = 1;

	for (size_t i = 0; i < y->n; i++)
		n += count(y->val[i]);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_yaml_ struct mp_yaml *y = NULL, *copy = NULL, *again = NULL;
	_cleanup_free_ char *text = NULL;
	struct mp_diag d = {0};
	size_t len;
	int r = mp_yaml_parse((const char *)data, size, "f.yaml", &y, &d);

	fuzz_refused(r, &d);
	if (r < 0)
		return 0;
	(void)mp_yaml_path(y, "a.b.c");
	if (mp_yaml_copy(y, &copy) < 0 || count(copy) != count(y))
		abort();
	if (mp_yaml_dump(y, &text, &len) < 0)
		return 0;
	if (mp_yaml_parse(text, len, "again", &again, &d) == 0 && count(again) != count(y))
		abort();
	if (y->kind == MP_YAML_MAP && again)
		(void)mp_yaml_merge(copy, again);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* criteria.c: a criterion as one line, and as a map; what is accepted can be written for bzt. */
#include "fuzz.h"

#include "suite/criteria.h"

static char *plain(const char *text, void *data)
{
	(void)data;
	return strdup(text);
}

static void parse(const struct mp_yaml *y)
{
	_cleanup_yaml_ struct mp_yaml *out = NULL;
	struct mp_criterion c;
	struct mp_diag d = {0};
	int r = mp_crit_parse(y, NULL, plain, NULL, &c, &d);

	fuzz_refused(r, &d);
	if (r < 0)
		return;
	if (!c.name || !c.subject || !c.bzt_name)
		abort();
	(void)mp_crit_to_yaml(&c, &out);
	mp_crit_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	_cleanup_yaml_ struct mp_yaml *y = NULL, *line = NULL;

	if (mp_yaml_new_scalar(text, false, &line) == 0) {
		line->file = "f.yaml";
		parse(line);
	}
	if (mp_yaml_parse(text, size, "f.yaml", &y, NULL) == 0)
		parse(y);
	return 0;
}

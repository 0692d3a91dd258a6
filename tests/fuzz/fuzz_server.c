// SPDX-License-Identifier: GPL-2.0-only
/* What a server and the kernel say in text: log lines, the management API, its configuration,
 * control groups, pressure, limits; and the paths that the opener is asked for. */
#include "fuzz.h"

#include "metrics/api.h"
#include "metrics/aux.h"
#include "metrics/servercg.h"
#include "metrics/servlog.h"

#include <mmsperf/opener.h>

#include <math.h>

static void log_line(const char *text, size_t size)
{
	struct mp_logline l;

	if (mp_logline_parse(text, size, &l) < 0)
		return;
	if (!isfinite(l.value) || !l.name_len || (l.model && l.model + l.model_len > text + size))
		abort();
}

static void api(const char *text, size_t size)
{
	static struct mp_api_model models[MP_API_MODELS];
	_cleanup_free_ char *next = NULL, *address = mp_api_config_address(text);
	unsigned ready;
	size_t n = 0;

	(void)mp_api_parse_list(text, size, models, &n, &next);
	if (n > MP_API_MODELS)
		abort();
	(void)mp_api_parse_model(text, size, &ready);
}

static void groups(char *text)
{
	_cleanup_free_ char *dir = NULL;
	char *mounts = strchr(text, '\f'); /* two files in one input */
	struct mp_throttle t;
	uint64_t some, full;
	double nofile;
	size_t top;

	(void)mp_throttle_parse(text, &t);
	(void)mp_pressure_parse(text, &some, &full);
	(void)mp_limits_parse(text, &nofile);
	if (!mounts)
		return;
	*mounts++ = '\0';
	if (mp_servercg_find(text, mounts, strlen(text) % 2 ? "cpu" : NULL, &dir, &top) == 0 &&
	    (strlen(dir) < top || strstr(dir + top, "/../")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *dirs[] = {(char *)"/srv/logs"};
	_cleanup_free_ char *text = fuzz_text(data, size);
	size_t below;

	log_line(text, strlen(text));
	api(text, strlen(text));
	if (mp_opener_rule(text, dirs, 1, &below) != MP_OPENER_NO && strstr(text, "/../"))
		abort();
	groups(text);
	return 0;
}

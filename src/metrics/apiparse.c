// SPDX-License-Identifier: GPL-2.0-only
/* What the management API and a server's configuration say. Foreign text; pure. */
#include "metrics/api.h"

#include <mmsperf/cleanup.h>

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#define _cleanup_json_ _cleanup_(free_json)
static void free_json(json_t **j)
{
	json_decref(*j);
}

int mp_api_parse_list(const char *text, size_t len, struct mp_api_model *models, size_t *n,
		      char **ret_next)
{
	_cleanup_json_ json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *list = json_object_get(doc, "models"), *next;
	char *token = NULL;

	if (!json_is_array(list))
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name =
			json_string_value(json_object_get(json_array_get(list, i), "modelName"));

		if (!name || !*name || strlen(name) >= sizeof(models->name))
			continue;
		if (*n == MP_API_MODELS)
			return -ENOSPC;
		models[*n] = (struct mp_api_model){0};
		strcpy(models[*n].name, name);
		(*n)++;
	}
	next = json_object_get(doc, "nextPageToken");
	if (json_is_string(next) && *json_string_value(next)) {
		token = strdup(json_string_value(next));
		if (!token)
			return -ENOMEM;
	}
	*ret_next = token;
	return 0;
}

int mp_api_parse_model(const char *text, size_t len, unsigned *ret_ready)
{
	_cleanup_json_ json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	/* TorchServe lists a model's versions */
	const json_t *model = json_is_array(doc) ? json_array_get(doc, 0) : doc;
	const json_t *workers = json_object_get(model, "workers");
	unsigned ready = 0;

	if (!json_is_array(workers))
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(workers); i++) {
		const char *status =
			json_string_value(json_object_get(json_array_get(workers, i), "status"));

		ready += status && !strcmp(status, "READY");
	}
	*ret_ready = ready;
	return 0;
}

char *mp_api_config_address(const char *text)
{
	static const char key[] = "management_address";

	for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		size_t n;

		while (*p == ' ' || *p == '\t')
			p++;
		if (strncmp(p, key, sizeof(key) - 1) != 0)
			continue;
		p += sizeof(key) - 1;
		p += strspn(p, " \t");
		if (*p != '=' && *p != ':')
			continue;
		p++;
		p += strspn(p, " \t");
		n = strcspn(p, "\r\n");
		while (n > 0 && (isspace((unsigned char)p[n - 1]) || p[n - 1] == '/'))
			n--;
		return n ? strndup(p, n) : NULL;
	}
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names a client asked for, parsed once for its view. Owns copies of the names and the parsed
 * forms; the view is borrowed. Every name keeps its column, known or not.
 */
#include "sinks/agent_private.h"

#include <mmsperf/cleanup.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mp_subscription_done(struct mp_subscription *s)
{
	free(s->names);
	free(s->sels);
	*s = (struct mp_subscription){0};
}

/* Array and text in one block. names may point into s->names itself (a change of interval). */
static const char **copy_names(const char *const *names, size_t n)
{
	size_t size = n * sizeof(char *), len;
	const char **copy;
	char *text;

	for (size_t i = 0; i < n; i++)
		size += strlen(names[i]) + 1;
	copy = malloc(size ? size : 1);
	if (!copy)
		return NULL;
	text = (char *)(copy + n);
	for (size_t i = 0; i < n; i++) {
		len = strlen(names[i]) + 1;
		copy[i] = memcpy(text, names[i], len);
		text += len;
	}
	return copy;
}

int mp_subscribe(struct mp_agent *a, struct mp_subscription *s, struct mp_view *v, const char *who,
		 const char *const *names, size_t n)
{
	struct mp_subscription fresh = {.n = n};
	int r = -ENOMEM;

	fresh.names = copy_names(names, n);
	fresh.sels = calloc(n ? n : 1, sizeof(*fresh.sels));
	if (!fresh.names || !fresh.sels)
		goto fail;
	for (size_t i = 0; i < n; i++) {
		const char *note = NULL;

		r = mp_view_select(v, names[i], &fresh.sels[i], &note);
		if (r < 0)
			goto fail;
		mp_needs_add(&fresh.needs, &fresh.sels[i]);
		if (note)
			mp_agent_say_name(a, names[i], who, note, fresh.sels[i].known);
	}
	mp_subscription_done(s);
	*s = fresh;
	return 0;
fail:
	mp_subscription_done(&fresh);
	return r;
}

/* When a value that is absent will stay so: rates have two samples, a server has made its files. */
#define EXPLAIN_SAMPLES 4
#define EXPLAIN_NS      (5 * MP_NSEC_PER_SEC)

void mp_subscription_explain(struct mp_agent *a, struct mp_subscription *s, struct mp_view *v,
			     const char *who)
{
	uint64_t now = mp_now_ns();

	if (!mp_meter_tree(a->opts.meter)->root)
		return;
	if (!s->samples++)
		s->since_ns = now;
	if (s->samples < EXPLAIN_SAMPLES || now - s->since_ns < EXPLAIN_NS)
		return;
	s->explained = true;
	for (size_t i = 0; i < s->n; i++) {
		_cleanup_free_ char *note = NULL, *key = NULL;
		const char *why;

		if (!s->sels[i].known || mp_view_get(v, &s->sels[i]).valid)
			continue;
		why = mp_view_why(v, &s->sels[i]);
		if (!why)
			continue;
		note = mp_asprintf("metric '%s' is NaN: %s", s->names[i], why);
		key = mp_asprintf("NaN %s", why); /* one line for all that share the reason */
		if (note && key)
			mp_agent_say_name(a, key, who, note, false);
	}
}

void mp_subscription_line(const struct mp_subscription *s, struct mp_view *v, struct mp_buf *line)
{
	mp_buf_reset(line);
	for (size_t i = 0; i < s->n; i++) {
		struct mp_value value = {.valid = false};

		if (s->sels[i].known)
			value = mp_view_get(v, &s->sels[i]);
		mp_proto_put_value(line, value);
	}
	mp_buf_append(line, "\n", 1);
}

// SPDX-License-Identifier: GPL-2.0-only
/* Options from a table: parsing, --help, suggestions. */
#include <mmsperf/options.h>

#include <mmsperf/cleanup.h>
#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool takes_value(const struct mp_opt *o)
{
	return o->type != MP_OPT_FLAG && o->type != MP_OPT_NEGATE && o->type != MP_OPT_COUNT;
}

static void print_help(const struct mp_usage *u)
{
	printf("Usage: %s %s\n\n%s\n\nOptions:\n", u->command, u->synopsis, u->about);
	for (size_t i = 0; i < u->n_opts; i++) {
		const struct mp_opt *o = &u->opts[i];
		char head[96];
		int n = snprintf(head, sizeof(head), "  %c%c%s --%s%s", o->letter ? '-' : ' ',
				 o->letter ? o->letter : ' ', o->letter ? "," : " ",
				 o->type == MP_OPT_NEGATE ? "[no-]" : "", o->name);

		if (o->alias)
			n += snprintf(head + n, sizeof(head) - (size_t)n, ", --%s", o->alias);
		if (o->metavar)
			(void)snprintf(head + n, sizeof(head) - (size_t)n, " %s", o->metavar);
		printf("%-30s", head);
		if (strlen(head) >= 30)
			printf("\n%30s", "");
		for (const char *s = o->help; *s;) {
			size_t len = strcspn(s, "\n");

			printf("%.*s\n", (int)len, s);
			s += len;
			if (*s && *++s)
				printf("%30s", "");
		}
	}
	printf("  -h, --help                  this text\n");
	if (u->epilog)
		printf("\n%s\n", u->epilog);
}

static int usage_error(const struct mp_usage *u, const char *fmt, const char *a, const char *b)
{
	char text[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(text, sizeof(text), fmt, a, b);
#pragma GCC diagnostic pop
	mp_error("%s (see '%s --help')", text, u->command);
	return -EINVAL;
}

static int unknown(const struct mp_usage *u, const char *arg, const char *name)
{
	const char *names[128];
	const char *near;
	size_t n = 0;

	for (size_t i = 0; i < u->n_opts && n + 2 <= ARRAY_SIZE(names); i++) {
		names[n++] = u->opts[i].name;
		if (u->opts[i].alias)
			names[n++] = u->opts[i].alias;
	}
	near = mp_nearest(name, names, n);
	if (near)
		return usage_error(u, "unknown option '%s', did you mean '--%s'?", arg, near);
	return usage_error(u, "unknown option '%s'%s", arg, "");
}

static int store(const struct mp_usage *u, const struct mp_opt *o, const char *value)
{
	struct mp_strv *list = o->dest;
	const char **bigger;
	int r = 0;

	switch (o->type) {
	case MP_OPT_STRING:
		*(const char **)o->dest = value;
		break;
	case MP_OPT_INT:
		r = mp_parse_int(value, o->min, o->max, o->dest);
		break;
	case MP_OPT_SECONDS:
		r = mp_parse_duration(value, o->dest);
		break;
	case MP_OPT_LIST:
		bigger = reallocarray(list->v, list->n + 1, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		list->v = bigger;
		list->v[list->n++] = value;
		break;
	default:
		break;
	}
	if (r == -ERANGE)
		return usage_error(u, "--%s %s: out of range", o->name, value);
	if (r < 0)
		return usage_error(u,
				   o->type == MP_OPT_SECONDS
					   ? "--%s '%s': a duration is needed (500ms, 40s, 2m)"
					   : "--%s '%s': a whole number is needed",
				   o->name, value);
	return 0;
}

static void set_flag(const struct mp_opt *o, bool on)
{
	if (o->type == MP_OPT_COUNT)
		*(int *)o->dest += (int)o->max;
	else
		*(bool *)o->dest = on;
}

static const struct mp_opt *find_long(const struct mp_usage *u, const char *name, size_t len,
				      bool *ret_on)
{
	for (size_t i = 0; i < u->n_opts; i++) {
		const struct mp_opt *o = &u->opts[i];

		*ret_on = true;
		if (strlen(o->name) == len && !memcmp(o->name, name, len))
			return o;
		if (o->alias && strlen(o->alias) == len && !memcmp(o->alias, name, len))
			return o;
		*ret_on = false;
		if (o->type == MP_OPT_NEGATE && len == strlen(o->name) + 3 &&
		    !memcmp(name, "no-", 3) && !memcmp(name + 3, o->name, len - 3))
			return o;
	}
	return NULL;
}

/* "--name", "--name=value", "--name value"; *i moves on when the value is the next word. */
static int parse_long(const struct mp_usage *u, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *name = arg + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	const struct mp_opt *o;
	bool on;

	if (!strcmp(name, "help")) {
		print_help(u);
		return 1;
	}
	o = find_long(u, name, len, &on);
	if (!o) {
		_cleanup_free_ char *bare = strndup(name, len);

		return bare ? unknown(u, arg, bare) : -ENOMEM;
	}
	if (!takes_value(o)) {
		if (value)
			return usage_error(u, "--%s takes no value%s", o->name, "");
		set_flag(o, on);
		return 0;
	}
	if (!value) {
		if (*i + 1 >= argc)
			return usage_error(u, "--%s needs a value: %s", o->name, o->metavar);
		value = argv[++*i];
	}
	return store(u, o, value);
}

/* "-v", "-vq", "-aDIR", "-a DIR". */
static int parse_short(const struct mp_usage *u, int argc, char **argv, int *i)
{
	const char *arg = argv[*i];

	for (const char *p = arg + 1; *p; p++) {
		const struct mp_opt *o = NULL;
		const char *value;

		if (*p == 'h') {
			print_help(u);
			return 1;
		}
		for (size_t k = 0; k < u->n_opts; k++)
			if (u->opts[k].letter == *p)
				o = &u->opts[k];
		if (!o)
			return usage_error(u, "unknown option '%s'%s", arg, "");
		if (!takes_value(o)) {
			set_flag(o, true);
			continue;
		}
		value = p[1] ? p + 1 : NULL;
		if (!value) {
			if (*i + 1 >= argc)
				return usage_error(u, "--%s needs a value: %s", o->name,
						   o->metavar);
			value = argv[++*i];
		}
		return store(u, o, value);
	}
	return 0;
}

int mp_options_parse(const struct mp_usage *u, int argc, char **argv, int *ret_operands)
{
	int operands = 0;

	for (int i = 1; i < argc; i++) {
		int r = 0;

		if (!strcmp(argv[i], "--")) {
			while (++i < argc)
				argv[1 + operands++] = argv[i];
			break;
		}
		if (!strncmp(argv[i], "--", 2))
			r = parse_long(u, argc, argv, &i);
		else if (argv[i][0] == '-' && argv[i][1])
			r = parse_short(u, argc, argv, &i);
		else
			argv[1 + operands++] = argv[i];
		if (r)
			return r;
	}
	*ret_operands = operands;
	return 0;
}

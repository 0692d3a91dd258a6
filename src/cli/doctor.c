// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf doctor`: what this machine can do. The tables of doctor_collector.c,
 * doctor_machine.c and doctor_tools.c; each check fills in a finding (works or not, what was seen,
 * what to do), and two renderers print them. Changes nothing.
 */
#include "cli/commands.h"
#include "cli/doctor.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/log.h>
#include <mmsperf/options.h>

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {
	[MP_FOUND_OK] = "ok", [MP_FOUND_NOTE] = "note", [MP_FOUND_MISSING] = "missing"};
_Static_assert(ARRAY_SIZE(status_names) == _MP_FOUND_MAX, "a name for each status");

static const struct mp_check *(*const tables[])(size_t *ret_n) = {
	mp_doctor_rungs,  mp_doctor_groups,  mp_doctor_rights, mp_doctor_probes,
	mp_doctor_server, mp_doctor_machine, mp_doctor_tools,
};

void mp_found(struct mp_check_result *f, enum mp_finding_status s, const char *fmt, ...)
{
	va_list ap;

	f->status = s;
	va_start(ap, fmt);
	(void)vsnprintf(f->seen, sizeof(f->seen), fmt, ap);
	va_end(ap);
}

bool mp_first_line(const char *path, char *line, size_t size)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (mp_read_file(path, 1 << 20, &text, &len) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(line, size, "%s", text);
	return true;
}

static void print_text(const struct mp_check *c, const struct mp_check_result *f,
		       const char **section)
{
	if (!*section || strcmp(*section, c->section) != 0)
		printf("%s%s\n", *section ? "\n" : "", c->section);
	*section = c->section;
	printf("  %-8s %-26s %s\n", status_names[f->status], c->name, f->seen);
	if (f->to_do[0])
		printf("%37s-> %s\n", "", f->to_do);
}

static int add_json(json_t *all, const struct mp_check *c, const struct mp_check_result *f)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "section", c->section, "name",
			      c->name, "status", status_names[f->status], "seen", f->seen, "to_do",
			      f->to_do, "needed", c->needed);

	return o ? json_array_append_new(all, o) : -1;
}

/* True when something that suites need is missing. */
static bool run_checks(json_t *all, int *ret_r)
{
	const char *section = NULL;
	bool missing = false;

	for (size_t k = 0; k < ARRAY_SIZE(tables); k++) {
		size_t n;
		const struct mp_check *c = tables[k](&n);

		for (const struct mp_check *end = c + n; c < end; c++) {
			struct mp_check_result f = {0};

			c->run(c, &f);
			if (f.status != MP_FOUND_OK && c->to_do && !f.to_do[0])
				(void)snprintf(f.to_do, sizeof(f.to_do), "%s", c->to_do);
			missing |= c->needed && f.status == MP_FOUND_MISSING;
			if (!all)
				print_text(c, &f, &section);
			else if (add_json(all, c, &f) < 0)
				*ret_r = -1;
		}
	}
	return missing;
}

int mp_cmd_doctor(int argc, char **argv)
{
	bool json = false;
	const struct mp_opt opts[] = {
		{0, "json", NULL, MP_OPT_FLAG, &json, NULL, "for machines", 0, 0},
	};
	const struct mp_usage usage = {
		"mmsperf-bpf doctor",
		"[--json]",
		"Checks what the collector and the runner need: works, or why not and what to do.",
		"Exit status: 0 when suites can be run (on whatever rung), 1 when something they need is\n"
		"missing (bzt, its plugin, java), 2 usage. With --json: an array of objects with section,\n"
		"name, status (ok, note, missing), seen, to_do and needed.",
		opts,
		ARRAY_SIZE(opts),
	};
	int operands = 0, r = mp_options_parse(&usage, argc, argv, &operands);
	json_t *all = NULL;
	bool missing;

	if (r)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	if (operands) {
		mp_error("doctor takes no operand, got '%s'", argv[1]);
		return MP_EXIT_USAGE;
	}
	if (json)
		all = json_array();
	missing = run_checks(all, &r);
	if (json) {
		if (!all || json_dumpf(all, stdout, JSON_INDENT(2)) < 0)
			r = -1;
		puts("");
		json_decref(all);
	}
	return r < 0 || missing ? MP_EXIT_INFRA : MP_EXIT_OK;
}

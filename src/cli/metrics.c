// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf metrics`: every metric with its unit, meaning and source, and whether this machine
 * can give it. That is found by trying: the rung is opened and this very process is read with it.
 */
#include "cli/commands.h"
#include "cli/cost.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/log.h>
#include <mmsperf/metrics.h>
#include <mmsperf/options.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* What trying showed. */
struct here {
	struct mp_trial trial; /* the running server */
	pid_t pid;             /* ... or this one */
	bool tracer;           /* the agent would keep CAP_SYS_PTRACE here, or has no use for it */
	const char *rung;
	char why_not_higher[256];
	unsigned has;    /* enum mp_rec_valid that a reading of this process had */
	unsigned groups; /* enum mp_group that could be attached */
	char no_group[MP_N_GROUPS][sizeof(((struct mp_diag *)0)->msg)]; /* why not, by bit */
};

static void try_reading(struct mp_source *s, struct here *h)
{
	const struct mp_rec *recs;
	size_t n;

	if (s->ops->tick(s, &recs, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (recs[i].state == MP_REC_LIVE && (pid_t)recs[i].tgid == getpid()) {
			h->has |= recs[i].valid;
			if (recs[i].valid & MP_HAS_SCHED)
				h->has |= MP_HAS_FAULTS;
		}
}

static int find_out(struct here *h)
{
	const struct mp_source_opts opts = {.best = MP_RUNG_SNAPSHOT};
	struct mp_source *s;
	int r = mp_source_open(&opts, &s);

	if (r < 0)
		return mp_error_r(r, "the processes of this machine cannot be read");
	h->rung = mp_rung_name(s->ops->rung);
	memcpy(h->why_not_higher, s->why, sizeof(h->why_not_higher));
	if (s->ops->adopt(s, getpid()) == 0) {
		try_reading(s, h);
		for (unsigned i = 0; i < MP_N_GROUPS; i++) {
			struct mp_diag d = {0};

			if (s->ops->need_groups(s, 1U << i, &d) == 0) {
				h->groups |= 1U << i;
				try_reading(s, h);
			} else {
				memcpy(h->no_group[i], d.msg, sizeof(h->no_group[i]));
			}
		}
	}
	/* the agent drops it, whoever starts it, where BPF works; a server of one's own is open */
	h->tracer = s->ops->rung == MP_RUNG_PROCFS || geteuid() != 0;
	mp_source_free(s);
	return mp_trial_begin(&h->trial, h->pid);
}

/* On the server that runs now. */
static const char *try_row(const struct mp_metric_row *row, struct here *h, char *buf, size_t size)
{
	struct mp_view *v;
	const char *why;

	if (mp_view_new(h->trial.meter, &v) < 0)
		return "out of memory";
	mp_view_use(v, h->trial.context);
	why = mp_trial_why(&h->trial, v, row);
	if (why) {
		(void)snprintf(buf, size, "%s", why);
		why = buf;
	}
	mp_view_free(v);
	return why;
}

/* NULL: it works; else why not. */
static const char *why_not(const struct mp_metric_row *row, struct here *h, char *buf, size_t size)
{
	if (row->groups & ~h->groups) {
		const char *why = h->no_group[__builtin_ctz(row->groups & ~h->groups)];

		return why[0] ? why : "its probe group cannot be attached here";
	}
	if (row->has & ~h->has) {
		(void)snprintf(buf, size, "the rung in use (%s) does not give it%s%s", h->rung,
			       h->why_not_higher[0] ? ": " : "", h->why_not_higher);
		return buf;
	}
	if (!strcmp(row->source, "nowhere"))
		return row->help;
	if (row->tracer && !h->tracer)
		return "of another user's process it needs CAP_SYS_PTRACE, which the agent keeps on "
		       "the procfs rung alone (agent --no-bpf)";
	if (row->tried)
		return try_row(row, h, buf, size);
	if (row->file && access(row->file, R_OK) < 0) {
		(void)snprintf(buf, size, "%s cannot be read", row->file);
		return buf;
	}
	return NULL;
}

/* The syntax stands alone on a line: some are longer than a terminal is wide. */
static void print_text(struct here *h)
{
	const struct mp_metric_row *rows;
	size_t n;

	rows = mp_metric_rows(&n);
	printf("Rung in use: %s%s%s\n", h->rung, h->why_not_higher[0] ? ", because " : "",
	       h->why_not_higher);
	for (size_t i = 0; i < n; i++) {
		char buf[512];
		const char *no = why_not(&rows[i], h, buf, sizeof(buf));

		printf("\n%s\n    %s%s%s%s\n    source %s, for example %s\n    works here: %s%s\n",
		       rows[i].syntax, rows[i].help, rows[i].unit[0] ? " (" : "", rows[i].unit,
		       rows[i].unit[0] ? ")" : "", rows[i].source, rows[i].example,
		       no ? "no: " : "yes", no ? no : "");
	}
}

static void print_cell(const char *s)
{
	for (; *s; s++) {
		if (*s == '|')
			putchar('\\'); /* it would end the cell */
		putchar(*s);
	}
}

static void print_markdown(void)
{
	const struct mp_metric_row *rows;
	size_t n;

	rows = mp_metric_rows(&n);
	printf("| Name | Unit | Meaning | Source | Example |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < n; i++) {
		printf("| `");
		print_cell(rows[i].syntax);
		printf("` | %s | ", rows[i].unit);
		print_cell(rows[i].help);
		printf(" | %s | `%s` |\n", rows[i].source, rows[i].example);
	}
}

static int print_list(void)
{
	_cleanup_free_ const char **names = NULL;
	size_t n;
	int r = mp_metric_expand(&names, &n);

	if (r < 0) {
		(void)mp_error_r(r, "cannot list the metrics");
		return MP_EXIT_INFRA;
	}
	for (size_t i = 0; i < n; i++)
		puts(names[i]);
	return MP_EXIT_OK;
}

static json_t *row_json(const struct mp_metric_row *row, struct here *h)
{
	char buf[512];
	const char *no = why_not(row, h, buf, sizeof(buf));

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s?}", "syntax", row->syntax, "unit",
			 row->unit, "help", row->help, "source", row->source, "example",
			 row->example, "works", no == NULL, "reason", no);
}

static int print_json(struct here *h)
{
	const struct mp_metric_row *rows;
	json_t *list = json_array(), *doc;
	size_t n;
	int r = 0;

	rows = mp_metric_rows(&n);
	for (size_t i = 0; i < n; i++)
		r |= json_array_append_new(list, row_json(&rows[i], h));
	doc = json_pack("{s:s, s:s, s:o}", "rung", h->rung, "why_not_higher", h->why_not_higher,
			"metrics", list);
	if (r || !doc || json_dumpf(doc, stdout, JSON_INDENT(1)) < 0) {
		json_decref(doc);
		mp_error("cannot write the list of metrics");
		return MP_EXIT_INFRA;
	}
	json_decref(doc);
	putchar('\n');
	return MP_EXIT_OK;
}

int mp_cmd_metrics(int argc, char **argv)
{
	bool list = false, markdown = false, json = false, cost = false;
	long pid = 0;
	const struct mp_opt opts[] = {
		{.letter = 'l',
		 .name = "list",
		 .type = MP_OPT_FLAG,
		 .dest = &list,
		 .help = "all names, one a line"},
		{.name = "markdown",
		 .type = MP_OPT_FLAG,
		 .dest = &markdown,
		 .help = "the table of README.md"},
		{.name = "json", .type = MP_OPT_FLAG, .dest = &json, .help = "for machines"},
		{.name = "cost",
		 .type = MP_OPT_FLAG,
		 .dest = &cost,
		 .help = "measure here what a sample of each source costs, and an event\nof each "
			 "group of probes"},
		{.letter = 'p',
		 .name = "pid",
		 .type = MP_OPT_INT,
		 .dest = &pid,
		 .metavar = "N",
		 .help = "try and measure on this process (default: the running server)",
		 .min = 1,
		 .max = 1 << 22},
	};
	const struct mp_usage usage = {
		.command = "mmsperf-bpf metrics",
		.synopsis = "[--list | --markdown | --json] [--cost [--json]] [--pid N]",
		.about =
			"Lists the metrics: name, unit, meaning, source, and whether this machine can "
			"give them.",
		.opts = opts,
		.n_opts = ARRAY_SIZE(opts),
	};
	struct here here = {0};
	int operands, r;

	r = mp_options_parse(&usage, argc, argv, &operands);
	if (r)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	if (operands > 0 || list + markdown + json > 1 || (cost && (list || markdown))) {
		mp_error("at most one of --list, --markdown and --json is taken, and no operand; "
			 "--cost goes with --json alone");
		return MP_EXIT_USAGE;
	}
	if (cost)
		return mp_metrics_cost((pid_t)pid, json);
	if (list)
		return print_list();
	if (markdown) {
		print_markdown();
		return MP_EXIT_OK;
	}
	here.pid = (pid_t)pid;
	if (find_out(&here) < 0)
		return MP_EXIT_INFRA;
	r = MP_EXIT_OK;
	if (json)
		r = print_json(&here);
	else
		print_text(&here);
	mp_trial_end(&here.trial);
	return r;
}

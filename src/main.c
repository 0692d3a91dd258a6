// SPDX-License-Identifier: GPL-2.0-only
/* The subcommand table. Without a subcommand the main job runs: mmsperf-bpf --suite tests/ ... */
#include <mmsperf/cleanup.h>
#include <mmsperf/log.h>
#include <mmsperf/str.h>

#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{"run", mp_cmd_run,
	 "run suites and judge them (the default: --suite tests/ --artifacts-dir out)"},
	{"check", mp_cmd_check, "say whether suites are well-formed, and what can stand in one"},
	{"init", mp_cmd_init, "write a first suite by asking the running server what it serves"},
	{"agent", mp_cmd_agent, "watch a server and serve its metrics on the server-agent socket"},
	{"metrics", mp_cmd_metrics,
	 "list the metrics: name, unit, meaning, source, does it work here"},
	{"doctor", mp_cmd_doctor, "check what this machine can do, and what to do about the rest"},
	{"report", mp_cmd_report,
	 "write pages again, a history of runs, Markdown for a pull request, a chart as SVG"},
	{"runs", mp_cmd_runs, "list, find, tag, delete, upload and fetch stored runs"},
	{"compare", mp_cmd_compare, "compare stored runs, or sets of them, metric by metric"},
	{"rejudge", mp_cmd_rejudge, "apply changed criteria to a stored run, without running it"},
};

static void print_usage(void)
{
	printf("Usage: mmsperf-bpf [COMMAND] [OPTIONS]\n\n"
	       "Says whether a change made a model server worse, and why.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-9s %s\n", commands[i].name, commands[i].help);
	printf("\n'mmsperf-bpf COMMAND --help' explains a command. Options without a command are those\n"
	       "of 'run', as in: mmsperf-bpf --suite tests/ --artifacts-dir out\n\n"
	       "Exit status: 0 passed, 1 infrastructure or internal error, 2 usage or stopped by hand,\n"
	       "3 a criterion or comparison failed, or no suite was found, 4 not valid (reserved).\n");
}

int main(int argc, char **argv)
{
	const char *names[ARRAY_SIZE(commands)], *near;

	if (argc < 2) {
		print_usage();
		return MP_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("mmsperf-bpf %s\n", MP_VERSION);
		return MP_EXIT_OK;
	}
	if (!strcmp(argv[1], "help")) {
		print_usage();
		return MP_EXIT_OK;
	}
	if (argv[1][0] == '-')
		return mp_cmd_run(argc, argv);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		names[i] = commands[i].name;
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	near = mp_nearest(argv[1], names, ARRAY_SIZE(names));
	mp_error("unknown command '%s'%s%s%s (see 'mmsperf-bpf help')", argv[1],
		 near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
	return MP_EXIT_USAGE;
}

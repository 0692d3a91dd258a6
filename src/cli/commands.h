/* SPDX-License-Identifier: GPL-2.0-only */
/* One function a subcommand; argv[0] is the subcommand's name; returns the exit code. */
#pragma once

enum mp_exit {
	MP_EXIT_OK = 0,
	MP_EXIT_INFRA = 1,   /* infrastructure or internal error */
	MP_EXIT_USAGE = 2,   /* usage, or stopped by hand */
	MP_EXIT_FAILED = 3,  /* a criterion or comparison failed, or no suite was collected */
	MP_EXIT_INVALID = 4, /* reserved: the run is not valid */
};

int mp_cmd_run(int argc, char **argv);
int mp_cmd_agent(int argc, char **argv);
int mp_cmd_metrics(int argc, char **argv);
int mp_cmd_doctor(int argc, char **argv);
int mp_cmd_check(int argc, char **argv);
int mp_cmd_init(int argc, char **argv);
int mp_cmd_report(int argc, char **argv);
int mp_cmd_runs(int argc, char **argv);
int mp_cmd_compare(int argc, char **argv);
int mp_cmd_rejudge(int argc, char **argv);

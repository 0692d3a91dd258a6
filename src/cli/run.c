// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf --suite tests/ --artifacts-dir out`, also spelled `mmsperf-bpf run`: the options of
 * the main job. Upstream's keep their letters. Everything else is suite/runner.c.
 */
#include "cli/commands.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/log.h>
#include <mmsperf/options.h>
#include <mmsperf/report.h>
#include <mmsperf/store.h>
#include <mmsperf/suite.h>

#include <string.h>
#include <unistd.h>

static const char about[] =
	"Runs performance suites with Taurus (bzt) and JMeter against a model server, records what the\n"
	"load costs it, judges the criteria of each suite and writes JUnit XML and a page.";

static const char epilog[] =
	"Suites: DIR/NAME.yaml, and at any depth folders that hold a YAML file of their own name\n"
	"(NAME/NAME.yaml). The folders unit bpf e2e fuzz vm models harness golden directly under DIR,\n"
	"and common and environments anywhere, hold no suites; global_config.yaml is never one.\n"
	"  environment    environments/ENV.yaml beside the suite, else environments/default.yaml\n"
	"  global config  global_config.yaml beside the suite, else in DIR, else in DIR/common\n"
	"bzt gets suite, environment, global config in this order: the later wins.\n"
	"\n"
	"Server: one that answers /ping at the global config's protocol, hostname and port is used and\n"
	"never stopped. Else --server, or key 'server' of the environment or global config, says how\n"
	"one is started and stopped. bzt is sought in PATH, then in the project's own environment.\n"
	"\n"
	"Artifacts: OUT/ENV__COMMIT__EPOCH; OUT/junit.xml, OUT/junit.html and OUT/latest point to the\n"
	"newest run's.\n"
	"\n"
	"After a run it is compared with the newest passing one of the same environment and machine:\n"
	"comparison_results.html has every metric; criteria that carry diff_percent are judged.\n"
	"\n"
	"Exit status: 0 passed; 1 infrastructure or internal error (malformed suite; bzt, JMeter or\n"
	"server missing or crashed; deadline; full disk); 2 usage, or stopped by hand; 3 a criterion\n"
	"or a comparison failed, or no suite was collected; 4 the run is not valid (reserved). Where\n"
	"several apply: 2, then 1, then 3, then 4.";

#define QUICK_HOLD_S 8.0 /* long enough for JMeter to warm up and for a few samples */

static int check(const struct mp_run_opts *o)
{
	if (!*o->env_name || strstr(o->env_name, "__") || strchr(o->env_name, '/') ||
	    *o->env_name == '.') {
		mp_error(
			"--env-name '%s': a name without '/' and '__' is needed (the run's folder is "
			"ENV__COMMIT__EPOCH)",
			o->env_name);
		return -1;
	}
	if (!*o->artifacts_dir || !*o->test_dir || !*o->pattern) {
		mp_error("%s must not be empty", !*o->artifacts_dir ? "--artifacts-dir"
						 : !*o->test_dir    ? "--suite"
								    : "--pattern");
		return -1;
	}
	if (o->store) {
		_cleanup_s3_ struct mp_s3 *s3 = NULL;
		struct mp_diag d = {0};

		/* better now than after an hour of load */
		if (mp_s3_open(o->store, o->store_timeout_s, &s3, &d) < 0) {
			mp_error("--store: %s", d.msg);
			return -1;
		}
	}
	if (o->timeout_s < 0) {
		mp_error("--timeout: a duration above 0 is needed");
		return -1;
	}
	return 0;
}

int mp_cmd_run(int argc, char **argv)
{
	char host[256] = "localhost";
	struct mp_run_opts o = {
		.artifacts_dir = "out",
		.test_dir = "tests/",
		.pattern = "*.yaml",
		.env_name = host,
		.monit = true,
		.store_timeout_s = MP_S3_GIVE_UP_S,
		.compare_local = true,
		.github = mp_github_here(),
		.repeat = 1,
		.seed = -1,
	};
	bool quick = false;
	const struct mp_opt opts[] = {
		{.letter = 't',
		 .name = "suite",
		 .alias = "test-dir",
		 .type = MP_OPT_STRING,
		 .dest = &o.test_dir,
		 .metavar = "DIR|FILE",
		 .help = "folder of suites, or one suite (default: tests/)"},
		{.letter = 'a',
		 .name = "artifacts-dir",
		 .type = MP_OPT_STRING,
		 .dest = &o.artifacts_dir,
		 .metavar = "OUT",
		 .help = "where results go (default: out)"},
		{.letter = 'p',
		 .name = "pattern",
		 .type = MP_OPT_STRING,
		 .dest = &o.pattern,
		 .metavar = "GLOB",
		 .help = "suites to run, by file name or name; with a '/' by the\n"
			 "path below DIR, as in 'scenarios/*' (default: *.yaml)"},
		{.letter = 'x',
		 .name = "exclude-pattern",
		 .type = MP_OPT_STRING,
		 .dest = &o.exclude,
		 .metavar = "GLOB",
		 .help = "suites not to run, in the same way"},
		{.letter = 'e',
		 .name = "env-name",
		 .type = MP_OPT_STRING,
		 .dest = &o.env_name,
		 .metavar = "ENV",
		 .help = "environment: thresholds of one kind of machine (default:\n"
			 "this host's name)"},
		{.letter = 'j',
		 .name = "jmeter-path",
		 .type = MP_OPT_STRING,
		 .dest = &o.jmeter_path,
		 .metavar = "PATH",
		 .help = "JMeter's program (default: modules.jmeter.path of the\n"
			 "global config, else the one that 'make setup' made)"},
		{.name = "server",
		 .type = MP_OPT_STRING,
		 .dest = &o.server,
		 .metavar = "FILE.yaml",
		 .help = "how to start a server when none answers: command,\nenv, ready, stop"},
		{.name = "monit",
		 .type = MP_OPT_NEGATE,
		 .dest = &o.monit,
		 .help = "metrics socket for the suites (default: yes); the\n"
			 "recording is made either way"},
		{.name = "compare-local",
		 .type = MP_OPT_NEGATE,
		 .dest = &o.compare_local,
		 .help = "compare with the newest passing run of the same\n"
			 "environment in OUT (default: yes)"},
		{.name = "quick",
		 .type = MP_OPT_FLAG,
		 .dest = &quick,
		 .help = "hold each load for 8 s at most; limits stay as they are"},
		{.name = "dry-run",
		 .type = MP_OPT_FLAG,
		 .dest = &o.dry_run,
		 .help = "say what would be run, in which order and for how long"},
		{.name = "fail-fast",
		 .type = MP_OPT_FLAG,
		 .dest = &o.fail_fast,
		 .help = "run no further suite after one that failed"},
		{.name = "repeat",
		 .type = MP_OPT_INT,
		 .dest = &o.repeat,
		 .metavar = "N",
		 .min = 1,
		 .max = 10000,
		 .help = "make N runs and say which verdicts changed"},
		{.name = "shuffle",
		 .type = MP_OPT_FLAG,
		 .dest = &o.shuffle,
		 .help = "run the suites in a random order"},
		{.name = "seed",
		 .type = MP_OPT_INT,
		 .dest = &o.seed,
		 .metavar = "N",
		 .min = 0,
		 .max = 2147483647,
		 .help = "of --shuffle's order (default: another each time)"},
		{.name = "json",
		 .type = MP_OPT_FLAG,
		 .dest = &o.json,
		 .help = "the end result on stdout as JSON instead of the table"},
		{.name = "github",
		 .type = MP_OPT_NEGATE,
		 .dest = &o.github,
		 .help = "for what failed, annotations and a job summary (default:\n"
			 "where GITHUB_ACTIONS is true)"},
		{.name = "timeout",
		 .type = MP_OPT_SECONDS,
		 .dest = &o.timeout_s,
		 .metavar = "TIME",
		 .help = "deadline of a suite (default: 3 x expected + 120 s)"},
		{.name = "store",
		 .type = MP_OPT_STRING,
		 .dest = &o.store,
		 .metavar = "s3://BUCKET/PREFIX",
		 .help = "upload the finished run there (AWS_* of the environment);\n"
			 "'mmsperf-bpf runs --store' lists and fetches"},
		{.name = "store-timeout",
		 .type = MP_OPT_SECONDS,
		 .dest = &o.store_timeout_s,
		 .metavar = "TIME",
		 .help = "give up the upload after failing so long (default: 2m)"},
		{.letter = 'q',
		 .name = "quiet",
		 .type = MP_OPT_COUNT,
		 .dest = &o.verbosity,
		 .max = -1,
		 .help = "only errors and warnings"},
		{.letter = 'v',
		 .name = "verbose",
		 .type = MP_OPT_COUNT,
		 .dest = &o.verbosity,
		 .max = 1,
		 .help = "say more"},
	};
	const struct mp_usage usage = {
		.command = "mmsperf-bpf",
		.synopsis = "[--suite DIR] [--artifacts-dir OUT] [OPTIONS]",
		.about = about,
		.epilog = epilog,
		.opts = opts,
		.n_opts = ARRAY_SIZE(opts),
	};
	int operands, r;

	(void)gethostname(host, sizeof(host) - 1);
	r = mp_options_parse(&usage, argc, argv, &operands);
	if (r != 0)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	if (operands) {
		mp_error(
			"'%s' is not understood: options begin with -- (see 'mmsperf-bpf run --help')",
			argv[1]);
		return MP_EXIT_USAGE;
	}
	if (check(&o) < 0)
		return MP_EXIT_USAGE;
	mp_log_set_level(o.verbosity < 0   ? MP_LOG_WARNING
			 : o.verbosity > 0 ? MP_LOG_DEBUG
					   : MP_LOG_INFO);
	if (quick)
		o.hold_cap_s = QUICK_HOLD_S;
	if (o.shuffle && o.seed < 0)
		o.seed = (long)(mp_now_ns() % 1000000007);
	return mp_suite_main(&o);
}

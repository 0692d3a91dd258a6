// SPDX-License-Identifier: GPL-2.0-only
/*
 * `mmsperf-bpf check [FILE|DIR…]`: reads suites as a run would, and starts nothing. What simple
 * suites look like stands in its --help. Everything is found by suite/discovery.c.
 */
#include "cli/commands.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/log.h>
#include <mmsperf/options.h>
#include <mmsperf/suite.h>

#include "suite/listing.h"
#include "suite/server.h"
#include "suite/simple.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char about[] =
	"Says whether suites are well-formed, each fault with file, line, column and what was expected.\n"
	"Runs nothing, needs no server. Without an operand: tests/.";

static const char epilog[] =
	"A file with a top-level key 'load' (or 'suite') is a simple suite; one with 'execution' is\n"
	"Taurus'. A simple suite:\n"
	"\n"
	"  model: digits                    name in the server's model store; or {name, url, workers,\n"
	"                                   batch, batch-delay}; several: models: [...]\n"
	"  workers: 2                       also: batch: 4, batch-delay: 50ms\n"
	"  load:\n"
	"    concurrency: 4                 or rate: 50/s, an open loop that does not wait for answers\n"
	"    duration: 20s                  also: ramp: 2s, think-time: 100ms\n"
	"    requests:                      or jmx: plan.jmx; or engine: locust with script: FILE\n"
	"      Inference:\n"
	"        path: POST /predictions/digits\n"
	"        body-file: digit.png       or body: text; also headers: {...}, answer: text in it\n"
	"      Ping: GET /ping\n"
	"    hosts: [10.0.0.2:1099]         jmeter-server processes that make the load\n"
	"  setup:                           without it: register, wait-ready\n"
	"  - register                       also: start-server, {scale: 4, model: digits},\n"
	"  - wait-ready                     {command: [program, argument], name: warm, timeout: 10s}\n"
	"  cleanup: [unregister]\n"
	"  expect:\n"
	"  - p99 of Inference < 250ms       p50 p90 p95 p99 avg max errors samples throughput rc5xx\n"
	"  - p90 < 100ms for 5s             may be broken for less than 5 s at a stretch\n"
	"  - errors < 1%\n"
	"  - sum_workers_memory_rss < 290MB for 5s      any name of 'mmsperf-bpf metrics'\n"
	"  - mean of sum_all_cpu_percent < 150          min, mean, max over the load\n"
	"  - gpu/sum_workers_memory_rss < 2GB           with monitor: {gpu: 10.0.0.2:9009}\n"
	"  - file_descriptors after unregister == before    before, or after a step, setup, load;\n"
	"                                   also '<= before + 5%'; true within 'settle: 10s'\n"
	"  - throughput within 5% of baseline   the newest passing run of this environment\n"
	"  matrix: {workers: [1, 2], concurrency: [1, 8]}   cases NAME[workers=1,concurrency=8]\n"
	"\n"
	"Also: suite: a title; address: and management: URLs of the server (default: the global\n"
	"config's, else http://127.0.0.1:8080 and 8081); server: as in a global config, how to start\n"
	"one. ${NAME} is what settings.env of the environment or global config defines. A run keeps\n"
	"what it made of a suite as taurus.yaml in its artifacts.\n"
	"\n"
	"Exit status: 0 all are well-formed; 1 one is malformed or there is none; 2 usage, or no such\n"
	"file.";

/*
 * A run asks how to start a server only where none answers, and looks for a file from the folder it
 * is run in: one that is not there is worth a word, said once.
 */
static void check_server(struct mp_suite *s, char *said, size_t size)
{
	struct mp_diag d = {0};
	char text[900];
	int r = s->bad ? 0 : mp_server_check(s->plan, &d);

	if (r == -EINVAL) {
		s->bad = true;
		s->diag = d;
	} else if (r < 0 && strcmp(mp_diag_str(&d, text, sizeof(text)), said) != 0) {
		(void)snprintf(said, size, "%s", text);
		mp_warning("%s", said);
	}
}

static int check(const struct mp_run_opts *o, bool quiet, size_t *total)
{
	_cleanup_(mp_suites_done) struct mp_suite_list list = {0};
	struct mp_diag d = {0};
	char text[900], said[900] = "";
	int r = mp_suites_find(o, &list, &d);

	if (r < 0) {
		mp_error("%s", *d.msg ? mp_diag_str(&d, text, sizeof(text)) : strerror(-r));
		return r == -ENOENT ? MP_EXIT_USAGE : MP_EXIT_INFRA;
	}
	*total += list.n;
	for (size_t i = 0; i < list.n; i++)
		check_server(&list.v[i], said, sizeof(said));
	for (size_t i = 0; i < list.n && !quiet; i++) {
		const struct mp_suite *s = &list.v[i];

		if (!s->bad)
			printf("ok  %s%s: %zu criteri%s\n", s->path,
			       strchr(s->name, '[') ? strchr(s->name, '[') : "", s->n_criteria,
			       s->n_criteria == 1 ? "on" : "a");
	}
	return mp_listing_faults(&list) ? MP_EXIT_INFRA : MP_EXIT_OK;
}

int mp_cmd_check(int argc, char **argv)
{
	char host[256] = "localhost";
	struct mp_run_opts o = {.pattern = "*.yaml", .env_name = host};
	bool quiet = false;
	const struct mp_opt opts[] = {
		{.letter = 'e',
		 .name = "env-name",
		 .type = MP_OPT_STRING,
		 .dest = &o.env_name,
		 .metavar = "ENV",
		 .help = "environment whose values are used (default: this host's\nname)"},
		{.letter = 'p',
		 .name = "pattern",
		 .type = MP_OPT_STRING,
		 .dest = &o.pattern,
		 .metavar = "GLOB",
		 .help = "suites of a folder to check (default: *.yaml)"},
		{.letter = 'q',
		 .name = "quiet",
		 .type = MP_OPT_FLAG,
		 .dest = &quiet,
		 .help = "only faults"},
	};
	const struct mp_usage usage = {
		.command = "mmsperf-bpf check",
		.synopsis = "[OPTIONS] [FILE|DIR...]",
		.about = about,
		.epilog = epilog,
		.opts = opts,
		.n_opts = ARRAY_SIZE(opts),
	};
	const char *all[] = {"tests/"};
	const char *const *paths;
	size_t total = 0;
	int n, r, worst = MP_EXIT_OK;

	(void)gethostname(host, sizeof(host) - 1);
	r = mp_options_parse(&usage, argc, argv, &n);
	if (r != 0)
		return r > 0 ? MP_EXIT_OK : MP_EXIT_USAGE;
	paths = n ? (const char *const *)argv + 1 : all;
	for (int i = 0; i < (n ? n : 1); i++) {
		o.test_dir = paths[i];
		r = check(&o, quiet, &total);
		worst = r > worst ? r : worst;
	}
	if (!total && !worst) {
		mp_error("no suite to check");
		worst = MP_EXIT_INFRA;
	}
	return worst;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry: rows of the tables as data, the list of all derived names, and what `metrics` and
 * README print. Computes no value.
 */
#include "metrics/table.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct mp_metric_info mp_proc_info[_MP_PM_MAX] = {
#define X(id, n, k, u, b, h, g, s, up, raw, gone, text)                                            \
	[MP_PM_##id] = {.name = n,                                                                 \
			.help = text,                                                              \
			.kind = MP_KIND_##k,                                                       \
			.unit = MP_UNIT_##u,                                                       \
			.better = MP_BETTER_##b,                                                   \
			.has = h,                                                                  \
			.groups = g,                                                               \
			.upstream = up,                                                            \
			.of_model = true},
	MP_PROC_METRICS(X)
#undef X
#define X(id, n, k, u, b, a, value, text)                                                          \
	[MP_PM_##id] = {.name = n,                                                                 \
			.help = text,                                                              \
			.kind = MP_KIND_##k,                                                       \
			.unit = MP_UNIT_##u,                                                       \
			.better = MP_BETTER_##b,                                                   \
			.has = (a) == MP_AUX_LIMITS ? MP_HAS_FDS : 0,                              \
			.of_model = true,                                                          \
			.aux = a},
		MP_AUX_METRICS(X)
#undef X
};

const struct mp_metric_info mp_tree_info[_MP_TM_MAX] = {
#define X(id, n, k, u, b, model, up, text)                                                         \
	[MP_TM_##id] = {.name = n,                                                                 \
			.help = text,                                                              \
			.kind = MP_KIND_##k,                                                       \
			.unit = MP_UNIT_##u,                                                       \
			.better = MP_BETTER_##b,                                                   \
			.upstream = up,                                                            \
			.of_model = model},
	MP_TREE_METRICS(X)
#undef X
};

const struct mp_metric_info mp_sys_info[_MP_SM_MAX] = {
#define X(id, n, k, u, b, f, up, text)                                                             \
	[MP_SM_##id] = {.name = n,                                                                 \
			.help = text,                                                              \
			.kind = MP_KIND_##k,                                                       \
			.unit = MP_UNIT_##u,                                                       \
			.better = MP_BETTER_##b,                                                   \
			.files = f,                                                                \
			.upstream = up},
	MP_SYS_METRICS(X)
#undef X
};

const struct mp_metric_info mp_plus_info[_MP_XM_MAX] = {
#define X(id, n, k, u, b, r, rec, model, text)                                                     \
	[MP_XM_##id] = {.name = n,                                                                 \
			.help = text,                                                              \
			.kind = MP_KIND_##k,                                                       \
			.unit = MP_UNIT_##u,                                                       \
			.better = MP_BETTER_##b,                                                   \
			.recorded = rec,                                                           \
			.of_model = model,                                                         \
			.reader = MP_RD_##r},
	MP_PLUS_METRICS(X)
#undef X
};

const struct mp_metric_info mp_log_info[_MP_LM_MAX] = {
#define X(id, n, log, text)                                                                        \
	[MP_LM_##id] = {.name = n,                                                                 \
			.help = text,                                                              \
			.kind = MP_KIND_GAUGE,                                                     \
			.unit = MP_UNIT_SECONDS,                                                   \
			.better = MP_BETTER_LOWER,                                                 \
			.of_model = true,                                                          \
			.reader = MP_RD_LOG},
	MP_LOG_METRICS(X)
#undef X
};

const struct mp_metric_info mp_latency_info[_MP_LT_MAX] = {
#define X(id, n, hist, g, machine, text)                                                           \
	[MP_LT_##id] = {.name = n,                                                                 \
			.help = text,                                                              \
			.kind = MP_KIND_GAUGE,                                                     \
			.unit = MP_UNIT_SECONDS,                                                   \
			.better = MP_BETTER_LOWER,                                                 \
			.groups = g,                                                               \
			.of_model = true,                                                          \
			.lat = hist,                                                               \
			.of_system = machine},
	MP_LATENCY_METRICS(X)
#undef X
};

const char *const mp_latency_op_names[_MP_LT_OP_MAX] = {
	[MP_LT_OP_COUNT] = "count", [MP_LT_OP_SUM] = "sum", [MP_LT_OP_AVG] = "avg",
	[MP_LT_OP_MAX] = "max",     [MP_LT_OP_P50] = "p50", [MP_LT_OP_P90] = "p90",
	[MP_LT_OP_P99] = "p99",
};

const char *const mp_log_names[_MP_LM_MAX] = {
#define X(id, n, log, text) [MP_LM_##id] = log,
	MP_LOG_METRICS(X)
#undef X
};

const char *const mp_log_op_names[_MP_LOG_OP_MAX] = {
	[MP_LOG_COUNT] = "count", [MP_LOG_SUM] = "sum", [MP_LOG_AVG] = "avg", [MP_LOG_MIN] = "min",
	[MP_LOG_MAX] = "max",     [MP_LOG_P50] = "p50", [MP_LOG_P90] = "p90", [MP_LOG_P99] = "p99",
};

const char *const mp_reader_sources[_MP_RD_MAX] = {
	[MP_RD_PRESSURE] = "/proc/pressure",         [MP_RD_CGROUP] = "control group of the server",
	[MP_RD_JVM] = "hsperfdata of the JVM",       [MP_RD_LOG] = "the server's metrics logs",
	[MP_RD_API] = "the server's management API", [MP_RD_MONITOR] = "the collector itself",
};

const char *const mp_op_names[_MP_OP_MAX] = {
	[MP_OP_SUM] = "sum", [MP_OP_AVG] = "avg", [MP_OP_MIN] = "min", [MP_OP_MAX] = "max",
	[MP_OP_P50] = "p50", [MP_OP_P90] = "p90", [MP_OP_P99] = "p99",
};

const char *const mp_scope_names[_MP_SCOPE_MAX + 1] = {
	[MP_SCOPE_FRONTEND] = "frontend",
	[MP_SCOPE_WORKERS] = "workers",
	[MP_SCOPE_ALL] = "all",
	[MP_SCOPE_SYSTEM] = "system",
};

const char *mp_unit_name(enum mp_unit u)
{
	static const char *const names[_MP_UNIT_MAX] = {
		[MP_UNIT_NONE] = "",       [MP_UNIT_PERCENT] = "%", [MP_UNIT_SECONDS] = "s",
		[MP_UNIT_BYTES] = "bytes", [MP_UNIT_COUNT] = "",
	};

	return u >= 0 && u < _MP_UNIT_MAX ? names[u] : "";
}

/* --- all names ------------------------------------------------------------------------------- */

#define PER_PROC_METRIC (1 + 2 * _MP_OP_MAX)
#define N_LOG_NAMES     (_MP_LM_MAX * _MP_LOG_OP_MAX)
#define N_LT_NAMES      (_MP_LT_MAX * _MP_LT_OP_MAX * (_MP_SCOPE_MAX + 1))
#define N_TEXTS         (_MP_PM_MAX * PER_PROC_METRIC + N_LOG_NAMES + N_LT_NAMES)
#define N_NAMES         (N_TEXTS + _MP_TM_MAX + _MP_SM_MAX + _MP_XM_MAX)

/* Upstream's first, in upstream's order of families; then ours. */
static struct {
	bool built;
	char text[N_TEXTS][64];
	const char *all[N_NAMES];
	bool recorded[N_NAMES];
	size_t n;
	const char *recorded_names[N_NAMES];
	size_t n_recorded;
} names;

static void add_name(const char *name, bool recorded)
{
	names.all[names.n] = name;
	names.recorded[names.n++] = recorded;
}

/*
 * A recording (metrics.csv) has upstream's aggregates of upstream's metrics; of ours the frontend
 * and the workers' sum, which say most for a column each.
 */
static void add_proc_names(bool upstream, size_t *text)
{
	for (int m = 0; m < _MP_PM_MAX; m++) {
		const struct mp_metric_info *i = &mp_proc_info[m];
		char(*t)[64] = names.text;

		if (i->upstream != upstream)
			continue;
		(void)snprintf(t[*text], sizeof(t[0]), "frontend_%s", i->name);
		add_name(t[(*text)++], !i->groups && !i->aux);
		for (int s = MP_SCOPE_WORKERS; s < _MP_SCOPE_MAX; s++)
			for (int op = 0; op < _MP_OP_MAX; op++) {
				bool rec = upstream ? op <= MP_OP_MAX
						    : s == MP_SCOPE_WORKERS && op == MP_OP_SUM;

				(void)snprintf(t[*text], sizeof(t[0]), "%s_%s_%s", mp_op_names[op],
					       mp_scope_names[s], i->name);
				add_name(t[(*text)++], rec && !i->groups && !i->aux);
			}
	}
}

static void add_plain_names(bool upstream)
{
	for (int m = 0; m < _MP_SM_MAX; m++)
		if (mp_sys_info[m].upstream == upstream)
			/* Taurus's own are other units of the same facts */
			add_name(mp_sys_info[m].name, !strncmp(mp_sys_info[m].name, "system_", 7));
	for (int m = 0; m < _MP_TM_MAX; m++)
		if (mp_tree_info[m].upstream == upstream && m != MP_TM_WORKER_CODE &&
		    m != MP_TM_WORKER_SIGNAL) /* these two stand for many names */
			add_name(mp_tree_info[m].name, true);
}

static void add_plus_names(size_t *text)
{
	for (int m = 0; m < _MP_XM_MAX; m++)
		add_name(mp_plus_info[m].name, mp_plus_info[m].recorded);
	for (int m = 0; m < _MP_LM_MAX; m++)
		for (int op = 0; op < _MP_LOG_OP_MAX; op++) {
			char *t = names.text[(*text)++];

			(void)snprintf(t, sizeof(names.text[0]), "%s_server_%s",
				       mp_log_op_names[op], mp_log_info[m].name);
			add_name(t, false);
		}
}

static void add_latency_names(size_t *text)
{
	for (int m = 0; m < _MP_LT_MAX; m++)
		for (int s = 0; s < _MP_SCOPE_MAX + mp_latency_info[m].of_system; s++)
			for (int op = 0; op < _MP_LT_OP_MAX; op++) {
				char *t = names.text[(*text)++];

				(void)snprintf(t, sizeof(names.text[0]), "%s_%s_%s",
					       mp_latency_op_names[op], mp_scope_names[s],
					       mp_latency_info[m].name);
				add_name(t, false);
			}
}

static void build_names(void)
{
	size_t text = 0;

	if (names.built)
		return;
	names.built = true;
	add_plain_names(true);
	add_proc_names(true, &text);
	add_plain_names(false);
	add_proc_names(false, &text);
	add_latency_names(&text);
	add_plus_names(&text);
	for (size_t i = 0; i < names.n; i++)
		if (names.recorded[i])
			names.recorded_names[names.n_recorded++] = names.all[i];
}

const char *mp_registry_nearest(const char *text)
{
	build_names();
	return mp_nearest(text, names.all, names.n);
}

const char *const *mp_metric_recorded(size_t *ret_n)
{
	build_names();
	*ret_n = names.n_recorded;
	return names.recorded_names;
}

int mp_metric_expand(const char ***ret_names, size_t *ret_n)
{
	const char **copy;

	build_names();
	copy = malloc(names.n * sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, names.all, names.n * sizeof(*copy));
	*ret_names = copy;
	*ret_n = names.n;
	return 0;
}

/* --- facts of a name ------------------------------------------------------------------------- */

bool mp_metric_known(const char *name, const char **ret_near)
{
	const char *near;
	struct mp_name n;

	if (mp_name_parse(name, &n, NULL, 0) == 0)
		return true;
	if (!ret_near)
		return false;
	/* Taurus' own names are known, though not to be had here: they are no suggestion */
	near = mp_registry_nearest(name);
	*ret_near = near && mp_name_parse(near, &n, NULL, 0) == 0 ? near : NULL;
	return false;
}

enum mp_better mp_metric_better(const char *name)
{
	struct mp_name n;

	return mp_name_parse(name, &n, NULL, 0) == 0 ? mp_name_info(&n).better : MP_BETTER_NONE;
}

enum mp_unit mp_metric_unit(const char *name)
{
	struct mp_name n;

	return mp_name_parse(name, &n, NULL, 0) == 0 ? mp_name_info(&n).unit : MP_UNIT_NONE;
}

enum mp_kind mp_metric_kind(const char *name)
{
	struct mp_name n;

	return mp_name_parse(name, &n, NULL, 0) == 0 ? mp_name_info(&n).kind : MP_KIND_GAUGE;
}

/* --- rows for people ------------------------------------------------------------------------- */

static const char *sys_file(unsigned files)
{
	static const struct {
		unsigned file;
		const char *path;
	} paths[] = {
		{MP_SYS_STAT, "/proc/stat"},           {MP_SYS_MEMINFO, "/proc/meminfo"},
		{MP_SYS_DISKSTATS, "/proc/diskstats"}, {MP_SYS_VMSTAT, "/proc/vmstat"},
		{MP_SYS_NETDEV, "/proc/net/dev"},      {MP_SYS_TCP, "/proc/net/tcp"},
		{MP_SYS_LOADAVG, "/proc/loadavg"},     {MP_SYS_ROOT, "/"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (files & paths[i].file)
			return paths[i].path;
	return NULL;
}

/* ServerAgent's families: the subtypes come from its tables. */
static size_t agent_rows(struct mp_metric_row *rows, char (*text)[256])
{
	static const char *const help[_MP_AG_MAX] = {
		[MP_AG_CPU] = "ServerAgent: percent of the time since the last sample",
		[MP_AG_CPU_PROC] = "ServerAgent: CPU of one process, in percent or ms a sample",
		[MP_AG_MEMORY] = "ServerAgent: memory of the machine, in bytes or percent",
		[MP_AG_MEM_PROC] = "ServerAgent: memory of one process, its faults a sample",
		[MP_AG_SWAP] = "ServerAgent: swap in bytes, pages a sample",
		[MP_AG_DISKS] = "ServerAgent: disk IO a sample, filesystems in KB without unit=",
		[MP_AG_NETWORK] = "ServerAgent: network interfaces, a sample",
		[MP_AG_TCP] = "ServerAgent: TCP sockets by state",
		[MP_AG_DISK_SPACE] = "used share of a filesystem",
	};
	static const char *const options[_MP_AG_MAX] = {
		[MP_AG_CPU] = "[core=N:]",
		[MP_AG_CPU_PROC] = "{pid=N,name=NAME#I}:",
		[MP_AG_MEMORY] = "[unit=kb|mb:]",
		[MP_AG_MEM_PROC] = "{pid=N,name=NAME#I}:[unit=kb|mb:]",
		[MP_AG_SWAP] = "[unit=kb|mb:]",
		[MP_AG_DISKS] = "[fs=PATH:][unit=kb|mb:]",
		[MP_AG_NETWORK] = "[iface=NAME:][unit=kb|mb:]",
		[MP_AG_TCP] = "",
		[MP_AG_DISK_SPACE] = "fs=PATH",
	};
	static const char *const sources[_MP_AG_MAX] = {
		[MP_AG_CPU_PROC] = "/proc/PID/stat",
		[MP_AG_MEM_PROC] = "/proc/PID/statm",
		[MP_AG_DISK_SPACE] = "statvfs",
	};

	for (int t = 0; t < _MP_AG_MAX; t++) {
		const struct mp_agent_sub *sub;
		struct mp_metric_row *row = &rows[t];
		int len = snprintf(text[t], sizeof(text[t]), "%s:%s", mp_agent_type_name(t),
				   options[t]);

		if (t != MP_AG_DISK_SPACE) {
			for (int i = 0; (sub = mp_agent_sub(t, i)); i++)
				len += snprintf(text[t] + len, sizeof(text[t]) - (size_t)len,
						"%s%s", i ? "," : "{", sub->name);
			(void)snprintf(text[t] + len, sizeof(text[t]) - (size_t)len, "}");
		}
		*row = (struct mp_metric_row){
			.syntax = text[t],
			.unit = t == MP_AG_DISK_SPACE ? "%" : "",
			.help = help[t],
			.file = sys_file(mp_agent_sub(t, 0)->files),
		};
		row->source = sources[t] ? sources[t] : row->file;
	}
	return _MP_AG_MAX;
}

#define N_ROWS                                                                                     \
	(_MP_PM_MAX + _MP_TM_MAX + _MP_SM_MAX + _MP_AG_MAX + _MP_XM_MAX + _MP_LM_MAX + _MP_LT_MAX)

/* "BPF (run-queue group)" */
static const char *group_source(unsigned group)
{
	static char text[MP_N_GROUPS][64];
	size_t i = (size_t)__builtin_ctz(group);

	(void)snprintf(text[i], sizeof(text[i]), "BPF (%s)", mp_group_label(group));
	return text[i];
}

static const char *example_of(enum mp_agent_type t)
{
	static const char *const examples[_MP_AG_MAX] = {
		[MP_AG_CPU] = "cpu:idle",
		[MP_AG_CPU_PROC] = "cpu:name=java:percent",
		[MP_AG_MEMORY] = "memory:used",
		[MP_AG_MEM_PROC] = "memory:pid=1:resident",
		[MP_AG_SWAP] = "swap:used",
		[MP_AG_DISKS] = "disks:reads",
		[MP_AG_NETWORK] = "network:bytesrecv",
		[MP_AG_TCP] = "tcp:estab",
		[MP_AG_DISK_SPACE] = "disk-space:fs=/tmp",
	};

	return examples[t];
}

static const char *example_count(int m)
{
	return m == MP_TM_WORKER_CODE     ? "worker_exits_code_1"
	       : m == MP_TM_WORKER_SIGNAL ? "worker_exits_signal_9"
					  : mp_tree_info[m].name;
}

static void proc_row(struct mp_metric_row *row, const struct mp_metric_info *i, char *syntax,
		     size_t syntax_size, char *example, size_t example_size)
{
	(void)snprintf(syntax, syntax_size,
		       "frontend_%s, {sum,avg,min,max,p50,p90,p99}_{workers,all}_%s[@MODEL[#SLOT]]",
		       i->name, i->name);
	(void)snprintf(example, example_size, "sum_workers_%s", i->name);
	*row = (struct mp_metric_row){
		.syntax = syntax,
		.unit = mp_unit_name(i->unit),
		.help = i->help,
		.source = i->aux == MP_AUX_LIMITS    ? "/proc/PID/limits"
			  : i->aux == MP_AUX_FDS     ? "/proc/PID/fd"
			  : i->aux == MP_AUX_THREADS ? "/proc/PID/task"
			  : i->groups                ? group_source(i->groups)
			  : i->has & MP_HAS_SCHED    ? "BPF, else /proc/PID/task"
			  : i->has & MP_HAS_THREADS  ? "BPF"
						     : "BPF, else /proc/PID",
		.example = example,
		.groups = i->groups,
		.has = i->has,
		.tried = i->aux,
		.tracer = i->aux == MP_AUX_FDS,
	};
}

static size_t plus_rows(struct mp_metric_row *rows)
{
	static char syntax[_MP_XM_MAX][64];

	for (int m = 0; m < _MP_XM_MAX; m++) {
		const struct mp_metric_info *i = &mp_plus_info[m];

		(void)snprintf(syntax[m], sizeof(syntax[m]), "%s%s", i->name,
			       i->of_model ? "[@MODEL]" : "");
		rows[m] = (struct mp_metric_row){.syntax = syntax[m],
						 .unit = mp_unit_name(i->unit),
						 .help = i->help,
						 .example = i->name,
						 .source = mp_reader_sources[i->reader],
						 .tried = true};
	}
	return _MP_XM_MAX;
}

static size_t log_rows(struct mp_metric_row *rows)
{
	static char syntax[_MP_LM_MAX][96], example[_MP_LM_MAX][64];

	for (int m = 0; m < _MP_LM_MAX; m++) {
		const struct mp_metric_info *i = &mp_log_info[m];

		(void)snprintf(syntax[m], sizeof(syntax[m]),
			       "{count,sum,avg,min,max,p50,p90,p99}_server_%s[@MODEL]", i->name);
		(void)snprintf(example[m], sizeof(example[m]), "p99_server_%s", i->name);
		rows[m] = (struct mp_metric_row){.syntax = syntax[m],
						 .unit = mp_unit_name(i->unit),
						 .help = i->help,
						 .example = example[m],
						 .source = mp_reader_sources[i->reader],
						 .tried = true};
	}
	return _MP_LM_MAX;
}

static size_t latency_rows(struct mp_metric_row *rows)
{
	static char syntax[_MP_LT_MAX][128], example[_MP_LT_MAX][64];

	for (int m = 0; m < _MP_LT_MAX; m++) {
		const struct mp_metric_info *i = &mp_latency_info[m];

		(void)snprintf(
			syntax[m], sizeof(syntax[m]),
			"{count,sum,avg,max,p50,p90,p99}_{frontend,workers,all%s}_%s[@MODEL]",
			i->of_system ? ",system" : "", i->name);
		(void)snprintf(example[m], sizeof(example[m]), "p99_workers_%s", i->name);
		rows[m] = (struct mp_metric_row){.syntax = syntax[m],
						 .unit = mp_unit_name(i->unit),
						 .help = i->help,
						 .example = example[m],
						 .source = group_source(i->groups),
						 .groups = i->groups};
	}
	return _MP_LT_MAX;
}

const struct mp_metric_row *mp_metric_rows(size_t *ret_n)
{
	static struct mp_metric_row rows[N_ROWS];
	static char syntax[_MP_PM_MAX][192], example[_MP_PM_MAX][64], model[_MP_TM_MAX][64];
	static char agent[_MP_AG_MAX][256];
	static size_t n;

	if (n) {
		*ret_n = n;
		return rows;
	}
	for (int m = 0; m < _MP_PM_MAX; m++)
		proc_row(&rows[n++], &mp_proc_info[m], syntax[m], sizeof(syntax[m]), example[m],
			 sizeof(example[m]));
	n += latency_rows(&rows[n]);
	for (int m = 0; m < _MP_TM_MAX; m++) {
		const struct mp_metric_info *i = &mp_tree_info[m];

		(void)snprintf(model[m], sizeof(model[m]), "%s%s", i->name,
			       i->of_model ? "[@MODEL]" : "");
		rows[n++] = (struct mp_metric_row){
			.syntax = model[m],
			.unit = mp_unit_name(i->unit),
			.help = i->help,
			.example = example_count(m),
			.source = "BPF, else /proc/PID",
		};
	}
	for (int m = 0; m < _MP_SM_MAX; m++) {
		const struct mp_metric_info *i = &mp_sys_info[m];
		const char *file = sys_file(i->files);

		rows[n++] = (struct mp_metric_row){
			.syntax = i->name,
			.unit = mp_unit_name(i->unit),
			.help = i->help,
			.example = i->name,
			.file = file,
			.source = !file                    ? "nowhere"
				  : i->files & MP_SYS_ROOT ? "statvfs"
							   : file,
		};
	}
	n += plus_rows(&rows[n]);
	n += log_rows(&rows[n]);
	n += agent_rows(&rows[n], agent);
	for (int t = 0; t < _MP_AG_MAX; t++)
		rows[n - _MP_AG_MAX + (size_t)t].example = example_of((enum mp_agent_type)t);
	*ret_n = n;
	return rows;
}

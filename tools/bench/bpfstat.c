// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own account of a process's BPF programs (root): bpfstat PID
 * Keeps the run-time statistics of BPF switched on while it lives. On each line of stdin it prints
 * one JSON object, program name -> id, type, runs and run time in ns, of the programs that PID has
 * open (found by /proc/PID/fdinfo; several with one name are added up).
 * A line "run ID N" runs a syscall program N times back to back and prints the CPU ns of one run,
 * its system call included: the hot loop of a snapshot, with the statistics off as everybody runs
 * it. Ends at the end of stdin. "off" instead of a PID: only waits, with the statistics on.
 */
#include "common.h"

#include <dirent.h>

#define MAX_PROGS 128

struct prog {
	unsigned id, type;
	char name[BPF_OBJ_NAME_LEN];
	unsigned long long runs, ns;
};

static int prog_fd(unsigned id)
{
	union bpf_attr a = {.prog_id = id};

	return bpf(BPF_PROG_GET_FD_BY_ID, &a);
}

static int info(unsigned id, struct bpf_prog_info *ret)
{
	union bpf_attr a = {};
	int fd = prog_fd(id), r;

	if (fd < 0)
		return -errno;
	memset(ret, 0, sizeof(*ret));
	a.info.bpf_fd = (unsigned)fd;
	a.info.info_len = sizeof(*ret);
	a.info.info = (uintptr_t)ret;
	r = bpf(BPF_OBJ_GET_INFO_BY_FD, &a) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* Ids of the programs that pid has open, each once. */
static int ids_of(const char *pid, unsigned ids[MAX_PROGS])
{
	char path[320], line[256];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo", pid);
	d = opendir(path);
	if (!d)
		return 0;
	while ((e = readdir(d))) {
		unsigned id;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (!f)
			continue;
		while (fgets(line, sizeof(line), f)) {
			int i;

			if (sscanf(line, "prog_id: %u", &id) != 1)
				continue;
			for (i = 0; i < n && ids[i] != id; i++)
				;
			if (i == n && n < MAX_PROGS)
				ids[n++] = id;
		}
		fclose(f);
	}
	closedir(d);
	return n;
}

static void report(const char *pid)
{
	unsigned ids[MAX_PROGS];
	struct prog progs[MAX_PROGS];
	int n = ids_of(pid, ids), m = 0;

	for (int i = 0; i < n; i++) {
		struct bpf_prog_info pi;
		int j;

		if (info(ids[i], &pi) < 0)
			continue;
		for (j = 0; j < m && strcmp(progs[j].name, pi.name) != 0; j++)
			;
		if (j == m) {
			progs[m] = (struct prog){.id = ids[i], .type = pi.type};
			memcpy(progs[m++].name, pi.name, sizeof(pi.name));
		}
		progs[j].runs += pi.run_cnt;
		progs[j].ns += pi.run_time_ns;
	}
	putchar('{');
	for (int j = 0; j < m; j++)
		printf("%s\"%s\": {\"id\": %u, \"type\": %u, \"runs\": %llu, \"ns\": %llu}",
		       j ? ", " : "", progs[j].name, progs[j].id, progs[j].type, progs[j].runs,
		       progs[j].ns);
	puts("}");
	fflush(stdout);
}

/* They are kept by the descriptor until it is closed. */
static int statistics_on(void)
{
	union bpf_attr a = {.enable_stats.type = BPF_STATS_RUN_TIME};
	int fd = bpf(BPF_ENABLE_STATS, &a);

	if (fd < 0)
		die("BPF_ENABLE_STATS");
	return fd;
}

static void hot(unsigned id, int times)
{
	union bpf_attr a = {};
	int fd = prog_fd(id), failed = 0;
	uint64_t t;

	if (fd < 0)
		die("program");
	for (int warm = 1; warm >= 0; warm--) {
		t = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
		for (int i = 0; i < (warm ? times / 4 + 1 : times); i++) {
			a.test.prog_fd = (unsigned)fd;
			failed |= bpf(BPF_PROG_TEST_RUN, &a) < 0 ? errno : 0;
		}
	}
	t = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - t;
	close(fd);
	if (failed)
		printf("{\"error\": %d}\n", failed);
	else
		printf("{\"ns\": %.0f}\n", (double)t / times);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[128];
	unsigned id;
	int n, stats;

	if (argc != 2) {
		fprintf(stderr, "usage: bpfstat PID|off\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	stats = statistics_on();
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "run %u %d", &id, &n) == 2) {
			close(stats);
			hot(id, n);
			stats = statistics_on();
		} else {
			report(argv[1]);
		}
	}
	return 0;
}

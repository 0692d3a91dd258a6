// SPDX-License-Identifier: GPL-2.0-only
/* Disk group: reads and writes of a known number against what the process did and /proc/diskstats.
 */
#include "watch.h"

#include <inttypes.h>
#include <sys/mman.h>

#define ROUNDS 4

static const char *const names[] = {
	"count_workers_block_read_latency_seconds",  "sum_workers_block_read_latency_seconds",
	"p50_workers_block_read_latency_seconds",    "p99_workers_block_read_latency_seconds",
	"max_workers_block_read_latency_seconds",    "count_workers_block_write_latency_seconds",
	"sum_workers_block_write_latency_seconds",   "p50_workers_block_write_latency_seconds",
	"count_frontend_block_read_latency_seconds", "count_system_block_read_latency_seconds",
	"count_system_block_write_latency_seconds",  "count_all_block_read_latency_seconds",
};

static int file_fd;

struct disk {
	uint64_t reads, writes;
};

/* All whole disks: partitions are lines of their own, whose names go on with a digit. */
static struct disk diskstats(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/diskstats", "re");
	struct disk d = {0};
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		uint64_t reads, writes;
		char name[64], path[96];

		if (sscanf(line, "%*u %*u %63s %" SCNu64 " %*u %*u %*u %" SCNu64, name, &reads,
			   &writes) != 3)
			continue;
		(void)snprintf(path, sizeof(path), "/sys/block/%s", name);
		if (access(path, F_OK) < 0)
			continue;
		d.reads += reads;
		d.writes += writes;
	}
	return d;
}

/* Each read and each write past the page cache is one request, or more where it is split. */
static void be_busy(int ready, int go)
{
	char *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block == MAP_FAILED)
		_exit(1);
	for (;;) {
		await_fd(go);
		for (int i = 0; i < ROUNDS * BLOCKS; i++)
			if (pread(file_fd, block, BLOCK, (off_t)(i % BLOCKS) * BLOCK) != BLOCK)
				_exit(2);
		for (int i = 0; i < BLOCKS; i++)
			if (pwrite(file_fd, block, BLOCK, (off_t)i * BLOCK) != BLOCK)
				_exit(3);
		signal_fd(ready);
	}
}

/* Between what the kernel counted in the shorter span and in the longer one: others use the disk
 * while it is looked at, the more the busier the machine is. */
static bool is_between(double v, uint64_t least, uint64_t most)
{
	return v >= (double)least * 0.95 - 4 && v <= (double)most * 1.05 + 4;
}

static void test_reads_and_writes(void **state)
{
	int ready[2], go[2], told[2];
	double took, reads, sum, sys_reads, sys_writes;
	struct disk early, before, after, late; /* around the first sample and the last */
	struct watch *w;
	pid_t root, pid;

	if (geteuid() != 0) {
		print_message("skipped: BPF tests need root\n");
		skip();
	}
	file_fd = direct_file();
	if (file_fd < 0) {
		print_message("skipped: /var/tmp is on no disk that O_DIRECT waits for\n");
		skip();
	}
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(told), 0);
	root = root_of(be_busy, ready[1], go[0], told[1]);
	assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
	w = watch(state, root, names, ARRAY_SIZE(names));
	early = diskstats();
	watch_sample(w);
	sys_reads = watched(w, "count_system_block_read_latency_seconds");
	sys_writes = watched(w, "count_system_block_write_latency_seconds");
	before = diskstats();
	took = mp_now_s();
	signal_fd(go[1]);
	await_fd(ready[0]);
	took = mp_now_s() - took;
	after = diskstats();
	watch_sample(w);
	late = diskstats();
	reads = watched(w, "count_workers_block_read_latency_seconds");
	sum = watched(w, "sum_workers_block_read_latency_seconds");
	sys_reads = watched(w, "count_system_block_read_latency_seconds") - sys_reads;
	sys_writes = watched(w, "count_system_block_write_latency_seconds") - sys_writes;
	print_message("%s: %.0f reads, p50 %.3f p99 %.3f max %.3f ms, %.0f writes, p50 %.3f ms; "
		      "machine %.0f reads, %.0f writes (diskstats: %" PRIu64 ", %" PRIu64 ")\n",
		      mp_rung_name(w->rung), reads,
		      watched(w, "p50_workers_block_read_latency_seconds") * 1e3,
		      watched(w, "p99_workers_block_read_latency_seconds") * 1e3,
		      watched(w, "max_workers_block_read_latency_seconds") * 1e3,
		      watched(w, "count_workers_block_write_latency_seconds"),
		      watched(w, "p50_workers_block_write_latency_seconds") * 1e3, sys_reads,
		      sys_writes, after.reads - before.reads, after.writes - before.writes);
	/* a kernel that tells of a request's issue alone may see another thread issue it */
	assert_true(reads >= 0.9 * ROUNDS * BLOCKS && reads <= ROUNDS * BLOCKS + 8);
	assert_true(watched(w, "count_workers_block_write_latency_seconds") >= 0.9 * BLOCKS);
	assert_true(watched(w, "count_frontend_block_read_latency_seconds") == 0);
	assert_true(watched(w, "count_all_block_read_latency_seconds") == reads);
	/* one after the other: together they cannot take longer than the process did */
	assert_true(sum > 0 && sum + watched(w, "sum_workers_block_write_latency_seconds") <= took);
	assert_true(watched(w, "p50_workers_block_read_latency_seconds") <=
		    watched(w, "p99_workers_block_read_latency_seconds"));
	assert_true(watched(w, "p99_workers_block_read_latency_seconds") <=
		    watched(w, "max_workers_block_read_latency_seconds"));
	/* the whole machine's, by the kernel's own count, which others add to */
	assert_true(is_between(sys_reads, after.reads - before.reads, late.reads - early.reads));
	assert_true(
		is_between(sys_writes, after.writes - before.writes, late.writes - early.writes));
	watch_groups_off(w);
	signal_fd(go[1]);
	await_fd(ready[0]);
	watch_sample(w);
	assert_true(isnan(watched(w, "count_workers_block_read_latency_seconds")));
	assert_no_drops(w->s);
	end_child(root);
	(void)close(file_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {WATCH_TEST(test_reads_and_writes)};

	return cmocka_run_group_tests_name("bpf disk group", tests, NULL, NULL);
}

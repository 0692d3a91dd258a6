// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads the BPF object for one rung, maps its maps, attaches the lifecycle hooks, and takes it all
 * down again. Owns libbpf's messages: they go to the log one level lower, and the one that names
 * the cause goes into the diag. Called by snapshot.c and iter.c.
 */
#include "kernel/loader.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/log.h>

void mp_loader_report(enum mp_rung rung, const char *why, enum mp_rung instead)
{
	mp_warning("%s is not possible: %s; using %s instead", mp_rung_name(rung), why,
		   mp_rung_name(instead));
}

#ifndef MP_NO_BPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <mmsperf/priv.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mmsperf.skel.h"

#define INIT_PID_NS_INO 0xEFFFFFFCU /* PROC_PID_INIT_INO, include/uapi/linux/nsfs.h */
#define KERNEL_BTF      "/sys/kernel/btf/vmlinux"
#define DEFAULT_PID_MAX 32768
#define LIMIT_PID_MAX   4194304 /* PID_MAX_LIMIT on 64 bit */
#define MAX_LINE        256
#define LOG_TAIL        1500

static void close_loader(struct mp_bpf **b)
{
	mp_loader_close(*b);
}

/* --- libbpf's messages --------------------------------------------------------------------- */

/* The first warning of a load: the later ones only say that what depends on it failed too. */
static char first_warning[MAX_LINE];

static void keep_warning(const char *text)
{
	size_t n = strcspn(text, "\n");

	if (first_warning[0] || strstr(text, "BEGIN PROG LOAD LOG") ||
	    strstr(text, "RLIMIT_MEMLOCK"))
		return; /* the limit is not what refuses us: kernels since 5.11 do not look at it */
	if (n >= sizeof(first_warning))
		n = sizeof(first_warning) - 1;
	memcpy(first_warning, text, n);
	first_warning[n] = '\0';
}

__attribute__((format(printf, 2, 0))) static int on_libbpf(enum libbpf_print_level level,
							   const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;
	size_t len, skip;

	/* A verifier's log has megabytes: no fixed buffer. */
	if (level == LIBBPF_DEBUG || vasprintf(&text, fmt, ap) < 0)
		return 0;
	if (level == LIBBPF_WARN)
		keep_warning(text);
	len = strlen(text);
	if (len && text[len - 1] == '\n')
		text[--len] = '\0';
	skip = len > LOG_TAIL ? len - LOG_TAIL : 0; /* its end says why */
	mp_debug("%s", text + skip);
	return (int)len;
}

/* "prog 'mp_exit': BPF program load failed: Permission denied": without libbpf's own prefix. */
static const char *cause(int err)
{
	const char *p = first_warning;

	if (!strncmp(p, "libbpf: ", 8))
		p += 8;
	/* Without permission libbpf guesses at other reasons. */
	return *p && err != -EPERM ? p : strerror(-err);
}

static int fail(struct mp_diag *d, int err, const char *what)
{
	return mp_diag_set(d, err, NULL, 0, 0, "%s failed (%s); %s", what, cause(err),
			   mp_features_remedy(err, geteuid() == 0));
}

/* --- loading ------------------------------------------------------------------------------- */

static uint32_t pid_max(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/sys/kernel/pid_max", "re");
	unsigned n;

	if (!f || fscanf(f, "%u", &n) != 1 || !n)
		return DEFAULT_PID_MAX;
	return n > LIMIT_PID_MAX ? LIMIT_PID_MAX : n;
}

/* 0 in the initial pid namespace, where the kernel's pids are ours. */
static uint32_t own_pid_namespace(void)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) || st.st_ino == INIT_PID_NS_INO)
		return 0;
	return (uint32_t)st.st_ino;
}

/* Only what the rung needs is loaded: the other programs may use what this kernel lacks. */
static int choose_programs(struct mp_bpf *b, enum mp_rung rung, const struct mp_facts *f)
{
	struct mmsperf_bpf *k = b->skel;
	struct bpf_program *p[8];
	size_t n = 0;
	int r = 0;

	if (rung == MP_RUNG_SNAPSHOT) {
		p[n++] = k->progs.mp_newtask;
		p[n++] = k->progs.mp_exec;
		p[n++] = k->progs.mp_exit;
		p[n++] = k->progs.mp_snapshot;
		p[n++] = k->progs.mp_adopt_all;
	} else {
		p[n++] = k->progs.mp_i_newtask;
		p[n++] = k->progs.mp_i_exec;
		p[n++] = k->progs.mp_i_exit;
		p[n++] = k->progs.mp_i_free;
		p[n++] = k->progs.mp_i_read;
		p[n++] = k->progs.mp_i_adopt;
		r = bpf_map__set_autocreate(k->maps.mp_tasks, false);
	}
	for (size_t i = 0; i < n && !r; i++)
		r = bpf_program__set_autoload(p[i], true);
	return r ? r : mp_groups_choose(b, f);
}

static int attach_hooks(struct mp_bpf *b, enum mp_rung rung)
{
	struct mmsperf_bpf *k = b->skel;
	struct bpf_program *snapshot[] = {k->progs.mp_newtask, k->progs.mp_exec, k->progs.mp_exit};
	struct bpf_program *iter[] = {k->progs.mp_i_newtask, k->progs.mp_i_exec, k->progs.mp_i_exit,
				      k->progs.mp_i_free};
	struct bpf_program **p = rung == MP_RUNG_SNAPSHOT ? snapshot : iter;
	size_t n = rung == MP_RUNG_SNAPSHOT ? ARRAY_SIZE(snapshot) : ARRAY_SIZE(iter);

	_Static_assert(ARRAY_SIZE(iter) <= MP_MAX_LINKS, "links");
	for (size_t i = 0; i < n; i++) {
		struct bpf_link *l = bpf_program__attach(p[i]);

		if (!l)
			return -errno;
		b->hook_fds[b->n_links] = bpf_program__fd(p[i]);
		b->links[b->n_links++] = l;
	}
	if (rung == MP_RUNG_SNAPSHOT) {
		b->tick_fd = bpf_program__fd(k->progs.mp_snapshot);
		b->adopt_fd = bpf_program__fd(k->progs.mp_adopt_all);
		return 0;
	}
	b->tick_link = bpf_program__attach_iter(k->progs.mp_i_read, NULL);
	if (!b->tick_link)
		return -errno;
	b->adopt_link = bpf_program__attach_iter(k->progs.mp_i_adopt, NULL);
	return b->adopt_link ? 0 : -errno;
}

static size_t map_bytes(const struct bpf_map *m)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t n = (size_t)bpf_map__value_size(m) + 7;

	n = n / 8 * 8 * bpf_map__max_entries(m);
	return (n + page - 1) / page * page;
}

static int map_map(const struct bpf_map *m, void *ret_ptr)
{
	void *p = mmap(NULL, map_bytes(m), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(m), 0);

	if (p == MAP_FAILED)
		return -errno;
	*(void **)ret_ptr = p;
	return 0;
}

static void unmap_map(const struct bpf_map *m, void *p)
{
	if (p)
		(void)munmap(p, map_bytes(m));
}

static int map_maps(struct mp_bpf *b)
{
	struct mmsperf_bpf *k = b->skel;
	int r;

	r = map_map(k->maps.mp_recs, &b->recs);
	if (!r)
		r = map_map(k->maps.mp_slots, &b->slots);
	if (!r)
		r = map_map(k->maps.mp_cmds, &b->cmds);
	if (!r)
		r = map_map(k->maps.mp_pids, &b->pids);
	if (!r)
		r = map_map(k->maps.mp_extras, &b->probes.extra);
	if (!r)
		r = map_map(k->maps.mp_lats, &b->probes.lat);
	if (!r)
		r = map_map(k->maps.mp_lat_maxes, &b->probes.max);
	if (!r)
		r = map_map(k->maps.mp_offs, &b->probes.off);
	return r;
}

/* Slot 0 ends up on top: the slots in use stay close together. */
static int fill_free_slots(struct mp_bpf *b)
{
	b->free_fd = bpf_map__fd(b->skel->maps.mp_free);
	for (uint32_t i = MP_MAX_SLOTS; i-- > 0;)
		if (bpf_map_update_elem(b->free_fd, NULL, &i, BPF_ANY))
			return -errno;
	return 0;
}

/* A group that the kernel refuses is left out with its reason, and the rest is tried again. */
static int load_programs(struct mp_bpf *b, enum mp_rung rung, const struct mp_facts *f,
			 struct mp_diag *d)
{
	/*
	 * Types that a kernel lacks are looked for in its modules too, unless the file to look in
	 * is given (11 ms); only CAP_SYS_ADMIN may list modules' types, and libbpf 1.1 gives up
	 * without it.
	 */
	bool give = !mp_priv_has(CAP_SYS_ADMIN) && !access(KERNEL_BTF, R_OK);
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = give ? KERNEL_BTF : NULL);
	const struct mp_group_row *g;
	int r, cpus = libbpf_num_possible_cpus();

	if (cpus < 1)
		return fail(d, cpus, "counting CPUs");
	b->probes.n_cpus = (size_t)cpus;
	for (;;) {
		first_warning[0] = '\0';
		b->skel = mmsperf_bpf__open_opts(&opts);
		if (!b->skel)
			return fail(d, -errno, "opening the BPF object");
		b->n_pids = pid_max() / MP_PIDS_PER_ENTRY + 1;
		b->skel->rodata->mp_pidns = own_pid_namespace();
		mp_reasons_fill(b->skel->rodata->mp_reason_of);
		r = choose_programs(b, rung, f);
		if (!r)
			r = bpf_map__set_max_entries(b->skel->maps.mp_pids, (uint32_t)b->n_pids);
		if (!r)
			r = bpf_map__set_max_entries(b->skel->maps.mp_lat_maxes, (uint32_t)cpus);
		if (r)
			return fail(d, r, "preparing the BPF object");
		r = mmsperf_bpf__load(b->skel);
		if (!r)
			return 0;
		g = mp_features_group_named(first_warning, b->groups_loaded);
		if (!g)
			return fail(d, r, "loading");
		b->groups_loaded &= ~(unsigned)g->group;
		(void)snprintf(b->group[g - mp_group_rows].why, sizeof(b->group[0].why), "%.200s",
			       cause(r));
		mmsperf_bpf__destroy(b->skel);
		b->skel = NULL;
	}
}

static int load(struct mp_bpf *b, enum mp_rung rung, const struct mp_facts *f, struct mp_diag *d)
{
	int r = load_programs(b, rung, f, d);

	if (r)
		return r;
	r = map_maps(b);
	if (r)
		return fail(d, r, "mapping the maps");
	r = fill_free_slots(b);
	if (r)
		return fail(d, r, "filling the free slots");
	b->skel->bss->mp_want = ~0U;
	b->skel->bss->mp_gen = 1;
	b->ring =
		ring_buffer__new(bpf_map__fd(b->skel->maps.mp_ring), mp_members_on_notice, b, NULL);
	if (!b->ring)
		return fail(d, -errno, "opening the ring buffer");
	r = attach_hooks(b, rung);
	if (r)
		return fail(d, r, "attaching");
	return 0;
}

int mp_loader_open(enum mp_rung rung, const struct mp_source_ops *ops, struct mp_bpf **ret_bpf,
		   struct mp_diag *d)
{
	_cleanup_(close_loader) struct mp_bpf *b = NULL;
	const char *missing = NULL;
	struct mp_facts facts;
	int r;

	libbpf_set_print(on_libbpf);
	(void)mp_features_gather(&facts);
	if (!mp_features_allow(&facts, rung, &missing))
		return mp_diag_set(d, -EOPNOTSUPP, NULL, 0, 0, "this kernel has no %s", missing);
	b = calloc(1, sizeof(*b));
	if (!b)
		return mp_diag_set(d, -ENOMEM, NULL, 0, 0, "out of memory");
	b->src.ops = ops;
	b->stats_fd = -1;
	b->groups_loaded = mp_features_groups(&facts);
	b->preemptible = facts.has[MP_FACT_PREEMPTIBLE];
	r = load(b, rung, &facts, d);
	if (r)
		return r;
	*ret_bpf = TAKE_PTR(b);
	return 0;
}

void mp_loader_close(struct mp_bpf *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_links; i++)
		(void)bpf_link__destroy(b->links[i]);
	mp_groups_close(b);
	(void)bpf_link__destroy(b->tick_link);
	(void)bpf_link__destroy(b->adopt_link);
	ring_buffer__free(b->ring);
	if (b->stats_fd >= 0)
		(void)close(b->stats_fd);
	if (b->skel) {
		unmap_map(b->skel->maps.mp_recs, b->recs);
		unmap_map(b->skel->maps.mp_slots, b->slots);
		unmap_map(b->skel->maps.mp_cmds, b->cmds);
		unmap_map(b->skel->maps.mp_pids, b->pids);
		unmap_map(b->skel->maps.mp_extras, b->probes.extra);
		unmap_map(b->skel->maps.mp_lats, (void *)(uintptr_t)b->probes.lat);
		unmap_map(b->skel->maps.mp_lat_maxes, b->probes.max);
		unmap_map(b->skel->maps.mp_offs, (void *)(uintptr_t)b->probes.off);
	}
	mmsperf_bpf__destroy(b->skel);
	free(b->out);
	free(b->over);
	free(b->unseen);
	free(b->cmdline);
	free(b);
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the machine is: processor, memory, kernel, frequency settings, virtualisation, container and
 * the limits of the control group this process is in. Reads files below a root only, so that tests
 * bring their own machine. Fills the fields of a fingerprint; called by suite/runner.c.
 */
#include <mmsperf/fingerprint.h>

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MAX_CPUS 8192

/* A file below the root as text, without blanks at its end; NULL when it cannot be read. */
static char *read_text(const char *root, const char *path)
{
	_cleanup_free_ char *full = mp_asprintf("%s/%s", root, path), *text = NULL;
	size_t len;

	if (!full || mp_read_file(full, 4 << 20, &text, &len) < 0)
		return NULL;
	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return TAKE_PTR(text);
}

static bool exists(const char *root, const char *path)
{
	_cleanup_free_ char *full = mp_asprintf("%s/%s", root, path);

	return full && !access(full, F_OK);
}

/* Text after "KEY<blanks>SEP<blanks>" at the begin of a line; caller frees; NULL: no such line. */
static char *value_of(const char *text, const char *key, char sep)
{
	size_t n = strlen(key);

	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		const char *v = p + n + (strncmp(p, key, n) ? 0 : strspn(p + n, " \t"));
		size_t len;

		if (strncmp(p, key, n) || *v != sep)
			continue;
		v += 1 + strspn(v + 1, " \t\"'");
		len = strcspn(v, "\n");
		while (len && strchr(" \t\r\"'", v[len - 1]))
			len--;
		return len ? strndup(v, len) : NULL;
	}
	return NULL;
}

/* How many numbers "0-3,8,10-11" names; 0 when it is no such list. */
static long count_list(const char *list)
{
	long total = 0;

	while (list && isdigit((unsigned char)*list)) {
		char *end;
		long from = strtol(list, &end, 10), to = from;

		if (*end == '-')
			to = strtol(end + 1, &end, 10);
		if (to < from || to - from > MAX_CPUS)
			return 0;
		total += to - from + 1;
		list = *end == ',' ? end + 1 : NULL;
	}
	return total;
}

static long count_cpus(const char *root)
{
	_cleanup_free_ char *online = read_text(root, "sys/devices/system/cpu/online");

	return count_list(online);
}

/* A core is a set of CPUs that are each other's siblings: it is counted at its first one. */
static long count_cores(const char *root, long cpus)
{
	long cores = 0;

	for (long i = 0, seen = 0; seen < cpus && i < MAX_CPUS; i++) {
		_cleanup_free_ char *path = mp_asprintf(
			"sys/devices/system/cpu/cpu%ld/topology/thread_siblings_list", i);
		_cleanup_free_ char *list = path ? read_text(root, path) : NULL;

		if (!list)
			continue;
		seen++;
		cores += strtol(list, NULL, 10) == i;
	}
	return cores;
}

static char *cpu_model(const char *root)
{
	_cleanup_free_ char *info = read_text(root, "proc/cpuinfo");
	_cleanup_free_ char *implementer = NULL, *part = NULL;
	char *model = value_of(info, "model name", ':');

	if (!model)
		model = value_of(info, "cpu model", ':');
	if (!model)
		model = read_text(root, "sys/firmware/devicetree/base/model");
	if (model)
		return model;
	implementer = value_of(info, "CPU implementer", ':');
	part = value_of(info, "CPU part", ':');
	return implementer && part ? mp_asprintf("implementer %s part %s", implementer, part)
				   : NULL;
}

static char *memory_total(const char *root)
{
	_cleanup_free_ char *info = read_text(root, "proc/meminfo");
	_cleanup_free_ char *total = value_of(info, "MemTotal", ':');

	return total ? mp_asprintf("%.2f GiB", strtod(total, NULL) / 0x1p20) : NULL;
}

static char *kernel_release(const char *root, const struct utsname *u)
{
	char *release = read_text(root, "proc/sys/kernel/osrelease");

	return release ? release : strdup(u->release);
}

static char *distribution(const char *root)
{
	_cleanup_free_ char *text = read_text(root, "etc/os-release");

	return value_of(text, "PRETTY_NAME", '=');
}

/* One word where all CPUs have it, "mixed" else; "none": the machine lets nobody choose. */
static char *governor(const char *root)
{
	_cleanup_free_ char *first = NULL;

	for (int i = 0, missing = 0; i < MAX_CPUS && missing < 64; i++) {
		_cleanup_free_ char *path =
			mp_asprintf("sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", i);
		_cleanup_free_ char *one = path ? read_text(root, path) : NULL;

		missing = one ? 0 : missing + 1; /* CPUs that are off leave gaps */
		if (one && !first)
			first = TAKE_PTR(one);
		else if (one && strcmp(one, first))
			return strdup("mixed");
	}
	return first ? TAKE_PTR(first) : strdup("none");
}

static char *boost(const char *root)
{
	_cleanup_free_ char *off = read_text(root, "sys/devices/system/cpu/intel_pstate/no_turbo");
	_cleanup_free_ char *on = read_text(root, "sys/devices/system/cpu/cpufreq/boost");

	if (off)
		return strdup(*off == '0' ? "on" : "off");
	return on ? strdup(*on == '0' ? "off" : "on") : strdup("not known");
}

static char *virtualisation(const char *root)
{
	_cleanup_free_ char *info = read_text(root, "proc/cpuinfo"), *flags = NULL;
	_cleanup_free_ char *vendor = read_text(root, "sys/class/dmi/id/sys_vendor");
	_cleanup_free_ char *product = read_text(root, "sys/class/dmi/id/product_name");
	_cleanup_free_ char *type = read_text(root, "sys/hypervisor/type");
	bool guest;

	flags = value_of(info, "flags", ':');
	guest = flags && strstr(flags, " hypervisor");
	if (type)
		return TAKE_PTR(type);
	if (guest && vendor)
		return product ? mp_asprintf("%s %s", vendor, product) : TAKE_PTR(vendor);
	return strdup(guest ? "virtual machine" : "none");
}

/* What systemd, Kubernetes, Docker and Podman leave for a process to find; see systemd's
 * CONTAINER_INTERFACE. Several may apply: the outermost name that says most comes first. */
static char *container(const char *root)
{
	_cleanup_free_ char *manager = read_text(root, "run/systemd/container");
	_cleanup_free_ char *init = read_text(root, "proc/1/cgroup");

	if (!*root && getenv("KUBERNETES_SERVICE_HOST"))
		return strdup("kubernetes");
	if (init && strstr(init, "kubepods"))
		return strdup("kubernetes");
	if (manager && *manager)
		return TAKE_PTR(manager);
	if (exists(root, ".dockerenv"))
		return strdup("docker");
	if (exists(root, "run/.containerenv"))
		return strdup("podman");
	return strdup(init && strstr(init, "/lxc") ? "lxc" : "none");
}

/* --- limits ---------------------------------------------------------------------------------- */

/* Where this process is in a hierarchy: line "0::PATH" (v2) or "N:LIST:PATH" whose list has it. */
static char *cgroup_path(const char *lines, const char *controller)
{
	for (const char *p = lines; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		const char *list = strchr(p, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		size_t n = strlen(controller);

		if (!path)
			continue;
		for (list++; list <= path; list += strcspn(list, ",:") + 1) {
			if (strcspn(list, ",:") == n && !strncmp(list, controller, n))
				return strndup(path + 1, strcspn(path + 1, "\n"));
		}
	}
	return NULL;
}

/* Calls get for the group and each one above it: the tightest limit holds. In a container the path
 * may be one of the host's, which is not there; its mount point then is the group. */
static double tightest(const char *root, const char *mount, const char *path,
		       double (*get)(const char *root, const char *dir))
{
	_cleanup_free_ char *at = path ? strdup(path) : NULL;
	double limit = INFINITY;

	if (!at)
		return limit;
	for (;;) {
		_cleanup_free_ char *dir = mp_asprintf("%s%s", mount, at);
		char *slash = strrchr(at, '/');

		if (dir)
			limit = fmin(limit, get(root, dir));
		if (!slash)
			return limit;
		*slash = '\0';
	}
}

static double number_in(const char *root, const char *dir, const char *name, const char **ret_rest,
			char *buf, size_t size)
{
	_cleanup_free_ char *path = mp_path_join(dir, name);
	_cleanup_free_ char *text = path ? read_text(root, path) : NULL;
	char *end;
	double v;

	if (!text)
		return INFINITY;
	(void)snprintf(buf, size, "%s", text);
	v = strtod(buf, &end);
	*ret_rest = end;
	return end == buf || v < 0 ? INFINITY : v;
}

static double cpu_v2(const char *root, const char *dir)
{
	char buf[64];
	const char *rest = "";
	double quota = number_in(root, dir, "cpu.max", &rest, buf, sizeof(buf));
	double period = strtod(rest, NULL);

	return period > 0 ? quota / period : INFINITY;
}

static double cpu_v1(const char *root, const char *dir)
{
	char buf[64];
	const char *rest = "";
	double quota = number_in(root, dir, "cpu.cfs_quota_us", &rest, buf, sizeof(buf));
	double period = number_in(root, dir, "cpu.cfs_period_us", &rest, buf, sizeof(buf));

	return period > 0 && isfinite(period) ? quota / period : INFINITY;
}

static double mem_v2(const char *root, const char *dir)
{
	char buf[64];
	const char *rest;

	return number_in(root, dir, "memory.max", &rest, buf, sizeof(buf));
}

static double mem_v1(const char *root, const char *dir)
{
	char buf[64];
	const char *rest;
	double v = number_in(root, dir, "memory.limit_in_bytes", &rest, buf, sizeof(buf));

	return v >= 0x1p62 ? INFINITY : v; /* v1's "none" is the largest number of pages */
}

static void read_limits(const char *root, double *ret_cpu, double *ret_mem)
{
	_cleanup_free_ char *lines = read_text(root, "proc/self/cgroup");
	_cleanup_free_ char *v2 = cgroup_path(lines, ""), *cpu = cgroup_path(lines, "cpu"),
			    *mem = cgroup_path(lines, "memory");
	const char *cpu_mount = exists(root, "sys/fs/cgroup/cpu") ? "sys/fs/cgroup/cpu"
								  : "sys/fs/cgroup/cpu,cpuacct";

	*ret_cpu = fmin(tightest(root, "sys/fs/cgroup", v2, cpu_v2),
			tightest(root, cpu_mount, cpu, cpu_v1));
	*ret_mem = fmin(tightest(root, "sys/fs/cgroup", v2, mem_v2),
			tightest(root, "sys/fs/cgroup/memory", mem, mem_v1));
}

static char *cpu_limit(const char *root, long cpus, double quota)
{
	_cleanup_free_ char *status = read_text(root, "proc/self/status");
	_cleanup_free_ char *list = value_of(status, "Cpus_allowed_list", ':');
	long allowed = count_list(list);
	char text[32];

	if (allowed > 0 && allowed < cpus && (double)allowed <= quota)
		return mp_asprintf("CPUs %s", list);
	if (!isfinite(quota) || quota >= (double)cpus)
		return strdup("none");
	(void)mp_format_double(text, quota);
	return mp_asprintf("%s CPUs", text);
}

int mp_fingerprint_machine(const char *root, struct mp_fingerprint *fp)
{
	static const enum mp_fp_field always[] = {MP_FP_ARCH,      MP_FP_KERNEL,    MP_FP_GOVERNOR,
						  MP_FP_BOOST,     MP_FP_VIRT,      MP_FP_CONTAINER,
						  MP_FP_CPU_LIMIT, MP_FP_MEM_LIMIT, MP_FP_SELF};
	long cpus = count_cpus(root), cores = count_cores(root, cpus);
	struct utsname u;
	double cpu, mem;

	if (uname(&u) < 0)
		return -errno;
	read_limits(root, &cpu, &mem);
	fp->v[MP_FP_CPU] = cpu_model(root);
	fp->v[MP_FP_ARCH] = strdup(u.machine);
	fp->v[MP_FP_CPUS] = cpus > 0 ? mp_asprintf("%ld", cpus) : NULL;
	fp->v[MP_FP_CORES] = cores > 0 ? mp_asprintf("%ld", cores) : NULL;
	fp->v[MP_FP_MEMORY] = memory_total(root);
	fp->v[MP_FP_KERNEL] = kernel_release(root, &u);
	fp->v[MP_FP_OS] = distribution(root);
	fp->v[MP_FP_GOVERNOR] = governor(root);
	fp->v[MP_FP_BOOST] = boost(root);
	fp->v[MP_FP_VIRT] = virtualisation(root);
	fp->v[MP_FP_CONTAINER] = container(root);
	fp->v[MP_FP_CPU_LIMIT] = cpu_limit(root, cpus, cpu);
	fp->v[MP_FP_MEM_LIMIT] =
		isfinite(mem) ? mp_asprintf("%.0f MiB", mem / 0x1p20) : strdup("none");
	fp->v[MP_FP_SELF] = strdup(MP_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (!fp->v[always[i]])
			return -ENOMEM;
	mp_fingerprint_identify(fp);
	return 0;
}

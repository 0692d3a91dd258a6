// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rival to beat: a reader of /proc in C, as lean as it can be made and still right.
 * For each process two descriptors are kept and read whole with one pread each (stat, io), a third
 * is the fd folder, whose st_size is the number of descriptors from Linux 6.2 on (counted by
 * getdents before). Membership: the last pid of /proc/loadavg tells whether anything was created
 * since the last tick; if it was little, just those numbers are tried, else /proc is listed and
 * only pids not seen before are looked at. reader SINK_PORT PHASE_MS ROOT_PID; prints ticks and
 * listings at its end (SIGTERM).
 */
#include "common.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#define MAX_PROCS 4096
#define PID_BITS  (1u << 22)
#define MAX_TRIED 24 /* new pids up to which trying each is cheaper than a listing */

struct proc {
	pid_t pid, ppid;
	int stat_fd, io_fd, fd_fd;
	bool worker;
	bool parent; /* a listener: some other worker's parent */
	uint64_t cpu, rss, rbytes, wbytes;
	unsigned fds, threads;
	uint64_t user, system;
};

static struct proc procs[MAX_PROCS];
static int n_procs, proc_dir, loadavg_fd;
static uint64_t seen[PID_BITS / 64]; /* pids looked at in an earlier listing */
static uint64_t last_pid, last_but_one, listings, ticks;
static bool fd_size_works;
static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static inline const char *number(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	while (*s >= '0' && *s <= '9')
		v = v * 10 + (uint64_t)(*s++ - '0');
	*ret = v;
	return s;
}

static inline const char *skip_fields(const char *s, int n)
{
	while (n > 0)
		if (*s++ == ' ')
			n--;
	return s;
}

/* The fields after "(comm) ": s is at field 3. */
static const char *after_comm(char *buf, ssize_t n)
{
	const char *s;

	buf[n] = '\0';
	s = strrchr(buf, ')');
	return s ? s + 2 : NULL;
}

static bool read_stat(struct proc *p)
{
	char buf[1024];
	ssize_t n = pread(p->stat_fd, buf, sizeof(buf) - 1, 0);
	const char *s;
	uint64_t v;

	if (n <= 0 || !(s = after_comm(buf, n)) || *s == 'Z')
		return false;
	s = number(skip_fields(s, 1), &v); /* 4 ppid */
	p->ppid = (pid_t)v;
	s = number(skip_fields(s, 10), &p->user); /* 14 */
	s = number(s + 1, &p->system);            /* 15 */
	s = number(skip_fields(s, 5), &v);        /* 20 num_threads */
	p->threads = (unsigned)v;
	number(skip_fields(s, 4), &p->rss); /* 24 rss in pages */
	return true;
}

static bool read_io(struct proc *p)
{
	char buf[512];
	ssize_t n = pread(p->io_fd, buf, sizeof(buf) - 1, 0);
	const char *s;

	if (n <= 0)
		return false;
	buf[n] = '\0';
	s = strstr(buf, "\nread_bytes: ");
	if (!s)
		return false;
	s = number(s + 13, &p->rbytes);
	number(s + 14, &p->wbytes); /* "\nwrite_bytes: " */
	return true;
}

static bool read_fds(struct proc *p)
{
	struct stat st;
	struct dirent *e;
	DIR *d;

	if (fd_size_works) {
		if (fstat(p->fd_fd, &st) < 0)
			return false;
		p->fds = (unsigned)st.st_size;
		return true;
	}
	d = fdopendir(openat(p->fd_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (!d)
		return false;
	p->fds = 0;
	while ((e = readdir(d)))
		p->fds += e->d_name[0] != '.';
	closedir(d);
	return true;
}

static void forget(int i)
{
	close(procs[i].stat_fd);
	close(procs[i].io_fd);
	close(procs[i].fd_fd);
	procs[i] = procs[--n_procs];
}

static struct proc *find(pid_t pid)
{
	for (int i = 0; i < n_procs; i++)
		if (procs[i].pid == pid)
			return &procs[i];
	return NULL;
}

/* False: the number of a thread, which can be opened although no listing shows it. */
static bool leads(pid_t pid)
{
	char name[64], buf[512];
	const char *s;
	uint64_t tgid;
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "%d/status", pid);
	fd = openat(proc_dir, name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	s = strstr(buf, "\nTgid:\t");
	if (!s)
		return false;
	number(s + 7, &tgid);
	return (pid_t)tgid == pid;
}

/* Takes pid in when it is the root or a member's child. */
static bool consider(pid_t pid, pid_t root)
{
	struct proc p = {.pid = pid};
	char name[64], cmd[4096];
	ssize_t n;
	int fd;

	if (find(pid) || n_procs == MAX_PROCS)
		return false;
	snprintf(name, sizeof(name), "%d/stat", pid);
	p.stat_fd = openat(proc_dir, name, O_RDONLY | O_CLOEXEC);
	if (p.stat_fd < 0)
		return false;
	if (!read_stat(&p) || (pid != root && !find(p.ppid))) {
		close(p.stat_fd);
		return false;
	}
	snprintf(name, sizeof(name), "%d/io", pid);
	p.io_fd = openat(proc_dir, name, O_RDONLY | O_CLOEXEC);
	snprintf(name, sizeof(name), "%d/fd", pid);
	p.fd_fd = openat(proc_dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(name, sizeof(name), "%d/cmdline", pid);
	fd = openat(proc_dir, name, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, cmd, sizeof(cmd) - 1);
	if (fd >= 0)
		close(fd);
	if (!leads(pid)) {
		close(p.stat_fd);
		close(p.io_fd);
		close(p.fd_fd);
		return false;
	}
	p.worker = n > 0 && memmem(cmd, (size_t)n, "model_service_worker.py", 23);
	if (p.worker && (find(p.ppid)))
		find(p.ppid)->parent = find(p.ppid)->worker;
	procs[n_procs++] = p;
	return true;
}

/* Lists /proc; new pids are tried until no pass adds one (a child's number may be the lower). */
static void list_new(pid_t root)
{
	static pid_t fresh[65536];
	int n = 0;
	struct dirent *e;
	DIR *d = fdopendir(openat(proc_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	bool more = true;

	if (!d)
		die("/proc");
	listings++;
	while ((e = readdir(d))) {
		uint64_t pid;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		number(e->d_name, &pid);
		if (pid >= PID_BITS || (seen[pid / 64] >> (pid % 64) & 1) || n == 65536)
			continue;
		seen[pid / 64] |= 1ull << (pid % 64);
		fresh[n++] = (pid_t)pid;
	}
	closedir(d);
	while (more) {
		more = false;
		for (int i = 0; i < n; i++)
			more |= consider(fresh[i], root);
	}
}

/*
 * Looks at what was created since the last tick. Numbers of the tick before are tried again: the
 * fork of one that was given out just then may not have been finished.
 */
static void look_for_new(pid_t root)
{
	const char *s;
	uint64_t pid;
	char buf[128];
	ssize_t n = pread(loadavg_fd, buf, sizeof(buf) - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	s = strrchr(buf, ' ');
	number(s ? s + 1 : buf, &pid);
	if (pid == last_but_one)
		return;
	if (pid < last_pid) /* the numbers began anew: each may mean another process now */
		memset(seen, 0, sizeof(seen));
	if (last_but_one == 0 || pid < last_pid || pid - last_but_one > MAX_TRIED)
		list_new(root);
	else
		for (uint64_t i = last_but_one + 1; i <= pid; i++)
			consider((pid_t)i, root);
	last_but_one = last_pid;
	last_pid = pid;
}

static int sample(char *line, size_t size, pid_t root)
{
	static uint64_t prev_front, prev_work, prev_ns;
	uint64_t user = 0, system = 0, front = 0, work = 0, frss = 0, wrss = 0, fds = 0,
		 threads = 0;
	uint64_t rbytes = 0, wbytes = 0, now;
	unsigned workers = 0, scripts = 0;
	double tick = (double)sysconf(_SC_CLK_TCK), dt;
	int n;

	look_for_new(root);
	now = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < n_procs; i++) {
		struct proc *p = &procs[i];

		if (!read_stat(p) || !read_io(p) || !read_fds(p)) {
			forget(i--);
			continue;
		}
		user += p->user;
		system += p->system;
		if (p->pid == root) {
			front = p->user + p->system;
			frss = p->rss;
		} else if (p->worker) {
			work += p->user + p->system;
			wrss += p->rss;
			scripts++;
			workers += !p->parent;
		}
		fds += p->fds;
		threads += p->threads;
		rbytes += p->rbytes;
		wbytes += p->wbytes;
	}
	dt = (double)(now - prev_ns) / 1e9;
	n = snprintf(line, size, "%.6g\t%.6g\t%.9g\t%.9g\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%u\t%u\t\n",
		     (double)(front - prev_front) / tick / dt * 100,
		     (double)(work - prev_work) / tick / dt * 100, (double)user / tick,
		     (double)system / tick, frss * 4096, wrss * 4096, fds, threads, rbytes, wbytes,
		     workers, scripts + 1);
	prev_front = front;
	prev_work = work;
	prev_ns = now;
	return n;
}

int main(int argc, char **argv)
{
	struct epoll_event e = {.events = EPOLLIN};
	struct sigaction term = {.sa_handler = on_term};
	int ep, tfd, s;
	struct stat st;
	pid_t root;

	if (argc != 4) {
		fprintf(stderr, "usage: reader SINK_PORT PHASE_MS ROOT_PID\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigaction(SIGTERM, &term, NULL);
	root = atoi(argv[3]);
	proc_dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	loadavg_fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	if (proc_dir < 0 || loadavg_fd < 0)
		die("/proc");
	fd_size_works = stat("/proc/self/fd", &st) == 0 && st.st_size > 0;
	s = sink_connect(atoi(argv[1]), "reader");
	tfd = timer_1hz(atoi(argv[2]));
	ep = epoll_create1(EPOLL_CLOEXEC);
	e.data.fd = tfd;
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &e) < 0)
		die("epoll");
	while (!ended) {
		uint64_t expired;
		char line[512];
		int n;

		if (epoll_wait(ep, &e, 1, -1) != 1 ||
		    read(tfd, &expired, sizeof(expired)) != sizeof(expired))
			continue;
		n = sample(line, sizeof(line), root);
		ticks++;
		if (send(s, line, (size_t)n, MSG_NOSIGNAL) < 0)
			break;
	}
	printf("{\"ticks\": %lu, \"listings\": %lu, \"fd_size\": %s}\n", ticks, listings,
	       fd_size_works ? "true" : "false");
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The opener (include/mmsperf/opener.h): both ends of its socket. One request, one answer, each one
 * message; nothing is allocated for a request. The process logs nothing, runs nothing and writes
 * nothing. Called by cli/agent.c (start) and by the readers of src/metrics (open).
 */
#include <mmsperf/opener.h>

#include <mmsperf/cleanup.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MAX_DIRS   8
#define TIMEOUT_MS 500 /* a file system that hangs must not hang the samples */

enum op { OP_ALLOW = 1, OP_SEAL, OP_OPEN };

struct request {
	uint32_t op;
	uint32_t serial; /* an answer that came too late is told from the next one */
	char path[PATH_MAX];
};
struct answer {
	int32_t result;
	uint32_t serial;
};

struct mp_opener {
	int fd;
	pid_t pid;
	uint32_t serial;
	bool sealed;
};

/* --- what is allowed ------------------------------------------------------------------------- */

static bool is_plain_path(const char *path)
{
	size_t len = strlen(path);

	if (path[0] != '/' || len >= PATH_MAX || !strncmp(path, "/proc/", 6) || strstr(path, "//"))
		return false;
	for (const char *p = path; p; p = strchr(p + 1, '/'))
		if ((!strncmp(p, "/.", 2) && (!p[2] || p[2] == '/')) ||
		    (!strncmp(p, "/..", 3) && (!p[3] || p[3] == '/')))
			return false;
	return true;
}

static bool is_hsperf(const char *path, const char *name)
{
	static const char prefix[] = "hsperfdata_";
	const char *dir = name - 1; /* the slash before the file's name */

	if (!isdigit((unsigned char)*name) || name[strspn(name, "0123456789")])
		return false;
	while (dir > path && dir[-1] != '/')
		dir--;
	return !strncmp(dir, prefix, sizeof(prefix) - 1);
}

enum mp_opener_rule mp_opener_rule(const char *path, char *const *dirs, size_t n_dirs,
				   size_t *ret_below)
{
	static const char *const logs[] = {"mms_metrics.log", "model_metrics.log",
					   "ts_metrics.log"};
	const char *name;
	size_t len;

	if (!is_plain_path(path))
		return MP_OPENER_NO;
	name = strrchr(path, '/') + 1;
	if (is_hsperf(path, name))
		return MP_OPENER_HSPERF;
	len = strlen(name);
	if (len < 5 || strcmp(name + len - 4, ".log") != 0)
		return MP_OPENER_NO;
	for (size_t i = 0; i < n_dirs; i++) {
		size_t n = strlen(dirs[i]);

		if (!strncmp(path, dirs[i], n) && path[n] == '/') {
			*ret_below = i;
			return MP_OPENER_LOG;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(logs); i++)
		if (!strcmp(name, logs[i]))
			return MP_OPENER_METRICS_LOG;
	return MP_OPENER_NO;
}

/* --- the process ----------------------------------------------------------------------------- */

struct child {
	int fd;
	char *dirs[MAX_DIRS];
	size_t n_dirs;
	bool sealed;
};

static int open_at(int dir, const char *path, uint64_t resolve)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
			       .resolve = resolve};
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static int open_allowed(const struct child *c, const char *path)
{
	static const unsigned char magic[4] = {0xca, 0xfe, 0xc0, 0xc0};
	_cleanup_close_ int fd = -1, dir = -1;
	unsigned char head[4];
	struct stat st;
	size_t below;

	switch (mp_opener_rule(path, c->dirs, c->n_dirs, &below)) {
	case MP_OPENER_NO:
		return -EPERM;
	case MP_OPENER_LOG:
		/* the folder is where it was allowed; nothing below leads out of it */
		dir = open(c->dirs[below], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return -errno;
		fd = open_at(dir, path + strlen(c->dirs[below]) + 1,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
		break;
	case MP_OPENER_HSPERF:
	case MP_OPENER_METRICS_LOG:
		fd = open_at(AT_FDCWD, path, RESOLVE_NO_MAGICLINKS);
		break;
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EPERM;
	if (mp_opener_rule(path, c->dirs, c->n_dirs, &below) == MP_OPENER_HSPERF &&
	    (pread(fd, head, sizeof(head), 0) != sizeof(head) ||
	     memcmp(head, magic, sizeof(magic)) != 0))
		return -ENODATA; /* a JVM that is just starting, or no JVM's file */
	return TAKE_FD(fd);
}

static int allow(struct child *c, const char *dir)
{
	if (c->sealed || !is_plain_path(dir) || !dir[1])
		return -EPERM;
	if (c->n_dirs == MAX_DIRS)
		return -ENOSPC;
	c->dirs[c->n_dirs] = strdup(dir);
	return c->dirs[c->n_dirs] ? (c->n_dirs++, 0) : -ENOMEM;
}

static bool send_answer(int sock, const struct answer *a, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)a, .iov_len = sizeof(*a)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *h;

		m.msg_control = control.buf;
		m.msg_controllen = sizeof(control.buf);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &fd, sizeof(fd));
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL) >= 0;
}

static void serve(struct child *c)
{
	static struct request q;
	ssize_t n;

	for (;;) {
		_cleanup_close_ int fd = -1;
		struct answer a = {.result = -EINVAL};

		n = recv(c->fd, &q, sizeof(q), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		if ((size_t)n == sizeof(q) && memchr(q.path, '\0', sizeof(q.path))) {
			a.serial = q.serial;
			if (q.op == OP_ALLOW) {
				a.result = allow(c, q.path);
			} else if (q.op == OP_SEAL) {
				c->sealed = true;
				a.result = 0;
			} else if (q.op == OP_OPEN) {
				fd = open_allowed(c, q.path);
				a.result = fd < 0 ? fd : 0;
			}
		}
		if (!send_answer(c->fd, &a, fd))
			return;
	}
}

static void free_caps(cap_t *c)
{
	if (*c)
		(void)cap_free(*c);
}

/* Another user, one capability, no way to more. */
static int shrink(const char *user)
{
	static const cap_value_t keep[] = {CAP_DAC_READ_SEARCH};
	_cleanup_(free_caps) cap_t caps = cap_init();

	if (!caps)
		return -errno;
	if (geteuid() == 0) {
		const struct passwd *pw = getpwnam(user ? user : "nobody");

		if (!pw)
			return -ENOENT;
		if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL) ||
		    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
		    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) ||
		    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0))
			return -errno;
	}
	(void)cap_reset_ambient(); /* not there before 4.3: then there is nothing to reset */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    cap_set_flag(caps, CAP_PERMITTED, 1, keep, CAP_SET) ||
	    cap_set_flag(caps, CAP_EFFECTIVE, 1, keep, CAP_SET) || cap_set_proc(caps))
		return -errno;
	return 0;
}

/* Nothing of the parent but the socket: a fork keeps links of BPF programs alive by their fds. */
static int leave_parent(int sock, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(null_fd, 2) < 0)
		return -errno;
	if (sock != 3 && dup2(sock, 3) < 0)
		return -errno;
	if (syscall(SYS_close_range, 4U, ~0U, 0U) < 0) {
		struct rlimit l;

		if (errno != ENOSYS || getrlimit(RLIMIT_NOFILE, &l) < 0)
			return -errno;
		for (rlim_t fd = 4; fd < l.rlim_cur && fd < 1 << 20; fd++)
			(void)close((int)fd);
	}
	if (chdir("/") < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

static void run_child(int sock, pid_t parent, const struct mp_opener_opts *opts)
{
	struct child c = {.fd = 3};
	struct answer a = {0};
	sigset_t none;

	/* the terminal's Ctrl-C is the agent's to obey: this process ends with it */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTERM, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (opts->in_child)
		opts->in_child(opts->arg);
	/* user names first: they may need files and sockets of their own */
	a.result = shrink(opts->user);
	if (a.result == 0)
		a.result =
			leave_parent(sock, parent); /* a change of user clears the death signal */
	else
		c.fd = sock;
	(void)prctl(PR_SET_NAME, "mmsperf-opener");
	if (send_answer(c.fd, &a, -1) && a.result == 0)
		serve(&c);
	_exit(0);
}

/* --- the collector's side -------------------------------------------------------------------- */

/* Takes the descriptor out of a message, also one nobody waits for any more. */
static int received_fd(struct msghdr *m)
{
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	int fd = -1;

	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
	    h->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	return fd;
}

static int wait_answer(struct mp_opener *o, uint32_t serial, int *ret_fd)
{
	for (;;) {
		struct pollfd p = {.fd = o->fd, .events = POLLIN};
		union {
			struct cmsghdr align;
			char buf[CMSG_SPACE(sizeof(int))];
		} control = {0};
		struct answer a;
		struct iovec iov = {.iov_base = &a, .iov_len = sizeof(a)};
		struct msghdr m = {.msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = control.buf,
				   .msg_controllen = sizeof(control.buf)};
		_cleanup_close_ int fd = -1;
		int r = poll(&p, 1, TIMEOUT_MS);
		ssize_t n;

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0)
			continue;
		n = recvmsg(o->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? -ETIMEDOUT : -EPIPE;
		if (n != sizeof(a))
			return -EPIPE;
		fd = received_fd(&m);
		if (a.serial != serial)
			continue; /* of a request that was given up */
		if (a.result < 0)
			return a.result;
		if (ret_fd) {
			if (fd < 0)
				return -EPIPE;
			*ret_fd = TAKE_FD(fd);
		}
		return 0;
	}
}

static int ask(struct mp_opener *o, enum op op, const char *path, int *ret_fd)
{
	static struct request q; /* one page; the collector has one thread */

	if (strlen(path) >= sizeof(q.path))
		return -ENAMETOOLONG;
	memset(&q, 0, sizeof(q));
	q.op = op;
	q.serial = ++o->serial;
	memcpy(q.path, path, strlen(path));
	if (send(o->fd, &q, sizeof(q), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -EPIPE;
	return wait_answer(o, q.serial, ret_fd);
}

static bool may_read_all(void)
{
	_cleanup_(free_caps) cap_t caps = cap_get_proc();
	cap_flag_value_t have;

	return caps && !cap_get_flag(caps, CAP_DAC_READ_SEARCH, CAP_PERMITTED, &have) &&
	       have == CAP_SET;
}

int mp_opener_start(const struct mp_opener_opts *opts, struct mp_opener **ret_opener)
{
	struct mp_opener *o;
	pid_t parent = getpid();
	int sock[2], r;

	if (!may_read_all())
		return -EPERM;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0) {
		r = -errno;
		free(o);
		return r;
	}
	o->fd = sock[0];
	o->pid = fork();
	if (o->pid == 0)
		run_child(sock[1], parent, opts);
	r = o->pid < 0 ? -errno : 0;
	(void)close(sock[1]);
	if (r == 0)
		r = wait_answer(o, 0, NULL);
	if (r < 0) {
		mp_opener_free(o);
		return r;
	}
	*ret_opener = o;
	return 0;
}

int mp_opener_allow(struct mp_opener *o, const char *dir)
{
	return o->sealed ? -EPERM : ask(o, OP_ALLOW, dir, NULL);
}

int mp_opener_seal(struct mp_opener *o)
{
	o->sealed = true;
	return ask(o, OP_SEAL, "", NULL);
}

int mp_opener_open(struct mp_opener *o, const char *path, int *ret_fd)
{
	return ask(o, OP_OPEN, path, ret_fd);
}

pid_t mp_opener_pid(const struct mp_opener *o)
{
	return o->pid;
}

/* It ends when its socket does. Stuck in a file system that hangs, it is not waited for. */
static void reap(pid_t pid)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	if (pidfd < 0 || poll(&p, 1, TIMEOUT_MS) == 1)
		(void)waitpid(pid, NULL, pidfd < 0 ? 0 : WNOHANG);
}

void mp_opener_free(struct mp_opener *o)
{
	if (!o)
		return;
	if (o->fd >= 0)
		(void)close(o->fd);
	if (o->pid > 0)
		reap(o->pid);
	free(o);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The place of an agent: paths, lock, stop, tidying up. Owns the pid file and its lock, and the
 * helper that removes both once the agent, now another user, no longer may. Does not listen.
 * Called by cli/agent.c.
 */
#include "sinks/instance.h"

#include "sinks/listen.h"

#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TIDY_WAIT_MS                                                                               \
	1000 /* unlinking three files; more means the disk hangs, so do not wait on                \
	      */

static char *default_path(struct mp_diag *d)
{
	const char *env = getenv("MMSPERF_SOCKET"), *run = getenv("XDG_RUNTIME_DIR");
	char *s;

	if (env && *env)
		s = strdup(env);
	else if (geteuid() == 0)
		s = strdup("/run/mmsperf/agent.sock");
	else if (run && *run)
		s = mp_asprintf("%s/mmsperf/agent.sock", run);
	else
		s = mp_asprintf("/tmp/mmsperf-%u/agent.sock", (unsigned)geteuid());
	if (!s)
		(void)mp_diag_set(d, -ENOMEM, NULL, 0, 0, "out of memory");
	return s;
}

int mp_instance_init(struct mp_instance *i, const char *path, struct mp_diag *d)
{
	_cleanup_free_ char *sock = path ? strdup(path) : default_path(d);
	char *slash;
	size_t stem;

	*i = MP_INSTANCE_INIT;
	if (!sock)
		return -ENOMEM;
	if (sock[0] != '/') {
		/* The agent changes its directory and its user; a relative path would get lost. */
		_cleanup_free_ char *cwd = getcwd(NULL, 0);
		char *abs = cwd ? mp_path_join(cwd, sock) : NULL;

		if (!abs)
			return mp_diag_set(d, -errno, NULL, 0, 0, "cannot resolve '%s': %s", sock,
					   strerror(errno));
		free(sock);
		sock = abs;
	}
	slash = strrchr(sock, '/');
	if (!slash[1] || slash == sock)
		return mp_diag_set(d, -EINVAL, NULL, 0, 0,
				   "--unix '%s': a file name inside a directory is needed", sock);
	i->dir = strndup(sock, (size_t)(slash - sock));
	stem = strlen(sock);
	if (mp_ends_with(slash, ".sock"))
		stem -= strlen(".sock");
	i->pid = mp_asprintf("%.*s.pid", (int)stem, sock);
	i->log = mp_asprintf("%.*s.log", (int)stem, sock);
	i->sock = TAKE_PTR(sock);
	if (!i->dir || !i->pid || !i->log)
		return mp_diag_set(d, -ENOMEM, NULL, 0, 0, "out of memory");
	return 0;
}

/*
 * Our own directory (the default place) is handed to the user the agent becomes, so that it can
 * remove its files itself. One that was there before is left as it is.
 */
static int make_dir(struct mp_instance *i, uid_t uid, gid_t gid, struct mp_diag *d)
{
	bool root = geteuid() == 0, ours;
	struct stat st;
	int r;

	if (lstat(i->dir, &st) < 0) {
		r = mp_mkdir_p(i->dir, root ? 0755 : 0700);
		if (r < 0)
			return mp_diag_set(d, r, NULL, 0, 0, "cannot make the directory '%s': %s",
					   i->dir, strerror(-r));
		i->made_dir = true;
	}
	if (stat(i->dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return mp_diag_set(d, -ENOTDIR, NULL, 0, 0, "'%s' is not a directory", i->dir);
	ours = i->made_dir || !strcmp(i->dir, "/run/mmsperf");
	if (root && ours && (st.st_uid != uid || (st.st_mode & 07777) != 0755) &&
	    (chown(i->dir, uid, gid) < 0 || chmod(i->dir, 0755) < 0))
		return mp_diag_set(d, -errno, NULL, 0, 0, "cannot hand over '%s': %s", i->dir,
				   strerror(errno));
	/* Below /tmp anybody could have made it first, and would own our socket. */
	if (!root && mp_starts_with(i->dir, "/tmp/mmsperf-") &&
	    (st.st_uid != geteuid() || (st.st_mode & 022)))
		return mp_diag_set(d, -EPERM, NULL, 0, 0,
				   "'%s' belongs to somebody else; choose a place with --unix",
				   i->dir);
	return 0;
}

static pid_t lock_owner(int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_GETLK, &l) < 0 || l.l_type == F_UNLCK)
		return 0;
	return l.l_pid;
}

pid_t mp_instance_pid(const struct mp_instance *i)
{
	_cleanup_close_ int fd = open(i->pid, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? 0 : lock_owner(fd);
}

static int take_lock(struct mp_instance *i, pid_t *ret_pid, struct mp_diag *d)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	for (;;) {
		_cleanup_close_ int fd = -1;
		struct stat mine, there;
		char text[16];
		int n;

		fd = open(i->pid, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
		if (fd < 0)
			return mp_diag_set(d, -errno, NULL, 0, 0, "cannot write '%s': %s", i->pid,
					   strerror(errno));
		if (fcntl(fd, F_SETLK, &l) < 0) {
			if (errno != EACCES && errno != EAGAIN)
				return mp_diag_set(d, -errno, NULL, 0, 0, "cannot lock '%s': %s",
						   i->pid, strerror(errno));
			*ret_pid = lock_owner(fd);
			return mp_diag_set(d, -EEXIST, NULL, 0, 0,
					   "an agent already runs at '%s' (pid %d)", i->sock,
					   (int)*ret_pid);
		}
		/* The one before us may have removed the file while we waited for nothing. */
		if (fstat(fd, &mine) < 0 || stat(i->pid, &there) < 0 ||
		    mine.st_ino != there.st_ino || mine.st_dev != there.st_dev)
			continue;
		n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
		if (ftruncate(fd, 0) < 0 || mp_write_all(fd, text, (size_t)n) < 0) {
			(void)unlink(i->pid);
			return mp_diag_set(d, -EIO, NULL, 0, 0, "cannot write '%s'", i->pid);
		}
		i->lock_fd = TAKE_FD(fd);
		return 0;
	}
}

void mp_instance_rename(int argc, char **argv, const char *name)
{
	size_t room;

	if (argc < 1)
		return;
	room = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);
	memset(argv[0], 0, room);
	(void)snprintf(argv[0], room + 1, "%s", name);
}

static void remove_files(const char *sock, const char *pid, const char *dir)
{
	if (sock)
		(void)unlink(sock);
	(void)unlink(pid);
	if (dir)
		(void)rmdir(dir); /* fails while a log or somebody else's file is in it */
}

/* Runs as whoever started the agent, holding nothing but one end of a pipe, until the agent ends.
 */
static _Noreturn void tidy(const struct mp_instance *i, int fd)
{
	sigset_t all;
	char c;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	(void)dup2(fd, 0);
	(void)syscall(SYS_close_range, 1U, ~0U, 0U);
	while (read(0, &c, 1) < 0 && errno == EINTR)
		;
	remove_files(i->sock, i->pid, i->made_dir ? i->dir : NULL);
	_exit(0);
}

static int start_tidier(struct mp_instance *i, int argc, char **argv, struct mp_diag *d)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return mp_diag_set(d, -errno, NULL, 0, 0, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		(void)close(fds[1]);
		(void)prctl(PR_SET_NAME, "mmsperf-tidy");
		mp_instance_rename(argc, argv, "(tidies up)");
		tidy(i, fds[0]);
	}
	(void)close(fds[0]);
	if (pid < 0) {
		(void)close(fds[1]);
		return mp_diag_set(d, -errno, NULL, 0, 0, "fork: %s", strerror(errno));
	}
	i->tidier = pid;
	i->tidier_fd = fds[1];
	return 0;
}

int mp_instance_claim(struct mp_instance *i, uid_t uid, gid_t gid, int argc, char **argv,
		      pid_t *ret_pid, struct mp_diag *d)
{
	struct stat st;
	int r;

	r = make_dir(i, uid, gid, d);
	if (r < 0)
		return r;
	r = take_lock(i, ret_pid, d);
	if (r < 0)
		return r;
	if (uid != geteuid() && stat(i->dir, &st) == 0 && st.st_uid != uid)
		return start_tidier(i, argc, argv, d);
	return 0;
}

int mp_instance_stop(struct mp_instance *i, double grace_s, pid_t *ret_pid)
{
	_cleanup_close_ int fd = open(i->pid, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	_cleanup_close_ int pidfd = -1;
	struct pollfd p;
	pid_t pid;
	int r;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ESRCH : -errno;
	pid = lock_owner(fd);
	if (!pid)
		goto gone;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* Asked again now that the pid cannot be reused: still the one that holds the lock? */
	if (pidfd < 0 || lock_owner(fd) != pid)
		goto gone;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) < 0)
		return -errno;
	p = (struct pollfd){.fd = pidfd, .events = POLLIN};
	r = poll(&p, 1, (int)(grace_s * 1000));
	if (r == 0) {
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		r = poll(&p, 1, 5000);
	}
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	remove_files(i->sock, i->pid, NULL);
	*ret_pid = pid;
	return 0;
gone:
	(void)mp_listen_clear(i->sock, NULL);
	remove_files(NULL, i->pid, NULL);
	return -ESRCH;
}

void mp_instance_done(struct mp_instance *i)
{
	if (i->lock_fd >= 0) {
		/* Files first, lock last: whoever gets the lock finds a free place. */
		if (i->tidier) {
			int pidfd = (int)syscall(SYS_pidfd_open, i->tidier, 0);
			struct pollfd p = {.fd = pidfd, .events = POLLIN};

			(void)close(i->tidier_fd);
			if (pidfd >= 0 && poll(&p, 1, TIDY_WAIT_MS) == 1)
				(void)waitpid(i->tidier, NULL, 0);
			if (pidfd >= 0)
				(void)close(pidfd);
		} else {
			remove_files(i->sock, i->pid, i->made_dir ? i->dir : NULL);
		}
		(void)close(i->lock_fd);
	}
	free(i->dir);
	free(i->sock);
	free(i->pid);
	free(i->log);
	*i = MP_INSTANCE_INIT;
}

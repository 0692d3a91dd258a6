// SPDX-License-Identifier: GPL-2.0-only
/* Whole reads with a bound, atomic writes, folders. */
#include <mmsperf/fs.h>

#include <mmsperf/cleanup.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int read_fd(int fd, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *buf = NULL;
	size_t len = 0, cap = 0;
	struct stat st;

	if (max >= SIZE_MAX / 2)
		return -EINVAL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		cap = (size_t)st.st_size < max ? (size_t)st.st_size + 1 : max + 1;
	if (cap < 4096)
		cap = 4096;
	buf = malloc(cap + 1);
	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n;

		if (len > max)
			return -EFBIG;
		if (len == cap) {
			char *bigger = realloc(buf, cap * 2 + 1);

			if (!bigger)
				return -ENOMEM;
			buf = bigger;
			cap *= 2;
		}
		n = read(fd, buf + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	*ret_len = len;
	*ret = TAKE_PTR(buf);
	return 0;
}

int mp_read_file(const char *path, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return read_fd(fd, max, ret, ret_len);
}

int mp_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int mp_write_file(const char *path, const void *data, size_t len, mode_t mode)
{
	_cleanup_free_ char *tmp = mp_asprintf("%s.tmp.%d", path, (int)getpid());
	_cleanup_close_ int fd = -1;
	int r;

	if (!tmp)
		return -ENOMEM;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	r = mp_write_all(fd, data, len);
	if (!r && fsync(fd) < 0)
		r = -errno;
	if (!r && rename(tmp, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(tmp);
	return r;
}

int mp_copy_file(const char *from, const char *to)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	char buf[16384];
	ssize_t n;

	if (in < 0)
		return -errno;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0)
		return -errno;
	while ((n = read(in, buf, sizeof(buf))) != 0) {
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		r = mp_write_all(out, buf, (size_t)n);
		if (r < 0)
			return r;
	}
	return 0;
}

int mp_mkdir_p(const char *path, mode_t mode)
{
	_cleanup_free_ char *p = strdup(path);

	if (!p)
		return -ENOMEM;
	for (char *s = p + 1; *p && *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return -errno;
		*s = '/';
	}
	if (mkdir(p, mode) < 0 && errno != EEXIST)
		return -errno;
	return mp_is_dir(path) ? 0 : -ENOTDIR;
}

static int rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) < 0 && errno != ENOENT ? -errno : 0;
}

int mp_rm_rf(const char *path)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	r = nftw(path, rm_one, 16, FTW_DEPTH | FTW_PHYS);
	return r == -1 ? -errno : r;
}

bool mp_is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

bool mp_is_file(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode);
}

int mp_symlink_atomic(const char *target, const char *link)
{
	_cleanup_free_ char *tmp = mp_asprintf("%s.tmp.%d", link, (int)getpid());
	int r = 0;

	if (!tmp)
		return -ENOMEM;
	(void)unlink(tmp);
	if (symlink(target, tmp) < 0)
		return -errno;
	if (rename(tmp, link) < 0) {
		r = -errno;
		(void)unlink(tmp);
	}
	return r;
}

char *mp_path_join(const char *dir, const char *name)
{
	size_t n = dir ? strlen(dir) : 0;

	if (!n || name[0] == '/')
		return strdup(name);
	return mp_asprintf("%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

char *mp_find_program(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return mp_is_file(name) && !access(name, X_OK) ? realpath(name, NULL) : NULL;
	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t n = strcspn(p, ":");
		_cleanup_free_ char *full =
			n ? mp_asprintf("%.*s/%s", (int)n, p, name) : mp_asprintf("./%s", name);

		if (full && mp_is_file(full) && !access(full, X_OK))
			return TAKE_PTR(full);
		p += n;
		p += *p == ':';
	}
	return NULL;
}

int mp_path_relative(const char *from, const char *to, char **ret)
{
	_cleanup_free_ char *a = realpath(from, NULL), *b = a ? realpath(to, NULL) : NULL;
	_cleanup_buf_ struct mp_buf path = {0};
	size_t same = 0;

	if (!b)
		return -errno;
	for (size_t i = 0;; i++) {
		if ((!a[i] || a[i] == '/') && (!b[i] || b[i] == '/'))
			same = i;
		if (!a[i] || a[i] != b[i])
			break;
	}
	mp_buf_puts(&path, "");
	for (const char *p = a + same; *p; p++)
		if (*p == '/' && p[1])
			mp_buf_puts(&path, "../");
	if (b[same] && b[same + 1])
		mp_buf_printf(&path, "%s/", b + same + 1);
	if (path.failed)
		return -ENOMEM;
	*ret = TAKE_PTR(path.s);
	return 0;
}

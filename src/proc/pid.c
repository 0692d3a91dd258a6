// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parsers of /proc/PID/{stat,status,io,cmdline}. They take the text, so that tests need no process,
 * and never trust it: comm may hold spaces, parentheses and newlines, fields may be missing.
 */
#include "proc/pid.h"

#include <mmsperf/abi.h>
#include <mmsperf/cleanup.h>
#include <mmsperf/clock.h>
#include <mmsperf/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t mp_tick_ns(void)
{
	static uint64_t ns;

	if (!ns) {
		long hz = sysconf(_SC_CLK_TCK);

		ns = MP_NSEC_PER_SEC / (uint64_t)(hz > 0 ? hz : 100);
	}
	return ns;
}

uint64_t mp_page_size(void)
{
	static uint64_t size;

	if (!size)
		size = (uint64_t)sysconf(_SC_PAGESIZE);
	return size;
}

int mp_pid_stat_parse(const char *buf, struct mp_pid_stat *ret)
{
	/* proc_pid_stat(5): comm is field 2 and may hold anything, so count from its last ')'. */
	enum {
		STATE = 3,
		PPID = 4,
		FLAGS = 9,
		MINFLT = 10,
		MAJFLT = 12,
		UTIME = 14,
		STIME = 15,
		THREADS = 20,
		START = 22,
		STARTSTACK = 28,
		BLKIO = 42,
		EXIT_CODE = 52
	};
	const char *open = strchr(buf, '('), *close = strrchr(buf, ')');
	struct mp_pid_stat st = {0};
	size_t len;
	char *p;

	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return -EINVAL;
	st.pid = (pid_t)strtol(buf, NULL, 10);
	len = (size_t)(close - open - 1);
	if (len >= sizeof(st.comm))
		len = sizeof(st.comm) - 1;
	memcpy(st.comm, open + 1, len);
	st.state = close[2];
	p = (char *)close + 3;
	for (int field = PPID; field <= EXIT_CODE; field++) {
		char *end;
		uint64_t v = strtoull(p, &end, 10);

		if (end == p) {
			/* older kernels have fewer fields, but none lacks the start time */
			if (field <= START)
				return -EINVAL;
			break;
		}
		p = end;
		switch (field) {
		case PPID:
			st.ppid = (pid_t)v;
			break;
		case FLAGS:
			st.flags = (unsigned)v;
			break;
		case MINFLT:
			st.minflt = v;
			break;
		case MAJFLT:
			st.majflt = v;
			break;
		case UTIME:
			st.utime = v;
			break;
		case STIME:
			st.stime = v;
			break;
		case THREADS:
			st.threads = (uint32_t)v;
			break;
		case START:
			st.start = v;
			break;
		case STARTSTACK:
			st.start_stack = v;
			break;
		case BLKIO:
			st.blkio = v;
			break;
		case EXIT_CODE:
			st.exit_code = (uint32_t)v;
			break;
		}
	}
	*ret = st;
	return 0;
}

/* Value of the line "NAME:\t123 kB" or "NAME: 123"; *at moves on, as lines come in a fixed order.
 */
static bool line_value(const char **at, const char *name, uint64_t *ret)
{
	const char *p = strstr(*at, name);

	if (!p)
		return false;
	p += strlen(name);
	*ret = strtoull(p, NULL, 10);
	*at = p;
	return true;
}

bool mp_pid_status_parse(const char *buf, uint64_t page_size, struct mp_rec *r)
{
	uint64_t size, hwm, anon, file, shmem, swap, kb = page_size / 1024;
	const char *p = buf;

	/* the order of task_mem() in fs/proc/task_mmu.c, unchanged since RssAnon came with 4.5 */
	if (!line_value(&p, "\nVmSize:", &size) || !line_value(&p, "\nVmHWM:", &hwm) ||
	    !line_value(&p, "\nRssAnon:", &anon) || !line_value(&p, "\nRssFile:", &file) ||
	    !line_value(&p, "\nRssShmem:", &shmem) || !line_value(&p, "\nVmSwap:", &swap))
		return false;
	r->vm_pages = size / kb;
	r->hiwater_pages = hwm / kb;
	r->rss_anon_pages = anon / kb;
	r->rss_file_pages = file / kb;
	r->rss_shmem_pages = shmem / kb;
	r->swap_pages = swap / kb;
	return true;
}

bool mp_pid_io_parse(const char *buf, struct mp_rec *r)
{
	uint64_t rchar, wchar, syscr, syscw, rd, wr;
	const char *p = buf;

	if (!line_value(&p, "rchar:", &rchar) || !line_value(&p, "wchar:", &wchar) ||
	    !line_value(&p, "syscr:", &syscr) || !line_value(&p, "syscw:", &syscw) ||
	    !line_value(&p, "read_bytes:", &rd) || !line_value(&p, "\nwrite_bytes:", &wr))
		return false;
	r->rchar = rchar;
	r->wchar = wchar;
	r->syscr = syscr;
	r->syscw = syscw;
	r->read_bytes = rd;
	r->write_bytes = wr;
	return true;
}

bool mp_pid_is_dead(const struct mp_pid_stat *st)
{
	return (st->state == 'Z' || st->state == 'X' || st->state == 'x') && st->threads <= 1;
}

int mp_pid_stat_read(pid_t pid, struct mp_pid_stat *ret)
{
	_cleanup_free_ char *text = NULL;
	char path[32];
	size_t len;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	r = mp_read_file(path, MP_PID_BUF, &text, &len);
	return r < 0 ? r : mp_pid_stat_parse(text, ret);
}

int mp_pid_cmdline(pid_t pid, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	size_t len = 0, cap = 1024;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	text = malloc(cap);
	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, text + len, cap - len - 1);
		char *more;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len + 1 < cap)
			continue;
		if (cap >= MP_CMDLINE_MAX)
			break; /* what decides stands at the beginning: cut, do not refuse */
		more = realloc(text, cap * 2);
		if (!more)
			return -ENOMEM;
		text = more;
		cap *= 2;
	}
	while (len > 0 && text[len - 1] == '\0')
		len--;
	text[len] = '\0';
	*ret_len = len;
	*ret = TAKE_PTR(text);
	return 0;
}

char *mp_cmd_join(const char *argv, size_t len)
{
	char *s;

	while (len > 0 && argv[len - 1] == '\0')
		len--;
	s = malloc(len + 1);
	if (!s)
		return NULL;
	for (size_t i = 0; i < len; i++)
		s[i] = argv[i] ? argv[i] : ' ';
	s[len] = '\0';
	return s;
}

const char *mp_cmd_arg(const char *argv, size_t len, size_t i)
{
	size_t at = 0;

	for (; at < len && i; i--)
		at += strnlen(argv + at, len - at) + 1;
	return at < len ? argv + at : NULL;
}

const char *mp_cmd_program(const char *argv, size_t len)
{
	const char *name = len ? argv : "", *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

/* Programs whose arguments name another program: never the server themselves. */
static bool carries_a_command(const char *program)
{
	static const char *const names[] = {"chrt",  "env",   "grep",    "egrep",   "nice",
					    "nohup", "pgrep", "pkill",   "setsid",  "strace",
					    "sudo",  "su",    "taskset", "timeout", "watch"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(program, names[i]))
			return true;
	return false;
}

bool mp_cmd_is_frontend(const char *argv, size_t len)
{
	static const char *const classes[] = {"com.amazonaws.ml.mms.ModelServer",
					      "org.pytorch.serve.ModelServer"};
	const char *arg;

	if (carries_a_command(mp_cmd_program(argv, len)))
		return false;
	/* a whole argument, and not the first: `sh -c "java ... ModelServer"` is no server */
	for (size_t i = 1; (arg = mp_cmd_arg(argv, len, i)); i++)
		for (size_t k = 0; k < ARRAY_SIZE(classes); k++)
			if (!strcmp(arg, classes[k]))
				return true;
	return false;
}

const char *mp_cmd_model(const char *argv, size_t len)
{
	static const char opt[] = "--model-name";
	const char *arg;

	for (size_t i = 1; (arg = mp_cmd_arg(argv, len, i)); i++) {
		if (strncmp(arg, opt, sizeof(opt) - 1))
			continue;
		arg += sizeof(opt) - 1;
		if (*arg == '=')
			return arg[1] ? arg + 1 : NULL;
		if (*arg == '\0') {
			arg = mp_cmd_arg(argv, len, i + 1);
			return arg && *arg ? arg : NULL;
		}
	}
	return NULL;
}

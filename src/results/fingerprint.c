// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fingerprint as a value: its fields, the id that says whether two runs may be compared, what
 * differs in words, and the versions of the tools from the logs they left. The machine itself is
 * read by machine.c. Called by suite/runner.c, runjson.c, index.c and report/.
 */
#include <mmsperf/fingerprint.h>

#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_HEAD (256 * 1024) /* versions are said when a program starts */

struct field {
	const char *key, *title;
	bool decides;
	/* The part of the value that decides, into buf; NULL: all of it. */
	const char *(*reduce)(const char *value, char *buf, size_t size);
};

/* MemTotal is what the kernel left over: it moves by some MiB with the kernel's own size. */
static const char *to_gib(const char *value, char *buf, size_t size)
{
	double bytes;

	if (mp_parse_size(value, &bytes) < 0)
		return value;
	(void)snprintf(buf, size, "%.0f GiB", round(bytes / 0x1p30));
	return buf;
}

/* "6.18.44-fc-v669" -> "6.18": a kernel's own fixes are no other environment. */
static const char *two_numbers(const char *value, char *buf, size_t size)
{
	size_t n = strcspn(value, ".");

	if (value[n] == '.')
		n += 1 + strspn(value + n + 1, "0123456789");
	(void)snprintf(buf, size, "%.*s", (int)n, value);
	return buf;
}

static const struct field fields[] = {
	[MP_FP_CPU] = {"cpu", "Processor", true, NULL},
	[MP_FP_ARCH] = {"arch", "Architecture", true, NULL},
	[MP_FP_CPUS] = {"cpus", "CPUs", true, NULL},
	[MP_FP_CORES] = {"cores", "Cores", true, NULL},
	[MP_FP_MEMORY] = {"memory", "Memory", true, to_gib},
	[MP_FP_KERNEL] = {"kernel", "Kernel", true, two_numbers},
	[MP_FP_OS] = {"os", "Distribution", false, NULL},
	[MP_FP_GOVERNOR] = {"governor", "Frequency governor", true, NULL},
	[MP_FP_BOOST] = {"boost", "Frequency boost", true, NULL},
	[MP_FP_VIRT] = {"virtualisation", "Virtualisation", true, NULL},
	[MP_FP_CONTAINER] = {"container", "Container", true, NULL},
	[MP_FP_CPU_LIMIT] = {"cpu_limit", "CPU limit", true, NULL},
	[MP_FP_MEM_LIMIT] = {"memory_limit", "Memory limit", true, NULL},
	[MP_FP_SELF] = {"mmsperf_bpf", "mmsperf-bpf", false, NULL},
	[MP_FP_BZT] = {"bzt", "Taurus", false, NULL},
	[MP_FP_JMETER] = {"jmeter", "JMeter", false, NULL},
	[MP_FP_JAVA] = {"java", "Java", false, NULL},
	[MP_FP_SERVER] = {"server", "Server", false, NULL},
	[MP_FP_PYTHON] = {"python", "Python of the workers", false, NULL},
};
_Static_assert(ARRAY_SIZE(fields) == _MP_FP_MAX, "every field has a row");

const char *mp_fp_key(enum mp_fp_field f)
{
	return fields[f].key;
}

const char *mp_fp_title(enum mp_fp_field f)
{
	return fields[f].title;
}

void mp_fingerprint_done(struct mp_fingerprint *fp)
{
	for (int f = 0; f < _MP_FP_MAX; f++)
		free(fp->v[f]);
	*fp = (struct mp_fingerprint){0};
}

static const char *deciding_part(enum mp_fp_field f, const char *value, char *buf, size_t size)
{
	return fields[f].reduce ? fields[f].reduce(value, buf, size) : value;
}

void mp_fingerprint_identify(struct mp_fingerprint *fp)
{
	char hex[SHA256_DIGEST_STRING_LENGTH], part[128];
	SHA2_CTX c;

	SHA256Init(&c);
	for (int f = 0; f < _MP_FP_MAX; f++) {
		const char *v = fp->v[f] ? fp->v[f] : "";

		if (!fields[f].decides)
			continue;
		v = deciding_part(f, v, part, sizeof(part));
		/* with their names and ends, so that no two lists of values read the same */
		SHA256Update(&c, (const uint8_t *)fields[f].key, strlen(fields[f].key) + 1);
		SHA256Update(&c, (const uint8_t *)v, strlen(v) + 1);
	}
	(void)SHA256End(&c, hex);
	(void)snprintf(fp->id, sizeof(fp->id), "%.*s", MP_FP_ID_LEN, hex);
}

const char *mp_fingerprint_diff(const struct mp_fingerprint *a, const struct mp_fingerprint *b,
				char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int f = 0; f < _MP_FP_MAX; f++) {
		char x[128], y[128];
		int n;

		if (!a->v[f] || !b->v[f] ||
		    !strcmp(deciding_part(f, a->v[f], x, sizeof(x)),
			    deciding_part(f, b->v[f], y, sizeof(y))))
			continue;
		n = snprintf(buf + len, size - len, "%s%s %s / %s", len ? ", " : "",
			     fields[f].title, a->v[f], b->v[f]);
		if (n < 0 || (size_t)n >= size - len)
			break; /* what did not fit was cut: the buffer is full */
		len += (size_t)n;
	}
	return buf;
}

/* --- versions from logs ---------------------------------------------------------------------- */

/* The first bytes of a log as text; NULL when it is not there. */
static char *read_head(const char *dir, const char *name)
{
	_cleanup_free_ char *path = mp_path_join(dir, name), *buf = malloc(LOG_HEAD + 1);
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	size_t len = 0;
	ssize_t n;

	if (fd < 0 || !buf)
		return NULL;
	while (len < LOG_HEAD && (n = read(fd, buf + len, LOG_HEAD - len)) > 0)
		len += (size_t)n;
	for (size_t i = 0; i < len; i++)
		if (!buf[i])
			buf[i] = ' ';
	buf[len] = '\0';
	return TAKE_PTR(buf);
}

/* The word after `after` into *slot, unless it is set or the word begins with no letter or digit.
 */
static int take_word(const char *log, const char *after, const char *prefix, char **slot)
{
	const char *p = log && !*slot ? strstr(log, after) : NULL;
	size_t n;

	if (!p)
		return 0;
	p += strlen(after);
	n = strcspn(p, " \t\r\n,;\"'");
	if (!n || n > 60 || !isalnum((unsigned char)*p))
		return 0;
	*slot = mp_asprintf("%s%.*s", prefix, (int)n, p);
	return *slot ? 0 : -ENOMEM;
}

int mp_fingerprint_suite_logs(const char *suite_dir, struct mp_fingerprint *fp)
{
	_cleanup_free_ char *jmeter = NULL, *bzt = NULL;
	int r;

	if (fp->v[MP_FP_JMETER] && fp->v[MP_FP_JAVA] && fp->v[MP_FP_BZT])
		return 0;
	jmeter = read_head(suite_dir, "jmeter.log");
	bzt = read_head(suite_dir, "bzt.log");
	r = take_word(jmeter, "JMeter: Version ", "", &fp->v[MP_FP_JMETER]);
	if (!r)
		r = take_word(jmeter, "JMeter: java.version=", "", &fp->v[MP_FP_JAVA]);
	if (!r)
		r = take_word(bzt, "Taurus CLI Tool v", "", &fp->v[MP_FP_BZT]);
	return r;
}

/* MMS names its home, not its version: what pip installed there says it. */
static int take_installed(const char *log, char **slot)
{
	static const char package[] = "multi_model_server-";
	const char *home = log && !*slot ? strstr(log, "MMS Home: ") : NULL;
	_cleanup_free_ char *pattern = NULL;
	glob_t g = {0};
	int r = 0;

	if (!home)
		return 0;
	home += strlen("MMS Home: ");
	pattern = mp_asprintf("%.*s/%s*.dist-info", (int)strcspn(home, "\r\n"), home, package);
	if (!pattern)
		return -ENOMEM;
	if (!glob(pattern, GLOB_NOSORT, NULL, &g) && g.gl_pathc == 1) {
		const char *version = strrchr(g.gl_pathv[0], '/') + sizeof(package);

		*slot = mp_asprintf("Multi Model Server %.*s",
				    (int)(strlen(version) - strlen(".dist-info")), version);
		r = *slot ? 0 : -ENOMEM;
	}
	globfree(&g);
	return r;
}

int mp_fingerprint_server_log(const char *log, struct mp_fingerprint *fp)
{
	_cleanup_free_ char *text = log ? read_head("", log) : NULL;
	int r = take_word(text, "Torchserve version: ", "TorchServe ", &fp->v[MP_FP_SERVER]);

	if (!r)
		r = take_installed(text, &fp->v[MP_FP_SERVER]);
	if (!r)
		r = take_word(text, "Python runtime: ", "", &fp->v[MP_FP_PYTHON]);
	return r;
}

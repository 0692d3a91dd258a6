// SPDX-License-Identifier: GPL-2.0-only
/* `mmsperf-bpf doctor`: programs that suites need and libraries in use, with their versions. */
#include "cli/doctor.h"

#include "kernel/features.h"
#include "suite/tools.h"

#include <mmsperf/child.h>
#include <mmsperf/cleanup.h>
#include <mmsperf/fs.h>
#include <mmsperf/str.h>
#include <mmsperf/suite.h>

#include <curl/curl.h>
#include <fcntl.h>
#include <jansson.h>
#include <libxml/xmlversion.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

/* First line that a program prints for argv; false when it cannot be run or takes too long. */
static bool version_of(const char *const *argv, char *line, size_t size)
{
	struct mp_child_opts o = {0};
	struct mp_child child = MP_CHILD_INIT;
	_cleanup_close_ int in = -1, out = -1;
	ssize_t n, total = 0;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	in = fds[0];
	out = fds[1];
	o.stdout_fd = o.stderr_fd = out;
	o.die_with_parent = true;
	if (mp_child_start(argv, &o, &child) < 0)
		return false;
	if (mp_child_wait(&child, 20) < 0)
		(void)mp_child_stop(&child, SIGTERM, 1);
	close(TAKE_FD(out));
	(void)fcntl(in, F_SETFL, O_NONBLOCK); /* a stray grandchild may still hold the other end */
	while ((size_t)total < size - 1 &&
	       (n = read(in, line + total, size - 1 - (size_t)total)) > 0)
		total += n;
	line[total] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return total > 0 && mp_child_code(&child) == 0;
}

static void check_program(const struct mp_check *c, struct mp_check_result *f)
{
	_cleanup_free_ char *path = mp_find_program(c->arg);
	const char *const argv[] = {path, "--version", NULL};
	char line[200];

	if (!path)
		mp_found(f, MP_FOUND_MISSING, "not found");
	else if (version_of(argv, line, sizeof(line)))
		mp_found(f, MP_FOUND_OK, "%.120s (%.150s)", line, path);
	else
		mp_found(f, MP_FOUND_MISSING, "%.200s does not answer to --version", path);
}

/*
 * bzt tells its version only when it runs something: its own Python is asked, the one that the
 * script's first line names.
 */
static void check_python_of(struct mp_check_result *f, const char *script, bool python_itself)
{
	char line[200], version[200] = "";
	const char *argv[] = {line + 2, "-c", NULL, NULL};

	argv[2] = python_itself ? "import sys; print(sys.version.split()[0])"
				: "from importlib.metadata import version; print(version('bzt'))";
	if (!mp_first_line(script, line, sizeof(line)) || strncmp(line, "#!/", 3) != 0)
		mp_found(f, MP_FOUND_NOTE, "%.200s: its version is not known", script);
	else if (version_of(argv, version, sizeof(version)))
		mp_found(f, MP_FOUND_OK, "%.100s (%.200s)", version,
			 python_itself ? line + 2 : script);
	else
		mp_found(f, MP_FOUND_MISSING, "%.200s does not run: %.100s", script, version);
}

enum { BZT, PYTHON, PLUGIN };

static void check_bzt(const struct mp_check *c, struct mp_check_result *f)
{
	struct mp_run_opts o = {0};
	struct mp_tools t = {0};
	struct mp_diag d = {0};

	if (mp_tools_find(&o, &t, &d) < 0 || !t.bzt)
		mp_found(f, MP_FOUND_MISSING, "%s", d.msg[0] ? d.msg : "not found");
	else if (c->number != PLUGIN)
		check_python_of(f, t.bzt, c->number == PYTHON);
	else if (t.plugin_dir)
		mp_found(f, MP_FOUND_OK, "%s", t.plugin_dir);
	else
		mp_found(f, MP_FOUND_MISSING, "metrics_monitoring_taurus.py not found");
	mp_tools_done(&t);
}

static void check_file(const struct mp_check *c, struct mp_check_result *f)
{
	if (mp_is_file(c->arg) && !access(c->arg, X_OK))
		mp_found(f, MP_FOUND_OK, "%s", c->arg);
	else
		mp_found(f, MP_FOUND_MISSING, "%s is not there", c->arg);
}

/* The jar's name has the version; asking it would start a JVM. */
static void check_jmeter(const struct mp_check *c, struct mp_check_result *f)
{
	_cleanup_free_ char *dir = NULL;
	_cleanup_closedir_ DIR *d = NULL;
	const char *version = "";
	char name[64];
	struct dirent *e;

	check_file(c, f);
	if (f->status != MP_FOUND_OK)
		return;
	dir = strndup(c->arg, (size_t)(strrchr(c->arg, '/') - c->arg));
	d = dir ? opendir(dir) : NULL;
	while (d && (e = readdir(d)))
		if (sscanf(e->d_name, "ApacheJMeter-%60[0-9.]jar", name) == 1) {
			name[strcspn(name, "j")] = '\0';
			if (name[0] && name[strlen(name) - 1] == '.')
				name[strlen(name) - 1] = '\0';
			version = name;
		}
	mp_found(f, MP_FOUND_OK, "%s%s(%s)", version, *version ? " " : "", c->arg);
}

/* --- libraries, those of the running program -------------------------------------------------- */

static const char *sqlite_version(void)
{
	return sqlite3_libversion();
}

static const char *curl_library(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}

static const char *xml_version(void)
{
	return LIBXML_DOTTED_VERSION;
}

static void check_library(const struct mp_check *c, struct mp_check_result *f)
{
	static const struct {
		const char *name;
		const char *(*version)(void);
	} libraries[] = {
		{"libbpf", mp_features_libbpf},   {"libyaml", yaml_get_version_string},
		{"jansson", jansson_version_str}, {"libxml2", xml_version},
		{"libcurl", curl_library},        {"sqlite", sqlite_version},
	};

	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
		const char *v;

		if (strcmp(libraries[i].name, c->name) != 0)
			continue;
		v = libraries[i].version();
		if (v)
			mp_found(f, MP_FOUND_OK, "%s", v);
		else
			mp_found(f, MP_FOUND_MISSING, "this program was built without it");
	}
}

static const struct mp_check checks[] = {
	{"tools", "bzt", check_bzt, .number = BZT, .needed = true,
	 .to_do = "make setup, or: pip install bzt==1.17.2"},
	{"tools", "python", check_bzt, .number = PYTHON, .to_do = "make setup"},
	{"tools", "Taurus plugin", check_bzt, .number = PLUGIN, .needed = true,
	 .to_do = "keep tools/taurus beside build/, or make install"},
	{"tools", "JMeter", check_jmeter, "build/jmeter/bin/jmeter",
	 .to_do = "make setup, or give --jmeter-path"},
	{"tools", "java", check_program, "java", .needed = true,
	 .to_do = "apt-get install openjdk-17-jre-headless"},
	{"tools", "model server", check_file, "build/venv-mms/bin/multi-model-server",
	 .to_do = "make setup; not needed where a server answers already"},
	{"libraries", "libbpf", check_library,
	 .to_do = "build with clang-16, bpftool and libbpf-dev installed and without NO_BPF"},
	{"libraries", "libyaml", check_library, .arg = NULL},
	{"libraries", "jansson", check_library, .arg = NULL},
	{"libraries", "libxml2", check_library, .arg = NULL},
	{"libraries", "libcurl", check_library, .arg = NULL},
	{"libraries", "sqlite", check_library, .arg = NULL},
};

const struct mp_check *mp_doctor_tools(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(checks);
	return checks;
}

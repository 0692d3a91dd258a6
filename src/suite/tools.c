// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding programs: the user's choice first, then PATH, then the project's own under build/ (beside
 * this program) or below PREFIX. Starts nothing. Called by runner.c.
 */
#include "suite/tools.h"

#include <mmsperf/fs.h>
#include <mmsperf/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef MP_PREFIX
#define MP_PREFIX "/usr/local"
#endif

static const char share[] = MP_PREFIX "/share/mmsperf-bpf";

/* name in the folder of this program, in ./build, or below PREFIX; absolute, or NULL. */
static char *find_own(const char *self, const char *name)
{
	_cleanup_free_ char *dir = strdup(self);
	const char *dirs[] = {NULL, "build", share};
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (!slash)
		return NULL;
	*slash = '\0';
	dirs[0] = dir;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *path = mp_path_join(dirs[i], name);

		if (path && !access(path, R_OK))
			return realpath(path, NULL);
	}
	return NULL;
}

/* Like find_own, but the link in a virtual environment must be kept as it is. */
static char *find_own_program(const char *self, const char *name)
{
	_cleanup_free_ char *dir_name = strdup(name), *dir = NULL;
	char *slash = dir_name ? strrchr(dir_name, '/') : NULL, *path;

	if (!slash)
		return NULL;
	*slash = '\0';
	dir = find_own(self, dir_name);
	path = dir ? mp_path_join(dir, slash + 1) : NULL;
	if (path && mp_is_file(path) && !access(path, X_OK))
		return path;
	free(path);
	return NULL;
}

void mp_tools_done(struct mp_tools *t)
{
	free(t->self);
	free(t->bzt);
	free(t->plugin_dir);
	free(t->server_bin);
	*t = (struct mp_tools){0};
}

int mp_tools_find(const struct mp_run_opts *o, struct mp_tools *ret_tools, struct mp_diag *d)
{
	struct mp_tools t = {0};
	_cleanup_free_ char *server = NULL, *plugin = NULL;

	t.self = o->self ? mp_find_program(o->self) : NULL;
	if (!t.self)
		t.self = realpath("/proc/self/exe", NULL);
	if (!t.self)
		return mp_diag_set(d, -ENOENT, NULL, 0, 0, "cannot tell where this program lies");
	t.bzt = mp_find_program("bzt");
	if (!t.bzt)
		t.bzt = find_own_program(t.self, "venv-bzt/bin/bzt");
	if (!t.bzt) {
		mp_tools_done(&t);
		return mp_diag_set(d, -ENOENT, NULL, 0, 0,
				   "bzt (Taurus) is neither in PATH nor in the project's own "
				   "environment: 'make setup' installs it, or: pip install bzt");
	}
	/* in the tree build/mmsperf-bpf has it at ../tools/taurus, installed it is share/…/taurus
	 */
	plugin = find_own(t.self, "../tools/taurus/metrics_monitoring_taurus.py");
	if (!plugin) /* installed elsewhere than it was built for: DESTDIR, a moved PREFIX */
		plugin = find_own(t.self,
				  "../share/mmsperf-bpf/taurus/metrics_monitoring_taurus.py");
	if (!plugin)
		plugin = find_own(t.self, "taurus/metrics_monitoring_taurus.py");
	if (plugin) {
		*strrchr(plugin, '/') = '\0';
		t.plugin_dir = TAKE_PTR(plugin);
	}
	server = find_own_program(t.self, "venv-mms/bin/multi-model-server");
	if (server) {
		*strrchr(server, '/') = '\0';
		t.server_bin = TAKE_PTR(server);
	}
	*ret_tools = t;
	return 0;
}

/* A path to the program, or to the installation that holds bin/jmeter. */
static char *jmeter_at(const char *path)
{
	_cleanup_free_ char *inside = mp_path_join(path, "bin/jmeter");

	if (mp_is_file(path) && !access(path, X_OK))
		return realpath(path, NULL);
	if (inside && mp_is_file(inside) && !access(inside, X_OK))
		return realpath(inside, NULL);
	return NULL;
}

int mp_tools_jmeter(const struct mp_tools *t, const struct mp_run_opts *o, const struct mp_plan *p,
		    char **ret_path, bool *ret_offline, struct mp_diag *d)
{
	_cleanup_free_ char *own = find_own(t->self, "jmeter"), *path = NULL;

	*ret_path = NULL;
	*ret_offline = false;
	if (!p->needs_jmeter)
		return 0;
	if (o->jmeter_path) {
		path = jmeter_at(o->jmeter_path);
		if (!path)
			return mp_diag_set(d, -ENOENT, NULL, 0, 0,
					   "--jmeter-path '%s': no JMeter program is there",
					   o->jmeter_path);
	}
	if (!path && p->jmeter_path)
		path = jmeter_at(p->jmeter_path);
	if (!path && own)
		path = jmeter_at(own);
	if (!path)
		path = mp_find_program("jmeter");
	if (!path && p->jmeter_path)
		return mp_diag_set(d, -ENOENT, NULL, 0, 0,
				   "no JMeter at modules.jmeter.path '%s', in PATH or in the "
				   "project's build folder: 'make setup' assembles one, "
				   "--jmeter-path names another",
				   p->jmeter_path);
	if (!path)
		return mp_diag_set(
			d, -ENOENT, NULL, 0, 0,
			"JMeter is missing: 'make setup' assembles one, --jmeter-path or "
			"modules.jmeter.path of the global config names another");
	*ret_offline = own && mp_starts_with(path, own) && !p->detects_plugins_set;
	*ret_path = TAKE_PTR(path);
	return 0;
}

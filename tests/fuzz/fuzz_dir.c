// SPDX-License-Identifier: GPL-2.0-only
/* Files for targets whose readers take a path. Linked with each target. */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char dir[64];

static void remove_dir(void)
{
	if (chdir(dir) == 0) {
		static const char *const names[] = {"kpi.jtl", "metrics.csv", "a.yaml"};

		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			(void)unlink(names[i]);
	}
	(void)rmdir(dir);
}

const char *fuzz_dir(void)
{
	if (*dir)
		return dir;
	(void)snprintf(dir, sizeof(dir), "/dev/shm/mmsperf-fuzz.XXXXXX");
	if (!mkdtemp(dir)) {
		(void)snprintf(dir, sizeof(dir), "/tmp/mmsperf-fuzz.XXXXXX");
		if (!mkdtemp(dir))
			abort();
	}
	(void)atexit(remove_dir);
	return dir;
}

void fuzz_file(const char *name, const uint8_t *data, size_t size)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)close(fd);
}

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A wall clock that somebody sets while a suite runs, and between runs: nothing is lost, and it is said.

The program and what it starts get a library before libc's that adds to CLOCK_REALTIME what a file says; the machine's own
clock is left alone.
"""
import json
import os
import re
import shutil
import subprocess

import e2e
import test_runner_faults

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void)
{
	const char *path = getenv("TEST_CLOCK");
	FILE *f = path ? fopen(path, "r") : NULL;
	long v = 0;

	if (f && fscanf(f, "%ld", &v) != 1)
		v = 0;
	if (f)
		fclose(f);
	return v;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	int r = (int)syscall(SYS_clock_gettime, id, t);

	if (id == CLOCK_REALTIME)
		t->tv_sec += offset();
	return r;
}

time_t time(time_t *ret)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (ret)
		*ret = t.tv_sec;
	return t.tv_sec;
}
"""


class Clock(test_runner_faults.Case):
    def setUp(self):
        super().setUp()
        compiler = shutil.which("gcc") or shutil.which("cc")
        if not compiler:
            self.skipTest("no C compiler for the library that moves the clock")
        source, self.library, self.offset = self.dir / "clock.c", self.dir / "clock.so", self.dir / "offset"
        source.write_text(SOURCE)
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self.library, source, "-ldl"], check=True)
        self.suite("a", "criteria-ok")

    def run_at(self, offset=0, *args, then=None):
        """A run that begins that many seconds from the real time; `then`: the offset once a suite's bzt is at work."""
        self.offset.write_text(str(offset))
        before = dict(os.environ)
        os.environ.update(LD_PRELOAD=str(self.library), TEST_CLOCK=str(self.offset))
        known = set(self.out.glob("ci__*/*/fake-bzt.txt"))
        try:
            p = self.start(*args)
            if then is not None:
                e2e.wait_for("bzt", lambda: set(self.out.glob("ci__*/*/fake-bzt.txt")) - known, 30)
                temporary = self.dir / "offset.new"  # at once: nobody reads a half number
                temporary.write_text(str(then))
                temporary.rename(self.offset)
            self.stdout, self.stderr = p.communicate(timeout=60)
        finally:
            os.environ.clear()
            os.environ.update(before)
        return p.returncode

    def latest(self):
        return (self.out / "latest").resolve(), json.loads((self.out / "latest" / "run.json").read_text())

    def test_set_while_a_suite_runs(self):
        (self.suites / "a.yaml").unlink()
        for then, words in (-7200, "set back by 2h00m00s"), (86400, "set forward by"):
            with self.subTest(then=then):
                self.suite("b", "wait 2")
                self.expect(1, re.sub("by .*", "by", words), "do not fit together", got=self.run_at(0, then=then))
                folder, run = self.latest()
                self.assertEqual(run["suites"][0]["verdict"], "error")
                self.assertTrue(0 < run["duration"] < 60, run["duration"])
                self.assertTrue(0 < run["suites"][0]["duration"] < 60)
                for name in ("junit.xml", "junit.html", "b/kpi.jtl", "b/metrics.csv", "aggregates.csv"):
                    self.assertGreater((folder / name).stat().st_size, 0, name)
                self.assertNotIn('time="-', (folder / "junit.xml").read_text())
                for command in (["report", folder], ["compare", "-a", self.out, "latest", "latest"], ["runs", "-a", self.out]):
                    done = subprocess.run([str(e2e.BINARY), *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                          timeout=60)
                    self.assertEqual(done.returncode, 0, done.stderr)

    def test_set_back_between_runs(self):
        self.expect(0, got=self.run_at(0))
        first, _ = self.latest()
        self.expect(0, got=self.run_at(-86400, "-v"))
        second, run = self.latest()
        self.assertRegex(self.stderr, f"the clock was set back: run '{re.escape(first.name)}' was begun .* from now")
        self.assertIn(f"compared with {first.name}", self.stdout.replace("\n", " "))
        self.assertLess(int(second.name.rsplit("__", 1)[1]), int(first.name.rsplit("__", 1)[1]))
        self.expect(0, got=self.run_at(-86390))  # against the one that ended last, though the first bears a later time
        third, _ = self.latest()
        self.assertIn(f"compared with {second.name}", self.stdout.replace("\n", " "))
        done = subprocess.run([str(e2e.BINARY), "runs", "-a", str(self.out), "latest"], stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(done.stdout.strip(), str(third))
        done = subprocess.run([str(e2e.BINARY), "runs", "-a", str(self.out), "--prune", "--keep", "0", "--yes"], stdout=subprocess.PIPE,
                              text=True, check=True)
        self.assertTrue(third.exists(), "what ended last stays, however old its name makes it")
        self.assertTrue(first.exists(), "the newest by name stays as well")
        self.assertFalse(second.exists())


if __name__ == "__main__":
    e2e.main()

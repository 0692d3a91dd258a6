#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A disk that is full, wherever something is written: nothing that was there is lost, one line says it, the exit code is 1.

A small tmpfs stands for the disk, so that its last page is really the last one.
"""
import filecmp
import json
import os
import shutil
import subprocess
import unittest

import e2e
import s3
import test_runner_faults
import test_store

NO_SPACE = "No space left on device"


def why_not():
    return None if os.geteuid() == 0 else "mounting a small tmpfs needs root"


class Disk:
    """A tmpfs on a folder that is there; ballast leaves so many bytes (of whole pages) free."""

    def __init__(self, test, folder, size):
        folder.mkdir(exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], stderr=subprocess.DEVNULL).returncode:
            test.skipTest("tmpfs cannot be mounted here")
        test.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
        self.folder, self.ballast = folder, folder / ".ballast"

    def leave(self, free):
        self.ballast.unlink(missing_ok=True)
        s = os.statvfs(self.folder)
        fill = s.f_bavail * s.f_frsize - free
        assert fill >= 0, f"only {s.f_bavail * s.f_frsize} bytes are free"
        self.ballast.write_bytes(b"x" * fill)

    def clear(self):
        self.ballast.unlink(missing_ok=True)


class Run(test_runner_faults.Case):
    """The run's own folder, at every amount of space at which it may run out."""

    def setUp(self):
        super().setUp()
        if why_not():
            self.skipTest(why_not())
        self.disk = Disk(self, self.out, "8m")
        self.suite("a", "criteria-ok")
        self.suite("b", "criteria-ok")

    def test_at_any_moment(self):
        self.expect(0, got=self.run_suites())
        first = (self.out / "latest").resolve()
        before = {p: p.read_bytes() for p in first.rglob("*") if p.is_file() and not p.is_symlink()}
        page, codes = (first / "junit.html").read_bytes(), set()
        for free in (0, 4, 12, 24, 40, 64, 96, 160, 256, 512, 2048):
            with self.subTest(free=f"{free}k"):
                self.disk.leave(free << 10)
                code = self.run_suites()
                codes.add(code)
                self.assertIn(code, (0, 1), self.stderr)
                if code:
                    self.assertIn(NO_SPACE, self.stdout + self.stderr)
                    self.assertNotIn("Traceback", self.stderr)
                for run in self.out.glob("ci__*/run.json"):
                    if run.stat().st_size:  # created, and not one byte more
                        json.loads(run.read_text())
                latest = json.loads((self.out / "latest" / "run.json").read_text())
                self.assertEqual(latest["state"], "finished")
                self.assertEqual(latest["verdict"] == "passed" and (self.out / "latest").resolve() != first, code == 0)
                for link, end in ("junit.html", b"</html>"), ("junit.xml", b"</testsuites>"):  # what they show is whole, or they are not there
                    if (self.out / link).is_symlink():
                        self.assertTrue((self.out / link).read_bytes().rstrip().endswith(end))
                self.assertEqual({p: p.read_bytes() for p in before}, before)
                self.assertEqual((first / "junit.html").read_bytes(), page)
                self.disk.clear()
                listed = self.call("runs", "--json", "-n", "0")  # and the index can be made, or is right
                self.assertIn(first.name, [r["id"] for r in listed["runs"]])
                for run in self.out.glob("ci__*"):
                    if run != first:
                        shutil.rmtree(run)
                (self.out / "latest").unlink()
                (self.out / "latest").symlink_to(first.name)
        self.assertEqual(codes, {0, 1}, "the sizes do not reach from 'nothing fits' to 'all fits'")

    def call(self, *args):
        done = subprocess.run([str(e2e.BINARY), args[0], "-a", str(self.out), *args[1:]], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_other_commands(self):
        self.expect(0, got=self.run_suites())
        run = (self.out / "latest").resolve()
        (self.suites / "a.yaml").write_text((self.suites / "a.yaml").read_text().replace("p90", "p95"))
        before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file() and not p.is_symlink()}
        for args in (["report", run], ["compare", "-a", self.out, "latest", "latest"], ["rejudge", "-a", self.out, "latest", self.suites / "a.yaml"],
                     ["runs", "-a", self.out, "--tag", "latest", "v1"]):
            with self.subTest(args[0]):
                self.disk.leave(0)
                done = subprocess.run([str(e2e.BINARY), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertIn(NO_SPACE, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.disk.clear()
                self.assertEqual({p: p.read_bytes() for p in before}, before)
        self.assertEqual([p.name for p in run.rglob("*") if ".tmp" in p.name], [])


class Index(test_store.Runs):
    def setUp(self):
        super().setUp()
        if why_not():
            self.skipTest(why_not())
        self.disk = Disk(self, self.out, "8m")

    def test_none_yet(self):
        names = [test_store.make_run(self.out, epoch=1700000000 + i, files=0).name for i in range(40)]
        for free in (0, 4, 16, 64):
            with self.subTest(free=f"{free}k"):
                self.disk.leave(free << 10)
                self.assertEqual(sorted(self.ids("-n", "0")), names)  # from memory
                self.assertIn("in memory only", self.stderr)
                self.assertEqual(list(self.out.glob("index.sqlite*")), [], "a half index lies there")
        self.disk.clear()
        self.assertEqual(sorted(self.ids("-n", "0")), names)
        self.assertTrue((self.out / "index.sqlite").exists())
        self.assertNotIn("memory", self.stderr)

    def test_one_that_grows(self):
        names = [test_store.make_run(self.out, epoch=1700000000 + i, files=0).name for i in range(40)]
        self.assertEqual(sorted(self.ids("-n", "0")), names)
        names += [test_store.make_run(self.out, epoch=1700001000 + i, files=0).name for i in range(40)]
        for free in (0, 4, 16, 32):
            with self.subTest(free=f"{free}k"):
                self.disk.leave(free << 10)
                self.assertEqual(sorted(self.ids("-n", "0")), names)
                self.assertIn("in memory only", self.stderr)
        self.disk.clear()
        self.assertEqual(sorted(self.ids("-n", "0")), names)
        self.assertNotIn("memory", self.stderr)

    def test_pruning_makes_room(self):
        names = [test_store.make_run(self.out, epoch=1700000000 + i, files=4).name for i in range(20)]
        self.disk.leave(0)
        self.assertIn("19 runs deleted", self.runs("--prune", "--keep", "1", "--yes"))
        self.assertEqual(self.ids("-n", "0"), names[-1:])


class Transfer(test_store.Runs):
    @classmethod
    def setUpClass(cls):
        why = s3.missing() or why_not()
        if why:
            raise unittest.SkipTest(why)
        cls.moto = s3.Moto("perf-runs")
        cls.addClassCleanup(cls.moto.stop)

    def setUp(self):
        super().setUp()
        self.environment = self.moto.environment(self.moto.url)
        self.url = f"s3://perf-runs/team/{self.dir.name}"

    def test_fetch(self):
        folder = test_store.make_run(self.out)
        self.runs("--store", self.url, "--push", folder.name)
        other = self.dir / "other"
        disk = Disk(self, other, "4m")
        for free in (0, 4, 60, 130):
            with self.subTest(free=f"{free}k"):
                disk.leave(free << 10)
                self.runs("--store", self.url, "--fetch", "latest", out=other, code=1)
                self.assertIn(NO_SPACE, self.stderr)
                self.assertEqual(len(self.stderr.splitlines()), 1, self.stderr)
                self.assertEqual([p.name for p in other.iterdir() if not p.name.startswith(".")], [])
        disk.clear()
        self.assertRegex(self.runs("--store", self.url, "--fetch", "latest", out=other), r"[1-9] were there")
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                self.assertTrue(filecmp.cmp(path, other / folder.name / path.relative_to(folder), shallow=False))

    def test_upload_needs_no_space(self):
        disk = Disk(self, self.out, "4m")
        folder = test_store.make_run(self.out)
        disk.leave(0)
        self.assertIn("8 files", self.runs("--store", self.url, "--push", folder.name))

    def test_the_store_itself_is_full(self):
        proxy = s3.Proxy(self.moto.port)
        self.addCleanup(proxy.stop)
        self.environment = self.moto.environment(proxy.url)
        folder = test_store.make_run(self.out)
        proxy.rule = lambda r: (("status", 507, "<Error><Code>InsufficientStorage</Code><Message>quota</Message></Error>")
                                if r.command == "PUT" and "file%203" in r.path else None)
        self.runs("--store", self.url, "--push", folder.name, code=1)
        self.assertIn("InsufficientStorage", self.stderr)
        self.assertEqual(self.ids("--store", self.url), [])


if __name__ == "__main__":
    e2e.main()

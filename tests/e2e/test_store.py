#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Many runs: `runs` on a folder of them, and runs in S3 (moto, which checks signatures) with faults on the way."""
import fcntl
import filecmp
import json
import os
import pathlib
import pty
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest

import e2e
import s3
import test_runner_faults


def make_run(out, env="host", commit="abc1234", epoch=1700000000, verdict="passed", state="finished", files=6):
    """A run as the runner leaves it, small; one file has a name that must be encoded, one is empty."""
    folder = out / f"{env}__{commit}__{epoch}"
    suite = folder / "suite a+b&c=ü"
    suite.mkdir(parents=True)
    for i in range(files):
        (suite / f"file {i}.csv").write_bytes(os.urandom(40000 + i))
    (suite / "empty").write_bytes(b"")
    (folder / "run.json").write_text(json.dumps({
        "schema": 1, "state": state, "env": env, "commit": commit, "started": epoch, "duration": 30, "verdict": verdict,
        "exit_code": 0, "stopped": False, "server": "x", "suites": [
            {"name": suite.name, "dir": suite.name, "verdict": verdict, "started": epoch, "duration": 30, "cases": []}]}))
    (folder / "link").symlink_to("/etc/passwd")
    return folder


class Runs(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-store-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.out = self.dir / "out"
        self.out.mkdir()
        self.environment = None

    def runs(self, *args, code=0, out=None, limit=60):
        done = subprocess.run([str(e2e.BINARY), "runs", "-a", str(out or self.out), *args], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=limit, env=self.environment, cwd=self.dir)
        self.assertEqual(done.returncode, code, f"{args}\nstdout: {done.stdout}\nstderr: {done.stderr}")
        self.stderr = done.stderr
        return done.stdout

    def ids(self, *args, **kw):
        return [r["id"] for r in json.loads(self.runs("--json", *args, **kw))["runs"]]


class Local(Runs):
    def test_table_fits(self):
        make_run(self.out)
        make_run(self.out, env="ä" * 60, epoch=1700000001)
        table = self.runs()
        self.assertIn("host__abc1234__1700000000", table)
        self.assertIn("…", table)
        self.assertLessEqual(max(map(len, table.splitlines())), 80, table)
        self.assertEqual(len({line[38:] for line in table.splitlines()}), 3, table)

    def test_wide_terminal(self):
        make_run(self.out, env="e" * 100)
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 130, 0, 0))
        subprocess.run([str(e2e.BINARY), "runs", "-a", str(self.out)], stdout=slave, stderr=subprocess.DEVNULL, check=True, timeout=30)
        os.close(slave)
        text = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # all of it was read and nobody writes any more
                break
            if not piece:
                break
            text += piece
        os.close(master)
        lines = text.decode().splitlines()
        self.assertEqual(max(map(len, lines)), 120, lines)
        self.assertIn("machine", lines[0])

    def test_tag_and_find(self):
        folder = make_run(self.out)
        make_run(self.out, epoch=1700000100, commit="def5678")
        self.runs("--tag", "1700000000", "v1.0")
        self.assertEqual(self.ids("--tag", "v1.0"), [folder.name])
        self.assertEqual(self.runs("v1.0"), f"{folder}\n")
        self.assertIn("#v1.0", self.runs())
        self.runs("--rebuild")  # tags live with the runs
        self.assertEqual(self.ids("--tag", "v1.0"), [folder.name])
        self.runs("--untag", "abc1234", "v1.0")
        self.assertEqual(self.ids("--tag", "v1.0"), [])
        self.runs("zzz", code=1)
        self.assertIn("no run of that name", self.stderr)

    def test_git_revision(self):
        repository = self.dir / "repository"
        for command in (["init", "-q", str(repository)],
                        ["-C", str(repository), "-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "--allow-empty", "-m", "x"]):
            subprocess.run(["git", *command], check=True)
        head = subprocess.run(["git", "-C", str(repository), "rev-parse", "--short", "HEAD"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()
        folder = make_run(self.out, commit=head)
        done = subprocess.run([str(e2e.BINARY), "runs", "-a", str(self.out), "HEAD"], cwd=repository, text=True,
                              stdout=subprocess.PIPE, timeout=30)
        self.assertEqual(done.stdout, f"{folder}\n")

    def test_prune(self):
        now = int(time.time())
        old = [make_run(self.out, epoch=now - day * 86400, commit=f"{day:07x}") for day in range(10, 50, 10)]
        failed = make_run(self.out, epoch=now - 60, verdict="failed")
        running = make_run(self.out, epoch=now - 30, state="running")
        self.runs("--tag", old[3].name, "keep")
        self.runs("--prune", code=2)
        for command in (["--prune", "--older-than", "15d"], ["--prune", "--keep", "2", "--older-than", "15d"]):
            self.assertIn("2 runs would be deleted", self.runs(*command))
        self.assertEqual(len(self.ids()), 6)
        (self.out / ".deleted-x").mkdir()
        self.assertIn("2 runs deleted", self.runs("--prune", "--older-than", "15d", "--yes"))
        self.assertFalse((self.out / ".deleted-x").exists())
        self.assertEqual(self.ids(), [running.name, failed.name, old[0].name, old[3].name])
        # the newest passing one, the tagged one and what may still run stay even when nothing is to be kept
        self.runs("--prune", "--keep", "0", "--yes")
        self.assertEqual(self.ids(), [running.name, old[0].name, old[3].name])
        self.assertFalse(failed.exists())

    def test_killed_while_making_the_index(self):
        for i in range(300):
            make_run(self.out, epoch=1700000000 + i, files=0)
        for delay in (0.0, 0.005, 0.01, 0.02, 0.04, 0.08):
            p = subprocess.Popen([str(e2e.BINARY), "runs", "-a", str(self.out), "--rebuild"], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            try:
                p.wait(delay)
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGKILL)
            p.wait()
            self.assertEqual(len(self.ids("--limit", "0")), 300)

    def test_many_at_once(self):
        for i in range(100):
            make_run(self.out, epoch=1700000000 + i, files=0)
        readers = [subprocess.Popen([str(e2e.BINARY), "runs", "-a", str(self.out), "--json", "-n", "0",
                                     *(["--rebuild"] if i % 3 == 0 else [])], stdout=subprocess.PIPE, text=True) for i in range(12)]
        for reader in readers:
            text = reader.communicate(timeout=60)[0]
            self.assertEqual(reader.returncode, 0)
            self.assertEqual(len(json.loads(text)["runs"]), 100)

    def test_folder_that_cannot_be_written(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to become somebody else")
        make_run(self.out)
        os.chmod(self.dir, 0o755)
        copy = self.dir / "mmsperf-bpf"
        shutil.copy(e2e.BINARY, copy)
        done = subprocess.run([str(copy), "runs", "-a", str(self.out)], user=65534, group=65534, extra_groups=[], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("host__abc1234__1700000000", done.stdout)
        self.assertIn("in memory only", done.stderr)
        self.assertFalse((self.out / "index.sqlite").exists())


class Remote(Runs):
    """Of others, what they need of a store; the tests are in Whole and Parts."""

    @classmethod
    def setUpClass(cls):
        why = s3.missing()
        if why:
            raise unittest.SkipTest(why)
        cls.moto = s3.Moto("perf-runs")
        cls.addClassCleanup(cls.moto.stop)

    def setUp(self):
        super().setUp()
        self.proxy = s3.Proxy(self.moto.port)
        self.addCleanup(self.proxy.stop)
        self.environment = self.moto.environment(self.proxy.url)
        self.url = f"s3://perf-runs/team/{self.dir.name}"  # a prefix of its own
        self.other = self.dir / "other"

    def same(self, folder, copy):
        kept = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
        self.assertEqual(sorted(p.relative_to(copy) for p in copy.rglob("*") if p.is_file()), kept)
        self.assertTrue(all(filecmp.cmp(folder / p, copy / p, shallow=False) for p in kept))

    def push(self, folder, *more, **kw):
        return self.runs("--store", self.url, "--push", folder.name, *more, **kw)

    def fetch(self, what, *more, **kw):
        return self.runs("--store", self.url, "--fetch", what, *more, out=self.other, **kw)

    def count(self, method):
        return sum(1 for m, _, _ in self.proxy.seen if m == method)


class Whole(Remote):
    def test_there_and_back(self):
        folder = make_run(self.out)
        self.runs("--tag", folder.name, "v1")
        self.assertIn("8 files", self.push(folder))
        self.other.mkdir()
        listed = json.loads(self.runs("--store", self.url, "--json"))["runs"]
        self.assertEqual([(r["id"], r["verdict"], r["tags"], r["suites"]) for r in listed], [(folder.name, "passed", ["v1"], 1)])
        self.assertIn("8 files", self.fetch("latest"))
        self.same(folder, self.other / folder.name)
        self.assertFalse((self.other / folder.name / "link").is_symlink())
        self.assertEqual(self.ids(out=self.other), [folder.name])

    def test_by_address(self):
        folder = make_run(self.out)
        self.push(folder)
        self.other.mkdir()
        for spec in ("latest", "abc1234", folder.name):
            self.assertEqual(self.runs(f"{self.url}/{spec}", out=self.other), f"{self.other / folder.name}\n")
        self.runs(f"{self.url}/zzz", out=self.other, code=1)
        self.assertIn("no whole run", self.stderr)

    def test_what_is_there_is_not_sent_again(self):
        folder = make_run(self.out)
        self.push(folder)
        before = self.count("PUT")
        self.assertIn("0 files", self.push(folder))
        self.assertEqual(self.count("PUT"), before + 1)  # the list of its files
        (folder / "suite a+b&c=ü" / "file 1.csv").write_bytes(b"x" * 40001)  # as long as before
        self.assertIn("1 files", self.push(folder))

    def test_pages(self):
        folders = [make_run(self.out, epoch=1700000000 + i, commit=f"{i:07x}", env="ab"[i % 2], files=1) for i in range(s3.PAGE * 2 + 3)]
        for folder in folders:
            self.push(folder)
        names = [f.name for f in reversed(folders)]
        self.assertEqual(self.ids("--store", self.url), names)
        self.assertEqual(self.ids("--store", self.url, "--limit", "3"), names[:3])
        self.assertEqual(self.ids("--store", self.url, "--env", "a"), names[0::2])
        self.assertEqual(self.ids("--store", self.url, "--commit", "0000002"), [folders[2].name])
        self.assertIn("continuation-token=", "".join(path for _, path, _ in self.proxy.seen))
        big = make_run(self.out, epoch=1800000000, files=s3.PAGE * 3)
        self.push(big)
        self.assertIn("0 files", self.push(big))

    def test_refused(self):
        folder = make_run(self.out)
        self.environment["AWS_SECRET_ACCESS_KEY"] = "wrong-secret-value"
        self.push(folder, code=1)
        self.assertIn("SignatureDoesNotMatch", self.stderr)
        self.assertEqual(len(self.stderr.splitlines()), 1)
        self.assertNotIn("wrong-secret-value", self.stderr)
        self.assertEqual(len(self.proxy.seen), 1)  # nothing that time would mend
        del self.environment["AWS_SECRET_ACCESS_KEY"]
        self.push(folder, code=1)
        self.assertIn("AWS_SECRET_ACCESS_KEY is not set", self.stderr)
        self.environment = self.moto.environment(self.proxy.url)
        self.runs("--store", "s3://no-such-bucket/x", code=1)
        self.assertIn("NoSuchBucket", self.stderr)
        self.runs("--store", "http://x", code=2)

    def test_unfinished(self):
        folder = make_run(self.out, state="running")
        self.push(folder, code=1)
        self.assertIn("not finished", self.stderr)
        self.assertEqual(self.proxy.seen, [])

    def test_every_request_fails_first(self):
        folder = make_run(self.out)
        failed = set()
        kinds = [("status", 503, "<Error><Code>SlowDown</Code></Error>"), ("cut",), ("status", 500, ""), ("status", 429, "")]

        def rule(request):
            key = (request.command, request.path)
            if key in failed:
                return None
            failed.add(key)
            return kinds[len(failed) % len(kinds)]
        self.proxy.rule = rule
        self.push(folder)
        failed.clear()
        self.other.mkdir()
        self.fetch("latest", "--store-timeout", "30s")
        self.same(folder, self.other / folder.name)

    def test_cut_answers_are_continued(self):
        folder = make_run(self.out)
        self.push(folder)
        self.proxy.rule = lambda r: ("cut-answer", 9000) if r.command == "GET" and "/runs/" in r.path and "csv" in r.path else None
        self.other.mkdir()
        self.fetch(folder.name)
        self.same(folder, self.other / folder.name)
        ranges = [h["Range"] for _, _, h in self.proxy.seen if "Range" in h]
        self.assertIn("bytes=9000-", ranges)
        self.assertIn("bytes=36000-", ranges)

    def test_a_half_upload_is_no_run(self):
        folder = make_run(self.out)

        def rule(request):
            return ("status", 503, "") if request.command == "PUT" and self.count("PUT") > 4 else None
        self.proxy.rule = rule
        began = time.monotonic()
        self.push(folder, "--store-timeout", "2s", code=1)
        self.assertLess(time.monotonic() - began, 20)
        self.assertIn("given up after", self.stderr)
        self.assertEqual(len(self.stderr.splitlines()), 1, self.stderr)
        self.assertEqual(self.ids("--store", self.url), [])
        self.fetch("latest", code=1)
        self.proxy.rule = lambda r: None
        self.assertIn("4 were there", self.push(folder))
        self.assertEqual(self.ids("--store", self.url), [folder.name])

    def test_killed_on_the_way(self):
        folder = make_run(self.out, files=12)
        self.proxy.rule = lambda r: ("slow", 0.1)
        command = [str(e2e.BINARY), "runs", "-a", str(self.out), "--store", self.url, "--push", folder.name]
        p = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)
        e2e.wait_for("some uploads", lambda: self.count("PUT") >= 4)
        p.kill()
        p.wait()
        self.proxy.rule = lambda r: None
        self.assertEqual(self.ids("--store", self.url), [])
        self.push(folder)
        self.other.mkdir()
        self.proxy.rule = lambda r: ("slow", 0.1)
        before = self.count("GET")
        command = [str(e2e.BINARY), "runs", "-a", str(self.other), "--store", self.url, "--fetch", "latest"]
        p = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL)
        e2e.wait_for("some fetches", lambda: self.count("GET") >= before + 7)
        p.kill()
        p.wait()
        self.proxy.rule = lambda r: None
        self.assertEqual(self.ids(out=self.other), [])
        self.assertRegex(self.fetch("latest"), r"[3-9] were there")
        self.same(folder, self.other / folder.name)

    def test_fetch_that_cannot_go_on(self):
        folder = make_run(self.out)
        self.push(folder)
        self.proxy.rule = lambda r: ("cut",) if "/runs/" in r.path and "file%204" in r.path else None
        self.other.mkdir()
        self.fetch("latest", "--store-timeout", "1s", code=1)
        self.assertEqual(len(self.stderr.splitlines()), 1, self.stderr)
        self.assertEqual(self.ids(out=self.other), [])
        self.assertEqual([p.name for p in self.other.iterdir() if not p.name.startswith(("index.", "."))], [])

    def test_nobody_there(self):
        folder = make_run(self.out)
        self.environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{e2e.free_port()}"
        self.push(folder, "--store-timeout", "1s", code=1)
        self.assertRegex(self.stderr, "onnect.*given up after")

    def test_slow_is_not_dead(self):
        folder = make_run(self.out, files=1)
        self.proxy.rule = lambda r: ("slow", 0.5)
        self.push(folder, "--store-timeout", "3s")
        self.assertEqual(self.ids("--store", self.url), [folder.name])

    def test_changed_in_the_bucket(self):
        folder = make_run(self.out)
        self.push(folder)
        prefix = self.url.split("/", 3)[3]
        self.moto.python(f"s3.put_object(Bucket=bucket, Key='{prefix}/runs/{folder.name}/suite a+b&c=ü/file 2.csv', Body=b'x' * 40002)")
        self.other.mkdir()
        self.fetch("latest", code=1)
        self.assertIn("not what was uploaded", self.stderr)
        self.assertEqual(self.ids(out=self.other), [])

    def test_hostile_list_of_files(self):
        prefix, sha = self.url.split("/", 3)[3], "0" * 64
        for i, path in enumerate(("../../evil", "/tmp/evil", "a/../../b", "", "a//b", "./a")):
            body = json.dumps({"schema": 1, "id": "x", "files": [{"path": path, "size": 1, "sha256": sha}]})
            self.moto.python(f"s3.put_object(Bucket=bucket, Key='{prefix}/complete/e__c__{i + 1}.json', Body={body!r})")
            self.other.mkdir(exist_ok=True)
            self.fetch(f"e__c__{i + 1}", code=1)
            self.assertIn("damaged", self.stderr)
            self.assertEqual([p for p in self.other.iterdir()], [])

    def test_answers_that_are_no_lists(self):
        for body in ("", "<html>hello</html>", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "\0\1"):
            self.proxy.rule = lambda r: ("status", 200, body)
            self.runs("--store", self.url, code=1)
            self.assertEqual(len(self.stderr.splitlines()), 1, self.stderr)


class Parts(Remote):
    """Files larger than a part (5 MiB, S3's least) in parts."""

    SIZE = 12 * 1024 * 1024 + 7  # three parts, the last one short

    def setUp(self):
        super().setUp()
        self.environment["MMSPERF_S3_PART_BYTES"] = str(5 << 20)
        self.folder = make_run(self.out, files=1)
        self.large = self.folder / "suite a+b&c=ü" / "large & long.jtl"
        self.large.write_bytes(os.urandom(self.SIZE))

    def parts_sent(self):
        return [int(path.split("partNumber=")[1].split("&")[0]) for m, path, _ in self.proxy.seen if m == "PUT" and "partNumber=" in path]

    def unfinished(self):
        """Uploads that lie in the store, begun and not completed."""
        return int(self.moto.python("print(len([u for u in s3.list_multipart_uploads(Bucket=bucket).get('Uploads', [])"
                                    f" if '{self.dir.name}' in u['Key']]))"))

    def fetch_and_compare(self):
        self.other.mkdir()
        self.fetch("latest")
        self.same(self.folder, self.other / self.folder.name)

    def test_there_and_back(self):
        self.push(self.folder)
        self.assertEqual(self.parts_sent(), [1, 2, 3])
        self.assertEqual(self.unfinished(), 0)
        self.fetch_and_compare()
        before = len(self.proxy.seen)
        self.assertIn("0 files", self.push(self.folder))  # it is known again, though its tag is not its MD5
        self.assertEqual([m for m, _, _ in self.proxy.seen[before:] if m != "GET"], ["PUT"])
        with open(self.large, "r+b") as f:
            f.seek(6 << 20)
            f.write(b"other")
        self.assertIn("1 files", self.push(self.folder))

    def test_killed_and_taken_up(self):
        self.proxy.rule = lambda r: ("slow", 0.5) if "partNumber=" in r.path else None
        p = subprocess.Popen([str(e2e.BINARY), "runs", "-a", str(self.out), "--store", self.url, "--push", self.folder.name],
                             env=self.environment, stdout=subprocess.DEVNULL)
        e2e.wait_for("the second part", lambda: 2 in self.parts_sent())
        p.kill()
        p.wait()
        self.proxy.rule = lambda r: None
        self.assertEqual(self.unfinished(), 1)
        self.assertEqual(self.ids("--store", self.url), [])
        before = len(self.proxy.seen)
        self.push(self.folder)
        again = [path for m, path, _ in self.proxy.seen[before:] if "partNumber=" in path]
        self.assertNotIn("partNumber=1&", "".join(again))
        self.assertIn("partNumber=3&", "".join(again))
        self.assertEqual(self.unfinished(), 0)
        self.fetch_and_compare()

    def test_changed_before_it_is_taken_up(self):
        def rule(request):
            return ("status", 503, "") if "partNumber=3" in request.path else None
        self.proxy.rule = rule
        self.push(self.folder, "--store-timeout", "1s", code=1)
        self.assertIn("given up after", self.stderr)
        self.assertEqual(len(self.stderr.splitlines()), 1, self.stderr)
        self.assertEqual(self.unfinished(), 1)  # what is there is kept for the next time
        with open(self.large, "r+b") as f:
            f.write(b"not what it was")
        self.proxy.rule = lambda r: None
        before = len(self.parts_sent())
        self.push(self.folder)
        self.assertEqual(self.parts_sent()[before:], [1, 3])
        self.fetch_and_compare()

    def test_every_request_fails_first(self):
        failed = set()
        kinds = [("status", 503, "<Error><Code>SlowDown</Code></Error>"), ("cut",), ("status", 500, "")]

        def rule(request):
            key = (request.command, request.path)
            if key in failed:
                return None
            failed.add(key)
            return kinds[len(failed) % len(kinds)]
        self.proxy.rule = rule
        self.push(self.folder, "--store-timeout", "30s")
        self.proxy.rule = lambda r: None
        self.assertEqual(self.unfinished(), 0)
        self.fetch_and_compare()

    def test_refused_parts_are_taken_away(self):
        self.proxy.rule = lambda r: (("status", 403, "<Error><Code>AccessDenied</Code></Error>")
                                     if "partNumber=2" in r.path else None)
        self.push(self.folder, code=1)
        self.assertIn("AccessDenied", self.stderr)
        self.assertEqual(len(self.stderr.splitlines()), 1, self.stderr)
        self.assertEqual(self.unfinished(), 0)
        self.assertIn("DELETE", [m for m, _, _ in self.proxy.seen])

    def test_end_that_fails(self):
        """An error in an answer of status 200: passing at first, then for good."""
        body = "  \n<?xml version='1.0'?><Error><Code>{}</Code><Message>x</Message></Error>"
        errors = [body.format("InternalError")]

        def rule(request):
            if request.command == "POST" and "uploadId=" in request.path and errors:
                return ("status", 200, errors.pop())
            return None
        self.proxy.rule = rule
        self.push(self.folder)
        with open(self.large, "r+b") as f:
            f.write(b"again")
        errors.append(body.format("InvalidPart"))
        self.push(self.folder, code=1)
        self.assertIn("InvalidPart", self.stderr)
        self.assertEqual(self.unfinished(), 0)
        # one that passes, but not soon enough: what was sent is kept for the next time
        errors.extend([body.format("SlowDown")] * 5)
        self.push(self.folder, code=1)
        self.assertIn("SlowDown", self.stderr)
        self.assertEqual(self.unfinished(), 1)
        before = len(self.parts_sent())
        self.push(self.folder)
        self.assertEqual(self.parts_sent()[before:], [])
        self.assertEqual(self.unfinished(), 0)

    def test_lists_without_an_end(self):
        page = ("<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker>"
                "<NextUploadIdMarker>u</NextUploadIdMarker></ListMultipartUploadsResult>")
        self.proxy.rule = lambda r: ("status", 200, page) if r.path.endswith("&uploads=") else None
        self.push(self.folder, code=1)
        self.assertIn("is no list of uploads", self.stderr)

    def test_end_whose_answer_is_lost(self):
        lost = []

        def rule(request):
            if request.command == "POST" and "uploadId=" in request.path and not lost:
                lost.append(request.path)
                return ("cut-answer", 0)
            return None
        self.proxy.rule = rule
        self.push(self.folder)
        self.assertEqual(len(lost), 1)
        self.fetch_and_compare()

    def test_older_attempts_are_taken_away(self):
        key = f"{self.url.split('/', 3)[3]}/runs/{self.folder.name}/{self.large.parent.name}/{self.large.name}"
        self.moto.python(f"[s3.create_multipart_upload(Bucket=bucket, Key={key!r}) for i in range(3)]")
        self.assertEqual(self.unfinished(), 3)
        self.push(self.folder)
        self.assertEqual(self.unfinished(), 0)
        self.fetch_and_compare()

    def test_part_size_that_cannot_be(self):
        for text in ("1", "x", "1e12"):
            self.environment["MMSPERF_S3_PART_BYTES"] = text
            self.push(self.folder, code=2)
            self.assertIn(f"MMSPERF_S3_PART_BYTES '{text}'", self.stderr)


class MainJob(test_runner_faults.Case):
    """The run itself, with a bzt that only pretends."""

    def setUp(self):
        super().setUp()
        why = s3.missing()
        if why:
            self.skipTest(why)
        moto = s3.Moto("perf-runs")
        self.addCleanup(moto.stop)
        self.proxy = s3.Proxy(moto.port)
        self.addCleanup(self.proxy.stop)
        before = dict(os.environ)
        os.environ.update(moto.environment(self.proxy.url))
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))

    def test_uploaded_or_said(self):
        self.suite("a", "criteria-ok")
        self.expect(0, "uploaded to s3://perf-runs/x", got=self.run_suites("--store", "s3://perf-runs/x"))
        run = (self.out / "latest").resolve()
        self.assertTrue((self.out / "index.sqlite").exists())
        self.assertTrue((run / "aggregates.csv").exists())
        self.assertEqual(len(json.loads((run / "run.json").read_text())["fingerprint"]["id"]), 12)
        done = subprocess.run([str(e2e.BINARY), "runs", "--store", "s3://perf-runs/x", "--json"], stdout=subprocess.PIPE, check=True)
        self.assertEqual([r["id"] for r in json.loads(done.stdout)["runs"]], [run.name])
        # an upload that fails: the run is whole all the same, and the exit code says that something is amiss
        self.proxy.rule = lambda r: ("status", 403, "<Error><Code>AccessDenied</Code></Error>")
        self.expect(1, "not uploaded", "AccessDenied", "the run is kept", got=self.run_suites("--store", "s3://perf-runs/x"))
        self.assertEqual(json.loads((self.out / "latest" / "run.json").read_text())["verdict"], "passed")
        del os.environ["AWS_ACCESS_KEY_ID"]
        self.expect(2, "AWS_ACCESS_KEY_ID is not set", got=self.run_suites("--store", "s3://perf-runs/x"))


if __name__ == "__main__":
    e2e.main()

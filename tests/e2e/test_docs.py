#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What is written about the program is true of it: README's table, --help, exit codes, install."""
import pathlib
import re
import subprocess
import tempfile
import unittest

import e2e


def run(*command, **options):
    return subprocess.run([str(c) for c in command], cwd=e2e.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, **options)


class Docs(unittest.TestCase):
    def test_readme_is_generated_from_the_registry(self):
        done = run("tools/readme/update.py", "--check")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_readme_has_the_table_of_kernels(self):
        part = re.search(r"<!-- kernels -->\n(.*?)<!-- /kernels -->", (e2e.ROOT / "README.md").read_text(), re.S)[1]
        self.assertIn("| Machine | Kernel | BPF snapshot | BPF iterator | procfs |", part)
        for series in ("5.10", "6.1", "6.12", "6.16", "6.18", "7.3"):
            self.assertRegex(part, rf"(?m)^\| {re.escape(series)} \| {re.escape(series)}\.")

    def test_readme_names_files_that_exist(self):
        text = (e2e.ROOT / "README.md").read_text()
        targets = re.findall(r"\]\(([^)#]+)\)", text)
        for target in targets:
            if not target.startswith("http"):
                self.assertTrue((e2e.ROOT / target).exists(), target)
        self.assertGreater(len(targets), 3)

    def test_readme_names_make_targets_and_commands_that_exist(self):
        text = (e2e.ROOT / "README.md").read_text()
        helped = run("make", "help").stdout
        for target in set(re.findall(r"`make ([a-z0-9-]+)", text)):
            self.assertRegex(helped, rf"\bmake {target}\b")
        commands = run(e2e.BINARY, "help").stdout
        for command in set(re.findall(r"mmsperf-bpf ([a-z]+)\b", text)) - {"is", "in"}:
            self.assertRegex(commands, rf"(?m)^  {command}\b")

    def test_every_command_has_help(self):
        listed = re.findall(r"(?m)^  ([a-z]+) ", run(e2e.BINARY, "help").stdout.split("Commands:")[1])
        self.assertIn("agent", listed)
        for command in listed:
            done = run(e2e.BINARY, command, "--help")
            self.assertEqual(done.returncode, 0, command)
            self.assertIn("Usage: mmsperf-bpf", done.stdout)

    def test_usage_errors_are_one_line_and_exit_2(self):
        for arguments in (["--sweet", "x"], ["nosuchcommand"], ["--timeout", "soon"], ["-e", "a__b", "--suite", "tests"],
                          ["agent", "--listen", "0.0.0.0:9009"], ["agent", "--match", "("], ["report"]):
            done = run(e2e.BINARY, *arguments)
            with self.subTest(arguments=arguments):
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertEqual(len(done.stdout.splitlines()), 1, done.stdout)

    def test_no_suite_is_3_before_anything_else(self):
        with tempfile.TemporaryDirectory() as empty:
            done = run(e2e.BINARY, "--suite", empty, "--artifacts-dir", pathlib.Path(empty) / "out",
                       env={"PATH": "/nonexistent"})
        self.assertEqual(done.returncode, 3, done.stdout)

    def test_install_and_uninstall_take_prefix_and_destdir(self):
        with tempfile.TemporaryDirectory() as root:
            for target in ("install", "uninstall"):
                done = run("make", target, "PREFIX=/opt/mp", f"DESTDIR={root}")
                self.assertEqual(done.returncode, 0, done.stdout)
                binary = pathlib.Path(root) / "opt/mp/bin/mmsperf-bpf"
                plugin = pathlib.Path(root) / "opt/mp/share/mmsperf-bpf/taurus/metrics_monitoring_taurus.py"
                self.assertEqual(binary.is_file(), target == "install")
                self.assertEqual(plugin.is_file(), target == "install")
                if target == "install":
                    self.assertEqual(run(binary, "--version").returncode, 0)


if __name__ == "__main__":
    e2e.main()

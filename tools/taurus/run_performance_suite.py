#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Drop-in for the original runner: the same options, run by mmsperf-bpf.

    python -m run_performance_suite --artifacts-dir=out --pattern='*criteria*.yaml'

As in the original, the suites beside it are the default: without -t/--test-dir those of the project
this file lies in are run, unless the present folder has its own tests/.
"""
import os
import sys

import mmsperf_client

TEST_DIR_OPTIONS = ("--test-dir", "--suite")
NO_SUITES = ("-h", "--help", "-V", "--version")


def names_suites(arguments):
    return any(a in NO_SUITES or a.split("=", 1)[0] in TEST_DIR_OPTIONS or a.startswith("-t")
               for a in arguments)


def main():
    arguments = sys.argv[1:]
    project_tests = mmsperf_client.HERE.parents[1] / "tests"
    if not names_suites(arguments) and not os.path.isdir("tests") and project_tests.is_dir():
        arguments = ["--test-dir", str(project_tests), *arguments]
    mmsperf_client.run_binary("run", *arguments)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Drop-in for the original monitoring server: `--start` and `--stop` of `mmsperf-bpf agent`.

Other options are the agent's (`mmsperf-bpf agent --help`). Unlike the original it listens on
loopback unless --listen and --allow say otherwise, and --start returns once it is ready.
"""
import argparse
import sys

import mmsperf_client


def main():
    parser = argparse.ArgumentParser(prog="metrics_monitoring_server.py", allow_abbrev=False,
                                     description="System and process metrics over sockets (mmsperf-bpf agent)",
                                     epilog="Further options: mmsperf-bpf agent --help")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--start", action="store_true", help="start the monitoring server")
    action.add_argument("--stop", action="store_true", help="stop the monitoring server")
    _, rest = parser.parse_known_args()
    given = [a for a in sys.argv[1:] if a in ("--start", "--stop")]
    mmsperf_client.run_binary("agent", *given, *rest)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-2.0-only
"""As many forks a second as the machine makes, beside 2,000 threads: is every exit counted, does the collector grow?"""
import os
import pathlib
import socket
import time

from harness import AGENT_PORT, BIN, Agent, BenchError, Child

THREADS = 2000
CAUSES = ["slots_full", "held", "ring_full", "pid_range", "missed"]
METRICS = ["processes_ended", "sum_all_threads", "monitor_drops"] + ["monitor_drops_" + c for c in CAUSES]


def rss(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class Client:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", AGENT_PORT), 10)
        self.lines = self.socket.makefile()

    def ask(self):
        self.socket.sendall(("metrics-single:" + "\t".join(METRICS) + "\n").encode())
        line = self.lines.readline()
        if not line:
            raise BenchError("the agent left")
        return dict(zip(METRICS, map(float, line.split("\t")[:-1])))


def run(seconds):
    forkers = len(os.sched_getaffinity(0))
    with Child("storm", [BIN / "storm", forkers, THREADS]) as storm:
        storm.ask(None)
        with Agent(storm.pid, name="agent-storm") as agent:
            client = Client()
            client.ask()
            storm.ask("go 2")  # what tables grow to, they have
            time.sleep(1)
            before, rss_before = client.ask(), rss(agent.pid)
            begin = time.monotonic()
            forks = int(storm.ask(f"go {seconds}"))
            took = time.monotonic() - begin
            deadline = time.monotonic() + 10
            while True:  # the last ones end within a reading or two
                after = client.ask()
                counted = after["processes_ended"] - before["processes_ended"]
                if counted >= forks or time.monotonic() > deadline:
                    break
                time.sleep(0.2)
            change = {n: after[n] - before[n] for n in METRICS}
            causes = {c: change["monitor_drops_" + c] for c in CAUSES}
            return {"forks": forks, "forks_per_s": forks / took, "threads": after["sum_all_threads"], "counted": counted,
                    "drops": change["monitor_drops"], "causes": causes,
                    "unaccounted": forks - counted - change["monitor_drops"] + causes["ring_full"],  # a notice of an exec is no exit
                    "rss_before": rss_before, "rss_after": rss(agent.pid)}

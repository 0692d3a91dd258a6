#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What a real Multi Model Server says of itself, as the collector reads it without any privilege: its JVM, its metrics
logs, its management API, ends of its workers; also when the server's files are closed to everybody but its user, when
it restarts, and when it believes in workers that are not there."""
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import e2e

NAMES = ["total_workers", "jvm_gc_count", "jvm_heap_used", "jvm_safepoint_seconds", "server_requests_2xx", "server_requests_4xx",
         "count_server_prediction_time", "p99_server_prediction_time@digits", "avg_server_prediction_time", "server_log_garbage",
         "workers_ready", "workers_missing", "workers_missing@noop", "worker_exits_signal_9", "worker_restarts",
         "frontend_thread_cpu_time_netty", "sum_workers_thread_cpu_time_python", "frontend_file_descriptors_limit",
         "frontend_file_descriptors", "frontend_file_descriptors_limit_ratio", "cgroup_cpu_throttled_seconds",
         "frontend_file_descriptors_sockets", "time_to_ready_seconds", "frontend_age_seconds", "monitor_cpu_percent",
         "monitor_bpf_runs", "monitor_drops"]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever the environment says
IMAGE = e2e.ROOT / "tests/inputs/digit-3.png"


next_port = e2e.ports(18400, 18479)  # the server refuses ports the kernel would choose: they are too high for it


class Server:
    """tools/mms/start.sh on ports of its own; its files can be read by its user alone."""

    def __init__(self, closed):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="mp-mms-"))
        self.dir.chmod(0o700 if closed else 0o755)
        self.port, self.management = next_port(), next_port()
        config = (e2e.ROOT / "tests/common/mms.properties").read_text()
        config = config.replace(":8080", f":{self.port}").replace(":8081", f":{self.management}")
        (self.dir / "mms.properties").write_text(config)
        self.pidfile = self.dir / "run/tmp/.model_server.pid"
        self.pidfile.parent.mkdir(parents=True)  # below a closed folder the agent holds on to the first open one
        self.start()

    def start(self):
        env = dict(os.environ, MMS_CONFIG=str(self.dir / "mms.properties"), MMS_RUN=str(self.dir / "run"))
        self.process = subprocess.Popen([e2e.ROOT / "tools/mms/start.sh"], env=env, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True)

    def await_ready(self):
        e2e.wait_for("the server", lambda: self.manage("GET", "/models") is not None, 60, 0.2)

    def manage(self, method, path, timeout=30):
        request = urllib.request.Request(f"http://127.0.0.1:{self.management}{path}", method=method)
        try:
            with DIRECT.open(request, timeout=timeout) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError):
            return None

    def predict(self, model):
        """Status of one request."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/predictions/{model}",
                                         data=pathlib.Path(IMAGE).read_bytes(), headers={"Content-Type": "image/png"})
        try:
            with DIRECT.open(request, timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as refusal:
            return refusal.code

    def workers(self, model):
        """Pids of the model's forked workers (their listener's children)."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == 1:
                    continue
                parent = pathlib.Path("/proc", (entry / "stat").read_text().rsplit(")", 1)[1].split()[1], "cmdline").read_bytes()
                group = os.getpgid(int(entry.name))
            except (OSError, ValueError, IndexError):
                continue
            if model.encode() in command and b"--model-name" in parent and group == self.process.pid:
                found.append(int(entry.name))
        return found

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def until(client, what, test, seconds=30):
    """The first line that passes."""
    end = time.monotonic() + seconds
    while True:
        line = client.read()
        if test(line):
            return line
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for {what}; last: {line}")


@unittest.skipUnless((e2e.BUILD / "venv-mms").exists(), "no model server in build/venv-mms: run 'make setup'")
class RealServer(unittest.TestCase):
    def watch(self, *args):
        port = e2e.free_port()
        agent = e2e.Agent("-l", f"127.0.0.1:{port}", "--no-unix", "--bpf-stats", "--pidfile", str(self.server.pidfile), *args)
        self.addCleanup(agent.stop)
        client = e2e.Client(port, 30)
        self.addCleanup(client.close)
        client.subscribe(NAMES)
        return agent, client

    def new_server(self, closed):
        self.server = Server(closed)
        self.addCleanup(self.server.remove)

    def register(self):
        for model, workers in (("digits", 2), ("noop", 1)):
            self.assertIsNotNone(self.server.manage("POST", f"/models?url={model}&initial_workers={workers}&synchronous=true", 60))

    def load(self, client):
        """Sent requests are what the server's own log says, no more and no less."""
        before = client.read()
        for _ in range(20):
            self.assertEqual(self.server.predict("digits"), 200)
        self.assertEqual(self.server.predict("nosuch"), 404)
        line = until(client, "21 requests in the logs", lambda v: v["count_server_prediction_time"] -
                     before["count_server_prediction_time"] >= 20 and v["server_requests_4xx"] > before["server_requests_4xx"])
        self.assertEqual(line["count_server_prediction_time"] - before["count_server_prediction_time"], 20)
        self.assertEqual(line["server_requests_4xx"] - before["server_requests_4xx"], 1)
        self.assertGreaterEqual(line["server_requests_2xx"] - before["server_requests_2xx"], 20)
        self.assertEqual(line["server_log_garbage"], 0)

    def test_from_its_start_to_its_faults(self):
        self.new_server(closed=os.geteuid() == 0)
        agent, client = self.watch("--management", f"http://127.0.0.1:{self.server.management}")
        self.server.await_ready()
        self.register()
        line = until(client, "the JVM and the management API", lambda v: v["workers_ready"] == 3 and v["jvm_heap_used"] > 0)
        self.assertGreater(line["jvm_safepoint_seconds"], 0)
        self.assertGreater(line["time_to_ready_seconds"], 0.2)
        self.assertLess(line["time_to_ready_seconds"], line["frontend_age_seconds"])
        self.assertEqual(line["workers_missing"], 0)
        self.load(client)
        line = until(client, "threads by name", lambda v: v["sum_workers_thread_cpu_time_python"] > 0)
        self.assertGreater(line["frontend_thread_cpu_time_netty"], 0)
        self.assertAlmostEqual(line["frontend_file_descriptors_limit_ratio"],
                               line["frontend_file_descriptors"] / line["frontend_file_descriptors_limit"], 4)
        self.assertGreater(line["frontend_file_descriptors_limit"], 100)
        self.assertEqual(line["monitor_drops"], 0)
        # a killed worker is replaced by the server
        os.kill(self.server.workers("digits")[0], signal.SIGKILL)
        line = until(client, "a restart", lambda v: v["worker_restarts"] >= 1 and v["total_workers"] == 3)
        self.assertEqual(line["worker_exits_signal_9"], 1)
        # contract, section 6: scaled to 0 and back, the server says READY and has no process
        self.server.manage("PUT", "/models/noop?min_worker=0&synchronous=true")
        until(client, "no worker of noop", lambda v: v["total_workers"] == 2)
        self.server.manage("PUT", "/models/noop?min_worker=2")
        line = until(client, "READY workers without a process", lambda v: v["workers_missing"] == 2)
        self.assertEqual(line["workers_missing@noop"], 2)
        self.assertEqual(line["total_workers"], 2)
        # another server in its place: counters of the JVM go on, its files are found again
        gc = line["jvm_gc_count"]
        self.server.stop()
        until(client, "no server", lambda v: math.isnan(v["jvm_heap_used"]))
        self.server.start()
        self.server.await_ready()
        self.register()
        line = until(client, "the next JVM", lambda v: v["jvm_heap_used"] > 0)
        self.assertGreaterEqual(line["jvm_gc_count"], gc)
        until(client, "its workers", lambda v: v["workers_ready"] == 3 and v["workers_missing"] == 0)
        self.load(client)
        client.close()
        self.assertEqual(agent.stop(), 0)
        self.assertNotIn("error", agent.output)
        if agent.rung.startswith("BPF") and os.geteuid() == 0:
            self.assertTrue(math.isnan(line["frontend_file_descriptors_sockets"]))
            self.assertIn("CAP_SYS_PTRACE", agent.output)  # absent, and why

    def test_on_proc_alone(self):
        self.new_server(closed=False)
        self.server.await_ready()
        self.register()
        _, client = self.watch("--no-bpf")
        line = until(client, "the JVM and the management API", lambda v: v["workers_ready"] == 3 and v["jvm_heap_used"] > 0)
        self.load(client)
        if os.geteuid() == 0:
            self.assertGreater(line["frontend_file_descriptors_sockets"], 2)
        self.assertTrue(math.isnan(line["time_to_ready_seconds"]))  # it was ready before


if __name__ == "__main__":
    e2e.main()

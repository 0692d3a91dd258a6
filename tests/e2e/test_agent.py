#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The agent as its users meet it: the protocol over TCP, UDP and Unix sockets, several clients, a
client that does not read, the watched tree going and coming, recordings."""
import csv
import math
import os
import signal
import socket
import time

import agentcase
import e2e

BASIC = ["total_processes", "total_workers", "sum_workers_memory_rss", "frontend_cpu_percent", "sum_all_cpu_percent"]


class Protocol(agentcase.Case):
    def test_the_words_of_the_contract(self):
        server = self.server(3)
        self.agent("--pid", str(server.pid))
        client = self.client()
        client.send("test\n")
        self.assertEqual(client.lines.readline(), "Yep\n")
        client.subscribe(BASIC)
        values = client.read()
        self.assertEqual(values["total_processes"], 4)
        self.assertEqual(values["total_workers"], 3)
        self.assertGreater(values["sum_workers_memory_rss"], 1e6)
        self.assertGreater(values["frontend_cpu_percent"], 0)
        self.assertLess(values["frontend_cpu_percent"], 100)
        client.send("exit\n")
        while client.lines.readline():
            pass  # lines that were under way, then the end

    def test_commands_split_anywhere_and_several_in_one_packet(self):
        server = self.server()
        self.agent("--pid", str(server.pid))
        client = self.client()
        for piece in ("te", "st", "\nint", "erval:0.0", "5\r\nmetrics:total_work", "ers\ttotal_processes\t", "\ntest\n"):
            client.send(piece)
            time.sleep(0.02)
        lines = [client.lines.readline() for _ in range(4)]
        self.assertEqual(lines[0], "Yep\n")
        self.assertIn("Yep\n", lines[1:])
        self.assertIn("2\t3\t\n", lines[1:])

    def test_unknown_names_keep_their_column(self):
        server = self.server()
        agent = self.agent("--pid", str(server.pid))
        client = self.client()
        names = ["no_such_metric", "total_workers", "exec:/bin/id:x", "", "total_workers:"]
        client.subscribe(names, 0.1)
        for _ in range(3):
            line = client.lines.readline()
            self.assertEqual(line, "NaN\t2\tNaN\tNaN\t2\t\n")
        # the same names again: no second line in the log
        client.subscribe(names, 0.1)
        client.lines.readline()
        agent.stop()
        self.assertEqual(agent.output.count("no_such_metric"), 1, agent.output)
        self.assertIn("exec:/bin/id", agent.output)

    def test_a_metric_that_needs_its_own_probes(self):
        server = self.server()
        agent = self.agent("--pid", str(server.pid))
        if not agent.rung.startswith("BPF"):
            self.skipTest(f"exact iowait needs BPF; here: {agent.rung} ({agent.why})")
        for _ in range(2):  # attached, detached, attached again
            client = self.client()
            client.subscribe(["sum_all_cpu_iowait_time", "total_workers"], 0.1)
            for _ in range(2):  # from the first line on
                self.assertGreaterEqual(client.read()["sum_all_cpu_iowait_time"], 0)
            client.close()

    def test_change_of_interval_and_metrics_in_the_stream(self):
        server = self.server()
        self.agent("--pid", str(server.pid))
        client = self.client()
        client.subscribe(["total_workers"], 60)
        client.send("interval:0.05\n")
        self.assertEqual(client.lines.readline(), "2\t\n")
        client.subscribe(["total_processes", "total_workers"], 0.05)
        e2e.wait_for("lines of the new kind", lambda: client.lines.readline() == "3\t2\t\n")
        client.send("interval:garbage\ninterval:-3\n")
        start = time.monotonic()
        for _ in range(10):
            client.read()
        self.assertLess(time.monotonic() - start, 2, "garbage must not change the interval")

    def test_interval_zero_is_half_a_second(self):
        server = self.server()
        self.agent("--pid", str(server.pid))
        client = self.client()
        client.subscribe(["total_workers"], 0)
        client.read()
        start = time.monotonic()
        for _ in range(4):
            client.read()
        self.assertAlmostEqual(time.monotonic() - start, 2, delta=0.4)

    def test_single_measurement(self):
        server = self.server()
        self.agent("--pid", str(server.pid))
        client = self.client()
        client.names = ["total_workers", "frontend_cpu_percent"]
        client.send("metrics-single:" + "\t".join(client.names) + "\n")
        first = client.read()
        self.assertEqual(first["total_workers"], 2)
        self.assertTrue(math.isnan(first["frontend_cpu_percent"]), "no rate without an earlier sample")
        time.sleep(0.3)
        client.send("metrics-single:" + "\t".join(client.names) + "\n")
        self.assertGreater(client.read()["frontend_cpu_percent"], 0)
        client.send("metrics-single:total_workers\n" * 200)
        client.names = ["total_workers"]
        for _ in range(200):
            self.assertEqual(client.read()["total_workers"], 2)

    def test_a_client_that_only_closed_its_sending_side_gets_data(self):
        server = self.server()
        self.agent("--pid", str(server.pid))
        client = self.client()
        client.subscribe(["total_workers"], 0.05)
        client.socket.shutdown(socket.SHUT_WR)
        for _ in range(5):
            self.assertEqual(client.read()["total_workers"], 2)

    def test_garbage_and_endless_lines(self):
        server = self.server()
        agent = self.agent("--pid", str(server.pid))
        client = self.client()
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + "x" * 300000 + "\0\x1b[2J\n" + "bogus\n" * 50 + "test\n")
        self.assertEqual(client.lines.readline(), "Yep\n")
        agent.stop()
        self.assertNotIn("\x1b", agent.output)
        self.assertLess(agent.output.count("ignored"), 7, "complaints about one client are bounded")

    def test_shutdown_is_refused_unless_enabled(self):
        agent = self.agent("--pid", str(os.getpid()))
        client = self.client()
        client.send("shutdown\ntest\n")
        self.assertEqual(client.lines.readline(), "Yep\n")
        self.assertEqual(agent.stop(), 0)
        self.assertIn("--enable-shutdown", agent.output)
        agent = self.agent("--pid", str(os.getpid()), "--enable-shutdown")
        self.client().send("shutdown\n")
        self.assertEqual(agent.process.wait(timeout=10), 0)

    def test_unix_socket(self):
        server = self.server()
        self.agent("--pid", str(server.pid))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(self.sock))
            sock.sendall(b"test\nmetrics-single:total_workers\n")
            self.assertEqual(sock.makefile("rb").read(7), b"Yep\n2\t\n")
        self.assertEqual(self.sock.stat().st_mode & 0o777, 0o666)

    def test_udp(self):
        server = self.server()
        self.agent("--pid", str(server.pid))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            sock.connect(("127.0.0.1", self.port))
            sock.send(b"test")
            self.assertEqual(sock.recv(100), b"Yep\n")
            sock.send(b"interval:0.05\nmetrics:total_workers\ttotal_processes\n")
            for _ in range(3):
                self.assertEqual(sock.recv(100), b"2\t3\t\n")
            sock.send(b"exit\n")
            sock.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                for _ in range(5):  # what was under way
                    sock.recv(100)

    def test_udp_transmitter(self):
        server = self.server()
        agent = self.agent("--pid", str(server.pid))
        client = self.client()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
            sink.settimeout(10)
            sink.bind(("127.0.0.1", 0))
            client.send(f"interval:0.05\nudp-transmitter:127.0.0.1:{sink.getsockname()[1]}:total_workers\n")
            self.assertEqual(sink.recv(100), b"2\t\n")
        client.send("udp-transmitter:192.0.2.1:9:total_workers\nudp-transmitter:nohost.invalid:9:total_workers\ntest\n")
        self.assertEqual(client.lines.readline(), "Yep\n")
        agent.stop()
        self.assertIn("192.0.2.1", agent.output)
        self.assertIn("numeric address", agent.output)


class Clients(agentcase.Case):
    def test_each_has_its_own_interval_and_metrics(self):
        server = self.server()
        self.agent("--pid", str(server.pid))
        fast, slow, other = self.client(), self.client(), self.client()
        fast.subscribe(["total_workers"], 0.05)
        slow.subscribe(["total_processes"], 0.5)
        other.subscribe(["sum_all_cpu_percent", "total_workers"], 0.5)
        start = time.monotonic()
        slow.read()
        slow.read()
        first = time.monotonic() - start
        self.assertAlmostEqual(first, 1.0, delta=0.4)
        fast.socket.setblocking(True)
        lines = 0
        while lines < 15:
            self.assertEqual(fast.read(), {"total_workers": 2})
            lines += 1
        self.assertEqual(other.read()["total_workers"], 2)

    def test_one_that_never_reads_delays_nobody(self):
        server = self.server()
        agent = self.agent("--pid", str(server.pid))
        names = ["sum_workers_memory_rss"] * 2000
        deaf = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(deaf.close)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(("interval:0.01\nmetrics:" + "\t".join(names) + "\n").encode())
        client = self.client()
        client.subscribe(["total_workers"], 0.05)
        gaps, last = [], time.monotonic()
        end = last + 4
        while time.monotonic() < end:
            client.read()
            now = time.monotonic()
            gaps.append(now - last)
            last = now
        self.assertGreater(len(gaps), 60)
        self.assertLess(sorted(gaps)[len(gaps) * 9 // 10], 0.2)
        rss = int(next(l for l in open(f"/proc/{agent.process.pid}/status") if l.startswith("VmRSS")).split()[1])
        self.assertLess(rss, 60000, "the queue of a client that does not read is bounded")
        # what it gets later is whole lines
        deaf.settimeout(5)
        data = b""
        while data.count(b"\n") < 3:
            data += deaf.recv(65536)
        for line in data.split(b"\n")[:3]:
            self.assertEqual(line.count(b"\t"), 2000)
        deaf.close()
        client.read()
        agent.stop()
        self.assertIn("does not read", agent.output)

    def test_hundreds_come_and_go(self):
        self.agent("--pid", str(os.getpid()))
        for _ in range(5):
            clients = [e2e.Client(self.port) for _ in range(100)]
            for c in clients:
                c.subscribe(["total_processes"], 0.1)
            for c in clients[::2]:
                c.read()
            for c in clients:
                c.close()
        client = self.client()
        client.send("test\n")
        self.assertEqual(client.lines.readline(), "Yep\n")


class Target(agentcase.Case):
    def test_ready_before_the_server_and_following_restarts(self):
        mark = f"mark-{os.getpid()}-{self.port}"
        self.agent("--match", mark)
        client = self.client()
        client.subscribe(["total_processes", "total_workers", "sum_workers_memory_rss", "avg_workers_memory_rss"], 0.1)
        before = client.read()
        self.assertEqual(before["total_processes"], 0)
        self.assertEqual(before["sum_workers_memory_rss"], 0)
        self.assertTrue(math.isnan(before["avg_workers_memory_rss"]))
        for workers in (2, 4):
            server = self.server(workers, mark)
            e2e.wait_for(f"{workers} workers", lambda: client.read()["total_workers"] == workers)
            server.stop()
            e2e.wait_for("no process", lambda: client.read()["total_processes"] == 0)

    def test_pidfile(self):
        # By the time it reads the file the agent is another user, who may not pass self.folder (0700).
        (self.folder / "run").mkdir(mode=0o755)
        pidfile = self.folder / "run" / "server.pid"
        self.agent("--pidfile", str(pidfile))
        client = self.client()
        client.subscribe(["total_workers"], 0.1)
        self.assertEqual(client.read()["total_workers"], 0)
        for workers in (1, 3):
            server = self.server(workers)
            pidfile.write_text(f"{server.pid}\n")
            e2e.wait_for(f"{workers} workers", lambda: client.read()["total_workers"] == workers)
            server.stop()
            e2e.wait_for("no worker", lambda: client.read()["total_workers"] == 0)

    def test_pidfile_that_the_agent_may_not_read(self):
        if os.geteuid() != 0:
            self.skipTest("not root: the agent stays the same user")
        agent = self.agent("--pidfile", str(self.folder / "server.pid"))
        agent.stop()
        self.assertIn("cannot be read by the user", agent.output)

    def test_pid_that_does_not_exist(self):
        code, output = self.run_agent("--no-unix", "--no-socket", "--pid", "4194000")
        self.assertEqual(code, 1)
        self.assert_one_line(output)
        self.assertIn("4194000", output)


class Recording(agentcase.Case):
    def rows(self, name):
        with open(self.folder / "rec" / name, newline="") as file:
            return list(csv.reader(file))

    def test_files(self):
        server = self.server(2)
        agent = self.agent("--pid", str(server.pid), "--record", str(self.folder / "rec"), "--interval", "100ms",
                           "--record-metrics", "no_such_metric,total_workers")
        e2e.wait_for("rows", lambda: len(self.rows("metrics.csv")) > 8)
        start = time.time()
        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait()
        rows = self.rows("metrics.csv")
        header = rows[0]
        self.assertEqual(header[0], "ts")
        self.assertEqual(header[-1], "no_such_metric")
        self.assertEqual(len(header), len(set(header)))
        for row in rows[1:]:
            self.assertEqual(len(row), len(header))
            self.assertEqual(row[-1], "")
            self.assertAlmostEqual(float(row[0]), start, delta=20)
            for cell in row[1:]:
                self.assertFalse(cell and math.isnan(float(cell)))
            self.assertEqual(row[header.index("total_workers")], "2")
        stamps = [float(r[0]) for r in rows[1:]]
        self.assertAlmostEqual((stamps[-1] - stamps[0]) / (len(stamps) - 1), 0.1, delta=0.03)
        workers = self.rows("workers.csv")
        self.assertEqual(workers[0], ["ts", "model", "slot", "pid", "metric", "value"])
        self.assertEqual({r[2] for r in workers[1:]}, {"0", "1"})
        self.assertEqual(len({r[3] for r in workers[1:]}), 2)
        self.assertIn("memory_rss", {r[4] for r in workers[1:]})

    def test_a_folder_that_cannot_be_written(self):
        (self.folder / "file").write_text("x")
        code, output = self.run_agent("--no-socket", "--unix", str(self.sock), "--pid", str(os.getpid()),
                                      "--record", str(self.folder / "file" / "rec"))
        self.assertEqual(code, 1)
        self.assert_one_line(output)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["file"])

    def test_a_full_disk_stops_the_recording_only(self):
        import resource
        server = self.server()
        agent = self.agent("--pid", str(server.pid), "--record", str(self.folder / "rec"), "--interval", "20ms",
                           preexec_fn=lambda: (resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)),
                                               signal.signal(signal.SIGXFSZ, signal.SIG_IGN)),
                           restore_signals=False)
        client = self.client()
        client.subscribe(["total_workers"], 0.05)
        sizes = []

        def settled():
            client.read()
            sizes.append((self.folder / "rec" / "metrics.csv").stat().st_size)
            return len(sizes) > 20 and sizes[-1] == sizes[-20]
        e2e.wait_for("the recording to stop", settled, 20)
        self.assertEqual(client.read()["total_workers"], 2)
        self.assertEqual(agent.stop(), 1, "the exit code tells at the end")
        self.assertEqual(agent.output.count("the recording stops here"), 1, agent.output)
        self.assertTrue((self.folder / "rec" / "metrics.csv").read_text().endswith("\n"))


if __name__ == "__main__":
    e2e.main()

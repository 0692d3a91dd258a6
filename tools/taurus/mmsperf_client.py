# SPDX-License-Identifier: GPL-2.0-only
"""Finding the mmsperf-bpf program and talking to its agent; standard library only.

Used by the Taurus plugin and by the drop-in scripts beside this file.
"""
import os
import pathlib
import shutil
import socket
import subprocess
import threading

HERE = pathlib.Path(__file__).resolve().parent
START_TIMEOUT_S = 40  # the program's own deadline is 30


class AgentError(Exception):
    """The agent cannot be found, started or understood; the text says what to do."""


def find_binary():
    """Path of mmsperf-bpf: $MMSPERF_BPF, the tree this file lies in, PATH."""
    named = os.environ.get("MMSPERF_BPF")
    if named:
        if os.access(named, os.X_OK):
            return named
        raise AgentError(f"$MMSPERF_BPF names '{named}', which is no program")
    for path in (HERE.parents[1] / "build" / "mmsperf-bpf",  # tools/taurus of the project
                 HERE.parents[2] / "bin" / "mmsperf-bpf"):  # PREFIX/share/mmsperf-bpf/taurus
        if os.access(path, os.X_OK):
            return str(path)
    found = shutil.which("mmsperf-bpf")
    if found:
        return found
    raise AgentError(f"mmsperf-bpf was not found: run 'make' in {HERE.parents[1]}, put it into PATH, "
                     "or set MMSPERF_BPF to its path")


def socket_path():
    """Where the agent of this user listens, by the same rules as the program's."""
    if os.environ.get("MMSPERF_SOCKET"):
        return os.path.abspath(os.environ["MMSPERF_SOCKET"])
    if os.geteuid() == 0:
        return "/run/mmsperf/agent.sock"
    run = os.environ.get("XDG_RUNTIME_DIR")
    return f"{run}/mmsperf/agent.sock" if run else f"/tmp/mmsperf-{os.geteuid()}/agent.sock"


class Starter:
    """Starts an agent when none runs, and ends it again when its last user here has left.

    An agent that somebody else started is used and left alone.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._users = 0
        self._started = None  # socket path of the agent we started

    def __enter__(self):
        with self._lock:
            self._users += 1
        return self

    def ensure(self, path, log):
        with self._lock:
            log.info("No agent runs at %s, starting one", path)
            self._run(path, "--start", "--no-socket")
            self._started = path

    def leave(self, log):
        with self._lock:
            self._users -= 1
            if self._users > 0 or not self._started:
                return
            path, self._started = self._started, None
            try:
                self._run(path, "--stop")
            except AgentError as exc:
                log.warning("%s", exc)

    @staticmethod
    def _run(path, *options):
        command = [find_binary(), "agent", *options, "--unix", path]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=START_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise AgentError(f"'{' '.join(command)}' failed: {exc}") from exc
        if done.returncode != 0:
            text = done.stdout.decode(errors="replace").strip()
            raise AgentError(f"'{' '.join(command)}' failed ({done.returncode}): {text}")


STARTER = Starter()


class Connection:
    """One client of the agent: subscribe once, then take the lines that have come."""

    def __init__(self, path, names, interval_s):
        self.path, self.names, self.interval_s = path, list(names), interval_s
        self._socket = None
        self._partial = b""

    def open(self):
        """Raises OSError when nobody listens, AgentError when it is no agent."""
        self._partial = b""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(5)
            sock.connect(self.path)
            sock.sendall(b"test\n")
            answer = b""
            while len(answer) < 4:
                piece = sock.recv(4 - len(answer))
                if not piece:
                    break
                answer += piece
            if answer != b"Yep\n":
                raise AgentError(f"what listens on {self.path} is no monitoring agent")
            sock.setblocking(False)
        except BaseException:
            sock.close()
            raise
        self._socket = sock

    def subscribe(self):
        self._socket.setblocking(True)
        self._socket.settimeout(5)
        self._socket.sendall(f"interval:{self.interval_s:g}\nmetrics:{chr(9).join(self.names)}\n".encode())
        self._socket.setblocking(False)

    def lines(self):
        """Lists of floats that have come since the last call; ConnectionError when it is over."""
        if self._socket is None:
            raise ConnectionError("not connected")
        while True:
            try:
                piece = self._socket.recv(65536)
            except BlockingIOError:
                break
            if not piece:
                raise ConnectionResetError("the agent closed the connection")
            self._partial += piece
        *whole, self._partial = self._partial.split(b"\n")
        result = []
        for line in whole:
            values = [float(field) for field in line.split(b"\t")[:-1]]
            if len(values) != len(self.names):
                raise AgentError(f"the agent sent {len(values)} values for {len(self.names)} metrics: {line!r}")
            result.append(values)
        return result

    def close(self):
        if self._socket is None:
            return
        try:
            self._socket.sendall(b"exit\n")
        except OSError:
            pass  # it is gone, which is what was wanted
        self._socket.close()
        self._socket = None


def run_binary(*arguments):
    """Replaces this process by mmsperf-bpf; exits 1 with one line when that is impossible."""
    try:
        binary = find_binary()
        os.execv(binary, [binary, *arguments])
    except (AgentError, OSError) as exc:
        raise SystemExit(f"mmsperf-bpf: error: {exc}") from exc

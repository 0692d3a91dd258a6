# SPDX-License-Identifier: GPL-2.0-only
"""The real model server for the benchmark: on its own ports and in its own folder, with the digits model and a few workers."""
import contextlib
import pathlib
import time
import urllib.error
import urllib.request

from harness import BUILD, MMS_PORT, ROOT, BenchError, Child, descendants

INFERENCE, MANAGEMENT = f"http://127.0.0.1:{MMS_PORT}", f"http://127.0.0.1:{MMS_PORT + 1}"


def http(url, data=None, method=None, timeout=60):
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/octet-stream"})
    with urllib.request.urlopen(request, timeout=timeout) as r:
        return r.read()


@contextlib.contextmanager
def model_server(workers):
    """Yields the frontend's pid once every worker is there."""
    if not (ROOT / "build/venv-mms/.ready").exists() or not (ROOT / "build/models/.ready").exists():
        raise BenchError("no model server: run 'make setup' first")
    folder = BUILD / "mms"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "mms.properties"
    config.write_text(f"inference_address={INFERENCE}\nmanagement_address={MANAGEMENT}\ndefault_workers_per_model=1\n"
                      "vmargs=-Xms64m -Xmx256m\n")
    env = {"MMS_CONFIG": str(config), "MMS_RUN": str(folder)}
    with Child("mms", [ROOT / "tools/mms/start.sh"], env=env, pipes=False, group=True) as server:
        deadline = time.monotonic() + 60
        while True:
            try:
                http(INFERENCE + "/ping", timeout=5)
                break
            except (urllib.error.URLError, OSError):
                if not server.alive() or time.monotonic() > deadline:
                    raise BenchError(f"the model server does not answer: {server.why()}") from None
                time.sleep(0.2)
        try:
            load_model(workers)
        except urllib.error.HTTPError as e:
            raise BenchError(f"the model server refused: {e}: {e.read(200)!r}") from None
        pidfile = folder / "tmp/.model_server.pid"
        frontend = int(pidfile.read_text()) if pidfile.exists() else server.pid
        while len(worker_scripts(frontend)) < workers + 1:
            if time.monotonic() > deadline:
                raise BenchError(f"{len(worker_scripts(frontend))} worker processes instead of {workers + 1}")
            time.sleep(0.2)
        yield frontend


def load_model(workers):
    http(f"{MANAGEMENT}/models?url=digits&model_name=digits&initial_workers={workers}&synchronous=true", method="POST", data=b"")
    image = (ROOT / "tests/inputs/digit-3.png").read_bytes()
    for _ in range(workers * 4):  # every worker has loaded what it needs
        http(INFERENCE + "/predictions/digits", data=image)


def worker_scripts(frontend):
    found = []
    for pid in descendants(frontend):
        with contextlib.suppress(OSError):
            if b"model_service_worker.py" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found

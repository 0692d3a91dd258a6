# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the scenarios share: a server of their own making (a model store with faulty models, a proxy that answers wrongly), copies
of scenarios with one thing changed, and a look at what a server's run has left.
"""
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading

import e2e

SCENARIOS = e2e.ROOT / "tests/scenarios"
NAMES = sorted(p.name for p in SCENARIOS.iterdir() if p.is_dir() and (p / f"{p.name}.yaml").is_file())
WITHOUT_CRITERIA = {"examples_starter", "examples_remote_monitoring", "examples_local_monitoring"}

HANDLER = '''
import os, sys, time
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import {base} as base
count, kept = 0, []
def handle(batch, context):
    global count
    if batch is None:
        return base.handle(None, context)
    count += 1
    answers = base.handle(batch, context)
{fault}
    return answers
'''
FAULTS = {
    "leaks_files": ("digits", "    kept.append(os.open('/dev/null', os.O_RDONLY))"),
    "keeps_memory": ("digits", "    kept.append(b'x' * 400_000)"),
    "fails_sometimes": ("digits", "    if count % 20 == 0: raise ValueError('one in twenty')"),
    "slow": ("noop", "    time.sleep(0.5)"),
    "slow_digits": ("digits", "    time.sleep(0.5)"),
    "hangs": ("digits", "    if count > 20: time.sleep(3600)"),
    "one_idle": ("digits", """    try:
        os.open(os.path.join(os.environ["TMPDIR"], "first-of-the-idle"), os.O_CREAT | os.O_EXCL)
        time.sleep(3600)
    except FileExistsError:
        pass"""),
    "dies": ("digits", "    if count % 50 == 0: os._exit(9)"),
}


def faulty_store(folder):
    """A model store with the project's models and, beside them, those that do one thing wrong."""
    shutil.copytree(e2e.BUILD / "models", folder)
    for name, (base, fault) in FAULTS.items():
        model = folder / name
        shutil.copytree(folder / base, model)
        (model / "handler.py").rename(model / "right.py")
        (model / "handler.py").write_text(HANDLER.format(base="right", fault=fault))
        manifest = model / "MAR-INF" / "MANIFEST.json"
        manifest.write_text(re.sub(r'"modelName": "\w+"', f'"modelName": "{name}"', manifest.read_text()))
    return folder


class Proxy:
    """An HTTP proxy on a free port before 127.0.0.1:`port`; `fault(method, path, forward)` may answer (status, bytes) itself, or None."""

    def __init__(self, port, fault):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self, method, path, body=b"", to=None):
                connection = http.client.HTTPConnection("127.0.0.1", to or port, timeout=60)
                try:
                    headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length")}
                    connection.request(method, path, body, headers)
                    answer = connection.getresponse()
                    return answer.status, answer.read()
                finally:
                    connection.close()

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    status, text = proxy.fault(self.command, self.path, self.forward) or self.forward(self.command, self.path, body)
                except OSError as e:
                    status, text = 502, str(e).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = handle_any

            def log_message(self, *_):
                pass

        self.fault = fault
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def server_file(folder, models=None):
    """A server file for --server whose server lives in `folder` alone."""
    text = (e2e.ROOT / "tests/common/mms.yaml").read_text()
    changed = text.replace("MMS_RUN: build/run/mms ", f"MMS_RUN: {folder}/mms ").replace("pidfile: build/run/mms/", f"pidfile: {folder}/mms/")
    if models:
        changed = re.sub(r"^env:.*$", f"env:\n  MMS_MODEL_STORE: {models}", changed, count=1, flags=re.M)
    if changed.count(str(folder)) < 2:
        raise AssertionError("tests/common/mms.yaml has another form than this test knows")
    path = folder / "mms.yaml"
    path.write_text(changed)
    return path


def copy_scenario(name, folder, as_name, changes=(), ports=None, properties=None):
    """tests/scenarios/NAME as folder/AS_NAME, with texts of its suite replaced and a global config of its own."""
    target = folder / as_name
    target.mkdir(parents=True)
    text = (SCENARIOS / name / f"{name}.yaml").read_text().replace("../../register_and_inference.jmx",
                                                                   str(e2e.ROOT / "tests/register_and_inference.jmx"))
    for old, new in changes:
        if old not in text:
            raise AssertionError(f"'{old}' is not in {name}.yaml")
        text = text.replace(old, new)
    (target / f"{as_name}.yaml").write_text(text)
    if (SCENARIOS / name / "environments").is_dir():
        shutil.copytree(SCENARIOS / name / "environments", target / "environments")
    config = (e2e.ROOT / "tests/common/global_config.yaml").read_text()
    for key, value in (ports or {}).items():
        config, n = re.subn(rf"^(\s+){key}: \d+", rf"\g<1>{key}: {value}", config, flags=re.M)
        assert n == 1, key
    for key, value in (properties or {}).items():
        config = re.sub(r"^(\s+)port: ", rf"\g<1>{key}: {value}\n\g<0>", config, count=1, flags=re.M)
    (target / "global_config.yaml").write_text(config)


def run(out, *args, timeout, env=None):
    """(exit code, output, run.json) of the runner."""
    done = subprocess.run([str(e2e.BINARY), *map(str, args), "--artifacts-dir", str(out)], cwd=e2e.ROOT, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, **(env or {})), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    print(done.stdout)
    result = out / "latest" / "run.json"
    return done.returncode, done.stdout, json.loads(result.read_text()) if result.is_file() else None

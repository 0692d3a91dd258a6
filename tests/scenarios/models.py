#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Steps of the scenarios' set-up and clean-up: registers models with a running server, and takes them away again.

  models.py register NAME [url=NAME] [workers=1] [KEY=VALUE…]   other keys go to the server's register call (batch_size, max_batch_delay)
  models.py unregister NAME…                                    a model that is not there is fine

Owns: that a step is over when its effect is there (all workers READY, the model gone), by polling, within a time limit. Exit 0, or 1 with one
line that says what is missing; bzt then ends the suite. Called by the shellexec steps of the suites. The server's management address is
MMS_MANAGEMENT (default http://127.0.0.1:8081).
"""
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

MANAGEMENT = os.environ.get("MMS_MANAGEMENT", "http://127.0.0.1:8081").rstrip("/")
LIMIT = 60.0  # seconds for a step; a worker of the digits model needs one or two on a busy machine
STEP = 0.1  # seconds between two looks


def call(method, path, **query):
    """(status, answer as JSON or text); raises OSError when the server does not answer."""
    url = MANAGEMENT + path + ("?" + urllib.parse.urlencode(query) if query else "")
    request = urllib.request.Request(url, method=method)
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            status, body = answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as e:
        status, body = e.code, e.read().decode(errors="replace")
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body


def path_of(name):
    return "/models/" + urllib.parse.quote(name, safe="")


def wait(what, done):
    end = time.monotonic() + LIMIT
    while not done():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {LIMIT:.0f} s")
        time.sleep(STEP)


def describe(name):
    status, answer = call("GET", path_of(name))
    return answer if status == 200 else None


def unregister(name):
    status, answer = call("DELETE", path_of(name))
    if status not in (200, 202, 404):
        raise RuntimeError(f"model {name} cannot be unregistered: {status} {answer}")
    wait(f"model {name} gone", lambda: describe(name) is None)


def ready_workers(name):
    return sum(w.get("status") == "READY" for w in (describe(name) or {}).get("workers", []))


def register(name, url=None, workers="1", **more):
    if describe(name) is not None:  # left by a run that was killed; its settings are not ours
        print(f"model {name} was registered already: registered anew")
        unregister(name)
    status, answer = call("POST", "/models", url=url or name, model_name=name, **more)
    if status != 200:
        raise RuntimeError(f"model {name} cannot be registered: {status} {answer}")
    wanted = int(workers)
    if wanted:  # never 0: a server that scaled a model to 0 does not bring it back
        status, answer = call("PUT", path_of(name), min_worker=wanted, max_worker=wanted)  # not synchronous: that call may never return
        if status not in (200, 202):
            raise RuntimeError(f"model {name} cannot be scaled to {wanted}: {status} {answer}")
        wait(f"{wanted} workers of model {name}", lambda: ready_workers(name) == wanted)


def main(command=None, *args):
    try:
        if command == "register" and args and all("=" in a for a in args[1:]):
            register(args[0], **dict(a.split("=", 1) for a in args[1:]))
        elif command == "unregister" and args:
            for name in args:
                unregister(name)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (OSError, RuntimeError, ValueError) as e:
        print(f"models.py: {MANAGEMENT}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A server for the runner's tests: answers GET anything with 200.

server.py PORT [--after SECONDS] [--die SECONDS] [--once FILE] [--exit CODE] [--child TOKEN] [--refuse]
  --after   begins to listen only then        --die    ends by itself that long after it listens
  --exit    ends at once with this code       --child  starts a child in the same group and forgets it
  --refuse  answers 503 for ever                        --once   dies only where FILE is not there yet, and makes it
"""
import argparse
import http.server
import os
import subprocess
import sys
import threading
import time

p = argparse.ArgumentParser()
p.add_argument("port", type=int)
p.add_argument("--after", type=float, default=0)
p.add_argument("--die", type=float)
p.add_argument("--once")
p.add_argument("--exit", type=int)
p.add_argument("--child")
p.add_argument("--refuse", action="store_true")
args = p.parse_args()

print("fake server: hello", flush=True)
if args.exit is not None:
    print("fake server: cannot find my model", flush=True)
    sys.exit(args.exit)
if args.child:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", args.child])
time.sleep(args.after)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b'{"status": "Healthy!"}\n'
        self.send_response(503 if args.refuse else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", args.port), Handler)
server.daemon_threads = True
if args.die is not None and not (args.once and os.path.exists(args.once)):
    def die():
        if args.once:
            open(args.once, "w").close()
        print("fake server: out of luck", flush=True)
        os._exit(9)
    threading.Timer(args.die, die).start()
server.serve_forever()

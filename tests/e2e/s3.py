# SPDX-License-Identifier: GPL-2.0-only
"""An S3 emulator that refuses wrong signatures, and a proxy before it that breaks what it is told to.

Moto runs with INITIAL_NO_AUTH_ACTION_COUNT: the first actions make a user, its key and its rights, everything after them
is checked. The proxy hands requests on as they are (Host included, which is signed) unless a rule says otherwise.
"""
import http.client
import http.server
import json
import os
import socket
import subprocess
import threading
import time
import urllib.request

import e2e

PYTHON = e2e.BUILD / "venv-test" / "bin" / "python"
MOTO = e2e.BUILD / "venv-test" / "bin" / "moto_server"
REGION = "eu-central-1"
SET_UP = """
import json, sys, boto3
url, bucket = sys.argv[1:]
def client(name, **kw):
    return boto3.client(name, endpoint_url=url, region_name="%s", **kw)
iam = client("iam", aws_access_key_id="nobody", aws_secret_access_key="nothing")
iam.create_user(UserName="tester")
key = iam.create_access_key(UserName="tester")["AccessKey"]
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["*"]}]}
iam.put_user_policy(UserName="tester", PolicyName="all", PolicyDocument=json.dumps(policy))
s3 = client("s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "%s"})
print(json.dumps([key["AccessKeyId"], key["SecretAccessKey"]]))
""" % (REGION, REGION)
UNAUTHENTICATED = 3  # create_user, create_access_key, put_user_policy
PAGE = 7             # keys of one page of a list: several pages with few objects


def missing():
    """Why there is no emulator, or None."""
    return None if MOTO.exists() else "no build/venv-test with moto: 'make setup' makes it (needs the package index)"


class Moto:
    def __init__(self, bucket):
        self.port = e2e.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.bucket = bucket
        env = dict(os.environ, INITIAL_NO_AUTH_ACTION_COUNT=str(UNAUTHENTICATED), MOTO_S3_DEFAULT_MAX_KEYS=str(PAGE))
        self.process = subprocess.Popen([MOTO, "-H", "127.0.0.1", "-p", str(self.port)], env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            e2e.wait_for("moto", self.answers, 60)
            done = subprocess.run([PYTHON, "-c", SET_UP, self.url, bucket], stdout=subprocess.PIPE, check=True, timeout=60,
                                  text=True, env=dict(os.environ, no_proxy="127.0.0.1", NO_PROXY="127.0.0.1"))
        except BaseException:
            self.stop()
            raise
        self.key, self.secret = json.loads(done.stdout)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("moto ended before it answered")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def environment(self, endpoint, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return dict(clean, AWS_ACCESS_KEY_ID=self.key, AWS_SECRET_ACCESS_KEY=self.secret, AWS_REGION=REGION,
                    AWS_ENDPOINT_URL=endpoint, **more)

    def python(self, code):
        """Runs code with `s3` and `bucket`, as somebody else who may change the bucket."""
        head = ("import boto3, sys\n"
                f"s3 = boto3.client('s3', endpoint_url='{self.url}', region_name='{REGION}')\nbucket = '{self.bucket}'\n")
        return subprocess.run([PYTHON, "-c", head + code], check=True, timeout=60, text=True, stdout=subprocess.PIPE,
                              env=self.environment(self.url, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")).stdout

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Proxy:
    """rules: functions of a Request that return None or what to do with it:
    ("status", 503, body, headers), ("cut",) before anything is answered, ("cut-answer", bytes), ("slow", seconds).
    seen: every request as (method, path, headers)."""

    def __init__(self, target_port):
        self.rule = lambda request: None
        self.seen = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def answer(self, status, body, headers):
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def drop(self):
                self.close_connection = True
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)

            def handle_one(self):
                proxy.seen.append((self.command, self.path, dict(self.headers)))
                action = proxy.rule(self) or ("pass",)
                length = int(self.headers.get("Content-Length") or 0)
                if action[0] == "cut":
                    self.rfile.read(length // 2)
                    self.drop()
                    return
                body = self.rfile.read(length)
                if action[0] == "status":
                    self.answer(action[1], action[2].encode(), action[3] if len(action) > 3 else [])
                    return
                if action[0] == "slow":
                    time.sleep(action[1])
                upstream = http.client.HTTPConnection("127.0.0.1", target_port, timeout=60)
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ("connection", "expect"):
                        upstream.putheader(name, value)
                upstream.endheaders(body if length else None)
                reply = upstream.getresponse()
                data = reply.read()
                if action[0] == "cut-answer":
                    self.send_response_only(reply.status)
                    self.send_header("Content-Length", str(len(data)))
                    if reply.getheader("Content-Range"):
                        self.send_header("Content-Range", reply.getheader("Content-Range"))
                    self.end_headers()
                    self.wfile.write(data[:action[1]])
                    self.drop()
                else:
                    self.answer(reply.status, data, reply.getheaders())
                upstream.close()

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_one

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args):  # a client that was killed is no news
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

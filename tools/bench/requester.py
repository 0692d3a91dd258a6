# SPDX-License-Identifier: GPL-2.0-only
"""Load for the real server: requester.py URL IMAGE CONNECTIONS RATE. Each connection is kept open and sends its share of RATE requests a
second, evenly, and never more than one at a time. On each line of stdin the requests answered so far and the failed ones are printed.
Ends at the end of stdin."""
import http.client
import pathlib
import sys
import threading
import time
import urllib.parse

done = failed = 0
lock = threading.Lock()


def connection(url, body, every, offset):
    global done, failed
    due, client = time.monotonic() + offset, None
    while True:
        due = max(due + every, time.monotonic() - every)  # what was missed is not made up for
        time.sleep(max(0, due - time.monotonic()))
        try:
            client = client or http.client.HTTPConnection(url.hostname, url.port, timeout=20)
            client.request("POST", url.path, body, {"Content-Type": "application/octet-stream"})
            answer = client.getresponse()
            answer.read()
            good = answer.status == 200
        except (OSError, http.client.HTTPException):
            good, client = False, None
        with lock:
            done, failed = done + good, failed + (not good)


def main():
    url, image, connections, rate = sys.argv[1:]
    connections, rate = int(connections), float(rate)
    for i in range(connections):
        threading.Thread(target=connection, daemon=True, args=(urllib.parse.urlsplit(url), pathlib.Path(image).read_bytes(),
                                                               connections / rate, i / rate)).start()
    for _ in sys.stdin:
        with lock:
            print(done, failed, flush=True)


main()

# SPDX-License-Identifier: GPL-2.0-only
"""A headless Chromium, driven through its debugging pipe: no driver program, no package, no port.

Used by test_page.py and tools/bench/report_bench.py. A Page keeps what a test asks for afterwards: messages of the console, faults of
scripts, and every request it made.
"""
import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find():
    """The browser's path, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class BrowserError(AssertionError):
    """The browser ended, did not answer in time, or refused a command."""


class Browser(contextlib.AbstractContextManager):
    def __init__(self, timeout=30.0):
        self.timeout, self.number, self.pages, self.answers, self.rest = timeout, 0, {}, {}, b""
        self.profile = tempfile.mkdtemp(prefix="mmsperf-browser-")
        to_us, self.write = os.pipe()
        self.read, from_us = os.pipe()
        command = [find(), "--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + self.profile, "--no-first-run",
                   "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
                   "--disable-extensions", "--hide-scrollbars", "--force-color-profile=srgb", "--force-device-scale-factor=1"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # which Chromium refuses to have as root

        def pipe():  # in the child: the protocol's fixed numbers, which our own two pipes have taken at the latest
            ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (to_us, from_us)]
            for number, fd in enumerate(ends, 3):
                os.dup2(fd, number)
                os.close(fd)

        try:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                            close_fds=False, preexec_fn=pipe, start_new_session=True, env={**os.environ, "HOME": self.profile})
        finally:
            os.close(to_us)
            os.close(from_us)
        os.set_blocking(self.read, False)

    def send(self, method, session=None, **params):
        """A command's result."""
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        try:
            data = json.dumps(message).encode() + b"\0"
            while data:
                data = data[os.write(self.write, data):]
        except BrokenPipeError:
            raise BrowserError(f"the browser ended with {self.process.wait(5)}") from None
        self.until(lambda: number in self.answers, method)
        answer = self.answers.pop(number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def until(self, predicate, what, timeout=None):
        """Takes in what the browser says until predicate() is true."""
        end = time.monotonic() + (timeout or self.timeout)
        while not predicate():
            left = end - time.monotonic()
            if left <= 0:
                raise BrowserError(f"waited {timeout or self.timeout:g} s in vain for {what}")
            if not select.select([self.read], [], [], left)[0]:
                continue
            data = os.read(self.read, 1 << 20)
            if not data:
                raise BrowserError(f"the browser ended with {self.process.wait(5)}")
            *whole, self.rest = (self.rest + data).split(b"\0")
            for text in whole:
                self.take(json.loads(text))

    def take(self, message):
        if "id" in message:
            self.answers[message["id"]] = message
            return
        page = self.pages.get(message.get("sessionId"))
        if page:
            page.event(message["method"], message["params"])

    def open(self, url, **look):
        return Page(self, url, **look)

    def __exit__(self, *_):
        with contextlib.suppress(BrowserError, OSError):
            self.timeout = 5
            self.send("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        os.close(self.read)
        os.close(self.write)
        shutil.rmtree(self.profile, ignore_errors=True)


class Page(contextlib.AbstractContextManager):
    """One page, loaded when the constructor returns; `before` is a script of ours that runs ahead of the page's own."""

    def __init__(self, browser, url, width=1280, height=900, dark=False, scripts=True, before=None):
        self.browser, self.console, self.requests, self.loaded, self.first = browser, [], [], False, []
        self.target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.send("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(domain + ".enable")
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                                                          {"name": "prefers-reduced-motion", "value": "reduce"}])
        if not scripts:
            self.send("Emulation.setScriptExecutionDisabled", value=True)
        if before:
            self.send("Page.addScriptToEvaluateOnNewDocument", source=before)
        answer = self.send("Page.navigate", url=url)
        if "errorText" in answer:
            raise BrowserError(f"{url}: {answer['errorText']}")
        browser.until(lambda: self.loaded, "the page to load")

    def send(self, method, **params):
        return self.browser.send(method, self.session, **params)

    def event(self, method, p):
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(p["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.console.append((p["type"], " ".join(str(a.get("value", a.get("description", ""))) for a in p["args"])))
        elif method == "Runtime.exceptionThrown":
            d = p["exceptionDetails"]
            self.console.append(("exception", d.get("exception", {}).get("description") or d["text"]))
        elif method == "Log.entryAdded":
            self.console.append((p["entry"]["level"], p["entry"]["text"]))
        elif method == "Page.javascriptDialogOpening":
            self.console.append(("dialog", p["message"]))
            # an answer cannot be waited for inside an event
            self.browser.number += 1
            os.write(self.browser.write, json.dumps({"id": self.browser.number, "sessionId": self.session,
                                                     "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}).encode() + b"\0")

    def js(self, expression, timeout=None):
        """The value of an expression; a promise's when it is fulfilled."""
        r = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            d = r["exceptionDetails"]
            raise BrowserError(f"{expression[:120]}: {d.get('exception', {}).get('description') or d['text']}")
        return r["result"].get("value")

    def frame(self):
        """Waits until what was changed has been drawn."""
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def mouse(self, kind, x, y, **more):
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", buttons=1, clickCount=1)
        self.frame()

    def drag(self, x0, x1, y):
        self.mouse("mouseMoved", x0, y)
        self.mouse("mousePressed", x0, y, button="left", buttons=1, clickCount=1)
        for i in range(1, 6):
            self.mouse("mouseMoved", x0 + (x1 - x0) * i / 5, y, button="left", buttons=1)
        self.mouse("mouseReleased", x1, y, button="left", clickCount=1)
        self.frame()

    def key(self, key, code=0, modifiers=0):
        """One key; `code` is the virtual key code of one that is no character."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        more = {"windowsVirtualKeyCode": code} if code else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, modifiers=modifiers, **text, **more)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, modifiers=modifiers, **more)
        self.frame()

    def box(self, selector):
        """Where an element is in the window, after it was scrolled there: x, y, width, height. Made for the mouse."""
        return self.js(f"""(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: "center"}});
            const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; }})()""")

    def screenshot(self, path, whole=True):
        params = {}
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            params = {"clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000), "scale": 1},
                      "captureBeyondViewport": True}
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.send("Page.captureScreenshot", **params)["data"]))

    def __exit__(self, *_):
        self.browser.pages.pop(self.session, None)
        self.browser.send("Target.closeTarget", targetId=self.target)

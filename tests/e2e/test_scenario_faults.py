#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Each regression scenario (tests/scenarios) fails by the right criterion when the fault it is for is made, on the real server."""
import json
import pathlib
import shutil
import tempfile
import unittest

import e2e
import scenarios
from scenarios import Proxy, copy_scenario


def swallow(method_to_swallow):
    """A server that says it has done what it has not."""
    return lambda method, path, forward: (200, b'{"status": "done"}') if method == method_to_swallow else None


def other_api(method, path, forward):
    """The management port describes the inference API."""
    return forward(method, path, to=8080) if method == "OPTIONS" else None


def short_list(method, path, forward):
    if method != "GET" or path != "/models":
        return None
    status, body = forward(method, path)
    models = json.loads(body)
    models["models"] = models["models"][:1]
    return status, json.dumps(models, indent=2).encode()


class LeavesModels:
    """Each registering leaves another model behind, which nobody asked for."""

    def __init__(self):
        self.n = 0

    def __call__(self, method, path, forward):
        if method == "POST" and path.startswith("/models?") and self.n < 2:
            self.n += 1
            forward("POST", f"/models?url=noop&model_name=left-{self.n}&initial_workers=1&synchronous=true")


# copy: (scenario, what its faults are, words (or any of several) that the criterion that has to fail begins with)
# kinds: "text" replaces texts of the suite, "proxy" answers on the management port, "model" is what the sample plan registers
CASES = {
    "wrong_description": ("api_description", {"proxy": other_api}, "fail of Management API Description"),
    "model_left_behind": ("health_check", {"text": [("services:\n", "services:\n- module: shellexec\n  prepare:\n"
                          "  - tests/scenarios/models.py register noop\n  post-process:\n  - tests/scenarios/models.py unregister noop\n")]},
                          "total_processes"),
    "model_not_listed": ("list_models", {"proxy": short_list}, "fail of List Models"),
    "worker_too_many": ("model_description", {"text": [("digits workers=1", "digits workers=2")]}, "total_workers"),
    "files_leak": ("inference_single_worker", {"text": [("register digits", "register digits url=leaks_files")]}, "sum_workers_file_descriptors"),
    "worker_dies": ("inference_single_worker", {"text": [("register digits", "register digits url=dies")]}, "fail of Inference"),
    "worker_hangs": ("inference_single_worker", {"text": [("register digits", "register digits url=hangs")]}, "fail of Inference"),
    "worker_too_few": ("inference_multiple_worker", {"text": [("digits workers=3", "digits workers=2")]}, "total_workers"),
    "worker_idle": ("inference_multiple_worker", {"text": [("register digits", "register digits url=one_idle")]}, "sum_workers_cpu_percent@digits"),
    "memory_kept": ("inference_multiple_models", {"text": [("register digits", "register digits url=keeps_memory")]}, "sum_workers_memory_rss"),
    "no_batches": ("batch_inference", {"text": [("batch_size=8", "batch_size=1")]}, "fail of Inference in a Batch"),
    "light_model_held_up": ("batch_and_single_inference", {"text": [("register noop", "register noop url=slow")]}, "p90 of Single Inference"),
    "scaling_without_effect": ("multiple_inference_and_scaling", {"proxy": swallow("PUT")}, "total_workers"),
    "not_unregistered": ("register_unregister", {"proxy": swallow("DELETE")}, "fail of Model Is Gone"),
    "processes_left": ("register_unregister_multiple", {"proxy": LeavesModels(), "text": [
        ("unregister cycled noop", "unregister cycled noop left-1 left-2")]}, ("total_processes", "frontend_file_descriptors")),
    "not_scaled_up": ("scale_up_workers", {"proxy": swallow("PUT")}, "total_workers"),
    "not_scaled_down": ("scale_down_workers", {"proxy": swallow("PUT")}, "total_workers"),
    "requests_fail": ("examples_remote_criteria", {"model": "fails_sometimes"}, "fail of Inference Request"),
    "requests_slow": ("examples_local_criteria", {"model": "slow_digits"}, "p90 of Inference Request"),
}


class Faults(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mmsperf-faults-"))
        self.out = self.folder / "out"
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def test_each_finds_its_fault(self):
        proxies, suites = [], self.folder / "suites"
        try:
            for name, (scenario, fault, _) in CASES.items():
                ports = properties = None
                if "proxy" in fault:
                    proxies.append(Proxy(8081, fault["proxy"]))
                    ports = {"management_port": proxies[-1].port}
                if "model" in fault:
                    properties = {"model_url": fault["model"]}
                copy_scenario(scenario, suites, name, fault.get("text", ()), ports, properties)
            server = scenarios.server_file(self.folder, scenarios.faulty_store(self.folder / "models"))
            code, output, run = scenarios.run(self.out, "--suite", suites, "--server", server, timeout=840)
        finally:
            for proxy in proxies:
                proxy.stop()
        self.assertEqual(code, 3, output)
        found = {s["name"]: s for s in run["suites"]}
        self.assertEqual(set(found), set(CASES))
        for name, (scenario, _, words) in CASES.items():
            with self.subTest(name):
                failed = [c["name"] for c in found[name]["cases"] if c["verdict"] == "failed"]
                self.assertEqual(found[name]["verdict"], "failed", found[name]["reason"])
                self.assertTrue(any(f.startswith(words) for f in failed), f"{scenario}: '{words}' is not among {failed}")
        self.assertEqual({c[0] for c in CASES.values()} | scenarios.WITHOUT_CRITERIA, set(scenarios.NAMES), "a scenario without a fault")


if __name__ == "__main__":
    e2e.main()

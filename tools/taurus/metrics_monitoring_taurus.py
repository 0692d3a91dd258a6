# SPDX-License-Identifier: GPL-2.0-only
"""Taurus plugin: the metrics of the model server on this host, from the mmsperf-bpf agent.

    modules:
      server_local_monitoring:
        class: metrics_monitoring_taurus.Monitor
    services:
    - module: server_local_monitoring
      ServerLocalClient:
      - interval: 1s
        logging: True      # local_monitoring_logs.csv in the artifacts folder
        label: my-server   # instead of ServerLocalClient, in reports and criteria
        metrics: [cpu, mem, sum_all_memory_percent, total_workers]

This folder must be on PYTHONPATH (the runner sees to it). `mmsperf-bpf metrics` lists the names. An
agent is started when none runs, and ended afterwards if it was started here.
"""
import csv
import math
import time

from bzt import TaurusConfigError, TaurusNetworkError
from bzt.modules import monitoring
from bzt.utils import dehumanize_time

import mmsperf_client
from mmsperf_client import AgentError

# Taurus's own names that only Taurus can measure: its main loop, its artifacts' disk, what it counts.
TAURUS_METRICS = frozenset(monitoring.LocalClient.AVAILABLE_METRICS) - {"cpu", "mem"}
MIN_INTERVAL_S = 0.01


class Monitor(monitoring.Monitoring):
    """Taurus's monitoring service with one more kind of client."""

    def __init__(self):
        super().__init__()
        self.client_classes.update({"ServerLocalClient": ServerLocalClient})

    def post_process(self):
        # shutdown() is not called when something failed while preparing
        for client in self.clients:
            if isinstance(client, ServerLocalClient):
                client.disconnect()
        super().post_process()


class ServerLocalClient(monitoring.MonitoringClient):
    """One entry of the YAML: a subscription at the agent."""

    def __init__(self, parent_log, label, config, engine=None):
        super().__init__(parent_log, engine)
        self.config = config
        self.label = label or "ServerLocalClient"
        self.metrics = []  # as in the YAML
        self.interval = 1.0
        self._agent = None
        self._local = None  # Taurus's own monitor for the names above
        self._joined = False
        self._lost = False  # said once that the agent is gone
        self._retry_at = 0.0

    def connect(self):
        missing = TaurusConfigError("ServerLocalClient needs a list of metrics")
        metrics = self.config.get("metrics", missing)
        if isinstance(metrics, str):
            metrics = [metrics]
        self.metrics = list(dict.fromkeys(str(name) for name in metrics))
        if not self.metrics:
            raise missing
        self.interval = max(MIN_INTERVAL_S, dehumanize_time(self.config.get("interval", "1s")))
        own = [name for name in self.metrics if name in TAURUS_METRICS]
        asked = [name for name in self.metrics if name not in TAURUS_METRICS]
        if own:
            self._local = monitoring.LocalMonitorFactory.create_local_monitor(self.log, own, self.engine)
        self._agent = mmsperf_client.Connection(mmsperf_client.socket_path(), asked, self.interval)
        mmsperf_client.STARTER.__enter__()
        self._joined = True
        try:
            self._open()
        except (AgentError, OSError) as exc:
            self.disconnect()
            raise TaurusNetworkError(f"ServerLocalClient: {exc}") from exc
        if self.config.get("logging", False):
            self.logs_file = self.engine.create_artifact("local_monitoring_logs", ".csv")
            self._log_row(["ts"] + self.metrics)

    def _open(self):
        try:
            self._agent.open()
        except OSError:  # nobody listens
            mmsperf_client.STARTER.ensure(self._agent.path, self.log)
            self._agent.open()
        self.log.debug("Connected to the agent at %s", self._agent.path)

    def start(self):
        try:
            self._subscribe()
        except OSError as exc:
            self._gone(exc)

    def _subscribe(self):
        if self._agent.names:
            self._agent.subscribe()

    def get_data(self):
        now = time.time()
        if not self._agent.names:
            return self._taurus_only(now)
        try:
            lines = self._reconnect(now) if self._lost else self._agent.lines()
        except (AgentError, OSError) as exc:
            self._gone(exc)
            return []
        if not lines:
            return []
        extra = self._local.resource_stats() if self._local else {}
        result = []
        for values in lines:
            result.extend(self._item(now, dict(zip(self._agent.names, values), **extra)))
        return result

    def _taurus_only(self, now):
        if now < self._last_check + self.interval:
            return []
        self._last_check = now
        return self._item(now, self._local.resource_stats())

    def _item(self, now, values):
        """What listeners get: an item a metric, as Taurus's local client delivers them."""
        row = [values.get(name, math.nan) for name in self.metrics]
        if self.logs_file:
            self._log_row([f"{now:.3f}"] + ["NaN" if v is None or v != v else v for v in row])
        return [{"source": self.label, "ts": now, name: value} for name, value in zip(self.metrics, row)]

    def _log_row(self, row):
        with open(self.logs_file, "a", newline="", encoding="utf-8") as log:
            csv.writer(log).writerow(row)

    def _gone(self, exc):
        if not self._lost:
            self.log.warning("ServerLocalClient: the agent is gone (%s); trying to get one again", exc)
        self._lost = True
        self._agent.close()

    def _reconnect(self, now):
        """At most once an interval; no data until it works."""
        if now >= self._retry_at:
            self._retry_at = now + max(1.0, self.interval)
            self._open()
            self._subscribe()
            self._lost = False
            self.log.info("ServerLocalClient: connected to an agent again")
        return []

    def disconnect(self):
        if self._agent:
            self._agent.close()
        if self._joined:
            self._joined = False
            mmsperf_client.STARTER.leave(self.log)

# SPDX-License-Identifier: GPL-2.0-only
"""The plugin under the name that later versions of the original suite gave it."""
from metrics_monitoring_taurus import Monitor, ServerLocalClient

__all__ = ["Monitor", "ServerLocalClient"]

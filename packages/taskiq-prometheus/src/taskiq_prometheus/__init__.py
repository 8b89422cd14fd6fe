"""Metrics of tasks for Prometheus."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_prometheus.errors import MetricsPortError
    from taskiq_prometheus.middleware import PrometheusMiddleware

__all__ = ["MetricsPortError", "PrometheusMiddleware"]
__version__ = "1.0.0"
_HOMES = {
    "MetricsPortError": "taskiq_prometheus.errors",
    "PrometheusMiddleware": "taskiq_prometheus.middleware",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Traces and metrics of tasks for OpenTelemetry."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_opentelemetry.instrumentor import TaskiqInstrumentor
    from taskiq_opentelemetry.middleware import OpenTelemetryMiddleware

__all__ = ["OpenTelemetryMiddleware", "TaskiqInstrumentor"]
__version__ = "1.0.0"
_HOMES = {
    "OpenTelemetryMiddleware": "taskiq_opentelemetry.middleware",
    "TaskiqInstrumentor": "taskiq_opentelemetry.instrumentor",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

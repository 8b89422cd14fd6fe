"""Instrumentation for OpenTelemetry."""

from taskiq._cure import not_installed

try:
    from taskiq_opentelemetry import TaskiqInstrumentor
except ImportError as error:
    raise not_installed("TaskiqInstrumentor", "taskiq-opentelemetry", error) from error

__all__ = ["TaskiqInstrumentor"]

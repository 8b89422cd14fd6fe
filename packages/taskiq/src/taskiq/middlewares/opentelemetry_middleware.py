"""Traces and metrics for OpenTelemetry."""

from taskiq._cure import not_installed

try:
    from taskiq_opentelemetry import OpenTelemetryMiddleware
except ImportError as error:
    raise not_installed("OpenTelemetryMiddleware", "taskiq-opentelemetry", error) from error

__all__ = ["OpenTelemetryMiddleware"]

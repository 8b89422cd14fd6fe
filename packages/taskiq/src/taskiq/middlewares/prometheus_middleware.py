"""Metrics for Prometheus."""

from taskiq._cure import not_installed

try:
    from taskiq_prometheus import PrometheusMiddleware
except ImportError as error:
    raise not_installed("PrometheusMiddleware", "taskiq-prometheus", error) from error

__all__ = ["PrometheusMiddleware"]

"""Middlewares, each loaded when it is used."""

from typing import TYPE_CHECKING

from taskiq._lazy import resolve

if TYPE_CHECKING:
    from taskiq.middlewares.prometheus_middleware import PrometheusMiddleware
    from taskiq.middlewares.simple_retry_middleware import SimpleRetryMiddleware
    from taskiq.middlewares.smart_retry_middleware import SmartRetryMiddleware
    from taskiq.middlewares.taskiq_admin_middleware import TaskiqAdminMiddleware

    __all__ = [
        "PrometheusMiddleware",
        "SimpleRetryMiddleware",
        "SmartRetryMiddleware",
        "TaskiqAdminMiddleware",
    ]

_HOMES = {
    "PrometheusMiddleware": "taskiq.middlewares.prometheus_middleware",
    "SimpleRetryMiddleware": "taskiq.middlewares.simple_retry_middleware",
    "SmartRetryMiddleware": "taskiq.middlewares.smart_retry_middleware",
    "TaskiqAdminMiddleware": "taskiq.middlewares.taskiq_admin_middleware",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        return resolve(__name__, name, _HOMES)

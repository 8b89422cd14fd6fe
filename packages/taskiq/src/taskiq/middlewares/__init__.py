"""Middlewares, each loaded when it is used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq.middlewares.simple_retry_middleware import SimpleRetryMiddleware
    from taskiq.middlewares.smart_retry_middleware import SmartRetryMiddleware

__all__ = ["SimpleRetryMiddleware", "SmartRetryMiddleware"]
_HOMES = {
    "SimpleRetryMiddleware": "taskiq.middlewares.simple_retry_middleware",
    "SmartRetryMiddleware": "taskiq.middlewares.smart_retry_middleware",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

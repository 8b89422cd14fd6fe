"""Retries: tasks that failed are run again."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_retry.errors import NoRetryError
    from taskiq_retry.simple import SimpleRetryMiddleware
    from taskiq_retry.smart import SmartRetryMiddleware

__all__ = ["NoRetryError", "SimpleRetryMiddleware", "SmartRetryMiddleware"]
__version__ = "1.0.0"
_HOMES = {
    "NoRetryError": "taskiq_retry.errors",
    "SimpleRetryMiddleware": "taskiq_retry.simple",
    "SmartRetryMiddleware": "taskiq_retry.smart",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

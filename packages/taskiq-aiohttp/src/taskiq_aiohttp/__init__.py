"""The application and the requests of aiohttp in tasks."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_aiohttp.errors import ApplicationError
    from taskiq_aiohttp.integration import broker_context, init, populate_context

__all__ = ["ApplicationError", "broker_context", "init", "populate_context"]
__version__ = "1.0.0"
_HOMES = {
    "ApplicationError": "taskiq_aiohttp.errors",
    "broker_context": "taskiq_aiohttp.integration",
    "init": "taskiq_aiohttp.integration",
    "populate_context": "taskiq_aiohttp.integration",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""A broker that keeps its messages as files in a folder."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_spool.broker import SpoolBroker
    from taskiq_spool.results import SpoolResultBackend

__all__ = ["SpoolBroker", "SpoolResultBackend"]
_HOMES = {
    "SpoolBroker": "taskiq_spool.broker",
    "SpoolResultBackend": "taskiq_spool.results",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

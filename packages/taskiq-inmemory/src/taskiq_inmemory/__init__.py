"""A broker and a result backend that live in this process."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_inmemory.broker import InMemoryBroker
    from taskiq_inmemory.results import InmemoryResultBackend

__all__ = ["InMemoryBroker", "InmemoryResultBackend"]
__version__ = "1.0.0"
_HOMES = {
    "InMemoryBroker": "taskiq_inmemory.broker",
    "InmemoryResultBackend": "taskiq_inmemory.results",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

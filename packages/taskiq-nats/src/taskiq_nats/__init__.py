"""Durable broker and pushed results in NATS JetStream."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_nats.broker import JetStreamBroker
    from taskiq_nats.results import JetStreamResultBackend

__all__ = ["JetStreamBroker", "JetStreamResultBackend"]
__version__ = "1.0.0"
_HOMES = {
    "JetStreamBroker": "taskiq_nats.broker",
    "JetStreamResultBackend": "taskiq_nats.results",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

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
_REMOVED = {
    "NATSKeyValueScheduleSource": "a schedule source of another package",
    "NATSObjectStoreResultBackend": "JetStreamResultBackend",
    "NatsBroker": "JetStreamBroker",
    "PullBasedJetStreamBroker": "JetStreamBroker",
    "PushBasedJetStreamBroker": "JetStreamBroker",
}
"""Names of taskiq-nats 0.7, and what takes their place."""
_CURE = (
    "{name} is not in taskiq-nats 1.0: use {instead} when the streams of 0.7 are empty, or stay "
    'with it: pip install "taskiq-nats<1"'
)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _REMOVED:
        raise ImportError(_CURE.format(name=name, instead=_REMOVED[name]), name=name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

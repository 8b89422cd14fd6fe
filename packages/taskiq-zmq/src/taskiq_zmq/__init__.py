"""Brokerless broker and pushed results over ZeroMQ."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_zmq.broker import ZeroMQBroker
    from taskiq_zmq.curve import CurveKeys
    from taskiq_zmq.errors import (
        AddressError,
        AddressInUseError,
        AlreadyListeningError,
        ClientOnlyError,
        HubLostError,
        MessageTooLargeError,
        NoHubError,
        NotAWorkerError,
        NotStartedError,
        QueueFullError,
        ResultDroppedError,
        ResultMissingError,
        ResultsClosedError,
    )
    from taskiq_zmq.modes import DeliveryMode
    from taskiq_zmq.results import ZeroMQResultBackend
    from taskiq_zmq.wire import Heartbeats

__all__ = [
    "AddressError",
    "AddressInUseError",
    "AlreadyListeningError",
    "ClientOnlyError",
    "CurveKeys",
    "DeliveryMode",
    "Heartbeats",
    "HubLostError",
    "MessageTooLargeError",
    "NoHubError",
    "NotAWorkerError",
    "NotStartedError",
    "QueueFullError",
    "ResultDroppedError",
    "ResultMissingError",
    "ResultsClosedError",
    "ZeroMQBroker",
    "ZeroMQResultBackend",
]
__version__ = "1.0.0"
_HOMES = {
    "AddressError": "taskiq_zmq.errors",
    "AddressInUseError": "taskiq_zmq.errors",
    "AlreadyListeningError": "taskiq_zmq.errors",
    "ClientOnlyError": "taskiq_zmq.errors",
    "CurveKeys": "taskiq_zmq.curve",
    "DeliveryMode": "taskiq_zmq.modes",
    "Heartbeats": "taskiq_zmq.wire",
    "HubLostError": "taskiq_zmq.errors",
    "MessageTooLargeError": "taskiq_zmq.errors",
    "NoHubError": "taskiq_zmq.errors",
    "NotAWorkerError": "taskiq_zmq.errors",
    "NotStartedError": "taskiq_zmq.errors",
    "QueueFullError": "taskiq_zmq.errors",
    "ResultDroppedError": "taskiq_zmq.errors",
    "ResultMissingError": "taskiq_zmq.errors",
    "ResultsClosedError": "taskiq_zmq.errors",
    "ZeroMQBroker": "taskiq_zmq.broker",
    "ZeroMQResultBackend": "taskiq_zmq.results",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

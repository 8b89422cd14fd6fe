"""Brokerless broker and pushed results over ZeroMQ."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_zmq.broker import ZeroMQBroker
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
    from taskiq_zmq.options import DeliveryMode
    from taskiq_zmq.results import ZeroMQResultBackend
    from taskiq_zmq.transport.curve import CurveKeys
    from taskiq_zmq.transport.wire import Heartbeats

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
    "CurveKeys": "taskiq_zmq.transport.curve",
    "DeliveryMode": "taskiq_zmq.options",
    "Heartbeats": "taskiq_zmq.transport.wire",
    "ZeroMQBroker": "taskiq_zmq.broker",
    "ZeroMQResultBackend": "taskiq_zmq.results",
}


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "taskiq_zmq.errors")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Durable broker in quorum queues of RabbitMQ."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_aio_pika.broker import AioPikaBroker
    from taskiq_aio_pika.declarations import Exchange, Queue, QueueType

__all__ = ["AioPikaBroker", "Exchange", "Queue", "QueueType"]
__version__ = "1.0.0"
_HOMES = {
    "AioPikaBroker": "taskiq_aio_pika.broker",
    "Exchange": "taskiq_aio_pika.declarations",
    "Queue": "taskiq_aio_pika.declarations",
    "QueueType": "taskiq_aio_pika.declarations",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The contract of brokers."""

from taskiq_core.broker import AsyncBroker, default_id_generator
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.events import EventHandler
from taskiq_core.messages.acks import AckableMessage
from taskiq_core.messages.message import BrokerMessage

__all__ = [
    "AckableMessage",
    "AsyncBroker",
    "AsyncTaskiqDecoratedTask",
    "BrokerMessage",
    "EventHandler",
    "default_id_generator",
]

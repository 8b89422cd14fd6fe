"""Contracts, message flow and plugin discovery of taskiq."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskiq_dependencies import Depends as TaskiqDepends

    from taskiq_core.abc.broker import AbstractBroker
    from taskiq_core.abc.cmd import TaskiqCMD
    from taskiq_core.abc.formatter import TaskiqFormatter
    from taskiq_core.abc.middleware import TaskiqMiddleware
    from taskiq_core.abc.result_backend import AsyncResultBackend
    from taskiq_core.abc.schedule_source import ScheduleSource
    from taskiq_core.abc.serializer import TaskiqSerializer
    from taskiq_core.broker import AsyncBroker
    from taskiq_core.capabilities import Capability
    from taskiq_core.client.blocking_client import BlockingClient
    from taskiq_core.client.context import Context
    from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
    from taskiq_core.client.gather import gather
    from taskiq_core.client.injected import INJECTED
    from taskiq_core.client.kicker import AsyncKicker
    from taskiq_core.client.task import AsyncTaskiqTask
    from taskiq_core.events import TaskiqEvents
    from taskiq_core.messages.acks import AckableMessage, AcknowledgeType
    from taskiq_core.messages.delivery import Delivery
    from taskiq_core.messages.message import BrokerMessage, TaskiqMessage
    from taskiq_core.messages.result import TaskiqResult
    from taskiq_core.messages.scheduled_task import MissedTicks, ScheduledTask
    from taskiq_core.messages.slots import Slots
    from taskiq_core.receiver import Receiver
    from taskiq_core.shared_broker import async_shared_broker
    from taskiq_core.state import TaskiqState

__version__ = "1.0.0"

_HOMES = {
    "INJECTED": "taskiq_core.client.injected",
    "AbstractBroker": "taskiq_core.abc.broker",
    "AckableMessage": "taskiq_core.messages.acks",
    "AcknowledgeType": "taskiq_core.messages.acks",
    "AsyncBroker": "taskiq_core.broker",
    "AsyncKicker": "taskiq_core.client.kicker",
    "AsyncResultBackend": "taskiq_core.abc.result_backend",
    "AsyncTaskiqDecoratedTask": "taskiq_core.client.decor",
    "AsyncTaskiqTask": "taskiq_core.client.task",
    "BlockingClient": "taskiq_core.client.blocking_client",
    "BrokerMessage": "taskiq_core.messages.message",
    "Capability": "taskiq_core.capabilities",
    "Context": "taskiq_core.client.context",
    "Delivery": "taskiq_core.messages.delivery",
    "MissedTicks": "taskiq_core.messages.scheduled_task",
    "Receiver": "taskiq_core.receiver",
    "ScheduleSource": "taskiq_core.abc.schedule_source",
    "ScheduledTask": "taskiq_core.messages.scheduled_task",
    "Slots": "taskiq_core.messages.slots",
    "TaskiqCMD": "taskiq_core.abc.cmd",
    "TaskiqEvents": "taskiq_core.events",
    "TaskiqFormatter": "taskiq_core.abc.formatter",
    "TaskiqMessage": "taskiq_core.messages.message",
    "TaskiqMiddleware": "taskiq_core.abc.middleware",
    "TaskiqResult": "taskiq_core.messages.result",
    "TaskiqSerializer": "taskiq_core.abc.serializer",
    "TaskiqState": "taskiq_core.state",
    "async_shared_broker": "taskiq_core.shared_broker",
    "gather": "taskiq_core.client.gather",
}

__all__ = [
    "INJECTED",
    "AbstractBroker",
    "AckableMessage",
    "AcknowledgeType",
    "AsyncBroker",
    "AsyncKicker",
    "AsyncResultBackend",
    "AsyncTaskiqDecoratedTask",
    "AsyncTaskiqTask",
    "BlockingClient",
    "BrokerMessage",
    "Capability",
    "Context",
    "Delivery",
    "MissedTicks",
    "Receiver",
    "ScheduleSource",
    "ScheduledTask",
    "Slots",
    "TaskiqCMD",
    "TaskiqDepends",
    "TaskiqEvents",
    "TaskiqFormatter",
    "TaskiqMessage",
    "TaskiqMiddleware",
    "TaskiqResult",
    "TaskiqSerializer",
    "TaskiqState",
    "async_shared_broker",
    "gather",
]


def __getattr__(name: str) -> object:
    if name == "TaskiqDepends":
        return import_module("taskiq_dependencies").Depends
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

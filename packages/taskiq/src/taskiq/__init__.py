"""Taskiq, an asynchronous distributed task queue: what applications import.

Nothing is loaded before it is used. This package holds no logic: it re-exports `taskiq_core`, which
plugins build on, and the packages that its extras bring.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from taskiq._lazy import resolve

if TYPE_CHECKING:
    from taskiq_dependencies import Depends as TaskiqDepends

    from taskiq.abc.broker import AsyncBroker
    from taskiq.abc.formatter import TaskiqFormatter
    from taskiq.abc.middleware import TaskiqMiddleware
    from taskiq.abc.result_backend import AsyncResultBackend
    from taskiq.abc.schedule_source import ScheduleSource
    from taskiq.abc.serializer import TaskiqSerializer
    from taskiq.acks import AckableMessage, AcknowledgeType
    from taskiq.brokers.inmemory_broker import InMemoryBroker
    from taskiq.brokers.shared_broker import async_shared_broker
    from taskiq.brokers.zmq_broker import ZeroMQBroker
    from taskiq.context import Context
    from taskiq.decor import AsyncTaskiqDecoratedTask
    from taskiq.events import TaskiqEvents
    from taskiq.exceptions import (
        NoResultError,
        ResultGetError,
        ResultIsReadyError,
        SecurityError,
        SendTaskError,
        TaskiqError,
        TaskiqResultTimeoutError,
    )
    from taskiq.funcs import gather
    from taskiq.kicker import AsyncKicker
    from taskiq.message import BrokerMessage, TaskiqMessage
    from taskiq.middlewares.prometheus_middleware import PrometheusMiddleware
    from taskiq.middlewares.simple_retry_middleware import SimpleRetryMiddleware
    from taskiq.middlewares.smart_retry_middleware import SmartRetryMiddleware
    from taskiq.plugins import Capability, broker_from_url
    from taskiq.receiver import Receiver
    from taskiq.result import TaskiqResult
    from taskiq.scheduler.scheduled_task import MissedTicks, ScheduledTask
    from taskiq.scheduler.scheduler import TaskiqScheduler
    from taskiq.state import TaskiqState
    from taskiq.task import AsyncTaskiqTask
    from taskiq_core.client.blocking_client import BlockingClient
    from taskiq_core.client.injected import INJECTED
    from taskiq_core.messages.delivery import Delivery

    __all__ = [
        "INJECTED",
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
        "InMemoryBroker",
        "MissedTicks",
        "NoResultError",
        "PrometheusMiddleware",
        "Receiver",
        "ResultGetError",
        "ResultIsReadyError",
        "ScheduleSource",
        "ScheduledTask",
        "SecurityError",
        "SendTaskError",
        "SimpleRetryMiddleware",
        "SmartRetryMiddleware",
        "TaskiqDepends",
        "TaskiqError",
        "TaskiqEvents",
        "TaskiqFormatter",
        "TaskiqMessage",
        "TaskiqMiddleware",
        "TaskiqResult",
        "TaskiqResultTimeoutError",
        "TaskiqScheduler",
        "TaskiqSerializer",
        "TaskiqState",
        "ZeroMQBroker",
        "async_shared_broker",
        "broker_from_url",
        "gather",
        "__version__",
    ]

__version__ = "0.14.0"

_HOMES = {
    "__version__": __name__,
    "INJECTED": "taskiq_core.client.injected",
    "AckableMessage": "taskiq.acks",
    "AcknowledgeType": "taskiq.acks",
    "AsyncBroker": "taskiq.abc.broker",
    "AsyncKicker": "taskiq.kicker",
    "AsyncResultBackend": "taskiq.abc.result_backend",
    "AsyncTaskiqDecoratedTask": "taskiq.decor",
    "AsyncTaskiqTask": "taskiq.task",
    "BlockingClient": "taskiq_core.client.blocking_client",
    "BrokerMessage": "taskiq.message",
    "Capability": "taskiq.plugins",
    "Context": "taskiq.context",
    "Delivery": "taskiq_core.messages.delivery",
    "InMemoryBroker": "taskiq.brokers.inmemory_broker",
    "NoResultError": "taskiq.exceptions",
    "PrometheusMiddleware": "taskiq.middlewares.prometheus_middleware",
    "Receiver": "taskiq.receiver",
    "ResultGetError": "taskiq.exceptions",
    "ResultIsReadyError": "taskiq.exceptions",
    "ScheduleSource": "taskiq.abc.schedule_source",
    "MissedTicks": "taskiq.scheduler.scheduled_task",
    "ScheduledTask": "taskiq.scheduler.scheduled_task",
    "SecurityError": "taskiq.exceptions",
    "SendTaskError": "taskiq.exceptions",
    "SimpleRetryMiddleware": "taskiq.middlewares.simple_retry_middleware",
    "SmartRetryMiddleware": "taskiq.middlewares.smart_retry_middleware",
    "TaskiqDepends": "taskiq_core",
    "TaskiqError": "taskiq.exceptions",
    "TaskiqEvents": "taskiq.events",
    "TaskiqFormatter": "taskiq.abc.formatter",
    "TaskiqMessage": "taskiq.message",
    "TaskiqMiddleware": "taskiq.abc.middleware",
    "TaskiqResult": "taskiq.result",
    "TaskiqResultTimeoutError": "taskiq.exceptions",
    "TaskiqScheduler": "taskiq.scheduler.scheduler",
    "TaskiqSerializer": "taskiq.abc.serializer",
    "TaskiqState": "taskiq.state",
    "ZeroMQBroker": "taskiq.brokers.zmq_broker",
    "async_shared_broker": "taskiq.brokers.shared_broker",
    "broker_from_url": "taskiq.plugins",
    "gather": "taskiq.funcs",
}
_KINDS = ("Broker", "ResultBackend", "ScheduleSource")
# `import taskiq` makes these available as attributes, as it did in 0.13.
_MODULES = frozenset(
    {
        "abc",
        "acks",
        "api",
        "brokers",
        "cli",
        "compat",
        "context",
        "decor",
        "depends",
        "error",
        "events",
        "exceptions",
        "formatters",
        "funcs",
        "instrumentation",
        "kicker",
        "labels",
        "message",
        "middlewares",
        "package",
        "plugins",
        "receiver",
        "result",
        "result_backends",
        "schedule_sources",
        "scheduler",
        "serialization",
        "serializers",
        "state",
        "task",
        "utils",
        "warnings",
    }
)

if not TYPE_CHECKING:  # who checks types sees the names above, and finds a misspelt one

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        if name not in _HOMES and name.endswith(_KINDS):
            raise import_module("taskiq._cure").missing(name)
        return resolve(__name__, name, _HOMES)

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES, *_MODULES})

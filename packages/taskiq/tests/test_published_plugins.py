"""What plugins that were published for taskiq 0.13 import is where they look for it."""

from importlib import import_module

import pytest

# Module -> names, from the sources of taskiq-redis, -nats, -aio-pika, -aio-sqs, -pg, -postgres,
# -postgresql, -ydb, -fastapi, -aiohttp, -faststream and -pipelines.
IMPORTS = {
    "taskiq": [
        "AckableMessage",
        "AsyncBroker",
        "AsyncResultBackend",
        "AsyncTaskiqDecoratedTask",
        "AsyncTaskiqTask",
        "BrokerMessage",
        "Context",
        "ResultGetError",
        "ScheduleSource",
        "ScheduledTask",
        "TaskiqDepends",
        "TaskiqError",
        "TaskiqEvents",
        "TaskiqMessage",
        "TaskiqMiddleware",
        "TaskiqResult",
        "TaskiqState",
        "async_shared_broker",
    ],
    "taskiq.abc.broker": ["AsyncBroker"],
    "taskiq.abc.formatter": ["TaskiqFormatter"],
    "taskiq.abc.middleware": ["TaskiqMiddleware"],
    "taskiq.abc.result_backend": ["AsyncResultBackend"],
    "taskiq.abc.schedule_source": ["ScheduleSource"],
    "taskiq.abc.serializer": ["TaskiqSerializer"],
    "taskiq.acks": ["AckableMessage"],
    "taskiq.brokers.shared_broker": ["async_shared_broker"],
    "taskiq.cli.utils": ["import_object"],
    "taskiq.decor": ["AsyncTaskiqDecoratedTask"],
    "taskiq.depends.progress_tracker": ["TaskProgress"],
    "taskiq.exceptions": ["BrokerError", "ResultBackendError", "ResultGetError", "TaskiqError"],
    "taskiq.kicker": ["AsyncKicker", "_FuncParams", "_ReturnType"],
    "taskiq.message": ["BrokerMessage", "TaskiqMessage"],
    "taskiq.result": ["TaskiqResult"],
    "taskiq.scheduler.scheduled_task": ["ScheduledTask"],
    "taskiq.utils": ["maybe_awaitable"],
}


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for module, names in IMPORTS.items() for name in names],
)
def test_name_is_where_it_was(module: str, name: str) -> None:
    assert getattr(import_module(module), name) is not None


def test_a_name_is_the_same_object_everywhere() -> None:
    """A plugin that subclasses one and a program that checks for the other mean the same class."""
    import taskiq
    import taskiq_core
    from taskiq.abc.broker import AsyncBroker

    assert AsyncBroker is taskiq.AsyncBroker is taskiq_core.AsyncBroker

"""Names of loggers: what programs set on `taskiq` governs all of them."""

import logging
import pkgutil
from importlib import import_module
from typing import Any

import pytest

import taskiq_core
from taskiq_core import Receiver, TaskiqMessage
from taskiq_core.loggers import get_logger


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("taskiq_core.events", "taskiq.events"),
        ("taskiq_core.flow.store", "taskiq.flow.store"),
        ("taskiq_redis.queue.fetch", "taskiq.redis.queue.fetch"),
        ("taskiq_redis", "taskiq.redis"),
        ("taskiq.brokers", "taskiq.brokers"),
        ("my_plugin.broker", "my_plugin.broker"),
    ],
)
def test_logger_of_a_module(module: str, name: str) -> None:
    assert get_logger(module).name == name


def test_all_loggers_of_core_are_below_taskiq() -> None:
    for module in pkgutil.walk_packages(taskiq_core.__path__, "taskiq_core."):
        loggers = [
            value
            for value in vars(import_module(module.name)).values()
            if isinstance(value, logging.Logger)
        ]
        assert all(logger.name.startswith("taskiq.") for logger in loggers), module.name


async def test_failed_task_is_logged_by_the_receivers_logger(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @broker.task(task_name="fail")
    def fail() -> None:
        raise LookupError

    message = TaskiqMessage(task_id="1", task_name="fail", labels={}, args=[], kwargs={})
    await Receiver(broker).run_task(fail.original_func, message)

    (record,) = caplog.records
    assert (record.name, record.levelname) == ("taskiq.receiver.receiver", "ERROR")

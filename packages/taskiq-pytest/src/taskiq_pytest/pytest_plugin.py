"""The pytest plugin: the fixture `taskiq_broker`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from taskiq_core.broker import AsyncBroker
    from taskiq_pytest.broker import TestBroker

OPTION = "taskiq_broker"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that names the application's broker."""
    parser.addini(OPTION, "path of the application's broker, as in app.tkq:broker", default="")


@pytest.fixture
def taskiq_application_broker(pytestconfig: pytest.Config) -> AsyncBroker:
    """The broker that `taskiq_broker` works with; override it where a setting will not do."""
    from taskiq_core.loading.brokers import load_broker  # noqa: PLC0415  # not in each pytest

    path: str = pytestconfig.getini(OPTION)
    if not path:
        raise pytest.UsageError(
            "The fixture taskiq_broker does not know your broker. Give its path in pyproject.toml: "
            '[tool.pytest.ini_options] taskiq_broker = "app.tkq:broker"; or write a fixture '
            "taskiq_application_broker that returns it."
        )
    return load_broker(path, lambda made: asyncio.run(_result_of(made)))


@pytest.fixture
def taskiq_broker(taskiq_application_broker: AsyncBroker) -> Iterator[TestBroker]:
    """Record what the application sends, and run it when the test says; fires no events."""
    from taskiq_pytest.broker import TestBroker  # noqa: PLC0415  # not in each pytest

    with TestBroker(taskiq_application_broker) as test_broker:
        yield test_broker


async def _result_of(made: Awaitable[Any]) -> Any:
    return await made

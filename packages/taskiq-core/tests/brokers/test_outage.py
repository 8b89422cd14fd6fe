"""An outage is logged when it begins, once a minute, and when it is over."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from taskiq_core.brokers.outage import Outage
from taskiq_core.flow import consume
from taskiq_core.receiver import Receiver

logger = logging.getLogger(__name__)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outage(clock: Clock) -> Outage:
    return Outage("Broker", logger, clock=clock)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


def test_many_failures_are_two_lines(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(9):
        outage.failed("Leases can't be renewed", OSError("refused"))
        outage.failed("Messages can't be fetched", OSError("refused"))
        clock.now += 1

    assert outage.is_on
    outage.succeeded("Messages can't be fetched")
    outage.succeeded("Leases can't be renewed")

    assert not outage.is_on
    assert lines(caplog) == [
        "Broker: Leases can't be renewed (refused); it is tried again until it works",
        "Broker is back after 9.0 s and 18 failed tries",
    ]
    assert all(record.exc_info is None for record in caplog.records)


def test_outage_that_lasts_is_logged_once_a_minute(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(131):
        outage.failed("Leases can't be renewed", OSError("refused"))
        clock.now += 1

    assert lines(caplog)[1:] == [
        "Broker: Leases can't be renewed for 60 s, 61 tries (refused)",
        "Broker: Leases can't be renewed for 120 s, 121 tries (refused)",
    ]


def test_other_trouble_meanwhile_is_logged_at_once(
    outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    outage.failed("Leases can't be renewed", OSError("refused"))
    outage.failed("Messages can't be fetched", ValueError("garbage"))

    assert "garbage" in lines(caplog)[1]


def test_what_worked_all_the_time_does_not_end_it(
    outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    outage.failed("Leases can't be renewed", OSError("refused"))
    outage.succeeded("Messages can't be fetched")

    assert outage.is_on
    assert len(lines(caplog)) == 1


async def test_worker_logs_a_lost_connection_when_it_begins_and_when_it_is_back(
    broker: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(consume, "RECONNECT_CAP", 0.01)
    failures = [OSError("refused")] * 9
    yield_messages = broker.listen

    async def listen() -> AsyncGenerator[Any, None]:
        if failures:
            raise failures.pop()
        async for message in yield_messages():
            yield message

    monkeypatch.setattr(broker, "listen", listen)
    finish = asyncio.Event()
    work = broker.task("work")(finish.set)
    await work.kiq()

    await Receiver(broker).listen(finish)

    begin, end = [line for line in lines(caplog) if "QueueBroker" in line]
    assert begin.startswith("QueueBroker: Messages can't be listened for (refused)")
    assert "QueueBroker is back after" in end
    assert "9 failed tries" in end

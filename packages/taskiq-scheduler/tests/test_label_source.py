"""A schedule that can't be followed takes nothing from the others of its source."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import LabelScheduleSource, SchedulerLoop, TaskiqScheduler
from taskiq_testkit.clock import VirtualClock

BAD: dict[str, dict[str, Any]] = {
    "an interval of many digits": {"interval": 10**400},
    "an interval of a microsecond": {"interval": 1e-6},
    "a cron line of 600 kB": {"cron": ",".join(["0"] * 300_000) + " * * * *"},
    "a cron line that is none": {"cron": "61 * * * *"},
    "a zone of 600 kB": {"cron": "@daily", "cron_offset": "x" * 600_000},
}


@pytest.mark.parametrize("name", BAD)
def test_the_others_of_its_source_are_served(name: str, caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock(datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC))
    broker, ran = InMemoryBroker(), []
    broker.task("bad", schedule=[BAD[name]])(lambda: ran.append("bad"))
    broker.task("good", schedule=[{"interval": 10}])(lambda: ran.append("good"))
    source = LabelScheduleSource(broker)

    async def main() -> None:
        await source.startup()
        loop = SchedulerLoop(TaskiqScheduler(broker, [source]), clock=clock)
        serving = asyncio.create_task(loop.run())
        await asyncio.sleep(timedelta(seconds=25).total_seconds())
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await broker.wait_all()

    clock.run(main())

    assert ran == ["good"] * 3
    assert caplog.text.count("of task 'bad' in LabelScheduleSource is left out") == 1
    assert len(caplog.text) < 2_000

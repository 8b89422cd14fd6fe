"""Schedules that change while schedulers run, and what they say of tasks."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from taskiq_core import ScheduledTask, ScheduleSource
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import InMemoryScheduleSource, SchedulerLoop, TaskiqScheduler
from taskiq_testkit.clock import VirtualClock

START = datetime(2026, 1, 1, 12, 0, 20, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Stage:
    """A task that writes down when it runs, and a scheduler on a virtual clock."""

    def __init__(self, source: InMemoryScheduleSource | None = None) -> None:
        self.clock = VirtualClock(START)
        self.source = source or InMemoryScheduleSource(clock=self.clock.monotonic)
        self.broker = InMemoryBroker()
        self.ran: list[datetime] = []
        self.task = self.broker.task("t")(self.run)

    def run(self) -> None:
        self.ran.append(self.clock.now())

    def serve(self, steps: Any, *, length: timedelta = timedelta(seconds=30)) -> None:
        """Run a scheduler, and beside it what the steps do."""

        async def main() -> None:
            loop = SchedulerLoop(TaskiqScheduler(self.broker, [self.source]), clock=self.clock)
            serving = asyncio.create_task(loop.run(update_interval=timedelta(hours=1)))
            await asyncio.sleep(5)
            await steps()
            await asyncio.sleep(length.total_seconds())
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await self.broker.wait_all()

        self.clock.run(main())


def test_schedule_that_is_added_for_the_next_second_runs_in_it() -> None:
    stage = Stage()
    time = START + 6 * SECOND

    async def add() -> None:
        await stage.task.schedule_by_time(stage.source, time)

    stage.serve(add)

    assert [time <= ran <= time + SECOND for ran in stage.ran] == [True]


def test_changed_schedule_is_followed_within_a_second() -> None:
    stage = Stage()

    async def change() -> None:
        made = await stage.task.schedule_by_time(stage.source, START + timedelta(days=1))
        await asyncio.sleep(1)
        soon = made.task.model_copy(update={"time": START + 8 * SECOND})
        await stage.source.add_schedule(soon)

    stage.serve(change)

    assert [(ran - START) // SECOND for ran in stage.ran] == [8]


def test_removed_schedule_is_not_sent_a_second_later() -> None:
    stage = Stage()

    async def remove() -> None:
        made = await stage.task.schedule_by_time(stage.source, START + 8 * SECOND)
        await asyncio.sleep(1)
        await made.unschedule()

    stage.serve(remove)

    assert stage.ran == []


def test_interval_that_is_added_is_due_at_once() -> None:
    stage = Stage()

    async def add() -> None:
        await stage.task.schedule_by_interval(stage.source, 3600)

    stage.serve(add)

    assert [(ran - START) // SECOND for ran in stage.ran] == [5]


def test_many_changes_are_few_looks() -> None:
    looks: list[float] = []

    class Counts(InMemoryScheduleSource):
        async def get_schedules(self) -> list[ScheduledTask]:
            looks.append(stage.clock.monotonic())
            return await super().get_schedules()

    stage = Stage(Counts())

    async def add() -> None:
        for _ in range(1000):
            await stage.task.schedule_by_time(stage.source, START + timedelta(days=1))
            await asyncio.sleep(0.001)

    stage.serve(add)

    assert 3 <= len(looks) <= 15


def test_source_that_cannot_say_when_it_changes_is_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class FailsTwice(InMemoryScheduleSource):
        left = 2

        async def changes(self) -> AsyncGenerator[None, None]:
            if self.left:
                self.left -= 1
                raise ConnectionError("store is down")
            async for each in super().changes():
                yield each

    stage = Stage(FailsTwice())

    async def add() -> None:
        await asyncio.sleep(10)
        await stage.task.schedule_by_time(stage.source, START + 16 * SECOND)

    stage.serve(add)

    assert len(stage.ran) == 1
    assert caplog.text.count("FailsTwice can't say when its schedules change") == 2


async def test_schedule_that_another_thread_adds_is_noticed() -> None:
    source = InMemoryScheduleSource()
    changes = source.changes()
    await anext(changes)
    schedule = ScheduledTask(task_name="t", labels={}, args=[], kwargs={}, interval=1)

    thread = threading.Thread(target=lambda: asyncio.run(source.add_schedule(schedule)))
    thread.start()

    async with asyncio.timeout(30):
        await anext(changes)
    thread.join()
    await changes.aclose()


async def test_source_of_a_third_party_says_nothing_of_changes() -> None:
    class Fixed(ScheduleSource):
        async def get_schedules(self) -> list[ScheduledTask]:
            return []

    assert [each async for each in Fixed().changes()] == []


def test_unknown_task_is_sent_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The workers may import more than the scheduler."""
    stage = Stage()
    sent: list[str] = []

    async def send(message: Any) -> None:
        sent.append(message.task_name)

    stage.broker.send = send  # type: ignore[method-assign]

    async def add() -> None:
        for number in range(2):
            await stage.source.add_schedule(
                ScheduledTask(
                    task_name="elsewhere",
                    labels={},
                    args=[],
                    kwargs={},
                    schedule_id=str(number),
                    interval=10,
                )
            )

    stage.serve(add)

    assert len(sent) > 2
    assert {*sent} == {"elsewhere"}
    assert caplog.text.count("the broker has no such task here") == 1

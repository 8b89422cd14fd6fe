"""A scheduler's process: order of start and end, what task modules see, its options."""

import asyncio
import logging
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from taskiq_core import ScheduledTask, ScheduleSource
from taskiq_core.messages.scheduled_task import MissedTicks
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import InMemoryScheduleSource, TaskiqScheduler, run_scheduler_task
from taskiq_scheduler.arguments import SchedulerArgs
from taskiq_scheduler.compat.run import send_with_timeout
from taskiq_scheduler.lifecycle import start, stop
from taskiq_scheduler.process import run_scheduler

SCHEDULE = ScheduledTask(task_name="t", labels={}, args=[], kwargs={}, interval=60)


class Source(ScheduleSource):
    """Writes down its start and its end."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name = name
        self.calls = calls

    async def startup(self) -> None:
        await asyncio.sleep(0.01 if self.name == "first" else 0)
        self.calls.append(f"{self.name} starts")

    async def shutdown(self) -> None:
        self.calls.append(f"{self.name} stops")

    async def get_schedules(self) -> list[ScheduledTask]:
        return []


class Broker(InMemoryBroker):
    def __init__(self, calls: list[str], *, fails: bool = False) -> None:
        super().__init__()
        self.calls = calls
        self.fails = fails

    async def startup(self) -> None:
        self.calls.append("broker starts")
        if self.fails:
            raise ConnectionError("no server")

    async def shutdown(self) -> None:
        self.calls.append("broker stops")
        if self.fails:
            raise ConnectionError("no server")


def scheduler_of(calls: list[str], *, fails: bool = False) -> TaskiqScheduler:
    sources = [Source("first", calls), Source("second", calls)]
    return TaskiqScheduler(Broker(calls, fails=fails), sources)


async def test_sources_start_in_their_order_then_the_broker_and_the_broker_stops_first() -> None:
    calls: list[str] = []
    scheduler = scheduler_of(calls)

    assert await start(scheduler) == []
    await stop(scheduler)

    assert calls == [
        *("first starts", "second starts", "broker starts"),
        *("broker stops", "first stops", "second stops"),
    ]


async def test_broker_that_cannot_start_ends_the_scheduler_and_stops_the_sources() -> None:
    calls: list[str] = []

    with pytest.raises(ConnectionError, match="no server"):
        await run_scheduler(
            SchedulerArgs(scheduler_of(calls, fails=True), [], configure_logging=False)
        )

    assert calls[-2:] == ["second stops", "first stops"]


async def test_sources_stop_though_the_broker_fails_to() -> None:
    calls: list[str] = []
    scheduler = scheduler_of(calls)
    await start(scheduler)
    scheduler.broker.fails = True  # type: ignore[attr-defined]

    with pytest.raises(ConnectionError):
        await stop(scheduler)

    assert calls[-2:] == ["first stops", "second stops"]


async def test_scheduler_of_a_program_starts_in_the_same_order() -> None:
    calls: list[str] = []
    scheduler = scheduler_of(calls)
    serving = asyncio.create_task(run_scheduler_task(scheduler, run_startup=True))

    async with asyncio.timeout(30):
        while len(calls) < 3:  # noqa: ASYNC110  # has no event
            await asyncio.sleep(0.01)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)

    assert calls == ["first starts", "second starts", "broker starts"]


APP = """
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import LabelScheduleSource, TaskiqScheduler

broker = InMemoryBroker()
scheduler = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
"""
TASKS = """
from app import broker

print("imported by a scheduler:", broker.is_scheduler_process, flush=True)

@broker.task("tick", schedule=[{"interval": 86400}, {"cron": "* * * * *", "args": ["cron"]}])
async def tick(name: str = "interval") -> None:
    print("tick", name, flush=True)
"""


def test_task_modules_see_that_a_scheduler_imports_them_and_what_runs_is_due_at_once(
    tmp_path: Path,
) -> None:
    """The tick of the running day, and the one of the running minute; 0 seconds count as one."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "tasks.py").write_text(TASKS)
    command = [sys.executable, "-m", "taskiq_cli", "scheduler", "app:scheduler", "tasks"]
    options = ["--update-interval", "0", "--loop-interval", "0"]
    lines: list[str] = []

    with subprocess.Popen(
        [*command, *options], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if {"tick interval", "tick cron"} <= set(lines):
                process.terminate()

    assert process.returncode == 0
    assert lines[0] == "imported by a scheduler: True"


@pytest.mark.parametrize(("number", "seconds"), [(None, None), (0, 1), (1, 1), (5, 5)])
async def test_intervals_of_zero_are_one_second(
    number: int | None, seconds: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    async def run(self: object, **options: Any) -> None:
        given.update(options)

    monkeypatch.setattr("taskiq_scheduler.loop.SchedulerLoop.run", run)
    scheduler = TaskiqScheduler(InMemoryBroker(), [])
    args = SchedulerArgs(scheduler, [], update_interval=number, loop_interval=number)
    args.configure_logging = False

    await run_scheduler(args)

    for name in ("update_interval", "loop_interval"):
        found = given[name]
        assert (None if found is None else found.total_seconds()) == seconds


async def test_send_with_timeout_logs_and_returns(caplog: pytest.LogCaptureFixture) -> None:
    class Hangs(InMemoryScheduleSource):
        async def pre_send(self, task: ScheduledTask) -> None:
            await asyncio.Event().wait()

    class TimesOut(InMemoryScheduleSource):
        async def pre_send(self, task: ScheduledTask) -> None:
            raise TimeoutError("of its own")

    scheduler = TaskiqScheduler(InMemoryBroker(), [])
    with caplog.at_level(logging.WARNING):
        await send_with_timeout(scheduler, Hangs(), SCHEDULE, 0.01)

    assert "was not sent within 0.01 s" in caplog.text
    with pytest.raises(TimeoutError, match="of its own"):
        await send_with_timeout(scheduler, TimesOut(), SCHEDULE, 10)


def test_a_schedule_is_dumped_in_plain_values() -> None:
    """So that a program without our classes unpickles what a source of this one stored."""
    dumped = SCHEDULE.model_copy(update={"missed": MissedTicks.ALL}).model_dump()

    assert type(dumped["missed"]) is str
    assert b"taskiq" not in pickle.dumps(dumped).replace(b"task_name", b"")

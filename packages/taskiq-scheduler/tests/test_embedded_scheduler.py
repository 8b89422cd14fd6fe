"""`taskiq worker --with-scheduler`: the schedulers of all worker processes fire each tick once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from taskiq_core import ScheduledTask, ScheduleSource
from taskiq_inmemory import InMemoryBroker
from taskiq_scheduler import InMemoryScheduleSource, LabelScheduleSource, TaskiqScheduler
from taskiq_scheduler.embedded_scheduler import EmbeddedScheduler
from taskiq_scheduler.tick_ids import tick_id
from taskiq_scheduler.ticks import latest_ticks
from taskiq_sqlite import SQLiteScheduleSource

PATIENCE = 30.0
INTERVAL = timedelta(milliseconds=200)
APP = """
import os

from taskiq_core import ScheduledTask
from taskiq_core.client.context import Context
from taskiq_dependencies import Depends
from taskiq_scheduler import TaskiqScheduler
from taskiq_sqlite import SQLiteBroker, SQLiteScheduleSource

broker = SQLiteBroker("tasks.db", lease=1.0)
source = SQLiteScheduleSource("tasks.db", claim_lease=1.0)
scheduler = TaskiqScheduler(broker, [source])
RUNS = os.open("runs.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@broker.task(task_name="tick")
async def tick(context: Context = Depends()) -> None:
    os.write(RUNS, f"{context.message.task_id} {os.getpid()}\\n".encode())
"""
SCHEDULE = ScheduledTask(
    task_name="tick",
    labels={},
    args=[],
    kwargs={},
    schedule_id="every 200 ms",
    interval=INTERVAL,
    missed="all",
)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


async def add_schedule(path: Path) -> None:
    source = SQLiteScheduleSource(path)
    await source.add_schedule(SCHEDULE)
    await source.shutdown()


@pytest.fixture
def worker(app: Path) -> Iterator[subprocess.Popen[bytes]]:
    asyncio.run(add_schedule(app / "tasks.db"))
    command = [sys.executable, "-m", "taskiq_cli", "worker", "app:broker", "--workers", "2"]
    process = subprocess.Popen([*command, "--with-scheduler", "app:scheduler"], cwd=app)
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=PATIENCE) == 0


def runs(app: Path) -> list[tuple[str, int]]:
    log = app / "runs.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(task_id, int(worker)) for task_id, worker in map(str.split, lines)]


async def until_there_are(app: Path, count: int) -> list[tuple[str, int]]:
    async with asyncio.timeout(PATIENCE):
        while len(found := runs(app)) < count:  # noqa: ASYNC110  # a file of other processes
            await asyncio.sleep(0.05)
    return found


@pytest.mark.usefixtures("worker")
async def test_each_tick_is_run_once_though_a_worker_is_killed(app: Path) -> None:
    before = await until_there_are(app, 5)

    os.kill(before[-1][1], signal.SIGKILL)
    started = datetime.now(UTC)

    await until_there_are(app, len(runs(app)) + 15)
    sent = Counter(task_id for task_id, _ in runs(app))
    ticks = latest_ticks(SCHEDULE, started, datetime.now(UTC) - timedelta(seconds=1.5), 1000)
    assert ticks
    assert {sent[tick_id(SCHEDULE, tick)] for tick in ticks} == {1}


def test_a_scheduler_that_is_none_is_refused(app: Path) -> None:
    command = [sys.executable, "-m", "taskiq_cli", "worker", "app:broker", "--workers", "1"]

    ended = subprocess.run(
        [*command, "--with-scheduler", "app:broker"],
        cwd=app,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert ended.returncode != 0
    assert "app:broker" in ended.stderr + ended.stdout
    assert "TaskiqScheduler" in ended.stderr + ended.stdout


async def test_what_cannot_be_claimed_is_served_by_the_first_worker_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = InMemoryBroker()
    ran = asyncio.Event()

    @broker.task(task_name="once", schedule=[{"interval": INTERVAL}])
    async def once() -> None:
        ran.set()

    finish = asyncio.Event()
    other = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
    with caplog.at_level("INFO"):
        await EmbeddedScheduler(other, is_first_worker=False).serve(broker, finish=finish)
    assert "the first worker process serves them" in caplog.text
    assert not ran.is_set()

    first = TaskiqScheduler(broker, [LabelScheduleSource(broker)])
    service = EmbeddedScheduler(first, is_first_worker=True)
    serving = asyncio.create_task(service.serve(broker, finish=finish))

    async with asyncio.timeout(PATIENCE):
        await ran.wait()
        finish.set()
        await serving
    await broker.shutdown()


async def test_a_worker_that_leaves_stops_its_scheduler() -> None:
    stopped: list[ScheduleSource] = []

    class Source(InMemoryScheduleSource):
        async def shutdown(self) -> None:
            stopped.append(self)

    broker = InMemoryBroker()
    source = Source()
    finish = asyncio.Event()
    finish.set()

    async with asyncio.timeout(PATIENCE):
        scheduler = TaskiqScheduler(broker, [source])
        await EmbeddedScheduler(scheduler, is_first_worker=True).serve(broker, finish=finish)

    assert stopped == [source]
    await broker.shutdown()

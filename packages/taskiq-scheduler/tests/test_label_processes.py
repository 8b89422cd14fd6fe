"""Schedulers of one label, killed and started again at random: a worker runs each tick once."""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from taskiq_core import Context, ScheduledTask, TaskiqDepends
from taskiq_core.broker import AsyncBroker
from taskiq_core.plugins import broker_from_url
from taskiq_core.receiver import Receiver
from taskiq_scheduler.tick_ids import tick_id
from taskiq_scheduler.ticks import latest_ticks
from taskiq_testservers.redis_server import RedisServer

SCRIPT = Path(__file__).with_name("label_scheduler_process.py")
KILLS = 4
PATIENCE = 90.0
LABEL = ScheduledTask(
    task_name="tick",
    labels={},
    args=[],
    kwargs={},
    schedule_id="label",
    interval=timedelta(seconds=0.25),
)


@pytest.fixture(params=["sqlite", "redis"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/tasks.db"
        return
    async with RedisServer(tmp_path / "redis") as server:
        yield server.url


@pytest.mark.timeout(300)  # a busy machine takes its time to start nine processes
@pytest.mark.parametrize("count", [2, 5])
async def test_each_tick_of_a_label_runs_once(url: str, count: int) -> None:
    broker = broker_from_url(url)
    chance = random.Random(count)

    async with working(broker) as runs:
        schedulers = [start(url) for _ in range(count)]
        try:
            await runs.until_any(set())
            started = datetime.now(UTC)
            for _ in range(KILLS):
                await runs.until_any({*runs.counts})
                await asyncio.sleep(chance.uniform(0, 0.5))
                kill(schedulers.pop(chance.randrange(count)))
                schedulers.append(start(url))
            await runs.until_any({*runs.counts})
            ended = datetime.now(UTC)
            ticks = [tick_id(LABEL, tick) for tick in latest_ticks(LABEL, started, ended, 1_000)]
            await runs.until_all(ticks)
        finally:
            for each in schedulers:
                stop(each)
        assert set(runs.counts.values()) == {1}
    assert len(ticks) > KILLS


class Runs:
    """The runs of a worker, by task id."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def add(self, task_id: str) -> None:
        self.counts[task_id] += 1
        self._changed.set()

    async def until_any(self, known: set[str]) -> None:
        """Wait for a run of a task that is not known."""
        async with asyncio.timeout(PATIENCE):
            while not self.counts.keys() - known:
                self._changed.clear()
                await self._changed.wait()

    async def until_all(self, task_ids: list[str]) -> None:
        """Wait until each task has run."""
        while {*task_ids} - self.counts.keys():
            await self.until_any({*self.counts})


@asynccontextmanager
async def working(broker: AsyncBroker) -> AsyncIterator[Runs]:
    """A worker in this process."""
    runs = Runs()
    broker.is_worker_process = True

    @broker.task("tick")
    async def tick(context: Context = TaskiqDepends()) -> None:
        runs.add(context.message.task_id)

    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(broker, max_async_tasks=4).listen(finish))
    try:
        yield runs
    finally:
        finish.set()
        await listening
        await broker.shutdown()


def start(url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SCRIPT), url])


def kill(scheduler: subprocess.Popen[bytes]) -> None:
    assert scheduler.poll() is None, "no scheduler ends by itself"
    scheduler.kill()
    scheduler.wait()


def stop(scheduler: subprocess.Popen[bytes]) -> None:
    scheduler.terminate()
    try:
        scheduler.wait(timeout=PATIENCE)
    finally:
        scheduler.kill()

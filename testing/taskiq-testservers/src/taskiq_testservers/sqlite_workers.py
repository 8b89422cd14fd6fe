"""Workers of the tests: a stream that a test reads by hand, and real processes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.messages.slots import Slots
from taskiq_sqlite import SQLiteBroker, SQLiteResultBackend, SQLiteScheduleSource

SCRIPT = Path(__file__).parent / "sqlite_worker_process.py"
TICK = datetime(2030, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PATIENCE = 30.0
"""Seconds that a test waits for what must come."""
SHORT = 0.05
"""A lease for tests in which it has to run out, in seconds."""


def message(task_id: str = "id", body: bytes = b"body", **labels: Any) -> BrokerMessage:
    return BrokerMessage(task_id=task_id, task_name="task", message=body, labels=labels)


class Inbox:
    """The deliveries of one broker, taken one by one."""

    def __init__(self, broker: SQLiteBroker, slots: int) -> None:
        self.slots = Slots(slots)
        self._stream = broker.deliveries(self.slots)

    async def next(self) -> Delivery:
        async with asyncio.timeout(PATIENCE):
            delivery = await anext(self._stream)
        self.slots.take()
        return delivery

    async def take(self, count: int) -> list[Delivery]:
        return [await self.next() for _ in range(count)]

    async def close(self) -> None:
        await self._stream.aclose()


class WorkerProcess:
    """A process that runs `sqlite_worker_process.py`."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


SpawnWorker = Callable[..., WorkerProcess]


def spawn_process(path: Path, **options: str) -> WorkerProcess:
    environment = {**os.environ, "DATABASE": str(path), **options}
    return WorkerProcess(subprocess.Popen([sys.executable, str(SCRIPT)], env=environment))


async def reclaimed(broker: SQLiteBroker) -> int:
    """Reclaim until the lease of a delivery has run out, and return the number of deliveries."""
    async with asyncio.timeout(PATIENCE):
        while not (count := await broker.reclaim()):  # noqa: ASYNC110  # as a worker's timer does
            await asyncio.sleep(SHORT / 5)
    return count


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does, and can't tell us."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# What the tests run in other processes stands here: those can import this module by its name.


def store_elsewhere(path: Path) -> None:
    """Store the result of the task "a"."""

    async def store() -> None:
        backend: SQLiteResultBackend[Any] = SQLiteResultBackend(path)
        result: TaskiqResult[Any] = TaskiqResult(
            is_err=False, return_value="from elsewhere", execution_time=0.1
        )
        await backend.set_result("a", result)
        await backend.shutdown()

    asyncio.run(store())


def claim_all(path: Path) -> list[int]:
    """Claim what can be had of a hundred ticks; their numbers."""

    async def claim() -> list[int]:
        source = SQLiteScheduleSource(path)
        got = []
        for number in range(100):
            tick = TICK + number * MINUTE
            if await source.claim("a", tick):
                got.append(number)
                await source.confirm("a", tick)
        await source.shutdown()
        return got

    return asyncio.run(claim())


def add_schedule_elsewhere(path: Path) -> None:
    """Add a schedule with the id "elsewhere"."""

    async def add() -> None:
        source = SQLiteScheduleSource(path)
        await source.add_schedule(
            ScheduledTask(
                task_name="t", labels={}, args=[], kwargs={}, schedule_id="elsewhere", interval=60
            )
        )
        await source.shutdown()

    asyncio.run(add())

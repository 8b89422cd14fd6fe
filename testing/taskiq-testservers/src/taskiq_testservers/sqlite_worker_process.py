"""The worker of the tests with real processes: a Receiver, as the worker command runs it."""

import asyncio
import os
from pathlib import Path

from taskiq_dependencies import Depends

from taskiq_core.client.context import Context
from taskiq_core.messages.queue_selection import QueueSelection
from taskiq_sqlite import SQLiteBroker
from taskiq_testservers.worker_main import run

broker = SQLiteBroker(
    os.environ.get("DATABASE", "unused.db"),
    lease=float(os.environ.get("LEASE", "1.0")),
)


@broker.task(task_name="double")
async def double(value: int) -> int:
    await asyncio.sleep(0.002)
    return 2 * value


@broker.task(task_name="pid")
async def pid() -> int:
    await asyncio.sleep(0.01)
    return os.getpid()


@broker.task(task_name="record")
async def record(folder: str, value: int) -> None:
    """Leaves a trace of each run."""
    await asyncio.sleep(0.005)
    with (Path(folder) / str(value)).open("a") as trace:
        trace.write(f"{os.getpid()}\n")


@broker.task(task_name="hang_at_first")
async def hang_at_first(started: str, context: Context = Depends()) -> list[int]:
    """Never ends in the worker that gets it first."""
    if context.attempt == 1:
        Path(started).touch()
        await asyncio.Event().wait()
    return [context.attempt, os.getpid()]


if __name__ == "__main__":
    if "QUEUES" in os.environ:
        broker.queues = QueueSelection.parse(os.environ["QUEUES"])
    run(broker)

"""The worker of the tests with real processes: a Receiver, as the worker command runs it."""

import asyncio
import os
import time
from pathlib import Path

from taskiq_dependencies import Depends

from taskiq_core.client.context import Context
from taskiq_testservers.worker_main import run
from taskiq_zmq import Heartbeats, ZeroMQBroker

broker = ZeroMQBroker(
    zmq_sub_host=os.environ.get("ADDRESSES", "tcp://127.0.0.1:1").split(","),
    heartbeats=Heartbeats(interval=0.1, timeout=0.4),
    linger=0.0,
)


@broker.task(task_name="double")
async def double(value: int) -> int:
    await asyncio.sleep(0.002)
    return 2 * value


@broker.task(task_name="pid")
async def pid() -> int:
    await asyncio.sleep(0)
    return os.getpid()


@broker.task(task_name="hang_at_first")
async def hang_at_first(started: str, context: Context = Depends()) -> list[int]:
    """Never ends in the worker that gets it first."""
    if context.attempt == 1:
        Path(started).touch()
        await asyncio.Event().wait()
    return [context.attempt, os.getpid()]


@broker.task(task_name="block")
async def block(started: str, seconds: float, context: Context = Depends()) -> int:
    """Hold up the worker's event loop, as a plain computation does.

    Args:
        started: a file that it creates.
        seconds: for how long.
        context: of the task.

    Returns:
        Its attempt.
    """
    Path(started).touch()
    time.sleep(seconds)
    return context.attempt


@broker.task(task_name="twice_double")
async def twice_double(value: int) -> int:
    """A task that sends a task, and waits for it."""
    task = await double.kiq(value)
    result = await task.wait_result(timeout=20)
    return 2 * result.return_value


if __name__ == "__main__":
    run(broker)

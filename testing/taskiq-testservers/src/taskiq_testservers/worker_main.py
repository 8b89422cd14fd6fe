"""A worker as the worker command runs it: in this process, or beside a test in its event loop."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from taskiq_core import AsyncBroker
from taskiq_core.receiver import Receiver


@asynccontextmanager
async def listening(receiver: Receiver) -> AsyncGenerator[None, None]:
    """Run a worker until the block ends; its running tasks may finish."""
    finish = asyncio.Event()
    worker = asyncio.create_task(receiver.listen(finish))
    try:
        yield
    finally:
        finish.set()
        await worker


def run(broker: AsyncBroker) -> None:
    """Run a worker until SIGTERM.

    The environment may have `MAX_ASYNC_TASKS`, `WORKER_ID` and `UVLOOP`.
    """
    if os.environ.get("UVLOOP"):
        import uvloop

        uvloop.run(_run(broker))
    else:
        asyncio.run(_run(broker))


async def _run(broker: AsyncBroker) -> None:
    broker.is_worker_process = True
    broker.worker_id = os.environ.get("WORKER_ID", "")
    finish = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, finish.set)
    receiver = Receiver(broker, max_async_tasks=int(os.environ.get("MAX_ASYNC_TASKS", "10")))
    await receiver.listen(finish)
    await broker.shutdown()

"""Our broker on PostgreSQL, with results in the same database."""

import asyncio
import sys

from measures import Drain, measure
from taskiq_core.api import run_receiver_task
from taskiq_pgsql import PostgresBroker

drain = Drain()
broker = PostgresBroker.from_url(sys.argv[1])


@broker.task(task_name="noop")
async def noop() -> None:
    drain.done()


class Queue:
    """What is measured of it."""

    async def open(self) -> None:
        await broker.startup()

    async def send(self, count: int) -> None:
        for _ in range(count):
            await noop.kiq()

    async def send_many(self, count: int) -> None:
        for first in range(0, count, 1_000):
            size = min(1_000, count - first)
            await asyncio.gather(*(noop.kiq() for _ in range(size)))

    async def work(self) -> None:
        broker.is_worker_process = True
        await run_receiver_task(broker, max_async_tasks=100, max_prefetch=100)

    async def round_trip(self) -> None:
        task = await noop.kiq()
        await task.wait_result(timeout=10)


if __name__ == "__main__":
    asyncio.run(measure(Queue(), drain, sys.argv[2:]))

"""taskiq-postgres with taskiq 0.13, with results, with asyncpg."""

import asyncio
import sys

from taskiq_pg.asyncpg import AsyncpgBroker, AsyncpgResultBackend

from measures import Drain, measure
from taskiq.api import run_receiver_task

drain = Drain()
broker = AsyncpgBroker(sys.argv[1]).with_result_backend(AsyncpgResultBackend(sys.argv[1]))


@broker.task(task_name="noop")
async def noop() -> None:
    drain.done()


class Queue:
    """Its messages come by NOTIFY alone, so that the worker listens before they are sent."""

    async def open(self) -> None:
        broker.is_worker_process = sys.argv[2] in ("drain", "round_trip")
        await broker.startup()

    async def send(self, count: int) -> None:
        for _ in range(count):
            await noop.kiq()

    async def send_many(self, count: int) -> None:
        if sys.argv[2] == "drain":
            self.working = asyncio.create_task(self._work())
            await asyncio.sleep(1)
        for first in range(0, count, 1_000):
            size = min(1_000, count - first)
            await asyncio.gather(*(noop.kiq() for _ in range(size)))

    async def _work(self) -> None:
        await run_receiver_task(broker, max_async_tasks=100, max_prefetch=100)

    async def work(self) -> None:
        if sys.argv[2] == "drain":
            await self.working
        else:
            await self._work()

    async def round_trip(self) -> None:
        task = await noop.kiq()
        await task.wait_result(timeout=10, check_interval=0.001)


if __name__ == "__main__":
    asyncio.run(measure(Queue(), drain, sys.argv[2:]))

"""pgqueuer, with asyncpg; it stores no results."""

import asyncio
import sys

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from measures import Drain, measure

drain = Drain()


class Queue:
    async def open(self) -> None:
        self.connection = await asyncpg.connect(sys.argv[1])
        self.queries = Queries(AsyncpgDriver(self.connection))
        await self.queries.install()

    async def send(self, count: int) -> None:
        for _ in range(count):
            await self.queries.enqueue(["noop"], [None], [0])

    async def send_many(self, count: int) -> None:
        for first in range(0, count, 1_000):
            size = min(1_000, count - first)
            await self.queries.enqueue(["noop"] * size, [None] * size, [0] * size)

    async def work(self) -> None:
        connection = await asyncpg.connect(sys.argv[1])
        queue = PgQueuer(AsyncpgDriver(connection))

        @queue.entrypoint("noop")
        async def noop(job: Job) -> None:  # noqa: ARG001  # pgqueuer passes it
            drain.done()

        await queue.run(batch_size=100)

    async def round_trip(self) -> None:
        drain.ran.clear()
        await self.send(1)
        await drain.ran.wait()


if __name__ == "__main__":
    asyncio.run(measure(Queue(), drain, sys.argv[2:]))

"""procrastinate, with psycopg; it stores no results."""

import asyncio
import sys

import procrastinate

from measures import Drain, measure

drain = Drain()
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=sys.argv[1]))


@app.task(name="noop")
async def noop() -> None:
    drain.done()


class Queue:
    async def open(self) -> None:
        await app.open_async()
        await app.schema_manager.apply_schema_async()

    async def send(self, count: int) -> None:
        for _ in range(count):
            await noop.defer_async()

    async def send_many(self, count: int) -> None:
        for first in range(0, count, 1_000):
            size = min(1_000, count - first)
            await noop.batch_defer_async(*({} for _ in range(size)))

    async def work(self) -> None:
        await app.run_worker_async(
            concurrency=100, install_signal_handlers=False, delete_jobs="always"
        )

    async def round_trip(self) -> None:
        drain.ran.clear()
        await noop.defer_async()
        await drain.ran.wait()


if __name__ == "__main__":
    asyncio.run(measure(Queue(), drain, sys.argv[2:]))

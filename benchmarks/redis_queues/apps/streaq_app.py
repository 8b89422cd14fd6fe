"""streaq: streams with a consumer group; results are pushed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import tally
from streaq import Worker
from streaq.task import Task

worker = Worker(
    redis_url=tally.URL,
    concurrency=tally.CONCURRENCY if tally.CONCURRENCY > 100 else 32,  # faster than with 100
    anyio_kwargs={"use_uvloop": True},
)
TTL = 300 if tally.KEEPS_RESULTS else 0


@worker.task(ttl=TTL, silent=True)
async def work(number: int, text: str) -> int:
    return tally.work(number)


@worker.task(ttl=TTL, silent=True)
async def nap() -> None:
    await tally.nap()


@asynccontextmanager
async def connected() -> AsyncIterator[None]:
    async with worker:
        yield


async def send(number: int) -> Task:
    return await work.enqueue(number, tally.TEXT)


async def send_many(name: str, count: int) -> None:
    for first in range(0, count, 1000):
        numbers = range(first, min(first + 1000, count))
        await worker.enqueue_many(
            [nap.enqueue() if name == "nap" else work.enqueue(n, tally.TEXT) for n in numbers]
        )


async def result_of(task: Task) -> int:
    return (await task.result(10)).result
